"""How much editing the marks of Kuditipudi et al. survive: python -m benchmarks.watermark_edits [TEXTS] [FILE.svg].

SmolLM2-135M-Instruct continues openings of invented records at temperature 1 under EXP and ITS (arXiv 2307.15593, 256 keys).
Median p-values by length, and by the share of 35 tokens that are substituted, deleted or inserted, with tokens drawn uniformly
from the vocabulary (an edited text is cut to 35 tokens again). Then, on 500 texts, the closed form of the cost without edits
beside fresh keys.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from benchmarks.watermark_draws import V, drawn, embedded_model
from fixtures.membership import grammar
from llm_audit.detectors.watermark.alignment import Cost, closed_form, fresh_keys
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.detectors.watermark.schemes.base import TokenisedText
from llm_audit.detectors.watermark.schemes.kuditipudi import KeySequence

LENGTHS = (10, 15, 20, 25, 35, 50, 70)
TOKENS, SHARES = 35, (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
DRAWS = 499
TITLES = {"kuditipudi-exp": "EXP", "kuditipudi-its": "ITS"}

Ids = np.ndarray[tuple[int], np.dtype[np.int64]]
Edit = Callable[[Ids, float, np.random.Generator], Ids]


def openings(count: int) -> list[str]:
    """The first words of so many invented records."""
    generator = np.random.default_rng(11)
    return [" ".join(grammar.document(generator).split()[:8]) for _ in range(count)]


def substituted(ids: Ids, share: float, rng: np.random.Generator) -> Ids:
    """A share of the tokens exchanged for random ones."""
    return np.where(rng.random(len(ids)) < share, rng.integers(0, V, len(ids)), ids)


def deleted(ids: Ids, share: float, rng: np.random.Generator) -> Ids:
    """A share of the tokens taken out."""
    return ids[rng.random(len(ids)) >= share]


def inserted(ids: Ids, share: float, rng: np.random.Generator) -> Ids:
    """Random tokens before a share of the places."""
    places = np.flatnonzero(rng.random(len(ids)) < share)
    return np.insert(ids, places, rng.integers(0, V, len(places)))


EDITS: Mapping[str, Edit] = {"substituted": substituted, "deleted": deleted, "inserted": inserted}


def closed(scheme: KeySequence, ids: Ids) -> float:
    """The p-value of the closed form."""
    return math.exp(closed_form(scheme, TokenisedText.of(ids)).log_p)


def ranked(scheme: KeySequence, ids: Ids, cost: Cost, draws: int = DRAWS, stop: int = 10) -> float:
    """The p-value among fresh keys."""
    return fresh_keys(scheme, TokenisedText.of(ids), np.random.default_rng(1), cost, draws=draws, stop=stop).p_value


def by_length(scheme: KeySequence, texts: Sequence[Ids]) -> list[float]:
    """Median p-values of the first tokens, in closed form."""
    return [float(np.median([closed(scheme, ids[:length]) for ids in texts])) for length in LENGTHS]


def by_edits(scheme: KeySequence, texts: Sequence[Ids], edit: Edit) -> dict[Cost, list[float]]:
    """Median p-values of edited texts of 35 tokens among fresh keys, by the cost and the share of edits."""
    rows: dict[Cost, list[float]] = {"simple": [], "edit": []}
    for share in SHARES:
        rng = np.random.default_rng(round(100 * share))
        changed = [edit(ids, share, rng)[:TOKENS] for ids in texts]
        for cost, row in rows.items():
            row.append(float(np.median([ranked(scheme, ids, cost) for ids in changed])))
    return rows


def both_ways(scheme: KeySequence, texts: Sequence[Ids], count: int = 500) -> str:
    """The closed form beside 999 fresh keys, none spared, on texts of 35 tokens with up to all of them substituted."""
    rng = np.random.default_rng(7)
    pairs = []
    for i in range(count):
        ids = substituted(texts[i % len(texts)], float(rng.random()), rng)[:TOKENS]
        pairs.append((closed(scheme, ids), ranked(scheme, ids, "simple", draws=999, stop=1000)))
    exact, drawn_ = np.array(pairs).T
    error = 3 * np.sqrt(drawn_ * (1 - drawn_) / 999) + 1 / 1000
    inside = (drawn_ > 0.002) & (drawn_ < 0.5)
    return (
        f"{count} texts: the closed form is at least the p-value of fresh keys (less three standard errors) in "
        f"{np.mean(exact >= drawn_ - error):.3f}; where that lies between .002 and .5, their ratio is "
        f"{np.median(exact[inside] / drawn_[inside]):.2f} in the median ({inside.sum()} texts), rank correlation "
        f"{np.corrcoef(np.argsort(np.argsort(exact[inside])), np.argsort(np.argsort(drawn_[inside])))[0, 1]:.3f}"
    )


def plotted(lengths: Mapping[str, Sequence[float]], edits: Mapping[tuple[str, str, Cost], Sequence[float]], file: str) -> None:
    """Four panels: p by length, and by each edit."""
    mpl.rcParams |= {"svg.hashsalt": "llm-audit", "svg.fonttype": "none", "font.size": 9}
    figure = Figure(figsize=(10, 2.9), layout="constrained")
    first, *others = figure.subplots(1, 1 + len(EDITS), sharey=True)
    colours = {"EXP": "#1f6feb", "ITS": "#d1700f"}
    for title, row in lengths.items():
        first.plot(LENGTHS, np.maximum(row, 1e-9), color=colours[title], label=f"{title}, closed form")
    first.set(xlabel="tokens, unedited", ylabel="median p", yscale="log", ylim=(1e-9, 1.5))
    for panel, name in zip(others, EDITS, strict=True):
        for (title, edit, cost), row in edits.items():
            if edit == name:
                style = "-" if cost == "edit" else ":"
                kind = "cost with edits" if cost == "edit" else "without"
                panel.plot(SHARES, row, style, color=colours[title], label=f"{title}, {kind}")
        panel.set(xlabel=f"share {name}, {TOKENS} tokens")
    for panel in (first, *others):
        panel.axhline(0.01, color="#888888", linewidth=0.8)
        panel.grid(alpha=0.2)
    first.legend(frameon=False, fontsize=7)
    others[0].legend(frameon=False, fontsize=7, loc="lower right")
    figure.savefig(file, metadata={"Date": None}, facecolor="white")


def main(texts: int = 100, file: str | None = None) -> None:
    """Print the tables, and draw them."""
    sampler, longest = embedded_model(), max(LENGTHS)
    asked = openings(texts)
    lengths: dict[str, Sequence[float]] = {}
    edits: dict[tuple[str, str, Cost], Sequence[float]] = {}
    for name, title in TITLES.items():
        scheme = SCHEMES[name].model_validate({"key": "9173502", "vocab_size": V})
        assert isinstance(scheme, KeySequence)
        made = drawn(sampler, 1.0, Key(scheme), asked, 3, longest)
        long = [np.array(ids[:longest], np.int64) for ids in made if len(ids) >= longest]
        lengths[title] = by_length(scheme, long)
        print(f"\n{title}: {len(long)} texts of {longest} tokens or more; median p, closed form")
        print(" ".join(f"{length}: {p:.2g}" for length, p in zip(LENGTHS, lengths[title], strict=True)), flush=True)
        for edit, change in EDITS.items():
            for cost, row in by_edits(scheme, long, change).items():
                edits[title, edit, cost] = row
                print(f"| {title} | {edit} | {cost} | " + " | ".join(f"{p:.3f}" for p in row) + " |", flush=True)
        print(both_ways(scheme, long), flush=True)
    if file:
        plotted(lengths, edits, file)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100, *sys.argv[2:3])
