"""Power of the radioactivity test, on small models that learn marked text here: python -m benchmarks.radioactivity.

The teacher is the fixture model (1.26 M parameters, V = 2,048). It writes 300 records with and without the mark of a key,
behind the first words of records of its grammar. Students are copies of it that are fine-tuned on 300 records, a share of them
marked; each reads marked records, those it has learnt and 80 fresh ones, and writes 80 records of its own, unmarked. In the
first row of a scheme nothing marked was learnt, and p should be anywhere.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

import llm_audit
from fixtures.membership import grammar
from fixtures.membership.train import FIXTURE, START, Trained, learn, save
from llm_audit.detectors.watermark.keys import new_key, write_key
from llm_audit.detectors.watermark.schemes import SCHEMES

TEXTS, LENGTH, FRESH = 300, 80, 80
BATCH, LEARNING_RATE, EPOCHS = 16, 1e-3, 4
SHARES = (0.0, 1.0, 0.1)
SCHEMES_TRIED: dict[str, dict[str, object]] = {
    "transformers-kgw": {"gamma": 0.25, "delta": 3.0},
    "vllm-gumbel": {"context_width": 1},
}


def prompts(count: int, seed: int, file: Path) -> Path:
    """The first words of so many records."""
    generator = np.random.default_rng(seed)
    lines = [json.dumps({"prompt": "<s>" + " ".join(grammar.document(generator).split()[:5])}) for _ in range(count)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def written(model: Path, folder: Path, name: str, asked: Path, seed: int, key: Path | None = None) -> Path:
    """Records that a model wrote, as JSON lines."""
    made = folder / f"{name}.jsonl"
    llm_audit.generate(
        f"{model}@template=none",
        made,
        prompts=asked,
        max_tokens=LENGTH,
        seed=seed,
        watermark=key,
        setup=llm_audit.Setup(cache=False),
    )
    return made


def texts_of(file: Path) -> list[str]:
    """The texts in a file of JSON lines, each behind its prompt."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [line["prompt"].removeprefix("<s>") + line["text"] for line in lines]


def student(texts: Sequence[str], folder: Path, seed: int, epochs: int) -> float:
    """Fine-tune a copy of the teacher on the texts, so often, into a folder; returns the loss of the last epoch, nats."""
    from transformers import LlamaForCausalLM

    tokenizer = Tokenizer.from_file(str(FIXTURE / "tokenizer.json"))
    sequences = [[START, *encoding.ids] for encoding in tokenizer.encode_batch(list(texts))]
    model, generator = LlamaForCausalLM.from_pretrained(FIXTURE, dtype=torch.float32), np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    losses: list[float] = []
    for _ in range(epochs):
        order = generator.permutation(len(sequences))
        batches = [[sequences[i] for i in order[start : start + BATCH]] for start in range(0, len(order), BATCH)]
        losses = [learn(model, batch, optimizer) for batch in batches]
    save(Trained(model, 0, 0, 0.0, 0.0), tokenizer, folder)
    return float(np.mean(losses))


def tested(*marked: Path, key: Path, model: Path, answers: Path | None = None) -> str:
    """One cell: log10 p and the number of contexts."""
    report = llm_audit.membership.watermark(
        marked, key=key, answers=[answers] if answers else [], setup=llm_audit.Setup(model=str(model), cache=False)
    )
    found = report.membership
    assert found is not None
    (result,) = found.tests
    p = -result.p_value if result.p_value else 0.0
    return f"{p:.2g} ({result.n:,})".removeprefix("-")


def main(epochs: int = EPOCHS) -> None:
    """Print one row for each scheme and share."""
    size = json.loads((FIXTURE / "config.json").read_text())["vocab_size"]
    print(
        f"{'scheme':18} {'marked':>7} {'loss':>6} {'reads what it learnt':>24} {'reads fresh marks':>24} "
        f"{'writes, all':>20} {'filtered':>20}"
    )
    for scheme, fields in SCHEMES_TRIED.items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            extra = {"vocab_size": size} if "vocab_size" in SCHEMES[scheme].model_fields else {}
            write_key(folder / "key.json", new_key(scheme, None, None, **extra | fields))
            key, asked = folder / "key.json", prompts(TEXTS, 1, folder / "prompts.jsonl")
            plain = written(FIXTURE, folder, "plain", asked, 2)
            marked = written(FIXTURE, folder, "marked", asked, 3, key)
            fresh = written(FIXTURE, folder, "fresh", prompts(FRESH, 4, folder / "fresh-prompts.jsonl"), 5, key)
            for share in SHARES:
                count = round(share * TEXTS)
                texts = [*texts_of(marked)[:count], *texts_of(plain)[count:]]
                model = folder / f"student-{share}"
                loss = student(texts, model, 6, epochs)
                learnt = folder / f"learnt-{share}.jsonl"
                lines = marked.read_text(encoding="utf-8").splitlines(keepends=True)
                learnt.write_text("".join(lines[: count or TEXTS]), encoding="utf-8")
                answers = written(model, folder, f"answers-{share}", prompts(FRESH, 7, folder / f"p-{share}.jsonl"), 8)
                cells = (
                    tested(learnt, key=key, model=model),
                    tested(fresh, key=key, model=model),
                    tested(key=key, model=model, answers=answers),
                    tested(learnt, key=key, model=model, answers=answers),
                )
                print(
                    f"{scheme:18} {share:7.0%} {loss:6.2f} {cells[0]:>24} {cells[1]:>24} {cells[2]:>20} {cells[3]:>20}",
                    flush=True,
                )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
