"""Limits: what the numbers of a report do not prove. They follow from the report, so that they can be verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llm_audit.results import Document, Report
from llm_audit.results.rules import Describe

_ALONE = (
    "Every text is tested by itself, and only {code} is the verdict. Single detectors and single passages are "
    "further chances to be wrong."
)

_ORIGIN = (
    "A small p-value says that the text is unlike the human texts of the named population. It does not say who or what "
    "wrote it: unusual human writing is unlike them too.",
    _ALONE,
    "A large p-value is not evidence of a human author. Text of older and of untuned models, short texts and school essays "
    "written by a machine are missed more often than not.",
    "Text that a machine polished cannot be told from text that a machine wrote: both are found. A finding does not say how "
    "much of the work was a person's.",
    "The false-positive rate is an average over the population's mixture of texts. Single kinds differ several-fold, and "
    "short texts are flagged more often than long ones. Of kinds that it does not hold no rate is known. Of sources left "
    "out of the shipped population in turn, 0.9 % of 13,212 human texts were flagged at alpha 0.01: 0.8 % of 1,569 by "
    "learners of English, 0.6 % of 637 by pupils and 0.3 % of 1,270 by academics, but 5.1 % of 602 pieces of fiction, 4.1 %"
    " of 436 pieces of legal writing and 2.0 % of 1,087 blog posts; of the worst source of 40 texts or more 10.1 %.",
    "No decision about a person should rest on this report alone.",
)

_GATE = (
    "Findings are made over all texts of this run together: the share of mistakes among them, none counted as no mistake, is "
    "at most alpha on average over runs and calibration sets. That is proven for independent texts and one fixed score; here "
    "several scores are ranked together, which was simulated. Only {code} is the verdict on a text.",
    "Each run stands by itself. A gate that runs every day makes mistakes every day: the rate holds within each run, not over "
    "all runs to come.",
    "In a run of many texts it takes more to be found than when a text is judged alone, and a single one may have no chance; "
    "that is then said, and is no pass. Whoever hands in texts can add harmless ones: where they are not to be trusted, let "
    "the policy fail on inconclusive ones.",
    "A suppression inside a text is its writer's own word. This report lists each, with its reason; whether it is a good one "
    "is for a reader to judge.",
    *(limit for limit in _ORIGIN if limit != _ALONE),
)

_ATTRIBUTION = (
    "“Not written by” refers to one model, one prompt and one decoding setting. It does not say “human”: another model, "
    "another prompt, another temperature or an edit are refuted in the same way.",
    "“Written by” says that of the named candidates only this one fits, and that the text is unlike human writing of the "
    "population. A model that nobody named could have written it.",
    "The exact tests hold for text as the model put it out. Text that was edited, re-typed or cut at the front is another.",
    "Every text and every candidate is tested by itself: each further one is a further chance to be wrong.",
    "No decision about a person should rest on this report alone.",
)

_NOT_SHOWN = (
    "No finding is not evidence of absence: data seen once or a few times mostly leaves too little for these tests to find."
)

_MEMBERSHIP = (
    "A finding says that the null hypothesis stated beside the number fails. That the data was trained on is the likeliest "
    "reason only if the assumptions hold; each is stated, and whoever supplied the data answers for it.",
    _NOT_SHOWN,
    "The claim is about the collection as a whole. Which of its texts were seen remains open.",
    "Copies count as the data: a model that saw a quotation, a mirror or a near-duplicate of a text has seen that text.",
    "Every test, model and collection tried is a further chance to be wrong; state all that were tried.",
)

_SCORES = (
    "No single text is called a member from a score: on models trained on large corpora every known score is near chance.",
    "The p-values of scores compare two collections. They speak of training only if the collections differ in nothing else.",
)

_BASELINE = (
    "That no difference was found does not make two collections exchangeable: it bounds the differences that this classifier "
    "can see in so many texts."
)

_STILL_POSSIBLE = (
    "Consistent means that no test found a difference. A rare substitution, one that spares audit traffic, or one that changes "
    "no probability noticeably can be there all the same. The interval of the mixture rate bounds the first alone, among the "
    "requests of this audit, where the substitute leaves the honest range."
)

_SUBSTITUTION = (
    "Inconsistent means that the stated null hypothesis fails for the requests that were made: another model, other weights, "
    "another quantisation, but also an undisclosed system prompt, sampler or tokenizer. Which of them, the tests do not say.",
    _STILL_POSSIBLE,
    "An endpoint that recognises these prompts can answer them with the genuine model. Draw prompts from real traffic.",
    "Servers whose arithmetic is coarser than every allowed variant are accused wrongly: allow what the operator states, or "
    "name more trusted endpoints. "
    "Measured were llama.cpp servers on a CPU, and the rounding of half-precision logits; no GPU server was.",
    "Templates that name today's date, answers that end early, and white space that a server strips make honest texts differ.",
    "The claim is about the endpoint at the time of the audit. Every further audit of it is a further chance to be wrong.",
)

_WATCH = (
    "A change says that the endpoint's probabilities moved: another model, other weights or precision, but also another server "
    "version, system prompt or template. It does not say which of the two states is the promised one.",
    "The p-value holds if the rows of both times are exchangeable. Rows of one minute share a machine and a load: spread them.",
    "No change found is not the same model: one prompt and one token see much, not all.",
)

_WATERMARK = (
    "A small p-value says that the text carries the mark of a key. It does not say who put it there: a marked text can be "
    "quoted, and marks can be forged by somebody who saw enough marked text.",
    "No finding says: no mark under these keys, schemes and tokenizers. It is no evidence of a human author, nor of a text "
    "without any mark.",
    "Editing weakens a mark. A share e of substituted tokens leaves (1 - e)^(h + 1) of the scores of a scheme that hashes h "
    "tokens: with h = 4, a third at e = 20 %. Paraphrase and translation remove it.",
    "One key marks a whole deployment: texts that share phrases share their errors, and are no independent tests.",
    "No decision about a person should rest on this report alone.",
)

_PROBE = (
    "A finding says that answers behave as watermarked ones do. It does not say which scheme, nor that the mark is deliberate: "
    "other reasons that give the same answers are named beside each test.",
    "No finding says that the families asked about were not seen at this budget. Marks that do not distort what can be asked, "
    "or that hash more than five tokens, are not found.",
    "A scheme with a key is tested with its key: `llm-audit watermark detect` on texts of the endpoint.",
)

_SCAN = (
    "A false discovery rate is about all findings together: of 100 findings at alpha .05 about 5 are expected to be mistakes, "
    "on average over corpora and calibration sets, and none is known by name.",
    "A finding says that the text is unlike the human texts of the population. It does not say who or what wrote it, and human "
    "texts of other kinds than the population's are unlike them too.",
    "A document that was not found is not shown to be human. In a large corpus it takes more to be found than when a document "
    "is judged alone.",
    "No decision about a person should rest on this report alone.",
)

_BENCHMARK = (
    "The rates are those of these texts, compared with this population. For other kinds of texts, and for other machines, they "
    "are not known.",
    "Intervals take texts, or groups of texts that share a source, as independent of each other. Among many groups some lie "
    "above the nominal rate by chance.",
)


EARLIER = {
    "No finding is not evidence of absence: data seen once or a few times leaves no trace that any known test can find.": (
        _NOT_SHOWN
    ),
    "Consistent means that no test found a difference. A rare substitution, one that spares audit traffic, or one that changes "
    "no probability noticeably can be there all the same; the interval of the mixture rate says how rare.": _STILL_POSSIBLE,
}
"""Limit in early reports that claimed too much -> its replacement."""


def with_limits(report: Report, describe: Describe) -> Report:
    """The report with its limits. `describe` gives the code of the rule that combines all tests of a text."""
    return report.model_copy(update={"limits": limits(report, describe)})


def limits(report: Report, describe: Describe) -> tuple[str, ...]:
    """The limits of a report, as sentences; none if its question is not one of llm-audit's."""
    stated = LIMITS.get(report.question)
    return tuple(limit.format(code=describe("origin").code) for limit in stated(report)) if stated else ()


