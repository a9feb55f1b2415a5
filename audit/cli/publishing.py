"""The end of a command: report files are written and signed, the report is printed, and the exit code follows from it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import llm_audit
from llm_audit.cli import EXIT_ERROR, may_be_unread
from llm_audit.cli.policy import digest_in_force
from llm_audit.cli.progress import bars
from llm_audit.common.errors import AuditError, InvalidConfiguration
from llm_audit.common.terminal import one_line, terminal_safe
from llm_audit.reports.formats import FORMATS, renderer_for

if TYPE_CHECKING:
    from llm_audit import Report
    from llm_audit.results import Document

KEY = "llm_audit.signing_key"
"""Name under which the context of a command holds the signing key."""

DETAILS = "llm_audit.details"
"""Name under which the context of a command holds whether every document is shown in detail."""


def keep_details(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Remember whether the user asked for every document in detail."""
    context.meta[DETAILS] = value


def keep_key(context: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    """Load the key for signing at once: a key that cannot sign must not cost a run."""
    if value is not None:
        from llm_audit.api.stored import Signer

        context.meta[KEY] = signer = Signer.load(value)
        if signer.exposed:
            click.echo(f"Warning: others can read the key {terminal_safe(str(value))}; run chmod 600 on it.", err=True)


@dataclass(frozen=True)
class Output:
    """Output settings of a command: where its report goes, and what counts as a failure.

    Attributes:
        outputs: files.
        format_: of standard output.
        strict: what could not be assessed or decided is a failure.
    """

    outputs: tuple[str, ...]
    format_: str
    strict: bool

    def check(self) -> None:
        """Refuse what cannot be written or signed: it must not cost a run. Raises AuditError or a usage error."""
        if KEY in click.get_current_context().meta and not any(map(_is_json, self.outputs)):
            raise click.UsageError("--sign signs JSON reports, and none is written: add -o FILE.json.")
        for output in self.outputs:
            renderer_for(output)
            if not Path(output).parent.is_dir():
                raise InvalidConfiguration(f"Cannot write the report {output}: its folder does not exist.")
        if self.format_ in FORMATS:
            FORMATS[self.format_].renderer()
            if FORMATS[self.format_].binary and sys.stdout.isatty():
                raise InvalidConfiguration(
                    f"The format {self.format_} is nothing for a terminal: redirect standard output, or use -o FILE."
                )

    def run(self, name: str, *arguments: Any, stage: str = "Scoring", **options: Any) -> int:
        """Call a function of the library, publish the report that it returns, and return the exit code.

        Args:
            name: of the function in `llm_audit`. It is loaded after the output was checked, and takes `progress`, too.
            arguments: of the function.
            stage: name of the work, where the function gives none.
            options: of the function. With `on_document=self.stream` the report is printed document by document.
        """
        self.check()
        function: Callable[..., Report] = attrgetter(name)(llm_audit)
        with bars(stage) as progress:
            report = function(*arguments, progress=progress, **options)
        return self.publish(report, streamed="on_document" in options)

    def stream(self, document: Document) -> None:
        """Print a document as soon as it is finished, if the format can be streamed.

        A reader that leaves ends the run, unless there are report files to be written.
        """
        if self.format_ == "jsonl":
            from llm_audit.reports.formats import jsonl

            with may_be_unread() if self.outputs else nullcontext():
                show(jsonl.record(document))

    def publish(self, report: Report, *, streamed: bool = False, stored: bool = False) -> int:
        """Write the report files, then print the report; return the exit code.

        `streamed`: every document has been given to `stream`. `stored`: it is of an earlier run, whose manifest it keeps.
        """
        digest = None if stored else digest_in_force()
        if digest is not None:
            report = report.model_copy(update={"manifest": report.manifest.model_copy(update={"policy": digest})})
        # Files first: the reader of standard output may be gone.
        failures = write_outputs(self.outputs, report.save)
        failures += write_outputs(filter(_is_json, self.outputs), lambda output: _sign(report, output))
        with may_be_unread():
            self._print(report, streamed)
        return complain(failures) or report.exit_code(strict=self.strict)

    def _print(self, report: Report, streamed: bool) -> None:
        if self.format_ == "text":
            from rich.console import Console

            from llm_audit.reports.terminal.report import print_report

            print_report(report, Console(), details=click.get_current_context().meta.get(DETAILS, False))
        elif self.format_ == "jsonl" and streamed:
            from llm_audit.reports.formats import jsonl

            show(jsonl.last(report))
        else:
            show(report.render(self.format_))


def show(content: str | bytes) -> None:
    """Print output for programs: in UTF-8, whatever the terminal's encoding is."""
    click.echo(content.encode() if isinstance(content, str) else content, nl=False)


def write_outputs(outputs: Iterable[str], write: Callable[[str], None]) -> list[str]:
    """Write every report and return the error messages: a failed file must not cost the others or the result on screen."""
    failures = []
    for output in outputs:
        try:
            write(output)
        except AuditError as error:
            failures.append(f"Error: {one_line(str(error))}")
    return failures


def complain(failures: Sequence[str]) -> int:
    """Print what could not be written; return the exit code."""
    for failure in failures:
        click.echo(failure, err=True)
    return EXIT_ERROR if failures else 0


def _is_json(output: str) -> bool:
    return output.lower().endswith(".json")


def _sign(report: Report, output: str) -> None:
    """Write the signature OUTPUT.dsse if a key was given."""
    signer = click.get_current_context().meta.get(KEY)
    if signer is not None:
        signer.sign(report, output)
