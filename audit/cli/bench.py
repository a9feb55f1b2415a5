"""`llm-audit bench`: how well the detectors do on labelled texts."""

from __future__ import annotations

from pathlib import Path

import click

from llm_audit.cli import COMMANDS, EXIT_ERROR
from llm_audit.cli.options import (
    classifier_option,
    fraction_bar,
    own_detectors,
    scoring_options,
    scoring_session,
    show_warnings_as_sentences,
    write_outputs,
)
from llm_audit.errors import AuditError


@click.command(help=COMMANDS["bench"], short_help=COMMANDS["bench"])
@click.argument("paths", nargs=-1, required=True, metavar="DATA...", type=click.Path(path_type=Path))
@click.option("--detector", "names", multiple=True, metavar="NAME", help="Judge only this detector; repeatable.")
@click.option("--population", default=None, metavar="NAME", help="Human texts to compare with.")
@click.option("--fairness", is_flag=True, help="Only false-positive rates, of every detector, by every group of writers.")
@click.option("--group", "columns", multiple=True, metavar="FIELD", help="A further field of the data to group by; repeatable.")
@click.option("-o", "--output", "outputs", multiple=True, metavar="FILE", help="Write to FILE (.html, .json); repeatable.")
@click.option("--text-field", default="text", show_default=True, help="Field of each line that holds the text.")
@click.option("--label-field", default="label", show_default=True, help="Field that holds human, machine or machine-revised.")
@classifier_option
@scoring_options
def command(
    paths: tuple[Path, ...],
    names: tuple[str, ...],
    population: str | None,
    fairness: bool,
    columns: tuple[str, ...],
    outputs: tuple[str, ...],
    text_field: str,
    label_field: str,
    classifier: str | None,
    model: str | None,
    reference: str | None,
    device: str,
    offline: bool,
    no_cache: bool,
) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    from rich.console import Console

    from llm_audit.detectors import find, known_to
    from llm_audit.detectors.populations import DEFAULT_POPULATION, load
    from llm_audit.reports import bench as shown
    from llm_audit.training import evaluate
    from llm_audit.training.labelled import read_labelled

    for output in outputs:
        shown.renderer_for(output)  # a wrong suffix must not cost a run
    data = read_labelled(paths, text_field, label_field, columns)
    human_texts = load(population or DEFAULT_POPULATION)
    own = own_detectors(classifier)
    if names:
        find(names, own)  # an unknown name must not cost a download
    with scoring_session(model, reference, device, offline, no_cache) as session:
        sheet = human_texts.datasheet
        detectors = known_to(human_texts.scores, names, own=own, model=session.model.digest, weights=sheet.weights)
        with fraction_bar("Scoring") as progress:
            data = evaluate.fit_to_judge(data, detectors, human_texts)
            judged = list(evaluate.judge(session, human_texts, detectors, data.texts, progress))
    if not judged:
        raise AuditError(" ".join(["No text is left to judge; each needs 64 tokens.", *data.notes]))
    found = evaluate.evaluate(data, judged, detectors, human_texts, sheet.model, columns)
    failures = write_outputs(outputs, lambda output: shown.write(found, output))
    shown.print_benchmark(found, Console(), fairness=fairness)
    for failure in failures:
        click.echo(failure, err=True)
    return EXIT_ERROR if failures else 0
