"""Layout must not matter: the same words with bullets, headings, bold, hard line breaks, curly quotes, and without.

`python -m benchmarks.layout` prints the table of `docs/measurements/layout.md`: for 300 texts of the sample and each way to set
them, how many are judged in the very same view (then nothing can move), and of the others how far log p moved. The texts lie
outside the repository; what differs is scored, everything else is not.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Callable, Sequence

import numpy as np

from llm_audit.detectors import find
from llm_audit.detectors.populations import DEFAULT_POPULATION, MINIMUM_TOKENS, load
from llm_audit.text import scored
from llm_audit.training.labelled import Labelled
from tools.score_corpus import PARTS, REQUEST, default_session, sample

N = 300
MOST_SCORED = 60
"""Texts of a differing view that are scored; the table says how many there were."""

LEAST_WORDS = 40

TITLES = ("First Remarks", "The Case in Question", "What Follows From It", "A Closer Look", "Open Points", "In the End")

Paragraphs = Sequence[Sequence[str]]


def paragraphs(text: str) -> Paragraphs:
    """The sentences of a text, in paragraphs of `LEAST_WORDS` words or more."""
    found: list[list[str]] = [[]]
    for sentence in re.split(r"(?<=[.!?]) (?=[A-Z\"'])", text):
        if len(" ".join(found[-1]).split()) >= LEAST_WORDS:
            found.append([])
        found[-1].append(sentence)
    if len(found) > 1 and len(" ".join(found[-1]).split()) < LEAST_WORDS:
        found[-2:] = [found[-2] + found[-1]]
    return found


def sentences(text: Paragraphs) -> list[str]:
    """Of all paragraphs, in order."""
    return [sentence for paragraph in text for sentence in paragraph]


def plain(text: Paragraphs) -> str:
    """Paragraphs and nothing else: what the others are compared with."""
    return "\n\n".join(" ".join(paragraph) for paragraph in text)


def _titled(text: Paragraphs, form: Callable[[str], str]) -> str:
    """Titles above the paragraphs, as many as are a tenth of the words at most."""
    words = len(" ".join(sentences(text)).split())
    least = max(1, -(-len(text) * 40 // max(words, 1)))  # a title is 4 words at most
    numbered = enumerate(" ".join(paragraph) for paragraph in text)
    return "\n\n".join(
        f"{form(TITLES[number // least % len(TITLES)])}\n\n{paragraph}" if number % least == 0 else paragraph
        for number, paragraph in numbered
    )


def _bold(text: str) -> str:
    """Every seventh word in bold, where it has letters alone."""
    words = re.split(r"( +|\n+)", text)
    return "".join(f"**{word}**" if place % 14 == 0 and word.isalpha() else word for place, word in enumerate(words))


def _curly(text: str) -> str:
    text = re.sub(r'(?<!\S)"', "\u201c", text).replace('"', "\u201d")
    return re.sub(r"(?<!\S)'", "\u2018", text).replace("'", "\u2019")


SETTINGS: dict[str, Callable[[Paragraphs], str]] = {
    "a bullet before every sentence (-)": lambda text: "\n".join(f"- {each}" for each in sentences(text)),
    "a bullet before every paragraph (*)": lambda text: "\n\n".join(f"* {' '.join(each)}" for each in text),
    "bullets (\u2022), items in bold at their beginning": lambda text: "\n".join(
        f"\u2022 **{each.split(' ')[0]}** {' '.join(each.split(' ')[1:])}".rstrip() for each in sentences(text)
    ),
    "a number before every sentence": lambda text: "\n".join(f"{i}. {each}" for i, each in enumerate(sentences(text), 1)),
    "headings (## Title)": lambda text: _titled(text, lambda title: f"## {title}"),
    "headings in capitals (## TITLE)": lambda text: _titled(text, lambda title: f"## {title.upper()}"),
    "headings in small letters (## title)": lambda text: _titled(text, lambda title: f"## {title.lower()}"),
    "headings without a sign": lambda text: _titled(text, str),
    "headings without a sign, in capitals": lambda text: _titled(text, str.upper),
    "headings in bold (**Title**)": lambda text: _titled(text, lambda title: f"**{title}**"),
    "words in bold": lambda text: _bold(plain(text)),
    "hard line breaks at 72 characters": lambda text: "\n\n".join(textwrap.fill(" ".join(each), 72) for each in text),
    "no paragraphs": lambda text: " ".join(sentences(text)),
    "curly quotes": lambda text: _curly(plain(text)),
    "all: headings, bullets, bold, curly quotes, line breaks": lambda text: _curly(
        "\n\n".join(
            f"## {TITLES[0]}\n\n- {textwrap.fill(_bold(' '.join(each)), 72)}" if not number else
            f"- {textwrap.fill(_bold(' '.join(each)), 72)}"
            for number, each in enumerate(text)
        )
    ),
}  # fmt: skip
"""Name -> how it sets a text."""


def drawn() -> list[Labelled]:
    """`N` texts of all parts, human and machine, by a hash."""
    texts = [text for part in PARTS for text in sample(part).texts]
    return sorted(texts, key=lambda text: hashlib.sha256(f"layout {text.text}".encode()).digest())[:N]


def main() -> None:
    """Print the table."""
    texts = drawn()
    laid = [paragraphs(text.text) for text in texts]
    views = [scored(plain(text)) for text in laid]
    different = {
        name: [(place, other) for place, text in enumerate(laid) if (other := scored(how(text))) != views[place]]
        for name, how in SETTINGS.items()
    }
    human = sum(text.label == "human" for text in texts)
    print(f"{N} texts, {human} by people; {N * len(SETTINGS)} pairs, {sum(map(len, different.values()))} with another view\n")
    places = sorted({place for found in different.values() for place, _ in found})[:MOST_SCORED]
    moved = _moves(views, {name: [one for one in found if one[0] in places] for name, found in different.items()})
    print("| how it is set | same view | differ | of those scored: log p moved by < .3 | median move | largest |")
    print("|---|---|---|---|---|---|")
    for name, found in different.items():
        moves, rest = moved[name], "- | - | -"
        if len(moves):
            rest = f"{np.mean(moves < 0.3):.2f} of {len(moves)} | {np.median(moves):.2f} | {moves.max():.2f}"
        print(f"| {name} | {N - len(found)} of {N} | {len(found)} | {rest} |")


def _moves(
    views: Sequence[str], changed: dict[str, list[tuple[int, str]]]
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """|log p - log p of the plain setting| (natural logarithm) of the changed texts, by the shipped population."""
    population, detectors, session = load(DEFAULT_POPULATION), find(()), default_session()
    pairs = [(views[place], other) for found in changed.values() for place, other in found]
    needed = sorted({text for pair in pairs for text in pair})
    p: dict[str, float] = {}
    for text, scores in zip(needed, session.score(needed, REQUEST), strict=True):
        if len(scores) >= MINIMUM_TOKENS:
            window = scores[: population.longest_window]
            p[text] = population.compare_all(window, detectors).p_value
    return {
        name: np.array([abs(np.log(p[other] / p[views[place]])) for place, other in found if other in p and views[place] in p])
        for name, found in changed.items()
    }


if __name__ == "__main__":
    main()
