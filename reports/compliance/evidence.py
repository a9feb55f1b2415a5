"""The closed list of kinds of evidence: each with its title and the pure function that looks for it in a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llm_audit.reports.compliance import audits, record, texts
from llm_audit.reports.compliance.model import Claim, Evidence, Selector
from llm_audit.reports.compliance.seen import Seen, not_testable
from llm_audit.results import Report

LOOKS: dict[Selector, tuple[str, Callable[[Report], Seen]]] = {
    Selector.SIGNED_PROVENANCE: ("Signed provenance data", texts.signed_provenance),
    Selector.WATERMARK_TEST: ("Watermark", texts.watermark_test),
    Selector.STATISTICAL_DETECTION: ("Statistical detection", texts.statistical_detection),
    Selector.ATTRIBUTION_TEST: ("Attribution to a named model", texts.attribution_test),
    Selector.VISIBLE_LABEL: ("Visible label", lambda _: not_testable("A label is seen where a text is published, not in it.")),
    Selector.LENGTH: (f"Length above {texts.THRESHOLD} tokens", texts.length_over_200_tokens),
    Selector.HUMAN_REVIEW: ("Human review", lambda _: not_testable("No test of a text shows who reviewed it.")),
    Selector.MEMBERSHIP_TEST: ("Membership in training data", audits.membership_test),
    Selector.SUBSTITUTION_TEST: ("Substitution of a served model", audits.substitution_test),
    Selector.TAMPERING: ("Signs of tampering", texts.tamper_findings),
    Selector.FALSE_POSITIVES: ("False-positive rate stated", record.false_positive_rate),
    Selector.FALSE_NEGATIVES: ("False-negative rate stated", record.false_negative_rate),
    Selector.POPULATION: ("Reference population stated", record.population_documented),
    Selector.LIMITS: ("Limits stated", record.limits_documented),
    Selector.COVERAGE: ("Every input accounted for", record.coverage_documented),
    Selector.MANIFEST: ("Complete manifest", record.manifest_complete),
}

CLAIMED = {Selector.HUMAN_REVIEW: Claim.HUMAN_REVIEW, Selector.VISIBLE_LABEL: Claim.VISIBLE_LABEL}
"""Evidence that none of our tests can provide -> the claim by which the user can state it."""


def look(selector: Selector, report: Report, stated: Mapping[Claim, str]) -> Evidence:
    """The evidence of one kind in a report, with the user's statement about it."""
    title, function = LOOKS[selector]
    seen = function(report)
    claim = CLAIMED.get(selector)
    return Evidence(
        selector=selector,
        title=title,
        outcome=seen.outcome,
        sentences=seen.sentences,
        stated=stated.get(claim) if claim else None,
        pointers=seen.pointers,
    )
