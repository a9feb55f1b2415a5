"""Notebooks (Jupyter): the cells of prose; code and what it printed are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.markdown import add_markdown
from llm_audit.extract.prose import looks_like_prose


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one notebook, given in UTF-8, with "cell 3, line 4" as places."""
    try:
        notebook = json.loads(stream.read().decode())
    except ValueError:
        raise Refused("is no whole notebook: its JSON is damaged") from None
    draft = Draft()
    for number, cell in enumerate(_cells(notebook), start=1):
        text = _joined(cell.get("source", cell.get("input")))
        if cell.get("cell_type") in ("markdown", "heading"):
            add_markdown(text, draft, f"cell {number}, ")
        elif cell.get("cell_type") == "raw" and looks_like_prose(text):
            draft.add(text.strip(), f"cell {number}")
        elif text.strip():
            draft.leave_out(text, "cell of code")
        for output in cell.get("outputs") or ():
            _leave_out(output, draft)
    yield draft.answer("has no cells of text")


def _leave_out(output: Any, draft: Draft) -> None:
    """Name an output of code; of what is set as text, its characters count as seen."""
    if isinstance(output, dict) and output.get("output_type"):
        data = output.get("data")
        draft.leave_out(_joined(data.get("text/markdown")) if isinstance(data, dict) else "", "output of code")


def _joined(source: Any) -> str:
    """The text of a cell or output, which may be a list of lines; "" if it has none."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _cells(notebook: Any) -> list[dict[str, Any]]:
    """The cells of a notebook in any version of the format; before version 4 they were in worksheets."""
    if not isinstance(notebook, dict):
        raise Refused("is no notebook")
    sheets = [notebook, *(sheet for sheet in notebook.get("worksheets", ()) if isinstance(sheet, dict))]
    return [cell for sheet in sheets for cell in sheet.get("cells", ()) if isinstance(cell, dict)]
