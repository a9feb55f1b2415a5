"""How well a score separates two classes, with intervals that respect groups. Higher scores mean class 1.

Every function takes scores (n,) and labels (n,) of 0 and 1. Knows nothing about texts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Metric = Callable[[NDArray[np.float64], NDArray[np.int64]], float]


class Roc(NamedTuple):
    """The ROC curve at every distinct threshold, from (0, 0) to (1, 1); `threshold[0]` is infinite."""

    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    threshold: NDArray[np.float64]


def roc(scores: ArrayLike, labels: ArrayLike) -> Roc:
    """The curve of "score >= threshold".

    Raises:
        ValueError: a class is empty, or a score is not finite.
    """
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(labels) == 1
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite")
    if positive.all() or not positive.any():
        raise ValueError("both classes must occur")
    order = np.argsort(-values, kind="stable")
    values, positive = values[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)  # of each run of equal scores
    true, false = np.cumsum(positive)[last], np.cumsum(~positive)[last]
    return Roc(
        np.append(0.0, false / false[-1]), np.append(0.0, true / true[-1]), np.append(np.inf, values[last])
    )


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Probability that a random positive scores above a random negative, ties counted half."""
    curve = roc(scores, labels)
    return float(np.trapezoid(curve.tpr, curve.fpr))


def threshold_at_fpr(scores: ArrayLike, labels: ArrayLike, fpr: float) -> float:
    """The lowest threshold whose false-positive rate is at most `fpr`; infinite if none."""
    curve = roc(scores, labels)
    return float(curve.threshold[np.flatnonzero(curve.fpr <= fpr)[-1]])


def tpr_at_fpr(scores: ArrayLike, labels: ArrayLike, fpr: float) -> float:
    """True-positive rate at `threshold_at_fpr`: a step function, never interpolated upwards."""
    curve = roc(scores, labels)
    return float(curve.tpr[np.flatnonzero(curve.fpr <= fpr)[-1]])


def one_way_partial_auc(scores: ArrayLike, labels: ArrayLike, max_fpr: float) -> float:
    """Area left of `max_fpr`, standardised as McClish (1989): .5 is chance, 1 is perfect.

    What scikit-learn computes for `roc_auc_score(max_fpr=...)`, and what DACTYL reports as OPAUC.
    """
    curve = roc(scores, labels)
    area, chance = _area(curve, max_fpr, 0.0), max_fpr**2 / 2
    return float((1 + (area - chance) / (max_fpr - chance)) / 2)


def two_way_partial_auc(scores: ArrayLike, labels: ArrayLike, max_fpr: float, min_tpr: float) -> float:
    """Area with FPR <= `max_fpr` and TPR >= `min_tpr`, as a share of that rectangle: 0 to 1.

    Yang et al. (2019). Where both counts are whole numbers this is the AUC between the top `max_fpr` of the negatives and
    the lowest 1 - `min_tpr` of the positives, which is how LibAUC and DACTYL's TPAUC compute it.
    """
    return _area(roc(scores, labels), max_fpr, min_tpr) / (max_fpr * (1 - min_tpr))


def _area(curve: Roc, max_fpr: float, min_tpr: float) -> float:
    """Integral of max(tpr - min_tpr, 0) over fpr in [0, max_fpr], the curve being linear between thresholds."""
    total = 0.0
    for (x0, x1), (y0, y1) in zip(
        np.lib.stride_tricks.sliding_window_view(curve.fpr, 2),
        np.lib.stride_tricks.sliding_window_view(curve.tpr - min_tpr, 2),
        strict=True,
    ):
        if x0 >= max_fpr:
            break
        if x1 == x0 or y1 <= 0:
            continue
        slope = (y1 - y0) / (x1 - x0)
        left = x0 if y0 >= 0 else x0 - y0 / slope  # where the curve crosses min_tpr
        right = min(x1, max_fpr)
        if right > left:
            total += (right - left) * (y0 + slope * ((left + right) / 2 - x0))
    return float(total)


def macro_f1(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Mean of the two classes' F1 for the decision "score >= threshold"."""
    said, true = np.asarray(scores) >= threshold, np.asarray(labels) == 1
    f1 = []
    for found, wanted in ((said, true), (~said, ~true)):
        hits = np.sum(found & wanted)
        f1.append(2 * hits / max(found.sum() + wanted.sum(), 1))
    return float(np.mean(f1))


class Estimate(NamedTuple):
    """A value and its bootstrap interval."""

    value: float
    lower: float
    upper: float


def bootstrap(
    metric: Metric,
    scores: ArrayLike,
    labels: ArrayLike,
    groups: Sequence[Hashable],
    generator: np.random.Generator,
    resamples: int = 200,
    confidence: float = 0.95,
) -> Estimate:
    """Percentile bootstrap over whole groups (documents that share a source text come and go together).

    Resamples without one of the classes are drawn again; the interval assumes that groups are independent.
    """
    values, classes = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    _, member = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)
    members = np.split(np.argsort(member, kind="stable"), np.cumsum(np.bincount(member))[:-1])
    found: list[float] = []
    for _ in range(20 * resamples):
        rows = np.concatenate([members[i] for i in generator.integers(len(members), size=len(members))])
        if 0 < classes[rows].sum() < len(rows):
            found.append(metric(values[rows], classes[rows]))
        if len(found) == resamples:
            break
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(found, [tail, 1 - tail]) if found else (np.nan, np.nan)
    return Estimate(metric(values, classes), float(lower), float(upper))


def binomial_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson: exact for any rate, conservative."""
    from scipy.stats import binomtest

    interval: Any = binomtest(successes, n).proportion_ci(confidence, "exact")
    return float(interval.low), float(interval.high)
