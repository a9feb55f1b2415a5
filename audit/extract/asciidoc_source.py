"""What an AsciiDoc file holds and its readers never see: sections on a condition that does not hold, comments, blocks in the
role "hide", which the style sheet of every page that `asciidoctor` makes does not display.

Conditions are asked as `asciidoctor` does when it makes a web page: of the attributes that the file sets, and of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from llm_audit.extract.draft import Draft

_SET_BY_PROGRAM = {
    "asciidoctor": "", "backend": "html5", "backend-html5": "", "basebackend": "html", "basebackend-html": "",
    "backend-html5-doctype-article": "", "doctype": "article", "doctype-article": "", "filetype": "html",
    "filetype-html": "", "outfilesuffix": ".html", "sectids": "",
}  # fmt: skip
_CONDITION = re.compile(r"(ifdef|ifndef|ifeval|endif)::([^\[\s]*)\[(.*)\][ \t]*")
_ATTRIBUTE = re.compile(r":(!?)([\w-]+)(!?):(?:[ \t]+(.*))?")
_COMPARED = re.compile(r"(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+)")
_USE = re.compile(r"\{([\w-]+)\}")
_COMMENT = re.compile(r"//(?!/).*")
_FENCE = re.compile(r"/{4,}|-{4,}|\.{4,}|\+{4,}")
_KIND = "section on a condition that does not hold"
_UNSHOWN = re.compile(r"\[(?:comment\b[^\]]*|(?P<role>[^\]]*(?:\.|role=\"?(?:[\w-]+ )*)hide(?![\w-])[^\]]*))\][ \t]*")
_MARK = re.compile(r"--|={4,}|\*{4,}|_{4,}|-{4,}|\.{4,}")


def shown_lines(source: str, draft: Draft) -> Iterator[tuple[int, str]]:
    """The lines of a file that are converted, with their numbers; what stands on conditions that do not hold is counted."""
    yield from _without_comments(list(_on_condition(source.split("\n"), draft)))


def _on_condition(lines: list[str], draft: Draft) -> Iterator[tuple[int, str]]:
    attributes = dict(_SET_BY_PROGRAM)
    holds: list[bool] = []  # of the conditions around a line
    for number, line in enumerate(lines, start=1):
        shown = all(holds)
        if not (condition := _CONDITION.fullmatch(line)):
            if shown:
                _set(line, attributes)
                yield number, line
            else:
                draft.omitted += sum(map(len, line.split()))
            continue
        kind, names, content = condition.groups()
        if kind == "endif":
            holds = holds[:-1]
        elif kind != "ifeval" and content:  # the whole of it on one line
            if shown and _holds(kind, names, content, attributes):
                yield number, content
            else:
                draft.leave_out(content, _KIND)
        else:
            holds.append(_holds(kind, names, content, attributes))
            draft.left_out[_KIND] += shown and not holds[-1]


def _set(line: str, attributes: dict[str, str]) -> None:
    if match := _ATTRIBUTE.fullmatch(line):
        unset, name, unset_behind, value = match.groups()
        if unset or unset_behind:
            attributes.pop(name, None)
        else:
            attributes[name] = value or ""


def _holds(kind: str, names: str, content: str, attributes: dict[str, str]) -> bool:
    if kind == "ifeval":
        return _compared(content, attributes)
    several = all if "+" in names else any
    is_set = several(name in attributes for name in re.split("[+,]", names))
    return is_set == (kind == "ifdef")


def _compared(content: str, attributes: dict[str, str]) -> bool:
    """Whether a comparison such as `"{backend}" == "html5"` holds; one that cannot be made does not."""
    match = _COMPARED.fullmatch(content.strip())
    if not match:
        return False
    left, right = (_value(side, attributes) for side in (match[1], match[3]))
    if match[2] in ("==", "!="):
        return (left == right) == (match[2] == "==")
    if isinstance(left, str) or isinstance(right, str):
        return False
    return {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[match[2]]


def _value(text: str, attributes: dict[str, str]) -> str | float:
    value = _USE.sub(lambda use: attributes.get(use[1], ""), text.strip())
    if value[:1] in ("'", '"'):
        return value.strip(value[0])
    try:
        return float(value)
    except ValueError:
        return value


def _without_comments(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The lines without comments, whose lines do not end the paragraph around them; those of hidden blocks with a role each."""
    position, fence = 0, ""
    while position < len(lines):
        number, line = lines[position]
        position += 1
        if fence or _FENCE.fullmatch(line.rstrip()):
            fence = "" if fence and line.rstrip() == fence else fence or line.rstrip()
            yield number, line
        elif (style := _UNSHOWN.fullmatch(line)) and position < len(lines):
            stop = _end_of_block(lines, position)
            inner = lines[position : stop + 1] if style["role"] else []
            yield from ((number, f"[.hide]#{text}#") for number, text in inner if text.strip() and not _MARK.fullmatch(text))
            yield number, ""
            position = stop + 1
        elif not _COMMENT.fullmatch(line):
            yield number, line


def _end_of_block(lines: list[tuple[int, str]], first: int) -> int:
    """The last line of a block between two marks, or the empty line below a paragraph."""
    mark = lines[first][1].strip()
    wanted = mark if _MARK.fullmatch(mark) else ""
    return next((place for place in range(first + 1, len(lines)) if lines[place][1].strip() == wanted), len(lines))
