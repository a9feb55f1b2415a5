"""The class set: an index of texts by several writers, such as a class, and a page per text for a talk with its writer.

Judges nothing: passages that stand out come from the results, and questions from these passages. Knows nothing of the origin
of the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.reports import format as fmt
from llm_audit.reports.formats import html
from llm_audit.reports.views.documents import tally, words, worst_first
from llm_audit.reports.views.lead import lead
from llm_audit.reports.views.passages import Passage, excerpt_of, passages, segments
from llm_audit.results import Document, Report, Verdict

MOST_ASKED_ABOUT = 3
"""Most passages with a question: it is a conversation, not an examination."""

SORTS = ("verdict", "name", "share", "words")


@dataclass(frozen=True)
class Row:
    """A line of the index.

    Attributes:
        anchor: of the text's page.
        share: part of the text's characters that reads like machine writing, from 0 to 1; None: nothing was judged.
        words: of the text; None: it was left out of the report.
    """

    anchor: str
    document: Document
    share: float | None
    words: int | None

    @property
    def why_unjudged(self) -> str:
        """The reason why nothing was tested, in two words, or "" if it was; the text's page has the sentence."""
        why = self.document.why_unjudged or ""
        return "another language" if why == "language" else why.replace("_", " ")


@dataclass(frozen=True)
class Talk:
    """The page of one text for a conversation: its row, lead sentence, passages that stand out, and questions to its writer.

    Attributes:
        summary: of the document, without the verdict, which stands above it.
        judged: whether the text was tested for its author.
        brief: whether the page is a few lines: the text was not judged, or nothing in it stands out.
        pieces: the whole text, cut where passages that stand out begin and end, each piece with its passage; empty if none
            stands out, or if the text was left out of the report.
        questions: none, if nothing stands out.
    """

    row: Row
    lead: str
    summary: str
    judged: bool
    brief: bool
    standing_out: list[Passage]
    pieces: list[tuple[str, Passage | None]]
    questions: list[str]


def rows(report: Report) -> list[Row]:
    """A row for each text, the most urgent first."""
    return [_row(document, f"text-{number}") for number, document in enumerate(worst_first(report.documents), start=1)]


def ordered(entries: Sequence[Row], by: str) -> list[Row]:
    """The rows sorted by one of `SORTS`; those without a value come last, and equal ones stay in the order of verdicts.

    Names are sorted as people sort them: "Text 2" before "text 10".
    """
    if by == "verdict":
        return list(entries)
    if by == "name":
        return sorted(entries, key=lambda row: _by_name(row.document.name))
    numbers = [row.share if by == "share" else row.words for row in entries]
    pairs = sorted(zip(numbers, entries, strict=True), key=lambda pair: -1.0 if pair[0] is None else pair[0], reverse=True)
    return [row for _, row in pairs]


def about_p(report: Report) -> str:
    """The sentence above the list on its column of p-values, for readers who know none."""
    if any(document.combined and document.combined.family == "origin" for document in report.documents):
        return (
            "p: how often human texts look at least this much like machine writing (≤: as seldom as the comparison can tell); "
            "it is not the probability that a person wrote the text."
        )
    return (
        "p: how often a result at least this extreme comes up if the null hypothesis holds, not the probability that it holds."
    )


def talks(report: Report, entries: Sequence[Row]) -> list[Talk]:
    """The pages of the texts, in the order of the rows."""
    pages = []
    for row in entries:
        document, alpha = row.document, report.manifest.alpha
        standing_out = [passage for passage in passages(document, alpha, 120) if passage.stands_out]
        pieces = segments(document.text, standing_out) if document.text and standing_out else []
        unremarkable = document.verdict is Verdict.PASS and not standing_out and not document.tampering
        questions = [] if unremarkable else _questions(document, standing_out)
        brief = unremarkable or not (fmt.judged(document) or document.tampering)
        opening = lead(document, alpha), document.summary.removeprefix(f"{fmt.LABELS[document.verdict][1]}. ")
        pages.append(Talk(row, *opening, fmt.judged(document), brief, standing_out, pieces, questions))
    return pages


def _by_name(name: str) -> list[tuple[int, str]]:
    """Sort key of a name: runs of digits by value, other text without regard to case."""
    pieces = re.split(r"(\d+)", name.casefold())
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in pieces]


def render(report: Report) -> str:
    """The class set as one HTML page that loads nothing and runs no script. Printed from a text's address, that text alone."""
    entries = rows(report)
    return html.page(
        "class_set.html.j2",
        more=("class_set.css",),
        report=report,
        manifest=report.manifest,
        tally=tally(report.documents),
        sorted_rows={by: ordered(entries, by) for by in SORTS},
        about_p=about_p(report),
        talks=talks(report, entries),
        anyhow=[limit for limit in report.limits if limit],
    )


def _row(document: Document, anchor: str) -> Row:
    return Row(anchor, document, document.share, words(document))


def _questions(document: Document, standing_out: Sequence[Passage]) -> list[str]:
    """Open questions to the writer, which an honest one answers easily."""
    if document.verdict is Verdict.ERROR:
        return ["Could you send the text again, as a Word document or as plain text?"]
    if document.why_unjudged == "language":
        return ["Which language is it written in, and is there a version in the language that is judged?"]
    if not fmt.judged(document) and not document.tampering:
        return ["Is this the whole text? If not, could you send it again, as a Word document or as plain text?"]
    questions = [
        "How did you begin, and what did you change on the way?",
        "Which part took the longest, and why?",
    ]
    strongest = sorted(standing_out, key=lambda passage: (passage.q if passage.q is not None else 1.0, passage.number))
    for passage in sorted(strongest[:MOST_ASKED_ABOUT], key=lambda passage: passage.number):
        named = excerpt_of(document.text, passage.start, passage.end, 40)
        questions.append(f"What do you mean by passage {passage.number}, and where did you find it: “{named}”")
    questions.append("Are there notes, drafts or earlier versions that we can look at together?")
    if document.tampering:
        questions.append("In which program did you write it, and was anything pasted from elsewhere?")
    questions.append("Which programs helped you, and with what: spelling, translation, ideas, wording?")
    return questions
