"""reStructuredText: the prose of a page. Directives and roles of Sphinx, which docutils does not know, are read as text."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles

from llm_audit.extract.draft import Draft
from llm_audit.extract.prose import looks_like_prose

_SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "report_level": 5,
    "halt_level": 5,
    "input_encoding": "unicode",
    "line_length_limit": 10_000_000,
    "doctitle_xform": False,
    "docinfo_xform": False,
    "smart_quotes": False,
}
# Of Sphinx: what they hold is no text, but names of files and modules, or programs.
_NO_TEXT = re.compile(
    r"toctree|auto\w+|literalinclude|code(?:-block|-cell)?|sourcecode|highlight|index|module|currentmodule|include|plot|graphviz"
    r"|digraph|mermaid|uml|raw|testsetup|testcode|testoutput|doctest|ipython|jupyter-execute|program|default-domain|meta"
    r"|tabularcolumns|productionlist|prompt|parsed-literal|image|click"
)
_CONDITIONS = frozenset({"only", "ifconfig"})  # their title is a condition
_VERSIONS = frozenset({"versionadded", "versionchanged", "deprecated", "versionremoved"})  # their title begins with a number
_ELSEWHERE = {"include": "included file", "raw": "raw HTML or LaTeX"}
_TARGET = re.compile(r"\s*<[^<>]*>\s*$")
_SKIPPED = (
    nodes.comment, nodes.system_message, nodes.substitution_definition, nodes.target, nodes.raw, nodes.pending,
    nodes.decoration,
)  # fmt: skip


class _Options(dict[str, Any]):
    """Option table that accepts any option of any directive unchanged."""

    def __missing__(self, name: str) -> Any:
        return directives.unchanged


class _AnyDirective(Directive):
    """A directive of Sphinx or another extension: its title and what it holds are text."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = _Options(name=directives.unchanged)

    def run(self) -> list[nodes.Node]:
        if _NO_TEXT.fullmatch(self.name.rpartition(":")[2]):
            return [nodes.literal_block("", "\n".join(self.content))] if self.content else []
        container = nodes.container()
        if self.name in _VERSIONS:
            container += nodes.paragraph("", " ".join(" ".join(self.arguments).split()[1:]))
        elif (
            self.arguments
            and self.name not in _CONDITIONS
            and not self.name.startswith(("py:", "c:", "function", "class", "method"))
        ):
            container += nodes.caption("", self.arguments[0])
        self.state.nested_parse(self.content, self.content_offset, container)
        return [container]


class _Elsewhere(_AnyDirective):
    """A directive for a file that is not read, or for text in another language: only named."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", "\n".join(self.content), format=_ELSEWHERE[self.name])]


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one page, given in UTF-8, with "line 14" as places: of the first line of each paragraph."""
    source = stream.read().decode()
    _teach()
    tree = publish_doctree(source, settings_overrides={**_SETTINGS, "warning_stream": io.StringIO()})
    draft = Draft()
    _add(tree, draft, "")
    yield draft.answer("has no text beside code and markup")


def _teach() -> None:
    """Make docutils read unknown directives and roles as text. Global, which is safe as this process does nothing else."""
    known_directive, known_role = directives.directive, roles.role

    def directive(name: str, language: Any, document: Any) -> tuple[Any, list[Any]]:
        if name in _ELSEWHERE:
            return _Elsewhere, []
        handler, _ = known_directive(name, language, document)
        return handler or _AnyDirective, []

    def role(name: str, language: Any, line: int, reporter: Any) -> tuple[Any, list[Any]]:
        handler, _ = known_role(name, language, line, reporter)
        return handler or _any_role, []

    vars(directives)["directive"], vars(roles)["role"] = directive, role


def _any_role(name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = ()) -> Any:
    shown = _TARGET.sub("", text).lstrip("~!")
    return [nodes.inline(rawtext, shown)], []


def _add(parent: Any, draft: Draft, apart: str) -> None:
    for node in parent.children:
        match node:
            case nodes.title() | nodes.rubric() | nodes.subtitle() | nodes.term():
                _add_text(node, draft, "heading")
            case nodes.caption():
                _add_text(node, draft, "caption")
            case nodes.paragraph() | nodes.attribution() | nodes.line():
                _add_text(node, draft, apart)
            case nodes.literal_block() | nodes.doctest_block():
                if looks_like_prose(node.astext()):
                    _add_text(node, draft, apart)
                else:
                    draft.leave_out(node.astext(), "code block")
            case nodes.math_block():
                draft.left_out["formula"] += 1
            case nodes.image():
                draft.left_out["image"] += 1
            case nodes.entry():
                if text := " ".join(node.astext().split()):
                    draft.add(text, _place(node), end="\t" if node is not parent.children[-1] else "\n", apart="table")
            case nodes.block_quote():
                _add(node, draft, "quote")
            case nodes.citation() | nodes.footnote():
                _add(node, draft, "reference" if isinstance(node, nodes.citation) else apart)
            case nodes.raw() if node.get("format") in _ELSEWHERE.values():
                draft.leave_out(node.astext(), node["format"])
            case nodes.topic() if "contents" in node["classes"]:
                pass  # the headings once more
            case nodes.field_list() if node.parent.index(node) == 0 and isinstance(node.parent, nodes.document):
                _add(node, draft, "heading")  # author, date
            case nodes.label() | nodes.field_name():
                pass
            case _ if isinstance(node, _SKIPPED) or not hasattr(node, "children"):
                pass
            case _:
                _add(node, draft, apart)


def _add_text(node: Any, draft: Draft, apart: str) -> None:
    for formula in list(node.findall(nodes.math)):
        formula.parent.remove(formula)
        draft.left_out["formula"] += 1
    for mark in list(node.findall(nodes.footnote_reference)) + list(node.findall(nodes.citation_reference)):
        mark.parent.remove(mark)
    if text := "\n".join(filter(None, (" ".join(line.split()) for line in node.astext().split("\n")))):
        draft.add(text, _place(node), apart=apart)


def _place(node: Any) -> str:
    while node is not None and node.line is None:
        node = node.parent
    return f"line {node.line if node is not None else 1}"
