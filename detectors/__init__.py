"""Detectors: pure functions of TokenScores, one file each."""

from llm_audit.detectors.announced import available
from llm_audit.detectors.base import Detector, Evidence, find, fitting, known_to

__all__ = ["Detector", "Evidence", "available", "find", "fitting", "known_to"]
