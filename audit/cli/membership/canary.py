"""`llm-audit membership canary`: random strings that prove what they were before the test."""

from __future__ import annotations

import click

from llm_audit.cli.membership import MEMBERSHIP
from llm_audit.common.terminal import one_line, terminal_safe

command = click.Group("canary", help=MEMBERSHIP["canary"])


@command.command(help="Does the secret match what was published?")
@click.argument("name", metavar="NAME")
def check(name: str) -> None:
    """Check a canary."""
    from llm_audit.api.making import check_canary

    drawn = check_canary(name)
    click.echo(
        f"The secret matches the commitment {drawn.commitment}: {drawn.count:,} unpublished strings of {drawn.length} letters, "
        f"and the published one, drawn {drawn.created} by the owner's clock."
    )


@command.command()
@click.argument("name", metavar="NAME")
@click.option("--count", type=click.IntRange(1, 100_000), default=999,
              help="Unpublished strings; the smallest p-value is 1/(count + 1).")  # fmt: skip
@click.option("--length", type=click.IntRange(8, 1000), default=64, help="Letters of each string.")
@click.option("--before", default="", show_default=False, metavar="TEXT",
              help="What will stand before the string wherever it is published.")  # fmt: skip
def new(name: str, count: int, length: int, before: str) -> None:
    """Draw strings, one to publish, and a commitment to the others.

    Writes NAME.secret.json (keep it) and NAME.public.json (publish it, where its date can be proved). Put the published
    string into the data that you want to recognise, as often as you can: a model remembers what it saw many times.
    """
    from llm_audit.api.making import new_canary

    drawn, secret, public = new_canary(name, count=count, length=length, before=before)
    click.echo(f"Publish this string:  {terminal_safe(before)}{drawn.strings()[0]}")
    click.echo(f"Commitment:           {drawn.commitment}")
    click.echo(f"Keep secret:          {one_line(str(secret))}")
    click.echo(f"Publish, with a date: {one_line(str(public))}")
