"""The rule for invisible characters."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from llm_audit.detectors.integrity.base import SLIPS, Oddities, integrity_rule
from llm_audit.text.scripts import PLAIN_SCRIPTS

FEW, ONE_PER = 3, 1000
"""Tolerated invisible characters between words, as copying from web pages leaves them: 3, and 1 per 1,000 characters."""

# "Default ignorable" (DI) is Unicode's name for what has no shape of its own. Where it has an honest use:
_PICTURE = r"\p{Extended_Pictographic}\p{Emoji_Modifier}?[\ufe0e\ufe0f]?"
_HONEST = (
    r"\U0001F3F4[\U000E0061-\U000E007A]{5}\U000E007F"  # flags of countries within countries
    rf"|{_PICTURE}(?:\u200d{_PICTURE})*+|[0-9#*]\ufe0f\u20e3"  # emoji
    r"|[\p{Han}\u3000-\u303f\uff00-\uffef][\ufe00-\ufe02\U000e0100-\U000e01ef]"  # forms of Chinese and Japanese characters
    r"|[0\u2190-\u22ff\u2a00-\u2aff\p{Myanmar}\p{Phags_Pa}\p{Manichaean}]\ufe00"  # mathematical and other standard forms
    r"|\p{Mongolian}[\u180b-\u180f]"
)
_RUN = regex.compile(rf"(?:{_HONEST})(*SKIP)(*FAIL)|\p{{DI}}++", regex.V1)
_TAG = regex.compile("[\U000e0000-\U000e007f]")
_SELECTOR = regex.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_DIRECTION = regex.compile(r"\p{Bidi_Control}")  # of the rule `direction`
_IGNORABLE = regex.compile(r"\p{DI}")
# Never part of a script; the joiners and selectors are, of scripts that are not plain.
_NO_LETTER = regex.compile("[\u00ad\u034f\u200b\u2060-\u2064\ufeff]")
_SPACELESS = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Javanese}\p{Balinese}\p{Tai_Tham}"
)
_OF_WORD = regex.compile(rf"[[\p{{L}}\p{{M}}]--[{_SPACELESS}\p{{DI}}]]", regex.V1)
_OF_SPACELESS = regex.compile(rf"[{_SPACELESS}]")
_OF_PLAIN_WORD = regex.compile(rf"[[\p{{L}}&&[{PLAIN_SCRIPTS}]][\p{{Mn}}&&\p{{Inherited}}]--\p{{DI}}]", regex.V1)
_PLAIN = regex.compile(rf"[{PLAIN_SCRIPTS}\p{{ASCII}}\s\u2010-\u203a]", regex.V1)
# Without a shape as well, though Unicode does not call them ignorable: marks of annotations, places of objects, a null note.
_SHAPELESS = regex.compile(r"(?<=\p{L})[\ufff9-\ufffc\U0001d159]++(?=\p{L})")
# Where a typesetter breaks words: at least two letters stay on either line. Beside a space or digit it is a dash gone wrong,
# or the end of a line that a PDF was cut at.
_HYPHENATION = regex.compile(
    r"(?<=[\p{L}\p{M}]{2})\u00ad(?=[\p{L}\p{M}]{2})|(?<![\p{L}\p{M}\p{DI}])\u00ad|\u00ad(?![\p{L}\p{M}\p{DI}])"
)
# No space of a special width has its place between two letters, nor a blank of Braille; non-breaking ones do.
_ODD_SPACE = regex.compile(
    r"[[\p{L}\p{M}]--\p{DI}]\p{DI}*+([\u1680\u2000-\u200a\u205f\u2800\u3000])(?=\p{DI}*+[\p{L}&&[\p{Latin}\p{Cyrillic}\p{Greek}]])",
    regex.V1,
)


def look(text: str) -> Oddities:
    """Hidden messages (a single one is a finding), invisible characters within words, and more strays than are tolerated."""
    if text.isascii():
        return Oddities(())
    messages: list[int] = []
    within: list[int] = []
    strays = [match.start(1) for match in _ODD_SPACE.finditer(text)]
    hyphens = {match.start() for match in _HYPHENATION.finditer(text)}
    for match in _RUN.finditer(text):
        run, start = match[0], match.start()
        odd_places = [
            start + i for i, character in enumerate(run) if not _DIRECTION.match(character) and start + i not in hyphens
        ]
        before, after = text[start - 1 : start], text[match.end() : match.end() + 1]
        if _TAG.search(run) or len(_SELECTOR.findall(run)) > 1:
            messages += odd_places
        elif _OF_WORD.match(before) and _OF_WORD.match(after):
            within += _no_part_of_script(text, odd_places, bool(_OF_PLAIN_WORD.match(before) and _OF_PLAIN_WORD.match(after)))
        elif not (_OF_SPACELESS.match(before) or _OF_SPACELESS.match(after)):  # which mark their words by U+200B
            plain = (not before or _PLAIN.match(before)) and (not after or _PLAIN.match(after))
            strays += _no_part_of_script(text, odd_places, bool(plain))
    within += [place for match in _SHAPELESS.finditer(text) for place in range(*match.span())]
    many = len(strays) > FEW + (len(text) - len(_IGNORABLE.findall(text))) // ONE_PER
    places = sorted([*messages, *within, *(strays if many else ())])
    return Oddities(tuple(places), 0 if messages or many else SLIPS)


def _no_part_of_script(text: str, places: list[int], plain: bool) -> Iterator[int]:
    """The positions of invisible characters beside letters whose script does not need them."""
    return (place for place in places if plain or _NO_LETTER.match(text[place]))


rule = integrity_rule(
    look,
    code="AUD902",
    name="invisible",
    title="Invisible characters",
    noun="invisible character",
    null="No character is hidden in a word, and no message between them; a few strays between words are normal.",
    method=(
        "Unicode's default ignorable characters and spaces of special widths. Found at once: tag characters, and variation "
        f"selectors in a row. Let pass: emoji, flags, joiners and selectors of the scripts that have them, hyphenation, "
        f"no-break spaces, C2PA marks, up to {SLIPS} characters within words, and between words {FEW} and one more for every "
        f"{ONE_PER:,} characters."
    ),
    question="Does the text hold characters that nobody sees?",
    finding_title="Characters that nobody sees",
)
