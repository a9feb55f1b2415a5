"""The end of a scan: the journals in the order of the corpus, the false discovery rate over all of it, the results.

Uses constant memory: the p-values are sorted on disk, and the records pass through one at a time. The results depend on the
corpus and the settings alone, not on interruptions, shards or engines.
"""

from __future__ import annotations

import heapq
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from math import nan
from pathlib import Path
from typing import Any, get_args

from llm_audit.common.errors import InvalidInput
from llm_audit.common.sorting import Rows
from llm_audit.detectors.integrity.base import find_rules
from llm_audit.detectors.origin.conclude import verdict_of_whole
from llm_audit.detectors.registry import described
from llm_audit.reports.wording import limits as wording
from llm_audit.reports.wording.corpus import ASSUMPTIONS, NULL, summary
from llm_audit.results import Corpus, Coverage, Discovery, Manifest, NotRead, Ranked, Report, Unread, Verdict, decide
from llm_audit.results.discovery import Family, Judged, judge, rows_of
from llm_audit.results.documents import Doubt
from llm_audit.scanning.files import failing, replacing
from llm_audit.scanning.folder import Folder
from llm_audit.scanning.header import Header
from llm_audit.scanning.record import Record
from llm_audit.scanning.table import Table, can_write, columns

SHOWN = 100
"""Most documents named in the report; the results hold all of them."""

ROWS = "results.jsonl"
"""Name of the file with one row per document, beside the report."""

TOGETHER = 1 << 12
"""Documents converted to columns at a time."""

_Test = tuple[float, float, int, int, int]
"""The arguments of `rows_of` for one document: p-value, floor, text, position, place."""

_READ = ("name", "verdict", "q_value", "p_value", "p_floor", "tokens", "text_digest", "reason")
_READ_IF_THERE = ("doubt", "omitted")
"""What rows of 0.2.0 and earlier do not have."""


@dataclass
class Summary:
    """Counts and lists over the rows of a corpus, which are added one by one in their order."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    unread: list[Unread] = field(default_factory=list)
    _unusual: list[tuple[float, int, Ranked]] = field(default_factory=list)  # a heap: the least unusual of them is the first

    def add(self, row: Mapping[str, Any], judged: Judged) -> None:
        """Count the row of the next document."""
        verdict = Verdict(row["verdict"])
        self.verdicts[verdict] += 1
        if verdict is Verdict.ERROR and len(self.unread) < SHOWN:
            self.unread.append(Unread(name=row["name"], reason=row["reason"] or ""))
        if judged.first and (len(self._unusual) < SHOWN or -row["p_value"] > self._unusual[0][0]):
            ranked = Ranked(**{name: row[name] for name in Ranked.model_fields})
            # Each text once; of equal p-values the first ones are kept.
            push = heapq.heappush if len(self._unusual) < SHOWN else heapq.heapreplace
            push(self._unusual, (-row["p_value"], -self.verdicts.total(), ranked))

    def fields(self, judged: Family, manifest: Manifest) -> dict[str, Any]:
        """The fields of a `Corpus` that follow from its rows."""
        unusual = sorted(self._unusual, key=lambda entry: entry[:2], reverse=True)
        return {
            "included": sum(self.verdicts.values()),
            "verdicts": {verdict: self.verdicts[verdict] for verdict in Verdict},
            "copies": judged.tested - judged.discovery.tests,
            "discovery": judged.discovery,
            "ranked": tuple(ranked for _, _, ranked in unusual),
            "unread": tuple(self.unread),
            **stated(judged.discovery, manifest),
        }


def stated(discovery: Discovery, manifest: Manifest) -> dict[str, Any]:
    """The sentences of a `Corpus`: field -> sentence."""
    return {"summary": summary(discovery), "null": NULL.format(manifest.population), "assumptions": ASSUMPTIONS}


def report_of(corpus: Corpus, manifest: Manifest, not_read: tuple[NotRead, ...] = ()) -> Report:
    """The report on a corpus, files that were not read included.

    It does not hold when, where and in how many steps the corpus was scanned: equal corpora give equal reports.
    """
    counts = corpus.verdicts
    unjudged = counts[Verdict.NOT_ASSESSABLE], counts[Verdict.ERROR]
    report = Report(
        question=wording.SCAN,
        manifest=manifest.model_copy(update={"command": (), "started": None, "finished": None, "threads": None}),
        coverage=Coverage(
            found=corpus.included,
            scored=corpus.included - sum(unjudged),
            not_assessable=unjudged[0],
            unreadable=unjudged[1],
            not_read=Coverage.entries(not_read),
        ),
        subjects=(corpus,),
        not_read=not_read,
        limits=(),
    )
    return wording.with_limits(report, described)


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
    with failing("write", folder.path):
        family = judge(_tests(folder, journals, key, stop), manifest.alpha, folder.path)
    complete = family.documents == header.documents
    where = folder.path if complete else folder.path / "partial"
    tampering = [rule.code for rule in find_rules()]
    listed = columns(manifest.detectors, tampering, header.keep, named=header.id_field is not None)
    counted = Summary()
    with ExitStack() as stack:
        lines = stack.enter_context(replacing(where / ROWS))
        table = None
        if can_write():
            file = stack.enter_context(replacing(where / "results.parquet"))
            table = stack.enter_context(Table(file, listed, complete))
        for record, judged in _records(family, journals, folder):
            row = _row(record, judged, header, listed)
            counted.add(row, judged)
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
        **counted.fields(family, manifest),
    )
    return report_of(corpus, manifest.model_copy(update={"device": header.device}), header.not_read), where


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of a scan's results, one document each. Raises InvalidInput: a line is no such row."""
    with failing("read", path), path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line_of_json = json.loads(line)
                row = {name: line_of_json[name] for name in _READ}
                row |= {name: line_of_json.get(name) for name in _READ_IF_THERE}
                _test(0, 0, row)
                if row["p_value"] is not None and not (0 <= row["p_value"] <= 1 and 0 <= row["p_floor"] <= 1):
                    raise ValueError
                if row["doubt"] not in (None, *get_args(Doubt)) or not 0 <= (row["omitted"] or 0) <= 1:
                    raise ValueError
            except (ValueError, KeyError, TypeError, RecursionError):
                raise InvalidInput(f"{path}, line {number}, is no row of a scan: scan again into the same folder.") from None
            yield row


