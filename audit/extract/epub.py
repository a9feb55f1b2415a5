"""E-books (EPUB): the chapters, in the order in which they are read."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import unquote

from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.html import add_page
from llm_audit.extract.package import Package

_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_OPF = "{http://www.idpf.org/2007/opf}"
_ENCODING = re.compile(rb"\s*<\?xml[^>]*\bencoding=[\"']([A-Za-z0-9._-]+)[\"']")
_STYLE = re.compile(r"<style\b[^>]*>.*?</style>", re.S | re.I)
_MARKED = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.S)
_SHEET = re.compile(r"<\?xml-stylesheet\b[^>]*?\bhref=[\"']([^\"'<>]+)[\"'][^>]*\?>")
_HEAD = re.compile(r"<head\b[^>]*>")
_ASIDE = re.compile(r"<(head|style|script)\b[^>]*>.*?</\1>", re.S | re.I)
_LINK = re.compile(r"<a\b[^>]*>.*?</a>", re.S | re.I)
_TAG = re.compile(r"<[^>]*>")
_MOST_FALLBACKS = 8
_LONGEST_CONTENTS = 25  # words of a table of contents outside of its links
_LONGEST_LINK = 15  # words of a link, on average
_READ = (".xml", ".opf", ".xhtml", ".html", ".htm", ".css")


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one book, with "chapter 2, paragraph 3" as places; a chapter is a file of the book."""
    package = Package(stream.read(), "e-book (.epub)", _READ)
    if package.has("META-INF/rights.xml") or package.has("META-INF/sinf.xml"):
        raise Refused("is protected against copying (DRM): it cannot be read")
    draft = Draft()
    for number, part in enumerate(_chapters(package), start=1):
        page = _as_html(_decoded(package.bytes_of(part)))
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


def _as_html(page: str) -> str:
    """A page of XHTML with what HTML has not: marked sections are text, and sheets that stand before the page are linked."""
    page = _STYLE.sub(lambda style: _MARKED.sub(r"\1", style[0]), page)
    page = _MARKED.sub(lambda marked: html.escape(marked[1], quote=False), page)
    sheets = "".join(f'<link rel="stylesheet" href="{href}">' for href in _SHEET.findall(page))
    return _HEAD.sub(lambda head: head[0] + sheets, page, count=1) if sheets else page


def _is_contents(page: str) -> bool:
    """Whether a page is a list of links, and hardly any text beside or within them."""
    body = _ASIDE.sub(" ", page)
    links = [len(_TAG.sub(" ", link).split()) for link in _LINK.findall(body)]
    beside = len(_TAG.sub(" ", _LINK.sub(" ", body)).split())
    return beside <= _LONGEST_CONTENTS and sum(links) <= _LONGEST_LINK * max(len(links), 1)


def _sheet(package: Package, part: str, address: str) -> str | None:
    """The style sheet of a book that one of its pages refers to; None if it is not in the book."""
    name = posixpath.normpath(posixpath.join(posixpath.dirname(part), unquote(address)))
    return package.bytes_of(name).decode("utf-8-sig", "replace") if package.has(name) else None


def _chapters(package: Package) -> Iterator[str]:
    """The parts of a book that hold its pages, in the order of reading, without tables of contents."""
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
        item = _shown(items, reference.get("idref"))
        if item is None:
            continue
        part = posixpath.normpath(posixpath.join(posixpath.dirname(main), unquote(item.get("href") or "")))
        listed = item.get("href") in contents or "nav" in (item.get("properties") or "").split()
        if package.has(part) and not (listed and _is_contents(_decoded(package.bytes_of(part)))):
            yield part


def _shown(items: dict[str | None, Any], name: str | None) -> Any | None:
    """The page with this name in the list of a book, or what it names to be shown instead of what is no page."""
    for _ in range(_MOST_FALLBACKS):
        item = items.get(name)
        if item is None or item.get("fallback") is None or "html" in (item.get("media-type") or ""):
            return item
        name = item.get("fallback")
    return None
