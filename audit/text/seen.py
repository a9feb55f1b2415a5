"""Latin letters, accents and digits that imitate the letters of an English word.

Decided word by word, with a list of English words (from pyspellchecker): a string that is no word becomes one if its
look-alikes are read as the letters that they resemble. Letters of other alphabets are left to `llm_audit.text.homoglyphs`. Only
English texts: other languages have letters and accents of their own.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from functools import cache, lru_cache
from itertools import islice, product
from typing import Literal, NamedTuple

import regex

from llm_audit.text.homoglyphs import imitated_by, is_cased, is_of_another_alphabet
from llm_audit.text.words import COMMON, ENGLISH, FUNCTION_WORDS, LEAST_ENGLISH, VERY_COMMON, frequency, is_known

Kind = Literal["letter", "accent", "ascii", "slip"]


class Imitation(NamedTuple):
    """A letter, or two, that a reader takes for another one.

    Attributes:
        start, end: its characters.
        seen: the letter that a reader sees; "" for a combining mark.
        kind: "letter" for one that English does not use, "accent" for one with an accent that other languages have,
            "ascii" for a plain letter or digit, as in "cIose", "frorn" and "w0rd"; "slip" for two letters in place of one, as
            scans have them, in too few words of a text to be "ascii".
    """

    start: int
    end: int
    seen: str
    kind: Kind


# A word as typed, with what may stand for letters in it: numerals, letters in circles and the like, signs drawn like letters.
_SIGNS = (
    r"\p{Nl}\u249c-\u24e9\U0001f110-\U0001f189\U0001f1e6-\U0001f1ff"
    r"\u212e\u2373\u2374\u237a\u23fd\uffe8\u2223\u222a\u2228\u00d7\u166e"
)
_WORD = regex.compile(rf"(?:[\p{{L}}\p{{M}}\p{{Nd}}|@${_SIGNS}]|(?<=[a-z])[!+](?=[a-z]))++")
_COMPANY = regex.compile(r"[\p{Nl}\U0001f1e6-\U0001f1ff]")  # read as letters only beside letters: Roman numbers, flags
_PHONETIC = regex.compile(r"[ˈˌːˑ]|^[/\[].*[/\]]$")
_PHONETIC_LETTER = regex.compile(r"[ʰʲʷ]")
_ALL_MARKS = regex.compile(r"[\p{Mn}\p{Me}]++")
_ASCII_SUSPECT = regex.compile(
    r"(?<=[A-Za-z])I|I(?=[a-z])|[A-Za-z][0-9|@$]+(?:[a-z]|(?![\w@$|]))|(?<![\w@$|])[0-9@$|]{1,2}[a-z]|[a-z][!+][a-z]|rn|vv|cl"
)
_ASCII_WORD = regex.compile(
    r"(?!.*[0-9]{3})(?:[A-Za-z][a-z]*+(?:[I0-9|@$!+]++[a-z]*+)*+|[0-9|@$I]{1,2}+[a-z]++(?:[I0-9|@$!+]++[a-z]*+)*+)"
)
_MEASURE = regex.compile(  # "a11y", "i18n"; "4th", "1990s", "80s", "5am", "10km"
    r"[A-Za-z](?!0+[a-z])[0-9]{2,}[a-z]{1,2}"
    r"|[1-9][0-9]*(?:st|nd|rd|th|s|am|pm|[kmgt]?[bgmlwv]|km|kg|cm|mm|px|hz|ms|lbs?|oz|ft|in|bn|h|hrs?|min|mins?|yrs?|yo|d|k|x)"
)
_CAMEL = regex.compile(r"(?<=[a-z])(?=[A-HJ-Z][a-zI0-9])")  # "AlexNet" is two words
_CAPITAL_WITHIN = regex.compile(r"(?<=[a-z])I|(?<=^[A-Z])I(?=[a-z])")  # no spelling has it: "alI" is not Ali, "AIl" not ail
_WITHIN = regex.compile(r"(?<=[a-z])[I0](?=[a-z]|$)|(?<=[A-Z])[I0](?=[a-z]{2})|^0(?=[a-z]{3})|rn")
_SIGN_NAME = regex.compile(
    r"(?:NEGATIVE |CROSSED )*(?:CIRCLED|SQUARED|PARENTHESIZED)(?: ITALIC)? LATIN (?:SMALL|CAPITAL) LETTER ([A-Z])"
    r"|REGIONAL INDICATOR SYMBOL LETTER ([A-Z])"
)
_NAME = regex.compile(
    r"LATIN (?:(SMALL|CAPITAL) )?LETTER (?:SMALL CAPITAL |SCRIPT |TURNED |DOTLESS |LONG |OPEN )?([A-Z])(?: WITH .+)?"
)
_OTHERS = {
    "ɑ": "a",
    "ɡ": "g",
    "ɩ": "i",
    "Ɩ": "l",
    "ʟ": "l",
    "ſ": "s",
    "ƨ": "s",
    "ƽ": "s",
    "ʋ": "v",
    "ɯ": "w",
    "ꝛ": "r",
    "ƿ": "p",
    "ס": "o",
    "ן": "l",
    "ו": "l",
    "ا": "l",
    "ه": "o",
}
_DIGITS = {
    "I": "l", "0": "o", "1": "li", "|": "li", "2": "z", "3": "e", "4": "a", "5": "s", "6": "bg", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "il", "+": "t",
}  # fmt: skip
_PAIRS = {"rn": "m", "vv": "w", "cl": "d"}
_APOSTROPHES = "'\u2019"
_SHORTENED = {  # behind an apostrophe, as in "I'rn"
    "rn": [(0, 2, "m")], "cl": [(0, 2, "d")], "II": [(0, 1, "l"), (1, 2, "l")], "Il": [(0, 1, "l")], "lI": [(1, 2, "l")],
}  # fmt: skip
_NEAR = 30  # characters
_MOST_CHOICES = 6  # pairs in one word, each read as one letter or as two
_MOST_READINGS = 128  # of one word
_LONGEST = 60  # characters; nothing longer is a word
_LEAST_PLAINEST_LETTERS = 3  # "à", "où" and the like are foreign words
_FORMULA = regex.compile("[1-9][a-z]")  # "4n" does not count as a word with a plain look-alike
_LEAST_LATIN = 3  # Latin letters beside those of other alphabets, which may be words or symbols of their own, as in "\u03bcm"
_LEAST_UNKNOWN = 4  # letters of an unlisted word that is read by the look-alikes found in others, so not "x0y"

LEAST_ACCENTS, ACCENT_SHARE = 8, 0.08
"""Fewest words with foreign accents, and their least share; fewer are taken for loanwords, names and quotations."""

LEAST_PLAINEST, PLAINEST_SHARE = 3, 0.01
"""Fewest words such as "and" and "with" that have accents, which no loanword does, and their least share."""

LEAST_ASCII, ASCII_SHARE = 3, 0.005
"""Fewest words with plain look-alikes, and their least share; fewer are taken for slips and codes."""

_PLAINEST = FUNCTION_WORDS | {
    "there", "would", "about", "other", "into", "than", "then", "them", "when", "what", "your", "more",
}  # fmt: skip
LEAST_SURE = 3
"""Number of listed words with letters that English does not use from which unlisted words count as well."""


def imitations(text: str) -> list[Imitation]:
    """All imitations in the English words of a text, in order."""
    suspect = not text.isascii() or _ASCII_SUSPECT.search(text)
    if not suspect:
        return []
    words = 0  # their number; a list of them would be large for a book
    sure: list[list[Imitation]] = []  # a word for each: what a reader sees is in the list
    unsure: list[list[Imitation]] = []
    unsure_plain: list[list[Imitation]] = []
    for match in _WORD.finditer(text):
        words += 1
        word = match[0]
        if word.isascii():
            for start, part in _camel_parts(word) if 1 < len(word) <= _LONGEST and _ASCII_SUSPECT.search(word) else ():
                shortened = _SHORTENED.get(word) if _is_contracted(text, match.start()) else None
                known, edits = (True, shortened) if shortened else _imitations_in_ascii(part)
                begin = match.start() + start
                pieces = [Imitation(begin + i, begin + j, seen, "ascii") for i, j, seen in edits]
                (sure if known else unsure_plain).append(pieces)
        elif len(word) <= _LONGEST and not _PHONETIC.search(text[max(match.start() - 1, 0) : match.end() + 1]):
            known, within = _imitations_in_other(word)
            pieces = [piece._replace(start=piece.start + match.start(), end=piece.end + match.start()) for piece in within]
            if pieces and (known or not _PHONETIC_LETTER.search(word)):
                (sure if known else unsure).append(pieces)
    sure, unsure = [pieces for pieces in sure if pieces], [pieces for pieces in unsure if pieces]
    if not sure or not _is_english(text, [*sure, *unsure]):
        return []
    many = {
        "letter": True,
        "accent": _count(text, sure, "accent") >= max(LEAST_ACCENTS, ACCENT_SHARE * words)
        or len(_plainest(text, sure)) >= max(LEAST_PLAINEST, PLAINEST_SHARE * words),
        "ascii": _count(text, sure, "ascii") >= max(LEAST_ASCII, ASCII_SHARE * words),
    }
    # Where so many known words were tampered with, names and rare words were too; so were those with the same signs.
    signs = {text[piece.start : piece.end] for pieces in sure for piece in pieces if piece.kind == "letter"}
    everywhere = _count(text, sure, "letter") >= LEAST_SURE or many["accent"]
    others = [pieces for pieces in unsure if everywhere or {text[piece.start : piece.end] for piece in pieces} <= signs]
    plain = {text[piece.start : piece.end] for pieces in sure for piece in pieces if piece.kind == "ascii"}
    others += [pieces for pieces in unsure_plain if pieces and {text[piece.start : piece.end] for piece in pieces} <= plain]
    tampered = [*sure, *others]
    imitated = []
    for pieces in tampered:
        kinds = {piece.kind for piece in pieces}
        if "letter" not in kinds and not many[pieces[0].kind]:
            imitated += [piece._replace(kind="slip") for piece in pieces if _is_slip(text, piece)]
            continue
        imitated += [piece for piece in pieces if many[piece.kind] or (piece.kind == "accent" and "letter" in kinds)]
    return sorted(imitated)


def _count(text: str, words: list[list[Imitation]], kind: Kind) -> int:
    """Number of distinct words with imitations of a kind, so that a variable's name such as t0 counts once."""
    spelled = {_around(text, pieces[0].start) for pieces in words if any(piece.kind == kind for piece in pieces)}
    return sum(not _FORMULA.fullmatch(word) for word in spelled)


