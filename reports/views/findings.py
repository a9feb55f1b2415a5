"""View of a report as a flat list of findings, one per document, collection, endpoint or corpus, the worst first.

SARIF, JUnit, GitLab, GitHub and Markdown are rendered from it. Everything in it is safe to print; what a format must escape
besides, it escapes itself. Knows nothing of formats, and judges nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from llm_audit.common.terminal import one_line, terminal_safe
from llm_audit.reports import format as fmt
from llm_audit.reports.views.corpus import taken_alone, title, why_unread
from llm_audit.reports.views.passages import Passage, passages
from llm_audit.reports.views.places import Place, path_of, places
from llm_audit.reports.wording.not_read import not_read
from llm_audit.results import (
    Corpus,
    Document,
    Gate,
    Manifest,
    Membership,
    Ranked,
    Report,
    Result,
    Span,
    Substitution,
    Suppression,
    Verdict,
    is_blind,
)
from llm_audit.results.rules import FAMILIES, Describe, RuleFacts

WORST_FIRST = (Verdict.FINDING, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE, Verdict.PASS)

OPEN = frozenset({Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE})
"""Verdicts without an answer: neither finding nor pass."""

NO_STATEMENT = "No statement is made about this document: it has neither passed nor failed."


@dataclass(frozen=True)
class Finding:
    """The verdict on one subject, or on one text of a corpus, with its numbers.

    Attributes:
        name: of the file, as given; for a collection the question; for an endpoint its address.
        path: of the file, relative to the project; a word instead if there is no file.
        p: p-value as a table shows it.
        equations: p, and q where texts were tested together, as one word each: "p<=0.0013", "q=0.004".
        summary: the verdict's sentence.
        message: the summary, then numbers, null hypothesis and population.
        places: passages that stand out, the strongest first; none if they are not known, or not asked for.
        fingerprint: equal for equal content, wherever it is.
        occurrence: 1 for the first subject with this fingerprint, then 2, ...
        sha256: of the file's bytes.
        suppression: why it does not fail, if it is suppressed.
        fails: whether the gate fails by it; None: there is no gate.
    """

    subject: Literal["document", "collection", "endpoint", "corpus"]
    rule: RuleFacts
    verdict: Verdict
    name: str
    path: str
    p: str
    summary: str
    message: str
    equations: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    fingerprint: str = ""
    occurrence: int = 1
    sha256: str | None = None
    suppression: Suppression | None = None
    fails: bool | None = None


def findings(report: Report, describe: Describe) -> list[Finding]:
    """All subjects as findings, the worst first, then in the order of the report; suppressed ones after all open ones."""
    alpha = report.manifest.alpha
    attributed = any(document.attributions for document in report.documents)
    family = "attribution" if attributed else _asked(report)
    found = [_document(document, family, alpha, describe) for document in report.documents]
    found += [_tampering(document, result, describe) for document in report.documents for result in document.tampering]
    wanted = [(document, result) for document in report.documents for result in document.wanted]
    found += [_wanted(*each, alpha, describe) for each in wanted if each[1].verdict is not Verdict.PASS]
    found += [_collection(report.membership, alpha, describe)] if report.membership else []
    found += [_endpoint(report.substitution, alpha, describe)] if report.substitution else []
    found += _corpus(report.corpus, report.manifest, describe) if report.corpus else []
    seen: Counter[str] = Counter()
    numbered = []
    for one in found:
        seen[one.fingerprint] += 1
        numbered.append(replace(one, occurrence=seen[one.fingerprint]))
    passed_over = WORST_FIRST.index(Verdict.PASS) - 0.5
    return sorted(numbered, key=lambda one: passed_over if one.suppression else WORST_FIRST.index(one.verdict))


def coverage(report: Report) -> str:
    """Sentences on the outcome of a gate, on the counts of inputs by outcome, and on files that were not read."""
    found, outcome = report.coverage, f"{plain(report.gate.summary)} " if report.gate else ""
    counted = (
        f"{outcome}{fmt.plural(found.found, 'input')}: {fmt.count(found.scored)} judged, {fmt.count(found.not_assessable)} not "
        f"assessable, {fmt.count(found.unreadable)} unreadable."
    )
    return " ".join([counted, *([plain(not_read(report.not_read))] if report.not_read else [])])


def plain(text: str) -> str:
    """The text as one line that is safe to print."""
    return terminal_safe(re.sub(r"[\t\n]+", " ", text))


def passage(place: Place) -> str:
    """A passage that stands out, as words: its number, p-value and q-value."""
    found = place.passage
    return f"passage {found.number}: {fmt.p_statement(found.p or 0.0, found.p_floor)}, {fmt.equation('q', found.q or 0.0)}"


def _asked(report: Report) -> str:
    """The family of the report's question about texts: "watermark" or else "origin"."""
    codes = report.manifest.detectors
    return "watermark" if codes and all(FAMILIES.get(code[3:4]) == "watermark" for code in codes) else "origin"


