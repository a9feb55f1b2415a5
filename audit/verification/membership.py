"""Collections: ranks among draws, permutations repeated from their seeds, separations, the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.membership import blind, dataset, evidence, identifier, order, paired, run, screen
from llm_audit.results import Gate, Membership, Result, Screened
from llm_audit.results.evidence import Drawn, RankSum, Signs, TwoSample, Versions
from llm_audit.seeds import generator
from llm_audit.stats import permutation
from llm_audit.stats.combination import bonferroni
from llm_audit.verification.ledger import Ledger

INTERVALS = {order.RULE: "order interval", identifier.RULE: "identifier interval"}
"""Rule -> what the random numbers of its effect's interval are for."""


def membership(path: str, found: Membership, alpha: float, ledger: Ledger) -> None:
    """All that is said of one collection."""
    if found.gate is not None:
        _gate(f"{path}.gate", found.gate, ledger)
    for number, test in enumerate(found.tests):
        _test(f"{path}.tests[{number}]", test, evidence.GATE_LEVEL if test.rule == "AUD300" else alpha, ledger)
    if found.separations:
        _separations(path, found, ledger)
    deciding = [test for test in found.tests if test.rule != "AUD300"]
    stated = not found.provenance.startswith(run.UNSTATED)
    if deciding:
        unstated = "" if stated or deciding[0].rule != dataset.RULE else run.UNSTATED
        verdict, said = evidence.concluded(deciding[0], found.tests, found.gate, condition="", unstated=unstated)
        ledger.same(f"{path}.verdict", found.verdict, verdict)
        begins = said.split(",")[0].split(":")[0]
        ledger.holds(f"{path}.summary", found.summary, found.summary.startswith(begins), "does not say what the verdict says")
    elif found.texts:
        verdict, summary = run.verdict_of(found.gate, found.separations, alpha, "stated" if stated else "")
        ledger.same(f"{path}.verdict", found.verdict, verdict)
        ledger.same(f"{path}.summary", found.summary, summary)
    elif found.gate is not None:
        verdict, summary = run.verdict_of_gate(found.gate)
        ledger.same(f"{path}.verdict", found.verdict, verdict)
        ledger.same(f"{path}.summary", found.summary, summary)


def _gate(path: str, stored: Gate, ledger: Ledger) -> None:
    """The interval follows from the AUC and from what chance gives; that takes the texts, so it is not drawn again."""
    if stored.auc is None:
        few = min(stored.n_suspect, stored.n_held_out) < blind.FEWEST
        ledger.holds(f"{path}.outcome", stored.outcome, stored.outcome == "too_few" and few, "does not follow from the counts")
        return
    if stored.chance is None:
        ledger.cannot(f"{path}.auc", "the report does not say between which AUCs chance lies")
        return
    again = blind.interval(stored.auc.value, stored.chance)
    ledger.same(f"{path}.auc", stored.auc, again)
    shifted = not again.lower <= 0.5 <= again.upper
    ledger.same(f"{path}.outcome", stored.outcome, "shifted" if shifted else "no_difference_found")
    ledger.draws_only.append(f"{path}.auc")


def _test(path: str, stored: Result, alpha: float, ledger: Ledger) -> None:
    found = stored.evidence
    if stored.p_value is None:
        return
    if found is None or type(found) not in _TESTS:
        ledger.cannot(path, "the report stores nothing that the p-value follows from")
        return
    _TESTS[type(found)](path, stored, found, alpha, ledger)


def _drawn(path: str, stored: Result, found: Drawn, alpha: float, ledger: Ledger) -> None:
    draws, statistic = stored.draws, stored.statistic
    if draws is None or statistic is None:
        ledger.cannot(path, "the report stores no draws")
        return
    null = np.array(draws.values)
    if draws.count == len(null):
        outcome = permutation.monte_carlo(statistic.value, null)
        ledger.same(f"{path}.draws.exceeding", draws.exceeding, outcome.exceeding)
        _effect(path, stored, found, outcome, ledger)
    else:
        ledger.draws_only.append(f"{path}.p_value")
        seen = int(np.count_nonzero(null >= statistic.value))
        possible = seen <= draws.exceeding <= seen + draws.count - len(null)
        ledger.holds(f"{path}.draws.exceeding", draws.exceeding, possible, "contradicts the draws that are stored")
    _decided(path, stored, (1 + draws.exceeding) / (1 + draws.count), 1 / (1 + draws.count), alpha, ledger)


def _effect(path: str, stored: Result, found: Drawn, outcome: permutation.Outcome, ledger: Ledger) -> None:
    if stored.effect is None or found.effect is None:
        return
    gain = outcome.statistic - float(outcome.null.mean())
    again = permutation.standardised(outcome) if found.effect == "standardised" else gain
    ledger.same(f"{path}.effect.value", stored.effect.value, again, 1e-9)  # a difference of nearly equal numbers


def _decided(path: str, stored: Result, p: float, floor: float, alpha: float, ledger: Ledger) -> None:
    """p-value, floor and what follows from them."""
    ledger.same(f"{path}.p_value", stored.p_value, p)
    ledger.same(f"{path}.p_floor", stored.p_floor, floor)
    verdict, then = evidence.decide(p, floor, alpha)
    ledger.same(f"{path}.verdict", stored.verdict, verdict)
    ledger.holds(
        f"{path}.reason", stored.reason, stored.reason.endswith(f"p = {p:.2g}{_over(stored)}: {then}."), "does not say so"
    )


