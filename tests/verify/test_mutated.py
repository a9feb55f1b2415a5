"""Reports of real runs with one thing changed, and the digest made to fit: each is refused, and the field is named."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_audit.results.canonical import content_digest
from llm_audit.verification import verify
from tests.verify.conftest import FAST, SLOW, Made

MUTATIONS = 200
GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
ROOT = GOLDEN.parents[1]
QUICK = ("short", "tiny", "score-alone")
"""Reports that cost the ordinary suite nothing, since other tests make them too."""

Step = str | int
Mutation = Callable[[Any, Step, np.random.Generator], None]

NUMBERS = {"p_value", "p_adjusted", "p_floor", "p_upper", "e_value", "q_value", "value", "lower", "upper"}
SENTENCES = {"reason", "summary", "null", "method", "claim", "question"}
RULES = {"results", "tests"}
LISTS = RULES | {
    "limits", "assumptions", "subjects", "facts", "attributions", "sets", "features", "capabilities", "allowed", "failures",
    "points", "separations", "rates", "suppressions",
}  # fmt: skip
OF_JOURNALS = {
    "Model named in the answers", "System fingerprint", "Asked", "Failed attempts", "Unanswered requests", "Questions",
}  # fmt: skip
"""Facts on an endpoint whose values follow from nothing that the report stores."""


def number(holder: Any, key: Step, rng: np.random.Generator) -> None:
    """Another number: half as large, or any in [0, 1]."""
    holder[key] = float(rng.choice([holder[key] / 2 + 0.001, rng.uniform(0.001, 0.999)]))


def sentence(holder: Any, key: Step, rng: np.random.Generator) -> None:
    """A sentence with another one after it, without its last letter, or replaced."""
    holder[key] = str(rng.choice([f"{holder[key]} This proves fraud.", holder[key][:-1] or "x", "Nothing was found."]))


def verdict(holder: Any, key: Step, rng: np.random.Generator) -> None:
    """Another verdict of the same kind."""
    authorship = {"written_by", "not_written_by", "undecided", "not_assessable"}
    kind = authorship if holder[key] in authorship - {"not_assessable"} else {"finding", "pass", "inconclusive"}
    holder[key] = str(rng.choice(sorted(kind - {holder[key]})))


def order(holder: Any, key: Step, rng: np.random.Generator) -> None:
    """A list from its end to its beginning."""
    holder[key].reverse()


def dropped(holder: Any, key: Step, rng: np.random.Generator) -> None:
    """A list without one of its items."""
    holder[key].pop(int(rng.integers(len(holder[key]))))


def doubled(holder: Any, key: Step, rng: np.random.Generator) -> None:
    """A list with one of its items again, at the end or beside itself."""
    at = int(rng.integers(len(holder[key])))
    holder[key].insert(int(rng.choice([at, len(holder[key])])), copy.deepcopy(holder[key][at]))


def passage(holder: Any, key: Step, rng: np.random.Generator) -> None:
    """A passage that begins, ends or stands elsewhere."""
    span = holder[key]
    name = str(rng.choice(["start", "end", "place"]))
    span[name] = "page 9" if name == "place" else span[name] + int(rng.integers(1, 9))


def fact(holder: Any, key: Step, rng: np.random.Generator) -> None:
    """A fact of another name or another value."""
    names = ["name"] if holder[key]["name"] in OF_JOURNALS else ["name", "value"]
    sentence(holder[key], str(rng.choice(names)), rng)


def note(holder: Any, key: Step, rng: np.random.Generator) -> None:
    """A note that was not there, or one that says something else."""
    notes = holder[key]
    if notes and rng.random() < 0.5:
        sentence(notes, int(rng.integers(len(notes))), rng)
    else:
        notes.insert(int(rng.integers(len(notes) + 1)), "A person has confirmed the verdict.")


def seed(holder: Any, key: Step, rng: np.random.Generator) -> None:
    """Another seed."""
    holder[key] = "".join(rng.choice(list("0123456789abcdef"), 32))


KINDS: tuple[Mutation, ...] = (number, sentence, verdict, order, dropped, doubled, passage, fact, note, seed)


def walk(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Every place in what a report says; not in what it was concluded from, and not in what tells where it was made."""
    yield path, value
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in ("manifest", "evidence", "histogram", "texts", "population", "trace", "conditions"):
                yield from walk(each, (*path, name))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from walk(each, (*path, at))


