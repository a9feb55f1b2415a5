"""The blind gate: silent on random halves, awake to a word, a year, a date and a difference spread over many words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from llm_audit.detectors.membership import blind_classifier
from llm_audit.detectors.membership.collection import Collection, Item, collect
from llm_audit.results import Gate

WORDS = np.array([f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(400)])
ZIPF = 1 / np.arange(1, 401)


def text(rng: np.random.Generator, frequency: Sequence[float] | np.ndarray = ZIPF, n: int = 30) -> str:
    return " ".join(rng.choice(WORDS, n, p=np.asarray(frequency) / np.sum(frequency)))


def collection(side: str, texts: Sequence[str], documents: Sequence[str] | None = None, date: str = "") -> Collection:
    names = [f"{side}:{i}" for i in range(len(texts))]
    return collect(Item(*each, date=date) for each in zip(texts, names, documents or names, strict=True))


def judged(suspects: Sequence[str], held_out: Sequence[str], seed: int = 0) -> Gate:
    return blind_classifier.judge(collection("s", suspects), collection("h", held_out), np.random.default_rng(seed))


@pytest.mark.parametrize(("runs", "most"), [(20, 5), pytest.param(50, 9, marks=pytest.mark.slow)])
def test_random_halves_are_seldom_shifted(runs: int, most: int) -> None:
    """At most 5 % are; more than 5 of 20 would be once in 3,000 times, more than 9 of 50 once in 5,000."""
    gates = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        gates.append(judged([text(rng) for _ in range(50)], [text(rng) for _ in range(50)], seed))
    assert sum(gate.outcome == "shifted" for gate in gates) <= most
    centre = np.mean([gate.auc.value for gate in gates if gate.auc])
    assert abs(centre - 0.5) < 0.04


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: f"{text} covid", "covid"),
        (lambda text: f"In 2024 {text}", "2024"),
        (lambda text: f"See https://a.example {text}", "web addresses"),
        (lambda text: text.replace(" ", "  "), "doubled spaces"),
        (lambda text: text.replace(" w", " \u2019w"), "\u2019"),
        (lambda text: text[: len(text) // 2], "length"),
        (lambda text: f"{text} ", "end in white space"),
        (lambda text: f"\n{text}", "begin with white space"),
        (lambda text: text.replace(" ", "\t", 1), "other white space"),
        (str.capitalize, "begin with a small letter"),
    ],
)
def test_what_a_third_of_the_texts_has_is_found_and_named(change: Callable[[str], str], told: str) -> None:
    rng = np.random.default_rng(1)
    suspects = [text(rng) for _ in range(100)]
    gate = judged([*map(change, suspects[:33]), *suspects[33:]], [text(rng) for _ in range(100)])
    assert gate.outcome == "shifted"
    assert any(told in feature.name for feature in gate.features), gate.features
    assert told in gate.reason or len(gate.features) > 1


def test_a_difference_spread_over_many_words_is_found() -> None:
    rng = np.random.default_rng(2)
    other = ZIPF * np.exp(0.5 * rng.normal(size=400))
    gate = judged([text(rng, other, 60) for _ in range(100)], [text(rng, n=60) for _ in range(100)])
    assert gate.outcome == "shifted"


def test_dates_given_with_the_texts_are_told_apart() -> None:
    rng = np.random.default_rng(3)
    suspects = collection("s", [text(rng) for _ in range(60)], date="2019-05-01")
    held_out = collection("h", [text(rng) for _ in range(60)], date="2023-11")
    gate = blind_classifier.judge(suspects, held_out, rng)
    assert gate.outcome == "shifted"
    telling = gate.features[0]
    assert (telling.name, telling.side) == ("date given with the text", "held_out")
    assert (round(telling.suspect), round(telling.held_out)) == (2019, 2024)


def test_sides_that_mirror_each_other_were_not_dealt_out() -> None:
    """Each held-out text is a suspect one rewritten: where one is left out, the other votes against it."""
    rng = np.random.default_rng(8)
    texts = [text(rng, n=40) for _ in range(80)]
    gate = judged(texts, [" ".join(rng.permutation(each.split())) for each in texts])
    assert gate.auc is not None and gate.auc.upper < 0.5
    assert gate.outcome == "shifted" and "mirror each other" in gate.reason


def test_that_one_side_comes_without_dates_says_nothing() -> None:
    rng = np.random.default_rng(3)
    held_out = [Item(text(rng), f"h:{i}", f"h:{i}", date=f"20{10 + i % 10}") for i in range(60)]
    assert (
        blind_classifier.judge(collection("s", [text(rng) for _ in range(60)]), collect(held_out), rng).outcome
        == "no_difference_found"
    )


def test_documents_not_texts_are_what_is_dealt_out() -> None:
    """Each document has its own words. Texts dealt out alone would be told apart by them; documents are not."""
    rng = np.random.default_rng(4)

    def side(name: str) -> Collection:
        own = ["".join(rng.choice(list("aeiouxyz"), 12)) for _ in range(50)]
        return collection(name, [f"{each} {text(rng)} {each}" for each in own for _ in range(4)], np.repeat(own, 4).tolist())

    gate = blind_classifier.judge(side("s"), side("h"), rng)
    assert gate.outcome == "no_difference_found"
    assert (gate.n_suspect, gate.n_held_out) == (50, 50)


def test_too_few_documents_to_tell() -> None:
    rng = np.random.default_rng(5)
    gate = judged([text(rng) for _ in range(49)], [text(rng) for _ in range(80)])
    assert (gate.outcome, gate.auc) == ("too_few", None)
    assert "49 suspect and 80 held-out documents; 50 of each are needed" in gate.reason


def test_the_same_seed_draws_the_same_gate() -> None:
    rng = np.random.default_rng(6)
    texts = [text(rng) for _ in range(120)]
    assert judged(texts[:60], texts[60:], 1) == judged(texts[:60], texts[60:], 1) != judged(texts[:60], texts[60:], 2)


def test_equal_texts_on_both_sides_are_ties() -> None:
    gate = judged(["the same words"] * 60, ["the same words"] * 60)
    assert gate.auc is not None
    assert (gate.outcome, gate.auc.value) == ("no_difference_found", 0.5)


def test_of_many_documents_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blind_classifier, "MOST", 60)
    rng = np.random.default_rng(7)
    gate = judged([text(rng) for _ in range(100)], [text(rng) for _ in range(50)])
    assert (gate.n_suspect, gate.n_held_out) == (100, 50)
    assert "Judged on at most 60 documents of a side, drawn at random." in gate.reason
