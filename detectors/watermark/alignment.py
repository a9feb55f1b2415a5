"""The test of schemes with a sequence of keys: whether the text aligns with them better than with fresh keys.

Null: the key is random and independent of the text. There are two p-values. Fresh keys: for any statistic, with the floor
1 / (1 + draws), and stopped early where p is large. Closed form, for the cost without edits: no draws and no floor, Bonferroni
over all blocks and shifts of an exact tail. Edited texts need the Levenshtein cost and fresh keys.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from llm_audit.common.errors import AuditError
from llm_audit.detectors.watermark.schemes.base import Floats, Ints, TokenisedText, check_vocabulary
from llm_audit.detectors.watermark.schemes.kuditipudi import Exp, Its, KeySequence
from llm_audit.stats import deviation_tail, gamma_tail, key_alignment
from llm_audit.stats.sequential import Sequential, besag_clifford

Cost = Literal["simple", "edit"]


@dataclass(frozen=True)
class Alignment:
    """The statistic of the closed-form test, with all that its p-value depends on.

    Attributes:
        tokens: m, of the text.
        keys: n, of the sequence.
        block: k, tokens of a block.
        cells: distinct (key, token) pairs whose costs are summed; fewer than k where the text is longer than the sequence.
        phi: the least cost.
        log_p: min(0, log(n (m - k + 1)) + log of the exact tail of one sum).
    """

    tokens: int
    keys: int
    block: int
    cells: int
    phi: float
    log_p: float


def least_cost(scheme: KeySequence, costs: Floats, cost: Cost, block: int) -> float:
    """The least cost phi over blocks and shifts.

    Args:
        scheme: whose gap cost is the paper's.
        costs: (m, n).
        cost: with edits or without.
        block: tokens of a block.
    """
    lined = key_alignment.simple(costs, block) if cost == "simple" else key_alignment.edit(costs, block, scheme.gap)
    return float(lined.min())


def closed_form(scheme: KeySequence, text: TokenisedText, block: int | None = None) -> Alignment:
    """The test without edits and without draws.

    EXP: a sum of k distinct cells is minus a Gamma(k, 1), so p <= n (m - k + 1) P(Gamma(k, 1) >= -phi). ITS: given the order
    of the vocabulary, the distances are independent, and their sum's law is found exactly (`deviation_tail`); fresh keys draw
    the order anew, so that the two p-values of a text differ, though both are valid.

    Args:
        scheme: with its key.
        text: at least one token.
        block: tokens of a block; the whole text by default, the only choice for ITS and where it is longer than the sequence.
    """
    ids, k = _checked(scheme, text, block)
    n, m = scheme.length, len(ids)
    if isinstance(scheme, Exp):
        if k > n and k != m:
            raise AuditError("blocks longer than the key sequence have no closed form: use the whole text, or fresh keys")
        costs = scheme.costs(ids)
        fresh = _fresh(ids, n) if k > n else np.ones(m, np.bool_)
        phi = float(key_alignment.simple(np.where(fresh[:, None], costs, 0.0), k).min())
        cells = int(fresh.sum()) if k == m else k
        log_one = gamma_tail.one_sum(-phi, cells)
    elif isinstance(scheme, Its):
        if k != m or m > n:
            raise AuditError("ITS has a closed form only for a whole text no longer than the key sequence: use fresh keys")
        steps = deviation_tail.rounded(scheme.costs(ids)).astype(np.float64)
        phi = float(key_alignment.simple(steps, k).min())
        cells, log_one = k, deviation_tail.log_tail(round(phi), scheme.ranks(ids))
        phi /= deviation_tail.STEPS
    else:
        raise AuditError(f"{scheme.title} has no closed form: use fresh keys")
    return Alignment(m, n, k, cells, phi, min(0.0, math.log(n * (m - k + 1)) + log_one))


def fresh_keys(
    scheme: KeySequence,
    text: TokenisedText,
    generator: np.random.Generator,
    cost: Cost = "edit",
    block: int | None = None,
    draws: int = 999,
    stop: int = 10,
) -> Sequential:
    """The p-value of the least cost among those of fresh random keys.

    Args:
        scheme: with its key.
        text: at least one token.
        generator: of the fresh keys.
        cost: with edits or without.
        block: tokens of a block; the whole text by default.
        draws: at most.
        stop: exceedances after which the rest is not drawn.
    """
    ids, k = _checked(scheme, text, block)
    observed = -least_cost(scheme, scheme.costs(ids), cost, k)
    return besag_clifford(observed, lambda: -least_cost(scheme, scheme.null_costs(ids, generator), cost, k), draws, stop)


def _checked(scheme: KeySequence, text: TokenisedText, block: int | None) -> tuple[Ints, int]:
    check_vocabulary(text, scheme.vocab_size)
    k = len(text.ids) if block is None else block
    if not 1 <= k <= len(text.ids):
        raise AuditError(f"a text of {len(text.ids)} tokens has no block of {k}: give a longer text or a shorter block")
    return text.ids, k


def _fresh(ids: Ints, length: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Flags of the tokens that do not repeat an earlier one at the same key: the cost of such a pair counts once."""
    cells = np.stack([np.arange(len(ids)) % length, ids], axis=1)
    fresh = np.zeros(len(ids), np.bool_)
    fresh[np.unique(cells, axis=0, return_index=True)[1]] = True
    return fresh
