"""`llm-audit report`: a stored report in other formats. Nothing is computed anew."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import click

from llm_audit.cli import COMMANDS, EXIT_ERROR, may_be_unread
from llm_audit.cli.options import (
    check_outputs,
    exit_code,
    output_options,
    publish,
    show,
    show_warnings_as_sentences,
    write_outputs,
)
from llm_audit.cli.stored import content_of
from llm_audit.errors import AuditError
from llm_audit.terminal import one_line

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
    from llm_audit.results.read import intact, read_report

    if compliance is not None:
        return _compliance(source, compliance, claims, outputs, format_, strict)
    if claims:
        raise AuditError("--claim goes with --compliance; name the framework that asks for it.")
    check_outputs(outputs, format_)
    data, name = content_of(source)
    report = read_report(data, name)
    if not intact(data):
        warnings.warn(
            f"{name} is not as llm-audit wrote it: its content digest is another one. See `llm-audit verify`.", stacklevel=1
        )
    return publish(report, outputs, format_, strict, stored=True)


def _compliance(source: str, framework: str, claims: Sequence[str], outputs: Sequence[str], format_: str, strict: bool) -> int:
    """Write the compliance report of a stored report; to standard output as Markdown if to no file."""
    import hashlib

    from llm_audit.reports import compliance
    from llm_audit.reports.formats import choose
    from llm_audit.reports.write import write
    from llm_audit.results.read import intact, read_report

    if format_ != "text":
        raise AuditError(f"--compliance has no --format {format_}; use -o FILE.")
    renderers = {output: choose(output, compliance.RENDERERS) for output in outputs}
    check_outputs(outputs, format_)
    data, name = content_of(source)
    report = read_report(data, name)
    if not intact(data):
        raise AuditError(
            f"{name} is not as llm-audit wrote it: its content digest is another one. It is not filed; see `llm-audit verify`."
        )
    stated = dict(_claim(each) for each in claims)
    found = compliance.assess(report, *compliance.load(framework), stated, hashlib.sha256(data).hexdigest())
    filed: list[str] = []

    def file(output: str) -> None:
        write(output, renderers[output](found))
        filed.append(output)

    failures = write_outputs(outputs, file)
    with may_be_unread():
        if not outputs:
            show(compliance.RENDERERS[".md"](found))
        for output in filed:
            click.echo(f"The compliance report: {one_line(output)}")
    for failure in failures:
        click.echo(failure, err=True)
    return EXIT_ERROR if failures else exit_code(report, strict)


def _claim(text: str) -> tuple[str, str]:
    name, equals, stated = text.partition("=")
    if not equals:
        raise AuditError(f"The claim {text} has no =; write NAME=TEXT.")
    return name, stated
