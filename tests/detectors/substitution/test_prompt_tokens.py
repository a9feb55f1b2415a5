"""Counts of prompt tokens: on a real server, behind gateways that count otherwise, and by tokenizers alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from fixtures.servers.gateways import counting
from fixtures.tiny_models import SENTENCES, write_tokenizer
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution import prompt_tokens
from llm_audit.detectors.substitution.prompt_tokens import FEWEST, KINDS, PROMPTS
from llm_audit.detectors.substitution.reference_model import ReferenceModel
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.probe import SurfaceCapabilities
from llm_audit.endpoints.records import Ask, Failure, Reply, Surface
from llm_audit.results import Result, Verdict
from llm_audit.results.substitution_evidence import PromptCounts
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.store import StoredModel
from tests.detectors.laws import again, judge
from tests.servers.conftest import MODEL, honest, ladder, model

__all__ = ["honest", "ladder", "model"]

SURFACE = SurfaceCapabilities("completions", True, 20, True, False, True, False, True, True, True, ())


def asked(url: str, model: StoredModel, surface: Surface = "completions") -> Result:
    """What AUD407 says of a server, the fixture model being the reference."""
    outcomes = Endpoint(url, "fixture").ask(prompt_tokens.questions(replace(SURFACE, surface=surface), 1))
    reference = ReferenceModel(model, "completions")
    return judge(prompt_tokens, outcomes, {prompt: reference.count(prompt) for prompt in PROMPTS.values()}, alpha=0.01)


def overheads(found: Result) -> set[int]:
    assert isinstance(found.evidence, PromptCounts)
    return {each.billed - each.reference for each in found.evidence.prompts}


def test_a_real_server_counts_every_prompt_as_the_reference_does(honest: str, model: StoredModel) -> None:
    found = asked(honest, model)
    assert (found.verdict, found.n, found.p_value, overheads(found)) == (Verdict.PASS, len(KINDS), None, {0})


def test_a_template_is_one_overhead_for_all(honest: str, model: StoredModel) -> None:
    found = asked(honest, model, "chat")
    (overhead,) = overheads(found)
    assert found.verdict is Verdict.PASS and overhead > 5 and f"each with {overhead} tokens more" in found.reason


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder, 400)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_a_gateway_that_counts_by_another_tokenizer_shows_and_decides_nothing(
    honest: str, model: StoredModel, other: Tokenizer
) -> None:
    with counting(honest, lambda prompt, _: len(other.encode(prompt).ids)) as gateway:
        found = asked(gateway.url, model)
    assert found.verdict is Verdict.INCONCLUSIVE and found.p_value is None
    assert "the endpoint has another tokenizer, or its gateway" in found.reason.lower()


@pytest.mark.parametrize(
    ("count", "verdict", "said"),
    [
        (lambda _, true: true + 217, Verdict.PASS, "each with 217 tokens more"),
        (lambda _, true: true - 1, Verdict.PASS, "each with 1 token fewer"),
        (lambda _, true: -(-true // 10) * 10, Verdict.NOT_ASSESSABLE, "in steps of 10 tokens"),
        (lambda _, true: round(true / 5) * 5, Verdict.NOT_ASSESSABLE, "in steps of 5 tokens"),
        (lambda prompt, _: len(prompt) // 4 + 3, Verdict.NOT_ASSESSABLE, "they are estimated"),
        (lambda _, __: 8, Verdict.NOT_ASSESSABLE, "Every prompt is billed for 8 tokens, whatever it is"),
        (lambda _, __: None, Verdict.NOT_ASSESSABLE, "0 answers tell how many tokens"),
        (lambda prompt, true: true + ("\n" in prompt), Verdict.INCONCLUSIVE, "2 of 16 prompts (line feeds, code) are billed"),
    ],
    ids=["fixed", "without the first", "rounded up", "rounded", "estimated", "nothing counted", "omitted", "changed prompts"],
)
def test_what_gateways_do_to_counts(
    honest: str, model: StoredModel, count: Callable[[str, int], int | None], verdict: Verdict, said: str
) -> None:
    with counting(honest, count) as gateway:
        found = asked(gateway.url, model)
    assert (found.verdict, found.p_value) == (verdict, None) and said in found.reason, found.reason


def test_an_endpoint_that_counts_nothing_is_not_asked() -> None:
    assert prompt_tokens.questions(replace(SURFACE, usage=False), 8) == []
    found = judge(prompt_tokens, [], dict.fromkeys(PROMPTS.values(), 5), alpha=0.01)
    assert found.verdict is Verdict.NOT_ASSESSABLE


def outcomes(counts: Sequence[int | None]) -> list[Reply | Failure]:
    asks = prompt_tokens.questions(SURFACE, 8)
    return [
        Failure(ask, "timeout", "late", None, 1) if count is None else reply(ask, count)
        for ask, count in zip(asks, counts, strict=True)
    ]


def reply(ask: Ask, billed: int) -> Reply:
    return Reply(ask, "x", (), (), "length", "m", "", (billed, 1), (), 0.1, 1)


def test_few_counts_say_nothing() -> None:
    reference = {prompt: 5 + number for number, prompt in enumerate(PROMPTS.values())}
    told = [count if number < FEWEST else None for number, count in enumerate(reference.values())]
    assert judge(prompt_tokens, outcomes(told), reference, alpha=0.01).verdict is Verdict.PASS
    told[0] = 10**9  # no count
    assert judge(prompt_tokens, outcomes(told), reference, alpha=0.01).verdict is Verdict.NOT_ASSESSABLE


def test_counts_of_prompts_that_nobody_asks_are_refused() -> None:
    reference = {prompt: 5 + number for number, prompt in enumerate(PROMPTS.values())}
    found = judge(prompt_tokens, outcomes([2 * count + 1 for count in reference.values()]), reference, alpha=0.01)
    assert isinstance(found.evidence, PromptCounts)
    counts = found.evidence.prompts
    of_one_length = tuple(each.model_copy(update={"characters": 9}) for each in counts)
    for forged in (of_one_length, counts[::-1], (*counts, counts[-1])):
        with pytest.raises(ValueError, match="not those that are asked"):
            again(found.model_copy(update={"evidence": PromptCounts(asked=16, prompts=forged)}), Terms(0.01))


# What the null hypothesis assumes: whatever stands around a prompt is cut apart from it


AROUND = (
    ("", ""),
    ("<|im_start|>user\n", "<|im_end|>\n"),
    ("[INST] ", " [/INST]"),
    ("You are a helpful assistant.\n\n", "\n\n"),
    ("User: ", "\n\nAssistant:"),
    ("  ", "  "),
    ("user", "?"),
)


def trained(size: int) -> Tokenizer:
    """A unigram tokenizer with meta spaces, as SentencePiece makes them."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=size, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def tokenizers(other: Tokenizer, embedded: Path) -> dict[str, Tokenizer]:
    files = {"fixture": MODEL / "tokenizer.json", "embedded": embedded / "tokenizer.json"}
    read = {name: Tokenizer.from_file(str(file)) for name, file in files.items()}
    return read | {"other": other, "unigram": trained(200)}


