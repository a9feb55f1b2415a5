"""The trained detector of transformers' SynthID against the exact test: python -m benchmarks.watermark_bayesian FOLDER [TEXTS].

`BayesianDetectorModel` learns, for one key and one kind of text, how likely each bit is in a marked text, and returns a
posterior probability; it has to be trained on texts that the key marked and on texts that it did not. Here:
SmolLM2-135M-Instruct continues openings of news (`../shared/data`, bbc) by 100 tokens, marked with 30 layers; the others are
pieces of other news. FOLDER keeps the drawn texts, so that a run that was stopped goes on where it was.

Trained as the reference trains it (synthid-text 0.2.1): Adam at .021, 50 epochs, batches of 64, the best penalty and epoch by
the loss on held-out texts. Both detectors are compared at the thresholds that the same share of human pieces exceeds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    BayesianDetectorConfig,
    BayesianDetectorModel,
    SynthIDTextWatermarkDetector,
    SynthIDTextWatermarkLogitsProcessor,
)

from benchmarks.watermark_draws import drawn, embedded_model, human, prompts
from llm_audit.detectors.watermark.counts import count
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.schemes.base import TokenisedText
from llm_audit.detectors.watermark.schemes.synthid import SynthIdTransformers
from tools.score_corpus import default_tokenizer

LAYERS = [7919 * i for i in range(1, 31)]
LENGTH, ROUND = 100, 50
LENGTHS = (10, 15, 25, 50, 100)
LEARNT, CHECKED = 200, 100
"""Human pieces that the detector is trained on, and by which its penalty is chosen; the other 2,700 give the thresholds."""

LEVEL = 0.01
Ids = NDArray[np.int64]
Score = Callable[[Ids], NDArray[np.float64]]


class Texts(NamedTuple):
    """Token ids, (n, 100) each: for training, for the choice of the penalty, and for the comparison."""

    learnt: Ids
    checked: Ids
    compared: Ids


def marked(folder: Path, temperature: float, texts: int) -> Ids:
    """Continuations that the key marked, drawn round by round into a file; those that the model ended early are left out."""
    file, tokenizer = folder / f"marked-{temperature:g}.jsonl", default_tokenizer()
    have = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    sampler = embedded_model() if len(have) < texts else None
    asked, key = prompts(tokenizer, texts), Key(SynthIdTransformers(keys=tuple(map(str, LAYERS))))
    while sampler is not None and len(have) < texts:
        start, here = time.process_time(), asked[len(have) : min(len(have) + ROUND, texts)]
        made = drawn(sampler, temperature, key, here, len(have), LENGTH)
        with file.open("a") as lines:
            lines.writelines(json.dumps(ids) + "\n" for ids in made)
        have += made
        print(f"{len(have)} texts at T = {temperature:g}: {time.process_time() - start:.0f} s of CPU", flush=True)
    return np.array([ids for ids in have[:texts] if len(ids) == LENGTH])


def plain() -> Texts:
    """Pieces of human news."""
    whole = np.array(human(default_tokenizer(), 300)).reshape(-1, LENGTH)
    return Texts(whole[:LEARNT], whole[LEARNT : LEARNT + CHECKED], whole[LEARNT + CHECKED :])


def detector() -> SynthIDTextWatermarkDetector:
    """Transformers' detector of the key, untrained."""
    torch.manual_seed(1)
    model = BayesianDetectorModel(BayesianDetectorConfig(watermarking_depth=len(LAYERS)))
    processor = SynthIDTextWatermarkLogitsProcessor(5, LAYERS, 2**16, 0, 1024, torch.device("cpu"))
    return SynthIDTextWatermarkDetector(model, processor, SimpleNamespace(eos_token_id=-1))  # no text holds its end


class Bits(NamedTuple):
    """What the detector reads of texts: the bits, which of them count, and whether each text is marked."""

    bits: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor


def bits_of(which: SynthIDTextWatermarkDetector, with_mark: Ids, without: Ids) -> Bits:
    """The bits of marked and other texts, in a random order."""
    order = np.random.default_rng(2).permutation(len(with_mark) + len(without))
    ids = torch.from_numpy(np.concatenate([with_mark, without])[order])
    labels = torch.from_numpy((order < len(with_mark)).astype(np.float32))
    processor = which.logits_processor
    return Bits(processor.compute_g_values(ids), processor.compute_context_repetition_mask(ids), labels)


