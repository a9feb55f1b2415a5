"""200 reports with a number, a sentence, a verdict, an order or a rule changed, and the digest made to fit: all refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_audit import judging
from llm_audit.detectors import populations
from llm_audit.detectors.origin import run as origin
from llm_audit.detectors.populations import Population
from llm_audit.detectors.rule import Terms
from llm_audit.reports import render_json
from llm_audit.results import Report
from llm_audit.results.canonical import content_digest
from llm_audit.testing import sample_scores
from llm_audit.text import RawText, normalise
from llm_audit.verification import verify
from tests.verify.test_simulated import DETECTORS, about, inspected, population

__all__ = ["population"]

MUTATIONS = 200
GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
NUMBERS = {"p_value", "p_adjusted", "p_floor", "p_upper", "e_value", "q_value", "value", "lower", "upper"}
SENTENCES = {"reason", "summary", "null", "name", "method"}
LISTS = {"limits", "assumptions", "results", "tests"}

Path_ = tuple[str | int, ...]
Mutation = Callable[[Any, str | int, np.random.Generator], None]


@pytest.fixture
def reports(population: Population, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Reports that hold: of texts, of a collection that is a finding, of one that is not, and of a screening."""
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path))
    populations.save(population)
    found = [json.loads(render_json(texts(population)))]
    found += [json.loads((GOLDEN / f"{name}.json").read_text()) for name in ("finding", "pass", "not-assessable")]
    assert [refused(report) for report in found] == [set()] * 4
    return found


def texts(population: Population) -> Report:
    rng = np.random.default_rng(7)
    settings = judging.Settings(alpha=0.05, detectors=DETECTORS, population=population)
    raw = RawText("a.txt", "0" * 64, "utf-8", "word " * 2000, 10_000)
    windows = [sample_scores(100, rng, vocabulary=size) for size in (6, 14)]
    documents = [origin.judge((raw, normalise(raw.text), "en"), window, settings) for window in windows]
    concluded = [inspected(judging.conclude(each, Terms(0.05)), raw.text) for each in documents]
    return about(0.05, population, documents=tuple(concluded))


def refused(content: dict[str, Any]) -> set[str]:
    """Fields that a verification names."""
    data = json.dumps(content | {"content_digest": content_digest(content)}).encode()
    ledger, _ = verify(data, Path("/nonexistent"))
    return {mismatch.path for mismatch in ledger.mismatches}


def walk(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every place in what a report concludes, and what is there; not in the evidence, which is what it concludes from."""
    yield path, value
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in ("manifest", "evidence", "histogram", "texts", "population", "features", "facts"):
                yield from walk(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from walk(each, (*path, number))


def number(holder: Any, key: str | int, rng: np.random.Generator) -> None:
    holder[key] = float(rng.uniform(0.001, 0.999))


def sentence(holder: Any, key: str | int, rng: np.random.Generator) -> None:
    holder[key] = rng.choice([f"{holder[key]} This proves fraud.", holder[key][:-1] or "x", "Nothing was found."])


def verdict(holder: Any, key: str | int, rng: np.random.Generator) -> None:
    others = {"finding", "pass", "inconclusive", "not_assessable"} - {holder[key]}
    holder[key] = str(rng.choice(sorted(others)))


def order(holder: Any, key: str | int, rng: np.random.Generator) -> None:
    holder[key].reverse()


def dropped(holder: Any, key: str | int, rng: np.random.Generator) -> None:
    holder[key].pop(int(rng.integers(len(holder[key]))))


def mutations(content: dict[str, Any]) -> list[tuple[Mutation, Path_]]:
    """All changes that can be made to what a report concludes."""
    found: list[tuple[Mutation, Path_]] = []
    for path, value in walk(content):
        name = path[-1] if path else ""
        if name in NUMBERS and isinstance(value, float):
            found.append((number, path))
        stated = name in SENTENCES or (len(path) > 1 and path[-2] in ("limits", "assumptions"))
        if stated and isinstance(value, str) and path[2:] != ("name",):  # of a document: no rule gives it one
            found.append((sentence, path))
        if name == "verdict":
            found.append((verdict, path))
        if name in LISTS and isinstance(value, list) and value:
            found += [(dropped, path), (order, path)] if len(value) > 1 else [(dropped, path)]
    return found


def test_each_is_refused_with_the_field_named(reports: list[dict[str, Any]]) -> None:
    rng = np.random.default_rng(20)
    done = dict.fromkeys((number, sentence, verdict, order, dropped), 0)
    unnamed = []
    while sum(done.values()) < MUTATIONS:
        content = copy.deepcopy(reports[int(rng.integers(len(reports)))])
        possible = mutations(content)
        kinds = list(dict.fromkeys(kind for kind, _ in possible))
        kind = kinds[int(rng.integers(len(kinds)))]
        paths = [path for each, path in possible if each is kind]
        path = paths[int(rng.integers(len(paths)))]
        before, holder = copy.deepcopy(content), content
        for step in path[:-1]:
            holder = holder[step]
        kind(holder, path[-1], rng)
        if content == before:
            continue
        done[kind] += 1
        field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
        named = refused(content)
        result = field.rpartition(".statistic")[0] or field  # a statistic is what the other numbers of its test follow from
        if not any(field.startswith(each) or each.startswith(result) for each in named):
            unnamed.append((kind.__name__, field, sorted(named)[:3]))
    assert not unnamed, "\n".join(map(str, unnamed))
    assert min(done.values()) >= 20
