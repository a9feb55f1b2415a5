"""The report of one run, about subjects of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from llm_audit.results.base import Model, Probability, empty, unset
from llm_audit.results.benchmark import Benchmark
from llm_audit.results.core import ModelIdentity, Result, Verdict
from llm_audit.results.corpus import Corpus
from llm_audit.results.documents import Document
from llm_audit.results.gate import GateOutcome
from llm_audit.results.membership import Membership
from llm_audit.results.substitution import Served, Substitution

SCHEMA_VERSION = "2"

Subject = Annotated[Document | Membership | Substitution | Corpus | Benchmark, Field(discriminator="kind")]
"""Subject of a report: a document, a collection, an endpoint, a corpus, or a benchmark of the detectors."""


class NotRead(Model):
    """Count of entries of one kind in folders and archives that were not read."""

    kind: str = Field(description='as sentences name it: ".odt", "hidden", ".py (program code or data)"')
    count: int = Field(ge=1)
    on_purpose: bool = Field(description="hidden, ignored by git, of others, or a lock file: no failure under --strict")


class Coverage(Model):
    """Counts of inputs by outcome. `found` is the sum of the next three."""

    found: int
    scored: int
    not_assessable: int
    unreadable: int
    not_read: int | None = Field(
        default=None,
        ge=1,
        exclude_if=unset,
        description="entries of folders and archives that are no inputs; None: there are none",
    )

    @classmethod
    def of(cls, documents: Sequence[Document], not_read: Sequence[NotRead] = ()) -> Coverage:
        """The coverage of a run: how many documents were scored, not assessable and unreadable, and what was not read."""
        unreadable = sum(document.verdict is Verdict.ERROR for document in documents)
        not_assessable = sum(document.verdict is Verdict.NOT_ASSESSABLE for document in documents)
        return cls(
            found=len(documents),
            scored=len(documents) - unreadable - not_assessable,
            not_assessable=not_assessable,
            unreadable=unreadable,
            not_read=cls.entries(not_read),
        )

    @staticmethod
    def entries(not_read: Sequence[NotRead]) -> int | None:
        """How many entries were not read, of all kinds together; None: all were."""
        return sum(kind.count for kind in not_read) or None

    @classmethod
    def of_endpoint(cls, endpoint: Substitution) -> Coverage:
        """The coverage of an audit or a comparison of an endpoint: how many of its requests were answered, and of use."""
        answered = max(endpoint.cost.requests - len(endpoint.failures), 0)
        measured = endpoint.served is not Served.NOT_MEASURED
        return cls(
            found=answered + len(endpoint.failures),
            scored=answered if measured else 0,
            not_assessable=0 if measured else answered,
            unreadable=len(endpoint.failures),
        )


class Plugin(Model):
    """A detector or score of another package that took part."""

    rule: str
    name: str
    distribution: str
    version: str
    digest: str | None = Field(description="SHA-256 over the files of its package; None: it has none that can be read")


class Manifest(Model):
    """Record of a run: enough to repeat it, and to see whether its inputs are still the same."""

    tool: str = "llm-audit"
    version: str
    command: tuple[str, ...] = Field(description="as given, keys and passwords removed")
    started: str | None = Field(description="ISO 8601, UTC; None: of a scan, which may go on at several times and places")
    finished: str | None = Field(default=None, description="ISO 8601, UTC")
    alpha: Probability
    model: ModelIdentity | None
    reference_model: ModelIdentity | None = None
    further_models: tuple[ModelIdentity, ...] = Field(default=(), description="candidates, control and reference models")
    population: str | None
    population_digest: str | None
    detectors: tuple[str, ...]
    plugins: tuple[Plugin, ...] | None = Field(default=(), description="that took part; None: plugins were switched off")
    weights: dict[str, str] = Field(default={}, description="digest of the trained weights behind each detector, by rule")
    candidates: tuple[str, ...] = Field(
        default=(), exclude_if=empty, description="of `attribute`, as given: in this order each text has their tests"
    )
    inputs: dict[str, str] = Field(
        default={}, description="SHA-256 of the files that the command names; those of texts stand beside each document"
    )
    seeds: tuple[str, ...] = Field(default=(), description="of all random numbers; each is also beside what it was drawn for")
    policy: str | None = Field(default=None, description="digest of the policy file merged with the options; None: no file")
    packages: dict[str, str]
    device: str | None = None
    threads: int | None


class Report(Model):
    """Report of one run: its subjects with their results, and a manifest to repeat it. Every format is rendered from it."""

    schema_version: Literal["2"] = "2"
    question: str
    manifest: Manifest
    coverage: Coverage
    subjects: tuple[Subject, ...] = Field(description="documents, or one collection, endpoint, corpus or benchmark")
    gate: GateOutcome | None = None
    not_read: tuple[NotRead, ...] = Field(
        default=(), exclude_if=empty, description="of the folders and archives that were named: what is no document here"
    )
    limits: tuple[str, ...] = Field(description="what the numbers do not prove, as sentences")
    content_digest: str | None = Field(
        default=None, description="SHA-256 over everything else, see `llm_audit.results.canonical`; a signature vouches for it"
    )

    @property
    def documents(self) -> tuple[Document, ...]:
        """The subjects that are documents."""
        return tuple(subject for subject in self.subjects if isinstance(subject, Document))

    @property
    def membership(self) -> Membership | None:
        """The collection that was tested for membership, if there is one."""
        return next((subject for subject in self.subjects if isinstance(subject, Membership)), None)

    @property
    def substitution(self) -> Substitution | None:
        """The endpoint that was audited, if there is one."""
        return next((subject for subject in self.subjects if isinstance(subject, Substitution)), None)

    @property
    def corpus(self) -> Corpus | None:
        """The corpus that was scanned, if there is one."""
        return next((subject for subject in self.subjects if isinstance(subject, Corpus)), None)

    @property
    def benchmark(self) -> Benchmark | None:
        """The measurement of the detectors, if it is one."""
        return next((subject for subject in self.subjects if isinstance(subject, Benchmark)), None)

    @property
    def tests(self) -> tuple[Result, ...]:
        """The tests of a collection or of an endpoint, with a p-value each; those of documents stand in each document."""
        tested = (subject for subject in self.subjects if isinstance(subject, Membership | Substitution))
        return tuple(test for subject in tested for test in subject.tests)

    @property
    def verdicts(self) -> frozenset[Verdict]:
        """Every verdict in the report, and a finding if a text was tampered with: they determine the exit code."""
        verdicts = {subject.verdict for subject in self.subjects if not isinstance(subject, Corpus | Benchmark)}
        verdicts |= {result.verdict for document in self.documents for result in document.tampering}
        if self.corpus:
            verdicts |= {verdict for verdict, count in self.corpus.verdicts.items() if count}
        return frozenset(verdicts)

    @property
    def failing(self) -> frozenset[Verdict]:
        """Verdicts by which texts fail the gate; empty without a gate."""
        return frozenset(failure.verdict for document in self.documents if document.gate for failure in document.gate.failures)

    def exit_code(self, *, strict: bool = False) -> int:
        """Exit code of the command that made the report, whatever format it is written in.

        0: nothing found; 2: an input could not be read; 1: a finding; 3: an endpoint was not measured or, with `strict` and in
        a gate, something could not be assessed or decided or, with `strict`, something in a folder was not read. Where several
        apply, it is the first in the order 2, 1, 3: an incomplete answer is reported as such, of a corpus as of a text.
        """
        verdicts = self.verdicts if self.gate is None else self.failing
        if Verdict.ERROR in verdicts:
            return 2
        if Verdict.FINDING in verdicts:
            return 1
        # An endpoint that could not be measured is never taken for a consistent one.
        if self.substitution and self.substitution.served is Served.NOT_MEASURED:
            return 3
        if any(document.is_endpoint and document.verdict is Verdict.NOT_ASSESSABLE for document in self.documents):
            return 3
        # A gate has said already whether an open question is a failure.
        open_verdicts = verdicts & {Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE}
        if (strict or self.gate) and open_verdicts:
            return 3
        return 3 if strict and not self.gate and not all(entry.on_purpose for entry in self.not_read) else 0
