"""Size of the exact watermark tests: python -m benchmarks.watermark_size [KEYS] [SCHEME]...

Random keys over three fixed texts that repeat themselves (a licence, a poem with a refrain, comments of code), hashed to a
vocabulary of 1,000 ids. One line for each scheme and text: how often p <= .05, .01 and .001, and the same for distinct n-grams,
as peers count, where the hash sees less than the n-gram.
"""

from __future__ import annotations

import sys

from llm_audit.detectors.watermark.schemes.base import TokenisedText
from tests.detectors.watermark.test_size import ALPHAS, BY_NGRAM, VARIANTS, rejections
from tests.detectors.watermark.texts import NAMES, ids


def main(keys: int = 10_000, *variants: str) -> None:
    """Print the table as it comes about."""
    texts = [TokenisedText.of(ids(name)) for name in NAMES]
    print(f"{keys:,} keys; tokens: {', '.join(f'{name} {len(text.ids)}' for name, text in zip(NAMES, texts, strict=True))}")
    print("| scheme | text | " + " | ".join(f"{alpha:g}" for alpha in ALPHAS) + " | " + "by n-gram |")
    for variant in variants or VARIANTS:
        ours = rejections(VARIANTS[variant], texts, keys) / keys
        peers = rejections(VARIANTS[variant], texts, keys, by_ngram=BY_NGRAM[variant]) / keys if variant in BY_NGRAM else None
        for row, name in enumerate(NAMES):
            cells = " | ".join(f"{share:.4f}" for share in ours[row])
            beside = "" if peers is None else ", ".join(f"{share:.4f}" for share in peers[row])
            print(f"| {variant} | {name} | {cells} | {beside} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
