"""Count the token frequencies of a corpus of any size: in one pass, in constant memory, continued after an interruption.

Knows nothing about models or what the table is for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.progress import Progress, silent
from llm_audit.common.terminal import terminal_safe
from llm_audit.detectors.membership.frequencies import Frequencies, read_counts, write_counts
from llm_audit.scoring.vocabulary import tokenizer_digest, vocabulary_size
from llm_audit.text.lines import open_lines, parse

BATCH = 256
"""Most texts tokenised together; fewer if they have `BATCH_CHARACTERS`."""

BATCH_CHARACTERS = 1_000_000

CHECKPOINT = 4096
"""Number of texts after which the counts so far are saved."""

MOST_PROBLEMS = 10
"""Most malformed lines that are described; the others are only counted."""

SQUEEZE = {".gz": 3, ".xz": 4}
"""Usual compression ratio of text, to estimate the progress through a compressed file."""


class Counted(NamedTuple):
    """A frequency table, and the lines that were left out of it.

    Attributes:
        frequencies: counts over all other lines.
        malformed: how many lines were left out.
        problems: one sentence for each of the first `MOST_PROBLEMS`, with file and line.
    """

    frequencies: Frequencies
    malformed: int
    problems: tuple[str, ...]


class _Read(BaseModel):
    """The part of a file that was read: its length and its digest."""

    lines: int
    sha256: str


class _Partial(BaseModel):
    """The metadata of `OUTPUT.partial` beside the counts: `read` has an entry per file begun; the last may be unfinished."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["llm-audit partial token frequencies 1"] = "llm-audit partial token frequencies 1"
    tokenizer: str
    text_field: str
    files: tuple[str, ...]
    documents: int = 0
    malformed: int = 0
    problems: tuple[str, ...] = ()
    read: tuple[_Read, ...] = ()

    @property
    def command(self) -> tuple[object, ...]:
        """The settings that must be equal for a run to be continued."""
        return self.tokenizer, self.text_field, self.files


def count_corpus(
    paths: Sequence[Path],
    tokenizer: Any,
    *,
    name: str,
    description: str,
    text_field: str,
    output: Path,
    progress: Progress = silent,
) -> Counted:
    """Count the tokens of every text, write the table to `output`, and return it.

    Every `CHECKPOINT` texts the counts and the position are kept in `OUTPUT.partial`; after an interrupt the same call
    continues there and ends with the same table, bit for bit. A malformed line is left out and reported; it stops nothing.

    Args:
        paths: .jsonl (a text in `text_field` of each line), .txt or .md (a text on each line), also .gz or .xz.
        tokenizer: from `model.load_tokenizer`.
        name: of the table, as reports print it.
        description: of the corpus, as a sentence.
        text_field: of JSON lines.
        output: a new file.
        progress: gets the share of bytes read, in [0, 1].

    Raises:
        AuditError: an input cannot be read or is of another kind, or has changed since the run that is to be continued; the
            corpus has no text; the table cannot be written.
    """
    if output.exists():
        raise InvalidConfiguration(f"Cannot write {output}: it exists already.")
    for path in paths:
        if _kind(path) not in (".jsonl", ".txt", ".md"):
            raise InvalidInput(f"{path} is no corpus: name .jsonl, .txt or .md files, plain or packed as .gz or .xz.")
    kept = output.with_name(f"{output.name}.partial")
    names = [terminal_safe(str(path)) for path in (*paths, text_field)]  # of any bytes, and JSON holds text
    fresh = _Partial(tokenizer=tokenizer_digest(tokenizer), files=tuple(names[:-1]), text_field=names[-1])
    counts, state = _continued(kept, fresh) or (np.zeros(vocabulary_size(tokenizer), np.int64), fresh)
    reader, waiting, saved = _Reader(paths, state.read, progress), _Batch(tokenizer, counts), state.documents
    write_counts(kept, counts, state)  # a place that cannot be written to is better known now than in an hour
    for path, number, line in reader:
        text, problem = _text(path, line, text_field)
        if text:
            waiting.add(text)
        elif problem:
            state.malformed += 1
            if len(state.problems) < MOST_PROBLEMS:
                state.problems += (terminal_safe(f"Line {number:,} of {path} {problem}."),)
        if waiting.full:
            state.documents += waiting.count()
            if state.documents - saved >= CHECKPOINT:
                state.read, saved = reader.position, state.documents
                write_counts(kept, counts, state)
    state.documents += waiting.count()
    if not state.documents:
        kept.unlink()
        raise InvalidInput(f"The corpus has no text that can be counted ({state.malformed:,} malformed lines).")
    table = Frequencies(counts, state.tokenizer, name, description, state.documents)
    table.save(output)
    kept.unlink()
    return Counted(table, state.malformed, state.problems)


