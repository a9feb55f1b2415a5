"""C2PA provenance marks in a text: their places and contents. Signatures are verified elsewhere.

Looked for before normalisation, since removing invisible characters destroys them. The C2PA specification 2.4 has two forms
for texts: A.8, invisible variation selectors that encode bytes; A.9, a block between two delimiters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
# At the very beginning of a file, decoding has taken the U+FEFF for a byte order mark.
_WRAPPER = re.compile(f"(?P<prefix>\ufeff|\\A)?(?P<bytes>[{_SELECTORS}]{{4,}})")
_DELIMITER = re.compile("-----(BEGIN|END) C2PA MANIFEST-----")


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A provenance mark as it stands in a text.

    Attributes:
        kind: "selectors" (A.8) or "block" (A.9).
        start, end: characters of the text as read.
        manifest: the signed manifest store; None if the mark holds none.
        reference: where a block says that its manifest lies, if not in the text.
        defect: what is wrong with it, as the end of a sentence; empty if it is well-formed.
    """

    kind: Literal["selectors", "block"]
    start: int
    end: int
    manifest: bytes | None
    reference: str | None = None
    defect: str = ""


def find_marks(text: str) -> tuple[Wrapper, ...]:
    """All marks of a text, in order, malformed ones included; if there are several, each is marked as defective."""
    marks = sorted([*_wrappers(text), *_blocks(text)], key=lambda mark: mark.start)
    if len(marks) > 1:
        several = f"is one of {len(marks)}, and a text may have one only"
        marks = [replace(mark, defect="; ".join([several, *([mark.defect] if mark.defect else [])])) for mark in marks]
    return tuple(marks)


def without_marks(text: str, marks: Sequence[Wrapper], filler: str = "") -> str:
    """The text without its marks; `filler`, one character or none, replaces each character of a mark."""
    pieces, done = [], 0
    for mark in marks:
        pieces += [text[done : mark.start], filler * (mark.end - mark.start)]
        done = mark.end
    return "".join([*pieces, text[done:]])


def _wrappers(text: str) -> Iterator[Wrapper]:
    if text.isascii():
        return
    for match in _WRAPPER.finditer(text):
        from c2pa_text import MAGIC, decode_wrapper_sequence, validate_wrapper_bytes  # hardly any text has a mark

        content = decode_wrapper_sequence(match["bytes"])
        if not content.startswith(MAGIC[: len(content)]):
            continue
        checked = validate_wrapper_bytes(content)
        defects = [] if match["prefix"] is not None else ["lacks the U+FEFF that it must begin with"]
        defects += [f"is damaged ({issue.message})" for issue in checked.issues[:1]]
        yield Wrapper("selectors", *match.span(), checked.manifest_bytes, defect="; ".join(defects))


def _blocks(text: str) -> Iterator[Wrapper]:
    begun: re.Match[str] | None = None
    for match in _DELIMITER.finditer(text):
        if begun and match[1] == "END":
            yield _block(text, begun, match)
            begun = None
        elif match[1] == "BEGIN":
            if begun:
                yield Wrapper("block", *begun.span(), None, defect="has no end")
            begun = match
    if begun:
        yield Wrapper("block", *begun.span(), None, defect="has no end")


def _block(text: str, begun: re.Match[str], ended: re.Match[str]) -> Wrapper:
    from c2pa_text import DATA_URI_PREFIX, decode_data_uri, validate_manifest

    start, end, reference = begun.start(), ended.end(), text[begun.end() : ended.start()].strip()
    if not reference.isascii() or len(reference.split()) != 1:
        # What stands between two quoted delimiters is text, and may be all of it.
        return Wrapper("block", *begun.span(), None, defect="holds no manifest and no address")
    if not reference.startswith(DATA_URI_PREFIX):
        return Wrapper("block", start, end, None, reference)
    manifest = decode_data_uri(reference)
    if not manifest:
        return Wrapper("block", start, end, None, defect="is no valid Base64")
    issues = validate_manifest(manifest).issues[:1]
    return Wrapper("block", start, end, manifest, defect="".join(f"is damaged ({issue.message})" for issue in issues))
