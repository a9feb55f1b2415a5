"""`llm-audit verify`: whether a stored report is still what was found."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import llm_audit
from llm_audit.cli import COMMANDS, EXIT_FINDINGS, EXIT_INCONCLUSIVE, may_be_unread
from llm_audit.cli.progress import show_warnings_as_sentences
from llm_audit.common.errors import InvalidInput

if TYPE_CHECKING:
    from llm_audit.api.stored import Ledger, Mismatch

MOST_SHOWN = 20

HELP = (
    COMMANDS["verify"]
    + """

    REPORT: what `-o FILE.json` or `-o FILE.jsonl` wrote, or the folder of a scan; '-' for standard input. Everything in it that
    follows from stored numbers is computed again and compared. Digests of inputs, populations and models are checked where
    these are here.

    Exit code 0: all agrees. 1: something does not. 2: no report. 3: something could not be checked.
    """
)


@click.command(help=HELP, short_help=COMMANDS["verify"])
@click.argument("report", metavar="REPORT")
@click.option("--inputs", "folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path(),
              metavar="DIR", help="Folder from which the inputs are named. Default: the working folder.")  # fmt: skip
@click.option("--key", type=click.Path(path_type=Path), metavar="PUBLIC.pem",
              help="Check the signature in REPORT.dsse as well; only JSON reports have one.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="Standard output.")  # fmt: skip
def command(report: str, folder: Path, key: Path | None, format_: str) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    from llm_audit.cli.report import content_of

    if key and report == "-":
        raise InvalidInput("--key looks for the signature beside the report: give the report as a file.")
    stored, name = content_of(report) if report == "-" else (report, report)
    ledger = llm_audit.verify(stored, inputs=folder, key=key, name=name)
    with may_be_unread():
        if format_ == "json":
            _as_json(ledger, signed=key is not None)
        else:
            _show(ledger, name, signed=key is not None)
    return EXIT_FINDINGS if ledger.mismatches else EXIT_INCONCLUSIVE if ledger.unchecked else 0


def _as_json(ledger: Ledger, *, signed: bool) -> None:
    from llm_audit.reports.formats.json import dump

    said: dict[str, Any] = asdict(ledger) | {"recomputed": dict(sorted(ledger.recomputed.items())), "signature_checked": signed}
    click.echo(dump(said).encode(), nl=False)


def _show(ledger: Ledger, report: str, *, signed: bool) -> None:
    from rich.console import Console

    from llm_audit.reports.terminal.console import say

    console = Console()
    counted = ", ".join(f"{n:,} {kind}" for kind, n in sorted(ledger.recomputed.items()))
    if ledger.mismatches:
        say(console, f"{report} does not hold: {len(ledger.mismatches):,} fields are not what follows from the others.")
    elif ledger.unchecked:
        say(console, f"{report}: nothing contradicts it, but not all of it could be checked.")
    elif ledger.draws_only:
        say(
            console,
            f"{report} holds: what follows from its numbers was computed again and agrees, some of it from counts alone.",
        )
    else:
        say(console, f"{report} holds: what follows from its numbers was computed again and agrees.")
    for mismatch in ledger.mismatches[:MOST_SHOWN]:
        say(console, f"Mismatch: {_sentence(mismatch)}")
    if len(ledger.mismatches) > MOST_SHOWN:
        say(console, f"And {len(ledger.mismatches) - MOST_SHOWN:,} more.")
    for unchecked in ledger.unchecked[:MOST_SHOWN]:
        say(console, f"Could not be checked: {unchecked.path}: {unchecked.reason}.")
    if len(ledger.unchecked) > MOST_SHOWN:
        say(console, f"And {len(ledger.unchecked) - MOST_SHOWN:,} more.")
    say(console, f"Computed again or compared, and the same: {counted or 'nothing'}.")
    for path in ledger.draws_only:
        say(console, f"Checked against the stored draws or counts only: {path}.")
    for note in ledger.notes:
        say(console, note)
    said = "The signature is of this report and of the key." if signed else "No signature was checked (--key)."
    if not (signed and ledger.mismatches):
        say(console, said)


def _sentence(mismatch: Mismatch) -> str:
    if mismatch.reason:
        stored = "" if mismatch.stored is None else f" ({mismatch.stored})"
        return f"{mismatch.path}{stored}: {mismatch.reason.rstrip('.')}."
    return f"{mismatch.path}: stored {mismatch.stored}, recomputed {mismatch.recomputed}."
