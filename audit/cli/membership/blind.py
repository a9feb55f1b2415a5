"""`llm-audit membership blind`: whether texts alone, without any model, tell suspects from held-out ones."""

from __future__ import annotations

import click

import llm_audit
from llm_audit.cli import command_of
from llm_audit.cli.membership import MEMBERSHIP
from llm_audit.cli.membership.common import FIELD, PROVENANCE
from llm_audit.cli.options import output_options
from llm_audit.cli.publishing import Output


@command_of(MEMBERSHIP, "blind")
@click.argument("paths", nargs=-1, required=True, metavar="SUSPECT...")
@click.option(
    "--held-out", multiple=True, required=True, metavar="FILE", help="Texts that the model cannot have seen; repeatable."
)
@PROVENANCE
@FIELD
@output_options
def command(paths: tuple[str, ...], held_out: tuple[str, ...], provenance: str, text_field: str, output: Output) -> int:
    """Run the command; the docstring for users is in `MEMBERSHIP`."""
    output.check()
    return output.publish(llm_audit.membership.blind(paths, held_out, provenance=provenance, text_field=text_field))
