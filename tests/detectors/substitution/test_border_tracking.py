"""Border inputs over time: how they are found, what is counted and said, caches, and files that are not what they should be."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.detectors.substitution import baseline, border_tracking, border_watch
from llm_audit.detectors.substitution.border_watch import CANDIDATES, DRAWS, INPUTS, KEPT, TRIALS
from llm_audit.endpoints.records import Ask, Cost, Failure, Reply
from llm_audit.results import Fact, Result, Served, Verdict
from llm_audit.results.substitution_evidence import BorderChange
from tests.detectors.laws import again, judge

USUAL, SHIFTED = (0.4, 0.4, 0.1, 0.1), (0.15, 0.65, 0.1, 0.1)
TEXTS = ("the", "a", "", "one")


def drawn(law: tuple[float, ...], seed: int) -> list[list[str]]:
    return np.random.default_rng(seed).choice(TEXTS, (INPUTS, DRAWS), p=law).tolist()


def judged(before: list[list[str]], after: list[list[str]]) -> Result:
    return judge(border_tracking, before, after, "5", alpha=0.01)


def test_the_same_law_passes_and_another_is_found() -> None:
    same, other = judged(drawn(USUAL, 1), drawn(USUAL, 2)), judged(drawn(USUAL, 1), drawn(SHIFTED, 2))
    assert (same.verdict, other.verdict) == (Verdict.PASS, Verdict.FINDING)
    assert other.p_value == other.p_floor == 1 / 10_000 and same.effect and other.effect
    assert abs(same.effect.value) < 0.05 < 0.15 < other.effect.value < 0.35
    assert "400 answers of one token to 8 prompts now and 400 before are " in same.reason
    assert re.search(r"a cache makes many: 1[0-9]{2} now \(by chance 1[0-9]{2}\)", same.reason)  # of 392, a third


def test_answers_of_one_time_alone_count_as_none_at_the_other() -> None:
    found = border_tracking.measure([["a", "a", "b"]], [["b", "b", "c", "b", "b"]], "5").evidence
    assert (found.inputs[0].before, found.inputs[0].after, found.repeats) == ((2, 1, 0), (0, 4, 1), (1, 2))


def test_a_cache_is_no_change() -> None:
    now = drawn(SHIFTED, 2)
    kept = [[each[at - at % 5] for at in range(DRAWS)] for each in now]  # every answer serves five requests
    once = [[each[0]] * DRAWS for each in now]
    filled = [[*each[:2], *[each[2]] * (DRAWS - 2)] for each in now]  # while it was filled, others came
    assert judged(drawn(USUAL, 1), now).verdict is Verdict.FINDING
    same = "one and the same answer every time"
    for answers, said in ((kept, "repeat the one before them"), (once, same), (filled, f"{same} (")):
        found = judged(drawn(USUAL, 1), answers)
        assert (found.verdict, found.p_value) == (Verdict.NOT_ASSESSABLE, None) and said in found.reason


def test_a_report_that_allowed_no_stray_answers_keeps_its_verdict() -> None:
    now = [["the"] * DRAWS for _ in range(INPUTS)]
    now[3][7] = now[3][20] = "a"
    assert judged(drawn(USUAL, 1), now).verdict is Verdict.NOT_ASSESSABLE
    measured = border_tracking.measure(drawn(USUAL, 1), now, "5")
    early = replace(measured, evidence=measured.evidence.model_copy(update={"strays": None}))
    assert border_tracking.derive(early, Terms(0.01)).verdict is Verdict.FINDING


def test_independent_answers_are_hardly_ever_taken_for_a_cache() -> None:
    found = [judged(drawn(USUAL, 2 * seed), drawn(USUAL, 2 * seed + 1)).p_value for seed in range(20)]
    assert None not in found


def test_forged_counts_are_refused() -> None:
    found = judged(drawn(USUAL, 1), drawn(USUAL, 2))
    assert isinstance(found.evidence, BorderChange)
    first, *others = found.evidence.inputs
    for change in ({"before": (-1, 2, 3, 4)}, {"after": (10**6, 2, 3, 4)}, {"after": (1,)}):
        forged = found.evidence.model_copy(update={"inputs": (first.model_copy(update=change), *others)})
        with pytest.raises((ValueError, NotDerivable)):
            again(found.model_copy(update={"evidence": forged}), Terms(0.01))


# A source that answers as told


FREE = Cost(0, 0, 0, 0, 0)


@dataclass
class Told:
    """A source whose answer to a prompt is what a function says of it, of the request's number, and of a generator."""

    answer: Callable[[str, int, np.random.Generator], str | None]
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))
    asked: list[Ask] = field(default_factory=list)
    model: str = "m"
    facts: tuple[Fact, ...] = ()
    cost: Cost = FREE

    def ask(self, asks: Sequence[Ask], progress: Progress = silent) -> list[Reply | Failure]:
        outcomes: list[Reply | Failure] = []
        for ask in asks:
            text = self.answer(ask.prompt, len(self.asked), self.rng)
            self.asked.append(ask)
            outcomes.append(
                Failure(ask, "timeout", "It was late.", None, 1)
                if text is None
                else Reply(ask, f" {text}", (), (), "length", "m", "", (5, 1), (), 0.1, 1)
            )
        return outcomes

    def renamed(self, model: str) -> Told:
        return self


