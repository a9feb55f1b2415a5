"""Which p-value holds for a kind of text that nobody saw: five ways, sources left out of training and population in turn.

`python -m benchmarks.validity` prints the tables of `docs/decisions/validity.md`, and writes `fairness.json` beside this file,
the rates by kind and by writer of what ships; `tests/benchmarks/test_fairness.py` reads it. Folds, head and population are
those of `benchmarks.sources`, the ways those of `benchmarks.validity_methods`; nothing is scored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from benchmarks import validity_methods as way
from benchmarks.sources import FOLDS, LEVELS, WEIGHTS, LeftOut, Table, interval, left_out, load
from llm_audit.detectors.populations.population import LEAST_OF_A_KIND
from llm_audit.stats.classification import auroc, binomial_interval
from llm_audit.stats.conformal import Ranked
from llm_audit.training.labelled import Labelled
from tools.build_population import kind, writer

LEAST = 40
"""Human texts of a source that are enough to be the worst one."""

DIMENSIONS = 12
"""Of the content space: latent semantic analysis of the words, function words left out (Deerwester et al. 1990)."""

BANDWIDTHS = (0.4, 0.5, 0.6)
"""Of the kernel in the content space, where texts are vectors of length 1."""

EPSILON = 0.1
"""At which kinds are excluded."""

GROUPS_OF_LENGTHS = (64, 112, 160)
"""Shortest texts of the three groups of lengths, for MCP."""

FAIRNESS = Path(__file__).with_name("fairness.json")

Floats = NDArray[np.float64]


def content_space(table: Table, fold: LeftOut) -> Floats:
    """(n, d): what the texts are about, from the words of the fold's population alone; machine text has no part in it."""
    words = TfidfVectorizer(min_df=5, max_df=0.5, sublinear_tf=True, stop_words="english")
    counts = words.fit_transform([table.texts[i].text for i in fold.reference])
    space = TruncatedSVD(DIMENSIONS, random_state=0).fit(counts).transform(words.transform([text.text for text in table.texts]))
    return np.asarray(space / np.maximum(np.linalg.norm(space, axis=1, keepdims=True), 1e-9))


def machine_ness(table: Table, fold: LeftOut, space: Floats) -> float:
    """AUROC, on the left-out sources, of a classifier of machine text that sees the content space alone; NaN: no such text."""
    training = table.rows(lambda text, part: part == "train" and text.label != "machine-revised")
    training = np.setdiff1d(training, fold.tested)
    labels = np.array([text.is_machine for text in table.texts], dtype=np.int64)
    if len(set(labels[fold.tested])) < 2:
        return np.nan
    fitted = LogisticRegression(C=10).fit(space[training], labels[training])
    return auroc(fitted.decision_function(space[fold.tested]), labels[fold.tested])


def numbers(names: list[str]) -> NDArray[np.int64]:
    """(n,): names as numbers from 0."""
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def judged(table: Table, fold: LeftOut, space: Floats) -> Iterator[dict[str, float]]:
    """The p-value of each tested text by each way."""
    reference = [table.texts[i] for i in fold.reference]
    kinds, sources = numbers([kind(text) for text in reference]), numbers([text.source for text in reference])
    large = np.bincount(kinds) >= LEAST_OF_A_KIND
    near = space[fold.reference]
    within = way.within_kinds(near, kinds)
    longest = table.lengths[fold.reference] >= GROUPS_OF_LENGTHS[-1]
    every = np.ones(len(reference), dtype=np.bool_)
    whole, short = Ranked(fold.columns[fold.reference]), Ranked(fold.columns_short[fold.reference][longest])
    for i in fold.tested:
        extreme = whole.at_least_as_extreme(fold.columns[i], WEIGHTS)
        own_length = short.at_least_as_extreme(fold.columns[i], WEIGHTS)
        kind_p = way.kind_p_values(np.linalg.norm(near - space[i], axis=1), within)
        seed = int.from_bytes(hashlib.sha256(f"centre {table.texts[i].text}".encode()).digest()[:8], "big")
        found = {
            "(a) plain rank": way.plain(extreme),
            f"(b) largest over kinds not excluded at {EPSILON}": way.over_kinds(extreme, kinds, kind_p, EPSILON),
            f"(b) largest over all kinds of {LEAST_OF_A_KIND} texts": way.over_kinds(
                extreme, kinds, np.where(large, 1.0, 0.0), 0.5
            ),
        }
        for width in BANDWIDTHS:
            drawn = np.random.default_rng(seed)
            found[f"(c) randomly localised, h = {width}"] = way.localised(extreme, near, space[i], width, drawn)
        for width in BANDWIDTHS:
            found[f"(c) centred on the text, h = {width}"] = way.localised(extreme, near, space[i], width, None)
        yield found | {
            "(d) sources pooled": way.pooled_sources(extreme, sources),
            "(d) a source as one, exact": way.exact_sources(extreme, sources),
            "(d) subsampled, exact": way.subsampled_sources(extreme, sources),
            "(e) MCP: texts of the group of lengths": way.among(own_length, every[: len(own_length)]),
        }


