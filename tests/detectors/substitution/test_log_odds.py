"""Log-odds by logit bias: the bisection, the size of the test, real servers, and servers that do not honour a bias."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from fixtures.servers.chaos import chaos
from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.detectors.substitution import log_odds
from llm_audit.detectors.substitution.log_odds import AROUND, FORCED, INPUTS, STEPS, bisect, centred, gaps
from llm_audit.detectors.substitution.reference import Favoured
from llm_audit.detectors.substitution.reference_model import LARGEST_BIAS, PRECISIONS, ReferenceModel
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.records import Ask, Cost, Failure, Reply
from llm_audit.results import Fact, Result, Verdict
from llm_audit.results.substitution_evidence import LogOdds
from llm_audit.scoring.store import StoredModel
from tests.detectors.laws import again, judge
from tests.servers.conftest import honest, ladder, model

__all__ = ["honest", "ladder", "model"]

WIDTH = 2 * AROUND / 2**STEPS


class Biased:
    """A source whose first token turns at a bias of its own at each prompt; `answer` decides what it writes."""

    model, facts, cost = "m", (Fact(name="Endpoint", value="http://e"),), Cost(0, 0, 0, 0, 0)

    def __init__(self, turning: dict[str, float], answer: Callable[[Ask, bool], str | None] | None = None) -> None:
        self.turning, self.asked = turning, list[Ask]()
        self.answer = answer or (lambda ask, turned: " yes" if turned else " no")

    def ask(self, asks: Sequence[Ask], progress: Progress = silent) -> list[Reply | Failure]:
        self.asked += asks
        texts = [self.answer(ask, ask.bias >= self.turning[ask.prompt]) for ask in asks]
        return [
            Failure(ask, "timeout", "late", None, 1)
            if text is None
            else Reply(ask, text, (), (), "length", "m", "", (5, 1), (), 0.1, 1)
            for ask, text in zip(asks, texts, strict=True)
        ]

    def renamed(self, model: str) -> Biased:
        return self


def points(count: int, rng: np.random.Generator, noise: Sequence[float] = (0.0, 0.01, 0.02)) -> np.ndarray:
    """(count, variants) turning points of a reference, each variant's off by its noise."""
    return rng.uniform(0, 4, count)[:, None] + rng.standard_normal((count, len(noise))) * noise


def judged(source: Biased, expected: np.ndarray, own: np.ndarray) -> Result:
    favoured = [Favoured(f"Prompt {at}", 7, "yes", point) for at, point in enumerate(expected[:, 0].tolist())]
    found = log_odds.ask(source, "chat", favoured, centred(expected[:, 0]))
    names = [f"variant {at}" for at in range(expected.shape[1])]
    by_name = [dict(zip(names, table.T.tolist(), strict=True)) for table in (expected, own)]
    return judge(log_odds, found, *by_name, "7", alpha=0.01)


def biased(turning: np.ndarray, answer: Callable[[Ask, bool], str | None] | None = None) -> Biased:
    return Biased({f"Prompt {at}": value for at, value in enumerate(turning.tolist())}, answer)


def test_a_bisection_brackets_the_turning_point_and_stays_near_its_centre() -> None:
    centres = np.array([1.0, 1.0, 1.0, -2.5])
    turning = np.array([1.123, 9.0, -9.0, -2.5])
    bracket = bisect(centres, lambda step, biases: biases >= turning)
    assert np.allclose(bracket.upper - bracket.lower, WIDTH)
    assert bracket.lower[0] < 1.123 <= bracket.upper[0] and bracket.lower[3] < -2.5 <= bracket.upper[3]
    assert (bracket.upper[1], bracket.lower[2]) == (1.5, 0.5)
    assert gaps(bracket, turning).tolist() == pytest.approx([0, 7.5, 9.5, 0])


def test_every_request_is_one_token_at_temperature_0_and_raises_one_token() -> None:
    rng = np.random.default_rng(1)
    expected = points(INPUTS, rng)
    source = biased(expected[:, 0])
    found = judged(source, expected, points(200, rng))
    assert len(source.asked) == len({ask.name for ask in source.asked}) == FORCED + INPUTS * STEPS
    assert {(ask.max_tokens, ask.temperature, ask.favoured, ask.top_logprobs) for ask in source.asked} == {(1, 0.0, 7, None)}
    assert isinstance(found.evidence, LogOdds) and found.evidence.asked == len(source.asked)
    assert found.n == INPUTS and found.p_value is not None and found.p_value > 0.05


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_each_allowed_variant_keeps_the_level(variant: int) -> None:
    rng, p_values = np.random.default_rng(variant), []
    for _ in range(200):
        expected, own = points(INPUTS, rng), points(60, rng)
        bracket = bisect(centred(expected[:, 0]), lambda step, biases, served=expected[:, variant]: biases >= served)
        p_values.append(max(log_odds.compare(bracket, expected, own, at, rng, 499).p_value for at in range(3)))
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_other_weights_are_found_also_in_a_share_of_the_requests_and_the_nearest_variant_decides() -> None:
    rng = np.random.default_rng(2)
    expected, own = points(INPUTS, rng), points(200, rng)
    for shift, most in ((0.3, 1e-4), (0.06, 0.001)):
        found = judged(biased(expected[:, 0] + shift * rng.standard_normal(INPUTS)), expected, own)
        assert found.p_value is not None and found.p_value <= most, found.reason
        assert found.effect is not None and found.effect.value > 0.02
    routed = Biased({}, lambda ask, turned: None)
    routed.turning = dict(zip([f"Prompt {at}" for at in range(INPUTS)], expected[:, 0].tolist(), strict=True))
    routed.answer = lambda ask, turned: (
        " yes" if ask.bias >= routed.turning[ask.prompt] + (0.4 if rng.random() < 0.3 else 0) else " no"
    )
    found = judged(routed, expected, own)
    assert found.p_value is not None and found.p_value <= 0.001, found.reason


