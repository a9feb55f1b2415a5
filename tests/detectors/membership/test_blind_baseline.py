"""The texts alone: exact size, and the signs of an order or of versions that look different."""

from __future__ import annotations

import calendar
import itertools
import re
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from fixtures.membership import grammar
from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership import blind_baseline
from llm_audit.detectors.membership.paired import Pair
from llm_audit.detectors.membership.signs import STORY, repeats
from llm_audit.detectors.membership.version_signs import telling, words_of
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.results import Result, Verdict, is_blind
from tests.detectors.laws import again
from tests.detectors.membership.readers import holds
from tests.detectors.membership.test_order import WORDS, rows
from tests.detectors.membership.test_paired import pairs as versions

TERMS = Terms(0.01)


def alone_order(texts: list[str], seed: str) -> Result:
    result = blind_baseline.derive(blind_baseline.of_order(texts, seed), TERMS)
    assert again(result, TERMS) == result
    return result


def alone_versions(pairs: list[Pair], seed: str) -> Result:
    result = blind_baseline.derive(blind_baseline.of_versions(pairs, seed), TERMS)
    assert again(result, TERMS) == result
    return result


def test_size_for_an_order() -> None:
    rng = np.random.default_rng(5)
    p_values = [alone_order(rows(rng), str(number)).p_value for number in range(100)]
    assert holds(p_values)  # type: ignore[arg-type]  # p-values are there


@pytest.mark.parametrize("sorting", ["alphabet", "length", "number", "topic"])
def test_a_sorted_data_set_is_noticed_without_a_model(sorting: str) -> None:
    rng = np.random.default_rng(6)
    texts = [" ".join(rng.choice(WORDS, rng.integers(4, 20))) for _ in range(40)]
    if sorting == "number":
        texts = [f"Case {number}: {text}" for number, text in enumerate(texts)]
    if sorting == "topic":
        texts = [f"{text} {number // 10}a {number // 10}b {number // 10}c" for number, text in enumerate(texts)]
    if sorting in ("alphabet", "length"):
        texts = sorted(texts, key=len if sorting == "length" else None)
    assert alone_order(texts, "x").verdict is Verdict.FINDING


@pytest.mark.parametrize("period", [2, 4])
@pytest.mark.parametrize("end", [False, True])
def test_rows_that_take_turns_are_noticed(period: int, end: bool) -> None:
    """A dialogue, or templates in a cycle: neighbours are less alike than usual."""
    texts = rows(np.random.default_rng(7), 40)
    turns = [f"Speaker{i % period}" for i in range(40)]
    texts = [f"{text} {turn}" if end else f"{turn}: {text}" for text, turn in zip(texts, turns, strict=True)]
    assert alone_order(texts, "x").verdict is Verdict.FINDING


def test_too_few_rows_to_see_that_they_were_sorted() -> None:
    with pytest.raises(AuditError, match="8 different rows are needed"):
        alone_order(rows(np.random.default_rng(8), 7), "x")


def test_size_for_versions() -> None:
    rng = np.random.default_rng(3)
    p_values = [alone_versions(versions(rng, 16), str(number)).p_value for number in range(100)]
    assert holds(p_values)  # type: ignore[arg-type]  # p-values are there


def test_versions_that_look_different_are_noticed_without_a_model() -> None:
    items = versions(np.random.default_rng(4), 40)
    longer = [Pair(f"{item.public} and more", item.private, item.document) for item in items]
    marked = [
        Pair(item.public.replace(" ", " tapestry ", 1)[: len(item.public)], item.private, item.document) for item in items
    ]
    assert alone_versions(items, "x").verdict is not Verdict.FINDING
    assert alone_versions(longer, "x").verdict is Verdict.FINDING
    found = alone_versions(marked, "x")
    assert found.verdict is Verdict.FINDING


def _changed(change: Callable[[str], str], n: int = 24) -> list[Pair]:
    rng = np.random.default_rng(5)
    publics = [grammar.rephrased(rng)[0] for _ in range(n)]
    return [Pair(text, (change(text),), str(number)) for number, text in enumerate(publics)]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("'", "\u2019"),
        lambda text: text.replace(" ", "\u00a0", 3),
        lambda text: text.replace("a", "\u0430", 1),
        lambda text: text.replace(".", "\u2024", 1),
        lambda text: " ".join([*text.split(". ")[1:], text.split(". ")[0] + "."]),
        lambda text: re.sub(r"\d", lambda digit: str((int(digit[0]) + digit.start()) % 10), text),
    ],
    ids=["quotation marks", "no-break spaces", "another alphabet", "another full stop", "first sentence last", "other digits"],
)
def test_private_versions_made_by_a_rule_are_noticed_without_a_model(change: Callable[[str], str]) -> None:
    """All as long as the public versions, or nearly, and of the same words."""
    assert alone_versions(_changed(change), "x").verdict is Verdict.FINDING


SENTENCES = """
The cook left the kitchen early because her knife had broken.
Our neighbours are going to sell the house next to the church.
Nobody in the village had seen the doctor since last Friday.
The train from the north was late again on account of the snow.
He put the letters into a drawer and forgot all about them.
They could have taken the short way along the river instead.
My sister has never been to the theatre without an umbrella.
A dog was lying in the shade of the old walnut tree.
The teacher asked us to write down what we had heard.
If it rains tomorrow we will have to move the tables inside.
She was the first in her family who learned to read music.
There is not much left of the wall that once stood here.
The money for the new roof was collected in less than a month.
It took him a whole year to find out who had sent it.
"""


