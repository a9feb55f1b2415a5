"""`llm-audit membership score`: rank texts, and compare suspect with held-out ones."""

from __future__ import annotations

from typing import Any

import click

from llm_audit.cli import command_of
from llm_audit.cli.membership import MEMBERSHIP
from llm_audit.cli.membership.common import FIELD, PROVENANCE, audit_options
from llm_audit.cli.options import PATH
from llm_audit.cli.publishing import Output

MORE = """
SUSPECT: JSON lines with a text (also .gz, .xz), text files or folders. Without --held-out the texts are ranked, and
nothing is concluded. No single text is ever called a member from a score.
"""


@command_of(MEMBERSHIP, "score", MORE)
@click.argument("paths", nargs=-1, required=True, metavar="SUSPECT...")
@click.option(
    "--held-out", multiple=True, metavar="FILE", help="Texts of the same kind that the model cannot have seen; repeatable."
)
@click.option("--member-field", metavar="FIELD", help="Instead: field of each line that says true or false, for benchmarks.")
@PROVENANCE
@click.option(
    "--score", "scores", multiple=True, metavar="NAME", help="Only this score; repeatable. Default: all but lowercase."
)
@click.option("--frequencies", metavar="FILE", type=PATH, help="Token counts for DC-PDD, of `membership frequencies`.")
@click.option("--reference", metavar="MODEL", help="Another model, for the reference ratio.")
@click.option("--prefix", metavar="FILE", type=PATH, help="Texts that the model has not seen, for ReCaLL.")
@click.option("--control", metavar="MODEL", help="A model that cannot have seen any of the texts: it must not tell them apart.")
@FIELD
@audit_options
def command(paths: tuple[str, ...], held_out: tuple[str, ...], member_field: str | None, output: Output, **options: Any) -> int:
    """Run the command; the docstring for users is in `MEMBERSHIP`."""
    if held_out and member_field:
        raise click.UsageError("Give --held-out or --member-field, not both.")
    return output.run("membership.score", paths, held_out=held_out, member_field=member_field, **options)
