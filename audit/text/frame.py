"""Stretches that are not the author's running text: headings, tables, captions, short quotations, references, forms.

They are shown and not scored: references and tables change a p-value five-fold either way, and tell nothing about who wrote
the rest. The content decides, not the label: an essay in a table, in headings or in quotation is an essay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

import regex

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.text.layout import marked_headings
from llm_audit.text.places import Apart
from llm_audit.text.turns import stamps

KINDS = ("heading", "quote", "table", "caption", "reference", "form")

INCLUDABLE = {f"{kind}s": kind for kind in KINDS}
"""Name (plural) of a kind that a user can have scored all the same -> the kind."""

MOST_QUOTED, MOST_HEADED = 0.1, 0.2
"""Largest shares of all words, of quotations and of headings with captions; above, they are the main text, and scored."""

_LONGEST_HEADING, _LONGEST_CAPTION, _LONGEST_REFERENCE = 30, 80, 80  # words
_LONGEST_NOTE = 30  # words: "See Adams (2014), p. 12, and the discussion there."
_LONGEST_PLAIN_HEADING, _LEAST_BELOW = 12, 20  # words, also of the paragraph below it
_LONGEST_RUN, _LONGEST_TITLE = 2, 6  # lines
_LEAST_UNBROKEN = 120  # characters of a line that holds a paragraph
_SENTENCE_OF, _CELL_OF = 8, 25  # words from which a cell with a full stop is a sentence, and any cell is prose
_LEAST_REFERENCES = 3

_NAMES = {
    "heading": "heading",
    "quote": "quotation",
    "table": "piece{s} of tables",
    "caption": "caption",
    "reference": "reference",
    "form": "rule{s}, blank{s} or time stamp{s}",
}
_WORDS = regex.compile(r"\S+")
_LINE = regex.compile(r"[^\n]+")
_RULE = regex.compile(r"[ \t]*[=_*~#·•─━═—–.\-]{4,}[ \t]*")
_UNDERLINE = regex.compile(r"[ \t]*(?:={3,}|-{3,}|~{3,}|\*{3,})[ \t]*")
_BLANK = regex.compile(r"_{4,}|(?<![\w'’\"”])(?:\.{6,}|…{3,})|\.{6,}(?= *\d)")  # but "Maybe......" is no blank
_HEADING = regex.compile(
    r"(?:(?:chapter |section |part )?[\divxIVX]{1,5}(?:\.\d{1,2})*[.):]? +)?[\p{Lu}\p{N}\"'“‘(][^\t|]*[^\s|{}<>=]"
)
_NO_HEADING = regex.compile(  # the end of a sentence, several sentences, a line that continues, or no word at all
    r"[.!?:;,…-][\"'”’)\]*_]*$|[.!?…][\"'”’)\]*]* +[\"'“‘(]*\p{Lu}\p{Ll}|[,!?…][\"'”’] |^\P{L}*$"
    r"|\b(?:an?|the|this|my|of|in|to|at|by|for|on|with|from|as|and|or|but|that|which|because|is|are|was|were|be|not|if)$"
)
_ENDS = regex.compile(r"[.!?:…][\"'”’)\]*]*$")
_BEGINS = regex.compile(r"[ \t]*[\"'“‘(\[]*[\p{Lu}\p{N}]")
_EMPTY_LINE = regex.compile(r"\n[ \t\r]*\n|\Z")
_LIST_HEADING = regex.compile(
    r"(?i)(?:[\divx]+[.)]?\s+)?(?:list of )?(?:references?(?: list| cited)?|bibliography|works cited|literature cited|sources"
    r"|cited literature|literatur(?:verzeichnis)?|bibliographie|references and notes)\s*:?"
)
_YEAR = regex.compile(r"(?<!\d)(?:1[5-9]|20)\d\d[a-z]?(?!\d)|\bn\. ?d\.")
_BEGINS_REFERENCE = regex.compile(
    r"[\s*•-]*(?:\[\d+\]|\(?\d{1,3}[.)])?\s*(?:\p{Lu}[\p{L}'’-]+(?: \p{Lu}[\p{L}'’-]+){0,3},? "
    r"(?:\p{Lu}\.|\p{Lu}{1,3}[,. ]|\(\d{4})|(?:\p{Lu}\. ?-?){1,3}\p{Lu}\p{L}+|\p{Lu}[\p{L}'’-]+, \p{Lu}\p{L}+[,.])"
)
_JOINING = frozenset(
    {"that", "is", "was", "are", "were", "which", "it", "they", "he", "she", "we", "this", "not", "have", "had", "be"}
)
_MOST_JOINED = 0.08
_SIGNS_OF_REFERENCE = tuple(
    regex.compile(pattern)
    for pattern in (
        r"\p{Lu}[\p{L}'’-]+,? (?:\p{Lu}\. ?-?){1,4}|(?:\p{Lu}\. ?){1,3}\p{Lu}\p{Ll}+,",  # initials
        r"doi\.org|\bdoi:|https?://|www\.",
        r"\b\d+[-–]\d+\b|\bpp?\. ?\d",
        r"\b\d+ ?\(\d+[-–]?\d*\)|\bvol\. ?\d|\bno\. ?\d",
        r"\((?:1[5-9]|20)\d\d[a-z]?(?:, \w+(?: \d+)?)?\)[.,]?",
        r"\b(?:Journal|Proceedings|Press|Review|Quarterly|Publish\w+|University|Retrieved|Accessed|arXiv|Eds?\.|et al\.)",
        r"^\s*(?:\[\d+\]|\d+\.)\s",
    )
)


def set_apart(text: str, labelled: Sequence[Apart] = (), include: Collection[str] = ()) -> tuple[Apart, ...]:
    """The stretches of a text that are not scored, in order; none overlap.

    Args:
        text: as read.
        labelled: stretches that the document's markup labels; see `RawText.apart`.
        include: kinds in `KINDS` that are scored all the same.
    """
    total = max(_count(text), 1)
    parts = [part for part in labelled if _is_what_it_is_called(text[part.start : part.end], part.kind)]
    parts += [*_plain_headings(text), *marked_headings(text)]
    quoted = [part for part in parts if part.kind == "quote"]
    headed = [part for part in parts if part.kind in ("heading", "caption")]
    if sum(_count(text[part.start : part.end]) for part in quoted) > MOST_QUOTED * total:
        parts = [part for part in parts if part.kind != "quote"]
    if sum(_count(text[part.start : part.end]) for part in headed) > MOST_HEADED * total:
        parts = [part for part in parts if part.kind not in ("heading", "caption")]
    parts += [*_references(text), *_forms(text)]
    return _without_overlaps(part for part in parts if part.kind not in include)


def kinds_of(names: Collection[str]) -> frozenset[str]:
    """The kinds for the plural names that a user gives. Raises InvalidConfiguration for an unknown name."""
    for name in names:
        if name not in INCLUDABLE:
            raise InvalidConfiguration(f"There is nothing called {name!r} to include; choose from {', '.join(INCLUDABLE)}.")
    return frozenset(INCLUDABLE[name] for name in names)


def described(apart: Sequence[Apart]) -> str:
    """A sentence that counts the stretches set apart; "" if there are none."""
    counts = Counter(part.kind for part in apart)
    listed = ", ".join(f"{counts[kind]:,} {_counted_noun(kind, counts[kind])}" for kind in KINDS if counts[kind])
    return f"Set apart and not scored: {listed}." if listed else ""


def _counted_noun(kind: str, count: int) -> str:
    s = "s" * (count != 1)
    name = _NAMES[kind]
    return name.format(s=s) if "{s}" in name else name + s


def _count(text: str) -> int:
    return len(_WORDS.findall(text))


def _is_what_it_is_called(text: str, kind: str) -> bool:
    words = _count(text)
    match kind:
        case "heading":
            return words <= _LONGEST_HEADING
        case "caption":
            return words <= _LONGEST_CAPTION
        case "table":
            return all(_is_cell(cell) for cell in text.split("\t"))
        case "reference":
            return _is_reference(text) or words <= 3 or (words <= _LONGEST_NOTE and bool(_YEAR.search(text)))
    return True


def _is_cell(text: str) -> bool:
    words = _count(text)
    return words < _SENTENCE_OF or (words < _CELL_OF and not regex.search(r"[.!?]['\"’”)]*\s*$", text))


def _is_reference(text: str) -> bool:
    """Whether a line is an entry of a list of references: it begins with a number or a name, and has a year and other signs.

    Sentences that cite have years and pages as well, but begin differently and have more function words.
    """
    words = _WORDS.findall(text.lower())
    if len(words) > _LONGEST_REFERENCE or not _YEAR.search(text):
        return False
    signs = sum(bool(sign.search(text)) for sign in _SIGNS_OF_REFERENCE)
    joined = sum(word in _JOINING for word in words)
    return signs >= (1 if _BEGINS_REFERENCE.match(text) else 3) and joined <= max(2, _MOST_JOINED * len(words))


def _references(text: str) -> Iterator[Apart]:
    """Lists of references: runs of entries, with the heading above them, and lines between that continue an entry."""
    lines = list(_LINE.finditer(text))
    lines = [line for line in lines if line[0].strip()]
    run: list[regex.Match[str]] = []
    heading: regex.Match[str] | None = None
    for line in [*lines, None]:
        if line is not None and (_is_reference(line[0]) or (run and _count(line[0]) <= 12 and _continues(line[0]))):
            run.append(line)
            continue
        entries = sum(_is_reference(entry[0]) for entry in run)
        if entries >= _LEAST_REFERENCES or (heading is not None and entries):
            if heading is not None:
                yield Apart(heading.start(), heading.end(), "heading")
            yield from (Apart(entry.start(), entry.end(), "reference") for entry in run)
        run = []
        heading = line if line is not None and _LIST_HEADING.fullmatch(line[0].strip("#*= \t")) else None


def _continues(line: str) -> bool:
    """Whether a short line can be the rest of a reference that was broken over lines."""
    return bool(regex.search(r"\d|https?:|doi", line)) or line[:1] in " \t"


def _plain_headings(text: str) -> list[Apart]:
    """Headings and titles without markup: short lines above a paragraph that are no sentence and do not continue one.

    At most a heading and a subheading; at the beginning of a text, the lines of a title with name, course and date. Questions
    are headings only where a text begins with one, or has other headings; elsewhere they are dialogue.
    """
    lines = [line for line in _LINE.finditer(text) if line[0].strip()]
    headings = list(_runs_of_headings(text, lines, questions=False))
    questions = [line for line in lines if line[0].rstrip().endswith("?")]
    if questions and (headings or questions[0] is lines[0]):
        headings = list(_runs_of_headings(text, lines, questions=True))
    return headings


def _runs_of_headings(text: str, lines: list[regex.Match[str]], *, questions: bool) -> Iterator[Apart]:
    blocks = [len(_WORDS.findall(text, line.start(), _block_end(text, line.end()))) for line in lines]
    run: list[regex.Match[str]] = []
    for number, line in enumerate(lines):
        above = lines[number - 1][0].rstrip() if number else ""
        begins = bool(run) or not number or bool(_ENDS.search(above))
        if begins and _is_plain_heading(line[0].strip(), questions=questions):
            run.append(line)
            continue
        opened = not run or run[0].start() == lines[0].start()
        if run and len(run) <= (_LONGEST_TITLE if opened else _LONGEST_RUN) and blocks[number] >= _LEAST_BELOW:
            gap = _is_gap(text[run[-1].end() : line.start()])
            # Without a gap it may be the first line of a paragraph that was broken by hand, unless no line is.
            if _BEGINS.match(line[0]) and (gap or len(line[0].strip()) >= _LEAST_UNBROKEN):
                yield from (Apart(heading.start(), heading.end(), "heading") for heading in run)
        run = []


def _is_gap(between: str) -> bool:
    return "\n\n" in between.replace(" ", "").replace("\r", "")


def _is_plain_heading(line: str, *, questions: bool) -> bool:
    if questions and line.endswith("?"):
        line = line[:-1].rstrip()
    return bool(_HEADING.fullmatch(line)) and _count(line) <= _LONGEST_PLAIN_HEADING and not _NO_HEADING.search(line)


def _block_end(text: str, place: int) -> int:
    """Position of the end of a line's paragraph, which is at an empty line."""
    match = _EMPTY_LINE.search(text, place)
    return match.start() if match else len(text)


