"""`llm-audit scan`: judge every document of a corpus, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llm_audit.cli import COMMANDS, EXIT_ERROR, EXIT_FINDINGS, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, may_be_unread
from llm_audit.cli.options import classifier_option, model_options, place_options, show_warnings_as_sentences
from llm_audit.errors import AuditError

if TYPE_CHECKING:
    from llm_audit.cli.conditions import Conditions, Opened
    from llm_audit.results import CorpusReport
    from llm_audit.scanning.folder import Folder, Shard
    from llm_audit.scanning.header import Header
    from llm_audit.scanning.run import Engine, Tally

FINAL = ("results.jsonl", "results.parquet", "report.html", "summary.json")

SECONDS = 60
"""Between two lines of progress where standard error is no terminal."""


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> Shard | None:
    """The value of --shard."""
    from llm_audit.scanning.folder import Shard

    if value is None:
        return None
    number, _, parts = value.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise click.BadParameter(f"{value!r} is no part of a whole; write 2/8 for the second of eight.")
    return Shard(int(number), int(parts))


def _local(ctx: click.Context, param: click.Parameter, value: str) -> Path:
    """The value of --output."""
    from llm_audit.scanning.remote import is_remote

    if is_remote(value):
        raise click.BadParameter(f"a journal needs a disk: name a folder of this machine, and {value!r} with --results.")
    return Path(value)


@click.command(help=COMMANDS["scan"], short_help=COMMANDS["scan"])
@click.argument("paths", nargs=-1, required=True, metavar="CORPUS...")
@click.option("-o", "--output", "folder_path", required=True, metavar="DIR", callback=_local,
              help="Folder of journal and results; a scan that was interrupted goes on where it was.")  # fmt: skip
@click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05, show_default=True,
              help="False discovery rate: the expected share of mistakes among the documents found.")  # fmt: skip
@click.option("--population", default=None, metavar="NAME", help="Human texts to compare with.")
@click.option("--detector", "detectors", multiple=True, metavar="NAME", help="Run only this detector; repeatable.")
@click.option("--text-field", default="text", show_default=True, help="Field of each record that holds the text.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N documents, for a trial.")
@click.option(
    "--shard",
    callback=_shard,
    metavar="I/N",
    help="Judge the I-th of N parts; scan DIR without this for the results.",
)
@click.option("--engine", "engine_name", type=click.Choice(["local", "ray"]), default="local", show_default=True,
              help="Ray: on the cluster that RAY_ADDRESS names, or else in a process for each core.")  # fmt: skip
@click.option("--results", metavar="URL", help="Copy the results of the whole corpus there, such as s3://bucket/folder.")
@click.option("--strict", is_flag=True, help="Exit with 3 if something could not be assessed or decided.")
@click.option("--cache/--no-cache", default=False, show_default=True,
              help="Look for and keep the scores of every token, many times the size of the texts.")  # fmt: skip
@place_options
@classifier_option
@model_options
def command(
    paths: tuple[str, ...],
    folder_path: Path,
    alpha: float,
    population: str | None,
    detectors: tuple[str, ...],
    text_field: str,
    limit: int | None,
    shard: Shard | None,
    engine_name: str,
    results: str | None,
    strict: bool,
    cache: bool,
    classifier: str | None,
    model: str | None,
    reference: str | None,
    device: str,
    offline: bool,
) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    from llm_audit.cli.conditions import Conditions
    from llm_audit.cli.policy import digest_in_force
    from llm_audit.reports.format import plural
    from llm_audit.scanning.corpus import open_corpus
    from llm_audit.scanning.folder import Folder
    from llm_audit.scanning.header import Header, digest_of
    from llm_audit.scanning.remote import check_results
    from llm_audit.scanning.results import write_results
    from llm_audit.scanning.run import scan
    from llm_audit.scanning.table import can_write

    conditions = Conditions(alpha, population, detectors, classifier, model, reference, device, offline, cache)
    conditions.check()
    corpus = open_corpus(paths, text_field)
    if results:
        check_results(results)
    if engine_name == "ray":
        from llm_audit.scanning.ray_engine import check_installed

        check_installed()
    for path in map(Path, paths):
        if path.is_dir() and folder_path.resolve().is_relative_to(path.resolve()):
            raise AuditError(f"The results of a scan of {path} cannot be kept in it, where they would be taken for texts.")
    with Folder(folder_path, shard) as folder, conditions.open() as opened, _interruptible():
        inputs = list(corpus.inputs({file.sha256: file for file in folder.known_inputs()}))
        header = Header(
            manifest=opened.manifest.model_copy(update={"policy": digest_in_force()}),
            device=device,
            text_field=text_field,
            weights=opened.weights,
            files=len(inputs),
            documents=sum(file.documents for file in inputs),
            inputs=digest_of(inputs),
        )
        header = folder.begin(header, inputs)
        if not can_write():
            click.echo("No results.parquet: that needs `pip install 'llm-audit[formats]'`.", err=True)
        interrupted = False
        with _shown() as show:
            try:
                with _engine(engine_name, conditions, header, opened) as engine:
                    tally = scan(corpus, inputs, folder, header, engine, limit=limit, shard=shard, show=show)
                if tally.damaged:
                    verb = "was" if tally.damaged == 1 else "were"
                    click.echo(f"{plural(tally.damaged, 'damaged line')} of the journal {verb} left out.", err=True)
            except KeyboardInterrupt:
                interrupted = True
        if shard:
            end = "was interrupted; the same command goes on" if interrupted else "is done"
            click.echo(f"Shard {shard.number} of {shard.parts} {end}. A scan without --shard gives the results.")
            return EXIT_INTERRUPTED if interrupted else 0
        report, where = write_results(folder, header, opened.settings.population.datasheet.description, limit)
    return _publish(report, folder, where, results, interrupted, strict)


def _engine(name: str, conditions: Conditions, header: Header, opened: Opened) -> AbstractContextManager[Engine]:
    """What judges."""
    if name == "ray":
        from llm_audit.cli.conditions import Start
        from llm_audit.scanning.ray_engine import ray_engine

        return ray_engine(Start(conditions, header), conditions.device)
    from llm_audit.scanning.run import local_engine

    return nullcontext(local_engine(opened.session, opened.settings))


def _publish(report: CorpusReport, folder: Folder, where: Path, results: str | None, interrupted: bool, strict: bool) -> int:
    """Write the report, then print it; return the exit code."""
    from rich.console import Console

    from llm_audit.reports import corpus as shown
    from llm_audit.reports.write import write
    from llm_audit.results import Verdict

    write(where / "report.html", shown.render_html(report))
    write(where / "summary.json", shown.render_json(report))  # the last one: where it is complete, all is
    folder.tidy(report.complete)
    if results and report.complete:
        from llm_audit.scanning.remote import put

        put([path for path in (where / name for name in FINAL) if path.exists()], results)
    with may_be_unread():
        shown.print_corpus(report, Console())
        click.echo(f"The report: {where / 'report.html'}")
        if results and report.complete:
            click.echo(f"A copy: {results}")
    if interrupted:
        click.echo("Interrupted; the same command goes on.", err=True)
        return EXIT_INTERRUPTED
    if report.discovery.found:
        return EXIT_FINDINGS
    if report.verdicts[Verdict.ERROR]:
        return EXIT_ERROR
    open_ends = report.verdicts[Verdict.INCONCLUSIVE] + report.verdicts[Verdict.NOT_ASSESSABLE]
    return EXIT_INCONCLUSIVE if strict and open_ends else 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """The first SIGINT or SIGTERM ends what is being done, in good order; the second ends everything at once."""

    def first(number: int, frame: object) -> None:
        for each in kept:
            signal.signal(each, lambda *_: os._exit(EXIT_INTERRUPTED))
        raise KeyboardInterrupt

    kept = {number: signal.signal(number, first) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _shown() -> Iterator[Callable[[Tally], None]]:
    """Progress on standard error: a bar on a terminal, else a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from llm_audit.reports.format import plural

    console = Console(stderr=True)
    if not console.is_terminal:
        last = time.monotonic()

        def tell(tally: Tally) -> None:
            nonlocal last
            if time.monotonic() - last >= SECONDS:
                last = time.monotonic()
                click.echo(f"{tally.judged:,} of {plural(tally.documents, 'document')}; {_counts(tally)}", err=True)

        yield tell
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda tally: bar.update(task, completed=tally.judged, total=tally.documents, description=_counts(tally))


def _counts(tally: Tally) -> str:
    return f"{tally.low:,} with p ≤ {tally.alpha:g}, {tally.not_assessable:,} not assessable, {tally.unreadable:,} unreadable"
