"""Latin letters, accents and digits that imitate the letters of an English word.

Decided word by word, with a list of English words (from pyspellchecker): a string that is no word becomes one if its
look-alikes are read as the letters that they resemble. Letters of other alphabets are left to `llm_audit.text.homoglyphs`. Only
English texts: other languages have letters and accents of their own.
"""

from __future__ import annotations

import gzip
import pkgutil
import unicodedata
from bisect import bisect_left, bisect_right
from collections import deque
from functools import cache, lru_cache
from itertools import product
from typing import Literal, NamedTuple

import regex

from llm_audit.text.homoglyphs import imitated_by, is_of_another_alphabet

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


# A word as typed, with what may stand for letters in it.
_WORD = regex.compile(r"[\p{L}\p{M}\p{Nd}|@$\u24b6-\u24e9]++")
_PHONETIC = regex.compile(r"[ˈˌːˑʰʲʷ]|^[/\[].*[/\]]$")
_ALL_MARKS = regex.compile(r"\p{Mn}++")
_ASCII_SUSPECT = regex.compile(r"(?<=[A-Za-z])I|I(?=[a-z])|[A-Za-z][01345|@$]+(?:[a-z]|\b)|\b[01][a-z]|rn|vv|cl")
_ASCII_WORD = regex.compile(r"[A-Za-z][a-z]*(?:[I01345|@$]+[a-z]*)*|[I01|][a-z]+(?:[I01345|@$]+[a-z]*)*")
_CAPITAL_WITHIN = regex.compile(r"(?<=[a-z])I")  # no spelling has it: "alI" is not the name Ali
_WITHIN = regex.compile(r"(?<=[a-z])[I0](?=[a-z]|$)|(?<=[A-Z])[I0](?=[a-z]{2})|^0(?=[a-z]{3})|rn")
_NAME = regex.compile(
    r"LATIN (?:(SMALL|CAPITAL) )?LETTER (?:SMALL CAPITAL |SCRIPT |TURNED |DOTLESS |LONG |OPEN )?([A-Z])(?: WITH .+)?"
)
_FUNCTION_WORDS = frozenset({
    "the", "of", "and", "to", "a", "in", "is", "that", "for", "it", "was", "with", "as", "on", "are", "this", "be", "by",
    "have", "not", "from", "or", "an", "we", "you", "they", "his", "her", "which", "at", "but", "i",
})  # fmt: skip
_LEAST_ENGLISH, _ENGLISH = 2, 0.08  # least number and share of function words in an English text
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
}
_DIGITS = {"I": "l", "0": "o", "1": "l", "|": "l", "3": "e", "4": "a", "5": "s", "@": "a", "$": "s"}
_PAIRS = {"rn": "m", "vv": "w", "cl": "d"}
_APOSTROPHES = "'\u2019"
_SHORTENED = {  # behind an apostrophe, as in "I'rn"
    "rn": [(0, 2, "m")], "cl": [(0, 2, "d")], "II": [(0, 1, "l"), (1, 2, "l")], "Il": [(0, 1, "l")], "lI": [(1, 2, "l")],
}  # fmt: skip
_NEAR = 30  # characters
_MOST_CHOICES = 6  # pairs in one word, each read as one letter or as two
_LEAST_UNKNOWN = 4  # letters of an unlisted word that is read by the look-alikes found in others, so not "x0y"

LEAST_ACCENTS, ACCENT_SHARE = 8, 0.08
"""Fewest words with foreign accents, and their least share; fewer are taken for loanwords, names and quotations."""

