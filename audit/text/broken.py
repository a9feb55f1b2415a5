"""Words that a bad export, or somebody who deceives detectors, took apart or wrote in odd capitals, as a reader sees them.

"w ord", "in-ter-est" and "tHe" are read as "word", "interest" and "the": decided with a list of English words, and only where a
text has many of them, since single ones are slips, names and compounds. Knows nothing of letters that imitate others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import regex

from llm_audit.text.words import COMMON, frequency, is_known

LEAST, SHARE = 4, 0.015
"""Fewest distinct words in pieces, or in odd capitals, and their least share of all words; fewer are left as they are."""

LEAST_TITLED, TITLED = 3, 0.2
"""Fewest plain words ("that", "with") with a capital within sentences, and their share of all of these, from which capitals
say nothing: titles have them, and texts that somebody set like one."""

EVERYWHERE = 0.1
"""Share of words in odd capitals from which all capitals but those at the beginning of sentences are taken for odd."""

_LOOKED_AT = 100_000  # characters that decide for the rest of a text
_WORD = regex.compile(r"[A-Za-z]++")
_PIECES = regex.compile(r"(?<![\w'\u2019&@.-])[A-Za-z]++")  # where a word may begin: not behind "it'" or "U."
_SIGNS = frozenset(" -_.*~^|/+=\u2010\u2011\u00b7\u2022\u00a0\u2009\u202f")
_PARTED = frozenset(f"{hyphen}{space}" for hyphen in "-\u2010\u00ac" for space in " \u00a0")  # where a line ended
_GOES_ON = regex.compile(r"['\u2019&@.-]?[\p{L}\p{N}]")
_MOST_PIECES, _LONGEST = 12, 24
_RARER = 5  # times: how much rarer than the whole a piece is that nobody would write
_MOST_LETTERS = 2  # pieces of one letter in a row: where all letters stand apart, nobody knows where words end
_FREQUENT = 300_000  # two words above it are not looked at: no pieces are so frequent, but small words
_NO_NAME = 5_000  # "YouTube" and "LaTeX" are below it
_WORDS_OF_A_LETTER = frozenset("aAiIoO")
_ODD = regex.compile(r"(?<![\w.@/-])(?=[A-Za-z]*[a-z])[A-Za-z][a-z]*+[A-Z][A-Za-z]*+(?![\w@]|[./-]\w)")
_NAME = regex.compile(r"(?:[A-Z][a-z]+){2,}|[a-z][A-Z][a-z]+|[A-Z][a-z]+[A-Z]+")
_BEGINS = regex.compile(r"(?:\A|[.!?\u2026][\"'\u201d\u2019)\]]*\s+[\"'\u201c\u2018(\[]*)\Z")
_LONGER = regex.compile(r"[A-Za-z][a-z]{3,}+")
_LEAST_LONGER, _NEARLY_ALL = 40, 0.7
_PLAIN = regex.compile(
    r"(?i)\b(?:that|this|with|from|have|they|were|which|their|would|there|about|other|than|then|them|when|what|your|more|into|some"
    r"|been|because|these|could|also|very|such|only|while|where|being|make|made|over|after|before|through)\b"
)
_ODD_SPACES = "\u00a0\u2002-\u200a\u202f\u205f"
_AT_ODD_SPACES = regex.compile(rf"(?<![\w'\u2019])[A-Za-z]++(?:[{_ODD_SPACES}][A-Za-z]++)++(?![\w'\u2019])")
_WHOLE = 0.6  # share of the strings with odd spaces that are words without them
_APART = regex.compile(r"(?<!\S)\S(?: \S)+(?!\S)")
_LEAST_WORDS = 0.5  # share of the runs of letters that are words
_BEFORE = 8  # characters that tell whether a word begins a sentence


class Reading(NamedTuple):
    """A stretch of a text, and how it is read."""

    start: int
    end: int
    seen: str


def whole_words(text: str) -> list[Reading]:
    """Words in pieces, in order, as whole ones; none unless there are many."""
    return _if_many(text, _joined)


def plain_capitals(text: str) -> list[Reading]:
    """Words with capitals within, in order, in small letters; none unless there are many.

    Where they are everywhere, all words are: a capital at the beginning of one says as little.
    """
    odd = _if_many(text, _small)
    if len(odd) >= EVERYWHERE * sum(1 for _ in _WORD.finditer(text)):
        return list(_all_small(text)) if odd else []
    return _small(text, COMMON) if odd else []


def title_case(text: str) -> list[Reading]:
    """All words of a text in which plain words, or nearly all, have capitals, in order, in small letters; else none."""
    capitals, within = _capitals(_PLAIN, text[:_LOOKED_AT])
    some = capitals >= LEAST_TITLED and capitals > TITLED * within
    if not some:
        capitals, within = _capitals(_LONGER, text[:_LOOKED_AT])
    return list(_all_small(text)) if some or capitals > _NEARLY_ALL * max(within, _LEAST_LONGER) else []


def _capitals(words: regex.Pattern[str], text: str) -> tuple[int, int]:
    """How many of these words within sentences begin with a capital, and how many there are."""
    within = [
        match[0] for match in words.finditer(text) if not _BEGINS.search(text, max(match.start() - _BEFORE, 0), match.start())
    ]
    return sum(map(str.istitle, within)), len(within)


def at_odd_spaces(text: str) -> list[Reading]:
    """Words with no-break or thin spaces within, in order, as whole ones; none where such spaces part words, as is usual."""
    strings = [] if text.isascii() else list(_AT_ODD_SPACES.finditer(text))
    readings = [Reading(match.start(), match.end(), "".join(_WORD.findall(match[0]))) for match in strings]
    readings = [reading for reading in readings if frequency(reading.seen) >= COMMON]
    distinct = {reading.seen.lower() for reading in readings}
    return readings if len(distinct) >= LEAST and len(readings) >= _WHOLE * len(strings) else []


def spaced_out(text: str) -> list[Reading]:
    """Words whose letters all stand apart, "w o r d", with wider gaps between words; none unless the text is set so."""
    runs = list(_APART.finditer(text))
    if 2 * sum(len(run[0]) for run in runs) < len(text):
        return []
    readings = [Reading(run.start(), run.end(), run[0].replace(" ", "")) for run in runs]
    words = ["".join(filter(str.isalpha, reading.seen)) for reading in readings]
    return readings if sum(map(is_known, filter(None, words))) > _LEAST_WORDS * len(words) else []


def _if_many(text: str, find: Callable[[str], list[Reading]]) -> list[Reading]:
    beginning = text[:_LOOKED_AT]
    readings = find(beginning)
    words = sum(1 for _ in _WORD.finditer(beginning))
    distinct = {reading.seen.lower() for reading in readings}
    if len(distinct) < LEAST or len(readings) < SHARE * words:
        return []
    return readings if len(beginning) == len(text) else find(text)


def _joined(text: str) -> list[Reading]:
    words = list(_WORD.finditer(text))
    readings: list[Reading] = []
    known: dict[str, int] = {}

    def often(word: str) -> int:
        if len(word) == 1:
            return _FREQUENT if word in _WORDS_OF_A_LETTER else 0
        if (count := known.get(word.lower())) is None:
            count = known[word.lower()] = frequency(word)
        return count

    position = 0
    while position + 1 < len(words):
        end = _end_of_whole(text, words, position, often)
        small = often(words[position][0]) >= _FREQUENT
        if end > position and small and _end_of_whole(text, words, position + 1, often) >= end:
            end = position  # "a wh ile" is "a while"
        if end > position:
            first, last = words[position].start(), words[end].end()
            readings.append(Reading(first, last, "".join(word[0] for word in words[position : end + 1])))
        position = max(end, position) + 1
    return readings


def _end_of_whole(text: str, words: list[regex.Match[str]], first: int, often: Callable[[str], int]) -> int:
    """The last of the pieces of a word that begins with a piece; the first one itself if it is no piece."""
    best, rarest, whole = first, often(words[first][0]), words[first][0]
    if not _PIECES.match(text, words[first].start()):
        return first
    letters = int(len(whole) == 1)
    initial = whole.isupper() and letters == 1
    for last in range(first + 1, min(first + _MOST_PIECES, len(words))):
        above, piece = words[last - 1], words[last][0]
        gap = text[above.end() : words[last].start()]
        if gap not in _SIGNS and gap not in _PARTED:
            break
        rarest, whole = min(rarest, often(piece)), whole + piece
        letters = letters + 1 if len(piece) == 1 else 0
        if letters > _MOST_LETTERS or len(whole) > _LONGEST or piece[0].isupper():
            break
        if initial and often(whole[1:]) >= _FREQUENT:  # "R and"
            continue
        ended = not _GOES_ON.match(text, words[last].end())
        if ended and rarest < _FREQUENT and often(whole) >= max(COMMON, _RARER * rarest):
            best = last
    return best


def _small(text: str, least: int = _NO_NAME) -> list[Reading]:
    """Words in odd capitals that are at least so frequent in the list; those of names only if they are frequent words."""
    readings = []
    for match in _ODD.finditer(text):
        word = match[0]
        if frequency(word) < (_NO_NAME if _NAME.fullmatch(word) else least):
            continue
        readings.append(Reading(match.start(), match.end(), _spelled(text, match)))
    return readings


def _all_small(text: str) -> Iterator[Reading]:
    for match in _WORD.finditer(text):
        seen = _spelled(text, match)
        if seen != match[0] and match[0] != "I":
            yield Reading(match.start(), match.end(), seen)


def _spelled(text: str, word: regex.Match[str]) -> str:
    """A word in small letters, with a capital if it begins a sentence."""
    begins = _BEGINS.search(text, max(word.start() - _BEFORE, 0), word.start())
    seen: str = word[0].capitalize() if begins else word[0].lower()
    return seen
