"""Likelihoods of one text under models that cut it into different tokens, brought onto one model's tokens.

Both tokenisations break the text at some common places; up to such a place the likelihood of the text so far is comparable.
Knows numbers only: ends of tokens, log-likelihoods.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

GUARD = 0.005
"""Share of a null's log-likelihood that its one canonical tokenisation may miss of the string's probability.

The other tokenisations of the same string add at most .5 % "in most cases" (Chirkova et al., ACL 2023, arXiv 2306.17757).
"""


def align(
    logprob: ArrayLike,
    ends: ArrayLike,
    rival_logprob: ArrayLike,
    rival_ends: ArrayLike,
    word_ends: ArrayLike,
    guard: float = GUARD,
) -> NDArray[np.float64]:
    """A rival's log-likelihood as increments on the null's tokens.

    The ratio of the two likelihoods moves at the places where both tokenisations end a token and a word ends (a token that
    the end of the text cuts off would count against the model that had it longer); between them the increment repeats the
    null's own, so that the ratio stands still. At each place the null is credited `guard` times its log-likelihood since the
    last one, because other tokenisations of the same string, which its canonical one leaves out, belong to its likelihood;
    for the rival, in the numerator, leaving them out is safe.

    Args:
        logprob: (n,) of the tokens under the null model.
        ends: (n,) the character where each of them ends, ascending.
        rival_logprob: (m,) of its own tokens under the rival.
        rival_ends: (m,) where each of those ends.
        word_ends: characters where a word ends.
        guard: see `GUARD`; 0 for one vocabulary.

    Returns:
        (n,) increments; their sum up to a common place is the rival's log-likelihood of the text up to there, less the guard.
    """
    own, rival = np.asarray(logprob, dtype=np.float64), np.asarray(rival_logprob, dtype=np.float64)
    own_ends, other_ends = np.asarray(ends), np.asarray(rival_ends)
    increments = own.copy()
    # The last token that ends at a character: tokens that share a character (the bytes of an emoji) share its end.
    mine = {int(end): i for i, end in enumerate(own_ends)}
    theirs = {int(end): i for i, end in enumerate(other_ends)}
    own_total, rival_total = np.cumsum(own), np.cumsum(rival)
    before = (0.0, 0.0)
    for place in sorted(mine.keys() & theirs.keys() & {int(end) for end in np.asarray(word_ends)}):
        i = mine[place]
        totals = (float(own_total[i]), float(rival_total[theirs[place]]))
        step_own, step_rival = totals[0] - before[0], totals[1] - before[1]
        increments[i] = own[i] + step_rival - step_own - guard * abs(step_own)
        before = totals
    return increments
