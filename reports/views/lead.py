"""The plain sentence with which a report opens, and the one with which it ends, for readers who read nothing else.

Made from verdicts and numbers alone: it judges nothing, and states no more than they do.
"""

from __future__ import annotations

import math
import re

from llm_audit.common.terminal import one_line
from llm_audit.reports import format as fmt
from llm_audit.reports.views.passages import Passage, passages
from llm_audit.reports.views.places import places
from llm_audit.results import Document, Report, Verdict

WHOLE = 0.85
"""Share from which the whole text is said to read like machine writing; in machine texts about this much is found."""

COARSE = 1.25
"""Where a place's lines are this many times as long as the place itself, its words are numbered instead."""

_PLACE = re.compile(r"(?P<first>.*?\d+)(?: to (?P<last>(?:.* )?\d+))?")

NAMED = 10
"""Documents that the last line names."""


def lead(document: Document, alpha: float) -> str:
    """The sentences that open the report on a document: that it was tampered with, then whether it reads like machine writing.

    Empty of a document that was asked other questions, or is an endpoint (watermark probe), and was not tampered with: its
    summary says what there is to say.
    """
    sentences = [_tampered(document)] if document.tampering else []
    of_text = not (document.attributions or document.is_endpoint)
    of_author = of_text and (document.combined is None or document.combined.family == "origin")
    return " ".join([*sentences, *([_of_author(document, alpha)] if of_author else [])])


def _tampered(document: Document) -> str:
    named = [result.name[:1].lower() + result.name[1:] for result in document.tampering]
    return (
        f"There is something odd in this text: {_and(named)}. It was changed, or copied from somewhere; what is said here is "
        "of the text as its reader sees it."
    )


def _of_author(document: Document, alpha: float) -> str:
    if document.verdict is Verdict.ERROR:
        return "This file could not be read, so nothing is said of it: it is neither cleared nor suspected."
    if document.verdict is Verdict.NOT_ASSESSABLE:
        return "Nothing can be said about who wrote this text: it is neither cleared nor suspected."
    combined, part = document.combined, document.share
    in_part = (
        f"Part of this text reads like machine writing, about {fmt.percent(part, 0)} of its length: {where(document, alpha)}."
        if part
        else ""
    )
    if document.verdict is Verdict.FINDING and combined and combined.p_value:
        rare = f"at most 1 in {fmt.count(math.floor(1 / combined.p_value + 1e-9))} of the human texts that it was compared with"
        if part and part < WHOLE:
            return f"{in_part} A{rare[1:]} has a part that looks as machine-like."
        return f"This text reads like machine writing: {rare} looks as machine-like."
    if in_part:
        return in_part
    if document.stretches is None and any(passage.stands_out for passage in passages(document, alpha)):  # an older report
        return "Part of this text reads like machine writing: the passages that stand out."
    if document.verdict is Verdict.INCONCLUSIVE:
        return "This is undecided: nothing can be said of the text as a whole."
    return "Nothing unusual: this text reads like the human texts that it was compared with."


def where(document: Document, alpha: float) -> str:
    """The places of what reads like machine writing: "lines 12 to 30", "pages 2 and 3"; empty if nothing does."""
    stretches = document.stretches or ()
    if not stretches:
        return ""
    if document.text is None:
        return _and([f"characters {fmt.count(stretch.start)} to {fmt.count(stretch.end)}" for stretch in stretches])
    read = passages(document, alpha)
    inside = [
        [passage for passage in read if stretch.start <= (passage.start + passage.end) // 2 < stretch.end]
        for stretch in stretches
    ]
    # Pages, paragraphs, slides.
    if not all(passage.place in (None, _lines(document.text, passage)) for group in inside for passage in group):
        placed = [[one_line(passage.place) for passage in group if passage.place] for group in inside]
        return _and([_from_to(group[0], group[-1]) for group in placed if group])
    lines = []
    for stretch in stretches:
        alone = Passage(0, stretch.start, stretch.end, "", None, None, None, None, 0, None, True)
        lines += [(place.start_line, place.end_line) for place in places(document.text, [alone])]
    starts = [0, *(match.end() for match in re.finditer("\n", document.text)), len(document.text)]
    named = sum(starts[last] - starts[first - 1] for first, last in dict.fromkeys(lines))
    if named > COARSE * sum(stretch.end - stretch.start for stretch in stretches):
        spans = [
            (len(document.text[: stretch.start].split()) + 1, len(document.text[: stretch.end].split()))
            for stretch in stretches
        ]
        return _and([f"words {fmt.count(first)} to {fmt.count(last)}" for first, last in spans])
    return _and([f"line {first}" if first == last else f"lines {first} to {last}" for first, last in dict.fromkeys(lines)])


def _from_to(first: str, last: str) -> str:
    """From the place of the first passage to that of the last: "page 1, line 29 to page 2, line 16", "paragraph 2 to 5"."""
    first_place, last_place = _PLACE.fullmatch(first), _PLACE.fullmatch(last)
    if not (first_place and last_place):  # a name without a number
        return first if first == last else f"{first} to {last}"
    begin, end = first_place["first"], last_place["last"] or last_place["first"]
    if end.isdigit():
        end = f"{last_place['first'].rpartition(' ')[0]} {end}"
    head, _, number = end.rpartition(" ")
    return begin if begin == end else f"{begin} to {number if begin.rpartition(' ')[0] == head else end}"


def _lines(text: str, passage: Passage) -> str:
    """Lines of a passage, "line 3 to 5": its place in a text without pages, paragraphs or slides."""
    return "".join(
        f"line {place.start_line}" + f" to {place.end_line}" * (place.end_line > place.start_line)
        for place in places(text, [passage])
    )


def last_line(report: Report) -> str:
    """Sentences on findings and their documents, and on what else a gate failed by; empty but for a run over documents.

    "2 findings in 30 documents: a.txt, b.docx (hidden text). Failed by 1 not assessable: c.txt."
    """
    if not report.documents or any(document.attributions or document.is_endpoint for document in report.documents):
        return ""
    return " ".join([_findings(report), *failed_by(report)])


def _findings(report: Report) -> str:
    names = [
        one_line(document.name)
        + (f" ({_and([result.name.lower() for result in document.tampering])})" if document.tampering else "")
        for document in report.documents
        if document.verdict is Verdict.FINDING or document.tampering
    ]
    among = fmt.plural(len(report.documents), "document")
    if not names:
        judged = sum(fmt.judged(document) for document in report.documents)
        others = f"; {fmt.count(len(report.documents) - judged)} not judged" if judged < len(report.documents) else ""
        return (
            f"No findings in {fmt.plural(judged, 'judged document')}{others}." if judged else f"Nothing was judged in {among}."
        )
    return f"{fmt.plural(len(names), 'finding')} in {among}: {_some(names)}."


def failed_by(report: Report) -> list[str]:
    """The sentence by what else than findings a gate failed, which is the reason of its exit code; else none."""
    clauses = []
    for verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE):
        names = [
            one_line(document.name)
            for document in report.documents
            if document.gate and any(failure.verdict is verdict for failure in document.gate.failures)
        ]
        if names:
            clauses.append(f"{fmt.count(len(names))} {fmt.LABELS[verdict][1].lower()}: {_some(names)}")
    return [f"Failed by {'; '.join(clauses)}."] if clauses else []


def _some(names: list[str]) -> str:
    more = f" and {fmt.count(len(names) - NAMED)} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _and(named: list[str]) -> str:
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
