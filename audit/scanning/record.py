"""Record of one judged document: one line of the journal, one row of the results."""

from __future__ import annotations

from pydantic import Field

from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.judging import Settings, judge_all
from llm_audit.detectors.origin import as_given
from llm_audit.reports.wording.integrity import tampering
from llm_audit.reports.wording.not_read import why_unjudged
from llm_audit.results import Document, Model, Probability, Verdict
from llm_audit.results.documents import Doubt, WhyUnjudged
from llm_audit.scanning.corpus import Block
from llm_audit.scoring.session import Session
from llm_audit.text import RawText, text_digest


class Record(Model):
    """The outcome of one document judged by itself. Its verdict within the corpus needs the records of all documents."""

    position: int = Field(ge=0, description="in the corpus, from 0")
    name: str
    sha256: str | None = Field(description="of the bytes as read; None if they could not be")
    text_digest: str | None = Field(description="of the text with white space evened out: equal for copies")
    encoding: str | None
    language: str | None
    characters: int
    tokens: int | None
    unjudged: Verdict | None = Field(description="why there is no p-value: not_assessable or error")
    reason: str | None = Field(description="of an unjudged document, as a sentence without its name")
    reason_code: WhyUnjudged | None = Field(default=None, description="the same in a word")
    p_value: Probability | None
    p_floor: Probability | None = Field(description="the smallest p-value that could have come out")
    n: int | None = Field(description="reference documents that it was compared with")
    doubt: Doubt | None = Field(default=None, description="why a small p-value says nothing here; it is no test then")
    omitted: float | None = Field(
        default=None, ge=0, le=1, description="share of what a reader sees that was not judged; None: a tenth at most"
    )
    detectors: dict[str, Probability] = Field(description="code -> p-value of that detector alone")
    tampering: dict[str, int] = Field(default={}, description="code -> odd characters, of rules with a finding")
    kept: dict[str, str] = Field(default={}, description="of a record: fields that go with it, each as JSON")
    notes: tuple[str, ...]


def judge_block(block: Block, session: Session, settings: Settings, progress: Progress = silent) -> list[Record]:
    """Judge the documents of a block, each as `llm-audit detect` would; every engine runs this."""
    entries = block.read()
    documents = judge_all(entries, session, settings, progress)
    return [
        _record(position, document, entry)
        for position, (document, entry) in enumerate(zip(documents, entries, strict=True), start=block.first)
    ]


def _record(position: int, document: Document, entry: RawText | Document) -> Record:
    # What models know by heart, or what repeats itself, has a p-value that says nothing.
    combined = document.combined if document.verdict is not Verdict.NOT_ASSESSABLE else None
    return Record(
        position=position,
        name=document.name,
        sha256=document.sha256,
        text_digest=text_digest(entry.text) if isinstance(entry, RawText) else None,
        encoding=document.encoding,
        language=document.language,
        characters=document.characters,
        tokens=document.tokens,
        unjudged=None if combined else document.verdict,
        reason=None if combined else why_unjudged(document),
        reason_code=document.why_unjudged,
        p_value=combined.p_value if combined else None,
        p_floor=combined.p_floor if combined else None,
        n=combined.population.n if combined and combined.population else None,
        doubt=document.doubt,
        omitted=document.omitted,
        detectors={
            result.rule: result.p_value
            for result in document.results
            if result.p_value is not None and result.rule != as_given.rule.code
        },
        tampering={result.rule: int(result.statistic.value) for result in document.tampering if result.statistic is not None},
        kept=dict((entry.kept if isinstance(entry, RawText) else document.kept) or ()),
        notes=(*document.notes, *([tampering(document)] if document.tampering else [])),
    )
