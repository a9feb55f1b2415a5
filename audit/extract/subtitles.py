"""Subtitles (SubRip, WebVTT): what is said, without numbers, times and who speaks."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import BinaryIO

from llm_audit.extract.draft import Draft

_TIMES = re.compile(r"\s*(?:\d+:)?\d{1,2}:\d\d[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d\d[.,]\d{1,3}.*")
_MARKUP = re.compile(r"<rt>[^<>\n]*</rt>|<[/\w][^<>\n]{0,200}>|\{[\\/]?[A-Za-z][^{}\n]{0,100}\}")
_BLOCKS = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
_SOUND = re.compile(r"[\[(][^\[\]()\n]{1,80}[\])]|[♪♫].*[♪♫]|[♪♫]+")  # a whole line that says what is heard, or is sung
_SPEAKER = re.compile(r"\A\s*(?:-\s+)?(?:>>+\s*)?(?:[A-Z][A-Z .'-]{1,30}:\s+)?")


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one UTF-8 file, with "line 14" as places; words that a cue repeats from the previous one count once."""
    lines = stream.read().decode().lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    draft = Draft()
    spoken, skipped, last = False, False, ""  # whether a cue has begun; whether this is a comment; the line before
    for number, (line, below) in enumerate(zip(lines, [*lines[1:], ""], strict=True), start=1):
        begins = number == 1 or not lines[number - 2].strip()
        if not line.strip():
            skipped = False
        elif _TIMES.fullmatch(line):
            spoken, skipped = True, False
        elif _TIMES.fullmatch(below) and begins:
            continue  # the number or name of a cue
        elif _BLOCKS.match(line) and begins:
            skipped = True
        elif spoken and not skipped:
            text = html.unescape(_MARKUP.sub("", line))
            text = _SPEAKER.sub("", text, count=1).strip()
            if _SOUND.fullmatch(text):
                draft.leave_out(text, "sound or song")
            elif text and text != last:
                draft.add(text, f"line {number}", end="\n")
            last = text
    yield draft.answer("has no words between its times")
