"""An endpoint now against a stored baseline of its own: what is asked, and the file that keeps the answers.

Knows nothing about the command line.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution import tracking
from llm_audit.detectors.substitution.conclude import conclude
from llm_audit.detectors.substitution.run import spent, unanswered
from llm_audit.endpoints.records import Ask, Failure, Reply, Source, Surface
from llm_audit.errors import AuditError
from llm_audit.files import create
from llm_audit.results import Fact, Result, Served, Substitution, Verdict
from llm_audit.stats.tracking import table

KIND = "llm-audit substitution baseline"
PROMPT, ALTERNATIVES = "x", 20
"""As in the paper: the shorter the prompt, the more the answer depends on everything."""

FEWEST = 5
"""Rows of each side: 10 over 5 gives p = 1/252."""

Row = Mapping[Hashable, float]


def rows_of(source: Source, count: int, surface: Surface) -> tuple[list[Row], list[Reply | Failure]]:
    """Ask `count` times for one token after `PROMPT`; rows of log-probabilities by token, without defective ones."""

    def asks(tokens: int) -> list[Ask]:
        return [Ask(f"row {number} of {tokens}", PROMPT, surface, tokens, 0.0, ALTERNATIVES) for number in range(1, count + 1)]

    outcomes = source.ask(asks(1))
    if all(isinstance(outcome, Failure) and outcome.status in (400, 422) for outcome in outcomes):
        outcomes = source.ask(asks(16))  # some servers refuse to answer with fewer
    rows: list[Row] = []
    for outcome in outcomes:
        if isinstance(outcome, Reply) and outcome.usable and outcome.usable[0].top:
            rows.append({json.dumps(_key(token.key)): value for token, value in outcome.usable[0].top})
    most = max(map(len, rows), default=0)
    return [row for row in rows if len(row) == most], list(outcomes)  # one short row would cut all others to its length


def _key(key: tuple[str, int | bytes | str]) -> list[str | int]:
    kind, value = key
    return [kind, value.hex() if isinstance(value, bytes) else value]


def write_baseline(path: Path, rows: Sequence[Row], model: str, created: str) -> None:
    """Raises AuditError: the file exists or cannot be written, or the rows are too few."""
    if len(rows) < FEWEST:
        raise AuditError(f"The endpoint returned {len(rows)} usable rows of log-probabilities; a baseline needs {FEWEST}.")
    content = {
        "kind": KIND,
        "version": 1,
        "model": model,
        "prompt": PROMPT,
        "created": created,
        "rows": [dict(row) for row in rows],
    }
    try:
        create(path, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        raise AuditError(f"Cannot write the baseline {path}: {error.strerror}.") from error


def read_baseline(path: Path, model: str) -> tuple[list[Row], str]:
    """Rows, and when they were taken. Raises AuditError: no baseline, or one of another model or prompt."""
    try:
        found = json.loads(path.read_bytes())
        rows: list[Row] = [{str(key): float(value) for key, value in row.items()} for row in found["rows"]]
        same, created = (found["kind"], found["version"], found["prompt"]) == (KIND, 1, PROMPT), str(found["created"])
        named = found["model"]
    except OSError as error:
        raise AuditError(f"The baseline {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AuditError(f"{path} is no baseline; name one that this command has written, or a new file.") from error
    if not same or len(rows) < FEWEST:
        raise AuditError(f"{path} is no baseline that this version reads.")
    if named != model:
        raise AuditError(f"The baseline {path} is of the model {named!r}, not {model!r}.")
    return rows, created


def compare(
    source: Source, before: Sequence[Row], taken: str, count: int, surface: Surface, alpha: float, seed: str
) -> Substitution:
    """The endpoint now against the rows of before."""
    after, outcomes = rows_of(source, count, surface)
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    terms, obstacle = Terms(alpha), None
    tests: tuple[Result, ...] = ()
    if len(after) >= FEWEST:
        measured = tracking.measure(table([*before, *after]), len(before), seed)
        tests = (tracking.derive(measured, terms),)
    else:
        why = failures[0].reason if failures else "The answers hold no log-probabilities."
        obstacle = f"{len(after)} usable rows, {FEWEST} are needed. {why}"
    subject = Substitution(
        verdict=Verdict.ERROR,
        served=Served.NOT_MEASURED,
        summary="",
        claim=f"Does the endpoint still answer for {source.model} as on {taken}?",
        endpoint=next((fact.value for fact in source.facts if fact.name == "Endpoint"), "a journal"),
        model=source.model,
        allowed=(f"the endpoint as of {taken}",),
        tests=tests,
        facts=(Fact(name="Rows", value=f"{len(before)} before, {len(after)} now"), *source.facts),
        cost=spent(source.cost),
        failures=unanswered(failures),
        since=taken,
        obstacle=obstacle,
    )
    return conclude(subject, terms)
