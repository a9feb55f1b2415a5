"""What the checks of reference vectors share."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from llm_audit.detectors.watermark.schemes.base import TokenisedText

NONE = np.empty(0, np.int64)
RNG = np.random.default_rng(0)
Case = dict[str, Any]

near = pytest.approx


def text(case: Case, **more: Any) -> TokenisedText:
    return TokenisedText.of(case["ids"], **more)


def whole(scores: Any) -> list[int]:
    return [int(score) for score in scores]


def sha(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
