"""Size and power of the tests of "model A sampled these tokens", on synthetic laws whose truth is known.

`python -m benchmarks.attribution_power` prints them as Markdown, each next to the figure of the research note that chose
the tests (statistics.md, B.1 and B.4), with other conditionals of the same kind and another grid of lambda. Half a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, ndtri

from llm_audit.scoring.tokens import RENYI_ORDERS
from llm_audit.stats import concentration, eprocess, pit
from llm_audit.stats.combination import e_to_p
from llm_audit.stats.likelihood_ratio import log_ratio
from tests.stats.laws import Laws

POOL, VOCABULARY, DOCUMENTS = 240, 8_000, 600
ALPHAS = (0.05, 0.01, 0.001)
TESTS = ("z", "certificate", "e fixed", "e anytime", "LR", "KS", "Fisher", "AD")
TAILS = (*ALPHAS, 0.0001)
SKEW_DOCUMENTS = 40_000

SHARPER, NOISE = 1.01, 0.66
"""Of the logits of "another model": its divergence is .08 nats per token, its cross-entropy under A less A's entropy .085."""

Shares = tuple[float | None, ...]
"""Rejected shares at each of ALPHAS; None where the note has no figure."""


class Cell(NamedTuple):
    """One row: who wrote, how long, and the note's figures per test."""

    writer: str
    n: int
    note: dict[str, Shares]


CELLS = (
    Cell(
        "A itself",
        400,
        {
            "z": (0.048, 0.015, 0.003),
            "e fixed": (0.005, 0, 0),
            "e anytime": (0.03, 0.005, 0),
            "LR": (0, 0, 0),
            "KS": (0.055, 0.01, 0),
        },
    ),
    Cell(
        "temperature .9",
        400,
        {
            "z": (0.94, 0.81, 0.46),
            "e fixed": (0.57, 0.35, 0.15),
            "e anytime": (0.69, 0.46, 0.21),
            "LR": (0.84, 0.70, 0.39),
            "KS": (0.52, 0.25, 0.07),
        },
    ),
    Cell(
        "temperature .8",
        100,
        {
            "z": (0.93, 0.70, 0.22),
            "e fixed": (0.52, 0.30, 0.11),
            "e anytime": (0.63, 0.38, 0.15),
            "LR": (0.82, 0.64, 0.28),
            "KS": (0.44, 0.20, 0.05),
        },
    ),
    Cell(
        "temperature .8",
        200,
        {
            "z": (1, 0.99, 0.88),
            "e fixed": (0.94, 0.85, 0.67),
            "e anytime": (0.97, 0.89, 0.73),
            "LR": (0.98, 0.94, 0.85),
            "KS": (0.78, 0.52, 0.22),
            "Fisher": (None, 0.81, None),
        },
    ),
    Cell("temperature 1.1", 200, {"z": (None, 0.57, None), "Fisher": (None, 0.34, None)}),
    Cell(
        "temperature 1.1",
        400,
        {
            "z": (0.96, 0.90, 0.74),
            "e fixed": (0.69, 0.52, 0.31),
            "e anytime": (0.78, 0.62, 0.39),
            "LR": (0.86, 0.75, 0.52),
            "KS": (0.57, 0.34, 0.12),
        },
    ),
    Cell("92 % A, 8 % T = 1.8", 200, {"z": (None, 0.54, None), "Fisher": (None, 0.42, None)}),
    Cell(
        "92 % A, 8 % T = 1.8",
        400,
        {
            "z": (0.90, 0.79, 0.59),
            "e fixed": (0.56, 0.37, 0.20),
            "e anytime": (0.68, 0.49, 0.29),
            "LR": (0.92, 0.85, 0.75),
            "KS": (0.25, 0.08, 0.02),
        },
    ),
    Cell(
        "top-p .95",
        200,
        {
            "z": (0.42, 0.13, 0.02),
            "e fixed": (0.05, 0.01, 0),
            "e anytime": (0.09, 0.04, 0.01),
            "LR": (1, 1, 1),
            "KS": (0.10, 0.02, 0.01),
            "Fisher": (None, 0.20, None),
        },
    ),
    Cell(
        "another model",
        400,
        {
            "z": (0.18, 0.07, 0.02),
            "e fixed": (0.01, 0, 0),
            "e anytime": (0.06, 0.02, 0),
            "LR": (1, 1, 1),
            "KS": (0.11, 0.02, 0.01),
        },
    ),
)
"""Statistics.md, B.4; its Fisher column and the rows with z and Fisher alone come from a second run with 4,000 tokens."""

NOTE_SKEW = {
    50: ((0.061, 0.0170, 0.0031, 0.00077), (0.038, 0.0030, 0, None)),
    100: ((0.056, 0.0150, 0.0023, 0.00035), (0.042, 0.0059, 0.00003, None)),
    300: ((0.053, 0.0129, 0.0018, 0.00028), (0.046, 0.0075, 0.0004, None)),
}
"""Statistics.md, B.1: P(z > q), P(z < -q) at the normal quantiles q of TAILS."""


