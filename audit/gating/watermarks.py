"""Watermark checks of a policy: texts at some paths must carry the mark of a key, or must not.

One test for each text and check; tests of one kind ("carry", "not-carry") share the level, by Bonferroni over the run.
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
"""Value of `must` in a policy -> the rule that tests it."""


@dataclass(frozen=True)
class Check:
    """A watermark check of the policy with its key and the tokenizer that reads the texts.

    Attributes:
        must: "carry" or "not-carry".
    """

    must: str
    key: Key
    reader: Reader

    @property
    def asks(self) -> tuple[str, str, str]:
        """The question: tables of a policy that ask a text the same one are one test of it."""
        return self.must, self.key.id, self.reader.digest

    @property
    def settings(self) -> run.Settings:
        """Settings for reading a text; their level is a placeholder, since each test gets its own."""
        return run.Settings(1.0, (self.key,), (self.reader,))


def checked(
    inputs: Sequence[Input],
    documents: Sequence[Document],
    checks: Mapping[Watermark, Check],
    alpha: float,
    progress: Progress = silent,
) -> list[Document]:
    """The documents with the result of each watermark check that applies to them.

    Args:
        inputs: as read, with the checks that apply to each.
        documents: judged, in the same order.
        checks: the checks of the policy, each with its key.
        alpha: level of all tests of one kind together.
        progress: called with the share of the texts that are done.
    """
    texts = [_to_test(item) for item in inputs]
    asked = [list({checks[table].asks: checks[table] for table in item.watermarks}.values()) for item in inputs]
    tests = Counter(check.must for text, of_text in zip(texts, asked, strict=True) if text for check in of_text)
    updated = []
    for number, (text, of_text, document) in enumerate(zip(texts, asked, documents, strict=True), start=1):
        if text is not None and of_text:
            document = _with_results(document, text, of_text, tests, alpha)
        updated.append(document)
        progress(number / len(inputs))
    return updated


def _to_test(item: Input) -> RawText | None:
    """The text with its markup, which the model wrote, too; None: it could not be read."""
    return None if isinstance(item.entry, Document) else item.as_written or item.entry


def _with_results(
    document: Document, text: RawText, checks: Sequence[Check], tests: Mapping[str, int], alpha: float
) -> Document:
    try:
        results = [_result(text, check, tests[check.must], alpha) for check in checks]
    except AuditError as error:  # a token outside the key's vocabulary
        gone = unjudged(document.name, Verdict.ERROR, f"{document.name}: {error}.", text)
        return gone.model_copy(update={"gate": document.gate})
    results.sort(key=in_order)
    document = document.model_copy(update={"results": (*document.results, *results)})
    return document if document.combined else with_marks(document)  # otherwise `settle` adds them


def in_order(result: Result) -> tuple[str, str]:
    """Sort key of the results of watermark checks: their rule, then the id of their key."""
    return result.rule, getattr(result.evidence, "key", "")


def _result(text: RawText, check: Check, tests: int, alpha: float) -> Result:
    settings = check.settings
    subject = run.read(text, settings)
    seed = run.seed_of(subject, check.key)
    measured = whole_text.measure(check.key, subject.readings, tests=tests, level=alpha / tests, seed=seed)
    return RULES[check.must].derive(measured, Terms(alpha))
