"""Build the token frequencies of English that ship with llm-audit, from all distinct human texts of `../shared/data`.

`python -m tools.build_frequencies` writes `detectors/membership/english.safetensors`, as
`llm-audit membership frequencies` would from the same texts; with `--effect` it measures what the size and the kind of the
corpus do to DC-PDD instead.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from llm_audit.detectors.membership.base import SHIPPED
from llm_audit.detectors.membership.counting import count_corpus
from llm_audit.detectors.membership.dc_pdd import dc_pdd, saturated
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokenizer import load_tokenizer
from tools.corpus import Human, components, humans
from tools.score_corpus import REQUEST, default_session, sample
from tools.training_data import part

NAMES = {
    "l2r": "l2r", "fastdetect": "fast-detect-gpt", "fastdetect-open": "fast-detect-gpt", "imbd": "ImBD", "outfox": "OUTFOX",
    "glimpse": "glimpse",
}  # fmt: skip


def count(texts: Sequence[Human], output: Path, name: str, description: str) -> Frequencies:
    """The table of some texts, by the same path as a user's."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "humans.jsonl")
        corpus.write_text("".join(json.dumps({"text": human.text}) + "\n" for human in texts), encoding="utf-8")
        tokenizer = load_tokenizer(Store().resolve(DEFAULT_MODEL, offline=True).folder)
        counted = count_corpus([corpus], tokenizer, name=name, description=description, text_field="text", output=output)
    assert counted.malformed == 0, counted.problems
    return counted.frequencies


def build() -> None:
    """Write the table that ships."""
    texts = humans()
    sources = ", ".join(f"{name} ({n:,})" for name, n in Counter(NAMES[human.source] for human in texts).most_common())
    path = Path(__file__).parents[1] / "detectors" / "membership" / SHIPPED.name
    path.unlink(missing_ok=True)
    table = count(texts, path, "english-mixed", f"English human texts of {sources}.")
    print(f"{path}: {_size(table)}, {path.stat().st_size:,} bytes")


def effect() -> None:
    """Print what tables from less, or from other, text do to the scores of 300 human texts that no table has counted.

    The yardstick is the table of all texts but those of the test part, where the 300 are from.
    """
    rng = np.random.default_rng(0)
    component = components()
    others = [human for human in humans() if part(component(human.pair)) != "test"]
    shuffled = [others[i] for i in rng.permutation(len(others))]
    corpora = {
        "all": others,
        "1/10": shuffled[: len(others) // 10],
        "1/100": shuffled[: len(others) // 100],
        "l2r only": [human for human in others if human.source == "l2r"],
        "XSum and SQuAD only": [human for human in others if human.domain in ("xsum", "squad")],
        "school essays only": [human for human in others if human.domain == "essay"],
    }
    with tempfile.TemporaryDirectory() as folder:
        tables = {name: count(texts, Path(folder, str(i)), name, "") for i, (name, texts) in enumerate(corpora.items())}
    tables["shipped"] = Frequencies.load(SHIPPED)
    tested = [text.text for text in sample("test").texts if not text.is_machine]
    session = default_session()
    scored = [scores for scores in session.score(tested, REQUEST) if len(scores) >= 64]
    scored = [scored[i] for i in rng.permutation(len(scored))[:300]]
    print(f"{len(scored)} texts, {sum(map(len, scored)):,} tokens")
    for name, table in tables.items():
        unseen = np.mean(np.concatenate([table.counts[scores.token_id] == 0 for scores in scored]))
        alike = [
            spearmanr(*([dc_pdd(scores, one, cap) for scores in scored] for one in (table, tables["all"]))).statistic
            for cap in (0.01, 10.0)
        ]
        capped = np.mean([saturated(scores, table) for scores in scored])
        print(f"{name}: {_size(table)}; {unseen:.2%} of the texts' tokens unseen, {capped:.3f} of first occurrences at cap, "
              f"Spearman {alike[0]:.4f} at a=.01, {alike[1]:.4f} at a=10")  # fmt: skip


def _size(table: Frequencies) -> str:
    return f"{table.documents:,} texts, {table.total:,} tokens, {(table.counts > 0).sum():,} distinct"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--effect", action="store_true")
    (effect if parser.parse_args().effect else build)()
