"""Judge documents by several families: origin, attribution where candidates are named, watermark, integrity, provenance.

The one place where families meet; none of them imports another one. Knows nothing about the command line or file formats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from llm_audit.common.progress import Progress, part, silent
from llm_audit.detectors import registry
from llm_audit.detectors.integrity.base import IntegrityRule, examine, find_rules
from llm_audit.detectors.integrity.conclude import conclude as conclude_integrity
from llm_audit.detectors.origin import as_given as on_text_as_given
from llm_audit.detectors.origin import plot_data
from llm_audit.detectors.origin import run as origin
from llm_audit.detectors.origin.doubt import doubt
from llm_audit.detectors.origin.run import passages_of
from llm_audit.detectors.provenance.c2pa import describe
from llm_audit.detectors.rule import Terms
from llm_audit.reports.wording import limits as wording
from llm_audit.reports.wording import unjudged as sentences
from llm_audit.reports.wording.integrity import of_marks
from llm_audit.results import Coverage, Document, Fact, Manifest, Mark, Report, Result, Verdict
from llm_audit.results.documents import Doubt
from llm_audit.scoring.session import Session
from llm_audit.text import Passed, RawText, Source, View, counts, find_marks, without_marks
from llm_audit.text.documents import read_texts, unjudged

if TYPE_CHECKING:  # slow to import, and not needed by `detect`
    from llm_audit.detectors.attribution import run as attribution
    from llm_audit.detectors.attribution.text import Author
    from llm_audit.detectors.watermark import run as watermark

__all__ = [
    "Inspection", "Settings", "as_put_out", "attribute", "conclude", "detect", "doubt_of", "find_rules", "find_watermarks",
    "inspect", "judge_all", "marks_of", "order_assumed", "passages_of", "probed", "report_of", "settings_of",
]  # fmt: skip


@dataclass(frozen=True)
class Settings(origin.Settings):
    """Settings of a run over documents.

    Attributes:
        text_field: of records, the field that holds the text.
        rules: the integrity rules; looked up once per run, because that reads every installed package.
        max_tokens: longer texts are not assessed; None: all are.
    """

    text_field: str = "text"
    rules: Sequence[IntegrityRule] = field(default_factory=find_rules)
    max_tokens: int | None = None


def detect(
    sources: Sequence[Source | RawText],
    session: Session,
    settings: Settings,
    manifest: Manifest,
    progress: Progress = silent,
    finished: Callable[[Document], None] = lambda document: None,
    passed: list[Passed] | None = None,
) -> Report:
    """Judge every source; an input that cannot be judged becomes a document with the reason, and does not stop the others.

    `finished` gets every document as soon as it is judged, in the order of the report. `passed`: files in the named folders
    that were not read; those in archives are added to it.
    """
    passed = [] if passed is None else passed
    inputs = list(read_texts(sources, settings.text_field, passed=passed))
    many = len(inputs) > plot_data.MOST
    settings = replace(settings, many=many, keep_tokens=settings.keep_text and not many)
    return report_of(judge_all(inputs, session, settings, progress, finished), manifest, passed)


def report_of(documents: Sequence[Document], manifest: Manifest, passed: Sequence[Passed] = ()) -> Report:
    """The report of documents that were compared with human writing: its question, its coverage and its limits."""
    return _report(wording.ORIGIN, documents, manifest, passed)


def judge_all(
    inputs: Sequence[RawText | Document],
    session: Session,
    settings: Settings,
    progress: Progress = silent,
    finished: Callable[[Document], None] = lambda document: None,
    rules: Sequence[Sequence[IntegrityRule]] | None = None,
) -> list[Document]:
    """Judge the texts that could be read; documents of unreadable inputs stay as they are. See `detect`.

    `rules`: the integrity rules for each input; None: those of the settings for all.
    """
    origin.check_comparable(session, settings.population)
    each_rules = [settings.rules] * len(inputs) if rules is None else rules
    inspected = [inspect(entry, its_rules) for entry, its_rules in zip(inputs, each_rules, strict=True)]
    prepared = [entry if isinstance(entry, Document) else origin.prepare(entry, settings) for entry in inputs]
    prepared = [_short_enough(entry, session, settings.max_tokens) for entry in prepared]
    both = list(zip(prepared, inspected, strict=True))
    texts = [
        text for entry, inspection in both if not isinstance(entry, Document) for text in (entry[1].text, *inspection.given)
    ]
    request = origin.request_for(settings.population, settings.detectors)
    windows = session.take(texts, request, origin.reading(settings), progress)
    documents = []
    for (entry, inspection), raw in zip(both, inputs, strict=True):
        as_given: list[Result] = []
        if not isinstance(entry, Document):
            entry = origin.judge(entry, next(windows), settings)
            as_given = [result for _ in inspection.given for result in origin.judge_as_given(next(windows), settings)]
        documents.append(_with_facts(inspection.added_to(entry, as_given), raw, settings))
        finished(documents[-1])
    return documents


def _short_enough(entry: origin.Prepared | Document, session: Session, most: int | None) -> origin.Prepared | Document:
    """The text or, if it has more tokens than `most`, the document that says so."""
    if isinstance(entry, Document) or most is None or not session.longer_than(entry[1].text, most):
        return entry
    raw, view, language = entry
    reason = sentences.TOO_LONG.write(most=most)
    return unjudged(raw.name, Verdict.NOT_ASSESSABLE, reason, raw, language, view.notes, "too_long")


def _with_facts(document: Document, raw: RawText | Document, settings: Settings) -> Document:
    """The document with its file's metadata (author, editing time, revisions) as facts, unless the report keeps no texts."""
    if isinstance(raw, Document) or not raw.facts or not settings.keep_text:
        return document
    return document.model_copy(update={"facts": tuple(Fact(name=name, value=value) for name, value in raw.facts)})


