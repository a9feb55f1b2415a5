"""The rule for the whole text under one key: whether the sum of its scores is larger than by chance."""

from __future__ import annotations

import math
from typing import Any

from llm_audit.common.seeds import generator
from llm_audit.detectors.rule import MOST_DRAWS, Measurement, Rule, Terms, decision, requires
from llm_audit.detectors.watermark import alignment
from llm_audit.detectors.watermark.base import (
    ASSUMPTIONS,
    NULL,
    Numbers,
    check_laws,
    e_value,
    keyed_fields,
    law,
    needed,
    numbers,
    summed,
    times,
    title_of,
)
from llm_audit.detectors.watermark.counts import count, described
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.readings import Reading
from llm_audit.detectors.watermark.schemes.base import TokenScheme
from llm_audit.detectors.watermark.schemes.kuditipudi import Exp, KeySequence
from llm_audit.reports.format import p_statement
from llm_audit.results import Draws, Effect, Result, Statistic
from llm_audit.results.watermark_evidence import FreshKeys, KeyedText, LinedUp, Summed

LONGEST_ALIGNED = 256
"""Most tokens of a text that are aligned with edits: the time per fresh key grows with their square."""

STOP = 10
"""Number of fresh keys at least as good as the tested one after which drawing stops, since p is large."""


def measure(key: Key, readings: tuple[Reading, ...], *, tests: int, level: float, seed: str) -> Measurement[KeyedText]:
    """Measure the evidence of a text under a key.

    Args:
        key: with its scheme.
        readings: the text as tokens, in one way or several; at least one.
        tests: of this text that share alpha.
        level: at which one of them rejects: where fresh keys are drawn, they are enough for it, unless it takes more than
            `MOST_DRAWS`; then few are drawn, since nothing can be decided.
        seed: of the fresh keys.
    """
    if isinstance(key.scheme, TokenScheme):
        tested: list[Summed | LinedUp | FreshKeys] = []
        for reading in readings:
            counts = count(key.scheme.observe(reading.text))
            tested.append(
                Summed(
                    reading=reading.name,
                    tokens=counts.tokens,
                    scored=counts.scored,
                    distinct=counts.distinct,
                    total=counts.total,
                    law=described(counts.law),
                )
            )
        return Measurement(_evidence(key, tests, tested))
    assert isinstance(key.scheme, KeySequence)
    ways = len(readings) + 1
    enough = 2 * math.ceil(ways / level) - 1
    most = enough if 999 < enough <= MOST_DRAWS else 999
    tested = [_plain(key.scheme, reading, most, f"{seed} {number}") for number, reading in enumerate(readings)]
    if min(numbers(reading).log_p for reading in tested) + math.log(ways) <= math.log(level):
        most = 1  # already decided, so the slow test needs no more draws
    # The edit cost tolerates a different first token, so one reading suffices.
    tested.append(_ranked(key.scheme, readings[0].shortened(LONGEST_ALIGNED), "edit", most, f"{seed} edit"))
    return Measurement(_evidence(key, tests, tested), draws=Draws(count=0, exceeding=0, seed=seed))


def _evidence(key: Key, tests: int, tested: list[Summed | LinedUp | FreshKeys]) -> KeyedText:
    return KeyedText(key=key.id, scheme=key.scheme.scheme, tests=tests, readings=tuple(tested))


def _plain(scheme: KeySequence, reading: Reading, most: int, seed: str) -> Summed | LinedUp | FreshKeys:
    """The evidence without edits: in closed form if it can be computed again without the key, else by fresh keys."""
    if not isinstance(scheme, Exp) or len(reading.text.ids) == 0:
        return _ranked(scheme, reading, "simple", most, seed)
    closed = alignment.closed_form(scheme, reading.text)
    return LinedUp(
        reading=reading.name,
        tokens=closed.tokens,
        keys=closed.keys,
        block=closed.block,
        cells=closed.cells,
        cost=closed.phi,
    )


def _ranked(scheme: KeySequence, reading: Reading, cost: alignment.Cost, most: int, seed: str) -> FreshKeys:
    ids = reading.text.ids
    if len(ids) == 0:
        return _nothing(reading, scheme.length, cost)
    observed = alignment.least_cost(scheme, scheme.costs(ids), cost, len(ids))
    ranked = alignment.fresh_keys(scheme, reading.text, generator(seed, "fresh keys"), cost, draws=most, stop=STOP)
    return FreshKeys(
        reading=reading.name,
        alignment=cost,
        tokens=len(ids),
        keys=scheme.length,
        cost=observed,
        draws=ranked.draws,
        exceeding=ranked.exceeding,
        most=most,
        stop=STOP,
    )


