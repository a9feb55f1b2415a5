"""The stretches of a text that read like machine writing: its passages, cut into two kinds by their p-values.

Only a stretch that holds a passage which stands out by its q-value is kept, so that a text without one has none. How far
places and share are off, on texts joined from human and machine ones: docs/measurements/mixed.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.results import Span, Stretch
from llm_audit.stats.segmentation import runs

SHARED = 0.5
"""Weight of a passage: half of it is its neighbour's."""


def stretches(spans: Sequence[Span], alpha: float) -> tuple[Stretch, ...]:
    """From beginning to end of the text. Where two passages of different kinds share text, the cut is in its middle.

    Args:
        spans: the passages of all detectors together, with p- and q-values.
        alpha: a passage stands out if its q-value is at most this.
    """
    found = sorted(spans, key=lambda span: (span.start, span.end))
    kept = [
        (first, stop)
        for first, stop in runs([span.p_value for span in found], SHARED)
        if any(span.q_value is not None and span.q_value <= alpha for span in found[first:stop])
    ]
    return tuple(
        Stretch(
            start=_between(found[first - 1], found[first]) if first else found[0].start,
            end=_between(found[stop - 1], found[stop]) if stop < len(found) else found[-1].end,
        )
        for first, stop in kept
    )


def _between(before: Span, after: Span) -> int:
    return (before.end + after.start) // 2
