"""How far the p-values of human texts that neither the population nor the classifier knows are uniform: 3,000 texts.

`python -m benchmarks.reserved` draws them, of every source as many as are its share of the population, from all labelled texts
of which neither the beginning nor the document or prompt is known to one of the two shipped files, judges them by their first
256 tokens, and prints the second table of `docs/measurements/false-alarms.md`. Which texts of a source went into the population
was decided by hashes, so that those left are a draw from the same. The first time, the texts are scored: some 45 minutes on one
core.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.uniform import Judged, tables
from llm_audit.detectors import find
from llm_audit.detectors.origin import generated
from llm_audit.detectors.origin.classifier import SHIPPED, load_head
from llm_audit.detectors.populations import DEFAULT_POPULATION, MINIMUM_TOKENS, Population, load
from llm_audit.text import beginning, why_not_prose
from llm_audit.training import evaluate
from llm_audit.training.labelled import Labelled, marks
from tools import second_batch, training_data
from tools.build_population import SOURCES
from tools.score_corpus import clip, default_session, default_tokenizer

N = 3100
"""Texts that are drawn if there are enough of every source; of reuters21578, oyez, bva and hppt there are 85 too few."""


def unknown(population: Population) -> dict[str, list[Labelled]]:
    """Source -> its human texts that the shipped files do not know, each once, in the order of a hash."""
    known = {*population.members.tolist(), *load_head(SHIPPED).seen.tolist()}
    fields = ("text", "label", "pair", "source", "domain")
    rows = (row for documents in (training_data.documents, second_batch.documents) for row in documents())
    humans = [Labelled(**{name: row[name] for name in fields}) for row in rows if row["label"] == "human"]
    found: dict[str, dict[str, Labelled]] = defaultdict(dict)
    for text in sorted(humans, key=lambda text: hashlib.sha256(f"reserved {text.text}".encode()).digest()):
        if text.source in SOURCES and known.isdisjoint(marks(text).tolist()):
            found[text.source].setdefault(beginning(text.text), text)
    return {source: list(texts.values()) for source, texts in found.items()}


def assessable(texts: Sequence[Labelled], tokens: int) -> list[Labelled]:
    """The texts that the population would take, cut to so many tokens."""
    views = clip([text.text for text in texts], tokens)
    lengths = [len(each) for each in default_tokenizer().encode_batch(views, add_special_tokens=False)]
    return [
        replace(text, text=view)
        for text, view, length in zip(texts, views, lengths, strict=True)
        if length >= MINIMUM_TOKENS and not why_not_prose(view)
    ]


def drawn(population: Population) -> list[Labelled]:
    """The texts, of every source in the population's proportion or, where there are fewer, all that there are."""
    wanted = {source: round(N * population.datasheet.sources.get(name, 0) / population.n) for source, name in SOURCES.items()}
    texts, taken = unknown(population), list[Labelled]()
    for source, count in wanted.items():
        found = assessable(texts.get(source, []), population.longest_window)
        taken += found[:count]
        print(f"{source}: {min(count, len(found))} of the {count} wanted, {len(found)} there", flush=True)
    return taken


def main() -> None:
    """Draw, judge and print."""
    population = load(DEFAULT_POPULATION)
    texts = drawn(population)
    judged = [
        Judged(each.text, each.n_tokens, each.p_value[generated.rule.code])
        for each in evaluate.judge(default_session(), population, find(()), texts)
    ]
    print(f"{len(texts)} texts of {len(Counter(text.pair for text in texts))} documents or prompts, {len(judged)} judged\n")
    tables(judged)


if __name__ == "__main__":
    main()
