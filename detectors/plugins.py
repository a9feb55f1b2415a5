"""Which of the announced detectors and scores there are: each loaded by itself, a broken one named and left out.

Knows of what is announced no more than its name and its code.
"""

from __future__ import annotations

import functools
import math
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic, Literal, NamedTuple, ParamSpec, Protocol, TypeVar

from llm_audit.detectors.announced import SWITCH, Announcement, available, in_words, switched_off
from llm_audit.detectors.rule import NotDerivable
from llm_audit.errors import AuditError

PLUGIN_CODE = re.compile(r"AUD[1-9][5-9]\d")
"""Codes of plugins: the upper half of each hundred, such as AUD150 to AUD199. What comes with llm-audit has the lower."""


class Named(Protocol):
    """Whatever is announced: it has a name, the one that it is announced under, and a code."""

    @property
    def name(self) -> str:
        """On the command line."""

    @property
    def code(self) -> str:
        """AUDnnn."""


Thing = TypeVar("Thing", bound=Named)
Given = ParamSpec("Given")
Value = TypeVar("Value")


class Surveyed(NamedTuple, Generic[Thing]):
    """What became of an announcement: the thing, or the sentence why there is none."""

    announcement: Announcement
    status: Literal["ok", "broken", "off"]
    thing: Thing | None = None
    reason: str = ""


def survey(group: str, kind: type[Thing], noun: str, names: Collection[str] | None = None) -> list[Surveyed[Thing]]:
    """Load what is announced in a group, each by itself, and say of each what became of it; sorted by name.

    Args:
        group: of entry points.
        kind: what each must be.
        noun: what users call it.
        names: load these alone; None: everything.
    """
    everything = available(group)
    surveyed = [_look(each, everything, kind, noun) for each in everything if names is None or each.name in names]
    claims: dict[str, list[Announcement]] = {}
    for announcement, _, thing, _ in surveyed:
        if thing is not None and not announcement.shipped:
            claims.setdefault(thing.code, []).append(announcement)
    return [_alone(each, claims, noun) for each in surveyed]


def find_announced(
    group: str,
    kind: type[Thing],
    noun: str,
    names: Sequence[str],
    own: Sequence[Thing] = (),
    adopt: Callable[[Thing, Announcement], Thing] = lambda thing, plugin: thing,
) -> list[Thing]:
    """What is announced in a group, by name or, without names, all of it; sorted by name.

    Args:
        group: of entry points.
        kind: what each must be.
        noun: what users call it.
        names: as announced.
        own: what takes the place of the announced ones of the same name.
        adopt: what to make of a plugin's.

    Raises:
        AuditError: an unknown name, or one asked for that does not load. One that was not asked for and does not load is
            left out with a warning: a broken plugin must not stop the others.
    """
    announced = list(dict.fromkeys(each.name for each in available(group)))
    unknown = sorted(set(names).difference(announced))
    if unknown:
        raise AuditError(f"There is no {noun} {unknown[0]!r}; choose from {', '.join(announced)}.")
    wanted, instead = set(names) or set(announced), {thing.name: thing for thing in own}
    found = {name: instead[name] for name in wanted & instead.keys()}
    surveyed = survey(group, kind, noun, wanted - instead.keys())
    for announcement, _, thing, _ in surveyed:
        if thing is not None:
            found[thing.name] = thing if announcement.shipped else adopt(thing, announcement)
    for each in surveyed:
        if names and each.announcement.name not in found:
            raise AuditError(each.reason)
        if each.status == "broken":
            warnings.warn(f"{each.reason} It is left out.", stacklevel=1)  # this line, so that it is said once
    return [found[name] for name in sorted(found)]


def guarded(function: Callable[Given, Value], plugin: Announcement) -> Callable[Given, Value]:
    """A plugin's function, whose exceptions, and numbers that are none, become an AuditError that names the plugin."""

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


def _alone(each: Surveyed[Thing], claims: Mapping[str, Sequence[Announcement]], noun: str) -> Surveyed[Thing]:
    """The same, but broken if another plugin claims its code: the numbers of the two would be taken for each other's."""
    rule = each.thing.code if each.thing is not None else ""
    rivals = [other for other in claims.get(rule, ()) if other is not each.announcement]
    if each.announcement.shipped or not rivals:
        return each
    why = f"has the code {rule}, as has {rivals[0].name!r} of {rivals[0].package}; remove one of them"
    return Surveyed(each.announcement, "broken", None, _sentence(each.announcement, noun, why))


def _look(announcement: Announcement, everything: Sequence[Announcement], kind: type[Thing], noun: str) -> Surveyed[Thing]:
    rivals = [other for other in everything if other.name == announcement.name and other is not announcement]
    if not announcement.shipped and switched_off():
        return Surveyed(announcement, "off", None, _sentence(announcement, noun, f"is a plugin, and {SWITCH}=off"))
    if announcement.shipped or not rivals:
        try:
            thing = announcement.load()
        except AuditError as error:
            why: str | None = f"does not load: {error}"
        else:
            why = _misfit(announcement, thing, kind)
            if why is None and isinstance(thing, kind):
                return Surveyed(announcement, "ok", thing)
    elif any(rival.shipped for rival in rivals):
        why = "has the name of one that comes with llm-audit"
    else:
        why = f"has the same name as one of {rivals[0].package}; remove one of them"
    return Surveyed(announcement, "broken", None, _sentence(announcement, noun, str(why)))


def _misfit(announcement: Announcement, thing: object, kind: type[Thing]) -> str | None:
    """Why something that was loaded is not what was announced."""
    if not isinstance(thing, kind):
        return f"is not a {kind.__name__}"
    if announcement.shipped:
        return None
    if thing.name != announcement.name:
        return f"calls itself {thing.name!r}; the two names must agree"
    return unfit_code(thing.code)


def unfit_code(rule: str) -> str | None:
    """Why a plugin cannot have a code; None if it can."""
    if PLUGIN_CODE.fullmatch(str(rule)):
        return None
    return f"claims the code {rule}; plugins have the upper half of a hundred, such as AUD150 to AUD199"


def _sentence(announcement: Announcement, noun: str, why: str) -> str:
    return f"The {noun} {announcement.name!r} ({announcement.target}, {announcement.package}) {why}."
