"""`llm-audit substitution watch`: an endpoint now against a stored baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import click
from typing_extensions import Unpack

from llm_audit.cli.options import check_outputs, output_options, publish, show_warnings_as_sentences
from llm_audit.cli.substitution import SUBSTITUTION
from llm_audit.cli.substitution.common import ALPHA, Asked, endpoint_options, source_of
from llm_audit.errors import AuditError
from llm_audit.files import sha256_of
from llm_audit.terminal import one_line

HELP = (
    SUBSTITUTION["watch"]
    + """

    The first run writes the baseline; later ones compare with it. Run it from a timer: rows of one minute share a machine.
    """
)


@click.command(help=HELP, short_help=SUBSTITUTION["watch"])
@click.option("--baseline", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Written if it is not there.")
@click.option("--rows", "count", type=click.IntRange(5, 1000), default=10, show_default=True, help="Requests of one token.")
@click.option("--surface", type=click.Choice(["chat", "completions"]), default="chat", show_default=True,
              help="What to ask the endpoint for.")  # fmt: skip
@ALPHA
@endpoint_options
@output_options
def command(
    baseline: Path,
    count: int,
    surface: str,
    alpha: float,
    outputs: tuple[str, ...],
    format_: str,
    strict: bool,
    **asked: Unpack[Asked],
) -> int:
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    show_warnings_as_sentences()

    from llm_audit.detectors.substitution import run, tracking, watch
    from llm_audit.manifest import collect, now

    check_outputs(outputs, format_)
    if asked["journal"] is not None and asked["journal"].exists():
        raise AuditError("This journal holds the answers of an earlier run, which would be taken for today's; name a new file.")
    source = source_of(asked)
    on = cast('Literal["chat", "completions"]', surface)
    if not baseline.exists():
        rows, _ = watch.rows_of(source, count, on)
        watch.write_baseline(baseline, rows, source.model, now())
        click.echo(f"{len(rows)} rows are the baseline now: {one_line(str(baseline))}. Run the same command later to compare.")
        return 0
    before, taken = watch.read_baseline(baseline, source.model)
    seed = sha256_of(baseline)[:32]
    found = watch.compare(source, before, taken, count, on, alpha, seed)
    manifest = collect(None, alpha=alpha, rules=[tracking.rule.code])
    report = run.report(found, manifest).model_copy(update={"limits": watch.LIMITS})
    return publish(report, outputs, format_, strict)
