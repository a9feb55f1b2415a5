"""Every hostile string in every field: no format of a report and no terminal does anything but show it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest
from pydantic import ValidationError

from llm_audit.common.terminal import terminal_safe
from llm_audit.reports.formats import FORMATS
from llm_audit.results import Report
from tests.reports.checks import CHECKS, rendered
from tests.reports.hostile import (
    HANDFULS,
    PAYLOADS,
    WORLDS,
    alone,
    closed_fields,
    filled,
    handfuls,
    harmless,
    models,
    plant,
    shifted,
    text_fields,
)
from tests.reports.test_terminal import printed

SHARE = {"html": 12, "terminal": 6, "json": 3, "jsonl": 3, "github": 2, "sarif": 9, "junit": 6, "gitlab": 3, "markdown": 6}
"""How long rendering and checking take: of three times as many shifts one is tried; in the slow test, every field alone."""


@cache
def plain(name: str, world: str) -> bytes:
    return rendered(name, harmless(world))


def in_format(name: str, world: str, report: Report) -> None:
    CHECKS[name](rendered(name, report), plain(name, world), report)


def on_terminal(world: str, report: Report) -> None:
    """Without colour there is no control character at all; with it, our own colours are the only ones."""
    bare, coloured = printed(report), printed(report, colour=True)
    assert terminal_safe(bare) == bare
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == bare


SINKS: dict[str, Callable[[str, Report], None]] = {
    **{name: lambda world, report, name=name: in_format(name, world, report) for name in FORMATS},
    "terminal": on_terminal,
}
FAST = [name for name in SINKS if name != "pdf"]


def culprits(sink: str, world: str, shift: int) -> str:
    """The fields that fail by themselves, with what was in them."""
    found = []
    for field, payloads in handfuls(shift).items():
        for payload in payloads if field in filled(world) else ():
            try:
                SINKS[sink](world, alone(world, field, payload))
            except Exception as error:
                found.append(f"{field} = {payload[:200]!a}: {type(error).__name__}: {str(error)[:300]}")
    return "\n".join(found) or "no field alone"


def test_there_is_enough_to_try() -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS)) >= 120
    assert sorted(PAYLOADS) == sorted(payload for handful in HANDFULS for payload in handful)
    assert len(text_fields()) >= 25
    assert len(PAYLOADS) * len(text_fields()) >= 3000


def test_every_format_has_a_check() -> None:
    assert CHECKS.keys() == FORMATS.keys()


def test_every_field_that_takes_text_is_tried() -> None:
    assert text_fields() == frozenset().union(*map(filled, WORLDS))


def test_closed_fields_take_no_text() -> None:
    tried = set()
    for world in WORLDS:
        for model in parts(harmless(world)):
            for owner, field in closed_fields():
                if isinstance(model, owner):
                    tried.add((owner, field))
                    with pytest.raises(ValidationError):
                        owner.model_validate(model.model_dump() | {field: "<script>"})
    assert tried == closed_fields()


def parts(value: object) -> list[object]:
    """A model and those within it."""
    if isinstance(value, models()):
        return [value, *(part for field in type(value).model_fields for part in parts(getattr(value, field)))]
    return [part for each in value for part in parts(each)] if isinstance(value, tuple) else []


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("sink", FAST)
def test_no_string_acts_in_any_field(sink: str, world: str) -> None:
    step = min(3 * SHARE.get(sink, 1), len(HANDFULS))
    for shift in range(list(WORLDS).index(world) % step, len(HANDFULS), step):  # other ones in each world
        try:
            SINKS[sink](world, shifted(shift, world))
        except Exception as error:
            pytest.fail(f"{world}, shift {shift}: {type(error).__name__}: {str(error)[:300]}\n{culprits(sink, world, shift)}")


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("sink", SINKS)
def test_no_string_acts_alone(sink: str, world: str) -> None:
    for field in sorted(filled(world)):
        for payload in PAYLOADS:
            SINKS[sink](world, alone(world, field, payload))


@pytest.mark.parametrize("sink", FAST)
def test_the_same_string_everywhere_acts_no_more(sink: str) -> None:
    """Equal texts meet branches that different ones do not: a reason that repeats the summary, an assumption said twice."""
    for world in WORLDS:
        same = plant(WORLDS[world](), lambda field: "word")
        for payload in PAYLOADS[:: len(PAYLOADS) if SHARE.get(sink, 1) >= 6 else 90]:  # one, where a check takes long
            report = plant(WORLDS[world](), lambda field: payload)  # noqa: B023  # used at once
            if sink in FORMATS:
                CHECKS[sink](rendered(sink, report), rendered(sink, same), report)
            else:
                SINKS[sink](world, report)
