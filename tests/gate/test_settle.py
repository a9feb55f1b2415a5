"""The outcome of a gate as a function of its texts: its own fixed point, and with a renewed baseline nothing is found."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from llm_audit.gating.baseline import read_baseline, renewed
from llm_audit.gating.settle import Terms, settle
from llm_audit.results import Document, Gated, Suppression, Verdict
from tests.reports import factory

FLOORS = (1 / 41, 1 / 400, 1 / 2390)


def document(number: int, p: float, floor: float, **gate: object) -> Document:
    """A text that was judged by itself at alpha .05."""
    made = factory.passing(f"{number}.txt")
    assert made.combined
    verdict = Verdict.FINDING if p <= 0.05 else Verdict.INCONCLUSIVE if floor > 0.05 else Verdict.PASS
    combined = made.combined.model_copy(update={"p_value": p, "p_floor": floor, "verdict": verdict})
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    gated = Gated(text_digest=digest, fail_on=(Verdict.FINDING, Verdict.ERROR, Verdict.INCONCLUSIVE))
    return made.model_copy(update={"combined": combined, "gate": gated.model_copy(update=gate)})


@st.composite
def runs(draw: st.DrawFn) -> list[Document]:
    floors = st.sampled_from(FLOORS)
    ranks = st.one_of(st.integers(1, 3), st.integers(1, 400))
    told = st.sampled_from(["none", "none", "none", "inline", "late"])
    found = []
    for number in range(draw(st.integers(0, 25))):
        floor, kind = draw(floors), draw(told)
        until = "2020-01-01" if kind == "late" else None
        inline = Suppression(kind="inline", rule="AUD100", reason="x", line=1, until=until, state="unused")
        copies = draw(st.integers(1, 2))
        one = document(number, min(1.0, draw(ranks) * floor), floor, suppressions=() if kind == "none" else (inline,))
        found += [one] * copies
    return found


TERMS = Terms(alpha=0.05, day="2026-01-01")


@given(runs())
def test_settling_twice_changes_nothing(documents: list[Document]) -> None:
    once, outcome = settle(documents, TERMS)
    assert settle(once, TERMS) == (once, outcome)


@given(runs())
def test_after_a_renewal_no_finding_fails(documents: list[Document]) -> None:
    """Leaving out what was found never makes anything else a finding."""
    found, _ = settle(documents, TERMS)
    again, outcome = settle(renewed(found).applied(documents), TERMS)
    assert outcome.discovery.found == 0
    assert outcome.baselined == sum(one.verdict is Verdict.FINDING and not one.suppressed("AUD100") for one in found)
    assert not any(failure.verdict is Verdict.FINDING for one in again if one.gate for failure in one.gate.failures)


@given(runs())
def test_what_is_passed_over_fails_nothing_and_is_no_test(documents: list[Document]) -> None:
    for one in settle(documents, TERMS)[0]:
        assert one.gate
        if one.suppressed("AUD100"):
            assert one.verdict is Verdict.FINDING and not one.gate.failures and one.gate.q_value is None
        else:
            assert one.gate.q_value is not None
            assert (one.verdict is Verdict.FINDING) == (one.gate.q_value <= 0.05)


def test_what_had_no_chance_is_not_passed() -> None:
    """Of 30 texts against 400 a single one cannot be found at .05: its smallest q would be 30/400."""
    many = [document(number, 0.5, 1 / 400) for number in range(30)]
    settled, outcome = settle(many, TERMS)
    assert {one.verdict for one in settled} == {Verdict.INCONCLUSIVE}
    assert outcome.discovery.fewest == 2 and outcome.failed == 30
    settled, outcome = settle([*many, document(99, 1 / 400, 1 / 400)], TERMS)
    assert {one.verdict for one in settled[:30]} == {Verdict.PASS}  # with it, a second one would have been found
    assert settled[30].verdict is Verdict.INCONCLUSIVE


def test_one_new_text_can_fail_among_many_that_the_baseline_knows() -> None:
    floor = 1 / 2390
    old = [document(number, 0.5, floor) for number in range(500)]
    known = renewed(settle(old, TERMS)[0])
    assert (len(known.texts), len(known.undecided)) == (0, 500)  # none of them alone had a chance among so many
    new = document(999, floor, floor)
    alone, _ = settle([*old, new], TERMS)
    assert alone[-1].verdict is not Verdict.FINDING  # lost among 501 tests
    settled, outcome = settle(known.applied([*old, new]), TERMS)
    assert settled[-1].verdict is Verdict.FINDING
    assert outcome.failed == 1 and outcome.discovery.tests == 1
    assert "500 texts are known from the baseline." in outcome.summary


def test_with_known_texts_alone_nothing_is_tested_and_that_is_said() -> None:
    old = [document(number, 0.5, 1 / 400) for number in range(5)]
    _, outcome = settle(renewed(settle(old, TERMS)[0]).applied(old), TERMS)
    assert outcome.summary == "Passed: 5 texts. 5 texts are known from the baseline."


def test_that_no_single_text_can_fail_is_said_first() -> None:
    _, outcome = settle([document(number, 0.5, 1 / 41) for number in range(100)], TERMS)
    assert outcome.summary.startswith("No single text can fail by who wrote it: among 100 it takes ")


@given(runs())
def test_with_a_baseline_settling_twice_changes_nothing(documents: list[Document]) -> None:
    found, _ = settle(documents, TERMS)
    once, outcome = settle(renewed(found).applied(found), TERMS)
    assert settle(once, TERMS) == (once, outcome)


def test_what_models_know_by_heart_is_no_test() -> None:
    recited = document(1, 1 / 400, 1 / 400).model_copy(update={"doubt": "known_by_heart"})
    settled, outcome = settle([recited, document(2, 0.5, 1 / 400)], TERMS)
    assert outcome.discovery.tests == 1
    assert settled[0].verdict is Verdict.NOT_ASSESSABLE


def test_what_was_undecided_or_not_assessable_does_not_pass_once_it_is_known() -> None:
    floor = 1 / 400
    part = document(98, 0.5, floor).model_copy(update={"omitted": 0.6})
    recited = document(99, floor, floor).model_copy(update={"doubt": "known_by_heart"})
    texts = [*(document(number, 0.5, floor) for number in range(30)), document(97, floor, floor), part, recited]
    before, failing = settle(texts, TERMS)
    verdicts = [one.verdict for one in before]
    assert verdicts[-3:] == [Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE] and failing.failed == 2
    known = renewed(before)
    assert (len(known.texts), len(known.undecided)) == (30, 3)
    after, outcome = settle(known.applied(texts), TERMS)
    assert [one.verdict for one in after] == verdicts
    assert outcome.failed == 0 and "nothing can be said of 3" in outcome.summary
    assert "does not say that it passed (by itself p = 0.0025)" in after[-3].summary
    assert after[-1].summary == before[-1].summary


def test_a_baseline_that_does_not_say_what_passed_passes_nothing(tmp_path: Path) -> None:
    texts = [document(1, 0.5, 1 / 400), document(2, 0.6, 1 / 400)]
    written = renewed(settle(texts, TERMS)[0])
    file = tmp_path / "known.json"
    file.write_text(written.render())
    assert read_baseline(file) == written and len(written.texts) == 2
    file.write_text(written.render().replace('"version": 3', '"version": 2'))
    settled, outcome = settle(read_baseline(file).applied(texts), TERMS)
    assert {one.verdict for one in settled} == {Verdict.INCONCLUSIVE} and not outcome.failed


def test_an_early_report_on_known_texts_is_settled_as_it_was() -> None:
    early = document(1, 1 / 400, 1 / 400, known=True).model_copy(update={"doubt": "repetitive"})
    (settled,), _ = settle([early], TERMS)
    assert settled.verdict is Verdict.PASS and settled.summary.startswith("Known from the baseline, without a finding")
