"""A benchmark of detectors, as small as it can be."""

from __future__ import annotations

from llm_audit.results import Benchmark, Curve, FalseAlarms, Interval, Power

RATE = Interval(value=0.012, lower=0.004, upper=0.03)
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


def power(detector: str, by: str, group: str, auroc: Interval | None = RATE) -> Power:
    return Power(
        detector=detector, by=by, group=group, n_human=1200, n_machine=345, auroc=auroc, tpr_at_5_percent_fpr=auroc,
        tpr_at_1_percent_fpr=auroc, one_way_partial_auc=0.71, two_way_partial_auc=0.0, macro_f1_at_alpha_1_percent=0.66,
        flagged_at_alpha_5_percent=0.5, flagged_at_alpha_1_percent=0.25,
    )  # fmt: skip


FOUND = Benchmark(
    data={"a.jsonl": "b" * 64},
    notes=("3 repeated texts count once.",),
    detectors=("AUD100", "lrr"),
    power=(power("AUD100", "all", "all"), power("lrr", "all", "all"), power("AUD100", "generator", HOSTILE, None)),
    false_alarms=(
        FalseAlarms(detector="AUD100", by="all", group="all", n=1200, at_5_percent=RATE, at_1_percent=RATE),
        FalseAlarms(detector="lrr", by="population", group="learner", n=30, at_5_percent=RATE, at_1_percent=RATE),
    ),
    curves=(Curve(detector="AUD100", nominal=(0.001, 0.1, 1.0), realised=(0.0, 0.1, 1.0)),),
)
