"""Drawing texts: by the law that the engine scores, from random numbers that can be drawn again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from fixtures.tiny_models import SENTENCES
from llm_audit.common.errors import AuditError
from llm_audit.scoring import generate
from llm_audit.scoring.engine import Engine
from llm_audit.scoring.generate import Sample, Sampler, draw
from llm_audit.scoring.model import load
from llm_audit.scoring.request import Prompted, Request, Windowing
from llm_audit.scoring.samplers import decode
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.scoring.tokens import Decoding
from llm_audit.stats.pit import randomised

SEED, MOST = 20250701, 50
TRUNCATED = Decoding(temperature=0.7, top_k=40, top_p=0.9, min_p=0.01)
PROMPTS = [None, "<s>", "A", *(sentence[: 7 * i + 3] for i, sentence in enumerate(SENTENCES))] * 4


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Matrices this small are multiplied faster than threads meet."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stored(folder: Path) -> StoredModel:
    return Store(folder.parent / "store").resolve(str(folder), offline=True)  # not the user's


@pytest.fixture(scope="module")
def sampler(tiny_llama: Path) -> Sampler:
    return Sampler(stored(tiny_llama))


def copied(source: Path, target: Path, config: dict[str, Any], generation: dict[str, Any] | None) -> Sampler:
    """The model with other settings in its files; `generation` None: without that file."""
    shutil.copytree(source, target)
    changed = json.loads((target / "config.json").read_text()) | config
    (target / "config.json").write_text(json.dumps(changed))
    (target / "generation_config.json").unlink()
    if generation is not None:
        (target / "generation_config.json").write_text(json.dumps(generation))
    return Sampler(stored(target))


# One token


def logits(n: int, vocabulary: int = 60) -> torch.Tensor:
    return 2 * torch.randn(n, vocabulary, generator=torch.Generator().manual_seed(SEED))


def test_tokens_are_drawn_as_often_as_they_should() -> None:
    row, rng = logits(1), np.random.default_rng(SEED)
    n = 50_000
    drawn = draw(row.expand(n, -1), rng.random(n))
    expected = n * row[0].double().softmax(0).numpy()
    counts = np.bincount(drawn, minlength=len(expected))
    rare = expected < 10
    assert 0 < rare.sum() < 40
    merged = [np.append(column[~rare], column[rare].sum()) for column in (counts, expected)]
    assert chisquare(*merged).pvalue > 1e-3


def test_a_token_is_the_inverse_of_its_random_number() -> None:
    row, uniforms = torch.tensor([[1.0, 2.0, 1.0]]).log(), np.array([0.0, 0.249, 0.251, 0.749, 0.751, 1 - 2**-53])
    assert draw(row.expand(6, -1), uniforms).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    "decoding", [Decoding(top_k=5), Decoding(top_p=0.5), Decoding(min_p=0.3), Decoding(0.3, 3), TRUNCATED], ids=str
)
def test_an_excluded_token_is_never_drawn(decoding: Decoding) -> None:
    rows = logits(50)
    transformed = decode(rows.clone(), decoding)
    kept = transformed > transformed.amax(1, keepdim=True) - 100
    assert 1 <= int(kept.sum(1).min()) <= int(kept.sum(1).max()) < 60
    for u in (2.0**-53, *np.linspace(1e-9, 1 - 1e-9, 200), 1 - 2.0**-53):
        drawn = torch.from_numpy(draw(transformed, np.full(50, u)))
        assert kept[torch.arange(50), drawn].all()
    seen = [set(draw(transformed[:1].expand(5000, -1), np.random.default_rng(SEED).random(5000)).tolist())]
    assert seen == [set(kept[0].nonzero()[:, 0].tolist())]


# Texts


@pytest.mark.parametrize(
    ("architecture", "decoding"),
    [("tiny_llama", Decoding()), ("tiny_llama", TRUNCATED), ("tiny_gpt2", Decoding(temperature=1.2, top_p=0.95))],
    ids=str,
)
def test_every_token_is_drawn_from_the_law_that_the_engine_scores(
    architecture: str, decoding: Decoding, request: pytest.FixtureRequest
) -> None:
    """The random numbers are known, and the engine gives the whole law: each token must be its number's inverse."""
    folder: Path = request.getfixturevalue(architecture)
    samples = list(Sampler(stored(folder))(PROMPTS, decoding, MOST, SEED))
    drawn = [(*sample.token_ids, *([0] if sample.finished else [])) for sample in samples]  # 0 ends a text
    prompted = [Prompted(sample.text, prompt, ids) for sample, prompt, ids in zip(samples, PROMPTS, drawn, strict=True)]
    engine = Engine(load("tiny", "digest", folder), Request(Windowing(400), decoding, top_k=1000))
    numbers, transforms, wrong, rng = 0, [], 0, np.random.default_rng(SEED)
    for i, (ids, scores) in enumerate(zip(drawn, engine.score(prompted), strict=True)):
        assert scores.token_id.tolist() == list(ids)
        assert scores.top_ids is not None
        assert scores.top_logprobs is not None
        law = np.empty(scores.top_ids.shape)
        np.put_along_axis(law, scores.top_ids, np.exp(scores.top_logprobs.astype(np.float64)), axis=1)
        uniforms = np.random.default_rng((SEED, i)).random(len(ids))
        inverse = [
            int(np.searchsorted(row.cumsum(), u * row.sum(), side="right")) for row, u in zip(law, uniforms, strict=True)
        ]
        wrong += sum(a != b for a, b in zip(inverse, ids, strict=True))
        numbers += len(ids)
        transforms.append(randomised(scores.mass_above, scores.tie_mass, rng))
    assert numbers > 1000
    assert wrong <= 1  # a number on the edge of two tokens, where rounding decides
    assert kstest(np.concatenate(transforms), "uniform").pvalue > 1e-3


