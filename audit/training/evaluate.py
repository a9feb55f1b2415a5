"""Evaluation of detectors on labelled texts: power, realised false-positive rates, fairness, calibration.

A text is judged by its first window, of at most as many tokens as the population judges at once. Knows nothing about how
results are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.origin import generated
from llm_audit.detectors.origin.run import LEAST_CONFIDENCE, check_comparable, hidden_layers
from llm_audit.detectors.populations import MINIMUM_TOKENS, Population
from llm_audit.detectors.registry import described
from llm_audit.detectors.statistic import StatisticRule
from llm_audit.reports.wording import limits as wording
from llm_audit.results import Benchmark, Coverage, Curve, FalseAlarms, Interval, Manifest, Power, Report
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats import classification as metric
from llm_audit.text import identify, why_not_prose
from llm_audit.training.features import request_for
from llm_audit.training.labelled import Labelled, LabelledTexts, marks

ALPHAS = (0.05, 0.01)
CURVE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
MAX_FPR, MIN_TPR = 0.05, 0.8
"""Bounds of the partial areas under the ROC curve, as in DACTYL's evaluation."""

FEWEST = 5
"""Fewest texts of each class for which a row gets partial areas."""

LENGTH_EDGES = (64, 96, 128, 160, 192, 256, 384)

ALL = "all"


class Judged(NamedTuple):
    """One text with its length, and the statistic and p-value of each detector and of all combined."""

    text: Labelled
    n_tokens: int
    statistic: dict[str, float]
    p_value: dict[str, float]


def judge(
    session: Session,
    population: Population,
    detectors: Sequence[StatisticRule],
    texts: Sequence[Labelled],
    progress: Progress = silent,
) -> Iterator[Judged]:
    """Score and judge the texts of at least `MINIMUM_TOKENS` tokens."""
    check_comparable(session, population)
    request = request_for(hidden_layers(detectors), population.longest_window)
    scores = session.score([text.text for text in texts], request, progress)
    for text, token_scores in zip(texts, scores, strict=True):
        if len(token_scores) >= MINIMUM_TOKENS:
            yield judge_one(text, token_scores[: population.longest_window], population, detectors)


def judge_one(text: Labelled, window: TokenScores, population: Population, detectors: Sequence[StatisticRule]) -> Judged:
    """Compare the first window of one text with the population."""
    stretch = population.beginning(len(window))
    part = window[: stretch.stop]
    statistic = {detector.name: detector.statistic(part) for detector in detectors}
    p_value = {detector.name: population.compare(window, detector).p_value for detector in detectors}
    combined = population.compare_all(window, detectors).p_value
    return Judged(text, len(window), statistic | {generated.rule.code: -combined}, p_value | {generated.rule.code: combined})


Slice = tuple[str, str, Callable[[Judged], bool]]  # by, group, who belongs to it


def slices(judged: Sequence[Judged], columns: Sequence[str]) -> list[Slice]:
    """Slices of the texts: all of them, then by domain, generator, length and population, then by the user's own columns."""
    keys: dict[str, Callable[[Judged], str]] = {
        "domain": lambda item: f"{item.text.source} {item.text.domain}".strip(),
        "generator": lambda item: item.text.generator,
        "length": lambda item: length_bin(item.n_tokens),
        "population": lambda item: item.text.population,
        **{column: lambda item, column=column: dict(item.text.columns)[column] for column in columns},  # type: ignore[misc]  # default binds it
    }
    parts: list[Slice] = [(ALL, ALL, lambda item: True)]
    for by, key in keys.items():
        groups = sorted({key(item) for item in judged} - {""})
        parts += [(by, group, lambda item, key=key, group=group: key(item) == group) for group in groups]  # type: ignore[misc]  # likewise
    return parts


def length_bin(n_tokens: int) -> str:
    """Name of the length bin of a number of tokens."""
    low = max(edge for edge in LENGTH_EDGES if edge <= n_tokens)
    return f"from {low:3d} tokens"


def evaluate(
    data: LabelledTexts,
    judged: Sequence[Judged],
    detectors: Sequence[StatisticRule],
    population: Population,
    columns: Sequence[str] = (),
) -> Benchmark:
    """Compute all tables of a benchmark. The bootstrap is seeded, and over groups of texts that share a source."""
    names = (generated.rule.code, *(detector.name for detector in detectors))
    power, alarms = [], []
    machine = [item for item in judged if item.text.is_machine]
    human = [item for item in judged if item.text.label == "human"]
    revised = [item for item in judged if item.text.label == "machine-revised"]
    parts = [*slices(judged, columns), ("label", "machine-revised", lambda item: True)]
    for by, group, belongs in parts:
        positives = [item for item in (revised if by == "label" else machine) if belongs(item)]
        negatives = _negatives(by, positives, human, belongs)
        for name in names if positives else ():
            power.append(_power(name, by, group, positives, negatives, np.random.default_rng(0)))
        if by not in ("generator", "label") and negatives:
            alarms += [_alarms(name, by, group, negatives) for name in names]
    curves = [
        Curve(detector=name, nominal=CURVE, realised=tuple(float(np.mean(p <= alpha)) for alpha in CURVE))
        for name in names
        if human
        for p in [np.array([item.p_value[name] for item in human])]
    ]
    return Benchmark(
        data=data.digests,
        notes=(*data.notes, *_notes(data, judged, population)),
        detectors=names,
        power=tuple(power),
        false_alarms=tuple(alarms),
        curves=tuple(curves),
    )


