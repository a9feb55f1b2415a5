"""Every number of a report of every command is computed again; any digit that changes is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_audit.verification import Ledger, verify
from tests.verify.conftest import FAST, SLOW, Made


def verified(made: Made, name: str) -> Ledger:
    with made.here():
        return verify(made[name].read_bytes(), Path())[0]


@pytest.mark.parametrize("name", FAST)
def test_a_report_holds(made: Made, name: str) -> None:
    found = verified(made, name)
    assert found.mismatches == [] and found.unchecked == []
    assert found.recomputed["p-values"] > 0 or name == "score-alone"


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_a_report_of_large_models_and_servers_holds(made_slowly: Made, name: str) -> None:
    found = verified(made_slowly, name)
    assert found.mismatches == [] and found.unchecked == []
    assert found.recomputed["p-values"] > 0 or name == "blind"
