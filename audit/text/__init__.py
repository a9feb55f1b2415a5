"""Reading texts: listing inputs, extracting their texts, the normalised view that is scored, the language.

The input side of `llm-audit detect`. Knows nothing of tokens, models and statistics.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llm_audit.text.decode import Unreadable
from llm_audit.text.directives import Directive, Malformed
from llm_audit.text.directives import Use as DirectiveUse
from llm_audit.text.inputs import read_all
from llm_audit.text.language import Language, identify, why_not_prose
from llm_audit.text.marks import Wrapper, find_marks, without_marks
from llm_audit.text.places import Apart, Hidden, Map, Place
from llm_audit.text.read import RawText, in_memory, read, read_document
from llm_audit.text.records import Unread, read_records
from llm_audit.text.sources import PLAIN, RECORDS, Inputs, Source, discover, survey
from llm_audit.text.survey import Passed, Reason, counts

if TYPE_CHECKING:
    from llm_audit.text.fingerprint import beginning, fingerprints, text_digest
    from llm_audit.text.views import MOST_OMITTED, View, normalise, scored, view_of

__all__ = [
    "MOST_OMITTED",
    "PLAIN",
    "RECORDS",
    "Apart",
    "Directive",
    "DirectiveUse",
    "Hidden",
    "Inputs",
    "Language",
    "Malformed",
    "Map",
    "Passed",
    "Place",
    "RawText",
    "Reason",
    "Source",
    "Unread",
    "Unreadable",
    "View",
    "Wrapper",
    "beginning",
    "counts",
    "discover",
    "find_marks",
    "fingerprints",
    "identify",
    "in_memory",
    "normalise",
    "read",
    "read_all",
    "read_document",
    "read_records",
    "scored",
    "survey",
    "text_digest",
    "view_of",
    "why_not_prose",
    "without_marks",
]

_WITH_NUMPY = {
    "MOST_OMITTED": "views", "View": "views", "normalise": "views", "scored": "views", "view_of": "views",
    "beginning": "fingerprint", "fingerprints": "fingerprint", "text_digest": "fingerprint",
}  # fmt: skip
"""Name -> its module, imported when the name is first used, because some modules take long to import."""


def __getattr__(name: str) -> Any:
    if name not in _WITH_NUMPY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    attribute = getattr(import_module(f"{__name__}.{_WITH_NUMPY[name]}"), name)
    globals()[name] = attribute
    return attribute
