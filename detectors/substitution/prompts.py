"""The questions of an audit: which prompts go to the endpoint and which to the reference, drawn at random.

Knows nothing about endpoints or models.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from llm_audit.common.errors import InvalidInput
from llm_audit.text.lines import open_lines, parse

FEWEST_WORDS = 4
"""Fewest words of a truncated prompt."""

MOST_WORDS = 400
"""Most words of a truncated prompt: all beginnings of one without end would fill the memory."""

FEWEST = 10
"""Fewest requests to the endpoint, and fewest questions for null distances."""


@dataclass(frozen=True)
class Allotment:
    """The random allotment of distinct prompts to endpoint and reference.

    Attributes:
        audited: for the endpoint, in the order in which they are asked.
        honest: for the reference.
        cut: how many of all are beginnings of a prompt, because there were not enough prompts.
        wanted: what was asked for.
    """

    audited: tuple[str, ...]
    honest: tuple[str, ...]
    cut: int
    wanted: tuple[int, int]


def read_prompts(path: Path) -> tuple[str, ...]:
    """Prompts of a text file, one a line, or of JSON lines with the field `prompt` or `text`; copies count once.

    Raises:
        AuditError: the file cannot be read, a line has no prompt, or nothing is left.
    """
    texts: list[str] = []
    rows = ".jsonl" in path.name
    for number, line in enumerate(open_lines(path), start=1):
        if not line.strip():
            continue
        text: object
        if rows:
            row = parse(line)
            text = row if isinstance(row, str) else row.get("prompt", row.get("text"))
            if isinstance(row, str) or not isinstance(text, str) or not text.strip():
                raise InvalidInput(f"Line {number:,} of {path} has no text in the field prompt or text.")
        else:
            try:
                text = line.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise InvalidInput(f"Line {number:,} of {path} is not UTF-8.") from error
        texts.append(str(text).strip())
    prompts = tuple(dict.fromkeys(texts))
    if not prompts:
        raise InvalidInput(f"{path} holds no prompts; write one a line.")
    return prompts


def digest(prompts: Sequence[str]) -> str:
    """SHA-256 over the prompts in order."""
    return hashlib.sha256(b"".join(hashlib.sha256(prompt.encode()).digest() for prompt in prompts)).hexdigest()


def pool_of(prompts: Sequence[str], wanted: int, rng: np.random.Generator) -> list[str]:
    """All prompts and, if they are fewer than wanted, beginnings of them, drawn at random."""
    if len(prompts) >= wanted:
        return list(prompts)
    known = set(prompts)
    beginnings = list(dict.fromkeys(text for prompt in prompts for text in _beginnings(prompt) if text not in known))
    chosen = np.sort(rng.permutation(len(beginnings))[: wanted - len(prompts)])
    return [*prompts, *(beginnings[i] for i in chosen)]


def allot(prompts: Sequence[str], audited: int, honest: int, rng: np.random.Generator, *, cut: bool = True) -> Allotment:
    """Deal prompts to endpoint and reference at random. Where they do not suffice, `cut` lets beginnings of prompts join them.

    Which prompt goes where is what makes null and audited distances exchangeable, beginnings of one prompt included.

    Raises:
        AuditError: there are fewer than `FEWEST` for either, with the number needed.
    """
    wanted = audited + honest
    pool = pool_of(prompts, wanted, rng) if cut else list(prompts)
    joined = len(pool) - len(prompts)
    order = rng.permutation(len(pool))
    n = min(audited, max(FEWEST, round(len(pool) * audited / wanted)))
    first, second = order[:n], order[n : n + honest]
    if len(first) < FEWEST or len(second) < FEWEST:
        raise InvalidInput(
            f"{len(prompts)} prompts make {len(pool)} different questions; an audit needs {2 * FEWEST} or more, half of them "
            f"for the reference. Name a file with more or longer prompts."
        )
    return Allotment(tuple(pool[i] for i in first), tuple(pool[i] for i in second), joined, (audited, honest))


def _beginnings(prompt: str) -> list[str]:
    """The prompt up to the end of each of its words from the fourth to the 400th, but for the whole."""
    ends = [match.end() for match in islice(re.finditer(r"\S+", prompt), MOST_WORDS + 1)]
    return [prompt[:end] for end in ends[FEWEST_WORDS - 1 : -1]]
