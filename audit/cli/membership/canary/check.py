"""`llm-audit membership canary check`: whether the secret matches what was published."""

from __future__ import annotations

import click

from llm_audit.cli.membership.canary import CANARY


@click.command(help=CANARY["check"], short_help=CANARY["check"])
@click.argument("name", metavar="NAME")
def command(name: str) -> None:
    """Run the command; the docstring for users is in `CANARY`."""
    from llm_audit.api.making import check_canary

    drawn = check_canary(name)
    click.echo(
        f"The secret matches the commitment {drawn.commitment}: {drawn.count:,} unpublished strings of {drawn.length} letters, "
        f"and the published one, drawn {drawn.created} by the owner's clock."
    )
