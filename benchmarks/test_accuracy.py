"""The claims of the accuracy tables, recomputed. Needs `../shared/data`."""

from __future__ import annotations

import time
from itertools import combinations
from pathlib import Path

import pytest
import torch

from benchmarks import accuracy
from llm_audit.detectors import find
from llm_audit.detectors.origin import generated
from llm_audit.detectors.origin.classifier import SHIPPED, load_head
from llm_audit.results.benchmark import Benchmark
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.store import Store
from llm_audit.stats.classification import auroc, binomial_interval
from llm_audit.text import beginning, normalise
from tools import build_classifier, corpus
from tools.score_corpus import PARTS, REQUEST, default_session, default_tokenizer, sample

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not corpus.DATA.exists(), reason=f"the labelled texts are not at {corpus.DATA}"),
]

TEXTS = 40
"""Of each label."""


def plain_loop(texts: list[str]) -> list[dict[str, float]]:
    """The four statistics as their papers' code computes them: transformers, one text at a time, whole logits."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(Store().resolve(DEFAULT_MODEL, offline=True).folder, dtype=torch.float32)
    tokenizer, found = default_tokenizer(), []
    for text in texts:
        ids = torch.tensor([[model.config.bos_token_id, *tokenizer.encode(text, add_special_tokens=False).ids]])
        with torch.inference_mode():
            logits = model(ids).logits[0, :-1]
        labels, log_p = ids[0, 1:, None], torch.log_softmax(logits, dim=-1)
        own = log_p.gather(1, labels)[:, 0]
        p = log_p.exp()
        mean = (p * log_p).sum(1)
        variance = (p * log_p**2).sum(1) - mean**2
        log_rank = ((logits > logits.gather(1, labels)).sum(1) + 1).float().log()
        found.append(
            {
                "curvature": float((own.sum() - mean.sum()) / variance.sum().sqrt() / len(own) ** 0.5),
                "perplexity-ratio": float(own.mean() / -mean.mean()),
                "log-rank": float(-log_rank.mean()),
                "lrr": float(-own.mean() / log_rank.mean()),
            }
        )
    return found


def test_auroc_is_that_of_a_plain_loop() -> None:
    texts = sample("test").texts
    chosen = [text for label in ("human", "machine") for text in [t for t in texts if t.label == label][:TEXTS]]
    labels = [text.is_machine for text in chosen]
    theirs = plain_loop([text.text for text in chosen])
    ours = list(default_session().score([text.text for text in chosen], REQUEST))
    for detector in [detector for detector in find(()) if not detector.hidden_layers]:
        reference = auroc([row[detector.name] for row in theirs], labels)
        found = auroc([detector.statistic(scores) for scores in ours], labels)
        print(f"{detector.name} {found:.4f}, plain loop {reference:.4f}")
        assert abs(found - reference) <= 0.002


@pytest.fixture(scope="module")
def found() -> Benchmark:
    return accuracy.benchmark()[0]


def test_false_positive_rates_hold_on_texts_that_neither_trained_nor_calibrated(found: Benchmark) -> None:
    (row,) = [row for row in found.false_alarms if row.by == "all" and row.detector == generated.rule.code]
    for alpha, rate in ((0.05, row.at_5_percent), (0.01, row.at_1_percent)):
        print(f"alpha {alpha}: {rate}, n {row.n}")
        lower, upper = binomial_interval(round(rate.value * row.n), row.n, 0.99)
        assert lower <= alpha <= upper


def test_the_default_finds_more_than_the_best_zero_shot_detector(found: Benchmark) -> None:
    power = {row.detector: row.flagged_at_alpha_1_percent or 0.0 for row in found.power if row.by == "all"}
    print(power)
    assert power[generated.rule.code] > max(power[d.name] for d in find(()) if not d.hidden_layers)


def test_attacks_do_not_survive_normalisation() -> None:
    texts = [text.text for text in sample("test").texts if text.is_machine][:100]
    for text in texts:
        assert {normalise(changed).text for changed in accuracy.attacked(text)} == {text}


def test_the_shipped_classifier_is_what_the_recipe_makes(tmp_path: Path) -> None:
    """Deterministic to the digest, on one machine and from the same cached scores; within ten minutes."""
    begin = time.perf_counter()
    card, digest = load_head(SHIPPED).card, build_classifier.build(tmp_path / SHIPPED.name)
    seconds = time.perf_counter() - begin
    assert build_classifier.build(tmp_path / SHIPPED.name) == digest
    print(f"{seconds:.0f} s for {sum(card.texts.values())} texts; shipped {load_head(SHIPPED).digest}, built here {digest}")
    assert seconds < 600


def test_no_pair_and_no_text_lies_in_two_parts() -> None:
    parts = {part: sample(part).texts for part in PARTS}
    for left, right in combinations(PARTS, 2):
        assert not {text.text for text in parts[left]} & {text.text for text in parts[right]}, (left, right)
        # Of a pair that does not train, the human text may calibrate and the machine text test.
        both = {left, right} == {"calibration", "test"}
        pairs = [{text.pair for text in parts[part] if not both or text.label == "human"} for part in (left, right)]
        assert not pairs[0] & pairs[1], (left, right)
        beginnings = [{beginning(text.text) for text in parts[part]} for part in (left, right)]
        assert not beginnings[0] & beginnings[1], (left, right)
