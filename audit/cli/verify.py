"""`llm-audit verify`: compute again what a stored report states, and compare."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

import llm_audit
from llm_audit.cli import COMMANDS, EXIT_FINDINGS, EXIT_INCONCLUSIVE, command_of, may_be_unread
from llm_audit.cli.options import FORMAT, PATH
from llm_audit.cli.publishing import show
from llm_audit.cli.report import content_of
from llm_audit.common.errors import InvalidInput

MORE = """
REPORT: what `-o FILE.json` or `-o FILE.jsonl` wrote, or the folder of a scan; '-' for standard input. Everything in it that
follows from stored numbers is computed again and compared. Digests of inputs, populations and models are checked where
these are here.

Exit code 0: all agrees. 1: something does not. 2: no report. 3: something could not be checked.
"""


@command_of(COMMANDS, "verify", MORE)
@click.argument("report", metavar="REPORT")
@click.option("--inputs", "folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path(),
              show_default=False, metavar="DIR",
              help="Folder from which the inputs are named. Default: the working folder.")  # fmt: skip
@click.option("--key", type=PATH, metavar="PUBLIC.pem",
              help="Check the signature in REPORT.dsse as well; only JSON reports have one.")  # fmt: skip
@FORMAT
def command(report: str, folder: Path, key: Path | None, format_: str) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    if key and report == "-":
        raise InvalidInput("--key looks for the signature beside the report: give the report as a file.")
    stored, name = content_of(report) if report == "-" else (report, report)
    ledger = llm_audit.verify(stored, inputs=folder, key=key, name=name)
    signed = key is not None
    with may_be_unread():
        if format_ == "json":
            from llm_audit.reports.formats.json import dump

            recomputed = dict(sorted(ledger.recomputed.items()))
            show(dump(asdict(ledger) | {"recomputed": recomputed, "signature_checked": signed}))
        else:
            from rich.console import Console

            from llm_audit.reports.terminal.verification import print_verification

            print_verification(ledger, name, Console(), signed=signed)
    return EXIT_FINDINGS if ledger.mismatches else EXIT_INCONCLUSIVE if ledger.unchecked else 0
