"""Draw the labelled sample that the shipped classifier is trained and judged on, from `../shared/data`.

`python -m tools.training_data FOLDER` writes `train.jsonl`, `test.jsonl` and `calibration.jsonl`: one object a
line, as `llm-audit train` and `llm-audit bench` read them. No pair, and no text, lies in two of them. The texts stay
outside the repository. Of the second batch: `tools.second_batch`. Of the first:

Human texts: every distinct one, from its beginning. Of pairs whose machine text continues the human one (fastdetect,
glimpse), also the human continuation, prefix cut off both: else "begins in mid-sentence" would mean "machine".
Machine texts: of the train and test pairs only, balanced by domain and generator.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llm_audit.text import beginning
from tools import corpus, second_batch
from tools.score_corpus import LONGEST, clip

CHOSEN = Path(__file__).with_name("sample.txt")
"""Names (`name_of`) of the documents of the sample, one a line, a number behind those that are kept up to fewer tokens than
`LONGEST`. Drawn at random within each source, as many as the time to score them allowed."""

BASE_MODELS = ("davinci", "gpt2-xl", "gpt-j-6B", "gpt-neo-2.7B", "gpt-neox-20b", "opt-2.7b")
"""Models that were never taught to answer. Their samples betray themselves by unlikely words, answers by likely ones: a head
trained on both gets worse at the second (README). They are in the test file alone."""

LEAST_WORDS = 50
"""Shorter texts rarely have 64 tokens; they would use up their cell's places."""

CAPS = {
    "l2r": {"train": 16, "test": 10},
    "outfox": {"train": 100, "test": 50},
    "fastdetect": {"train": 40, "test": 25},
    "glimpse": {"train": 40, "test": 25},
    "fastdetect-open": {"train": 15, "test": 8},
    "imbd": {"train": 40, "test": 20},
    "imbd revised": {"train": 14, "test": 9},
}
"""Machine texts per (domain, generator), by source and part. Few stories: most of fastdetect's and glimpse's belong to one
connected component, which calibrates."""


LARGE = 200
"""Human texts from which on a component that calibrates is divided by text. The only such one is stories (WritingPrompts),
which hang together by the names of prompts; no machine text of theirs is used. The classifier would else see hardly any."""


def part(component: str) -> str:
    """Half of the components calibrate; of the others, two thirds train and one third tests."""
    digest = hashlib.sha256(component.encode()).digest()
    if digest[0] % 2 == 0:
        return "calibration"
    return "test" if digest[1] % 3 == 0 else "train"


def documents() -> Iterator[dict[str, Any]]:
    """Every document of the sample, not yet clipped."""
    component, humans = corpus.components(), corpus.humans()
    sizes = Counter(component(human.pair) for human in humans)
    for human in humans:
        pair = component(human.pair)
        row = _row("", "beginning", human.source, human.domain, "human", "", pair, human.text, human.population)
        if sizes[pair] > LARGE and row["part"] == "calibration":
            row |= {"pair": row["id"], "part": "train" if int(row["id"], 16) % 2 else "calibration"}
        yield row
    machine: list[dict[str, Any]] = []
    for file in corpus.ENGLISH:
        cut = list(corpus.cut_pairs(file)) if file in ("fastdetect", "glimpse") else None
        if cut is not None:
            for row, text, other in cut:
                pair = component(row["pair"])
                machine.append(row | {"text": text, "pair": pair, "other": other})
        else:
            machine += [row | {"pair": component(row["pair"])} for row in corpus.rows(file) if row["label"] != "human"]
    taken: Counter[tuple[str, ...]] = Counter()
    seen: set[str] = set()
    for row in sorted(machine, key=lambda row: hashlib.sha256(json.dumps([row["id"], row["generator"]]).encode()).digest()):
        revised = " revised" if row["label"] == "machine-revised" else ""
        cell = (row["source"] + revised, part(row["pair"]), row["domain"], row["generator"])
        if len(row["text"].split()) < LEAST_WORDS or taken[cell] >= CAPS[cell[0]].get(cell[1], 0):
            continue
        taken[cell] += 1
        kind = "continuation" if "other" in row else "beginning"
        yield _row(row["id"], kind, row["source"], row["domain"], row["label"], row["generator"], row["pair"], row["text"], "")
        if "other" in row and row["other"] not in seen:
            seen.add(row["other"])
            yield _row(row["id"] + "/human", kind, row["source"], row["domain"], "human", "", row["pair"], row["other"], "")


def _row(
    name: str, kind: str, source: str, domain: str, label: str, generator: str, pair: str, text: str, population: str
) -> dict[str, Any]:
    name = name or hashlib.sha256(text.encode()).hexdigest()[:16]
    return {
        "id": name, "kind": kind, "source": source, "domain": domain, "label": label, "generator": generator,
        "pair": pair, "population": population, "part": part(pair), "text": text,
    }  # fmt: skip


def sample() -> list[dict[str, Any]]:
    """The documents of `CHOSEN`, clipped, each text once.

    Raises:
        ValueError: the labelled texts lack some of them.
    """
    lines = [line.split() for line in CHOSEN.read_text(encoding="ascii").splitlines()]
    tokens = {name: int(rest[0]) if rest else LONGEST for name, *rest in lines}
    rows = [row for row in documents() if not (row["part"] == "train" and _test_only(row))]
    rows = [row for row in (*rows, *second_batch.documents()) if name_of(row) in tokens]
    if lost := tokens.keys() - {name_of(row) for row in rows}:
        raise ValueError(f"{len(lost)} documents of {CHOSEN.name} are not in {corpus.DATA}")
    kept: dict[str, dict[str, Any]] = {}
    for n in sorted(set(tokens.values())):
        own = [row for row in rows if tokens[name_of(row)] == n]
        kept |= zip(clip((row["text"] for row in own), n), own, strict=True)
    found: list[dict[str, Any]] = []
    taken: set[str] = set()
    for part_name in ("calibration", "train", "test"):
        # A text may begin like one of another pair: it then belongs to the part that comes first, for no part sees another's.
        fresh = {text: row for text, row in kept.items() if row["part"] == part_name and beginning(text) not in taken}
        found += [row | {"text": text} for text, row in fresh.items()]
        taken |= {beginning(text) for text in fresh}
    return found


def name_of(row: dict[str, Any]) -> str:
    """The name of a document in `CHOSEN`. It does not depend on how its text is read."""
    fields = [row[name] for name in ("source", "id", "kind", "generator", "label")]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:12]


def _test_only(row: dict[str, Any]) -> bool:
    return row["generator"] in BASE_MODELS or row["label"] == "machine-revised"


def write(folder: Path) -> None:
    """Write the three files and print what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = sample()
    for name in ("train", "test", "calibration"):
        mine = [row for row in rows if row["part"] == name]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in mine), encoding="utf-8")
        print(name, len(mine), Counter((row["source"], row["label"]) for row in mine))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
