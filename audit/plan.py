"""From inputs to a report: what is read, what is scored, which tests run, and what they come to together.

Each (document, model) is scored once, however many detectors run. Knows nothing about the command line or file formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from llm_audit import pictures
from llm_audit.detectors.base import Detector
from llm_audit.detectors.integrity.base import IntegrityRule, find_rules
from llm_audit.errors import AuditError
from llm_audit.inspection import AS_GIVEN_RULE, METHOD_AS_GIVEN, for_comparison, inspect
from llm_audit.populations import MINIMUM_TOKENS, Population
from llm_audit.populations.population import PASSAGE, Stretch, alone
from llm_audit.populations.verdict import conformal_result, passage_numbers
from llm_audit.results import Coverage, Document, Manifest, Report, Result, Share, Span, Statistic, Verdict
from llm_audit.results.evidence import Conformal
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokens import TokenScores
from llm_audit.text import DirectiveUse as Use
from llm_audit.text import Map, RawText, Source, Unread, View, identify, read_all, view_of, why_not_prose

LONGEST_TEXT = 4_000_000
"""Characters of one text, about a million tokens: 40 minutes on two cores. More belongs into several files."""

LEAST_CONFIDENCE = 0.5
"""Of the language identifier: below it, the text counts as being in no language of any population."""

ALONE = (
    "Every text is tested by itself, and only AUD100 is the verdict. Single detectors and single passages are further chances "
    "to be wrong."
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

COMBINED_RULE = "AUD100"

Prepared = tuple[RawText, View, str]  # as read, normalised, language code


@dataclass(frozen=True)
class Settings:
    """What the user chose for one run of `detect`."""

    alpha: float
    detectors: Sequence[Detector]
    population: Population
    keep_text: bool = True
    keep_tokens: bool = False
    many: bool = False  # texts: pictures of the population for findings only
    text_field: str = "text"
    rules: Sequence[IntegrityRule] = field(default_factory=find_rules)  # once a run: to find them reads every package


def request_for(population: Population, detectors: Sequence[Detector] = ()) -> Request:
    """How a tested text is cut: equal windows, each scored afresh like the beginnings that make up the population."""
    # Twice the minimum, so that cutting a text in equal parts never leaves a part too short to judge.
    windowing = Windowing(max(population.longest_window, 2 * MINIMUM_TOKENS), balanced=True)
    return Request(windowing, hidden_layers=hidden_layers(detectors))


def hidden_layers(detectors: Sequence[Detector]) -> tuple[int, ...]:
    """The layers whose states the detectors read: one pass serves them all.

    Raises:
        AuditError: two detectors read different layers.
    """
    wanted = {detector.hidden_layers: detector for detector in detectors if detector.hidden_layers}
    if len(wanted) > 1:
        names = " and ".join(detector.name for detector in wanted.values())
        raise AuditError(f"The detectors {names} read different layers; run them one at a time with --detector.")
    return next(iter(wanted), ())


def check_comparable(session: Session, population: Population) -> None:
    """Refuse to compare scores of one model with a population scored by another, or people with a model's texts."""
    if population.datasheet.author is not None:
        raise AuditError(
            f"The population {population.datasheet.name} holds texts by {population.datasheet.author}, not by people; it "
            "serves `llm-audit attribute`."
        )
    if session.conditions(request_for(population)) != population.datasheet.scorer:
        sheet = population.datasheet
        expected = sheet.model if sheet.reference is None else f"{sheet.model} with reference {sheet.reference}"
        raise AuditError(
            f"The population {sheet.name} was scored by {expected}, on other terms than {session.model.name} here "
            f"({session.dtype}); build one for this model with `llm-audit calibrate`."
        )


def detect(
    sources: Sequence[Source],
    session: Session,
    settings: Settings,
    manifest: Manifest,
    progress: Callable[[float], None] = lambda fraction: None,
    finished: Callable[[Document], None] = lambda document: None,
) -> Report:
    """Judge every source; an input that cannot be judged becomes a document that says why, and stops no other.

    `finished` gets every document as soon as it is judged, in the order of the report.
    """
    inputs = list(read_texts(sources, settings.text_field))
    many = len(inputs) > pictures.MOST
    settings = replace(settings, many=many, keep_tokens=settings.keep_text and not many)
    documents = judge_all(inputs, session, settings, progress, finished)
    return Report(
        question="Was this text machine-generated?",
        manifest=manifest,
        coverage=coverage(documents),
        documents=tuple(documents),
        limits=(*_expected_by_chance(documents, settings.alpha), *limits_of(documents, LIMITS)),
    )


