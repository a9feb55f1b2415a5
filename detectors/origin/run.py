"""Was this text machine-generated? From one text and its scores to a document with a p-value for each detector and for all.

Each (document, model) is scored once, however many detectors run. Knows nothing about reading, integrity rules or reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.detectors.base import Detector
from llm_audit.detectors.origin import plot_data as pictures
from llm_audit.detectors.origin.conformal import conformal_result, passage_numbers
from llm_audit.detectors.populations import MINIMUM_TOKENS, Population
from llm_audit.detectors.populations.population import PASSAGE, Stretch, alone
from llm_audit.errors import AuditError
from llm_audit.results import Document, Result, Share, Span, Statistic, Verdict
from llm_audit.results.evidence import Conformal
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokens import TokenScores
from llm_audit.text import Map, RawText, View, find_marks, identify, normalise, why_not_prose
from llm_audit.text.documents import unjudged

LEAST_CONFIDENCE = 0.5
"""Of the language identifier: below it, the text counts as being in no language of any population."""

COMBINED_RULE = "AUD100"

AS_GIVEN_RULE = "AUD190"
METHOD_AS_GIVEN = "As AUD100, on the text with its odd characters and its line breaks."
ASSUMPTION_AS_GIVEN = (
    "The text as given is not exchangeable with the population's texts, none of which was tampered with. Its p-value shows "
    "what the odd characters would have done to detectors that do not set them aside."
)

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


def prepare(raw: RawText, settings: Settings) -> Prepared | Document:
    """Normalise one text, or say why it cannot be judged."""
    view = normalise(raw.text, find_marks(raw.text))
    if not view.text:
        return unjudged(raw.name, Verdict.NOT_ASSESSABLE, "The text is empty once white space is set aside.", raw)
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


def for_comparison(result: Result) -> Result:
    """The result on a text as given: no verdict rests on it."""
    reason = f"For comparison, no verdict rests on it. {result.reason}"
    return result.model_copy(update={"reason": reason, "assumptions": (ASSUMPTION_AS_GIVEN,)})


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
