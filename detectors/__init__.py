"""Rules: the questions that llm-audit asks, one file each, and the names with which plugins define their own.

Names are imported when they are first used, so that defining a rule needs no numerical library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_audit.detectors.announced import available
    from llm_audit.detectors.rule import Measurement, Rule, Terms
    from llm_audit.detectors.statistic import StatisticRule, find, fitting, known_to, statistic_rule

__all__ = ["Measurement", "Rule", "StatisticRule", "Terms", "available", "find", "fitting", "known_to", "statistic_rule"]

_HOMES = {
    "available": "announced",
    **dict.fromkeys(("Measurement", "Rule", "Terms"), "rule"),
    **dict.fromkeys(("StatisticRule", "find", "fitting", "known_to", "statistic_rule"), "statistic"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
