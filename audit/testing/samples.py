"""Made-up scores of made-up texts, for tests of rules: numpy only, no model, no network."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.membership.base import Passes
from llm_audit.detectors.membership.frequencies import Frequencies
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
        rivals: number of other models, with random distributions, that score the same text.
        kept: top-k, with the columns that tests of a truncated setting need; the text is drawn under it.

    >>> import numpy
    >>> from llm_audit.testing import sample_scores
    >>> scores = sample_scores(100, numpy.random.default_rng(0))
    >>> scores.logprob.shape, bool((scores.logprob <= 0).all())
    ((100,), True)
    """
    logits = rng.standard_normal((n_tokens, vocabulary)) * rng.uniform(0.5, 4, (n_tokens, 1))
    free = logits - _log_sum(logits)[:, None]
    log_p = free
    if kept is not None:
        best = np.sort(free)[:, -kept:]
        log_kept = _log_sum(best)
        log_p = np.where(free >= best[:, :1], free - log_kept[:, None], -np.inf)
    p = np.exp(log_p)
    below = p.cumsum(axis=1)
    observed = (below <= rng.random((n_tokens, 1)) * below[:, -1:]).sum(axis=1, dtype=np.int32)
    at = observed[:, None].astype(np.intp)
    logprob = np.take_along_axis(log_p, at, axis=1)
    surprisal = np.where(p > 0, -log_p, 0.0)
    entropy = (p * surprisal).sum(axis=1)
    columns = {
        "logprob": logprob[:, 0],
        "entropy": entropy,
        "varentropy": (p * (surprisal - entropy[:, None]) ** 2).sum(axis=1),
        "max_logprob": log_p.max(axis=1),
        "mass_above": (p * (log_p > logprob)).sum(axis=1),
        "tie_mass": (p * (log_p == logprob)).sum(axis=1),
        "renyi": _renyi(log_p),
    }
    if kept is not None:
        columns |= {
            "free_logprob": np.take_along_axis(free, at, axis=1)[:, 0],
            "free_renyi": _renyi(free),
            "kept": log_kept,
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
        rank=(1 + (log_p > logprob).sum(axis=1)).astype(np.int32),
        **{name: column.astype(np.float32) for name, column in columns.items()},
    )


def _renyi(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([_log_sum(order * log_p) for order in RENYI_ORDERS], axis=1)


def _log_sum(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of each row's sum of exponentials."""
    most = logs.max(axis=1, keepdims=True)
    sums: NDArray[np.float64] = np.log(np.exp(logs - most).sum(axis=1)) + most[:, 0]  # several times as fast as logaddexp
    return sums


def certain_scores(n_tokens: int, states: tuple[int, int] = (0, 0)) -> TokenScores:
    """Scores of a text whose every token the model predicted with certainty: the edge case where ratios divide by zero.

    >>> from llm_audit.testing import certain_scores
    >>> certain_scores(3).logprob
    array([0., 0., 0.], dtype=float32)
    """
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


def sample_passes(scores: TokenScores, rng: np.random.Generator) -> Passes:
    """Passes of the membership scores over a text with these scores; every further pass differs slightly from the first.

    >>> import numpy
    >>> from llm_audit.testing import sample_passes, sample_scores
    >>> rng = numpy.random.default_rng(0)
    >>> passes = sample_passes(sample_scores(100, rng), rng)
    >>> bool(passes.lowercase.logprob.mean() < passes.scores.logprob.mean())
    True
    """
    n_tokens = len(scores)
    less = dataclasses.replace(scores, logprob=(scores.logprob - rng.random(n_tokens)).astype(np.float32))
    text = "".join(chr(97 + letter) for letter in rng.integers(26, size=4 * n_tokens))
    counts = np.arange(max(50, int(scores.token_id.max()) + 1), dtype=np.int64)
    table = Frequencies(counts, "tokenizer", "counts", "Numbers.", 1)
    return Passes(text, scores, lowercase=less, reference=less, prefixed=less, frequencies=table)
