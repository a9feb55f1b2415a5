"""Scores that tests made up, as the detectors read them."""

from __future__ import annotations

from llm_audit.detectors.origin import run as origin
from llm_audit.detectors.origin.window import WindowRead
from llm_audit.scoring.tokens import TokenScores


def windows(scores: TokenScores, settings: origin.Settings) -> list[WindowRead]:
    """Every window of a text, read as a run with these settings would."""
    return [origin.reading(settings)(window) for window in scores.windows()]
