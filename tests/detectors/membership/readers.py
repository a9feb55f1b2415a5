"""Models of known knowledge: one that has seen nothing, and one that has seen certain strings. No weights, no tokenizer.

Log-probabilities follow from a hash of the text, so that no text is likelier than another for any reason but having been seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.progress import silent
from llm_audit.detectors.membership import dataset
from llm_audit.detectors.membership.target import Target
from llm_audit.scoring.request import Prompted
from llm_audit.scoring.tokens import RENYI_ORDERS, TokenScores
from llm_audit.stats import permutation

TOKEN = 4
"""Characters of a token."""


class Reader(Target):
    """Stands where a model stands. `seen`: strings that it knows, each of whose tokens gains `gain` nats."""

    def __init__(self, seed: int = 0, seen: Sequence[str] = (), gain: float = 1.0) -> None:
        object.__setattr__(self, "seed", seed)
        object.__setattr__(self, "seen", tuple(seen))
        object.__setattr__(self, "gain", gain)
        object.__setattr__(self, "progress", silent)

    def totals(self, texts: Sequence[str]) -> NDArray[np.float64]:
        return np.array([scores.logprob.sum(dtype=np.float64) for scores in self.beginnings(texts)])

    def beginnings(self, texts: Sequence[str | Prompted], progress: object = None) -> Iterator[TokenScores]:
        for text in texts:
            yield self.scores(text if isinstance(text, str) else text.text)

    def scores(self, text: str) -> TokenScores:
        digest = hashlib.sha256(f"{self.seed} {text}".encode()).digest()
        rng = np.random.default_rng(np.frombuffer(digest, np.uint32))
        n = -(-len(text) // TOKEN)
        logprob = -rng.exponential(3.0, n)
        starts = TOKEN * np.arange(n, dtype=np.int32)
        for known in self.seen:
            at = text.find(known)
            if at >= 0:
                logprob[at // TOKEN : (at + len(known)) // TOKEN] += self.gain
        zeros = np.zeros(n, np.float32)
        return TokenScores(
            token_id=rng.integers(50, size=n).astype(np.int32),
            char_start=starts,
            char_end=np.minimum(starts + TOKEN, len(text)).astype(np.int32),
            window=zeros.astype(np.int32),
            context=np.arange(n, dtype=np.int32),
            logprob=np.minimum(logprob, 0).astype(np.float32),
            entropy=zeros + 3,
            varentropy=zeros + 1,
            max_logprob=zeros - 0.5,
            rank=rng.integers(1, 50, size=n).astype(np.int32),
            mass_above=zeros,
            tie_mass=zeros,
            renyi=np.zeros((n, len(RENYI_ORDERS)), np.float32),
        )


def sizes(p_values: Sequence[float]) -> dict[float, float]:
    """Share of p-values at or below each level."""
    return {alpha: float(np.mean(np.asarray(p_values) <= alpha)) for alpha in (0.05, 0.01, 0.001)}


def holds(p_values: Sequence[float]) -> bool:
    """Whether no level is exceeded by more than 3.5 standard deviations of the simulation."""
    n = len(p_values)
    return all(share <= alpha + 3.5 * (alpha * (1 - alpha) / n) ** 0.5 for alpha, share in sizes(p_values).items())


def infer(
    values: NDArray[np.float64], labels: NDArray[np.bool_], rng: np.random.Generator, draws: int
) -> tuple[permutation.Outcome, NDArray[np.bool_]]:
    """Dataset inference on features (n, k) and labels (n,): the outcome, and which documents were kept for the test."""
    scores, tested = dataset.scored(values, labels, rng)
    return permutation.two_sample(scores, labels[tested], rng, draws), tested
