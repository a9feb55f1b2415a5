"""From counts of characters to what a summary says of them: from the evidence alone, and nothing that can be forged."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from llm_audit.detectors.integrity.base import MOST_SPANS, examine, find_rules
from llm_audit.detectors.integrity.conclude import conclude
from llm_audit.detectors.registry import find_rule
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.reports.wording.integrity import tampering
from llm_audit.results import Result, Verdict
from tests.detectors.laws import again, mutations
from tests.reports import factory

TERMS = Terms(0.01)
TEXTS = {
    "plain": "Nothing is odd about these words.",
    "look-alikes": "Thе quiсk brоwn fох",
    "hidden": "th\u200be qu\u200bick br\u2060own fox",
    "slip": "th\u200be quick brown fox",
    "reordered": "if access \u202eresu\u202c: grant",
    "many": "a\u200bb " * (MOST_SPANS + 5),
    "kinds": "th\u200be q\u2060u\u00adick br\u2063o\u2064w\u200dn f\ufeffo\u200cx jumps",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_result_follows_from_the_counts_that_are_stored_of_it(name: str) -> None:
    for rule in find_rules():
        result = examine(rule, TEXTS[name])
        assert again(result, TERMS) == result
        assert again(result, Terms(0.5)) == result


@pytest.mark.parametrize("name", ["look-alikes", "hidden", "reordered", "kinds"])
def test_another_number_or_verdict_is_noticed(name: str) -> None:
    results = [examine(rule, TEXTS[name]) for rule in find_rules()]
    (result,) = (each for each in results if each.verdict is Verdict.FINDING)
    free = (".evidence.tolerated", ".spans", ".n")
    for place, content in mutations(json.loads(result.model_dump_json())):
        if place.startswith(free):
            continue
        try:
            changed = Result.model_validate(content)
        except ValidationError:
            continue
        if changed == result or find_rule(changed.rule) is None:
            continue
        assert again(changed, TERMS) != changed, place


def test_an_early_result_stores_no_characters() -> None:
    result = examine(find_rules()[0], TEXTS["look-alikes"]).model_copy(update={"evidence": None})
    with pytest.raises(NotDerivable, match="which characters"):
        find_rules()[0].derive(Measurement.of(result), TERMS)


def test_the_summary_names_every_finding_and_the_verdict_stays() -> None:
    document = factory.passing()
    assert conclude(document, TERMS) == document
    odd = tuple(examine(rule, TEXTS["look-alikes"] + TEXTS["hidden"]) for rule in find_rules())
    document = document.model_copy(update={"results": (*document.results, *odd)})
    concluded = conclude(document, TERMS)
    assert concluded.verdict is document.verdict
    assert concluded.summary == f"{document.summary} {tampering(document)}"
    assert "look-alike letters (AUD901), invisible characters (AUD902)" in concluded.summary
