"""Plain text in columns side by side is read column by column; tables and lines across all stay where they are."""

from __future__ import annotations

import textwrap
import time
from itertools import zip_longest

import pytest

from llm_audit.text import in_memory, view_of
from llm_audit.text.columns import in_order
from llm_audit.text.read import COLUMNS, from_bytes
from tests.text.test_broken import PLAIN, PROSE


def side_by_side(text: str, columns: int, width: int, gap: str = "    ") -> str:
    """The text in columns of the same height."""
    lines = textwrap.wrap(text, width, break_on_hyphens=False)
    height = -(-len(lines) // columns)
    rows = zip_longest(*(lines[start : start + height] for start in range(0, len(lines), height)), fillvalue="")
    return "\n".join(gap.join(cell.ljust(width) for cell in row).rstrip() for row in rows)


@pytest.mark.parametrize(("columns", "width", "gap"), [(2, 38, "    "), (2, 60, "  "), (3, 26, "   "), (2, 39, "\t")])
def test_columns_are_read_one_after_the_other(columns: int, width: int, gap: str) -> None:
    text = side_by_side(PROSE, columns, width, gap)
    raw = from_bytes("a.txt", text.encode(), "text")
    assert raw == in_memory("a.txt", text)
    assert view_of(raw).text == PLAIN
    assert raw.notes == (COLUMNS,)
    assert raw.places[0].name == "line 1, column 1"
    assert raw.places[-1].name.endswith(f"column {columns}")


def test_pages_and_lines_across_the_columns_keep_their_order() -> None:
    first, second = PROSE[: len(PROSE) // 2], PROSE[len(PROSE) // 2 :]
    across = "A line that goes across both of the columns, from the first to the last."
    page = side_by_side(first, 2, 40)
    text = f"{across}\n{page}\n{across}\f{side_by_side(second, 2, 36)}\n"
    raw = from_bytes("a.txt", text.encode(), "text")
    assert raw.text.split() == f"{across} {first} {across} {second}".split()
    pieces = in_order(text)
    assert [piece.column for piece in pieces if "across" in text[piece.start : piece.end]] == [0, 0]
    assert [piece.line for piece in pieces] == [text[: piece.start].count("\n") + 1 for piece in pieces]


TABLE = "\n".join(f"{name:<30}{'the number of all of them':<30}{number:>6}" for number, name in enumerate(
    ["Apples and pears", "Bread of the day", "Cheese in slices", "Dates of the year", "Eggs of hens", "Figs", "Grapes"]
))  # fmt: skip
GLOSSARY = "\n".join(f"{word:<20}{meaning}" for word, meaning in zip(
    PROSE.split()[:12], textwrap.wrap(PROSE, 50)[:12], strict=True
))  # fmt: skip
CODE = "\n".join(f"    call_{i}(argument)          # what it does, in a few words of a remark" for i in range(9))


SPACED = PROSE.replace(". ", ".  ")


@pytest.mark.parametrize("text", [PROSE, textwrap.fill(PROSE, 70), TABLE, GLOSSARY, CODE, SPACED, "", "a\tb"])
def test_tables_glossaries_and_plain_prose_stay(text: str) -> None:
    assert in_order(text) == []


def test_justified_lines_are_no_columns() -> None:
    """Programs for fixed-width letters spread the words of a line by double spaces, at other places in each."""
    lines = textwrap.wrap(PROSE, 60)
    justified = [line.replace(" ", "  ", 60 - len(line)) for line in lines]
    assert in_order("\n".join(justified)) == []


def test_a_hostile_text_of_gaps_takes_no_longer_than_its_length() -> None:
    started = time.process_time()
    assert in_order("a  b " * 100_000) == []
    assert in_order("a  b\tc\n" * 20_000) == []
    assert time.process_time() - started < 5
