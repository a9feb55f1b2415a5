"""Each dialect as its servers write it, and each kind of defective evidence."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.endpoints import wire
from llm_audit.endpoints.defects import ALL_ALIKE, changes, judged, last_digit, placeholders, repaired
from llm_audit.endpoints.envelope import Malformed
from llm_audit.endpoints.records import Ask, Failure, Position, Reply, Token, same

CHAT = Ask("a", "Hi", "chat", 4, 0.0, 2)
TEXT = Ask("a", "Hi", "completions", 4, 0.0, 2)


def parse(ask: Ask, body: Any) -> Reply:
    return wire.parse(ask, body if isinstance(body, str) else json.dumps(body), seconds=0.5, attempts=1)


def completion(text: str, logprobs: Any, finish: str = "stop", **fields: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"text": text, "logprobs": logprobs, "finish_reason": finish}]} | fields


def token(text: str, logprob: float, **fields: Any) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())} | fields


def position(*logprobs: float | None, chosen: int = 0) -> Position:
    """Tokens 0, 1, ... of these logarithms, of which one was chosen."""
    top = tuple((Token(i, None, f"t{i}"), value) for i, value in enumerate(logprobs) if value is not None)
    return Position(Token(chosen, None, f"t{chosen}"), logprobs[chosen], top)


def test_requests_hold_what_was_asked_for_and_nothing_else() -> None:
    assert wire.request(CHAT, "m") == {
        "model": "m",
        "max_tokens": 4,
        "temperature": 0.0,
        "messages": [{"role": "user", "content": "Hi"}],
        "logprobs": True,
        "top_logprobs": 2,
    }
    assert wire.request(TEXT, "m") == {"model": "m", "max_tokens": 4, "temperature": 0.0, "prompt": "Hi", "logprobs": 2}
    bare = replace(TEXT, top_logprobs=None, seed=7, echo=True, token_ids=True)
    assert wire.request(bare, "m").keys() - wire.request(TEXT, "m").keys() == {"seed", "echo", "return_tokens_as_token_ids"}
    assert "logprobs" not in wire.request(bare, "m")
    assert wire.request(replace(CHAT, echo=True), "m")["prompt_logprobs"] == 2


def test_openai_chat() -> None:
    entry = token("é", -0.1) | {"top_logprobs": [token("é", -0.1), token("e", -2.5)]}
    choice = {"message": {"content": "é"}, "logprobs": {"content": [entry]}, "finish_reason": "length"}
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    reply = parse(CHAT, {"model": "m-1", "system_fingerprint": "fp", "choices": [choice], "usage": usage})
    accented = Token(None, "é".encode(), "é")
    assert reply.positions == (Position(accented, -0.1, ((accented, -0.1), (Token(None, b"e", "e"), -2.5))),)
    assert (reply.text, reply.finish, reply.model, reply.fingerprint, reply.usage) == ("é", "length", "m-1", "fp", (3, 1))
    assert reply.defects == ()
    assert reply.usable == reply.positions


def test_legacy_arrays_have_no_order_and_no_ids() -> None:
    logprobs = {"tokens": [" a"], "token_logprobs": [-1.5], "top_logprobs": [{" a": -1.5, " b": -0.5}], "text_offset": [2]}
    reply = parse(TEXT, completion(" a", logprobs))
    assert [(t.text, lp) for t, lp in reply.positions[0].top] == [(" b", -0.5), (" a", -1.5)]
    assert reply.positions[0].token.key == ("text", " a")
    assert reply.defects == ()


def test_legacy_arrays_with_an_echoed_prompt() -> None:
    logprobs = {
        "tokens": ["H", "i", " a"],
        "token_logprobs": [None, -2.0, -1.0],
        "top_logprobs": [None, {"i": -2.0, "o": -0.5}, {" a": -1.0}],
        "text_offset": [0, 1, 2],
    }
    ask = replace(TEXT, echo=True)
    for usage in ({"prompt_tokens": 2, "completion_tokens": 1}, None):
        reply = parse(ask, completion("Hi a", logprobs, usage=usage))
        assert [p.logprob for p in reply.prompt_positions] == [None, -2.0]
        assert [p.logprob for p in reply.positions] == [-1.0]
        assert (reply.text, reply.defects) == (" a", ())


def test_an_ignored_echo_leaves_the_answer_whole() -> None:
    logprobs = {"content": [token("Hi a", -1.0) | {"top_logprobs": [token("Hi a", -1.0)]}]}
    reply = parse(replace(TEXT, echo=True), completion("yes", logprobs, usage={"completion_tokens": 1}))
    assert (reply.prompt_positions, len(reply.positions), reply.text) == ((), 1, "yes")


def test_llama_cpp_has_the_chat_shape_on_completions_with_ids_and_pieces_of_utf_8() -> None:
    top = [token("\ufffd", -0.2, id=7, bytes=[0xC3]), token("\ufffd", -1.9, id=9, bytes=[0xE2])]
    reply = parse(TEXT, completion("\ufffd", {"content": [top[0] | {"top_logprobs": top}]}))
    assert [t for t, _ in reply.positions[0].top] == [Token(7, b"\xc3", "\ufffd"), Token(9, b"\xe2", "\ufffd")]
    assert reply.defects == ()


def test_vllm_token_ids_in_place_of_strings_whose_bytes_mean_nothing() -> None:
    top = [token("token_id:164", -2.0), token("token_id:5", -0.3)]
    reply = parse(CHAT, completion("x", {"content": [top[0] | {"top_logprobs": top}]}))
    assert reply.positions[0].token == Token(164, None, "")
    assert reply.defects == ()  # the chosen token comes first, whatever its rank


def test_vllm_empty_tokens_cannot_be_told_apart() -> None:
    top = [token("", -0.2), token("", -2.0)]
    reply = parse(CHAT, completion("x", {"content": [top[0] | {"top_logprobs": top}]}))
    assert not reply.positions[0].token.identified
    assert reply.usable == ()
    assert "cannot be told from others" in reply.defects[0]
    assert not same(reply.positions[0].top[0][0], reply.positions[0].top[1][0])


def test_vllm_prompt_logprobs() -> None:
    table = {"40": {"logprob": -3.0, "rank": 9, "decoded_token": "i"}, "41": {"logprob": -0.1, "rank": 1, "decoded_token": "o"}}
    reply = parse(CHAT, completion("x", None) | {"prompt_logprobs": [None, table]})
    assert reply.prompt_positions[1].token == Token(40, None, "i")
    assert [t.id for t, _ in reply.prompt_positions[1].top] == [41, 40]


def test_together_2024() -> None:
    logprobs = {"tokens": ["a"], "token_ids": [11], "token_logprobs": [-0.5]}
    prompt = [{"text": "Hi", "logprobs": {"tokens": ["Hi"], "token_ids": [3], "token_logprobs": [None]}}]
    choice = {"message": {"content": "a"}, "logprobs": logprobs}
    reply = parse(CHAT, {"choices": [choice], "prompt": prompt})
    assert reply.positions == (Position(Token(11, None, "a"), -0.5),)
    assert reply.prompt_positions == (Position(Token(3, None, "Hi"), None),)
    assert reply.defects == ("Alternatives were asked for and not returned.",)


def test_fireworks_token_ids() -> None:
    entry = token("a", -0.5, token_id=12) | {"top_logprobs": [token("a", -0.5, token_id=12)]}
    assert parse(CHAT, completion("a", {"content": [entry]})).positions[0].token == Token(12, b"a", "a")


def test_ollama_bytes_of_the_replacement_character_are_no_bytes() -> None:
    entry = token("\ufffd", -0.5) | {"top_logprobs": []}
    assert parse(CHAT, completion("\ufffd", {"content": [entry]})).positions[0].token == Token(None, None, "\ufffd")


def test_legacy_openai_escapes_pieces_of_utf_8() -> None:
    logprobs = {"tokens": ["bytes:\\xe2\\x80"], "token_logprobs": [-0.5], "top_logprobs": [{"bytes:\\xe2\\x80": -0.5}]}
    reply = parse(TEXT, completion("x", logprobs))
    assert reply.positions[0].token.key == ("bytes", b"\xe2\x80")


def test_tokens_are_matched_by_the_best_name_that_both_have() -> None:
    assert same(Token(1, b"a", "x"), Token(1, b"b", "y"))
    assert not same(Token(1, b"a", "a"), Token(2, b"a", "a"))
    assert same(Token(1, b"a", "x"), Token(None, b"a", "y"))
    assert same(Token(1, None, "a"), Token(None, b"a", "a"))
    assert not same(Token(1, None, "\ufffd"), Token(None, b"\xe2", "\ufffd"))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (position(-9999.0, -1.0), "placeholder"),
        (position(-0.1, -9999.0), "placeholder"),
        (position(-1e9, -1.0), "such as -100 or -1e9"),
        (position(-100.0, -100.0), "such as -100 or -1e9"),
        (position(0.0, 0.0), "all log-probabilities are zero"),
        (position(math.nan, -1.0), "not a finite number"),
        (position(-math.inf, -1.0), "not a finite number"),
        (position(0.1, -4.0), "positive"),
        (position(-3.0, -2.0, -1.0, chosen=1), "not in falling order"),
        (position(-0.5, -0.6), "add up to more than 1"),
        (replace(position(-0.1, -4.0), logprob=-0.2), "another log-probability in the list"),
        (Position(Token(1, None, "a"), -0.1, ((Token(2, None, "b"), -3.0),) * 2), "listed twice"),
        (Position(Token(1, None, "a"), None), "has no log-probability"),
        (Position(Token(1, None, "a"), -0.5, ((Token(2, None, "b"), -0.5),)), "add up to more than 1"),
    ],
)
def test_defective_numbers_are_named_and_end_what_is_usable(bad: Position, words: str) -> None:
    good = position(-0.1, -3.0)
    positions, sentences = judged([good, bad, good])
    assert [bool(p.defects) for p in positions] == [False, True, False]
    assert any(words in sentence and sentence.startswith("At 1 of 3 positions, first at 2") for sentence in sentences)
    reply = Reply(CHAT, "", positions, (), "", "", "", (None, None), sentences, 0.0, 1)
    assert reply.usable == (good,)


def test_rounding_is_no_defect() -> None:
    half = math.log(0.5) + 5e-4
    for honest in (position(half, half), position(0.0), position(0.0, -17.5), position(1e-6, -20.0)):
        assert judged([honest])[1] == ()
    assert judged([position(-0.2, -1.9), position(0.0), position(0.0)])[1] == ()


def test_an_answer_of_zeros_is_no_evidence_even_without_alternatives() -> None:
    positions, sentences = judged([position(0.0), position(0.0)])
    assert all(p.defects for p in positions)
    assert "all log-probabilities of the answer are zero" in sentences[0]


def test_a_model_that_changes_in_the_midst_is_named() -> None:
    first = parse(CHAT, completion("x", None))
    later = replace(first, ask=replace(CHAT, name="b"), model="other", fingerprint="fp")
    failure = Failure(CHAT, "timeout", "Late.", None, 1)
    assert changes([first, failure, first]) == ()
    assert changes([first, failure, later, first]) == (
        "The model changed in the midst, first at 'b': 'm', 'other'.",
        "The system_fingerprint changed in the midst, first at 'b': none, 'fp'.",
    )


def test_what_was_asked_for_and_not_returned_is_noted() -> None:
    assert parse(CHAT, completion("x", None)).defects == ("Log-probabilities were asked for and not returned.",)
    assert parse(CHAT, completion("", None)).defects == ()
    assert parse(CHAT, completion("", None, usage={"completion_tokens": 1})).defects != ()
    assert parse(replace(CHAT, top_logprobs=None), completion("x", None)).defects == ()


HUGE = int("9" * 4300)


@pytest.mark.parametrize("count", [HUGE, -1, True, 1.5, "7"])
def test_what_cannot_be_a_number_of_tokens_is_no_count(count: object) -> None:
    reply = parse(TEXT, completion("a", None, usage={"prompt_tokens": count, "completion_tokens": count}))
    assert reply.usage == (None, None)


def test_names_without_end_are_cut() -> None:
    reply = parse(TEXT, completion("a", None, model="m" * 9999, system_fingerprint="f" * 9999))
    assert (len(reply.model), len(reply.fingerprint)) == (200, 200)
    assert wire.summary(json.dumps(completion("a", None, model="m" * 9999)))[0] == reply.model


@pytest.mark.parametrize(
    "logprobs",
    [
        "none", [1], 7, {"content": {"a": 1}}, {"content": "a", "refusal": None}, {"content": [[]]},
        *({"content": [{"token": "a", "logprob": number}]} for number in ("half", "-0,5", True, [], {})),
        *({"content": [{"token": "a", "logprob": -0.5, "top_logprobs": top}]} for top in ("ab", {"a": -1.0}, [{"token": "a"}])),
        {"tokens": ["a"], "token_logprobs": ["n/a"]},
    ],
)  # fmt: skip
def test_log_probabilities_that_are_no_numbers_are_unreadable_and_not_hidden(logprobs: object) -> None:
    reply = parse(CHAT, {"choices": [{"message": {"content": "a"}, "logprobs": logprobs}]})
    assert reply.unreadable and not reply.positions


@pytest.mark.parametrize("logprobs", [None, {}, [], {"content": None}, {"content": None, "refusal": [1]}, {"content": []}])
def test_log_probabilities_that_are_not_there_are_hidden(logprobs: object) -> None:
    reply = parse(CHAT, {"choices": [{"message": {"content": "a"}, "logprobs": logprobs}]})
    assert not reply.unreadable and reply.defects == (wire.NO_LOGPROBS,)


def test_null_hides_a_number() -> None:
    top = [token("a", -0.1), {"token": "b", "logprob": None}]
    (told,) = parse(CHAT, {"choices": [{"logprobs": {"content": [token("a", -0.1) | {"top_logprobs": top}]}}]}).usable
    assert [value for _, value in told.top] == [-0.1]
    hidden = [{"token": name, "logprob": None} for name in "ab"]
    (nothing,) = parse(CHAT, {"choices": [{"logprobs": {"content": [hidden[0] | {"top_logprobs": hidden}]}}]}).positions
    assert (nothing.logprob, nothing.top, nothing.contradictory) == (None, (), False)


def test_text_can_always_be_written() -> None:
    reply = parse(TEXT, '{"choices": [{"text": "a\\ud800b"}]}')
    assert reply.text == "a\ufffdb"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("token", "logprob", "bytes", "id", "token_id"), JSON)
    | {"top_logprobs": st.lists(JSON, max_size=2)},
)
LOGPROBS = st.fixed_dictionaries(
    {},
    optional={"content": st.lists(ENTRIES, max_size=2), "tokens": st.lists(st.text(max_size=3), max_size=2)}
    | dict.fromkeys(("token_logprobs", "top_logprobs", "token_ids", "text_offset"), JSON),
)
CHOICES = st.fixed_dictionaries(
    {}, optional={"text": JSON, "message": JSON, "logprobs": JSON | LOGPROBS, "prompt_logprobs": JSON}
)


@given(st.fixed_dictionaries({"choices": st.lists(CHOICES, min_size=1, max_size=1)}, optional={"usage": JSON, "prompt": JSON}))
def test_no_answer_breaks_the_reader(body: dict[str, Any]) -> None:
    for ask in (CHAT, replace(TEXT, echo=True, prompt="")):
        reply = parse(ask, json.dumps(body))
        assert all(p.logprob is not None and math.isfinite(p.logprob) for p in reply.usable)
        reply.text.encode()


@pytest.mark.parametrize("message", ["overloaded", "Overloaded."])
def test_an_error_with_status_200_is_one_sentence(message: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse(CHAT, json.dumps({"error": {"message": message, "code": 503}}))
    assert str(raised.value) == f"Status 200, but the answer is an error: {message.rstrip('.')}."


@given(st.text(max_size=40))
def test_what_is_no_answer_is_malformed(body: str) -> None:
    with pytest.raises(Malformed, match=r"^Status 200, but .*\."):
        parse(CHAT, body)


def test_a_list_out_of_order_is_sorted_and_hidden_alternatives_are_left_out() -> None:
    unsorted, hidden = position(-3.0, -2.0, -0.3, chosen=2), position(-0.1, -9999.0, -math.inf, -4.0)
    (first, second), said = repaired([unsorted, hidden])
    assert [lp for _, lp in first.top] == [-0.3, -2.0, -3.0]
    assert [lp for _, lp in second.top] == [-0.1, -4.0]
    assert len(said) == 2 and judged([first, second])[1] == ()
    assert repaired([position(-0.1, math.nan)])[0][0].top[1:] != ()  # no number is not a hidden one


def test_a_placeholder_is_a_number_that_no_model_gives_or_that_tokens_share() -> None:
    said = position(-0.1, -100.0, -4.0, chosen=1)
    assert placeholders([said]) == frozenset()  # one token, though it stands in two places
    assert placeholders([said, position(-0.2, -100.0)]) == {-100.0}
    assert placeholders([position(-100.5, -100.5), position(-99.0, -99.0)]) == frozenset()
    assert placeholders([position(-0.1, -1000.5), position(-0.1, -math.inf)]) == {-1000.5, -math.inf}
    assert placeholders([position(-0.1, math.nan)]) == frozenset()


def test_a_placeholder_is_known_by_the_alternatives_that_are_left_out_because_of_it() -> None:
    raw = [position(-0.1, -100.0, -100.0), position(-100.0)]
    mended, said = repaired(raw)
    assert [len(each.top) for each in mended] == [1, 1] and len(said) == 1
    sound, hidden = judged(mended, 0.0, placeholders(raw))[0]
    assert not sound.defects and hidden.defects and not hidden.contradictory


def test_rounding_is_told_from_enough_numbers_and_allowed_for() -> None:
    rng = np.random.default_rng(1)
    exact = [position(*np.sort(np.log(rng.dirichlet(np.ones(30))))[::-1][:5].tolist()) for _ in range(4)]
    assert last_digit(exact) == 0
    for digits in (0, 1, 2, 3):
        coarse = [
            replace(p, logprob=round(p.logprob or 0, digits), top=tuple((token, round(lp, digits)) for token, lp in p.top))
            for p in exact
        ]
        assert last_digit(coarse) == pytest.approx(10**-digits)
        assert judged(coarse, 10**-digits)[1] == ()
    assert last_digit([*exact[:1], position(-0.5)]) == 0


@pytest.mark.parametrize("flaw", [position(0.1, -4.0), position(-0.5, -0.6), position(math.nan, -1.0)])
def test_poor_evidence_is_not_contradictory(flaw: Position) -> None:
    poor = (replace(position(-0.1, -3.0), token=Token(None, None, "")), position(-9999.0), position(-0.2, -9999.0))
    found, _ = judged([flaw, *poor])
    assert [p.contradictory for p in found] == [True, False, False, False] and all(p.defects for p in found)


def test_no_likeliest_token_is_at_a_placeholder() -> None:
    alone, listed = position(-9999.0), position(-9999.0, -9999.0)
    assert [p.contradictory for p in judged([alone, listed])[0]] == [False, True]  # a token that was drawn may be unlikely
    assert [p.contradictory for p in judged([alone, listed], greedy=True)[0]] == [True, True]
    assert not judged([position(-13.7, -13.8)], greedy=True)[0][0].contradictory  # of a million tokens


def test_lists_of_several_places_whose_numbers_are_all_the_same_are_made_up() -> None:
    alike = position(*[-math.log(20)] * 20)
    assert all(p.contradictory and ALL_ALIKE in p.defects for p in judged([alike, alike])[0])
    assert not judged([alike])[0][0].contradictory
    assert not any(p.contradictory for p in judged([position(-0.5)] * 12)[0])  # no lists
    assert not any(p.defects for p in judged([alike, position(-0.2, -2.0)])[0])


def test_the_control_token_that_ends_an_answer_may_have_no_name() -> None:
    said, end = token("One", -0.2), token("", -0.1)
    logprobs = {"content": [each | {"top_logprobs": [each]} for each in (said, end)]}
    assert [p.token.text for p in parse(CHAT, completion("One", logprobs)).positions] == ["One"]
    assert len(parse(CHAT, completion("One", logprobs, finish="length")).positions) == 2
    silent = parse(CHAT, completion("", {"content": logprobs["content"][1:]}))
    assert (silent.positions, silent.defects) == ((), ())


def test_numbers_of_the_place_before_are_seen() -> None:
    (found,), _ = judged([Position(Token(7, None, "x"), -0.1, ((Token(1, None, "a"), -0.1), (Token(2, None, "b"), -3.0)))])
    assert found.contradictory
    (honest,), _ = judged([Position(Token(7, None, "x"), -6.0, ((Token(1, None, "a"), -0.1), (Token(2, None, "b"), -3.0)))])
    assert not honest.defects


def stream(*events: dict[str, Any], done: bool = True) -> str:
    lines = [": keep-alive", *(f"data: {json.dumps(event)}" for event in events), *(["data: [DONE]"] if done else [])]
    return "\n\n".join(lines) + "\n\n"


def test_a_stream_that_nobody_asked_for_is_one_answer() -> None:
    pieces = [
        {"model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        *(
            {"choices": [{"index": 0, "delta": {"content": text}, "logprobs": {"content": [token(text, -0.5)]}}]}
            for text in ("a", "b")
        ),
        {"choices": [{"index": 1, "delta": {"content": "another"}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    ]
    reply = parse(CHAT, stream(*pieces))
    assert (reply.text, reply.model, reply.finish, reply.usage) == ("ab", "m", "stop", (3, 2))
    assert [(p.token.text, p.logprob) for p in reply.positions] == [("a", -0.5), ("b", -0.5)]
    legacy = [{"choices": [{"text": text, "logprobs": {"tokens": [text], "token_logprobs": [-1.0]}}]} for text in ("x", "y")]
    reply = parse(TEXT, stream(*legacy))
    assert (reply.text, [p.logprob for p in reply.positions]) == ("xy", [-1.0, -1.0])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_of_a_stream_ends_where_the_standard_says(end: str) -> None:
    event = json.dumps({"choices": [{"index": 0, "delta": {"content": "a\u2028b\x85c"}}]}, ensure_ascii=False)
    assert parse(CHAT, end.join([f"data: {event}", "", "data: [DONE]", ""])).text == "a\u2028b\x85c"


def test_a_stream_that_is_cut_off_is_no_answer() -> None:
    whole = {"choices": [{"index": 0, "delta": {"content": "a"}}]}
    for body in (stream(whole, done=False), stream(whole)[:-30], "data: [1]\n\ndata: [DONE]", "data: [DONE]"):
        with pytest.raises(Malformed):
            parse(CHAT, body)


def test_the_responses_api() -> None:
    part = {"type": "output_text", "text": "ab", "logprobs": [token("a", -0.5), token("b", -0.25)]}
    body = {
        "model": "m",
        "status": "completed",
        "output": [{"type": "reasoning", "summary": []}, {"type": "message", "content": [part]}],
        "usage": {"input_tokens": 4, "output_tokens": 12, "output_tokens_details": {"reasoning_tokens": 10}},
    }
    reply = parse(CHAT, body)
    assert (reply.text, reply.finish, reply.usage) == ("ab", "completed", (4, 2))
    assert [p.logprob for p in reply.positions] == [-0.5, -0.25]


def test_requests_of_the_responses_api_hold_what_it_knows() -> None:
    body = wire.responses_request(replace(CHAT, temperature=0.5, seed=3, top_logprobs=5, max_tokens=7), "m")
    assert body == {
        "model": "m", "input": CHAT.prompt, "max_output_tokens": 7, "temperature": 0.5, "top_p": 1.0, "store": False,
        "include": ["message.output_text.logprobs"], "top_logprobs": 5,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["completed", "incomplete"])
def test_a_stream_of_the_responses_api_ends_with_the_whole_answer(kind: str) -> None:
    answer = {"model": "m", "status": kind, "output": [{"type": "message", "content": [{"text": "ab"}]}]}
    lines = [
        "event: response.output_text.delta", 'data: {"type": "response.output_text.delta", "delta": "a"}', "",
        f"event: response.{kind}", f"data: {json.dumps({'type': f'response.{kind}', 'response': answer})}", "",
    ]  # fmt: skip
    assert parse(CHAT, "\n".join(lines)).text == "ab"
    with pytest.raises(Malformed):
        parse(CHAT, "\n".join(lines[:3]))


def test_an_answer_of_thoughts_alone_is_an_answer_and_says_so() -> None:
    usage = {"input_tokens": 4, "output_tokens": 16, "output_tokens_details": {"reasoning_tokens": 16}}
    body = {"model": "m", "status": "incomplete", "output": [{"type": "reasoning", "summary": []}], "usage": usage}
    reply = parse(CHAT, body)
    assert (reply.text, reply.usage) == ("", (4, 0))
    assert "used up its tokens on reasoning" in " ".join(reply.defects)
    with pytest.raises(Malformed):
        parse(CHAT, {"output": [], "error": {"message": "no"}})


def test_thoughts_that_are_listed_with_the_answer_are_part_of_it() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 2}}
    listed = {"content": [token("x", -0.5), token("y", -0.5), token("z", -0.5)]}
    assert parse(CHAT, completion("z", listed, usage=usage)).usage == (1, 3)


def test_what_is_billed_holds_what_was_thought() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 8}}
    assert wire.summary(json.dumps(completion("x", None, usage=usage)))[2] == (1, 9)


def test_answers_to_one_question_are_counted() -> None:
    body = completion("x", None)
    assert [parse(CHAT, body | {"choices": body["choices"] * count}).choices for count in (1, 2)] == [1, 2]
    pieces = [{"choices": [{"index": index, "delta": {"content": "a"}}]} for index in (0, 1, 1, 2, 0)]
    assert (parse(CHAT, stream(*pieces)).choices, parse(CHAT, stream(*pieces)).text) == (3, "aa")


def test_tokens_that_a_model_thinks_are_no_part_of_its_answer() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 8}}
    assert parse(CHAT, completion("x", None, usage=usage)).usage == (1, 1)
    assert parse(CHAT, completion("x", None, usage=usage | {"completion_tokens_details": None})).usage == (1, 9)


def test_what_servers_write_otherwise_is_read() -> None:
    content = [{"token": None, "id": "7", "logprob": "-0.5", "top_logprobs": [{"bytes": [97], "logprob": "-5e-1"}]}]
    first = {"index": 0, "message": {"content": "a"}, "logprobs": {"content": content}}
    body = {"choices": [{"index": 1, "message": {"content": "b"}}, first]}
    reply = parse(CHAT, "\ufeff" + json.dumps(body))
    assert (reply.text, reply.choices) == ("a", 2)
    (only,) = reply.positions
    assert (only.token.id, only.logprob) == (7, -0.5)
    assert only.top == ((Token(None, b"a", ""), -0.5),)


def test_a_text_in_parts_is_joined_without_thoughts() -> None:
    parts = [{"type": "thinking", "thinking": [{"text": "Hm."}]}, {"type": "text", "text": "On"}, {"text": "e."}, "two", None]
    whole = parse(CHAT, {"choices": [{"message": {"content": parts}}]})
    pieces = "".join(f"data: {json.dumps({'choices': [{'delta': {'content': [part]}}]})}\n\n" for part in parts[:3])
    assert whole.text == parse(CHAT, f"{pieces}data: [DONE]\n\n").text == "One."


def test_a_number_below_which_the_server_gives_none_is_a_placeholder() -> None:
    rng = np.random.default_rng(2)
    exact = [position(*np.sort(np.log(rng.dirichlet(np.ones(30))))[::-1][:8].tolist()) for _ in range(4)]

    def cut(lowest: float, digits: int = 17) -> list[Position]:
        return [
            replace(
                p,
                logprob=max(round(p.logprob or 0, digits), lowest),
                top=tuple((token, max(round(lp, digits), lowest)) for token, lp in p.top),
            )
            for p in exact
        ]

    assert placeholders(exact) == placeholders(cut(-20.0)) == frozenset()
    assert placeholders(cut(-3.0)) == {-3.0} and placeholders(cut(-2.71, 2)) == {-2.71}
    assert placeholders(cut(-20.0, 0)) == placeholders(cut(-20.0, 1)) == frozenset()  # shared by chance
    assert placeholders([position(-3.0, -3.0), position(-3.0, -3.0)]) == {-3.0}
    assert placeholders([position(-0.5, -3.0, -3.0)]) == frozenset()  # two tokens of one place may be tied


def test_no_honest_list_is_taken_for_cut_off() -> None:
    rng = np.random.default_rng(3)
    for digits in (1, 2, 3, 17):
        for _ in range(200):
            some = [
                position(*np.sort(np.log(rng.dirichlet(np.full(50, 0.3))))[::-1][:20].round(digits).tolist()) for _ in range(6)
            ]
            assert placeholders(some) == frozenset()


@pytest.mark.parametrize(
    ("listed", "text", "usage", "of_prompt"),
    [
        (["H", "i", " a"], "Hi a", {"prompt_tokens": 2, "completion_tokens": 0}, 2),  # FastChat bills none of the answer
        (["H", "i"], "Hi a", {"prompt_tokens": 2, "completion_tokens": 1}, 2),  # llama-cpp-python lists none of it
        (["H", "i"], "Hi", {"prompt_tokens": 2, "completion_tokens": 1}, 2),
        (["H", "i", ""], "Hi", {"prompt_tokens": 2, "completion_tokens": 1}, 2),  # the end of the text
        (["<s>", "H", "i", " a"], "Hi a", None, 3),
        (["H", "i", " a", "b"], "Hi ab", None, 2),
        (["\u2581H", "i", "\u2581a"], "Hi a", {"prompt_tokens": 2, "completion_tokens": 1}, 2),
    ],
)
def test_where_an_echoed_prompt_ends(listed: list[str], text: str, usage: dict[str, int] | None, of_prompt: int) -> None:
    logprobs = {"tokens": listed, "token_logprobs": [None, *[-1.0] * (len(listed) - 1)]}
    reply = parse(replace(TEXT, echo=True, prompt="Hi", max_tokens=2), completion(text, logprobs, usage=usage))
    assert [position.token.text for position in reply.prompt_positions] == listed[:of_prompt]
