"""AUD202: the tempering e-process, exact at every length and valid whenever one looks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.attribution.support import EPSILON, finite, inside
from llm_audit.detectors.base import Detector, Evidence, Terms
from llm_audit.results.evidence import Tempering
from llm_audit.scoring.tokens import RENYI_ORDERS, TokenScores
from llm_audit.stats import eprocess


def increments(scores: TokenScores) -> NDArray[np.float64]:
    """(n, exponents) log e of each token; for a truncated setting against the null widened by `EPSILON`."""
    if scores.free_logprob is None or scores.free_renyi is None or scores.kept is None:
        return eprocess.tempering_increments(scores.logprob, scores.renyi, RENYI_ORDERS)
    return eprocess.contaminated_increments(
        scores.logprob, scores.renyi, scores.free_logprob, scores.free_renyi, scores.kept, RENYI_ORDERS, EPSILON
    )


def log_e(scores: TokenScores) -> float:
    """Logarithm of the e-value after the last token; an impossible token counts as e^700, the end of float64."""
    return min(eprocess.mixture(increments(scores)).log_e, 700.0)


def evidence(scores: TokenScores, terms: Terms) -> Evidence:
    """The p-value is 1 over the largest e-value on the way (Ville)."""
    steps, needed = increments(scores), -math.log(terms.level)
    found = eprocess.mixture(steps)
    outside = int((~inside(scores)).sum())
    sentence = (
        f"The e-value after {len(scores):,} tokens is e^{found.log_e:.2f}, its largest on the way e^{found.log_peak:.2f}; "
        f"refuting takes e^{needed:.2f}."
    )
    if outside:
        sentence += f" {outside} of {len(scores):,} tokens are impossible under these settings; {EPSILON:.0%} are allowed for."
    robust = found.log_peak < needed or found.log_peak_without >= needed
    if not robust:
        sentence += (
            f" Without token {found.dominant + 1} it is e^{found.log_peak_without:.2f}: that points to another tokeniser, "
            "another precision or an edit at this place rather than to another writer."
        )
    products = np.cumsum(steps, axis=0)
    peak = products[int(found.path.argmax())] if found.log_peak > 0 else ()
    stored = Tempering(
        peak=tuple(map(finite, peak)), end=tuple(map(finite, products[-1])), without=finite(found.log_peak_without)
    )
    return Evidence(found.log_e, found.p_anytime, found.log_e, sentence, robust, path=found.path, stored=stored)


detector = Detector(
    rule="AUD202",
    name="e-process",
    title="Tempering e-process",
    unit="nats (log e-value)",
    method="Martingale prod A(x)^-l / sum A^(1-l), mixed over a fixed grid of l; Ville's inequality: exact whenever one stops",
    statistic=log_e,
    null="model",
    exact=evidence,
)
