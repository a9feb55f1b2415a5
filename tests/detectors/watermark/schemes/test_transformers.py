"""Our dialects of transformers against its own processors and detector, on keys and ids drawn afresh."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from packaging.version import Version
from transformers import SynthIDTextWatermarkLogitsProcessor, WatermarkDetector, WatermarkingConfig, WatermarkLogitsProcessor

from llm_audit.detectors.watermark.schemes.base import Step, TokenisedText, windows
from llm_audit.detectors.watermark.schemes.kgw_transformers import TransformersKgw
from llm_audit.detectors.watermark.schemes.synthid import SynthIdTransformers
from tests.detectors.watermark import peers

V = 131

BY_NGRAM = Version(transformers.__version__) >= Version("5.19")
"""Whether its detector can count every n-gram once: before, it took all for distinct, because tensors hash by identity."""


def theirs_and_ours(scheme: str, width: int, rng: np.random.Generator) -> tuple[dict[str, Any], TransformersKgw]:
    key, gamma = int(rng.integers(1, 2**40)), float(rng.choice([0.25, 0.4, 0.5]))
    config = {"hashing_key": key, "greenlist_ratio": gamma, "seeding_scheme": scheme, "context_width": width, "bias": 2.5}
    ours = TransformersKgw(key=str(key), vocab_size=V, gamma=gamma, delta=2.5, seeding_scheme=scheme, context_width=width)
    return config, ours


@pytest.mark.parametrize("scheme", ["lefthash", "selfhash"])
@pytest.mark.parametrize("width", [1, 2, 5])
def test_the_bias_is_that_of_the_processor(scheme: str, width: int) -> None:
    rng = np.random.default_rng(width)
    config, ours = theirs_and_ours(scheme, width, rng)
    processor = WatermarkLogitsProcessor(vocab_size=V, device="cpu", **config)
    for _ in range(6):
        past, logits = rng.integers(0, V, 9), rng.normal(size=V).astype(np.float32)
        marked = processor(torch.tensor(past)[None], torch.tensor(logits)[None].clone())[0].numpy()
        mine = ours.embed(Step(logits.astype(np.float64), past[4:], past[:4]), rng)
        assert np.allclose(mine, marked, atol=1e-6)


@pytest.mark.parametrize("scheme", ["lefthash", "selfhash"])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("repeats", [False, True])
def test_counts_and_z_are_those_of_the_detector(scheme: str, width: int, repeats: bool) -> None:
    rng = np.random.default_rng(10 + width)
    config, ours = theirs_and_ours(scheme, width, rng)
    model: Any = SimpleNamespace(vocab_size=V, bos_token_id=-1, is_encoder_decoder=False)
    detector = WatermarkDetector(model, "cpu", WatermarkingConfig(**config), ignore_repeated_ngrams=not repeats)
    ids = np.tile(rng.integers(0, V, 40), 2)
    theirs = detector(torch.tensor(ids)[None], return_dict=True)
    found = ours.observe(TokenisedText.of(ids))
    flags = [int(score) for score in found.scores]
    ngram = width + (scheme == "lefthash")
    n, green = len(flags), sum(flags)
    if BY_NGRAM and not repeats:
        n, green = peers.by_ngram(ids.tolist(), found.positions.tolist(), flags, ngram)
    assert (n, green) == (theirs.num_tokens_scored[0], theirs.num_green_tokens[0])
    assert peers.z_score(green, n, ours.gamma) == pytest.approx(float(theirs.z_score[0]), abs=1e-6)


@pytest.mark.parametrize("ngram", [2, 4, 5])
def test_bits_and_tournament_are_those_of_the_processor(ngram: int) -> None:
    rng = np.random.default_rng(ngram)
    keys = [int(key) for key in rng.integers(0, 2**62, 6)]
    seed = int(rng.integers(0, 2**31))
    processor = SynthIDTextWatermarkLogitsProcessor(ngram, keys, 2**16, seed, 1024, torch.device("cpu"))
    ours = SynthIdTransformers(keys=[str(key) for key in keys], ngram_len=ngram, sampling_table_seed=seed)
    ids = np.tile(rng.integers(0, 150_000, 30), 2)
    theirs = processor.compute_g_values(torch.tensor(ids)[None])[0].numpy()
    assert np.array_equal(ours.bits(windows(ids, ngram)), theirs)
    mask = processor.compute_context_repetition_mask(torch.tensor(ids)[None])[0].numpy().astype(bool)
    assert np.array_equal(peers.context_mask(ids, ngram, 1024), mask)
    past = rng.integers(0, V, 6)
    output = np.empty(0, np.int64)
    for token in (5, 7, 5, 7, 5, 7, 9):
        logits = rng.normal(size=V).astype(np.float32)
        whole = torch.tensor(np.concatenate([past, output]))[None]
        marked = processor(whole, torch.tensor(logits)[None].clone())[0].numpy()
        mine = ours.embed(Step(logits.astype(np.float64), output, past), rng)
        assert np.allclose(torch.tensor(mine).softmax(0), torch.tensor(marked).softmax(0), atol=1e-5)
        output = np.append(output, token)
