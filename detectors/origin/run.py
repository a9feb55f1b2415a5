"""Run detection on one text: from its scores to a document with a p-value for each detector and for all combined.

Each (document, model) is scored once, however many detectors run. Knows nothing about reading, integrity rules or reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.detectors import rank
from llm_audit.detectors.origin import as_given, generated, plot_data
from llm_audit.detectors.origin.conclude import conclude
from llm_audit.detectors.origin.doubt import doubt
from llm_audit.detectors.origin.passages import Passage, cut
from llm_audit.detectors.origin.window import WindowRead, read
from llm_audit.detectors.populations import MINIMUM_TOKENS, Population, among
from llm_audit.detectors.populations.population import alone, part_of
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.statistic import StatisticRule
from llm_audit.reports.wording import unjudged as sentences
from llm_audit.results import Document, Result, Share, Span, Statistic, Verdict
from llm_audit.results.evidence import Conformal, Part
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokens import TokenScores
from llm_audit.text import MOST_OMITTED, Map, RawText, View, identify, view_of, why_not_prose
from llm_audit.text.documents import unjudged

LEAST_CONFIDENCE = 0.5
"""Least confidence of the language identifier; below it, the text's language counts as unknown and is not assessed."""

Prepared = tuple[RawText, View, str]  # as read, normalised, language code


@dataclass(frozen=True)
class Settings:
    """Settings of one run of `detect`."""

    alpha: float
    detectors: Sequence[StatisticRule]
    population: Population
    keep_text: bool = True
    keep_tokens: bool = False
    include: frozenset[str] = frozenset()  # of what stands apart (`text.frame`), kinds that are scored all the same
    many: bool = False  # texts: plots of the population for findings only

    @property
    def terms(self) -> Terms:
        """The terms with which results are derived."""
        return Terms(self.alpha, population=among(self.population))


def request_for(population: Population, detectors: Sequence[StatisticRule] = ()) -> Request:
    """The request for scores of tested texts: equal windows, each scored without context, like the population's beginnings."""
    # Twice the minimum, so that cutting a text in equal parts never leaves a part too short to judge.
    windowing = Windowing(max(population.longest_window, 2 * MINIMUM_TOKENS), balanced=True)
    return Request(windowing, hidden_layers=hidden_layers(detectors))


def hidden_layers(detectors: Sequence[StatisticRule]) -> tuple[int, ...]:
    """The layers whose states the detectors read: one pass serves them all.

    Raises:
        AuditError: two detectors read different layers.
    """
    wanted = {detector.hidden_layers: detector for detector in detectors if detector.hidden_layers}
    if len(wanted) > 1:
        names = " and ".join(detector.name for detector in wanted.values())
        raise InvalidConfiguration(f"The detectors {names} read different layers; run them one at a time with --detector.")
    return next(iter(wanted), ())


def check_comparable(session: Session, population: Population) -> None:
    """Raise AuditError if session and population have different models, or if the population holds a model's texts."""
    if population.datasheet.author is not None:
        raise InvalidConfiguration(
            f"The population {population.datasheet.name} holds texts by {population.datasheet.author}, not by people; it "
            "serves `llm-audit attribute`."
        )
    if session.conditions(request_for(population)) != population.datasheet.scorer:
        sheet = population.datasheet
        expected = sheet.model if sheet.reference is None else f"{sheet.model} with reference {sheet.reference}"
        raise InvalidConfiguration(
            f"The population {sheet.name} was scored by {expected}, on other terms than {session.model.name} here "
            f"({session.dtype}); build one for this model with `llm-audit calibrate`."
        )


def prepare(raw: RawText, settings: Settings) -> Prepared | Document:
    """One text in its normalised view, ready to be scored; or, if it cannot be judged, its document with the reason."""
    view = view_of(raw, settings.include)
    if not view.text:
        nothing = sentences.NO_RUNNING_TEXT.write()
        return unjudged(raw.name, Verdict.NOT_ASSESSABLE, nothing, raw, notes=view.notes, why="no_running_text")
    if no_prose := why_not_prose(view.text):
        return unjudged(raw.name, Verdict.NOT_ASSESSABLE, no_prose, raw, notes=view.notes, why="no_prose")
    language = identify(view.text)
    expected = settings.population.datasheet.language
    if language.code != expected or language.confidence < LEAST_CONFIDENCE:
        sentence = sentences.OTHER_LANGUAGE if language.confidence >= LEAST_CONFIDENCE else sentences.UNSURE_LANGUAGE
        reason = (sentences.UNCERTAIN if language.code == expected else sentence).write(
            language=language.code,
            confidence=language.confidence,
            least=LEAST_CONFIDENCE,
            population=settings.population.datasheet.name,
            covered=expected,
        )
        return unjudged(raw.name, Verdict.NOT_ASSESSABLE, reason, raw, language.code, view.notes, "language")
    return raw, view, language.code


def reading(settings: Settings) -> Callable[[TokenScores], WindowRead]:
    """The function for `Session.take` that applies the detectors of a run to the scores of one window."""
    return lambda window: read(window, settings.population, settings.detectors)


