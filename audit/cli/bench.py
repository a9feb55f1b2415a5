"""`llm-audit bench`: how well the detectors do on labelled texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import llm_audit
from llm_audit.cli import COMMANDS, command_of
from llm_audit.cli.options import JUDGING, LABEL_FIELD, PATH, TEXT_FIELD, setup_options
from llm_audit.cli.progress import bars
from llm_audit.cli.publishing import complain, write_outputs


@command_of(COMMANDS, "bench")
@click.argument("paths", nargs=-1, required=True, metavar="DATA...", type=PATH)
@click.option("--fairness", is_flag=True, help="Only false-positive rates, of every detector, by every group of writers.")
@click.option("--group", "columns", multiple=True, metavar="FIELD", help="A further field of the data to group by; repeatable.")
@click.option(
    "-o", "--output", "outputs", multiple=True, metavar="FILE", help="Write the report to FILE (.html, .json); repeatable."
)
@TEXT_FIELD
@LABEL_FIELD
@setup_options(*JUDGING)
def command(paths: tuple[Path, ...], fairness: bool, outputs: tuple[str, ...], **options: Any) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    from rich.console import Console

    from llm_audit.reports.formats import renderer_for
    from llm_audit.reports.terminal.benchmark import print_benchmark

    for output in outputs:
        renderer_for(output)  # a wrong suffix must not cost a run
    with bars("Scoring") as progress:
        report = llm_audit.bench(paths, progress=progress, **options)
    failures = write_outputs(outputs, report.save)
    assert report.benchmark is not None
    print_benchmark(report.benchmark, Console(), fairness=fairness)
    return complain(failures)
