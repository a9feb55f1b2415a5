"""E-books (EPUB): the chapters, in the order in which they are read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO
from urllib.parse import unquote

from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.html import add_page
from llm_audit.extract.package import Package

_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_OPF = "{http://www.idpf.org/2007/opf}"
_ENCODING = re.compile(rb"\s*<\?xml[^>]*\bencoding=[\"']([A-Za-z0-9._-]+)[\"']")
_READ = (".xml", ".opf", ".xhtml", ".html", ".htm", ".css")


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one book, with "chapter 2, paragraph 3" as places; a chapter is a file of the book."""
    package = Package(stream.read(), "e-book (.epub)", _READ)
    if package.has("META-INF/rights.xml") or package.has("META-INF/sinf.xml"):
        raise Refused("is protected against copying (DRM): it cannot be read")
    draft = Draft()
    for number, part in enumerate(_chapters(package), start=1):
        page = _decoded(package.bytes_of(part))
        add_page(page, draft, f"chapter {number}, ", whole=True, linked=partial(_sheet, package, part))
    yield draft.answer("holds no text")


def _decoded(data: bytes) -> str:
    """A page in the encoding of its byte order mark or XML declaration; in UTF-8 if it has none, or one that nobody knows."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    declared = _ENCODING.match(data)
    try:
        return data.decode(declared[1].decode() if declared else "utf-8-sig", "replace").removeprefix("\ufeff")
    except LookupError:
        return data.decode("utf-8-sig", "replace")


def _sheet(package: Package, part: str, address: str) -> str | None:
    """The style sheet of a book that one of its pages refers to; None if it is not in the book."""
    name = posixpath.normpath(posixpath.join(posixpath.dirname(part), unquote(address)))
    return package.bytes_of(name).decode("utf-8-sig", "replace") if package.has(name) else None


def _chapters(package: Package) -> Iterator[str]:
    if not package.has("META-INF/container.xml"):
        raise Refused("holds no e-book: it does not say where its chapters are")
    roots = [root.get("full-path") for root in package.xml("META-INF/container.xml").iter(_CONTAINER + "rootfile")]
    main = next((root for root in roots if root and package.has(root)), None)
    if main is None:
        raise Refused("holds no e-book: it does not say where its chapters are")
    book = package.xml(main)
    items = {item.get("id"): item for item in book.iter(_OPF + "item")}
    contents = {
        (entry.get("href") or "").partition("#")[0] for entry in book.iter(_OPF + "reference") if entry.get("type") == "toc"
    }
    for reference in book.iter(_OPF + "itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("href") in contents or "nav" in (item.get("properties") or "").split():
            continue
        part = posixpath.normpath(posixpath.join(posixpath.dirname(main), unquote(item.get("href") or "")))
        if package.has(part):
            yield part
