"""The rule for windows of the text under one key: whether some part carries the mark, and which part."""

from __future__ import annotations

import math

from llm_audit.common.seeds import generator
from llm_audit.detectors.rule import Measurement, NotDerivable, Rule, Terms, affordable, decision, requires
from llm_audit.detectors.watermark.base import ASSUMPTIONS, NULL, Numbers, check_laws, keyed_fields, law, title_of
from llm_audit.detectors.watermark.counts import described, distinct
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.readings import Reading
from llm_audit.detectors.watermark.schemes.base import TokenScheme
from llm_audit.reports.format import p_statement
from llm_audit.results import Draws, Result, Span, Statistic
from llm_audit.results.watermark_evidence import KeyedWindows
from llm_audit.stats import spans

LEAST = 32
"""Scores in the shortest windows."""

DRAWS = 999
"""Number of simulated texts."""

MOST_CELLS = 200_000_000
"""Most simulated scores that a verification draws again; a text of 100,000 tokens has half as many."""


def measure(key: Key, reading: Reading, *, tests: int, seed: str) -> Measurement[KeyedWindows]:
    """Measure the sums of all windows of one reading, which must have a token that can be scored."""
    assert isinstance(key.scheme, TokenScheme)
    kept = distinct(key.scheme.observe(reading.text))
    windows = spans.cover(len(kept), LEAST)
    places = [reading.characters(int(kept.positions[a]), int(kept.positions[b - 1]) + 1) for a, b in windows]
    return Measurement(
        KeyedWindows(
            key=key.id,
            scheme=key.scheme.scheme,
            tests=tests,
            reading=reading.name,
            distinct=len(kept),
            law=described(kept.law),
            least=LEAST,
            draws=DRAWS,
            seed=seed,
            sums=tuple(spans.sums_of(kept.scores, LEAST).tolist()),
            places=tuple(place for place in places if place is not None),
        )
    )


def scan_of(evidence: KeyedWindows) -> spans.Scan:
    """The scan from stored sums; its simulated null is drawn again."""
    check_laws(evidence.scheme, evidence.law)
    if affordable(evidence.draws) * evidence.distinct > MOST_CELLS:
        raise NotDerivable(f"{evidence.draws:,} simulated texts of {evidence.distinct:,} scores are too many to draw again")
    if evidence.sums and not -1e-9 <= min(evidence.sums) <= max(evidence.sums) <= evidence.sums[0] + 1e-9:
        raise ValueError("scores are never negative, so that no window has a sum below 0 or above that of the whole")
    rng = generator(evidence.seed, "windows")
    return spans.scanned(evidence.sums, evidence.distinct, law(evidence.law), rng, evidence.draws, evidence.least)


def outcome(evidence: KeyedWindows, scan: spans.Scan | None = None) -> Numbers:
    """Twice the smaller of the two p-values: Bonferroni over all windows, and rank among the simulated texts."""
    scan = scan or scan_of(evidence)
    of_windows = [law(evidence.law).least(int(stop - start)) for start, stop in scan.windows[:1]]
    floor = min(math.log(len(scan.windows)) + of_windows[0], -math.log(scan.draws + 1))
    log_p = min(scan.log_p_cover, math.log(scan.p_simulated))
    return Numbers(min(0.0, log_p + math.log(2)), min(0.0, floor + math.log(2)))


def derive(measured: Measurement[KeyedWindows], terms: Terms) -> Result:
    """The result; its spans are the disjoint windows that reject after Bonferroni over all windows."""
    requires(measured, KeyedWindows)
    evidence = measured.evidence
    scan = scan_of(evidence)
    log_p, log_floor = outcome(evidence, scan)
    p, floor, level = math.exp(log_p), math.exp(log_floor), terms.alpha / evidence.tests
    verdict, clause = decision(p, floor, level)
    loud = spans.disjoint(scan, level)
    many = len(scan.windows)
    parts = (
        f"{len(loud):,} parts that do not overlap stand out once all {many:,} windows are counted"
        if len(loud)
        else f"no part stands out once all {many:,} windows are counted"
    )
    marked = []
    for i in loud if len(evidence.places) == many else []:
        start, end = evidence.places[i]
        window_log_p = min(0.0, float(scan.log_p[i]))
        least = law(evidence.law).least(int(scan.windows[i, 1] - scan.windows[i, 0]))
        marked.append(
            Span(
                start=start,
                end=end,
                p_value=math.exp(window_log_p),
                p_floor=math.exp(least),
                q_value=math.exp(min(0.0, window_log_p + math.log(many))),
                n=int(scan.windows[i, 1] - scan.windows[i, 0]),
            )
        )
    return Result(
        **keyed_fields(rule, evidence.key),
        subject="document",
        verdict=verdict,
        reason=f"Key {evidence.key} ({title_of(evidence.scheme)}): {parts}; {p_statement(p, alpha=level)}; {clause}.",
        statistic=Statistic(name="largest log e over windows", value=scan.statistic, unit="nats"),
        p_value=p,
        p_floor=floor,
        n=evidence.distinct,
        draws=Draws(count=scan.draws, exceeding=scan.exceeding, seed=evidence.seed),
        evidence=evidence,
        spans=tuple(marked),
    )


rule = Rule[Reading, KeyedWindows](
    code="AUD502",
    name="watermark-windows",
    title="Watermark, windows",
    question="Does some part of the text carry the mark of the key?",
    null=NULL,
    assumptions=(
        *ASSUMPTIONS,
        "The edges of a part are those of the window that stands out most; the mark may begin before and end after it.",
    ),
    method=(
        f"Windows of {LEAST}, {2 * LEAST}, {4 * LEAST}, ... distinct inputs that overlap by half. Twice the smaller of two "
        "p-values: the exact tail of the best window times the number of windows, and the rank of the same scan among "
        f"{DRAWS} texts of independent scores, (1 + b)/(1 + B)."
    ),
    measure=measure,
    derive=derive,
    listed=(
        "WatermarkOfKeyInPart",
        "A part of the text carries the mark of a key",
        f"Null hypothesis: {NULL} A finding says that a part carries the mark, not who put it there.",
    ),
)
