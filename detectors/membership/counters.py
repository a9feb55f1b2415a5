"""The number by which a row of a data set counts itself: in words, months, days, Roman numerals, letters, digits."""

from __future__ import annotations

import re

_LISTS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth",
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty",
    "january february march april may june july august september october november december",
    "monday tuesday wednesday thursday friday saturday sunday",
)
_WORDS = {word: float(number) for words in _LISTS for number, word in enumerate(words.split(), start=1)}
_ROMAN = re.compile(r"(?=[IVXLC])(C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
_LETTER = re.compile(r"\(?([a-z])[.):]", re.IGNORECASE)

BEGINNING = 4
"""Words at the beginning of a row in which a counter is looked for."""


def counter(row: str) -> float:
    """The counter at the beginning of a row; else the last number in it; -1: there is none."""
    for word in row.split()[:BEGINNING]:
        bare = word.strip("().,:;-")
        if (known := _WORDS.get(bare.lower())) is not None:
            return known
        if bare and _ROMAN.fullmatch(bare) and word != "I":  # else it may be the pronoun
            return float(_of_roman(bare))
        if letter := _LETTER.fullmatch(word):
            return float(ord(letter[1].lower()) - ord("a") + 1)
    numbers = re.findall(r"\d+", row)
    return float(numbers[-1][:15]) if numbers else -1.0


def _of_roman(numeral: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}[character] for character in numeral]
    return sum(-value if value < max(values[at:]) else value for at, value in enumerate(values))
