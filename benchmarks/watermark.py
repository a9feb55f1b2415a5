"""How long the keyed watermark tests take: python benchmarks/watermark.py.

10,000 tokens under every scheme with a closed form (wanted: under 2 s each), and the alignment of 200 tokens with 999 fresh
keys (wanted: under 30 s). Random ids, vocabulary 50,257; kernels are compiled beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from llm_audit.detectors.watermark.alignment import Cost, closed_form, fresh_keys
from llm_audit.detectors.watermark.counts import anytime, count, whole_text, windows
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.detectors.watermark.schemes.base import TokenisedText, TokenScheme
from llm_audit.detectors.watermark.schemes.kuditipudi import Exp, Its

V, TOKENS = 50257, 10_000
COSTS: tuple[Cost, ...] = ("simple", "edit")
LAYERS: dict[str, object] = {"keys": [str(7919 * i) for i in range(1, 31)]}
FIELDS: dict[str, dict[str, object]] = {
    "vllm-gumbel": {"key": "42"},
    "vllm-dual-key-gumbel": {"key": "42"},
    "vllm-red-green": {"key": "42"},
    "sglang-gumbel": {"key": "42", "key_b": "43"},
    "transformers-kgw": {"key": "15485863", "vocab_size": V},
    "transformers-kgw selfhash": {"key": "15485863", "vocab_size": V, "seeding_scheme": "selfhash", "context_width": 4},
    "transformers-kgw gamma .5": {"key": "15485863", "vocab_size": V, "gamma": 0.5},
    "synthid-transformers": LAYERS,
    "synthid-reference": LAYERS,
    "unigram": {"key": "42", "vocab_size": V},
    "lm-watermarking": {"key": "15485863", "vocab_size": V, "prf": "minhash_prf", "context_width": 4},
    "textseal": {"key": "42", "ngram": 4},
    "markllm-kgw": {"key": "15485863", "vocab_size": V},
    "markllm-exp": {"key": "15485863", "vocab_size": V},
    "markllm-dip": {"key": "ab" * 128, "vocab_size": V},
}


def seconds(run: Callable[..., object], *given: object, **named: object) -> float:
    """How long run(*given, **named) takes."""
    start = time.perf_counter()
    run(*given, **named)
    return time.perf_counter() - start


def tokens(text: TokenisedText, short: TokenisedText) -> None:
    """Times of the schemes that score token by token."""
    print(f"{'scheme':28} {'scores':>8} {'p':>8} {'anytime':>8} {'windows':>8}   (seconds, {TOKENS:,} tokens, V = {V:,})")
    for name, fields in FIELDS.items():
        keyed = SCHEMES[name.split()[0]].model_validate(fields)
        assert isinstance(keyed, TokenScheme)
        keyed.observe(short)  # compiles
        found = keyed.observe(text)
        scored, tested = seconds(keyed.observe, text), seconds(lambda made: whole_text(count(made)), found)
        scanned = seconds(windows, found, np.random.default_rng(0))
        print(f"{name:28} {scored:8.3f} {tested:8.3f} {seconds(anytime, found):8.3f} {scanned:8.3f}")


def alignments(text: TokenisedText) -> None:
    """Times of the schemes with a sequence of keys."""
    for cls in (Exp, Its):
        keys = cls.model_validate({"key": "1", "vocab_size": V})
        fresh_keys(keys, text, np.random.default_rng(0), "edit", draws=1)  # compiles
        for cost in COSTS:
            took = seconds(fresh_keys, keys, text, np.random.default_rng(0), cost, draws=999, stop=1000)
            print(f"{keys.scheme}, {cost}: {len(text.ids)} tokens, 999 fresh keys, no early stop: {took:.1f} s")
        print(f"{keys.scheme}, closed form: {seconds(closed_form, keys, text):.3f} s")


if __name__ == "__main__":
    drawn = np.random.default_rng(0).integers(0, V, TOKENS)
    tokens(TokenisedText.of(drawn), TokenisedText.of(drawn[:200]))
    alignments(TokenisedText.of(drawn[:200]))
