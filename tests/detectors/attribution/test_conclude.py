"""From tests to what is said of candidates, sets and texts: each from its evidence alone, and nothing that can be forged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from llm_audit.detectors import judging
from llm_audit.detectors.attribution.base import OTHER_TOKENS
from llm_audit.detectors.populations import Population, among
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.results import Authorship, Document
from llm_audit.results.evidence import Settings
from llm_audit.scoring.tokens import Decoding
from tests.detectors.attribution.test_unknown import reference
from tests.detectors.attribution.world import author, draw, judged_document, laws, scores, text
from tests.detectors.laws import found_again, unnoticed

ALPHA = 0.01


@cache
def references() -> tuple[Population, ...]:
    rng = np.random.default_rng(1)
    return tuple(reference(author(f"a@temperature={t}"), 120, rng, Decoding(t), f"of-{t}") for t in (0.5, 1.0))


@cache
def judged(kind: str) -> Document:
    """A text of the first candidate, by one of the ways in which it can be judged; no human population is needed."""
    rng = np.random.default_rng(3)
    ours, theirs = laws(rng), laws(rng)
    tokens = draw(ours, rng)
    if kind == "unknown":
        by = author("a@temperature=0.5|1")
        by = type(by)(by.candidate, by.role, by.session, references())
        return judged_document(text([by], [scores(ours, draw(theirs, rng), by.decodings)], None), None, 0.05)
    first, second = {
        "alone": ("candidate", None),
        "rivals": ("candidate", "candidate"),
        "sets": ("sanctioned", "other"),
        "same": ("candidate", "candidate"),
        "truncated": ("candidate", "candidate"),
        "token": ("candidate", "candidate"),
    }[kind]
    names = {"truncated": "a@top_k=8|12,temperature=0.9"}
    authors = [author(names.get(kind, "a"), first)]  # type: ignore[arg-type]  # a role
    if kind == "token":
        ours = ours.copy()
        ours[40, 0] = -40.0
        tokens = draw(ours, rng)
        tokens[40] = 0
    found = [scores(ours, tokens, authors[0].decodings)]
    if second:
        authors.append(author("b", second))  # type: ignore[arg-type]  # a role
        found.append(scores(ours if kind == "same" else theirs, tokens))
    return judged_document(text(authors, found, None), "Write.", ALPHA)


KINDS = {
    "alone": ["undecided"],
    "rivals": ["undecided", "not_written_by"],
    "sets": ["undecided", "not_written_by"],
    "same": ["not_assessable", "not_assessable"],
    "truncated": ["not_written_by", "not_written_by"],
    "token": ["undecided", "not_written_by"],
    "unknown": ["not_written_by"],
}


def terms(kind: str) -> Terms:
    return Terms(0.05 if kind == "unknown" else ALPHA, population=lambda found: among(*references())(found))


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_found_again_from_what_is_stored_of_it(kind: str) -> None:
    document = judged(kind)
    assert [one.verdict for one in document.attributions] == KINDS[kind]
    assert found_again(Document.model_validate_json(document.model_dump_json()), terms(kind)) == document


FREE = (
    ".name", ".sha256", ".encoding", ".language", ".characters", ".tokens", ".notes", ".text", ".attributions[::-1]",
    ".sets[::-1]",
)  # fmt: skip
"""What no test says: which text it was; and which candidate was named first."""

MEASURED = (".evidence", ".model", ".candidate", ".role", ".context", ".trace", ".statistic.value")
"""What was measured, or given; and of a rank the statistic, as far as single precision does not tell it."""


SLOW = ("alone", "rivals", "token")
"""Kinds whose parts the others have as well."""


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in KINDS])
def test_another_number_verdict_or_order_is_noticed(kind: str) -> None:
    def beyond(place: str) -> bool:
        given = (*MEASURED, ".settings") if kind == "unknown" else MEASURED  # settings, which nothing else names there
        return place.startswith(FREE) or any(part in place for part in given)

    assert unnoticed(judged(kind), terms(kind).alpha, beyond, lambda document: found_again(document, terms(kind))) == []


def test_another_setting_cannot_be_shown() -> None:
    """What the shown setting's tests rest on stands with them, and is missing where the other one's should be."""
    document = judged("truncated")
    first = document.attributions[0]
    assert isinstance(first.evidence, Settings) and len(first.evidence.settings) == 2
    other = first.model_copy(update={"evidence": first.evidence.model_copy(update={"shown": 1 - first.evidence.shown})})
    changed = document.model_copy(update={"attributions": (other, *document.attributions[1:])})
    assert judging.conclude(changed, Terms(ALPHA)) == document


def test_an_early_report_keeps_its_sentences_and_what_it_says_in_words_alone() -> None:
    """Without the facts that a sentence is made from, it is taken as it stands; verdicts and numbers are not."""
    facts = ("strongest", "vocabulary", "kolmogorov_smirnov", "anderson_darling", "tests")

    def without(evidence: Any, names: Sequence[str]) -> Any:
        return evidence.model_copy(update={name: None for name in names if name in type(evidence).model_fields})

    def early(document: Document) -> Document:
        attributions = []
        for one in document.attributions:
            tests = tuple(test.model_copy(update={"evidence": without(test.evidence, facts)}) for test in one.tests)
            own = without(one.evidence, ("same", "other_tokens"))
            attributions.append(one.model_copy(update={"tests": tests, "evidence": own}))
        return document.model_copy(update={"attributions": tuple(attributions)})

    for kind in ("same", "rivals", "token"):
        document = early(judged(kind))
        assert found_again(document, Terms(ALPHA)) == document
    forged = early(judged("rivals"))
    first = forged.attributions[0].model_copy(update={"verdict": Authorship.WRITTEN_BY, "p_value": 0.5})
    forged = forged.model_copy(update={"attributions": (first, *forged.attributions[1:])})
    assert found_again(forged, Terms(ALPHA)) != forged


def test_a_rival_with_another_tokenizer_is_an_assumption_of_the_likelihood_ratio_alone() -> None:
    document = judged("rivals")
    first = document.attributions[0]
    assert isinstance(first.evidence, Settings)
    other = first.model_copy(update={"evidence": first.evidence.model_copy(update={"other_tokens": True})})
    again = judging.conclude(document.model_copy(update={"attributions": (other, *document.attributions[1:])}), Terms(ALPHA))
    assert [OTHER_TOKENS in test.assumptions for test in again.attributions[0].tests] == [False, False, False, True]


def test_what_is_missing_is_said() -> None:
    document = judged("rivals")
    first = document.attributions[0]
    assert isinstance(first.evidence, Settings)
    for evidence, why in (
        (None, "nothing that the p-value follows from"),
        (first.evidence.model_copy(update={"against": ()}), "the likelihood of every rival"),
    ):
        bare = first.model_copy(update={"evidence": evidence})
        with pytest.raises(NotDerivable, match=why):
            judging.conclude(document.model_copy(update={"attributions": (bare, *document.attributions[1:])}), Terms(ALPHA))
