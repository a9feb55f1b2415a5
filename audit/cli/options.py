"""Options and small services that several commands share."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from llm_audit.cli import EXIT_ERROR, EXIT_FINDINGS, EXIT_INCONCLUSIVE, may_be_unread
from llm_audit.cli.policy import blaming
from llm_audit.cli.sealing import check_signing, finished, keep_key, sign_report
from llm_audit.errors import AuditError
from llm_audit.progress import Progress
from llm_audit.reports.formats import FORMATS, NAMES, SUFFIXES, one_of, renderer_for
from llm_audit.terminal import one_line, terminal_safe

if TYPE_CHECKING:
    from llm_audit.detectors import StatisticRule
    from llm_audit.results import Document, Report
    from llm_audit.scoring.session import Session

Command = TypeVar("Command", bound=Callable[..., Any])


def input_options(command: Command) -> Command:
    """The options that say how files are read."""
    return click.option(
        "--text-field", default="text", show_default=True, metavar="NAME",
        help="Where JSON lines, CSV and Parquet files hold their texts.",
    )(command)  # fmt: skip


def computing_options(command: Command) -> Command:
    """The options that choose where to compute, and what may be fetched and kept."""
    return place_options(click.option("--no-cache", is_flag=True, help="Score anew, and keep no scores.")(command))


def place_options(command: Command) -> Command:
    """The options that choose where to compute, and what may be fetched."""
    for option in (
        click.option("--offline", is_flag=True, help="Never use the network; fail if the model is not here yet."),
        click.option(
            "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where to compute."
        ),
    ):
        command = option(command)
    return command


def scoring_options(command: Command) -> Command:
    """The options that choose what scores the text, and where."""
    return model_options(computing_options(command))


def model_options(command: Command) -> Command:
    """The options that choose what scores the text."""
    for option in (
        click.option("--reference", metavar="MODEL", help="Second model with the same vocabulary (Binoculars' observer)."),
        click.option(
            "--model", metavar="MODEL", help="Folder, or hub id with revision: org/name@commit. Default: the embedded one."
        ),
    ):
        command = option(command)
    return command


def report_options(command: Command) -> Command:
    """The options that choose what is said, and where."""
    return output_options(click.option("--no-text", is_flag=True, help="Leave the text itself out of the reports.")(command))


def output_options(command: Command) -> Command:
    """The options that choose where it is said, and what counts as a failure."""
    for option in (
        click.option(
            "--sign", type=click.Path(path_type=Path), metavar="KEY", expose_value=False, callback=keep_key,
            help="Sign each JSON report with this Ed25519 key (PEM): writes FILE.dsse beside it.",
        ),
        click.option("--strict", is_flag=True, help="Exit with 3 if something could not be assessed or decided."),
        click.option(
            "--format", "format_", type=click.Choice(NAMES), default="text", show_default=True, help="Standard output.",
        ),
        click.option(
            "-o", "--output", "outputs", multiple=True, metavar="FILE",
            help=f"Write the report to FILE, in the format that its suffix names ({one_of(SUFFIXES)}); repeatable.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def check_outputs(outputs: Sequence[str], format_: str) -> None:
    """What cannot be written or signed must not cost a run. Raises AuditError."""
    check_signing(outputs)
    for output in outputs:
        renderer_for(output)
        if not Path(output).parent.is_dir():
            raise AuditError(f"Cannot write the report {output}: its folder does not exist.")
    if format_ in FORMATS:
        FORMATS[format_].renderer()
        if FORMATS[format_].binary and sys.stdout.isatty():
            raise AuditError(f"The format {format_} is nothing for a terminal: redirect standard output, or use -o FILE.")


def stream(format_: str, outputs: Sequence[str]) -> Callable[[Document], None]:
    """What is done with a document as soon as it is finished: if the format can be printed by and by, it is.

    A reader that leaves ends the run, unless there are report files to be written.
    """
    if format_ != "jsonl":
        return lambda document: None
    from llm_audit.reports import jsonl

    def printed(document: Document) -> None:
        with may_be_unread() if outputs else nullcontext():
            show(jsonl.record(document))

    return printed


def publish(
    report: Report, outputs: Sequence[str], format_: str, strict: bool, *, streamed: bool = False, stored: bool = False
) -> int:
    """Write the report files, then print the report; return the exit code.

    `streamed`: every document has been given to `stream`. `stored`: it is of an earlier run, whose manifest it keeps.
    """
    from llm_audit import reports
    from llm_audit.detectors.registry import described

    if not stored:
        report = finished(report)
    # Files first: the reader of standard output may be gone.
    failures = write_outputs(outputs, lambda output: reports.write_report(report, output, described))
    failures += write_outputs(outputs, lambda output: sign_report(report, output))
    with may_be_unread():
        if format_ == "text":
            from rich.console import Console

            reports.print_report(report, Console())
        elif format_ == "jsonl" and streamed:
            from llm_audit.reports import jsonl

            show(jsonl.last(report))
        else:
            show(FORMATS[format_].renderer()(report, described))
    for failure in failures:
        click.echo(failure, err=True)
    return EXIT_ERROR if failures else exit_code(report, strict)


def exit_code(report: Report, strict: bool) -> int:
    """What a report means to the shell, in whatever format it is written."""
    from llm_audit.results import Served, Verdict

    verdicts = report.verdicts if report.gate is None else report.failing
    if Verdict.ERROR in verdicts:
        return EXIT_ERROR
    if Verdict.FINDING in verdicts:
        return EXIT_FINDINGS
    # An endpoint that could not be measured is never taken for a consistent one.
    if report.substitution and report.substitution.served is Served.NOT_MEASURED:
        return EXIT_INCONCLUSIVE
    # A gate has said already whether an open question is a failure.
    return EXIT_INCONCLUSIVE if (strict or report.gate) and verdicts & {Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE} else 0


def show(content: str | bytes) -> None:
    """What programs read is UTF-8, whatever the terminal is."""
    click.echo(content.encode() if isinstance(content, str) else content, nl=False)


def classifier_option(command: Command) -> Command:
    """The option that puts one of the user's own classifiers in the place of the shipped one."""
    return click.option(
        "--classifier", metavar="NAME|FILE", help="A classifier of yours (`llm-audit train`) instead of the one that ships."
    )(command)


