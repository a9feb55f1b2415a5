"""The normalised view of a text, with a map from its characters back to the text as read.

What a detector scores must not depend on line breaks, on characters that nobody sees, or on Cyrillic letters that look
Latin. This module knows characters only: nothing of files, tokens or languages.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt
import regex

from llm_audit.text.blanks import blanked
from llm_audit.text.broken import at_odd_spaces, plain_capitals, spaced_out, title_case, whole_words
from llm_audit.text.ciphers import deciphered
from llm_audit.text.escapes import backslashes, entities, quoted_printable
from llm_audit.text.frame import described, set_apart
from llm_audit.text.homoglyphs import lookalikes
from llm_audit.text.layout import Edit, layout_marks
from llm_audit.text.marks import Wrapper, find_marks
from llm_audit.text.places import Apart
from llm_audit.text.read import RawText
from llm_audit.text.reading_notes import NOTES, note
from llm_audit.text.scripts import PLAIN_SCRIPTS
from llm_audit.text.seen import imitations
from llm_audit.text.traces import find_traces

Offsets = npt.NDArray[np.int32]

# Never part of the writing; soft hyphens and zero-width spaces only say where a line may break.
_HIDDEN = {
    "zero_width": "\u200b\u2060\ufeff",
    "soft_hyphen": "\u00ad",
    "bidi": "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069",
    "tag": "\U000e0000-\U000e007f",
}
# A flag such as Scotland's is the one honest use of tag characters.
_ALWAYS_HIDDEN = regex.compile(
    r"\U0001F3F4[\U000E0061-\U000E007A]{5}\U000E007F(*SKIP)(*FAIL)|"
    + "|".join(f"(?P<{kind}>[{characters}])" for kind, characters in _HIDDEN.items()),
    regex.V1,
)
# Joiners, variation selectors and other "default ignorables" (DI) shape Arabic, Indic scripts and emoji. They are hidden
# characters only where both neighbours never need them: letters of these alphabets, ASCII, spaces, common punctuation.
_PLAIN = PLAIN_SCRIPTS + r"\p{ASCII}\s«»\u2010-\u2027\u2030-\u203a"
_AT_TIMES_HIDDEN = regex.compile(
    rf"(?<![^[{_PLAIN}[\p{{Mn}}&&\p{{Inherited}}]]--[\p{{DI}}]])\p{{DI}}++(?![^{_PLAIN}])", regex.V1
)
_JOINERS = frozenset("\u200c\u200d")
_STYLED = re.compile("[\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff]")
# Characters that can change under NFC, or together with the one before them (UAX #15, section 9.1).
_UNSTABLE = regex.compile(r"[\p{NFC_QC=No}\p{NFC_QC=Maybe}\p{^ccc=0}]++")
_SPACES = re.compile(r"[^\S ]\s*| \s+|\A | \Z")
# Typography by programs, not by the author. A Braille blank looks like a space.
_TYPOGRAPHY = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
    **dict.fromkeys("\u2014\u2015", " - "),  # between words, with spaces or without
    "\u2026": "...",
    "\u2800": " ",
    **{chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)},
}
_TYPESET = re.compile(f"[{''.join(_TYPOGRAPHY)}]")
# Stops of other scripts and full-width ones, as an input method leaves them, where neither neighbour is of those scripts.
_STOPS = {
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if not chr(code - 0xFEE0).isalnum()},
    "\u3002": ".", "\uff61": ".", "\u3001": ",", "\u060c": ",", "\u061b": ";", "\u061f": "?", "\u06d4": ".", "\u2024": ".",
    "\ua789": ":", "\u2236": ":", "\ufe63": "-", "\u2043": "-",
}  # fmt: skip
_WIDE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Arabic}\p{Bopomofo}"
_STOP = regex.compile(
    rf"(?<![{_WIDE}]|[{_WIDE}]\s)(?P<stop>[{''.join(map(regex.escape, _STOPS))}])(?!\s?[{_WIDE}])"
    rf"|(?<=\p{{Latin}})(?P<comma>\u201a)(?=\s|\Z)|(?<=\p{{Latin}})(?P<apostrophe>[`\u00b4\u02b9\u05f3\ua78c\u055a])(?=\p{{Latin}})"
)
# UTF-8 that was read as Windows-1252 or Latin-1: a capital letter with an accent, and signs that no word goes on with; and
# Windows-1252 that was read as Latin-1: control characters.
_WRONGLY_DECODED = regex.compile(
    r"[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]{1,3}|[\u0080-\u0084\u0086-\u009f]"
)
# Colours and links of a terminal.
_TERMINAL = re.compile("\x1b(?:\\[[0-9;?]*[A-Za-z]|\\]8;[^\x07\x1b]{0,500}(?:\x07|\x1b\\\\))")
# Beside letters nobody sees them: controls, marks of annotations and places of objects, what is no character.
_SHAPELESS = regex.compile(
    r"(?<=[\p{Latin}\p{P}])[\u0000-\u0008\u000e-\u001b\u007f\ufff9-\ufffc\ufffe\uffff\U0001d159]++(?=[\p{Latin}\p{P}])"
)
_LEAST_CASED, _CAPITALS = 100, 0.95
_BEGINNING = re.compile(r"(?:\A|[.!?]['\")\]]*\s)\W*?(\w)|\b(I)\b")
_MOST_CODED = 2  # times that a text went through the same wrong program
# Shown from right to left: letters that are stored the other way round.
_OVERRIDDEN = regex.compile("\u202e([^\u202a-\u202e\u2066-\u2069\n\r\u2028\u2029]++)(?:\u202c|$)", regex.M)
_RIGHT_TO_LEFT = regex.compile(r"[\p{bc=R}\p{bc=AL}--\p{Bidi_Control}]", regex.V1)

MOST_OMITTED = 0.1
"""Largest share of the visible characters that may be missing from the text; above it, the document never passes."""


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """A normalised text; character i of it stands for `[starts[i], ends[i])` of the source."""

    text: str
    starts: Offsets
    ends: Offsets
    notes: tuple[str, ...]

    def to_source(self, start: int, end: int) -> tuple[int, int]:
        """The character range of the source that `text[start:end]` stands for; an empty range stays empty."""
        if not 0 <= start <= end <= len(self.text):
            raise IndexError(f"[{start}, {end}) is not a range of {len(self.text)} characters")
        if start < end:
            return int(self.starts[start]), int(self.ends[end - 1])
        if start < len(self.text):
            return int(self.starts[start]), int(self.starts[start])
        last = int(self.ends[-1]) if self.text else 0
        return last, last


def view_of(raw: RawText, include: Collection[str] = ()) -> View:
    """The view of a text that is scored: normalised, without provenance marks and without stretches that are no running text.

    Its notes say what was set apart, and whether more than a tenth of the visible characters are not in the text. `include`:
    the kinds of stretches (see `llm_audit.text.frame`) that are scored all the same.
    """
    apart = set_apart(raw.text, raw.apart, include)
    layout = layout_marks(raw.text)
    view = normalise(raw.text, find_marks(raw.text), apart, layout)
    notes = [*view.notes]
    if _has_marks(raw.text, layout, apart):
        notes.append(
            "Marks of layout are not scored: bullets, numbers of lists and of lines, signs of headings and in margins, "
            "asterisks of bold."
        )
    if apart:
        notes.append(described(apart))
    if raw.omitted_share > MOST_OMITTED:
        notes.append(f"{raw.omitted_share:.0%} of what a reader sees was left out: nothing is said of the document as a whole.")
    return replace(view, notes=tuple(notes))


def scored(text: str) -> str:
    """The part of a plain text that is scored: the text of its `view_of`."""
    return normalise(text, find_marks(text), set_apart(text), layout_marks(text)).text


def normalise(text: str, marks: Sequence[Wrapper] = (), apart: Sequence[Apart] = (), layout: Sequence[Edit] = ()) -> View:
    """The normalised view of a text: NFC, single spaces, no hidden characters, no look-alike letters in mixed words.

    Idempotent, and independent of line breaks. Provenance marks, the stretches `apart` and layout marks are left out.
    """
    draft = _Draft(text)
    marked, set_aside = ((mark.start, mark.end, "") for mark in marks), ((part.start, part.end, " ") for part in apart)
    draft.replace(_outside([*marked, *set_aside, *layout]))
    counts: Counter[str] = Counter()
    draft.replace(_colored(draft.text, counts))
    draft.replace(_traced(draft.text, counts))
    draft.replace(_reversed(draft.text, counts))
    draft.replace(_as_meant(quoted_printable(draft.text), counts, "quoted"))
    draft.replace(_as_meant(backslashes(draft.text), counts, "escaped"))
    draft.replace(_as_meant(spaced_out(draft.text), counts, "whole"))
    for _ in range(_MOST_CODED):
        draft.replace(_as_meant(entities(draft.text), counts, "entity"))
        draft.replace(_decoded_again(draft.text, counts))
    # A removed or replaced character can bring others together, so repeat until nothing changes; two rounds are usual.
    before = draft.text if draft.text.isascii() else None
    if before is not None:
        draft.replace(_seen_forms(draft.text, counts))
        before = draft.text
    while draft.text != before:
        before = draft.text
        draft.replace(_composed(draft.text))
        draft.replace(_always_hidden(draft.text, counts))
        draft.replace(_shapeless(draft.text, counts))
        draft.replace(_at_times_hidden(draft.text, counts))
        draft.replace(_plain_forms(draft.text, counts))
        draft.replace(_latin_forms(draft.text, counts))
        draft.replace(_deciphered(draft.text, counts))  # before shapes decide, since a sign may look like another letter
        draft.replace(_seen_forms(draft.text, counts))
        draft.replace(_stops(draft.text))
        draft.replace(_typed_forms(draft.text))
    draft.replace(_as_meant(at_odd_spaces(draft.text), counts, "whole"))
    draft.replace(_single_spaces(draft.text))
    draft.replace(_as_meant(whole_words(draft.text), counts, "whole"))
    draft.replace(_as_meant(blanked(draft.text), counts, "blank"))
    draft.replace(_as_meant(plain_capitals(draft.text), counts, "odd_capitals"))
    draft.replace(_as_meant(title_case(draft.text), counts, "titled"))
    draft.replace(_sentence_case(draft.text, counts))
    notes = tuple(note(sentence, counts[kind]) for kind, sentence in NOTES.items() if counts[kind])
    return View(draft.text, draft.starts, draft.ends, notes)


class _Draft:
    """A text under edit that records the source position of each character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts: Offsets = np.arange(len(text), dtype=np.int32)
        self.ends: Offsets = self.starts + np.int32(1)

    def replace(self, edits: Iterable[Edit]) -> None:
        """Apply edits that are in order, non-empty and do not overlap."""
        listed = list(edits)
        if not listed:
            return
        pieces: list[str] = []
        done = 0
        for start, end, new in listed:
            pieces += self.text[done:start], new
            done = end
        pieces.append(self.text[done:])
        self.text = "".join(pieces)

        # Kept stretches and replacements alternate in the new text: where each began and ended in the old, its new size.
        edges = np.array([(start, end, len(new)) for start, end, new in listed])
        first = np.zeros(2 * len(listed) + 1, dtype=np.int64)
        last, size = first.copy(), first.copy()
        first[1::2], first[2::2] = edges[:, 0], edges[:, 1]
        last[0::2], last[1::2] = first[0::2], edges[:, 1] - 1
        size[0::2], size[1::2] = np.append(edges[:, 0], len(self.starts)) - first[0::2], edges[:, 2]
        step = np.arange(size.sum()) - np.repeat(size.cumsum() - size, size)
        step[np.repeat(np.arange(len(size)) % 2 == 1, size)] = 0  # all of a replacement stands for all of the old range
        self.starts = self.starts[np.repeat(first, size) + step]
        self.ends = self.ends[np.repeat(last, size) + step]


