"""The journal: every request and response as JSON lines, from which an audit can be continued, or repeated offline.

The first line says which endpoint and model it is about; every other line is one attempt, or one question that was not sent.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from llm_audit.common.errors import InvalidInput, NotAvailable
from llm_audit.common.files import Lines
from llm_audit.common.progress import Progress, silent
from llm_audit.common.templates import Template
from llm_audit.common.terminal import terminal_safe
from llm_audit.endpoints import wire
from llm_audit.endpoints.envelope import SURROGATES, clean
from llm_audit.endpoints.records import Ask, Cost, Failure, FailureKind, Reply
from llm_audit.results import Fact

FORMAT = "llm-audit journal 2"

_HEAD = json.dumps({"format": FORMAT}).encode()[:-1]
"""How every journal begins."""

FACTS = (
    "Endpoint", "Model asked for", "Model named in the answers", "System fingerprint", "Asked", "Requests", "Tokens",
    "Failed attempts", "Unanswered requests",
)  # fmt: skip
"""Names of the facts of a run, in the order of a report."""

REQUESTS = Template("{requests:count} in {attempts:count} attempts")
TOKENS = Template("{prompts:count} of prompts, {answers:count} of answers, as the server counts them")
UNCOUNTED = Template("; {answers:count} answers do not say")
"""Templates of two of them, which the report also states as numbers, and of the end of the second."""

KEPT_HEADERS = ("content-type", "date", "retry-after", "server", "location", "x-request-id", "openai-processing-ms")
"""Response headers that are kept; others can hold cookies and account names."""


@dataclass(frozen=True)
class Entry:
    """One attempt.

    Attributes:
        digest: of the question and the model asked for.
        name: of the question.
        attempt: from 1; 0: nothing was sent.
        started: ISO 8601, UTC.
        seconds: until the last byte, or until it failed.
        request: the body sent.
        ask: the question, in the fields of `Ask`.
        status: of HTTP; None: no answer came.
        headers: of the answer, those in `KEPT_HEADERS`.
        body: of the answer, as received but for the key.
        kind: of the failure; None: it was answered.
        reason: of the failure.
    """

    digest: str
    name: str
    attempt: int
    started: str
    seconds: float
    request: Mapping[str, Any]
    ask: Mapping[str, Any]
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    kind: FailureKind | None = None
    reason: str = ""


_UNUSED = (("stop", ""), ("n", 1), ("favoured", None), ("bias", 0.0))
"""Parameters of a question that were added in later versions, where they are not used."""


def digest(ask: Ask, model: str) -> str:
    """SHA-256 that identifies a question to a model. Parameters added in later versions count only where they are used."""
    fields = {name: value for name, value in asdict(ask).items() if (name, value) not in _UNUSED}
    return hashlib.sha256(json.dumps([model, fields], sort_keys=True).encode()).hexdigest()


class Records:
    """The entries about one model of one endpoint, and the outcomes, cost and facts that follow from them."""

    def __init__(self, url: str = "", model: str = "") -> None:
        self.url, self.model = url, model
        self.notes: tuple[str, ...] = ()
        self._entries: list[Entry] = []
        self._deciding: dict[str, Entry] = {}
        self._served: list[tuple[str, str]] = []
        self._usage: list[tuple[int | None, int | None]] = []

    def add(self, entry: Entry) -> None:
        """Append an entry. Of several about one question the answer decides, else the last."""
        self._entries.append(entry)
        known = self._deciding.get(entry.digest)
        if known is None or known.kind is not None:
            self._deciding[entry.digest] = entry
        if entry.status == 200:
            model, fingerprint, usage = wire.summary(entry.body)
            self._served.append((model, fingerprint))
            self._usage.append(usage)

    def outcome(self, ask: Ask, model: str) -> Reply | Failure | None:
        """Outcome of a question; None: there is none.

        It depends on nothing but the entry, so that a replay gives the same as the run.
        """
        entry = self._deciding.get(digest(ask, model))
        if entry is None:
            return None
        if entry.kind is not None:
            return Failure(ask, entry.kind, entry.reason, entry.status, entry.attempt)
        return wire.parse(ask, entry.body, seconds=entry.seconds, attempts=entry.attempt)

    def replies(self) -> list[Reply]:
        """Every answer, in the order in which the questions were first sent."""
        outcomes = [self.outcome(Ask(**entry.ask), self.model) for entry in self._deciding.values() if entry.kind is None]
        return [outcome for outcome in outcomes if isinstance(outcome, Reply)]

    @property
    def asked(self) -> list[Ask]:
        """The questions, one for each entry of the journal, in order."""
        return [Ask(**entry.ask) for entry in self._entries]

    @property
    def times(self) -> tuple[str, str] | None:
        """When the first and the last attempt began, ISO 8601; None: there was none."""
        times = sorted(entry.started for entry in self._entries)
        return (times[0], times[-1]) if times else None

    @property
    def cost(self) -> Cost:
        """Cost of all attempts together."""
        sent = [entry for entry in self._entries if entry.attempt]
        return Cost(
            requests=len({entry.digest for entry in sent}),
            attempts=len(sent),
            prompt_tokens=sum(prompt or 0 for prompt, _ in self._usage),
            completion_tokens=sum(completion or 0 for _, completion in self._usage),
            uncounted=sum(1 for usage in self._usage if None in usage),
        )

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts of a run that a report lists: endpoint and models, times, requests, tokens used, failures by kind."""
        cost, times = self.cost, self.times
        failed = Counter[str](_failure(entry) for entry in self._entries if entry.kind is not None)
        open_ends = Counter[str](entry.kind for entry in self._deciding.values() if entry.kind is not None)
        values = (
            self.url,
            self.model,
            _listed(model for model, _ in self._served),
            _listed(fingerprint for _, fingerprint in self._served),
            f"{times[0]} to {times[1]}" if times else "never",
            REQUESTS.write(requests=cost.requests, attempts=cost.attempts),
            TOKENS.write(prompts=cost.prompt_tokens, answers=cost.completion_tokens)
            + (UNCOUNTED.write(answers=cost.uncounted) if cost.uncounted else ""),
            _counted(failed),
            _counted(open_ends),
        )
        return tuple(Fact(name=name, value=value) for name, value in zip(FACTS, values, strict=True))


