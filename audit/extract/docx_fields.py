"""Fields of a Word document, such as dates and mail merges: their results are shown, their instructions are not."""

from __future__ import annotations

from typing import Any

from llm_audit.extract.docx_look import WORD

MARK = WORD + "fldChar"
"""Tag of the marks between which a field stands: "begin", its instruction, "separate", its result, "end"."""


class Fields:
    """The fields that are open while a document is walked over, also those that reach over several paragraphs."""

    def __init__(self) -> None:
        self._separated: list[bool] = []  # for each open field, the outermost first, whether its result has begun

    def mark(self, element: Any) -> None:
        """Note a mark of a field."""
        kind = element.get(WORD + "fldCharType")
        if kind == "begin":
            self._separated.append(False)
        elif kind == "separate" and self._separated:
            self._separated[-1] = True
        elif kind == "end" and self._separated:
            self._separated.pop()

    @property
    def instructing(self) -> bool:
        """Whether what stands here is part of an instruction, and not shown."""
        return not all(self._separated)
