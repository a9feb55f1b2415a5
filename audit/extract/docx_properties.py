"""Metadata of a Word document: who created it, when, how long it was edited. Anybody can change it."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from docx.opc.oxml import parse_xml

LONGEST = 200
"""Most characters kept of one property."""

_PROPERTIES = {
    "docProps/core.xml": {
        "creator": "Creator",
        "lastModifiedBy": "Last changed by",
        "created": "Created",
        "modified": "Last changed",
        "revision": "Revision",
    },
    "docProps/app.xml": {"TotalTime": "Minutes of editing", "Application": "Program"},
}
"""Part of the archive -> XML element in it -> name of the property."""


def properties(data: bytes) -> list[tuple[str, str]]:
    """The readable, non-empty properties as (name, value), in the order of the table above.

    `data`: a whole archive that was already checked for decompression bombs.
    """
    entries = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        for part, wanted in _PROPERTIES.items():
            values = _values(archive.read(part)) if part in names else {}
            entries += [(name, values[element]) for element, name in wanted.items() if values.get(element)]
    return entries


def _values(xml: bytes) -> dict[str, str]:
    """XML element -> its text, on one line."""
    try:
        root: Any = parse_xml(xml)  # type: ignore[arg-type]  # it takes bytes, too
    except Exception:  # damaged, or made to be: the text of the document may still be whole
        return {}
    children = [child for child in root if isinstance(child.tag, str)]
    return {child.tag.rpartition("}")[2]: " ".join((child.text or "").split())[:LONGEST] for child in children}
