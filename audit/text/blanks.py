"""Signs in the place of letters of English words, whichever letters these are: "m*del" and "pr_gr_m" for "model" and "program".

A reader guesses the word, and so does a list of English words: the most frequent one that fits. Only where a text has many of
them, since people star out a word or two. Signs that each stand for one letter are of `ciphers`, what looks like letters of
`seen`, and signs between the letters of a whole word of `broken`.
"""

from __future__ import annotations

from collections import defaultdict

import regex

from llm_audit.text.broken import LEAST, SHARE, Reading
from llm_audit.text.words import COMMON, fitting, frequency, is_known

LEAST_STARRED = 8
"""Fewest distinct words with signs for letters that are a finding: nobody stars out so many."""

_AGREED = 0.6  # share of the strings with a sign that become words
_MOST_STRINGS = 300  # distinct ones that decide about a sign
_MOST_READ = 5_000  # distinct ones that are read: a look-up takes a millisecond
_LOOKED_AT = 100_000  # characters that decide for the rest of a text
_SIGN = r"[*#_.?~+=^|-]|[\u00b7\u2010\u2011\u2022\u2217\u25a0-\u25a3\u25aa\u25cb\u25cf\u2588\ufffd]"
# As a word may stand: letters with single signs between them, and neither an address, a name of a file nor a list of words.
_STRING = regex.compile(
    rf"(?<![\w@/\\.'\u2019-])(?=[A-Za-z]{{1,24}}(?:{_SIGN}))(?:[A-Za-z]++(?:{_SIGN})){{1,6}}[A-Za-z]++(?![\w@/\\]|[.'\u2019-]\w)"
)
_PLAIN = regex.compile("[A-Za-z]++")
_LEAST_LETTERS, _LONGEST = 3, 24
_SHORT = 2  # letters: no list tells such parts of a compound from words
_RARER = 5  # times: how much rarer than the word that fits a string without its signs is, if it is no word with signs within


def blanked(text: str) -> list[Reading]:
    """The words of a text with signs for letters, in order, each with the word that a reader guesses; none if they are few."""
    signs = _for_letters(text[:_LOOKED_AT])
    if not signs:
        return []
    words: dict[str, str] = {}
    readings = []
    for match in _STRING.finditer(text):
        if match[0] not in words and len(words) < _MOST_READ and signs.issuperset(_PLAIN.sub("", match[0])):
            words[match[0]] = _word(match[0])
        if word := words.get(match[0]):
            readings.append(Reading(match.start(), match.end(), word))
    return readings if len(readings) >= SHARE * sum(1 for _ in _PLAIN.finditer(text)) else []


def _for_letters(text: str) -> set[str]:
    """The signs with which many strings, and most of those that are no compounds, become words."""
    by_sign: dict[str, set[str]] = defaultdict(set)
    for match in _STRING.finditer(text):
        signs = set(_PLAIN.sub("", match[0]))
        if len(signs) == 1 and not _is_compound(match[0], COMMON):
            by_sign[signs.pop()].add(match[0].lower())
    return {sign for sign, strings in by_sign.items() if _become_words(sorted(strings)[:_MOST_STRINGS])}


def _become_words(strings: list[str]) -> bool:
    words = [word for string in strings if (word := _word(string))]
    return len(set(words)) >= LEAST and len(words) >= _AGREED * len(strings)


def _is_compound(string: str, least: int) -> bool:
    """Whether a string is a word of at least this frequency with signs within, or several words with signs between them."""
    parts = _PLAIN.findall(string)
    return frequency("".join(parts)) >= least or all(len(part) > _SHORT and is_known(part) for part in parts)


def _word(string: str) -> str:
    """The most frequent word that a string stands for, spelled as it is; "" if it is none."""
    letters = sum(map(str.isalpha, string))
    if not _LEAST_LETTERS <= len(string) <= _LONGEST:
        return ""
    pattern = "".join(letter.lower() if letter.isascii() and letter.isalpha() else "." for letter in string)
    word, count = fitting(pattern)
    if count < COMMON or _is_compound(string, max(count // _RARER, 1)):
        return ""
    return word.upper() if string.isupper() and letters > 1 else word.capitalize() if string[0].isupper() else word
