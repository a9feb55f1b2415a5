"""The test of schemes with a sequence of keys: whether the text aligns with them better than with fresh keys.

Null: the key is random and independent of the text. There are two p-values. Fresh keys: for any statistic, with the floor
1 / (1 + draws), and stopped early where p is large. Closed form, for the cost without edits: no draws and no floor, Bonferroni
over all shifts of an exact tail. Edited texts need the Levenshtein cost and fresh keys.
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
        cells: distinct (key, token) pairs whose costs are summed; fewer than m where the text is longer than the sequence.
        phi: the least cost.
        log_p: min(0, log n + log of the exact tail of one sum).
    """

    tokens: int
    keys: int
    cells: int
    phi: float
    log_p: float


def least_cost(scheme: KeySequence, costs: Floats, cost: Cost) -> float:
    """The least cost phi over shifts, from costs (m, n), with edits or without."""
    return float((key_alignment.simple(costs) if cost == "simple" else key_alignment.edit(costs, scheme.gap)).min())


def closed_form(scheme: KeySequence, text: TokenisedText) -> Alignment:
    """The test without edits and without draws.

    EXP: a sum of k distinct cells is minus a Gamma(k, 1), so p <= n P(Gamma(k, 1) >= -phi). ITS: given the order of the
    vocabulary, the distances are independent, and their sum's law is found exactly (`deviation_tail`); fresh keys draw the
    order anew, so that the two p-values of a text differ, though both are valid.

    Args:
        scheme: with its key.
        text: at least one token; for ITS no longer than the sequence.
    """
    ids = _checked(scheme, text)
    n, m = scheme.length, len(ids)
    if isinstance(scheme, Exp):
        fresh = _fresh(ids, n)
        phi = float(key_alignment.simple(np.where(fresh[:, None], scheme.costs(ids), 0.0)).min())
        cells = int(fresh.sum())
        log_one = gamma_tail.one_sum(-phi, cells)
    elif isinstance(scheme, Its):
        if m > n:
            raise AuditError("ITS has a closed form only for a whole text no longer than the key sequence: use fresh keys")
        steps = deviation_tail.rounded(scheme.costs(ids)).astype(np.float64)
        phi = float(key_alignment.simple(steps).min())
        cells, log_one = m, deviation_tail.log_tail(round(phi), scheme.ranks(ids))
        phi /= deviation_tail.STEPS
    else:
        raise AuditError(f"{scheme.title} has no closed form: use fresh keys")
    return Alignment(m, n, cells, phi, min(0.0, math.log(n) + log_one))


def fresh_keys(
    scheme: KeySequence,
    text: TokenisedText,
    generator: np.random.Generator,
    cost: Cost = "edit",
    draws: int = 999,
    stop: int = 10,
) -> Sequential:
    """The p-value of the least cost among those of fresh random keys.

    Args:
        scheme: with its key.
        text: at least one token.
        generator: of the fresh keys.
        cost: with edits or without.
        draws: at most.
        stop: exceedances after which the rest is not drawn.
    """
    ids = _checked(scheme, text)
    observed = -least_cost(scheme, scheme.costs(ids), cost)
    return besag_clifford(observed, lambda: -least_cost(scheme, scheme.null_costs(ids, generator), cost), draws, stop)


def _checked(scheme: KeySequence, text: TokenisedText) -> Ints:
    check_vocabulary(text, scheme.vocab_size)
    if not len(text.ids):
        raise AuditError("a text without tokens cannot be aligned: give a longer one")
    return text.ids


def _fresh(ids: Ints, length: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Flags of the tokens that do not repeat an earlier one at the same key: the cost of such a pair counts once."""
    cells = np.stack([np.arange(len(ids)) % length, ids], axis=1)
    fresh = np.zeros(len(ids), np.bool_)
    fresh[np.unique(cells, axis=0, return_index=True)[1]] = True
    return fresh
