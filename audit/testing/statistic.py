"""Contract of rules based on a statistic of token scores."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from llm_audit.detectors.populations import Datasheet, among, build
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.statistic import StatisticRule
from llm_audit.results import Share, Statistic
from llm_audit.scoring.tokens import TokenScores
from llm_audit.testing.reproducible import check_reproducible
from llm_audit.testing.samples import certain_scores, sample_scores


def sampled(rule: StatisticRule) -> Iterator[TokenScores]:
    """Scores of short and long texts, by one model and by two."""
    rng = np.random.default_rng(0)
    for n_tokens in (2, 3, 64, 512):
        for two_models in (False, True):
            yield sample_scores(n_tokens, rng, two_models=two_models, states=_states(rule), rivals=_rivals(rule))


def _certain(rule: StatisticRule) -> Iterator[TokenScores]:
    return (certain_scores(n_tokens, _states(rule)) for n_tokens in (2, 3, 64, 512))


def _states(rule: StatisticRule) -> tuple[int, int]:
    return len(rule.hidden_layers), rule.hidden_size


def _rivals(rule: StatisticRule) -> int:
    return 2 * getattr(rule, "needs_rivals", False)


def _value(rule: StatisticRule, scores: TokenScores) -> float:
    """The statistic, which every clause needs to be a float."""
    value = rule.statistic(scores)
    assert isinstance(value, float), f"{rule.code} returns {type(value).__name__}, not float"
    return value


def _is_finite(rule: StatisticRule) -> None:
    for scores in sampled(rule):
        assert math.isfinite(_value(rule, scores)), f"{rule.code} is not finite on {len(scores)} tokens"
    for scores in _certain(rule):
        assert math.isfinite(_value(rule, scores)), f"{rule.code} is not finite on a certain text"


def _repeats_itself(rule: StatisticRule) -> None:
    for scores in sampled(rule):
        first, second = _value(rule, scores), _value(rule, scores)
        assert first == second, f"{rule.code} gives two numbers for the same scores"


def _leaves_scores_alone(rule: StatisticRule) -> None:
    for scores in sampled(rule):
        before = scores.to_bytes()
        _value(rule, scores)
        assert scores.to_bytes() == before, f"{rule.code} changes the scores it is given"


def _ignores_the_place(rule: StatisticRule) -> None:
    for scores in sampled(rule):
        moved = dataclasses.replace(scores, char_start=scores.char_start + 7, char_end=scores.char_end + 7)
        assert _value(rule, moved) == _value(rule, scores), f"{rule.code} depends on where the text stands"


def _explains_in_numbers(rule: StatisticRule) -> None:
    for scores in _certain(rule) if rule.explain else ():
        shares = rule.explain(scores) if rule.explain else ()
        assert all(name and math.isfinite(value) for name, value in shares), f"{rule.code} explains with no number"


def _is_higher_for_likelier_text(rule: StatisticRule) -> None:
    if not rule.hidden_layers:
        higher = likely_texts_preferred(rule, 1)
        assert higher >= LEAST_PREFERRED, f"{rule.code} is not higher for text that the model finds likelier: {message(higher)}"


PAIRS, LEAST_PREFERRED = 50, 45
"""Pairs of made-up texts, and in how many of them a rule must prefer the right one."""


def message(higher: int) -> str:
    """The message of a failed direction check: how many pairs were ordered correctly, and how they were made."""
    return (
        f"in {higher} of {PAIRS} pairs of a made-up text of 200 tokens and the same with a third of its tokens unlikelier; "
        f"{LEAST_PREFERRED} are needed"
    )


def likely_texts_preferred(rule: StatisticRule, sign: int) -> int:
    """The number of texts sampled from the model that score higher (lower for `sign` -1) than with unlikely tokens in them."""
    rng, higher = np.random.default_rng(0), 0
    for _ in range(PAIRS):
        likely = sample_scores(200, rng, rivals=_rivals(rule))
        changed = rng.random(200) < 1 / 3
        unlikely = dataclasses.replace(
            likely,
            logprob=np.where(changed, likely.logprob - 3, likely.logprob).astype(np.float32),
            rank=np.where(changed, likely.rank + 15, likely.rank).astype(np.int32),
            mass_above=np.where(changed, 1 - (1 - likely.mass_above) / 20, likely.mass_above).astype(np.float32),
            tie_mass=np.where(changed, likely.tie_mass / 20, likely.tie_mass).astype(np.float32),
        )
        higher += sign * _value(rule, likely) > sign * _value(rule, unlikely)
    return higher


def _follows_from_its_evidence(rule: StatisticRule) -> None:
    """Check, for the rank of a text in a population of 39 others, that the result follows from its evidence."""
    rng = np.random.default_rng(0)
    *others, text = (sample_scores(64, rng, states=_states(rule), rivals=_rivals(rule)) for _ in range(40))
    sheet = Datasheet(
        name="sampled", description="Sampled scores.", sources={"sampled": 39}, collected="now", language="en", not_covered=(),
        created="2026-01-01", target_n=39, scorer="none", model="none",
    )  # fmt: skip
    population = build(sheet, others, [rule])
    measured = Measurement[object](
        population.evidence([rule], [population.measure(text, [rule])]).model_copy(update={"weights": ()}),
        statistic=Statistic(name=rule.name, value=_value(rule, text), unit=rule.unit),
        shares=tuple(Share(name=name, value=value) for name, value in (rule.explain(text) if rule.explain else ())),
    )
    for alpha in (0.01, 0.5):
        result = check_reproducible(rule, measured, Terms(alpha, population=among(population)))
        smaller = int((population.scores[rule.code][:, 0] >= np.float32(_value(rule, text))).sum())
        assert result.p_value == (1 + smaller) / 40, f"{rule.code} gives p = {result.p_value}, and no rank"


SCORES: Mapping[str, Callable[[StatisticRule], None]] = {
    "gives a finite float from 2 to 512 tokens, with one model and with two": _is_finite,
    "gives the same number for the same scores": _repeats_itself,
    "leaves the scores that it is given as they are": _leaves_scores_alone,
    "reads nothing but the scores": _ignores_the_place,
    "explains itself in finite numbers, if at all": _explains_in_numbers,
}
"""Clauses for rules of both nulls."""

CLAUSES: Mapping[str, Callable[[StatisticRule], None]] = {
    **SCORES,
    "is higher for text that the model finds likelier": _is_higher_for_likelier_text,
    "has a result that follows from its evidence alone": _follows_from_its_evidence,
}
"""Further clauses for rules whose null is "a person wrote it"."""
