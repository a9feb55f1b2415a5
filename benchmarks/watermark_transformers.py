"""Texts that transformers itself marks, under its own detector and ours: python -m benchmarks.watermark_transformers [TEXTS].

SmolLM2-135M-Instruct continues openings of news (`../shared/data`, bbc) by 100 tokens, at temperature 1, by transformers'
`generate` with its own watermark. Green lists: tokens scored, green ones, z and p by transformers' detector, which takes
distinct n-grams, and by ours, which takes distinct inputs. SynthID: whether the bits of its processor are ours, and our p; its
detector has to be trained, which is `benchmarks.watermark_bayesian`.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from transformers import (
    SynthIDTextWatermarkingConfig,
    SynthIDTextWatermarkLogitsProcessor,
    WatermarkDetector,
    WatermarkingConfig,
)

from benchmarks.watermark_draws import V, embedded_model, prompts
from llm_audit.detectors.watermark.counts import count, whole_text
from llm_audit.detectors.watermark.schemes.base import TokenisedText, windows
from llm_audit.detectors.watermark.schemes.kgw_transformers import TransformersKgw
from llm_audit.detectors.watermark.schemes.synthid import SynthIdTransformers
from llm_audit.scoring.generate import Sampler
from llm_audit.stats.laws import Bernoulli
from tests.detectors.watermark import peers

LENGTH, KEY = 100, 9173502847
LAYERS = [7919 * i for i in range(1, 31)]


def generated(sampler: Sampler, asked: list[str], watermark: Any) -> list[list[int]]:
    """Ids of the continuations, without their prompts."""
    rows = [sampler.tokenizer.encode(text, add_special_tokens=False).ids for text in asked]
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    torch.manual_seed(1)
    made = sampler.model.generate(
        ids, attention_mask=mask, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, pad_token_id=0,
        max_new_tokens=LENGTH, min_new_tokens=LENGTH, watermarking_config=watermark,
    )  # fmt: skip
    return [[int(token) for token in row[longest:]] for row in made]


def green_lists(sampler: Sampler, asked: list[str], scheme: str, width: int) -> None:
    """A line for each text."""
    config = WatermarkingConfig(greenlist_ratio=0.25, bias=2.0, hashing_key=KEY, seeding_scheme=scheme, context_width=width)
    ours = TransformersKgw(key=str(KEY), vocab_size=V, seeding_scheme=scheme, context_width=width)
    detector = WatermarkDetector(sampler.model.config, "cpu", config, ignore_repeated_ngrams=True)
    rows = []
    for ids in generated(sampler, asked, config):
        theirs = detector(torch.tensor(ids)[None], return_dict=True)
        found = ours.observe(TokenisedText.of(ids))
        flags, places = [int(score) for score in found.scores], [int(place) for place in found.positions]
        n, green = peers.by_ngram(ids, places, flags, width + (scheme == "lefthash"))
        same = (int(theirs.num_tokens_scored[0]), int(theirs.num_green_tokens[0])) == (n, green)
        z = abs(float(theirs.z_score[0]) - peers.z_score(green, n, ours.gamma))
        p = np.log10(max(float(theirs.p_value[0]), 1e-300))
        exact = Bernoulli(ours.share).log_tail(green, n) / np.log(10)
        rows.append((same, z, p, exact, whole_text(count(found)).log_p / np.log(10), n, count(found).distinct))
    agree, z, *others = (np.array(column) for column in zip(*rows, strict=True))
    p, exact, ours_, n, inputs = (float(np.median(column)) for column in others)
    print(
        f"{scheme}, width {width}: counts of n-grams the same in {agree.sum()} of {len(rows)} texts, z within {z.max():.1g}; "
        f"median log10 p: theirs {p:.1f}, the exact tail of the same counts {exact:.1f}, ours {ours_:.1f} ({n:.0f} n-grams, "
        f"{inputs:.0f} inputs)",
        flush=True,
    )


def synthid(sampler: Sampler, asked: list[str]) -> None:
    """Bits and p-values."""
    config = SynthIDTextWatermarkingConfig(ngram_len=5, keys=LAYERS, context_history_size=1024)
    processor = SynthIDTextWatermarkLogitsProcessor(5, LAYERS, 2**16, 0, 1024, torch.device("cpu"))
    ours = SynthIdTransformers(keys=[str(key) for key in LAYERS])
    same, log10_p = 0, []
    for ids in generated(sampler, asked, config):
        bits = processor.compute_g_values(torch.tensor(ids)[None])[0].numpy()
        same += np.array_equal(bits, ours.bits(windows(np.array(ids), 5)))
        log10_p.append(whole_text(count(ours.observe(TokenisedText.of(ids, from_start=True)))).log_p / np.log(10))
    median, largest = np.median(log10_p), max(log10_p)
    print(f"SynthID: bits the same in {same} of {len(asked)} texts; our log10 p: median {median:.1f}, largest {largest:.1f}")


def main(texts: int = 20) -> None:
    """Print what was found."""
    torch.set_num_threads(1)
    sampler = embedded_model()
    asked = prompts(sampler.tokenizer, texts)
    green_lists(sampler, asked, "lefthash", 1)
    green_lists(sampler, asked, "selfhash", 4)
    synthid(sampler, asked)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
