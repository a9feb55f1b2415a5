"""A list of English words with their frequencies (from pyspellchecker), asked word by word."""

from __future__ import annotations

import gzip
import pkgutil
import re
from bisect import bisect_left, bisect_right
from functools import cache, lru_cache

FUNCTION_WORDS = frozenset({
    "the", "of", "and", "to", "a", "in", "is", "that", "for", "it", "was", "with", "as", "on", "are", "this", "be", "by",
    "have", "not", "from", "or", "an", "we", "you", "they", "his", "her", "which", "at", "but", "i",
})  # fmt: skip
LEAST_ENGLISH, ENGLISH = 2, 0.08
"""Least number and share of function words in an English text."""

COMMON, VERY_COMMON = 100, 1_000_000
"""Occurrences in the list, of 1.6 billion words: below are names and slips; short words are read otherwise by chance."""

_KEY = 3  # letters: the words that begin alike are a few kilobytes


def is_known(word: str) -> bool:
    """Whether a word is in the list, in any case."""
    return frequency(word) > 0


def frequency(word: str) -> int:
    """Frequency of a word in the list; 0: it is not in it."""
    word = word.lower()
    lines = _lines(word[:_KEY])
    start = lines.find(f'"{word}": ')
    return int(lines[start + len(word) + 4 : lines.index(",", start)]) if start >= 0 else 0


@lru_cache(maxsize=1 << 12)
def fitting(pattern: str) -> tuple[str, int]:
    """The most frequent word of small letters that fits a pattern in which a full stop is any letter; ("", 0) if none does.

    The pattern begins with a letter.
    """
    known = pattern.partition(".")[0][:_KEY]
    letters = pattern.replace(".", "[a-z]")
    fits = re.findall(rf'^"({letters})": (\d+),$', _lines(known), re.M)
    word, count = max(fits, key=lambda entry: int(entry[1]), default=("", "0"))
    return word, int(count)


@lru_cache(maxsize=1 << 13)
def _lines(letters: str) -> str:
    """The lines of the list whose words begin with these letters."""
    listed = _list()

    def beginning(place: int) -> str:
        start = listed.rfind("\n", 0, place) + 2  # behind the line break and the quotation mark
        return listed[start : start + len(letters)]

    places = range(len(listed))
    return listed[bisect_left(places, letters, key=beginning) : bisect_right(places, letters, key=beginning)]


@cache
def _list() -> str:
    """The list as it lies in its package, 3 MB: sorted lines of a word and its occurrences, `"a": 48779620,`."""
    # The file itself: the package's class makes dictionaries of 40 MB of it. Late: most texts have nothing that is asked about.
    packed = pkgutil.get_data("spellchecker", "resources/en.json.gz")
    assert packed is not None
    return gzip.decompress(packed).decode().strip("{}\n") + ","
