"""`llm-audit detect`: judge whether texts were machine-generated."""

from __future__ import annotations

from dataclasses import replace

import click

from llm_audit.cli import COMMANDS
from llm_audit.cli.options import (
    check_outputs,
    classifier_option,
    fraction_bar,
    input_options,
    publish,
    report_options,
    scoring_options,
    show_warnings_as_sentences,
    stream,
)


@click.command(help=COMMANDS["detect"], short_help=COMMANDS["detect"])
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01, show_default=True,
              help="Flag a text when its p-value is at most this: the share of human texts flagged by mistake.")  # fmt: skip
@click.option(
    "--population", default=None, metavar="NAME", help="Human texts to compare with (see `llm-audit calibrate show`)."
)
@click.option("--detector", "detectors", multiple=True, metavar="NAME", help="Run only this detector; repeatable.")
@input_options
@report_options
@classifier_option
@scoring_options
def command(
    paths: tuple[str, ...],
    outputs: tuple[str, ...],
    format_: str,
    alpha: float,
    population: str | None,
    detectors: tuple[str, ...],
    no_text: bool,
    text_field: str,
    strict: bool,
    classifier: str | None,
    model: str | None,
    reference: str | None,
    device: str,
    offline: bool,
    no_cache: bool,
) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    from llm_audit import judging
    from llm_audit.cli.conditions import Conditions
    from llm_audit.text import discover

    check_outputs(outputs, format_)
    conditions = Conditions(alpha, population, detectors, classifier, model, reference, device, offline, cache=not no_cache)
    conditions.check()
    with conditions.open() as opened:
        settings = replace(opened.settings, keep_text=not no_text, text_field=text_field)
        with fraction_bar("Scoring") as progress:
            report = judging.detect(
                discover(paths), opened.session, settings, opened.manifest, progress, stream(format_, outputs)
            )

    return publish(report, outputs, format_, strict, streamed=True)
