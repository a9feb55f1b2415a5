"""AsciiDoc: the prose, without markup, blocks of code and attributes."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from llm_audit.extract.asciidoc_source import shown_lines
from llm_audit.extract.draft import Draft
from llm_audit.extract.lines import Markup, Reader

_BLOCKS = {"-": "code", ".": "code", "/": "comment", "_": "quote", "=": "text", "*": "text", "+": "page"}
_ATTRIBUTE = re.compile(r":([\w-]+):[ \t]+(.*)")
_USE = re.compile(r"(?<!\\)\{([\w-]+)\}")
_HEAD = re.compile(
    r"\A((?://.*\n|:[\w!-]+:.*\n|\s*\n)*= .*\n)(?:[\w.]+(?: [\w.]+){0,3}(?: <[^<>\n]*>)?\n(?:v?\d.*\n)?)(?=:|\s*\n)"
)
_MOST_USES, _LONGEST_VALUE = 10_000, 1_000
_DELIMITER = re.compile(r"(-{4,}|\.{4,}|/{4,}|_{4,}|={4,}|\*{4,}|\+{4,})\s*")
_MACROS = r"(?:stem|latexmath|asciimath|image|icon|anchor|kbd|menu):[^\s\[]*\[[^\]]*\]"
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_INLINE: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?:(?:link:|xref:)?https?://|(?:link|xref|mailto):)[^\s\[\]]*\[([^\]]*)\]"), r"\1"),
    (re.compile(r"<<[^<>,]*,([^<>]*)>>"), r"\1"),
    (re.compile(r"(?<!\+)\+{6}(?!\+)"), ""),
    (re.compile(r"indexterm2:\[([^\]]*)\]|btn:\[([^\]]*)\]"), r"\1\2"),
    (re.compile(r"pass:\w*\[([^\]]*)\]|\+\+\+(.+?)\+\+\+"), lambda passed: _TAG.sub("", passed[1] or passed[2] or "")),
    (re.compile(r"\[\[\[[^\]]*\]\]\]|\bindexterm:\[[^\]]*\]"), ""),
    (re.compile(rf"<<[^<>]*>>|\[\[[^\]]*\]\]|\(\(\([^)]*\)\)\)|{_MACROS}"), ""),
    (re.compile(r"\(\(([^()]*)\)\)"), r"\1"),
    (re.compile(r"footnote(?:ref)?:[^\s\[]*\[([^\]]*)\]"), r" (\1)"),
    (re.compile(r"\{nbsp\}"), " "),
    (re.compile(r"(?<!\\)\{[\w-]+\}"), ""),
    (re.compile(r"\[[.#%][^\]\n]*\](?=[#*_`])"), ""),
    (re.compile(r"(?<!\\)(\*\*|__|``|##)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w\\+*_`#])(\*|_|`|#|\+)(?![\s*_`#+])(.+?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"([~^])([^\s~^]{1,20})\1"), r"\2"),
    (re.compile(r"\\(?=[*_`#+{])"), ""),
    (re.compile(r" \+$"), ""),
)  # fmt: skip


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one UTF-8 file, with "line 14" as places. Files that it includes are not read."""
    draft = Draft()
    source = stream.read().decode().replace("\r\n", "\n").replace("\r", "\n")
    lines = list(shown_lines(_HEAD.sub(_title_alone, source, count=1), draft))
    draft.left_out["included file"] += sum(line.startswith("include::") for _, line in lines)
    Reader(_MARKUP, draft).run(_with_attributes(lines))
    yield draft.answer("has no text beside code and markup")


def _title_alone(head: re.Match[str]) -> str:
    """The title of a document without the lines of its author and version, which stay empty."""
    return head[1] + "\n" * (head[0].count("\n") - head[1].count("\n"))


def _with_attributes(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Lines with the values of attributes in place of their names, as in {company}; of one name the last value."""
    settings = (match for _, line in lines if (match := _ATTRIBUTE.fullmatch(line)))
    values = {match[1]: match[2][:_LONGEST_VALUE] for match in settings}
    left = _MOST_USES
    for number, line in lines:
        if left:
            line, uses = _USE.subn(lambda use: values.get(use[1], use[0]), line, count=left)
            left -= uses
        yield number, line


def _begins(line: str) -> tuple[str, str] | None:
    stripped = line.strip()
    if match := _DELIMITER.fullmatch(line):
        return match[1], _BLOCKS[line[0]]
    if stripped.startswith("```"):
        return "```", "code"
    return (stripped, "table") if re.fullmatch(r"[|,:!]={3,}", stripped) else None


def _inline(text: str) -> str:
    for pattern, shown in _INLINE:
        text = pattern.sub(shown, text)
    return html.unescape(text)


_MARKUP = Markup(
    heading=re.compile(r"(?:={1,6}|#{1,6})[ \t]+(\S.*?)[ \t]*=*|\.([^\s.].{0,120})"),
    dropped=re.compile(
        r"//.*|:!?[\w-]+!?:.*|\[[^\]\n]*\][ \t]*|(?:include|image|video|audio|toc|ifdef|ifndef|endif|ifeval)::.*"
        r"|'{3,}|<<<|\+|--"
    ),
    item=re.compile(
        r"[ \t]*(?:[*.-]{1,6}|\d+\.|<\.>|<\d+>)[ \t]+(?:\[[ x*]\][ \t]+)?|[A-Z]{3,9}:[ \t]+"
        r"|(?:[^\s:][^:\n]{0,60}):{2,4}(?:[ \t]+|$)"
    ),
    table=re.compile(r"\|[^=\n].*"),
    begins=_begins,
    inline=_inline,
    hidden=re.compile(
        r"\[[^\]\n]*\.hide\b[^\]\n]*\](#{1,2})(?P<words>.+?)\1"
        r"|<(\w+)\b[^<>]*(?:display:\s*none|visibility:\s*hidden|\shidden\b)[^<>]*>(?P<passed>.*?)</\3>"
    ),
)