def conclude(document: Document, terms: Terms) -> Document:
    """The document with all that follows from its results, of every family, except what a gate adds.

    Raises:
        NotDerivable: something that is needed is not stored, or not here.
    """
    family = document.combined.family if document.combined else "origin"
    if document.attributions:
        family = "attribution"
    return registry.conclude("integrity", registry.conclude(family, document, terms), terms)  # type: ignore[no-any-return]  # any subject


def _report(question: str, documents: Sequence[Document], manifest: Manifest, passed: Sequence[Passed] = ()) -> Report:
    """The report on documents, with its limits and with what was not read."""
    not_read = counts(passed)
    report = Report(
        question=question, manifest=manifest, coverage=Coverage.of(documents, not_read), subjects=tuple(documents), limits=(),
        not_read=not_read,
    )  # fmt: skip
    return wording.with_limits(report, registry.described)


def attribute(
    sources: Sequence[Source | RawText],
    authors: Sequence[Author],
    settings: attribution.Settings,
    human: tuple[Session, Settings],
    manifest: Manifest,
    progress: Progress = silent,
    passed: list[Passed] | None = None,
) -> Report:
    """Test every candidate on every text; an input that cannot be tested gets the reason, and does not stop the others.

    `human`: the session and settings by which texts are compared with human writing. `passed`: see `detect`.
    """
    from llm_audit.detectors.attribution import run as attribution

    passed = [] if passed is None else passed
    session, against_people = human
    share = 1 / (len({id(author.session) for author in authors}) + 1)
    # Markdown stays as it is: the model wrote the signs too.
    read = list(read_texts(sources, against_people.text_field, strip_markdown=False, passed=passed))
    inputs = [attribution.as_put_out(entry) if isinstance(entry, RawText) else entry for entry in read]
    people = judge_all(inputs, session, against_people, part(progress, 0, share))
    session.release()
    texts = [(entry, person) for entry, person in zip(inputs, people, strict=True) if isinstance(entry, RawText)]
    judged = iter(attribution.judge_texts(texts, authors, settings, part(progress, share, 1)))
    documents = [
        entry if isinstance(entry, Document) else _with_inspection(next(judged), person, entry)
        for entry, person in zip(read, people, strict=True)
    ]
    return _report(wording.ATTRIBUTION, documents, manifest, passed)


def as_put_out(raw: RawText) -> RawText:
    """A text as the model wrote it, as far as `attribute` can reconstruct it."""
    from llm_audit.detectors.attribution import run as attribution

    return attribution.as_put_out(raw)


def settings_of(candidate: str) -> tuple[str, ...]:
    """The settings that a candidate's name stands for, in words. Raises AuditError if it is none."""
    from llm_audit.detectors.attribution.candidate import Candidate

    return tuple(map(str, Candidate.parse(candidate).settings))


