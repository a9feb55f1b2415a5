"""Several p-values, one answer: combination within a document, multiplicity across passages.

Knows nothing about where the p-values come from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def cauchy_statistic(p_values: ArrayLike) -> Floats:
    """Mean of tan((1/2 - p) pi) along the last axis: large if any p is small (Liu & Xie, JASA 2020, eq. 3).

    p is clipped to [1e-15, .999]: at p = 1 the tangent is -infinity and one indifferent score would silence the others.
    """
    p = np.clip(np.asarray(p_values, dtype=np.float64), 1e-15, 0.999)
    statistic: Floats = np.tan((0.5 - p) * np.pi).mean(axis=-1)
    return statistic


def bonferroni(p_values: ArrayLike) -> float:
    """min(1, m * min p): a p-value for "all m nulls hold", under any dependence between them."""
    p = _checked(p_values)
    return float(min(1.0, p.min() * len(p)))


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjusted p-values q: rejecting where q <= a keeps the expected share of false rejections below a.

    Valid for independent and for positively dependent p-values, among them conformal p-values that share a calibration
    set (Benjamini & Yekutieli 2001; Bates et al. 2023, theorem 2).

    Args:
        p_values: (m,), m >= 0.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if len(p) == 0:
        return p
    _checked(p)
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def _checked(p_values: ArrayLike) -> Floats:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or len(p) == 0 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values must be a non-empty array of numbers in [0, 1]")
    return p