def counted(tokenizer: Tokenizer, before: str = "", after: str = "") -> list[int]:
    return [len(tokenizer.encode(before + prompt + after, add_special_tokens=False).ids) for prompt in PROMPTS.values()]


def test_what_stands_around_a_prompt_is_one_overhead_by_every_tokenizer(other: Tokenizer, embedded_root: Path) -> None:
    for name, tokenizer in tokenizers(other, embedded_root / "models" / DEFAULT_MODEL).items():
        alone = counted(tokenizer)
        for before, after in AROUND:
            apart = {a - b for a, b in zip(counted(tokenizer, before, after), alone, strict=True)}
            assert len(apart) == 1, (name, before, after, apart)


def test_every_two_tokenizers_differ_in_more_than_an_overhead(other: Tokenizer, embedded_root: Path) -> None:
    known = tokenizers(other, embedded_root / "models" / DEFAULT_MODEL)
    for name, tokenizer in known.items():
        reference = dict(zip(PROMPTS.values(), counted(tokenizer), strict=True))
        said = {
            rival: judge(prompt_tokens, outcomes(counted(cut, "Q: ", "\nA:")), reference, alpha=0.01).verdict
            for rival, cut in known.items()
        }
        assert said == dict.fromkeys(known, Verdict.INCONCLUSIVE) | {name: Verdict.PASS}
