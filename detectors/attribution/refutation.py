"""Whether the exact tests refute a candidate, under one setting and under all of them. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from llm_audit.detectors import registry
from llm_audit.detectors.attribution.base import CandidateRule, Outcome
from llm_audit.detectors.rule import NotDerivable
from llm_audit.results import Attribution
from llm_audit.results.evidence import Deciding, Settings
from llm_audit.stats.combination import bonferroni


class Refutation(NamedTuple):
    """Combined outcome of the deciding tests of a candidate.

    Attributes:
        p_value: Bonferroni over the tests; the largest over several settings.
        refuted: whether under every setting some test rejects at its level.
        robust: whether, besides, some rejecting test still rejects without its strongest token.
    """

    p_value: float
    refuted: bool
    robust: bool

    @property
    def stands(self) -> bool:
        """Whether the candidate is refuted, and not by a single token alone."""
        return self.refuted and self.robust


def refutation(outcomes: Sequence[Outcome], alpha: float) -> Refutation:
    """Combine the tests of one setting, which share alpha."""
    level = alpha / len(outcomes)
    refuting = [outcome.robust for outcome in outcomes if outcome.p_value <= level]
    return Refutation(bonferroni([outcome.p_value for outcome in outcomes]), bool(refuting), any(refuting))


def least_refuted(settings: Sequence[Refutation]) -> tuple[Refutation, int]:
    """Combine the settings of a candidate, of which the least refuted counts; and the index of that one, which is shown."""
    shown = max(range(len(settings)), key=lambda i: (not settings[i].stands, settings[i].p_value))
    together = Refutation(
        max(setting.p_value for setting in settings),
        all(setting.refuted for setting in settings),
        all(setting.robust for setting in settings),
    )
    return together, shown


def refuted(stored: Attribution, evidence: Settings, alpha: float) -> tuple[Refutation, int]:
    """The refutation that a candidate's stored evidence gives, and the index of the setting that is shown.

    Raises:
        NotDerivable: a test stores no evidence, or its rule is not here.
    """
    shown = {test.rule: test.evidence for test in stored.tests}
    settings = []
    for setting in evidence.settings:
        level = alpha / max(len(setting.tests), 1)
        outcomes = [_outcome(test, shown, level) for test in setting.tests]
        settings.append(refutation(outcomes, alpha))
    return least_refuted(settings)


def _outcome(test: Deciding, shown: Mapping[str, object], level: float) -> Outcome:
    rule, evidence = registry.find_rule(test.rule), test.evidence or shown.get(test.rule)
    if evidence is None:
        raise NotDerivable(f"the report stores nothing that the p-value of {test.rule} follows from")
    if not isinstance(rule, CandidateRule):
        raise NotDerivable(f"no rule here has the code {test.rule}")
    return rule.outcome(evidence, level)


def needed(rivals: int, alpha: float) -> float:
    """Logarithm of the e-value that a candidate needs against each of its rivals."""
    return math.log(rivals / alpha)
