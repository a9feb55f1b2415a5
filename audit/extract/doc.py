"""Old Word documents (.doc), through a converter that is installed: antiword or catdoc."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from llm_audit.extract import SECONDS
from llm_audit.extract.draft import Draft, Refused

_CONVERTERS = (("antiword", "-m", "UTF-8.txt", "-w", "0"), ("catdoc", "-d", "utf-8", "-w"))


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one document, with "paragraph 3" as places. What is formatted as hidden is left out by antiword alone."""
    command = next((command for command in _CONVERTERS if shutil.which(command[0])), None)
    if command is None:
        raise Refused("is an old Word document: save it as .docx, or install antiword, and try again")
    from llm_audit.common.files import scratch  # of our modules, this reader alone needs one

    with tempfile.TemporaryDirectory() as folder:  # neither reads it from standard input
        path = Path(folder, "old.doc")
        with scratch(path) as file:
            file.write(stream.read())
        done = subprocess.run([*command, path], capture_output=True, timeout=SECONDS, check=False)
    draft = Draft()
    text = done.stdout.decode("utf-8", "replace")
    for number, paragraph in enumerate(filter(None, map(str.strip, text.split("\n"))), start=1):
        cells = [cell.strip() for cell in paragraph.strip("|").split("|")]
        if paragraph.startswith("|") and paragraph.endswith("|"):
            draft.add("\t".join(filter(None, cells)), f"paragraph {number}", end="\n", apart="table")
        elif paragraph != "[pic]":
            draft.add(paragraph, f"paragraph {number}")
    draft.notes.append(f"Read by {command[0]}: white letters and text boxes of old Word documents are not told apart.")
    yield draft.answer(f"holds no text that {command[0]} can read: save it as .docx and try again")
