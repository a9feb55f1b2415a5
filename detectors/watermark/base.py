"""Shared parts of the keyed rules: the null, the sentences about a p-value, and the p-values of each kind of test.

Everything here follows from what a report stores; no key, no text and no tokenizer is needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from llm_audit.common.errors import AuditError
from llm_audit.detectors.rule import NotDerivable, ResultFields, Rule, affordable
from llm_audit.detectors.watermark.counts import Counts, law_of, tokens_needed, whole_text
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.results import Effect, Statistic
from llm_audit.results.watermark_evidence import FreshKeys, LinedUp, Summed
from llm_audit.stats import gamma_tail
from llm_audit.stats.laws import Law

NULL = (
    "The text was written without knowledge of the key, and the key behaves like a random draw that is independent of the text."
)

ASSUMPTIONS = (
    "The chance is in the key, not in the text: for a key that is public or guessable (42, 15485863, a published demo key) the "
    "null hypothesis is an assumption that nobody can check.",
    "No rejection says: no mark under this key, scheme and tokenizer. It never says that a person wrote the text, nor that the "
    "text has no mark at all.",
    "A rejection says that the text carries the mark, not who put it there: marks can be forged by somebody who saw enough "
    "marked text, and a marked text can be quoted.",
    "One key marks a whole deployment: texts that share phrases share the errors of this test, too.",
)
"""Assumptions of every keyed rule."""

MOST_LOG_E = 700.0
"""Largest logarithm of an e-value; larger ones are capped, since a float ends near e^709."""


def keyed_fields(rule: Rule[Any, Any], key: str) -> ResultFields:
    """The rule's part of a result about one key, whose id the name holds."""
    return {**rule.result_fields, "name": f"{rule.title}, key {key}"}


class Numbers(NamedTuple):
    """The p-value of one test and the smallest that it could have had, as natural logarithms."""

    log_p: float
    log_floor: float


def law(described: Mapping[str, str | int | float]) -> Law:
    """The null law that a report stores. Raises NotDerivable: this version knows no such law."""
    try:
        return law_of(described)
    except AuditError as error:
        raise NotDerivable(str(error)) from None


def check_laws(scheme: str, *stored: Mapping[str, str | int | float]) -> None:
    """Check that the null laws in a report are those of the scheme; for a scheme unknown here any law passes.

    Raises:
        ValueError: the scores of the scheme follow another law.
    """
    if scheme in SCHEMES:
        null_law = SCHEMES[scheme].law
        if any(null_law is None or stored_law.get("kind") != null_law.kind for stored_law in stored):
            raise ValueError(f"scores of {title_of(scheme)} follow another null law than the stored one")


def counts_of(reading: Summed) -> Counts:
    """The counts that a reading stores."""
    if not reading.distinct <= reading.scored <= reading.tokens:
        raise ValueError("more tokens are counted than there are")
    return Counts(reading.tokens, reading.scored, reading.distinct, reading.total, law(reading.law))


def numbers(reading: Summed | LinedUp | FreshKeys) -> Numbers:
    """The p-value of one reading, with its smallest."""
    if isinstance(reading, Summed):
        whole = whole_text(counts_of(reading))
        return Numbers(whole.log_p, whole.log_p_floor)
    if isinstance(reading, LinedUp):
        if reading.block > reading.tokens or reading.cells > reading.block:
            raise ValueError("a block is longer than the text, or has more cells than tokens")
        places = reading.keys * (reading.tokens - reading.block + 1)
        return Numbers(min(0.0, math.log(places) + gamma_tail.one_sum(-reading.cost, reading.cells)), -math.inf)
    stopped = reading.exceeding == reading.stop
    drawn, most = reading.draws, reading.most
    if reading.exceeding > min(reading.stop, drawn) or drawn > most or (drawn < most and not stopped):
        raise ValueError("so many fresh keys cannot have been drawn")
    affordable(drawn)
    p = reading.stop / drawn if stopped else (1 + reading.exceeding) / (1 + drawn)
    return Numbers(math.log(p), -math.log(most + 1))


def summed(reading: Summed) -> tuple[Statistic, Effect | None, float | None]:
    """Statistic, effect and log e-value of a sum of scores; without scores, neither effect nor e-value."""
    name = "green tokens" if reading.law.get("kind") in ("bernoulli", "urn") else "sum of scores"
    statistic = Statistic(name=name, value=reading.total, unit=f"of {reading.distinct:,} distinct inputs")
    if not reading.distinct:
        return statistic, None, None
    whole = whole_text(counts_of(reading))
    return statistic, Effect(name="mean score", value=whole.mean, unit=f"({whole.null_mean:.4g} by chance)"), whole.log_e


def times(unadjusted: Numbers, tests: int) -> Numbers:
    """Bonferroni: p-value and floor, multiplied by the number of tests."""
    return Numbers(min(0.0, unadjusted.log_p + math.log(tests)), min(0.0, unadjusted.log_floor + math.log(tests)))


def title_of(scheme: str) -> str:
    """The title of a scheme; its name if this version does not know it."""
    return SCHEMES[scheme].title if scheme in SCHEMES else scheme


def e_value(log_e: float) -> float:
    """The e-value, capped where a float ends."""
    return math.exp(max(-MOST_LOG_E, min(MOST_LOG_E, log_e)))


def needed(reading: Summed, level: float) -> str:
    """Sentence on how many distinct inputs a decision needs; "" if the text has enough."""
    if numbers(reading).log_floor <= math.log(level):
        return ""
    least = tokens_needed(law(reading.law), level)
    if least is None:
        return f" Only {reading.distinct:,} distinct inputs can be scored; this scheme never decides at {level:.2g}."
    return f" Only {reading.distinct:,} distinct inputs can be scored; a decision needs {least:,} at the very least."