def doubt_of(view: View, judged: Document) -> Doubt | None:
    """Why a finding on a text would be no evidence of a machine author, given its scored view and its document."""
    return doubt(view.text, {result.rule: result.p_value for result in judged.results})


def order_assumed(candidates: Sequence[str]) -> list[str]:
    """Those of the candidates whose name does not say in which order their sampler takes its steps, although it matters."""
    from llm_audit.detectors.attribution.candidate import Candidate

    return [name for name in candidates if Candidate.parse(name).order_assumed]


def find_watermarks(
    entries: Sequence[RawText | watermark.Subject | Document],
    settings: watermark.Settings,
    rules: Sequence[IntegrityRule],
    manifest: Manifest,
    progress: Progress = silent,
    finished: Callable[[Document], None] = lambda document: None,
) -> Report:
    """Test every text under every key; an unreadable input gets the reason, and does not stop the others.

    Args:
        entries: texts as read, texts as token ids, and inputs that could not be read.
        settings: with the keys.
        rules: the integrity rules.
        manifest: of the run.
        progress: called with the share of the texts that are done.
        finished: as in `detect`.
    """
    from llm_audit.detectors.watermark import run as watermark

    documents = []
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, Document):
            document = entry
        else:
            subject = watermark.read(entry, settings) if isinstance(entry, RawText) else entry
            document = inspect(subject.raw, rules).added_to(watermark.judge(subject, settings))
        documents.append(document)
        finished(document)
        progress(number / len(entries))
    return _report(wording.WATERMARK, documents, manifest)


def probed(document: Document, manifest: Manifest) -> Report:
    """The report on an endpoint that was probed for watermarks."""
    return _report(wording.PROBE, [document], manifest)


def _with_inspection(document: Document, person: Document, raw: RawText) -> Document:
    """The document with the integrity results and marks of `person`, the document of the comparison with human writing."""
    as_given = [result for result in person.results if result.rule == on_text_as_given.rule.code]
    return Inspection(person.integrity, marks_of(raw)).added_to(document, as_given)


MOST_MARKS = 5
"""Most provenance marks that are reported: a text may have one, and more than one are all invalid."""


@dataclass(frozen=True)
class Inspection:
    """Integrity results and provenance marks of one text; empty for an input that could not be read.

    Attributes:
        results: of every integrity rule.
        marks: provenance marks, at most `MOST_MARKS`.
        given: text to score besides the normalised text: the text as read, without its marks, if some rule has a finding;
            else nothing.
    """

    results: tuple[Result, ...] = ()
    marks: tuple[Mark, ...] = ()
    given: tuple[str, ...] = ()

    def added_to(self, document: Document, as_given: Sequence[Result] = ()) -> Document:
        """The document with these results and marks. Its verdict, on the author, stays; its summary states the findings."""
        notes = (*document.notes, *of_marks(self.marks))
        added = (*document.results, *as_given, *self.results)
        document = document.model_copy(update={"results": added, "marks": self.marks, "notes": notes})
        return conclude_integrity(document, Terms(alpha=1.0))  # characters are counted, and nothing is left to chance


def inspect(raw: RawText | Document, rules: Sequence[IntegrityRule]) -> Inspection:
    """Look for provenance marks, then apply the integrity rules to the rest; places refer to the text as read."""
    if isinstance(raw, Document):
        return Inspection()
    wrappers = find_marks(raw.text)
    shown = without_marks(raw.text, wrappers, filler="\n")
    results = tuple(examine(rule, shown, raw.hidden) for rule in rules)
    tampered = any(result.verdict is Verdict.FINDING for result in results)
    return Inspection(results, marks_of(raw), (without_marks(raw.text, wrappers),) if tampered else ())


def marks_of(raw: RawText | Document) -> tuple[Mark, ...]:
    """The provenance marks of a text, with what is known of their signatures; at most `MOST_MARKS`."""
    if isinstance(raw, Document):
        return ()
    exact = raw.encoding == "utf-8" and len(raw.text.encode("utf-8", "surrogatepass")) == raw.size
    return tuple(describe(wrapper, raw.text, exact) for wrapper in find_marks(raw.text)[:MOST_MARKS])
