"""Collections of texts for audits of training data: the texts, their order, and their documents.

Knows nothing about models or tests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from llm_audit.common.errors import AuditError, InvalidInput
from llm_audit.reports.wording import notes
from llm_audit.text import PLAIN, Unreadable, discover, read
from llm_audit.text.lines import open_lines, parse

_TABLES = (".csv", ".tsv", ".parquet")
_JSON_LINES = (".jsonl", ".jsonl.gz", ".jsonl.xz", ".jsonl.zst")


@dataclass(frozen=True)
class Item:
    """One text of a collection.

    Attributes:
        text: as read; line endings are "\\n".
        name: its place: "essays.jsonl:17", or the path of its file.
        document: texts of one document are never split and count as one independent unit; by default the name.
        date: as given, or "".
        group: known group of a labelled benchmark, such as repetitions in training, or "".
        token_ids, prompt: of a generation, as its line of JSON has them; None: not there.
    """

    text: str
    name: str
    document: str
    date: str = ""
    group: str = ""
    token_ids: tuple[int, ...] | None = None
    prompt: str | None = None


@dataclass(frozen=True)
class Collection:
    """Texts in the order of their files.

    Attributes:
        items: without those that could not be read.
        digest: SHA-256 over the texts in order, with date, group, and which of them are one document.
        total: number of lines and files, the malformed ones included.
        malformed: one sentence for each that was left out, with its line number.
    """

    items: tuple[Item, ...]
    digest: str
    total: int
    malformed: tuple[str, ...] = ()

    @property
    def documents(self) -> tuple[str, ...]:
        """Each document once, in order."""
        return tuple(dict.fromkeys(item.document for item in self.items))


def collect(items: Iterable[Item], total: int | None = None, malformed: Sequence[str] = ()) -> Collection:
    """The collection of these items; `total`: lines and files; None: as many as there are items."""
    kept = tuple(items)
    number: dict[str, int] = {}
    digest = hashlib.sha256()
    for item in kept:
        fields = [item.text, number.setdefault(item.document, len(number)), item.date, item.group]
        digest.update(json.dumps(fields).encode() + b"\n")
    return Collection(kept, digest.hexdigest(), len(kept) if total is None else total, tuple(malformed))


def read_collection(paths: Sequence[str | Path], *, text_field: str = "text") -> Collection:
    """Read JSON lines (.jsonl, also .gz, .xz or .zst), text files, and folders of text files, in this order.

    A line has its text in `text_field` and may have `document`, `date` and `group`. The same document name means the same
    document in all files. Texts stay as they are (training data is not normalised) but for "\\r\\n", which becomes "\\n", and
    the last line ending. A line or text file that holds no text is left out and named in `malformed`.

    Raises:
        AuditError: nothing is left, a path does not exist, or a file of JSON lines cannot be read to its end.
    """
    entries, malformed = _read(paths, text_field)
    return collect((item for item, _ in entries), len(entries) + len(malformed), malformed)


def split_by_label(
    paths: Sequence[str | Path], *, text_field: str = "text", label_field: str = "member"
) -> tuple[Collection, Collection]:
    """Read suspects (label true or 1) and held-out texts (false or 0) out of the same files; otherwise as `read_collection`.

    A line without a label is malformed. What is malformed has no side: it is counted and named with the suspects.

    Raises:
        AuditError: also if all labels are the same.
    """
    entries, malformed = _read(paths, text_field, label_field)
    sides = {label: [item for item, row in entries if row[label_field] == label] for label in (True, False)}
    for label, others in ((True, "false"), (False, "true")):
        if not sides[label]:
            raise InvalidInput(
                f"{_listed(paths)}: every label in the field {label_field!r} is {others}; a comparison needs members (true) "
                f"and texts that were not trained on (false)."
            )
    suspects = collect(sides[True], len(sides[True]) + len(malformed), malformed)
    return suspects, collect(sides[False])


_Row = dict[str, Any]


def _read(
    paths: Sequence[str | Path], text_field: str, label_field: str | None = None
) -> tuple[list[tuple[Item, _Row]], list[str]]:
    """The items, each with its fields, and a sentence for everything that is no item."""
    entries, malformed = [], []
    for name, where, row in _rows(paths, text_field):
        fault = row if isinstance(row, str) else _fault(row, text_field, label_field)
        if isinstance(row, dict) and not fault:
            entries.append((_item(row, name, text_field), row))
        else:
            malformed.append(where(fault))
    if not entries:
        first = f" The first of {len(malformed):,} faults: {malformed[0]}" if malformed else ""
        raise InvalidInput(f"{_listed(paths)}: there is no text that can be read.{first}")
    return entries, malformed


def _rows(paths: Sequence[str | Path], text_field: str) -> Iterator[tuple[str, Callable[[str], str], _Row | str]]:
    """For every line and text file: its name, a function that writes the note on a fault, and its fields or the fault."""
    files = list(map(Path, paths))
    if twice := next((path for path in files if sum(path.resolve() == other.resolve() for other in files) > 1), None):
        raise InvalidInput(f"{twice} is named twice; its texts would count twice. Name each file once.")
    for path in files:
        if not path.exists():
            raise InvalidInput(f"No such file: {path}. Check the path.")
        if path.suffix.lower() in _TABLES and not path.is_dir():
            raise InvalidInput(f"{path} is a table, and would be read as one text; save its rows as JSON lines (.jsonl).")
        if path.name.lower().endswith(_JSON_LINES) and not path.is_dir():
            for number, line in enumerate(open_lines(path), start=1):
                if line.strip():
                    yield f"{path}:{number}", partial(_note_on_line, str(path), number), parse(line)
            continue
        for source in discover([str(path)], PLAIN):
            try:
                yield source.name, partial(_note_on_file, source.name), {text_field: read(source).text}
            except Unreadable as error:
                reason = str(error).rstrip(".")
                yield source.name, partial(_note_on_file, source.name), notes.UNREADABLE.write(reason=reason)


def _note_on_line(path: str, line: int, fault: str) -> str:
    return notes.LINE.write(line=line, path=path, fault=fault)


def _note_on_file(path: str, fault: str) -> str:
    return notes.FILE.write(path=path, fault=fault)


def _fault(row: _Row, text_field: str, label_field: str | None) -> str:
    if not isinstance(row.get(text_field), str):
        return notes.NO_TEXT.write(field=text_field)
    if not row[text_field].strip():
        return notes.EMPTY.write()
    if label_field is not None and row.get(label_field) not in (True, False):  # 1 and 0 are equal to them
        return notes.NO_LABEL.write(field=label_field)
    ids = row.get("token_ids", [])
    if not isinstance(ids, list) or not all(isinstance(token, int) and not isinstance(token, bool) for token in ids):
        return notes.NO_IDS.write()
    return ""


def _item(row: _Row, name: str, text_field: str) -> Item:
    document, date, group = ("" if row.get(field) is None else str(row[field]) for field in ("document", "date", "group"))
    ids, prompt = row.get("token_ids"), row.get("prompt")
    return Item(
        text=row[text_field].replace("\r\n", "\n").removesuffix("\n"),
        name=name,
        document=document or name,
        date=date,
        group=group,
        token_ids=None if ids is None else tuple(ids),
        prompt=prompt if isinstance(prompt, str) else None,
    )


@contextmanager
def naming_left_out(malformed: Sequence[str]) -> Iterator[None]:
    """A context that adds to an error how much was left out of a collection, and why the first."""
    try:
        yield
    except AuditError as error:
        if not malformed:
            raise
        left_out = f"{len(malformed):,} lines or files were" if len(malformed) > 1 else "One line or file was"
        raise type(error)(f"{error} {left_out} left out; the first: {malformed[0]}") from None


def _listed(paths: Sequence[str | Path]) -> str:
    return ", ".join(map(str, paths))
