"""`--jobs` changes no byte of the results; `--max-tokens` is said of every text that it leaves out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures.tiny_models import SENTENCES
from tests.cli.tool import HUMAN, Tool
from tests.scan.driver import final

pytestmark = pytest.mark.usefixtures("embedded")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    essay = Path(HUMAN).read_text()
    path = tmp_path / "rows.jsonl"
    texts = [essay[:420], SENTENCES[0], essay[420:900], SENTENCES[4]]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def test_two_jobs_give_the_bytes_of_one(tool: Tool, rows: Path, tmp_path: Path) -> None:
    results = []
    for jobs in ("1", "2"):
        assert tool("scan", rows, "-o", tmp_path / jobs, "--jobs", jobs, "--offline").code in (0, 1)
        results.append(final(tmp_path / jobs))
    assert results[0] == results[1]


def test_longer_texts_are_not_assessed(tool: Tool, rows: Path, tmp_path: Path) -> None:
    limited = tool("scan", rows, "-o", tmp_path / "out", "--max-tokens", "30", "--offline")
    assert limited.code == 0
    found = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [row["verdict"] for row in found] == ["not_assessable"] * 4
    assert [row["reason_code"] for row in found] == ["too_long", "too_short", "too_long", "language"]
    assert "longer than 30 tokens" in found[0]["reason"] and "longer" not in found[1]["reason"]
    other = tool("scan", rows, "-o", tmp_path / "out", "--max-tokens", "31", "--offline")
    assert other.code == 2 and "max_tokens" in other.err
