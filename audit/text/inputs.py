"""All texts behind the inputs of a command: documents one by one, files of many texts record by record.

Knows nothing of what the texts are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from llm_audit.text.decode import Unreadable
from llm_audit.text.directives import Use
from llm_audit.text.read import RawText, read_document
from llm_audit.text.records import Unread, read_records
from llm_audit.text.sources import RECORDS, Source


def read_all(
    sources: Iterable[Source | RawText], text_field: str = "text", *, strip_markdown: bool = True, directives: Use = "no"
) -> Iterator[RawText | Unread]:
    """Every text in order, each read only when it is asked for; what cannot be read says why, and stops no other.

    A text that is in memory already is taken as it is, if there is anything in it.

    Raises:
        Malformed: with `directives`, see `read_document`; nothing is then read any further.
    """
    for source in sources:
        if isinstance(source, RawText):
            yield source if source.text.strip() else Unread(source.name, f"{source.name} is empty: there is no text to judge.")
            continue
        if source.kind in RECORDS:
            yield from read_records(source, text_field)
            continue
        try:
            yield read_document(source, strip_markdown=strip_markdown, directives=directives)
        except Unreadable as error:
            yield Unread(source.name, str(error))
