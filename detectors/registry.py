"""The registry of all rules, by code and by name, behind `explain`, policies, SARIF, documentation and `verify`.

Rules are announced as entry points of the group `llm_audit.rules.FAMILY`, ours and those of plugins alike. Nothing is imported
until a family is asked for, and then that family only.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import distribution
from typing import Any

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.detectors.announced import GROUP, OURS, available, switched_off
from llm_audit.detectors.plugins import AnyRule, find_announced
from llm_audit.results.rules import FAMILIES, RuleFacts

OLD_GROUPS = ("llm_audit.detectors", "llm_audit.membership", "llm_audit.integrity")
"""Entry-point groups of plugins written for llm-audit 0.1."""


def rules(family: str) -> list[AnyRule]:
    """Rules of a family, one of `FAMILIES`, sorted by code and name. One that does not load is left out with a warning."""
    return sorted(find_announced(family, ()), key=lambda rule: (rule.code, rule.name))


def shipped(family: str) -> list[AnyRule]:
    """Our own rules of a family, sorted by code; no plugin is imported."""
    points = distribution(OURS).entry_points.select(group=f"{GROUP}.{family}")
    return sorted((point.load() for point in points), key=lambda rule: rule.code)


def every_rule() -> Iterator[AnyRule]:
    """All rules of all families, sorted by code."""
    for digit in sorted(FAMILIES):
        yield from _loaded(FAMILIES[digit])


def find_rule(code: str) -> AnyRule | None:
    """The installed rule with this code; of several the first by name, ours before plugins. None if there is none."""
    family = FAMILIES.get(code[3:4], "")
    ours = next((rule for rule in _ours(family) if rule.code == code), None) if family else None
    if ours or not family:
        return ours
    return next((rule for rule in _loaded(family) if rule.code == code), None)


def described(word: str) -> RuleFacts:
    """Facts for lists of findings about the rule with this code; generic ones for the code of a missing plugin.

    For the name of a family: the facts of its overall rule, the first of its hundred, which combines the tests of a subject.
    """
    code = next((f"AUD{digit}00" for digit, family in FAMILIES.items() if family == word), word)
    rule = find_rule(code)
    return rule.facts if rule else RuleFacts(code, code, code, "A test of a plug-in: its null hypothesis is in the message.")


def explain(name: str) -> AnyRule:
    """The rule with this code or name.

    Raises:
        AuditError: there is none; the message names the nearest.

    >>> llm_audit.explain("order").title
    'Order of the rows'
    """
    from difflib import get_close_matches

    known = list(every_rule())
    for rule in known:
        if name.upper() == rule.code or name == rule.name:
            return rule
    near = get_close_matches(name, [word for rule in known for word in (rule.code, rule.name)], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise InvalidConfiguration(f"There is no rule {name!r}.{hint} `llm-audit explain` lists all.")


def conclude(family: str, subject: Any, terms: Any) -> Any:
    """The subject with everything that follows from its results: see `conclude` in the module `conclude` of the family."""
    return import_module(f"llm_audit.detectors.{family}.conclude").conclude(subject, terms)


def outdated() -> list[str]:
    """One sentence for each plugin that was written for llm-audit 0.1; none if plugins are switched off."""
    return [
        f"The plugin {plugin.name!r} of {plugin.package} announces itself under {plugin.group!r}, as for llm-audit 0.1; it is "
        f"left out until it announces a Rule under '{GROUP}.FAMILY' (see `llm-audit plugins new`)."
        for group in (() if switched_off() else OLD_GROUPS)
        for plugin in available(group)
    ]


@cache
def _ours(family: str) -> tuple[AnyRule, ...]:
    return tuple(sorted(shipped(family), key=lambda rule: (rule.code, rule.name)))


@cache
def _loaded(family: str) -> tuple[AnyRule, ...]:
    return tuple(rules(family))