def test_the_same_seed_draws_the_same_texts(sampler: Sampler) -> None:
    first, again, other = (list(sampler(PROMPTS[:6], Decoding(), MOST, seed)) for seed in (SEED, SEED, SEED + 1))
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))
    assert len({sample.token_ids for sample in sampler([None] * 5, Decoding(), MOST, SEED)}) == 5


@pytest.mark.parametrize("architecture", ["tiny_llama", "tiny_gpt2"])
def test_a_text_does_not_depend_on_those_drawn_beside_it(
    architecture: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to rounding: prompts of other lengths bring padding and other sums, and one flipped token changes all after it."""
    sampler = Sampler(stored(request.getfixturevalue(architecture)))
    sampler.ends = frozenset(range(60))
    found = {}
    for batch in (64, 5, 1):
        monkeypatch.setattr(generate, "BATCH", batch)
        found[batch] = list(sampler(PROMPTS[:16], Decoding(), 30, SEED))
    assert len({len(sample.token_ids) for sample in found[1]}) > 4  # many leave the batch before the others
    for batch in (64, 5):
        assert sum(a != b for a, b in zip(found[batch], found[1], strict=True)) <= 1


def test_a_finished_text_does_not_hold_the_token_that_ends_it(sampler: Sampler) -> None:
    samples = list(sampler(PROMPTS, Decoding(), MOST, SEED))
    assert {sample.finished for sample in samples} == {True, False}
    for sample in samples:
        assert 0 not in sample.token_ids
        assert len(sample.token_ids) < MOST if sample.finished else len(sample.token_ids) == MOST
        assert sample.text == sampler.tokenizer.decode(list(sample.token_ids), skip_special_tokens=False)


@pytest.mark.parametrize(
    ("config", "generation", "ends"),
    [
        ({"eos_token_id": 0}, None, {0}),
        ({"eos_token_id": [0, 7]}, None, {0, 7}),
        ({"eos_token_id": None}, None, set()),
        ({"eos_token_id": 7}, {}, {7}),
        ({"eos_token_id": 7}, {"eos_token_id": 0}, {0}),
        ({"eos_token_id": 0}, {"eos_token_id": list(range(200))}, set(range(200))),
    ],
)
def test_what_ends_a_text(
    tiny_llama: Path, tmp_path: Path, config: dict[str, Any], generation: dict[str, Any] | None, ends: set[int]
) -> None:
    sampler = copied(tiny_llama, tmp_path / "model", config, generation)
    assert sampler.ends == ends
    samples = list(sampler([None] * 20, Decoding(), 20, SEED))
    assert not any(ends & set(sample.token_ids) for sample in samples)
    assert any(sample.finished for sample in samples) >= (len(ends) > 100)


def test_what_is_asked_is_read_with_its_control_tokens(sampler: Sampler) -> None:
    def first(prompt: str | None) -> Sample:
        return next(sampler([prompt], Decoding(), 20, SEED))

    assert first("<s>") == first(None)  # the one token that stands before a text anyway
    assert first("<s>A") != first("A")


def test_progress_rises_to_the_end(sampler: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "BATCH", 4)
    seen: list[float] = []
    assert len(list(sampler(PROMPTS[:10], Decoding(), 20, SEED, lambda share, _="": seen.append(share)))) == 10
    assert seen == sorted(seen)
    assert seen[0] > 0
    assert seen[-1] == 1.0


def test_no_prompts_draw_no_texts(sampler: Sampler) -> None:
    assert list(sampler([], Decoding(), 20, SEED)) == []


def test_a_model_without_a_token_to_begin_with_needs_a_prompt(tiny_llama: Path, tmp_path: Path) -> None:
    sampler = copied(tiny_llama, tmp_path / "model", {"bos_token_id": None, "eos_token_id": None}, None)
    with pytest.raises(AuditError, match="no token to begin with; give it a prompt"):
        next(sampler([None], Decoding(), 20, SEED))
    assert len(next(sampler(["A"], Decoding(), 20, SEED)).token_ids) == 20


def test_what_the_model_cannot_see_is_not_drawn(sampler: Sampler) -> None:
    with pytest.raises(AuditError, match=r"A prompt of [\d,]+ tokens and 20 to write exceed the 2,048"):
        next(sampler(["A", "A word " * 2000], Decoding(), 20, SEED))
    with pytest.raises(AuditError, match="A prompt of 1 tokens and 2,048 to write exceed the 2,048"):
        next(sampler([None], Decoding(), 2048, SEED))
