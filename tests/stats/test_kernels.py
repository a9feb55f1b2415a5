"""Kernels by hand, the statistic against a double loop, size where prompts differ, power, and speed."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_audit.stats import kernels
from llm_audit.stats.kernels import Kernel
from llm_audit.stats.permutation import Outcome
from tests.stats.laws import Floats, assert_size

Texts = list[tuple[int, str]]

KERNELS: dict[str, Kernel] = {"hamming": kernels.hamming, "spectrum": kernels.spectrum}


def two_sample(first: Texts, second: Texts, kernel: Kernel, rng: np.random.Generator, draws: int = 999) -> Outcome:
    return kernels.permuted(kernels.within_prompts(first, second, kernel), rng, draws)


def write(rng: np.random.Generator, laws: Floats, counts: list[int], length: int) -> Texts:
    """counts[i] texts for prompt i of up to `length` letters, from law i."""
    found = []
    for prompt, times in enumerate(counts):
        letters = 97 + rng.choice(laws.shape[1], size=(times, length), p=laws[prompt])
        lengths = rng.integers(length // 2, length + 1, size=times)
        found += [(prompt, bytes(row[:n].tolist()).decode()) for row, n in zip(letters, lengths, strict=True)]
    return found


def slow_kernel(name: str, x: str, y: str, length: int) -> float:
    if name == "hamming":
        return sum(a == b for a, b in zip(x.ljust(length, "\0"), y.ljust(length, "\0"), strict=True))
    pieces = [[text[i : i + k] for k in range(1, 6) for i in range(len(text) - k + 1)] for text in (x, y)]
    return sum(a == b for a in pieces[0] for b in pieces[1])


def slow_mmd(name: str, first: Texts, second: Texts) -> float:
    def mean(left: Texts, right: Texts) -> float:
        values = []
        for i, (prompt, x) in enumerate(left):
            for j, (other, y) in enumerate(right):
                if prompt == other and not (left is right and i == j):
                    length = max(len(t) for p, t in first + second if p == prompt)
                    k = [slow_kernel(name, a, b, length) for a, b in ((x, y), (x, x), (y, y))]
                    values.append(k[0] / math.sqrt(k[1] * k[2]))
        return sum(values) / len(values)

    return mean(first, first) - 2 * mean(first, second) + mean(second, second)


def test_kernels_by_hand() -> None:
    texts = ["abcd", "abce", "ab", "", "éb"]
    assert kernels.hamming(texts).tolist() == [
        [4, 3, 2, 0, 1],
        [3, 4, 2, 0, 1],
        [2, 2, 4, 2, 3],
        [0, 0, 2, 4, 2],
        [1, 1, 3, 2, 4],
    ]
    assert kernels.spectrum(["aaa", "aa", "", "ab"]).tolist() == [[14, 8, 0, 3], [8, 5, 0, 2], [0, 0, 0, 0], [3, 2, 0, 3]]
    assert kernels.spectrum(["", ""]).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("name", KERNELS)
def test_against_a_double_loop(name: str) -> None:
    rng = np.random.default_rng(0)
    first = write(rng, rng.dirichlet(np.ones(4), 3), [3, 5, 2], 4)
    second = write(rng, rng.dirichlet(np.ones(4), 3), [4, 2, 2], 4)
    order = rng.permutation(len(first))
    found = two_sample([first[i] for i in order], [*second, (9, "nobody else answered")], KERNELS[name], rng, 9)
    assert found.statistic == pytest.approx(slow_mmd(name, first, second))


def test_all_permutations_within_prompts_and_none_across() -> None:
    """2 + 1 texts of one prompt and 1 + 1 of another: 3 x 2 labellings, of which the second factor changes nothing."""
    first, second = [(0, "aa"), (0, "ab"), (1, "zz")], [(0, "bb"), (1, "yz")]
    outcome = two_sample(first, second, kernels.hamming, np.random.default_rng(1), 600)
    expected = set()
    for odd in range(3):
        texts = ["aa", "ab", "bb"]
        y = texts.pop(odd)
        for x1, y1 in (("zz", "yz"), ("yz", "zz")):
            expected.add(round(slow_mmd_one_side([(0, texts[0]), (0, texts[1]), (1, x1)], [(0, y), (1, y1)]), 9))
    assert set(np.round(outcome.null, 9)) == expected
    assert outcome.p_value == pytest.approx(1 / 3 if outcome.statistic == max(expected) else 2 / 3, abs=0.06)


def slow_mmd_one_side(first: Texts, second: Texts) -> float:
    """Hamming, for a second sample without pairs of its own: the mean over no pairs is 0."""
    same = [slow_kernel("hamming", x, y, 2) / 2 for p, x in first for q, y in second if p == q]
    own = slow_kernel("hamming", first[0][1], first[1][1], 2) / 2
    return own - 2 * sum(same) / len(same)


@given(st.lists(st.text("ab", max_size=4), min_size=3, max_size=8), st.sampled_from(sorted(KERNELS)))
@settings(max_examples=50)
def test_normalised_kernels_are_correlations(texts: list[str], name: str) -> None:
    gram = kernels._normalised(KERNELS[name](texts))
    assert (np.diag(gram) == 0).all()
    np.testing.assert_allclose(gram, gram.T)
    assert np.linalg.eigvalsh(gram + np.eye(len(texts))).min() > -1e-9
    for i, x in enumerate(texts):
        for j, y in enumerate(texts):
            if i != j and x == y:
                assert gram[i, j] == pytest.approx(1)


@pytest.mark.parametrize(("kernel", "attained"), [(kernels.hamming, 0.035), (kernels.spectrum, 0.035)])
def test_size_where_every_prompt_has_a_law_and_shares_of_its_own(kernel: Kernel, attained: float) -> None:
    """2,000 audits; labels shuffled over all prompts would not do: the first asks prompt 0 more often, the second prompt 2."""
    rng = np.random.default_rng(2)
    laws = rng.dirichlet(np.full(3, 0.7), 3)
    p = np.array(
        [
            two_sample(write(rng, laws, [6, 3, 2], 4), write(rng, laws, [2, 3, 6], 4), kernel, rng, 99).p_value
            for _ in range(2000)
        ]
    )
    assert_size(p)
    assert p.min() >= 0.01
    assert np.mean(p <= 0.05) > attained  # equal texts tie, and ties count against


@pytest.mark.parametrize("name", KERNELS)
def test_power(name: str) -> None:
    """Seven tenths of the letters come from another law."""
    rng = np.random.default_rng(3)
    laws = rng.dirichlet(np.full(4, 0.5), 5)
    others = 0.3 * laws + 0.7 * rng.dirichlet(np.full(4, 0.5), 5)
    counts = [12] * 5
    found = [
        two_sample(write(rng, laws, counts, 20), write(rng, others, counts, 20), KERNELS[name], rng, 199) for _ in range(25)
    ]
    assert np.mean([each.p_value <= 0.05 for each in found]) > 0.8


def test_equal_texts_are_no_evidence() -> None:
    same = [(0, "yes")] * 5
    outcome = two_sample(same, same, kernels.hamming, np.random.default_rng(4))
    assert (outcome.statistic, outcome.p_value) == pytest.approx((0, 1))
    empty = two_sample([(0, "")] * 3, [(0, "")] * 3, kernels.spectrum, np.random.default_rng(4))
    assert (empty.statistic, empty.p_value) == pytest.approx((0, 1))


def test_always_other_texts_are_as_much_evidence_as_the_draws_allow() -> None:
    outcome = two_sample([(0, "yes")] * 9, [(0, "no")] * 8, kernels.hamming, np.random.default_rng(5))
    assert (outcome.statistic, outcome.p_value) == pytest.approx((2, 0.001))


def slow_repeats(first: Texts, second: Texts) -> float:
    """Sum over the prompts of the share of repeats on one side less that on the other."""
    total = 0.0
    for prompt in {prompt for prompt, _ in first}:
        x, y = ([text for at, text in side if at == prompt] for side in (first, second))
        total += (len(x) - len(set(x))) / len(x) - (len(y) - len(set(y))) / len(y)
    return total


def test_repeats_against_sets() -> None:
    rng = np.random.default_rng(21)
    for _ in range(30):
        first, second = ([(prompt, str(rng.geometric(0.5))) for prompt in range(3) for _ in range(4)] for _ in range(2))
        likeness = kernels.within_prompts(first, second, kernels.spectrum)
        one = kernels.repetition(likeness, rng, 19).statistic
        both = kernels.repetition(likeness, rng, 19, two_sided=True).statistic
        assert one == pytest.approx(slow_repeats(first, second)) and both == pytest.approx(abs(one))
        apart = kernels.distinct(likeness)
        for (gram, n), prompt in zip(apart, range(3), strict=True):
            x, y = ([text for at, text in side if at == prompt] for side in (first, second))
            assert (n, len(gram)) == (len(set(x)), len(set(x)) + len(set(y)))
        same = kernels.within_prompts(list(dict.fromkeys(first)), list(dict.fromkeys(second)), kernels.spectrum)
        assert all(np.allclose(a, b) for (a, _), (b, _) in zip(apart, same, strict=True))


def test_repeats_keep_their_size_and_find_a_cache() -> None:
    rng = np.random.default_rng(22)

    def draws() -> Texts:
        return [(prompt, str(rng.geometric(0.2 + 0.04 * prompt))) for prompt in range(8) for _ in range(4)]

    def p_value(first: Texts, second: Texts) -> float:
        return kernels.repetition(kernels.within_prompts(first, second, kernels.spectrum), rng, 99).p_value

    assert_size(np.array([p_value(draws(), draws()) for _ in range(600)]))
    cached = [p_value([(prompt, first[4 * prompt][1]) for prompt, _ in first], draws()) for first in [draws()] * 20]
    assert max(cached) <= 0.02


def test_250_and_250_texts_of_50_letters_in_seconds() -> None:
    rng = np.random.default_rng(6)
    for prompts in (1, 25):
        laws = rng.dirichlet(np.ones(20), prompts)
        first, second = (write(rng, laws, [250 // prompts] * prompts, 50) for _ in range(2))
        for kernel in KERNELS.values():
            start = time.process_time()
            two_sample(first, second, kernel, rng)
            assert time.process_time() - start < 3


def test_samples_that_no_permutation_changes_are_refused() -> None:
    for first, second in (([], []), ([(0, "a")], [(0, "b")]), ([(0, "a")] * 5, [(1, "a")] * 5)):
        with pytest.raises(ValueError, match="share no prompt"):
            two_sample(first, second, kernels.hamming, np.random.default_rng(0))
