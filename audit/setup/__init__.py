"""The setup of a run: model, reference model, population, detectors, device and cache; and the same opened, ready to score.

Knows nothing about the texts that are judged, or about the command line.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llm_audit.common.errors import InvalidConfiguration, about
from llm_audit.common.progress import Progress, silent

if TYPE_CHECKING:
    from llm_audit.detectors import StatisticRule
    from llm_audit.detectors.judging import Settings
    from llm_audit.detectors.populations import Population
    from llm_audit.results import Manifest
    from llm_audit.scoring.session import Session


DEVICES = ("cpu", "cuda")
"""Where a model can compute."""


@dataclass(frozen=True)
class Setup:
    """Everything but the texts and alpha on which the numbers depend. Cheap to make, and picklable.

    Attributes:
        model: the model that scores the texts: a folder, or a hub id with revision, `org/name@commit`; None: the embedded one.
        reference: a second model with the same vocabulary (Binoculars' observer); None: no second model.
        population: name of the human texts to compare with; None: those that come with llm-audit.
        detectors: names of the only detectors to run; none: all of them.
        classifier: name or file of a classifier of the user's own, instead of the one that ships.
        device: "cpu" or "cuda".
        offline: never use the network.
        cache: reuse stored scores of texts that were scored before, and store new ones.
        jobs: processes that score; the numbers are the same for any.
        max_tokens: texts that are longer are not assessed; None: all are.

    Raises:
        InvalidConfiguration: a field holds what it cannot hold. Whether a name stands for something is seen when it is opened.

    >>> llm_audit.Setup(model="./my-model", population="mine").device
    'cpu'
    """

    model: str | os.PathLike[str] | None = None
    reference: str | os.PathLike[str] | None = None
    population: str | None = None
    detectors: Sequence[str] = ()
    classifier: str | os.PathLike[str] | None = None
    device: str = "cpu"
    offline: bool = False
    cache: bool = True
    jobs: int = 1
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in ("model", "reference", "population", "classifier"):
            self._expect(name, isinstance(getattr(self, name), (str, os.PathLike, type(None))), "a name, or None")
        for name in ("offline", "cache"):
            self._expect(name, isinstance(getattr(self, name), bool), "True or False")
        named: Any = self.detectors
        several = isinstance(named, Collection) and not isinstance(named, str) and all(isinstance(name, str) for name in named)
        self._expect("detectors", several, "several names, such as ('curvature',)")
        self._expect("device", self.device in DEVICES, f"one of {', '.join(DEVICES)}")
        self._expect("jobs", isinstance(self.jobs, int) and self.jobs > 0, "a number of processes, at least 1")
        most = self.max_tokens
        self._expect("max_tokens", most is None or (isinstance(most, int) and most > 0), "a number of tokens, or None")

    def _expect(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise InvalidConfiguration(f"{name} is {getattr(self, name)!r}; it must be {expected}.")

    def check(self) -> None:
        """Check every name before a model is loaded, so that a wrong one does not cost a download.

        Raises:
            AuditError: there is no such population, detector or classifier. Its `setting` says which field is wrong.
        """
        self._choice()

    @contextmanager
    def session(self, progress: Progress = silent) -> Iterator[Session]:
        """Open the scoring models alone. The embedded model is fetched on first use.

        Raises:
            NotAvailable: a model is not here and cannot be fetched.
        """
        from llm_audit.common.paths import cache_root
        from llm_audit.common.terminal import terminal_safe
        from llm_audit.scoring.cache import ScoreCache
        from llm_audit.scoring.pins import DEFAULT_MODEL
        from llm_audit.scoring.session import Session
        from llm_audit.scoring.store import Store

        store, chosen = Store(), []
        for setting, name in (("model", self.model or DEFAULT_MODEL), ("reference", self.reference)):
            if name:
                with about(setting):
                    stored = store.resolve(os.fspath(name), offline=self.offline, progress=progress)
                # The name may be a path of any bytes; reports and populations hold text.
                chosen.append(replace(stored, name=terminal_safe(stored.name)))
        with ExitStack() as stack:
            cache = stack.enter_context(ScoreCache(cache_root() / "scores.sqlite")) if self.cache else None
            session = Session(*chosen, device=self.device, cache=cache, jobs=self.jobs)
            stack.callback(session.release)
            yield session

    @contextmanager
    def open(self, progress: Progress = silent) -> Iterator[OpenSetup]:
        """Open models, population and detectors. The model is loaded when first needed, and stays so while the setup is open.

        Every function that takes a `Setup` takes an open one as well:

            with Setup().open() as ready:
                reports = [llm_audit.detect(text, setup=ready) for text in texts]

        Threads may share it; they score one after another.

        Raises:
            AuditError: something is not there, or does not fit together.
        """
        from llm_audit.detectors import known_to
        from llm_audit.detectors.origin import run as origin

        classifiers, human = self._choice()
        with self.session(progress) as session:
            origin.check_comparable(session, human)
            chosen = known_to(
                human.scores,
                self.detectors,
                replacements=classifiers,
                model=session.model.digest,
                weights=human.datasheet.weights,
            )
            yield OpenSetup(self, session, human, tuple(chosen))

    def own_detectors(self) -> list[StatisticRule]:
        """The detectors that the user brings: the classifier, if there is one. Raises AuditError."""
        if self.classifier is None:
            return []
        from llm_audit.detectors.origin.classifier import resolve, rule_of

        with about("classifier"):
            return [rule_of(resolve(os.fspath(self.classifier)))]

    def _choice(self) -> tuple[list[StatisticRule], Population]:
        from llm_audit.detectors import find
        from llm_audit.detectors.populations import DEFAULT_POPULATION, load

        classifiers = self.own_detectors()
        if self.detectors:
            find(self.detectors, classifiers)
        with about("population"):
            return classifiers, load(self.population or DEFAULT_POPULATION)


@dataclass(frozen=True)
class OpenSetup:
    """A setup whose parts have been found, and whose model is loaded when it is first needed.

    Attributes:
        setup: what was opened.
        session: the scoring models.
        population: human texts to compare with.
        detectors: those that the population has scores of.
    """

    setup: Setup
    session: Session
    population: Population
    detectors: tuple[StatisticRule, ...]

    def settings(self, alpha: float, **others: Any) -> Settings:
        """The settings of a judgement at this level; `others` are its further fields."""
        from llm_audit.detectors.judging import Settings

        most = self.setup.max_tokens
        return Settings(alpha=alpha, detectors=self.detectors, population=self.population, max_tokens=most, **others)

    def manifest(self, alpha: float) -> Manifest:
        """The manifest of a run at this level."""
        from llm_audit.setup.manifest import collect

        rules = [detector.code for detector in self.detectors]
        return collect(self.session, alpha=alpha, rules=rules, population=self.population, used=self.detectors)

    @property
    def weights(self) -> dict[str, str]:
        """Rule -> digest of the trained weights behind it."""
        return {detector.code: detector.digest for detector in self.detectors if detector.digest}
