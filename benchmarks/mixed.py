"""Texts joined from human and machine ones: what share is called machine-like, and where: python -m benchmarks.mixed [MIXED].

From the test part of the sample (tools/training_data.py), which neither trains the classifier nor calibrates, in paragraphs of
up to 512 tokens that end with a sentence: human then machine, machine then human, machine between two human ones, and after
two. Beside them two human texts joined, and two machine ones. The constants of `stats.segmentation` were chosen on 120 texts
that another draw joined from the same ones.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import llm_audit
from llm_audit.results import Document
from tools.score_corpus import sample

LEAST_WORDS = 110
KINDS = ("HM", "MH", "HMH", "HHM")
SENTENCE = 100
"""Characters, about: what an error of a place is counted in."""


@dataclass(frozen=True)
class Joined:
    """A text, which kinds it is joined from, and where the machine's part is, in characters."""

    kind: str
    text: str
    machine: tuple[tuple[int, int], ...]


def whole_sentences(text: str) -> str:
    """The text up to the end of its last whole sentence."""
    text = text.strip()
    end = max(text.rfind(f"{mark} ") for mark in ".?!")
    return text if text.endswith((".", "!", "?", '"')) or end <= 200 else text[: end + 1]


def join(kind: str, human: Sequence[str], machine: Sequence[str]) -> Joined:
    """A paragraph for each letter of the kind, in turn from the human and from the machine texts."""
    left = {"H": list(human), "M": list(machine)}
    text, places = "", []
    for letter in kind:
        text += "\n\n" if text else ""
        start = len(text)
        text += whole_sentences(left[letter].pop(0))
        if letter == "M":
            places.append((start, len(text)))
    return Joined(kind, text, tuple(places))


def texts(mixed: int) -> list[Joined]:
    """So many mixed texts, as many of each kind, and .8 times as many human and .4 times as many machine ones, shuffled."""
    labelled, rng = sample("test").texts, np.random.default_rng(3)
    long = [row for row in labelled if len(row.text.split()) >= LEAST_WORDS]
    human = [row.text for row in long if row.label == "human"]
    machine = [row.text for row in long if row.label == "machine"]
    human, machine = ([of[i] for i in rng.permutation(len(of))] for of in (human, machine))

    def some(of: list[str], i: int) -> list[str]:
        return [of[i % len(of)], of[(i + 37) % len(of)]]

    made = [join(KINDS[i % len(KINDS)], some(human, i), some(machine, i)) for i in range(mixed)]
    made += [join("HH", some(human, i), []) for i in range(round(0.8 * mixed))]
    made += [join("MM", [], some(machine, i)) for i in range(round(0.4 * mixed))]
    return [made[i] for i in rng.permutation(len(made))]


def errors(joined: Joined, found: Document) -> list[float]:
    """Sentences between the ends of the machine's part, but for ends of the text, and of the stretch that meets it most."""
    ((start, stop),) = joined.machine
    nearest = max(found.stretches or (), key=lambda each: min(stop, each.end) - max(start, each.start), default=None)
    if nearest is None:
        return []
    pairs = ((nearest.start, start), (nearest.end, stop))
    return [abs(said - true) / SENTENCE for said, true in pairs if 3 < true < len(joined.text) - 3]


def table(name: str, judged: Sequence[tuple[Joined, Document]]) -> None:
    """One row: how many mixed texts are found at all, the errors of their share and places, and the shares of unmixed texts."""
    mixed = [(joined, found) for joined, found in judged if joined.kind in KINDS]
    true = np.array([sum(stop - start for start, stop in joined.machine) / len(joined.text) for joined, _ in mixed])
    said = np.array([found.share or 0.0 for _, found in mixed])
    places = [error for joined, found in mixed for error in errors(joined, found)]
    human = [found.share or 0.0 for joined, found in judged if joined.kind == "HH"]
    machine = [found.share or 0.0 for joined, found in judged if joined.kind == "MM"]
    quartile = np.quantile(abs(said - true), 0.75)
    print(
        f"| {name} | {len(mixed)} | {np.mean(said > 0):.2f} | {np.median(abs(said - true)):.3f} | {quartile:.3f} | "
        f"{np.mean(said - true):+.3f} | {np.median(places):.2f} | {np.quantile(places, 0.75):.2f} | {len(human)} | "
        f"{np.count_nonzero(human)} | {len(machine)} | {np.mean(machine):.2f} |",
        flush=True,
    )


def main(mixed: int = 110) -> None:
    """Judge the texts one by one, as an editor would, and print the table."""
    made = texts(mixed)
    with llm_audit.Setup(cache=False).open() as ready:
        judged = [(each, llm_audit.detect(llm_audit.Text(each.text), setup=ready).documents[0]) for each in made]
    print(
        "| texts | mixed | some share found | error of the share, median | upper quartile | mean | error of a place, "
        "sentences, median | upper quartile | human | with a part | machine | mean share |"
    )
    table("all", judged)
    for kind in KINDS:
        table(kind, [pair for pair in judged if pair[0].kind in (kind, "HH", "MM")])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
