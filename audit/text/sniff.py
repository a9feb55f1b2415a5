"""Recognise the format of a document by its content; the file's name only decides between kinds of plain text.

Opens no file, and reads only the directory of an archive.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile

from llm_audit.text.decode import Unreadable

BEGINNING = 4096
"""Bytes at the beginning of a file that suffice to recognise most formats; archives and old Word documents need all."""

_OLE = b"\xd0\xcf\x11\xe0"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_PDF_WITHIN = 1024  # some programs put lines of their own before the heading, and every reader allows it
_LOOSE = frozenset({"text", "markdown", "html", "doc", "docx", "odt", "rtf", "epub", "pptx", "pdf", "mail", "zip"})
_TEXTUAL = frozenset({"text", "markdown", "html", "mail"})

_HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_MAIL = re.compile(
    r"(?:(?:Return-Path|Received|From|To|Cc|Subject|Date|Message-ID|MIME-Version|Content-Type|Reply-To|Delivered-To"
    r"|X-[\w-]+|DKIM-Signature|Content-Transfer-Encoding|References|In-Reply-To|Thread-Topic)[ \t]*:.*\n(?:[ \t]+.*\n)*){3,}\n",
    re.I,
)
_MAIL_NEEDS = re.compile(r"^(?:Message-ID|MIME-Version|Received|Date)[ \t]*:", re.I | re.M)
_CUE = re.compile(r"\s*\d+\s*\n\d\d:\d\d:\d\d[,.]\d{3} --> ")
_FLAT = re.compile(rb"<(?:\w+:)?document\b[^>]*\bapplication/vnd\.oasis\.opendocument\.text\b")
_MAILBOX = re.compile(r"From \S+ [^\n]*\n")
_XML = re.compile(r"\s*<\?xml\b")
_NOTEBOOK = re.compile(r'\s*\{\s*"(?:cells|metadata|nbformat|nbformat_minor|worksheets)"\s*:')

_IWORK = "is a Pages, Numbers or Keynote document: export it as Word (.docx) or PDF and try again"
_TABLES = "is a spreadsheet: save the texts as CSV and try again"
_SLIDES = "is an OpenDocument presentation: save it as .pptx or PDF and try again"
_DRAWING = "is an OpenDocument file without text"
_DATA = "is JSON, not a text: give its texts as JSON lines (.jsonl), one object a line, or as plain text"
_MARKED_UP = "is XML of a kind that is not read: save it as HTML or as plain text and try again"


def kind_of_content(name: str, data: bytes, by_name: str) -> str:
    """The format of a document by its content: one of `llm_audit.text.sources.KINDS`, such as html or pdf.

    Args:
        name: of the document, for messages.
        data: all of its bytes.
        by_name: its kind by its name.

    Raises:
        Unreadable: it is of a kind that no reader here knows; the message names the kind.
    """
    if b"%PDF-" in data[:_PDF_WITHIN] and (by_name not in _TEXTUAL or data.lstrip().startswith(b"%PDF-")):
        return "pdf"
    if data.startswith(_ZIP):
        return _kind_of_archive(name, data)
    if data.startswith(_OLE):
        return _kind_of_ole(name, data)
    if data.startswith(b"{\\rtf"):
        return "rtf"
    if by_name not in _LOOSE:
        return by_name
    if _FLAT.search(data[:BEGINNING]):
        return "odt"
    beginning = _as_text(data[:BEGINNING])
    if _HTML.match(beginning):
        return "html"
    if _NOTEBOOK.match(beginning) and b'"cell_type"' in data:
        return "ipynb"
    if by_name == "markdown":
        return by_name
    if beginning.lstrip("\ufeff").startswith("WEBVTT") or _CUE.match(beginning.lstrip("\ufeff")):
        return "subtitles"
    if by_name == "mail" or ((mail := _MAIL.match(_MAILBOX.sub("", beginning, count=1))) and _MAIL_NEEDS.search(mail[0])):
        return "mail"
    if r"\documentclass" in beginning:
        return "tex"
    if by_name in ("html", "text"):
        if by_name == "text" and (reason := _why_not_text(beginning, data)):
            raise Unreadable(f"{name} {reason}.")
        return by_name
    return _mislabelled(name, data, by_name)


def _why_not_text(beginning: str, data: bytes) -> str:
    """The reason why a file is no text but data for programs, as the rest of a sentence; "" if it may be a text."""
    if _XML.match(beginning):
        return _MARKED_UP
    if beginning.lstrip()[:1] in ("{", "["):
        for part in (data, data.lstrip().split(b"\n", 1)[0]):  # of JSON lines, the first
            with contextlib.suppress(ValueError, RecursionError):
                if isinstance(json.loads(part), dict | list):
                    return _DATA
    return ""


def kind_of_beginning(data: bytes) -> str | None:
    """The format of a file by its first bytes; None: plain text, or unknown. "archive" and "ole" need the whole file."""
    if b"%PDF-" in data[:_PDF_WITHIN]:
        return "pdf"
    if data.startswith(_ZIP):
        return "archive"
    if data.startswith(_OLE):
        return "ole"
    if data.startswith(b"{\\rtf"):
        return "rtf"
    return "html" if _HTML.match(_as_text(data)) else None


def _as_text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").replace("\r\n", "\n")
    return data.decode("utf-8-sig", "replace").replace("\r\n", "\n")


def _kind_of_archive(name: str, data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = frozenset(archive.namelist()[:100_000])
            kind = archive.read("mimetype")[:100].decode("ascii", "replace") if _small(archive, "mimetype") else ""
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError):
        # The document's own reader says what is wrong; what was made by no word processor is called an archive.
        return "docx" if b"word/" in data[:BEGINNING] or b"[Content_Types].xml" in data[:BEGINNING] else "zip"
    if kind.startswith("application/vnd.oasis.opendocument."):
        if kind.removeprefix("application/vnd.oasis.opendocument.").startswith("text"):
            return "odt"
        reason = next((why for word, why in (("spreadsheet", _TABLES), ("presentation", _SLIDES)) if word in kind), _DRAWING)
        raise Unreadable(f"{name} {reason}.")
    if kind.startswith("application/epub+zip") or "META-INF/container.xml" in names:
        return "epub"
    if "[Content_Types].xml" in names:
        if any(member.startswith("word/") for member in names):
            return "docx"
        if any(member.startswith("ppt/") for member in names):
            return "pptx"
        if any(member.startswith("xl/") for member in names):
            raise Unreadable(f"{name} {_TABLES}.")
        return "docx"
    if any(member.endswith(".iwa") or member == "Index.zip" for member in names):
        raise Unreadable(f"{name} {_IWORK}.")
    return "zip"


def _small(archive: zipfile.ZipFile, member: str) -> bool:
    try:
        return archive.getinfo(member).file_size <= 1000
    except KeyError:
        return False


def _kind_of_ole(name: str, data: bytes) -> str:
    """The format of a document in Microsoft's old container (OLE), by the names of its streams, which are in UTF-16."""
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise Unreadable(f"{name} is an Office document with a password: save a copy without one and try again.")
    if "WordDocument".encode("utf-16-le") in data:
        return "doc"
    for stream, advice in (
        ("PowerPoint Document", "an old PowerPoint file: save it as .pptx and try again"),
        ("Workbook", "an old Excel file: save the texts as CSV and try again"),
        ("__properties_version1.0", "an Outlook message: save it as .eml or as plain text and try again"),
    ):
        if stream.encode("utf-16-le") in data:
            raise Unreadable(f"{name} is {advice}.")
    raise Unreadable(f"{name} is in an old Microsoft format that holds no text: save it as plain text and try again.")


def _mislabelled(name: str, data: bytes, by_name: str) -> str:
    """The format of bytes that are not the document that their name promises: plain text, if they can be."""
    if not data.strip() or by_name in ("pdf", "zip"):
        return by_name
    if by_name == "docx" and b"\0" in data[:BEGINNING]:
        return by_name
    return "text" if b"\0" not in data[:BEGINNING] else by_name
