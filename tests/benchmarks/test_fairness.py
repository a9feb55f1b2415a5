"""The gate of a release: no group of writers is flagged too often, and whatever kind is, is named to the reader.

The rates are stored by `python -m benchmarks.validity`: of sources left out of training and population in turn.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.validity import FAIRNESS
from llm_audit.reports.wording import limits
from llm_audit.stats.classification import binomial_interval
from tools.site.pages import DOCS

LEAST, MOST = 150, 0.02
"""Texts of a group that are enough to stop a release; twice the nominal rate at alpha .01."""

KNOWN = {"fiction": "pieces of fiction", "law": "pieces of legal writing", "blogs": "blog posts"}
"""Kinds that are above `MOST`, and what a report calls them: 31 of 602, 18 of 436, 22 of 1,087. Another stops the release."""

ROWS: list[dict[str, Any]] = json.loads(FAIRNESS.read_text(encoding="utf-8"))


def rate(row: dict[str, Any]) -> float:
    return float(row["flagged"]["0.01"] / row["n"])


def named(group: str) -> dict[str, Any]:
    return next(row for row in ROWS if row["group"] == group)


def too_often(by: str) -> set[str]:
    return {row["group"] for row in ROWS if row["by"] == by and row["n"] >= LEAST and rate(row) > MOST}


def test_no_writers_are_flagged_more_than_twice_as_often_as_said() -> None:
    assert sum(row["by"] == "writer" and row["n"] >= LEAST for row in ROWS) >= 3
    assert too_often("writer") == set()


def test_no_further_kind_of_text_is() -> None:
    assert too_often("kind") == set(KNOWN)


def test_the_rows_are_whole() -> None:
    everybody = named("all")
    for by in ("writer", "kind"):
        for level in ("0.05", "0.01", "0.002"):
            assert sum(row["flagged"][level] for row in ROWS if row["by"] == by) == everybody["flagged"][level]
        assert sum(row["n"] for row in ROWS if row["by"] == by) == everybody["n"]
    for row in ROWS:
        bounds = binomial_interval(row["flagged"]["0.01"], row["n"])
        assert row["interval at 0.01"] == pytest.approx(bounds, abs=1e-4)


def test_every_report_names_the_rates_that_are_stored() -> None:
    said = " ".join(limits._ORIGIN)
    names = {
        "all": "human texts", "learners of English": "by learners of English", "pupils": "by pupils",
        "academics": "by academics", **KNOWN,
    }  # fmt: skip
    for group, name in names.items():
        row = named(group)
        between = " were flagged" if group == "all" else ""
        assert f"{rate(row):.1%}".replace("%", " %") + f" of {row['n']:,} {name}{between}" in said, group


@pytest.mark.parametrize("row", ROWS, ids=[row["group"] for row in ROWS])
def test_the_page_has_every_rate(row: dict[str, Any]) -> None:
    cells = f"| {row['by']} | {row['group']} | {row['n']} | {row['flagged']['0.05'] / row['n']:.3f} ["
    page = (DOCS / "measurements" / "fairness.md").read_text(encoding="utf-8")
    assert cells in page and f"| {rate(row):.3f} [" in page[page.index(cells) :].split("\n")[0]