def own_detectors(classifier: str | None) -> list[StatisticRule]:
    """The detectors that the user brings."""
    if classifier is None:
        return []
    from llm_audit.detectors.origin.classifier import resolve, rule_of

    return [rule_of(resolve(classifier))]


@contextmanager
def scoring_session(model: str | None, reference: str | None, device: str, offline: bool, no_cache: bool) -> Iterator[Session]:
    """A session for the chosen models; fetches the embedded model on first use."""
    from llm_audit.paths import cache_root
    from llm_audit.scoring.cache import ScoreCache
    from llm_audit.scoring.pins import DEFAULT_MODEL
    from llm_audit.scoring.session import Session
    from llm_audit.scoring.store import Store

    store = Store()
    chosen = []
    with stages() as progress:
        for setting, spec in (("model", model or DEFAULT_MODEL), ("reference", reference)):
            if spec:
                with blaming(setting):
                    stored = store.resolve(spec, offline=offline, progress=progress)
                # The name may be a path of any bytes; reports and populations hold text.
                chosen.append(replace(stored, name=terminal_safe(stored.name)))
    if no_cache:
        yield Session(*chosen, device=device)
        return
    with ScoreCache(cache_root() / "scores.sqlite") as cache:
        yield Session(*chosen, device=device, cache=cache)


@contextmanager
def stages() -> Iterator[Progress]:
    """Progress through named stages, a bar for each, drawn on standard error."""
    shown: dict[str, Any] = {}

    def progress(share: float | None, stage: str = "", /) -> None:
        total = None if share is None else 1.0
        if "bar" not in shown:
            shown["bar"] = _bar()
            shown["bar"].start()
        if shown.get("stage") != stage:
            shown["stage"], shown["task"] = stage, shown["bar"].add_task(one_line(stage), total=total)
        shown["bar"].update(shown["task"], completed=share or 0.0, total=total)

    try:
        yield progress
    finally:
        if "bar" in shown:
            shown["bar"].stop()


@contextmanager
def fraction_bar(description: str) -> Iterator[Progress]:
    """Progress of a single stage, drawn on standard error once there is something to wait for."""
    with _bar() as bar:
        task = bar.add_task(description, total=1.0, visible=False)
        # The first call comes with the first result: a run that finishes at once shows no bar.
        yield lambda share, _="", /: bar.update(task, completed=share or 0.0, visible=share is None or share < 1.0)


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Standard output is left alone: what is streamed there is not for standard error.
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, disable=not console.is_terminal)


def write_outputs(outputs: Sequence[str], write: Callable[[str], None]) -> list[str]:
    """Write every report, and return the complaints: a full disk costs one report, not the others nor the result on screen."""
    failures = []
    for output in outputs:
        try:
            write(output)
        except AuditError as error:
            failures.append(f"Error: {one_line(str(error))}")
    return failures


def show_warnings_as_sentences() -> None:
    """Warnings of our own modules are for the user: one line on standard error instead of a source line."""

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if issubclass(category, UserWarning):
            click.echo(f"Warning: {one_line(str(message))}", err=True)

    warnings.showwarning = show
