"""The keyed rules: what they find, what chance makes of them, and that a report's numbers give the same result again."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.seeds import generator
from llm_audit.detectors import judging
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms
from llm_audit.detectors.watermark import anytime, marked, run, whole_text, windows
from llm_audit.detectors.watermark.counts import RandomBits, described
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.readings import given
from llm_audit.detectors.watermark.run import Settings
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.results import Document, Verdict
from llm_audit.results.watermark_evidence import FreshKeys, KeyedText, KeyedTogether, KeyedWindows, LinedUp, Summed
from llm_audit.stats import spans
from llm_audit.stats.laws import Exponential
from tests.detectors.laws import again, found_again, unnoticed
from tests.detectors.watermark.texts import flat, generate

V, TERMS = 211, Terms(0.01)
NAMES = ("vllm-gumbel", "transformers-kgw", "synthid-reference", "kuditipudi-exp", "kuditipudi-its")


def key(name: str, seed: int = 5, **more: Any) -> Key:
    cls = SCHEMES[name]
    drawn = cls.draw_keys(RandomBits(np.random.default_rng(seed)))
    extra = {"length": 64} if name.startswith("kuditipudi") else {}
    return Key(cls.model_validate({"vocab_size": V} | drawn | extra | more))


def ids(marker: Key | None, length: int = 100, seed: int = 1) -> list[int]:
    scheme: Any = None if marker is None else marker.scheme
    return [int(token) for token in generate(scheme, flat(V, 1.5), length, np.random.default_rng(seed), np.arange(1, 9))]


def judged(tokens: list[int], *keys: Key, **options: Any) -> Document:
    settings = Settings(0.01, keys, **options)
    settings.check()
    return run.judge(run.read_ids("text", tokens, settings), settings)


@pytest.mark.parametrize("name", NAMES)
def test_the_key_that_marked_a_text_is_found_among_others_and_verified(name: str) -> None:
    marker, others = key(name), (key("vllm-gumbel", 6), key("unigram", 7))
    document = judged(ids(marker), *others, marker)
    assert document.verdict is Verdict.FINDING and marker.id in document.summary
    (found,) = [result for result in document.results if result.verdict is Verdict.FINDING]
    assert found.rule == whole_text.rule.code and marker.id in found.name
    assert document.combined is not None and found.p_value is not None
    assert document.combined.p_value == pytest.approx(min(1.0, 3 * found.p_value))
    assert found_again(document, TERMS) == document
    assert judged(ids(None), *others, marker).verdict is not Verdict.FINDING


@pytest.mark.parametrize("options", [{}, {"windows": True}, {"anytime": True}])
def test_no_number_of_a_stored_document_can_be_changed_unnoticed(options: dict[str, bool]) -> None:
    document = judged(ids(key("vllm-gumbel"), 40), key("vllm-gumbel"), key("vllm-gumbel", 6), **options)

    def beyond(place: str) -> bool:
        """What the text says of itself; the path of an e-process between its peak and its end, which is for the picture."""
        inputs = (".characters", ".tokens", ".sha256", ".encoding", ".name", ".notes", ".schema")
        return (
            place.startswith(inputs)
            or place.endswith((".seed", ".reading", ".key"))
            or ".places" in place
            or ".log_e[" in place
        )

    missed = unnoticed(document, 0.01, beyond, lambda changed: found_again(changed, TERMS))
    assert missed == []


def test_a_mark_in_a_part_is_found_by_windows_and_its_place_is_told() -> None:
    marker = key("vllm-gumbel")
    tokens = ids(None, 300, 2) + ids(marker, 60) + ids(None, 300, 3)
    document = judged(tokens, marker, windows=True)
    whole, part = document.results
    assert part.rule == windows.rule.code and part.verdict is Verdict.FINDING and part.p_value is not None
    assert whole.p_value is not None and part.p_value < whole.p_value
    assert found_again(document, TERMS) == document
    scan = windows.scan_of(part.evidence)
    (best,) = [tuple(scan.windows[i]) for i in spans.disjoint(scan, 0.005)][:1]
    assert 270 < best[0] < 350 and best[1] < 420


def test_evidence_that_grows_is_judged_by_its_peak() -> None:
    marker = key("vllm-gumbel")
    tokens = ids(marker, 60) + ids(None, 400, 2)
    document = judged(tokens, marker, anytime=True)
    process, whole = document.results
    assert process.rule == anytime.rule.code and whole.rule == whole_text.rule.code
    assert document.verdict is process.verdict is Verdict.FINDING
    assert process.log_e[-1] < max(process.log_e)  # what came later does not take it back
    broken = process.model_copy(update={"log_e": (*process.log_e[:-1], 99.0)})
    with pytest.raises(ValueError, match="not the one"):
        again(broken, TERMS)


def test_the_p_value_of_windows_is_no_smaller_than_its_level_says() -> None:
    """400 null texts of 150 scores; the exact rank allows at most the level, within three standard errors."""
    law, rng, found = Exponential(), np.random.default_rng(0), []
    for number in range(400):
        scores = rng.standard_exponential(150)
        evidence = KeyedWindows(
            key="0" * 12, scheme="vllm-gumbel", tests=1, reading="ids", distinct=150, law=described(law), least=32,
            draws=199, seed=str(number), sums=tuple(spans.sums_of(scores, 32).tolist()),
        )  # fmt: skip
        found.append(np.exp(windows.outcome(evidence).log_p))
    for level in (0.05, 0.1):
        assert np.mean(np.array(found) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 400)


def test_a_scan_of_sums_is_that_of_the_scores() -> None:
    scores = np.random.default_rng(1).standard_exponential(200)
    one = spans.scan(scores, Exponential(), generator("a", "b"), 99)
    other = spans.scanned(spans.sums_of(scores), 200, Exponential(), generator("a", "b"), 99)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    with pytest.raises(ValueError, match="windows"):
        spans.scanned([1.0, 2.0, 3.0], 200, Exponential(), generator("a", "b"), 99)


def test_too_short_a_text_is_inconclusive_and_says_how_many_inputs_a_decision_needs() -> None:
    document = judged(ids(key("transformers-kgw"), 4), key("transformers-kgw"))
    assert document.verdict is Verdict.INCONCLUSIVE
    assert "Only 3 distinct inputs can be scored; a decision needs 4 at the very least." in document.results[0].reason
    nothing = judged([7], key("transformers-kgw"), windows=True)
    assert nothing.verdict is Verdict.INCONCLUSIVE and nothing.results[0].p_value == 1
    empty = judged([], key("kuditipudi-exp"))
    assert empty.verdict is Verdict.INCONCLUSIVE and found_again(empty, TERMS) == empty


def test_a_level_that_no_number_of_fresh_keys_reaches_is_inconclusive_at_once() -> None:
    """ITS, whose p-value comes from draws: two billion would be needed at 1e-9, and fewer decide nothing."""
    marker = key("kuditipudi-its")
    settings = Settings(1e-9, (marker,))
    document = run.judge(run.read_ids("text", ids(marker, 40), settings), settings)
    assert document.verdict is Verdict.INCONCLUSIVE and found_again(document, Terms(1e-9)) == document
    (found,) = document.results
    assert found.p_floor is not None and 1e-4 < found.p_floor < 1e-2


def test_a_sequence_of_keys_is_found_after_insertions_by_fresh_keys() -> None:
    marker = key("kuditipudi-exp")
    tokens = ids(marker, 80)
    for place in range(0, 120, 3):
        tokens.insert(place, 3)
    (result,) = judged(tokens, marker).results
    evidence = result.evidence
    assert isinstance(evidence, KeyedText)
    plain, edited = evidence.readings
    assert isinstance(plain, LinedUp) and isinstance(edited, FreshKeys)
    assert result.verdict is Verdict.FINDING and result.draws is not None and result.draws.count == edited.draws


@pytest.mark.parametrize(
    "change",
    [
        {"exceeding": 11}, {"draws": 5, "exceeding": 1}, {"draws": 2000}, {"draws": 20, "exceeding": 9, "most": 999},
    ],
)  # fmt: skip
def test_draws_that_cannot_have_been_made_are_refused(change: dict[str, int]) -> None:
    fields = {"reading": "ids", "alignment": "edit", "tokens": 40, "keys": 64, "cost": -3.0}
    fields |= {"draws": 999, "exceeding": 0, "most": 999, "stop": 10} | change
    forged = KeyedText(key="0" * 12, scheme="kuditipudi-exp", tests=1, readings=(FreshKeys.model_validate(fields),))
    with pytest.raises(ValueError, match="cannot have been drawn"):
        whole_text.derive(Measurement(forged), TERMS)


def test_unknown_laws_and_impossible_counts_are_not_derived() -> None:
    reading = Summed(reading="ids", tokens=9, scored=9, distinct=9, total=3.0, law={"kind": "guess"})
    with pytest.raises(NotDerivable, match="no null law"):
        whole_text.derive(Measurement(KeyedText(key="0" * 12, scheme="x", tests=1, readings=(reading,))), TERMS)
    more = reading.model_copy(update={"distinct": 10, "law": {"kind": "exponential"}})
    with pytest.raises(ValueError, match="more tokens"):
        whole_text.derive(Measurement(KeyedText(key="0" * 12, scheme="x", tests=1, readings=(more,))), TERMS)


def test_several_readings_are_paid_for_in_full() -> None:
    marker = key("vllm-gumbel")
    first = given(ids(marker, 60))
    other = dataclasses.replace(given(ids(None, 60)), name="other")
    one = whole_text.measure(marker, (first,), tests=1, level=0.01, seed="s")
    two = whole_text.measure(marker, (first, other), tests=1, level=0.01, seed="s")
    single, both = (whole_text.outcome(each.evidence)[1].log_p for each in (one, two))
    assert both == pytest.approx(single + np.log(2))


def test_tests_that_do_not_share_alpha_are_refused() -> None:
    evidence = whole_text.measure(key("vllm-gumbel"), (given(ids(None, 30)),), tests=2, level=0.01, seed="s").evidence
    with pytest.raises(ValueError, match="share alpha"):
        marked.derive(Measurement(KeyedTogether(tests=(evidence,))), TERMS)


def test_windows_of_other_scores_than_the_whole_text_are_refused() -> None:
    """The statistic is the largest over windows, so that all others but it could be changed unnoticed."""
    document = judged(ids(key("vllm-gumbel"), 60), key("vllm-gumbel"), windows=True)
    assert document.combined is not None and isinstance(document.combined.evidence, KeyedTogether)
    whole, part = document.combined.evidence.tests
    assert isinstance(whole, KeyedText) and isinstance(part, KeyedWindows)
    for change, said in (
        ({"sums": (part.sums[0] - 1, *part.sums[1:])}, "another sum"),
        ({"sums": (part.sums[0], -1.0, *part.sums[2:])}, "never negative"),
        ({"sums": (part.sums[0], part.sums[0] + 1, *part.sums[2:])}, "never negative"),
        ({"reading": "another"}, "other scores"),
        ({"law": {"kind": "weighted-exponential", "weight": 0.3}}, "another null law|other scores"),
    ):
        with pytest.raises(ValueError, match=said):
            marked.derive(Measurement(KeyedTogether(tests=(whole, part.model_copy(update=change)))), TERMS)


def test_unmarked_texts_under_the_deployed_key_are_another_null_printed_beside() -> None:
    marker = key("vllm-gumbel")
    settings = Settings(0.01, (marker,))
    unmarked = [run.read_ids(str(n), ids(None, 60, n + 10), settings) for n in range(19)]
    settings = dataclasses.replace(settings, calibration={"first": run.references(unmarked, settings, "first")})
    document = run.judge(run.read_ids("text", ids(marker, 60), settings), settings)
    beside = document.results[-1]
    assert beside.p_value == 1 / 20 and beside.reason.startswith("For comparison, no verdict rests on it.")
    assert found_again(document, TERMS) == document
    with pytest.raises(InvalidConfiguration, match="no unmarked text"):
        run.references([], settings, "best")


def test_settings_that_cannot_be_tested_are_refused_with_the_way_out() -> None:
    gumbel = key("vllm-gumbel")
    for settings, said in (
        (Settings(0.01, (gumbel, gumbel)), "given twice"),
        (Settings(0.01, (gumbel,), windows=True, anytime=True), "choose one"),
        (Settings(0.01, (key("kuditipudi-exp"),), anytime=True), "no anytime test"),
        (Settings(0.01, (key("synthid-transformers", device="cuda"),)), "GPU"),
    ):
        with pytest.raises(InvalidConfiguration, match=said):
            settings.check()


def test_ids_outside_the_vocabulary_of_the_key_make_the_text_unreadable_and_stop_no_other() -> None:
    document = judged([V + 5, 3, 4, 5, 6, 7, 8], key("transformers-kgw"))
    assert document.verdict is Verdict.ERROR and f"token id {V + 5} lies outside" in document.summary


def test_verdict_and_sentences_are_concluded_from_the_numbers() -> None:
    document = judged(ids(key("vllm-gumbel"), 40), key("vllm-gumbel"))
    twisted = document.model_copy(update={"verdict": Verdict.PASS, "summary": "Nothing here."})
    assert judging.conclude(twisted, TERMS) == document