def _document(document: Document, family: str, alpha: float, describe: Describe) -> Finding:
    attributed = family == "attribution"
    rule = describe("input" if document.verdict is Verdict.ERROR else family)
    sentences = [document.summary]
    if document.verdict in fmt.NOT_JUDGED:
        sentences.append(NO_STATEMENT)
    for each in document.sets:
        numbers = [fmt.p_statement(each.p_value, None, alpha)] if each.p_value is not None else []
        numbers += [f"e = {fmt.e_value(each.e_value)}"] if each.e_value is not None else []
        sentences.append(f"{fmt.set_name(each)}: {', '.join(numbers) or 'no number'}. Null hypothesis: {each.null}")
    suppression = document.passed_over
    if suppression:
        sentences.append(f"Passed over, {fmt.known(suppression)}.")
    idle = [one for one in (document.gate.suppressions if document.gate else ()) if one.state == "not_obeyed"]
    sentences += [
        f"Line {each.line} looks like a suppression of {each.rule} and has no effect where it stands." for each in idle
    ]
    if document.combined:
        sentences += ["Compared with human writing:"] if attributed else []
        giver = "population" if document.combined.population else "test"
        sentences += _numbers(document.combined, alpha, giver, fmt.with_q(document, alpha))
    found = passages(document, alpha)
    loud = sorted((each for each in found if each.stands_out), key=lambda each: (each.p or 0.0, each.number))
    if loud and not attributed:
        verb = "stands" if len(loud) == 1 else "stand"
        sentences.append(f"{fmt.count(len(loud))} of {fmt.plural(len(found), 'passage')} {verb} out (q ≤ {alpha}).")
    shown = document.verdict is Verdict.FINDING and not attributed and document.text is not None
    combined = document.combined
    sanctioned = next((each.p_value for each in document.sets if each.role == "sanctioned"), None)
    p = (sanctioned, None) if attributed else (combined.p_value, combined.p_floor) if combined else (None, None)
    return Finding(
        subject="document",
        rule=rule,
        verdict=document.verdict,
        name=one_line(document.name),
        path="stdin" if document.name == "-" else path_of(one_line(document.name)),
        p=fmt.p_cell(*p, alpha),
        equations=fmt.equations((("p", *p), ("q", document.gate.q_value if document.gate else None, None)), alpha),
        summary=plain(sentences[0]),
        message=plain(" ".join(sentences)),
        places=tuple(places(document.text or "", loud)) if shown else (),
        fingerprint=_fingerprint(rule.code, document.sha256 or f"{document.name}\0{document.summary}"),
        sha256=document.sha256,
        suppression=suppression,
        fails=_fails(document, rule.code),
    )


def _fails(document: Document, code: str) -> bool | None:
    return None if document.gate is None else any(failure.rule == code for failure in document.gate.failures)


def _tampering(document: Document, result: Result, describe: Describe) -> Finding:
    """The finding of odd characters in a document, placed at the first one if the text is available."""
    span = result.spans[0] if result.spans and document.text is not None else None
    suppression = document.suppressed(result.rule)
    known = f" Passed over, {fmt.known(suppression)}." if suppression else ""
    return Finding(
        subject="document",
        rule=describe(result.rule),
        verdict=result.verdict,
        name=one_line(document.name),
        path="stdin" if document.name == "-" else path_of(one_line(document.name)),
        p="–",
        summary=plain(result.reason),
        message=plain(f"{result.reason} Normal: {result.null} That by itself says nothing about who wrote the text.{known}"),
        places=tuple(places(document.text or "", [_at(span)])) if span else (),
        fingerprint=_fingerprint(result.rule, document.sha256 or document.name),
        sha256=document.sha256,
        suppression=suppression,
        fails=_fails(document, result.rule),
    )


def _wanted(document: Document, result: Result, alpha: float, describe: Describe) -> Finding:
    """The finding of a watermark check of the policy on a document."""
    suppression = document.suppressed(result.rule)
    known = f" Passed over, {fmt.known(suppression)}." if suppression else ""
    return replace(
        _tampering(document, result, describe),
        p=fmt.p_cell(result.p_value, result.p_floor, alpha),
        equations=fmt.equations((("p", result.p_value, result.p_floor),), alpha),
        message=plain(f"{result.reason} Null hypothesis: {result.null}{known}"),
    )


def _at(span: Span) -> Passage:
    return Passage(1, span.start, span.end, "", span.place, None, None, None, 0, None, stands_out=False)


