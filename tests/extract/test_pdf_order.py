"""Pages of PDF are read by where their words stand, where the file draws them in another order; and said to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tests.extract.ask import answer
from tests.extract.test_hidden import pdf_with_content
from tests.text.prose import PARAGRAPHS

WORDS = " ".join(PARAGRAPHS).replace("\u2019", "'").replace("(", "").replace(")", "").split()
Placed = tuple[float, float, str]


def width(text: str) -> float:
    """That of Courier at 10 points."""
    return 6.0 * len(text)


def column(words: Sequence[str], left: float, top: float, extent: float) -> list[Placed]:
    """Each word where it stands in a column of this width."""
    placed, x, y = [], left, top
    for word in words:
        if x + width(word) > left + extent:
            x, y = left, y - 12
        placed.append((x, y, word))
        x += width(word + " ")
    return placed


def by_line(placed: Sequence[Placed]) -> list[Placed]:
    lines: dict[float, list[Placed]] = {}
    for each in placed:
        lines.setdefault(each[1], []).append(each)
    return [(line[0][0], y, " ".join(word for _, _, word in line)) for y, line in lines.items()]


def by_letter(placed: Sequence[Placed]) -> list[Placed]:
    return [(x + width(word[:i]), y, letter) for x, y, word in placed for i, letter in enumerate(word)]


def shuffled(placed: Sequence[Placed]) -> list[Placed]:
    return [placed[i] for i in np.random.default_rng(0).permutation(len(placed))]


def page(placed: Sequence[Placed]) -> bytes:
    content = "\n".join(f"BT /F1 10 Tf {x:.1f} {y:.1f} Td ({word}) Tj ET" for x, y, word in placed)
    return pdf_with_content(content).replace(b"/BaseFont /Helvetica", b"/BaseFont /Courier  ")


def in_rows(*columns: Sequence[Placed]) -> list[Placed]:
    return [line for number in range(max(map(len, columns))) for each in columns for line in each[number : number + 1]]


@pytest.mark.parametrize(
    "order",
    [
        shuffled,
        lambda placed: placed[::-1],
        lambda placed: [*placed[::2], *placed[1::2]],
        lambda placed: by_line(placed)[::-1],
        lambda placed: shuffled(by_line(placed)),
        lambda placed: shuffled(by_letter(placed)),
    ],
)
def test_words_are_read_where_they_stand(order: Callable[[Sequence[Placed]], list[Placed]]) -> None:
    found = answer("pdf", page(order(column(WORDS, 60, 780, 460))))
    assert found["text"].split() == WORDS
    assert any("read by where its words stand" in note for note in found["notes"])


def test_letters_that_are_drawn_one_by_one_are_words() -> None:
    assert answer("pdf", page(by_letter(column(WORDS, 60, 780, 460))))["text"].split() == WORDS


@pytest.mark.parametrize("drawn", [lambda placed: placed, by_line])
def test_usual_pages_are_read_as_they_are_drawn(drawn: Callable[[Sequence[Placed]], list[Placed]]) -> None:
    found = answer("pdf", page(drawn(column(WORDS, 60, 780, 460))))
    assert (found["text"].split(), found["notes"]) == (WORDS, [])


@pytest.mark.parametrize("columns", [2, 3])
def test_columns_that_are_drawn_line_by_line_are_read_one_after_the_other(columns: int) -> None:
    size, extent = -(-len(WORDS) // columns), 500 / columns
    placed = [by_line(column(WORDS[i * size : (i + 1) * size], 40 + i * extent, 780, extent - 30)) for i in range(columns)]
    for drawn in (in_rows(*placed), [line for each in placed for line in each]):
        assert answer("pdf", page(drawn))["text"].split() == WORDS


def test_tables_are_read_row_by_row() -> None:
    rows = [(f"Harbour {number}", f"seven boats and {number} lanterns", "old") for number in range(12)]
    placed = [(60.0 + 180 * i, 780.0 - 14 * number, cell) for number, row in enumerate(rows) for i, cell in enumerate(row)]
    assert answer("pdf", page(placed))["text"].split() == " ".join(cell for row in rows for cell in row).split()
    cells = [
        (column(WORDS[n : n + 9], 60, 780 - 60 * n / 9, 90), column(WORDS[n + 40 : n + 60], 200, 780 - 60 * n / 9, 200))
        for n in range(0, 90, 9)
    ]
    long = [line for row in cells for cell in row for line in by_line(cell)]
    assert answer("pdf", page(long))["text"].split() == " ".join(text for _, _, text in long).split()


def test_formulas_that_are_drawn_sign_by_sign_leave_a_page_as_it_is() -> None:
    lines = by_line(column(WORDS, 60, 780, 460))
    signs = [(x + 8 * i, y + 14 * (i % 2), "abcd"[i % 4]) for x, y, _ in lines for i in range(12)]
    drawn = [placed for number, line in enumerate(lines) for placed in (line, *signs[12 * number : 12 * number + 12])]
    found = answer("pdf", page(drawn))
    assert found["notes"] == []
