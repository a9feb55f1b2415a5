"""How stored values are compared with those computed again."""

from __future__ import annotations

import pytest

from llm_audit.verification.ledger import Ledger

NOW = "no p-value below 0.000082 was possible (p = 0.000082, q = 0.016); windows: p < 0.000001; AUC 0.532."


@pytest.mark.parametrize(
    ("stored", "equal"),
    [
        (NOW, True),
        ("no p-value below 8.2e-05 was possible (p = 8.22e-05, q = 0.0164); windows: p = 10^-52.7; AUC 0.532.", True),
        ("no p-value below 8.2e-05 was possible (p = 8.32e-05, q = 0.0164); windows: p = 10^-52.7; AUC 0.532.", False),
        ("no p-value below 8.2e-05 was possible (p = 8.22e-05, q = 0.0164); windows: p = 10^-5.2; AUC 0.532.", False),
        ("no p-value below 8.2e-05 was possible (p = 8.22e-05, q = 0.0164); windows: p = 10^-52.7; AUC 0.5321.", False),
    ],
)
def test_sentences_of_earlier_versions_spell_p_values_otherwise(stored: str, equal: bool) -> None:
    ledger = Ledger()
    ledger.same("subjects[0].summary", stored, NOW)
    assert (not ledger.mismatches) == equal


def test_a_probability_at_most_is_a_p_value_now() -> None:
    ledger = Ledger()
    ledger.same(
        "a.reason",
        "It would come up with probability 6.6e-23 at most. So",
        "It would come up at most this often: p < 0.000001. So",
    )
    assert not ledger.mismatches