def detectors_of(path: Path) -> list[str] | None:
    """Codes of the detectors whose p-values stand in the rows of a scan's results; None: there is no row."""
    with failing("read", path), path.open("rb") as file:
        first = file.readline()
    try:
        row = json.loads(first)
    except ValueError:
        return None
    return [name.removeprefix("p_") for name in row if name.startswith("p_AUD")] if isinstance(row, dict) else None


def judged_again(path: Path, alpha: float) -> Family:
    """Decide the verdicts again from the rows of a scan's results. Raises InvalidInput: a line is no such row."""
    tests = (_test(i, i, row) for i, row in enumerate(read_rows(path)))
    with failing("write", Path(tempfile.gettempdir())):
        return judge(_chunks(tests), alpha)


def verdict_of(row: Mapping[str, Any], judged: Judged, alpha: float) -> Verdict | None:
    """The verdict of a row with a p-value: within its family or, where a doubt keeps it out of that, by itself; else None.

    What `detect` and `gate` call undecidable does not pass here either.
    """
    if row["p_value"] is None:
        return None
    verdict = judged.verdict or decide(row["p_value"], row["p_floor"], alpha)
    return verdict_of_whole(verdict, row.get("doubt"), row.get("omitted"))


def _tests(folder: Folder, journals: list[Path], key: bytes, stop: int) -> Iterator[Rows]:
    """Rows from the undamaged records of documents before `stop`, each with its place in the journals."""
    numbers = {path: number for number, path in enumerate(journals)}
    lines = ((path, offset, json.loads(payload)) for path, offset, payload in folder.judged(key) if payload is not None)
    return _chunks(
        _test(record["position"], offset * len(journals) + numbers[path], record)
        for path, offset, record in lines
        if record["position"] < stop
    )


def _test(position: int, place: int, row: Mapping[str, Any]) -> _Test:
    if row["p_value"] is None or row.get("doubt") is not None:
        return nan, nan, 0, position, place
    return row["p_value"], row["p_floor"], int(row["text_digest"][:16], 16), position, place


def _chunks(tests: Iterator[_Test]) -> Iterator[Rows]:
    while some := list(islice(tests, TOGETHER)):
        yield rows_of(*zip(*some, strict=True))


def _records(family: Family, journals: list[Path], folder: Folder) -> Iterator[tuple[Record, Judged]]:
    """The records in the order of the corpus, each with its verdict within the family."""
    with ExitStack() as stack:
        files = []
        for path in journals:
            with failing("read", path):
                files.append(stack.enter_context(path.open("rb")))
        with failing("write", folder.path):
            for judged in family:
                offset, number = divmod(judged.place, len(journals))
                if files[number].tell() != offset:
                    files[number].seek(offset)
                yield Record.model_validate_json(files[number].readline().partition(b" ")[2]), judged


def _row(record: Record, judged: Judged, header: Header, listed: Mapping[str, str]) -> dict[str, Any]:
    """The row of a document in the results: its columns, with its verdict within the corpus."""
    row = record.model_dump(exclude={"unjudged", "detectors", "tampering", "kept"})
    row |= {"verdict": record.unjudged or verdict_of(row, judged, header.manifest.alpha), "q_value": judged.q_value}
    row |= {f"p_{rule}": p for rule, p in record.detectors.items()}
    if record.unjudged is not Verdict.ERROR:
        row |= {name: 0 for name in listed if name.startswith("AUD")} | record.tampering
    row |= {f"field_{name}": record.kept.get(name, "null") for name in header.keep}
    if header.id_field is not None:
        row["id"] = _plain(record.kept.get(header.id_field, "null"))
    return {name: row.get(name) for name in listed}


def _plain(value: str) -> str | None:
    """A JSON value as a string: the string itself, other values as JSON; None for null."""
    parsed = json.loads(value)
    return parsed if parsed is None or isinstance(parsed, str) else value
