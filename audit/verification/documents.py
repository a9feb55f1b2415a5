"""Texts: conformal ranks, exact tests of candidates, and what they come to together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from llm_audit.detectors.attribution import judge, sets, unknown
from llm_audit.detectors.origin.conformal import conformal_result, passage_numbers
from llm_audit.detectors.origin.plot_data import histogram
from llm_audit.detectors.origin.run import AS_GIVEN_RULE, for_comparison
from llm_audit.detectors.populations import Population
from llm_audit.detectors.populations.population import alone, as_stored
from llm_audit.inspection import of_tampering, summarised
from llm_audit.results import Attribution, Authorship, Document, Manifest, Result, SetAttribution, Verdict
from llm_audit.results.evidence import Conformal, Fisher, Generations, Settings, Tempering
from llm_audit.verification.ledger import Ledger

Find = Callable[[str, Conformal], Population | None]
"""The population of some evidence at a path, or None once the ledger knows that it is not here."""


def document(path: str, found: Document, manifest: Manifest, ledger: Ledger, find: Find) -> None:
    """All that is said of one text."""
    combined = found.combined
    if combined is not None:
        conformal(f"{path}.combined", combined, manifest, ledger, find, exact_tail=False)
    for number, result in enumerate(found.results):
        at = f"{path}.results[{number}]"
        if result.p_value is None:  # counts of odd characters, which only the text could show again
            continue
        if result.rule == AS_GIVEN_RULE:
            conformal(at, result, manifest, ledger, find, exact_tail=False, then=for_comparison)
            continue
        conformal(at, result, manifest, ledger, find, exact_tail=True)
        whole, own = combined and combined.evidence, result.evidence
        if isinstance(whole, Conformal) and isinstance(own, Conformal) and own.rules and own.rules[0] in whole.rules:
            ledger.same(f"{at}.evidence", own, alone(whole, whole.rules.index(own.rules[0])))
    if combined is not None and not found.attributions and found.gate is None:
        ledger.same(f"{path}.verdict", found.verdict, combined.verdict)
        ledger.same(f"{path}.summary", found.summary, summarised(found.model_copy(update={"summary": combined.reason})))
    human = combined.p_value if combined else None
    for number, one in enumerate(found.attributions):
        _attribution(f"{path}.attributions[{number}]", one, found.attributions, human, manifest.alpha, ledger, find)
    for number, group in enumerate(found.sets):
        _set(f"{path}.sets[{number}]", group, found.attributions, human, manifest.alpha, ledger)
    if found.attributions:
        verdict, summary = sets.summary(found.attributions, found.sets)
        ledger.same(f"{path}.verdict", found.verdict, verdict)
        ledger.same(f"{path}.summary", found.summary, " ".join([summary, *([of_tampering(found)] if found.tampering else [])]))


def conformal(
    path: str,
    stored: Result,
    manifest: Manifest,
    ledger: Ledger,
    find: Find,
    *,
    exact_tail: bool,
    then: Callable[[Result], Result] = lambda result: result,
) -> None:
    """A rank among the population of the run; `then` is what was made of the result."""
    found = stored.evidence
    if not isinstance(found, Conformal):
        ledger.cannot(path, "the report stores nothing that the p-value follows from")
        return
    ledger.same(f"{path}.evidence.population", found.population, manifest.population)
    ledger.same(f"{path}.evidence.digest", found.digest, manifest.population_digest)
    population = find(f"{path}.p_value", found)
    if population is None:
        return
    comparisons = [population.judge(found, part) for part in found.parts]
    again = then(
        conformal_result(
            comparisons,
            population,
            manifest.alpha,
            rule=stored.rule,
            name=stored.name,
            method=stored.method,
            exact_tail=exact_tail,
            statistic=stored.statistic,
            spans=stored.spans,
            evidence=found,
        )
    )
    if stored.histogram is not None:
        stretch = min(comparisons, key=lambda comparison: comparison.p_value).stretch
        again = again.model_copy(update={"histogram": histogram(population, stored.rule, stretch)})
    ledger.fields(path, stored, again, without={"spans", "shares", "evidence", "rule", "name", "method", "statistic"})
    if stored.statistic is not None:
        strongest = min(range(len(comparisons)), key=lambda i: comparisons[i].p_value)
        same = as_stored(stored.statistic.value) == found.parts[strongest].statistics[0]
        ledger.holds(f"{path}.statistic.value", stored.statistic.value, same, "is not that of the strongest part in evidence")
    judged = [number for number, span in enumerate(stored.spans) if span.p_value is not None]
    numbers = passage_numbers(found, population)
    ledger.same(f"{path}.spans", len(judged), len(numbers))
    for number, again_of in zip(judged, numbers, strict=False):
        for name, value in again_of.items():
            ledger.same(f"{path}.spans[{number}].{name}", getattr(stored.spans[number], name), value)


def _attribution(
    path: str,
    stored: Attribution,
    all_: Sequence[Attribution],
    human: float | None,
    alpha: float,
    ledger: Ledger,
    find: Find,
) -> None:
    found = stored.evidence
    if isinstance(found, Generations):
        _generations(path, stored, found, alpha, ledger, find)
    elif isinstance(found, Settings):
        _settings(path, stored, found, all_, human, alpha, ledger)
    elif stored.p_value is not None:
        ledger.cannot(path, "the report stores nothing that the p-value follows from")


def _generations(path: str, stored: Attribution, found: Generations, alpha: float, ledger: Ledger, find: Find) -> None:
    """The prompt is unknown: ranks among reference generations, of the setting that fits best."""
    populations = [find(f"{path}.p_value", one) for one in found.settings]
    if not all(populations) or not populations:
        return
    ranked = [
        (population.judge(one, one.parts[0]), population, one)
        for population, one in zip(populations, found.settings, strict=True)
        if population is not None
    ]
    (p, n, stretch), population, shown = max(ranked, key=lambda entry: entry[0].p_value)
    verdict, reason = unknown.verdict_of(p, n, stretch.stop, alpha)
    for name, value in {"p_value": p, "verdict": verdict, "reason": reason}.items():
        ledger.same(f"{path}.{name}", getattr(stored, name), value)
    ledger.same(f"{path}.tests", [test.rule for test in stored.tests], list(shown.rules))
    for number, test in enumerate(stored.tests):
        at = f"{path}.tests[{number}]"
        own = alone(shown, number)
        ledger.same(f"{at}.evidence", test.evidence, own)
        again = unknown.result_fields(population, own, alpha)
        for name, value in again.items():
            ledger.same(f"{at}.{name}", getattr(test, name), value)
        if test.statistic is not None:
            same = as_stored(test.statistic.value) == own.parts[0].statistics[0]
            ledger.holds(f"{at}.statistic.value", test.statistic.value, same, "is not the one in evidence")


def _settings(
    path: str,
    stored: Attribution,
    found: Settings,
    all_: Sequence[Attribution],
    human: float | None,
    alpha: float,
    ledger: Ledger,
) -> None:
    """The prompt is known: exact tests under each setting, Bonferroni, the least refuted setting."""
    shown = {test.rule: test.evidence for test in stored.tests}
    came_to = []
    for setting in found.settings:
        told = []
        for deciding in setting.tests:
            evidence = deciding.evidence or shown.get(deciding.rule)
            if evidence is None or not judge.knows(evidence):
                ledger.cannot(path, f"the report stores nothing that the p-value of {deciding.rule} follows from")
                return
            told.append(judge.told(evidence, alpha / len(setting.tests)))
        came_to.append(judge.refutation([one.p_value for one in told], [one.robust for one in told], alpha))
    together, place = judge.least_refuted(came_to)
    ledger.same(f"{path}.p_value", stored.p_value, together.p_value)
    ledger.same(f"{path}.evidence.shown", found.shown, place)
    ledger.same(f"{path}.settings", stored.settings, [setting.name for setting in found.settings])
    for number, test in enumerate(stored.tests):
        _exact(f"{path}.tests[{number}]", test, stored, alpha, ledger)
    refuted = together.refuted and together.robust
    others = [one for one in all_ if one is not stored]
    written = bool(
        not together.refuted
        and others
        and all(one.verdict is Authorship.NOT_WRITTEN_BY for one in others)
        and len(found.against) == len(others)
        and judge.least(found.against) >= judge.needed(len(others), alpha)
        and human is not None
        and human <= alpha
    )
    if refuted or written:
        ledger.same(f"{path}.verdict", stored.verdict, Authorship.NOT_WRITTEN_BY if refuted else Authorship.WRITTEN_BY)
    else:
        undecided = stored.verdict in (Authorship.UNDECIDED, Authorship.NOT_ASSESSABLE)
        ledger.holds(f"{path}.verdict", stored.verdict, undecided, "does not follow from the tests")


def _exact(path: str, stored: Result, of: Attribution, alpha: float, ledger: Ledger) -> None:
    """One exact test under the setting that is shown."""
    if stored.evidence is None or not judge.knows(stored.evidence):
        ledger.cannot(path, "the report stores nothing that the p-value follows from")
        return
    told = judge.told(stored.evidence, alpha)
    ledger.same(f"{path}.p_value", stored.p_value, told.p_value)
    ledger.same(f"{path}.e_value", stored.e_value, None if told.log_e is None else judge.e_value(told.log_e))
    ledger.same(f"{path}.verdict", stored.verdict, Verdict.FINDING if told.p_value <= alpha else Verdict.PASS)
    if stored.statistic is not None:
        ledger.same(f"{path}.statistic.value", stored.statistic.value, judge.finite_statistic(told.statistic))
    trace = of.trace
    if trace is None:
        return
    ledger.same(f"{path}.n", stored.n, len(trace.start))
    if isinstance(stored.evidence, Tempering):
        place = f"{path.rsplit('.tests', 1)[0]}.trace.log_e"
        ledger.same(f"{place}[{len(trace.log_e) - 1}]", trace.log_e[-1], round(float(np.clip(told.statistic, -1e4, 1e4)), 4))
    if isinstance(stored.evidence, Fisher):
        ledger.same(f"{path}.evidence.tokens", stored.evidence.tokens, len(trace.pit))


def _set(
    path: str, stored: SetAttribution, all_: Sequence[Attribution], human: float | None, alpha: float, ledger: Ledger
) -> None:
    """A set of candidates: the largest p-value, the smallest e-value."""
    members = [one for one in all_ if one.role == stored.role]
    ledger.same(f"{path}.members", stored.members, [one.candidate for one in members])
    p_values = [one.p_value for one in members if one.p_value is not None]
    if len(p_values) < len(members):
        ledger.same(f"{path}.verdict", stored.verdict, Authorship.NOT_ASSESSABLE)
        return
    found = stored.evidence
    ledger.same(f"{path}.p_value", stored.p_value, max(p_values))
    ledger.same(f"{path}.e_value", stored.e_value, judge.e_value(judge.least(found.against)) if found else None)
    others_refuted = all(one.verdict is Authorship.NOT_WRITTEN_BY for one in all_ if one.role != stored.role)
    written = found and found.outside and others_refuted and judge.least(found.outside) >= judge.needed(1, alpha)
    if all(one.verdict is Authorship.NOT_WRITTEN_BY for one in members):
        verdict = Authorship.NOT_WRITTEN_BY
    elif written and human is not None and human <= alpha < max(p_values):
        verdict = Authorship.WRITTEN_BY
    else:
        verdict = Authorship.UNDECIDED
    ledger.same(f"{path}.verdict", stored.verdict, verdict)
