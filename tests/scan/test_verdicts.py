"""A scan decides of a document what `detect` and `gate` decide, but for what the other documents change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llm_audit.api.stored import verify
from llm_audit.common.errors import InvalidInput
from llm_audit.detectors.origin.conclude import conclude
from llm_audit.detectors.rule import Terms
from llm_audit.gating.settle import Terms as GateTerms
from llm_audit.gating.settle import settle
from llm_audit.results import Corpus, Document, Gated, Verdict
from llm_audit.scanning.corpus import Block
from llm_audit.scanning.record import Record, _record
from llm_audit.text import RawText
from tests.reports import factory
from tests.scan.driver import judge, run

ALPHA, P = 0.1, {"pass": 0.5, "finding": 0.005}


def judged(likeness: str, **changes: object) -> Document:
    """A text as `detect` judges it: its p-value is that of a finding by itself, or of a pass."""
    made = factory.passing("a.txt")
    assert made.combined
    verdict = Verdict(likeness)
    combined = made.combined.model_copy(update={"p_value": P[likeness], "p_floor": 0.005, "verdict": verdict})
    return conclude(made.model_copy(update={"combined": combined, **changes}), Terms(ALPHA))


def record(document: Document, position: int = 0) -> Record:
    return _record(position, document, RawText("a.txt", "0" * 64, "utf-8", f"Text {position}.", 7))


CASES: dict[str, tuple[Document, Verdict, bool]] = {
    "whole": (judged("pass"), Verdict.PASS, True),
    "found": (judged("finding"), Verdict.FINDING, True),
    "part": (judged("pass", omitted=0.6), Verdict.INCONCLUSIVE, True),
    "part found": (judged("finding", omitted=0.6), Verdict.FINDING, True),
    "repetitive": (judged("finding", doubt="repetitive"), Verdict.NOT_ASSESSABLE, False),
    "repetitive, but unlike a machine's": (judged("pass", doubt="repetitive"), Verdict.PASS, False),
    "a repetitive part": (judged("pass", doubt="repetitive", omitted=0.6), Verdict.INCONCLUSIVE, False),
}
"""Name -> the text, its verdict, and whether its p-value is a test among others."""


def scan_of(documents: list[Document], where: Path) -> tuple[Corpus, list[dict[str, Any]]]:
    """The report and the rows of a scan whose documents come to this, each with a text of its own."""
    (where / "corpus.jsonl").write_text("".join(json.dumps({"text": f"{number}"}) + "\n" for number in range(len(documents))))

    def engine(blocks: Iterable[Block]) -> Iterator[list[Record]]:
        for block in blocks:
            places = [each.position for each in judge(block)]
            yield [record(documents[place], place) for place in places]

    corpus = run([str(where / "corpus.jsonl")], where / "out", engine, alpha=ALPHA)
    assert corpus
    return corpus, [json.loads(line) for line in (where / "out" / "results.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES)
def test_detect_gate_and_scan_decide_the_same(case: str, tmp_path: Path) -> None:
    document, verdict, is_test = CASES[case]
    assert document.verdict is verdict
    gated = document.model_copy(update={"gate": Gated(text_digest="0" * 64, fail_on=(Verdict.FINDING,))})
    (settled,), outcome = settle([gated], GateTerms(ALPHA, "2026-01-01"))
    assert (settled.verdict, outcome.discovery.tests) == (verdict, is_test)
    corpus, (row,) = scan_of([document], tmp_path)
    assert (row["verdict"], corpus.discovery.tests) == (verdict, is_test)
    assert (row["q_value"] is not None) == is_test


def test_a_part_that_was_not_judged_passes_in_no_row_and_verify_notices_one_that_does(tmp_path: Path) -> None:
    corpus, rows = scan_of([document for document, _, _ in CASES.values()], tmp_path)
    assert [row["verdict"] for row in rows] == [verdict for _, verdict, _ in CASES.values()]
    assert (corpus.verdicts[Verdict.INCONCLUSIVE], corpus.discovery.tests) == (2, 4)
    where = tmp_path / "out" / "results.jsonl"
    assert verify(tmp_path / "out").mismatches == []
    for number, change in ((2, {"verdict": "pass"}), (2, {"omitted": None}), (5, {"verdict": "finding"}), (5, {"doubt": None})):
        changed = [row | change if place == number else row for place, row in enumerate(rows)]
        where.write_text("".join(json.dumps(row) + "\n" for row in changed))
        assert verify(tmp_path / "out").mismatches, change
    where.write_text(json.dumps(rows[0] | {"doubt": "?"}) + "\n")
    with pytest.raises(InvalidInput, match="line 1, is no row of a scan"):
        verify(tmp_path / "out")


def test_rows_and_records_of_0_2_0_which_store_neither_are_read_as_they_were(tmp_path: Path) -> None:
    early = json.loads(record(judged("pass", omitted=0.6)).model_dump_json())
    del early["doubt"], early["omitted"]
    assert Record.model_validate_json(json.dumps(early)).omitted is None
    _, rows = scan_of([judged("pass"), judged("finding")], tmp_path)
    where = tmp_path / "out" / "results.jsonl"
    where.write_text(
        "".join(json.dumps({k: v for k, v in row.items() if k not in ("doubt", "omitted")}) + "\n" for row in rows)
    )
    assert verify(tmp_path / "out").mismatches == []
