"""Texts of one law and of two."""

from __future__ import annotations

import numpy as np

from llm_audit.detectors.substitution import two_samples
from llm_audit.detectors.substitution.reference import LOCAL, TRUSTED
from tests.detectors.laws import judge


def test_texts_of_the_same_law_and_of_another() -> None:
    rng = np.random.default_rng(4)

    def texts(letters: str) -> list[tuple[str, str]]:
        return [(f"p{i}", "".join(rng.choice(list(letters), 30))) for i in range(15) for _ in range(5)]

    same = judge(two_samples, texts("abcdef"), texts("abcdef"), "4", LOCAL, 199, alpha=0.01)
    other = judge(two_samples, texts("abcdefgh"), texts("abcdef"), "4", TRUSTED, 199, alpha=0.01)
    assert same.p_value is not None and same.p_value > 0.01 and other.p_value == other.p_floor == 1 / 200
    assert "between 75 and 75 texts, white space aside" in same.reason
    assert (same.null, other.null) == (LOCAL.null, TRUSTED.null)
