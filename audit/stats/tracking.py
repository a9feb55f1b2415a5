"""Change test for the log-probabilities of one position, requested repeatedly on two occasions.

Null hypothesis: the rows of both occasions are exchangeable. Rows asked within one minute share the server's load and are more
alike than rows of different hours, on one unchanged model: spread each occasion's requests over time. It is a test of change of
one endpoint, not of identity.

Source: log-probability tracking (LT, arXiv 2512.03816, ICLR 2026). Ours differs: p is (1 + b) / (1 + B) and so never 0, exact
where all divisions can be enumerated; and rows are cut to the fewest tokens that any has, so that an endpoint that starts to
return 5 tokens instead of 20 is not called another model for it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from llm_audit.stats.permutation import Outcome, monte_carlo

Floats = NDArray[np.float64]
Row = Mapping[Hashable, float]
"""Log-probability, nats, of each token that one request returned for the position."""


def moved(values: Floats, n: int, generator: np.random.Generator, draws: int = 9999) -> Outcome:
    """Mean over the tokens seen on either occasion of |mean before - mean after|, by permutation of the rows.

    All divisions are enumerated if they are at most `draws` + 1 (10 + 10 rows: 184,756), otherwise drawn.

    Args:
        values: the `table` of the rows of both occasions.
        n: rows of the first occasion, which come first; each occasion has at least one.
        generator: of the draws.
        draws: how many, at least 1.
    """
    size = len(values)
    ways = math.comb(size, n)
    if ways <= draws + 1:
        chosen = np.fromiter(chain.from_iterable(combinations(range(size), n)), np.int64, ways * n).reshape(ways, n)
        first = np.zeros((ways, size))
        np.put_along_axis(first, chosen, 1.0, axis=1)  # row 0 is as observed
        first[1:] = generator.permutation(first[1:])
    else:
        first = np.tile((np.arange(size) < n).astype(np.float64), (draws + 1, 1))
        first[1:] = generator.permuted(first[1:], axis=1)
    statistics = np.abs(first @ values / n - (1 - first) @ values / (size - n)).mean(axis=1)
    # Equal divisions must stay tied: a difference in the last bit of a sum is not evidence.
    statistics[np.abs(statistics - statistics[0]) <= 1e-12 * np.abs(values).max()] = statistics[0]
    return monte_carlo(statistics[0], statistics[1:])


def table(rows: Sequence[Row]) -> Floats:
    """(n, V) log-probability of each token that any row has, once rows are cut to the fewest tokens of any: left-censored.

    A token that a row lacks is at most as likely as the least likely one that the row has, and gets that value. A row of one
    token cuts all rows to one: leave defective rows out beforehand.
    """
    if not all(rows) or not np.isfinite([value for row in rows for value in row.values()]).all():
        raise ValueError("each row needs at least one token, and log-probabilities must be finite")
    fewest = min(map(len, rows))
    kept = [dict(sorted(row.items(), key=lambda item: -item[1])[:fewest]) for row in rows]
    tokens = dict.fromkeys(token for row in kept for token in row)
    return np.array([[row.get(token, min(row.values())) for token in tokens] for row in kept])
