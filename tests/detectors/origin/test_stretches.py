"""The stretches of a text that read like machine writing."""

from __future__ import annotations

from llm_audit.detectors.origin.stretches import stretches
from llm_audit.results import Span, Stretch

ALPHA = 0.01


def spans(*p_values: float | None, loud: float = 0.002) -> list[Span]:
    """Passages of 200 characters, each half of the next; those of a p-value up to `loud` have a q-value that stands out."""
    return [
        Span(start=100 * i, end=100 * i + 200, p_value=p, p_floor=0.001, q_value=p and (0.005 if p <= loud else 0.5), n=100)
        for i, p in enumerate(p_values)
    ]


def test_a_stretch_ends_in_the_middle_of_what_its_passages_share_with_others() -> None:
    found = stretches(spans(0.5, 0.6, 0.001, 0.001, 0.001, 0.7, 0.9), ALPHA)
    assert found == (Stretch(start=250, end=550),)


def test_a_stretch_reaches_the_ends_of_the_text() -> None:
    assert stretches(spans(0.001, 0.002, 0.001), ALPHA) == (Stretch(start=0, end=400),)


def test_small_p_values_of_which_none_stands_out_are_no_stretch() -> None:
    assert stretches(spans(0.5, 0.01, 0.01, 0.01, 0.5, loud=0.001), ALPHA) == ()
    assert stretches([], ALPHA) == () == stretches(spans(None, None), ALPHA)


def test_two_stretches_are_told_apart() -> None:
    found = stretches(spans(*[0.001] * 3, *[0.8] * 6, *[0.001] * 3), ALPHA)
    assert [(each.start, each.end) for each in found] == [(0, 350), (950, 1300)]


def test_passages_may_come_in_any_order() -> None:
    made = spans(0.5, 0.6, 0.001, 0.001, 0.9)
    assert stretches(made[::-1], ALPHA) == stretches(made, ALPHA) != ()