class Journal:
    """The log of an endpoint's attempts: a file that grows by whole lines, or memory if no file is named.

    A run with the journal of an earlier one continues it: what was answered is not asked again.

    Raises:
        AuditError: the file cannot be read or written, or is no journal.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = Path(path) if path is not None else None
        self._lock = threading.Lock()
        self._full = False
        self.records = Records()
        if self._path is not None and self._path.exists():
            self.records, length = _read(self._path)
            if self.records.notes:
                with _writing(self._path), Lines(self._path) as lines:
                    lines.truncate(length)

    def begin(self, url: str, model: str) -> None:
        """Say what the entries will be about.

        Raises:
            AuditError: the journal is about something else, or cannot be written.
        """
        if not self.records.url:
            self.records.url, self.records.model = url, model
            self._append({"format": FORMAT, "url": url, "model": model})
        elif (self.records.url, self.records.model) != (url, model):
            raise InvalidInput(
                f"The journal {self._path} is about the model {self.records.model!r} at {self.records.url}, "
                f"not {model!r} at {url}; name another file."
            )

    def write(self, entry: Entry) -> None:
        """Keep an entry; it is in the file when this returns.

        Raises:
            AuditError: it cannot be written.
        """
        with self._lock:
            self._append(asdict(entry))
            self.records.add(entry)

    def _append(self, record: Mapping[str, Any]) -> None:
        if self._path is not None:
            if self._full:  # half a line may be at the end, to which nothing may be added
                raise NotAvailable(f"Cannot write the journal {self._path}: an earlier line could not be written.")
            self._full = True
            with _writing(self._path), Lines(self._path) as lines:
                lines.append(json.dumps(record).encode() + b"\n")
            self._full = False


class Replay:
    """A source of answers taken from a journal alone: no connection is made.

    Raises:
        AuditError: the file cannot be read, or is no journal.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._records, _ = _read(Path(path))
        if not self._records.url:
            raise InvalidInput(f"The journal {path} is empty; nothing can be repeated from it.")
        self._model = self._records.model

    def __repr__(self) -> str:
        return f"Replay({self._records.url!r}, {self._model!r})"

    def ask(self, asks: Sequence[Ask], progress: Progress = silent) -> list[Reply | Failure]:
        """Outcomes of the run that wrote the journal; a Failure "not recorded" for what it did not ask."""
        missing = "The journal has nothing about this question."
        answers = [self._records.outcome(ask, self._model) or Failure(ask, "not recorded", missing, None, 0) for ask in asks]
        progress(1.0)
        return answers

    def replies(self) -> list[Reply]:
        """Every answer to a question for the journal's own model."""
        return self._records.replies()

    @property
    def asked(self) -> list[Ask]:
        """The question of every entry, in order, whatever became of it."""
        return self._records.asked

    @property
    def times(self) -> tuple[str, str] | None:
        """When the first and the last attempt began, ISO 8601; None: there was none."""
        return self._records.times

    def renamed(self, model: str) -> Replay:
        """The same journal, asked for another model."""
        other = copy.copy(self)
        other._model = model
        return other

    @property
    def url(self) -> str:
        """The URL of the endpoint that was asked."""
        return self._records.url

    @property
    def model(self) -> str:
        """The name of the model that was asked for."""
        return self._model

    @property
    def notes(self) -> tuple[str, ...]:
        """Faults of the journal itself, as sentences."""
        return self._records.notes

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Facts on the questions, their cost and their failures, of the run that wrote the journal."""
        return self._records.facts

    @property
    def cost(self) -> Cost:
        """The cost of the run that wrote the journal."""
        return self._records.cost


def _read(path: Path) -> tuple[Records, int]:
    """Records of a journal, and the number of bytes of its whole lines: a killed run leaves a line without its end."""
    if path.exists() and not path.is_file():  # a device may have no end
        raise InvalidInput(f"Cannot read the journal {path}: it is not a plain file.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"Cannot read the journal {path}: {error.strerror}.") from None
    length = content.rfind(b"\n") + 1
    if not length and not content.startswith(_HEAD[: len(content)]):  # another file, of which nothing may be cut off
        raise InvalidInput(f"{path} is no journal; name another file.")
    lines = content[:length].splitlines()
    records = Records()
    for number, line in enumerate(lines, start=1):
        try:
            fields = json.loads(line)
            if number > 1:
                records.add(_entry(fields))
            elif fields.pop("format") != FORMAT:
                raise ValueError
            else:
                records.url, records.model = clean(fields["url"]), clean(fields["model"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise InvalidInput(f"Line {number:,} of {path} is not from a journal of this version; name another file.") from None
    if length < len(content):
        records.notes = (f"The last line was cut off ({len(content) - length:,} bytes); it was left out.",)
    return records, length


def _entry(fields: Mapping[str, Any]) -> Entry:
    """An entry as it was written. Raises ValueError or TypeError: it is none, or says that an answer came where none did."""
    entry = Entry(**fields)
    ask = Ask(**entry.ask)
    if not (_typed(entry) and _typed(ask)) or SURROGATES.search(ask.name + ask.prompt + entry.reason):
        raise ValueError
    if entry.kind is None:
        wire.parse(ask, entry.body, seconds=entry.seconds, attempts=entry.attempt)
    return replace(entry, reason=terminal_safe(entry.reason))


_TYPES = {record: get_type_hints(record) for record in (Entry, Ask)}
"""The types of the fields of a line, and of its question."""


def _typed(record: Entry | Ask) -> bool:
    """Whether every field has a value of its type. pydantic would refuse the surrogates of a body that is no UTF-8."""
    return all(_fits(getattr(record, name), kind) for name, kind in _TYPES[type(record)].items())


def _fits(value: object, kind: Any) -> bool:
    if isinstance(kind, UnionType) or get_origin(kind) is Union:
        return any(_fits(value, option) for option in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else dict if get_origin(kind) is Mapping else kind)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotAvailable(f"Cannot write the journal {path}: {error.strerror}.") from None


def _failure(entry: Entry) -> str:
    return f"status {entry.status}" if entry.kind == "status" else str(entry.kind)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, names))) or "none"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "none"