def _composed(text: str) -> Iterable[Edit]:
    for run in _UNSTABLE.finditer(text):
        start = max(run.start() - 1, 0)  # the stable character that the run attaches to
        segment = text[start : run.end()]
        composed = _nfc(segment)
        if composed != segment:
            yield start, run.end(), composed


def _nfc(segment: str) -> str:
    if len(segment) > 64:
        # CPython sorts combining marks in quadratic time; sorted ones cost it nothing (canonical ordering is stable).
        decomposed = "".join([unicodedata.normalize("NFD", character) for character in segment])
        runs = groupby(decomposed, key=lambda character: unicodedata.combining(character) != 0)
        segment = "".join(["".join(sorted(run, key=unicodedata.combining) if marks else run) for marks, run in runs])
    return unicodedata.normalize("NFC", segment)


def _always_hidden(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for match in _ALWAYS_HIDDEN.finditer(text):
        counts[match.lastgroup] += 1
        yield match.start(), match.end(), ""


def _at_times_hidden(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for match in _AT_TIMES_HIDDEN.finditer(text):
        joiners = sum(character in _JOINERS for character in match[0])
        counts["zero_width"] += joiners
        counts["other"] += len(match[0]) - joiners
        yield match.start(), match.end(), ""


def _plain_forms(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for match in _STYLED.finditer(text):
        plain = unicodedata.normalize("NFKC", match[0])
        if plain != match[0]:  # the block has a few unassigned places
            counts["styled"] += 1
            yield match.start(), match.end(), plain


def _latin_forms(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for position, letter in lookalikes(text):
        counts["homoglyph"] += 1
        yield position, position + 1, letter


def _seen_forms(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for imitation in imitations(text):
        counts["seen"] += 1
        yield imitation.start, imitation.end, imitation.seen


def _deciphered(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for position, letter in deciphered(text):
        counts["seen"] += 1
        yield position, position + 1, letter


def _decoded_again(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for match in () if text.isascii() else _WRONGLY_DECODED.finditer(text):
        try:
            meant = b"".join(map(_byte, match[0])).decode("utf-8" if len(match[0]) > 1 else "cp1252")
        except UnicodeError:
            continue
        counts["decoded"] += len(meant)
        yield match.start(), match.end(), meant


def _byte(character: str) -> bytes:
    """The byte that Windows-1252 shows as a character; of those that it does not show, Latin-1."""
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")


def _colored(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for match in _TERMINAL.finditer(text):
        counts["other"] += len(match[0])
        yield match.start(), match.end(), ""


def _shapeless(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for match in _SHAPELESS.finditer(text):
        counts["other"] += len(match[0])
        yield match.start(), match.end(), ""


def _stops(text: str) -> Iterable[Edit]:
    for match in () if text.isascii() else _STOP.finditer(text):
        plain = "," if match["comma"] else "'" if match["apostrophe"] else _STOPS[match[0]]
        wide = match["stop"] and plain in ".,;:?!" and text[match.end() : match.end() + 1].isalpha()
        yield match.start(), match.end(), plain + " " * bool(wide)


def _typed_forms(text: str) -> Iterable[Edit]:
    if text.isascii():
        return
    for match in _TYPESET.finditer(text):
        yield match.start(), match.end(), _TYPOGRAPHY[match[0]]


def _has_marks(text: str, layout: Sequence[Edit], apart: Sequence[Apart]) -> bool:
    """Whether the scored part of a text has a layout mark other than a line break after a hyphen."""
    starts = [part.start for part in apart]
    for start, end, _ in layout:
        above = bisect_right(starts, start) - 1
        if not text[start:end].isspace() and not (above >= 0 and start < apart[above].end):
            return True
    return False


def _outside(edits: list[Edit]) -> Iterable[Edit]:
    """Edits in order, without those that overlap an earlier one."""
    done = 0
    for start, end, new in sorted(edits):
        if max(start, done) < end:
            yield max(start, done), end, new
            done = end


def _traced(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for trace in find_traces(text):
        counts["trace"] += 1
        yield trace.start, trace.end, " "


def _reversed(text: str, counts: Counter[str]) -> Iterable[Edit]:
    for match in _OVERRIDDEN.finditer(text):
        if not _RIGHT_TO_LEFT.search(match[1]):
            counts["reversed"] += 1
            yield match.start(), match.end(), "".join(reversed(regex.findall(r"\X", match[1])))


def _as_meant(edits: Iterable[Edit], counts: Counter[str], kind: str) -> Iterable[Edit]:
    for edit in edits:
        counts[kind] += 1
        yield edit


def _sentence_case(text: str, counts: Counter[str]) -> Iterable[Edit]:
    """Edits that turn a text all in capitals into sentence case.

    For twelve texts put into capitals, p-values were 0.63 to 1, whoever wrote them; in sentence case they were those of the
    originals within a factor of 1.5, and for the six by machines the same.
    """
    cased = [letter for letter in text if letter.isupper() or letter.islower()]
    if len(cased) < _LEAST_CASED or sum(letter.isupper() for letter in cased) < _CAPITALS * len(cased):
        return
    beginnings = {match.start(match.lastindex or 0) for match in _BEGINNING.finditer(text)}
    counts["capitals"] = len(beginnings)
    for position, letter in enumerate(text):
        small = letter.lower()
        if position not in beginnings and small != letter and len(small) == 1:
            yield position, position + 1, small


def _single_spaces(text: str) -> Iterable[Edit]:
    for match in _SPACES.finditer(text):
        yield match.start(), match.end(), " " if match.start() > 0 and match.end() < len(text) else ""
