"""From the results about one text to its verdict, which is that of all detectors combined."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.detectors.origin.stretches import stretches
from llm_audit.detectors.populations.population import alone
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.reports.wording import origin as wording
from llm_audit.reports.wording.results import outcome
from llm_audit.results import Document, Result, Verdict
from llm_audit.results.documents import Doubt
from llm_audit.results.evidence import Conformal


def conclude(document: Document, terms: Terms) -> Document:
    """The document with the verdict and the sentence of all detectors combined, and with each detector's share in them.

    Results of other families, and of the text as given, stay as they are. The summary does not mention odd characters yet; the
    integrity family adds them.

    Raises:
        NotDerivable: the text was not judged, and only the text itself says why.
    """
    combined = document.combined
    if combined is None:
        raise NotDerivable("why a text was not judged, only the text can say")
    verdict, summary = of_whole(document, combined.verdict, outcome(combined))
    return document.model_copy(
        update={
            "verdict": verdict,
            "stretches": None if document.stretches is None else stretches(combined.spans, terms.alpha),
            "summary": summary,
            "why_unjudged": document.doubt if verdict is Verdict.NOT_ASSESSABLE else document.why_unjudged,
            "results": _in_step(document.results, combined.evidence)
            if isinstance(combined.evidence, Conformal)
            else document.results,
        }
    )


def of_whole(document: Document, verdict: Verdict, summary: str) -> tuple[Verdict, str]:
    """The verdict and sentence on a whole document: not assessable instead of a finding if models know it by heart or if it
    repeats itself, and inconclusive instead of a pass if a part of it was not judged.
    """
    if document.doubt is not None and verdict is Verdict.FINDING:
        summary = wording.doubtful(document.doubt)
    elif document.omitted is not None:
        summary = wording.summary_of_part(document, verdict, summary)
    return verdict_of_whole(verdict, document.doubt, document.omitted), summary


def verdict_of_whole(verdict: Verdict, doubt: Doubt | None, omitted: float | None) -> Verdict:
    """The verdict of `of_whole`, for all who decide: a text by itself, the texts of a gate, and those of a corpus."""
    if doubt is not None and verdict is Verdict.FINDING:
        return Verdict.NOT_ASSESSABLE
    return Verdict.INCONCLUSIVE if omitted is not None and verdict is Verdict.PASS else verdict


def _in_step(results: Sequence[Result], evidence: Conformal) -> tuple[Result, ...]:
    """The results of single detectors, in the order of the combined evidence and each with its part of it; then the others."""
    single = {result.rule: result for result in results if result.rule in evidence.rules}
    in_order = [
        single[code].model_copy(update={"evidence": alone(evidence, number)})
        for number, code in enumerate(evidence.rules)
        if code in single
    ]
    return (*in_order, *(result for result in results if result.rule not in single))
