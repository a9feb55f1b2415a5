"""The numbers that reports draw plots from and no verdict rests on: the tokens of a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llm_audit.detectors.origin.window import WindowRead
from llm_audit.results import Tokens
from llm_audit.text import View

MOST = 20
"""In runs of more texts only findings carry the population's histograms, and no text carries its tokens: nobody looks at so
many plots, and the reports would be large."""


MOST_TOKENS = 50_000
"""A longer text carries its tokens in no run: a book's curves show nothing, and its numbers take more room than its scores."""


def tokens(read: Sequence[WindowRead], view: View) -> Tokens | None:
    """The tokens under the scoring model, at their places in the text as read; two decimals are more than can be seen.

    None for a text of more than `MOST_TOKENS`.
    """
    if not 0 < sum(map(len, read)) <= MOST_TOKENS:
        return None
    places = [view.to_source(start, end) for window in read for start, end in window.places.tolist()]
    logprob, entropy = (np.concatenate(each).tolist() for each in zip(*((w.logprob, w.entropy) for w in read), strict=True))
    return Tokens(
        start=tuple(start for start, _ in places),
        end=tuple(end for _, end in places),
        surprisal=tuple(round(-value, 2) for value in logprob),
        entropy=tuple(round(value, 2) for value in entropy),
    )
