"""Documents judged by several families: origin for every text, attribution where candidates are named, integrity, provenance.

The one place where families meet; none of them imports another one. Knows nothing about the command line or file formats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from llm_audit.detectors import registry
from llm_audit.detectors.integrity.base import IntegrityRule, find_rules
from llm_audit.detectors.origin import as_given as on_text_as_given
from llm_audit.detectors.origin import generated, plot_data
from llm_audit.detectors.origin import run as origin
from llm_audit.detectors.rule import Terms
from llm_audit.inspection import Inspection, inspect, marks_of
from llm_audit.progress import Progress, part, silent
from llm_audit.results import Coverage, Document, Manifest, Report, Result, Verdict, limits_of
from llm_audit.scoring.session import Session
from llm_audit.text import RawText, Source
from llm_audit.text.documents import read_texts, unjudged

if TYPE_CHECKING:  # who only wants to know whether a machine wrote a text need not wait for the tests of who wrote it
    from llm_audit.detectors import attribution

ALONE = (
    f"Every text is tested by itself, and only {generated.rule.code} is the verdict. Single detectors and single passages are "
    "further chances to be wrong."
)

LIMITS = (
    "A small p-value says that the text is unlike the human texts of the named population. It does not say who or what "
    "wrote it: unusual human writing is unlike them too.",
    ALONE,
    "A large p-value is not evidence of a human author. Text of older and of untuned models, short texts and school essays "
    "written by a machine are missed more often than not.",
    "Text that a machine polished cannot be told from text that a machine wrote: both are found. A finding does not say how "
    "much of the work was a person's.",
    "The false-positive rate is an average over the population's mixture of texts. Single kinds differ several-fold, and "
    "short texts are flagged more often than long ones. For other kinds, learners of English among them, no rate is known.",
    "No decision about a person should rest on this report alone.",
)


@dataclass(frozen=True)
class Settings(origin.Settings):
    """What the user chose for a run over documents.

    Attributes:
        text_field: of records, the field that holds the text.
        rules: of integrity; found once a run, because that reads every installed package.
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
) -> Report:
    """Judge every source; an input that cannot be judged becomes a document that says why, and stops no other.

    `finished` gets every document as soon as it is judged, in the order of the report.
    """
    inputs = list(read_texts(sources, settings.text_field))
    many = len(inputs) > plot_data.MOST
    settings = replace(settings, many=many, keep_tokens=settings.keep_text and not many)
    documents = judge_all(inputs, session, settings, progress, finished)
    return Report(
        question="Was this text machine-generated?",
        manifest=manifest,
        coverage=Coverage.of(documents),
        documents=tuple(documents),
        limits=(*_expected_by_chance(documents, settings.alpha), *limits_of(documents, LIMITS)),
    )


def judge_all(
    inputs: Sequence[RawText | Document],
    session: Session,
    settings: Settings,
    progress: Progress = silent,
    finished: Callable[[Document], None] = lambda document: None,
    rules: Sequence[Sequence[IntegrityRule]] | None = None,
) -> list[Document]:
    """Judge what could be read; what could not stays as it is. See `detect`.

    `rules`: of integrity, those of each input; None: the same for all, those of the settings.
    """
    origin.check_comparable(session, settings.population)
    each_rules = [settings.rules] * len(inputs) if rules is None else rules
    inspected = [inspect(entry, its_rules) for entry, its_rules in zip(inputs, each_rules, strict=True)]
    prepared = [entry if isinstance(entry, Document) else origin.prepare(entry, settings) for entry in inputs]
    prepared = [_short_enough(entry, session, settings.max_tokens) for entry in prepared]
    both = list(zip(prepared, inspected, strict=True))
    texts = [each for entry, found in both if not isinstance(entry, Document) for each in (entry[1].text, *found.given)]
    scores = session.score(texts, origin.request_for(settings.population, settings.detectors), progress)
    documents = []
    for entry, found in both:
        as_given: list[Result] = []
        if not isinstance(entry, Document):
            entry = origin.judge(entry, next(scores), settings)
            as_given = [result for _ in found.given for result in origin.judge_as_given(next(scores), settings)]
        documents.append(found.added_to(entry, as_given))
        finished(documents[-1])
    return documents


def _short_enough(entry: origin.Prepared | Document, session: Session, most: int | None) -> origin.Prepared | Document:
    """The text; of one with more tokens than `most`, a document that says so."""
    if isinstance(entry, Document) or most is None or not session.longer_than(entry[1].text, most):
        return entry
    raw, view, language = entry
    reason = f"The text is longer than {most:,} tokens, the limit of this run (--max-tokens)."
    return unjudged(raw.name, Verdict.NOT_ASSESSABLE, reason, raw, language, view.notes)


def conclude(document: Document, terms: Terms) -> Document:
    """The document with all that follows from its results, of every family; after a gate, that of its run comes on top.

    Raises:
        NotDerivable: something that it follows from is not stored, or not here.
    """
    family = "attribution" if document.attributions else "origin"
    return registry.conclude("integrity", registry.conclude(family, document, terms), terms)  # type: ignore[no-any-return]  # any subject


def _expected_by_chance(documents: Sequence[Document], alpha: float) -> tuple[str, ...]:
    judged = sum(document.combined is not None for document in documents)
    if judged < 2:
        return ()
    return (
        f"{judged} texts were judged, each at alpha {alpha:g}: had people like those of the population written all of them, "
        f"about {alpha * judged:.2g} would be flagged all the same.",
    )


def attribute(
    sources: Sequence[Source | RawText],
    authors: Sequence[attribution.Author],
    settings: attribution.Settings,
    human: tuple[Session, Settings],
    manifest: Manifest,
    progress: Progress = silent,
) -> Report:
    """Test every candidate on every text; what cannot be tested says why, and stops nothing else.

    `human`: the model and the settings by which texts are compared with human writing.
    """
    from llm_audit.detectors import attribution

    session, against_people = human
    share = 1 / (len({id(author.session) for author in authors}) + 1)
    # Markdown stays as it is: the model wrote the signs too.
    read = list(read_texts(sources, against_people.text_field, strip_markdown=False))
    inputs = [attribution.as_put_out(entry) if isinstance(entry, RawText) else entry for entry in read]
    people = judge_all(inputs, session, against_people, part(progress, 0, share))
    session.release()
    texts = [(entry, person) for entry, person in zip(inputs, people, strict=True) if isinstance(entry, RawText)]
    judged = iter(attribution.judge_texts(texts, authors, settings, part(progress, share, 1)))
    documents = [
        entry if isinstance(entry, Document) else _with_inspection(next(judged), person, entry)
        for entry, person in zip(read, people, strict=True)
    ]
    return Report(
        question="Who wrote this text?",
        manifest=manifest,
        coverage=Coverage.of(documents),
        documents=tuple(documents),
        limits=limits_of(documents, attribution.LIMITS),
    )


def _with_inspection(document: Document, person: Document, raw: RawText) -> Document:
    """The document with what was found in its characters when it was compared with people, and with its marks."""
    as_given = [result for result in person.results if result.rule == on_text_as_given.rule.code]
    return Inspection(person.integrity, marks_of(raw)).added_to(document, as_given)
