"""Documents and tables read by a child process, which may hang, crash or run out of memory without harm to this one.

The child limits its memory and computing time (see `llm_audit.extract`); this end limits the time by the clock and the size of
an answer. Between them passes JSON and nothing else.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from threading import Thread, Timer
from typing import IO, Any, BinaryIO

from llm_audit.extract import SECONDS as COMPUTING
from llm_audit.text.decode import Nothing, Unreadable

SECONDS = 4 * COMPUTING
"""Most seconds by the clock for an answer; generous, since a busy machine must not make a harmless document look hostile."""

MOST_BYTES = 100_000_000
"""Most bytes of one answer, enough for the longest text with its places."""


def extract(kind: str, name: str, data: bytes) -> dict[str, Any]:
    """The text, places and notes of one document: the answer of `llm_audit.extract.draft.Draft`.

    Args:
        kind: a module of `llm_audit.extract`: docx, pdf, html, markdown.
        name: of the document, for messages.
        data: its bytes; of HTML, Markdown and other markup, in UTF-8.

    Raises:
        Unreadable: there is no text, or the child failed.
    """
    with _running(kind, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        Thread(target=_feed, args=(child.stdin, data), daemon=True).start()
        answer = _answer(child, name)
    if answer is None:
        raise Unreadable(f"{name} cannot be read: its reader ended without an answer.")
    document: dict[str, Any] = answer
    return document


def rows(name: str, file: BinaryIO, text_field: str, keep: Sequence[str] = ()) -> Iterator[list[Any]]:
    """The rows of a Parquet file: the text of a column, None or {"error": why} where there is none; then other columns as JSON.

    Raises:
        Unreadable: on the way, if there is no such column, the file is damaged, or the child failed.
    """
    with _running("parquet", text_field, *keep, stdin=file) as child:
        while (batch := _answer(child, name)) is not None:
            yield from batch


def members(name: str, data: bytes) -> Iterator[tuple[str, bytes | None]]:
    """Name and bytes of each file in a zip archive, in order; None where it is too large or protected.

    Raises:
        Unreadable: on the way: the archive is damaged or made to exhaust its reader, or the child failed.
    """
    with _running("zip", stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        Thread(target=_feed, args=(child.stdin, data), daemon=True).start()
        while (answer := _answer(child, name)) is not None:
            content = answer["content"]
            yield answer["name"], None if content is None else base64.b64decode(content)


@contextlib.contextmanager
def _running(kind: str, *options: str, stdin: int | IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    # -P: a file docx.py in the working folder must not be taken for the package.
    command = [sys.executable, "-P", "-m", "llm_audit.extract", kind, *options]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    try:
        child = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    except OSError as error:
        raise Unreadable(f"No process could be started to read a document ({error.strerror}): close other programs.") from error
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError), pipe:  # the child may end before it has read everything
        pipe.write(data)


def _answer(child: subprocess.Popen[bytes], name: str) -> Any:
    """The next answer; None once the child has given all of them and ended well."""
    assert child.stdout is not None
    began = time.monotonic()
    clock = Timer(SECONDS, child.kill)
    clock.start()
    try:
        line = child.stdout.readline(MOST_BYTES)
    finally:
        clock.cancel()
    if line.endswith(b"\n"):
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise (Nothing if answer.get("nothing") else Unreadable)(f"{name} {answer['error']}.")
        return answer
    if line and child.poll() is None:
        raise Unreadable(f"{name} holds more text than fits in {MOST_BYTES // 1_000_000} MB: split it into smaller files.")
    code = child.wait()
    if code == 0 and not line:
        return None
    if code == -signal.SIGXCPU or time.monotonic() - began >= SECONDS:
        raise Unreadable(f"{name} takes too long to read, like a document made to exhaust its reader: save it as plain text.")
    ending = f"exit code {code}" if code >= 0 else f"signal {-code}"
    raise Unreadable(f"{name} made its reader fail ({ending}): save it as plain text and try again.")
