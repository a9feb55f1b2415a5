"""Parser for line-based markup, as AsciiDoc and Org are: blocks between a first and a last line, marks at line starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from llm_audit.extract.draft import Draft
from llm_audit.extract.html import add_page
from llm_audit.extract.prose import looks_like_prose


class Markup(NamedTuple):
    """The syntax of one markup language.

    Attributes:
        heading: matches a whole heading line; its last group is the text.
        dropped: matches whole lines that are no text: comments, attributes, directives.
        item: matches the mark at the beginning of an item of a list.
        table: matches a whole line of a table, or, as a group, its cells.
        begins: of a line, the end mark of the block that it begins and what the block is: "code", "comment", "formula",
            "page" (HTML), "quote", "table", "text"; None if it begins none.
        inline: the text of a line without the marks in it.
        hidden: matches what no reader of a line sees; its groups `words` or `passed` are the text. None: the language has none.
    """

    heading: re.Pattern[str]
    dropped: re.Pattern[str]
    item: re.Pattern[str]
    table: re.Pattern[str]
    begins: Callable[[str], tuple[str, str] | None]
    inline: Callable[[str], str]
    hidden: re.Pattern[str] | None = None


class Reader:
    """One pass over the lines of a file."""

    def __init__(self, markup: Markup, draft: Draft) -> None:
        self._markup, self._draft = markup, draft
        self._lines: list[tuple[int, str]] = []  # of the paragraph so far

    def run(self, lines: Iterable[tuple[int, str]]) -> None:
        """Parse the lines of a source, with their numbers, into the draft."""
        self._read(list(lines), "")

    def _read(self, lines: list[tuple[int, str]], apart: str) -> None:
        position = 0
        while position < len(lines):
            number, line = lines[position]
            position += 1
            if begun := self._markup.begins(line):
                mark, kind = begun
                inside = position
                while position < len(lines) and lines[position][1].strip().lower() != mark:
                    position += 1
                self._flush(apart)
                self._block(lines[inside:position], kind, apart)
                position += 1
            elif not line.strip() or self._markup.dropped.fullmatch(line):
                self._flush(apart)
            elif heading := self._markup.heading.fullmatch(line):
                self._flush(apart)
                self._add([(number, heading[heading.lastindex or 0])], "heading")
            elif self._markup.table.fullmatch(line):
                self._flush(apart)
                self._row(number, line)
            else:
                if mark_of_item := self._markup.item.match(line):
                    self._flush(apart)
                    line = line[mark_of_item.end() :]
                self._lines.append((number, line))
        self._flush(apart)

    def _block(self, lines: list[tuple[int, str]], kind: str, apart: str) -> None:
        text = "\n".join(line for _, line in lines)
        if kind == "comment":
            return
        if kind == "formula":
            self._draft.left_out["formula"] += 1
        elif kind == "code" and not looks_like_prose(text):
            self._draft.leave_out(text, "code block")
        elif kind == "page":
            add_page(text, self._draft, f"line {lines[0][0]}, " if lines else "", whole=True)
        elif kind == "table":
            for number, line in lines:
                self._row(number, line)
        else:
            self._read(lines, kind if kind == "quote" else apart)

    def _row(self, number: int, line: str) -> None:
        cells = [self._markup.inline(cell).strip() for cell in line.split("|")]
        if text := "\t".join(filter(None, cells)):
            self._draft.add(text, f"line {number}", end="\n", apart="table")

    def _flush(self, apart: str) -> None:
        self._add(self._lines, apart)
        self._lines = []

    def _add(self, lines: list[tuple[int, str]], apart: str) -> None:
        shown = [(number, " ".join(self._markup.inline(self._seen(line)).split())) for number, line in lines]
        shown = [(number, text) for number, text in shown if text]
        for position, (number, text) in enumerate(shown):
            self._draft.add(text, f"line {number}", end="\n" if position < len(shown) - 1 else "\n\n", apart=apart)

    def _seen(self, line: str) -> str:
        """A line without what no reader sees, which is recorded."""
        for match in self._markup.hidden.finditer(line) if self._markup.hidden else ():
            self._draft.hide(f"{match['words'] or match['passed'] or ''} ", "display:none")
        return self._markup.hidden.sub("", line) if self._markup.hidden else line
