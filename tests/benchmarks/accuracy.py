"""The accuracy tables: realised false-positive rates, and AUROC and power on labelled cells.

`python -m tests.benchmarks.accuracy` prints them as Markdown; they are pasted into the READMEs. Needs the scores of
`score_corpus.py` (an hour), or computes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from llm_audit import populations
from llm_audit.detectors import find
from llm_audit.populations import MINIMUM_TOKENS
from llm_audit.scoring.tokens import TokenScores
from llm_audit.text import normalise, why_not_prose
from tests.benchmarks.score_corpus import REQUEST, cell_texts, clip, default_session, default_tokenizer, human_texts

DETECTORS = find(())
ALPHAS = (0.05, 0.01)


class Rate(NamedTuple):
    """How many of n human texts were flagged at alpha."""

    alpha: float
    flagged: int
    n: int

    def covers(self) -> bool:
        """Whether alpha lies in the exact 99 % binomial interval of the realised rate."""
        interval = binomtest(self.flagged, self.n).proportion_ci(0.99, "exact")
        return bool(interval.low <= self.alpha <= interval.high)

    def __str__(self) -> str:
        interval = binomtest(self.flagged, self.n).proportion_ci(0.99, "exact")
        mark = "" if self.covers() else " **out of population**"
        return f"{self.flagged / self.n:.4f} [{interval.low:.4f}, {interval.high:.4f}]{mark}"


def rates(p_values: Sequence[float]) -> list[Rate]:
    """Realised rates at every alpha."""
    return [Rate(alpha, int(np.sum(np.asarray(p_values) <= alpha)), len(p_values)) for alpha in ALPHAS]


class Reserved(NamedTuple):
    """A human text that calibration never saw, and its scores."""

    source: str
    domain: str
    text: str
    scores: TokenScores


def reserved() -> list[Reserved]:
    """The human texts of the reserve half that `detect` would judge: prose of at least 64 tokens."""
    humans, texts = human_texts()
    return [
        Reserved(human.source, human.domain, human.text, scores)
        for human, scores in zip(humans, default_session().score(texts, REQUEST), strict=True)
        if human.half == "reserve" and len(scores) >= MINIMUM_TOKENS and not why_not_prose(normalise(human.text).text)
    ]


def domain_name(text: Reserved) -> str:
    """Source and domain; ImBD names its domains by file."""
    return "imbd" if text.source == "imbd" else f"{text.source.removesuffix('-open')} {text.domain}"


class FalsePositives(NamedTuple):
    """Realised rates: texts cut to a length; texts of that length themselves; texts of a domain."""

    by_length: dict[str, list[Rate]]
    by_own_length: dict[str, list[Rate]]
    by_domain: dict[str, list[Rate]]


def false_positive_rates(texts: Sequence[Reserved]) -> FalsePositives:
    """By length (every text that is long enough, cut to it), by own length and by domain (as `detect` judges one window)."""
    population = populations.load(populations.DEFAULT_POPULATION)

    def p_value(scores: TokenScores) -> float:
        return population.compare_all(scores, DETECTORS).p_value

    edges = (64, 96, 128, 160, 192, population.longest_window)
    by_length = {f"{n} tokens": rates([p_value(text.scores[:n]) for text in texts if len(text.scores) >= n]) for n in edges}
    as_judged = [p_value(text.scores[: population.longest_window]) for text in texts]
    by_domain: dict[str, list[float]] = defaultdict(list)
    by_own: dict[str, list[float]] = defaultdict(list)
    for text, p in zip(texts, as_judged, strict=True):
        by_domain[domain_name(text)].append(p)
        at_least = max(n for n in edges if n <= len(text.scores))
        by_own[f"from {at_least} tokens"].append(p)
    return FalsePositives(
        by_length,
        {name: rates(by_own[name]) for name in (f"from {n} tokens" for n in edges)},
        {"all": rates(as_judged), **{name: rates(by_domain[name]) for name in sorted(by_domain)}},
    )


def later_windows(texts: Sequence[Reserved]) -> list[Rate]:
    """Windows from the middle of long human texts, judged against beginnings, as `detect` does."""
    population = populations.load(populations.DEFAULT_POPULATION)
    size = population.longest_window
    parts = []
    long = [text.text for text in texts if len(text.scores) >= 2 * size]
    views = clip(long, 512)
    encodings = default_tokenizer().encode_batch(views, add_special_tokens=False)
    for view, encoding in zip(views, encodings, strict=True):
        parts.append(view[encoding.offsets[size][0] : encoding.offsets[2 * size - 1][1]])
    scored = default_session().score(parts, REQUEST)
    return rates([population.compare_all(s, DETECTORS).p_value for s in scored if len(s) >= MINIMUM_TOKENS])


class Cell(NamedTuple):
    """One (source, domain, generator): AUROC per detector and in combination, power at alpha."""

    name: str
    pairs: int
    auroc: dict[str, float]
    power: list[Rate]


def auroc(human: Iterable[TokenScores], machine: Iterable[TokenScores], statistic: Callable[[TokenScores], float]) -> float:
    """Area under the ROC curve, machine text being positive."""
    values = [[statistic(scores) for scores in side if len(scores) >= 2] for side in (human, machine)]
    return float(roc_auc_score([0] * len(values[0]) + [1] * len(values[1]), values[0] + values[1]))


def cells() -> list[Cell]:
    """Every cell of fastdetect and glimpse, prefix cut."""
    population, session = populations.load(populations.DEFAULT_POPULATION), default_session()
    table = []
    for name, (human, machine) in cell_texts().items():
        scores = [list(session.score(side, REQUEST)) for side in (human, machine)]
        areas = {detector.name: auroc(*scores, detector.statistic) for detector in DETECTORS}
        areas["mean log p"] = auroc(*scores, lambda s: float(s.logprob.mean()))
        p = [population.compare_all(s[:192], DETECTORS).p_value for s in scores[1] if len(s) >= MINIMUM_TOKENS]
        table.append(Cell(" ".join(name), len(human), areas, rates(p)))
    return table


def main() -> None:
    """Print all tables."""
    texts = reserved()
    found = false_positive_rates(texts)
    for title, rows in (("cut to", found.by_length), ("own length", found.by_own_length), ("domain", found.by_domain)):
        print(f"\n| {title} | n | alpha .05 | alpha .01 |\n|---|---|---|---|")
        for name, (five, one) in rows.items():
            print(f"| {name} | {five.n:,} | {five} | {one} |")
    five, one = later_windows(texts)
    print(f"| second window of long texts | {five.n:,} | {five} | {one} |")

    names = [*(detector.name for detector in DETECTORS), "mean log p"]
    print(f"\n| cell | pairs | {' | '.join(names)} | flagged at .05 | at .01 |\n|{'---|' * (len(names) + 4)}")
    table = cells()
    for cell in table:
        areas = " | ".join(f"{cell.auroc[name]:.3f}" for name in names)
        power = " | ".join(f"{rate.flagged}/{rate.n}" for rate in cell.power)
        print(f"| {cell.name} | {cell.pairs} | {areas} | {power} |")
    means = " | ".join(f"{np.mean([cell.auroc[name] for cell in table]):.3f}" for name in names)
    totals = [sum(cell.power[i].flagged for cell in table) / sum(cell.power[i].n for cell in table) for i in range(2)]
    print(f"| mean | | {means} | {totals[0]:.3f} | {totals[1]:.3f} |")


if __name__ == "__main__":
    main()
