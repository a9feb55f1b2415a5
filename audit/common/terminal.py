"""Untrusted text made safe for a terminal: its control characters become visible."""

from __future__ import annotations

import re
from collections.abc import Sequence

# C0 (but tab and newline), DEL, C1, bidirectional controls and isolates, line/paragraph separators, lone surrogates; and what
# is never seen and no part of any script: zero-width spaces, tags.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


def terminal_safe(text: str) -> str:
    r"""Replace every character that could act on a terminal by its visible escape, e.g. ESC by `\x1b`.

    Rich does not do this: it passes escape sequences inside strings through to the terminal.
    """
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def one_line(text: str) -> str:
    r"""The text made safe for a terminal and kept on one line: line breaks and tabs become `\n` and `\t`."""
    return terminal_safe(text).replace("\n", "\\n").replace("\t", "\\t")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a plain-text table: each column but the last is as wide as its widest cell; cells are made safe."""
    safe = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in safe)
    return "\n".join(line.rstrip() for line in lines)