def changes_of_list(path: tuple[Step, ...], value: list[Any]) -> Iterator[tuple[Mutation, tuple[Step, ...]]]:
    """Each of its items missing, one twice, all in another order; other texts would be a report, too."""
    if path[-1] == "subjects" or not value:
        return
    yield dropped, path
    yield doubled, path
    if len(set(map(str, value))) > 1:
        yield order, path


def mutations(content: dict[str, Any]) -> Iterator[tuple[Mutation, tuple[Step, ...]]]:
    """Every change that can be made to what a report says."""
    of = [subject.get("kind") for subject in content["subjects"]]
    for path, value in walk(content):
        name, above = path[-1] if path else "", path[-2] if len(path) > 1 else ""
        if name in NUMBERS and isinstance(value, float):
            yield number, path
        elif name in ("verdict", "served") and isinstance(value, str) and name == "verdict" and value != "error":
            yield verdict, path
        elif isinstance(value, str) and (name in SENTENCES or above in ("limits", "assumptions")):
            yield sentence, path
        elif name == "seed" and isinstance(value, str):
            yield seed, path
        elif above == "spans" and "combined" in path:
            yield passage, path
        elif above == "facts":
            if of[int(path[1])] in ("collection", "endpoint"):
                yield fact, path
        elif name in LISTS and isinstance(value, list) and value:
            yield from changes_of_list(path, value)
        elif name == "notes" and (of[int(path[1])] != "document" or content["question"].startswith(("Was this text", "May"))):
            yield note, path
            yield from changes_of_list(path, value)
    if len(content["subjects"]) == 1 and of != ["document"]:  # of several texts none would be a report, too
        yield dropped, ("subjects",)


def named(content: dict[str, Any]) -> set[str]:
    """Fields that a verification names."""
    data = json.dumps(content | {"content_digest": content_digest(content)}).encode()
    ledger, _ = verify(data, ROOT)
    return {mismatch.path for mismatch in ledger.mismatches}


