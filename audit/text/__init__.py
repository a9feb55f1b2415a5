"""Reading texts: which inputs there are, the texts in them, the normalised view, the language.

The input side of `llm-audit detect`. Knows nothing of tokens, models and statistics.
"""

from __future__ import annotations

from llm_audit.text.decode import Unreadable
from llm_audit.text.directives import Directive, Malformed
from llm_audit.text.directives import Use as DirectiveUse
from llm_audit.text.fingerprint import beginning, fingerprints, text_digest
from llm_audit.text.inputs import read_all
from llm_audit.text.language import Language, identify, why_not_prose
from llm_audit.text.marks import Wrapper, find_marks, without_marks
from llm_audit.text.places import Apart, Hidden, Map, Place
from llm_audit.text.read import RawText, read, read_document
from llm_audit.text.records import Unread, read_records
from llm_audit.text.sources import PLAIN, RECORDS, Inputs, Source, discover, survey
from llm_audit.text.survey import Passed, Reason, summary
from llm_audit.text.views import MOST_OMITTED, View, normalise, view_of

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
    "discover",
    "find_marks",
    "fingerprints",
    "identify",
    "normalise",
    "read",
    "read_all",
    "read_document",
    "read_records",
    "summary",
    "survey",
    "text_digest",
    "view_of",
    "why_not_prose",
    "without_marks",
]
