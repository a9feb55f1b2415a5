"""What becomes of cases: a row of a Markdown table a document, with its verdict, its p-value and what else is said of it.

`python -m tools.case_table ../shared/cases/detect ../shared/cases/gate` judges the documents of the first folder by `detect`,
and each of the others by a `gate` of its own, as a pull request with one new text would be.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import llm_audit
from llm_audit.policy import Loaded, Policy
from llm_audit.reports import format as fmt
from llm_audit.results import Document, Verdict
from llm_audit.setup import OpenSetup, Setup


def verdict(document: Document) -> str:
    """In words, with the p-value, or the reason for which there is none."""
    found = fmt.LABELS[document.verdict][1]
    if document.verdict in (Verdict.ERROR, Verdict.NOT_ASSESSABLE):
        return f"{found}: {document.summary.removeprefix(f'{document.name} ').removeprefix('Not assessable. ')}"
    assert document.combined and document.combined.p_value is not None
    return f"{found}, p = {fmt.p_value(document.combined.p_value)}"


def others(document: Document) -> str:
    """Rules of integrity with a finding, and what was set apart or left out."""
    notes = [note for note in document.notes if note.startswith(("Set apart", "Left out"))]
    return " ".join([*(result.rule for result in document.tampering), *notes])


def rows(detected: Path, gated: Path, ready: OpenSetup) -> Iterator[tuple[str, str, str]]:
    """Name, verdict and what else there is."""
    report = llm_audit.detect([detected], setup=ready)
    for document in report.documents:
        yield Path(document.name).relative_to(detected).as_posix(), verdict(document), others(document)
    for entry in report.not_read:
        yield entry.kind, f"counted as not read: {entry.count}", "on purpose" if entry.on_purpose else ""
    policy = Loaded(Policy(fail_on=("finding", "error", "inconclusive")), gated)
    for path in sorted(path for path in gated.rglob("*") if path.is_file()):
        alone = llm_audit.gate([path], policy=policy, setup=ready)
        (document,) = alone.documents
        yield f"gate/{path.relative_to(gated)}", f"{verdict(document)}; exit {alone.exit_code()}", others(document)


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    detected, gated = map(Path, arguments)
    print("| case | verdict | what else is said |\n|---|---|---|")
    with Setup(offline=True).open() as ready:
        for row in rows(detected, gated, ready):
            print("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
