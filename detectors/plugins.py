"""Loading of announced rules, each by itself, so that a broken one is named and left out."""

from __future__ import annotations

import functools
import math
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple, ParamSpec, TypeVar

from llm_audit.common.errors import AuditError, InvalidConfiguration, NotAvailable
from llm_audit.detectors.announced import GROUP, SWITCH, Announcement, available, in_words, switched_off
from llm_audit.detectors.rule import NotDerivable, Rule
from llm_audit.results.rules import FAMILIES

AnyRule = Rule[Any, Any]

PLUGIN_CODE = re.compile(r"AUD[1-9][5-9]\d")
"""Codes of plugins: the upper half of each hundred. Our own rules have the lower half."""

Given = ParamSpec("Given")
Value = TypeVar("Value")


class Surveyed(NamedTuple):
    """A loaded announcement: the rule, or the reason why it cannot be used, as a sentence."""

    announcement: Announcement
    status: Literal["ok", "broken", "off"]
    rule: AnyRule | None = None
    reason: str = ""


def survey(family: str, names: Collection[str] | None = None) -> list[Surveyed]:
    """Load every rule announced for a family, with its status and the reason if it is broken; sorted by name.

    Args:
        family: one of `FAMILIES`.
        names: load these alone; None: everything.
    """
    everything = available(f"{GROUP}.{family}")
    wanted = [announcement for announcement in everything if names is None or announcement.name in names]
    surveyed = [_load(announcement, everything, family) for announcement in wanted]
    claims: dict[str, list[Announcement]] = {}
    for announcement, _, rule, _ in surveyed:
        if rule is not None and not announcement.shipped:
            claims.setdefault(rule.code, []).append(announcement)
    return [_without_rival(entry, claims) for entry in surveyed]


def find_announced(family: str, names: Sequence[str], replacements: Sequence[AnyRule] = ()) -> list[AnyRule]:
    """The rules of a family, by name or, without names, all of them; sorted by name.

    Args:
        family: one of `FAMILIES`.
        names: as announced.
        replacements: rules that replace announced ones of the same name.

    Raises:
        AuditError: an unknown name, or one asked for that does not load. One that was not asked for and does not load is
            left out with a warning: a broken plugin must not stop the others.
    """
    announced = list(dict.fromkeys(announcement.name for announcement in available(f"{GROUP}.{family}")))
    unknown = sorted(set(names).difference(announced))
    if unknown:
        raise InvalidConfiguration(f"There is no rule {unknown[0]!r}; choose from {', '.join(announced)}.")
    wanted, instead = set(names) or set(announced), {rule.name: rule for rule in replacements}
    rules = {name: instead[name] for name in wanted & instead.keys()}
    surveyed = survey(family, wanted - instead.keys())
    for announcement, _, rule, _ in surveyed:
        if rule is not None:
            rules[rule.name] = rule if announcement.shipped else rule.adopted(announcement)
    for entry in surveyed:
        if names and entry.announcement.name not in rules:
            raise NotAvailable(entry.reason)
        if entry.status == "broken":
            warnings.warn(f"{entry.reason} It is left out.", stacklevel=1)  # this line, so that it is said once
    return [rules[name] for name in sorted(rules)]


def guarded(function: Callable[Given, Value], plugin: Announcement) -> Callable[Given, Value]:
    """A plugin's function, wrapped so that exceptions and NaN results become an AuditError that names the plugin."""

    @functools.wraps(function)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Value:
        try:
            value = function(*args, **kwargs)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"its number is {value}")
        except (AuditError, NotDerivable):
            raise
        except Exception as error:  # whatever it is, the user must know whom to ask
            raise AuditError(
                f"The plugin {plugin.name!r} ({plugin.package}) failed on a text: {in_words(error)}. "
                f"{SWITCH}=off leaves plugins out."
            ) from error
        return value

    return call


def _without_rival(entry: Surveyed, claims: Mapping[str, Sequence[Announcement]]) -> Surveyed:
    """The rule, marked as broken if another plugin claims its code, since their results could not be told apart."""
    code = entry.rule.code if entry.rule is not None else ""
    rivals = [other for other in claims.get(code, ()) if other is not entry.announcement]
    if entry.announcement.shipped or not rivals:
        return entry
    why = f"has the code {code}, as has {rivals[0].name!r} of {rivals[0].package}; remove one of them"
    return Surveyed(entry.announcement, "broken", None, _sentence(entry.announcement, why))


def _load(announcement: Announcement, everything: Sequence[Announcement], family: str) -> Surveyed:
    rivals = [other for other in everything if other.name == announcement.name and other is not announcement]
    if not announcement.shipped and switched_off():
        return Surveyed(announcement, "off", None, _sentence(announcement, f"is a plugin, and {SWITCH}=off"))
    if announcement.shipped or not rivals:
        try:
            rule = announcement.load()
        except AuditError as error:
            why: str | None = f"does not load: {error}"
        else:
            why = _misfit(announcement, rule, family)
            if why is None and isinstance(rule, Rule):
                return Surveyed(announcement, "ok", rule)
    elif any(rival.shipped for rival in rivals):
        why = "has the name of one that comes with llm-audit"
    else:
        why = f"has the same name as one of {rivals[0].package}; remove one of them"
    return Surveyed(announcement, "broken", None, _sentence(announcement, str(why)))


def _misfit(announcement: Announcement, rule: object, family: str) -> str | None:
    """The reason why a loaded object is not the rule that was announced; None if it is."""
    if not isinstance(rule, Rule):
        return "is not a Rule"
    if announcement.shipped:
        return None
    if rule.name != announcement.name:
        return f"calls itself {rule.name!r}; the two names must agree"
    if FAMILIES.get(rule.code[3]) != family:
        return f"claims the code {rule.code}, which is none of the family {family} that it is announced for"
    return unfit_code(rule.code)


def unfit_code(code: str) -> str | None:
    """The reason why a plugin cannot have a code; None if it can."""
    if PLUGIN_CODE.fullmatch(code):
        return None
    return f"claims the code {code}; plugins have the upper half of a hundred, such as {code[:4]}50 to {code[:4]}99"


def _sentence(announcement: Announcement, why: str) -> str:
    return f"The rule {announcement.name!r} ({announcement.target}, {announcement.package}) {why}."
