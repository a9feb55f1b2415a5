"""The numbers that reports draw pictures from and no verdict rests on: the tokens of a text, and where it lies among others."""

from __future__ import annotations

from llm_audit.detectors.populations import Population
from llm_audit.detectors.populations.population import Stretch
from llm_audit.results import Histogram, Tokens
from llm_audit.scoring.tokens import TokenScores
from llm_audit.text import View

MOST = 20
"""In runs of more texts only findings carry the population's histograms, and no text carries its tokens: nobody looks at so
many pictures, and the reports would be large."""


def tokens(scores: TokenScores, view: View) -> Tokens:
    """The tokens under the scoring model, at their places in the text as read; two decimals are more than can be seen."""
    starts, ends = scores.char_start.tolist(), scores.char_end.tolist()
    places = [view.to_source(start, end) for start, end in zip(starts, ends, strict=True)]
    return Tokens(
        start=tuple(start for start, _ in places),
        end=tuple(end for _, end in places),
        surprisal=tuple(round(-value, 2) for value in scores.logprob.tolist()),
        entropy=tuple(round(value, 2) for value in scores.entropy.tolist()),
    )


def histogram(population: Population, rule: str, stretch: Stretch) -> Histogram:
    """A detector's statistic over the population's texts, cut like the judged one."""
    edges, counts = population.histogram(rule, stretch)
    return Histogram(edges=tuple(float(f"{edge:.6g}") for edge in edges), counts=tuple(counts.tolist()))
