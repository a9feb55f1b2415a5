"""Detectors measured on labelled texts: their power and their false alarms. Nothing here computes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llm_audit.results.base import Model
from llm_audit.results.core import Interval


class Power(Model):
    """One detector on one slice: machine texts against human texts. Areas and TPR use the statistic, not the p-value."""

    detector: str
    by: str
    group: str
    n_human: int
    n_machine: int
    auroc: Interval | None
    tpr_at_5_percent_fpr: Interval | None
    tpr_at_1_percent_fpr: Interval | None
    one_way_partial_auc: float | None
    two_way_partial_auc: float | None
    macro_f1_at_alpha_1_percent: float | None
    flagged_at_alpha_5_percent: float | None
    flagged_at_alpha_1_percent: float | None


class FalseAlarms(Model):
    """Counts of human texts of a slice with p <= alpha."""

    detector: str
    by: str
    group: str
    n: int
    at_5_percent: Interval
    at_1_percent: Interval


class Curve(Model):
    """Calibration curve: nominal alpha against the realised rate among all human texts."""

    detector: str
    nominal: tuple[float, ...]
    realised: tuple[float, ...]


class Benchmark(Model):
    """Power and false alarms of detectors on labelled texts."""

    in_a_line = ("data", "detectors")

    kind: Literal["benchmark"] = "benchmark"
    data: dict[str, str] = Field(description="SHA-256 of each file of labelled texts, by name")
    notes: tuple[str, ...]
    detectors: tuple[str, ...] = Field(min_length=1, description="all together, by their code; then each by its name")
    power: tuple[Power, ...]
    false_alarms: tuple[FalseAlarms, ...]
    curves: tuple[Curve, ...]

    @property
    def combined(self) -> str:
        """Name under which the rows of all detectors together are listed."""
        return self.detectors[0]
