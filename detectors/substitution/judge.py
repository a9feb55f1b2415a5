"""AUD401-404: from distances, ranks and texts to results. Pure: no endpoint, no model.

Every test has the same null: the endpoint serves one of the allowed variants. It is composite, so a test rejects only if it
rejects every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.detectors.substitution.yardstick import WORDS, Words
from llm_audit.results import Draws, Effect, Interval, Point, Result, Statistic, Verdict
from llm_audit.results.evidence import Discrepancy, Exceedance, Kernel, OnlineRanks, RelativeRanks, Variant
from llm_audit.seeds import generator
from llm_audit.stats import exceedance, kernels, online, ranks
from llm_audit.stats.combination import holm
from llm_audit.stats.permutation import bootstrap_mean

Floats = NDArray[np.float64]

PLAIN = (
    "The texts are independent draws: of seeds that no two of them share.",
    "The endpoint draws with the settings that were asked for and no others: a hidden system prompt, temperature, top-k or "
    "min-p is a departure from the reference, and is found as one.",
)


class Distances(NamedTuple):
    """One number a request, for each allowed variant.

    Attributes:
        words: for the sentences about them.
        kind: what they measure.
        unit: of them.
        endpoint: variant -> (n,) of the endpoint's answers, in the order asked.
        honest: variant -> (N,), the farthest that another one is from it.
        names: (n,) of the requests.
        missing: requests without an answer that can be compared.
        asked: all requests.
    """

    words: Words
    kind: str
    unit: str
    endpoint: Mapping[str, Floats]
    honest: Mapping[str, Floats]
    names: tuple[str, ...]
    missing: int = 0
    asked: int = 0

    @property
    def nearest(self) -> str:
        """The variant that the endpoint is closest to on average."""
        return min(self.endpoint, key=lambda variant: float(self.endpoint[variant].mean()))

    def stored(self, seed: str) -> OnlineRanks:
        """For the report."""
        return OnlineRanks(
            yardstick=self.words.name,
            measure=self.kind,
            unit=self.unit,
            seed=seed,
            requests=self.names,
            missing=self.missing,
            asked=self.asked,
            variants=tuple(
                Variant(name=name, endpoint=tuple(values.tolist()), honest=tuple(self.honest[name].tolist()))
                for name, values in self.endpoint.items()
            ),
        )

    @classmethod
    def of(cls, stored: OnlineRanks) -> Distances:
        """From the report."""
        endpoint = {one.name: np.array(one.endpoint) for one in stored.variants}
        honest = {one.name: np.array(one.honest) for one in stored.variants}
        return cls(
            WORDS[stored.yardstick],
            stored.measure,
            stored.unit,
            endpoint,
            honest,
            stored.requests,
            stored.missing,
            stored.asked,
        )


def compare(found: Distances, seed: str) -> Result:
    """AUD401: whether the endpoint's distances keep exceeding honest ones. An e-process, valid at every stop.

    Every purpose has random numbers of its own, so that more requests only lengthen what fewer had come to.
    """
    processes = {
        name: online.wealth(online.ranks(values, found.honest[name], generator(seed, f"ranks {name}")))
        for name, values in found.endpoint.items()
    }
    path = np.min([process.path for process in processes.values()], axis=0)
    log_e = max(0.0, float(path.max(initial=0.0)))
    smallest = online.wealth(np.full(len(path), 0.5 / (1 + min(map(len, found.honest.values()))))).p_anytime
    at = int(path.argmax()) + 1 if log_e > 0 else 0
    nearest, n = found.nearest, len(path)
    values = found.endpoint[nearest]
    low, high = bootstrap_mean(values, generator(seed, "interval")) if n >= 10 else (None, None)
    honest = float(found.honest[nearest].mean())
    return Result(
        rule="AUD401",
        name="Teacher-forced comparison",
        subject="endpoint",
        null=found.words.null,
        verdict=Verdict.INCONCLUSIVE,
        reason=(
            f"The endpoint's {n} answers are {values.mean():.2g} {found.unit} from {nearest}, the nearest "
            f"{found.words.variant}; {found.words.variant}s are {honest:.2g} from each other"
            + (f". The evidence is strongest after {at} answers" if at else "")
        ),
        statistic=Statistic(name="largest log e-value over the requests, least over variants", value=log_e, unit="nats"),
        p_value=min(1.0, float(np.exp(-log_e))),
        e_value=float(np.exp(np.clip(path[-1], -700.0, 700.0))),
        p_floor=min(1.0, max(smallest, 1e-300)),
        effect=Effect(name=f"{found.kind} from {nearest}", value=float(values.mean()), unit=found.unit, lower=low, upper=high),
        n=n,
        log_e=tuple(round(value, 4) for value in path.tolist()),
        evidence=found.stored(seed),
        assumptions=found.words.assumptions,
        method=(
            "Log-probability analysis (Cai et al. 2025, arXiv 2504.04715, which gives no statistic): online conformal ranks of "
            "distances among honest ones and a power bet (Vovk et al. 2003); composite null as in MET (arXiv 2410.20247)"
        ),
    )


def classify(found: Distances, alpha: float) -> tuple[Result, Interval, tuple[Point, ...]]:
    """AUD402: whether single requests lie beyond every honest one. Exact for a number of requests fixed beforehand.

    Returns the result, the share of requests that were moved out of the honest range, with an interval, and every request with
    the limit that it was held against. The lower end is above 0 if this test alone rejects at alpha; the upper end, of 95 %
    confidence or more, counts every request without a comparable answer as moved, and is the largest over variants.
    """
    tested = {name: exceedance.exceedance(values, found.honest[name]) for name, values in found.endpoint.items()}
    worst = max(tested, key=lambda name: tested[name].p_value)
    one, n, honest = tested[worst], len(found.names), len(found.honest[worst])
    confidence = max(0.95, 1 - 2 * alpha)
    rate = exceedance.rate_interval(one.above, n, honest, confidence=confidence)
    upper = max(
        exceedance.rate_interval(each.above + found.missing, n + found.missing, honest, confidence=confidence).upper
        for each in tested.values()
    )
    mixture = Interval(value=one.above / n, lower=rate.lower, upper=upper)
    needed = exceedance.needed_above(n, honest, alpha)
    result = Result(
        rule="AUD402",
        name="Requests beyond the honest range",
        subject="endpoint",
        null=found.words.null,
        verdict=Verdict.INCONCLUSIVE,
        reason=(
            f"{one.above} of {n} answers are farther from {worst} than each of {honest} honest ones"
            + (f"; p = {alpha:g} takes {needed}" if needed else "")
        ),
        statistic=Statistic(name="answers beyond the honest range", value=float(one.above), unit=""),
        p_value=one.p_value,
        p_floor=one.p_floor,
        effect=Effect(
            name="share of requests out of the honest range",
            value=mixture.value,
            unit="",
            lower=rate.lower,
            upper=upper,
        ),
        n=n,
        evidence=Exceedance(),
        assumptions=found.words.assumptions,
        method="Exceedance test (Rosenbaum 1954); the interval inverts it, and counts what a substitute moves out of range",
    )
    points = tuple(
        Point(request=name, value=float(value), limit=one.threshold)
        for name, value in zip(found.names, found.endpoint[worst], strict=True)
    )
    return result, mixture, points


def rank_uniformity(scores: ArrayLike, references: ArrayLike, seed: str, words: Words) -> Result:
    """AUD403: whether the rank of each answer's score among the reference's own answers is uniform.

    Args:
        scores: (n,) mean log-rank of the endpoint's answer to each prompt, under the reference.
        references: (n, m) of the reference's own answers.
        seed: of what breaks ties.
        words: for its sentences.
    """
    own, table = np.asarray(scores, dtype=np.float64), np.asarray(references, dtype=np.float64)
    relative = ranks.relative_rank(own, table, generator(seed, "text ranks"))
    uniform, process = ranks.uniformity(relative), ranks.wealth(relative)
    return Result(
        rule="AUD403",
        name="Rank uniformity",
        subject="endpoint",
        null=words.null,
        verdict=Verdict.INCONCLUSIVE,
        reason=(
            f"Among {table.shape[1]} answers of the reference the endpoint's rank {uniform.mean:.2f} on average (uniform: "
            f"0.50) over {len(relative)} prompts; Cramer-von Mises p = {uniform.p_value:.2g}, by a test that does not decide"
        ),
        statistic=Statistic(name="largest log e-value over the prompts", value=process.log_peak, unit="nats"),
        p_value=process.p_anytime,
        e_value=float(np.exp(np.clip(process.log_e, -700.0, 700.0))),
        effect=Effect(name="mean rank", value=uniform.mean, unit=""),
        n=len(relative),
        evidence=RelativeRanks(seed=seed, scores=tuple(own.tolist()), references=tuple(map(tuple, table.tolist()))),
        assumptions=PLAIN,
        method=(
            "RUT (arXiv 2506.06975) with the rank (#less + U (#ties + 1)) / (m + 1), which is uniform for every m; the "
            "published one, over m, is not. An e-process decides in the place of Cramer-von Mises"
        ),
    )


def same_texts(
    endpoint: Sequence[tuple[str, str]], reference: Sequence[tuple[str, str]], seed: str, words: Words, draws: int = 9999
) -> Result:
    """AUD404: whether the endpoint's texts and the reference's are draws from one law. MMD, permuted within prompts.

    Args:
        endpoint: (prompt, text), several texts a prompt.
        reference: likewise, for the same prompts.
        seed: of the permutations.
        words: for its sentences.
        draws: of them.
    """

    def canonical(texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(prompt, " ".join(text.split())) for prompt, text in texts]

    likeness = kernels.within_prompts(canonical(endpoint), canonical(reference), kernels.spectrum)
    raw = kernels.permuted(
        kernels.within_prompts(endpoint, reference, kernels.hamming), generator(seed, "permutations of raw texts"), draws
    )
    return judge_likeness(
        likeness,
        seed,
        draws,
        f"{len(endpoint)} and {len(reference)} texts, white space aside; with white space and the Hamming kernel p = "
        f"{raw.p_value:.2g}, by a test that does not decide",
        len(endpoint),
        words,
    )


def judge_likeness(likeness: Sequence[tuple[Floats, int]], seed: str, draws: int, between: str, n: int, words: Words) -> Result:
    """`same_texts` from the likeness of the texts of each prompt, of which so many are the endpoint's.

    `between` ends the reason, `n` counts the endpoint's texts.
    """
    outcome = kernels.permuted(likeness, generator(seed, "permutations"), draws)
    return Result(
        rule="AUD404",
        name="Two samples of text",
        subject="endpoint",
        null=words.null,
        verdict=Verdict.INCONCLUSIVE,
        reason=f"Maximum mean discrepancy {outcome.statistic:.3g} between {between}",
        statistic=Statistic(name="MMD, spectrum kernel", value=float(outcome.statistic), unit=""),
        p_value=outcome.p_value,
        p_floor=outcome.p_floor,
        n=n,
        draws=Draws(
            count=outcome.draws,
            exceeding=outcome.exceeding,
            seed=seed,
            values=tuple(float(value) for value in np.asarray(outcome.null)[:999]),
        ),
        evidence=Discrepancy(
            yardstick=words.name,
            seed=seed,
            prompts=tuple(
                Kernel(first=first, size=len(gram), above=tuple(gram[np.triu_indices(len(gram), 1)].tolist()))
                for gram, first in likeness
            ),
        ),
        assumptions=PLAIN,
        method="Model equality testing (Gao et al. 2024, arXiv 2410.20247), permuted within prompts, p = (1 + b)/(1 + B)",
    )


def likeness_of(stored: Discrepancy) -> list[tuple[Floats, int]]:
    """What `judge_likeness` takes, from the report."""
    found = []
    for one in stored.prompts:
        gram = np.zeros((one.size, one.size))
        gram[np.triu_indices(one.size, 1)] = one.above
        found.append((gram + gram.T, one.first))
    return found


def decide(results: Sequence[Result], alpha: float) -> tuple[Result, ...]:
    """The results with their verdicts: Holm over those that have a p-value."""
    with_p = [result for result in results if result.p_value is not None]
    adjusted = dict(zip(map(id, with_p), holm([result.p_value or 0.0 for result in with_p]), strict=True)) if with_p else {}
    decided = []
    for result in results:
        if result.p_value is None:
            decided.append(result)
            continue
        p = float(adjusted[id(result)])
        over = f"p = {result.p_value:.2g}" + (f", {p:.2g} by Holm over {len(with_p)} tests" if len(with_p) > 1 else "")
        if p <= alpha:
            verdict, then = Verdict.FINDING, f"at alpha {alpha:g} the null hypothesis is rejected"
        elif (floor := (result.p_floor or 0.0) * len(with_p)) > alpha:
            verdict, then = Verdict.INCONCLUSIVE, f"no p-value below {floor:.2g} was possible, and {alpha:g} was asked for"
        else:
            verdict, then = Verdict.PASS, f"at alpha {alpha:g} the null hypothesis is not rejected, which does not prove it"
        decided.append(result.model_copy(update={"verdict": verdict, "reason": f"{result.reason}; {over}: {then}."}))
    return tuple(decided)
