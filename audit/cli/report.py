"""`llm-audit report`: a stored report in other formats. Nothing is computed anew."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from llm_audit.cli import COMMANDS
from llm_audit.cli.options import check_outputs, output_options, publish
from llm_audit.errors import AuditError

HELP = (
    COMMANDS["report"]
    + """

    INPUT: what `-o FILE.json` or `-o FILE.jsonl` wrote; '-' for standard input. The exit code is that of the verdicts in it, as
    it was of the run.
    """
)


@click.command(help=HELP, short_help=COMMANDS["report"])
@click.argument("source", metavar="INPUT")
@output_options
def command(source: str, outputs: tuple[str, ...], format_: str, strict: bool) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    from llm_audit.reports import read_report

    check_outputs(outputs, format_)
    return publish(read_report(*_content(source)), outputs, format_, strict)


def _content(source: str) -> tuple[bytes, str]:
    """The bytes of a file or of standard input, and what to call it."""
    try:
        if source == "-":
            return sys.stdin.buffer.read(), "Standard input"
        return Path(source).read_bytes(), source
    except (OSError, ValueError, AttributeError) as error:
        why = getattr(error, "strerror", None) or "there is no such file"
        raise AuditError(f"The report {source} cannot be read: {why}.") from error
