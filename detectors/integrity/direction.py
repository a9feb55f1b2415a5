"""The rule for control characters that reorder the displayed text."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from llm_audit.detectors.integrity.base import SLIPS, Oddities, integrity_rule
from llm_audit.text.scripts import PLAIN_SCRIPTS

_CONTROL = regex.compile(r"\p{Bidi_Control}")
_LINE = regex.compile(r"[^\n\r\x1c-\x1e\x85\u2029]+")  # what the Unicode bidirectional algorithm calls a paragraph
_RIGHT_TO_LEFT = regex.compile(r"[\p{bc=R}\p{bc=AL}--\p{Bidi_Control}]", regex.V1)
_RUN = regex.compile(r"\p{DI}++")
_PLAIN_LETTER = regex.compile(rf"[\p{{L}}&&[{PLAIN_SCRIPTS}]--\p{{DI}}]", regex.V1)
_OVERRIDES = "\u202d\u202e"
_TO_RIGHT_TO_LEFT = "\u202b\u2067"
_ISOLATES, _EMBEDDINGS = ("\u2066\u2067\u2068", "\u2069"), ("\u202a\u202b\u202d\u202e", "\u202c")
_MARKS_RIGHT_TO_LEFT = "\u200f\u061c"


def look(text: str) -> Oddities:
    """Overrides; right-to-left stretches without an end or without right-to-left text; and more marks than are tolerated."""
    if text.isascii() or not _CONTROL.search(text):
        return Oddities(())
    reordering: set[int] = set()
    marks = set(_within_words(text))
    for line in _LINE.finditer(text):
        controls = [(line.start() + match.start(), match[0]) for match in _CONTROL.finditer(line[0])]
        pairs = [*_pairs(controls, *_ISOLATES), *_pairs(controls, *_EMBEDDINGS)]
        honest = _RIGHT_TO_LEFT.search(line[0]) is not None
        for start, end in pairs:
            if text[start] in _OVERRIDES:
                reordering |= {start} if end is None else {start, end}
            elif text[start] in _TO_RIGHT_TO_LEFT and (end is None or not honest):
                reordering.add(start)
        if not honest:
            marks |= {place for place, control in controls if control in _MARKS_RIGHT_TO_LEFT}
    return Oddities(tuple(sorted(reordering | marks)), 0 if reordering else SLIPS)


def _within_words(text: str) -> Iterator[int]:
    for run in _RUN.finditer(text):
        if _PLAIN_LETTER.match(text[run.start() - 1 : run.start()]) and _PLAIN_LETTER.match(text[run.end() : run.end() + 1]):
            yield from (run.start() + match.start() for match in _CONTROL.finditer(run[0]))


def _pairs(controls: list[tuple[int, str]], openers: str, closer: str) -> Iterator[tuple[int, int | None]]:
    """Each opener on a line with its closer; None if it has none. A closer without an opener does nothing."""
    opened: list[int] = []
    for place, control in controls:
        if control in openers:
            opened.append(place)
        elif control == closer and opened:
            yield opened.pop(), place
    yield from ((place, None) for place in opened)


rule = integrity_rule(
    look,
    code="AUD903",
    name="direction",
    title="Direction controls",
    noun="direction control",
    null="No control character makes the text read in another order than it is stored in, beyond what its scripts need.",
    method=(
        "As in “Trojan Source” (Boucher & Anderson 2023): overrides; right-to-left embeddings and isolates that are not closed "
        "on their line, or on a line without right-to-left letters. Let pass: closed embeddings and isolates beside "
        f"right-to-left text, left-to-right ones anywhere, and up to {SLIPS} direction marks within words or on lines without "
        "right-to-left letters."
    ),
    question="Do control characters make the text read in another order than it is stored in?",
    finding_title="Controls that reorder what is read",
)
