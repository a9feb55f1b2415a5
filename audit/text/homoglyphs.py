"""Look-alike letters (homoglyphs) inside words of mixed alphabets: their positions, and the Latin letters that they imitate.

Based on Unicode's confusables (through the package confusable_homoglyphs).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

import regex

# Apostrophes count, so that an imitated s in "it's" is seen as part of an English word.
_WORD = regex.compile(r"[\p{L}\p{M}]++(?:['’][\p{L}\p{M}]++)*+")
_LATIN = regex.compile(r"\p{Latin}")
_GREEK = regex.compile(r"\p{Greek}")
# The alphabets with letters drawn like Latin ones; "Common" has the letter-like symbols, e.g. ℯ.
_OTHER = regex.compile(
    r"[\p{L}&&[\p{Cyrillic}\p{Greek}\p{Coptic}\p{Armenian}\p{Cherokee}\p{Lisu}\p{Deseret}\p{Canadian_Aboriginal}\p{Common}]]",
    regex.V1,
)

_CASED = regex.compile(r"[\p{Cyrillic}\p{Greek}]")
_SMALL_CAPITAL = re.compile("LATIN LETTER SMALL CAPITAL ([A-Z])")

# One small Greek letter, not the omicron, before or after Latin ones: a symbol and not an imitation.
_SYMBOL_AT_EDGE = regex.compile(r"[α-ξπ-ω]\p{Latin}++|\p{Latin}++[α-ξπ-ω]")


@cache
def _imitated() -> dict[str, str]:
    """Non-Latin letter -> the one Latin letter that it imitates."""
    from confusable_homoglyphs.confusables import confusables_data  # 60 ms, and most texts mix no alphabets

    table: dict[str, str] = {}
    for letter, others in confusables_data.items():
        if _OTHER.fullmatch(letter):
            for twin in (other["c"] for other in others):
                if len(twin) == 1 and not twin.isascii() and (small := _SMALL_CAPITAL.fullmatch(unicodedata.name(twin, ""))):
                    twin = small[1].lower()
                if len(twin) == 1 and twin.isascii() and twin.isalpha():
                    # Unicode files every capital I under the small l that it resembles.
                    table[letter] = "I" if twin == "l" and letter.isupper() else twin
    return table


def _drawn(word: str, place: int, letter: str) -> str:
    """The letter that a reader takes a look-alike for: a capital after a small letter is mostly drawn for a small one."""
    small = place and word[place - 1].islower() and letter.isupper() and not is_cased(word[place])
    return letter.lower() if small else letter


def is_cased(character: str) -> bool:
    """Whether a character is of an alphabet whose capitals stand for capitals: Cyrillic or Greek, and not Cherokee."""
    return _CASED.match(character) is not None


def is_of_another_alphabet(character: str) -> bool:
    """Whether a character belongs to an alphabet with letters drawn like Latin ones, so that `lookalikes` decides about it."""
    return _OTHER.fullmatch(character) is not None


def imitated_by(character: str) -> str | None:
    """The ASCII letter that a character of any alphabet looks like, by Unicode's table; None if it looks like none."""
    from confusable_homoglyphs.confusables import confusables_data

    twins = [other["c"] for other in confusables_data.get(character, ())]
    return next((twin for twin in twins if len(twin) == 1 and twin.isascii() and twin.isalpha()), None)


def lookalikes(text: str) -> Iterator[tuple[int, str]]:
    """Position of every look-alike letter in a word of mixed alphabets, and the Latin letter it imitates.

    Words of one alphabet are left alone, as they may be Russian or Greek, unless every letter imitates a Latin one, none is
    Greek (a symbol: "where ν is"), and the words around it are Latin: the lone "а" of an English sentence. Scientists'
    TNFα and IFNγ are left alone, and texts written in another alphabet altogether: their Latin letters, which some Bulgarian
    sites print, imitate Cyrillic ones.
    """
    if text.isascii() or not _OTHER.search(text) or _in_another_alphabet(text):
        return
    table = _imitated()
    words = list(_WORD.finditer(text))
    between_latin = _between_latin([match[0] for match in words], table)
    for match, between in zip(words, between_latin, strict=True):
        word = match[0]
        if word.isascii():
            continue
        others = [other.start() for other in _OTHER.finditer(word)]
        latin = len(_LATIN.findall(word))
        if not others or _SYMBOL_AT_EDGE.fullmatch(word):
            continue
        if not latin and (_GREEK.search(word) or not between):
            continue
        twins = [(match.start() + index, _drawn(word, index, table[word[index]])) for index in others if word[index] in table]
        if latin >= len(others) or len(twins) == len(others):
            yield from twins


def _between_latin(words: list[str], table: dict[str, str]) -> list[bool]:
    """For each word, whether the nearest words on both sides that do not consist of look-alikes only are Latin."""
    tells = [
        bool(_LATIN.search(word)) if word.isascii() or not all(letter in table for letter in word) else None for word in words
    ]
    before, after = _last_told(tells), _last_told(tells[::-1])[::-1]
    return [left is not False and right is not False and bool(left or right) for left, right in zip(before, after, strict=True)]


def _last_told(tells: list[bool | None]) -> list[bool | None]:
    """For each word, the flag of the nearest earlier word that has one; None if there is none."""
    flags: list[bool | None] = []
    last: bool | None = None
    for tell in tells:
        flags.append(last)
        last = last if tell is None else tell
    return flags


def latin_lookalikes(text: str) -> Iterator[int]:
    """Positions of Latin letters that imitate Cyrillic or Greek ones, in texts written in those alphabets.

    A row of three or more at the edge of a word is a Latin word that lost its space, as in "SpaceXзапусна", and left alone.
    """
    if text.isascii() or not _in_another_alphabet(text):
        return
    for match in _MIXED.finditer(text):
        imitable = _imitable()[match.lastgroup]
        letters = [letter.start() for letter in _LATIN.finditer(match[0])]
        mixed = 0 < len(letters) < len(match[0]) and _OTHER.search(match[0])
        if mixed and all(match[0][index] in imitable for index in letters) and not _GLUED.search(match[0]):
            yield from (match.start() + index for index in letters)


_MIXED = regex.compile(r"(?P<Cyrillic>[\p{Latin}\p{Cyrillic}\p{M}]{2,}+)|(?P<Greek>[\p{Latin}\p{Greek}\p{M}]{2,}+)")
_GLUED = regex.compile(r"^\P{Latin}*+\p{Latin}{3,}+\P{Latin}*+$")


@cache
def _imitable() -> dict[str, frozenset[str]]:
    """Alphabet -> the Latin letters that look like one of its letters."""
    table = _imitated().items()
    return {
        script: frozenset(twin for letter, twin in table if regex.match(rf"\p{{{script}}}", letter))
        for script in ("Cyrillic", "Greek")
    }


def _in_another_alphabet(text: str) -> bool:
    """Whether a text is written in another alphabet than the Latin one, judged by the letters that imitate nothing."""
    table = _imitated()
    return sum(letter not in table for letter in _OTHER.findall(text)) > len(_LATIN.findall(text))
