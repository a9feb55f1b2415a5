"""Watch an endpoint that returns log-probabilities: its requests, what its baseline keeps, and the comparison of the two.

Knows nothing about the command line.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

from llm_audit.common.errors import NotAvailable
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution import baseline, tracking
from llm_audit.detectors.substitution.baseline import Baseline
from llm_audit.detectors.substitution.conclude import MOST_MISSING, conclude
from llm_audit.detectors.substitution.distance import rounded_to
from llm_audit.detectors.substitution.subject import endpoint_of, spent, unanswered
from llm_audit.endpoints.defects import unit_of
from llm_audit.endpoints.pieces import as_written
from llm_audit.endpoints.records import Ask, Failure, Reply, Source, Surface, Token
from llm_audit.reports.wording.substitution import rows as stated_rows
from llm_audit.results import Fact, Result, Served, Substitution, Verdict
from llm_audit.stats.tracking import table

PROMPT, ALTERNATIVES = "x", 20
"""The prompt, as in the paper: the shorter it is, the more sensitive the answer."""

FEWEST, MOST = 5, 1000
"""Fewest rows of each side: 5 against 5 give p = 1/252; and most."""

LOWEST = -10_000.0
"""Least number that an early baseline may hold, which kept placeholders."""

Row = Mapping[Hashable, float]

KEPT = 0.8
"""Least share of a row's tokens that must have an identifier for rows to be compared by it."""

SHARED = 0.1
"""Least share of the tokens of one occasion that must occur in the other."""


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
            rows.append({json.dumps(names_of(token)): value for token, value in outcome.usable[0].top})
    most = max(map(len, rows), default=0)
    return [row for row in rows if len(row) == most], list(outcomes)  # one short row would cut all others to its length


def names_of(token: Token) -> list[int | str | None]:
    """Id, bytes in hexadecimal, and text of a token, None for what it does not have.

    Text that is a raw entry of a vocabulary ("Ġhello") is decoded. A token without bytes gets those of its text; an incomplete
    piece of UTF-8 or an empty text identifies no token.
    """
    text = as_written(token.text) if token.text and "\ufffd" not in token.text else None
    encoded = token.bytes if token.bytes is not None else None if text is None else text.encode()
    return [token.id, None if encoded is None else encoded.hex(), text]


def alike_named(before: Sequence[Row], after: Sequence[Row]) -> tuple[list[Row], list[Row]] | None:
    """The rows of both occasions with tokens by the most reliable identifier that both sides have: id, else bytes, else text.

    Tokens without it are left out. None: there is no common identifier, or hardly any token has it on both sides.
    """
    for place in range(3):
        sides = [[_by_name(row, place) for row in rows] for rows in (before, after)]
        complete = all(len(named) >= KEPT * len(row) for rows, unnamed in zip(sides, (before, after), strict=True)
                    for named, row in zip(rows, unnamed, strict=True))  # fmt: skip
        known = [set[Hashable]().union(*rows) for rows in sides]
        if complete and len(known[0] & known[1]) > SHARED * min(map(len, known)):
            shortest = min(len(row) for rows in sides for row in rows)
            first, second = ([_likeliest(row, shortest) for row in rows] for rows in sides)
            return first, second
    return None


def alike_rounded(before: Sequence[Row], after: Sequence[Row]) -> list[Row]:
    """The rows of both occasions, all rounded to the coarser unit to which either is: rounding is no change of a model."""
    unit = max(unit_of([value for row in rows for value in row.values()]) for rows in (before, after))
    return [rounded_to(row, unit) for row in (*before, *after)]


def _likeliest(row: Row, count: int) -> Row:
    return dict(sorted(row.items(), key=lambda entry: -entry[1])[:count])


def _by_name(row: Row, place: int) -> dict[Hashable, float]:
    by_name: dict[Hashable, float] = {}
    for key, value in row.items():
        name = _names(str(key))[place]
        if name is not None:
            by_name[name] = value
    return by_name


def _names(key: str) -> list[int | str | None]:
    """Id, bytes and text of a token of a baseline; those of early versions have one name only, and say which."""
    names = json.loads(key)
    if len(names) == 2:
        kind, value = names
        return [value if kind == name else None for name in ("id", "bytes", "text")]
    return list(names)