def _forms(text: str) -> Iterator[Apart]:
    """Rules and headings underlined by them, blanks to fill in, and the time stamps and names before turns of speech."""
    lines = [line for line in _LINE.finditer(text) if line[0].strip()]
    for above, line in pairwise([None, *lines]):
        assert line is not None
        if _RULE.fullmatch(line[0]) or _UNDERLINE.fullmatch(line[0]):
            yield Apart(line.start(), line.end(), "form")
            adjacent = above is not None and text[above.end() : line.start()] == "\n"
            if above is not None and adjacent and _UNDERLINE.fullmatch(line[0]) and _count(above[0]) <= 12:
                yield Apart(above.start(), above.end(), "heading")
        elif _BLANK.search(line[0]):
            rest = _count(_BLANK.sub(" ", line[0]))
            blanks = [line.span()] if rest <= _SENTENCE_OF else [
                (line.start() + blank.start(), line.start() + blank.end()) for blank in _BLANK.finditer(line[0])
            ]  # fmt: skip
            yield from (Apart(start, end, "form") for start, end in blanks)
    yield from (Apart(start, end, "form") for start, end in stamps(text))


def _without_overlaps(parts: Iterator[Apart]) -> tuple[Apart, ...]:
    kept: list[Apart] = []
    for part in sorted(parts):
        start = max(part.start, kept[-1].end) if kept else part.start
        if start < part.end:
            kept.append(part._replace(start=start))
    return tuple(kept)
