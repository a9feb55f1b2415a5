"""Border inputs: how they are found, what is counted, real servers, and servers that draw otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.detectors.substitution import border_inputs
from llm_audit.detectors.substitution.border_inputs import DRAWS, INPUTS, Border, find, questions
from llm_audit.detectors.substitution.reference_model import GREEDY, ReferenceModel
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.records import Ask, Failure, Reply
from llm_audit.results import Result, Verdict
from llm_audit.results.substitution_evidence import BorderInputs
from llm_audit.scoring.store import StoredModel
from tests.detectors.laws import again, judge
from tests.servers.conftest import honest, ladder, model

__all__ = ["honest", "ladder", "model"]

KNOWN = frozenset({"yes", "no", "maybe", "never"})
BORDERS = [Border(f"Prompt {number}?", ("yes", "no")) for number in range(10)]
LAW = {"yes": 0.45, "no": 0.35, "maybe": 0.1, "never": 0.1}
EXPECTED = {"f32": [LAW] * 10, "bf16": [LAW | {"yes": 0.44, "no": 0.36}] * 10}


def reply(ask: Ask, text: str) -> Reply:
    return Reply(ask, text, (), (), "length", "m", "", (5, 1), (), 0.1, 1)


def drawn(law: dict[str, float], seed: int = 1) -> list[Reply | Failure]:
    rng, asks = np.random.default_rng(seed), questions(BORDERS, "chat")
    texts = rng.choice(list(law), size=len(asks), p=np.array(list(law.values())) / sum(law.values()))
    return [reply(ask, f" {text}") for ask, text in zip(asks, texts, strict=True)]


def judged(outcomes: Sequence[Reply | Failure]) -> Result:
    return judge(border_inputs, outcomes, BORDERS, EXPECTED, KNOWN, "7", alpha=0.01)


def test_the_prompts_of_most_information_are_found_and_far_ones_left_out() -> None:
    chances = {
        "tied": {"a": 0.5, "b": 0.5},
        "nearly": {"": 0.3, "a": 0.3, "b": 0.4},
        "rare": {"a": 0.05, "b": 0.05, "c": 0.01},
        "far": {"a": 0.8, "b": 0.2},
        "alone": {"a": 1.0},
        "nothing": {"": 1.0},
    }
    assert find(chances) == [Border("tied", ("b", "a")), Border("nearly", ("b", "a")), Border("rare", ("b", "a"))]
    many = {f"{number}": {"a": 0.5 - number / 100, "b": 0.5 - number / 100} for number in range(40)}
    assert [border.prompt for border in find(many)] == [f"{number}" for number in range(INPUTS)]


def test_every_request_is_one_token_at_temperature_1_with_a_seed_of_its_own() -> None:
    asks = questions(BORDERS, "chat")
    assert len(asks) == len({ask.seed for ask in asks}) == len({ask.name for ask in asks}) == 10 * DRAWS
    assert {(ask.max_tokens, ask.temperature, ask.top_logprobs) for ask in asks} == {(1, 1.0, None)}


def test_answers_of_the_reference_pass_and_of_another_law_do_not() -> None:
    same = judged(drawn(LAW))
    assert same.p_value is not None and same.p_value > 0.05 and same.n == 10 * DRAWS
    for law in ({"yes": 0.1, "no": 0.7, "maybe": 0.2}, {"yes": 0.2, "no": 0.2, "maybe": 0.6}):
        found = judged(drawn(law))
        assert found.p_value is not None and found.p_value <= 0.001, found.reason


def test_the_variant_that_rejects_least_decides() -> None:
    outcomes = drawn({"yes": 0.1, "no": 0.7, "maybe": 0.2})
    near = EXPECTED | {"other": [{"yes": 0.1, "no": 0.7, "maybe": 0.2}] * 10}
    found = judge(border_inputs, outcomes, BORDERS, near, KNOWN, "7", alpha=0.01)
    assert found.p_value is not None and found.p_value > 0.05 and "expected of other, the nearest" in found.reason


def test_one_token_for_each_prompt_is_no_evidence_of_another_model() -> None:
    found = judged([reply(ask, "yes") for ask in questions(BORDERS, "chat")])
    assert (found.verdict, found.p_value) == (Verdict.NOT_ASSESSABLE, None) and "ignores temperature 1" in found.reason


@pytest.mark.parametrize("text", ["", "\n", "yes, and here is why", "\ufffd"], ids=["empty", "space", "longer", "piece"])
def test_answers_that_are_no_token_of_the_reference_tell_nothing(text: str) -> None:
    asks = questions(BORDERS, "chat")
    found = judged([reply(ask, text) for ask in asks])
    assert (found.verdict, found.p_value) == (Verdict.NOT_ASSESSABLE, None)
    some = [reply(ask, text) if at % 4 == 0 else told for at, (ask, told) in enumerate(zip(asks, drawn(LAW), strict=True))]
    few = judged(some)
    assert few.n == 375 and "125 more told no token" in few.reason and few.p_value is not None and few.p_value > 0.05


def test_few_border_inputs_and_failures_say_nothing() -> None:
    asks = questions(BORDERS, "chat")
    failed: list[Reply | Failure] = [Failure(ask, "timeout", "late", None, 1) for ask in asks]
    assert judged(failed).verdict is Verdict.NOT_ASSESSABLE
    few = judge(border_inputs, [], BORDERS[:3], {name: laws[:3] for name, laws in EXPECTED.items()}, KNOWN, "7", alpha=0.01)
    assert few.verdict is Verdict.NOT_ASSESSABLE and few.evidence == BorderInputs.model_validate(few.evidence)
    assert judge(border_inputs, [], [], {}, KNOWN, "7", alpha=0.01).verdict is Verdict.NOT_ASSESSABLE


def test_forged_counts_are_refused() -> None:
    found = judged(drawn(LAW))
    assert isinstance(found.evidence, BorderInputs)
    first, *others = found.evidence.inputs
    for change in ({"first": 99}, {"told": 10**7}):
        inputs = (first.model_copy(update=change), *others)
        forged = found.model_copy(update={"evidence": found.evidence.model_copy(update={"inputs": inputs})})
        with pytest.raises((ValueError, NotDerivable)):
            again(forged, Terms(0.01))


# A real model on real servers


@pytest.fixture(scope="module")
def reference(model: StoredModel) -> ReferenceModel:
    return ReferenceModel(model, "completions")


PROMPTS = [f"The {place} {verb}" for place in ("river", "town", "old house", "road", "bridge", "mill", "church", "garden")
           for verb in ("was", "is", "of", "and the", "had")]  # fmt: skip


def test_the_probabilities_of_texts_are_those_of_tokens_and_the_greedy_one_is_the_likeliest(reference: ReferenceModel) -> None:
    (chances,) = reference.next_texts(PROMPTS[:1], "f32")
    (greedy,) = reference.draw(PROMPTS[:1], 1, GREEDY, 0)
    assert reference.vocabulary.written(greedy.token_ids[0]) == max(chances, key=lambda text: chances[text])
    assert 0.95 < sum(chances.values()) <= 1 + 1e-5
    special = [token for token, added in reference.tokenizer.get_added_tokens_decoder().items() if added.special]
    assert special and {reference.vocabulary.written(token) for token in special} == {""}


def test_a_real_honest_server_is_not_accused_and_other_weights_are(
    reference: ReferenceModel, honest: str, model: StoredModel, ladder: Path
) -> None:
    chances = reference.next_texts(PROMPTS, "f32")
    borders = find(dict(zip(PROMPTS, chances, strict=True)))
    assert len(borders) >= border_inputs.FEWEST
    expected = {name: reference.next_texts([border.prompt for border in borders], name) for name in ("f32", "bf16")}
    known = reference.vocabulary.all_written

    def found(url: str) -> Result:
        return judge(
            border_inputs,
            Endpoint(url, "fixture").ask(questions(borders, "completions")),
            borders,
            expected,
            known,
            "7",
            alpha=0.01,
        )

    same = found(honest)
    assert same.p_value is not None and same.p_value > 0.01 and same.n > 100, same.reason
    with serve(write(model, "F32", ladder, noised=1.0)) as url:
        other = found(url)
    assert other.p_value is not None and other.p_value <= 0.01, other.reason


def cached(law: dict[str, float], seed: int) -> list[Reply | Failure]:
    """One draw for each prompt, again and again."""
    rng = np.random.default_rng(seed)
    chosen = dict(zip((border.prompt for border in BORDERS), rng.choice(list(law), 10, p=list(law.values())), strict=True))
    return [reply(ask, f" {chosen[ask.prompt]}") for ask in questions(BORDERS, "chat")]


def test_a_cache_of_the_reference_is_no_other_model_whatever_it_drew_first() -> None:
    """Each prompt's one answer is a draw of the reference's; at one or two prompts it is neither of the two."""
    results = [judged(cached(LAW, seed)) for seed in range(200)]
    assert all((found.p_value is None) == (found.verdict is Verdict.NOT_ASSESSABLE) for found in results)
    assert sum(found.p_value is not None for found in results) <= 6  # of 200 at most .01, and three standard deviations
    assert any("10 of 10 prompts got one and the same token every time" in found.reason for found in results)
    other = judged(cached({"yes": 0.1, "maybe": 0.5, "never": 0.4}, 1))
    assert other.p_value is not None and other.p_value <= 0.01 and "490 repeat the only one" in other.reason
