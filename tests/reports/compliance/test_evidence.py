"""Each kind of evidence: found, not found, not testable; with its numbers and the place where they stand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from llm_audit.reports.compliance.evidence import LOOKS, look
from llm_audit.reports.compliance.model import Evidence, Outcome, Selector, together
from llm_audit.reports.formats.json import render as render_json
from llm_audit.results import FalsePositiveRate, Mark, Report, Verdict
from tests.reports import factory

FOUND, NOT_FOUND, NOT_TESTABLE = Outcome
REPORTS = (
    *(factory.report, factory.attribution_report),
    *(factory.membership_report, factory.untouched_report, factory.shifted_report),
    *(factory.substitution_report, factory.consistent_report, factory.not_measured_report),
)


def seen(selector: Selector, report: Report) -> Evidence:
    return look(selector, report, {})


def said(evidence: Evidence) -> str:
    return " ".join(evidence.sentences)


def changed(report: Report, **manifest: Any) -> Report:
    return report.model_copy(update={"manifest": report.manifest.model_copy(update=manifest)})


def with_rates(report: Report) -> Report:
    rate = FalsePositiveRate(alpha=0.01, lower=0.0061, upper=0.0144)
    documents = [
        document.model_copy(update={"combined": document.combined.model_copy(update={"false_positive_rate": rate})})
        if document.combined
        else document
        for document in report.documents
    ]
    return report.model_copy(update={"subjects": tuple(documents)})


def with_rule(rule: str, verdict: Verdict) -> Report:
    document = factory.finding()
    test = document.results[0].model_copy(update={"rule": rule, "name": "A test", "verdict": verdict, "reason": "It says so."})
    return factory.report(document.model_copy(update={"results": (*document.results, test)}))


def test_every_kind_of_evidence_has_a_title_and_a_function() -> None:
    assert set(LOOKS) == set(Selector)
    assert len({title for title, _ in LOOKS.values()}) == len(LOOKS)


@pytest.mark.parametrize("made", REPORTS)
@pytest.mark.parametrize("selector", Selector)
def test_each_look_gives_reasons_and_places_that_exist(selector: Selector, made: Callable[[], Report]) -> None:
    report = made()
    evidence = seen(selector, report)
    assert evidence == seen(selector, report)
    assert evidence.sentences and all(sentence.strip() for sentence in evidence.sentences)
    assert evidence.pointers or evidence.outcome is NOT_TESTABLE
    content = json.loads(render_json(report))
    for pointer in evidence.pointers:
        place: Any = content
        for key in pointer.path.split("/")[1:]:
            place = place[int(key)] if isinstance(place, list) else place[key]
        assert place is not None


EXPECTED = {
    Selector.STATISTICAL_DETECTION: (FOUND, NOT_FOUND, NOT_TESTABLE),
    Selector.SIGNED_PROVENANCE: (NOT_FOUND, NOT_FOUND, NOT_FOUND),
    Selector.LENGTH: (FOUND, FOUND, NOT_FOUND),
    Selector.FALSE_POSITIVES: (NOT_FOUND, NOT_FOUND, NOT_TESTABLE),
    Selector.POPULATION: (FOUND, FOUND, NOT_TESTABLE),
    Selector.COVERAGE: (FOUND, FOUND, FOUND),
    Selector.LIMITS: (FOUND, FOUND, FOUND),
    Selector.MANIFEST: (FOUND, FOUND, FOUND),
    **dict.fromkeys(
        (
            *(Selector.WATERMARK_TEST, Selector.VISIBLE_LABEL, Selector.HUMAN_REVIEW),
            *(Selector.ATTRIBUTION_TEST, Selector.MEMBERSHIP_TEST, Selector.SUBSTITUTION_TEST, Selector.TAMPERING),
            Selector.FALSE_NEGATIVES,
        ),
        (NOT_TESTABLE, NOT_TESTABLE, NOT_TESTABLE),
    ),
}


@pytest.mark.parametrize("selector", Selector)
def test_of_a_finding_a_pass_and_a_text_that_is_too_short(selector: Selector) -> None:
    reports = (factory.report(factory.finding()), factory.report(factory.passing()), factory.report(factory.not_assessable()))
    assert tuple(seen(selector, report).outcome for report in reports) == EXPECTED[selector]


def test_a_p_value_is_never_printed_without_its_population_size_and_threshold() -> None:
    evidence = seen(Selector.STATISTICAL_DETECTION, with_rates(factory.report(factory.finding())))
    assert (
        "finding; p = 0.0005, the smallest this population can give; n = 612 tokens; compared with 1,999 documents of "
        "192 tokens of the population essays-en (English student essays and news written before 2020)" in said(evidence)
    )
    assert "at α = 0.01 between 0.61% and 1.44% of such human texts are flagged" in said(evidence)
    assert "1 of 1 judged text unlike its population at α = 0.01" in said(evidence)
    assert [pointer.path for pointer in evidence.pointers] == ["/subjects/0/combined"]


def test_without_an_interval_the_missing_is_said() -> None:
    assert "states no interval" in said(seen(Selector.STATISTICAL_DETECTION, factory.report(factory.finding())))


def test_many_documents_are_counted_and_the_strongest_written_out() -> None:
    documents = [factory.finding(f"{n}.txt", p=0.0005 * n) for n in range(1, 9)] + [
        factory.passing(f"x{n}.txt") for n in range(192)
    ]
    evidence = seen(Selector.STATISTICAL_DETECTION, factory.report(*documents))
    assert "8 of 200 judged texts" in said(evidence) and "About 2 would be" in said(evidence)
    assert "1.txt: AUD100 Combination: finding; p = 0.0005" in said(evidence) and "5 more, with larger p-values" in said(
        evidence
    )
    assert len(evidence.pointers) == 8 and len(evidence.sentences) < 9


def test_what_was_not_judged_is_not_cleared() -> None:
    assert "2 texts of 4 not judged, and so not cleared" in said(seen(Selector.STATISTICAL_DETECTION, factory.report()))
    evidence = seen(Selector.STATISTICAL_DETECTION, factory.report(factory.unreadable()))
    assert evidence.outcome is NOT_TESTABLE and "1 text of 1 not judged" in said(evidence)


def test_attribution() -> None:
    report = factory.attribution_report(factory.attributed())
    evidence = seen(Selector.ATTRIBUTION_TEST, report)
    assert evidence.outcome is FOUND and "exact error guarantee" in said(evidence) and "temperature 0.8" in said(evidence)
    assert [pointer.path for pointer in evidence.pointers] == ["/subjects/0/attributions/0"]
    assert seen(Selector.ATTRIBUTION_TEST, factory.attribution_report(factory.undecided())).outcome is NOT_FOUND


def test_two_hundred_tokens_are_not_more_than_two_hundred() -> None:
    for tokens, outcome in ((200, NOT_FOUND), (201, FOUND), (None, NOT_TESTABLE)):
        document = factory.finding().model_copy(update={"tokens": tokens})
        assert seen(Selector.LENGTH, factory.report(document)).outcome is outcome


@pytest.mark.parametrize(
    ("selector", "made", "outcome", "told"),
    [
        (Selector.MEMBERSHIP_TEST, factory.membership_report, FOUND, "0 of 99 draws at least as extreme"),
        (Selector.MEMBERSHIP_TEST, factory.untouched_report, NOT_FOUND, "1 suspect, 199 held-out"),
        (Selector.MEMBERSHIP_TEST, factory.shifted_report, NOT_TESTABLE, "Nothing was shown either way"),
        (Selector.SUBSTITUTION_TEST, factory.substitution_report, FOUND, "n = 120 units"),
        (Selector.SUBSTITUTION_TEST, factory.consistent_report, NOT_FOUND, "60 requests, 0 of them failed"),
        (Selector.SUBSTITUTION_TEST, factory.not_measured_report, NOT_TESTABLE, "Nothing was shown either way"),
    ],
)
def test_audits_of_models(selector: Selector, made: Callable[[], Report], outcome: Outcome, told: str) -> None:
    evidence = seen(selector, made())
    assert evidence.outcome is outcome and told in said(evidence)


def test_an_undecided_audit_shows_nothing() -> None:
    found = factory.ordered().model_copy(update={"verdict": Verdict.INCONCLUSIVE})
    assert seen(Selector.MEMBERSHIP_TEST, factory.membership_report(found)).outcome is NOT_TESTABLE


@pytest.mark.parametrize(("verdict", "outcome"), [(Verdict.FINDING, FOUND), (Verdict.PASS, NOT_FOUND)])
def test_integrity_tests_are_read_by_their_family_of_rules(verdict: Verdict, outcome: Outcome) -> None:
    evidence = seen(Selector.TAMPERING, with_rule("AUD901", verdict))
    assert evidence.outcome is outcome and "It says so." in said(evidence)
    assert evidence.pointers[0].path == "/subjects/0/results/3"


def test_notes_alone_are_quoted_and_are_no_test() -> None:
    evidence = seen(Selector.TAMPERING, factory.report(factory.finding()))
    assert evidence.outcome is NOT_TESTABLE and "2 zero-width spaces were removed" in said(evidence)


def test_a_mark_is_evidence_only_if_its_signature_is_valid() -> None:
    def marked(signature: str) -> Report:
        mark = Mark(
            kind="c2pa_selectors", start=0, end=9, manifest_sha256="0" * 64, manifest_bytes=9, reference=None, defect=None,
            claim_generator="x", signer="y", signature=signature, reason="A mark.",
        )  # fmt: skip
        return factory.report(factory.passing().model_copy(update={"marks": (mark,)}))

    told = {one: seen(Selector.SIGNED_PROVENANCE, marked(one)).outcome for one in ("valid", "invalid", "not_checked")}
    assert told == {"valid": FOUND, "invalid": NOT_FOUND, "not_checked": NOT_TESTABLE}


def test_a_watermark_is_evidence_by_the_p_value_of_all_keys() -> None:
    assert seen(Selector.WATERMARK_TEST, factory.report(factory.finding())).outcome is NOT_TESTABLE
    found = factory.finding()
    assert found.combined
    combined = found.combined.model_copy(update={"rule": "AUD500", "reason": "The text carries the mark.", "population": None})
    marked = found.model_copy(update={"combined": combined, "results": ()})
    plain = marked.model_copy(update={"combined": combined.model_copy(update={"verdict": Verdict.PASS})})
    evidence = seen(Selector.WATERMARK_TEST, factory.report(marked, plain))
    assert evidence.outcome is FOUND and [pointer.path for pointer in evidence.pointers] == ["/subjects/0/combined"]
    assert "1 of 2 tested texts carry the mark" in said(evidence) and "Null hypothesis" in said(evidence)
    nothing = seen(Selector.WATERMARK_TEST, factory.report(plain))
    assert nothing.outcome is NOT_FOUND and "0 of 1 tested text carries the mark" in said(nothing)
    assert seen(Selector.STATISTICAL_DETECTION, factory.report(marked)).outcome is NOT_TESTABLE


def test_error_rates_count_only_where_every_deciding_test_states_them() -> None:
    report = factory.report(factory.finding(), factory.passing())
    assert seen(Selector.FALSE_POSITIVES, report).outcome is NOT_FOUND
    rated = with_rates(report)
    assert seen(Selector.FALSE_POSITIVES, rated).outcome is FOUND
    half = rated.model_copy(update={"subjects": (rated.documents[0], report.documents[1])})
    evidence = seen(Selector.FALSE_POSITIVES, half)
    assert evidence.outcome is NOT_FOUND and [pointer.path for pointer in evidence.pointers] == ["/subjects/1/combined"]
    assert seen(Selector.FALSE_POSITIVES, factory.membership_report()).outcome is FOUND


def test_a_missing_population_is_named() -> None:
    document = factory.finding()
    assert document.combined
    bare = document.model_copy(update={"combined": document.combined.model_copy(update={"population": None})})
    evidence = seen(Selector.POPULATION, factory.report(document, bare))
    assert evidence.outcome is NOT_FOUND and "1 of 2 deciding tests name it" in said(evidence)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": None}, "the SHA-256 of the model"),
        ({"population_digest": None}, "the SHA-256 of the population"),
        ({"threads": None}, "the number of threads"),
        ({"packages": {}}, "the versions of the packages"),
        ({"command": ()}, "the command"),
    ],
)
def test_what_the_manifest_lacks_is_named(change: dict[str, Any], told: str) -> None:
    evidence = seen(Selector.MANIFEST, changed(factory.report(factory.finding()), **change))
    assert evidence.outcome is NOT_FOUND and evidence.sentences == (f"Missing: {told}.",)


def test_a_text_without_a_digest_makes_the_manifest_incomplete() -> None:
    document = factory.finding().model_copy(update={"sha256": None})
    assert "essays/müller_anna.txt" in said(seen(Selector.MANIFEST, factory.report(document)))


def test_counts_that_do_not_add_up_and_missing_limits_are_seen() -> None:
    report = factory.report()
    lost = report.model_copy(update={"coverage": report.coverage.model_copy(update={"scored": 1}), "limits": ()})
    assert seen(Selector.COVERAGE, lost).outcome is NOT_FOUND
    assert seen(Selector.LIMITS, lost).outcome is NOT_FOUND


@pytest.mark.parametrize(
    ("outcomes", "all_", "any_"),
    [
        ((FOUND, FOUND), FOUND, FOUND),
        ((FOUND, NOT_FOUND), NOT_FOUND, FOUND),
        ((FOUND, NOT_TESTABLE), NOT_TESTABLE, FOUND),
        ((NOT_FOUND, NOT_TESTABLE), NOT_FOUND, NOT_FOUND),
        ((NOT_TESTABLE, NOT_TESTABLE), NOT_TESTABLE, NOT_TESTABLE),
    ],
)
def test_how_evidence_adds_up(outcomes: tuple[Outcome, ...], all_: Outcome, any_: Outcome) -> None:
    for order in (outcomes, outcomes[::-1]):
        assert (together(order, "all"), together(order, "any")) == (all_, any_)
