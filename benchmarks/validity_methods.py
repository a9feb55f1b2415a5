"""Five ways to make a p-value of one text out of a population of several kinds and sources, compared by `benchmarks.validity`.

All start from `extreme` (n,): which reference texts look at least as machine-like as the tested one, by a statistic that treats
the n + 1 texts alike (`llm_audit.stats.conformal.Ranked`). They differ in what is taken as exchangeable, and by
that in how the reference texts count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def weighted(extreme: Bools, weights: Floats, own: float) -> float:
    """(own + sum of the weights of extreme texts) / (own + sum of all): of equal weights the plain conformal p-value."""
    return float((own + weights @ extreme) / (own + weights.sum()))


def plain(extreme: Bools) -> float:
    """(a) The rank among all: exact if the text is exchangeable with the population's texts."""
    return weighted(extreme, np.ones(len(extreme)), 1.0)


def among(extreme: Bools, members: Bools) -> float:
    """The rank among some of the texts (Mondrian; Vovk et al. 2005): exact if the text is exchangeable with these.

    Also (e), MCP (Zhu et al., ACL 2025), where `members` are the texts of the tested one's group of lengths.
    """
    return plain(extreme[members])


NEIGHBOURS = 5
"""Of the distance by which a text is told to belong to a kind."""


class Within(NamedTuple):
    """The texts of one kind and how far each is from its nearest others of the kind: what no tested text changes."""

    own: Ints
    """(m,) places of the kind's texts."""
    last_but_one: Floats
    """(m,) distance to the neighbour before the last that counts."""
    last: Floats
    """(m,) distance to the last that counts, the fifth where there are so many."""


def within_kinds(space: Floats, kinds: Ints) -> list[Within]:
    """Of each kind, by its number.

    Args:
        space: (n, d) places of the reference texts.
        kinds: (n,) numbers from 0.
    """
    found = []
    for kind in range(kinds.max() + 1):
        own = np.flatnonzero(kinds == kind)
        m = min(NEIGHBOURS, len(own) - 1)
        if not m:  # a text alone: the tested one is as far from it as it is from the tested one
            found.append(Within(own, np.zeros(1), np.full(1, np.inf)))
            continue
        others = np.sort(cdist(space[own], space[own]), axis=1)[:, 1 : m + 1]  # the nearest to itself is the text
        found.append(Within(own, others[:, m - 2] if m > 1 else np.zeros(len(own)), others[:, m - 1]))
    return found


def kind_p_values(distances: Floats, kinds: Sequence[Within]) -> Floats:
    """(n_kinds,): conformal p-value of "the text is of this kind", by the distance to the fifth nearest text of the kind.

    Full conformal: the text joins the kind, and each member's distance is to the others of the kind, the text among them.

    Args:
        distances: (n,) of the tested text from the reference texts.
        kinds: see `within_kinds`.
    """
    found = []
    for own, lower, upper in kinds:
        m = min(NEIGHBOURS, len(own) - 1)
        joined = np.clip(distances[own], lower, upper)  # the m-th nearest with the tested text among them
        found.append((1 + np.sum(joined >= np.sort(distances[own])[m - 1])) / (len(own) + 1))
    return np.array(found)


def over_kinds(extreme: Bools, kinds: Ints, kind_p: Floats, epsilon: float) -> float:
    """(b) The largest rank within any kind that cannot be excluded at `epsilon`; the likeliest kind is never excluded.

    P(p <= a) <= a + epsilon for a text of any kind of the population: the true kind is excluded with probability `epsilon`
    (Berger & Boos, JASA 1994, add it to p; here it is left out, and shown beside the rates).
    """
    kept = np.flatnonzero((kind_p > epsilon) | (kind_p == kind_p.max()))
    return max(among(extreme, kinds == kind) for kind in kept)


def localised(extreme: Bools, space: Floats, tested: Floats, bandwidth: float, generator: np.random.Generator | None) -> float:
    """(c) Texts near the tested one count more, by a Gaussian kernel in a content space.

    With a generator: randomly localised (Hore & Barber, JRSSB 2025). The centre is drawn from the kernel around the tested
    text, and all weights, the tested text's own among them, are the kernel's at that centre. Given the centre, each of the
    n + 1 texts is the tested one with probability proportional to its weight, so that p is valid over all texts together, and
    nearly so near any place. Without: the centre is the tested text itself (Guan, Biometrika 2023, without the correction
    of the level), whose own weight is then the largest possible; approximate.

    Args:
        extreme: (n,).
        space: (n, d) of the reference texts.
        tested: (d,).
        bandwidth: of the kernel.
        generator: of the centre.
    """
    centre = tested if generator is None else tested + bandwidth * generator.standard_normal(len(tested))
    log_weights = -np.sum((np.vstack([space, tested]) - centre) ** 2, axis=1) / (2 * bandwidth**2)
    weights = np.exp(log_weights - log_weights.max())
    return weighted(extreme, weights[:-1], float(weights[-1]))


def shares(extreme: Bools, sources: Ints) -> Floats:
    """(n_sources,): the share of each source's texts that are extreme."""
    return np.bincount(sources, extreme) / np.bincount(sources)


def pooled_sources(extreme: Bools, sources: Ints) -> float:
    """(d) CDF pooling (Dunn, Wasserman & Ramdas, JASA 2023): the mean over sources of their shares, all sources alike.

    Exact as the number of sources grows, sources taken as drawn at random; nothing is exact about a new one of few. The text
    itself counts as one of the n + 1, so that p is never 0.
    """
    sizes = np.bincount(sources)
    weights = (len(sources) / len(sizes) / sizes)[sources]
    return weighted(extreme, weights, 1.0)


def exact_sources(extreme: Bools, sources: Ints) -> float:
    """(d) The text counts as a whole source, of which no more is seen (Lee, Barber & Willett 2023); p >= 1 / (J + 1)."""
    found = shares(extreme, sources)
    return float((1 + found.sum()) / (len(found) + 1))


def subsampled_sources(extreme: Bools, sources: Ints) -> float:
    """(d) Repeated subsampling (Dunn, Wasserman & Ramdas): twice the mean, over subsamples, of the rank in one text a source.

    With infinitely many subsamples the mean is `exact_sources`; the factor 2 makes the mean of dependent p-values one.
    """
    return min(1.0, 2 * exact_sources(extreme, sources))
