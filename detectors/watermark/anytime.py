"""The rule for a growing text under one key: an e-process, valid under optional stopping."""

from __future__ import annotations

import math

from llm_audit.detectors.rule import Measurement, Rule, Terms, decision, requires
from llm_audit.detectors.watermark import counts
from llm_audit.detectors.watermark.base import ASSUMPTIONS, NULL, Numbers, e_value, keyed_fields, title_of
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.readings import Reading
from llm_audit.detectors.watermark.schemes.base import TokenScheme
from llm_audit.reports.format import p_statement
from llm_audit.results import Result, Statistic
from llm_audit.results.watermark_evidence import KeyedBets


def measure(key: Key, reading: Reading, *, tests: int) -> Measurement[KeyedBets]:
    """The e-process along one reading."""
    assert isinstance(key.scheme, TokenScheme)
    process = counts.anytime(key.scheme.observe(reading.text))
    return Measurement(
        KeyedBets(
            key=key.id,
            scheme=key.scheme.scheme,
            tests=tests,
            reading=reading.name,
            distinct=len(process.path),
            log_e=process.log_e,
            log_peak=process.log_peak,
        ),
        log_e=tuple(process.path.tolist()),
    )


def outcome(evidence: KeyedBets) -> Numbers:
    """The p-value, 1 / the peak of the e-process, and its floor, which is that of the scores."""
    return Numbers(-evidence.log_peak, -math.inf if evidence.distinct else 0.0)


def derive(measured: Measurement[KeyedBets], terms: Terms) -> Result:
    """The result: the peak of the e-process decides."""
    requires(measured, KeyedBets)
    evidence, path = measured.evidence, measured.log_e
    if len(path) != evidence.distinct or (path and (path[-1] != evidence.log_e or max(0.0, *path) != evidence.log_peak)):
        raise ValueError("the path of the e-process is not the one that its peak and its end are of")
    log_p, log_floor = outcome(evidence)
    p, level = math.exp(log_p), terms.alpha / evidence.tests
    verdict, clause = decision(p, math.exp(log_floor), level)
    return Result(
        **keyed_fields(rule, evidence.key),
        subject="document",
        verdict=verdict,
        reason=(
            f"Key {evidence.key} ({title_of(evidence.scheme)}): bets on the mark over {evidence.distinct:,} distinct inputs "
            f"multiply the stake by at most {e_value(evidence.log_peak):.3g}; {p_statement(p, alpha=level)} whenever one "
            f"stops; {clause}."
        ),
        statistic=Statistic(name="largest log e", value=evidence.log_peak, unit="nats"),
        p_value=p,
        e_value=e_value(evidence.log_e),
        p_floor=math.exp(log_floor),
        n=evidence.distinct,
        log_e=path,
        evidence=evidence,
    )


rule = Rule[Reading, KeyedBets](
    code="AUD503",
    name="watermark-anytime",
    title="Watermark, anytime",
    question="Does a text that grows carry the mark of the key, whenever one stops reading?",
    null=NULL,
    assumptions=ASSUMPTIONS,
    method=(
        "E-process: the average of products of exp(l s) / E exp(l s) over bets l fixed beforehand, one factor for each "
        "distinct input; p = 1 / its peak (Ville 1939)."
    ),
    measure=measure,
    derive=derive,
    listed=(
        "WatermarkOfKeyAnytime",
        "The text carries the mark of a key, whenever one stops",
        f"Null hypothesis: {NULL} A finding says that the text carries the mark, not who put it there.",
    ),
)