def judge_all(
    inputs: Sequence[RawText | Document],
    session: Session,
    settings: Settings,
    progress: Callable[[float], None] = lambda fraction: None,
    finished: Callable[[Document], None] = lambda document: None,
) -> list[Document]:
    """Judge what could be read; what could not stays as it is. See `detect`."""
    check_comparable(session, settings.population)
    inspected = [inspect(entry, settings.rules) for entry in inputs]
    prepared = [entry if isinstance(entry, Document) else prepare(entry, settings) for entry in inputs]
    both = list(zip(prepared, inspected, strict=True))
    texts = [each for entry, found in both if not isinstance(entry, Document) for each in (entry[1].text, *found.given)]
    scores = session.score(texts, request_for(settings.population, settings.detectors), progress)
    documents = []
    for entry, found in both:
        as_given: list[Result] = []
        if not isinstance(entry, Document):
            entry = judge(entry, next(scores), settings)
            as_given = [result for _ in found.given for result in judge_as_given(next(scores), settings)]
        documents.append(found.added_to(entry, as_given))
        finished(documents[-1])
    return documents


def _expected_by_chance(documents: Sequence[Document], alpha: float) -> tuple[str, ...]:
    judged = sum(document.combined is not None for document in documents)
    if judged < 2:
        return ()
    return (
        f"{judged} texts were judged, each at alpha {alpha:g}: had people like those of the population written all of them, "
        f"about {alpha * judged:.2g} would be flagged all the same.",
    )


def limits_of(documents: Sequence[Document], limits: tuple[str, ...]) -> tuple[str, ...]:
    """What the numbers about documents do not prove; without any numbers only the last sentence, which is about all reports."""
    judged = any(document.combined or document.attributions for document in documents)
    return limits if judged else limits[-1:]


def coverage(documents: Sequence[Document]) -> Coverage:
    """Count where the inputs ended."""
    unreadable = sum(document.verdict is Verdict.ERROR for document in documents)
    not_assessable = sum(document.verdict is Verdict.NOT_ASSESSABLE for document in documents)
    return Coverage(
        found=len(documents),
        scored=len(documents) - unreadable - not_assessable,
        not_assessable=not_assessable,
        unreadable=unreadable,
    )


def read_texts(
    sources: Sequence[Source], text_field: str = "text", *, strip_markdown: bool = True, directives: Use = "no"
) -> Iterator[RawText | Document]:
    """Read every text of the inputs, one at a time, or say why it cannot be judged. See `read_all`."""
    for entry in read_all(sources, text_field, strip_markdown=strip_markdown, directives=directives):
        if isinstance(entry, Unread):
            yield unjudged(entry.name, Verdict.ERROR, entry.reason)
        elif len(entry.text) > LONGEST_TEXT:
            size = f"The text has {len(entry.text):,} characters, more than the {LONGEST_TEXT:,} that are judged at once"
            yield unjudged(entry.name, Verdict.ERROR, f"{size}; split it.", entry)
        else:
            yield entry


def prepare(raw: RawText, settings: Settings) -> Prepared | Document:
    """Normalise one text, or say why it cannot be judged."""
    view = view_of(raw)
    if not view.text:
        nothing = "There is no running text, once white space and what stands apart are set aside."
        return unjudged(raw.name, Verdict.NOT_ASSESSABLE, nothing, raw, notes=view.notes)
    if no_prose := why_not_prose(view.text):
        return unjudged(raw.name, Verdict.NOT_ASSESSABLE, no_prose, raw, notes=view.notes)
    language = identify(view.text)
    expected = settings.population.datasheet.language
    if language.code != expected or language.confidence < LEAST_CONFIDENCE:
        doubt = "" if language.confidence >= LEAST_CONFIDENCE else f", below the {LEAST_CONFIDENCE} that is asked for"
        reason = (
            f"The text looks like language '{language.code}' (confidence {language.confidence:.2f}{doubt}); the population "
            f"{settings.population.datasheet.name} covers '{expected}' only."
        )
        return unjudged(raw.name, Verdict.NOT_ASSESSABLE, reason, raw, language=language.code, notes=view.notes)
    return raw, view, language.code


def unjudged(
    name: str,
    verdict: Verdict,
    reason: str,
    raw: RawText | None = None,
    language: str | None = None,
    notes: tuple[str, ...] = (),
) -> Document:
    """An input that no test was made of, and why."""
    # An error message is already a sentence about the input; the other reasons need their verdict in front.
    summary = reason if verdict is Verdict.ERROR else f"Not assessable. {reason}"
    return Document(
        name=name,
        sha256=raw.sha256 if raw else None,
        encoding=raw.encoding if raw else None,
        language=language,
        characters=len(raw.text) if raw else 0,
        tokens=None,
        verdict=verdict,
        summary=summary,
        combined=None,
        notes=(*(raw.notes if raw else ()), *notes),
    )


