"""The child process: limits itself, reads one document from standard input, answers in lines of JSON.

A line is an answer of the parser, or {"error": REASON}, where the reason reads on from the document's name.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import sys
from collections.abc import Iterator
from typing import BinaryIO

from llm_audit.extract import MEMORY, SECONDS
from llm_audit.extract.draft import Empty, Refused

_KINDS = {
    "docx": "a Word document",
    "pdf": "a PDF document",
    "html": "a web page",
    "markdown": "Markdown",
    "parquet": "a Parquet file",
    "odt": "an OpenDocument text",
    "rtf": "a rich text (RTF) document",
    "epub": "an e-book (EPUB)",
    "pptx": "a PowerPoint presentation",
    "doc": "an old Word document",
    "ipynb": "a notebook",
    "tex": "LaTeX",
    "rst": "reStructuredText",
    "asciidoc": "AsciiDoc",
    "org": "an Org file",
    "subtitles": "subtitles",
    "mail": "an e-mail",
    "zip": "a zip archive",
}


def main() -> None:
    """Run `python -m llm_audit.extract KIND [OPTION...]`."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, MEMORY)
    _grant_time()
    kind, *options = sys.argv[1:]
    for answer in answers(sys.stdin.buffer, kind, *options):
        sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        sys.stdout.buffer.flush()
        _grant_time()


def answers(stream: BinaryIO, kind: str, *options: str) -> Iterator[object]:
    """The answers of a kind's parser about one document, errors included; never raises."""
    try:
        yield from importlib.import_module(f"llm_audit.extract.{kind}").read(stream, *options)
    except Empty as reason:
        yield {"error": str(reason), "nothing": True}
    except Refused as reason:
        yield {"error": str(reason)}
    except ModuleNotFoundError as error:
        yield {"error": f"needs the package {error.name}: run `pip install 'llm-audit[formats]'`"}
    except MemoryError:
        yield {"error": f"needs more than {MEMORY // 10**9} GB of memory to read: save it as plain text and try again"}
    except RecursionError:
        yield {"error": "is nested too deeply to read: save it as plain text and try again"}
    except Exception:  # whatever a parser raises on a hostile document
        yield {"error": f"cannot be read as {_KINDS[kind]}: it is damaged or not finished; save it again, or as plain text"}


def _grant_time() -> None:
    """Renew the time limit for the next answer."""
    used = os.times()
    _limit(resource.RLIMIT_CPU, int(used.user + used.system) + SECONDS)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    with contextlib.suppress(ValueError, OSError):  # macOS has no limit on memory
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


if __name__ == "__main__":
    main()
