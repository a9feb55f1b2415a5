"""Look-alike letters (homoglyphs) in words that mix alphabets."""

from __future__ import annotations

import unicodedata

import regex

from llm_audit.detectors.integrity.base import SLIPS, Oddities, integrity_rule
from llm_audit.text.homoglyphs import latin_lookalikes, lookalikes

# Full-width and mathematical letters are seen as what they are; between plain letters of one longer word they are not.
_STYLED = r"\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff"
_IS_STYLED = regex.compile(f"[{_STYLED}]")
_LONGER_WORD = regex.compile(r"\p{L}{4,}+")
_PLAIN = regex.compile("[A-Za-z]")


def look(text: str) -> Oddities:
    """Letters of another alphabet that imitate those of the word around them, in either direction, and styled ones."""
    if text.isascii():
        return Oddities(())
    places = {place for place, _ in lookalikes(text) if unicodedata.normalize("NFKC", text[place]) == text[place]}
    places |= set(latin_lookalikes(text))
    for word in _LONGER_WORD.finditer(text) if _IS_STYLED.search(text) else ():
        if _PLAIN.search(word[0]):
            places |= {word.start() + letter.start() for letter in _IS_STYLED.finditer(word[0])}
    return Oddities(tuple(sorted(places)), SLIPS)


rule = integrity_rule(
    look,
    code="AUD901",
    name="look-alikes",
    title="Look-alike letters",
    noun="look-alike letter",
    null="No word has letters of another alphabet that imitate its own, but for a slip or two of the keyboard.",
    method=(
        "Unicode confusables (UTS #39), counted only in words that mix alphabets, and in words wholly of look-alikes between "
        "words of the other alphabet. Let pass: foreign words, Greek symbols, mathematical letters, phonetic writing, and up "
        f"to {SLIPS} letters. Not seen: imitations within one alphabet, and of others than the Latin, Greek and Cyrillic ones."
    ),
    question="Do letters of another alphabet imitate those around them?",
    found="Letters of another alphabet imitate those around them",
)
