"""`llm-audit membership canary new`: draw strings, one to publish, and a commitment to the others."""

from __future__ import annotations

import click

from llm_audit.cli.membership.canary import CANARY
from llm_audit.common.terminal import one_line, terminal_safe

HELP = (
    CANARY["new"]
    + """

    Writes NAME.secret.json (keep it) and NAME.public.json (publish it, where its date can be proved). Put the published
    string into the data that you want to recognise, as often as you can: a model remembers what it saw many times.
    """
)


@click.command(help=HELP, short_help=CANARY["new"])
@click.argument("name", metavar="NAME")
@click.option("--count", type=click.IntRange(1, 100_000), default=999, show_default=True,
              help="Unpublished strings; the smallest p-value is 1/(count + 1).")  # fmt: skip
@click.option("--length", type=click.IntRange(8, 1000), default=64, show_default=True, help="Letters of each string.")
@click.option("--before", default="", metavar="TEXT", help="What will stand before the string wherever it is published.")
def command(name: str, count: int, length: int, before: str) -> None:
    """Run the command; the docstring for users is in `CANARY`."""
    from llm_audit.api.making import new_canary

    drawn, secret, public = new_canary(name, count=count, length=length, before=before)
    click.echo(f"Publish this string:  {terminal_safe(before)}{drawn.strings()[0]}")
    click.echo(f"Commitment:           {drawn.commitment}")
    click.echo(f"Keep secret:          {one_line(str(secret))}")
    click.echo(f"Publish, with a date: {one_line(str(public))}")
