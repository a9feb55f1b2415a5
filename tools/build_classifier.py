"""Train the classifier that ships with llm-audit, with the recipe of `llm-audit train`, from cached scores.

`python -m tools.build_classifier` writes `detectors/origin/english.safetensors`; then build the population.
"""

from __future__ import annotations

import time
from pathlib import Path

from llm_audit.detectors.origin.classifier import SHIPPED
from llm_audit.training.recipe import train_and_save
from tools.score_corpus import default_session, sample

KIND, LOSS, SETTINGS = "logistic", "bce", {"epochs": 0}
"""The discriminant itself, without an epoch of descent, chosen on sources left out (docs/decisions/losses.md)."""


def build(target: Path) -> str:
    """Train and return the digest."""
    data = sample("train")
    head = train_and_save(default_session(), data, data.texts, target, KIND, "states+statistics", LOSS, SETTINGS)
    return head.digest


def main() -> None:
    """Train and say what came out."""
    begin = time.perf_counter()
    target = Path(__file__).parents[1] / "detectors" / "origin" / SHIPPED.name
    digest = build(target)
    print(f"{target}: {target.stat().st_size:,} bytes, digest {digest}, {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
