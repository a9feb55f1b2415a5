"""What tampering does to p-values, raw and normalised, and how often honest texts are called tampered with.

Run: .venv/bin/python -m benchmarks.integrity [TEXTS]
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from llm_audit.common.paths import cache_root
from llm_audit.detectors import judging, known_to
from llm_audit.detectors.integrity.base import examine, find_rules
from llm_audit.detectors.populations import DEFAULT_POPULATION, load
from llm_audit.results import Verdict
from llm_audit.scoring.cache import ScoreCache
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.text import RawText
from tests.detectors.integrity.attacks import hide, swap
from tools.corpus import ENGLISH, rows

Attack = Callable[[str, np.random.Generator], str]
ATTACKS: dict[str, Attack] = {
    "none": lambda text, rng: text,
    "look-alikes, 1 % of letters": lambda text, rng: swap(text, 0.01, rng),
    "look-alikes, 5 %": lambda text, rng: swap(text, 0.05, rng),
    "look-alikes, 20 %": lambda text, rng: swap(text, 0.20, rng),
    "U+200B after 1 % of letters": lambda text, rng: hide(text, 0.01, rng),
    "U+200B after 5 %": lambda text, rng: hide(text, 0.05, rng),
    "U+200B after 20 %": lambda text, rng: hide(text, 0.20, rng),
}


def labelled(label: str) -> list[dict[str, Any]]:
    """The texts of a label, each once, in order."""
    found = {row["text"]: row for row in rows(*ENGLISH, "glimpse_langs") if row["label"] == label}
    return list(found.values())


def false_findings() -> None:
    texts, found = Counter[str](), Counter[tuple[str, str]]()
    rules = find_rules()
    for row in labelled("human"):
        texts[row["language"]] += 1
        for rule in rules:
            found[row["language"], rule.code] += examine(rule, row["text"]).verdict is Verdict.FINDING
    print("| human texts in | n |", " | ".join(rule.code for rule in rules), "|")
    for language, n in texts.most_common():
        print(f"| {language} | {n:,} |", " | ".join(str(found[language, rule.code]) for rule in rules), "|")


def power(n: int) -> None:
    rng = np.random.default_rng(0)
    long = [row["text"] for row in labelled("machine") if row["language"] == "en" and 150 <= len(row["text"].split()) <= 400]
    chosen = [long[int(i)] for i in rng.choice(len(long), n, replace=False)]
    population = load(DEFAULT_POPULATION)
    with ScoreCache(cache_root() / "scores.sqlite") as cache:
        session = Session(Store().resolve(DEFAULT_MODEL, offline=True), cache=cache)
        detectors = known_to(population.scores, (), model=session.model.digest, weights=population.datasheet.weights)
        settings = judging.Settings(alpha=0.01, detectors=detectors, population=population)
        clean: list[float | None] = []
        print("| attack | finding AUD9xx | p ≤ .01 as given | p ≤ .01 normalised | p as of the clean text |")
        for name, attack in ATTACKS.items():
            raws = [
                RawText("a", "0" * 64, "utf-8", text, len(text.encode())) for text in (attack(text, rng) for text in chosen)
            ]
            documents = judging.judge_all(raws, session, settings)
            p = [document.combined.p_value if document.combined else None for document in documents]
            clean = clean or p
            given = [next((r.p_value for r in document.results if r.rule == "AUD190"), None) for document in documents]
            found = sum(bool(document.tampering) for document in documents)
            low, low_given = (sum(one is not None and one <= 0.01 for one in ps) for ps in (p, given))
            same = sum(one == other for one, other in zip(p, clean, strict=True))
            print(f"| {name} | {found}/{n} | {low_given if found else '–'}/{n} | {low}/{n} | {same}/{n} |", flush=True)


if __name__ == "__main__":
    false_findings()
    power(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
