"""Every single change of a stored report is refused, or said, unless it is of what a report is free to state.

What that is stands in docs/how-to/verify.md; here it is a list of fields.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.results.canonical import content_digest
from llm_audit.verification import verify
from tests.verify.conftest import CONTROLLED, FAST, SLOW, Made

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
ROOT = GOLDEN.parents[1]
QUICK = ("short", "tiny", "score-alone")
"""Reports that cost the ordinary suite nothing, since other tests make them too."""

Step = str | int
Outcome = tuple[frozenset[str], tuple[str, ...]]
"""What could not be checked, and remarks."""

OF_RUN = r"manifest\.(command|threads|device|packages|finished|started|version|policy|inputs)\b.*"
OF_MODELS = r"manifest\.(model|reference_model|further_models\[\])\.(dtype|name|files.*)"
OF_TEXTS = (
    r"subjects|subjects\[\]\.(name|text|texts\[\]\.(name|group|unit|tokens|saturation)|.*trace(\[\]|\.\w+)*(\[\])?|language)"
    r"|subjects\[\]\.results\[\]\.histogram"
)
OF_PEOPLE = r"subjects\[\]\.provenance|subjects\[\]\.gate\.suppressions\[\]\.reason"
OF_POLICY = (
    r"gate\.(changed_since|inline_suppressions|left_out|baseline\.(name|sha256|entries))|subjects\[\]\.gate\.fail_on(\[\])?"
)
UNUSED = r"manifest\.(alpha|population|population_digest|detectors(\[\])?|weights.*)"
"""Where nothing was tested at a level, or compared with a population that is not here."""

OF_JOURNALS = r"subjects\[\]\.(capabilities|facts)\[\]\.value|subjects\[\]\.cost\.\w+|subjects\[\]\.failures\[\]\.\w+"
MEASURED = (
    r".*\.evidence\.(?!.*\b(rule|rules|kind)$).+|subjects\[\]\.texts\[\]\.(scores|variants|control)\..*|.*\.draws\.values(\[\])?"
    r"|subjects\[\]\.conditions\.(tokenizer\[\]|copies\..*|table\..*)|subjects\[\]\.gate\.(features.*|chance\[\])"
    r"|.*\.tests\[\]\.(n|effect\.value|statistic\.value)"
)
"""What another value of leads to the same results; n, effects and statistics of draws that are not all stored."""

FREE = tuple(map(re.compile, (OF_RUN, OF_MODELS, OF_TEXTS, OF_PEOPLE, OF_POLICY, UNUSED, OF_JOURNALS, MEASURED)))


EARLY_FORM = ("subjects[].combined.population.nearest_kind.p_value", None)
"""Reports of 0.2.0 name the nearest kind without its p-value: where both rules name the same kind, either form holds."""


def nodes(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Every place in a report."""
    yield path, value
    steps: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in steps:
        yield from nodes(each, (*path, step))


def field(path: tuple[Step, ...]) -> str:
    """The field of a place, whichever item of its lists it is in."""
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def changes(value: Any, rng: np.random.Generator) -> Iterator[Any]:
    """Other values of one node: a number by one or a tenth, a string by a word, a list without an item or in another order."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, round(value * 1.1) + 2)
    elif isinstance(value, float):
        yield from (value * 1.1 if value else 0.1, value * 0.9 - 0.001)
    elif isinstance(value, str):
        yield from (f"{value} fraud", "", value[:-1] + ("0" if value[-1:] != "0" else "1"))
    elif isinstance(value, list) and value:
        at = int(rng.integers(len(value)))
        yield from (value[::-1], value[:at] + value[at + 1 :], [*value[: at + 1], *value[at:]], [])
        if all(isinstance(item, str) for item in value):
            yield [*value, "A person has confirmed the verdict."]
    yield None


def replaced(content: dict[str, Any], path: tuple[Step, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(content)
    holder: Any = reduce(lambda place, step: place[step], path[:-1], changed)
    holder[path[-1]] = value
    return changed


def outcome(content: dict[str, Any]) -> Outcome | None:
    """What a verification says beside that all holds; None: the report is refused. The digest is made to fit."""
    data = json.dumps(content | {"content_digest": content_digest(content)}).encode()
    try:
        ledger, _ = verify(data, ROOT)
    except AuditError:
        return None
    return None if ledger.mismatches else (frozenset(each.path for each in ledger.unchecked), tuple(ledger.notes))


def check(content: dict[str, Any], most: int) -> int:
    """Make changes of one node each, `most` at most, of each field in turn; the number of those that were made."""
    rng, before = np.random.default_rng(len(str(content))), outcome(content)
    assert before is not None
    of_field: dict[str, list[tuple[tuple[Step, ...], Any]]] = {}
    for path, value in nodes(content):
        if path and path != ("content_digest",) and not _of_reader(path, content):
            of_field.setdefault(field(path), []).append((path, value))
    made, accepted = 0, []
    bound = [name for name in of_field if not any(free.fullmatch(name) for free in FREE) and not _free_here(name, content)]
    for name in rng.permutation(bound).tolist():
        path, value = of_field[name][int(rng.integers(len(of_field[name])))]
        for new in changes(value, rng):
            changed = replaced(content, path, new)
            if made >= most or content_digest(changed) == content_digest(content) or (name, new) == EARLY_FORM:
                continue
            made += 1
            if outcome(changed) == before and not _rounding(value, new):
                accepted.append((path, str(value)[:60], str(new)[:60]))
    assert not accepted, "\n".join(map(str, accepted))
    return made


def _of_reader(path: tuple[Step, ...], content: dict[str, Any]) -> bool:
    """Whether this is the reason for which an input could not be read."""
    return path[0] == "subjects" and path[2:] == ("summary",) and content["subjects"][path[1]]["verdict"] == "error"


def _free_here(name: str, content: dict[str, Any]) -> bool:
    """Whether nothing contradicts the length of a text: it was compared with generations alone."""
    texts = content.get("subjects", ())
    return name == "subjects[].tokens" and any(text.get("attributions") and not text.get("trace") for text in texts)


def _rounding(value: Any, new: Any) -> bool:
    return isinstance(value, float) and isinstance(new, float) and abs(value - new) < 2e-12 * abs(value)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", QUICK)
def test_no_single_change_is_taken(made: Made, name: str) -> None:
    with made.here():
        assert check(json.loads(made.text(name)), 60) == 60


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name", ["finding", "pass", "watermark-finding", "watermark-pass", pytest.param("not-assessable", marks=pytest.mark.slow)]
)
def test_no_single_change_of_a_report_of_an_earlier_version_is_taken(name: str) -> None:
    assert check(json.loads((GOLDEN / f"{name}.json").read_text()), 60) == 60


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [*FAST, *SLOW, *CONTROLLED])
def test_no_single_change_is_taken_in_reports_of_every_command(made_slowly: Made, name: str) -> None:
    with made_slowly.here():
        assert check(json.loads(made_slowly.text(name)), 10**6) > 100
