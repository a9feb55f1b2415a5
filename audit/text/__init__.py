"""Reading texts: which inputs there are, their bytes as text, the normalised view, the language.

The input side of `llm-audit detect`. Knows nothing of tokens, models and statistics.
"""

from __future__ import annotations

from llm_audit.text.decode import Unreadable
from llm_audit.text.fingerprint import beginning, fingerprints
from llm_audit.text.language import Language, identify, why_not_prose
from llm_audit.text.marks import Wrapper, find_marks, without_marks
from llm_audit.text.read import RawText, Source, discover, read
from llm_audit.text.views import View, normalise

__all__ = [
    "Language",
    "RawText",
    "Source",
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
    "why_not_prose",
    "without_marks",
]
