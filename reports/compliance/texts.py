"""Evidence about texts: marks, statistics, candidates, length, tampering."""

from __future__ import annotations

from collections.abc import Iterator

from llm_audit.reports import format as fmt
from llm_audit.reports.compliance.model import Outcome, Pointer
from llm_audit.reports.compliance.seen import MOST, Seen, not_testable, numbers, some
from llm_audit.results import Authorship, Document, Report, Result, Verdict

THRESHOLD = 200
"""Number of tokens above which a text counts as long."""


def signed_provenance(report: Report) -> Seen:
    """Whether any text carries provenance data whose signature belongs to it."""
    if not any(document.sha256 for document in report.documents):
        return not_testable("The report reads no text, so that no mark could be looked for.")
    marks = [
        (Pointer(where=f"{document.name}, {mark.kind}", path=f"{place.path}/marks/{number}"), mark)
        for place, document in _places(report)
        for number, mark in enumerate(document.marks)
    ]
    valid = [(place, mark) for place, mark in marks if mark.signature == "valid"]
    texts = fmt.plural(len(report.documents), "text")
    count = f"{fmt.plural(len(marks), 'C2PA mark')} in {texts}, {len(valid)} with a valid signature."
    listed = some([f"{place.where}: {mark.reason}" for place, mark in valid or marks], "marks")
    unread = marks and not valid and any(mark.signature == "not_checked" for _, mark in marks)
    outcome = Outcome.FOUND if valid else Outcome.NOT_TESTABLE if unread else Outcome.NOT_FOUND
    everywhere = [place for place, _ in _places(report)]
    return Seen(
        outcome,
        (count, "Only marks inside the text are looked for.", *listed),
        tuple(place for place, _ in valid or marks) or tuple(everywhere),
    )


def watermark_test(report: Report) -> Seen:
    """Whether any text carries the mark of a key that was given."""
    judged = _judged(report, "watermark")
    if not judged:
        return not_testable("The report tests no text for a watermark, which takes the scheme and its key.")
    alpha = report.manifest.alpha
    marked = [(place, result) for place, result in judged if result.verdict is Verdict.FINDING]
    shown = sorted(marked or judged, key=lambda entry: entry[1].p_value or 0.0)
    carry = "carries" if len(judged) == 1 else "carry"
    count = f"{fmt.count(len(marked))} of {fmt.plural(len(judged), 'tested text')} {carry} the mark of a key at α = {alpha:g}."
    unjudged = len(report.documents) - len(judged)
    left_out = [f"{fmt.plural(unjudged, 'text')} of {len(report.documents)} not tested."] if unjudged else []
    sentences = [
        f"{place.where.rpartition(', ')[0]}: {result.reason} Null hypothesis: {result.null}" for place, result in shown
    ]
    return Seen(
        Outcome.FOUND if marked else Outcome.NOT_FOUND,
        (count, *some(sentences, "tested texts"), *left_out),
        tuple(place for place, _ in shown),
    )


def statistical_detection(report: Report) -> Seen:
    """Whether any text is unlike the human texts that it was compared with."""
    judged = _judged(report, "origin")
    unjudged = len(report.documents) - len(judged)
    left_out = (
        [f"{fmt.plural(unjudged, 'text')} of {len(report.documents)} not judged, and so not cleared."] if unjudged else []
    )
    if not judged:
        return not_testable("The report judges no text by its statistics.", *left_out)
    alpha = report.manifest.alpha
    flagged = [(place, result) for place, result in judged if result.verdict is Verdict.FINDING]
    shown = sorted(flagged or judged, key=lambda entry: entry[1].p_value or 0.0)
    sentences = [
        f"{fmt.count(len(flagged))} of {fmt.plural(len(judged), 'judged text')} unlike its population at α = {alpha:g}."
    ]
    if len(judged) > 1:
        chance = fmt.number(alpha * len(judged))
        sentences.append(f"About {chance} would be, had people like those of the populations written all of them.")
    sentences += [f"{place.where.rpartition(', ')[0]}: {numbers(result, alpha)}" for place, result in shown[:MOST]]
    if len(shown) > MOST:
        sentences.append(f"{fmt.count(len(shown) - MOST)} more, with larger p-values; the report has them.")
    return Seen(
        Outcome.FOUND if flagged else Outcome.NOT_FOUND,
        (*sentences, *some([_alarms(result) for _, result in shown], "such rates"), *left_out),
        tuple(place for place, _ in shown),
    )


