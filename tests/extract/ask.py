"""What the readers of documents answer, in this process."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from fixtures.hostile.build import docx_with
from llm_audit.extract.__main__ import answers


def answer(kind: str, data: bytes | str) -> dict[str, Any]:
    """The one answer of a reader: of a text, or {"error": why there is none}."""
    (found,) = answers(io.BytesIO(data if isinstance(data, bytes) else data.encode()), kind)
    assert isinstance(found, dict)
    return found


def hidden(kind: str, data: bytes | str) -> list[tuple[str, str]]:
    """How and what is hidden in a document."""
    return [(how, excerpt) for _, how, _, excerpt in answer(kind, data)["hidden"]]


def docx_body(body: str, change: Callable[[str, bytes], bytes] = lambda name, data: data, **parts: bytes) -> bytes:
    """A Word document with this in its body, and parts of these names beside it."""

    def changed(name: str, data: bytes) -> bytes:
        if name == "word/document.xml":
            start, end = data.index(b"<w:body>") + len(b"<w:body>"), data.index(b"<w:sectPr")
            data = data[:start] + body.encode() + data[end:]
        return change(name, data)

    return docx_with(changed, {name.replace("__", "/").replace("_dot_", "."): data for name, data in parts.items()})


def with_styles(styles: str) -> dict[str, Any]:
    """What `docx_body` needs to give a document these styles."""
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles"

    def related(name: str, data: bytes) -> bytes:
        if name != "word/_rels/document.xml.rels":
            return data
        return data.replace(
            b"</Relationships>", b'<Relationship Id="rS" Type="%s" Target="styles.xml"/></Relationships>' % kind
        )

    return {"change": related, "word__styles_dot_xml": f'<w:styles xmlns:w="{word}">{styles}</w:styles>'.encode()}


def run(text: str, properties: str = "") -> str:
    """A run of a Word document."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'
