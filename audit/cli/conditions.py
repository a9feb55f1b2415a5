"""What texts are judged with, as the command line says it: in this process, and the same in every worker of a cluster."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from llm_audit.cli.options import own_detectors, scoring_session
from llm_audit.cli.policy import blaming
from llm_audit.errors import AuditError

if TYPE_CHECKING:
    from llm_audit.judging import Settings
    from llm_audit.results import Manifest
    from llm_audit.scanning.corpus import Block
    from llm_audit.scanning.header import Header
    from llm_audit.scanning.record import Record
    from llm_audit.scoring.session import Session


class Opened(NamedTuple):
    """Model, population and detectors, and what the header of a scan says of them."""

    session: Session
    settings: Settings
    manifest: Manifest
    weights: dict[str, str]


@dataclass(frozen=True)
class Conditions:
    """The options of the command line that the numbers depend on. Can be sent to other machines."""

    alpha: float
    population: str | None
    detectors: tuple[str, ...]
    classifier: str | None
    model: str | None
    reference: str | None
    device: str
    offline: bool
    cache: bool

    def check(self) -> None:
        """What is named wrongly must not cost a download. Raises AuditError."""
        from llm_audit.detectors import find
        from llm_audit.detectors.populations import DEFAULT_POPULATION, load

        with blaming("classifier"):
            own = own_detectors(self.classifier)
        if self.detectors:
            find(self.detectors, own)
        with blaming("population"):
            load(self.population or DEFAULT_POPULATION)

    @contextmanager
    def open(self) -> Iterator[Opened]:
        """Find all of it; the model is loaded when it is needed.

        Raises:
            AuditError: something is not there, or does not fit together.
        """
        from llm_audit import judging
        from llm_audit.detectors import known_to
        from llm_audit.detectors.origin import run as origin
        from llm_audit.detectors.populations import DEFAULT_POPULATION, load
        from llm_audit.manifest import collect

        human = load(self.population or DEFAULT_POPULATION)
        own, kept = own_detectors(self.classifier), human.datasheet.weights
        with scoring_session(self.model, self.reference, self.device, self.offline, not self.cache) as session:
            origin.check_comparable(session, human)
            chosen = known_to(human.scores, self.detectors, own=own, model=session.model.digest, weights=kept)
            yield Opened(
                session,
                judging.Settings(alpha=self.alpha, detectors=chosen, population=human, keep_text=False),
                collect(session, alpha=self.alpha, rules=[each.rule for each in chosen], population=human, used=chosen),
                {each.rule: each.digest for each in chosen if each.digest},
            )


@dataclass(frozen=True)
class Start:
    """Makes the judge of a worker, of which nothing may differ from what the scan began with."""

    conditions: Conditions
    header: Header

    def __call__(self) -> Callable[[Block], list[Record]]:
        """Raise AuditError if this machine has another model, population, detector or version of a package."""
        from llm_audit.scanning.header import differences
        from llm_audit.scanning.record import judge_block

        session, settings, manifest, weights = ExitStack().enter_context(self.conditions.open())  # as long as the process
        mine = self.header.model_copy(update={"manifest": manifest, "weights": weights})
        if mine.key() != self.header.key():
            changed = "; ".join(differences(self.header, mine, (), ()))
            raise AuditError(f"On the machine {socket.gethostname()} not all is as where the scan began ({changed}).")
        return lambda block: judge_block(block, session, settings)