def _plainest(text: str, words: list[list[Imitation]]) -> set[str]:
    """The distinct plainest words of English that are spelled with accents, as spelled."""
    plainest = set[str]()
    for pieces in words:
        if any(piece.kind == "accent" for piece in pieces):
            spelled = _around(text, pieces[0].start)
            plain = "".join(_plain(letter)[0] or "" if not letter.isascii() else letter for letter in spelled)
            if len(plain) >= _LEAST_PLAINEST_LETTERS and plain.lower() in _PLAINEST:
                plainest.add(spelled.lower())
    return plainest


def _camel_parts(word: str) -> list[tuple[int, str]]:
    """The parts of a word between its capitals, with their places; without those that are measures or hold other signs."""
    parts, start = [], 0
    for part in _CAMEL.split(word):
        if _ASCII_WORD.fullmatch(part) and not _MEASURE.fullmatch(part):
            parts.append((start, part))
        start += len(part)
    return parts


def _is_contracted(text: str, start: int) -> bool:
    """Whether what starts here is joined to a word before it by an apostrophe."""
    return start > 1 and text[start - 1] in _APOSTROPHES and text[start - 2].isalnum()


def _is_slip(text: str, piece: Imitation) -> bool:
    return piece.end - piece.start == 2 and _around(text, piece.start).islower()


