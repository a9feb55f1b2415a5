"""The loop: blocks that are not judged yet go to an engine, and what comes back is written down at once.

Knows nothing of models: an engine is whatever turns blocks into records, here or on other machines, in any order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from llm_audit.errors import AuditError
from llm_audit.plan import Settings
from llm_audit.results import Verdict
from llm_audit.scan.corpus import Block, Corpus, Input
from llm_audit.scan.folder import Folder, Shard
from llm_audit.scan.header import Header, digest_of
from llm_audit.scan.record import Record, judge_block
from llm_audit.scoring.session import Session

Engine = Callable[[Iterable[Block]], Iterator[list[Record]]]
"""Judges blocks, each as a whole; yields the records of a block as soon as they are there."""


def local_engine(session: Session, settings: Settings) -> Engine:
    """The engine of this process: one block after the other."""
    return lambda blocks: (judge_block(block, session, settings) for block in blocks)


@dataclass
class Progress:
    """How far a run is. What a document comes to is known once all are judged; until then they are sorted by p alone."""

    documents: int  # that the run is to have judged in the end
    alpha: float
    judged: int = 0
    low: int = 0  # p <= alpha
    not_assessable: int = 0
    unreadable: int = 0
    damaged: int = 0  # lines of the journals that did not check out

    def count(self, unjudged: str | None, p_value: float | None) -> None:
        """One more document."""
        self.judged += 1
        self.low += p_value is not None and p_value <= self.alpha
        self.not_assessable += unjudged == Verdict.NOT_ASSESSABLE
        self.unreadable += unjudged == Verdict.ERROR


def scan(
    corpus: Corpus,
    inputs: Sequence[Input],
    folder: Folder,
    header: Header,
    engine: Engine,
    *,
    limit: int | None = None,
    shard: Shard | None = None,
    show: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Judge what is not judged yet: of all documents, of the first `limit`, or of those of a shard.

    Whatever ends it early, also an exception, costs the blocks in flight and nothing else: calling it again goes on.

    Raises:
        AuditError: the journal cannot be written, or the corpus changes on the way.
    """
    stop = min(header.documents, limit or header.documents)
    wanted = _part(corpus, inputs, stop, header.documents, shard)
    done = bytearray(header.documents)
    progress = Progress(wanted.count(1), header.manifest.alpha)
    for _, _, payload in folder.judged(header.key()):
        if payload is None:
            progress.damaged += 1
            continue
        record = json.loads(payload)
        if not done[record["position"]]:
            done[record["position"]] = 1
            if wanted[record["position"]]:
                progress.count(record["unjudged"], record["p_value"])
    show(progress)
    judging = False

    def waiting() -> Iterator[Block]:
        nonlocal judging
        for block in corpus.blocks(inputs, stop):
            end = block.first + len(block.items)
            if wanted[block.first] and done.count(0, block.first, end):
                judging = True
                yield block

    with folder.open_journal(header.key()) as journal:
        for records in engine(waiting()):
            # Of a block that a kill cut in two, the first half is there already.
            new = [record for record in records if not done[record.position]]
            journal.append([record.model_dump_json().encode() for record in new])
            for record in new:
                done[record.position] = 1
                progress.count(record.unjudged, record.p_value)
            show(progress)
    if judging and digest_of(list(corpus.inputs({file.sha256: file for file in inputs}))) != header.inputs:
        raise AuditError(
            f"The corpus changed while it was scanned, and what is in {folder.path} may be of either state: scan it anew into "
            "another folder."
        )
    return progress


def _part(corpus: Corpus, inputs: Sequence[Input], stop: int, documents: int, shard: Shard | None) -> bytearray:
    """A 1 for every document that the run is to judge."""
    if shard is None:
        return bytearray(b"\1") * stop + bytearray(documents - stop)
    part = bytearray(documents)
    for block in corpus.blocks(inputs, stop):
        if shard.takes(block):
            part[block.first : block.first + len(block.items)] = b"\1" * len(block.items)
    return part
