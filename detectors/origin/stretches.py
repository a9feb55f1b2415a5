"""Stretches of a text that read like machine writing, from a segmentation of its passages by their p-values.

Only stretches that contain a passage with a small q-value are kept. For the errors of places and shares on texts joined from
human and machine ones see docs/measurements/mixed.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.results import Span, Stretch
from llm_audit.stats.segmentation import runs

SHARED = 0.5
"""Weight of a passage: it shares half of its tokens with its neighbour."""


def stretches(spans: Sequence[Span], alpha: float) -> tuple[Stretch, ...]:
    """The stretches, in order. Where passages of different states overlap, the cut is in the middle of the overlap.

    Args:
        spans: the passages of all detectors together, with p- and q-values.
        alpha: a q-value of at most this counts as small.
    """
    ordered = sorted(spans, key=lambda span: (span.start, span.end))
    kept = [
        (first, stop)
        for first, stop in runs([span.p_value for span in ordered], SHARED)
        if any(span.q_value is not None and span.q_value <= alpha for span in ordered[first:stop])
    ]
    return tuple(
        Stretch(
            start=_between(ordered[first - 1], ordered[first]) if first else ordered[0].start,
            end=_between(ordered[stop - 1], ordered[stop]) if stop < len(ordered) else ordered[-1].end,
        )
        for first, stop in kept
    )


def _between(before: Span, after: Span) -> int:
    return (before.end + after.start) // 2