def models() -> dict[str, Laws]:
    """A and the writers. A is Zipf's law with noise, sharp and flat contexts, tuned to the note's entropy and divergences."""
    rng = np.random.default_rng(2025)
    logits = -2.2 * np.log(np.arange(1, VOCABULARY + 1)) + 0.5 * rng.standard_normal((POOL, VOCABULARY))
    logits *= np.exp(0.4 * rng.standard_normal((POOL, 1)))
    logits[np.arange(POOL), logits.argmax(axis=1)] += 2 * rng.random(POOL)
    logits = rng.permuted(logits, axis=1)
    a = Laws(log_softmax(logits, axis=1))
    return {
        "A itself": a,
        "temperature .9": a.tempered(0.9),
        "temperature .8": a.tempered(0.8),
        "temperature 1.1": a.tempered(1.1),
        "92 % A, 8 % T = 1.8": a.mixed(a.tempered(1.8), 0.08),
        "top-p .95": a.truncated(0.95)[0],
        "another model": Laws(log_softmax(SHARPER * a.log_p + NOISE * rng.standard_normal(logits.shape), axis=1)),
    }


def divergence(writer: Laws, a: Laws) -> float:
    """Mean Kullback-Leibler divergence from A, nats per token."""
    return float(-writer.entropy.mean() - (writer.p * a.log_p).sum(axis=1).mean())


def p_values(a: Laws, writer: Laws, rival: Laws, n: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Each test's p-values of DOCUMENTS texts; the likelihood ratio is that of `rival` to A."""
    texts = writer.write(rng, DOCUMENTS, n)
    columns = a.columns(texts)
    uniform = pit.randomised(columns.mass_above, columns.tie_mass, rng)
    ratios = rival.logprob(texts)
    found: dict[str, list[float]] = {name: [] for name in TESTS}
    for i in range(DOCUMENTS):
        logprob, entropy, varentropy = columns.logprob[i], columns.entropy[i], columns.varentropy[i]
        process = eprocess.mixture(eprocess.tempering_increments(logprob, columns.renyi[i], RENYI_ORDERS))
        for name, p in (
            ("z", concentration.martingale_z(logprob, entropy, varentropy).p_value),
            ("certificate", concentration.certificate(concentration.gap(logprob, entropy), n, VOCABULARY)),
            ("e fixed", process.p_fixed),
            ("e anytime", process.p_anytime),
            ("LR", e_to_p(float(log_ratio(ratios[i, :, None], logprob[:, None])[-1]))),
            ("KS", pit.kolmogorov_smirnov(uniform[i])),
            ("Fisher", pit.fisher(uniform[i])),
            ("AD", pit.anderson_darling(uniform[i])),
        ):
            found[name].append(p)
    return {name: np.array(p) for name, p in found.items()}


def power() -> Iterator[tuple[Cell, dict[str, NDArray[np.float64]]]]:
    """Every cell with the p-values of every test. Under A itself the likelihood ratio is that of temperature .9."""
    laws, rng = models(), np.random.default_rng(4)
    a = laws["A itself"]
    for cell in CELLS:
        writer = laws[cell.writer]
        yield cell, p_values(a, writer, laws["temperature .9"] if writer is a else writer, cell.n, rng)


def skew() -> Iterator[tuple[int, NDArray[np.float64]]]:
    """(n, z of SKEW_DOCUMENTS texts that A wrote)."""
    a, rng = models()["A itself"], np.random.default_rng(1)
    for n in NOTE_SKEW:
        z = []
        for _ in range(SKEW_DOCUMENTS // 4_000):
            texts = a.write(rng, 4_000, n)
            rows = zip(a.logprob(texts), a.entropy[texts.contexts], a.varentropy[texts.contexts], strict=True)
            z += [concentration.martingale_z(*row).z for row in rows]
        yield n, np.array(z)


def shares(p: NDArray[np.float64]) -> tuple[float, ...]:
    """Rejected at each of ALPHAS."""
    return tuple(float(np.mean(p <= alpha)) for alpha in ALPHAS)


def tails(z: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """P(z > q) and P(z < -q) at the quantiles of TAILS."""
    quantiles = [-float(ndtri(tail)) for tail in TAILS]
    return tuple(float(np.mean(z > q)) for q in quantiles), tuple(float(np.mean(z < -q)) for q in quantiles)


def _numbers(values: Shares, digits: int) -> str:
    return "/".join("–" if value is None else f"{value:.{digits}f}".lstrip("0") for value in values)


def main() -> None:
    """Print both tables; in brackets the note's figures."""
    laws = models()
    a = laws["A itself"]
    print(f"A: mean entropy {a.entropy.mean():.2f}, mean varentropy {a.varentropy.mean():.2f}.\n")
    print(f"| writer | KL | n | {' | '.join(TESTS)} |")
    print("|---" * (3 + len(TESTS)) + "|")
    for cell, found in power():
        results = [
            _numbers(shares(p), 2) + (f" ({_numbers(cell.note[name], 2)})" if name in cell.note else "")
            for name, p in found.items()
        ]
        print(f"| {cell.writer} | {divergence(laws[cell.writer], a):.3f} | {cell.n} | {' | '.join(results)} |", flush=True)
    print(f"\n| n | {' | '.join(f'z beyond {tail:g}: above/below' for tail in TAILS)} |")
    print("|---" * (1 + len(TAILS)) + "|")
    for n, z in skew():
        results = [
            f"{_numbers(ours, 5)} ({_numbers(note, 5)})"
            for ours, note in zip(zip(*tails(z), strict=True), zip(*NOTE_SKEW[n], strict=True), strict=True)
        ]
        print(f"| {n} | {' | '.join(results)} |", flush=True)


if __name__ == "__main__":
    main()
