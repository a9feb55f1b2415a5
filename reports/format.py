"""Formatting of numbers and verdicts for all reports that people read.

Knows nothing of pages or terminals, and computes no statistics: it rounds, and it names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Context

from llm_audit.results import (
    Attribution,
    Authorship,
    Document,
    Draws,
    Effect,
    FalsePositiveRate,
    GateOutcome,
    Interval,
    Manifest,
    Membership,
    Rate,
    Report,
    Result,
    Screened,
    Served,
    SetAttribution,
    Suppression,
    Verdict,
)
from llm_audit.results.membership_evidence import Continued, RankSum
from llm_audit.results.rules import page_of

SMALLEST_SHOWN = 1e-6
"""Below this a p-value is written as "< 0.000001", unless alpha is smaller; the JSON report has all digits."""

HEAT = (0.5, 0.2, 0.1, 0.05, 0.01)
"""Largest p-values of the heat levels 1 to 5 of a passage; level 0 is above the first."""

LABELS: dict[Verdict, tuple[str, str]] = {
    Verdict.FINDING: ("▲", "Finding"),
    Verdict.PASS: ("○", "No finding"),
    Verdict.INCONCLUSIVE: ("◇", "Inconclusive"),
    Verdict.NOT_ASSESSABLE: ("–", "Not assessable"),
    Verdict.ERROR: ("✕", "Unreadable"),
}
"""Verdict -> sign and word, so that verdicts do not differ by colour alone. "No finding" is not "human"."""

TAMPERED = (LABELS[Verdict.FINDING][0], "Tampered with")

AUTHORSHIP: dict[Authorship, tuple[str, str]] = {
    Authorship.WRITTEN_BY: ("=", "Written by"),
    Authorship.NOT_WRITTEN_BY: ("≠", "Not written by"),
    Authorship.UNDECIDED: ("◇", "Undecided"),
    Authorship.NOT_ASSESSABLE: ("–", "Not assessable"),
}
"""Verdict on a candidate -> a sign and words. "Not written by" is not "written by a person"."""

OF_SEVERAL = AUTHORSHIP | {
    Authorship.WRITTEN_BY: ("=", "Written by one of them"),
    Authorship.NOT_WRITTEN_BY: ("≠", "Written by none of them"),
}

ROLES = {"candidate": "Candidate", "sanctioned": "Sanctioned model", "other": "Other model"}

GATE = {
    "no_difference_found": ("○", "No difference found"),
    "shifted": ("≠", "Shifted"),
    "too_few": ("–", "Too few texts to tell"),
}
"""Outcome of the blind baseline -> a sign and words. "No difference found" is not "no difference"."""

LIKE = {
    Served.CONSISTENT: Verdict.PASS,
    Served.INCONSISTENT: Verdict.FINDING,
    Served.NOT_MEASURED: Verdict.NOT_ASSESSABLE,
}
"""Outcome of the tests of an endpoint -> the verdict whose style it has on a page and a terminal."""

SERVED: dict[Served, tuple[str, str]] = {
    Served.CONSISTENT: (LABELS[LIKE[Served.CONSISTENT]][0], "Consistent"),
    Served.INCONSISTENT: (LABELS[LIKE[Served.INCONSISTENT]][0], "Inconsistent"),
    Served.NOT_MEASURED: (LABELS[LIKE[Served.NOT_MEASURED]][0], "Not measured"),
}
"""Outcome of the tests of an endpoint -> sign and words. "Consistent" does not mean "the promised model"."""

SUPPRESSIONS = {
    "applied": "Passed over",
    "unused": "Unused, there is no such finding",
    "expired": "Expired, counts no longer",
    "off": "Not allowed by the policy",
    "not_obeyed": "Without effect where it stands: write it as an HTML comment on a line of its own",
}
"""State of a suppression -> words."""

SIDES = {"suspect": "suspect", "held_out": "held-out"}

NOTHING_SHOWN = "Nothing was shown either way. This is not a pass."
FOR_THE_RECORD = "Scores, for the record: no verdict rests on them"
NO_SINGLE_TEXT = "No single text is called a member from a score."

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

NOT_JUDGED = frozenset({Verdict.NOT_ASSESSABLE, Verdict.ERROR})


def p_value(p: float, alpha: float | None = None) -> str:
    """A p-value with two significant digits, "0.031"; more if two would put p on the other side of `alpha`. Never "0"."""
    smallest = SMALLEST_SHOWN if alpha is None else min(SMALLEST_SHOWN, alpha)
    if p < smallest:
        return f"< {_decimal(smallest, 2)}"
    digits, shown = 2, _decimal(p, 2)
    while alpha is not None and (float(shown) <= alpha) != (p <= alpha):
        digits += 1
        shown = _decimal(p, digits)
    return "> 0.99" if shown == "1" and p < 1 else shown


def p_cell(p: float | None, floor: float | None = None, alpha: float | None = None) -> str:
    """A p-value for a table: a dash if there is none, with "≤" where it is the smallest that could have come out."""
    if p is None:
        return "–"
    shown = p_value(p, alpha)
    return f"≤ {shown}" if at_floor(p, floor) and shown[0].isdigit() else shown


def p_statement(p: float, floor: float | None = None, alpha: float | None = None, giver: str = "population") -> str:
    """A p-value for a sentence: "p = 0.031", or "p = 0.0005, the smallest this population can give"."""
    statement = equation("p", p, alpha)
    return f"{statement}, the smallest this {giver} can give" if at_floor(p, floor) else statement


def equation(name: str, value: float, alpha: float | None = None) -> str:
    """A p-value or a q-value by its name: "p = 0.031", "q < 0.000001"."""
    shown = p_value(value, alpha)
    return f"{name} = {shown}" if shown[0].isdigit() else f"{name} {shown}"


def page(code: str, manifest: Manifest) -> str | None:
    """The address of the page of a rule; None for a plugin's, for what is no code, since reports can be forged, and while the
    documentation has no address.
    """
    known = {plugin.rule for plugin in manifest.plugins or ()}
    return page_of(code) if re.fullmatch(r"AUD[0-9]{3}", code) and code not in known else None


def equations(numbers: Iterable[tuple[str, float | None, float | None]], alpha: float | None = None) -> tuple[str, ...]:
    """Equations without spaces, "p<=0.0013", "q=0.02", for the (name, value, smallest possible value) whose value is known."""
    written = []
    for name, value, floor in numbers:
        if value is not None:
            shown = p_value(value, alpha)
            sign = "" if not shown[0].isdigit() else "<=" if at_floor(value, floor) else "="
            written.append(f"{name}{sign}{shown}".replace(" ", ""))
    return tuple(written)


def with_q(document: Document, alpha: float) -> str:
    """Suffix of the p-value of a text that was tested together with others: ", q = 0.02"; else nothing."""
    q = document.gate.q_value if document.gate else None
    return "" if q is None else f", {equation('q', q, alpha)}"


def alone(document: Document) -> str:
    """Sentence of the combined test of a text; marked as that, where the verdict is over several texts."""
    reason = document.combined.reason if document.combined else ""
    return f"Judged by itself: {reason[:1].lower()}{reason[1:]}" if document.gate and reason else reason


def heading(document: Document) -> tuple[Verdict, tuple[str, str]]:
    """Heading of a document, verdict and label: a tampered text is headed by the tampering, whatever its verdict is."""
    if document.tampering and document.verdict is not Verdict.FINDING:
        return Verdict.FINDING, TAMPERED
    return document.verdict, LABELS[document.verdict]


def known(suppression: Suppression) -> str:
    """The reason of a suppression: "line 3 of the text: Quoted licence", "baseline, as essays/a.txt"."""
    if suppression.kind == "baseline":
        return f"in the baseline, as {suppression.reason}"
    until = f" (until {suppression.until})" if suppression.until else ""
    return f"by line {suppression.line} of the text: {suppression.reason}{until}"


def suppressions(report: Report) -> list[tuple[Document, Suppression]]:
    """Every suppression with its document, in the order of the report."""
    return [
        (document, suppression) for document in report.documents if document.gate for suppression in document.gate.suppressions
    ]


def gate_facts(gate: GateOutcome) -> list[tuple[str, str]]:
    """Facts behind the outcome of a gate, as (name, value)."""
    discovery = gate.discovery
    facts = [("False discovery rate", str(discovery.alpha)), ("Tests", plural(discovery.tests, "different text"))]
    if discovery.floor is not None:
        facts.append(("Smallest possible p", p_value(discovery.floor)))
        together = "none are possible" if discovery.fewest is None else f"{plural(discovery.fewest, 'text')} at once, or none"
        facts.append(("Fewest findings", "a single text can be found" if discovery.fewest == 1 else together))
    if gate.baseline:
        unseen = f", {count(gate.baseline.unseen)} of texts that are not in this run" if gate.baseline.unseen else ""
        contents = f"{count(gate.baseline.entries)} {'entry' if gate.baseline.entries == 1 else 'entries'}{unseen}"
        facts.append(("Baseline", f"{gate.baseline.name}, {contents}, digest {short_digest(gate.baseline.sha256)}"))
    passed_over = [("by their own texts", gate.suppressed), ("in the baseline", gate.baselined)]
    facts += [("Passed over", f"{plural(number, 'finding')} {how}") for how, number in passed_over if number]
    if gate.changed_since is not None:
        facts.append(("Only what changed", f"since HEAD left {gate.changed_since}"))
    if gate.left_out:
        facts.append(("Not covered", f"{plural(gate.left_out, 'input')} that the policy leaves out"))
    return facts


def at_floor(p: float, floor: float | None) -> bool:
    """Whether p is the smallest value that could have come out, up to rounding; below what bets usually give it is not."""
    return floor is not None and abs(p - floor) <= 1e-9 * floor


def e_value(e: float, power: str = "10^{}") -> str:
    """An e-value with two significant digits, rounded down; "1.2 × 10^34" from 10,000 on, and likewise below 0.001."""
    if e == 0:
        return "0"
    digits = Context(prec=2, rounding=ROUND_DOWN).create_decimal(repr(e)).normalize()
    exponent = digits.adjusted()
    if -3 <= exponent <= 3:
        return f"{digits:,f}"
    return f"{digits.scaleb(-exponent):f} × {power.format(_minus(str(exponent)))}"


def judged(document: Document) -> bool:
    """Whether a document was judged or, with candidates, whether any of them was tested."""
    if document.attributions:
        return any(attribution.verdict is not Authorship.NOT_ASSESSABLE for attribution in document.attributions)
    return document.verdict not in NOT_JUDGED


def guarantee(attribution: Attribution) -> str:
    """Word on the guarantee of a candidate's p-value, such as whether it is exact."""
    calibrated = any(test.population for test in attribution.tests)
    return "exact" if attribution.exact else "calibrated" if calibrated else "approximate"


