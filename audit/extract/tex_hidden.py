"""What LaTeX sets and nobody sees: letters in white, of no size, or as mere room (`\\phantom`); notes for the speaker."""

from __future__ import annotations

import re

from llm_audit.extract.draft import Draft
from llm_audit.extract.tex_source import end_of_group

_UNSEEN = re.compile(
    r"\\(?:(?P<color>(?:text)?color)\s*(?:\[(?P<model>\w+)\])?\{(?P<value>[^{}]*)\}\s*"
    r"|(?P<size>fontsize)\{(?P<points>[\d.]+)(?:pt)?\}\{[^{}]*\}\s*(?:\\selectfont\b)?"
    r"|(?P<room>[hv]?phantom)\s*(?=\{)|(?P<note>note)(?:<[^>]*>)?(?:\[[^\]]*\])?\s*(?=\{))"
)
_WHITE = re.compile(r"white(?:!100)?|(?:f{6}|F{6})|(?:1(?:\.0*)?|255)(?:\s*,\s*(?:1(?:\.0*)?|255)){2}")
_BACKGROUND = re.compile(r"\\(?:colorbox|fcolorbox|rowcolors?|cellcolor|columncolor|pagecolor|begin\{tcolorbox\})")
_BOUND = re.compile(r"\\(?:begin|end)\{[^{}]*\}|\\.|[{}]", re.S)
_NEAR = 300  # characters in which a background may be set for letters in white
_SMALLEST = 2.0  # points
_LEAST_HIDDEN = 8  # words: what is shorter makes room for signs in a table


def without_unseen(source: str, draft: Draft) -> str:
    """A source without the text that nobody sees, which is recorded in `draft`, on the lines that it had."""
    kept: list[str] = []
    done = 0
    for match in _UNSEEN.finditer(source):
        if match.start() < done or not (way := _way(match, source)):
            continue
        # Of an argument, or of all that follows in the group.
        is_argument = source.startswith("{", match.end()) and not match["size"] and match["color"] != "color"
        end = end_of_group(source, match.end()) if is_argument else _end_around(source, match.end())
        text = source[match.end() : end].strip("{}") if is_argument else source[match.end() : end]
        if match["note"]:
            draft.left_out["notes for the speaker"] += 1
        elif match["room"] and len(text.split()) < _LEAST_HIDDEN:
            draft.left_out["hidden label"] += bool(text.strip())
        else:
            draft.hide(text, way)
        kept += [source[done : match.start()], "{", "\n" * text.count("\n"), "}"]
        done = end
    return "".join([*kept, source[done:]])


def _way(match: re.Match[str], source: str) -> str:
    """How what follows is hidden; "" if it is seen."""
    if match["color"]:
        value = match["value"].strip()
        white = _WHITE.fullmatch(value) or (match["model"] == "gray" and re.fullmatch(r"1(?:\.0*)?", value))
        backed = _BACKGROUND.search(source, max(match.start() - _NEAR, 0), match.start()) or r"\pagecolor" in source
        return "white letters" if white and not backed else ""
    if match["size"]:
        return "tiny letters" if float(match["points"]) < _SMALLEST else ""
    return "letters without a shape" if match["room"] else "note"


def _end_around(source: str, start: int) -> int:
    """The end of the group or environment in which a position stands."""
    depth = 0
    for match in _BOUND.finditer(source, start):
        depth += 1 if match[0] == "{" or match[0].startswith("\\begin") else 0
        depth -= 1 if match[0] == "}" or match[0].startswith("\\end") else 0
        if depth < 0:
            return match.start()
    return len(source)
