"""Texts of several parts: how often the merged p-value of a human one is too small, and how alike its parts are.

`python -m benchmarks.long` prints the tables of `docs/measurements/long.md`. Human texts of the second batch that do not train,
from 257 to 1,024 tokens long, at most `OF_A_SOURCE` of a source and class of length, and machine texts of prompts that do not
train. Each part is judged as `detect` does, by the texts of the shipped population outside the text's own fold (`uniform`), so
that no text is judged by a piece of its own. The first time, the texts are scored: some 20 minutes on two cores.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from benchmarks.sources import LEVELS, interval
from benchmarks.uniform import fold
from llm_audit.detectors import find
from llm_audit.detectors.origin.run import request_for
from llm_audit.detectors.origin.window import read
from llm_audit.detectors.populations import DEFAULT_POPULATION, load
from llm_audit.detectors.populations.population import STRETCHES, Stretch
from llm_audit.stats.combination import bonferroni, simes
from llm_audit.stats.conformal import Ranked
from llm_audit.training.labelled import Labelled
from tools import second_batch
from tools.build_population import members_of
from tools.score_corpus import clip, default_session

LONGEST = 1024
"""Tokens that are kept of a text: at most four parts of 256."""

OF_A_SOURCE = {"human": 12, "machine": 12}
"""Texts of a source, class of length and label."""

MERGED: dict[str, Callable[[Sequence[float]], float]] = {
    "Simes": simes,
    "Bonferroni": bonferroni,
    "the first part alone": lambda p: p[0],
}


@dataclass(frozen=True)
class Long:
    """A text of several parts, and the p-value of each."""

    text: Labelled
    parts: tuple[float, ...]


def drawn() -> Iterator[Labelled]:
    """The texts, by a hash of each, at most so many of a source, class of length and label."""
    rows = [row for row in second_batch.documents() if row["part"] != "train" and row["label"] in OF_A_SOURCE]
    rows = [row for row in rows if len(row["text"].split()) >= 200]
    rows.sort(key=lambda row: hashlib.sha256(f"long {row['id']}".encode()).digest())
    taken: Counter[tuple[str, bool, str]] = Counter()
    for row in rows:
        cell = row["source"], len(row["text"].split()) >= 420, row["label"]
        if taken[cell] < OF_A_SOURCE[row["label"]]:
            taken[cell] += 1
            yield Labelled(**{name: row[name] for name in ("text", "label", "pair", "source", "domain", "generator")})


def judge() -> list[Long]:
    """Every text, each of its parts by the population without its fold."""
    population, detectors, session = load(DEFAULT_POPULATION), find(()), default_session()
    table = np.stack([population.scores[detector.code] for detector in detectors], axis=-1).astype(np.float64)
    weights = [detector.weight for detector in detectors]
    folds = np.array([fold(text) for text, _ in members_of(session)])
    references: dict[tuple[int, Stretch], Ranked] = {}

    def p_value(own: int, stretch: Stretch, statistics: Sequence[float]) -> float:
        if (own, stretch) not in references:
            others = table[folds != own, STRETCHES.index(stretch)]
            references[own, stretch] = Ranked(others[np.isfinite(others).all(axis=1)])
        extreme = references[own, stretch].at_least_as_extreme(np.float32(statistics), weights)
        return (1 + int(extreme.sum())) / (len(extreme) + 1)

    texts = list(drawn())
    scored = session.score(clip([text.text for text in texts], LONGEST), request_for(population, detectors))
    found = []
    for text, scores in zip(texts, scored, strict=True):
        windows = [read(window, population, detectors) for window in scores.windows()]
        parts = [p_value(fold(text), window.beginning, window.statistics) for window in windows if window.beginning]
        if len(parts) > 1:
            found.append(Long(text, tuple(parts)))
    return found


def main() -> None:
    """Print the tables."""
    judged = judge()
    print("| texts | parts | n | merged by |" + "".join(f" p <= {level:g} |" for level in LEVELS))
    print("|---|---|---|---|" + "---|" * len(LEVELS))
    for label in OF_A_SOURCE:
        own = [one for one in judged if one.text.label == label]
        for count in ("all", *sorted({len(one.parts) for one in own})):
            some = [one.parts for one in own if count in ("all", len(one.parts))]
            for name, merge in MERGED.items():
                p = np.array([merge(parts) for parts in some])
                print(
                    f"| {label} | {count} | {len(p)} | {name} | " + " | ".join(interval(p <= level) for level in LEVELS) + " |"
                )
    human = [one.parts for one in judged if one.text.label == "human"]
    print("\n| part of a human text | n | rank correlation with the part before |" + "".join(f" p <= {x:g} |" for x in LEVELS))
    print("|---|---|---|" + "---|" * len(LEVELS))
    for place in range(max(map(len, human))):
        p = np.array([parts[place] for parts in human if len(parts) > place])
        before = [parts[place - 1] for parts in human if len(parts) > place]
        alike = f"{spearmanr(before, p).statistic:.2f}" if place else ""
        print(f"| {place + 1} | {len(p)} | {alike} | " + " | ".join(interval(p <= level) for level in LEVELS) + " |")


if __name__ == "__main__":
    main()