def set_name(candidate_set: SetAttribution) -> str:
    """Name of a set of models: "The 2 sanctioned models", "The sanctioned model"."""
    kind = f"{candidate_set.role} model"
    return f"The {kind}" if len(candidate_set.members) == 1 else f"The {plural(len(candidate_set.members), kind)}"


def set_labels(candidate_set: SetAttribution) -> dict[Authorship, tuple[str, str]]:
    """The words for a verdict on a set of models."""
    return AUTHORSHIP if len(candidate_set.members) == 1 else OF_SEVERAL


def how_often(p: float) -> str:
    """A p-value as a frequency, for the sentence "a result this extreme comes up ..."."""
    if p >= 0.1:
        return f"at most about {round(p * 100)} times in 100"
    rarity = 1 / max(p, SMALLEST_SHOWN)
    scale = 10 ** max(0, math.floor(math.log10(rarity)) - 1)  # two significant digits: "1 time in 2,000", not "in 1,996"
    often = f"1 time in {count(round(rarity / scale) * scale)}"
    return f"less than {often}" if p < SMALLEST_SHOWN else f"at most about {often}"


def heat(p: float | None) -> int | None:
    """Heat level of a passage, 0 (nothing special) to 5 (p <= 0.01); None if it was not judged."""
    return None if p is None else sum(p <= limit for limit in HEAT)


