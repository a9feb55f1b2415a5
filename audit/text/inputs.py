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
    sources: Iterable[Source], text_field: str = "text", *, strip_markdown: bool = True, directives: Use = "no"
) -> Iterator[RawText | Unread]:
    """Every text in order, each read only when it is asked for; what cannot be read says why, and stops no other.

    Raises:
        Malformed: with `directives`, see `read_document`; nothing is then read any further.
    """
    for source in sources:
        if source.kind in RECORDS:
            yield from read_records(source, text_field)
            continue
        try:
            yield read_document(source, strip_markdown=strip_markdown, directives=directives)
        except Unreadable as error:
            yield Unread(source.name, str(error))
