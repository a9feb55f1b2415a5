"""The rule of the teacher-forced comparison: whether answers are farther from the reference than its variants are.

The null hypothesis, that the endpoint serves one of the allowed variants, is composite: the test rejects only if it rejects
every one of them. Pure: no endpoint, no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.seeds import generator
from llm_audit.detectors.rule import Measurement, Terms, requires
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.detectors.substitution.reference import WORDS, Words
from llm_audit.results import Effect, Result, Statistic, Verdict
from llm_audit.results.substitution_evidence import OnlineRanks, Variant
from llm_audit.stats import online
from llm_audit.stats.permutation import bootstrap_mean

Floats = NDArray[np.float64]


class Distances(NamedTuple):
    """The distances of each request's answer from each allowed variant.

    Attributes:
        words: for the sentences about them.
        kind: what they measure.
        unit: of them.
        endpoint: variant -> (n,) of the endpoint's answers, in the order asked.
        null: variant -> (N,), how far the farthest other variant is from it on answers of the reference itself.
        names: (n,) of the requests.
        missing: requests without an answer that can be compared.
        asked: all requests.
    """

    words: Words
    kind: str
    unit: str
    endpoint: Mapping[str, Floats]
    null: Mapping[str, Floats]
    names: tuple[str, ...]
    missing: int = 0
    asked: int = 0

    @property
    def nearest(self) -> str:
        """The variant that the endpoint is closest to on average."""
        return min(self.endpoint, key=lambda variant: float(self.endpoint[variant].mean()))

    def stored(self, seed: str) -> OnlineRanks:
        """The distances as the evidence of a report."""
        return OnlineRanks(
            yardstick=self.words.name,
            measure=self.kind,
            unit=self.unit,
            seed=seed,
            requests=self.names,
            missing=self.missing,
            asked=self.asked,
            variants=tuple(
                Variant(name=name, endpoint=tuple(values.tolist()), honest=tuple(self.null[name].tolist()))
                for name, values in self.endpoint.items()
            ),
        )

    @classmethod
    def of(cls, stored: OnlineRanks) -> Distances:
        """The distances from the evidence of a report."""
        endpoint = {variant.name: np.array(variant.endpoint) for variant in stored.variants}
        null = {variant.name: np.array(variant.honest) for variant in stored.variants}
        words = WORDS[stored.yardstick]
        return cls(words, stored.measure, stored.unit, endpoint, null, stored.requests, stored.missing, stored.asked)


def measure(distances: Distances, seed: str) -> Measurement[OnlineRanks]:
    """The measurement of the distances; `seed`: of the random numbers for ties and for the interval."""
    return Measurement(distances.stored(seed))


def derive(measured: Measurement[OnlineRanks], terms: Terms) -> Result:
    """An e-process on the ranks of the endpoint's distances among null distances, valid at every stop; before Holm.

    Every purpose has its own random numbers, so that more requests only extend the results of fewer.

    Raises:
        ValueError: distances that are not of the requests named.
    """
    requires(measured, OnlineRanks)
    _check(measured.evidence)
    distances, seed = Distances.of(measured.evidence), measured.evidence.seed
    processes = {
        name: online.wealth(online.ranks(values, distances.null[name], generator(seed, f"ranks {name}")))
        for name, values in distances.endpoint.items()
    }
    path = np.min([process.path for process in processes.values()], axis=0)
    log_e = max(0.0, float(path.max(initial=0.0)))
    smallest = online.wealth(np.full(len(path), 0.5 / (1 + min(map(len, distances.null.values()))))).p_anytime
    at = int(path.argmax()) + 1 if log_e > 0 else 0
    nearest, n = distances.nearest, len(path)
    values = distances.endpoint[nearest]
    low, high = bootstrap_mean(values, generator(seed, "interval")) if n >= 10 else (None, None)
    usual = float(distances.null[nearest].mean())
    return Result(
        rule=rule.code,
        name=rule.title,
        subject="endpoint",
        null=distances.words.null,
        verdict=Verdict.INCONCLUSIVE,
        reason=(
            f"The endpoint's {n} answers are {values.mean():.2g} {distances.unit} from {nearest}, the nearest "
            f"{distances.words.variant}; {distances.words.variant}s are {usual:.2g} from each other"
            + (f". The evidence is strongest after {at} answers" if at else "")
        ),
        statistic=Statistic(name="largest log e-value over the requests, least over variants", value=log_e, unit="nats"),
        p_value=min(1.0, float(np.exp(-log_e))),
        e_value=float(np.exp(np.clip(path[-1], -700.0, 700.0))),
        p_floor=min(1.0, max(smallest, 1e-300)),
        effect=Effect(
            name=f"{distances.kind} from {nearest}", value=float(values.mean()), unit=distances.unit, lower=low, upper=high
        ),
        n=n,
        log_e=tuple(round(value, 4) for value in path.tolist()),
        evidence=measured.evidence,
        assumptions=distances.words.assumptions,
        method=rule.method,
    )


def _check(evidence: OnlineRanks) -> None:
    """Raise ValueError unless every request has a name and a distance from each variant, and no more are missing than asked."""
    answered = len(evidence.requests)
    if any(len(variant.endpoint) != answered for variant in evidence.variants) or len(set(evidence.requests)) != answered:
        raise ValueError("the distances are not of the requests that are named, each once")
    if answered + evidence.missing > evidence.asked:
        raise ValueError("more requests are answered or missing than were made")


rule = SubstitutionRule[Distances, OnlineRanks](
    code="AUD401",
    name="teacher-forced",
    title="Teacher-forced comparison",
    question="Do the endpoint's answers keep lying farther from the reference than its own variants lie from each other?",
    null="The endpoint serves one of the allowed variants of the reference.",
    assumptions=("Under the null hypothesis the endpoint's distances are exchangeable with the null distances, or smaller.",),
    method=(
        "Log-probability analysis (Cai et al. 2025, arXiv 2504.04715, which gives no statistic): online conformal ranks of "
        "distances among honest ones and a power bet (Vovk et al. 2003); composite null as in MET (arXiv 2410.20247)"
    ),
    alternatives=True,
    measure=measure,
    derive=derive,
)
