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
from llm_audit.reports.wording.unjudged import no_statement
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
    entries = [_document(document, family, alpha, describe) for document in report.documents]
    entries += [_tampering(document, result, describe) for document in report.documents for result in document.tampering]
    wanted = [(document, result) for document in report.documents for result in document.wanted]
    entries += [_wanted(document, result, alpha, describe) for document, result in wanted if result.verdict is not Verdict.PASS]
    entries += [_collection(report.membership, alpha, describe)] if report.membership else []
    entries += [_endpoint(report.substitution, alpha, describe)] if report.substitution else []
    entries += _corpus(report.corpus, report.manifest, describe) if report.corpus else []
    seen: Counter[str] = Counter()
    numbered = []
    for finding in entries:
        seen[finding.fingerprint] += 1
        numbered.append(replace(finding, occurrence=seen[finding.fingerprint]))
    passed_over = WORST_FIRST.index(Verdict.PASS) - 0.5
    return sorted(numbered, key=lambda finding: passed_over if finding.suppression else WORST_FIRST.index(finding.verdict))


def coverage(report: Report) -> str:
    """Sentences on the outcome of a gate, on the counts of inputs by outcome, and on files that were not read."""
    inputs, outcome = report.coverage, f"{plain(report.gate.summary)} " if report.gate else ""
    counted = (
        f"{outcome}{fmt.plural(inputs.found, 'input')}: {fmt.count(inputs.scored)} judged, "
        f"{fmt.count(inputs.not_assessable)} not assessable, {fmt.count(inputs.unreadable)} unreadable."
    )
    return " ".join([counted, *([plain(not_read(report.not_read))] if report.not_read else [])])


def plain(text: str) -> str:
    """The text as one line that is safe to print."""
    return terminal_safe(re.sub(r"[\t\n]+", " ", text))


def passage(place: Place) -> str:
    """A passage that stands out, as words: its number, p-value and q-value."""
    shown = place.passage
    return f"passage {shown.number}: {fmt.p_statement(shown.p or 0.0, shown.p_floor)}, {fmt.equation('q', shown.q or 0.0)}"


def _asked(report: Report) -> str:
    """The family of the report's question about texts: "watermark" or else "origin"."""
    codes = report.manifest.detectors
    return "watermark" if codes and all(FAMILIES.get(code[3:4]) == "watermark" for code in codes) else "origin"


def _document(document: Document, family: str, alpha: float, describe: Describe) -> Finding:
    attributed = family == "attribution"
    rule = describe("input" if document.verdict is Verdict.ERROR else family)
    sentences = [document.summary]
    if document.verdict in fmt.NOT_JUDGED:
        sentences.append(no_statement(document))
    for candidate_set in document.sets:
        numbers = [fmt.p_statement(candidate_set.p_value, None, alpha)] if candidate_set.p_value is not None else []
        numbers += [f"e = {fmt.e_value(candidate_set.e_value)}"] if candidate_set.e_value is not None else []
        name, listed = fmt.set_name(candidate_set), ", ".join(numbers) or "no number"
        sentences.append(f"{name}: {listed}. Null hypothesis: {candidate_set.null}")
    suppression = document.passed_over
    if suppression:
        sentences.append(f"Passed over, {fmt.known(suppression)}.")
    idle = [directive for directive in (document.gate.suppressions if document.gate else ()) if directive.state == "not_obeyed"]
    sentences += [
        f"Line {directive.line} looks like a suppression of {directive.rule} and has no effect where it stands."
        for directive in idle
    ]
    if document.combined:
        sentences += ["Compared with human writing:"] if attributed else []
        giver = "population" if document.combined.population else "test"
        sentences += _numbers(document.combined, alpha, giver, fmt.with_q(document, alpha))
    text_passages = passages(document, alpha)
    standing_out = (passage for passage in text_passages if passage.stands_out)
    loud = sorted(standing_out, key=lambda passage: (passage.p or 0.0, passage.number))
    if loud and not attributed:
        verb = "stands" if len(loud) == 1 else "stand"
        sentences.append(f"{fmt.count(len(loud))} of {fmt.plural(len(text_passages), 'passage')} {verb} out (q ≤ {alpha}).")
    shown = document.verdict is Verdict.FINDING and not attributed and document.text is not None
    combined = document.combined
    sanctioned = next((candidate_set.p_value for candidate_set in document.sets if candidate_set.role == "sanctioned"), None)
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


