"""Published against private versions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership import paired
from llm_audit.detectors.membership.paired import Pair
from llm_audit.results import Verdict
from tests.detectors.laws import judge
from tests.detectors.membership.readers import Reader, holds

WORDS = [f"word{i}" for i in range(300)]


def pairs(rng: np.random.Generator, n: int = 20, private: int = 1) -> list[Pair]:
    def text() -> str:
        return " ".join(rng.choice(WORDS, 12))

    return [Pair(text(), tuple(text() for _ in range(private)), str(number)) for number in range(n)]


@pytest.mark.parametrize(("private", "runs"), [(3, 400), *(pytest.param(n, 2000, marks=pytest.mark.slow) for n in (1, 3))])
def test_size(private: int, runs: int) -> None:
    rng, reader = np.random.default_rng(private), Reader()
    p_values = [
        judge(paired, reader, pairs(rng, 10, private), draws=199, alpha=0.01, seed=str(number)).p_value
        for number in range(runs)
    ]
    assert holds(p_values)  # type: ignore[arg-type]  # p-values are there


def test_published_versions_that_were_seen_are_found_and_private_ones_are_not() -> None:
    items = pairs(np.random.default_rng(1))
    found = judge(paired, Reader(seen=[i.public for i in items], gain=0.8), items, draws=9999, alpha=0.01, seed="x")
    assert found.verdict is Verdict.FINDING
    assert found.effect and found.effect.lower is not None and found.effect.lower > 0
    other = judge(paired, Reader(seen=[i.private[0] for i in items], gain=0.8), items, draws=9999, alpha=0.01, seed="x")
    assert other.verdict is Verdict.PASS and other.p_value is not None and other.p_value > 0.9


def test_items_of_one_document_are_one_choice() -> None:
    items = [
        Pair(item.public, item.private, str(number // 4)) for number, item in enumerate(pairs(np.random.default_rng(2), 28))
    ]
    found = judge(paired, Reader(), items, draws=9999, alpha=0.01, seed="x")
    assert (found.n, found.p_floor) == (7, 1 / 128)
    with pytest.raises(AuditError, match=r"5 independent choices of a version; a p-value of 0\.01 needs 7"):
        paired.check(items[:20], 0.01)


def test_a_file_of_pairs_with_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    lines = [json.dumps({"public": f"text {i}", "private": f"other {i}"}) for i in range(5)]
    lines[2] = "{broken"
    lines += [
        json.dumps({"public": "a", "private": "a"}),
        json.dumps({"public": "a"}),
        json.dumps({"public": "a", "private": []}),
    ]
    path.write_text("\n".join(lines) + "\n\n")
    read = paired.read_pairs(path)
    assert (len(read.items), read.total, len(read.malformed)) == (4, 8, 4)
    assert read.malformed[0].startswith(f"Line 3 of {path} is not a JSON object")


def test_unequal_numbers_of_versions_and_empty_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"public": "a", "private": "b"}\n{"public": "a", "private": ["b", "c"]}\n')
    with pytest.raises(AuditError, match="1 to 2 private versions"):
        paired.read_pairs(path)
    path.write_text("\n")
    with pytest.raises(AuditError, match="holds no pairs"):
        paired.read_pairs(path)


def test_an_item_counts_once_however_often_it_stands_there(tmp_path: Path) -> None:
    path, items = tmp_path / "pairs.jsonl", pairs(np.random.default_rng(3), 8, 2)
    rows = [{"public": item.public, "private": list(item.private)} for item in items]
    again = [row | {"private": row["private"][::-1], "document": "another"} for row in rows]  # type: ignore[index]  # a list
    path.write_text("".join(json.dumps(row) + "\n" for row in (*rows, *again, rows[0])))
    read = paired.read_pairs(path)
    assert [item.public for item in read.items] == [item.public for item in items]
    assert (read.total, len(read.malformed)) == (17, 9)
    assert read.malformed[-1] == f"Line 17 of {path} is the item of line 1 once more; it was left out."


def test_a_public_version_was_chosen_once_whatever_it_is_compared_with(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"public": f"text {n // 3}", "private": f"other {n}"} for n in range(12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len({item.document for item in paired.read_pairs(path).items}) == 4


def test_a_private_version_that_was_published_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"public": f"text {n}", "private": f"text {n + 1}"}) + "\n" for n in range(9)))
    with pytest.raises(AuditError, match=r"8 private versions in .* are the public version of another item"):
        paired.read_pairs(path)
