"""`llm-audit scan`: judge every document of a corpus, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llm_audit.cli import COMMANDS, EXIT_ERROR, EXIT_FINDINGS, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, may_be_unread
from llm_audit.cli.options import (
    classifier_option,
    model_options,
    own_detectors,
    place_options,
    scoring_session,
    show_warnings_as_sentences,
)
from llm_audit.errors import AuditError

if TYPE_CHECKING:
    from llm_audit.results import CorpusReport
    from llm_audit.scan.folder import Folder, Shard
    from llm_audit.scan.run import Progress

SECONDS = 60
"""Between two lines of progress where standard error is no terminal."""


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> Shard | None:
    """The value of --shard."""
    from llm_audit.scan.folder import Shard

    if value is None:
        return None
    number, _, parts = value.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise click.BadParameter(f"{value!r} is no part of a whole; write 2/8 for the second of eight.")
    return Shard(int(number), int(parts))


@click.command(help=COMMANDS["scan"], short_help=COMMANDS["scan"])
@click.argument("paths", nargs=-1, required=True, metavar="CORPUS...")
@click.option("-o", "--output", "folder_path", required=True, metavar="DIR", type=click.Path(path_type=Path),
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
    from llm_audit import plan
    from llm_audit.cli.policy import digest_in_force
    from llm_audit.detectors import find, known_to
    from llm_audit.manifest import collect
    from llm_audit.populations import DEFAULT_POPULATION, load
    from llm_audit.reports.format import plural
    from llm_audit.scan.corpus import open_corpus
    from llm_audit.scan.folder import Folder
    from llm_audit.scan.header import Header, digest_of
    from llm_audit.scan.results import write_results
    from llm_audit.scan.run import local_engine, scan
    from llm_audit.scan.table import can_write

    own = own_detectors(classifier)
    if detectors:
        find(detectors, own)  # an unknown name must not cost a download
    human = load(population or DEFAULT_POPULATION)
    corpus = open_corpus(paths, text_field)
    for path in map(Path, paths):
        if path.is_dir() and folder_path.resolve().is_relative_to(path.resolve()):
            raise AuditError(f"The results of a scan of {path} cannot be kept in it, where they would be taken for texts.")
    with (
        Folder(folder_path, shard) as folder,
        scoring_session(model, reference, device, offline, not cache) as session,
        _interruptible(),
    ):
        plan.check_comparable(session, human)
        weights = human.datasheet.weights
        chosen = known_to(human.scores, detectors, own=own, model=session.model.digest, weights=weights)
        settings = plan.Settings(alpha=alpha, detectors=chosen, population=human, keep_text=False)
        inputs = list(corpus.inputs({file.sha256: file for file in folder.known_inputs()}))
        manifest = collect(session, alpha=alpha, rules=[each.rule for each in chosen], population=human)
        header = Header(
            manifest=manifest.model_copy(update={"policy": digest_in_force()}),
            device=device,
            text_field=text_field,
            weights={each.rule: each.digest for each in chosen if each.digest},
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
                engine = local_engine(session, settings)
                progress = scan(corpus, inputs, folder, header, engine, limit=limit, shard=shard, show=show)
                if progress.damaged:
                    verb = "was" if progress.damaged == 1 else "were"
                    click.echo(f"{plural(progress.damaged, 'damaged line')} of the journal {verb} left out.", err=True)
            except KeyboardInterrupt:
                interrupted = True
        if shard:
            end = "was interrupted; the same command goes on" if interrupted else "is done"
            click.echo(f"Shard {shard.number} of {shard.parts} {end}. A scan without --shard gives the results.")
            return EXIT_INTERRUPTED if interrupted else 0
        report, where = write_results(folder, header, human.datasheet.description, limit)
    return _publish(report, folder, where, interrupted, strict)


def _publish(report: CorpusReport, folder: Folder, where: Path, interrupted: bool, strict: bool) -> int:
    """Write the report, then print it; return the exit code."""
    from rich.console import Console

    from llm_audit.reports import corpus as shown
    from llm_audit.reports.write import write
    from llm_audit.results import Verdict

    write(where / "report.html", shown.render_html(report))
    write(where / "summary.json", shown.render_json(report))  # the last one: where it is complete, all is
    folder.tidy(report.complete)
    with may_be_unread():
        shown.print_corpus(report, Console())
        click.echo(f"The report: {where / 'report.html'}")
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
def _shown() -> Iterator[Callable[[Progress], None]]:
    """Progress on standard error: a bar on a terminal, else a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from llm_audit.reports.format import plural

    console = Console(stderr=True)
    if not console.is_terminal:
        last = time.monotonic()

        def tell(progress: Progress) -> None:
            nonlocal last
            if time.monotonic() - last >= SECONDS:
                last = time.monotonic()
                click.echo(f"{progress.judged:,} of {plural(progress.documents, 'document')}; {_counts(progress)}", err=True)

        yield tell
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda progress: bar.update(
            task, completed=progress.judged, total=progress.documents, description=_counts(progress)
        )


def _counts(progress: Progress) -> str:
    return (
        f"{progress.low:,} with p ≤ {progress.alpha:g}, {progress.not_assessable:,} not assessable, "
        f"{progress.unreadable:,} unreadable"
    )
