"""Data for plots in reports, on which no verdict rests: the tokens of a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llm_audit.detectors.origin.window import WindowRead
from llm_audit.results import Tokens
from llm_audit.text import View

MOST = 20
"""Most texts of a run with plots. In larger runs only findings have histograms of the population and no text has its tokens:
nobody looks at so many plots, and the reports would be large."""


MOST_TOKENS = 50_000
"""Most tokens of a text that reports hold token by token; a book's curves would show nothing and take much space."""


def tokens(read: Sequence[WindowRead], view: View) -> Tokens | None:
    """The tokens under the scoring model with their places in the text as read, rounded to two decimals for plots.

    None for a text of more than `MOST_TOKENS`.
    """
    if not 0 < sum(map(len, read)) <= MOST_TOKENS:
        return None
    places = [view.to_source(start, end) for window in read for start, end in window.places.tolist()]
    logprob, entropy = (np.concatenate(values).tolist() for values in zip(*((w.logprob, w.entropy) for w in read), strict=True))
    return Tokens(
        start=tuple(start for start, _ in places),
        end=tuple(end for _, end in places),
        surprisal=tuple(round(-value, 2) for value in logprob),
        entropy=tuple(round(value, 2) for value in entropy),
    )
