"""`llm-audit scan`: judge every document of a corpus; an interrupted scan can be continued."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import llm_audit
from llm_audit.cli import COMMANDS, EXIT_INTERRUPTED, command_of, may_be_unread
from llm_audit.cli.options import COUNT, STRICT, include_option, judging_options
from llm_audit.cli.progress import Reminder

if TYPE_CHECKING:
    from llm_audit.api.corpora import Shard, Tally


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> Shard | None:
    """The value of --shard."""
    if value is None:
        return None
    from llm_audit.api.corpora import Shard

    number, _, parts = value.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise click.BadParameter(f"{value!r} is no part of a whole; write 2/8 for the second of eight.")
    return Shard(int(number), int(parts))


def _local(ctx: click.Context, param: click.Parameter, value: str) -> Path:
    """The value of --output."""
    from llm_audit.api.corpora import is_remote

    if is_remote(value):
        raise click.BadParameter(f"a journal needs a disk: name a folder of this machine, and {value!r} with --results.")
    return Path(value)


@command_of(COMMANDS, "scan")
@click.argument("paths", nargs=-1, required=True, metavar="CORPUS...")
@click.option("-o", "--output", "folder", required=True, metavar="DIR", callback=_local,
              help="Folder of journal and results; a scan that was interrupted goes on where it was.")  # fmt: skip
@judging_options("False discovery rate: the expected share of mistakes among the documents found.", 0.05, cache="cache")
@click.option("--limit", type=COUNT, metavar="N", help="Only the first N documents, for a trial.")
@click.option("--shard", callback=_shard, metavar="I/N",
              help="Judge the I-th of N parts; scan DIR without this for the results.")  # fmt: skip
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local",
              help="Ray: on the cluster that RAY_ADDRESS names, or else in a process for each core.")  # fmt: skip
@click.option("--results", metavar="URL", help="Copy the results of the whole corpus there, such as s3://bucket/folder.")
@click.option("--id-field", metavar="NAME", help="Field of each record that names it in the results.")
@click.option("--keep", multiple=True, metavar="NAME", help="Field of each record that goes into the results; repeatable.")
@click.option("--max-bad-rows", type=click.IntRange(min=0), metavar="N",
              help="Give up when more than N documents cannot be read.")  # fmt: skip
@include_option
@STRICT
def command(paths: tuple[str, ...], shard: Shard | None, results: str | None, strict: bool, **options: Any) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    from llm_audit.cli.policy import digest_in_force
    from llm_audit.reports.format import plural

    interrupted = False
    with _interruptible() as check, _shown() as show:

        def tell(tally: Tally) -> None:
            show(tally)
            check()

        try:
            scan = llm_audit.scan(paths, shard=shard, results=results, policy=digest_in_force(), on_tally=tell, **options)
        except llm_audit.ScanInterrupted as interruption:
            interrupted, scan = True, interruption.scan
    if not scan.parquet:
        click.echo("No results.parquet: that needs `pip install 'llm-audit[formats]'`.", err=True)
    if scan.damaged:
        verb = "was" if scan.damaged == 1 else "were"
        click.echo(f"{plural(scan.damaged, 'damaged line')} of the journal {verb} left out.", err=True)
    if shard:
        end = "was interrupted; the same command goes on" if interrupted else "is done"
        click.echo(f"Shard {shard.number} of {shard.parts} {end}. A scan without --shard gives the results.")
        return EXIT_INTERRUPTED if interrupted else 0
    return _print(scan, results, interrupted, strict)


def _print(scan: llm_audit.Scan, results: str | None, interrupted: bool, strict: bool) -> int:
    """Print the report; return the exit code."""
    from rich.console import Console

    from llm_audit.reports.terminal.corpus import print_corpus

    report = scan.report
    assert report and report.corpus  # only a shard has none
    with may_be_unread():
        print_corpus(report.corpus, report.manifest, Console())
        click.echo(f"The report: {scan.folder / 'report.html'}")
        if results and report.corpus.complete:
            click.echo(f"A copy: {results}")
    if interrupted:
        click.echo("Interrupted; the same command goes on.", err=True)
        return EXIT_INTERRUPTED
    return report.exit_code(strict=strict)


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """Turn the first SIGINT or SIGTERM into KeyboardInterrupt, for an orderly end; the second ends the process at once.

    Python loses an exception raised while it frees an object; calling the yielded function raises it again.
    """
    came: list[int] = []

    def first(number: int, frame: object) -> None:
        for kind in kept:
            signal.signal(kind, lambda *_: os._exit(EXIT_INTERRUPTED))
        came.append(number)
        raise KeyboardInterrupt

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    kept = {number: signal.signal(number, first) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield check
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _shown() -> Iterator[Callable[[Tally], None]]:
    """Show progress on standard error: a bar on a terminal, else a line from time to time."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from llm_audit.reports.format import plural

    console = Console(stderr=True)
    if not console.is_terminal:
        reminder = Reminder()

        def tell(tally: Tally) -> None:
            if reminder.due():
                block = f", {tally.share:.0%} of the next ones" if tally.share else ""
                click.echo(f"{tally.judged:,} of {plural(tally.documents, 'document')}{block}; {_counts(tally)}", err=True)

        yield tell
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda tally: bar.update(task, completed=tally.judged, total=tally.documents, description=_counts(tally))


def _counts(tally: Tally) -> str:
    return f"{tally.low:,} with p ≤ {tally.alpha:g}, {tally.not_assessable:,} not assessable, {tally.unreadable:,} unreadable"
