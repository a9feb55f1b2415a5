"""An audit of an endpoint, from the first question to `results.Substitution`.

Knows nothing about the command line or report formats.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from llm_audit.endpoints.probe import Capabilities, SurfaceCapabilities
from llm_audit.endpoints.records import Ask, Cost, Failure, Reply, Source, Surface
from llm_audit.errors import AuditError
from llm_audit.results import Cost as Spent
from llm_audit.results import (
    Coverage,
    Fact,
    FailedRequest,
    Interval,
    Manifest,
    Point,
    Report,
    Result,
    Served,
    Substitution,
    Verdict,
)
from llm_audit.scoring.tokens import Decoding
from llm_audit.substitution import conformance, distance, judge, measure
from llm_audit.substitution.judge import Distances
from llm_audit.substitution.measure import Progress, silent
from llm_audit.substitution.prompts import FEWEST, Allotment, allot, digest
from llm_audit.substitution.reference import Reference
from llm_audit.substitution.settings import Settings

BATCH = 10
"""Requests after which a sequential audit looks whether it may stop."""

MOST_MISSING = 0.1
"""Share of questions without a comparable answer above which nothing is called consistent."""

REFERENCE_DRAWS = 10
"""Answers of the reference to each prompt of the text tests."""

LIMITS = (
    "Inconsistent means that the stated null hypothesis fails for the requests that were made: another model, other weights, "
    "another quantisation, but also an undisclosed system prompt, sampler or tokenizer. Which of them, the tests do not say.",
    "Consistent means that no test found a difference. A rare substitution, one that spares audit traffic, or one that changes "
    "no probability noticeably can be there all the same; the interval of the mixture rate says how rare.",
    "An endpoint that recognises these prompts can answer them with the genuine model. Draw prompts from real traffic.",
    "Servers whose arithmetic is coarser than every allowed precision are accused wrongly: allow what the operator states. "
    "Measured were llama.cpp servers on a CPU, and the rounding of half-precision logits; no GPU server was.",
    "Templates that name today's date, answers that end early, and white space that a server strips make honest texts differ.",
    "The claim is about the endpoint at the time of the audit. Every further audit of it is a further chance to be wrong.",
)


@dataclass
class _Gathered:
    """What an audit has come to so far."""

    outcomes: list[Reply | Failure]
    results: list[Result]
    notes: list[str]
    mixture: Interval | None = None
    missing: float = 0.0
    points: tuple[Point, ...] = ()


def audit(
    source: Source,
    capabilities: Capabilities,
    reference: Reference,
    prompts: Sequence[str],
    settings: Settings,
    progress: Progress = silent,
) -> Substitution:
    """Ask, compare, decide.

    Args:
        source: the endpoint, or the journal of one.
        capabilities: of its surface that `reference` is asked on, too.
        reference: the model that it is said to serve.
        prompts: best drawn from real traffic.
        settings: fixed beforehand.
        progress: gets the stage and the share of it that is done.

    Raises:
        AuditError: the settings or prompts cannot come to a decision.
    """
    check(settings)
    surface = capabilities.chat if reference.surface == "chat" else capabilities.completions
    gathered = _Gathered([], [], [])
    allotment = allot(prompts, settings.requests, settings.honest, settings.generator("prompts"))
    if surface is not None:
        if surface.deterministic is False:
            gathered.notes.append("Repeats of one request at temperature 0 gave different texts.")
        foreign = _distances(source, surface, reference, allotment, settings, gathered, progress)
        texts = settings.prompts_of_texts(surface.top_logprobs)
        if texts and not foreign:
            _texts(source, reference, prompts, replace(settings, texts=texts), gathered, progress)
    replies = [outcome for outcome in gathered.outcomes if isinstance(outcome, Reply)]
    if replies:
        gathered.results.append(conformance.conformance(gathered.outcomes, source.model))
    return _concluded(source, capabilities, reference, allotment, settings, gathered)


def check(settings: Settings) -> None:
    """Refuse settings under which nothing could be found. Raises AuditError."""
    if settings.requests > settings.honest:
        raise AuditError("There are more requests than honest answers to hold them against; ask for --honest as many or more.")
    if len(settings.precisions) < 2:
        raise AuditError(
            "One allowed precision gives no honest distance: how far may an honest endpoint be from it? Allow two or more."
        )


def _distances(
    source: Source,
    surface: SurfaceCapabilities,
    reference: Reference,
    allotment: Allotment,
    settings: Settings,
    gathered: _Gathered,
    progress: Progress,
) -> str:
    """AUD401 and AUD402 into `gathered`. Returns why the reference is no reference for this endpoint, or ""."""
    wanted = min(settings.alternatives, surface.top_logprobs)
    asks = measure.questions(allotment.audited, surface, settings.tokens, wanted or None)
    step = BATCH if settings.sequential else len(asks)
    level = settings.alpha / (3 if settings.prompts_of_texts(surface.top_logprobs) else 1)  # Holm's worst, if texts follow
    honest: dict[str, np.ndarray] | None = None
    found: Distances | None = None
    replies: list[Reply] = []
    k = asked = 0
    for start in range(0, len(asks), step):
        outcomes = source.ask(asks[start : start + step], lambda share: progress("Asking the endpoint", share))
        gathered.outcomes += outcomes
        asked += len(outcomes)
        replies += [outcome for outcome in outcomes if isinstance(outcome, Reply)]
        if not replies:
            continue
        if foreign := conformance.foreign(replies, reference.vocabulary):
            gathered.results.clear()
            gathered.notes.append(foreign)
            return foreign
        k = k or (min(wanted, distance.granted(replies)) if wanted else 0)
        answers = measure.comparable(replies, reference, k)
        if len(answers) < FEWEST:
            continue
        if honest is None:
            honest = measure.honest_distances(reference, allotment.honest, settings, k, progress)
            if min(map(len, honest.values())) < FEWEST:
                gathered.notes.append("The reference ends most answers at once; no honest distances could be measured.")
                return ""
        endpoint = measure.endpoint_distances(reference, answers, settings, k, progress)
        found = Distances(
            "distance" if k else "margin",
            "nats per alternative" if k else "nats per token",
            endpoint,
            honest,
            tuple(reply.ask.name for reply, _ in answers),
            asked - len(answers) - measure.ended_alike(replies, reference, k),
            asked,
        )
        first = judge.compare(found, settings.seed)
        gathered.results = [first]
        if settings.sequential and first.p_value is not None and first.p_value <= level:
            gathered.notes.append(f"The audit stopped after {asked} of {len(asks)} requests: AUD401 sufficed.")
            break
    if found is None:
        usable = len(measure.comparable(replies, reference, k)) if replies else 0
        gathered.notes.append(f"{usable} answers can be compared; AUD401 and AUD402 need {FEWEST}.")
        return ""
    if not k:
        gathered.notes.append("Log-probabilities were hidden: answers are compared by their texts alone, which see far less.")
    gathered.missing = found.missing / asked
    if not settings.sequential:
        second, gathered.mixture, gathered.points = judge.classify(found, settings.alpha)
        gathered.results.append(second)
    return ""


def _texts(
    source: Source,
    reference: Reference,
    prompts: Sequence[str],
    settings: Settings,
    gathered: _Gathered,
    progress: Progress,
) -> None:
    """AUD403 and AUD404 into `gathered`: what the endpoint writes at temperature 1, against what the reference writes."""
    rng = settings.generator("text prompts")
    chosen = [prompts[i] for i in rng.permutation(len(prompts))[: settings.texts]]
    asks = [
        Ask(f"text {number}, draw {draw}", prompt, reference.surface, settings.text_tokens, 1.0, seed=number * 1000 + draw)
        for number, prompt in enumerate(chosen, start=1)
        for draw in range(1, settings.draws + 1)
    ]
    outcomes = source.ask(asks, lambda share: progress("Asking for texts", share))
    gathered.outcomes += outcomes
    texts = [(outcome.ask.prompt, outcome.text) for outcome in outcomes if isinstance(outcome, Reply)]
    complete = [prompt for prompt in chosen if sum(asked == prompt for asked, _ in texts) == settings.draws]
    if len(complete) < FEWEST:
        gathered.notes.append(f"{len(complete)} prompts have all their texts; AUD403 and AUD404 need {FEWEST}.")
        return
    texts = [(prompt, text) for prompt, text in texts if prompt in set(complete)]
    drawn = reference.draw(
        [prompt for prompt in complete for _ in range(REFERENCE_DRAWS)],
        settings.text_tokens,
        Decoding(),
        int(settings.generator("reference texts").integers(2**31)),
        lambda share: progress("Texts of the reference", share),
    )
    own = [(answer.prompt, reference.tokenizer.decode(list(answer.token_ids))) for answer in drawn]
    first = dict(reversed(texts))
    scores = log_ranks(reference, [*first.items(), *own], progress)
    gathered.results.append(
        judge.rank_uniformity(
            [scores[item] for item in first.items()],
            [[scores[item] for item in own if item[0] == prompt] for prompt in first],
            settings.seed,
        )
    )
    fewer = [item for at, item in enumerate(own) if at % REFERENCE_DRAWS < settings.draws]
    gathered.results.append(judge.same_texts(texts, fewer, settings.seed))


def log_ranks(
    reference: Reference, texts: Sequence[tuple[str, str]], progress: Progress = silent
) -> dict[tuple[str, str], float]:
    """(prompt, text) -> mean log-rank of its tokens under the reference, read anew from the text on both sides; 0 if empty."""
    different = list(dict.fromkeys(texts))
    answers = [reference.reread(prompt, text) for prompt, text in different]
    full = [answer for answer in answers if answer.token_ids]
    scored = iter(reference.scores(full, "f32", 0, lambda share: progress("Ranks of texts", share)))
    return {
        text: float(np.mean(np.log(next(scored).rank))) if answer.token_ids else 0.0
        for text, answer in zip(different, answers, strict=True)
    }


def _concluded(
    source: Source,
    capabilities: Capabilities,
    reference: Reference,
    allotment: Allotment,
    settings: Settings,
    gathered: _Gathered,
) -> Substitution:
    """The verdict, and all that has to be said with it."""
    results = judge.decide(gathered.results, settings.alpha)
    judged = [result for result in results if result.p_value is not None]
    findings = [result for result in judged if result.verdict is Verdict.FINDING]
    passed = [result for result in judged if result.verdict is Verdict.PASS]
    failures = [outcome for outcome in gathered.outcomes if isinstance(outcome, Failure)]
    if findings:
        served, verdict = Served.INCONSISTENT, Verdict.FINDING
        summary = f"The endpoint is not what was promised, if the tests' assumptions hold: {findings[0].reason}"
    elif passed and gathered.missing > MOST_MISSING:
        served, verdict = Served.NOT_MEASURED, Verdict.NOT_ASSESSABLE
        summary = (
            f"Not measured: {gathered.missing:.0%} of the questions have no answer that can be compared, and whoever hides a "
            f"substitute would leave out just those. The others show no difference; nothing was shown of these."
        )
    elif passed:
        served, verdict = Served.CONSISTENT, Verdict.PASS
        summary = f"No test tells the endpoint from {reference.stored.name}. {passed[0].reason}"
    else:
        served, verdict = Served.NOT_MEASURED, Verdict.NOT_ASSESSABLE
        why = _why_not(capabilities, reference.surface, failures, gathered.notes)
        summary = f"Not measured: {why} Nothing was shown either way."
    if gathered.mixture is not None and served is not Served.NOT_MEASURED:
        rate = gathered.mixture
        least = f"Between {rate.lower:.1%} and" if served is Served.INCONSISTENT else "At most"
        summary += f" {least} {rate.upper:.1%} of requests were moved out of the honest range; what stays in it is not counted."
    defects = [
        f"{outcome.ask.name}: {defect}"
        for outcome in gathered.outcomes
        if isinstance(outcome, Reply)
        for defect in outcome.defects
    ]
    allowed = tuple(f"{reference.stored.name}, {name}" for name in settings.precisions)
    return Substitution(
        verdict=verdict,
        served=served,
        summary=summary,
        claim=f"Does the endpoint serve {reference.stored.name} when asked for {source.model}?",
        endpoint=next((fact.value for fact in source.facts if fact.name == "Endpoint"), "a journal"),
        model=source.model,
        allowed=allowed,
        tests=results,
        mixture=gathered.mixture,
        points=gathered.points,
        capabilities=capabilities.facts,
        facts=(*_facts(reference, allotment, settings), *source.facts),
        cost=spent(source.cost),
        failures=tuple(
            FailedRequest(request=one.ask.name, kind=one.kind, reason=one.reason, attempts=one.attempts) for one in failures
        ),
        notes=(*gathered.notes, *defects),
    )


def spent(cost: Cost) -> Spent:
    """What was spent, for the report."""
    return Spent(
        requests=cost.requests,
        attempts=cost.attempts,
        prompt_tokens=cost.prompt_tokens,
        completion_tokens=cost.completion_tokens,
    )


def _why_not(capabilities: Capabilities, surface: Surface, failures: Sequence[Failure], notes: Sequence[str]) -> str:
    if failures:
        return f"{len(failures)} requests got no answer. {failures[0].reason}"
    if getattr(capabilities, surface) is None:
        because = capabilities.failures[0].reason if capabilities.failures else ""
        return f"the endpoint gives no answers on the surface {surface}. {because}".strip()
    return notes[-1] if notes else "there was nothing to compare."


def _facts(reference: Reference, allotment: Allotment, settings: Settings) -> tuple[Fact, ...]:
    chosen = {key: value for key, value in asdict(settings).items() if key not in ("precisions", "seed")}
    return (
        Fact(name="Fixed before the first request", value=json.dumps(chosen)[1:-1].replace('"', "")),
        Fact(name="Reference", value=f"{reference.stored.name}, digest {reference.stored.digest[:12]}, on {reference.surface}"),
        Fact(
            name="Questions",
            value=f"{len(allotment.audited)} to the endpoint and {len(allotment.honest)} to the reference, dealt at random; "
            f"{allotment.cut} of them are beginnings of prompts; SHA-256 {digest(allotment.audited + allotment.honest)[:12]}",
        ),
        Fact(name="Multiplicity", value="Holm over the tests that have a p-value"),
        Fact(name="Seed", value=settings.seed),
    )


def report(found: Substitution, manifest: Manifest) -> Report:
    """An audit as a report. What counts as found, judged and unreadable are requests."""
    answered = found.cost.requests - len(found.failures)
    measured = found.served is not Served.NOT_MEASURED
    asked = max(answered, 0) + len(found.failures)
    return Report(
        question="Is this endpoint serving the model it claims?",
        manifest=manifest,
        coverage=Coverage(
            found=asked,
            scored=max(answered, 0) if measured else 0,
            not_assessable=0 if measured else max(answered, 0),
            unreadable=len(found.failures),
        ),
        documents=(),
        substitution=found,
        limits=LIMITS,
    )
