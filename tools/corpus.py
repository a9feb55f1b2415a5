"""The labelled texts of `../shared/data`, de-duplicated; see the README there for what they are.

Not part of the package: benchmarks and the script that builds the default population read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_audit.stats.components import components as components_of
from llm_audit.text import beginning
from llm_audit.text.lines import open_lines

DATA = Path(os.environ.get("LLM_AUDIT_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def rows(*files: str) -> Iterator[dict[str, Any]]:
    """The raw rows of some files, in order."""
    for file in files:
        yield from map(json.loads, open_lines(DATA / f"{file}.jsonl.xz"))


ENGLISH = ("fastdetect", "glimpse", "imbd", "l2r", "outfox_valid")


@dataclass(frozen=True)
class Human:
    """One human text, in its longest version."""

    source: str
    domain: str
    pair: str
    text: str
    population: str


def components() -> Callable[[str], str]:
    """A function from a pair's name to the name of its connected component.

    A pair name can stand for several texts and a text for several pairs, so whatever is split is split over connected
    pairs: no pair and no human text then lies on two sides. Two rows are one text if their first 60 letters and digits agree.
    """
    root = components_of((f"pair {row['pair']}", f"text {beginning(row['text'])}") for row in _human_rows())
    return lambda pair: root(f"pair {pair}")


def _human_rows() -> list[dict[str, Any]]:
    return [row for row in rows(*ENGLISH) if row["label"] == "human" and row["language"] == "en"]


def humans() -> list[Human]:
    """The distinct English human texts, each in its longest version.

    The same article recurs across generators, files and truncations; counting it twice would claim a larger population
    than there is.
    """
    longest: dict[str, dict[str, Any]] = {}
    for row in _human_rows():
        best = longest.setdefault(beginning(row["text"]), row)
        if len(row["text"]) > len(best["text"]):
            longest[beginning(row["text"])] = row
    return [Human(row["source"], row["domain"], row["pair"], row["text"], row["population"]) for row in longest.values()]


def cut_pairs(file: str) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield (machine row, its text, its human counterpart's text), the shared prefix cut off both.

    The counterpart is the human row of the pair that really begins with the machine text's first `shared_prefix_chars`.
    """
    everything = list(rows(file))
    by_pair: dict[str, list[dict[str, Any]]] = {}
    for row in everything:
        if row["label"] == "human":
            by_pair.setdefault(row["pair"], []).append(row)
    for row in everything:
        if row["label"] != "machine":
            continue
        shared, text = row["shared_prefix_chars"], row["text"]
        for other in by_pair.get(row["pair"], []):
            if other["text"][:shared] == text[:shared]:
                yield row, text[shared:], other["text"][shared:]
                break
