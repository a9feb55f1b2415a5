"""Org files (Emacs): the prose, without markup, blocks of code, drawers and keywords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from llm_audit.extract.draft import Draft
from llm_audit.extract.lines import Markup, Reader

_KINDS = {"src": "code", "example": "code", "export": "comment", "comment": "comment", "quote": "quote", "verse": "quote"}
_BEGIN = re.compile(r"\s*#\+begin_(\w+).*", re.I)
_DRAWER = re.compile(r"\s*:(?:PROPERTIES|LOGBOOK|CLOCK|RESULTS):\s*", re.I)
_INLINE = (
    (re.compile(r"\[\[[^\[\]]*\]\[([^\[\]]*)\]\]"), r"\1"),
    (re.compile(r"\[\[([^\[\]]*)\]\]"), r"\1"),
    (re.compile(r"\[fn:[^\]\s:]*(?:::?([^\]]*))?\]"), r"\1"),
    (re.compile(r"\\\(.*?\\\)|\\\[.*?\\\]|(?<!\w)\$[^\s$][^$\n]*[\\^_=][^$\n]*\$(?!\w)|<<+[^<>]*>>+|\[cite[^\]]*\]"), ""),
    (re.compile(r"<\d{4}-\d\d-\d\d[^>]*>|\[\d{4}-\d\d-\d\d[^\]]*\]"), ""),
    (re.compile(r"(?<![\w\\])([*/_=~+])(?=\S)(.+?)(?<=\S)\1(?!\w)"), r"\2"),
)  # fmt: skip


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one file, given in UTF-8, with "line 14" as places. Files that it includes are not read."""
    draft = Draft()
    Reader(_MARKUP, draft).run(stream.read().decode())
    yield draft.answer("has no text beside code and markup")


def _begins(line: str) -> tuple[str, str] | None:
    if match := _BEGIN.fullmatch(line):
        name = match[1].lower()
        return f"#+end_{name}", _KINDS.get(name, "text")
    return (":end:", "comment") if _DRAWER.fullmatch(line) else None


def _inline(text: str) -> str:
    for pattern, shown in _INLINE:
        text = pattern.sub(shown, text)
    return text


_MARKUP = Markup(
    heading=re.compile(r"\*+[ \t]+(?:(?:TODO|DONE|NEXT|WAITING)[ \t]+)?(?:\[#.\][ \t]+)?(.*?)(?:[ \t]+:[\w@:]+:)?[ \t]*"),
    dropped=re.compile(r"\s*#(?:\+\S+:.*|\s.*)?|\s*(?:SCHEDULED|DEADLINE|CLOSED|CLOCK):.*|-{5,}|\s*:\s.*|\s*\|[-+|]+\|?\s*"),
    item=re.compile(r"[ \t]*(?:[-+]|\d+[.)])[ \t]+(?:\[[ X-]\][ \t]+)?(?:.{1,60}?[ \t]::[ \t]+)?"),
    table=re.compile(r"\s*\|.*"),
    begins=_begins,
    inline=_inline,
)
