"""Labelled texts for training and evaluating classifiers: read, cut, de-duplicate, group.

JSON lines, also .gz or .xz: `text` and `label` (human | machine | machine-revised); optional `pair` (texts that share a
source), `domain`, `generator`, `population`, `source`, `shared_prefix_chars`. Knows nothing about models.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.stats.components import components
from llm_audit.text import beginning, fingerprints, scored
from llm_audit.text.lines import open_lines, parse

LABELS = ("human", "machine", "machine-revised")

FEWEST = 50
"""Fewest texts of either class on which a classifier is trained."""

RESERVED = {"all", "label", "domain", "generator", "length", "population"}
"""Fields by which benchmarks always group."""


@dataclass(frozen=True)
class Labelled:
    """One normalised text with its label and metadata; unknown metadata are empty strings.

    `whole`: the text before a shared prefix was cut off, if one was. `named_pair`: whether the pair comes from the data and
    not from the place in the file. `columns`: further fields that the user named, as (field, value). `group`: texts of one
    group are always on the same side of a split.
    """

    text: str
    label: str
    pair: str
    source: str = ""
    domain: str = ""
    generator: str = ""
    population: str = ""
    shared_prefix_chars: int = 0
    columns: tuple[tuple[str, str], ...] = ()
    whole: str = ""
    named_pair: bool = True
    group: str = field(default="", compare=False)

    @property
    def is_machine(self) -> bool:
        """Whether the label is `machine`."""
        return self.label == "machine"


@dataclass(frozen=True)
class LabelledTexts:
    """Labelled texts of a set of files, with notes on what was left out.

    Attributes:
        texts: in the order of the files, each text once, with `group` set: splits are by group.
        digests: file name -> SHA-256.
        notes: sentences for the user: duplicates, cut prefixes, contradictory labels.
    """

    texts: tuple[Labelled, ...]
    digests: dict[str, str]
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over texts and labels, in order."""
        content = json.dumps([(text.text, text.label) for text in self.texts])
        return hashlib.sha256(content.encode()).hexdigest()


def read_labelled(
    paths: Sequence[Path], text_field: str = "text", label_field: str = "label", columns: Sequence[str] = ()
) -> LabelledTexts:
    """Read the files, cut prefixes that a pair shares, drop repeated texts, group related texts.

    Raises:
        AuditError: a file that cannot be read, or a line that is no labelled text.
    """
    rows: list[Labelled] = []
    digests: dict[str, str] = {}
    if reserved := sorted(set(columns) & RESERVED):
        raise InvalidConfiguration(f"Texts are grouped by {reserved[0]!r} in any case, or the name is taken; leave it out.")
    for path in paths:
        digest = hashlib.sha256()
        rows += _rows(path, (text_field, label_field, columns), digest.update)
        digests[path.name if path.name not in digests else str(path)] = digest.hexdigest()
    if not rows:
        raise InvalidInput(f"{', '.join(map(str, paths))}: no labelled texts.")
    rows, cut = cut_shared_prefixes(rows)
    rows = [replace(row, text=scored(row.text)) for row in rows]
    first: dict[str, Labelled] = {}
    for row in rows:
        if row.text:
            first.setdefault(row.text, row)
    contradictory = {row.text for row in rows if row.text and first[row.text].label != row.label}
    kept = [row for row in first.values() if row.text not in contradictory]
    groups = components((f"pair {row.pair}", f"text {beginning(row.text)}") for row in kept)
    notes = []
    if cut:
        notes.append(f"The beginning that a machine text shares with its human text was cut off both: {cut:,} texts.")
    if repeated := len(rows) - len(first) - sum(not row.text for row in rows):
        notes.append(f"{repeated:,} repeated texts count once.")
    if contradictory:
        notes.append(f"{len(contradictory):,} texts occur under two labels and were left out.")
    texts = tuple(replace(row, group=groups(f"pair {row.pair}")) for row in kept)
    return LabelledTexts(texts, digests, tuple(notes))


_Fields = tuple[str, str, Sequence[str]]  # of the text, of the label, and further columns


