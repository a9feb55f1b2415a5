"""How often human texts of unusual kinds are flagged: songs, definitions, recipes, parables, jokes, collected for `fortune`.

`python -m benchmarks.unusual FOLDER` prints a table of `docs/measurements/false-alarms.md`. FOLDER holds the files of Debian's
package `fortunes` (`apt-get download fortunes; dpkg-deb -x fortunes_*.deb .`, then `usr/share/games/fortunes`), whose entries
people wrote long before models did. They may be in the training data of any model.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import llm_audit
from llm_audit.results import Document
from llm_audit.setup import Setup

FILES = (
    *("songs-poems", "literature", "tao", "wisdom", "definitions", "food", "medicine", "law", "education", "kids", "love"),
    *("sports", "work", "knghtbrd"),
)
"""Files of the package with one entry or more that is long enough."""

LEAST_WORDS = 90
MOST = 10
"""Entries of a file, by a hash of each."""


def entries(path: Path) -> list[str]:
    """The entries of a file that are long enough, in the order of a hash."""
    found = (entry.strip() for entry in re.split(r"(?m)^%\s*$", path.read_text(encoding="utf-8", errors="replace")))
    long = {entry for entry in found if len(entry.split()) >= LEAST_WORDS}
    return sorted(long, key=lambda entry: hashlib.sha256(entry.encode()).digest())[:MOST]


def row(name: str, documents: list[Document]) -> str:
    """A line of the table."""
    p = [one.combined.p_value for one in documents if one.combined and one.combined.p_value is not None]
    flagged = " | ".join(str(sum(value <= level for value in p)) for level in (0.05, 0.01, 0.002))
    return f"| {name} | {len(p)} | {flagged} | {len(documents) - len(p)} | {min(p, default=1):.2g} |"


def main(folder: Path) -> None:
    """Judge the entries and print a line for each file, and one for all."""
    print(
        "| file | texts judged | p <= .05 | p <= .01 | p <= .002 | not assessable | smallest p |\n|---|---|---|---|---|---|---|"
    )
    judged: list[Document] = []
    with Setup(offline=True).open() as ready:
        for name in FILES:
            texts = [llm_audit.Text(entry, name=f"{name} {n}") for n, entry in enumerate(entries(folder / name))]
            documents = list(llm_audit.detect(texts, setup=ready, keep_text=False).documents)
            print(row(name, documents), flush=True)
            judged += documents
    print(row("all", judged))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
