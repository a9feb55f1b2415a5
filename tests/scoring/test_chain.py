"""Orders of samplers as data: what servers do, what says the same, and what cannot be."""

from __future__ import annotations

import pytest

from llm_audit.scoring.chain import OFF, SERVERS, STEPS, Chain, by_hand, chain
from llm_audit.scoring.tokens import Decoding

LLAMA = SERVERS["llama.cpp"]


def test_the_order_of_transformers_is_a_plain_setting() -> None:
    numbers = {"temperature": 0.8, "top_k": 50, "top_p": 0.9, "min_p": 0.05}
    assert chain(SERVERS["transformers"].order, numbers) == Decoding(0.8, 50, 0.9, 0.05)
    assert type(chain(tuple(STEPS), {})) is Decoding


def test_llama_cpp_takes_the_temperature_last() -> None:
    made = chain(LLAMA.order, LLAMA.defaults, server=LLAMA)
    assert isinstance(made, Chain)
    assert made.order == ("top_k", "top_p", "min_p", "temperature")
    assert str(made) == "in this order: top-k 40, top-p 0.95, min-p 0.05, temperature 0.8"


def test_where_the_temperature_is_one_the_order_is_the_same() -> None:
    assert chain(LLAMA.order, {"top_p": 0.9}, server=LLAMA) == Decoding(top_p=0.9)
    assert type(chain(("top_p", "top_k"), {"top_p": 0.9, "top_k": 5})) is Chain


def test_mirostat_leaves_nothing_of_the_other_steps() -> None:
    made = chain(LLAMA.order, {**LLAMA.defaults, "mirostat": 2}, server=LLAMA)
    assert isinstance(made, Chain) and made.order == ("temperature", "mirostat") and made.top_k == 0


@pytest.mark.parametrize(
    ("server", "order"),
    [("llama.cpp", ("top_k", "top_p", "min_p", "greedy")), ("transformers", ("greedy",)), ("vllm", ("greedy",))],
)
def test_temperature_zero_keeps_the_likeliest_token(server: str, order: tuple[str, ...]) -> None:
    one = SERVERS[server]
    made = chain(one.order, {**one.defaults, "temperature": 0}, server=one)
    assert isinstance(made, Chain) and made.order == order and made.truncates
    assert chain(("top_p",), {"temperature": 0}) == chain((), {"temperature": 0})


def test_who_escapes_the_exclusions_is_another_setting() -> None:
    made = chain(LLAMA.order, {"typical_p": 0.9, "temperature": 0.8}, server=LLAMA)
    assert made.truncates and not made.free.truncates and made.free != made
    assert Decoding(0.8, 40).free == Decoding(0.8)


def test_only_some_steps_look_back() -> None:
    assert not chain(LLAMA.order, LLAMA.defaults, server=LLAMA).looks_back
    assert chain(LLAMA.order, {"repetition_penalty": 1.1}, server=LLAMA).looks_back
    assert chain(tuple(STEPS), {"no_repeat_ngram": 3}).looks_back
    assert not Decoding().looks_back


def test_a_number_without_its_step_leaves_no_trace() -> None:
    assert chain(("temperature",), {"temperature": 0.8, "top_k": 5}) == Decoding(0.8)
    assert chain(LLAMA.order, {"penalty_last_n": 64, "dry_last_n": 64}, server=LLAMA) == Decoding()


@pytest.mark.parametrize(
    "wrong",
    [
        {"typical_p": 0.0}, {"repetition_penalty": -1.1}, {"presence_penalty": 1.0, "penalty_last_n": -2},
        {"xtc_probability": 2.0}, {"mirostat": 3}, {"mirostat": 1, "mirostat_tau": 0.0},
        {"dry_multiplier": 1.0, "dry_base": 0.5}, {"no_repeat_ngram": -1}, {"top_p": 1.5},
        {"eta_cutoff": 1.0}, {"epsilon_cutoff": -0.1}, {"top_n_sigma": -2.0}, {"dynatemp_range": -0.5},
    ],
)  # fmt: skip
def test_numbers_that_no_sampler_has_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not a"):
        chain(tuple(STEPS), wrong)


def test_penalties_that_look_at_no_token_are_off() -> None:
    """As in llama.cpp, where 0 switches them off and -1 stands for all tokens."""
    for name, last in (("repetition_penalty", "penalty_last_n"), ("dry_multiplier", "dry_last_n")):
        assert chain(LLAMA.order, {name: 1.5, last: 0}, server=LLAMA) == Decoding()
        everything = chain(LLAMA.order, {name: 1.5, last: -1}, server=LLAMA)
        assert everything == chain(LLAMA.order, {name: 1.5}, server=LLAMA)
        assert isinstance(everything, Chain) and getattr(everything, last) == 0


def test_an_order_by_hand_is_llama_cpps_with_its_defaults() -> None:
    server = by_hand(("temperature", "top_k", "xtc"))
    assert server.defaults == {"temperature": 0.8, "top_k": 40}
    greedy = chain(server.order, {"temperature": 0, "top_k": 5, "xtc_probability": 1.0}, server=server)
    assert isinstance(greedy, Chain) and greedy.order == ("greedy", "top_k", "xtc")


def test_every_number_has_a_step_and_every_server_known_steps() -> None:
    assert {name for names in STEPS.values() for name in names} == set(OFF)
    for server in SERVERS.values():
        assert set(server.order) <= set(STEPS) and set(server.defaults) <= set(OFF)


def test_every_step_in_words() -> None:
    numbers = {
        "repetition_penalty": 1.1, "presence_penalty": 0.5, "frequency_penalty": 0.2, "penalty_last_n": 64,
        "no_repeat_ngram": 3, "dry_multiplier": 0.8, "top_n_sigma": 1.5, "temperature": 0.7, "dynatemp_range": 0.5, "top_k": 40,
        "top_p": 0.9, "min_p": 0.1, "typical_p": 0.95, "epsilon_cutoff": 3e-4, "eta_cutoff": 2e-4, "xtc_probability": 0.5,
    }  # fmt: skip
    assert str(chain(tuple(STEPS), numbers)) == (
        "in this order: repetition penalty 1.1 and presence penalty 0.5 and frequency penalty 0.2 over the last 64 tokens, no "
        "3-gram twice, DRY 0.8 (base 1.75, from 2 tokens), top-n-sigma 1.5, temperature 0.7 give or take 0.5 by entropy "
        "(exponent 1), top-k 40, top-p 0.9, min-p 0.1, typical-p 0.95, epsilon cutoff 0.0003, eta cutoff 0.0002, "
        "XTC 0.5 above 0.1"
    )
    assert str(chain(LLAMA.order, {"mirostat": 1, "temperature": 0.8})) == (
        "in this order: temperature 0.8, mirostat 1 (tau 5, eta 0.1)"
    )
