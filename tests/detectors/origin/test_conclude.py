"""From results to the verdict about a text: each result from its evidence alone, and nothing that can be forged."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from llm_audit.detectors import find, judging, populations
from llm_audit.detectors.integrity.base import examine, find_rules
from llm_audit.detectors.judging import Inspection
from llm_audit.detectors.origin import run as origin
from llm_audit.detectors.populations import Population, among
from llm_audit.detectors.registry import conclude
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.results import Document
from llm_audit.testing import sample_scores
from llm_audit.text import RawText, normalise
from tests.detectors.laws import again, found_again, unnoticed
from tests.detectors.origin.reading import windows
from tests.detectors.populations.test_population import datasheet
from tests.reports import factory

ALPHA = 0.05
DETECTORS = [detector for detector in find(()) if not detector.hidden_layers]


@cache
def population() -> Population:
    rng = np.random.default_rng(0)
    return populations.build(datasheet(target_n=50), [sample_scores(160, rng, vocabulary=12) for _ in range(99)], DETECTORS)


TERMS = Terms(ALPHA, population=lambda evidence: among(population())(evidence))


@cache
def judged(kind: str) -> Document:
    """A text of the population's kind, of two parts or of one, with or without odd characters."""
    rng = np.random.default_rng(5)
    scores = sample_scores(300 if kind == "long" else 150, rng, vocabulary=6 if kind == "odd" else 12)
    if kind == "long":
        scores = replace(scores, window=np.repeat([0, 1], 150).astype(np.int32))
    text = "".join(f"{number:03d} " for number in range(len(scores))) + "."
    raw = RawText("a.txt", "0" * 64, "utf-8", text, len(text))
    settings = judging.Settings(alpha=ALPHA, detectors=DETECTORS, population=population())
    document = origin.judge((raw, normalise(text), "en"), windows(scores, settings), settings)
    if kind != "odd":
        return document
    odd = tuple(examine(rule, "th\u200be qu\u200bick br\u2060own fox " * 3) for rule in find_rules())
    return Inspection(odd).added_to(document, origin.judge_as_given(windows(scores, settings), settings))


KINDS = ("short", "long", "odd")


@pytest.mark.parametrize("kind", KINDS)
def test_every_result_follows_from_what_is_stored_of_it(kind: str) -> None:
    document = judged(kind)
    assert document.combined is not None
    for result in (document.combined, *document.results):
        assert again(result, TERMS) == result
    assert found_again(Document.model_validate_json(document.model_dump_json()), TERMS) == document


def test_what_is_odd_about_the_characters_stands_in_the_summary() -> None:
    odd = judged("odd")
    assert odd.combined and odd.summary.startswith(odd.combined.reason)
    assert odd.summary.endswith("invisible characters (AUD902); that by itself says nothing about who wrote it.")
    assert [result.rule for result in odd.results][-6:] == ["AUD190", "AUD901", "AUD902", "AUD903", "AUD904", "AUD905"]


FREE = (".name", ".sha256", ".encoding", ".language", ".characters", ".tokens", ".notes", ".text", ".results[::-1]")
"""What no result says: which text it was. Of results out of their order, single detectors get their places back."""

MEASURED = (".evidence", ".shares", "].start", "].end", "].place", "].n")
"""What was measured: it follows from nothing else in the report."""


@pytest.mark.parametrize("kind", KINDS)
def test_another_number_verdict_or_order_is_noticed(kind: str) -> None:
    def beyond(place: str) -> bool:
        return place.startswith(FREE) or any(part in place for part in MEASURED)

    assert unnoticed(judged(kind), ALPHA, beyond, lambda document: found_again(document, TERMS)) == []


def test_single_detectors_are_put_in_step_with_all_of_them() -> None:
    document = judged("short")
    shuffled = document.model_copy(update={"results": document.results[::-1]})
    assert conclude("origin", shuffled, TERMS) == document
    evidence = document.results[0].evidence
    other = document.results[0].model_copy(update={"evidence": evidence.model_copy(update={"rules": ("AUD104",)})})  # type: ignore[union-attr]  # it has one
    assert conclude("origin", document.model_copy(update={"results": (other, *document.results[1:])}), TERMS) == document


def test_why_a_text_was_not_judged_only_the_text_says() -> None:
    with pytest.raises(NotDerivable, match="only the text"):
        judging.conclude(factory.unreadable(), TERMS)


def test_without_its_population_nothing_is_derived() -> None:
    document = judged("short")
    assert document.combined is not None
    for terms, why in ((Terms(ALPHA), "no population"), (Terms(ALPHA, population=among()), "the population ours is not here")):
        with pytest.raises(NotDerivable, match=why):
            again(document.combined, terms)