def take(source: Source, count: int, surface: Surface) -> list[Row]:
    """The rows of log-probabilities that a baseline keeps.

    Raises:
        AuditError: there are too few; why.
    """
    rows, outcomes = rows_of(source, count, surface)
    if len(rows) < FEWEST:
        other = "" if _failures(outcomes) else " Where they are hidden, take a baseline of border inputs (--border-inputs)."
        raise NotAvailable(
            f"The endpoint returned {len(rows)} usable rows of log-probabilities; a baseline needs {FEWEST}. "
            f"{_why_few(outcomes)}{other}"
        )
    return rows


def _failures(outcomes: Sequence[Reply | Failure]) -> list[Failure]:
    return [outcome for outcome in outcomes if isinstance(outcome, Failure)]


def _why_few(outcomes: Sequence[Reply | Failure]) -> str:
    """Why there are too few rows, as a sentence: the first failure, else what is wrong with the answers."""
    if failures := _failures(outcomes):
        return failures[0].reason
    defects = [defect for outcome in outcomes if isinstance(outcome, Reply) for defect in outcome.defects]
    return defects[0] if defects else "The answers hold no alternatives with log-probabilities."


def write_baseline(path: Path, rows: Sequence[Row], model: str, surface: Surface, created: str) -> None:
    """Write a baseline file. Raises AuditError: it exists or cannot be written."""
    baseline.write(path, baseline.ROWS, model, surface, created, {"prompt": PROMPT, "rows": [dict(row) for row in rows]})


def rows_in(stored: Baseline) -> list[Row]:
    """The rows of a baseline. Raises AuditError: they are damaged, too few or too many, or of another prompt."""
    rows = stored.content.get("rows")
    if stored.content.get("prompt") != PROMPT or not isinstance(rows, list) or not FEWEST <= len(rows) <= MOST:
        raise stored.unreadable()
    try:
        known = all(row and all(_is_name(key) and LOWEST <= value <= 1 for key, value in row.items()) for row in rows)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise stored.unreadable() from error
    if not known:
        raise stored.unreadable()
    return rows


def _is_name(key: str) -> bool:
    """Whether a key names a token, as `names_of` does."""
    names = _names(key)
    return len(names) == 3 and isinstance(names[0], int | None) and all(isinstance(name, str | None) for name in names[1:])


def compare(source: Source, stored: Baseline, count: int, surface: Surface, alpha: float, seed: str) -> Substitution:
    """Compare the endpoint now with the rows of the baseline."""
    before = rows_in(stored)
    after, outcomes = rows_of(source, count, surface)
    failures = _failures(outcomes)
    terms, obstacle = Terms(alpha), None
    tests: tuple[Result, ...] = ()
    named = alike_named(before, after) if len(after) >= FEWEST else None
    if named is not None:
        rows = alike_rounded(*named)
        measured = tracking.measure(table(rows), len(before), seed)
        tests = (tracking.derive(measured, terms),)
    elif len(after) >= FEWEST:
        obstacle = (
            "the baseline and the answers of now name their tokens in different ways (ids, bytes or text), or hardly share "
            "one; take a new baseline."
        )
    else:
        obstacle = f"{len(after)} usable rows, {FEWEST} are needed. {_why_few(outcomes)}"
    fact = Fact(name="Rows", value=stated_rows(len(before), len(after)))
    return compared(source, stored.created, tests, fact, len(outcomes), failures, obstacle, terms)


def compared(
    source: Source,
    taken: str,
    tests: tuple[Result, ...],
    counted: Fact,
    asked: int,
    failures: Sequence[Failure],
    obstacle: str | None,
    terms: Terms,
) -> Substitution:
    """The concluded comparison of an endpoint with its baseline.

    Args:
        source: the endpoint.
        taken: when the baseline was.
        tests: that could be made.
        counted: how much there was to compare.
        asked: requests; with more than a tenth of them unanswered nothing is called unchanged.
        failures: requests without an answer.
        obstacle: why there is no test, as a sentence; None: there is one.
        terms: of the verdict.
    """
    subject = Substitution(
        verdict=Verdict.ERROR,
        served=Served.NOT_MEASURED,
        summary="",
        claim="",
        endpoint=endpoint_of(source) or "a journal",
        model=source.model,
        allowed=(f"the endpoint as of {taken}",),
        tests=tests,
        facts=(counted, *source.facts),
        cost=spent(source.cost),
        failures=unanswered(failures),
        since=taken,
        obstacle=obstacle,
    )
    concluded = conclude(subject, terms)
    if concluded.served is Served.CONSISTENT and len(failures) > MOST_MISSING * asked:
        missing = f"{len(failures)} of {asked} requests got no answer, and the others show no change. {failures[0].reason}"
        return conclude(subject.model_copy(update={"tests": (), "obstacle": missing}), terms)
    return concluded