def _around(text: str, position: int) -> str:
    """The word at a position, or its part near the position if it is very long."""
    start = max(position - _NEAR, 0)
    return next((match[0] for match in _WORD.finditer(text, start, position + _NEAR) if match.end() > position), "")


def _is_english(text: str, odd: list[list[Imitation]]) -> bool:
    """Whether a text is English, by the share of function words, as they are spelled or as they look."""
    words = function = 0
    waiting = deque(sorted(odd))
    for match in _WORD.finditer(text):
        words += 1
        function += match[0].lower() in FUNCTION_WORDS
        while waiting and waiting[0][0].start < match.end():
            edits = [(piece.start - match.start(), piece.end - match.start(), piece.seen) for piece in waiting.popleft()]
            function += _applied(match[0], edits).lower() in FUNCTION_WORDS
    return function >= max(LEAST_ENGLISH, ENGLISH * words)


@lru_cache(maxsize=1 << 13)
def _imitations_in_other(word: str) -> tuple[bool, tuple[Imitation, ...]]:
    """For a word with non-ASCII letters: whether a reader sees an English word, and the imitations in it, by their places."""
    pieces: list[Imitation] = []
    seen: list[str] = []  # for each character
    for position, character in enumerate(word):
        if character.isascii():
            seen.append(character)
            continue
        plain, kind = _plain(character)
        if plain is None:
            return False, ()
        among_small = position and (word[position - 1].islower() or word[position + 1 : position + 2].islower())
        if plain.isupper() and among_small and not is_cased(character):
            plain = plain.lower()  # drawn for a small one; the Cyrillic S of "JavaScript" is not
        pieces.append(Imitation(position, position + 1, plain, kind))
        seen.append(plain)
    others = any(map(is_of_another_alphabet, word))
    if not pieces or is_known(word) or (others and sum(map(str.isascii, word)) < _LEAST_LATIN):
        return False, ()
    whole = "".join(seen)
    if whole and not whole.isalpha():
        whole, more = _with_ascii(seen)
        pieces = sorted([*pieces, *more])
    if not (whole.isascii() and whole.isalpha()):
        return False, ()
    alone = bool(_COMPANY.search(word)) and not regex.search("[A-Za-z]", word)
    return len(whole) > 1 and not alone and is_known(whole), () if alone and len(whole) < _LEAST_UNKNOWN else tuple(pieces)


