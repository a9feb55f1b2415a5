"""Foreign signs in the place of letters, whatever they look like: read as the letter that makes words of the strings with them.

`homoglyphs` and `seen` know signs by their shape. What else stands within Latin words ("w\u53e3man", "gl\u2070w") is deciphered
like a simple substitution: a sign is the letter with which most of its strings become English words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from string import ascii_lowercase

import regex

from llm_audit.text.words import COMMON, ENGLISH, FUNCTION_WORDS, LEAST_ENGLISH, frequency, is_known

LEAST_STRINGS = 3
"""Fewest different strings that become words with the same letter for a sign."""

_AGREED = 0.6  # share of a sign's strings that become words with its letter
_ROUNDS = 4  # strings with several signs are read once all but one of them are known
_MOST_STRINGS = 400  # of one sign that are looked at
_LEAST, _LONGEST = 3, 30  # characters of a string
_SIGN = r"[[\p{L}\p{N}\p{S}]--\p{ASCII}--\p{Latin}]"
_SUSPECT = regex.compile(rf"(?<=[A-Za-z]){_SIGN}|{_SIGN}(?=[A-Za-z])", regex.V1)
_STRING = regex.compile(rf"(?:[A-Za-z]|{_SIGN})++", regex.V1)
_PLAIN = regex.compile("[A-Za-z]")
_WORD = regex.compile(r"[A-Za-z]+")
_BEGINS = regex.compile(r"(?:\A|[.!?]['\"\u201d\u2019)\]]*\s+)['\"\u201c\u2018(\[]*\Z")
_BEFORE = 12  # characters that tell whether a word begins a sentence


def deciphered(text: str) -> list[tuple[int, str]]:
    """The places of foreign signs that stand for letters of English words, in order, with the letter meant."""
    if text.isascii() or not _SUSPECT.search(text) or not _is_english(text):
        return []
    strings = [match for match in _STRING.finditer(text) if not match[0].isascii() and len(match[0]) <= _LONGEST]
    meant = _meant({match[0] for match in strings if _PLAIN.search(match[0])})
    if not meant:
        return []
    return [
        (match.start() + place, _as_spelled(text, match, place, meant[sign]))
        for match in strings
        if _PLAIN.search(match[0]) or len(match[0]) == 1
        for place, sign in enumerate(match[0])
        if sign in meant
    ]


def _meant(strings: set[str]) -> dict[str, str]:
    """Sign -> the letter that it stands for, as far as that is certain."""
    meant: dict[str, str] = {}
    for _ in range(_ROUNDS):
        read = {"".join(meant.get(letter, letter) for letter in string) for string in strings}
        waiting: dict[str, list[str]] = defaultdict(list)
        for string in sorted(read):
            signs = {letter for letter in string if not letter.isascii()}
            if len(signs) == 1 and len(string) >= _LEAST and len(waiting[sign := signs.pop()]) < _MOST_STRINGS:
                waiting[sign].append(string)
        letters = {sign: letter for sign, some in waiting.items() if (letter := _letter(sign, some))}
        if not letters:
            break
        meant |= letters
    return meant


def _letter(sign: str, strings: list[str]) -> str:
    """The letter with which most strings with a sign become frequent words; "" if too few do, or are words without it."""
    strings = [string for string in strings if not is_known(string.replace(sign, ""))]
    if len(strings) < LEAST_STRINGS:
        return ""
    counts = Counter[str]()
    for letter in ascii_lowercase:
        words = [string.replace(sign, letter) for string in strings]
        counts[letter] = sum(frequency(word) >= COMMON for word in words)
    (best, most), (_, second) = counts.most_common(2)
    return best if most >= max(LEAST_STRINGS, _AGREED * len(strings)) and second < most else ""


def _as_spelled(text: str, string: regex.Match[str], place: int, letter: str) -> str:
    """The letter as a capital where the rest of the string is in capitals, or where a sentence begins with it."""
    others = "".join(_PLAIN.findall(string[0]))
    capitals = len(others) > 1 and others.isupper()
    start = string.start()
    begins = place == 0 and bool(_BEGINS.search(text[max(start - _BEFORE, 0) : start]))
    return letter.upper() if capitals or begins else letter


def _is_english(text: str) -> bool:
    words = _WORD.findall(text[:100_000])
    function = sum(word.lower() in FUNCTION_WORDS for word in words)
    return function >= max(LEAST_ENGLISH, ENGLISH * len(words) / 2)  # many function words may be disguised
