"""A corpus as blocks of documents, read lazily, always cut in the same places.

The block is the unit of work: its documents are scored together, written to the journal together, given to one shard or
worker. A document's position in the corpus is its identity. Knows nothing of scores.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from llm_audit.common.errors import InvalidInput
from llm_audit.common.files import sha256_of
from llm_audit.results import Document
from llm_audit.scanning.remote import Remote, is_remote, listed, local_copy
from llm_audit.text import RECORDS, Passed, RawText, Source, survey
from llm_audit.text.documents import read_texts

BLOCK_CHARACTERS = 16_000
"""Approximate characters of a block: 4,000 tokens, ten seconds on two cores. A kill costs one block."""

BLOCK_DOCUMENTS = 256
"""Most documents in a block."""


class Input(NamedTuple):
    """A file of the corpus.

    Attributes:
        size: bytes; 0 if it cannot be read.
        sha256: of the file; empty if it cannot be read.
        documents: number of documents in it, unreadable ones included.
    """

    name: str
    size: int
    sha256: str
    documents: int


@dataclass(frozen=True, slots=True)
class Unopened:
    """A document that is a file of its own and is read only when it is judged."""

    source: Source | Remote
    input: Input

    def read(self) -> RawText | Document:
        """The text, or why there is none.

        Raises:
            InvalidInput: here is another file than that of the scan.
        """
        with local_copy(self.source) as local:
            _check(local, self.input)
            return next(read_texts([local]))


Item = Unopened | RawText | Document
"""A document not read yet, read, or found unreadable."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive documents.

    Attributes:
        first: position of its first document.
        items: the documents.
    """

    first: int
    items: tuple[Item, ...]

    def read(self) -> list[RawText | Document]:
        """Every document's text, or why there is none."""
        return [item.read() if isinstance(item, Unopened) else item for item in self.items]


@dataclass(frozen=True)
class Section:
    """Files whose documents share no block with other files: one file of many records, or successive single documents.

    Where its blocks begin depends on these files alone: any machine that has them can read it.
    """

    sources: Sequence[Source | Remote]
    inputs: Sequence[Input]
    text_field: str
    first: int
    keep: tuple[str, ...] = ()

    @property
    def stop(self) -> int:
        """Position after its last document."""
        return self.first + sum(file.documents for file in self.inputs)

    def blocks(self, limit: int) -> Iterator[Block]:
        """Its documents at positions before `limit`, in blocks.

        Raises:
            InvalidInput: here is another file than that of the scan.
        """
        first, cost, waiting = self.first, 0, list[Item]()
        for item, size in self._items():
            if first + len(waiting) == min(limit, self.stop):
                break
            waiting.append(item)
            cost += size
            if cost >= BLOCK_CHARACTERS or len(waiting) == BLOCK_DOCUMENTS:
                yield Block(first, tuple(waiting))
                first, cost, waiting = first + len(waiting), 0, []
        if waiting:
            yield Block(first, tuple(waiting))

    def _items(self) -> Iterator[tuple[Item, int]]:
        """Every document and its size: in characters or, if it is not read yet, in bytes."""
        for source, known in zip(self.sources, self.inputs, strict=True):
            if source.kind not in RECORDS:
                yield Unopened(source, known), known.size
                continue
            with local_copy(source) as local:
                _check(local, known)
                for entry in read_texts([local], self.text_field, keep=self.keep):
                    yield entry, len(entry.text) if isinstance(entry, RawText) else 0


@dataclass(frozen=True)
class Corpus:
    """The files of a corpus; of records, `text_field` holds the text, and the fields `keep` go with it into the results."""

    sources: Sequence[Source | Remote]
    text_field: str = "text"
    keep: tuple[str, ...] = ()
    passed: tuple[Passed, ...] = ()

    def named(self, known: Sequence[Input]) -> Corpus:
        """The same files under the names that they had when the scan began, however they are spelled now."""
        sources = [
            replace(source, name=before.name) if isinstance(source, Source) else source
            for source, before in zip(self.sources, known, strict=True)
        ]
        return replace(self, sources=sources)

    def inputs(self, known: dict[str, Input]) -> Iterator[Input]:
        """All files with digest and number of documents, which is counted only where the digest is not `known`."""
        for source in self.sources:
            with local_copy(source) as local:
                size, digest = _digest(local)
                if digest in known:
                    count = known[digest].documents
                else:
                    count = sum(1 for _ in read_texts([local], self.text_field)) if source.kind in RECORDS else 1
            yield Input(source.name, size, digest, count)

    def looks_like(self, known: Sequence[Input]) -> bool:
        """Whether these may be the `known` files, by number and size or, behind a URL, by name; no file is read.

        Enough for a shard: the files that it reads are checked by digest, and the scan that collects the shards checks all.
        """
        return len(known) == len(self.sources) > 0 and all(
            source.name == before.name if isinstance(source, Remote) else (_size(source) or 0) == before.size
            for source, before in zip(self.sources, known, strict=True)
        )

    def sections(self, inputs: Sequence[Input]) -> Iterator[Section]:
        """The corpus in order, as sections; no block crosses their borders."""
        first = 0
        pairs = enumerate(zip(self.sources, inputs, strict=True))
        for _, group in groupby(pairs, key=lambda pair: pair[0] if pair[1][0].kind in RECORDS else -1):
            sources, listed = zip(*(pair for _, pair in group), strict=True)
            section = Section(sources, listed, self.text_field, first, self.keep)
            yield section
            first = section.stop

    def blocks(self, inputs: Sequence[Input], limit: int) -> Iterator[Block]:
        """The first `limit` documents, in blocks that depend on the corpus alone."""
        for section in self.sections(inputs):
            if section.first < limit:
                yield from section.blocks(limit)


def open_corpus(paths: Sequence[str], text_field: str, keep: tuple[str, ...] = ()) -> Corpus:
    """List the files of a corpus: first those at paths and in folders, then those behind URLs.

    Raises:
        InvalidInput: standard input is among them, which cannot be read a second time; or a URL cannot be listed.
    """
    inputs = survey([path for path in paths if not is_remote(path)])
    local = inputs.sources
    if any(source.path is None for source in local):
        raise InvalidInput("A scan that goes on reads its corpus again: name files or folders, not '-'.")
    remote = dict.fromkeys(file for path in paths if is_remote(path) for file in listed(path))
    return Corpus([*local, *remote], text_field, keep, inputs.passed)


def _check(source: Source, known: Input) -> None:
    """Refuse a file that differs from the one with which the scan began, on this or another machine."""
    if _digest(source) != (known.size, known.sha256):
        raise InvalidInput(
            f"{source.name} is not here what it was when the scan began: leave the corpus as it is and, on a cluster, where "
            "every machine has it, in a shared file system or behind a URL such as s3://."
        )


def _digest(source: Source) -> tuple[int, str]:
    """Size and SHA-256 of a file; 0 and "" if it cannot be read."""
    assert source.path is not None
    try:
        size = _size(source)
        return (0, "") if size is None else (size, sha256_of(source.path))
    except (OSError, ValueError):
        return 0, ""


def _size(source: Source) -> int | None:
    """The size of a file in bytes; None if it is no regular file, or cannot be looked at."""
    assert source.path is not None
    try:
        status = source.path.stat()
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None  # a pipe would wait for a writer