class _Batch:
    """A batch of texts to be tokenised together and added to the counts."""

    def __init__(self, tokenizer: Any, counts: NDArray[np.int64]) -> None:
        self._tokenizer, self._counts = tokenizer, counts
        self._texts: list[str] = []
        self._characters = 0

    @property
    def full(self) -> bool:
        return len(self._texts) >= BATCH or self._characters >= BATCH_CHARACTERS

    def add(self, text: str) -> None:
        self._texts.append(text)
        self._characters += len(text)

    def count(self) -> int:
        """Count and remove the waiting texts; return their number."""
        done = len(self._texts)
        for encoding in self._tokenizer.encode_batch_fast(self._texts, add_special_tokens=False):
            np.add.at(self._counts, encoding.ids, 1)
        self._texts.clear()
        self._characters = 0
        return done


class _Reader:
    """Reader of the lines of several files in turn, which skips those that an earlier run read if they are unchanged."""

    def __init__(self, paths: Sequence[Path], read: Sequence[_Read], progress: Progress) -> None:
        self._paths, self._read, self._progress = paths, read, progress
        self._sizes = [_size(path) for path in paths]
        self._begun: list[tuple[int, Any]] = []

    @property
    def position(self) -> tuple[_Read, ...]:
        """The position after the last line that was yielded."""
        return tuple(_Read(lines=lines, sha256=digest.hexdigest()) for lines, digest in self._begun)

    def __iter__(self) -> Iterator[tuple[Path, int, bytes]]:
        """Yield (file, line number, line)."""
        sizes = self._sizes
        for index, (path, size) in enumerate(zip(self._paths, sizes, strict=True)):
            before = self._read[index] if index < len(self._read) else None
            finished = index + 1 < len(self._read)
            digest, number, unpacked = hashlib.sha256(), 0, 0
            self._begun.append((0, digest))
            for number, line in enumerate(open_lines(path), start=1):
                digest.update(line)
                unpacked += len(line)
                self._begun[index] = (number, digest)
                if number % BATCH == 0:
                    share = min(unpacked / SQUEEZE.get(path.suffix.lower(), 1), size)
                    self._progress((sum(sizes[:index]) + share) / max(sum(sizes), 1))
                if before and number == before.lines:
                    _same(path, before, digest)
                if not before or number > before.lines:
                    if finished:
                        raise _changed_error(path)
                    yield path, number, line
            if before and number < before.lines:
                raise _changed_error(path)
        self._progress(1.0)


def _kind(path: Path) -> str:
    """The suffix that decides how lines are read."""
    return Path(path.stem if path.suffix.lower() in SQUEEZE else path.name).suffix.lower()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error


def _text(path: Path, line: bytes, text_field: str) -> tuple[str, str]:
    """The text on a line, and the fault ("is not UTF-8") if it lacks one. A blank line has neither."""
    if not line.strip():
        return "", ""
    if _kind(path) != ".jsonl":
        try:
            return line.decode("utf-8-sig").rstrip("\r\n"), ""
        except UnicodeDecodeError:
            return "", "is not UTF-8"
    row = parse(line)
    if isinstance(row, str):
        return "", row
    text = row.get(text_field)
    return (text, "") if isinstance(text, str) and text else ("", f"has no text in a field {text_field!r}")


def _continued(kept: Path, fresh: _Partial) -> tuple[NDArray[np.int64], _Partial] | None:
    """Counts and position of an interrupted run of the same command; None if there was none."""
    if not kept.exists():
        return None
    try:
        counts, state = read_counts(kept, _Partial)
    except ValueError as error:
        raise InvalidInput(f"{kept} is damaged: delete it to begin anew.") from error
    if state.command != fresh.command:
        raise InvalidConfiguration(
            f"{kept} is of another command (files, model, field): repeat that one, or delete it to begin anew."
        )
    return counts, state


def _same(path: Path, before: _Read, digest: Any) -> None:
    if digest.hexdigest() != before.sha256:
        raise _changed_error(path)


def _changed_error(path: Path) -> InvalidInput:
    return InvalidInput(f"{path} has changed since the run that is to be continued: delete the .partial file to begin anew.")