def judge(prepared: Prepared, windows: Sequence[WindowRead], settings: Settings) -> Document:
    """All tests of one scored document.

    Args:
        prepared: the text.
        windows: all windows of the text as `reading` gives them, in order.
        settings: of the run.
    """
    raw, view, language = prepared
    tokens = sum(map(len, windows))
    judged = [window for window in windows if window.beginning]
    if not judged:
        reason = sentences.TOO_SHORT.write(tokens=tokens, least=MINIMUM_TOKENS)
        short = unjudged(raw.name, Verdict.NOT_ASSESSABLE, reason, raw, language, view.notes, "too_short")
        return short.model_copy(update={"tokens": tokens})
    population, detectors, terms = settings.population, settings.detectors, settings.terms
    passages, spans = [], []
    of_passages = [dict(window.passages) for window in judged]
    for passage, span in _passages([window.places for window in judged], prepared, population):
        passages.append(part_of(passage.compared, of_passages[passage.window][passage.start]))
        spans.append(span)
    evidence = population.evidence(detectors, _parts(judged), passages)
    combined = generated.rule.derive(Measurement(evidence, spans=tuple(spans)), terms)
    shown = not settings.many or combined.verdict is Verdict.FINDING
    results = [
        detector.derive(_measured(number, detector, alone(evidence, number), judged, population, shown), terms)
        for number, detector in enumerate(detectors)
    ]
    document = Document(
        name=raw.name,
        sha256=raw.sha256,
        encoding=raw.encoding,
        language=language,
        characters=len(raw.text),
        tokens=tokens,
        verdict=combined.verdict,
        summary="",  # `conclude` says it
        combined=combined,
        results=tuple(results),
        notes=(*raw.notes, *view.notes),
        text=raw.text if settings.keep_text else None,
        trace=plot_data.tokens(windows, view) if settings.keep_tokens else None,
        doubt=doubt(view.text, {result.rule: result.p_value for result in results}),
        omitted=raw.omitted_share if raw.omitted_share > MOST_OMITTED else None,
        stretches=(),  # `conclude` finds them
    )
    return conclude(document, terms)


def judge_as_given(windows: Sequence[WindowRead], settings: Settings) -> list[Result]:
    """The combined result on a tampered text as it is, without normalisation; none if it is too short.

    For comparison only: the verdict rests on the normalised text, since the population holds no tampered texts.
    """
    judged = [window for window in windows if window.beginning]
    if not judged:
        return []
    evidence = settings.population.evidence(settings.detectors, _parts(judged))
    return [as_given.rule.derive(Measurement(evidence), settings.terms)]


def _parts(windows: Sequence[WindowRead]) -> list[Part]:
    return [part_of(window.beginning, window.statistics) for window in windows if window.beginning]


def _measured(
    number: int,
    detector: StatisticRule,
    evidence: Conformal,
    windows: Sequence[WindowRead],
    population: Population,
    shown: bool,
) -> Measurement[Conformal]:
    """Measure detector `number` alone, with its statistic on its most machine-like part; `shown`: with its plot."""
    comparisons = [population.judge(evidence, part) for part in evidence.parts]
    place = rank.strongest(comparisons)
    shares = windows[place].shares[number]
    return Measurement(
        evidence,
        statistic=Statistic(name=detector.name, value=windows[place].statistics[number], unit=detector.unit),
        histogram=rank.histogram(population, detector.code, comparisons[place]) if shown else None,
        shares=tuple(Share(name=name, value=value) for name, value in shares),
    )


def passages_of(
    raw: RawText, view: View, offsets: Sequence[tuple[int, int]], population: Population, room: int
) -> tuple[Span, ...]:
    """The passages of a text as they are shown, without p-values, from the places of its tokens alone.

    Args:
        raw: the text as read.
        view: its scored view.
        offsets: (n,) characters of each token in the scored text.
        population: that the passages are compared with.
        room: text tokens that the scoring models see at once.
    """
    windowing = request_for(population).windowing
    cuts = replace(windowing, size=min(windowing.size, room)).cut(len(offsets))
    places = np.asarray(offsets, np.int32).reshape(-1, 2)
    windows = [places[window.start : window.stop] for window in cuts if window.stop - window.start >= MINIMUM_TOKENS]
    return tuple(span for _, span in _passages(windows, (raw, view, ""), population))


def _passages(
    windows: Sequence[NDArray[np.int32]], prepared: Prepared, population: Population
) -> Iterator[tuple[Passage, Span]]:
    """The passages, each as it is shown, with the number of texts that it is compared with."""
    raw, view, _ = prepared
    places = Map(raw.text, raw.places)
    for passage in cut(windows, population, view):
        start, end = view.to_source(*passage.shown)
        n = population.size(passage.compared)
        place = places.of(start, end)
        yield passage, Span(start=start, end=end, p_value=None, p_floor=None, q_value=None, n=n, place=place)
