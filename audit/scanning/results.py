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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidInput
from llm_audit.detectors.integrity.base import find_rules
from llm_audit.detectors.registry import described
from llm_audit.reports.wording import limits as wording
from llm_audit.reports.wording.corpus import ASSUMPTIONS, NULL, summary
from llm_audit.results import Corpus, Coverage, Discovery, Manifest, NotRead, Ranked, Report, Unread, Verdict
from llm_audit.results.discovery import Family, judge
from llm_audit.scanning.files import failing, replacing
from llm_audit.scanning.folder import Folder
from llm_audit.scanning.header import Header
from llm_audit.scanning.record import Record
from llm_audit.scanning.table import Table, can_write, columns

SHOWN = 100
"""Documents named in the report; all are in the results."""

ROWS = "results.jsonl"
"""File of the single documents, beside the report."""

_READ = ("name", "verdict", "q_value", "p_value", "p_floor", "tokens", "text_digest", "reason")


class _Index(NamedTuple):
    """Where the records are, in the order of the corpus, and what decides their verdicts. All arrays are (documents,)."""

    journal: NDArray[np.int64]
    offset: NDArray[np.int64]
    p_value: NDArray[np.float64]  # NaN where a document was not judged
    p_floor: NDArray[np.float64]
    text: NDArray[np.uint64]  # the same for the same text


@dataclass
class Summary:
    """Counts and lists over the rows of a corpus, filled while the rows pass by in their order."""

    ranks: dict[int, int]  # position -> place among the most unusual
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    unread: list[Unread] = field(default_factory=list)
    ranked: dict[int, Ranked] = field(default_factory=dict)

    @classmethod
    def of(cls, p_value: NDArray[np.float64], judged: Family) -> Summary:
        """An empty one, which knows which rows are the most unusual: each text once, of equal p-values the first."""
        candidates = np.flatnonzero(judged.first)
        order = candidates[np.argsort(p_value[candidates], kind="stable")][:SHOWN]
        return cls({int(i): place for place, i in enumerate(order)})

    def add(self, i: int, row: Mapping[str, Any]) -> None:
        """Count the row of a document, the `i`-th."""
        verdict = Verdict(row["verdict"])
        self.verdicts[verdict] += 1
        if verdict is Verdict.ERROR and len(self.unread) < SHOWN:
            self.unread.append(Unread(name=row["name"], reason=row["reason"] or ""))
        if i in self.ranks:
            self.ranked[self.ranks[i]] = Ranked(**{name: row[name] for name in Ranked.model_fields})

    def fields(self, judged: Family, manifest: Manifest) -> dict[str, Any]:
        """The fields of a `Corpus` that follow from its rows."""
        tested = judged.discovery.tests
        return {
            "included": sum(self.verdicts.values()),
            "verdicts": {verdict: self.verdicts[verdict] for verdict in Verdict},
            "copies": int(np.count_nonzero(np.isfinite(judged.q_value))) - tested,
            "discovery": judged.discovery,
            "ranked": tuple(self.ranked[place] for place in sorted(self.ranked)),
            "unread": tuple(self.unread),
            **stated(judged.discovery, manifest),
        }


def stated(discovery: Discovery, manifest: Manifest) -> dict[str, Any]:
    """The sentences of a `Corpus`, by their fields."""
    return {"summary": summary(discovery), "null": NULL.format(manifest.population), "assumptions": ASSUMPTIONS}


def report_of(corpus: Corpus, manifest: Manifest, not_read: tuple[NotRead, ...] = ()) -> Report:
    """The report on a corpus, and on what its folders hold and was not read.

    When, where and in how many steps it was scanned is not in it: equal corpora, equal reports.
    """
    counts = corpus.verdicts
    unjudged = counts[Verdict.NOT_ASSESSABLE], counts[Verdict.ERROR]
    made = Report(
        question=wording.SCAN,
        manifest=manifest.model_copy(update={"command": (), "started": None, "finished": None, "threads": None}),
        coverage=Coverage(
            found=corpus.included,
            scored=corpus.included - sum(unjudged),
            not_assessable=unjudged[0],
            unreadable=unjudged[1],
        ),
        subjects=(corpus,),
        not_read=not_read,
        limits=(),
    )
    return wording.with_limits(made, described)


def write_results(folder: Folder, header: Header, description: str, limit: int | None = None) -> tuple[Report, Path]:
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
    counted = Summary.of(index.p_value, judged)
    with ExitStack() as stack:
        lines = stack.enter_context(replacing(where / ROWS))
        table = None
        if can_write():
            file = stack.enter_context(replacing(where / "results.parquet"))
            table = stack.enter_context(Table(file, listed, complete))
        for i, record in enumerate(_records(index, journals)):
            row = _row(record, judged, i, header, listed)
            counted.add(i, row)
            lines.write(json.dumps(row).encode() + b"\n")
            if table:
                table.add(row)
    corpus = Corpus(
        complete=complete,
        documents=header.documents,
        limit=limit,
        files=header.files,
        inputs=header.inputs,
        text_field=header.text_field,
        population_description=description,
        **counted.fields(judged, manifest),
    )
    return report_of(corpus, manifest.model_copy(update={"device": header.device}), header.not_read), where


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a scan's results, one document each. Raises InvalidInput: a line is none of them."""
    with failing("read", path), path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
                yield {name: row[name] for name in _READ}
            except (ValueError, KeyError, TypeError, RecursionError):
                raise InvalidInput(f"{path}, line {number}, is no row of a scan: scan again into the same folder.") from None


def judged_again(path: Path, alpha: float) -> tuple[Family, NDArray[np.float64]]:
    """The verdicts that the rows of a scan's results lead to, and their p-values. Arrays are (documents,)."""
    p_values, floors, texts = array("d"), array("d"), array("Q")
    for row in read_rows(path):
        tested = row["p_value"] is not None
        p_values.append(row["p_value"] if tested else np.nan)
        floors.append(row["p_floor"] if tested else np.nan)
        texts.append(int(row["text_digest"][:16], 16) if tested else 0)
    p_value = np.asarray(p_values)
    return judge(p_value, np.asarray(floors), np.asarray(texts), alpha), p_value


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
    if record.unjudged is not Verdict.ERROR:
        row |= {name: 0 for name in listed if name.startswith("AUD")} | record.tampering
    row |= {f"field_{name}": record.kept.get(name, "null") for name in header.keep}
    if header.id_field is not None:
        row["id"] = _plain(record.kept.get(header.id_field, "null"))
    return {name: row.get(name) for name in listed}


def _plain(value: str) -> str | None:
    """A value of JSON as a word: strings as they are."""
    found = json.loads(value)
    return found if found is None or isinstance(found, str) else value
