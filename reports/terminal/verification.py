"""Outcome of a verification of a stored report, on a terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from llm_audit.reports.terminal.console import say

if TYPE_CHECKING:
    from rich.console import Console

MOST_SHOWN = 20


class Verification(Protocol):
    """Fields that were computed again, those that differ, and those that could not be; see `llm_audit.verify`."""

    recomputed: Counter[str]
    mismatches: list[Any]
    unchecked: list[Any]
    draws_only: list[str]
    notes: list[str]


def print_verification(ledger: Verification, report: str, console: Console, *, signed: bool) -> None:
    """Print whether the report holds, the fields that do not or could not be checked, and how many were checked.

    Args:
        ledger: of the verification.
        report: what to call the report.
        console: to print on.
        signed: whether the signature was checked, too.
    """
    say(console, _outcome(ledger, report))
    for mismatch in ledger.mismatches[:MOST_SHOWN]:
        say(console, f"Mismatch: {_sentence(mismatch)}")
    _say_rest(ledger.mismatches, console)
    for unchecked in ledger.unchecked[:MOST_SHOWN]:
        say(console, f"Could not be checked: {unchecked.path}: {unchecked.reason}.")
    _say_rest(ledger.unchecked, console)
    counted = ", ".join(f"{n:,} {kind}" for kind, n in sorted(ledger.recomputed.items()))
    say(console, f"Computed again or compared, and the same: {counted or 'nothing'}.")
    for path in ledger.draws_only:
        say(console, f"Checked against the stored draws or counts only: {path}.")
    for note in ledger.notes:
        say(console, note)
    if not signed:
        say(console, "No signature was checked (--key).")
    elif not ledger.mismatches:
        say(console, "The signature is of this report and of the key.")


def _outcome(ledger: Verification, report: str) -> str:
    if ledger.mismatches:
        n = len(ledger.mismatches)
        fields = "1 field is not what follows" if n == 1 else f"{n:,} fields are not what follows"
        return f"{report} does not hold: {fields} from the others."
    if ledger.unchecked:
        return f"{report}: nothing contradicts it, but not all of it could be checked."
    some = ", some of it from counts alone" if ledger.draws_only else ""
    return f"{report} holds: what follows from its numbers was computed again and agrees{some}."


def _say_rest(entries: list[Any], console: Console) -> None:
    if len(entries) > MOST_SHOWN:
        say(console, f"And {len(entries) - MOST_SHOWN:,} more.")


def _sentence(mismatch: Any) -> str:
    if mismatch.reason:
        stored = "" if mismatch.stored is None else f" ({mismatch.stored})"
        return f"{mismatch.path}{stored}: {mismatch.reason.rstrip('.')}."
    return f"{mismatch.path}: stored {mismatch.stored}, recomputed {mismatch.recomputed}."
