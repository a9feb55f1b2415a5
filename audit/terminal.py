"""What may reach a terminal: untrusted text with its control characters made visible."""

from __future__ import annotations

import re

# C0 (but tab and newline), DEL, C1, bidirectional controls and isolates, line/paragraph separators, lone surrogates.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def terminal_safe(text: str) -> str:
    r"""Replace every character that could act on a terminal by its visible escape, e.g. ESC by `\x1b`.

    Rich does not do this: it passes escape sequences inside strings through to the terminal.
    """
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def one_line(text: str) -> str:
    r"""The same for a name or a sentence within a line of ours: breaks become `\n` and `\t` and forge no line."""
    return terminal_safe(text).replace("\n", "\\n").replace("\t", "\\t")
