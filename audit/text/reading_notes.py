"""Notes on what was read otherwise than it stands in a file, for reports."""

from __future__ import annotations

NOTES = {
    "zero_width": "Removed {n} zero-width character{s}, which readers cannot see.",
    "soft_hyphen": "Removed {n} soft hyphen{s}.",
    "bidi": "Removed {n} control character{s} for the writing direction.",
    "tag": "Removed {n} invisible tag character{s}, which can hide a message.",
    "other": "Removed {n} other invisible character{s}.",
    "styled": "Replaced {n} full-width or styled character{s} by plain ones.",
    "trace": "Left out {n} trace{s} of a chatbot.",
    "reversed": "Read {n} stretch{es} from right to left, as shown.",
    "decoded": "Read {n} character{s} in the encoding that {they} had been written in.",
    "entity": "Read {n} HTML entit{ies} as the character{s} meant.",
    "quoted": "Read {n} remain{s} of an encoding for e-mail (quoted-printable) as the characters meant.",
    "escaped": "Read {n} character{s} behind backslashes as the character{s} meant.",
    "whole": "Read {n} word{s} in pieces as whole (an attack on detectors, or a bad export).",
    "odd_capitals": "Read {n} word{s} with capitals within as usually spelled (an attack on detectors, or a bad export).",
    "blank": "Read {n} word{s} with signs in the place of letters as the word{s} that fit best (an attack on detectors).",
    "seen": "Read {n} character{s} within words as the letter{s} that a reader sees (an attack on detectors, or a bad scan).",
    "capitals": "All in capitals: judged as if written in small letters, with {n} capital{s} at the beginning of sentences.",
    "titled": "With capitals where no sentence begins, as in titles: {n} word{s} judged as if written in small letters.",
    "homoglyph": (
        "Replaced {n} look-alike letter{s} from other alphabets (homoglyphs); this is a known way to fool detectors."
    ),
}
"""Kind of edit -> sentence, with {n} for how many."""


def note(sentence: str, n: int) -> str:
    """The sentence for so many edits."""
    many = n != 1
    return sentence.format(n=n, s="s" * many, es="es" * many, ies="ies" if many else "y", they="they" if many else "it")
