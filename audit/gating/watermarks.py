"""Rules of a policy about watermarks: texts at some paths must carry the mark of a key, or must not.

One test for each text and table of the policy; tests of one kind share the level, by Bonferroni over the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_audit.common.errors import AuditError
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.watermark import forbidden, required, run, whole_text
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.readings import Reader
from llm_audit.gating.inputs import Input
from llm_audit.gating.settle import with_marks
from llm_audit.policy import Watermark
from llm_audit.results import Document, Result, Verdict
from llm_audit.text import RawText
from llm_audit.text.documents import unjudged

RULES = {"carry": required.rule, "not-carry": forbidden.rule}
"""Word of the policy in `must` -> the rule that asks it."""


@dataclass(frozen=True)
class Asked:
    """A table of the policy with its key and the tokenizer that reads the texts.

    Attributes:
        must: as the policy says it.
    """

    must: str
    key: Key
    reader: Reader

    @property
    def settings(self) -> run.Settings:
        """For reading a text; the level is that of the test."""
        return run.Settings(1.0, (self.key,), (self.reader,))


def checked(
    inputs: Sequence[Input],
    documents: Sequence[Document],
    asked: Mapping[Watermark, Asked],
    alpha: float,
    progress: Progress = silent,
) -> list[Document]:
    """The documents with a result for each mark that is asked for or not allowed.

    Args:
        inputs: as read, with the tables of the policy that hold for each.
        documents: judged, in the same order.
        asked: each of these tables with its key.
        alpha: of all texts together, for each kind of question.
        progress: called with the share of the texts that are done.
    """
    texts = [_to_test(of) for of in inputs]
    tests: Counter[str] = Counter(table.must for of, text in zip(inputs, texts, strict=True) if text for table in of.watermarks)
    found = []
    for number, (of, text, document) in enumerate(zip(inputs, texts, documents, strict=True), start=1):
        if text is not None and of.watermarks:
            document = _with_results(document, text, [asked[table] for table in of.watermarks], tests, alpha)
        found.append(document)
        progress(number / len(inputs))
    return found


def _to_test(of: Input) -> RawText | None:
    """The text with the signs of its markup, which the model wrote, too; None: it could not be read."""
    return None if isinstance(of.entry, Document) else of.as_written or of.entry


def _with_results(
    document: Document, text: RawText, asked: Sequence[Asked], tests: Mapping[str, int], alpha: float
) -> Document:
    try:
        results = [_result(text, each, tests[each.must], alpha) for each in asked]
    except AuditError as error:  # a token outside the key's vocabulary
        gone = unjudged(document.name, Verdict.ERROR, f"{document.name}: {error}.", text)
        return gone.model_copy(update={"gate": document.gate})
    document = document.model_copy(update={"results": (*document.results, *results)})
    return document if document.combined else with_marks(document)  # else it is said when the run is settled


def _result(text: RawText, asked: Asked, tests: int, alpha: float) -> Result:
    settings = asked.settings
    subject = run.read(text, settings)
    seed = run.seed_of(subject, asked.key)
    measured = whole_text.measure(asked.key, subject.readings, tests=tests, level=alpha / tests, seed=seed)
    return RULES[asked.must].derive(measured, Terms(alpha))
