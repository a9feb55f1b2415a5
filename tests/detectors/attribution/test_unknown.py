"""An unknown prompt: nothing is exact, nothing is attributed, and what is missing is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llm_audit.detectors.attribution.base import EXCHANGEABLE
from llm_audit.detectors.attribution.candidate import at
from llm_audit.detectors.attribution.run import find_rules
from llm_audit.detectors.attribution.text import Author, under
from llm_audit.detectors.populations import Datasheet, Population, build
from llm_audit.results import Attribution, Authorship
from llm_audit.scoring.tokens import Decoding
from tests.detectors.attribution.world import Floats, attributions, author, draw, laws, scores, text

RULES = find_rules()
CALIBRATED = [detector for detector in RULES if not detector.needs_rivals]


def reference(
    by: Author, n: int, rng: np.random.Generator, decoding: Decoding | None = None, name: str = "mine", length: int = 80
) -> Population:
    """Texts that `by` drew, each for a prompt of its own."""
    decoding = decoding or by.candidate.decodings[0]
    windows = []
    for _ in range(n):
        law = laws(rng)
        windows.append(under(scores(law, draw(law, rng, decoding), by.decodings), decoding)[:length])
    sheet = Datasheet(
        name=name, description="drawn", sources={}, collected="generated", language="any", not_covered=(), created="2025-01-01",
        target_n=max(1, n // 2), scorer=by.reference_terms(decoding), model="a", author="a",
    )  # fmt: skip
    return build(sheet, windows, CALIBRATED)


def judge(by: Author, *references: Population, law: Floats, tokens: np.ndarray, alpha: float = 0.05) -> Attribution:
    mine = replace(by, references=references)
    return attributions(text([mine], [scores(law, tokens, by.decodings)]), None, alpha)[0]


@pytest.mark.parametrize("name", ["a", pytest.param("a@temperature=0.7,top_k=8", marks=pytest.mark.slow)])
def test_what_the_candidate_drew_is_not_refuted_more_often_than_alpha_and_never_attributed(name: str) -> None:
    rng, by, alpha, n = np.random.default_rng(1), author(name), 0.1, 60
    refuted = 0
    for _ in range(n):
        law = laws(rng)
        found = judge(by, reference(by, 19, rng), law=law, tokens=draw(law, rng, by.candidate.decodings[0]), alpha=alpha)
        assert found.verdict in (Authorship.UNDECIDED, Authorship.NOT_WRITTEN_BY)
        assert (found.verdict is Authorship.NOT_WRITTEN_BY) == (found.p_value <= alpha)
        refuted += found.verdict is Authorship.NOT_WRITTEN_BY
    assert refuted <= alpha * n + 3.1 * np.sqrt(n * alpha * (1 - alpha))


def test_what_another_model_drew_is_refuted_and_nobody_is_named_instead() -> None:
    rng, by = np.random.default_rng(2), author("a")
    law, other = laws(rng), laws(rng)
    found = judge(by, reference(by, 99, rng), law=law, tokens=draw(other, rng))
    assert (found.verdict, found.exact, found.p_value) == (Authorship.NOT_WRITTEN_BY, False, 0.01)
    assert found.reason.startswith("Unlike the 99 reference generations, cut to 80 tokens like this text (p = 0.01).")
    assert "does not say who wrote it instead" in found.reason
    assert found.context == "an unknown prompt"


def test_beside_every_p_value_stands_what_it_was_compared_with() -> None:
    rng, by = np.random.default_rng(3), author("a")
    law = laws(rng)
    tokens, mine = draw(law, rng), reference(by, 60, rng)
    found = judge(by, mine, law=law, tokens=tokens)
    own = scores(law, tokens)[Decoding()]
    assert found.verdict is Authorship.UNDECIDED
    assert "that is no evidence that it wrote the text, and nothing can be" in found.reason
    assert [test.rule for test in found.tests] == ["AUD201", "AUD202", "AUD203"]
    for test, detector in zip(found.tests, CALIBRATED, strict=True):
        p, n, stretch, _ = mine.compare(own, detector)
        assert (test.p_value, test.n, stretch.stop, n) == (p, 80, 80, 60)
        assert test.p_floor == 1 / 61
        column = mine.scores[detector.code]
        further = int((column[:, 1] >= np.float32(detector.statistic(own))).sum())  # the second column: 80 tokens
        assert test.reason == f"Of 60 reference generations {further} lie at least as far out."
        assert test.e_value is None
        assert test.population is not None
        assert (test.population.name, test.population.n, test.population.digest) == ("mine", 60, mine.digest)
        assert test.assumptions == (EXCHANGEABLE,)


def test_too_few_references_decide_nothing() -> None:
    rng, by = np.random.default_rng(4), author("a")
    law, other = laws(rng), laws(rng)
    found = judge(by, reference(by, 9, rng), law=law, tokens=draw(other, rng))
    assert (found.verdict, found.p_value) == (Authorship.UNDECIDED, 0.1)
    assert found.reason == "With 9 reference generations no p-value below 0.1 is possible."


def test_of_several_populations_that_fit_the_largest_counts() -> None:
    rng, by = np.random.default_rng(5), author("a")
    law = laws(rng)
    populations = [reference(by, n, rng, name=f"of-{n}") for n in (20, 40, 30)]
    found = judge(by, *populations, law=law, tokens=draw(law, rng))
    assert {test.population and test.population.name for test in found.tests} == {"of-40"}


def test_of_several_settings_the_one_that_fits_best_counts() -> None:
    rng, by = np.random.default_rng(6), author("a@temperature=0.5|1")
    law = laws(rng)
    tokens = draw(law, rng, Decoding(0.5))
    cool, warm = (reference(by, 99, rng, decoding, name) for decoding, name in zip(by.decodings, ("cool", "warm"), strict=True))
    alone = [
        judge(author(f"a@temperature={t}"), population, law=law, tokens=tokens) for t, population in ((0.5, cool), (1, warm))
    ]
    assert [one.verdict for one in alone] == [Authorship.UNDECIDED, Authorship.NOT_WRITTEN_BY]
    both = judge(by, warm, cool, law=law, tokens=tokens)
    assert (both.verdict, both.p_value, both.tests) == (alone[0].verdict, alone[0].p_value, alone[0].tests)
    missing = judge(by, cool, law=law, tokens=tokens)
    assert missing.verdict is Authorship.NOT_ASSESSABLE
    assert "no reference generations of a with temperature 1 to compare with" in missing.reason


@pytest.mark.parametrize("other", ["a@temperature=0.9", "a@top_k=5", "a@template=none"])
def test_references_of_other_terms_are_none(other: str) -> None:
    rng, by = np.random.default_rng(7), author("a")
    law = laws(rng)
    found = judge(by, reference(author(other), 30, rng), law=law, tokens=draw(law, rng))
    assert (found.verdict, found.p_value, found.tests) == (Authorship.NOT_ASSESSABLE, None, ())
    for way_out in ("--prompt", "`llm-audit generate`", "`llm-audit calibrate --generations`"):
        assert way_out in found.reason


def test_a_short_text_is_not_compared() -> None:
    rng, by = np.random.default_rng(8), author("a")
    law = laws(rng, 63)
    found = judge(by, reference(by, 30, rng), law=law, tokens=draw(law, rng))
    assert (found.verdict, found.reason) == (
        Authorship.NOT_ASSESSABLE,
        "The text has 63 tokens; with an unknown prompt 64 are needed.",
    )


def test_a_candidate_that_could_not_be_scored_says_why() -> None:
    (found,) = attributions(text([author("a")], ["Its weights are damaged."]), None, 0.05)
    assert (found.verdict, found.reason, found.tests) == (Authorship.NOT_ASSESSABLE, "Its weights are damaged.", ())


def test_a_text_longer_than_the_references_is_cut_to_their_length() -> None:
    rng, by = np.random.default_rng(9), author("a")
    law = laws(rng)
    found = judge(by, reference(by, 30, rng, length=70), law=law, tokens=draw(law, rng))
    assert {test.n for test in found.tests} == {64}


@pytest.mark.parametrize("weights", ["q4_0", "q4_0|q8_0"])
def test_of_rounded_weights_there_are_no_reference_generations(weights: str) -> None:
    rng, by = np.random.default_rng(9), author(f"a@weights={weights}")
    law = laws(rng)
    own = scores(law, draw(law, rng), by.decodings)
    of_each = {at(name, decoding): scored for name in by.candidate.weights for decoding, scored in own.items()}
    mine = replace(by, references=(reference(author("a"), 30, rng),))
    (found,) = attributions(text([mine], [of_each]), None, 0.05)
    assert (found.verdict, found.tests) == (Authorship.NOT_ASSESSABLE, ())
    assert "no reference generations of a with temperature 1, weights q4_0 to compare with" in found.reason
