"""Every sampler step against a slow, obvious one: transformers' own classes, or the definition written out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from llm_audit.scoring.chain import SERVERS, STEPS, Chain, chain
from llm_audit.scoring.head import Head
from llm_audit.scoring.samplers import Past, decode, escape
from llm_audit.scoring.tokens import RENYI_ORDERS, Decoding

N, VOCABULARY, PROMPT = 24, 50, 6
LLAMA = SERVERS["llama.cpp"].order


def logits(n: int = N, vocabulary: int = VOCABULARY) -> torch.Tensor:
    return 2.5 * torch.randn(n, vocabulary, generator=torch.Generator().manual_seed(5))


def past(n: int = N, vocabulary: int = VOCABULARY, seed: int = 1) -> Past:
    """One text of few tokens, which repeats itself, after a prompt."""
    tokens = np.random.default_rng(seed).integers(0, 5, PROMPT + n)
    tokens[-12:] = np.tile([0, 1, 2, 3, 1, 0], 2)
    end = PROMPT + np.arange(n)
    whole = np.full(n, 0), np.full(n, PROMPT), end
    return Past(tokens, *whole, targets=tokens[end], breakers=np.arange(vocabulary) == 4)


def law(row: torch.Tensor) -> np.ndarray:
    """Log p; what is excluded at -inf."""
    numbers = row.double().numpy()
    numbers = np.where(numbers < numbers.max() - 100, -np.inf, numbers)
    found: np.ndarray = numbers - np.logaddexp.reduce(numbers)
    return found


def assert_same_laws(found: torch.Tensor, expected: list[np.ndarray]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(law(ours), theirs, atol=2e-5)


@pytest.mark.parametrize(
    "numbers",
    [
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 0.8, "temperature": 0.7, "top_k": 9},
        {"no_repeat_ngram": 2},
        {"no_repeat_ngram": 3, "repetition_penalty": 1.1, "temperature": 1.3, "top_p": 0.8},
        {"typical_p": 0.7},
        {"temperature": 0.8, "top_k": 20, "top_p": 0.9, "min_p": 0.05, "typical_p": 0.8},
        {"temperature": 0, "repetition_penalty": 1.5},
        {"epsilon_cutoff": 0.02},
        {"eta_cutoff": 0.05, "temperature": 1.4},
        {"temperature": 0.9, "top_k": 30, "epsilon_cutoff": 0.01, "eta_cutoff": 0.03},
    ],
    ids=str,
)
def test_steps_are_those_of_transformers(numbers: dict[str, Any]) -> None:
    from transformers.generation import logits_process as theirs

    greedy = numbers.get("temperature") == 0
    classes = [
        ("repetition_penalty", theirs.RepetitionPenaltyLogitsProcessor),
        ("no_repeat_ngram", theirs.NoRepeatNGramLogitsProcessor),
        ("temperature", theirs.TemperatureLogitsWarper),
        ("top_k", theirs.TopKLogitsWarper),
        ("top_p", theirs.TopPLogitsWarper),
        ("min_p", theirs.MinPLogitsWarper),
        ("typical_p", theirs.TypicalLogitsWarper),
        ("epsilon_cutoff", theirs.EpsilonLogitsWarper),
        ("eta_cutoff", lambda eta: theirs.EtaLogitsWarper(eta, device="cpu")),
    ]
    steps = [made(numbers[name]) for name, made in classes if numbers.get(name)]
    before, raw = past(), logits()
    expected = []
    for row, end in zip(raw.double(), before.end, strict=True):
        ids, scores = torch.from_numpy(before.tokens[:end])[None], row[None].clone()
        for step in steps:
            scores = step(ids, scores)
        if greedy:
            scores = torch.where(scores == scores.max(), scores, -torch.inf)
        expected.append(scores.log_softmax(1)[0].numpy())
    decoding = chain(SERVERS["transformers"].order, numbers, server=SERVERS["transformers"])
    assert isinstance(decoding, Chain)
    assert_same_laws(decode(raw.clone(), decoding, before), expected)


@pytest.mark.parametrize("server", ["vllm", "openai", "llama.cpp"])
def test_presence_and_frequency_count_what_the_server_counts(server: str) -> None:
    one, numbers = SERVERS[server], {"presence_penalty": 0.6, "frequency_penalty": 0.25, "penalty_last_n": 9}
    before, raw = past(), logits()
    expected = []
    for row, end in zip(raw.double().numpy(), before.end, strict=True):
        seen = before.tokens[max(0 if server == "llama.cpp" else PROMPT, end - 9) : end].tolist()
        taken = [0.6 * (token in seen) + 0.25 * seen.count(token) for token in range(VOCABULARY)]
        expected.append(row - taken - np.logaddexp.reduce(row - taken))
    assert_same_laws(decode(raw.clone(), chain(one.order, numbers, server=one), before), expected)


def test_a_temperature_that_comes_last_does_not_change_what_is_kept() -> None:
    hot, cold = (decode(logits(), chain(LLAMA, {"top_p": 0.9, "temperature": t})) for t in (3.0, 0.3))
    for a, b, plain in zip(hot, cold, decode(logits(), Decoding(top_p=0.9)), strict=True):
        np.testing.assert_array_equal(np.isfinite(law(a)), np.isfinite(law(b)))
        np.testing.assert_array_equal(np.isfinite(law(a)), np.isfinite(law(plain)))
        kept = np.isfinite(law(a))
        np.testing.assert_allclose(law(a)[kept], law_of(law(plain)[kept] / 3), atol=2e-5)


def law_of(numbers: np.ndarray) -> np.ndarray:
    found: np.ndarray = numbers - np.logaddexp.reduce(numbers)
    return found


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_xtc_is_a_mixture_of_what_is_left_and_what_was(share: float) -> None:
    raw, threshold = logits(), 0.1
    expected = []
    for row in raw.double().numpy():
        p = np.exp(law_of(row))
        above = np.flatnonzero(p >= threshold)
        left = p.copy()
        if len(above) > 1:
            left[above[p[above] > p[above].min()]] = 0
        with np.errstate(divide="ignore"):
            expected.append(np.log(share * left / left.sum() + (1 - share) * p))
    found = decode(raw.clone(), chain(LLAMA, {"xtc_probability": share, "xtc_threshold": threshold}))
    assert_same_laws(found, expected)


def test_steps_after_xtc_see_either_case_by_itself() -> None:
    numbers = {"xtc_probability": 0.4, "temperature": 0.5}
    raw = logits()
    acts, idle = (decode(raw.clone(), chain(LLAMA, numbers | {"xtc_probability": share})) for share in (1.0, 0.0))
    with np.errstate(divide="ignore"):
        expected = [np.log(0.4 * np.exp(law(a)) + 0.6 * np.exp(law(b))) for a, b in zip(acts, idle, strict=True)]
    assert_same_laws(decode(raw.clone(), chain(LLAMA, numbers)), expected)


def repetition(tokens: list[int], token: int, allowed: int) -> int:
    """How long the repetition is that a token would go on with, within what follows the last breaker; 0: too short."""
    limit = next((i for i, one in enumerate(reversed(tokens)) if one == 4), len(tokens))
    best = 0
    for place, follower in enumerate(tokens):
        if follower == token:
            length = 0
            while length < min(place, limit) and tokens[place - 1 - length] == tokens[len(tokens) - 1 - length]:
                length += 1
            best = max(best, length)
    return best if best >= allowed else 0


def test_dry_takes_more_from_what_would_repeat_more() -> None:
    before, raw = past(), logits()
    expected, lengths = [], []
    for row, end in zip(raw.double().numpy(), before.end, strict=True):
        tokens = before.tokens[:end].tolist()
        each = [repetition(tokens, token, 2) for token in range(VOCABULARY)]
        lengths += each
        expected.append(law_of(row - [0.8 * 1.75 ** (one - 2) if one else 0.0 for one in each]))
    assert max(lengths) >= 4
    assert_same_laws(decode(raw.clone(), chain(LLAMA, {"dry_multiplier": 0.8}), before), expected)


def test_top_n_sigma_keeps_what_is_near_the_largest_logit() -> None:
    expected = [law_of(np.where(row >= row.max() - 1.5 * row.std(), row, -np.inf)) for row in logits().double().numpy()]
    assert_same_laws(decode(logits(), chain(LLAMA, {"top_n_sigma": 1.5})), expected)


def test_a_range_of_temperatures_follows_the_entropy_of_what_is_left() -> None:
    expected = []
    for row in logits().double().numpy():
        kept = np.where(row >= np.sort(row)[-9], row, -np.inf)
        p = np.exp(law_of(kept))
        share = -(p[p > 0] * np.log(p[p > 0])).sum() / np.log(9)
        expected.append(law_of(kept / (0.3 + 1.0 * share**2)))
    numbers = {"top_k": 9, "temperature": 0.8, "dynatemp_range": 0.5, "dynatemp_exponent": 2.0}
    assert_same_laws(decode(logits(), chain(LLAMA, numbers)), expected)


@pytest.mark.parametrize(("wraps", "kept"), [(True, 1), (False, VOCABULARY)])
def test_a_count_beyond_an_int_is_one_token_or_all(wraps: bool, kept: int) -> None:
    """Mirostat 1 on a nearly flat law asks for more than 2^31 tokens; what C makes of that depends on the processor."""
    flat = 0.01 * logits(1)
    chosen = chain((*LLAMA, "mirostat"), {"mirostat": 1, "mirostat_tau": 8.0})
    assert isinstance(chosen, Chain)
    found = law(decode(flat, replace(chosen, wraps=wraps), past()[:1])[0])
    assert np.isfinite(found).sum() == kept


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_follows_the_surprisal_of_what_was_drawn(version: int) -> None:
    before, raw = past(), logits()
    tau = 2.5
    bound, expected, kept = 2 * tau, [], set()
    for row, target in zip(raw.double().numpy() / 0.9, before.targets if before.targets is not None else (), strict=True):
        ranked = np.sort(np.exp(law_of(row)))[::-1]
        if version == 2:
            count = max(1, int((-np.log2(ranked) <= bound).sum()))
        else:
            t = np.log(np.arange(2, VOCABULARY + 1) / np.arange(1, VOCABULARY))
            s = (t * np.log(ranked[:-1] / ranked[1:])).sum() / (t * t).sum()
            count = max(1, int(((s - 1) * 2**bound / (1 - VOCABULARY ** -(s - 1))) ** (1 / s)))
        count = min(count, VOCABULARY)
        kept.add(count)
        expected.append(law_of(np.where(np.exp(law_of(row)) >= ranked[count - 1] * (1 - 1e-9), row, -np.inf)))
        surprisal = -expected[-1][target] / math.log(2)
        bound -= 0.2 * ((surprisal if np.isfinite(surprisal) else bound) - tau)
    assert len(kept) > 2
    numbers = {"mirostat": version, "mirostat_tau": tau, "mirostat_eta": 0.2, "temperature": 0.9}
    found = decode(raw.clone(), chain((*LLAMA, "mirostat"), numbers), before)
    assert_same_laws(found, expected)
    again = past()
    blocks = [
        decode(raw[rows].clone(), chain((*LLAMA, "mirostat"), numbers), again[rows]) for rows in (slice(0, 7), slice(7, N))
    ]
    torch.testing.assert_close(torch.cat(blocks), found)


ESCAPING = [
    {"top_k": 7, "temperature": 0.7},
    {"typical_p": 0.5},
    {"xtc_probability": 0.4, "min_p": 0.05},
    {"repetition_penalty": 1.2, "top_p": 0.8, "temperature": 1.3},
    {"temperature": 0},
]


@pytest.mark.parametrize("numbers", ESCAPING, ids=str)
def test_what_escapes_is_a_law_and_inside_it_is_the_chains(numbers: dict[str, Any]) -> None:
    decoding, before, raw = chain(LLAMA, numbers, server=SERVERS["llama.cpp"]), past(), logits()
    assert isinstance(decoding, Chain) and isinstance(decoding.free, Chain)
    found, log_kept = escape(raw.clone(), decoding.free, before)
    for ours, own, mass in zip(found, decode(raw.clone(), decoding, before), log_kept, strict=True):
        whole, inside = law(ours), law(own)
        kept = np.isfinite(inside)
        assert np.isfinite(whole).all() and kept.sum() < VOCABULARY
        assert np.exp(ours.double().numpy()).sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(whole[kept], inside[kept] + float(mass), atol=2e-5)
        assert np.exp(whole[kept]).sum() == pytest.approx(math.exp(float(mass)), abs=1e-5)


@pytest.mark.parametrize("numbers", [{"top_k": 7, "temperature": 0.7}, {"xtc_probability": 0.4, "repetition_penalty": 1.2}])
def test_the_head_takes_its_statistics_from_the_chains_law(numbers: dict[str, Any]) -> None:
    decoding, before = chain(LLAMA, numbers), past()
    weight, targets = torch.eye(VOCABULARY), torch.from_numpy(before.tokens[before.end])
    own, free = Head(weight, decoding, decoding.free)(logits(), targets, past=before)
    for i, row in enumerate(decode(logits(), decoding, before)):
        log_p = law(row)
        kept = log_p[np.isfinite(log_p)]
        assert own["logprob"][i] == pytest.approx(log_p[targets[i]], abs=1e-5)
        assert own["entropy"][i] == pytest.approx(-(np.exp(kept) * kept).sum(), abs=1e-5)
        np.testing.assert_allclose(own["renyi"][i], [np.logaddexp.reduce(a * kept) for a in RENYI_ORDERS], atol=2e-5)
    assert "kept" in free and "kept" not in own and np.isfinite(free["logprob"]).all()


def test_a_setting_that_looks_back_wants_to_know_at_what() -> None:
    with pytest.raises(ValueError, match="looks back"):
        decode(logits(), chain(tuple(STEPS), {"repetition_penalty": 1.1}))
