"""Markdown: the text that a reader of the rendered page sees, without blocks of code and front matter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from markdown_it import MarkdownIt
from markdown_it.token import Token

from llm_audit.extract.draft import Draft
from llm_audit.extract.html import LINE, add_page
from llm_audit.extract.markdown_source import without_extras
from llm_audit.extract.prose import looks_like_prose

_DIRECTIVE = re.compile(r"\{[\w-]+\}")
_SHORT = 8  # words: of a note in a box


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one file, given in UTF-8, with "line 14" as places. Headings, lists, tables and HTML are part of it."""
    draft = Draft()
    add_markdown(stream.read().decode(), draft)
    yield draft.answer("has no text beside code and markup")


def add_markdown(source: str, draft: Draft, prefix: str = "") -> None:
    """Add the visible text of a piece of Markdown, HTML in it included; `prefix` begins the names of its places."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    add_page(_page(without_extras(source, draft)), draft, prefix, whole=True)


def _page(source: str) -> str:
    """The Markdown rendered as HTML, in which every block and line carries its line number in the source."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    markdown.add_render_rule("softbreak", _break)
    markdown.add_render_rule("hardbreak", _break)
    markdown.add_render_rule("html_block", _raw)
    markdown.add_render_rule("fence", _fenced)
    tokens = markdown.parse(source)
    for token in tokens:
        if token.map and token.nesting >= 0:
            token.attrSet(LINE, str(token.map[0] + 1))
        if token.type == "inline" and token.map:
            number = token.map[0] + 1
            for child in token.children or ():
                if child.type in ("softbreak", "hardbreak"):
                    number += 1
                    child.attrSet(LINE, str(number))
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _break(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f'<br {LINE}="{tokens[index].attrGet(LINE)}">'


def _raw(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f'<span {LINE}="{tokens[index].attrGet(LINE)}"></span>{tokens[index].content}'


def _fenced(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Render a fenced block: as code, unless Sphinx and similar tools show it as a box with text."""
    token = tokens[index]
    if _DIRECTIVE.match(token.info) and looks_like_prose(token.content, _SHORT):
        return f'<div {LINE}="{token.attrGet(LINE)}">{_page(token.content)}</div>'
    return str(self.code_block(tokens, index, options, env))
