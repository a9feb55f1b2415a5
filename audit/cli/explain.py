"""`llm-audit explain`: what a rule asks, under which null hypothesis, on what it rests."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from llm_audit.cli import COMMANDS
from llm_audit.terminal import one_line

if TYPE_CHECKING:
    from llm_audit.detectors.plugins import AnyRule

WIDTH, INDENT = 100, 17
"""Characters of a line, and of what is left of its sentences."""


@click.command(
    help=COMMANDS["explain"] + "\n\nGive its code or its name; without one: a table of all rules.",
    short_help=COMMANDS["explain"],
)
@click.argument("word", metavar="[CODE|NAME]", required=False)
def command(word: str | None) -> None:
    """Run the command; the docstring for users is in `COMMANDS`."""
    from llm_audit.cli.options import show_warnings_as_sentences
    from llm_audit.detectors import registry

    show_warnings_as_sentences()
    if word is None:
        click.echo(_table(list(registry.every_rule())))
        return
    rule = registry.explain(word)
    # A code can stand for several scores; its name for one of them.
    rules = [rule] if word == rule.name else [each for each in registry.every_rule() if each.code == rule.code]
    click.echo("\n\n".join("\n".join(_explained(each)) for each in rules))


def _table(rules: Sequence[AnyRule]) -> str:
    rows = [("code", "name", "family", "question"), *((each.code, each.name, each.family, each.question) for each in rules)]
    safe = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in safe)
    return "\n".join(line.rstrip() for line in lines)


def _explained(rule: AnyRule) -> Iterator[str]:
    yield f"{rule.code}  {one_line(rule.title)}"
    parts = (
        ("Name", (rule.name,)),
        ("Family", (rule.family,)),
        ("Question", (rule.question,)),
        ("Null hypothesis", (rule.null,)),
        ("Assumptions", rule.assumptions or ("None beyond the null hypothesis.",)),
        ("Method", (rule.method,)),
        ("Plugin", (rule.plugin.package,) if rule.plugin else ()),
    )
    for name, sentences in parts:
        for number, sentence in enumerate(sentences):
            first = f"{name if number == 0 else '':<{INDENT}}"
            yield "\n".join(
                textwrap.wrap(
                    one_line(sentence),
                    WIDTH,
                    initial_indent=first,
                    subsequent_indent=" " * INDENT,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
