"""Sentences of a gate: on each text among the others of its run, and on all of them together."""

from __future__ import annotations

from llm_audit.reports.format import equation, p_statement, p_value, plural
from llm_audit.reports.wording.corpus import summary
from llm_audit.results import Discovery, Suppression, Verdict


def of_text(verdict: Verdict, numbers: tuple[float, float, float], discovery: Discovery, needed: int | None) -> str:
    """Sentence on one text among the others of its run.

    Args:
        verdict: within the run.
        numbers: p-value, q-value, and the smallest p-value that the text could have had.
        discovery: over the texts of the run.
        needed: number of findings in the run that a finding on this text needs; None: it cannot have one.
    """
    p, q, floor = numbers
    among = "the only text of this run" if discovery.tests == 1 else f"among {discovery.tests:,} texts of this run"
    shown = f"{p_statement(p)}, {equation('q', q, discovery.alpha)}, {among}"
    if verdict is Verdict.FINDING:
        return f"Unlike human writing of the population ({shown})."
    if verdict is Verdict.PASS:
        return f"Not unusual enough to be found ({shown}). That does not show that a person wrote it."
    lacking = "the population is too small for that" if needed is None else f"it takes {needed:,} or more findings at a time"
    return f"Undecided ({shown}): even its smallest possible p-value, {p_value(floor)}, would not have been found; {lacking}."


def passed_over(p: float, why: Suppression) -> str:
    """Sentence on a suppressed finding, which is left out of the run's tests."""
    known = "it is in the baseline" if why.kind == "baseline" else f"line {why.line} of the text says why it is not to count"
    return f"Unlike human writing of the population, judged by itself ({p_statement(p)}), and passed over: {known}."


def known(p: float) -> str:
    """Sentence on a text in the baseline without a finding, which is left out of the run's tests."""
    return f"Known from the baseline, without a finding (by itself {p_statement(p)})."


def known_undecided(p: float) -> str:
    """Sentence on a text in the baseline of which nothing could be said, or of which an early baseline does not say it."""
    return f"Known from the baseline, which does not say that it passed (by itself {p_statement(p)}); it fails nothing."


def written(name: str, counts: tuple[int, int, int], texts: int, undecided: int) -> str:
    """Sentence on a baseline that was written.

    Args:
        name: of its file.
        counts: findings in it, and how many were added and removed.
        texts: that passed.
        undecided: of which nothing could be said.
    """
    findings, added, removed = counts
    sentence = f"{name}: {plural(findings, 'finding')}; {added:,} added, {removed:,} removed."
    sentence += f" {texts:,} {'text is' if texts == 1 else 'texts are'} known to be without any." if texts else ""
    if undecided:
        sentence += f" Of {plural(undecided, 'text')} nothing could be said: that is no pass later, either."
    return sentence


def outcome(texts: int, failed: int, unclear: int, known: int, discovery: Discovery) -> str:
    """Sentence on the outcome of the gate as a whole.

    Args:
        texts: number of all texts.
        failed: texts that fail.
        unclear: texts without an answer that do not fail.
        known: texts in the baseline.
        discovery: over the texts of the run.
    """
    if not texts:
        return "There was nothing to judge."
    counted = "1 text" if texts == 1 else f"{texts:,} texts"
    head = _no_single_one(discovery) + (f"Failed: {failed:,} of {counted}" if failed else f"Passed: {counted}")
    head += f"; nothing can be said of {unclear:,}. " if unclear else ". "
    head += f"{known:,} {'text is' if known == 1 else 'texts are'} known from the baseline. " if known else ""
    return (head + summary(discovery) if discovery.tests or not known else head).strip()


def _no_single_one(discovery: Discovery) -> str:
    """Sentence that no finding is possible, or none on a single text; "" if one is possible."""
    if not discovery.tests or discovery.fewest == 1:
        return ""
    if discovery.fewest is None:
        return f"Nothing can fail by who wrote it: {discovery.tests:,} texts are too many for this population. "
    return f"No single text can fail by who wrote it: among {discovery.tests:,} it takes {discovery.fewest:,} at a time. "
