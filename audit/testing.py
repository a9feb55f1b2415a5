"""The contract that every detector must pass, ours and other people's: `check_detector`, `check_membership_score`.

Call it from a test of your plugin. It needs numpy only: no model, no network.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.base import Detector, Terms
from llm_audit.detectors.integrity.base import IntegrityRule, examine
from llm_audit.detectors.membership.base import MembershipScore, Passes
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.results import Verdict
from llm_audit.scoring.tokens import RENYI_ORDERS, STATE_BLOCK, TokenScores


def sample_scores(
    n_tokens: int,
    rng: np.random.Generator,
    *,
    vocabulary: int = 50,
    two_models: bool = False,
    states: tuple[int, int] = (0, 0),
    rivals: int = 0,
    kept: int | None = None,
) -> TokenScores:
    """Scores of a random text under random distributions: every column consistent with the others, float64 inside.

    Args:
        n_tokens: rows.
        rng: source of randomness.
        vocabulary: size of the distributions.
        two_models: add the cross columns, with an independent reference model.
        states: layers and width of random hidden states; none by default.
        rivals: models, of other random distributions, with a say on the same text.
        kept: top-k, with the columns that tests of a truncated setting need; the text is drawn under it.
    """
    logits = rng.standard_normal((n_tokens, vocabulary)) * rng.uniform(0.5, 4, (n_tokens, 1))
    free = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    log_p = free
    if kept is not None:
        log_kept = np.logaddexp.reduce(np.sort(free)[:, -kept:], axis=1, keepdims=True)
        log_p = np.where(free >= np.sort(free)[:, [-kept]], free - log_kept, -np.inf)
    p = np.exp(log_p)
    observed = np.array([rng.choice(vocabulary, p=row) for row in p], dtype=np.int32).reshape(-1)
    at = observed[:, None].astype(np.intp)
    own = np.take_along_axis(log_p, at, axis=1)
    surprisal = np.where(p > 0, -log_p, 0.0)
    entropy = (p * surprisal).sum(axis=1)
    columns = {
        "logprob": own[:, 0],
        "entropy": entropy,
        "varentropy": (p * (surprisal - entropy[:, None]) ** 2).sum(axis=1),
        "max_logprob": log_p.max(axis=1),
        "mass_above": (p * (log_p > own)).sum(axis=1),
        "tie_mass": (p * (log_p == own)).sum(axis=1),
        "renyi": _renyi(log_p),
    }
    if kept is not None:
        columns |= {
            "free_logprob": np.take_along_axis(free, at, axis=1)[:, 0],
            "free_renyi": _renyi(free),
            "kept": log_kept[:, 0],
        }
    if rivals:
        others = np.log(rng.dirichlet(np.ones(vocabulary), (rivals, n_tokens)))
        columns["rivals"] = np.take_along_axis(others, at[None], axis=2)[..., 0].T
    if two_models:
        r = rng.dirichlet(np.ones(vocabulary), n_tokens)
        mean = -(r * free).sum(axis=1)
        columns |= {"cross_entropy": mean, "cross_varentropy": (r * (free + mean[:, None]) ** 2).sum(axis=1)}
    rows = np.arange(n_tokens, dtype=np.int32)
    blocks = rows[: n_tokens // STATE_BLOCK * STATE_BLOCK : STATE_BLOCK]
    hidden = {"states": rng.standard_normal((len(blocks), *states)).astype(np.float16), "state_start": blocks}
    return TokenScores(
        **(hidden if states[0] else {}),  # type: ignore[arg-type]  # the two columns have two types
        token_id=observed,
        char_start=4 * rows,
        char_end=4 * rows + 4,
        window=np.zeros(n_tokens, np.int32),
        context=rows,
        rank=(1 + (log_p > own).sum(axis=1)).astype(np.int32),
        **{name: column.astype(np.float32) for name, column in columns.items()},
    )


def _renyi(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.logaddexp.reduce(order * log_p, axis=1) for order in RENYI_ORDERS], axis=1)


def certain_scores(n_tokens: int, states: tuple[int, int] = (0, 0)) -> TokenScores:
    """Scores of a text that the model was certain of: the edge where ratios divide by zero."""
    if states[0]:
        blocks = STATE_BLOCK * np.arange(n_tokens // STATE_BLOCK, dtype=np.int32)
        zero = np.zeros((len(blocks), *states), np.float16)
        return dataclasses.replace(certain_scores(n_tokens), states=zero, state_start=blocks)
    zeros, rows = np.zeros(n_tokens, np.float32), np.arange(n_tokens, dtype=np.int32)
    return TokenScores(
        token_id=rows,
        char_start=rows,
        char_end=rows + 1,
        window=np.zeros(n_tokens, np.int32),
        context=rows,
        logprob=zeros,
        entropy=zeros,
        varentropy=zeros,
        max_logprob=zeros,
        rank=np.ones(n_tokens, np.int32),
        mass_above=zeros,
        tie_mass=np.ones(n_tokens, np.float32),
        renyi=np.zeros((n_tokens, len(RENYI_ORDERS)), np.float32),
    )


def check_detector(detector: Detector) -> None:
    """Raise AssertionError, with a sentence, if a detector breaks the contract.

    Checked, one clause of `DETECTOR_CONTRACT` after the other: metadata for the reader; finite numbers from 2 to 512 tokens,
    with one model and with two, also where the model is certain; the same number for the same scores; scores left unchanged;
    nothing read but the scores; explanations in finite numbers; and the direction. Against the null "a person wrote it" that
    is: higher for text that the model finds likelier (a detector that reads hidden states has learnt its direction from
    texts, so random scores cannot show it). Against "this model wrote it": higher for text with tokens that the model finds
    unlikely; and of its exact test, a p-value whose size on 400 texts drawn from the model itself is not above .05, within
    four standard errors.
    """
    for check in DETECTOR_CONTRACT.values():
        check(detector)


def check_membership_score(score: MembershipScore) -> None:
    """Raise AssertionError, with a sentence, if a membership score breaks the contract.

    Checked, one clause of `MEMBERSHIP_CONTRACT` after the other: metadata for the reader; finite numbers from 1 to 512
    tokens, also where the model is certain; the same number for the same passes, which are left unchanged; variants and
    saturation likewise, the latter a share; and the direction: higher where the target finds the text likelier, all else
    being equal.
    """
    for check in MEMBERSHIP_CONTRACT.values():
        check(score)


def _says_what_it_is(thing: Detector | MembershipScore) -> None:
    for name in ("name", "title", "unit", "method"):
        assert getattr(thing, name).strip(), f"{thing.code} has no {name}"


def _sampled(detector: Detector) -> Iterator[TokenScores]:
    """Scores of short and long texts, by one model and by two."""
    rng = np.random.default_rng(0)
    for n_tokens in (2, 3, 64, 512):
        for two_models in (False, True):
            yield sample_scores(
                n_tokens, rng, two_models=two_models, states=_states(detector), rivals=2 * detector.needs_rivals
            )


def _certain(detector: Detector) -> Iterator[TokenScores]:
    return (certain_scores(n_tokens, _states(detector)) for n_tokens in (2, 3, 64, 512))


def _states(detector: Detector) -> tuple[int, int]:
    return len(detector.hidden_layers), detector.hidden_size


def _is_finite(detector: Detector) -> None:
    for scores in _sampled(detector):
        value = detector.statistic(scores)
        assert isinstance(value, float), f"{detector.rule} returns {type(value).__name__}, not float"
        assert math.isfinite(value), f"{detector.rule} is not finite on {len(scores)} tokens"
    for scores in _certain(detector):
        assert math.isfinite(detector.statistic(scores)), f"{detector.rule} is not finite on a certain text"


def _repeats_itself(detector: Detector) -> None:
    for scores in _sampled(detector):
        first, second = detector.statistic(scores), detector.statistic(scores)
        assert first == second, f"{detector.rule} gives two numbers for the same scores"


def _leaves_scores_alone(detector: Detector) -> None:
    for scores in _sampled(detector):
        before = scores.to_bytes()
        detector.statistic(scores)
        assert scores.to_bytes() == before, f"{detector.rule} changes the scores it is given"


def _ignores_the_place(detector: Detector) -> None:
    for scores in _sampled(detector):
        moved = dataclasses.replace(scores, char_start=scores.char_start + 7, char_end=scores.char_end + 7)
        same = detector.statistic(moved) == detector.statistic(scores)
        assert same, f"{detector.rule} depends on where the text stands"


def _explains_in_numbers(detector: Detector) -> None:
    for scores in _certain(detector) if detector.explain else ():
        shares = detector.explain(scores) if detector.explain else ()
        assert all(name and math.isfinite(value) for name, value in shares), f"{detector.rule} explains with no number"


def _points_the_right_way(detector: Detector) -> None:
    if detector.null == "model":
        right, said = _prefers_likely_text(detector, -1), "unlikelier"
    else:
        right, said = bool(detector.hidden_layers) or _prefers_likely_text(detector, 1), "likelier"
    assert right, f"{detector.rule} is not higher for text that the model finds {said}"


def _prefers_likely_text(detector: Detector, sign: int) -> bool:
    """Compare texts sampled from the model with the same texts, a third of their tokens replaced by unlikely ones."""
    rng, higher = np.random.default_rng(0), 0
    for _ in range(50):
        likely = sample_scores(200, rng, rivals=2 * detector.needs_rivals)
        changed = rng.random(200) < 1 / 3
        unlikely = dataclasses.replace(
            likely,
            logprob=np.where(changed, likely.logprob - 3, likely.logprob).astype(np.float32),
            rank=np.where(changed, likely.rank + 15, likely.rank).astype(np.int32),
            mass_above=np.where(changed, 1 - (1 - likely.mass_above) / 20, likely.mass_above).astype(np.float32),
            tie_mass=np.where(changed, likely.tie_mass / 20, likely.tie_mass).astype(np.float32),
        )
        higher += sign * detector.statistic(likely) > sign * detector.statistic(unlikely)
    return higher >= 45


def _keeps_its_level(detector: Detector) -> None:
    """The exact test of a detector against the null "this model wrote it", on texts drawn from the model."""
    if detector.null == "human":
        return
    rng = np.random.default_rng(0)
    assert detector.exact is not None, f"{detector.rule} is against the null 'model' and has no exact test"
    for kept in (None, 8):
        terms, rejected = Terms(0.05, 50), 0
        for _ in range(400):
            scores = sample_scores(40, rng, rivals=2 * detector.needs_rivals, kept=kept)
            found = detector.exact(scores, terms)
            assert 0 <= found.p_value <= 1, f"{detector.rule} gives p = {found.p_value}"
            assert found.reason.strip(), f"{detector.rule} gives no reason"
            for column in (found.path, found.pit):
                assert column is None or column.shape == (40,), f"{detector.rule} gives a curve of another length than the text"
            rejected += found.p_value <= 0.05
        limit = 400 * (0.05 + 4 * math.sqrt(0.05 * 0.95 / 400))
        assert rejected <= limit, f"{detector.rule} refutes {rejected} of 400 texts that the model wrote, at alpha .05"


def _all_passes() -> Iterator[Passes]:
    rng = np.random.default_rng(0)
    for n_tokens in (1, 2, 64, 512):
        for scores in (sample_scores(n_tokens, rng), certain_scores(n_tokens)):
            yield _passes(scores, rng)


def _statistics(score: MembershipScore) -> dict[str, Callable[[Passes], float]]:
    return {score.name: score.statistic, **{f"{score.name} {name}": each for name, each in score.variants}}


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
        passes = _passes(likely, rng)
        unlikely = dataclasses.replace(likely, logprob=(likely.logprob - 3 * (rng.random(200) < 1 / 3)).astype(np.float32))
        higher += score.statistic(passes) > score.statistic(passes._replace(scores=unlikely))
    assert higher >= 45, f"{score.name} is not higher for text that the model finds likelier"


def check_integrity_rule(rule: IntegrityRule, odd: str) -> None:
    """Raise AssertionError, with a sentence, if an integrity rule breaks the contract.

    Checked: metadata for the reader; nothing found in an empty text and in plain prose; a finding in the text `odd`, the same
    each time, with its characters in order and named visibly; and nothing left to find once they are taken out.
    """
    for name in ("name", "title", "noun", "null", "method"):
        assert getattr(rule, name).strip(), f"{rule.rule} has no {name}"
    for plain in ("", "It is a truth universally acknowledged, that 1 man in 2 must be in want of a wife."):
        assert not rule.look(plain).places, f"{rule.rule} finds something in plain prose"
    found = rule.look(odd)
    assert rule.look(odd) == found, f"{rule.rule} finds two things in the same text"
    assert list(found.places) == sorted(set(found.places)), f"{rule.rule} names its characters out of order, or twice"
    assert all(0 <= place < len(odd) for place in found.places), f"{rule.rule} names places outside of the text"
    result = examine(rule, odd)
    assert result.verdict is Verdict.FINDING, f"{rule.rule} finds nothing odd in the text that it was given for that"
    assert result.reason.isprintable(), f"{rule.rule} prints the characters that it should name"
    rest = "".join(character for place, character in enumerate(odd) if place not in set(found.places))
    assert examine(rule, rest).verdict is Verdict.PASS, f"{rule.rule} finds more once what it named is taken out"


def _passes(scores: TokenScores, rng: np.random.Generator) -> Passes:
    """The passes of a text that has these scores, every further pass a little off the first."""
    n_tokens = len(scores)
    less = dataclasses.replace(scores, logprob=(scores.logprob - rng.random(n_tokens)).astype(np.float32))
    text = "".join(chr(97 + letter) for letter in rng.integers(26, size=4 * n_tokens))
    counts = np.arange(max(50, int(scores.token_id.max()) + 1), dtype=np.int64)
    table = Frequencies(counts, "tokenizer", "counts", "Numbers.", 1)
    return Passes(text, scores, lowercase=less, reference=less, prefixed=less, frequencies=table)


DETECTOR_CONTRACT: Mapping[str, Callable[[Detector], None]] = {
    "says what it is: name, title, unit, method": _says_what_it_is,
    "gives a finite float from 2 to 512 tokens, with one model and with two": _is_finite,
    "gives the same number for the same scores": _repeats_itself,
    "leaves the scores that it is given as they are": _leaves_scores_alone,
    "reads nothing but the scores": _ignores_the_place,
    "explains itself in finite numbers, if at all": _explains_in_numbers,
    "is higher for stronger evidence against its null": _points_the_right_way,
    "keeps the level of its exact test, if its null is a model": _keeps_its_level,
}
"""What a detector promises -> the check of it, which raises AssertionError."""

MEMBERSHIP_CONTRACT: Mapping[str, Callable[[MembershipScore], None]] = {
    "says what it is: name, title, unit, method": _says_what_it_is,
    "gives a finite float from 1 to 512 tokens, also in its variants": _gives_numbers,
    "gives the same numbers for the same passes, and leaves them as they are": _gives_the_same_numbers,
    "saturates by a share between 0 and 1, if at all": _saturates_between_0_and_1,
    "is higher where the target finds the text likelier": _is_higher_for_likelier_text,
}
"""What a membership score promises -> the check of it, which raises AssertionError."""
