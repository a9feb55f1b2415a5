"""The loop of a scan: blocks not judged yet go to an engine, and the returned records are written to the journal at once.

Knows nothing of models: an engine is any function that turns blocks into records, here or on other machines, in any order.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from llm_audit.common.errors import InvalidInput
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.judging import Settings
from llm_audit.results import Verdict
from llm_audit.scanning.corpus import Block, Corpus, Input, Section
from llm_audit.scanning.folder import Folder, Shard
from llm_audit.scanning.header import Header, digest_of
from llm_audit.scanning.record import Record, judge_block
from llm_audit.scoring.session import Session


@dataclass(frozen=True)
class Part:
    """A section of the corpus, with a flag (1 or 0) for each of its documents: whether it is still to be judged."""

    section: Section
    limit: int
    wanted: bytes

    def __iter__(self) -> Iterator[Block]:
        """The blocks with documents to be judged; the whole block is judged, so that its numbers are those of a first run."""
        for block in self.section.blocks(self.limit):
            start = block.first - self.section.first
            if 1 in self.wanted[start : start + len(block.items)]:
                yield block


class Work:
    """The documents not judged yet at the time of iteration: as blocks, or as parts to be sent to other machines."""

    def __init__(self, sections: Iterable[Section], limit: int, wanted: bytearray, done: bytearray) -> None:
        self._sections, self._limit, self._wanted, self._done = list(sections), limit, wanted, done

    def parts(self) -> Iterator[Part]:
        """The sections that hold documents to be judged."""
        for section in self._sections:
            both = zip(*(flags[section.first : section.stop] for flags in (self._wanted, self._done)), strict=True)
            wanted = bytes(wanted and not done for wanted, done in both)
            if 1 in wanted:
                yield Part(section, self._limit, wanted)

    def __iter__(self) -> Iterator[Block]:
        return (block for part in self.parts() for block in part)


Engine = Callable[[Work], Iterator[list[Record]]]
"""Function that judges blocks and yields the records of each block as soon as they are ready, in any order."""


def local_engine(session: Session, settings: Settings, jobs: int = 1, progress: Progress = silent) -> Engine:
    """The engine for this machine: it judges one block after the other or, with several `jobs`, some at a time.

    With one job, `progress` gets the share of the block that is done.
    """
    if jobs == 1:
        return lambda work: (judge_block(block, session, settings, progress) for block in work)

    def engine(work: Work) -> Iterator[list[Record]]:
        waiting: deque[Future[list[Record]]] = deque()
        threads = ThreadPoolExecutor(2 * jobs)  # while the processes score some blocks, others are read and judged
        try:
            for block in work:
                waiting.append(threads.submit(judge_block, block, session, settings))
                if len(waiting) > 2 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)

    return engine


@dataclass
class Tally:
    """Running counts of a scan. Verdicts need all documents; until then documents are counted by their p-values alone."""

    documents: int  # that the run is to have judged in the end
    alpha: float
    judged: int = 0
    low: int = 0  # p <= alpha
    not_assessable: int = 0
    unreadable: int = 0
    damaged: int = 0  # lines of the journals that did not check out
    share: float = 0.0  # done of the block at hand: a single long text takes minutes

    def count(self, unjudged: str | None, p_value: float | None) -> None:
        """Count one more document."""
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
    show: Callable[[Tally], None] = lambda tally: None,
    most_unreadable: int | None = None,
) -> Tally:
    """Judge the documents not judged yet: of the corpus, of its first `limit` documents, or of a shard.

    An early end, by an exception too, costs only the blocks in flight: calling it again continues.

    Raises:
        InvalidInput: the journal cannot be written, the corpus changes on the way, or more than `most_unreadable` documents
            cannot be read.
    """
    stop = min(header.documents, limit or header.documents)
    wanted = _wanted(corpus, inputs, stop, header, folder, shard)
    done = bytearray(header.documents)
    tally = Tally(wanted.count(1), header.manifest.alpha)
    for _, _, payload in folder.judged(header.key()):
        if payload is None:
            tally.damaged += 1
            continue
        record = json.loads(payload)
        if not done[record["position"]]:
            done[record["position"]] = 1
            if wanted[record["position"]]:
                tally.count(record["unjudged"], record["p_value"])
    show(tally)
    before = tally.judged
    work = Work(corpus.sections(inputs), stop, wanted, done)
    with folder.open_journal(header.key()) as journal:
        for records in engine(work):
            # Of a block that a kill cut in two, the first half is there already.
            new = [record for record in records if not done[record.position]]
            journal.append([record.model_dump_json().encode() for record in new])
            for record in new:
                done[record.position] = 1
                tally.count(record.unjudged, record.p_value)
            tally.share = 0.0
            show(tally)
            if most_unreadable is not None and tally.unreadable > most_unreadable:
                raise InvalidInput(
                    f"{tally.unreadable:,} documents cannot be read, more than the {most_unreadable:,} of --max-bad-rows; the "
                    f"last one is {_last_bad(records)}. What was judged is kept in {folder.path}."
                )
    # For a shard, the scan that collects all shards checks this: it begins by reading all files.
    if shard is not None or tally.judged == before:
        return tally
    if digest_of(list(corpus.inputs({file.sha256: file for file in inputs}))) != header.inputs:
        raise InvalidInput(
            f"The corpus changed while it was scanned, and what is in {folder.path} may be of either state: scan it anew into "
            "another folder."
        )
    return tally


def _last_bad(records: Sequence[Record]) -> str:
    return next((record.name for record in reversed(records) if record.unjudged is Verdict.ERROR), "an earlier one")


def _wanted(
    corpus: Corpus, inputs: Sequence[Input], stop: int, header: Header, folder: Folder, shard: Shard | None
) -> bytearray:
    """A flag for each document of the corpus: 1 if this run is to judge it."""
    if shard is None:
        return bytearray(b"\1") * stop + bytearray(header.documents - stop)
    sizes = folder.block_sizes(header.key())
    if sizes is None:  # the first shard reads all of the corpus for it, and the others none
        sizes = np.fromiter((len(block.items) for block in corpus.blocks(inputs, header.documents)), np.uint16)
        folder.keep_block_sizes(sizes, header.key())
    blocks = len(sizes) if stop == header.documents else int(np.searchsorted(np.cumsum(sizes, dtype=np.int64), stop)) + 1
    taken = shard.takes(blocks)
    first, last = (int(sizes[:edge].sum(dtype=np.int64)) for edge in (taken.start, taken.stop))
    first, last = min(first, stop), min(last, stop)
    return bytearray(first) + bytearray(b"\1") * (last - first) + bytearray(header.documents - last)
