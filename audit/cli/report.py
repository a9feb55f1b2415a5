"""`llm-audit report`: a stored report in other formats. Nothing is computed anew."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import click

from llm_audit.cli import COMMANDS, EXIT_ERROR
from llm_audit.cli.options import (
    check_outputs,
    exit_code,
    output_options,
    publish,
    show,
    show_warnings_as_sentences,
    write_outputs,
)
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
@click.option(
    "--compliance",
    metavar="NAME|FILE",
    help="What a framework asks, and the evidence in this report: eu-ai-act-50, nist-ai-600-1, generic, or a .toml file.",
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME=TEXT",
    help="With --compliance: what only you can state, printed as unverified: human-review=..., visible-label=...; repeatable.",
)
@output_options
def command(
    source: str, compliance: str | None, claims: tuple[str, ...], outputs: tuple[str, ...], format_: str, strict: bool
) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    from llm_audit.reports import read_report
    from llm_audit.reports.read import intact

    if compliance is not None:
        return _compliance(source, compliance, claims, outputs, format_, strict)
    if claims:
        raise AuditError("--claim goes with --compliance; name the framework that asks for it.")
    check_outputs(outputs, format_)
    data, name = _content(source)
    report = read_report(data, name)
    if not intact(data):
        warnings.warn(
            f"{name} is not as llm-audit wrote it: its content digest is another one. See `llm-audit verify`.", stacklevel=1
        )
    return publish(report, outputs, format_, strict, stored=True)


def _compliance(source: str, framework: str, claims: Sequence[str], outputs: Sequence[str], format_: str, strict: bool) -> int:
    """Write the compliance report of a stored report; to standard output as Markdown if to no file."""
    import hashlib

    from llm_audit.reports import compliance, read_report
    from llm_audit.reports.formats import choose
    from llm_audit.reports.read import intact
    from llm_audit.reports.write import write

    if format_ != "text":
        raise AuditError(f"--compliance has no --format {format_}; use -o FILE.")
    renderers = {output: choose(output, compliance.RENDERERS) for output in outputs}
    check_outputs(outputs, format_)
    data, name = _content(source)
    report = read_report(data, name)
    if not intact(data):
        raise AuditError(
            f"{name} is not as llm-audit wrote it: its content digest is another one. It is not filed; see `llm-audit verify`."
        )
    stated = dict(_claim(each) for each in claims)
    found = compliance.assess(report, *compliance.load(framework), stated, hashlib.sha256(data).hexdigest())
    failures = write_outputs(outputs, lambda output: write(output, renderers[output](found)))
    if not outputs:
        show(compliance.RENDERERS[".md"](found))
    for failure in failures:
        click.echo(failure, err=True)
    return EXIT_ERROR if failures else exit_code(report, strict)


def _claim(text: str) -> tuple[str, str]:
    name, equals, stated = text.partition("=")
    if not equals:
        raise AuditError(f"The claim {text} has no =; write NAME=TEXT.")
    return name, stated


def _content(source: str) -> tuple[bytes, str]:
    """The bytes of a file or of standard input, and what to call it."""
    try:
        if source == "-":
            return sys.stdin.buffer.read(), "Standard input"
        return Path(source).read_bytes(), source
    except (OSError, ValueError, AttributeError) as error:
        why = getattr(error, "strerror", None) or "there is no such file"
        raise AuditError(f"The report {source} cannot be read: {why}.") from error