def heat_names() -> list[str]:
    """Meanings of the heat levels, level 0 first."""
    return [f"p > {HEAT[0]}", *(f"p ≤ {limit}" for limit in HEAT)]


def false_alarms(rate: FalsePositiveRate) -> str:
    """Sentence, without its full stop, on how many texts of the population are flagged by mistake."""
    if rate.upper == 0:
        return f"none at α = {rate.alpha}, because no p-value of this population is that small"
    return (
        f"at α = {rate.alpha} between {rate.lower:.2%} and {rate.upper:.2%} of such human texts are flagged "
        f"({rate.confidence:.0%} interval for a population of this size)"
    )


def number(value: float) -> str:
    """A statistic with four significant digits, and all digits before the point up to a million million."""
    return _minus(f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}")


def decimal(value: float, digits: int = 2) -> str:
    """A number with `digits` decimals, for columns and axes: "1,234.50", "−0.25", never "−0.00"."""
    return _minus(f"{round(value, digits) + 0.0:,.{digits}f}")


def statistic(result: Result) -> str:
    """A result's statistic with name and unit; a dash if it has none."""
    if result.statistic is None:
        return "–"
    return f"{result.statistic.name} {number(result.statistic.value)} {result.statistic.unit}".rstrip()


def shares(result: Result, most: int | None = None) -> str:
    """Shares in a statistic, largest first: "states of layer 12 +1.204, entropy −0.31"; all of it, or the largest few."""
    shown = [f"{share.name} {'+' if share.value > 0 else ''}{number(share.value)}" for share in result.shares[:most]]
    more = len(result.shares) - len(shown)
    return ", ".join(shown) + (f" and {more} smaller ones" if more else "")


