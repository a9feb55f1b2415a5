"""How rows count themselves."""

from __future__ import annotations

import pytest

from llm_audit.detectors.membership.counters import counter


@pytest.mark.parametrize(
    ("row", "number"),
    [
        ("The first case. A bell", 1),
        ("Twelfth: a bell", 12),
        ("The twentieth case", 20),
        ("Case seven of ten", 7),
        ("In March, 1834", 3),
        ("On Sunday it rained", 7),
        ("IV. A bell", 4),
        ("XIX) A bell", 19),
        ("I. A bell", 1),
        ("XL. A bell", 40),
        ("(c) A bell", 3),
        ("b) A bell", 2),
        ("I went home in 1834", 1834),
        ("Was it in 1834? (12)", 12),
        ("A bell", -1),
        ("", -1),
    ],
)
def test_the_counter_of_a_row(row: str, number: float) -> None:
    assert counter(row) == number
