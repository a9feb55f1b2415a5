"""The second batch of labelled texts, without what would give a source away: layout, masks, hard line breaks.

See the README of `../shared/data` for what the files are and for their licences.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from tools import corpus

FREE = (
    *("biscope", "freeflow", "alpaca", "hellobench", "arena"),
    *("ielts", "gutenberg", "speeches", "sermons", "podcasts", "vet", "acl", "f1000", "techspecs", "blogs", "guides"),
)
"""Files whose licences let a classifier be trained on them: machine text, then human text."""

MEASURED = ("ellipse", "asap", "usenet", "imdb", "bbc", "reuters", "court", "hppt", "aes_gpt", "eqcreative")
"""Files without such a licence: they calibrate and test."""

PAIRED = ("biscope",)
"""Free files with human and machine text of the same prompts."""

NO_DOCUMENT = ("asap", "aes_gpt", "freeflow")
"""Files whose `pair` is a prompt that many texts answer: they are divided by text."""

LEAST_WORDS = 100

_MASK = re.compile(r"@[A-Z]+\d*")
_BROKEN_LINE = re.compile(r"(?<=\S)[ \t]*\n[ \t]*(?=\S)")
_HEADING, _BOLD, _BULLET = re.compile(r"(?m)^#{1,6}\s+"), re.compile(r"\*\*(.+?)\*\*"), re.compile(r"(?m)^\s*[-*]\s+")


def plain(file: str, text: str) -> str:
    """The words alone: no mask of a name, no line break within a paragraph, no heading sign, asterisk or bullet."""
    if file == "asap":
        text = _MASK.sub("", text)
    if file in ("usenet", "reuters"):
        text = _BROKEN_LINE.sub(" ", text)
    return _BULLET.sub("", _BOLD.sub(r"\1", _HEADING.sub("", text)))


def unit(file: str, row: dict[str, Any]) -> str:
    """What is never divided: the texts of one document, or of one prompt of people and machines."""
    return str(row["id"] if file in NO_DOCUMENT else row["pair"] or row["id"])


def part(file: str, row: dict[str, Any]) -> str:
    """What a text is used for, by a hash of its unit; 15 of 100 test, human text of free files trains and calibrates.

    Of a unit that does not train, the human text may calibrate while machine text of the same prompt tests.
    """
    draw = int.from_bytes(hashlib.sha256(f"second {unit(file, row)}".encode()).digest()[:4], "big") % 100
    human, trains = row["label"] == "human", 60 if file in PAIRED else 25
    if draw >= 85 or (not human and (file not in FREE or row["label"] != "machine")):
        return "test"
    if not human:
        return "train" if file not in PAIRED or draw < trains else "test"
    return "train" if file in FREE and draw < trains else "calibration"


def documents() -> Iterator[dict[str, Any]]:
    """Every English document of the second batch that is long enough, as `training_data` reads them."""
    for file in (*FREE, *MEASURED):
        for row in corpus.rows(file):
            if row["language"] in ("en", "", None) and len(row["text"].split()) >= LEAST_WORDS:
                yield {
                    **{name: row[name] or "" for name in ("id", "source", "domain", "label", "generator", "population")},
                    "pair": unit(file, row), "kind": "beginning", "part": part(file, row),
                    "text": plain(file, row["text"]),
                }  # fmt: skip
