"""Remove from Markdown files what is neither Markdown nor text: front matter, shortcodes, MDX, formulas, conflict markers.

Everything that is taken out leaves its line breaks, so that lines keep their numbers.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable

import yaml

from llm_audit.extract.draft import Draft
from llm_audit.extract.prose import looks_like_prose

_YAML = re.compile(r"\A\s*---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M)
_TOML = re.compile(r"\A\s*\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.S | re.M)
_KEY = re.compile(r"[\w./-]+(?: [\w./-]+){0,2}")
_FENCE = re.compile(r"(?P<indent>[ \t]*(?:[-*+>][ \t]+)*)(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)")
_CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
_CONFLICT = re.compile(r"^(?:<{7}(?: .*)?|={7}|>{7}(?: .*)?|\|{7}(?: .*)?)$", re.M)

_TAKEN_OUT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\{/\*.*?\*/\}", re.S), "MDX comment"),
    (re.compile(r"\{%-?\s*comment\s*-?%\}.*?(?:\{%-?\s*endcomment\s*-?%\}|\Z)", re.S), "comment"),
    (re.compile(r"^:{3,}[ \t]*\{[^{}\n]*\.content-hidden\b[^{}\n]*\}[ \t]*$.*?^:{3,}[ \t]*$", re.S | re.M), "hidden block"),
    (re.compile(r"\{\{[<%].*?[%>]\}\}|\{%.*?%\}|\{\{[^{}\n]*\}\}", re.S), "shortcode"),
    (re.compile(
        r"^(?:import\s+(?:[^;\n]*?\s+from\s+)?['\"][^'\"\n]+['\"];?|export\s+(?:const|let|default|function)\b[^\n]*)[ \t]*$",
        re.M,
    ), "MDX import"),
    (re.compile(r"</?[A-Z][\w.]*[a-z][\w.]*(?:\s+(?:\{[^{}]*\}|\"[^\"]*\"|'[^']*'|[^<>\"'{}])*)?/?>", re.S), "MDX component"),
    (re.compile(
        r"^[ \t]*\$\$.*?\$\$[ \t]*$|\\\[.*?\\\]|^[ \t]*\\begin\{(\w+\*?)\}.*?\\end\{\1\}[ \t]*$", re.S | re.M
    ), "formula"),
    (re.compile(r"(?<![\\$\w])\$(?=[^\s$])(?:[^$\n]*[\\^_=][^$\n]*|[A-Za-z])(?<=[^\s\\])\$(?!\w)|\\\(.*?\\\)"), "formula"),
    (re.compile(r"^[ \t]*:{3,}[ \t]*(?:\{?[\w-]+\}?)?(?=[ \t]|$)|^(?:!!!|\?\?\?\+?|===)[ \t]+(?=\w|\")[\w-]*", re.M), ""),
    (re.compile(r"[ \t]*\{[:#.][^{}\n]*\}[ \t]*$|^\[\^[^\]\n]+\]:[ \t]*", re.M), ""),
    (re.compile(r"\[\^[^\]\s]+\]"), ""),
    (re.compile(r"^%%.*?%%[ \t]*$", re.S | re.M), "comment"),
    (re.compile(r"^\*\[[^\]\n]+\]:[^\n]*$|^\[(?:TOC|\[_TOC_\])\][ \t]*$", re.M), ""),
    (re.compile(r"\[!(?:NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]|(?<=[-*+] )\[[ xX]\](?= )|\[-?@[^\[\]\n]+\](?!\()"), ""),
    (re.compile(r"(?<=\))\{[^{}\n]*[.#=][^{}\n]*\}"), ""),
)  # fmt: skip
_SHOWN_AS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\[\[(?:[^\[\]|\n]*\|)?([^\[\]|\n]+)\]\](?![(\[])"), r"\1"),  # a link of a wiki
    (re.compile(r"\[([^\[\]\n]*)\]\{[^{}\n]*[.#=][^{}\n]*\}"), r"\1"),
    (re.compile(r"\^\[([^\[\]\n]+)\]"), r" (\1)"),
    (re.compile(r"(?<![=\w])==(?=\S)([^=\n]+)(?<=\S)==(?![=\w])"), r"\1"),
)
"""Marks of dialects, and what is shown in place of them."""


_JSX_STYLE = re.compile(r"\bstyle=\{\{([^{}\n]*)\}\}")


def _style_of_page(match: re.Match[str]) -> str:
    """A style in JSX syntax, `{{display: 'none'}}`, as an HTML attribute, so that what it hides is found hidden."""
    pairs = (pair.partition(":") for pair in match[1].split(","))
    css = (f"{re.sub('[A-Z]', lambda big: '-' + big[0].lower(), name.strip())}:{value.strip(' ')}" for name, _, value in pairs)
    return 'style="' + ";".join(css).replace('"', "").replace("'", "") + '"'


def without_extras(source: str, draft: Draft) -> str:
    """The Markdown of a file without those parts, with its line numbers unchanged; what was removed is noted in `draft`."""
    source = _without_front_matter(source, draft)
    if "<<<<<<<" in source and ">>>>>>>" in source:
        source = _CONFLICT.sub("", source)
    kept: list[str] = []
    for text, is_code in _stretches(source):
        kept.append(text if is_code else _without(text, draft))
    return "".join(kept)


def _without(text: str, draft: Draft) -> str:
    text = _JSX_STYLE.sub(_style_of_page, text)
    for pattern, shown in _SHOWN_AS:
        text = pattern.sub(shown, text)
    for pattern, kind in _TAKEN_OUT:
        text = pattern.sub(_counted(kind, draft), text)
    return text


def _counted(kind: str, draft: Draft) -> Callable[[re.Match[str]], str]:
    def taken(match: re.Match[str]) -> str:
        if kind:
            draft.left_out[kind] += 1
        return "\n" * match[0].count("\n")

    return taken


def _without_front_matter(source: str, draft: Draft) -> str:
    end = _end_of_front_matter(source)
    if not end:
        return source
    front = source[:end]
    if looks_like_prose(re.sub(r"^[\w-]+:", "", front, flags=re.M)):  # some sites print it
        draft.leave_out(front, "front matter")
    else:
        draft.left_out["front matter"] += 1
    return "\n" * front.count("\n") + source[end:]


def _end_of_front_matter(source: str) -> int:
    """Position of the end of the front matter; 0 if there is none: `---` in line 1 begins it only if a mapping follows."""
    if match := _YAML.match(source):
        return match.end() if _is_mapping(match[1]) else 0
    if match := _TOML.match(source):
        try:
            tomllib.loads(match[1])
        except (tomllib.TOMLDecodeError, RecursionError):
            return 0
        return match.end()
    if source.lstrip().startswith("{") and not source.lstrip().startswith(("{{", "{%", "{/*")):
        start = len(source) - len(source.lstrip())
        try:
            fields, end = json.JSONDecoder().raw_decode(source, start)
        except (ValueError, RecursionError):
            return 0
        return end if isinstance(fields, dict) and fields else 0
    return 0


def _is_mapping(text: str) -> bool:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return False
    if node is None:
        return not text.strip()
    if not text.partition("\n")[0].strip():  # an empty line follows a rule, not the beginning of front matter
        return False
    # "Note: what follows" is a sentence; the names of fields are short and have no capitals within them.
    return isinstance(node, yaml.MappingNode) and all(
        isinstance(key, yaml.ScalarNode) and _KEY.fullmatch(key.value) for key, _ in node.value
    )


def _stretches(source: str) -> list[tuple[str, bool]]:
    """The source as (stretch, whether it is code), fenced blocks and spans: markup inside code is only an example."""
    stretches: list[tuple[str, bool]] = []
    fence = ""
    for line in source.splitlines(keepends=True):
        match = _FENCE.match(line)
        if fence:
            stretches.append((line, True))
            if match and match["fence"].startswith(fence) and not match["info"].strip():
                fence = ""
        elif match and not (match["fence"][0] == "`" and "`" in match["info"]):
            fence = match["fence"]
            stretches.append((line, True))
        elif stretches and not stretches[-1][1]:
            stretches[-1] = (stretches[-1][0] + line, False)
        else:
            stretches.append((line, False))
    cut: list[tuple[str, bool]] = []
    for text, is_code in stretches:
        done = 0
        for span in () if is_code else _CODE_SPAN.finditer(text):
            if "\n\n" in span[0]:
                continue
            cut += [(text[done : span.start()], False), (span[0], True)]
            done = span.end()
        cut.append((text[done:], is_code))
    return cut