def _over(stored: Result) -> str:
    return f" over {len(stored.evidence.signs)} signs" if isinstance(stored.evidence, Signs) else ""


def _signs(path: str, stored: Result, found: Signs, alpha: float, ledger: Ledger) -> None:
    p_values = [(1 + sign.exceeding) / (1 + sign.draws) for sign in found.signs]
    strongest = found.signs[int(np.argmin(p_values))]
    if stored.statistic is not None and stored.draws is not None:
        ledger.same(f"{path}.statistic.name", stored.statistic.name, strongest.name)
        ledger.same(f"{path}.draws.count", stored.draws.count, strongest.draws)
        ledger.same(f"{path}.draws.exceeding", stored.draws.exceeding, strongest.exceeding)
    ledger.draws_only.append(f"{path}.p_value")
    _decided(path, stored, bonferroni(p_values), min(1.0, len(p_values) / (1 + strongest.draws)), alpha, ledger)


def _rank_sum(path: str, stored: Result, found: RankSum, alpha: float, ledger: Ledger) -> None:
    if not ledger.affordable(path, sum(found.draws)):
        return
    outcome = permutation.rank_sum(found.exceeding, found.draws)
    if stored.draws is not None:
        ledger.same(f"{path}.draws.count", stored.draws.count, outcome.draws)
        ledger.same(f"{path}.draws.exceeding", stored.draws.exceeding, outcome.exceeding)
        ledger.same(f"{path}.draws.values", stored.draws.values, outcome.null[: evidence.KEPT_DRAWS].tolist())
    if stored.statistic is not None:
        ledger.same(f"{path}.statistic.value", stored.statistic.value, outcome.statistic)
    ledger.draws_only.append(f"{path}.p_value")
    _decided(path, stored, outcome.p_value, outcome.p_floor, alpha, ledger)
    if stored.effect is not None:
        gains = np.array(found.gains)
        ledger.same(f"{path}.effect.value", stored.effect.value, float(gains.mean()))
        purpose, seed = INTERVALS.get(stored.rule), stored.draws and stored.draws.seed
        low, high = evidence.mean_interval(gains, generator(seed, purpose)) if purpose and seed else (None, None)
        ledger.same(f"{path}.effect.lower", stored.effect.lower, low)
        ledger.same(f"{path}.effect.upper", stored.effect.upper, high)


def _versions(path: str, stored: Result, found: Versions, alpha: float, ledger: Ledger) -> None:
    def again(draws: int, seed: str) -> Result:
        return paired.judge_table(np.array(found.table), found.groups, draws=draws, alpha=alpha, seed=seed)

    _repeated(path, stored, again, ledger)


def _two_sample(path: str, stored: Result, found: TwoSample, alpha: float, ledger: Ledger) -> None:
    def again(draws: int, seed: str) -> Result:
        scores = np.array(found.scores)
        return dataset.judge_scores(scores, found.suspect, found.held_out, draws=draws, alpha=alpha, seed=seed)

    _repeated(path, stored, again, ledger)


def _repeated(path: str, stored: Result, again: Callable[[int, str], Result], ledger: Ledger) -> None:
    """A test whose draws are drawn again, so many and from the seed that it stores."""
    draws = stored.draws
    if draws is None or draws.seed is None:
        ledger.cannot(path, "the report stores no seed")
    elif ledger.affordable(path, draws.count):
        ledger.fields(path, stored, again(draws.count, draws.seed), without={"evidence"})


_TESTS: dict[type[Any], Callable[[str, Result, Any, float, Ledger], None]] = {
    Drawn: _drawn,
    RankSum: _rank_sum,
    Signs: _signs,
    TwoSample: _two_sample,
    Versions: _versions,
}


def _separations(path: str, stored: Membership, ledger: Ledger) -> None:
    """How well scores separate, from the scores of every text."""
    if stored.seed is None or any(text.place is None or text.unit is None for text in stored.texts):
        ledger.cannot(f"{path}.separations", "the report does not say of which document each text is")
        return
    texts = sorted(stored.texts, key=lambda text: text.place or 0)
    ledger.same(f"{path}.texts", [text.place for text in texts], list(range(len(texts))))
    first = {text.unit: text for text in reversed(texts)}
    units = sorted(first, key=lambda unit: unit or 0)
    labels = np.array([first[unit].side == "suspect" for unit in units])
    scores = [(one.rule, one.score, one.title) for one in stored.separations]
    again = screen.separate(
        scores,
        {name: _means(texts, name, "scores") for _, name, _ in scores},
        {name: _means(texts, name, "control") for _, name, _ in scores if name in texts[0].control},
        labels,
        [first[unit].group for unit in units],
        stored.seed,
    )
    for number, (one, other) in enumerate(zip(stored.separations, again, strict=True)):
        ledger.fields(f"{path}.separations[{number}]", one, other)
    ledger.same(f"{path}.n_suspect", stored.n_suspect, int(labels.sum()))
    ledger.same(f"{path}.n_held_out", stored.n_held_out, int((~labels).sum()))


def _means(texts: Sequence[Screened], name: str, field: str) -> NDArray[np.float64]:
    return evidence.unit_means([getattr(text, field)[name] for text in texts], [str(text.unit) for text in texts])
