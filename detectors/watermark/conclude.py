"""From the results about one text to its verdict, which is that of all deciding tests combined."""

from __future__ import annotations

from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.reports.wording.results import outcome
from llm_audit.results import Document, Result
from llm_audit.results.evidence import Derivation
from llm_audit.results.watermark_evidence import (
    KeyedBets,
    KeyedCalibration,
    KeyedText,
    KeyedTogether,
    KeyedWindows,
    ProbedChoices,
    ProbedTogether,
)


def conclude(document: Document, terms: Terms) -> Document:
    """The document with the verdict and the sentence of all tests together, and each deciding test with its part of them.

    Raises:
        NotDerivable: the text was not tested, and only the text itself says why.
    """
    combined = document.combined
    if combined is None or not isinstance(combined.evidence, KeyedTogether | ProbedTogether):
        raise NotDerivable("why a text was not tested, only the text can say")
    return document.model_copy(
        update={
            "verdict": combined.verdict,
            "summary": outcome(combined),
            "results": _in_step(document.results, combined.evidence),
        }
    )


def _in_step(results: tuple[Result, ...], evidence: KeyedTogether | ProbedTogether) -> tuple[Result, ...]:
    """The deciding tests' results, in the order of the combined evidence and each with its part of it; then the others.

    Of these, results under the same keys come first, key by key and rule by rule.
    """
    deciding = {_kind(test): test for test in evidence.tests}
    places = {key: place for place, (_, key) in enumerate(deciding)}
    in_order, beside, others = {}, [], []
    for result in results:
        kind = _kind(result.evidence)
        if kind in deciding and kind not in in_order:
            in_order[kind] = result.model_copy(update={"evidence": deciding[kind]})
        elif isinstance(result.evidence, KeyedText | KeyedCalibration) and result.evidence.key in places:
            beside.append((places[result.evidence.key], result.rule, result))
        else:
            others.append(result)
    if len(in_order) < len(evidence.tests):
        raise NotDerivable("a test that the verdict rests on is not among the results")
    beside.sort(key=lambda placed: placed[:2])
    return (*(in_order[kind] for kind in deciding), *(result for *_, result in beside), *others)


def _kind(evidence: Derivation | None) -> tuple[object, str]:
    """A key that tells the tests of one subject apart."""
    if isinstance(evidence, KeyedText | KeyedWindows | KeyedBets):
        return type(evidence), evidence.key
    return type(evidence), evidence.statistic if isinstance(evidence, ProbedChoices) else ""
