"""What holds for every rule and every family: what a report stores is enough to find the same again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, TypeVar

from pydantic import ValidationError

from llm_audit.detectors import judging
from llm_audit.detectors.registry import conclude, find_rule
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.results import Document, Membership, Result, Substitution

Subject = TypeVar("Subject", Membership, Substitution, Document)

IMPOSSIBLE = (ValueError, KeyError, IndexError, ZeroDivisionError, AssertionError, NotDerivable)
"""What an impossible number raises; verify reports it."""


def judge(module: ModuleType, *subject: object, alpha: float, **options: object) -> Result:
    """The result of a rule's file for a subject, which its measurement as a report stores it gives again."""
    terms = Terms(alpha)
    result: Result = module.derive(module.measure(*subject, **options), terms)
    assert again(result, terms) == result
    return result


def found_again(document: Document, terms: Terms) -> Document:
    """A document as `llm-audit verify` finds it again: each result derived, then everything concluded."""
    combined = document.combined and again(document.combined, terms)
    attributions = tuple(
        one.model_copy(update={"tests": tuple(again(test, terms) for test in one.tests)}) for one in document.attributions
    )
    results = tuple(again(result, terms) for result in document.results)
    more = {"combined": combined, "results": results, "attributions": attributions}
    return judging.conclude(document.model_copy(update=more), terms)


def again(result: Result, terms: Terms) -> Result:
    """The same result, derived from what JSON holds of it."""
    rule = find_rule(result.rule)
    assert rule is not None
    stored = Result.model_validate_json(result.model_dump_json())
    return rule.derive(Measurement.of(stored), terms)


Known = dict[tuple[str, str, str], Result]
"""What was derived from a measurement already: code of the rule, the measurement, the evidence beside it."""


def verified(subject: Subject, alpha: float, known: Known | None = None) -> Subject:
    """The subject as `llm-audit verify` finds it again: each result derived, then everything concluded.

    Rules are pure: with `known`, filled here, no measurement is derived from twice at the same alpha.
    """
    known = {} if known is None else known
    family = "membership" if isinstance(subject, Membership) else "substitution"
    terms = Terms(alpha, beside=subject.tests)
    tests = []
    for test in subject.tests:
        rule = find_rule(test.rule)
        assert rule is not None
        measured = Measurement.of(test)
        key = rule.code, repr(measured), repr([other.evidence for other in subject.tests]) if rule.beside else ""
        if key not in known:
            known[key] = rule.derive(measured, terms)
        tests.append(known[key])
    found: Subject = conclude(family, subject.model_copy(update={"tests": tuple(tests)}), Terms(alpha))
    return found


def unnoticed(
    subject: Subject, alpha: float, beyond: Callable[[str], bool], find_again: Callable[[Subject], Subject] | None = None
) -> list[str]:
    """The places of a subject where another number, verdict or order would not be noticed.

    Args:
        subject: as it was concluded.
        alpha: of the run.
        beyond: whether a place, such as `tests[0].p_value`, holds what no result is meant to follow from.
        find_again: the subject as `llm-audit verify` finds it again; None: `verified`.
    """
    found, known = [], Known()
    for place, content in mutations(json.loads(subject.model_dump_json())):
        if beyond(place):
            continue
        try:
            changed = type(subject).model_validate(content)
        except ValidationError:
            continue
        try:
            concluded = find_again(changed) if find_again else verified(changed, alpha, known)
        except IMPOSSIBLE:
            continue
        if concluded == changed and changed != subject:
            found.append(place)
    return found


def mutations(content: Any, most: int = 3) -> Iterator[tuple[str, Any]]:
    """A copy of a JSON value for each change of one number, verdict, sentence or order in it; of a list, in its first items."""
    if isinstance(content, dict):
        for name, value in content.items():
            for place, changed in mutations(value, most):
                yield f".{name}{place}", {**content, name: changed}
    elif isinstance(content, list):
        for number, value in enumerate(content[:most]):
            for place, changed in mutations(value, most):
                yield f"[{number}]{place}", [*content[:number], changed, *content[number + 1 :]]
        if content[::-1] != content:
            yield "[::-1]", content[::-1]
    elif isinstance(content, bool) or content is None:
        return
    elif isinstance(content, (int, float)):
        yield "", content + 1
        yield "", content * 0.5
    else:
        for other in ("finding", "pass", "inconclusive", "not_assessable", "consistent", "inconsistent", f"{content} "):
            if other != content:
                yield "", other
