"""Detectors: pure functions of TokenScores, one file each."""

from llm_audit.detectors.base import Detector, available, find, fitting, known_to

__all__ = ["Detector", "available", "find", "fitting", "known_to"]
