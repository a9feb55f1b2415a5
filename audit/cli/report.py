"""`llm-audit report`: a stored report in other formats. Nothing is computed anew."""

from __future__ import annotations

import sys
import warnings

import click

from llm_audit.cli import COMMANDS, command_of, may_be_unread
from llm_audit.cli.options import DETAILS, output_options
from llm_audit.cli.publishing import Output, complain, show, write_outputs
from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.terminal import one_line

MORE = """
INPUT: what `-o FILE.json` or `-o FILE.jsonl` wrote, or the folder of a scan; '-' for standard input. The exit
code is that of the verdicts in it, as it was of the run.
"""


def content_of(source: str) -> tuple[bytes, str]:
    """The bytes of a stored report in a file or, for '-', standard input; and what to call it. Raises AuditError."""
    if source != "-":
        from llm_audit.api.stored import content_of as content_of_file

        return content_of_file(source)
    try:
        return sys.stdin.buffer.read(), "Standard input"
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidInput(
            f"The report - cannot be read: {getattr(error, 'strerror', None) or 'there is no such file'}."
        ) from error


@command_of(COMMANDS, "report", MORE)
@click.argument("source", metavar="INPUT")
@click.option(
    "--compliance", metavar="NAME|FILE",
    help="What a framework asks, and the evidence in this report: eu-ai-act-50, nist-ai-600-1, generic, or a .toml file.",
)  # fmt: skip
@click.option(
    "--claim", "claims", multiple=True, metavar="NAME=TEXT",
    help="With --compliance: what only you can state, printed as unverified: human-review=..., visible-label=...; repeatable.",
)  # fmt: skip
@output_options
@DETAILS
def command(source: str, compliance: str | None, claims: tuple[str, ...], output: Output) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    from llm_audit.api.stored import intact, read_report

    if compliance is not None:
        return _compliance(source, compliance, claims, output)
    if claims:
        raise InvalidConfiguration("--claim goes with --compliance; name the framework that asks for it.")
    output.check()
    data, name = content_of(source)
    report = read_report(data, name=name)
    if not intact(data):
        warnings.warn(
            f"{name} is not as llm-audit wrote it: its content digest is another one. See `llm-audit verify`.", stacklevel=1
        )
    return output.publish(report, stored=True)


def _compliance(source: str, framework: str, claims: tuple[str, ...], output: Output) -> int:
    """Write the compliance report of a stored report; to standard output as Markdown if to no file."""
    from llm_audit.api.compliance import file_compliance
    from llm_audit.api.stored import read_report
    from llm_audit.reports.compliance.render import RENDERERS
    from llm_audit.reports.formats import choose

    if output.format_ != "text":
        raise InvalidConfiguration(f"--compliance has no --format {output.format_}; use -o FILE.")
    for name in output.outputs:
        choose(name, RENDERERS)  # a wrong suffix is refused before anything is written
    output.check()
    data, name = content_of(source)
    compliance = file_compliance(data, framework, dict(map(_claim, claims)), name=name)
    filed: list[str] = []

    def file(path: str) -> None:
        compliance.save(path)
        filed.append(path)

    failures = write_outputs(output.outputs, file)
    with may_be_unread():
        if not output.outputs:
            show(RENDERERS[".md"](compliance))
        for path in filed:
            click.echo(f"The compliance report: {one_line(path)}")
    return complain(failures) or read_report(data, name=name).exit_code(strict=output.strict)


def _claim(text: str) -> tuple[str, str]:
    name, equals, stated = text.partition("=")
    if not equals:
        raise InvalidConfiguration(f"The claim {text} has no =; write NAME=TEXT.")
    return name, stated
