"""Remains of encodings in plain text: quoted-printable ("=20"), entities of HTML, backslashes of JSON, programs and Markdown.

A reader takes them for what they stand for. Read so only where a text has several and no others of their kind, since single
ones may be what it is about.
"""

from __future__ import annotations

import html
import quopri
import re
from collections.abc import Iterator

LEAST = 3
"""Fewest remains that are read as what they stand for."""

_QUOTED = re.compile(r"(?:=(?:[0-9A-F]{2}|\r?\n))+")
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#[0-9]{2,5}|#x[0-9A-Fa-f]{2,5});")
_ESCAPE = re.compile(
    r"\\(?:u(?P<code>[0-9a-fA-F]{4})|(?P<space>[nrt])|(?P<sign>[!-&(-/:-@\[-`{-~]|'(?=(?:s|t|re|ve|ll|d|m)\b)))"
)

_SPOKEN_OF = re.compile(r"(?:^|[\s'\"`(])\\[nrt](?=[\s'\"`),.;:]|$)", re.M)
_COMMAND = re.compile(r"\\[A-Za-z]+[{\[]")  # of LaTeX


def quoted_printable(text: str) -> Iterator[tuple[int, int, str]]:
    """Edits that read the remains of quoted-printable (RFC 2045); none if other equals signs show that it is not."""
    runs = list(_QUOTED.finditer(text)) if "=" in text else []
    count = sum(run[0].count("=") for run in runs)
    if count < LEAST or count < text.count("="):
        return
    for run in runs:
        data = quopri.decodestring(run[0].encode())
        try:
            yield run.start(), run.end(), data.decode()
        except UnicodeDecodeError:
            yield run.start(), run.end(), data.decode("cp1252", "replace")


def entities(text: str) -> Iterator[tuple[int, int, str]]:
    """Edits that read the entities of HTML; none if there are fewer than `LEAST`, which may be what the text is about."""
    candidates = [(match, html.unescape(match[0])) for match in _ENTITY.finditer(text)]
    known = [(match, plain) for match, plain in candidates if plain != match[0]]
    for match, plain in known if len(known) >= LEAST else ():
        yield match.start(), match.end(), plain


def backslashes(text: str) -> Iterator[tuple[int, int, str]]:
    """Edits that read the escapes of JSON, programs and Markdown; none if other backslashes show that they are none."""
    escapes = list(_ESCAPE.finditer(text)) if "\\" in text else []
    if (
        _COMMAND.search(text)
        or _SPOKEN_OF.search(text)
        or len(escapes) < LEAST
        or sum(escape[0].count("\\") for escape in escapes) < text.count("\\")
    ):
        return
    for escape in escapes:
        code = escape["code"]
        if code and 0xD800 <= int(code, 16) < 0xE000:
            continue  # half a character
        yield escape.start(), escape.end(), chr(int(code, 16)) if code else " " if escape["space"] else escape["sign"]
