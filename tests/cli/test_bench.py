"""`llm-audit bench`: what it refuses, and before which work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_train import labelled
from tests.cli.tool import Tool, sentence


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("-o", "table.txt"), "must end in"),
        (("--population", "nobody"), "no population 'nobody'"),
        (("--classifier", "nobody"), "no classifier 'nobody'"),
        (("--detector", "nobody"), "no detector 'nobody'"),
        (("--group", "age"), "no field 'age'"),
        (("--group", "domain"), "grouped by 'domain' in any case"),
    ],
)
def test_bad_options_are_named(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, options: tuple[str, ...], complaint: str
) -> None:
    given = tiny[:2] if "--population" in options else tiny
    outcome = tool("bench", labelled(tmp_path / "a.jsonl", 5), *options, *given)
    assert outcome.code == 2
    assert complaint in sentence(outcome)


def test_texts_that_are_all_too_short(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "Short.", "label": "human"}))
    assert sentence(tool("bench", path, *tiny)).startswith("Error: No text is left to judge; each needs 64 tokens.")


def test_a_report_that_cannot_be_written_costs_no_other_and_no_result(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    data, good = labelled(tmp_path / "a.jsonl", 10), tmp_path / "b.json"
    outcome = tool("bench", data, "-o", tmp_path / "nowhere" / "x.html", "-o", good, *tiny)
    assert outcome.code == 2
    assert "its folder does not exist" in sentence(outcome)
    assert "Detectors, all texts" in outcome.out
    assert json.loads(good.read_text())["subjects"][0]["power"]


def test_one_label_is_enough_for_false_alarms(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    rows = [row for row in labelled(tmp_path / "a.jsonl", 30).read_text().splitlines() if '"human"' in row]
    (tmp_path / "human.jsonl").write_text("\n".join(rows))
    outcome = tool("bench", tmp_path / "human.jsonl", "--fairness", "-o", tmp_path / "b.html", *tiny)
    assert (outcome.code, outcome.err) == (0, "")
    assert "share of human texts flagged" in outcome.out
    assert "Do the p-values keep their promise?" in (tmp_path / "b.html").read_text()
