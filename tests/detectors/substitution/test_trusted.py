"""Trusted endpoints as the reference: distances between replies, what is compared, what is refused, and size and power."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.substitution.questions import questions, texts
from llm_audit.detectors.substitution.trusted import Trusted, between_replies, between_texts
from llm_audit.endpoints.journal import FORMAT, Replay, digest
from llm_audit.endpoints.records import Ask, Position, Reply, Token
from llm_audit.stats import exceedance

WORDS = ("a", "b", "c", "d")
Table = Sequence[float]


def ask(prompt: str, repeat: int = 1, tokens: int = 4) -> Ask:
    return Ask(f"question {prompt}, repeat {repeat}", prompt, "completions", tokens, 0.0, len(WORDS))


def reply(tables: Sequence[Table], prompt: str = "p", names: Sequence[str] = WORDS) -> Reply:
    """Each table: log-probabilities of `names`; the likeliest is what was written."""
    positions = []
    for table in tables:
        top = sorted(((Token(None, None, name), value) for name, value in zip(names, table, strict=True)), key=lambda e: -e[1])
        positions.append(Position(top[0][0], top[0][1], tuple(top)))
    text = "".join(position.token.text for position in positions)
    return Reply(ask(prompt), text, tuple(positions), (), "length", "m", "", (1, len(tables)), (), 0.1, 1)


def body(prompt: str, tables: Sequence[Table]) -> str:
    """As a server of legacy completions would return it."""
    rows = [dict(zip(WORDS, table, strict=False)) for table in tables]
    written = [max(row, key=row.__getitem__) for row in rows]
    logprobs = {
        "tokens": written,
        "token_logprobs": [row[token] for row, token in zip(rows, written, strict=True)],
        "top_logprobs": rows,
        "text_offset": list(range(len(rows))),
    }
    choice = {"index": 0, "text": "".join(written), "logprobs": logprobs, "finish_reason": "length"}
    usage = {"prompt_tokens": 1, "completion_tokens": len(rows)}
    return json.dumps({"object": "text_completion", "model": "m", "choices": [choice], "usage": usage})


def journal(path: Path, answers: Sequence[tuple[Ask, Sequence[Table]]], url: str = "http://trusted/v1") -> Replay:
    lines: list[dict[str, Any]] = [{"format": FORMAT, "url": url, "model": "m"}]
    for each, tables in answers:
        lines.append(
            {
                "digest": digest(each, "m"), "name": each.name, "attempt": 1, "started": "2026-01-01T00:00:00", "seconds": 0.1,
                "request": {}, "ask": asdict(each), "status": 200, "body": body(each.prompt, tables),
            }
        )  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Replay(path)


def noisy(base: Sequence[Table], rng: np.random.Generator, by: float) -> list[list[float]]:
    return [normalised([value + by * rng.normal() for value in table]) for table in base]


def normalised(values: Sequence[float]) -> list[float]:
    return (np.array(values) - np.logaddexp.reduce([*values, -3.0])).tolist()  # what is left over is of other tokens


def test_places_are_compared_up_to_and_with_the_first_that_differs() -> None:
    first = reply([[-1, -2, -3, -4], [-1, -2, -3, -4], [-1, -2, -3, -4]])
    same = reply([[-1.5, -2, -3, -4], [-1, -2, -3, -4.4], [-1, -2, -3, -4]])
    assert between_replies(first, same, 4, 8) == pytest.approx((0.5 / 4 + 0.4 / 4 + 0) / 3)
    assert between_replies(first, same, 4, 1) == pytest.approx(0.125)
    other = reply([[-2, -1, -3, -4], [-9, -9, -9, -1]])  # another word first: its second place has another context
    assert between_replies(first, other, 4, 8) == pytest.approx(2 / 4)
    assert between_replies(first, first, 4, 8) == 0


def test_tokens_are_matched_by_the_best_name_that_both_have() -> None:
    ids = [Token(7, b"a", "a"), Token(8, b"b", "b")]
    texts = [Token(None, None, "a"), Token(None, None, "b")]
    first, second = (
        Reply(ask("p"), "a", (Position(row[0], -1, ((row[0], -1.0), (row[1], -2.0))),), (), "", "", "", (1, 1), (), 0, 1)
        for row in (ids, texts)
    )
    assert between_replies(first, second, 2, 8) == 0
    nameless = Token(None, None, "\ufffd")
    third = Reply(
        ask("p"), "a", (Position(nameless, -1, ((nameless, -1.0), (nameless, -2.0))),), (), "", "", "", (1, 1), (), 0, 1
    )
    assert between_replies(first, third, 2, 8) == float("inf")


def named(tokens: Sequence[Token]) -> Reply:
    """An answer of one token with these alternatives, each a nat less likely than the one before."""
    top = tuple((token, -1.0 - at) for at, token in enumerate(tokens))
    return Reply(ask("p"), tokens[0].text, (Position(tokens[0], -1.0, top),), (), "", "", "", (1, 1), (), 0, 1)


KNOWN = [Token(10 * at, word.encode(), word) for at, word in enumerate([" the", " a", "", "town", " of"])]
AS_OTHERS_NAME_THEM = {
    "text alone, control tokens without one": [Token(None, None, token.text) for token in KNOWN],
    "bytes alone, control tokens without any": [Token(None, token.bytes or None, "") for token in KNOWN],
    "ids of another numbering": [replace(token, id=token.id + 1) for token in KNOWN if token.id is not None],
    "text without white space": [Token(None, None, token.text.strip()) for token in KNOWN],
}


@pytest.mark.parametrize("naming", AS_OTHERS_NAME_THEM)
def test_tokens_named_otherwise_are_no_distance(naming: str) -> None:
    assert between_replies(named(KNOWN), named(AS_OTHERS_NAME_THEM[naming]), 5, 8) == 0
    other = [AS_OTHERS_NAME_THEM[naming][at] for at in (4, 3, 2, 1, 0)]
    assert between_replies(named(KNOWN), named(other), 5, 8) > 1


def test_answers_are_rounded_as_the_trusted_ones_are(tmp_path: Path) -> None:
    tables = {f"p{i}": [[-1.0, -2.0, -3.0, -4.0 - i]] * 4 for i in range(20)}
    again = {prompt: [[-1.0, -2.0, -4.0, row[3] - 1] for row in table] for prompt, table in tables.items()}
    asked = [(ask(prompt, repeat), by[prompt]) for repeat, by in ((1, tables), (2, again)) for prompt in tables]
    reference = Trusted([journal(tmp_path / "j", asked)], 4)
    near = [reply([[value + 0.3 for value in row] for row in tables[prompt]], prompt) for prompt in reference.prompts]
    assert len(near) == 20
    first, second = reference.distances(near, 4).values()
    assert not first.any() and second.all()


def test_texts_are_compared_by_what_comes_after_the_first_difference() -> None:
    assert between_texts("abcd", "abcd") == 0 and between_texts("", "") == 0
    assert between_texts("abcd", "abxd") == 0.5 and between_texts("abcd", "ab") == 0.5 and between_texts("a", "b") == 1


def base(rng: np.random.Generator, places: int = 4) -> list[list[float]]:
    return [normalised(-rng.exponential(2.0, len(WORDS))) for _ in range(places)]


def test_honest_distances_are_those_of_trusted_answers_from_each_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tables = {f"p{i}": base(rng) for i in range(30)}
    asked = [(ask(prompt, repeat), noisy(table, rng, 1e-3)) for repeat in (1, 2, 3) for prompt, table in tables.items()]
    reference = Trusted([journal(tmp_path / "j", asked)], 4)
    assert len(reference.allowed) == 3 and set(reference.prompts) == set(tables) and reference.alternatives == 4
    honest = reference.null_distances(reference.prompts[:20], 4)
    assert all(values.shape == (20,) and 0 < values.max() < 0.1 for values in honest.values())
    replies = [reply(noisy(tables[prompt], rng, 1.0), prompt) for prompt in reference.prompts]
    assert all(values.mean() > 10 * honest[name].mean() for name, values in reference.distances(replies, 4).items())


@pytest.mark.parametrize("runs", [30, pytest.param(100, marks=pytest.mark.slow)])
def test_size_and_power_of_the_exceedance_test_between_endpoints(tmp_path: Path, runs: int) -> None:
    """Repeats with the noise of one machine; an endpoint with the same noise, and one with more."""
    size, power = [], []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        tables = {f"p{i}": base(rng, 2) for i in range(60)}
        asked = [(ask(prompt, repeat, 2), noisy(table, rng, 0.01)) for repeat in (1, 2) for prompt, table in tables.items()]
        reference = Trusted([journal(tmp_path / "j", asked)], 2)
        dealt = rng.permutation(list(reference.prompts))
        honest = reference.null_distances(dealt[:40], 4)
        for by, found in ((0.01, size), (0.05, power)):
            replies = [reply(noisy(tables[prompt], rng, by), prompt) for prompt in dealt[40:]]
            apart = reference.distances(replies, 4)
            found.append(max(exceedance.exceedance(apart[name], honest[name]).p_value for name in apart))
    for alpha in (0.05, 0.01):
        assert np.mean(np.array(size) <= alpha) <= alpha + 3 * (alpha * (1 - alpha) / runs) ** 0.5
    assert np.mean(np.array(power) <= 0.05) > 0.9


def test_journals_that_cannot_be_a_reference_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    tables = {f"p{i}": base(rng) for i in range(20)}
    once = [(ask(prompt), table) for prompt, table in tables.items()]
    with pytest.raises(AuditError, match="One trusted answer"):
        Trusted([journal(tmp_path / "once", once)], 4)
    twice = [*once, *((ask(prompt, 2), table) for prompt, table in tables.items())]
    for journals in (1, 2):
        with pytest.raises(AuditError, match="to the last digit"):
            Trusted([journal(tmp_path / f"twice {n}", twice) for n in range(journals)], 4)
    for tokens in (3, 5):  # texts cannot be cut to a number of tokens
        with pytest.raises(AuditError, match="use --tokens 4"):
            Trusted([journal(tmp_path / "twice", twice)], tokens)
    with pytest.raises(AuditError, match="no answers to questions"):
        Trusted([journal(tmp_path / "none", [])], 4)
    other = [(ask(prompt), noisy(table, rng, 1e-3)) for prompt, table in tables.items()]
    both = Trusted([journal(tmp_path / "once", once), journal(tmp_path / "other", other, "http://second/v1")], 4)
    assert both.allowed == ("trusted endpoint 1", "trusted endpoint 2")
    assert [fact.value.split(",")[0] for fact in both.facts] == ["http://trusted/v1", "http://second/v1"]


def test_tokens_with_no_name_in_common_cannot_be_compared(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    tables = {f"p{i}": base(rng) for i in range(20)}
    asked = [(ask(prompt, repeat), noisy(table, rng, 1e-3)) for repeat in (1, 2) for prompt, table in tables.items()]
    reference = Trusted([journal(tmp_path / "j", asked)], 4)
    ours = [reply(table, prompt) for prompt, table in tables.items()]
    theirs = [reply(table, prompt, ("w", "x", "y", "z")) for prompt, table in tables.items()]
    assert reference.vocabulary_mismatch(ours) == "" and "another tokenizer" in reference.vocabulary_mismatch(theirs)


def test_prompts_whose_answers_cannot_be_compared_are_left_out_before_anything_is_asked(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    tables = {f"p{i}": base(rng) for i in range(30)}
    asked = [(ask(prompt, repeat), noisy(table, rng, 1e-3)) for repeat in (1, 2) for prompt, table in tables.items()]
    short = [
        (each, [table[:2] for table in answer] if each.name == "question p3, repeat 2" else answer) for each, answer in asked
    ]
    reference = Trusted([journal(tmp_path / "j", short)], 4)
    assert "p3" not in reference.prompts and len(reference.prompts) == 29
    assert all(np.isfinite(values).all() for values in reference.null_distances(reference.prompts, 4).values())
    theirs = [reply(table, prompt, ("\ufffd",) * 4) for prompt, table in tables.items() if prompt != "p3"]
    assert reference.comparable(theirs, 4) == []


def test_texts_of_endpoints_that_honour_seeds_count_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    tables = {f"p{i}": base(rng) for i in range(20)}
    drawn = [(each, tables[each.prompt]) for each in texts(list(tables), "completions", 4, 3, 10**8)]
    both = [
        journal(
            tmp_path / name, [*((ask(prompt), noisy(table, rng, 1e-3)) for prompt, table in tables.items()), *drawn],
            f"http://{name}/v1",
        )
        for name in ("first", "second")
    ]  # fmt: skip
    assert len(Trusted(both, 4)._texts) == len(drawn) == 60


def test_texts_of_a_recording_have_seeds_of_their_own() -> None:
    ours, theirs = ({each.seed for each in texts(["p", "q"], "chat", 10, 5, first)} for first in (0, 10**8))
    assert len(ours) == 10 and not ours & theirs


def test_repeats_of_a_question_differ_in_their_names_alone() -> None:
    from llm_audit.endpoints.probe import SurfaceCapabilities

    surface = SurfaceCapabilities("chat", True, 5, False, False, True, False, True, True, True, ())
    asked = questions(["p", "q"], surface, 4, 5, repeats=2)
    assert len({each.name for each in asked}) == 4 and [each.prompt for each in asked] == ["p", "q", "p", "q"]
