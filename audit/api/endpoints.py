"""Is an endpoint serving the model it claims? Audit it, record a trusted one, watch one over time, plan what that costs."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from llm_audit.api.arguments import Count, Range, checked
from llm_audit.api.endpoint_setup import EndpointSetup, Surface
from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, check_alpha, plain_setup
from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.files import sha256_of
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.substitution import baseline as baselines
from llm_audit.detectors.substitution import border_tracking, border_watch, run, subject, tracking
from llm_audit.detectors.substitution import plan as plans
from llm_audit.detectors.substitution import watch as watching
from llm_audit.detectors.substitution.base import Allowance, allowances
from llm_audit.detectors.substitution.local import LocalModel
from llm_audit.detectors.substitution.plan import Plan
from llm_audit.detectors.substitution.prompts import digest, read_prompts
from llm_audit.detectors.substitution.record import record
from llm_audit.detectors.substitution.reference_model import PRECISIONS, ReferenceModel
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.detectors.substitution.trusted import Trusted
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.journal import Replay
from llm_audit.endpoints.probe import Capabilities, probe
from llm_audit.setup.manifest import collect, now


@checked
def audit_endpoint(
    endpoint: EndpointSetup,
    prompts: StrPath | None = None,
    *,
    trusted: Sequence[StrPath] = (),
    surface: Literal["auto", "chat", "completions"] = "auto",
    requests: Annotated[int, Range(10)] = 60,
    honest: Annotated[int, Range(10)] = 200,
    tokens: Count = 8,
    precisions: Sequence[str] = tuple(PRECISIONS),
    texts: Annotated[int, Range(0)] | None = None,
    sequential: bool = False,
    alpha: float = 0.01,
    setup: AnySetup = None,
    progress: Progress = silent,
) -> Report:
    """Whether an endpoint answers like the model that it claims to serve.

    Args:
        endpoint: what is audited.
        prompts: file of prompts, one a line or JSON lines with `prompt` or `text`; best from real traffic.
        trusted: instead of a model here: journals of `record_endpoint`, which bring their own prompts.
        surface: what to ask the endpoint for; "auto": chat if the reference has a chat template.
        requests: to the endpoint.
        honest: questions that the reference answers for comparison.
        tokens: of each answer.
        precisions: those that are as promised, two or more of "f32", "f16", "bf16", "bf16-logits".
        texts: prompts for the tests of texts; None: 20 where the endpoint hides log-probabilities, else none.
        sequential: stop as soon as the teacher-forced comparison suffices.
        alpha: of the verdict, over all tests.
        setup: whose model is the reference, what the endpoint is said to serve.
        progress: called with the share of each stage that is done, from 0 to 1 or None, and with its name.

    Returns:
        A report whose `substitution.served` is consistent, inconsistent or not measured.

    Raises:
        InvalidConfiguration: settings or prompts that cannot come to a decision.

    >>> endpoint = llm_audit.EndpointSetup("http://localhost:8080/v1", "my-model")
    >>> named = llm_audit.Setup(model="./my-model")
    >>> report = llm_audit.audit_endpoint(endpoint, "prompts.txt", requests=15, honest=45, tokens=4, setup=named)
    >>> report.substitution.served.value
    'consistent'
    """
    check_alpha(alpha)
    started, setup = now(), plain_setup(setup)
    settings = Settings(
        requests=requests, honest=honest, tokens=tokens, precisions=tuple(dict.fromkeys(precisions)), texts=texts,
        alpha=alpha, sequential=sequential,
    )  # fmt: skip
    with ExitStack() as stack:
        session = None
        reference: Trusted | LocalModel
        if trusted:
            if len({Path(path).resolve() for path in trusted}) < len(trusted):
                raise InvalidConfiguration("A journal of a trusted endpoint is named twice; name each once.")
            reference = Trusted([Replay(Path(path)) for path in trusted], tokens)
            questions, known = reference.prompts, " ".join(fact.value for fact in reference.facts)
        elif prompts is None:
            raise InvalidConfiguration("Name a file of prompts (--prompts), or journals of trusted endpoints that hold theirs.")
        else:
            questions = read_prompts(Path(prompts))
            session = stack.enter_context(replace(setup, reference=None).session(progress))
            chosen = _surface(surface, session.model.chat_template)
            local = ReferenceModel(session.model, chosen, setup.device, session.cache)
            reference = LocalModel(local, settings.precisions, tokens)
            known = session.model.digest
        seed = hashlib.sha256(f"{digest(questions)} {known} {replace(settings, alpha=0.0)}".encode()).hexdigest()[:32]
        settings = replace(settings, seed=seed)
        run.deal(reference, questions, settings)  # what cannot come to a decision is refused before anything is asked
        source = endpoint.open()
        result = run.audit(source, probe(source), reference, questions, settings, progress)
    rules = sorted({test.rule for test in result.tests})
    report = subject.report(result, collect(session, alpha=alpha, rules=rules))
    return endpoint.finished(report, started, [prompts, *trusted])


@checked
def record_endpoint(
    endpoint: EndpointSetup,
    prompts: StrPath,
    *,
    surface: Surface = "chat",
    questions: Annotated[int, Range(20)] = 260,
    repeats: Count = 2,
    tokens: Count = 8,
    texts: Annotated[int, Range(0)] | None = None,
    progress: Progress = silent,
) -> tuple[int, Counter[str]]:
    """Keep a trusted endpoint's answers in its journal, to hold others against (`audit_endpoint(..., trusted=[...])`).

    Args:
        endpoint: with a journal.
        prompts: as for `audit_endpoint`.
        surface: as for `audit_endpoint`.
        tokens: as for `audit_endpoint`.
        texts: as for `audit_endpoint`.
        progress: as for `audit_endpoint`.
        questions: enough for the requests and the reference answers of an audit.
        repeats: of each question.

    Returns:
        How many answers can be compared, and for each reason how many questions have no such answer.

    Raises:
        InvalidConfiguration: the endpoint has no journal.

    >>> trusted = llm_audit.EndpointSetup("http://localhost:8080/v1", "my-model", journal="trusted.jsonl")
    >>> comparable, without = llm_audit.record_endpoint(trusted, "prompts.txt", surface="completions", questions=20, tokens=4)
    >>> comparable  # of 20 questions, each asked twice, and of those about texts
    56
    """
    if endpoint.journal is None:
        raise InvalidConfiguration("Name a journal: what is recorded is what it holds.")
    chosen = read_prompts(Path(prompts))
    source = endpoint.open()
    settings = Settings(tokens=tokens, texts=texts)
    return record(source, probe(source), chosen, surface, questions, repeats, settings, progress)


@checked
def watch_endpoint(
    endpoint: EndpointSetup,
    baseline: StrPath,
    *,
    rows: Annotated[int, Range(5, 1000)] = 10,
    surface: Surface = "chat",
    border_inputs: bool = False,
    alpha: float = 0.01,
) -> Report | int:
    """Whether an endpoint has changed since a stored baseline. One token a request.

    Args:
        endpoint: what is watched. With the journal of a run on border inputs that was interrupted, it goes on.
        baseline: file of earlier answers; written if it is not there.
        rows: requests for log-probabilities.
        surface: what to ask the endpoint for, as when the baseline was taken.
        border_inputs: write a baseline for an endpoint that hides log-probabilities: answers at temperature 1 to prompts at
            which it is undecided. `plan_audit` says how many requests that takes. A baseline that is there says itself of which
            kind it is.
        alpha: report a finding when the p-value is at most this.

    Returns:
        The comparison; or, where the baseline was written, its number of rows or answers.

    Raises:
        InvalidConfiguration: the endpoint's journal is of an earlier run, which this one does not continue.
        InvalidInput: border inputs are wanted, and the baseline is one of log-probabilities.

    >>> endpoint = llm_audit.EndpointSetup("http://localhost:8080/v1", "my-model")
    >>> llm_audit.watch_endpoint(endpoint, "baseline.json", surface="completions")  # the first call writes the baseline
    10
    >>> report = llm_audit.watch_endpoint(endpoint, "baseline.json", surface="completions")
    >>> report.substitution.tests[0].p_value > 0.01
    True
    """
    check_alpha(alpha)
    endpoint.check()
    started, path = now(), Path(baseline)
    _check_goes_on(endpoint, path, surface, border_inputs)
    source = endpoint.open()
    if not path.exists():
        baselines.check_new(path)
        return _baseline(source, path, rows, surface, border_inputs)
    stored, seed = baselines.read(path, source.model, surface), sha256_of(path)[:32]
    if stored.kind == baselines.ANSWERS:
        result, rule = border_watch.compare(source, stored, surface, alpha, seed), border_tracking.rule.code
    elif border_inputs:
        raise InvalidInput(f"{path} is a baseline of log-probabilities; leave --border-inputs out, or name a new file.")
    else:
        result, rule = watching.compare(source, stored, rows, surface, alpha, seed), tracking.rule.code
    report = subject.report(result, collect(None, alpha=alpha, rules=[rule]))
    return endpoint.finished(report, started, [path])


def _check_goes_on(endpoint: EndpointSetup, path: Path, surface: Surface, border_inputs: bool) -> None:
    """Refuse a journal of an earlier run, unless it is this one, of border inputs, that was interrupted."""
    journal = None if endpoint.journal is None else Path(endpoint.journal)
    if journal is None or not journal.exists():
        return
    assert endpoint.model  # as there is a journal to write
    stored = baselines.read(path, endpoint.model, surface) if path.exists() else None
    if not (border_inputs if stored is None else stored.kind == baselines.ANSWERS):
        raise InvalidConfiguration(
            "This journal holds the answers of an earlier run, which would be taken for today's; name a new file."
        )
    if journal.stat().st_size:
        border_watch.check_goes_on(Replay(journal), stored, surface, datetime.now(UTC))


def _baseline(source: Endpoint | Replay, path: Path, rows: int, surface: Surface, border_inputs: bool) -> int:
    """Take and write a baseline; returns its number of rows or answers."""
    if border_inputs:
        answers = border_watch.take(source, surface)
        # When the last answer came: the journal may be that of an earlier run.
        created = source.times[1] if source.times else now()
        border_watch.write_baseline(path, answers, source.model, surface, created)
        return sum(map(len, answers.values()))
    first = watching.take(source, rows, surface)
    watching.write_baseline(path, first, source.model, surface, now())
    return len(first)


@dataclass(frozen=True)
class EndpointProbe:
    """Fields that an endpoint really returns, and the tests that they allow.

    Attributes:
        capabilities: what it returns.
        tests: one entry a test, with the reason why it cannot be run.
    """

    capabilities: Capabilities
    tests: list[Allowance]


@checked
def probe_endpoint(endpoint: EndpointSetup) -> EndpointProbe:
    """Probe an endpoint with some twenty short questions: which fields it really returns.

    >>> found = llm_audit.probe_endpoint(llm_audit.EndpointSetup("http://localhost:8080/v1", "my-model"))
    >>> [test.rule.name for test in found.tests if test.reason]  # none is impossible
    []
    """
    capabilities = probe(endpoint.open())
    return EndpointProbe(capabilities, allowances(capabilities))


@dataclass(frozen=True)
class AuditPlan:
    """A plan: the number of requests that each test needs to find a substitution.

    Attributes:
        description: what was served when the effect was measured, and on which model.
        honest: answers of the reference that the requests are held against.
        tests: one entry a test.
    """

    description: str
    honest: int
    tests: list[Plan]


@checked
def plan_audit(
    effect: str,
    *,
    rate: Annotated[float, Range(0, 1, "(]")] = 1.0,
    alpha: Annotated[float, Range(0, 1, "()")] = 0.01,
    power: Annotated[float, Range(0, 1, "()")] = 0.9,
    tokens: Count = 8,
) -> AuditPlan:
    """Plan how many requests each test needs to find a substitution, before money is spent.

    Args:
        effect: what may be served instead: "q8", "q5" or "q4".
        rate: share of requests that it answers.
        alpha: of the whole audit.
        power: chance to find it.
        tokens: of each answer.

    Raises:
        InvalidInput: there is no such measured effect.

    >>> plan = llm_audit.plan_audit("q4", rate=0.5)
    >>> [test.requests for test in plan.tests]
    [28, 10, 16, 400, 400, 285]
    """
    tests = plans.plan(effect, rate=rate, alpha=alpha, power=power, tokens=tokens)
    return AuditPlan(plans.effects()[effect].description, plans.measured_size(), tests)


def _surface(surface: str, template: str | None) -> Surface:
    """Chat where the reference has a template for it, if nothing else was asked for."""
    if surface == "chat" and template is None:
        raise InvalidInput(
            "The reference has no chat template, so nobody knows how a chat reads to it; ask --surface completions."
        )
    if surface == "auto":
        return "completions" if template is None else "chat"
    return "chat" if surface == "chat" else "completions"