def interval(estimate: Interval | None, digits: int = 3) -> str:
    """A value and its interval, "0.612 [0.553, 0.671]"; a dash if there is none."""
    if estimate is None:
        return "–"
    value, lower, upper = (decimal(number, digits) for number in (estimate.value, estimate.lower, estimate.upper))
    return f"{value} [{lower}, {upper}]"


def effect(effect_size: Effect) -> str:
    """An effect with name and unit and, if it has one, its interval."""
    shown = f"{effect_size.name} {number(effect_size.value)} {effect_size.unit}".rstrip()
    lower, upper = (None if end is None else number(end) for end in (effect_size.lower, effect_size.upper))
    return shown if lower is None and upper is None else f"{shown}, 95 % interval {lower or '−∞'} to {upper or '∞'}"


def draws(drawn: Draws, evidence: object) -> str:
    """Sentence on how many draws were at least as extreme, by themselves where ranks are joined, and how to repeat them."""
    if drawn.seed is None:
        return f"{count(drawn.exceeding)} of all {plural(drawn.count, 'possible outcome')} at least as extreme, enumerated"
    by_themselves = ", rank by rank" if isinstance(evidence, RankSum | Continued) else ""
    return f"{count(drawn.exceeding)} of {plural(drawn.count, 'draw')} at least as extreme{by_themselves}, seed {drawn.seed}"


def fraction(rate: Rate) -> str:
    """A fraction as text: "12/240"."""
    return f"{count(rate.found)}/{count(rate.n)}"


def percent(share: float, digits: int = 1) -> str:
    """A share in per cent, "2.6 %"."""
    return f"{100 * share:.{digits}f} %"


def mixture(estimate: Interval) -> str:
    """A share of requests with its interval, in per cent: "10.0 [4.9, 17.6] %"."""
    value, lower, upper = (decimal(100 * share, 1) for share in (estimate.value, estimate.lower, estimate.upper))
    return f"{value} [{lower}, {upper}] %"


def beyond(moved: int, n: int) -> str:
    """Sentence on how many requests lie beyond their limit."""
    which = f"{count(moved) if moved else 'Not one'} of {plural(n, 'request')}"
    return f"{which} {'lie' if moved > 1 else 'lies'} beyond what the allowed variants reach."


def tokens(text: Screened) -> str:
    """The number of scored tokens, with a plus if the text was longer."""
    return f"{count(text.tokens)}{'+' if text.truncated else ''}"


def units(membership: Membership) -> str:
    """Numbers of independent units as text: "240 suspect, 240 held-out"."""
    return f"{count(membership.n_suspect)} suspect, {count(membership.n_held_out) if membership.n_held_out else 'no'} held-out"


def count(n: int) -> str:
    """A whole number with separators, e.g. "2,000"."""
    return f"{n:,}"


def plural(n: int, noun: str) -> str:
    """A counted noun: "1 document", "2,000 documents"."""
    return f"{count(n)} {noun}{'' if n == 1 else 's'}"


def moment(iso: str) -> str:
    """A time in UTC to the minute, "21 November 2025, 04:12 UTC"; as given if it is not ISO 8601."""
    try:
        time = datetime.fromisoformat(iso).astimezone(UTC)
    except (ValueError, OverflowError):
        return iso
    return f"{time.day} {MONTHS[time.month - 1]} {time.year}, {time:%H:%M} UTC"


def short_digest(digest: str) -> str:
    """The first 12 characters of a digest: enough to compare by eye."""
    return digest[:12]


def _minus(number: str) -> str:
    return number.replace("-", "−")


def _decimal(p: float, digits: int) -> str:
    """`p` > 0 with `digits` significant digits, in plain decimal notation, without trailing zeros."""
    decimals = max(0, digits - 1 - math.floor(math.log10(p)))
    text = f"{p:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
