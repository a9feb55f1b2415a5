"""Arguments and steps that all membership tests share: the model under audit, the seed, the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, check_alpha, finished, plain_setup
from llm_audit.common.progress import Progress
from llm_audit.detectors.membership import run
from llm_audit.detectors.membership.base import MembershipScore
from llm_audit.detectors.membership.collection import Collection
from llm_audit.detectors.membership.seed import Question, seed_for
from llm_audit.detectors.membership.target import Target
from llm_audit.results import Conditions, Membership
from llm_audit.scoring.session import Session
from llm_audit.setup.manifest import collect, now

Paths = StrPath | Iterable[StrPath]


@dataclass
class Audit:
    """Arguments that all membership tests share, and the steps made from them: open the model, derive the seed, report."""

    alpha: float
    setup: AnySetup
    seed_file: StrPath | None
    progress: Progress

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        self.setup = plain_setup(self.setup)
        self.started = now()

    @contextmanager
    def target(self) -> Iterator[Target]:
        """Open the model under audit."""
        with replace(plain_setup(self.setup), reference=None).session(self.progress) as session:
            yield Target(session, self.progress)

    @contextmanager
    def further(self, model: str | None) -> Iterator[Target | None]:
        """Open a second model, such as a control; where none is named, yield None."""
        if model is None:
            yield None
            return
        with replace(plain_setup(self.setup), model=model, reference=None).session(self.progress) as session:
            yield Target(session)

    def seed(self, target: Target, test: str, data: str, draws: int, settings: str = "") -> str:
        """The random seed of one membership test, from the test, the data, the model and the seed file; see `seed_for`."""
        question = Question(test, data, target.session.model.digest, draws, self.alpha, settings)
        return seed_for(question, None if self.seed_file is None else Path(self.seed_file), now())

    def beyond(self, control: Target | None) -> str:
        """Text that a control model adds to the settings from which the seed is derived; "" without one."""
        return "" if control is None else f" beyond {control.session.model.digest}"

    def conditions(self, target: Target, seed: str | None = None, control: Target | None = None, **others: Any) -> Conditions:
        """The conditions of a test, with the file that registered its seed."""
        registered = None if self.seed_file is None else Path(self.seed_file).name
        return run.conditions_of(target, seed, control, seed_file=registered, **others)

    def finished(
        self,
        membership: Membership,
        target: Target,
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
        return finished(report, self.started, [*named, self.seed_file])


def counts(collections: Sequence[Collection]) -> tuple[int, int]:
    """Number of lines and files in collections, and how many of them are malformed."""
    return sum(collection.total for collection in collections), sum(len(collection.malformed) for collection in collections)
