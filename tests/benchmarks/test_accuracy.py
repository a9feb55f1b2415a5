"""The claims of the accuracy tables, recomputed. Needs `../shared/data`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llm_audit.scoring.store import DEFAULT_MODEL, Store
from tests.benchmarks import accuracy, corpus
from tests.benchmarks.score_corpus import REQUEST, cell_texts, default_session, default_tokenizer

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not corpus.DATA.exists(), reason=f"the labelled texts are not at {corpus.DATA}"),
]

CELLS = (
    ("fastdetect", "writing", "gpt-4"),
    ("glimpse", "xsum", "claude-3-opus-20240229"),
    ("fastdetect-open", "squad", "gpt2-xl"),
)
PAIRS = 40


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


@pytest.mark.parametrize("cell", CELLS, ids=" ".join)
def test_auroc_is_that_of_a_plain_loop(cell: tuple[str, str, str]) -> None:
    sides = [[text for text in side[:PAIRS] if text] for side in cell_texts()[cell]]
    theirs = [plain_loop(side) for side in sides]
    ours = [list(default_session().score(side, REQUEST)) for side in sides]
    for detector in accuracy.DETECTORS:
        reference = accuracy.roc_auc_score(
            [0] * len(theirs[0]) + [1] * len(theirs[1]), [row[detector.name] for side in theirs for row in side]
        )
        found = accuracy.auroc(*ours, detector.statistic)
        print(f"{' '.join(cell)}: {detector.name} {found:.4f}, plain loop {reference:.4f}")
        assert abs(found - reference) <= 0.002


def test_false_positive_rates_hold_on_texts_that_calibration_never_saw() -> None:
    found = accuracy.false_positive_rates(accuracy.reserved())
    for name, rates in {**found.by_length, "all": found.by_domain["all"]}.items():
        for rate in rates:
            print(f"{name}: alpha {rate.alpha}: {rate}")
            assert rate.covers(), name


def test_no_pair_lies_in_both_halves() -> None:
    halves: dict[str, set[str]] = {}
    for human in corpus.humans():
        halves.setdefault(human.pair, set()).add(human.half)
    assert all(len(found) == 1 for found in halves.values())
    assert np.mean([human.half == "reserve" for human in corpus.humans()]) == pytest.approx(0.5, abs=0.05)
