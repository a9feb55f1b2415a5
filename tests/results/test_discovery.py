"""A family judged in constant memory: the same as in plain arrays, and no more memory for ten times as many."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_audit.common import sorting
from llm_audit.results import Verdict
from llm_audit.results.discovery import ROW, judge, rows_of
from tests.memory import STATUS
from tests.results import arrays

ALPHAS = st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.5])


@st.composite
def corpora(draw: st.DrawFn) -> np.ndarray:
    """Documents in the order of a corpus: ties, p-values at the floor, copies with other p-values, and some without any."""
    n = draw(st.integers(0, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = rng.integers(1, draw(st.sampled_from([2, 9, 60, 2000])), n)
    floors = 1 / (sizes + 1)
    highest = draw(st.sampled_from([1, 3, 2000]))
    p = np.minimum(rng.integers(1, highest + 1, n) * floors, 1.0)
    p[rng.random(n) < draw(st.sampled_from([0, 0.3, 1]))] = np.nan
    texts = rng.integers(0, draw(st.sampled_from([1, 5, 2**63])), n).astype(np.uint64)
    return rows_of(p, floors, texts, np.arange(n), np.arange(n) * 7)


def check(rows: np.ndarray, alpha: float, held: int, cuts: int, arriving: np.ndarray, folder: Path | None = None) -> None:
    """Judge the documents as they arrive, some at a time, and compare everything with the plain arrays."""
    expected = arrays.judge(rows["p_value"], rows["p_floor"], rows["text"], alpha)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "CUTS", cuts)
        family = judge((arriving[i : i + 7] for i in range(0, len(arriving), 7)), alpha, folder, held)
        judged = list(family)
    assert family.discovery == expected.discovery
    assert (family.documents, family.tested) == (len(rows), np.count_nonzero(np.isfinite(rows["p_value"])))
    assert [each.place for each in judged] == rows["place"].tolist()
    assert [each.first for each in judged] == expected.first.tolist()
    assert [np.nan if each.q_value is None else each.q_value for each in judged] == pytest.approx(
        expected.q_value.tolist(), rel=0, abs=0, nan_ok=True
    )
    for each, q, possible in zip(judged, expected.q_value, expected.possible, strict=True):
        unfound = Verdict.PASS if possible else Verdict.INCONCLUSIVE
        assert each.verdict == (None if np.isnan(q) else Verdict.FINDING if q <= alpha else unfound)


@given(corpora(), ALPHAS, st.integers(1, 40), st.sampled_from([1, 2, 63]), st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_on_the_disk_it_is_what_it_is_in_plain_arrays(rows: np.ndarray, alpha: float, held: int, cuts: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    again = rows[rng.random(len(rows)) < 0.3].copy()  # judged twice: the first to arrive counts
    again["p_value"], again["place"] = 1.0, -1
    order = rng.permutation(len(rows))
    check(rows, alpha, held, cuts, np.concatenate([rows[order], again]))


@given(corpora(), ALPHAS)
@settings(deadline=None)
def test_in_memory_it_is_the_same(rows: np.ndarray, alpha: float) -> None:
    check(rows, alpha, 1000, 63, rows)


@pytest.mark.parametrize("held", [50, 700, 5000])
def test_a_larger_corpus_in_many_parts_leaves_nothing_in_the_folder(tmp_path: Path, held: int) -> None:
    rng, n = np.random.default_rng(5), 3000
    p = rng.integers(1, 2001, n) / 2000
    p[rng.random(n) < 0.2] = 1 / 2000
    p[rng.random(n) < 0.05] = np.nan
    texts = np.where(rng.random(n) < 0.2, 3, rng.integers(0, 2**63, n)).astype(np.uint64)
    rows = rows_of(p, np.full(n, 1 / 2000), texts, np.arange(n), np.arange(n))
    check(rows, 0.05, held, 63, rows[rng.permutation(n)], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_documents() -> None:
    family = judge([], 0.05)
    assert (family.documents, family.tested, list(family)) == (0, 0, [])
    assert (family.discovery.tests, family.discovery.floor, family.discovery.fewest) == (0, None, None)


def test_a_row_takes_fifty_bytes_as_the_documentation_says() -> None:
    assert ROW.itemsize == 50


PEAK = """
import sys
from pathlib import Path
import numpy as np
from llm_audit.results.discovery import judge, rows_of
from tests import memory

def chunks(n):
    for i in range(0, n, 1000):
        rng = np.random.default_rng(i)
        p, texts = rng.integers(1, 2001, 1000) / 2000, rng.integers(0, 2**63, 1000)
        yield rows_of(p, np.full(1000, 1 / 2000), texts.astype(np.uint64), np.arange(i, i + 1000))

documents = int(sys.argv[1])
list(judge(chunks(8000), 0.05, Path(sys.argv[2]), 4096))
before = memory.peak()
count = sum(1 for _ in judge(chunks(documents), 0.05, Path(sys.argv[2]), 4096))
print(count, memory.peak() - before)
"""


@pytest.mark.skipif(not STATUS.exists(), reason="Linux says what a process held at most")
def test_two_hundred_thousand_documents_take_the_memory_of_a_few_thousand(tmp_path: Path) -> None:
    """In arrays of some hundred bytes a document they would take 20 MB more."""
    command = [sys.executable, "-c", PEAK, "200000", str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    count, more = map(int, done.stdout.split())
    assert count == 200_000
    assert more < 5e6