def report(benchmark: Benchmark, manifest: Manifest, *, total: int, judged: int) -> Report:
    """The report on a benchmark. `total` labelled texts, of which `judged` could be used."""
    without_limits = Report(
        question=wording.BENCHMARK,
        manifest=manifest,
        coverage=Coverage(found=total, scored=judged, not_assessable=total - judged, unreadable=0),
        subjects=(benchmark,),
        limits=(),
    )
    return wording.with_limits(without_limits, described)


def fit_to_judge(data: LabelledTexts, detectors: Sequence[StatisticRule], population: Population) -> LabelledTexts:
    """The texts without those that `detect` would not judge, that trained a detector, or that are in the population.

    With a text that was seen its whole group is left out, since the others are rewrites of it. The notes say how many.
    """
    notes, texts = list(data.notes), list(data.texts)
    trained = [detector.seen for detector in detectors if detector.seen is not None]
    for known, reason in ((trained, "trained the classifier"), ([population.members], "are in the population")):
        seen = set(np.concatenate(known).tolist()) if known else set()
        groups = {text.group for text in texts if seen & set(marks(text).tolist())}
        texts, before = [text for text in texts if text.group not in groups], len(texts)
        if before > len(texts):
            notes.append(f"{before - len(texts):,} texts {reason}, or share a pair with one that does, and were left out.")
    judged = [text for text in texts if _assessable(text.text, population.datasheet.language)]
    if len(judged) < len(texts):
        notes.append(f"{len(texts) - len(judged):,} texts are program code, tables or in another language, and were left out.")
    return replace(data, texts=tuple(judged), notes=tuple(notes))


def _assessable(text: str, language: str) -> bool:
    guess = identify(text)
    return not why_not_prose(text) and guess.code == language and guess.confidence >= LEAST_CONFIDENCE


def _notes(data: LabelledTexts, judged: Sequence[Judged], population: Population) -> list[str]:
    short = len(data.texts) - len(judged)
    notes = [f"Each text is judged by its first {population.longest_window} tokens at most."]
    if short:
        notes.append(f"{short:,} texts have fewer than {MINIMUM_TOKENS} tokens and were left out.")
    return notes


def _negatives(by: str, positives: list[Judged], human: list[Judged], belongs: Callable[[Judged], bool]) -> list[Judged]:
    """The human texts to compare positives with: those of the slice or, for a generator, of the domains in which it wrote."""
    if by not in ("generator", "label"):
        return [item for item in human if belongs(item)]
    domains = {(item.text.source, item.text.domain) for item in positives}
    same = [item for item in human if (item.text.source, item.text.domain) in domains]
    return same if len(same) >= FEWEST else human


def _power(
    name: str, by: str, group: str, positives: list[Judged], negatives: list[Judged], generator: np.random.Generator
) -> Power:
    both = [*negatives, *positives]
    scores = np.array([item.statistic[name] for item in both])
    p_values = np.array([item.p_value[name] for item in both])
    labels = np.repeat([0, 1], [len(negatives), len(positives)])
    enough = min(len(negatives), len(positives)) >= FEWEST
    groups = [item.text.group for item in both]

    metrics = (metric.area, partial(metric.power, fpr=0.05), partial(metric.power, fpr=0.01))
    least = (metric.FEWEST_FOR_AREA, metric.FEWEST_FOR_5_PERCENT, metric.FEWEST_FOR_1_PERCENT)
    areas: list[Interval | None] = [None, None, None]
    if enough:
        estimates = metric.bootstrap(metrics, scores, labels, groups, generator)
        areas = [
            Interval(**estimate._asdict()) if len(negatives) >= n and len(positives) >= metric.FEWEST_FOR_AREA else None
            for estimate, n in zip(estimates, least, strict=True)
        ]
    return Power(
        detector=name,
        by=by,
        group=group,
        n_human=len(negatives),
        n_machine=len(positives),
        auroc=areas[0],
        tpr_at_5_percent_fpr=areas[1],
        tpr_at_1_percent_fpr=areas[2],
        one_way_partial_auc=metric.one_way_partial_auc(scores, labels, MAX_FPR) if enough else None,
        two_way_partial_auc=metric.two_way_partial_auc(scores, labels, MAX_FPR, MIN_TPR) if enough else None,
        macro_f1_at_alpha_1_percent=metric.macro_f1(-p_values, labels, -0.01) if enough else None,
        flagged_at_alpha_5_percent=_share(p_values[labels == 1], 0.05),
        flagged_at_alpha_1_percent=_share(p_values[labels == 1], 0.01),
    )


def _share(p_values: NDArray[np.float64], alpha: float) -> float:
    return float(np.mean(p_values <= alpha))


def _alarms(name: str, by: str, group: str, humans: list[Judged]) -> FalseAlarms:
    at_5, at_1 = (rate([text.p_value[name] for text in humans], alpha) for alpha in ALPHAS)
    return FalseAlarms(detector=name, by=by, group=group, n=len(humans), at_5_percent=at_5, at_1_percent=at_1)


def rate(p_values: Sequence[float], alpha: float) -> Interval:
    """Share of p <= alpha, with its exact interval."""
    flagged = int(np.sum(np.asarray(p_values) <= alpha))
    lower, upper = metric.binomial_interval(flagged, len(p_values))
    return Interval(value=flagged / len(p_values), lower=lower, upper=upper)