def undecided(prompt: str, number: int, rng: np.random.Generator) -> str:
    """Letters are nearly tied between two answers; after all other prompts one answer is far ahead."""
    return "the" if rng.random() < (0.5 if prompt.isalpha() and len(prompt) == 1 else 0.99) else "a"


def test_prompts_whose_answers_are_divided_are_kept_with_answers_of_their_own() -> None:
    source = Told(undecided)
    answers = border_watch.take(source, "chat")
    assert len(answers) == INPUTS and all(len(each) == KEPT for each in answers.values())
    assert all(prompt.isalpha() and len(prompt) == 1 for prompt in answers)
    assert {text for each in answers.values() for text in each} == {"the", "a"}
    assert len(source.asked) == TRIALS * len(CANDIDATES) + INPUTS * KEPT
    assert len({ask.seed for ask in source.asked}) == len(source.asked)
    assert {(ask.max_tokens, ask.temperature, ask.top_logprobs) for ask in source.asked} == {(1, 1.0, None)}


def test_a_comparison_is_concluded_and_its_seeds_are_not_those_of_the_baseline(tmp_path: Path) -> None:
    source, path = Told(undecided), tmp_path / "b.json"
    border_watch.write_baseline(path, border_watch.take(source, "chat"), "m", "chat", "29 November 2026")
    taken, found = {ask.seed for ask in source.asked}, baseline.read(path, "m", "chat")
    same = border_watch.compare(source, found, "chat", 0.01, "5")
    assert (
        same.served is Served.CONSISTENT and same.since == "29 November 2026" and "800 before, 400 now" in same.facts[0].value
    )
    assert not taken & {ask.seed for ask in source.asked[len(taken) :]}
    other = border_watch.compare(
        Told(lambda prompt, number, rng: str(rng.choice(["the", "a", "one"]))), found, "chat", 0.01, "5"
    )
    assert other.served is Served.INCONSISTENT and other.summary.startswith(
        "The endpoint has changed since 29 November 2026: 400"
    )
    cached = border_watch.compare(Told(lambda prompt, number, rng: "the"), found, "chat", 0.01, "5")
    assert cached.served is Served.NOT_MEASURED and "come from a cache" in cached.summary
    failing = Told(lambda prompt, number, rng: "the" if number % 3 == 0 else None)
    silent_now = border_watch.compare(failing, found, "chat", 0.01, "5")
    assert silent_now.served is Served.NOT_MEASURED and "It was late." in silent_now.summary and silent_now.tests == ()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda prompt, number, rng: "the", "It may ignore temperature 1, or answer from a cache"),
        (lambda prompt, number, rng: None, "It was late."),
        (lambda prompt, number, rng: None if number % 4 else undecided("x", number, rng), "It was late."),
    ],
    ids=["never varies", "never answers", "seldom answers"],
)
def test_an_endpoint_without_border_inputs_gives_no_baseline(
    answer: Callable[[str, int, np.random.Generator], str | None], said: str
) -> None:
    with pytest.raises(AuditError, match=said):
        border_watch.take(Told(answer), "chat")


def test_a_cache_that_is_emptied_now_and_then_gives_no_baseline() -> None:
    last: dict[str, str] = {}
    turns = count()

    def cached(prompt: str, number: int, rng: np.random.Generator) -> str:
        if next(turns) % 40 == 0:
            last.clear()
        return last.setdefault(prompt, undecided("x", number, rng))

    with pytest.raises(AuditError, match="as from a cache"):
        border_watch.take(Told(cached), "chat")


# Files


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, answers = tmp_path / "b.json", dict(zip(CANDIDATES, drawn(USUAL, 1), strict=False))
    border_watch.write_baseline(path, answers, "m", "chat", "today")
    found = baseline.read(path, "m", "chat")
    assert (found.kind, found.created, border_watch.answers_in(found)) == (baseline.ANSWERS, "today", answers)
    with pytest.raises(AuditError, match="is of the model 'm', not 'other'"):
        baseline.read(path, "other", "chat")
    with pytest.raises(AuditError, match="is of the surface chat"):
        baseline.read(path, "m", "completions")
    with pytest.raises(AuditError, match="Cannot write"):
        border_watch.write_baseline(path, answers, "m", "chat", "today")


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"kind": "other"}, {"answers": None}, {"answers": {"a": ["x"]}},
        *({"answers": dict.fromkeys("abcde", each)} for each in ([], [1], "xy", ["x"] * 101)),
        {"answers": {letter: ["x"] for letter in "abcdefghi"}},
    ],
)  # fmt: skip
def test_a_damaged_baseline_is_one_sentence(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "b.json"
    border_watch.write_baseline(path, dict(zip(CANDIDATES, drawn(USUAL, 1), strict=False)), "m", "chat", "today")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(AuditError, match="no baseline that this version reads"):
        border_watch.answers_in(baseline.read(path, "m", "chat"))


def test_what_may_have_no_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(AuditError, match="not a plain file"):
            baseline.read(path, "m", "chat")


def test_where_no_baseline_can_be_written_is_said_beforehand(tmp_path: Path) -> None:
    baseline.check_new(tmp_path / "b.json")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "no" / "b.json", tmp_path / "link"):
        with pytest.raises(AuditError, match="Cannot write the baseline"):
            baseline.check_new(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 200_000, "\x00", '{"version": 1}'])
def test_what_is_no_baseline_is_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(content)
    with pytest.raises(AuditError, match="is no baseline; name one that this command has written"):
        baseline.read(path, "m", "chat")
