"""Contract of exact tests of "this very model wrote it"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from llm_audit.detectors.attribution.base import CandidateRule
from llm_audit.detectors.rule import Terms
from llm_audit.testing.reproducible import check_reproducible
from llm_audit.testing.samples import sample_scores
from llm_audit.testing.statistic import LEAST_PREFERRED, SCORES, likely_texts_preferred, message


def _is_higher_for_unlikelier_text(rule: CandidateRule) -> None:
    higher = likely_texts_preferred(rule, -1)
    assert higher >= LEAST_PREFERRED, f"{rule.code} is not higher for text that the model finds unlikelier: {message(higher)}"


def _keeps_its_level(rule: CandidateRule) -> None:
    """Check the size of the test on texts drawn from the model, without and with truncation."""
    rng = np.random.default_rng(0)
    for kept in (None, 8):
        rejected = 0
        for _ in range(400):
            scores = sample_scores(40, rng, rivals=2 * rule.needs_rivals, kept=kept)
            outcome = rule.outcome(rule.measure(scores, Terms(0.05), 50).evidence, 0.05)
            assert 0 <= outcome.p_value <= 1, f"{rule.code} gives p = {outcome.p_value}"
            rejected += outcome.p_value <= 0.05
        limit = 400 * (0.05 + 4 * math.sqrt(0.05 * 0.95 / 400))
        assert rejected <= limit, f"{rule.code} refutes {rejected} of 400 texts that the model wrote, at alpha .05"


def _follows_from_its_evidence(rule: CandidateRule) -> None:
    rng = np.random.default_rng(0)
    for kept in (None, 8):
        for n_tokens in (16, 200):
            scores = sample_scores(n_tokens, rng, rivals=2 * rule.needs_rivals, kept=kept)
            for terms in (Terms(0.01), Terms(0.9, tests=3)):
                measured = rule.measure(scores, terms, 50)
                result = check_reproducible(rule, measured, terms)
                outcome = rule.outcome(measured.evidence, terms.level)
                assert (result.p_value, result.n) == (outcome.p_value, n_tokens), f"{rule.code} derives what it did not measure"


CLAUSES: Mapping[str, Callable[[CandidateRule], None]] = {
    **SCORES,
    "is higher for text that the model finds unlikelier": _is_higher_for_unlikelier_text,
    "refutes the model that wrote a text no more often than its level": _keeps_its_level,
    "has a result that follows from its evidence alone": _follows_from_its_evidence,
}
