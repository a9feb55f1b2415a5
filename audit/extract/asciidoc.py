"""AsciiDoc: the prose, without markup, blocks of code and attributes."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import BinaryIO

from llm_audit.extract.draft import Draft
from llm_audit.extract.lines import Markup, Reader

_BLOCKS = {"-": "code", ".": "code", "/": "comment", "_": "quote", "=": "text", "*": "text", "+": "code"}
_INCLUDE = re.compile(r"^include::", re.M)
_ATTRIBUTE = re.compile(r"^:([\w-]+):[ \t]+(.*)$", re.M)
_HEAD = re.compile(
    r"\A((?://.*\n|:[\w!-]+:.*\n|\s*\n)*= .*\n)(?:[\w.]+(?: [\w.]+){0,3}(?: <[^<>\n]*>)?\n(?:v?\d.*\n)?)(?=:|\s*\n)"
)
_MOST_USES, _LONGEST_VALUE = 10_000, 1_000
_DELIMITER = re.compile(r"(-{4,}|\.{4,}|/{4,}|_{4,}|={4,}|\*{4,}|\+{4,})\s*")
_MACROS = r"(?:stem|latexmath|asciimath|image|icon|anchor|kbd|menu):[^\s\[]*\[[^\]]*\]"
_INLINE = (
    (re.compile(r"(?:(?:link:|xref:)?https?://|(?:link|xref|mailto):)[^\s\[\]]*\[([^\]]*)\]"), r"\1"),
    (re.compile(r"<<[^<>,]*,([^<>]*)>>"), r"\1"),
    (re.compile(r"pass:\w*\[([^\]]*)\]|indexterm2:\[([^\]]*)\]|btn:\[([^\]]*)\]|\+\+\+(.+?)\+\+\+"), r"\1\2\3\4"),
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
    source = stream.read().decode().replace("\r\n", "\n")
    draft.left_out["included file"] += len(_INCLUDE.findall(source))
    Reader(_MARKUP, draft).run(_with_attributes(_HEAD.sub(r"\1\n\n", source, count=1)))
    yield draft.answer("has no text beside code and markup")


def _with_attributes(source: str) -> str:
    """A source with the values of its attributes in place of their names, as in {company}; of one name the last value."""
    values = {name: value[:_LONGEST_VALUE] for name, value in _ATTRIBUTE.findall(source)}
    return re.sub(r"(?<!\\)\{([\w-]+)\}", lambda use: values.get(use[1], use[0]), source, count=_MOST_USES)


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
)
