"""The report as Markdown, for job summaries and comments: a table of the subjects, the limits, and how it was run.

Text from outside can produce no HTML, image, link or mention, even where addresses become links automatically.
"""

from __future__ import annotations

import re
from collections import Counter

from llm_audit.reports import format as fmt
from llm_audit.reports.views.findings import Finding, coverage, findings, plain
from llm_audit.results import Report
from llm_audit.results.rules import Describe

LONGEST, LONGEST_PASSED_OVER, LONGEST_IDLE, LONGEST_VALUE = 700_000, 150_000, 50_000, 4_000
"""Most bytes of the tables, of the list of suppressions without effect, and of a value in the last table: GitHub drops a job
summary of more than 1 MiB as a whole."""

_SYNTAX = re.compile(r"[\\`*_\[\]<>|~&$]")
_AT_THE_BEGINNING = re.compile(r"^(\d*)([#+\-=:.)])")
_BECOMES_A_LINK = re.compile(r"(?<=[@#:!$~&%])(?=[\w/+-])|(?<=/)(?=/)|(?<=www)(?=\.)", re.IGNORECASE)
"""Places for an invisible word joiner, which prevents automatic links, mentions, references and emoji, also on GitLab."""


def render(report: Report, describe: Describe) -> str:
    """The whole summary, the worst first."""
    everything = findings(report, describe)
    shown = [finding for finding in everything if not finding.suppression]
    counts = Counter(finding.verdict for finding in shown)
    tally = ", ".join(f"{sign} {words}: {counts[verdict]}" for verdict, (sign, words) in fmt.LABELS.items() if counts[verdict])
    parts = [
        f"## {prose(report.question)}",
        *([f"**{tally}**"] if tally else []),
        prose(coverage(report)),
        _table(shown, LONGEST),
        *_suppressions(report, [finding for finding in everything if finding.suppression]),
        "### What this does not prove",
        "\n".join(f"- {prose(limit)}" for limit in report.limits) or "- –",
        "### How it was run",
        "\n".join(["| What | Value |", "|---|---|", *(f"| {name} | {value} |" for name, value in _manifest(report))]),
    ]
    return "\n\n".join(parts) + "\n"


def prose(text: str) -> str:
    """A sentence escaped so that it is plain text in Markdown."""
    text = _AT_THE_BEGINNING.sub(r"\1\\\2", _SYNTAX.sub(r"\\\g<0>", plain(text).strip()))
    return _BECOMES_A_LINK.sub("\u2060", text)


def code(text: str) -> str:
    """A name or digest as a code span, in which nothing is markup; a pipe, which would end a cell, is shown as its escape."""
    text = plain(text).replace("|", "\\x7c")
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if len(fence) > 1 or text != text.strip() else ""
    return f"{fence}{space}{text}{space}{fence}" if text.strip() else "–"


def _table(entries: list[Finding], room: int) -> str:
    rows = ["| Verdict | Subject | p | What is said |", "|---|---|---:|---|"]
    for number, finding in enumerate(entries):
        sign, words = fmt.LABELS[finding.verdict]
        place = f" line {finding.places[0].start_line}" if finding.places else ""
        row = f"| {sign} {words} | {code(finding.name)}{place} | {finding.p} | {finding.rule.code} {prose(finding.message)} |"
        room -= len(row.encode())
        if room < 0:
            left = Counter(fmt.LABELS[omitted.verdict][1] for omitted in entries[number:])
            listed = ", ".join(f"{words}: {count}" for words, count in left.items())
            rows.append(f"| | *{fmt.plural(len(entries) - number, 'row')} left out for want of room ({listed})* | | |")
            break
        rows.append(row)
    return "\n".join(rows)


def _suppressions(report: Report, passed_over: list[Finding]) -> list[str]:
    """Section of findings that fail nothing; then suppressions without effect."""
    parts = ["### Passed over", _table(passed_over, LONGEST_PASSED_OVER)] if passed_over else []
    idle = [
        f"- {fmt.SUPPRESSIONS[suppression.state]}: {code(document.name)} {suppression.rule} {prose(fmt.known(suppression))}"
        for document in report.documents
        for suppression in (document.gate.suppressions if document.gate else ())
        if suppression.state != "applied"
    ]
    return [*parts, *(["### Suppressions without effect", _listed(idle)] if idle else [])]


def _listed(lines: list[str]) -> str:
    """The lines for which there is room, and the number of the others."""
    room = LONGEST_IDLE
    shown: list[str] = []
    for number, line in enumerate(lines):
        room -= len(line.encode())
        if room < 0:
            return "\n".join([*shown, f"- *{fmt.plural(len(lines) - number, 'line')} left out for want of room*"])
        shown.append(line)
    return "\n".join(shown)


def _within(text: str) -> str:
    """A value of unlimited length, truncated."""
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} ..."


def _manifest(report: Report) -> list[tuple[str, str]]:
    manifest = report.manifest
    rows = [
        ("Tool", code(f"{manifest.tool} {manifest.version}")),
        ("Command", code(_within(" ".join(manifest.command)))),
        ("Started", code(manifest.started or "")),
        ("Alpha", code(str(manifest.alpha))),
    ]
    if manifest.policy:
        rows.append(("Policy", code(manifest.policy)))
    for name, model in (("Model", manifest.model), ("Reference model", manifest.reference_model)):
        if model:
            rows.append((name, f"{code(model.name)} {code(model.dtype)} {code(model.digest)}"))
    if manifest.population:
        rows.append(("Population", f"{code(manifest.population)} {code(manifest.population_digest or '')}"))
    rows.append(("Tests", code(", ".join(manifest.detectors))))
    rows.append(("Packages", code(", ".join(f"{name} {manifest.packages[name]}" for name in sorted(manifest.packages)))))
    return rows
