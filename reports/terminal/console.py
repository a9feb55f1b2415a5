"""Printing of sentences, names, verdicts and tables on a terminal.

Strings from the outside are shown as plain text with their control characters visible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from llm_audit.common.terminal import terminal_safe
from llm_audit.results import Authorship, Verdict

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

STYLES = {
    Verdict.FINDING: "bold yellow",
    Verdict.PASS: "bold",
    Verdict.INCONCLUSIVE: "bold cyan",
    Verdict.NOT_ASSESSABLE: "bold magenta",
    Verdict.ERROR: "bold red",
}
AUTHORSHIP_STYLES = {
    Authorship.WRITTEN_BY: "bold yellow",
    Authorship.NOT_WRITTEN_BY: "bold",
    Authorship.UNDECIDED: "bold cyan",
    Authorship.NOT_ASSESSABLE: "bold magenta",
}
ASCII_SIGNS = {"=": "=", "≠": "!=", "◇": "?", "–": "-", "▲": "^", "○": "o", "✕": "x"}


def say(console: Console, sentence: str, *, indent: int = 0, style: str = "") -> None:
    """Print a sentence, wrapped and indented."""
    text = line(sentence)
    text.style = style
    show(console, text, indent)


def show(console: Console, content: RenderableType, indent: int) -> None:
    """Print a text or a table, indented."""
    from rich.padding import Padding

    console.print(Padding(content, (0, 0, 0, indent), expand=False))


def line(sentence: str) -> Text:
    """A sentence or cell: line breaks of the input become spaces, so that it cannot forge a line of ours."""
    from rich.text import Text

    return Text(terminal_safe(re.sub(r"[\t\n]+", " ", sentence)), overflow="fold")


def label(words: tuple[str, str], style: str, console: Console) -> Text:
    """A sign and its words, as `fmt.LABELS` has them; a plainer sign where the terminal knows only ASCII."""
    from rich.text import Text

    sign, name = words
    return Text(f"{ASCII_SIGNS[sign] if console.options.ascii_only else sign} {name}", style)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table without lines, whose cells are made safe and folded where they are too long."""
    table = plain_table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(line, row))
    return table


def plain_table() -> Table:
    """A table without lines."""
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
