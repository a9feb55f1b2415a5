"""A candidate on the command line: what is read from its name, and what is refused in one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.attribution.candidate import MOST_SETTINGS, WEIGHTS, Candidate
from llm_audit.scoring import precision
from llm_audit.scoring.store import StoredModel
from llm_audit.scoring.tokens import Decoding

COMMIT = "org/tiny@" + "0123456789" * 4
CHAT = StoredModel(
    "chat", Path(), "0" * 64, {}, {}, "{{ bos_token }}User: {{ messages[0].content }}\nBot: ", {"bos_token": "<s>"}
)


@pytest.mark.parametrize(
    "name", ["smollm2-135m-instruct", COMMIT, "some/folder", "odd@home", "trailing@", "an=equals", "a@B=1"]
)
def test_a_name_without_settings_is_the_model(name: str) -> None:
    assert Candidate.parse(name) == Candidate(name, name, (Decoding(),), "chat")


@pytest.mark.parametrize(
    ("settings", "decodings"),
    [
        ("temperature=0.8", [Decoding(0.8)]),
        ("temperature=.8,top_k=40,top_p=0.95,min_p=0.05", [Decoding(0.8, 40, 0.95, 0.05)]),
        ("min_p=0,top_p=1,top_k=0,temperature=1", [Decoding()]),
        ("top_k = 40 , temperature = 0.7 | 1", [Decoding(0.7, 40), Decoding(1.0, 40)]),
        ("temperature=0.7|1,top_p=0.9|1", [Decoding(0.7, 0, 0.9), Decoding(0.7), Decoding(1.0, 0, 0.9), Decoding()]),
        ("temperature=1|0.5|1.0", [Decoding(), Decoding(0.5)]),
        (" Temperature = 0.8 , TOP_K=40", [Decoding(0.8, 40)]),
        ("template=chat", [Decoding()]),
    ],
)
@pytest.mark.parametrize("model", ["smollm2-135m-instruct", COMMIT, "odd@home"])
def test_settings_come_after_the_last_at_sign(model: str, settings: str, decodings: list[Decoding]) -> None:
    name = f"{model}@{settings}"
    assert Candidate.parse(name) == Candidate(name, model, tuple(decodings), "chat")


def test_a_template_can_be_left_out() -> None:
    name = f"{COMMIT}@template=none,temperature=0.7|1"
    assert Candidate.parse(name) == Candidate(name, COMMIT, (Decoding(0.7), Decoding()), "none")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("heat=1", "there is no setting 'heat'; choose from repetition_penalty, presence_penalty,"),
        ("temperature=1,", "there is no setting ''"),
        ("temperature=1,temperature=2", "sets temperature twice; write alternatives with a bar: temperature=A|B"),
        ("template=none,template=none", "sets template twice"),
        ("template=plain", "template is chat or none, not 'plain'"),
        ("template=chat|none", "template is chat or none, not 'chat|none'"),
        ("temperature=hot", "temperature is a number, not 'hot'"),
        ("temperature=", "temperature is a number, not ''"),
        ("temperature=1_0", "temperature is a number, not '1_0'"),
        ("temperature=٠.٨", "temperature is a number, not '٠.٨'"),
        ("temperature=1||2", "temperature is a number, not ''"),
        ("temperature=nan", "temperature is a number, not 'nan'"),
        ("temperature=inf", "temperature is a number, not 'inf'"),
        ("temperature=0,7", "there is no setting '7'"),
        ("top_k=2.5", "top_k is a whole number, not '2.5'"),
        ("top_k=" + "9" * 400, "top_k is a whole number, not '999"),
        ("top_k=-1", "top_k=-1 is no decoding setting"),
        ("top_p=0", "top_p=0 is no decoding setting"),
        ("top_p=1.1", "top_p=1.1 is no decoding setting"),
        ("min_p=2,top_k=5", "min_p=2, top_k=5 is no decoding setting"),
        ("temperature=-1", "temperature=-1 is no decoding setting"),
        ("temperature=1e-3", "temperature=0.001 is no decoding setting"),
        ("temperature=1e3,top_k=5", "temperature=1000, top_k=5 is no decoding setting"),
        ("typical_p=0", "typical_p=0 is no decoding setting; temperature is 0 (greedy) or in [0.01, 100]"),
        ("beams=4", "beam search chooses among whole texts, so no token has a probability given those before it"),
        ("num_beams=1|4", "no test is exact; leave beams out"),
        ("sampler=mlx", "sampler is one of transformers, llama.cpp, vllm, openai, or an order of steps such as top_k;top_p"),
        ("sampler=top_k;top_k", "each named once, of penalties, no_repeat_ngram, dry, top_n_sigma"),
        (
            "sampler=transformers,mirostat=2",
            "sets mirostat, and the sampler of transformers has no step mirostat; leave it out",
        ),
        ("sampler=top_k;temperature,top_p=0.9", "sets top_p, and the order that you give has no step top_p"),
        ("sampler=vllm,dynatemp_range=0.5", "sets dynatemp_range, which the sampler of vllm does not have; leave it out"),
        ("sampler=vllm,repeat_last_n=64", "sets penalty_last_n, which the sampler of vllm does not have"),
        ("sampler=transformers,top_n_sigma=1", "the sampler of transformers has no step top_n_sigma"),
        ("logit_bias=5", "logit_bias cannot be named: it changes single tokens"),
        ("sampler=llama.cpp,adaptive_target=0.4", "adaptive_target cannot be named: its law of the next token is not computed"),
        ("ignore_eos=1", "ignore_eos cannot be named"),
        ("eta_cutoff=1", "eta_cutoff=1 is no decoding setting"),
        ("presence_penalty=1,penalty_last_n=-2", "penalty_last_n and dry_last_n too, or -1 (all)"),
        (f"top_k={'|'.join(map(str, range(MOST_SETTINGS + 1)))}", "stands for 65 settings; at most 64 are tried"),
        (f"temperature=1|2,top_k={'|'.join(map(str, range(33)))}", "stands for 66 settings; at most 64 are tried"),
    ],
)
def test_what_is_no_setting_is_one_sentence(settings: str, complaint: str) -> None:
    with pytest.raises(AuditError) as caught:
        Candidate.parse(f"model@{settings}")
    said = str(caught.value)
    assert said.startswith(repr(f"model@{settings}"))
    assert complaint in said
    assert said.endswith(".")
    assert "\n" not in said


LLAMA_DEFAULT = "in this order: top-k 40, top-p 0.95, min-p 0.05, temperature 0.8"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("sampler=llama.cpp", [LLAMA_DEFAULT]),
        ("sampler=llama.cpp,temperature=0.8,top_k=40,top_p=0.95,min_p=0.05", [LLAMA_DEFAULT]),
        ("sampler=transformers", ["temperature 1, top-k 50"]),
        ("sampler=vllm", ["temperature 1"]),
        ("sampler=openai,top_p=0.9,temperature=0.5", ["temperature 0.5, top-p 0.9"]),
        ("sampler=transformers,temperature=0.7", ["temperature 0.7, top-k 50", "temperature 0.7"]),
        (
            "sampler=llama.cpp,temperature=1,top_p=0.9",
            ["temperature 1, top-k 40, top-p 0.9, min-p 0.05", "temperature 1, top-p 0.9"],
        ),
        ("sampler=llama.cpp,temperature=0.8,top_k=0,top_p=1,min_p=0", ["temperature 0.8"]),
        ("sampler=top_p;temperature,top_p=0.9,temperature=0.5", ["in this order: top-p 0.9, temperature 0.5"]),
        ("sampler=transformers|vllm", ["temperature 1, top-k 50", "temperature 1"]),
        ("temperature=0", ["greedy (temperature 0)"]),
        ("temperature=0|1", ["greedy (temperature 0)", "temperature 1"]),
        ("repeat_penalty=1.1,temperature=0.8", ["in this order: repetition penalty 1.1, temperature 0.8"]),
        (
            "sampler=llama.cpp,mirostat=1,temperature=1",
            ["mirostat 1 (tau 5, eta 0.1)", "mirostat 1 (tau 5, eta 0.1, on x86)"],
        ),
        ("sampler=llama.cpp,temperature=1,top_k=0,top_p=1,min_p=0,repeat_penalty=1.5,repeat_last_n=0", ["temperature 1"]),
        (
            "sampler=penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature",
            [LLAMA_DEFAULT, "temperature 1"],
        ),
        (
            "sampler=top_k;penalties;temp,temp=1.5,repeat_penalty=1.4,top_k=9",
            [
                "in this order: top-k 9, repetition penalty 1.4 over the last 64 tokens, temperature 1.5",
                "in this order: top-k 9, repetition penalty 1.4, temperature 1.5",
            ],
        ),
        (
            "sampler=llama.cpp,mirostat=2",
            ["in this order: temperature 0.8, mirostat 2 (tau 5, eta 0.1)", "mirostat 2 (tau 5, eta 0.1)"],
        ),
        ("num_beams=1", ["temperature 1"]),
    ],
)
def test_a_sampler_names_an_order_and_what_the_server_does_by_itself(settings: str, said: list[str]) -> None:
    """Beside a named number, what is not named may be the server's default or off."""
    assert [str(decoding) for decoding in Candidate.parse(f"model@{settings}").decodings] == said