def attribution_test(report: Report) -> Seen:
    """Whether any text fits exactly one of the models that were named as candidates."""
    tested = [(place, document) for place, document in _places(report) if document.attributions and fmt.judged(document)]
    if not tested:
        return not_testable("The report compares no text with candidate models.")
    sentences, pointers = [], []
    for place, document in tested:
        for number, attribution in enumerate(document.attributions):
            if attribution.verdict is not Authorship.WRITTEN_BY:
                continue
            p = "" if attribution.p_value is None else f" {fmt.p_statement(attribution.p_value)} against it;"
            sentences.append(
                f"{document.name}: only {attribution.candidate} fits;{p} {fmt.guarantee(attribution)} error guarantee, "
                f"context: {attribution.context}, settings: {', '.join(attribution.settings) or 'none named'}."
            )
            pointers.append(
                Pointer(where=f"{document.name}, {attribution.candidate}", path=f"{place.path}/attributions/{number}")
            )
    models = len({attribution.candidate for _, document in tested for attribution in document.attributions})
    count = (
        f"{len(sentences)} of {fmt.plural(len(tested), 'text')} attributed to one of {fmt.plural(models, 'named candidate')}."
    )
    return Seen(
        Outcome.FOUND if sentences else Outcome.NOT_FOUND,
        (count, *some(sentences, "attributed texts")),
        tuple(pointers or (place for place, _ in tested)),
    )


def length_over_200_tokens(report: Report) -> Seen:
    """Whether any text is longer than 200 tokens of the scoring model."""
    counted = [(place, document) for place, document in _places(report) if document.tokens is not None]
    if not counted:
        return not_testable("The report counts the tokens of no text.")
    longer = [(place, document) for place, document in counted if (document.tokens or 0) > THRESHOLD]
    lengths = sorted(document.tokens or 0 for _, document in counted)
    name = report.manifest.model.name if report.manifest.model else "the scoring model"
    span = fmt.count(lengths[0]) if lengths[0] == lengths[-1] else f"{fmt.count(lengths[0])} to {fmt.count(lengths[-1])}"
    sentences = [
        f"{fmt.count(len(longer))} of {fmt.plural(len(counted), 'text')} longer than {THRESHOLD} tokens ({span} tokens, as the "
        f"tokenizer of {name} counts them; another one counts differently)."
    ]
    if uncounted := len(report.documents) - len(counted):
        sentences.append(f"{fmt.plural(uncounted, 'text')} not counted.")
    return Seen(
        Outcome.FOUND if longer else Outcome.NOT_FOUND, tuple(sentences), tuple(place for place, _ in longer or counted)
    )


def tamper_findings(report: Report) -> Seen:
    """Whether any text shows signs of having been altered to mislead a detector."""
    tests = list(_tests(report, "integrity"))
    notes = [f"{document.name}: {note}" for document in report.documents for note in document.notes]
    noted = [f"Noted while reading, without a test: {note}" for note in notes]
    if not tests:
        return not_testable("The report holds no integrity test.", *some(noted, "notes"))
    tampered = [(place, test) for place, test in tests if test.verdict is Verdict.FINDING]
    sentences = [f"{place.where}: {test.reason}" for place, test in tampered or tests]
    count = f"{fmt.count(len(tampered))} of {fmt.plural(len(tests), 'integrity test')} found something."
    return Seen(
        Outcome.FOUND if tampered else Outcome.NOT_FOUND,
        (count, *some(sentences, "tests")),
        tuple(place for place, _ in tampered or tests),
    )


def _places(report: Report) -> Iterator[tuple[Pointer, Document]]:
    for number, document in enumerate(report.documents):
        yield Pointer(where=document.name, path=f"/subjects/{number}"), document


def _judged(report: Report, family: str) -> list[tuple[Pointer, Result]]:
    """The results that verdicts on documents rest on, of a family, as far as they have a p-value."""
    return [
        (Pointer(where=f"{document.name}, {result.rule}", path=f"{place.path}/combined"), result)
        for place, document in _places(report)
        if (result := document.combined) and result.family == family and result.p_value is not None
    ]


def _tests(report: Report, family: str) -> Iterator[tuple[Pointer, Result]]:
    """All results on documents whose rule belongs to a family."""
    for place, document in _places(report):
        for number, test in enumerate(document.results):
            if test.family == family:
                where = f"{document.name}, {test.rule} {test.name}"
                yield Pointer(where=where, path=f"{place.path}/results/{number}"), test


def _alarms(result: Result) -> str:
    if result.false_positive_rate is None:
        return "False-positive rate: the report states no interval for it."
    name = result.population.name if result.population else "the population"
    return f"False-positive rate of {name}: {fmt.false_alarms(result.false_positive_rate)}."
