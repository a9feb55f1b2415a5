"""`llm-audit membership` on the fixture model, whose training data is known: what it says, and what is wrong with an input."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from fixtures.membership import grammar
from fixtures.membership.world import World, world
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.scoring.lean import LeanBody
from tests.cli.tool import Tool, schema, sentence, spawn

MODEL = Path(__file__).parents[2] / "fixtures" / "membership" / "model"
ON = ("--model", MODEL)
COIN = ("--provenance", "A coin was tossed for each item.")
SHUFFLED = ("--provenance", "The rows were shuffled before they were published.")


@pytest.fixture(scope="module")
def truth() -> World:
    return world()


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for all tests of this file, so that each text is scored once."""
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path_factory.getbasetemp() / "membership-cache"))


def lines(path: Path, rows: Iterable[Mapping[str, Any] | str]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def texts(path: Path, rows: Sequence[str], **fields: Any) -> Path:
    return lines(path, ({"text": row, **fields} for row in rows))


def membership(tool: Tool, *args: object, code: int) -> dict[str, Any]:
    found = tool("membership", *args, "--format", "json")
    assert found.code == code, found.err
    report = json.loads(found.out)
    schema().validate(report)
    told: dict[str, Any] = report["subjects"][0]
    return told


@pytest.mark.slow
def test_an_order_that_was_seen_is_found_and_one_that_was_not_is_not(tool: Tool, truth: World, tmp_path: Path) -> None:
    seen = membership(tool, "test", "order", texts(tmp_path / "seen.jsonl", truth.orders[64]), *SHUFFLED, *ON, code=1)
    assert [test["rule"] for test in seen["tests"]] == ["AUD300", "AUD310"]
    assert (seen["verdict"], seen["tests"][1]["p_value"], seen["tests"][1]["p_floor"]) == ("finding", 0.01, 0.01)
    unseen = membership(tool, "test", "order", texts(tmp_path / "unseen.jsonl", truth.orders[0]), *ON, code=0)
    assert unseen["verdict"] == "pass"
    sharded = membership(tool, "test", "order", tmp_path / "seen.jsonl", "--shards", 8, "--draws", 19, *SHUFFLED, *ON, code=1)
    assert sharded["tests"][1]["p_value"] < 0.001


@pytest.mark.slow  # another 45 seconds
def test_a_sorted_data_set_is_not_assessable_whatever_the_model_saw(tool: Tool, truth: World, tmp_path: Path) -> None:
    found = membership(tool, "test", "order", texts(tmp_path / "rows.jsonl", sorted(truth.orders[64])), *ON, code=0)
    assert found["verdict"] == "not_assessable"
    assert "Without any model, the strongest sign of an order" in found["summary"]
    assert tool("membership", "test", "order", tmp_path / "rows.jsonl", "--strict", *ON).code == 3


def test_published_versions_that_were_seen_are_found(tool: Tool, truth: World, tmp_path: Path) -> None:
    def pairs(count: int) -> Path:
        rows = [{"public": public, "private": private} for public, private in truth.pairs[count]]
        return lines(tmp_path / f"{count}.jsonl", rows)

    assert membership(tool, "test", "paired", pairs(16), *COIN, *ON, code=1)["verdict"] == "finding"
    unstated = membership(tool, "test", "paired", pairs(16), "--provenance", " . ", *ON, code=0)
    assert unstated["verdict"] == "inconclusive" and "nobody says that a coin chose" in unstated["summary"]
    assert membership(tool, "test", "paired", pairs(0), *COIN, *ON, code=0)["verdict"] == "pass"
    unread = membership(tool, "test", "paired", pairs(0), *ON, code=0)
    assert unread["verdict"] == "inconclusive" and "nobody says that a coin chose" in unread["summary"]


def swapped(tmp_path: Path, truth: World) -> Path:
    """Unseen texts, and the same with two neighbouring words swapped: no model needs to have read the public ones."""
    rng, rows = np.random.default_rng(3), []
    for public, _ in truth.pairs[0]:
        words = public.split()
        at = int(rng.integers(len(words) - 1))
        words[at : at + 2] = words[at + 1], words[at]
        rows.append({"public": public, "private": " ".join(words)})
    return lines(tmp_path / "swapped.jsonl", [row for row in rows if row["public"] != row["private"]])


def test_versions_that_any_model_tells_apart_are_no_finding(tool: Tool, truth: World, tmp_path: Path) -> None:
    path = swapped(tmp_path, truth)
    untouched = membership(tool, "test", "paired", path, *ON, code=0)
    assert untouched["verdict"] in ("inconclusive", "not_assessable")
    controlled = membership(tool, "test", "paired", path, "--control", ON[1], *ON, code=0)
    assert controlled["verdict"] == "not_assessable"
    assert [test["rule"] for test in controlled["tests"]] == ["AUD300", "AUD300", "AUD312"]
    assert any(test["name"] == "The control model alone" for test in controlled["tests"])


def test_identifiers_that_were_seen_are_found(tool: Tool, truth: World, tmp_path: Path) -> None:
    for count, code in ((16, 1), (0, 0)):
        path = texts(tmp_path / f"{count}.jsonl", truth.identifiers[count])
        found = membership(tool, "test", "identifier", path, "--draws", 9, *ON, code=code)
        assert (found["n_suspect"], found["n_held_out"]) == (30, 270)


def test_a_data_set_that_was_seen_is_found_and_one_that_was_not_is_not(tool: Tool, truth: World, tmp_path: Path) -> None:
    held_out = texts(tmp_path / "held.jsonl", truth.non_members[:200])
    for name, rows, code in (("seen", truth.members[16], 1), ("unseen", truth.non_members[200:400], 0)):
        path = texts(tmp_path / f"{name}.jsonl", rows)
        found = membership(
            tool, "test", "dataset", path, "--held-out", held_out, "--provenance", "Drawn alike.", *ON, code=code
        )
        assert found["gate"]["outcome"] == "no_difference_found"
        assert found["provenance"].startswith("Drawn alike. Undated.")


def test_a_canary_from_drawing_to_verdict(tool: Tool, tmp_path: Path) -> None:
    """The strings of a canary that nobody planted: published, unseen."""
    name = tmp_path / "trap"
    drawn = tool("membership", "canary", "new", name, "--count", 99, "--before", "The code is ")
    assert drawn.code == 0
    published = re.search(r"Publish this string:  The code is ([a-z]{64})\n", drawn.out)
    assert published and published[1] in Path(f"{name}.public.json").read_text()
    assert "matches the commitment" in tool("membership", "canary", "check", name).out
    assert membership(tool, "test", "canary", name, *ON, code=0)["verdict"] == "pass"
    public = json.loads(Path(f"{name}.public.json").read_text())
    Path(f"{name}.public.json").write_text(json.dumps(public | {"commitment": "0" * 64}))
    for command in (("canary", "check"), ("test", "canary")):
        refused = tool("membership", *command, name)
        assert refused.code == 2 and "does not match the commitment" in sentence(refused)


@pytest.mark.slow
def test_a_planted_canary_is_found_and_an_unplanted_one_is_not(tool: Tool, truth: World, tmp_path: Path) -> None:
    for count, code in ((64, 1), (0, 0)):
        secret = truth.canaries[count]
        for kind, content in (("secret", asdict(secret)), ("public", secret.public)):
            path = tmp_path / f"{count}.{kind}.json"
            path.write_text(json.dumps({"kind": f"llm-audit canary {kind}", "version": 1} | content))
        found = membership(tool, "test", "canary", tmp_path / str(count), *ON, code=code)
        assert found["verdict"] == ("finding" if code else "pass")


@pytest.fixture(scope="module")
def labelled(truth: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [{"text": text, "member": True, "group": str(n)} for n in (1, 64) for text in truth.members[n][:60]]
    rows += [{"text": text, "member": False, "date": f"2026-0{1 + i % 9}-01"} for i, text in enumerate(truth.non_members[:120])]
    return lines(tmp_path_factory.mktemp("labelled") / "labelled.jsonl", rows)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Token counts of other texts, by the command."""
    folder, rng = tmp_path_factory.mktemp("table"), np.random.default_rng(3)
    corpus = texts(folder / "corpus.jsonl", [grammar.document(rng) for _ in range(200)])
    done = spawn("membership", "frequencies", corpus, *ON, "-o", folder / "own.safetensors")
    assert done.code == 0, done.err
    return folder / "own.safetensors"


def test_scores_of_labelled_texts_with_every_mandatory_field(tool: Tool, labelled: Path, table: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "prefix.txt"
    prefix.write_text("\n\n".join(grammar.document(np.random.default_rng(4)) for _ in range(3)))
    options = ("--member-field", "member", "--frequencies", table, "--prefix", prefix, "--reference", MODEL)
    found = membership(tool, "score", labelled, *options, "--provenance", "Drawn alike.", *ON, code=1)
    names = {"dc-pdd", "min-k", "min-k-plus-plus", "loss", "zlib", "surp", "reference-ratio", "recall"}
    assert {separation["score"] for separation in found["separations"]} == names
    by_name = {separation["score"]: separation for separation in found["separations"]}
    loss, same = by_name["loss"], by_name["reference-ratio"]
    assert loss["p_adjusted"] <= 0.01 and loss["auc"]["lower"] > 0.5
    assert [group for group, _ in loss["groups"]] == ["1", "64"]
    assert loss["groups"][1][1]["value"] > 0.95
    assert same["auc"]["value"] == 0.5, "against itself as reference nothing is left"
    assert [rate["fpr"] for rate in loss["rates"]] == [0.01], "0.1 % cannot be resolved by 120 texts"
    assert loss["rates"][0]["n"] == 120 and loss["rates"][0]["lower"] < loss["rates"][0]["upper"]
    assert loss["control"]["lower"] < 0.5 < loss["control"]["upper"]
    assert found["gate"]["auc"]["lower"] <= 0.5
    assert "Dated 2026-01-01 to 2026-09-01" in found["provenance"]
    facts = {fact["name"]: fact["value"] for fact in found["facts"]}
    assert facts["Smallest false-positive rate that can be resolved"] == "1/120 = 0.0083"
    assert facts["Start token"].startswith("token 0")
    assert facts["Truncation"].startswith("none")
    assert {
        "Orientation",
        "Multiplicity",
        "Fixed before scoring",
        "Noise level and control",
        "Token frequencies",
        "Seed",
    } <= set(facts)
    assert "Source of log-probabilities" in facts and "Are the log-probabilities real" in facts
    assert len(found["texts"]) == 240 and set(found["texts"][0]["variants"]) >= {"dc-pdd a=1", "dc-pdd no cap"}
    assert all(0 <= text["saturation"] <= 1 for text in found["texts"])


def test_nobody_says_where_the_held_out_texts_are_from_so_there_is_no_finding(tool: Tool, labelled: Path) -> None:
    found = membership(tool, "score", labelled, "--member-field", "member", *ON, code=0)
    assert found["verdict"] == "inconclusive" and "nobody says how the held-out texts were obtained" in found["summary"]


@pytest.mark.slow
def test_a_model_that_cannot_have_seen_the_texts_takes_the_finding_back(tool: Tool, labelled: Path) -> None:
    """Here the control is the target itself: its scores are no higher than its own."""
    options = ("--member-field", "member", "--provenance", "Drawn alike.", "--control", MODEL)
    found = membership(tool, "score", labelled, *options, *ON, code=0)
    assert found["verdict"] == "not_assessable" and "cannot have seen the texts tells them apart" in found["summary"]
    assert all(one["gain"]["value"] == 0 for one in found["separations"])


def test_without_held_out_texts_there_is_a_ranking_and_no_verdict(tool: Tool, truth: World, tmp_path: Path) -> None:
    path = texts(tmp_path / "one.jsonl", truth.members[64][:1])
    found = membership(tool, "score", path, *ON, code=0)
    assert found["verdict"] == "not_assessable" and "no held-out texts" in found["summary"]
    assert len(found["texts"]) == 1 and found["texts"][0]["scores"]
    assert "dc-pdd" not in found["texts"][0]["scores"], "there is no table for this tokenizer"
    assert tool("membership", "score", path, "--strict", *ON).code == 3


def test_texts_of_another_kind_are_not_assessable_and_the_words_are_named(tool: Tool, truth: World, tmp_path: Path) -> None:
    suspects = texts(tmp_path / "suspects.jsonl", truth.members[64][:80])
    other = texts(tmp_path / "other.jsonl", [f"In 2026, {text.lower()}" for text in truth.non_members[:80]])
    found = membership(tool, "score", suspects, "--held-out", other, *ON, code=0)
    assert (found["verdict"], found["gate"]["outcome"]) == ("not_assessable", "shifted")
    assert found["gate"]["auc"]["lower"] > 0.5
    assert any("2026" in feature["name"] or "year" in feature["name"] for feature in found["gate"]["features"])
    alone = membership(tool, "blind", suspects, "--held-out", other, code=0)
    assert alone["gate"] == found["gate"] or alone["gate"]["outcome"] == "shifted"


def test_a_copy_among_the_held_out_texts_is_reported_and_left_out(tool: Tool, truth: World, tmp_path: Path) -> None:
    suspects = texts(tmp_path / "suspects.jsonl", truth.members[64][:60])
    held_out = texts(tmp_path / "held.jsonl", [*truth.non_members[:60], truth.members[64][0]])
    found = membership(tool, "blind", suspects, "--held-out", held_out, code=0)
    assert (found["n_suspect"], found["n_held_out"]) == (59, 60)
    assert found["notes"]


def test_one_pass_serves_all_scores_of_a_text(
    tool: Tool, truth: World, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed, forward = [], LeanBody.__call__

    def counting(self: LeanBody, ids: np.ndarray, lengths: Sequence[int], layers: Sequence[int] = ()) -> object:
        passed.extend(lengths)
        return forward(self, ids, lengths, layers)

    monkeypatch.setattr(LeanBody, "__call__", counting)
    path = texts(tmp_path / "texts.jsonl", truth.members[1][100:103])
    assert tool("membership", "score", path, "--frequencies", table, "--no-cache", *ON).code == 0
    assert len(passed) == 3


def test_a_registered_seed_gives_the_same_report_and_binds_the_question(tool: Tool, truth: World, tmp_path: Path) -> None:
    path, seed = texts(tmp_path / "rows.jsonl", truth.orders[0][8:16]), tmp_path / "seed.json"
    first, again = (membership(tool, "test", "order", path, "--seed-file", seed, *ON, code=0) for _ in range(2))
    assert first == again
    refused = tool("membership", "test", "order", path, "--seed-file", seed, "--draws", 199, *ON)
    assert refused.code == 2 and "another draws" in sentence(refused)


def test_a_malformed_line_is_counted_and_named_and_stops_nothing(tool: Tool, truth: World, tmp_path: Path) -> None:
    rows: list[Mapping[str, Any] | str] = [{"text": text} for text in truth.orders[0][:9]]
    path = lines(tmp_path / "rows.jsonl", [*rows[:6], "{broken", *rows[6:]])
    found = tool("membership", "test", "order", path, *ON, "--format", "json")
    report = json.loads(found.out)
    assert found.code == 0
    assert (report["coverage"]["found"], report["coverage"]["unreadable"]) == (10, 1)
    assert any(note.startswith("Line 7 of") for note in report["subjects"][0]["notes"])


def damaged(folder: Path) -> Path:
    """The fixture model with one weight that is not a number."""
    shutil.copytree(MODEL, folder)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("norm.weight"))
    weights[name][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("test dataset {rows}", "Missing option '--held-out'"),
        ("test order {four}", "needs 5 or more"),
        ("test order {rows} --draws 50", "--draws 99"),
        ("test paired {rows}", "holds no pairs"),
        ("test identifier {rows}", "no identifiers"),
        ("test dataset {four} --held-out {rows}", "4 suspect documents"),
        ("score {rows} --member-field member", "there is no text that can be read"),
        ("score {same} --member-field member", "every label in the field 'member' is true"),
        ("score {rows} --score nonsense", "There is no membership score 'nonsense'"),
        ("score {rows} --score dc-pdd", "membership frequencies"),
        ("score {rows} --score recall", "--prefix"),
        ("score {rows} --held-out {rows} --member-field member", "not both"),
        ("score {missing}", "No such file"),
        ("score {rows} -o report.docx", "report.docx"),
        ("canary check {missing}", "Both files of a canary are needed"),
    ],
)
def test_bad_input_is_one_sentence(tool: Tool, truth: World, tmp_path: Path, args: str, said: str) -> None:
    files = {
        "rows": texts(tmp_path / "rows.jsonl", truth.orders[0]),
        "four": texts(tmp_path / "four.jsonl", truth.orders[0][:4]),
        "same": texts(tmp_path / "same.jsonl", truth.orders[0], member=True),
        "missing": tmp_path / "missing.jsonl",
    }
    model = () if args.startswith("canary") else ON
    found = tool("membership", *args.format(**files).split(), *model)
    assert found.code == 2
    assert said in found.err
    assert "Traceback" not in found.err


def test_a_table_of_another_tokenizer_is_refused(tool: Tool, truth: World, table: Path, tmp_path: Path) -> None:
    own = Frequencies.load(table)
    Frequencies(own.counts, "0" * 64, "foreign", "Texts.", 7).save(tmp_path / "foreign.safetensors")
    path = texts(tmp_path / "rows.jsonl", truth.orders[0])
    found = tool("membership", "score", path, "--frequencies", tmp_path / "foreign.safetensors", *ON)
    assert found.code == 2 and "tokenizer" in sentence(found)


def test_a_model_that_gives_no_numbers_is_refused(tool: Tool, truth: World, tmp_path: Path) -> None:
    path = texts(tmp_path / "rows.jsonl", truth.orders[0])
    found = tool("membership", "score", path, "--model", damaged(tmp_path / "damaged"))
    assert found.code == 2
    assert "damaged" in sentence(found)
