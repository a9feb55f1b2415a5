"""A whole scan but for the model: what a document comes to is drawn from its text. For faults in everything around it.

python -m tests.scan.driver CORPUS DIR
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from llm_audit.common.errors import AuditError
from llm_audit.detectors.registry import described
from llm_audit.reports.write import write_report
from llm_audit.results import Corpus as CorpusReport
from llm_audit.results import Manifest, ModelIdentity, Verdict
from llm_audit.scanning import corpus as corpora
from llm_audit.scanning.corpus import Block, Corpus, Input, open_corpus
from llm_audit.scanning.folder import Folder, Shard
from llm_audit.scanning.header import Header, digest_of
from llm_audit.scanning.record import Record
from llm_audit.scanning.results import write_results
from llm_audit.scanning.run import Engine, scan
from llm_audit.text import RawText

FINAL = ("results.jsonl", "results.parquet", "report.html", "summary.json")
N = 199
"""Reference documents that the p-values pretend to come from."""


def record_of(position: int, entry: RawText | object, block: Block) -> Record:
    """What a text comes to: a small p-value for one in ten, and for some none."""
    name = getattr(entry, "name", "")
    common = {"position": position, "name": name, "encoding": None, "language": "en", "notes": (), "detectors": {}}
    if not isinstance(entry, RawText) or "unjudged" in entry.text:
        verdict = Verdict.NOT_ASSESSABLE if isinstance(entry, RawText) else Verdict.ERROR
        nothing = dict.fromkeys(("sha256", "text_digest", "tokens", "p_value", "p_floor", "n"))
        return Record(**common, **nothing, characters=0, unjudged=verdict, reason=getattr(entry, "summary", "It says so."))
    digest = hashlib.sha256(entry.text.encode()).hexdigest()
    drawn = int(digest[:8], 16)
    p = 1 / (N + 1) if drawn % 10 == 0 else (1 + drawn % (N + 1)) / (N + 1)
    return Record(
        **common, sha256=digest, text_digest=digest[:32], characters=len(entry.text), tokens=len(entry.text.split()),
        unjudged=None, reason=None, p_value=p, p_floor=1 / (N + 1), n=N,
    )  # fmt: skip


def judge(block: Block) -> list[Record]:
    """The records of a block."""
    return [record_of(position, entry, block) for position, entry in enumerate(block.read(), start=block.first)]


def engine(blocks: Iterable[Block]) -> Iterator[list[Record]]:
    """The local engine, with another judge."""
    return (judge(block) for block in blocks)


def header_of(corpus: Corpus, inputs: Sequence[Input], alpha: float = 0.1) -> Header:
    manifest = Manifest(
        version="1", command=("scan",), started="2026-01-01T00:00:00+00:00", alpha=alpha, population="drawn",
        model=ModelIdentity(name="m", digest="0" * 64, dtype="float32"), population_digest="d" * 64,
        detectors=("AUD101",), packages={"numpy": "2"}, threads=1,
    )  # fmt: skip
    return Header(
        manifest=manifest, device="cpu", text_field="text", weights={}, files=len(inputs),
        documents=sum(file.documents for file in inputs), inputs=digest_of(inputs),
    )  # fmt: skip


def run(
    paths: Sequence[str],
    where: Path,
    judging: Engine = engine,
    *,
    limit: int | None = None,
    shard: Shard | None = None,
    alpha: float = 0.1,
) -> CorpusReport | None:
    """Scan, and write all results; None for a shard, which has none."""
    corpus = open_corpus(paths, "text")
    with Folder(where, shard) as folder:
        inputs = list(corpus.inputs({file.sha256: file for file in folder.known_inputs()}))
        header = folder.begin(header_of(corpus, inputs, alpha), inputs)
        scan(corpus, inputs, folder, header, judging, limit=limit, shard=shard)
        if shard:
            return None
        report, place = write_results(folder, header, "texts drawn at random", limit)
        for name in ("report.html", "summary.json"):
            write_report(report, place / name, described)
        assert report.corpus
        folder.tidy(report.corpus.complete)
    return report.corpus


def final(where: Path) -> dict[str, bytes]:
    """The files of a complete scan."""
    return {name: (where / name).read_bytes() for name in FINAL}


def main() -> int:
    """Run as a command; blocks are small, so that there are many."""
    corpora.BLOCK_DOCUMENTS = 7
    try:
        run([sys.argv[1]], Path(sys.argv[2]))
    except AuditError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
