"""Endpoints: distances, ranks and texts' likeness, judged again by the functions that judged them first."""

from __future__ import annotations

import numpy as np

from llm_audit.detectors.substitution import judge, watch
from llm_audit.detectors.substitution.run import MOST_MISSING
from llm_audit.detectors.substitution.yardstick import LOCAL, WORDS
from llm_audit.results import Result, Served, Substitution, Verdict
from llm_audit.results.evidence import Change, Discrepancy, Exceedance, OnlineRanks, RelativeRanks
from llm_audit.verification.ledger import Ledger

OPENINGS = {
    Served.INCONSISTENT: ("The endpoint is not what was promised", "The endpoint has changed"),
    Served.CONSISTENT: ("No test tells the endpoint from", "No change since"),
    Served.NOT_MEASURED: ("Not measured:",),
}
"""How the summary of each verdict begins."""


def substitution(path: str, found: Substitution, alpha: float, ledger: Ledger) -> None:
    """All that is said of one endpoint."""
    missing = 0.0
    if found.tests and isinstance(change := found.tests[0].evidence, Change):
        _change(f"{path}.tests[0]", found.tests[0], change, alpha, ledger)
    else:
        missing = _audited(path, found, alpha, ledger)
    verdicts = {test.verdict for test in found.tests if test.p_value is not None}
    if Verdict.FINDING in verdicts:
        served, verdict = Served.INCONSISTENT, Verdict.FINDING
    elif Verdict.PASS in verdicts and missing <= MOST_MISSING:
        served, verdict = Served.CONSISTENT, Verdict.PASS
    else:
        served, verdict = Served.NOT_MEASURED, Verdict.NOT_ASSESSABLE
    ledger.same(f"{path}.served", found.served, served)
    begins = OPENINGS[served]
    ledger.holds(f"{path}.summary", found.summary, found.summary.startswith(begins), "does not say what the verdict says")
    ledger.same(f"{path}.verdict", found.verdict, verdict)


def _change(path: str, stored: Result, found: Change, alpha: float, ledger: Ledger) -> None:
    if stored.draws is None or stored.draws.seed is None:
        ledger.cannot(path, "the report stores no seed")
        return
    again = watch.judged(np.array(found.rows), found.before, alpha, stored.draws.seed)
    ledger.fields(path, stored, again, without={"evidence"})


def _audited(path: str, found: Substitution, alpha: float, ledger: Ledger) -> float:
    """Every test again, then Holm over all of them. Returns the share of questions without a comparable answer."""
    distances = next((test.evidence for test in found.tests if isinstance(test.evidence, OnlineRanks)), None)
    again = [_again(f"{path}.tests[{n}]", test, distances, alpha, ledger) for n, test in enumerate(found.tests)]
    for number, (stored, decided) in enumerate(zip(found.tests, judge.decide(again, alpha), strict=True)):
        without = {"evidence", "reason"} if stored.rule in ("AUD404", "AUD406") else {"evidence"}
        if stored.p_value is not None and again[number] is not stored:
            ledger.fields(f"{path}.tests[{number}]", stored, decided, without)
    if distances is None:
        return 1.0  # nothing could be compared: texts alone do not stand for it
    if not any(isinstance(test.evidence, Exceedance) for test in found.tests):
        ledger.holds(f"{path}.mixture", found.mixture, found.mixture is None, "follows from no test")
        ledger.holds(f"{path}.points", len(found.points), not found.points, "follow from no test")
    else:
        _, mixture, points = judge.classify(judge.Distances.of(distances), alpha)
        ledger.same(f"{path}.mixture", found.mixture, mixture, 1e-8)  # the bounds are found by bisection
        ledger.same(f"{path}.points", found.points, points)
    return distances.missing / distances.asked


def _again(path: str, stored: Result, distances: OnlineRanks | None, alpha: float, ledger: Ledger) -> Result:
    """A test before Holm; the stored one itself where nothing can be computed again."""
    found = stored.evidence
    if isinstance(found, OnlineRanks):
        return judge.compare(judge.Distances.of(found), found.seed)
    if isinstance(found, Exceedance) and distances is not None:
        return judge.classify(judge.Distances.of(distances), alpha)[0]
    if isinstance(found, RelativeRanks):
        return judge.rank_uniformity(found.scores, found.references, found.seed, LOCAL)
    if isinstance(found, Discrepancy) and stored.draws is not None and stored.n is not None:
        if not ledger.affordable(path, stored.draws.count):
            return stored
        return judge.judge_likeness(
            judge.likeness_of(found), found.seed, stored.draws.count, "", stored.n, WORDS[found.yardstick]
        )
    if stored.p_value is not None:
        ledger.cannot(path, "the report stores nothing that the p-value follows from")
    return stored