def test_names_are_read_in_whatever_letters() -> None:
    assert Candidate.parse("model@weights=Q4_0|BF16").weights == ("q4_0", "bf16")
    assert Candidate.parse("model@Sampler=LLAMA.CPP").decodings == Candidate.parse("model@sampler=llama.cpp").decodings


@pytest.mark.parametrize("nothing", ["", "  "])
def test_a_candidate_without_a_model_is_refused(nothing: str) -> None:
    with pytest.raises(AuditError, match="A candidate names no model; write MODEL"):
        Candidate.parse(nothing)


def test_weights_multiply_the_settings() -> None:
    found = Candidate.parse("model@weights=q4_0|f32,temperature=0.8|1")
    said = ["temperature 0.8, weights q4_0", "temperature 1, weights q4_0", "temperature 0.8, weights f32"]
    assert [str(setting) for setting in found.settings][:3] == said and len(found.settings) == 4
    assert found.decodings == (Decoding(0.8), Decoding())
    assert Candidate.parse("model@temperature=0.8").settings == (Decoding(0.8),)
    assert set(WEIGHTS) == set(precision.WEIGHTS)
    with pytest.raises(
        AuditError, match="weights is one of f32, f16, bf16, q8_0, q5_0, q4_0, int8, or several with a bar; not 'q2_k'"
    ):
        Candidate.parse("model@weights=q2_k")