def judge(prepared: Prepared, scores: TokenScores, settings: Settings) -> Document:
    """All tests of one scored document."""
    raw, view, language = prepared
    windows = [window for window in scores.windows() if len(window) >= MINIMUM_TOKENS]
    if not windows:
        reason = f"The text has {len(scores)} tokens; below {MINIMUM_TOKENS} no detector can tell people and machines apart."
        short = unjudged(raw.name, Verdict.NOT_ASSESSABLE, reason, raw, language, view.notes)
        return short.model_copy(update={"tokens": len(scores)})
    population, detectors = settings.population, settings.detectors
    stretches = [(window, stretch) for window in windows for stretch in population.passages(window)]
    found = population.evidence(
        detectors,
        [population.measure(window, detectors) for window in windows],
        [population.measure(window, detectors, stretch) for window, stretch in stretches],
    )
    combined = conformal_result(
        [population.judge(found, part) for part in found.parts],
        population,
        settings.alpha,
        rule=COMBINED_RULE,
        name="All detectors",
        exact_tail=False,
        method=(
            "Exact conformal combination: each detector's rank p-value, one Cauchy statistic per text (Liu & Xie 2020), and "
            "the rank of this text's statistic among those of the population. Shares: " + _weights(detectors) + "."
        ),
        spans=_spans(windows, stretches, prepared, found, population),
        evidence=found,
    )
    results = []
    for number, detector in enumerate(detectors):
        own = alone(found, number)
        comparisons = [population.judge(own, part) for part in own.parts]
        strongest = min(range(len(windows)), key=lambda i: comparisons[i].p_value)
        part = windows[strongest][: comparisons[strongest].stretch.stop]
        statistic = Statistic(name=detector.name, value=detector.statistic(part), unit=detector.unit)
        result = conformal_result(
            comparisons,
            population,
            settings.alpha,
            rule=detector.rule,
            name=detector.title,
            method=detector.method,
            exact_tail=True,
            statistic=statistic,
            evidence=own,
        )
        shares = detector.explain(part) if detector.explain else ()
        more: dict[str, object] = {"shares": tuple(Share(name=name, value=value) for name, value in shares)}
        if not settings.many or combined.verdict is Verdict.FINDING:
            more["histogram"] = pictures.histogram(population, detector.rule, comparisons[strongest].stretch)
        results.append(result.model_copy(update=more))
    return Document(
        name=raw.name,
        sha256=raw.sha256,
        encoding=raw.encoding,
        language=language,
        characters=len(raw.text),
        tokens=len(scores),
        verdict=combined.verdict,
        summary=combined.reason,
        combined=combined,
        results=tuple(results),
        notes=(*raw.notes, *view.notes),
        text=raw.text if settings.keep_text else None,
        trace=pictures.tokens(scores, view) if settings.keep_tokens else None,
    )


def judge_as_given(scores: TokenScores, settings: Settings) -> list[Result]:
    """The same combination on a text as it was tampered with; nothing if it is too short.

    For comparison only: the verdict rests on the normalised text, since no text of the population was tampered with.
    """
    windows = [window for window in scores.windows() if len(window) >= MINIMUM_TOKENS]
    if not windows:
        return []
    population, detectors = settings.population, settings.detectors
    found = population.evidence(detectors, [population.measure(window, detectors) for window in windows])
    result = conformal_result(
        [population.judge(found, part) for part in found.parts],
        population,
        settings.alpha,
        rule=AS_GIVEN_RULE,
        name="Text as given",
        method=METHOD_AS_GIVEN,
        exact_tail=False,
        evidence=found,
    )
    return [for_comparison(result)]


def _weights(detectors: Sequence[Detector]) -> str:
    """Each detector's share of the Cauchy statistic."""
    total = sum(detector.weight for detector in detectors)
    return ", ".join(f"{detector.rule} {detector.weight / total:.3g}" for detector in detectors)


def _spans(
    windows: Sequence[TokenScores],
    stretches: Sequence[tuple[TokenScores, Stretch]],
    prepared: Prepared,
    found: Conformal,
    population: Population,
) -> tuple[Span, ...]:
    """Passages of all windows with their own p-values; the rest of a window, too short to judge, without."""
    raw, view, _ = prepared
    places = Map(raw.text, raw.places)
    spans = [
        Span.model_validate({"start": start, "end": end, "place": places.of(start, end), **numbers})
        for (window, stretch), numbers in zip(stretches, passage_numbers(found, population), strict=True)
        for start, end in [_characters(window[stretch.start : stretch.stop], view)]
    ]
    for window in windows:
        if rest := len(window) % PASSAGE:
            start, end = _characters(window[len(window) - rest :], view)
            spans.append(Span(start=start, end=end, p_value=None, p_floor=None, q_value=None, n=0, place=places.of(start, end)))
    return tuple(sorted(spans, key=lambda span: span.start))


def _characters(rows: TokenScores, view: View) -> tuple[int, int]:
    return view.to_source(int(rows.char_start[0]), int(rows.char_end[-1]))
