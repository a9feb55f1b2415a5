"""Power of the watermark tests on generations of the embedded model: python -m benchmarks.watermark_power [TEXTS] [T]...

Under each scheme SmolLM2-135M-Instruct continues openings of invented records, 200 tokens each. Three tables: the share found
at 50, 100 and 200 tokens; 100 marked tokens in 400, the rest unmarked continuations: whole text against windows; and for the
green list of transformers its own detector beside ours, on the same ids.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from transformers import WatermarkDetector, WatermarkingConfig

import llm_audit
from fixtures.membership import grammar
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.watermark import windows
from llm_audit.detectors.watermark.counts import count, whole_text
from llm_audit.detectors.watermark.embedding import Marker
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.readings import given
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.detectors.watermark.schemes.base import TokenisedText
from llm_audit.scoring.generate import Sampler
from llm_audit.scoring.tokens import Decoding

V, LENGTH = 49152, 200
LEVELS = (1e-3, 1e-5)
SCHEMES_TRIED: Mapping[str, dict[str, Any]] = {
    "vllm-gumbel": {"key": "9173502846"},
    "sglang-gumbel": {"key": "9173502846"},
    "transformers-kgw": {"key": "9173502847", "vocab_size": V},
    "synthid-reference": {"keys": [str(7919 * i) for i in range(1, 31)]},
    "unigram": {"key": "9173502846", "vocab_size": V},
    "textseal": {"key": "9173502846", "ngram": 2},
}


def openings(count: int) -> list[str]:
    """The first words of so many records."""
    generator = np.random.default_rng(11)
    return [" ".join(grammar.document(generator).split()[:8]) for _ in range(count)]


def drawn(
    sampler: Sampler, temperature: float, key: Key | None, asked: Sequence[str], seed: int, tokens: int = LENGTH
) -> list[list[int]]:
    """Token ids of a continuation of each opening."""
    marker = None if key is None else Marker(key, seed)
    return [list(each.token_ids) for each in sampler(asked, Decoding(temperature=temperature), tokens, seed, adjust=marker)]


def log10_p(key: Key, ids: Sequence[int], prompt: Sequence[int]) -> float:
    """Of the whole text."""
    scheme: Any = key.scheme
    return whole_text(count(scheme.observe(TokenisedText.of(ids, prompt, from_start=True)))).log10_p


def found(values: Sequence[float]) -> str:
    """The share at each level."""
    return " ".join(f"{np.mean(np.array(values) <= np.log10(level)):5.2f}" for level in LEVELS)


def mixed(key: Key, marked: Sequence[int], plain: Sequence[int]) -> tuple[float, float]:
    """P of the whole text, and of its windows: 100 marked tokens behind 150 of 300 others."""
    ids = [*plain[:150], *marked[:100], *plain[150:300]]
    measured: Measurement[Any] = windows.measure(key, given(ids), tests=1, seed="1")
    p = windows.rule.derive(measured, Terms(1e-3)).p_value
    return log10_p(key, ids, []), float(np.log10(p or 1e-300))


def main(texts: int = 300, *temperatures: float) -> None:
    """Print the tables."""
    with llm_audit.Setup(cache=False).session(lambda share: None) as session:
        sampler = Sampler(session.model)
    asked = openings(texts)
    prompts = [sampler.tokenizer.encode(text, add_special_tokens=False).ids for text in asked]
    for temperature in temperatures or (1.0, 0.7):
        long = drawn(sampler, temperature, None, asked, 1), drawn(sampler, temperature, None, asked, 2)
        plain = [[*first, *second] for first, second in zip(*long, strict=True)]
        print(f"\nT = {temperature:g}, {texts} texts a scheme; share with p <= 1e-3 and 1e-5")
        print(f"{'scheme':20} {'50 tokens':>11} {'100':>11} {'200':>11} {'100 in 400: whole':>18} {'windows':>11}")
        for name, fields in SCHEMES_TRIED.items():
            key = Key(SCHEMES[name].model_validate(fields))
            made = drawn(sampler, temperature, key, asked, 3)
            cells = [
                found([log10_p(key, ids[:n], prompt) for ids, prompt in zip(made, prompts, strict=True)])
                for n in (50, 100, 200)
            ]
            enough = [(m, p) for m, p in zip(made, plain, strict=True) if len(m) >= 100 and len(p) >= 300]
            parts = [mixed(key, m, p) for m, p in enough]
            whole, scanned = ([part[i] for part in parts] for i in (0, 1))
            print(f"{name:20} {' '.join(f'{cell:>11}' for cell in cells)} {found(whole):>18} {found(scanned):>11}", flush=True)
            if name == "transformers-kgw":
                beside(key, made)


def beside(key: Key, made: Sequence[Sequence[int]]) -> None:
    """Transformers' own detector on the same ids, without their prompts: z, counts and p, and ours."""
    scheme: Any = key.scheme
    config = WatermarkingConfig(greenlist_ratio=scheme.gamma, bias=scheme.delta, hashing_key=int(scheme.key.get_secret_value()))
    model: Any = SimpleNamespace(vocab_size=V, bos_token_id=-1, is_encoder_decoder=False)
    rows = []
    for ids in made:
        seen = count(scheme.observe(TokenisedText.of(ids)))
        theirs = [
            WatermarkDetector(model, "cpu", config, ignore_repeated_ngrams=once)(torch.tensor(ids)[None], return_dict=True)
            for once in (False, True)
        ]
        green = [int(each.num_green_tokens[0]) for each in theirs]
        scored = [int(each.num_tokens_scored[0]) for each in theirs]
        p = [float(each.p_value[0]) for each in theirs]
        same = green[1] == int(seen.total) and scored[1] == seen.distinct
        rows.append((same, np.log10(max(p[0], 1e-300)), np.log10(max(p[1], 1e-300)), whole_text(seen).log10_p))
    same, all_, once, ours = (np.array(column) for column in zip(*rows, strict=True))
    print(f"    transformers' detector: distinct counts the same as ours in {same.sum()} of {len(rows)} texts")
    medians = [f"{np.median(each):.1f}" for each in (all_, once, ours)]
    print(f"    median log10 p: theirs, all tokens {medians[0]}; theirs, distinct {medians[1]}; ours {medians[2]}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *map(float, sys.argv[2:]))
