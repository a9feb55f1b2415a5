"""How long the keyed watermark tests take, and what windows find: python benchmarks/watermark.py.

10,000 tokens under every scheme with a closed form (wanted: under 2 s each), and the alignment of 200 tokens with 999 fresh
keys (wanted: under 30 s). Random ids, vocabulary 50,257; kernels are compiled beforehand. Processor time of this process, so
that what else the machine does hardly counts. Power of the whole text and of windows where a part is marked.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from llm_audit.detectors.watermark.alignment import Cost, closed_form, fresh_keys
from llm_audit.detectors.watermark.counts import anytime, count, distinct, whole_text
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.detectors.watermark.schemes.base import TokenisedText, TokenScheme, exponential_scores
from llm_audit.detectors.watermark.schemes.kuditipudi import Exp, Its
from llm_audit.stats import spans
from llm_audit.stats.laws import Exponential

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
    "markllm-exp-gumbel": {"key": "15485863", "vocab_size": V},
    "markllm-dip": {"key": "ab" * 128, "vocab_size": V},
}


def seconds(run: Callable[..., object], *given: object, **named: object) -> float:
    """Processor time that run(*given, **named) takes."""
    start = time.process_time()
    run(*given, **named)
    return time.process_time() - start


def tokens(text: TokenisedText, short: TokenisedText) -> None:
    """Times of the schemes that score token by token."""
    print(f"\nseconds of processor time, {TOKENS:,} tokens, V = {V:,}\n")
    print("| scheme | scores | p | anytime | windows |\n|---|---|---|---|---|")
    for name, fields in FIELDS.items():
        keyed = SCHEMES[name.split()[0]].model_validate(fields)
        assert isinstance(keyed, TokenScheme)
        keyed.observe(short)  # compiles
        found = keyed.observe(text)
        scored, tested = seconds(keyed.observe, text), seconds(lambda made: whole_text(count(made)), found)
        kept = distinct(found)
        scanned = seconds(spans.scan, kept.scores, kept.law, np.random.default_rng(0))
        took = (scored, tested, seconds(anytime, found), scanned)
        print(f"| {name} | {' | '.join(f'{one:.2f}' for one in took)} |", flush=True)


def alignments(text: TokenisedText) -> None:
    """Times of the schemes with a sequence of keys."""
    for cls in (Exp, Its):
        keys = cls.model_validate({"key": "1", "vocab_size": V})
        fresh_keys(keys, text, np.random.default_rng(0), "edit", draws=1)  # compiles
        for cost in COSTS:
            took = seconds(fresh_keys, keys, text, np.random.default_rng(0), cost, draws=999, stop=1000)
            print(f"{keys.scheme}, {cost}: {len(text.ids)} tokens, 999 fresh keys, no early stop: {took:.1f} s")
        print(f"{keys.scheme}, closed form: {seconds(closed_form, keys, text):.3f} s")


def parts(runs: int = 200) -> None:
    """Power at p <= 1e-3 where 100 or 200 tokens of a longer text are marked: whole text, against windows.

    Gumbel scores of a chat-like text: of the marked tokens 35 % are certain, the others have probabilities uniform in (0, 1),
    and u = U^p. The windows' p-value is twice the exact tail of the best of them times their number.
    """
    law, rng = Exponential(), np.random.default_rng(1)
    print(f"{'marked':>8} {'of':>6} {'whole text':>11} {'windows':>8}   (share of {runs} texts found at p <= .001)")
    for inside, length in ((100, 400), (100, 1000), (200, 2000)):
        found = np.zeros(2)
        for _ in range(runs):
            p = np.ones(length)
            start = int(rng.integers(length - inside + 1))
            p[start : start + inside] = np.where(rng.random(inside) < 0.35, 1.0, rng.random(inside))
            scores = exponential_scores(rng.random(length) ** p)
            sums, cover = spans.sums_of(scores), spans.cover(length)
            of_windows = min(law.log_tail(float(s), int(b - a)) for s, (a, b) in zip(sums, cover, strict=True))
            log_p = (law.log_tail(float(scores.sum()), length), of_windows + np.log(2 * len(cover)))
            found += np.array(log_p) <= np.log(1e-3)
        print(f"{inside:8} {length:6} {found[0] / runs:11.2f} {found[1] / runs:8.2f}")


if __name__ == "__main__":
    parts()
    drawn = np.random.default_rng(0).integers(0, V, TOKENS)
    tokens(TokenisedText.of(drawn), TokenisedText.of(drawn[:200]))
    alignments(TokenisedText.of(drawn[:200]))
