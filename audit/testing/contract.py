"""Contract of a rule, clause by clause."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from llm_audit.detectors.attribution.base import CandidateRule
from llm_audit.detectors.integrity.base import IntegrityRule
from llm_audit.detectors.membership.base import MembershipScore
from llm_audit.detectors.rule import Rule
from llm_audit.detectors.statistic import StatisticRule
from llm_audit.testing import candidate, integrity, membership, statistic

AnyRule = Rule[Any, Any]
Clauses = Mapping[str, Callable[[Any], None]]


def check_rule(rule: AnyRule, *examples: str) -> None:
    """Raise AssertionError, with a sentence, if a rule breaks the contract; see `clauses`.

    Args:
        rule: made by `statistic_rule`, `CandidateRule`, `MembershipScore`, `integrity_rule` or `Rule` itself.
        examples: of an integrity rule, texts in which it must find something.

    >>> from llm_audit.testing import check_rule
    >>> check_rule(llm_audit.explain("look-alikes"), "It was p\u0430id in Pa\u0443pal, th\u0435 b\u043enk s\u0430id.")
    """
    for check in clauses(rule, *examples).values():
        check(rule)


def clauses(rule: AnyRule, *examples: str) -> Clauses:
    """Clause of the contract of a rule of this kind -> its check, which raises AssertionError.

    Every rule: its metadata are complete. Rules based on a statistic of token scores: finite numbers from 2 to 512 tokens,
    with one model and with two, also where the model is certain; the same number for the same scores, which stay unchanged;
    nothing is read but the scores; explanations are finite numbers; and the direction. Under the null "a person wrote it" the
    statistic is higher for text that the model finds likelier (a rule that reads hidden states has learnt its direction from
    texts, so random scores cannot show it). Under "this model wrote it" it is higher for text with tokens that the model
    finds unlikely, and the size of the exact test on 400 texts drawn from the model is at most .05, within four standard
    errors. These and integrity rules: the result follows from its evidence alone, also after both were stored. Membership
    scores: `statistic`, variants and saturation give finite, repeatable numbers; and the direction.

    >>> from llm_audit.testing import clauses
    >>> next(iter(clauses(llm_audit.explain("curvature"))))
    'says what it is: name, title, question, null hypothesis, method'
    """
    kinds: dict[type[AnyRule], Clauses] = {
        CandidateRule: candidate.CLAUSES,
        StatisticRule: statistic.CLAUSES,
        MembershipScore: membership.CLAUSES,
        IntegrityRule: integrity.clauses(examples),
    }
    specific = next((checks for kind, checks in kinds.items() if isinstance(rule, kind)), {})
    return {"says what it is: name, title, question, null hypothesis, method": _says_what_it_is, **specific}


def _says_what_it_is(rule: AnyRule) -> None:
    for name in ("name", "title", "question", "null", "method", *(("unit",) if hasattr(rule, "unit") else ())):
        assert getattr(rule, name).strip(), f"{rule.code} has no {name}"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name), f"{rule.code} has a name that is no word of a command line"
    assert all(assumption.strip() for assumption in rule.assumptions), f"{rule.code} has an empty assumption"
    assert rule.facts.code == rule.code and rule.family, f"{rule.code} is of no family"
