"""A corpus as blocks of documents, read lazily, always cut in the same places.

The block is the unit of everything: scored together, written down together, given to one shard or worker. A document's
position in the corpus is its identity. Knows nothing of scores.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from llm_audit.errors import AuditError
from llm_audit.plan import read_texts
from llm_audit.results import Document
from llm_audit.text import RECORDS, RawText, Source, discover

BLOCK_CHARACTERS = 16_000
"""Of a block, about: 4,000 tokens, ten seconds on two cores. A kill costs one block."""

BLOCK_DOCUMENTS = 256
"""At most, in a block."""

Item = Source | RawText | Document
"""A document not read yet, read, or found unreadable."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive documents.

    Attributes:
        number: of the block in the corpus, from 0.
        first: position of its first document.
        items: the documents; those that are files of their own are read by whoever judges them.
    """

    number: int
    first: int
    items: tuple[Item, ...]

    def read(self) -> list[RawText | Document]:
        """Every document's text, or why there is none."""
        return [next(read_texts([item])) if isinstance(item, Source) else item for item in self.items]


class Input(NamedTuple):
    """A file of the corpus.

    Attributes:
        size: bytes; 0 if it cannot be read.
        sha256: of the file; empty if it cannot be read.
        documents: in it, counting those that cannot be read.
    """

    name: str
    size: int
    sha256: str
    documents: int


@dataclass(frozen=True)
class Corpus:
    """Files and what they hold; `text_field` is that of the text in files of many records."""

    sources: Sequence[Source]
    text_field: str = "text"

    def inputs(self, known: dict[str, Input]) -> Iterator[Input]:
        """All files with their digests; documents are counted where a file is not `known`, by digest."""
        for source in self.sources:
            size, digest = _digest(source)
            if digest in known:
                count = known[digest].documents
            else:
                count = sum(1 for _ in read_texts([source], self.text_field)) if source.kind in RECORDS else 1
            yield Input(source.name, size, digest, count)

    def blocks(self, inputs: Sequence[Input], limit: int) -> Iterator[Block]:
        """The first `limit` documents, in blocks that depend on the corpus alone."""
        number, first, cost, waiting = 0, 0, 0, list[Item]()
        for item, size in self._items(inputs):
            if first + len(waiting) == limit:
                break
            waiting.append(item)
            cost += size
            if cost >= BLOCK_CHARACTERS or len(waiting) == BLOCK_DOCUMENTS:
                yield Block(number, first, tuple(waiting))
                number, first, cost, waiting = number + 1, first + len(waiting), 0, []
        if waiting:
            yield Block(number, first, tuple(waiting))

    def _items(self, inputs: Sequence[Input]) -> Iterator[tuple[Item, int]]:
        """Every document and its size: characters or, unread, bytes."""
        for source, listed in zip(self.sources, inputs, strict=True):
            if source.kind in RECORDS:
                for entry in read_texts([source], self.text_field):
                    yield entry, len(entry.text) if isinstance(entry, RawText) else 0
            else:
                yield source, listed.size


def open_corpus(paths: Sequence[str], text_field: str) -> Corpus:
    """The files behind paths and folders.

    Raises:
        AuditError: standard input is among them, which cannot be read a second time.
    """
    sources = discover(paths)
    if any(source.path is None for source in sources):
        raise AuditError("A scan that goes on reads its corpus again: name files or folders, not '-'.")
    return Corpus(sources, text_field)


def _digest(source: Source) -> tuple[int, str]:
    """Size and SHA-256 of a file; 0 and nothing if there is no reading it."""
    assert source.path is not None
    try:
        if not stat.S_ISREG(source.path.stat().st_mode):  # a pipe would wait for a writer
            return 0, ""
        with source.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), digest
    except (OSError, ValueError):
        return 0, ""
