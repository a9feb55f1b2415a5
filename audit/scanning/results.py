"""The end of a scan: the journals in the order of the corpus, the false discovery rate over all of it, the results.

Holds some hundred bytes a document; the records themselves pass through one at a time. What is written depends on the
corpus and the conditions alone, not on the way there.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.integrity.base import find_rules
from llm_audit.results import CorpusReport, Ranked, Unread, Verdict
from llm_audit.results.discovery import Family, judge, summary
from llm_audit.scanning.files import failing, replacing
from llm_audit.scanning.folder import Folder
from llm_audit.scanning.header import Header
from llm_audit.scanning.record import Record
from llm_audit.scanning.table import Table, can_write, columns
from llm_audit.scanning.words import ASSUMPTIONS, LIMITS, NULL

SHOWN = 100
"""Documents named in the report; all are in the results."""


class _Index(NamedTuple):
    """Where the records are, in the order of the corpus, and what decides their verdicts. All arrays are (documents,)."""

    journal: NDArray[np.int64]
    offset: NDArray[np.int64]
    p_value: NDArray[np.float64]  # NaN where a document was not judged
    p_floor: NDArray[np.float64]
    text: NDArray[np.uint64]  # the same for the same text


def write_results(folder: Folder, header: Header, description: str, limit: int | None = None) -> tuple[CorpusReport, Path]:
    """Write `results.jsonl` and, with pyarrow, `results.parquet`, and return the report and the folder that it belongs in.

    Args:
        folder: of a scan that no other process is writing to.
        header: of the scan.
        description: of the population, in one line.
        limit: leave out all but the first so many documents.

    Raises:
        AuditError: a file cannot be read or written.
    """
    key, stop = header.key(), min(header.documents, limit or header.documents)
    manifest, journals = header.manifest, folder.journals()
    index = _index(folder, journals, key, stop)
    judged = judge(index.p_value, index.p_floor, index.text, manifest.alpha)
    complete = len(index.offset) == header.documents
    where = folder.path if complete else folder.path / "partial"
    tampering = [rule.code for rule in find_rules()]
    listed = columns(manifest.detectors, tampering, header.keep, named=header.id_field is not None)
    verdicts: Counter[Verdict] = Counter()
    unread: list[Unread] = []
    rank = {int(i): place for place, i in enumerate(_most_unusual(index, judged))}
    ranked: dict[int, Ranked] = {}

    def rows() -> Iterator[dict[str, Any]]:
        for i, record in enumerate(_records(index, journals)):
            row = _row(record, judged, i, header, listed)
            verdicts[row["verdict"]] += 1
            if record.unjudged is Verdict.ERROR and len(unread) < SHOWN:
                unread.append(Unread(name=record.name, reason=record.reason or ""))
            if i in rank:
                ranked[rank[i]] = Ranked(
                    **{name: row[name] for name in ("name", "tokens", "verdict", "p_value", "p_floor", "q_value")}
                )
            yield row

    with ExitStack() as stack:
        lines = stack.enter_context(replacing(where / "results.jsonl"))
        table = None
        if can_write():
            file = stack.enter_context(replacing(where / "results.parquet"))
            table = stack.enter_context(Table(file, listed, complete))
        for row in rows():
            lines.write(json.dumps(row).encode() + b"\n")
            if table:
                table.add(row)
    report = CorpusReport(
        complete=complete,
        documents=header.documents,
        included=len(index.offset),
        limit=limit,
        verdicts={verdict: verdicts[verdict] for verdict in Verdict},
        copies=int(np.count_nonzero(~judged.first & np.isfinite(index.p_value))),
        discovery=judged.discovery,
        summary=summary(judged.discovery),
        null=NULL.format(manifest.population),
        assumptions=ASSUMPTIONS,
        limits=LIMITS,
        ranked=tuple(ranked[place] for place in sorted(ranked)),
        unread=tuple(unread),
        files=header.files,
        inputs=header.inputs,
        text_field=header.text_field,
        version=manifest.version,
        model=manifest.model,
        reference_model=manifest.reference_model,
        population=manifest.population or "",
        population_description=description,
        population_digest=manifest.population_digest or "",
        detectors=manifest.detectors,
        policy=manifest.policy,
        device=header.device,
        packages=manifest.packages,
    )
    return report, where


def _index(folder: Folder, journals: list[Path], key: bytes, stop: int) -> _Index:
    """The first sound record of every document before `stop`."""
    numbers = {path: number for number, path in enumerate(journals)}
    columns = {name: array(kind) for name, kind in zip(("position", *_Index._fields), "qqqddQ", strict=True)}
    seen = bytearray(stop)
    for path, offset, payload in folder.judged(key):
        record = json.loads(payload) if payload is not None else None
        if record is None or record["position"] >= stop or seen[record["position"]]:
            continue
        seen[record["position"]] = 1
        judged = record["p_value"] is not None
        values = (
            record["position"],
            numbers[path],
            offset,
            record["p_value"] if judged else np.nan,
            record["p_floor"] if judged else np.nan,
            int(record["text_digest"][:16], 16) if judged else 0,
        )
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    order = np.argsort(np.asarray(columns.pop("position")), kind="stable")
    return _Index(*(np.asarray(column)[order] for column in columns.values()))


def _most_unusual(index: _Index, judged: Family) -> NDArray[np.int64]:
    """The documents with the smallest p-values, each text once; of equal ones, the first in the corpus."""
    candidates = np.flatnonzero(judged.first)
    order = np.argsort(index.p_value[candidates], kind="stable")
    chosen: NDArray[np.int64] = candidates[order][:SHOWN]
    return chosen


def _records(index: _Index, journals: list[Path]) -> Iterator[Record]:
    with ExitStack() as stack:
        files = []
        for path in journals:
            with failing("read", path):
                files.append(stack.enter_context(path.open("rb")))
        for journal, offset in zip(index.journal, index.offset, strict=True):
            file = files[journal]
            if file.tell() != offset:
                file.seek(offset)
            yield Record.model_validate_json(file.readline().partition(b" ")[2])


def _row(record: Record, judged: Family, i: int, header: Header, listed: Mapping[str, str]) -> dict[str, Any]:
    """A document with its verdict within the corpus, by the columns of the results."""
    q = None if record.unjudged else float(judged.q_value[i])
    verdict = record.unjudged or judged.verdict(i)
    row = record.model_dump(exclude={"unjudged", "detectors", "tampering", "kept"}) | {"verdict": verdict, "q_value": q}
    row |= {f"p_{rule}": p for rule, p in record.detectors.items()}
    row |= {name: 0 for name in listed if name.startswith("AUD")} | record.tampering
    row |= {f"field_{name}": record.kept.get(name, "null") for name in header.keep}
    if header.id_field is not None:
        row["id"] = _plain(record.kept.get(header.id_field, "null"))
    return {name: row.get(name) for name in listed}


def _plain(value: str) -> str | None:
    """A value of JSON as a word: strings as they are."""
    found = json.loads(value)
    return found if found is None or isinstance(found, str) else value