def _collection(membership: Membership, alpha: float, describe: Describe) -> Finding:
    tests = membership.deciding
    code = tests[0].rule if tests else membership.separations[0].rule if membership.separations else Gate.code
    sentences = [membership.summary, membership.claim]
    if membership.verdict in fmt.NOT_JUDGED:
        sentences.append(no_statement(membership))
    sentences.append(f"Independent units: {fmt.units(membership)}.")
    for test in membership.tests:
        # What looks at the texts alone has a level of its own, which its reason states.
        sentences += [f"{test.rule} {test.name}:", *_numbers(test, None if is_blind(test) else alpha, "test")]
    if membership.gate:
        sentences.append(f"{membership.gate.code} {fmt.GATE[membership.gate.outcome][1]}: {membership.gate.reason}")
    for separation in membership.separations:
        auc, p = fmt.interval(separation.auc), fmt.p_cell(separation.p_adjusted, None, alpha)
        sentences.append(f"{separation.title}: AUC {auc}, p {p} (Holm).")
    return Finding(
        subject="collection",
        rule=describe(code),
        verdict=membership.verdict,
        name=plain(membership.claim),
        path="collection",
        p=fmt.p_cell(tests[0].p_value, tests[0].p_floor, alpha) if tests else "–",
        equations=fmt.equations((("p", tests[0].p_value, tests[0].p_floor),), alpha) if tests else (),
        summary=plain(sentences[0]),
        message=plain(" ".join(sentences)),
        fingerprint=_fingerprint(code, membership.claim),
    )


def _endpoint(substitution: Substitution, alpha: float, describe: Describe) -> Finding:
    rule = describe("substitution")
    sentences = [f"{fmt.SERVED[substitution.served][1]}. {substitution.summary}", substitution.claim]
    if substitution.verdict in fmt.NOT_JUDGED:
        sentences.append(no_statement(substitution))
    for test in substitution.tests:
        sentences += [f"{test.rule} {test.name}:", *_numbers(test, alpha, "test")]
    numbered = [test for test in substitution.tests if test.p_value is not None]
    only = numbered[0] if len(numbered) == 1 else None  # with several tests, the verdict rests on all of them
    return Finding(
        subject="endpoint",
        rule=rule,
        verdict=substitution.verdict,
        name=plain(substitution.endpoint),
        path="endpoint",
        p=fmt.p_cell(only.p_value, only.p_floor, alpha) if only else "–",
        equations=fmt.equations((("p", only.p_value, only.p_floor),), alpha) if only else (),
        summary=plain(sentences[0]),
        message=plain(" ".join(sentences)),
        fingerprint=_fingerprint(rule.code, f"{substitution.endpoint}\0{substitution.model}"),
    )


def _corpus(corpus: Corpus, manifest: Manifest, describe: Describe) -> list[Finding]:
    """The corpus as a whole, then each listed document that is a finding, and each that could not be read."""
    rule, broken = describe("origin"), describe("input")
    about = (
        f"{title(corpus)}. {taken_alone(corpus.discovery)} Null hypothesis: {corpus.null} Population: {manifest.population} "
        f"({corpus.population_description})."
    )
    corpus_finding = Finding(
        subject="corpus",
        rule=rule,
        verdict=corpus.verdict,
        name=f"corpus of {title(corpus)}",
        path="corpus",
        p="–",
        summary=plain(corpus.summary),
        message=plain(f"{corpus.summary} {about}"),
        fingerprint=_fingerprint(rule.code, corpus.inputs),
    )
    return [
        corpus_finding,
        *(_listed(document, rule, manifest.alpha) for document in corpus.ranked if document.verdict is Verdict.FINDING),
        *(
            Finding(
                subject="document",
                rule=broken,
                verdict=Verdict.ERROR,
                name=one_line(unread.name),
                path=path_of(one_line(unread.name)),
                p="–",
                summary=plain(why_unread(unread)),
                message=plain(f"{why_unread(unread)} {no_statement()}"),
                fingerprint=_fingerprint(broken.code, f"{unread.name}\0{unread.reason}"),
            )
            for unread in corpus.unread
        ),
    ]


def _listed(document: Ranked, rule: RuleFacts, alpha: float) -> Finding:
    """The finding of a document listed in a scan's summary, which keeps only its numbers."""
    p, q = fmt.p_statement(document.p_value, document.p_floor, alpha), fmt.equation("q", document.q_value, alpha)
    summary = f"Unlike the human writing of the population: {p}, {q} at a false discovery rate of {alpha:g}."
    return Finding(
        subject="document",
        rule=rule,
        verdict=document.verdict,
        name=one_line(document.name),
        path=path_of(one_line(document.name)),
        p=fmt.p_cell(document.p_value, document.p_floor, alpha),
        summary=summary,
        message=summary,
        fingerprint=_fingerprint(rule.code, document.name),
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