def _rows(path: Path, fields: _Fields, digest: Callable[[bytes], object]) -> list[Labelled]:
    rows = []
    for number, line in enumerate(open_lines(path), start=1):
        digest(line)
        if line.strip():
            rows.append(_row(line, f"Line {number} of {path}", f"{path}:{number}", fields))
    return rows


def _row(line: bytes, where: str, name: str, fields: _Fields) -> Labelled:
    text_field, label_field, columns = fields
    row = parse(line)
    if isinstance(row, str):
        raise InvalidInput(f"{where} {row}; mend or remove it.")
    text, label = row.get(text_field), row.get(label_field)
    if not isinstance(text, str):
        raise InvalidInput(f"{where} has no text in the field {text_field!r}; choose another with --text-field.")
    if label not in LABELS:
        present = ", ".join(sorted(map(str, row)))
        raise InvalidInput(
            f"{where} has {label!r} in the field {label_field!r}, not one of {', '.join(LABELS)}; mend it, or choose another "
            f"field of {present} with --label-field."
        )
    shared = row.get("shared_prefix_chars") or 0
    if not isinstance(shared, int) or not shared >= 0:
        raise InvalidInput(f"{where} has shared_prefix_chars {shared!r}, not a number of characters; mend it.")
    known = {key: "" if row.get(key) is None else str(row[key]) for key in ("source", "domain", "generator", "population")}
    if missing := [column for column in columns if column not in row]:
        raise InvalidConfiguration(f"{where} has no field {missing[0]!r}; choose others with --group.")
    pair = name if row.get("pair") is None else str(row["pair"])
    extra = tuple((column, str(row[column])) for column in columns)
    return Labelled(text, label, pair, shared_prefix_chars=shared, columns=extra, named_pair=pair != name, **known)


def cut_shared_prefixes(rows: Sequence[Labelled]) -> tuple[list[Labelled], int]:
    """Cut the prefix that a machine text shares with its pair's human text off both, and count the texts cut.

    A human text is cut once for every different length that a machine text shares with it. A machine text is cut even if its
    human text is missing.
    """
    by_pair: dict[str, list[Labelled]] = {}
    for row in rows:
        if row.label == "human":
            by_pair.setdefault(row.pair, []).append(row)
    pieces: dict[int, list[Labelled]] = {}
    out: list[Labelled] = []
    cut = 0
    for row in rows:
        if row.label == "human" or not row.shared_prefix_chars:
            continue
        shared = row.shared_prefix_chars
        for human in by_pair.get(row.pair, []):
            if human.text[:shared] == row.text[:shared]:
                pieces.setdefault(id(human), []).append(
                    replace(human, text=human.text[shared:], whole=human.text, shared_prefix_chars=0)
                )
                break
    for row in rows:
        if row.label != "human":
            shared = row.shared_prefix_chars
            cut += bool(shared)
            out.append(replace(row, text=row.text[shared:], whole=row.text if shared else "", shared_prefix_chars=0))
        else:
            remainders = list(dict.fromkeys(pieces.get(id(row), [])))
            cut += len(remainders)
            out += remainders or [row]
    return out, cut


def marks(text: Labelled) -> NDArray[np.uint64]:
    """Fingerprints of a text, by which it is recognised in other data: cut and uncut, and of its pair if that is named.

    A pair's name alone, such as "17", means nothing outside its own file.
    """
    names = [f"{text.source} {text.pair}"] if text.named_pair and text.source else []
    return fingerprints([text.text, *([text.whole] if text.whole else [])], names)


def check_trainable(texts: Sequence[Labelled]) -> None:
    """Refuse data that no classifier can be trained on.

    Raises:
        AuditError: fewer than `FEWEST` texts of either class.
    """
    counts = Counter(text.label for text in texts)
    for label in ("human", "machine"):
        if not counts[label]:
            raise InvalidInput(f"There are no texts labelled {label!r}; training needs both human and machine texts.")
        if counts[label] < FEWEST:
            raise InvalidInput(f"There are only {counts[label]} texts labelled {label!r}; training needs {FEWEST} or more.")