def written(path: tuple[Step, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def is_named(field: str, fields: set[str]) -> bool:
    """Whether a field, its list, a part of it or, of the numbers of one test, another number of that test is named."""
    field = field.partition(".statistic")[0]
    if field.endswith(".attributions"):  # which are named again, in their order, in sets of them
        field = field.removesuffix("attributions")
    test = next((field.rpartition(part)[0] for part in (".draws", ".effect", ".value") if part in field), field)
    return any(field.startswith(one) or one.startswith((field, test)) for one in fields)


def check(reports: dict[str, dict[str, Any]], count: int, seed_: int) -> Counter[str]:
    """Change `count` things, each kind as often as the others where it can be made; how many of each kind there were."""
    rng = np.random.default_rng(seed_)
    possible: dict[Mutation, list[tuple[str, tuple[Step, ...]]]] = {kind: [] for kind in KINDS}
    for name, content in reports.items():
        assert named(content) == set(), name
        for kind, path in mutations(content):
            possible[kind].append((name, path))
    done: Counter[str] = Counter()
    unnamed = []
    kinds = [kind for kind in KINDS if possible[kind]]
    while done.total() < count:
        kind = kinds[done.total() % len(kinds)]
        name, path = possible[kind][int(rng.integers(len(possible[kind])))]
        content = copy.deepcopy(reports[name])
        holder: Any = content
        for step in path[:-1]:
            holder = holder[step]
        kind(holder, path[-1], rng)
        if content == reports[name]:
            continue
        done[kind.__name__] += 1
        fields = named(content)
        if kind is seed:
            missed = not any(one.startswith(("manifest.seeds", written(path[:2]))) for one in fields)
        else:
            place = written(path)
            if kind is fact and reports[name]["subjects"][int(path[1])].get("early"):
                place = place.rpartition("[")[0]  # its facts are read for what others follow from, and these are named
            missed = not is_named(place, fields)
        if missed:
            unnamed.append((name, kind.__name__, written(path), sorted(fields)[:3]))
    assert not unnamed, "\n".join(map(str, unnamed))
    return done


def stored(made: Made, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    reports = {name: json.loads(made.text(name)) for name in names}
    for name in ("finding", "pass", "watermark-finding"):
        reports[f"golden {name}"] = json.loads((GOLDEN / f"{name}.json").read_text())
    return reports


@pytest.mark.timeout(900)  # it makes three reports, on a machine that may be busy
@pytest.mark.parametrize("count", [MUTATIONS // 2, pytest.param(MUTATIONS, marks=pytest.mark.slow)])
def test_each_is_refused_with_the_field_named(made: Made, count: int) -> None:
    with made.here():
        done = check(stored(made, QUICK), count, 20)
    assert done.total() == count and min(done.values()) >= count // 10 and len(done) == len(KINDS)


@pytest.mark.slow
def test_each_is_refused_in_reports_of_every_command(made_slowly: Made) -> None:
    with made_slowly.here():
        done = check(stored(made_slowly, (*FAST, *SLOW)), 2 * MUTATIONS, 21)
    assert min(done.values()) >= 40


@pytest.mark.parametrize("name", ["finding", "pass"])
def test_no_collection_loses_what_its_facts_follow_from(name: str) -> None:
    content = json.loads((GOLDEN / f"{name}.json").read_text())
    (subject,) = content["subjects"]
    assert named(content) == set() and ("conditions" in subject) == (name == "finding")
    del subject["conditions" if name == "finding" else "early"]
    assert named(content) == {"subjects[0].conditions"}


@pytest.mark.parametrize("kind", ["bernoulli", "urn", "no-such-law"])
def test_no_result_changes_the_law_that_chance_follows(kind: str) -> None:
    content = json.loads((GOLDEN / "watermark-finding.json").read_text())
    assert named(content) == set()
    places = [path for path, value in everywhere(content) if path[-2:] == ("law", "kind")]
    assert len(places) >= 3
    for path in places:
        changed: Any = copy.deepcopy(content)
        holder = changed
        for step in path[:-1]:
            holder = holder[step]
        holder["kind"] = kind
        assert any(written(path).startswith(field) for field in named(changed)), path


def everywhere(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Every place in a report."""
    yield path, value
    steps: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in steps:
        yield from everywhere(each, (*path, step))


CHANGES_OF_CANDIDATES: dict[str, Callable[[Any], None]] = {
    "subjects[0].attributions[0]": lambda content: content["manifest"]["candidates"].reverse(),
    "manifest.further_models": lambda content: content["manifest"]["further_models"].pop(),
    "subjects[0].attributions[2].settings": lambda content: content["subjects"][0]["attributions"][2]["settings"].append("x"),
    "subjects[0].attributions[1].settings": lambda content: content["subjects"][0]["attributions"][1]["settings"].clear(),
}


@pytest.mark.timeout(900)
def test_no_candidate_is_tested_under_other_settings_or_in_another_place(made: Made) -> None:
    with made.here():
        content = json.loads(made.text("tiny"))
        assert named(content) == set() and len(content["manifest"]["candidates"]) == 3
        for field, change in CHANGES_OF_CANDIDATES.items():
            changed = copy.deepcopy(content)
            change(changed)
            assert any(name.startswith(field) for name in named(changed)), field
        del content["manifest"]["candidates"]  # as in a report of an earlier version
        assert named(content) == set()
