"""Notebooks (Jupyter): the cells of prose; code and what it printed are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.markdown import add_markdown


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one notebook, given in UTF-8, with "cell 3, line 4" as places."""
    try:
        notebook = json.loads(stream.read().decode())
    except ValueError:
        raise Refused("is no whole notebook: its JSON is damaged") from None
    draft = Draft()
    for number, cell in enumerate(_cells(notebook), start=1):
        source = cell.get("source", cell.get("input", ""))
        text = "".join(source) if isinstance(source, list) else str(source)
        if cell.get("cell_type") in ("markdown", "heading"):
            add_markdown(text, draft, f"cell {number}, ")
        elif text.strip():
            draft.leave_out(text, "cell of code")
    yield draft.answer("has no cells of text")


def _cells(notebook: Any) -> list[dict[str, Any]]:
    """The cells of a notebook in any version of the format; before version 4 they were in worksheets."""
    if not isinstance(notebook, dict):
        raise Refused("is no notebook")
    sheets = [notebook, *(sheet for sheet in notebook.get("worksheets", ()) if isinstance(sheet, dict))]
    return [cell for sheet in sheets for cell in sheet.get("cells", ()) if isinstance(cell, dict)]
