"""The packages of Office documents (OOXML, ECMA-376): their parts, and how the parts refer to each other.

Unpacks only what is asked for, after checking that the archive is not made to exhaust or to deceive its reader. Documents of
the "strict" dialect are read like the usual, "transitional" ones. Relations to what is not there are no damage: Word itself
writes `../NULL`.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from docx.opc.oxml import parse_xml

from llm_audit.extract.draft import Refused

MOST_ENTRIES = 1000
MOST_INFLATED = 50_000_000
MOST_RATIO, RATIO_FROM = 100, 1_000_000  # small entries may be as regular as they like

# Pictures, sounds, fonts and the workbooks behind charts: never unpacked here, so that a blank bitmap is no bomb.
_MEDIA = ("/media/", "/embeddings/", "/fonts/", "/thumbnail")
_DECLARATIONS = ("<!DOCTYPE", "<!ENTITY")
_STRICT = (
    (b"http://purl.oclc.org/ooxml/officeDocument/relationships", b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"),
    (b"http://purl.oclc.org/ooxml/officeDocument/math", b"http://schemas.openxmlformats.org/officeDocument/2006/math"),
    (b"http://purl.oclc.org/ooxml/wordprocessingml/main", b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"),
    (b"http://purl.oclc.org/ooxml/presentationml/main", b"http://schemas.openxmlformats.org/presentationml/2006/main"),
    (b"http://purl.oclc.org/ooxml/drawingml/", b"http://schemas.openxmlformats.org/drawingml/2006/"),
)  # fmt: skip


class Relation(NamedTuple):
    """A reference from one part to another.

    Attributes:
        id: by which the part refers to it.
        kind: the last word of its type: "footnotes", "image", "hyperlink".
        target: name of the part; an address, if it is outside of the document.
        external: whether it is outside of the document.
    """

    id: str
    kind: str
    target: str
    external: bool


class Package:
    """The parts of one Office document."""

    def __init__(self, data: bytes, kind: str, only: tuple[str, ...] = ()) -> None:
        """Open an archive after checking it.

        Args:
            data: its bytes.
            kind: what the document should be, such as "Word document", for messages.
            only: suffixes of the names of the parts that will be read; none: all but pictures and the like are checked.

        Raises:
            Refused: it is damaged, or made to exhaust or to deceive who reads it.
        """
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except zipfile.BadZipFile:
            raise Refused(f"is damaged: it is not a whole {kind}") from None
        names = [name for name in self._archive.namelist() if not only or name.lower().endswith(only)]
        self._names = {name.lower(): name for name in names}
        _check(self._archive, only)

    def has(self, name: str) -> bool:
        """Whether there is such a part."""
        return name.lower() in self._names

    def bytes_of(self, name: str) -> bytes:
        """The bytes of a part; names are compared without regard to case, as Office does."""
        return self._archive.read(self._names[name.lower()])

    def xml(self, name: str) -> Any:
        """The root element of a part."""
        data: Any = self.bytes_of(name)
        if b"purl.oclc.org/ooxml" in data:
            for strict, usual in _STRICT:
                data = data.replace(strict, usual)
        return parse_xml(data)

    def relations(self, name: str = "") -> list[Relation]:
        """The references of a part; without a name, those of the package."""
        folder, base = posixpath.split(name)
        part = posixpath.join(folder, "_rels", f"{base}.rels")
        if not self.has(part):
            return []
        return [_relation(element, folder) for element in self.xml(part) if element.get("Id") is not None]

    def related(self, name: str, kind: str) -> Iterator[str]:
        """Names of the parts of a kind that a part refers to and that are there."""
        for relation in self.relations(name):
            if relation.kind == kind and not relation.external and self.has(relation.target):
                yield relation.target

    def elsewhere(self) -> list[str]:
        """Kinds of external resources that the document refers to, sorted; hyperlinks do not count."""
        parts = [name for name in self._names.values() if name.endswith(".rels")]
        wanted = set()
        for part in parts:
            folder, base = posixpath.split(part)
            about = posixpath.join(posixpath.dirname(folder), base.removesuffix(".rels"))
            wanted |= {relation.kind for relation in self.relations(about) if relation.external}
        return sorted(wanted - {"hyperlink"})


def _relation(element: Any, folder: str) -> Relation:
    target = element.get("Target", "")
    external = element.get("TargetMode") == "External"
    if not external:
        target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
    return Relation(element.get("Id"), element.get("Type", "").rpartition("/")[2], target, external)


def _check(archive: zipfile.ZipFile, only: tuple[str, ...]) -> None:
    """Refuse an archive that is made to exhaust or to deceive its reader, before any XML is parsed.

    The directory's sizes can be relied on: zipfile never unpacks more of an entry than it says there.
    """
    entries = [entry for entry in archive.infolist() if not only or entry.filename.lower().endswith(only)]
    if len(entries) > MOST_ENTRIES:
        raise Refused(f"has {len(entries):,} parts, more than the {MOST_ENTRIES:,} of an honest document")
    entries = [entry for entry in entries if not any(kind in f"/{entry.filename}" for kind in _MEDIA)]
    inflated = sum(entry.file_size for entry in entries)
    if inflated > MOST_INFLATED:
        raise Refused(f"unpacks to {inflated / 1e6:,.0f} MB, more than {MOST_INFLATED // 1_000_000}: save it without images")
    for entry in entries:
        if entry.file_size > max(RATIO_FROM, MOST_RATIO * entry.compress_size):
            raise Refused(f"has a part that unpacks to more than {MOST_RATIO} times its size, like a zip bomb")
        content = archive.read(entry)
        if content.startswith(b"PK\x03\x04"):
            raise Refused("holds another archive, like a zip bomb")
        if not only and entry.filename.endswith((".xml", ".rels")) and _declares(content):
            raise Refused("declares a document type or entities, which no word processor writes")


def _declares(xml: bytes) -> bool:
    return any(word.encode(encoding) in xml for word in _DECLARATIONS for encoding in ("ascii", "utf-16-le", "utf-16-be"))
