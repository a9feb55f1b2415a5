"""`llm-audit membership blind`: whether texts alone, without any model, tell suspects from held-out ones."""

from __future__ import annotations

import click

from llm_audit.cli.membership import MEMBERSHIP
from llm_audit.cli.membership.common import FIELD, PROVENANCE, Said, finish
from llm_audit.cli.options import check_outputs, output_options, show_warnings_as_sentences


@click.command(help=MEMBERSHIP["blind"], short_help=MEMBERSHIP["blind"])
@click.argument("paths", nargs=-1, required=True, metavar="SUSPECT...")
@click.option(
    "--held-out", multiple=True, required=True, metavar="FILE", help="Texts that the model cannot have seen; repeatable."
)
@PROVENANCE
@FIELD
@output_options
def command(
    paths: tuple[str, ...],
    held_out: tuple[str, ...],
    provenance: str,
    text_field: str,
    outputs: tuple[str, ...],
    format_: str,
    strict: bool,
) -> int:
    """Run the command; the docstring for users is in `MEMBERSHIP`."""
    show_warnings_as_sentences()
    from llm_audit.detectors.membership import blind_baseline, run
    from llm_audit.detectors.membership.collection import read_collection
    from llm_audit.detectors.membership.seed import Question

    check_outputs(outputs, format_)
    suspects, others = (read_collection(each, text_field=text_field) for each in (paths, held_out))
    seed = Question("blind", f"{suspects.digest} {others.digest}", "", 0, blind_baseline.LEVEL).own_seed
    compared = run.compare(suspects, others, seed)
    return finish(
        run.baseline_alone(compared, provenance, seed, blind_baseline.LEVEL), None,
        Said(alpha=blind_baseline.LEVEL, outputs=outputs, format_=format_, strict=strict), rules=(blind_baseline.rule.code,),
        limits=(run.LIMIT_OF_THE_BASELINE,),
        found=suspects.found + others.found, malformed=len(suspects.malformed) + len(others.malformed),
    )  # fmt: skip
