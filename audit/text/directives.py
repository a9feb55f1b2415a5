"""Directives: lines in a text that suppress a rule for it, with a reason.

    <!-- llm-audit: ignore[CODE] reason="Licence text, quoted" until=2027-06-30 -->

Such a line is not judged as the author's text: it is replaced by spaces before anything else reads the text, so that lines,
columns and characters keep their places. In Markdown, one in a fenced block is an example. Knows nothing of rules and verdicts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from llm_audit.common.errors import InvalidInput

KINDS = frozenset({"text", "markdown", "html"})
"""Kinds of inputs in which directives are looked for."""

LONGEST, LONGEST_REASON, MOST = 2000, 200, 10
"""Most characters of a directive and of its reason, and most directives in a text, so that no text hides in reasons."""

Use = Literal["no", "reported", "obeyed"]
"""Treatment of directives: not looked for; reported but left in the text; or reported and taken out of it."""

_LINE = re.compile(r"(?P<open><!--|#+|%+|//+)?[ \t]*llm-audit[ \t]*:[ \t]*(?P<rest>.*)", re.I)
# Looks right, and does nothing: in a quotation, in a comment of MDX or of a template, in a definition of a link.
_NEARLY = re.compile(
    r"[>*+\-\s]*(?:<!--|\{/\*|/\*|\{#|\{\{[<%!]?[-/*\s]*|\[[^\]\n]*\]:\s*\S+\s*[\"'(])?\s*"
    r"llm-audit\s*:\s*ignore\s*\[(?P<rules>[^\]]*)\](?P<fields>.*)",
    re.I,
)
# The same behind other words of its line.
_BEHIND = re.compile(r"(?:<!--|\{/\*|/\*|\{#)\s*llm-audit\s*:\s*ignore\s*\[(?P<rules>[^\]]*)\](?P<fields>.*)", re.I)
_IGNORE = re.compile(r"ignore[ \t]*\[(?P<rules>[^\]]*)\](?P<fields>.*)", re.I)
_FIELD = re.compile(r"[ \t]+(?P<name>reason|until)[ \t]*=[ \t]*(?:\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s\"]+))", re.I)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_FORM = 'write llm-audit: ignore[CODE] reason="..." and, if you like, until=2027-06-30.'


@dataclass(frozen=True, slots=True)
class Directive:
    """The suppression of one rule, as a text states it.

    Attributes:
        line: number of the line, from 1.
        until: the last day on which it holds; None: no end.
        obeyed: False where no directive is obeyed, such as in a quotation or in a comment of another language.
    """

    line: int
    rule: str
    reason: str
    until: date | None = None
    obeyed: bool = True


class Malformed(InvalidInput):
    """Raised for a line that looks like a directive and cannot be obeyed; the message names file and line."""


def take_out(name: str, text: str, kind: str) -> tuple[str, tuple[Directive, ...]]:
    """The text with its directives replaced by spaces, and the directives in order.

    Args:
        name: of the file, for messages.
        text: as decoded.
        kind: of the file, one of `KINDS`.

    Raises:
        Malformed: a line has no reason, or is otherwise not as it must be; or there are too many.
    """
    if "llm-audit" not in text.lower():
        return text, ()
    directives: list[Directive] = []
    taken = 0
    lines = text.split("\n")
    for number, example in enumerate(_examples(lines) if kind == "markdown" else [False] * len(lines)):
        line = lines[number].rstrip("\r")
        match = None if example else _LINE.fullmatch(line.strip(" \t\ufeff"))
        # Prose may begin with "llm-audit: a tool"; a comment of markup, or the word ignore, shows that more is meant.
        if match and (match["open"] == "<!--" or re.match(r"ignore\b", match["rest"], re.I)):
            directives += _parsed(f"{name}, line {number + 1}", number + 1, match["open"], match["rest"])
            lines[number] = " " * len(line) + lines[number][len(line) :]
            taken += 1
        elif not example and (nearly := _nearly(line)) and len(directives) < 10 * MOST:
            reason = re.search(r"reason[ \t]*=[ \t]*[\"']([^\"']*)", nearly["fields"])
            stated = reason[1].strip()[:LONGEST_REASON] if reason else ""
            codes = dict.fromkeys(re.findall(r"AUD\d{3}", nearly["rules"].upper()))
            directives += [Directive(number + 1, code, stated or "no reason is given", obeyed=False) for code in codes]
        if taken > MOST:
            raise Malformed(f"{name}, line {number + 1}: more than {MOST} suppressions in one text; name several rules in one.")
    return "\n".join(lines), tuple(directives)


def _nearly(line: str) -> re.Match[str] | None:
    """The match of something like a directive in a place where none is obeyed; None: there is none, or only quoted as code."""
    match = _NEARLY.fullmatch(line.strip(" \t\ufeff"))
    if match or "`" in line or len(line) > LONGEST:
        return match
    return _BEHIND.search(line)


def _examples(lines: Sequence[str]) -> list[bool]:
    """Whether each line of Markdown belongs to a fenced block."""
    fence, within = "", []
    for line in lines:
        match = _FENCE.fullmatch(line.rstrip("\r"))
        if fence:
            within.append(True)
            if match and match[1].startswith(fence) and not match[2].strip():
                fence = ""
        else:
            fence = match[1] if match and not ("`" in match[1] and "`" in match[2]) else ""
            within.append(bool(fence))
    return within


def _parsed(place: str, line: int, opening: str | None, rest: str) -> list[Directive]:
    if opening == "<!--":
        if not rest.endswith("-->"):
            raise Malformed(f"{place}: the comment with the suppression does not end in its line; {_FORM}")
        rest = rest.removesuffix("-->").rstrip()
        if "--" in rest:
            raise Malformed(f"{place}: a comment ends at its first two hyphens; write the suppression without them.")
    match = _IGNORE.fullmatch(rest) if len(rest) <= LONGEST else None
    if not match:
        raise Malformed(f"{place}: this is no suppression that can be obeyed; {_FORM}")
    rules = [rule.strip() for rule in match["rules"].split(",")]
    if not all(rules):
        raise Malformed(f"{place}: the suppression names no rule; {_FORM}")
    fields: dict[str, str] = {}
    position = 0
    for field in _FIELD.finditer(match["fields"]):
        if field.start() != position or field["name"].lower() in fields:
            break
        fields[field["name"].lower()] = field["quoted"] if field["quoted"] is not None else field["bare"]
        position = field.end()
    if match["fields"][position:].strip():
        raise Malformed(f"{place}: the suppression ends in what is no reason and no date; {_FORM}")
    reason = fields.get("reason", "").strip()
    if not reason:
        raise Malformed(f"{place}: the suppression gives no reason, and nothing is suppressed without one; {_FORM}")
    if len(reason) > LONGEST_REASON:
        raise Malformed(f"{place}: the reason has more than {LONGEST_REASON} characters; say it in fewer.")
    return [Directive(line, rule.upper(), reason, _day(place, fields.get("until"))) for rule in dict.fromkeys(rules)]


def _day(place: str, written: str | None) -> date | None:
    if written is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", written):
            return date.fromisoformat(written)
    except ValueError:
        pass
    raise Malformed(f"{place}: {written[:40]!r} is no day on which a suppression could end; write until=2027-06-30.")
