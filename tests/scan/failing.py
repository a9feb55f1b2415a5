"""Under strace, which makes the `WHEN`-th call of every process fail: scans in which that is the first, second, ... of theirs.

    strace -f -e inject=write:error=EIO:when=WHEN python -m tests.scan.failing CORPUS FOLDER CALL

Each scan is a fork, so that everything is imported once; it first makes so many calls without effect that its k-th is the
one to fail. Prints a line a scan.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import jinja2
import pyarrow.parquet

from llm_audit.common.errors import AuditError
from llm_audit.scanning import corpus as corpora
from tests.scan.driver import FINAL, run

WHEN = 400
IMPORTED = (jinja2, pyarrow.parquet)


def idle(call: str) -> Callable[[], object]:
    """A call without effect, which fails only because strace says so."""
    path = Path(tempfile.mkdtemp()) / "idle"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    return {
        "write": lambda: os.write(descriptor, b""),
        "pwrite64": lambda: os.pwrite(descriptor, b"", 0),
        "fsync": lambda: os.fsync(descriptor),
        "ftruncate": lambda: os.ftruncate(descriptor, 0),
        "rename": lambda: path.rename(path),
    }[call]


def scan(corpus: str, out: Path, call: Callable[[], object], k: int | None) -> tuple[str, bool]:
    """How a scan ends, and whether its k-th call was one of its own; k None: nothing fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        said, own = "finished", True
        for _ in range(WHEN - k if k else 0):
            call()
        try:
            run([corpus], out)
        except AuditError as error:
            said = f"refused: {error}"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        if k:
            try:
                for _ in range(WHEN):
                    call()
            except OSError:
                own = False
        answer = json.dumps([said, own]).encode()
        # Its own writing may be what fails: then the second try does not.
        while answer:
            try:
                answer = answer[os.write(writing, answer) :]
            except OSError:
                continue
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said, own = json.loads(pipe.read())
    os.waitpid(child, 0)
    return said, own


def main() -> None:
    corpus, folder, name = sys.argv[1:]
    corpora.BLOCK_DOCUMENTS = 7
    call = idle(name)
    undisturbed = Path(folder) / "undisturbed"
    scans = []
    assert scan(corpus, undisturbed, call, None)[0] == "finished"
    for k in itertools.count(1):
        out = Path(folder) / f"out-{k}"
        said, own = scan(corpus, out, call, k)
        again = said if said == "finished" else scan(corpus, out, call, None)[0]
        same = all((out / file).read_bytes() == (undisturbed / file).read_bytes() for file in FINAL)
        scans.append({"k": k, "own": own, "said": said, "again": again, "same": same})
        if not own:
            break
    sys.stdout.write("\n".join(map(json.dumps, scans)))


if __name__ == "__main__":
    main()
