"""From an audit report and a framework to a compliance report. A pure function: equal inputs, equal outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.reports.compliance.evidence import CLAIMED, look
from llm_audit.reports.compliance.framework import did_you_mean
from llm_audit.reports.compliance.model import (
    Assessed,
    Claim,
    ComplianceReport,
    Framework,
    Head,
    Outcome,
    Requirement,
    Subject,
    together,
)
from llm_audit.reports.formats import json
from llm_audit.results import Report


def assess(
    report: Report,
    framework: Framework,
    framework_digest: str,
    claims: Mapping[str, str] | None = None,
    report_digest: str | None = None,
) -> ComplianceReport:
    """Compliance report: a framework's requirements, each with the evidence in one audit report.

    `claims` are the user's own statements by name (`Claim`): printed as unverified, without influence on any result.
    `report_digest` is the SHA-256 of the report's file; None: of the report as `render_json` writes it.

    Raises:
        InvalidConfiguration: a claim that does not exist, or that no requirement of the framework asks for; a report of a scan
            or of a benchmark.
    """
    if report.corpus or report.benchmark:
        raise InvalidConfiguration(
            "A framework is held against the report of texts, of a collection or of an endpoint: this one is of a "
            f"{'scan' if report.corpus else 'benchmark'}, whose single documents are not in it."
        )
    stated = _claims(claims or {}, framework)
    return ComplianceReport(
        framework=Head.model_validate(framework.model_dump(include=set(Head.model_fields))),
        framework_digest=framework_digest,
        question=report.question,
        subjects=_subjects(report),
        started=report.manifest.started or "",
        tool=report.manifest.tool,
        version=report.manifest.version,
        alpha=report.manifest.alpha,
        report_digest=report_digest or hashlib.sha256(json.render(report).encode()).hexdigest(),
        claims=stated,
        requirements=tuple(_assessed(requirement, report, stated) for requirement in framework.requirements),
        limits=report.limits,
    )


def _assessed(requirement: Requirement, report: Report, stated: Mapping[Claim, str]) -> Assessed:
    evidence = tuple(look(selector, report, stated) for selector in requirement.evidence)
    result = together((seen.outcome for seen in evidence), requirement.needs)
    words = {
        Outcome.FOUND: requirement.found,
        Outcome.NOT_FOUND: requirement.not_found,
        Outcome.NOT_TESTABLE: requirement.not_testable,
    }
    return Assessed(requirement=requirement, evidence=evidence, result=result, words=words[result])


def _claims(claims: Mapping[str, str], framework: Framework) -> dict[Claim, str]:
    wanted = {CLAIMED[s] for requirement in framework.requirements for s in requirement.evidence if s in CLAIMED}
    stated = {}
    for name, text in claims.items():
        if name not in Claim.__members__.values():
            raise InvalidConfiguration(
                f"There is no claim “{name}”{did_you_mean(name, Claim)}; known are {' and '.join(Claim)}."
            )
        if Claim(name) not in wanted:
            raise InvalidConfiguration(f"The framework {framework.name} asks for no claim “{name}”; leave it out.")
        if not text.strip():
            raise InvalidConfiguration(f"The claim “{name}” is empty; say who reviewed or labelled what, and when.")
        stated[Claim(name)] = text
    return stated


def _subjects(report: Report) -> tuple[Subject, ...]:
    tested = [subject.claim for subject in (report.membership, report.substitution) if subject]
    return (
        *(Subject(name=document.name, sha256=document.sha256) for document in report.documents),
        *(Subject(name=claim, sha256=None) for claim in tested),
    )
