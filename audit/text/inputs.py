"""All texts in the inputs of a command: documents one by one, files of many texts record by record, archives as folders.

Knows nothing of what the texts are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from llm_audit.common.terminal import one_line
from llm_audit.text import child
from llm_audit.text.decode import Nothing, Unreadable
from llm_audit.text.directives import Malformed, Use
from llm_audit.text.read import RawText, from_bytes, read_bytes
from llm_audit.text.records import Unread, read_records
from llm_audit.text.sniff import kind_of_beginning, kind_of_content
from llm_audit.text.sources import RECORDS, Source, kind_of
from llm_audit.text.survey import Passed, why_no_member


def read_all(
    sources: Iterable[Source | RawText],
    text_field: str = "text",
    *,
    strip_markdown: bool = True,
    directives: Use = "no",
    passed: list[Passed] | None = None,
    keep: Sequence[str] = (),
) -> Iterator[RawText | Unread]:
    """Read every text in order, lazily; an unreadable one yields the reason and does not stop the others.

    A text in memory is used as it is, unless it is empty. A zip archive is read like a folder: its documents are texts of
    their own, `essays.zip/anna.docx`.

    Args:
        sources: see `llm_audit.text.survey`.
        text_field: the field of a record that holds the text.
        strip_markdown: see `read_document`.
        directives: see `read_document`.
        passed: a list to which the files in archives that are not read are added.
        keep: the fields of a record whose values are kept with its text.
    """
    passed = [] if passed is None else passed
    for source in sources:
        if isinstance(source, RawText):
            empty = Unread(source.name, f"{source.name} is empty: there is no text to judge.", nothing=True)
            yield source if source.text.strip() else empty
            continue
        if source.kind in RECORDS:
            yield from read_records(source, text_field, keep)
            continue
        try:
            data = read_bytes(source)
            if kind_of_beginning(data[:8]) == "archive" and kind_of_content(source.name, data, source.kind) == "zip":
                members = _members(source.name, data, passed)
            else:
                members = iter([(source.name, source.kind, data)])
            for name, kind, content in members:
                try:
                    yield from_bytes(name, content, kind, strip_markdown=strip_markdown, directives=directives)
                except (Unreadable, Malformed) as error:
                    yield Unread(name, str(error), isinstance(error, Nothing))
        except Unreadable as error:
            yield Unread(source.name, str(error), isinstance(error, Nothing))


def _members(name: str, data: bytes, passed: list[Passed]) -> Iterator[tuple[str, str, bytes]]:
    """Name, kind by name and bytes of each document in an archive; other files are added to `passed`.

    Raises:
        Unreadable: on the way: the archive is damaged, encrypted or made to exhaust its reader; or it holds no document.
    """
    read = 0
    for member, content in child.members(name, data):
        shown = f"{name}/{one_line(member)}"
        reason = why_no_member(PurePosixPath(member), content, kind_of)
        if reason:
            passed.append(Passed(shown, reason))
            continue
        read += 1
        yield shown, kind_of(PurePosixPath(member)) or "text", content or b""
    if not read:
        raise Unreadable(f"{name} holds no document in a format that can be read.")
