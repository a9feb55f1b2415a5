"""Markdown: the prose, without markup, code blocks, HTML and front matter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from markdown_it import MarkdownIt
from markdown_it.token import Token

from llm_audit.extract.draft import Draft

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
_LEFT_OUT = {"fence": "code block", "code_block": "code block", "html_block": "HTML block", "image": "image"}


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The prose of one text, given in UTF-8, with "line 14" as places. Headings, lists and tables are part of it."""
    source = stream.read().decode().replace("\r\n", "\n").replace("\r", "\n")
    draft = Draft()
    if front := _FRONT_MATTER.match(source):
        draft.left_out["front matter"] += 1
        source = "\n" * front[0].count("\n") + source[front.end() :]  # line numbers stay
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    for position, token in enumerate(tokens):
        if token.type in _LEFT_OUT:
            draft.left_out[_LEFT_OUT[token.type]] += 1
        elif token.type == "inline":
            cell = tokens[position - 1].type in ("td_open", "th_open")
            last = cell and tokens[position + 2].type == "tr_close"
            _add(token, draft, end="\n" if last else "\t" if cell else "\n\n")
    yield draft.answer("has no text beside code and markup")


def _add(block: Token, draft: Draft, end: str) -> None:
    """One paragraph, heading or cell, line by line."""
    assert block.map is not None
    number, pieces = block.map[0] + 1, [""]
    for token in block.children or ():
        if token.type in ("softbreak", "hardbreak"):
            draft.add("".join(pieces), f"line {number}", end="\n")
            number, pieces = number + 1, []
        elif token.type in ("text", "code_inline"):
            pieces.append(token.content)
        elif token.type in _LEFT_OUT:
            draft.left_out[_LEFT_OUT[token.type]] += 1
    draft.add("".join(pieces), f"line {number}", end=end)
