"""T17 to T22: documents made to exhaust or deceive their reader are refused or bounded, in time and memory, by one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from fixtures.hostile.build import HOSTILE
from llm_audit.extract import MEMORY, SECONDS

# What each must come to; "" for a text.
EXPECTED = {
    "paragraphs.docx": "unpacks to more than 100 times its size",
    "one-node.docx": "unpacks to 200 MB",
    "40-mb-node.docx": "unpacks to more than 100 times its size",
    "nested-zip.docx": "",  # among the pictures, where nobody unpacks it
    "many-parts.docx": "parts, more than the 1,000",
    "lying-sizes.docx": "cannot be read as a Word document",
    "deep.docx": "cannot be read as a Word document",
    "48-mb-of-paragraphs.docx": "needs more than 1 GB of memory|takes too long",
    "doctype.docx": "declares a document type",
    "doctype-utf16.docx": "declares a document type",
    "external-entity.docx": "declares a document type",
    "remote-template.docx": "",
    "encrypted-part.docx": "cannot be read as a Word document",
    "cut.docx": "is damaged",
    "no-document.docx": "like a zip bomb",
    "60-mb-stream.pdf": "takes too long|no page that can be read",  # a fast machine gets to its end
    "200-mb-stream.pdf": "no page that can be read",
    "many-40-mb-streams.pdf": "takes too long|no page that can be read",
    "packed-twice.pdf": "no page that can be read",
    "deep-pages.pdf": "cannot be read as a PDF document",
    "circular-pages.pdf": "cannot be read as a PDF document",
    "circular-forms.pdf": "has no text, only images or empty pages",
    "nested-array.pdf": "cannot be read as a PDF document",
    "encrypted.pdf": "has a password",
    "image-only.pdf": "has no text, only images or empty pages",
    "cut.pdf": "cannot be read as a PDF document",
    "nested.html": "nested too deeply",
    "attributes.html": "",
    "quotes.md": "no text beside code and markup",
    "brackets.md": "",
    "emphasis.md": "",
    "endless-line.jsonl": "is longer than 20 MB",
    "endless-line.jsonl.gz": "like a bomb",
    "endless-line.jsonl.xz": "like a bomb",
    "endless-line.jsonl.zst": "like a bomb",
    "same-line.jsonl.gz": "like a bomb",
    "nested.jsonl": "nested too deeply",
    "objects.jsonl": "has no text in the field",
    "quote.csv": "a quote that is not closed",
    "columns.csv": "is empty",
    "same-row.parquet": "",
    "cut-footer.parquet": "cannot be read as a Parquet file",
    "no-footer.parquet": "cannot be read as a Parquet file",
}
# Those that time stops are given less of it, but for slow tests.
TO_THE_LIMIT = ("48-mb-of-paragraphs.docx", "60-mb-stream.pdf", "many-40-mb-streams.pdf")

WITHOUT_A_CHILD = (".jsonl", ".gz", ".xz", ".zst", ".csv")

READ = """
import json, re, subprocess, sys, threading, time
from llm_audit.text import RawText, child, discover, read_all

def most(pid):
    found = re.search(r"VmHWM:\\s+(\\d+) kB", open(f"/proc/{pid}/status").read())
    return int(found[1]) * 1024 if found else None  # of one that ended, nothing is known

class Watched(subprocess.Popen):  # not `ru_maxrss`: that begins with what the process held that started it
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        threading.Thread(target=self.watch, daemon=True).start()
    def watch(self):
        try:
            while peak := most(self.pid):  # a high-water mark: what is missed are the last 5 ms
                peaks.append(peak)
                time.sleep(0.005)
        except OSError:
            pass

peaks, subprocess.Popen = [0], Watched
child.SECONDS = int(sys.argv[1])
began, texts, reason = time.monotonic(), 0, ""
for entry in read_all(discover(sys.argv[2:])):
    if isinstance(entry, RawText):
        texts += 1
    else:
        reason = entry.reason
print(json.dumps([texts, reason, time.monotonic() - began, max(peaks), most("self")]))
"""


class Outcome(NamedTuple):
    texts: int
    reason: str
    seconds: float
    childs_memory: int
    own_memory: int


def outcome(tmp_path: Path, name: str, seconds: int = SECONDS) -> Outcome:
    """What reading it in a process of its own came to."""
    (tmp_path / name).write_bytes(HOSTILE[name]())
    command = [sys.executable, "-c", READ, str(seconds), str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return Outcome(*json.loads(done.stdout))


def test_every_hostile_document_has_an_expected_end() -> None:
    assert set(EXPECTED) == set(HOSTILE)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of its memory")
@pytest.mark.parametrize("name", EXPECTED)
def test_t17_to_t22_hostile_documents_are_refused_or_bounded(tmp_path: Path, name: str) -> None:
    limit = 2 if name in TO_THE_LIMIT else SECONDS
    found = outcome(tmp_path, name, limit)
    if EXPECTED[name]:
        assert any(said in found.reason for said in EXPECTED[name].split("|")), found.reason
        assert found.reason.endswith(".")
        assert "\n" not in found.reason
    else:
        assert found.texts and not found.reason
    assert found.seconds < 2 * limit + 60  # a machine may be busy; what a child computes is limited by its kernel
    assert found.childs_memory < 1.1 * MEMORY
    assert found.own_memory < MEMORY
    assert (found.childs_memory > 5e6) == (Path(name).suffix not in WITHOUT_A_CHILD)


@pytest.mark.slow
@pytest.mark.parametrize("name", TO_THE_LIMIT)
def test_t17_and_t19_bombs_end_after_half_a_minute_and_at_a_gigabyte(tmp_path: Path, name: str) -> None:
    found = outcome(tmp_path, name)
    print(found)
    assert any(said in found.reason for said in EXPECTED[name].split("|")), found.reason
    assert found.childs_memory < 1.1 * MEMORY
    assert found.seconds < SECONDS + 5
