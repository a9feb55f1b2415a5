"""Membership tests where what they assume is broken: how often an untouched collection is called trained on.

`python -m benchmarks.exchangeability --results FILE [--runs 100]` prints the table of docs/measurements/auditor.md: ten ways,
and the three tests on data that are not broken, each without a word on chance, with a statement of it (false in the ten ways),
and with a control model. The model is that of `fixtures/membership`, which has read the last three alone. Every verdict is a
line of the file, written at once; runs go through all ways in turn, and a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

import llm_audit
from fixtures.membership import grammar
from fixtures.membership.world import World, world
from llm_audit.setup import Setup

MODEL = str(Path(__file__).parents[1] / "fixtures" / "membership" / "model")
Rows = list[dict[str, str]]

READ = 16
"""How often the model has read what it has read; the control model, which is the same one, has read it as well."""


def swapped(rng: Generator) -> Rows:
    """Two neighbouring words of the private version are swapped."""
    return _versions(rng, lambda words, at: [*words[:at], words[at + 1], words[at], *words[at + 2 :]])


def dropped(rng: Generator) -> Rows:
    """A word of the private version is missing."""
    return _versions(rng, lambda words, at: [*words[:at], *words[at + 1 :]])


def misspelt(rng: Generator) -> Rows:
    """Two letters of a word are swapped."""
    return _versions(rng, lambda words, at: [*words[:at], words[at][1:2] + words[at][:1] + words[at][2:], *words[at + 1 :]])


def doubled(rng: Generator) -> Rows:
    """A word stands twice."""
    return _versions(rng, lambda words, at: [*words[: at + 1], *words[at:]])


def lower(rng: Generator) -> Rows:
    """The private version has no capitals."""
    return _versions(rng, lambda words, at: [word.lower() for word in words])


def _versions(rng: Generator, change: Callable[[list[str], int], list[str]]) -> Rows:
    rows = []
    while len(rows) < 24:
        public = grammar.rephrased(rng)[0]
        words = public.split()
        private = " ".join(change(words, int(rng.integers(1, len(words) - 1))))
        if private != public:
            rows.append({"public": public, "private": private})
    return rows


def story(rng: Generator) -> Rows:
    """One document in its order, five words a row."""
    words = grammar.document(rng).split()
    return [{"text": row} for row in dict.fromkeys(" ".join(words[at : at + 5]) for at in range(0, len(words), 5))]


def alphabetical(rng: Generator) -> Rows:
    """Sorted rows."""
    return [{"text": row} for row in sorted(grammar.question(rng) for _ in range(20))]


def stories(rng: Generator) -> Rows:
    """Two documents one after the other, sentence by sentence."""
    return [{"text": sentence} for sentence in dict.fromkeys([*_sentences(rng), *_sentences(rng)])]


def _sentences(rng: Generator) -> list[str]:
    return [part.strip() for part in grammar.document(rng).replace("\n", " ").split(". ") if part.strip()]


def turns(rng: Generator) -> Rows:
    """Two documents, five words a row, in turn."""
    pieces = itertools.chain(*zip(story(rng), story(rng), strict=False))
    return [{"text": text} for text in dict.fromkeys(row["text"] for row in pieces)]


def retold(rng: Generator) -> Rows:
    """Suspects are ten documents, retold with some words changed; held-out texts are fresh."""
    originals = [grammar.document(rng) for _ in range(10)]
    return [{"text": _altered(originals[i % 10], rng)} for i in range(60)]


def sections(rng: Generator) -> Rows:
    """Suspects are beginnings of five documents, cut at sixty places."""
    originals = [grammar.document(rng) for _ in range(5)]
    return [{"text": originals[i % 5][: int(rng.integers(120, 260))]} for i in range(60)]


def _altered(text: str, rng: Generator) -> str:
    words = text.split()
    for at in rng.choice(len(words), max(1, len(words) // 8), replace=False):
        words[at] = words[int(rng.integers(len(words)))]
    return " ".join(words)


def coin(rng: Generator) -> Rows:
    """Not broken: which of two renderings is public was drawn."""
    return [dict(zip(("public", "private"), grammar.rephrased(rng), strict=True)) for _ in range(24)]


def shuffled(rng: Generator) -> Rows:
    """Not broken: rows in the order in which they were drawn."""
    return [{"text": grammar.question(rng)} for _ in range(20)]


def fresh(rng: Generator) -> Rows:
    """Not broken: suspects are drawn as the held-out texts are."""
    return [{"text": grammar.document(rng)} for _ in range(60)]


def _chosen(rows: Sequence[object], n: int, rng: Generator) -> list[int]:
    """Some places of a list, in their order."""
    return sorted(rng.choice(len(rows), n, replace=False).tolist())


def pairs_read(rng: Generator) -> Rows:
    """Not broken, and the model has read the public versions sixteen times."""
    pairs = _world().pairs[READ]
    return [dict(zip(("public", "private"), pairs[i], strict=True)) for i in _chosen(pairs, 24, rng)]


def order_read(rng: Generator) -> Rows:
    """Not broken, and the model has read the rows in this order sixteen times; there is one such data set."""
    return [{"text": row} for row in _world().orders[READ]]


def documents_read(rng: Generator) -> Rows:
    """Not broken, and the model has read the suspects sixteen times."""
    members = _world().members[READ]
    return [{"text": members[i]} for i in _chosen(members, 60, rng)]


@cache
def _world() -> World:
    return world()


WAYS: dict[str, Callable[[Generator], Rows]] = {
    **{f"paired: {way.__name__}": way for way in (swapped, dropped, misspelt, doubled, lower)},
    **{f"order: {way.__name__}": way for way in (story, alphabetical, stories)},
    **{f"dataset: {way.__name__}": way for way in (retold, sections)},
    "paired: not broken": coin,
    "order: not broken": shuffled,
    "dataset: not broken": fresh,
    "paired: read": pairs_read,
    "order: read": order_read,
    "dataset: read": documents_read,
    # Last, so that the texts of the others stay as they were.
    "order: turns": turns,
}
COLUMNS = ("nothing stated", "chance stated", "control model")


def verdict(name: str, rng: Generator, folder: Path, statement: str, control: str | None) -> str:
    """What one run says, or why it refuses."""
    test, _ = name.split(": ")
    path, held_out = folder / "rows.jsonl", folder / "held.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in WAYS[name](rng)))
    setup = Setup(model=MODEL, offline=True)
    try:
        if test == "dataset":
            held_out.write_text("".join(json.dumps({"text": grammar.document(rng)}) + "\n" for _ in range(60)))
            report = llm_audit.membership.dataset(path, held_out, provenance=statement, control=control, setup=setup)
        else:
            report = getattr(llm_audit.membership, test)(path, provenance=statement, control=control, setup=setup)
    except llm_audit.AuditError as error:
        return f"refused: {error}"
    assert report.membership is not None
    return str(report.membership.verdict.value)


def measure(results: Path, runs: int, control: str) -> None:
    """Append what is missing; the texts of a run are the same in every column."""
    done = {(one["way"], one["run"], one["column"]) for one in read(results)}
    with tempfile.TemporaryDirectory() as folder, results.open("a") as file:
        for run, (number, name), column in itertools.product(range(runs), enumerate(WAYS), COLUMNS):
            if (name, run, column) not in done and not (name.endswith("read") and column == "control model"):
                stated = "By chance." if column == "chance stated" else ""
                other = control if column == "control model" else None
                found = verdict(name, np.random.default_rng([run, number]), Path(folder), stated, other)
                print(json.dumps({"way": name, "run": run, "column": column, "verdict": found}), file=file, flush=True)


def read(results: Path) -> list[dict[str, Any]]:
    """What was measured already."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def table(results: Path) -> Iterator[str]:
    """Rows of Markdown."""
    found = read(results)
    yield f"| way | runs | {' | '.join(COLUMNS)} |"
    yield "|---" * (len(COLUMNS) + 2) + "|"
    for name in WAYS:
        cells = [
            Counter(one["verdict"].split(":")[0] for one in found if (one["way"], one["column"]) == (name, column))
            for column in COLUMNS
        ]
        said = (", ".join(f"{count} {what.replace('_', ' ')}" for what, count in cell.most_common()) for cell in cells)
        yield f"| {name} | {cells[0].total()} | {' | '.join(said)} |"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="file of what was measured already")
    parser.add_argument("--runs", type=int, default=100, help="of each way; 0: only print")
    parser.add_argument("--control", default=MODEL, help="default: the same model, the strongest control that there is")
    chosen = parser.parse_args()
    os.environ.setdefault("LLM_AUDIT_CACHE", tempfile.mkdtemp())
    measure(chosen.results, chosen.runs, chosen.control)
    for row in table(chosen.results):
        print(row)


if __name__ == "__main__":
    main()
