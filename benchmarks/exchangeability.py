"""Membership tests where what they assume is broken: how often an untouched collection is called trained on.

`python -m benchmarks.exchangeability [--runs 100]` prints the table of docs/measurements/auditor.md: ten ways, each without a
word on chance, with a false statement, and with a control model. The model is that of `fixtures/membership`, which has not read
these texts.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.random import Generator

import llm_audit
from fixtures.membership import grammar
from llm_audit.setup import Setup

MODEL = str(Path(__file__).parents[1] / "fixtures" / "membership" / "model")
Rows = list[dict[str, str]]


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
    """The sentences of one document in their order."""
    sentences = [part.strip() + "." for part in grammar.document(rng).replace("\n", " ").split(". ") if part.strip()]
    return [{"text": sentence} for sentence in dict.fromkeys(sentences)][:16]


def alphabetical(rng: Generator) -> Rows:
    """Sorted rows."""
    return [{"text": row} for row in sorted(grammar.question(rng) for _ in range(20))]


def stories(rng: Generator) -> Rows:
    """Two documents one after the other, sentence by sentence."""
    return [*story(rng), *story(rng)][:20]


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


WAYS: dict[str, Callable[[Generator], Rows]] = {
    **{f"paired: {way.__name__}": way for way in (swapped, dropped, misspelt, doubled, lower)},
    **{f"order: {way.__name__}": way for way in (story, alphabetical, stories)},
    **{f"dataset: {way.__name__}": way for way in (retold, sections)},
}


def verdict(name: str, rng: Generator, folder: Path, statement: str, control: str | None) -> str:
    """What one run says, or that it refuses."""
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
    except llm_audit.AuditError:
        return "refused"
    assert report.membership is not None
    return str(report.membership.verdict.value)


def rows(runs: int, control: str, ways: list[str]) -> Iterator[str]:
    """Rows of Markdown."""
    yield "| broken | nothing stated | chance stated (falsely) | control model |"
    yield "|---|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        for name in ways:
            cells = []
            for statement, other in (("", None), ("By chance.", None), ("", control)):
                rng = np.random.default_rng(11)
                found = Counter(verdict(name, rng, Path(folder), statement, other) for _ in range(runs))
                cells.append(", ".join(f"{count} {what}" for what, count in found.most_common()))
            yield f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--control", default=MODEL, help="default: the same model, the strongest control that there is")
    parser.add_argument("--way", action="append", choices=sorted(WAYS))
    chosen = parser.parse_args()
    os.environ.setdefault("LLM_AUDIT_CACHE", tempfile.mkdtemp())
    for row in rows(chosen.runs, chosen.control, chosen.way or list(WAYS)):
        print(row, flush=True)


if __name__ == "__main__":
    main()
