"""Clusters of dependent documents: texts of one side that are more alike than any two of different sides.

Ten news stories in two hundred retellings are ten documents. A permutation that moves each text by itself would then reject
without any difference. Knows nothing about models.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.membership.collection import Collection, Item

QUANTILE = 0.999
"""Quantile of the similarity of texts of different sides; two texts of one side above it count as one document."""

LEAST = 0.2
"""Similarity below which two texts never count as one document."""


def joined(suspects: Collection, held_out: Collection) -> tuple[Collection, Collection]:
    """The sides with similar documents merged.

    Similarity is the cosine of tf-idf vectors of words; documents connected by a chain of similar ones become one. A subject or
    form that the sides share does not merge documents: the threshold is the `QUANTILE` of the similarity between sides, and
    under exchangeable labels similar texts are as frequent between sides as within. Ours; the permutation of the merged
    documents is that of cluster-robust randomisation tests (Canay, Romano and Shaikh 2017).
    """
    names = [_names(suspects), _names(held_out)]
    texts = [" ".join(item.text for item in names[0][name]) for name in names[0]]
    n = len(texts)
    texts += [" ".join(item.text for item in names[1][name]) for name in names[1]]
    alike = _likeness(texts)
    across = alike[:n, n:]
    threshold = max(LEAST, float(np.quantile(across, QUANTILE))) if across.size else 1.0
    sides = []
    for side, documents, part in ((suspects, names[0], alike[:n, :n]), (held_out, names[1], alike[n:, n:])):
        number = _components(part > threshold)
        groups = len(set(number.tolist()))
        which = {name: f"group {place}" for name, place in zip(documents, number.tolist(), strict=True)}
        if groups < len(documents):
            items = tuple(replace(item, document=which[item.document]) for item in side.items)
            side = replace(side, items=items)
        sides.append(side)
    return sides[0], sides[1]


def _names(collection: Collection) -> dict[str, list[Item]]:
    """Document -> its items, in order of first appearance."""
    documents: dict[str, list[Item]] = {}
    for item in collection.items:
        documents.setdefault(item.document, []).append(item)
    return documents


def _likeness(texts: list[str]) -> NDArray[np.float64]:
    """(n, n) cosine similarities."""
    from scipy import sparse

    vocabulary: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(texts):
        for word in set(re.findall(r"\w+", text.lower())):
            rows.append(row)
            columns.append(vocabulary.setdefault(word, len(vocabulary)))
    frequency = np.bincount(columns, minlength=max(len(vocabulary), 1))
    weight = np.log((1 + len(texts)) / (1 + frequency))[columns] if columns else np.zeros(0)
    matrix = sparse.csr_array((weight, (rows, columns)), shape=(len(texts), max(len(vocabulary), 1)))
    norm = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scaled = sparse.csr_array(sparse.diags_array(1 / np.maximum(norm, 1e-12)) @ matrix)
    return np.asarray((scaled @ scaled.T).todense())


def _components(linked: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(n,) index of the connected component of each document."""
    from scipy.sparse.csgraph import connected_components

    number: NDArray[np.int32] = connected_components(linked, directed=False)[1]
    return number
