"""The numbers that reports draw plots from and no verdict rests on: the tokens of a text."""

from __future__ import annotations

from llm_audit.results import Tokens
from llm_audit.scoring.tokens import TokenScores
from llm_audit.text import View

MOST = 20
"""In runs of more texts only findings carry the population's histograms, and no text carries its tokens: nobody looks at so
many plots, and the reports would be large."""


MOST_TOKENS = 50_000
"""A longer text carries its tokens in no run: a book's curves show nothing, and its numbers take more room than its scores."""


def tokens(scores: TokenScores, view: View) -> Tokens | None:
    """The tokens under the scoring model, at their places in the text as read; two decimals are more than can be seen.

    None for a text of more than `MOST_TOKENS`.
    """
    if len(scores) > MOST_TOKENS:
        return None
    starts, ends = scores.char_start.tolist(), scores.char_end.tolist()
    places = [view.to_source(start, end) for start, end in zip(starts, ends, strict=True)]
    return Tokens(
        start=tuple(start for start, _ in places),
        end=tuple(end for _, end in places),
        surprisal=tuple(round(-value, 2) for value in scores.logprob.tolist()),
        entropy=tuple(round(value, 2) for value in scores.entropy.tolist()),
    )