@pytest.mark.parametrize(
    "answer", [lambda ask, turned: " no", lambda ask, turned: "", lambda ask, turned: " maybe", lambda ask, turned: None]
)
def test_an_endpoint_that_does_not_honour_the_bias_is_not_accused(answer: Callable[[Ask, bool], str | None]) -> None:
    rng = np.random.default_rng(3)
    source = biased(np.zeros(INPUTS), answer)
    found = judged(source, points(INPUTS, rng), points(60, rng))
    assert (found.verdict, found.p_value) == (Verdict.NOT_ASSESSABLE, None) and "does not honour logit_bias" in found.reason
    assert len(source.asked) == FORCED


def test_prompts_without_an_answer_are_left_out_and_few_say_nothing() -> None:
    rng = np.random.default_rng(4)
    expected, own = points(INPUTS, rng), points(60, rng)

    def answer(ask: Ask, turned: bool) -> str | None:
        return None if "step 3" in ask.name and ask.prompt.endswith("7") else " yes" if turned else " no"

    some = judged(biased(expected[:, 0], answer), expected, own)
    assert some.n == INPUTS - 4 and some.p_value is not None and some.p_value > 0.05
    for mine, theirs in ((expected[:9], own), (expected, own[:9])):
        few = judged(biased(mine[:, 0]), mine, theirs)
        assert (few.verdict, few.p_value) == (Verdict.NOT_ASSESSABLE, None) and "10 of each are needed" in few.reason


def test_forged_numbers_are_refused() -> None:
    rng = np.random.default_rng(5)
    expected, own = points(INPUTS, rng), points(60, rng)
    found = judged(biased(expected[:, 0]), expected, own)
    assert isinstance(found.evidence, LogOdds)
    first, *others = found.evidence.points
    for change in ({"points": (first.model_copy(update={"expected": (1.0,)}), *others)}, {"honest": ((1.0, 2.0),) * 3_000}):
        forged = found.model_copy(update={"evidence": found.evidence.model_copy(update=change)})
        with pytest.raises((ValueError, NotDerivable)):
            again(forged, Terms(0.01))


# A real model on real servers

PLACES = ("river", "town", "old house", "road", "bridge", "mill", "church", "garden")
PROMPTS = [
    f"{opening} {place} {verb}"
    for opening in ("The", "A", "In the")
    for place in PLACES
    for verb in ("was", "is", "of", "and the", "had")
]


@pytest.fixture(scope="module")
def reference(model: StoredModel) -> ReferenceModel:
    return ReferenceModel(model, "completions")


def test_the_favoured_token_is_the_second_likeliest_and_turns_where_it_is_as_likely_as_the_first(
    reference: ReferenceModel,
) -> None:
    favoured = reference.favoured(PROMPTS, "f32")
    assert len(favoured) > 100 and all(each.text for each in favoured)
    turning = np.array(reference.turning_points(favoured, "f32"))
    assert turning.tolist() == [each.turning_point for each in favoured]
    assert (turning >= 0).all() and (turning <= LARGEST_BIAS).all()
    chances = dict(zip(PROMPTS, reference.next_texts(PROMPTS, "f32"), strict=True))
    for each, point in zip(favoured[:20], turning, strict=False):
        ratio = max(chances[each.prompt].values()) / chances[each.prompt][each.text]  # of texts, which several tokens can have
        assert np.log(ratio) == pytest.approx(point, abs=0.1)


def test_real_honest_servers_are_not_accused_and_four_bits_are_found(
    reference: ReferenceModel, honest: str, model: StoredModel, ladder: Path
) -> None:
    favoured = reference.favoured(PROMPTS, "f32")
    order = np.random.default_rng(6).permutation(len(favoured))
    mine, own = [[favoured[at] for at in part] for part in (order[:INPUTS], order[INPUTS:])]
    expected, theirs = [{name: reference.turning_points(part, name) for name in PRECISIONS} for part in (mine, own)]

    def found(url: str) -> Result:
        bracketed = log_odds.ask(Endpoint(url, "fixture"), "completions", mine, centred(expected["f32"]))
        return judge(log_odds, bracketed, expected, theirs, "7", alpha=0.01)

    same = found(honest)
    assert same.p_value is not None and same.p_value > 0.01, same.reason
    with serve(write(model, "Q4_0", ladder)) as url:
        other = found(url)
    assert other.p_value is not None and other.p_value <= 0.001, other.reason
    with chaos(honest, "bias-ignored", range(10**6)) as proxy:
        ignored = found(proxy.url)
    assert (ignored.verdict, ignored.p_value) == (Verdict.NOT_ASSESSABLE, None)
