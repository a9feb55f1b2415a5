"""The test `llm_audit.membership.continuation`: whether an endpoint goes on with canaries as they were published."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llm_audit.api.arguments import Count, checked
from llm_audit.api.endpoint_setup import EndpointSetup
from llm_audit.api.report import Report
from llm_audit.api.running import StrPath, check_alpha, listed
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.membership import canary as canaries
from llm_audit.detectors.membership import continuation as continued
from llm_audit.detectors.membership import run
from llm_audit.detectors.membership.canary import Secret
from llm_audit.detectors.membership.seed import Question
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution.subject import endpoint_of
from llm_audit.endpoints.records import Failure
from llm_audit.results import Conditions
from llm_audit.setup.manifest import collect, now


@checked
def continuation(
    endpoint: EndpointSetup,
    names: StrPath | Iterable[StrPath],
    *,
    continuations: Count = 8,
    alpha: float = 0.01,
    progress: Progress = silent,
) -> Report:
    """Whether an endpoint goes on with published random strings as they were published; it needs to return nothing but text.

    Args:
        endpoint: what is asked, on the surface completions. A cap on its requests below what the test needs is refused.
        names: of canaries, as for `canary`. Several are one test together.
        continuations: requests for each beginning of a string, of which there is one in 8 letters.
        alpha: as for `order`.
        progress: as for `order`.

    Raises:
        InvalidInput: as for `canary`.
        InvalidConfiguration: the strings are too short for a decision, or the endpoint's cap too low for the test.
        NotAvailable: the endpoint answered nothing.

    >>> secret, kept, published = llm_audit.new_canary("trap", count=99, before="The code is ")
    >>> endpoint = llm_audit.EndpointSetup("http://localhost:8080/v1", "my-model")
    >>> report = llm_audit.membership.continuation(endpoint, "trap", continuations=2)
    >>> report.membership.claim
    "Were the published texts in the training data of the endpoint's model?"
    """
    check_alpha(alpha)
    endpoint.check()
    started, names = now(), listed(names)
    secrets = canaries.check_all(names)
    needed = continued.check(secrets, continuations, alpha)
    endpoint.check_requests(needed, "ask for fewer continuations")
    source, commitments = endpoint.open(), tuple(secret.commitment for secret in secrets)
    outcomes = source.ask(continued.questions(secrets, continuations), progress)
    seed = Question("continuation", " ".join(commitments), source.model, continuations, alpha).own_seed
    address = endpoint_of(source) or "a journal"
    membership = run.concluded(
        alpha,
        tests=(continued.derive(continued.measure(secrets, outcomes, seed), Terms(alpha)),),
        provenance=drawn_alike(secrets),
        conditions=Conditions(
            seed=seed,
            commitments=commitments,
            endpoint=(address, source.model),
            unanswered=sum(isinstance(outcome, Failure) for outcome in outcomes),
        ),
    )
    manifest = collect(None, alpha=alpha, rules=(continued.rule.code,))
    report = run.report(membership, manifest, total=len(secrets), malformed=0)
    return endpoint.finished(report, started, [f"{name}.public.json" for name in names])


def drawn_alike(secrets: Sequence[Secret]) -> str:
    """Sentence on what takes the place of held-out texts where canaries are tested."""
    return (
        "Unpublished strings of the same draw, which fit the commitment. By the owner's clock it was made "
        f"{', '.join(secret.created for secret in secrets)}; compare it with the copy that was published then."
    )
