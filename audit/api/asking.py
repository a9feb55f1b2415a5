"""Arguments and steps that all membership tests share: the model under audit, the seed, the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llm_audit.api.endpoint_setup import EndpointSetup
from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, check_alpha, finished, plain_setup
from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.progress import Progress
from llm_audit.detectors.membership import run
from llm_audit.detectors.membership.base import MembershipScore
from llm_audit.detectors.membership.collection import Collection
from llm_audit.detectors.membership.echo import CHECKS, EchoingEndpoint
from llm_audit.detectors.membership.seed import Question, seed_for
from llm_audit.detectors.membership.target import LanguageModel, Target
from llm_audit.detectors.substitution.subject import endpoint_of
from llm_audit.results import Conditions, Membership
from llm_audit.scoring.session import Session
from llm_audit.setup.manifest import collect, now

Paths = StrPath | Iterable[StrPath]


@dataclass
class Audit:
    """Arguments that all membership tests share, and the steps made from them: open the model, derive the seed, report."""

    alpha: float
    setup: AnySetup | EndpointSetup
    seed_file: StrPath | None
    progress: Progress

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        self.started = now()

    @contextmanager
    def target(self) -> Iterator[Target]:
        """Open the model under audit, which runs here. Raises InvalidConfiguration: it is an endpoint."""
        if isinstance(self.setup, EndpointSetup):
            raise InvalidConfiguration(
                "This test reads with a model that runs here; canary, order, paired and continuation can ask an endpoint."
            )
        with replace(plain_setup(self.setup), reference=None).session(self.progress) as session:
            yield Target(session, self.progress)

    @contextmanager
    def language_model(self, texts: int, fewer: str) -> Iterator[LanguageModel]:
        """Open the model under audit, which runs here or behind an endpoint.

        Args:
            texts: number of texts that the test reads, each of which is a request to an endpoint, beside those that check it.
            fewer: how to need fewer of them, for an error.

        Raises:
            InvalidConfiguration: the endpoint's cap on requests is too low for the test.
        """
        if not isinstance(self.setup, EndpointSetup):
            with self.target() as target:
                yield target
            return
        self.setup.check_requests(texts + CHECKS, fewer)
        source = self.setup.open()
        yield EchoingEndpoint(source, endpoint_of(source) or "a journal", self.progress)

    @contextmanager
    def further(self, model: str | None) -> Iterator[Target | None]:
        """Open a second model, such as a control; where none is named, yield None."""
        if model is None:
            yield None
            return
        setup = plain_setup(None if isinstance(self.setup, EndpointSetup) else self.setup)
        with replace(setup, model=model, reference=None).session(self.progress) as session:
            yield Target(session)

    def seed(self, target: LanguageModel, test: str, data: str, draws: int, settings: str = "") -> str:
        """The random seed of one membership test, from the test, the data, the model and the seed file; see `seed_for`."""
        question = Question(test, data, target.digest, draws, self.alpha, settings)
        return seed_for(question, None if self.seed_file is None else Path(self.seed_file), now())

    def beyond(self, control: Target | None) -> str:
        """Text that a control model adds to the settings from which the seed is derived; "" without one."""
        return "" if control is None else f" beyond {control.digest}"

    def conditions(
        self, target: LanguageModel, seed: str | None = None, control: Target | None = None, **others: Any
    ) -> Conditions:
        """The conditions of a test, with the file that registered its seed."""
        registered = None if self.seed_file is None else Path(self.seed_file).name
        return run.conditions_of(target, seed, control, seed_file=registered, **others)

    def finished(
        self,
        membership: Membership,
        target: LanguageModel,
        rules: Sequence[str],
        collections: Sequence[Collection] = (),
        *,
        total: int = 0,
        malformed: int = 0,
        named: Iterable[StrPath | None],
        further: Sequence[Session] = (),
        used: Sequence[MembershipScore] = (),
    ) -> Report:
        """The completed report. Where `collections` are given, `total` and `malformed` are counted in them."""
        if collections:
            total, malformed = counts(collections)
        manifest = collect(target.session, alpha=self.alpha, rules=rules, further=further, used=used)
        report = run.report(membership, manifest, total=total, malformed=malformed)
        if isinstance(self.setup, EndpointSetup):
            return self.setup.finished(report, self.started, [*named, self.seed_file])
        return finished(report, self.started, [*named, self.seed_file])


def counts(collections: Sequence[Collection]) -> tuple[int, int]:
    """Number of lines and files in collections, and how many of them are malformed."""
    return sum(collection.total for collection in collections), sum(len(collection.malformed) for collection in collections)
