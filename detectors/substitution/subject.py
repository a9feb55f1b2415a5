"""From the measurements of an audit to the endpoint as a report's subject, and to the report.

Knows nothing about tests.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from llm_audit.detectors.registry import described
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution.conclude import conclude
from llm_audit.detectors.substitution.prompts import Allotment, digest
from llm_audit.detectors.substitution.reference import Reference
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.endpoints.probe import Capabilities
from llm_audit.endpoints.records import Cost, Failure, Reply, Source, Surface
from llm_audit.reports.wording import limits as wording
from llm_audit.reports.wording import notes
from llm_audit.reports.wording.substitution import FIXED, MULTIPLICITY, QUESTIONS
from llm_audit.results import (
    Asking,
    Coverage,
    Fact,
    FailedRequest,
    Manifest,
    Report,
    Result,
    Served,
    Substitution,
    Verdict,
)
from llm_audit.results import Cost as Spent


@dataclass
class Gathered:
    """The measurements, failures and notes of an audit so far.

    Attributes:
        rounded: nats of the last digit to which the null distances were rounded, as the endpoint's are; 0: they were not.
        greedy: whether one request at temperature 0 got one text, as far as was seen.
        binary: whether the endpoint's logarithms are to base 2.
    """

    outcomes: list[Reply | Failure]
    results: list[Result]
    notes: list[str]
    rounded: float = 0.0
    greedy: bool = True
    binary: bool = False


def concluded(
    source: Source,
    capabilities: Capabilities,
    reference: Reference,
    allotment: Allotment,
    settings: Settings,
    gathered: Gathered,
) -> Substitution:
    """The concluded subject: verdict, tests, facts, failures and notes."""
    failures = [outcome for outcome in gathered.outcomes if isinstance(outcome, Failure)]
    defects = [
        notes.ON_ANSWER.write(request=outcome.ask.name, defect=defect)
        for outcome in gathered.outcomes
        if isinstance(outcome, Reply)
        for defect in sorted((*outcome.defects, *outcome.repairs))
    ]
    subject = Substitution(
        verdict=Verdict.ERROR,
        served=Served.NOT_MEASURED,
        summary="",
        claim="",
        endpoint=endpoint_of(source) or "a journal",
        model=source.model,
        allowed=reference.allowed,
        tests=tuple(gathered.results),
        capabilities=capabilities.facts,
        facts=(*_facts(reference, allotment, settings), *source.facts),
        cost=spent(source.cost),
        failures=unanswered(failures),
        notes=(*gathered.notes, *defects),
        reference=reference.name,
        obstacle=_obstacle(capabilities, reference.surface, failures, gathered.notes),
        asking=Asking(surface=reference.surface, rounded=gathered.rounded, remarks=len(defects), binary=gathered.binary),
    )
    return conclude(subject, Terms(settings.alpha))


def endpoint_of(source: Source) -> str:
    """The address of the endpoint; "" if unknown."""
    return next((fact.value for fact in source.facts if fact.name == "Endpoint"), "")


def spent(cost: Cost) -> Spent:
    """The requests, attempts and tokens that an audit cost, as its report holds them."""
    return Spent(
        requests=cost.requests,
        attempts=cost.attempts,
        prompt_tokens=cost.prompt_tokens,
        completion_tokens=cost.completion_tokens,
    )


def unanswered(failures: Sequence[Failure]) -> tuple[FailedRequest, ...]:
    """The requests that got no answer, with the reasons, as a report holds them."""
    return tuple(
        FailedRequest(request=failure.ask.name, kind=failure.kind, reason=failure.reason, attempts=failure.attempts)
        for failure in failures
    )


def _obstacle(capabilities: Capabilities, surface: Surface, failures: Sequence[Failure], noted: Sequence[str]) -> str:
    """The reason why nothing could be measured, as a sentence; "" if something was."""
    if failures:
        return f"{len(failures)} requests got no answer. {failures[0].reason}"
    if getattr(capabilities, surface) is None:
        because = capabilities.failures[0].reason if capabilities.failures else ""
        return f"the endpoint gives no answers on the surface {surface}. {because}".strip()
    return noted[-1] if noted else "there was nothing to compare."


def _facts(reference: Reference, allotment: Allotment, settings: Settings) -> tuple[Fact, ...]:
    chosen = {key: value for key, value in asdict(settings).items() if key not in ("precisions", "seed")}
    return (
        Fact(name=FIXED, value=json.dumps(chosen)[1:-1].replace('"', "")),
        *reference.facts,
        Fact(
            name="Questions",
            value=QUESTIONS.write(
                audited=len(allotment.audited),
                honest=len(allotment.honest),
                cut=allotment.cut,
                digest=digest(allotment.audited + allotment.honest)[:12],
            ),
        ),
        Fact(name="Multiplicity", value=MULTIPLICITY),
        Fact(name="Seed", value=settings.seed),
    )


def report(subject: Substitution, manifest: Manifest) -> Report:
    """The report on an audit. Its coverage counts requests."""
    coverage = Coverage.of_endpoint(subject)
    draft = Report(question=wording.SUBSTITUTION, manifest=manifest, coverage=coverage, subjects=(subject,), limits=())
    return wording.with_limits(draft, described)