def _nothing(reading: Reading, keys: int, way: alignment.Cost) -> FreshKeys:
    """The evidence of a text without tokens: p = 1."""
    return FreshKeys.model_validate(
        {"reading": reading.name, "alignment": way, "tokens": 0, "keys": keys, "cost": 0.0}
        | {"draws": 1, "exceeding": 1, "most": 1, "stop": 1}
    )


def outcome(evidence: KeyedText) -> tuple[Summed | LinedUp | FreshKeys, Numbers]:
    """The best reading, and its numbers after Bonferroni over the readings."""
    check_laws(evidence.scheme, *(reading.law for reading in evidence.readings if isinstance(reading, Summed)))
    by_reading = [numbers(reading) for reading in evidence.readings]
    best = min(range(len(by_reading)), key=lambda i: by_reading[i].log_p)
    floor = min(of_reading.log_floor for of_reading in by_reading)
    return evidence.readings[best], times(Numbers(by_reading[best].log_p, floor), len(by_reading))


def derive(measured: Measurement[KeyedText], terms: Terms) -> Result:
    """The result: the best reading decides, at the level that is left to one of the tests."""
    return derive_as(rule, measured, terms)


def derive_as(asking: Rule[Any, KeyedText], measured: Measurement[KeyedText], terms: Terms) -> Result:
    """The result of `derive` for another rule that tests the whole text for the mark."""
    requires(measured, KeyedText)
    evidence = measured.evidence
    best, (log_p, log_floor) = outcome(evidence)
    p, floor, level = math.exp(log_p), math.exp(log_floor), terms.alpha / evidence.tests
    verdict, clause = decision(p, floor, level)
    ways = f", the best of {len(evidence.readings)} readings ({best.reading})" if len(evidence.readings) > 1 else ""
    statistic, effect, seen, log_e, units = _described(best)
    draws = measured.draws
    if isinstance(best, FreshKeys) and draws is not None:
        draws = Draws(count=best.draws, exceeding=best.exceeding, seed=draws.seed)
    elif draws is not None:
        draws = Draws(count=0, exceeding=0, seed=draws.seed)
    more = needed(best, level / len(evidence.readings)) if isinstance(best, Summed) else ""
    return Result(
        **keyed_fields(asking, evidence.key),
        subject="document",
        verdict=verdict,
        reason=(
            f"Key {evidence.key} ({title_of(evidence.scheme)}): {seen}; {p_statement(p, alpha=level)}{ways}; {clause}.{more}"
        ),
        statistic=statistic,
        p_value=p,
        e_value=None if log_e is None else e_value(log_e - math.log(len(evidence.readings))),
        p_floor=floor,
        n=units,
        effect=effect,
        draws=draws,
        evidence=evidence,
    )


def _described(best: Summed | LinedUp | FreshKeys) -> tuple[Statistic, Effect | None, str, float | None, int]:
    """Statistic, effect, description, log e-value and number of independent units of a reading."""
    if isinstance(best, Summed):
        statistic, effect, log_e = summed(best)
        if effect is None:
            return statistic, None, "no token can be scored", None, 0
        seen = (
            f"{best.distinct:,} distinct inputs in {best.tokens:,} tokens score {effect.value:.4g} each, "
            f"{law(best.law).mean:.4g} by chance"
        )
        return statistic, effect, seen, log_e, best.distinct
    statistic = Statistic(name="alignment with the keys", value=-best.cost, unit=f"over {best.tokens:,} tokens")
    if isinstance(best, LinedUp):
        seen = f"{best.tokens:,} tokens line up with the {best.keys:,} keys, at a cost of {best.cost:.4g}"
        return statistic, None, seen, None, best.cells
    edits = "with insertions and deletions" if best.alignment == "edit" else "without edits"
    seen = (
        f"{best.exceeding:,} of {best.draws:,} fresh keys line up with {best.tokens:,} tokens at least as well as the key does"
        f", {edits}"
    )
    return statistic, None, seen, None, best.tokens


rule = Rule[tuple[Reading, ...], KeyedText](
    code="AUD501",
    name="watermark-text",
    title="Watermark, whole text",
    question="Does the text as a whole carry the mark of the key?",
    null=NULL,
    assumptions=(
        *ASSUMPTIONS,
        "The end of the text was not chosen by looking at the result; for a text that grows, ask for the anytime test.",
    ),
    method=(
        "Each input of the pseudo-random function counts once, by what it really hashes; exact tail of the sum of scores "
        "(binomial, Gamma, hypergeometric or the scheme's own law). Sequences of keys (Kuditipudi et al. 2023, arXiv "
        "2307.15593): Gamma tail times all blocks and shifts, and fresh keys with edits (Besag & Clifford 1991). The best "
        "reading of the text as tokens, times the number of readings."
    ),
    measure=measure,
    derive=derive,
    listed=(
        "WatermarkOfKey",
        "The text carries the mark of a key",
        f"Null hypothesis: {NULL} A finding says that the text carries the mark, not who put it there.",
    ),
)