def _collection(found: Membership, alpha: float, describe: Describe) -> Finding:
    tests = found.deciding
    code = tests[0].rule if tests else found.separations[0].rule if found.separations else Gate.code
    sentences = [found.summary, found.claim]
    if found.verdict in fmt.NOT_JUDGED:
        sentences.append("No statement is made about this collection: it has neither passed nor failed.")
    sentences.append(f"Independent units: {fmt.units(found)}.")
    for test in found.tests:
        # What looks at the texts alone has a level of its own, which its reason states.
        sentences += [f"{test.rule} {test.name}:", *_numbers(test, None if is_blind(test) else alpha, "test")]
    if found.gate:
        sentences.append(f"{found.gate.code} {fmt.GATE[found.gate.outcome][1]}: {found.gate.reason}")
    for one in found.separations:
        sentences.append(f"{one.title}: AUC {fmt.interval(one.auc)}, p {fmt.p_cell(one.p_adjusted, None, alpha)} (Holm).")
    return Finding(
        subject="collection",
        rule=describe(code),
        verdict=found.verdict,
        name=plain(found.claim),
        path="collection",
        p=fmt.p_cell(tests[0].p_value, tests[0].p_floor, alpha) if tests else "–",
        equations=fmt.equations((("p", tests[0].p_value, tests[0].p_floor),), alpha) if tests else (),
        summary=plain(sentences[0]),
        message=plain(" ".join(sentences)),
        fingerprint=_fingerprint(code, found.claim),
    )


def _endpoint(found: Substitution, alpha: float, describe: Describe) -> Finding:
    rule = describe("substitution")
    sentences = [f"{fmt.SERVED[found.served][1]}. {found.summary}", found.claim]
    if found.verdict in fmt.NOT_JUDGED:
        sentences.append("No statement is made about this endpoint: it has neither passed nor failed.")
    for test in found.tests:
        sentences += [f"{test.rule} {test.name}:", *_numbers(test, alpha, "test")]
    numbered = [test for test in found.tests if test.p_value is not None]
    only = numbered[0] if len(numbered) == 1 else None  # with several tests, the verdict rests on all of them
    return Finding(
        subject="endpoint",
        rule=rule,
        verdict=found.verdict,
        name=plain(found.endpoint),
        path="endpoint",
        p=fmt.p_cell(only.p_value, only.p_floor, alpha) if only else "–",
        equations=fmt.equations((("p", only.p_value, only.p_floor),), alpha) if only else (),
        summary=plain(sentences[0]),
        message=plain(" ".join(sentences)),
        fingerprint=_fingerprint(rule.code, f"{found.endpoint}\0{found.model}"),
    )


def _corpus(found: Corpus, manifest: Manifest, describe: Describe) -> list[Finding]:
    """The corpus as a whole, then each listed document that is a finding, and each that could not be read."""
    rule, broken = describe("origin"), describe("input")
    about = (
        f"{title(found)}. {taken_alone(found.discovery)} Null hypothesis: {found.null} Population: {manifest.population} "
        f"({found.population_description})."
    )
    whole = Finding(
        subject="corpus",
        rule=rule,
        verdict=found.verdict,
        name=f"corpus of {title(found)}",
        path="corpus",
        p="–",
        summary=plain(found.summary),
        message=plain(f"{found.summary} {about}"),
        fingerprint=_fingerprint(rule.code, found.inputs),
    )
    return [
        whole,
        *(_listed(each, rule, manifest.alpha) for each in found.ranked if each.verdict is Verdict.FINDING),
        *(
            Finding(
                subject="document",
                rule=broken,
                verdict=Verdict.ERROR,
                name=one_line(each.name),
                path=path_of(one_line(each.name)),
                p="–",
                summary=plain(why_unread(each)),
                message=plain(f"{why_unread(each)} {NO_STATEMENT}"),
                fingerprint=_fingerprint(broken.code, f"{each.name}\0{each.reason}"),
            )
            for each in found.unread
        ),
    ]


def _listed(found: Ranked, rule: RuleFacts, alpha: float) -> Finding:
    """The finding of a document listed in a scan's summary, which keeps only its numbers."""
    p, q = fmt.p_statement(found.p_value, found.p_floor, alpha), fmt.equation("q", found.q_value, alpha)
    summary = f"Unlike the human writing of the population: {p}, {q} at a false discovery rate of {alpha:g}."
    return Finding(
        subject="document",
        rule=rule,
        verdict=found.verdict,
        name=one_line(found.name),
        path=path_of(one_line(found.name)),
        p=fmt.p_cell(found.p_value, found.p_floor, alpha),
        summary=summary,
        message=summary,
        fingerprint=_fingerprint(rule.code, found.name),
    )


def _numbers(result: Result, alpha: float | None, giver: str, q: str = "") -> list[str]:
    """Numbers, null hypothesis and population of a result, as sentences; `alpha` is None where another level decides."""
    numbers = [fmt.p_statement(result.p_value, result.p_floor, alpha, giver) + q] if result.p_value is not None else []
    numbers += [f"e = {fmt.e_value(result.e_value)}"] if result.e_value is not None else []
    sentences = []
    if numbers:
        sentences.append(", ".join(numbers) + (f" (α = {alpha})." if alpha is not None else "."))
    sentences.append(f"Null hypothesis: {result.null}")
    if population := result.population:
        sentences.append(
            f"Population: {population.name} ({population.description}), {fmt.plural(population.n, 'document')} of "
            f"{population.length_bin}."
        )
    return sentences


def _fingerprint(code: str, content: str) -> str:
    return hashlib.sha256(f"{code}\0{content}".encode("utf-8", "backslashreplace")).hexdigest()