def _with_ascii(seen: list[str]) -> tuple[str, list[Imitation]]:
    """The word that is seen where plain signs stand for letters beside the others, and these signs."""
    places = [place for place, letters in enumerate(seen) for _ in letters]
    known, edits = _imitations_in_ascii("".join(seen))
    if not known or not edits:
        return "", []
    more = [Imitation(places[i], places[j - 1] + 1, letter, "letter") for i, j, letter in edits if j - i == 1]
    return _applied("".join(seen), edits), more


@cache
def _plain(character: str) -> tuple[str | None, Kind]:
    """The ASCII letter that a character looks like, "" for a combining mark; None if it looks like none."""
    if _ALL_MARKS.fullmatch(character):
        return "", "letter"
    if character in _OTHERS:
        return _OTHERS[character], "letter"
    name = unicodedata.name(character, "")
    if sign := _SIGN_NAME.fullmatch(name):
        return (sign[1] or sign[2]).lower(), "letter"
    compatible = unicodedata.normalize("NFKC", character)
    # Of signs for several letters only numerals: ligatures are how printers set words.
    if compatible.isascii() and compatible.isalpha() and (len(compatible) == 1 or "ROMAN NUMERAL" in name):
        return compatible, "letter"
    match = _NAME.fullmatch(name)
    if match is None or " TURNED " in name or " OPEN " in name:
        return imitated_by(character), "letter"
    letter = match[2] if match[1] == "CAPITAL" and "SMALL CAPITAL" not in name else match[2].lower()
    return letter, "accent" if " WITH " in name else "letter"


def _imitations_in_ascii(word: str) -> tuple[bool, list[tuple[int, int, str]]]:
    """For an ASCII string that is no word: whether a reader sees a common word, and the stretches that imitate letters.

    The reading with the fewest stretches counts, "corners" and not "comers" for "c0rners"; of several, the most frequent. If no
    common word is seen, the stretches are those of a rare or short one; failing that, as in a name, "rn", "0" at the beginning,
    and "I" and "0" after small letters.
    """
    if is_known(word) and not _CAPITAL_WITHIN.search(word):
        return True, []
    single = [(i, letter) for i, letter in enumerate(word) if letter in _DIGITS]
    pairs = [(i, i + 2, _PAIRS[word[i : i + 2]]) for i in range(len(word) - 1) if word[i : i + 2] in _PAIRS]
    capital = [single[1:]] if word[0] == "I" else []  # in "IsIand" the first I is genuine
    combined = (
        (letters, chosen)
        for signs in (single, *capital)
        for letters in product(*([(i, i + 1, seen) for seen in _DIGITS[sign]] for i, sign in signs))
        for chosen in product((True, False), repeat=min(len(pairs), _MOST_CHOICES))
    )
    readings = [
        sorted([*letters, *(pair for pair, wanted in zip(pairs, chosen, strict=False) if wanted)])
        for letters, chosen in islice(combined, _MOST_READINGS)
    ]
    read = {tuple(edits): frequency(_applied(word, edits)) for edits in readings if edits}
    often = dict(sorted(read.items(), key=lambda reading: (len(reading[0]), -reading[1])))
    common = COMMON if len(word) > 3 else VERY_COMMON
    if word.isupper():  # people write B12 and T0; beside "w0rds", T0 stands for To
        return False, next((list(edits) for edits, count in often.items() if count >= VERY_COMMON), [])
    if sure := next((edits for edits, count in often.items() if count >= common), None):
        return True, list(sure)
    if is_known(word):
        return True, []
    least = 1 if len(word) >= _LEAST_UNKNOWN else COMMON
    if rare := next((edits for edits, count in often.items() if count >= least), None):
        return False, list(rare)
    if len(word) < _LEAST_UNKNOWN:
        return True, []
    return False, [(match.start(), match.end(), (_DIGITS | _PAIRS)[match[0]]) for match in _WITHIN.finditer(word)]


def _applied(word: str, edits: list[tuple[int, int, str]]) -> str:
    pieces, done = [], 0
    for start, end, new in edits:
        if start < done:
            return ""
        pieces += [word[done:start], new]
        done = end
    return "".join([*pieces, word[done:]])
