"""`llm-audit explain`: what a rule asks, under which null hypothesis, on what it rests."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import click

from llm_audit.cli import COMMANDS
from llm_audit.terminal import one_line

WIDTH, INDENT = 100, 17
"""Characters of a line, and of the names at its beginning."""


@click.command(
    help=COMMANDS["explain"] + "\n\nRULE: its code or its name; without one: a table of all rules.",
    short_help=COMMANDS["explain"],
)
@click.argument("word", metavar="[CODE|NAME]", required=False)
def command(word: str | None) -> None:
    """Run the command; the docstring for users is in `COMMANDS`."""
    import llm_audit
    from llm_audit.cli.progress import show_warnings_as_sentences

    show_warnings_as_sentences()
    if word is None:
        click.echo(_table(llm_audit.rules()))
        return
    rule = llm_audit.explain(word)
    # A code can stand for several scores; its name for one of them.
    shown = [rule] if word == rule.name else [each for each in llm_audit.rules() if each.code == rule.code]
    click.echo("\n\n".join("\n".join(_explained(each)) for each in shown))


def _table(rules: Sequence[Any]) -> str:
    rows = [("code", "name", "family", "question")]
    rows += [(each.code, each.name, each.family, each.question) for each in rules]
    safe = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in list(zip(*safe, strict=True))[:-1]]
    return "\n".join(
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in safe
    )


def _explained(rule: Any) -> Iterator[str]:
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