def _of_texts(report: Report) -> tuple[str, ...]:
    """The limits of a report on texts; with several texts, also how many would be flagged by chance."""
    judged = sum(document.combined is not None for document in report.documents)
    alpha = report.manifest.alpha
    chance = (
        f"{judged} texts were judged, each at alpha {alpha:g}: had people like those of the population written all of them, "
        f"about {alpha * judged:.2g} would be flagged all the same."
    )
    return (*([chance] if judged > 1 else []), *_beside(report.documents, _ORIGIN))


def _of_marks(report: Report) -> tuple[str, ...]:
    """The limits of a report on watermarks; with several texts, also how many would seem marked by chance."""
    tested = sum(document.combined is not None for document in report.documents)
    alpha = report.manifest.alpha
    chance = (
        f"{tested} texts were tested, each at alpha {alpha:g}: had none of them a mark, about {alpha * tested:.2g} would be "
        "found all the same."
    )
    return (*([chance] if tested > 1 else []), *_beside(report.documents, _WATERMARK))


def _beside(documents: Sequence[Document], stated: tuple[str, ...]) -> tuple[str, ...]:
    """The stated limits or, without any p-value, only the last one, which holds for all reports."""
    judged = any(document.combined or document.attributions for document in documents)
    return stated if judged else stated[-1:]


def _of_a_collection(report: Report) -> tuple[str, ...]:
    membership = report.membership
    if not membership or membership.deciding:
        return _MEMBERSHIP
    return (*_SCORES, *_MEMBERSHIP) if membership.texts else (_BASELINE,)


def _of_an_endpoint(report: Report) -> tuple[str, ...]:
    substitution = report.substitution
    return _WATCH if substitution and substitution.since else _SUBSTITUTION


ORIGIN = "Was this text machine-generated?"
ATTRIBUTION = "Who wrote this text?"
GATE = "May these texts pass?"
PROBE = "Does this endpoint watermark its answers?"
WATERMARK = "Does this text carry a watermark?"
MEMBERSHIP = "Was this in the training data?"
SUBSTITUTION = "Is this endpoint serving the model it claims?"
SCAN = "Was this corpus machine-generated, in part?"
BENCHMARK = "How well do the detectors do?"

LIMITS: dict[str, Callable[[Report], tuple[str, ...]]] = {
    ORIGIN: _of_texts,
    ATTRIBUTION: lambda report: _beside(report.documents, _ATTRIBUTION),
    GATE: lambda report: _GATE,
    WATERMARK: _of_marks,
    PROBE: lambda report: _PROBE,
    MEMBERSHIP: _of_a_collection,
    SUBSTITUTION: _of_an_endpoint,
    SCAN: lambda report: _SCAN,
    BENCHMARK: lambda report: _BENCHMARK,
}
"""Question of a report -> its limits. Every question that llm-audit asks is here."""