def row(p: Floats, level: float, human: NDArray[np.bool_], sources: NDArray[np.str_]) -> str:
    """Share of human texts with p <= level: of all, the mean over sources, and the worst source."""
    own = {name: human & (sources == name) for name in sorted(set(sources[human]))}
    rates = {name: float(np.mean(p[rows] <= level)) for name, rows in own.items() if rows.sum() >= LEAST}
    worst = max(rates, key=lambda name: rates[name])
    return f"{np.mean(p[human] <= level):.4f} / {np.mean(list(rates.values())):.4f} / {rates[worst]:.3f} {worst}"


def rates(p: Floats, texts: list[Labelled]) -> list[dict[str, object]]:
    """Flagged human texts by writer and by kind, with exact 95 % intervals, as they are stored."""
    ways: dict[str, Callable[[Labelled], str]] = {"all": lambda text: "all", "writer": writer, "kind": kind}
    found: list[dict[str, object]] = []
    for by, of in ways.items():
        groups = np.array([of(text) for text in texts])
        for group in sorted(set(groups.tolist())):
            own = p[groups == group]
            flagged = {str(level): int(np.sum(own <= level)) for level in LEVELS}
            bounds = binomial_interval(flagged["0.01"], len(own))
            interval_ = [round(bound, 4) for bound in bounds]
            found.append({"by": by, "group": group, "n": len(own), "flagged": flagged, "interval at 0.01": interval_})
    return found


def main() -> None:
    """Print the tables, and store the rates of the plain rank."""
    table = load()
    tested: list[int] = []
    found: dict[str, list[float]] = {}
    seen = []
    for out in range(FOLDS):
        fold = left_out(table, out)
        space = content_space(table, fold)
        seen.append(machine_ness(table, fold, space))
        tested += fold.tested.tolist()
        for one in judged(table, fold, space):
            for name, p in one.items():
                found.setdefault(name, []).append(p)
    texts = [table.texts[i] for i in tested]
    human, sources = np.array([text.label == "human" for text in texts]), np.array([text.source for text in texts])
    print(f"{human.sum()} human and {(~human).sum()} machine texts; machine text told in the content space: AUROC ", end="")
    print(", ".join(f"{area:.2f}" for area in seen if np.isfinite(area)) + "\n")
    print(
        "| | "
        + " | ".join(f"p <= {level:g}: all / mean / worst" for level in LEVELS)
        + " | machine text found at .01 | smallest p |"
    )
    print("|---|" + "---|" * (len(LEVELS) + 2))
    for name, values in found.items():
        p = np.array(values)
        cells = " | ".join(row(p, level, human, sources) for level in LEVELS)
        print(f"| {name} | {cells} | {interval(p[~human] <= 0.01)} | {p.min():.2g} |")
    p = np.array(found["(a) plain rank"])
    for alpha in LEVELS[1:]:
        power = float(np.mean(p[~human] <= alpha))
        print(f"\nAt the level at which each finds {power:.2f} of machine texts, as the plain rank at {alpha:g}:\n")
        print("| | level | all / mean / worst |\n|---|---|---|")
        for name, values in found.items():
            other = np.array(values)
            level = float(np.quantile(other[~human], power, method="lower"))
            print(f"| {name} | {level:.3g} | {row(other, level, human, sources)} |")
    stored = rates(p[human], [text for text in texts if text.label == "human"])
    FAIRNESS.write_text("[\n" + ",\n".join(json.dumps(one) for one in stored) + "\n]\n", encoding="utf-8")
    print(
        "\n| by | group | human texts | " + " | ".join(f"p <= {level:g}" for level in LEVELS) + " |\n|---|---|---|---|---|---|"
    )
    by_row = {(str(one["by"]), str(one["group"])): one for one in stored}
    for (by, group), one in by_row.items():
        flagged = one["flagged"]
        assert isinstance(flagged, dict)
        cells = [interval(np.arange(int(str(one["n"]))) < count) for count in flagged.values()]
        print(f"| {by} | {group} | {one['n']} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
