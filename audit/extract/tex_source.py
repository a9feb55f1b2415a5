"""What LaTeX does with a file before anything is set: comments, verbatim text, conditions, and the author's own commands.

Everything that is removed leaves its line breaks, so that lines keep their numbers; what is put in brings none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from llm_audit.extract.draft import Draft, Refused

_MOST_PASSES = 6  # commands within commands
_LONGEST = 20_000_000  # characters
_UNSET = re.compile(
    r"\\begin\{(?P<kind>verbatim\*?|lstlisting|minted|alltt|Verbatim|comment|filecontents\*?)\}.*?\\end\{(?P=kind)\}"
    r"|\\(?:verb\*?|lstinline)(?P<sign>[^\sA-Za-z*{\[])(?P<code>[^\n]*?)(?P=sign)|\\(?:url|href)\{[^{}\n]*\}|\\[\\%]|(?P<comment>%[^\n]*)",
    re.S,
)
_SPECIAL = re.compile(r"[\\{}%$&#_^~]")
_NAMED_SIGNS = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
_SWITCH = re.compile(r"\\newif\\if([A-Za-z]+)")
_CONDITION = re.compile(
    r"\\(?:(?P<word>if(?:x|num|dim|odd|case|[mhv]mode|inner|defined|csname|cat|eof|void|[hv]box|pdf|xetex|luatex)?"
    r"|iffalse|iftrue|else|fi)(?![A-Za-z@])|if(?P<name>[A-Za-z]+))"
)
_DEFINITION = re.compile(
    r"\\(?:(?:re|provide)?newcommand|renewcommand|providecommand|DeclareRobustCommand)\*?\s*(?:\{\s*\\([A-Za-z]+)\s*\}|\\([A-Za-z]+))"
    r"\s*(?:\[(\d)\])?\s*(?:\[([^\]]*)\])?\s*(?=\{)|\\(?:long\s*)?[gex]?def\s*\\([A-Za-z]+)\s*((?:#\d)*)\s*(?=\{)"
)
_XSPACE = re.compile(r"\\xspace(?![A-Za-z])(?:\{\})?(?=([.,;:!?'\")\]/~-])?)")


def group(depth: int = 5) -> str:
    """A pattern for what stands between braces, with braces within up to a depth."""
    return rf"(?:[^{{}}\\]|\\.|\{{{group(depth - 1)}\}})*+" if depth else r"(?:[^{}\\]|\\.)*+"


def end_of_group(source: str, start: int) -> int:
    """The position behind the brace that ends the group at `start`, where its first brace stands; or the end of the source."""
    depth = 0
    for match in re.compile(r"\\.|[{}]", re.S).finditer(source, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth and match[0] == "}":
            return match.end()
    return len(source)


def without_comments(source: str) -> str:
    """A source without comments; code within a line becomes text with its special signs escaped."""

    def shown(match: re.Match[str]) -> str:
        if match["code"] is None:
            return "" if match["comment"] else match[0]
        return _SPECIAL.sub(lambda sign: _NAMED_SIGNS.get(sign[0], f"\\{sign[0]}"), match["code"])

    return _UNSET.sub(shown, source)


def without_switched_off(source: str, draft: Draft) -> str:
    """A source without the parts between `\\iffalse`, or a switch that is off, and `\\fi`; others keep all that they hold."""
    switches = set(_SWITCH.findall(source))
    if not switches and r"\iffalse" not in source and r"\iftrue" not in source:
        return source
    kept: list[str] = []
    stack: list[bool | None] = []  # of the conditions around: whether this branch is set; None: not known
    done = 0
    for match in _CONDITION.finditer(_SWITCH.sub(lambda switch: " " * len(switch[0]), source)):
        word, name = match["word"], match["name"]
        if word is None and name not in switches:
            continue
        kept.append(_lines_or(source[done : match.start()], unset=False in stack))
        done = match.end()
        if word == "else" and stack and stack[-1] is not None:
            stack[-1] = not stack[-1]
        elif word == "fi" and stack:
            draft.left_out["part that is switched off"] += stack.pop() is not None
        elif word not in ("else", "fi"):
            stack.append({"iffalse": False, "iftrue": True}.get(word) if word else _is_on(source, match.start(), name))
    kept.append(_lines_or(source[done:], unset=False in stack))
    return "".join(kept)


def _is_on(source: str, place: int, switch: str) -> bool:
    """Whether a switch is on at a place of the source; it is off at first."""
    return source.rfind(f"\\{switch}true", 0, place) > source.rfind(f"\\{switch}false", 0, place)


def _lines_or(text: str, *, unset: bool) -> str:
    return "\n" * text.count("\n") if unset else text


class _Command(NamedTuple):
    """A command of the author's: the number of its arguments, the first one's default (None: it has none), and what it sets."""

    arguments: int
    default: str | None
    body: str

    def with_values(self, values: list[str]) -> str:
        """What it sets with these arguments; nothing for those that it does not have."""
        return re.sub(r"#([1-9])", lambda number: "".join(values[int(number[1]) - 1 : int(number[1])]), self.body)


def expanded(source: str) -> str:
    """A source with the author's own commands carried out, and without their definitions.

    Raises:
        Refused: they grow without end.
    """
    commands = dict(_definitions(source))
    source = _without_definitions(source)
    if not commands:
        return source
    used = re.compile(rf"\\({'|'.join(sorted(commands, key=len, reverse=True))})(?![A-Za-z@])")
    for _ in range(_MOST_PASSES):
        if not used.search(source):
            break
        source = _carried_out(source, used, commands)
    return _XSPACE.sub(lambda match: "" if match[1] else " ", source)


def _definitions(source: str) -> Iterator[tuple[str, _Command]]:
    for match in _DEFINITION.finditer(source):
        body = " ".join(source[match.end() + 1 : end_of_group(source, match.end()) - 1].split("\n"))
        if "@" not in body and r"\begin" not in body and r"\end" not in body:
            count = int(match[3] or 0) if match[5] is None else match[6].count("#")
            yield match[1] or match[2] or match[5], _Command(count, match[4], body)


def _without_definitions(source: str) -> str:
    kept, done = [], 0
    for match in _DEFINITION.finditer(source):
        if match.start() >= done:
            end = end_of_group(source, match.end())
            kept += [source[done : match.start()], "\n" * source.count("\n", match.start(), end)]
            done = end
    return "".join([*kept, source[done:]])


def _carried_out(source: str, used: re.Pattern[str], commands: dict[str, _Command]) -> str:
    kept: list[str] = []
    length = done = 0
    for match in used.finditer(source):
        if match.start() < done:
            continue
        command, place = commands[match[1]], match.end()
        values: list[str] = []
        if command.default is not None:
            optional = re.compile(r"\s*\[([^\]]*)\]").match(source, place)
            values.append(optional[1] if optional else command.default)
            place = optional.end() if optional else place
        while len(values) < command.arguments:
            value, place = _argument(source, place)
            values.append(value)
        kept += [source[done : match.start()], command.with_values(values)]
        length += len(kept[-1]) + len(kept[-2])
        if length > _LONGEST:
            raise Refused("defines commands that grow without end: save it as plain text and try again")
        done = place
    return "".join([*kept, source[done:]])


def _argument(source: str, place: int) -> tuple[str, int]:
    """The argument that begins here, a group or one sign, and the position behind it."""
    while place < len(source) and source[place].isspace():
        place += 1
    if source.startswith("{", place):
        end = end_of_group(source, place)
        return source[place + 1 : end - 1], end
    return source[place : place + 1], place + 1
