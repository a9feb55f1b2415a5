"""From results to the verdict about an endpoint: size over whole audits, Holm, sentences, and nothing that can be forged."""

from __future__ import annotations

import numpy as np
import pytest

from llm_audit.detectors.registry import conclude
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.substitution import (
    border_tracking,
    conformance,
    exceedance,
    rank_uniformity,
    teacher_forced,
    tracking,
    two_samples,
)
from llm_audit.detectors.substitution.conclude import by_holm
from llm_audit.detectors.substitution.reference import LOCAL
from llm_audit.results import Cost, Result, Served, Substitution, Verdict
from llm_audit.results.substitution_evidence import Exceedance
from tests.detectors.laws import unnoticed, verified
from tests.detectors.substitution.test_conformance import REPLY
from tests.detectors.substitution.test_teacher_forced import distances

ALPHA = 0.01


@pytest.mark.parametrize("runs", [400, pytest.param(2000, marks=pytest.mark.slow)])
def test_size_of_the_two_together(runs: int) -> None:
    """The endpoint is one of the allowed precisions, with noise as large as they are apart."""
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        endpoint = {name: rng.exponential(1.0, 20) for name in ("a", "b")}
        null = {name: rng.exponential(1.0, 60) for name in ("a", "b")}
        each = distances(endpoint, null)
        first = teacher_forced.derive(teacher_forced.measure(each, str(seed)), Terms(0.05))
        second = exceedance.derive(Measurement(Exceedance()), Terms(0.05, beside=(first,)))
        results = by_holm([first, second], 0.05)
        found.append(any(result.verdict is Verdict.FINDING for result in results))
    assert np.mean(found) <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def result(p: float | None, floor: float | None = None) -> Result:
    verdict = Verdict.INCONCLUSIVE
    return Result(
        rule="AUD401", name="x", subject="endpoint", null="x", verdict=verdict, reason="Found", p_value=p, p_floor=floor
    )


@pytest.mark.parametrize(
    ("p_values", "verdicts"),
    [
        ([0.004, 0.5], ["finding", "pass"]),
        ([0.006, 0.5], ["pass", "pass"]),
        ([0.006], ["finding"]),
        ([0.004, 0.009], ["finding", "finding"]),
        ([None, 0.009], ["inconclusive", "finding"]),
    ],
)
def test_holm_over_the_tests_that_have_a_p_value(p_values: list[float | None], verdicts: list[str]) -> None:
    assert [each.verdict.value for each in by_holm([result(p) for p in p_values], 0.01)] == verdicts


def test_what_could_not_have_decided_is_inconclusive() -> None:
    (decided,) = by_holm([result(0.3, floor=0.02)], 0.01)
    assert decided.verdict is Verdict.INCONCLUSIVE and "no p-value below 0.02 was possible" in decided.reason


def audited(shift: float, missing: int = 0, texts: bool = True, **more: object) -> Substitution:
    """A concluded audit of an endpoint whose distances are so many times the null distances."""
    rng, terms = np.random.default_rng(7), Terms(ALPHA)
    found = distances(
        {name: shift * rng.exponential(1.0, 20) for name in ("f32", "bf16")},
        {name: rng.exponential(1.0, 60) for name in ("f32", "bf16")},
        missing,
    )
    first = teacher_forced.derive(teacher_forced.measure(found, "1"), terms)
    tests = [first, exceedance.derive(Measurement(Exceedance()), Terms(ALPHA, beside=(first,)))]
    if texts:
        ranked = rank_uniformity.measure(rng.normal(size=15), rng.normal(size=(15, 10)), "2")
        drawn = [[(f"p{i}", "".join(rng.choice(list("abc"), 12))) for i in range(6) for _ in range(3)] for _ in range(2)]
        tests += [
            rank_uniformity.derive(ranked, terms),
            two_samples.derive(two_samples.measure(drawn[0], drawn[1], "3", LOCAL, 199), terms),
        ]
    tests.append(conformance.derive(conformance.measure([REPLY], "other"), terms))
    return concluded(tests, **{"reference": "the reference", "obstacle": "there was nothing to compare."} | more)


def tracked(by: float) -> Substitution:
    """A concluded comparison of an endpoint with its own past."""
    rng = np.random.default_rng(8)
    rows = rng.normal(-2, 0.01, (16, 5)) - by * (np.arange(16) >= 8)[:, None]
    return concluded([tracking.derive(tracking.measure(rows, 8, "ab"), Terms(ALPHA))], since="1 May 2026")