LEAST_ASCII, ASCII_SHARE = 3, 0.005
"""Fewest words with plain look-alikes, and their least share; fewer are taken for slips and codes."""

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
            if len(word) > 1 and _ASCII_SUSPECT.search(word) and _ASCII_WORD.fullmatch(word):
                shortened = _SHORTENED.get(word) if _is_contracted(text, match.start()) else None
                known, edits = (True, shortened) if shortened else _imitations_in_ascii(word)
                pieces = [Imitation(match.start() + i, match.start() + j, seen, "ascii") for i, j, seen in edits]
                (sure if known else unsure_plain).append(pieces)
        elif not _PHONETIC.search(text[max(match.start() - 1, 0) : match.end() + 1]):
            known, pieces = _imitations_in_other(word, match.start())
            (sure if known else unsure).append(pieces)
    sure, unsure = [pieces for pieces in sure if pieces], [pieces for pieces in unsure if pieces]
    if not sure or not _is_english(text, [*sure, *unsure]):
        return []
    many = {
        "letter": True,
        "accent": _count(text, sure, "accent") >= max(LEAST_ACCENTS, ACCENT_SHARE * words),
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
    return len({_around(text, pieces[0].start) for pieces in words if any(piece.kind == kind for piece in pieces)})


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
        function += match[0].lower() in _FUNCTION_WORDS
        while waiting and waiting[0][0].start < match.end():
            edits = [(piece.start - match.start(), piece.end - match.start(), piece.seen) for piece in waiting.popleft()]
            function += _applied(match[0], edits).lower() in _FUNCTION_WORDS
    return function >= max(_LEAST_ENGLISH, _ENGLISH * words)


def _imitations_in_other(word: str, start: int) -> tuple[bool, list[Imitation]]:
    """For a word with non-ASCII letters: whether a reader sees an English word, and the imitations in it."""
    pieces: list[Imitation] = []
    seen = ""
    for position, character in enumerate(word):
        if character.isascii():
            seen += character
            continue
        plain, kind = _plain(character)
        if plain is None:
            return False, []
        pieces.append(Imitation(start + position, start + position + 1, plain, kind))
        seen += plain
    if not (pieces and seen.isascii() and seen.isalpha()) or _is_known(word):
        return False, []
    return len(seen) > 1 and _is_known(seen), pieces


@cache
def _plain(character: str) -> tuple[str | None, Kind]:
    """The ASCII letter that a character looks like, "" for a combining mark; None if it looks like none."""
    if _ALL_MARKS.fullmatch(character):
        return "", "letter"
    if is_of_another_alphabet(character):
        return None, "letter"
    if character in _OTHERS:
        return _OTHERS[character], "letter"
    compatible = unicodedata.normalize("NFKC", character)
    if len(compatible) == 1 and compatible.isascii() and compatible.isalpha():
        return compatible, "letter"
    name = unicodedata.name(character, "")
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
    if _is_known(word) and not _CAPITAL_WITHIN.search(word):
        return True, []
    single = [(i, i + 1, _DIGITS[letter]) for i, letter in enumerate(word) if letter in _DIGITS]
    pairs = [(i, i + 2, _PAIRS[word[i : i + 2]]) for i in range(len(word) - 1) if word[i : i + 2] in _PAIRS]
    capital = [single[1:]] if word[0] == "I" else []  # in "IsIand" the first I is genuine
    readings = [
        sorted([*letters, *(pair for pair, wanted in zip(pairs, chosen, strict=False) if wanted)])
        for letters in (single, *capital)
        for chosen in product((True, False), repeat=min(len(pairs), _MOST_CHOICES))
    ]
    read = {tuple(edits): _frequency(_applied(word, edits)) for edits in readings if edits}
    often = dict(sorted(read.items(), key=lambda reading: (len(reading[0]), -reading[1])))
    common = _COMMON if len(word) > 3 else _VERY_COMMON
    if word.isupper():  # people write B12 and T0; beside "w0rds", T0 stands for To
        return False, next((list(edits) for edits, frequency in often.items() if frequency >= _VERY_COMMON), [])
    if sure := next((edits for edits, frequency in often.items() if frequency >= common), None):
        return True, list(sure)
    if _is_known(word):
        return True, []
    least = 1 if len(word) >= _LEAST_UNKNOWN else _COMMON
    if rare := next((edits for edits, frequency in often.items() if frequency >= least), None):
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


# Occurrences in the list, of 1.6 billion words: below are names and slips; short words are read otherwise by chance.
_COMMON, _VERY_COMMON = 100, 1_000_000


def _is_known(word: str) -> bool:
    return _frequency(word) > 0


def _frequency(word: str) -> int:
    """Frequency of a word in the list; 0: it is not in it."""
    word = word.lower()
    lines = _lines(word[:_KEY])
    start = lines.find(f'"{word}": ')
    return int(lines[start + len(word) + 4 : lines.index(",", start)]) if start >= 0 else 0


_KEY = 3  # letters: the words that begin alike are a few kilobytes


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
