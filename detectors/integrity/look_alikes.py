"""The rule for look-alike letters (homoglyphs), by which a word differs from the one that a reader sees."""

from __future__ import annotations

import unicodedata

import regex

from llm_audit.detectors.integrity.base import SLIPS, Oddities, integrity_rule
from llm_audit.text.blanks import LEAST_STARRED, blanked
from llm_audit.text.ciphers import LEAST_STRINGS, deciphered
from llm_audit.text.homoglyphs import latin_lookalikes, lookalikes
from llm_audit.text.seen import ACCENT_SHARE, ASCII_SHARE, LEAST_ACCENTS, LEAST_ASCII, imitations

# Full-width and mathematical letters are seen as what they are; between plain letters of one longer word they are not.
_STYLED = r"\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff"
_IS_STYLED = regex.compile(f"[{_STYLED}]")
_LONGER_WORD = regex.compile(r"\p{L}{4,}+")
_PLAIN = regex.compile("[A-Za-z]")


def look(text: str) -> Oddities:
    """Letters of another alphabet that imitate those of the word around them, Latin or not; styled letters; letters, accents
    and digits in strings that a reader takes for English words; and signs in the place of letters, where there are many.
    """
    imitated = [imitation for imitation in imitations(text) if imitation.kind != "slip"]
    plain = [place for imitation in imitated if imitation.kind == "ascii" for place in range(imitation.start, imitation.end)]
    plain = sorted({*plain, *_starred(text)})
    if text.isascii():
        return Oddities(tuple(plain), SLIPS)
    places = set(plain)
    places |= {place for place, _ in lookalikes(text) if unicodedata.normalize("NFKC", text[place]) == text[place]}
    places |= set(latin_lookalikes(text))
    for word in _LONGER_WORD.finditer(text) if _IS_STYLED.search(text) else ():
        if _PLAIN.search(word[0]):
            places |= {word.start() + letter.start() for letter in _IS_STYLED.finditer(word[0])}
    places |= {place for imitation in imitated for place in range(imitation.start, imitation.end)}
    places |= {place for place, _ in deciphered(text)}
    return Oddities(tuple(sorted(places)), SLIPS)


def _starred(text: str) -> list[int]:
    """The places of signs that stand for letters; none if they are in so few words that somebody may have starred these out."""
    words = blanked(text)
    if len({word.seen.lower() for word in words}) < LEAST_STARRED:
        return []
    return [place for word in words for place in range(word.start, word.end) if not _PLAIN.match(text[place])]


rule = integrity_rule(
    look,
    code="AUD901",
    name="look-alikes",
    title="Look-alike letters",
    noun="look-alike letter",
    null="Every word is typed with the letters that a reader sees, but for a slip or two of the keyboard.",
    method=(
        "Unicode confusables (UTS #39), counted only in words that mix alphabets, and in words wholly of look-alikes between "
        "words of the other alphabet. Let pass: foreign words, Greek symbols, mathematical letters, phonetic writing, and up "
        f"to {SLIPS} letters. In English words also Latin letters, marks and digits that imitate others, if a list of words "
        "(pyspellchecker's) has the word that a reader sees and not the one that is typed: small capitals and phonetic letters "
        f"at once; accents on {LEAST_ACCENTS} words and {ACCENT_SHARE:.0%} of all; plain letters (I for l, rn for m, 0 for o) "
        f"in {LEAST_ASCII} words and {ASCII_SHARE:.1%} of all, as bad scans have too; and any other sign that stands for one "
        f"letter in {LEAST_STRINGS} words, whatever it looks like; and signs that stand for any letter (m*del) in "
        f"{LEAST_STARRED} words. Not seen: imitations within other languages."
    ),
    earlier_method=(
        "Unicode confusables (UTS #39), counted only in words that mix alphabets, and in words wholly of look-alikes between "
        "words of the other alphabet. Let pass: foreign words, Greek symbols, mathematical letters, phonetic writing, and up "
        f"to {SLIPS} letters. In English words also Latin letters, marks and digits that imitate others, if a list of words "
        "(pyspellchecker's) has the word that a reader sees and not the one that is typed: small capitals and phonetic letters "
        f"at once; accents on {LEAST_ACCENTS} words and {ACCENT_SHARE:.0%} of all; plain letters (I for l, rn for m, 0 for o) "
        f"in {LEAST_ASCII} words and {ASCII_SHARE:.1%} of all, as bad scans have too. Not seen: imitations within other "
        "languages."
    ),
    question="Do letters of another alphabet imitate those around them?",
    finding_title="Letters of another alphabet imitate those around them",
)
