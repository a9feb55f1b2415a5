"""Detectors: pure functions of TokenScores, one file each."""

from llm_audit.detectors.base import Detector, available, find, known_to

__all__ = ["Detector", "available", "find", "known_to"]