def answered(after: tuple[float, ...]) -> Substitution:
    """A concluded comparison of an endpoint's first tokens with those of its past, both as they are drawn by `after`."""
    rng = np.random.default_rng(8)
    before, now = ([rng.choice(list("abc"), 20, p=law).tolist() for _ in range(6)] for law in ((0.5, 0.4, 0.1), after))
    test = border_tracking.derive(border_tracking.measure(before, now, "ab"), Terms(ALPHA))
    return concluded([test], since="1 May 2026")


def concluded(tests: list[Result], **more: object) -> Substitution:
    subject = Substitution(
        verdict=Verdict.ERROR, served=Served.NOT_MEASURED, summary="", claim="?", endpoint="e", model="m", allowed=("f32",),
        tests=tuple(tests), cost=Cost(requests=1, attempts=1, prompt_tokens=1, completion_tokens=1), **more,
    )  # fmt: skip
    found: Substitution = conclude("substitution", subject, Terms(ALPHA))
    return found


CASES = {
    "inconsistent": (audited(9.0), Served.INCONSISTENT, "The endpoint is not what was promised"),
    "consistent": (audited(1.0), Served.CONSISTENT, "No test tells the endpoint from the reference. "),
    "without texts": (audited(1.0, texts=False), Served.CONSISTENT, "No test tells the endpoint from the reference. "),
    "too few answers": (audited(1.0, missing=5), Served.NOT_MEASURED, "Not measured: 20% of the questions have no answer"),
    "nothing to compare": (
        concluded([], reference="the reference", obstacle="No answer."), Served.NOT_MEASURED,
        "Not measured: No answer. Nothing was shown either way.",
    ),
    "changed": (tracked(1.0), Served.INCONSISTENT, "The endpoint has changed since 1 May 2026: Mean log-prob"),
    "changed by little": (tracked(0.03), Served.CONSISTENT, "No change since 1 May 2026 was found: Mean log-prob"),
    "other answers": (answered((0.05, 0.85, 0.1)), Served.INCONSISTENT, "The endpoint has changed since 1 May 2026: 120"),
    "the same answers": (answered((0.5, 0.4, 0.1)), Served.CONSISTENT, "No change since 1 May 2026 was found: 120 answers"),
    "one answer": (answered((1.0, 0.0, 0.0)), Served.NOT_MEASURED, "Not measured: Each prompt got one and the same answer"),
    "unchanged": (tracked(0.0), Served.CONSISTENT, "No change since 1 May 2026 was found: Mean log-prob"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_the_tests_come_to(name: str) -> None:
    subject, served, opening = CASES[name]
    assert (subject.served, subject.summary[: len(opening)]) == (served, opening)
    assert (subject.obstacle is None) == (name != "nothing to compare")


@pytest.mark.parametrize("name", CASES)
def test_an_endpoint_is_found_again_from_what_is_stored_of_it(name: str) -> None:
    subject = Substitution.model_validate_json(CASES[name][0].model_dump_json())
    assert verified(subject, ALPHA) == subject == conclude("substitution", subject, Terms(ALPHA))


FREE = (".claim", ".endpoint", ".model", ".allowed", ".cost", ".facts", ".reference", ".since", ".obstacle")
"""What no test says: who was asked, and what it cost."""


SLOW = ("inconsistent", "too few answers", "changed by little", "unchanged", "the same answers")
"""Cases that differ from another one in numbers alone."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in CASES])
def test_another_number_verdict_or_order_is_noticed(name: str) -> None:
    def measured(place: str) -> bool:
        return place.startswith(FREE) or ".evidence" in place or place.endswith((".seed", "].n"))

    assert unnoticed(CASES[name][0], ALPHA, measured) == []


def test_a_report_of_an_early_version_keeps_its_sentences() -> None:
    subject = audited(1.0)
    two = next(at for at, test in enumerate(subject.tests) if test.rule == two_samples.rule.code)
    assert subject.tests[two].evidence is not None
    lacking = subject.tests[two].evidence.model_copy(update={"raw_p": None})  # type: ignore[union-attr]  # see above
    tests = list(subject.tests)
    tests[two] = tests[two].model_copy(update={"evidence": lacking})
    tests[-1] = tests[-1].model_copy(update={"evidence": None})
    early = subject.model_copy(update={"tests": tuple(tests), "reference": None, "summary": "As it was said then."})
    assert conclude("substitution", early, Terms(ALPHA)) == early
