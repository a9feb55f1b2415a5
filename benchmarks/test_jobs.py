"""`--jobs 2` against one process, of one thread and of all, on the same texts: tokens per second in one run, and equal bytes.

Two jobs before and after, since a machine's own speed drifts. The rate is that between the first and the last block in the
journal: without the start, which is said apart. Ten minutes of two idle cores.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.test_ray import scanned
from tests.cli.conftest import write_texts

pytestmark = pytest.mark.bench

DOCUMENTS, WORDS = 100, 400
LEAST = 1.2
"""Times the rate of one thread, also where two cores are the two threads of one; the aim is 1.7 on two cores of their own."""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_two_jobs_against_one(tmp_path: Path) -> None:
    corpus = write_texts(tmp_path / "corpus.jsonl", DOCUMENTS, WORDS)
    two, first_two, results = scanned(corpus, tmp_path / "two", "--jobs", "2")
    one, first_one, same = scanned(corpus, tmp_path / "one", threads=1)
    every, _, same_again = scanned(corpus, tmp_path / "all")
    again, _, as_before = scanned(corpus, tmp_path / "again", "--jobs", "2")
    assert results == same == same_again == as_before
    rate = (two * again) ** 0.5
    print(
        f"\n{os.cpu_count()} cores: --jobs 2 {two:,.0f} and {again:,.0f} tokens/s after {first_two:.1f} s; one job of one "
        f"thread {one:,.0f} after {first_one:.1f} s, ratio {rate / one:.2f}, aim 1.70, limit {LEAST}; one job of all threads "
        f"{every:,.0f}, ratio {rate / every:.2f}"
    )
    assert rate >= LEAST * one
