"""Contract of scores that rank texts by how member-like they are."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from llm_audit.detectors.membership.base import MembershipScore, Passes
from llm_audit.testing.samples import certain_scores, sample_passes, sample_scores


def _all_passes() -> Iterator[Passes]:
    rng = np.random.default_rng(0)
    for n_tokens in (1, 2, 64, 512):
        for scores in (sample_scores(n_tokens, rng), certain_scores(n_tokens)):
            yield sample_passes(scores, rng)


def _statistics(score: MembershipScore) -> dict[str, Callable[[Passes], float]]:
    return {score.name: score.statistic, **{f"{score.name} {name}": variant for name, variant in score.variants}}


def _gives_numbers(score: MembershipScore) -> None:
    for passes in _all_passes():
        for name, statistic in _statistics(score).items():
            value = statistic(passes)
            assert isinstance(value, float), f"{name} returns {type(value).__name__}, not float"
            assert math.isfinite(value), f"{name} is not finite on {len(passes.scores)} tokens"


def _gives_the_same_numbers(score: MembershipScore) -> None:
    for passes in _all_passes():
        before = passes.scores.to_bytes()
        for name, statistic in _statistics(score).items():
            assert statistic(passes) == statistic(passes), f"{name} gives two numbers for the same passes"
        assert passes.scores.to_bytes() == before, f"{score.name} changes the scores it is given"


def _saturates_between_0_and_1(score: MembershipScore) -> None:
    for passes in _all_passes() if score.saturation else ():
        assert score.saturation is None or 0 <= score.saturation(passes) <= 1, f"the saturation of {score.name} is no share"


def _is_higher_for_likelier_text(score: MembershipScore) -> None:
    rng, higher = np.random.default_rng(0), 0
    for _ in range(50):
        likely = sample_scores(200, rng)
        passes = sample_passes(likely, rng)
        unlikely = dataclasses.replace(likely, logprob=(likely.logprob - 3 * (rng.random(200) < 1 / 3)).astype(np.float32))
        higher += score.statistic(passes) > score.statistic(passes._replace(scores=unlikely))
    assert higher >= 45, f"{score.name} is not higher for text that the model finds likelier"


CLAUSES: Mapping[str, Callable[[MembershipScore], None]] = {
    "gives a finite float from 1 to 512 tokens, also in its variants": _gives_numbers,
    "gives the same numbers for the same passes, and leaves them as they are": _gives_the_same_numbers,
    "saturates by a share between 0 and 1, if at all": _saturates_between_0_and_1,
    "is higher where the target finds the text likelier": _is_higher_for_likelier_text,
}