def trained(with_mark: Texts, without: Texts) -> SynthIDTextWatermarkDetector:
    """The detector with the penalty, and after the epoch, that lose least on the held-out texts."""
    best, least = detector(), np.inf
    learnt = bits_of(best, with_mark.learnt, without.learnt)
    checked = bits_of(best, with_mark.checked, without.checked)
    for penalty in (0.001, 0.01):
        tried = detector()
        for loss in epochs(tried.detector_module, learnt, checked, float(penalty)):
            if loss < least:
                least = loss
                best.detector_module.load_state_dict(tried.detector_module.state_dict())
    return best


def epochs(model: Any, learnt: Bits, checked: Bits, penalty: float) -> Iterator[float]:
    """Train, and yield the loss on the held-out texts after each epoch."""
    batches = torch.arange(len(learnt.labels)).split(64)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.021)
    for _ in range(50):
        for rows in batches:
            optimizer.zero_grad()
            bits, mask, labels = (part[rows] for part in learnt)
            _, loss = model(bits, mask, labels, loss_batch_weight=penalty / len(batches))
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            yield float(model(checked.bits, checked.mask, checked.labels, loss_batch_weight=0.0)[1])


def exact(texts: Ids, from_start: bool) -> NDArray[np.float64]:
    """Minus log p of the exact test of each text; from the start, or of the tokens that the other detector reads, less four."""
    scheme = SynthIdTransformers(keys=tuple(map(str, LAYERS)))
    each = [count(scheme.observe(TokenisedText.of(ids, from_start=from_start))) for ids in texts]
    totals, n, scores = np.array([one.total for one in each]), np.array([one.distinct for one in each]), np.zeros(len(each))
    for same in np.unique(n):
        scores[n == same] = -each[0].law.log_tails(totals[n == same], int(same))
    return scores


@torch.no_grad()
def posterior(which: SynthIDTextWatermarkDetector, texts: Ids) -> NDArray[np.float64]:
    """The posterior probability of each text."""
    return np.concatenate([which(torch.from_numpy(part))[0].numpy() for part in np.array_split(texts, 40)])


def row(which: SynthIDTextWatermarkDetector, length: int, with_mark: Ids, without: Ids) -> str:
    """A line of the table, three cells a test: of human and of marked texts at its own threshold, of marked ones at 1 %."""
    cells = []
    scores: tuple[tuple[Score, float], ...] = (
        (partial(exact, from_start=True), -np.log(LEVEL)),
        (partial(exact, from_start=False), -np.log(LEVEL)),
        (partial(posterior, which), 0.5),
    )
    for score, stated in scores:
        null, found = score(without[:, :length]), score(with_mark[:, :length])
        allowed = int(LEVEL * len(null))
        same = np.sort(null)[len(null) - allowed - 1]  # above it lie as many as are allowed
        cells += [np.mean(null >= stated), np.mean(found >= stated), np.mean(found > same)]
    return " | ".join(f"{cell:.3f}".removeprefix("0") for cell in cells)


def main(folder: Path, texts: int = 500, temperature: float = 1.0) -> None:
    """Draw, train on half of the marked texts, and print the table."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    with_mark, without = marked(folder, temperature, texts), plain()
    half, held = len(with_mark) // 2, len(with_mark) // 10
    split = Texts(with_mark[:half], with_mark[half : half + held], with_mark[half + held :])
    start = time.process_time()
    which = trained(split, without)
    took = time.process_time() - start
    print(
        f"T = {temperature:g}: trained on {half} marked and {LEARNT} human texts in {took:.0f} s of CPU, "
        f"chosen by {held} and {CHECKED}; {len(split.compared)} marked and {len(without.compared):,} human texts compared\n\n"
        "| tokens | exact, p <= .01: human | marked | at 1 % | less four: human | marked | at 1 % "
        "| posterior >= .5: human | marked | at 1 % |\n" + "|---" * 10 + "|"
    )
    for length in LENGTHS:
        print(f"| {length} | {row(which, length, split.compared, without.compared)} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
