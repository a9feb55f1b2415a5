"""Signs in front of every line are not part of a text; signs in front of some may be."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Callable

import pytest

from llm_audit.text import scored
from llm_audit.text.margins import margins
from tests.text.prose import PARAGRAPHS

PROSE = " ".join(PARAGRAPHS)
LINES = textwrap.wrap(PROSE, 60, break_on_hyphens=False)


def before(sign: str) -> Callable[[int, str], str]:
    return lambda number, line: f"{sign}{line}"


@pytest.mark.parametrize(
    "set_in",
    [
        *map(before, ["> ", ">> ", "> > ", "| ", "\u2502 ", "// ", "-- ", ";; ", "% ", "# ", "//! "]),
        lambda number, line: f"{number} {line}",
        lambda number, line: f"{number:3d}\t{line}",
        lambda number, line: f"{number}: {line}",
        lambda number, line: f"{number:3d} | {line}",
        lambda number, line: f"{(number - 1) % 12 + 1}  {line}",  # each page begins anew
        lambda number, line: f"{number:3d}  {line}" if number % 5 == 0 else f"     {line}",
    ],
)
def test_signs_before_every_line_are_not_scored(set_in: Callable[[int, str], str]) -> None:
    text = "\n".join(set_in(number, line) for number, line in enumerate(LINES, 1))
    assert scored(text) == scored(PROSE) == scored(scored(text))


@pytest.mark.parametrize(
    ("top", "row", "bottom"),
    [
        ("+" + "-" * 62 + "+", "| {:60s} |", "+" + "-" * 62 + "+"),
        ("\u250c" + "\u2500" * 62 + "\u2510", "\u2502 {:60s} \u2502", "\u2514" + "\u2500" * 62 + "\u2518"),
        ("/*" + "*" * 60, " * {}", " */"),
    ],
)
def test_frames_and_comments_are_not_scored(top: str, row: str, bottom: str) -> None:
    assert scored("\n".join([top, *(row.format(line) for line in LINES), bottom])) == scored(PROSE)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"> {line}" if number % 2 else line for number, line in enumerate(LINES)),  # an answer between quotations
        "\n".join(f"{number * 3} {line}" for number, line in enumerate(LINES)),
        "\n".join(LINES),
        "> One line.\n> And another one.",
        "1990 was a year.\n1991 was another.\nSo it went on and on,\nand nobody knew why.",
    ],
)
def test_signs_before_some_lines_stay(text: str) -> None:
    assert list(margins(text)) == []


def test_words_parted_at_the_end_of_a_line_are_whole() -> None:
    broken = re.sub(r"(\w{4})(\w{4}) ", lambda word: f"{word[1]}\u00ad\n{word[2]} ", PROSE)
    assert broken.count("\n") > 10
    assert scored(broken) == scored(PROSE) == scored(broken.replace("\u00ad", "\u00ac"))


@pytest.mark.parametrize("hostile", ["> " * 200_000, "1\n" * 200_000, "|" * 400_000, "# \n" * 100_000])
def test_hostile_margins_take_linear_time(hostile: str) -> None:
    begin = time.process_time()
    list(margins(hostile))
    assert time.process_time() - begin < 5