def test_an_order_that_matters_and_is_not_named_is_assumed() -> None:
    assert Candidate.parse("model@temperature=0.8,top_k=40").order_assumed
    for settings in ("temperature=0.8", "top_k=40", "sampler=transformers,temperature=0.8,top_k=40", "temperature=0"):
        assert not Candidate.parse(f"model@{settings}").order_assumed


def test_as_many_settings_as_are_tried() -> None:
    assert len(Candidate.parse(f"model@top_k={'|'.join(map(str, range(MOST_SETTINGS)))}").decodings) == MOST_SETTINGS


def test_settings_of_no_model() -> None:
    with pytest.raises(AuditError, match=r"names no model; write MODEL@temperature=0\.7\.$"):
        Candidate.parse("@temperature=0.7")


@pytest.mark.parametrize(
    ("decoding", "words"),
    [
        (Decoding(), "temperature 1"),
        (Decoding(0.7), "temperature 0.7"),
        (Decoding(0.8, 40, 0.95, 0.05), "temperature 0.8, top-k 40, top-p 0.95, min-p 0.05"),
        (Decoding(top_p=0.9), "temperature 1, top-p 0.9"),
    ],
)
def test_a_setting_in_words(decoding: Decoding, words: str) -> None:
    assert str(decoding) == words


def test_a_prompt_goes_through_the_models_template() -> None:
    assert Candidate.parse("chat").fill(CHAT, "Why?") == "<s>User: Why?\nBot: "


def test_a_prompt_can_go_around_it() -> None:
    assert Candidate.parse("chat@template=none").fill(CHAT, "<s>Why?") == "<s>Why?"


def test_a_model_without_a_template_takes_a_prompt_only_as_plain_text() -> None:
    plain = replace(CHAT, chat_template=None)
    assert Candidate.parse("chat@template=none").fill(plain, "Why?") == "Why?"
    with pytest.raises(AuditError, match=r"chat has no chat template.*if as plain text, write chat@template=none\.$"):
        Candidate.parse("chat@temperature=0.7").fill(plain, "Why?")


def test_a_template_that_fails_is_a_sentence_of_its_own() -> None:
    with pytest.raises(AuditError, match="chat template fails on this prompt"):
        Candidate.parse("chat").fill(replace(CHAT, chat_template="{% if %}"), "Why?")