def test_two_neighbouring_words_that_were_swapped_are_noticed_in_any_english() -> None:
    """Each sentence stands alone: the other items do not tell which order is usual."""
    rng, pairs = np.random.default_rng(1), []
    for sentence in SENTENCES.strip().splitlines():
        words = sentence.split()
        at = int(rng.integers(1, len(words) - 2))
        private = " ".join([*words[:at], words[at + 1], words[at], *words[at + 2 :]])
        pairs.append(Pair(sentence, (private,), sentence))
    result = alone_versions(pairs, "x")
    assert result.verdict is Verdict.FINDING and "more usual English" in result.reason


def test_what_public_versions_have_in_common_is_counted_pair_by_pair() -> None:
    rng = np.random.default_rng(1)
    words = ["the", "old", "mill", "stood", "by", "a", "river", "Why?"]
    pairs = [
        Pair(" ".join(rng.choice(words, 6)), tuple(" ".join(rng.choice(words, 6)) for _ in range(2)), str(number // 2))
        for number in range(8)
    ]
    texts = [[Counter[object]() for _ in range(3)] for _ in range(4)]
    for number, pair in enumerate(pairs):
        for version, text in enumerate((pair.public, *pair.private)):
            texts[number // 2][version].update(words_of(text))
    parts = {part for versions in texts for version in versions for part in version}

    def apart(document: int, version: int) -> dict[object, float]:
        others = [texts[document][other] for other in range(3) if other != version]
        return {part: texts[document][version][part] - sum(other[part] for other in others) / 2 for part in parts}

    differ = {part: sum(any(apart(d, v)[part] for v in range(3)) for d in range(4)) for part in parts}

    def statistic(chosen: tuple[int, ...]) -> float:
        rows = [apart(document, version) for document, version in enumerate(chosen)]
        return sum(
            a[part] * b[part] / max(differ[part], 1) for a, b in itertools.permutations(rows, 2) for part in parts
        )  # fmt: skip

    found = telling(pairs, np.random.default_rng(2), draws=4000)
    assert found.statistic == pytest.approx(statistic((0, 0, 0, 0)))
    every = [statistic(chosen) for chosen in itertools.product(range(3), repeat=4)]
    assert set(np.round(found.null, 9)) == set(np.round(every, 9))
    exact = np.mean([value >= every[0] - 1e-9 for value in every])
    assert found.p_value == pytest.approx(exact, abs=4 * (exact / 4000) ** 0.5)


@pytest.mark.parametrize("counter", ["{word} ", "In {month}, ", "{roman}. ", "({letter}) "])
def test_rows_that_count_themselves_in_words_are_noticed(counter: str) -> None:
    words = ["First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth"]
    romans = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"]
    counted = zip(rows(np.random.default_rng(9), 10), words, calendar.month_name[1:11], romans, "abcdefghij", strict=True)
    texts = [counter.format(word=w, month=m, roman=r, letter=letter) + text for text, w, m, r, letter in counted]
    result = alone_order(texts, "x")
    assert result.verdict is Verdict.FINDING


def test_stories_one_after_the_other_are_noticed_by_rows_near_each_other() -> None:
    """Whole sentences that share a name now and then: no single distance shows it."""
    rng = np.random.default_rng(2)
    texts = []
    for name in ("Ada", "Ben", "Cleo", "Dora", "Egon"):
        for _ in range(8):
            words = rng.choice(WORDS, 6).tolist()
            texts.append(" ".join([*words[:3], *([name] if rng.random() < 0.6 else []), *words[3:]]))
    result = alone_order(texts, "x")
    assert result.verdict is Verdict.FINDING and STORY in result.reason


def test_its_level_is_its_own() -> None:
    measured = blind_baseline.of_order(rows(np.random.default_rng(6)), "x")
    assert blind_baseline.derive(measured, Terms(1e-6)) == blind_baseline.derive(measured, Terms(0.5))
    assert is_blind(blind_baseline.derive(measured, TERMS))


def test_signs_of_another_version_are_not_taken_for_ours() -> None:
    result = alone_order(rows(np.random.default_rng(6)), "x")
    assert result.evidence is not None and result.evidence.kind == "signs"
    other = result.evidence.model_copy(update={"signs": (result.evidence.signs[0].model_copy(update={"name": "smell"}),)})
    with pytest.raises(NotDerivable, match="signs that this version does not know"):
        again(result.model_copy(update={"evidence": other}), TERMS)


def test_private_versions_made_from_the_public_one_are_noticed() -> None:
    """Of three versions one is a rephrasing, and one the public version with a word at its end."""
    rng = np.random.default_rng(12)
    items = [
        Pair(public, (private, f"{public} Indeed."), str(n))
        for n, (public, private) in enumerate(grammar.rephrased(rng) for _ in range(24))
    ]
    found = alone_versions(items, "x")
    assert found.verdict is Verdict.FINDING and "likeness of public versions to the others" in found.reason
    signs = {len(alone_versions(versions(rng, 16, private), "x").evidence.signs) for private in (1, 2)}
    assert signs == {14, 15}


def test_a_stretch_of_rows_that_stands_there_twice_is_noticed() -> None:
    texts = rows(np.random.default_rng(13), 12)
    assert alone_order(texts * 2, "x").verdict is Verdict.FINDING
    assert len(alone_order(texts, "x").evidence.signs) == 10


def test_rows_that_repeat_in_an_order_drawn_by_chance_are_no_sign() -> None:
    rng = np.random.default_rng(14)
    texts = rows(rng, 6) * 4
    orders = np.array([rng.permutation(24) for _ in range(2000)])
    values = repeats(texts, orders)
    assert values[:5].tolist() == [
        sum(count - 1 for count in Counter(itertools.pairwise(row)).values())
        for row in ([texts[i] for i in order] for order in orders[:5])
    ]
    p_values = [(1 + (values[:500] >= value).sum()) / 501 for value in values[500:]]
    assert holds(p_values)
