"""A model trained on real English, and a collection of which it is known what the model has seen.

The model of `fixtures/membership` again, on human texts of `../shared/data` in place of an invented grammar: how far do the
numbers of the fixture hold for real prose? About six minutes on two cores. Then run
`llm-audit membership score --model FOLDER/model FOLDER/texts.jsonl`. Run: `python -m benchmarks.membership_real_texts`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.random import Generator

from fixtures.membership.train import make_tokenizer, save, train
from fixtures.membership.world import REPETITIONS, SEED
from llm_audit.common.paths import cache_root
from tools.corpus import Human, components, humans

WORDS = 60  # about 115 tokens
PER_LEVEL = 200
NON_MEMBERS = 1000


class Split(NamedTuple):
    """One text per connected component, split at random; `background` is everything else of other components."""

    members: dict[int, list[Human]]
    non_members: list[Human]
    background: list[str]

    def stream(self, generator: Generator) -> list[str]:
        """What is trained on, each text as often as it is seen, shuffled."""
        seen = [beginning(human) for count, humans in self.members.items() for human in humans * count]
        texts = self.background + seen
        return [texts[index] for index in generator.permutation(len(texts))]


def beginning(human: Human) -> str:
    """The first words, white space between them as it was."""
    return pieces(human)[0]


def pieces(human: Human) -> list[str]:
    """The text in stretches of so many words; a shorter rest is left out."""
    words = human.text.split(" ")
    return [" ".join(words[start : start + WORDS]).strip() for start in range(0, len(words) - WORDS + 1, WORDS)]


def split(generator: Generator) -> Split:
    """English prose of `WORDS` words or more; no two parts share a text or a pair."""
    component, groups = components(), dict[str, list[Human]]()
    for human in humans():
        if human.domain != "Code" and pieces(human):
            groups.setdefault(component(human.pair), []).append(human)
    names = sorted(groups)
    shuffled = [groups[names[index]] for index in generator.permutation(len(names))]
    tested = len(REPETITIONS) * PER_LEVEL + NON_MEMBERS
    first = [group[0] for group in shuffled[:tested]]
    return Split(
        {count: first[at * PER_LEVEL : (at + 1) * PER_LEVEL] for at, count in enumerate(REPETITIONS)},
        first[-NON_MEMBERS:],
        [piece for group in shuffled[tested:] for human in group for piece in pieces(human)],
    )


def write_collection(parts: Split, path: Path) -> None:
    """JSON lines: text, member, group (how often it was seen), document, domain."""
    rows: Sequence[tuple[int, Human]] = [
        *((count, human) for count, humans in parts.members.items() for human in humans),
        *((0, human) for human in parts.non_members),
    ]
    with path.open("w", encoding="utf-8") as file:
        for count, human in rows:
            row = {"text": beginning(human), "member": count > 0, "group": str(count), "domain": human.domain}
            file.write(json.dumps(row | {"document": f"{human.source} {human.pair}"}, ensure_ascii=False) + "\n")


@click.command()
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), default=lambda: cache_root() / "membership-real-texts"
)
def main(output: Path) -> None:
    """Train, and write model/ and texts.jsonl to a folder; by default in the user cache."""
    generator = np.random.default_rng(SEED)
    parts = split(generator)
    click.echo(f"{len(parts.background):,} stretches of background")
    tokenizer = make_tokenizer(parts.background)
    trained = train(parts.stream(generator), tokenizer, generator)
    save(trained, tokenizer, output / "model")
    write_collection(parts, output / "texts.jsonl")
    click.echo(f"{trained.tokens:,} tokens, {trained.seconds:.0f} s, loss {trained.loss:.3f} nats per token: {output}")


if __name__ == "__main__":
    main()
