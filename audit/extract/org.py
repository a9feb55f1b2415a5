"""Org files (Emacs): the prose, without markup, blocks of code, drawers and keywords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from llm_audit.extract.draft import Draft
from llm_audit.extract.lines import Markup, Reader

_KINDS = {"src": "code", "example": "code", "export": "comment", "comment": "comment", "quote": "quote", "verse": "quote"}
_BEGIN = re.compile(r"\s*#\+begin_(\w+).*", re.I)
_ENVIRONMENT = re.compile(r"\s*\\begin\{([A-Za-z*]+)\}.*")
_UNEXPORTED = re.compile(r"\*+[ \t]+(?:COMMENT\b|.*:(?:noexport|ARCHIVE):[\w@:]*[ \t]*$)")
_DRAWER = re.compile(r"\s*:(?:PROPERTIES|LOGBOOK|CLOCK|RESULTS):\s*", re.I)
_INLINE = (
    (re.compile(r"\[\[[^\[\]]*\]\[([^\[\]]*)\]\]"), r"\1"),
    (re.compile(r"\[\[[^\[\]]*\.(?:png|jpe?g|gif|svg|webp)\]\]", re.I), ""),
    (re.compile(r"\[\[([^\[\]]*)\]\]"), r"\1"),
    (re.compile(r"\[fn:[^\]\s:]*:([^\]]+)\]"), r" (\1)"),
    (re.compile(r"\[fn:[^\]\s:]*\]"), ""),
    (re.compile(r"\{\{\{[^{}\n]*\}\}\}|@@\w+:.*?@@"), ""),
    (re.compile(r"\b(?:src_\w+(?:\[[^\]]*\])?\{[^{}\n]*\}|call_\w+(?:\[[^\]]*\])?\([^()\n]*\))"), ""),
    (re.compile(r"\\\\\s*$"), ""),
    (re.compile(r"\\\(.*?\\\)|\\\[.*?\\\]|(?<!\w)\$[^\s$][^$\n]*[\\^_=][^$\n]*\$(?!\w)|<<+[^<>]*>>+|\[cite[^\]]*\]"), ""),
    (re.compile(r"<\d{4}-\d\d-\d\d[^>]*>|\[\d{4}-\d\d-\d\d[^\]]*\]"), ""),
    (re.compile(r"(?<![\w\\])([*/_=~+])(?=\S)(.+?)(?<=\S)\1(?!\w)"), r"\2"),
)  # fmt: skip


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one file, given in UTF-8, with "line 14" as places. Files that it includes are not read."""
    draft = Draft()
    source = stream.read().decode().replace("\r\n", "\n").replace("\r", "\n")
    Reader(_MARKUP, draft).run(enumerate(_exported(source, draft).split("\n"), start=1))
    yield draft.answer("has no text beside code and markup")


def _exported(source: str, draft: Draft) -> str:
    """A source without the sections that are not exported, on the lines that it had: comments, archives, `:noexport:`."""
    kept: list[str] = []
    deepest = 0  # stars of the section that is left out; 0: none is
    for line in source.splitlines(keepends=True):
        if stars := len(line) - len(line.lstrip("*")) if line.startswith("*") and line.lstrip("*")[:1] in (" ", "\t") else 0:
            deepest = deepest if deepest and stars > deepest else stars if _UNEXPORTED.match(line) else 0
            draft.left_out["section that is not exported"] += deepest == stars
        if deepest:
            draft.omitted += sum(map(len, line.split()))
        kept.append("\n" if deepest else line)
    return "".join(kept)


def _begins(line: str) -> tuple[str, str] | None:
    if match := _BEGIN.fullmatch(line):
        name = match[1].lower()
        return f"#+end_{name}", _KINDS.get(name, "text")
    if match := _ENVIRONMENT.fullmatch(line):
        return rf"\end{{{match[1]}}}".lower(), "formula"
    return (":end:", "comment") if _DRAWER.fullmatch(line) else None


def _inline(text: str) -> str:
    for pattern, shown in _INLINE:
        text = pattern.sub(shown, text)
    return text


_MARKUP = Markup(
    heading=re.compile(
        r"\*+[ \t]+(?:(?:TODO|DONE|NEXT|WAITING)[ \t]+)?(?:\[#.\][ \t]+)?(.*?)"
        r"(?:[ \t]+\[\d*[/%]\d*\])?(?:[ \t]+:[\w@:]+:)?[ \t]*"
    ),
    dropped=re.compile(
        r"\s*#(?:\+\S+:.*|\s.*)?|\s*(?:SCHEDULED|DEADLINE|CLOSED|CLOCK):.*|-{5,}|\s*:\s.*|\s*\|[-+|]+\|?\s*"
        r"|[ \t]*:[A-Za-z][\w-]*:[ \t]*|%%\(.*"
    ),
    item=re.compile(r"[ \t]*(?:[-+]|\d+[.)])[ \t]+(?:\[[ X-]\][ \t]+)?(?:.{1,60}?[ \t]::[ \t]+)?"),
    table=re.compile(r"\s*\|.*"),
    begins=_begins,
    inline=_inline,
)
