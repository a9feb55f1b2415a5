"""`llm-audit explain`: what a rule asks, under which null hypothesis, on what it rests."""

from __future__ import annotations

import click

import llm_audit
from llm_audit.cli import COMMANDS, command_of
from llm_audit.common.terminal import aligned


@command_of(COMMANDS, "explain", "CODE and NAME: of the rule, as reports and policies write them.")
@click.argument("word", metavar="[CODE|NAME]", required=False)
def command(word: str | None) -> None:
    """Run the command; the docstring for users is in `COMMANDS`."""
    from llm_audit.api.rules import explanation

    if word is None:
        rows = [(rule.code, rule.name, rule.family, rule.question) for rule in llm_audit.rules()]
        click.echo(aligned([("code", "name", "family", "question"), *rows]))
        return
    rule = llm_audit.explain(word)
    # A code can stand for several scores; its name for one of them.
    shown = [rule] if word == rule.name else [other for other in llm_audit.rules() if other.code == rule.code]
    click.echo("\n\n".join(map(explanation, shown)))
