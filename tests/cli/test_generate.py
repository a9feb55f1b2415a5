"""`llm-audit generate`, `calibrate --generations`, and texts of an unknown prompt compared with what came of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from llm_audit.detectors.attribution.generations import Generation, read_generations
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokens import Decoding
from tests.cli.tool import HUMAN, Tool, sentence

SETTINGS = "temperature=0.8,top_k=100,template=none"
PROMPTS = [f"Question {number}: what {word} that?" for number, word in enumerate(Path(HUMAN).read_text().split()[:30])]


@pytest.fixture(autouse=True)
def _own_folders(embedded: Path) -> None:
    """The embedded model for comparisons with people, and nobody's populations."""


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("One?\n\n  \nTwo?\nThrée?\n")
    return path


def author(model: Path, settings: str = SETTINGS) -> str:
    return f"{model}@{settings}"


def drawn(tool: Tool, *args: object, into: Path) -> list[Generation]:
    outcome = tool("generate", *args, "-o", into)
    assert (outcome.code, outcome.err) == (0, "")
    return read_generations(into)


# Drawing


def test_each_record_says_how_its_text_came_about(tool: Tool, tiny_llama: Path, prompts: Path, tmp_path: Path) -> None:
    into = tmp_path / "drawn.jsonl"
    outcome = tool("generate", author(tiny_llama), "--prompts", prompts, "-n", 5, "--max-tokens", 30, "--seed", 7, "-o", into)
    assert outcome == (0, f"5 texts by {author(tiny_llama)} in {into}.\n", "")
    records = read_generations(into)
    assert [record.prompt for record in records] == ["One?", "Two?", "Thrée?", "One?", "Two?"]
    assert [record.number for record in records] == list(range(5))
    digest = Store(tmp_path / "store").resolve(str(tiny_llama), offline=True).digest
    for record in records:
        assert (record.model, record.digest, record.template) == (str(tiny_llama), digest, "none")
        assert record.decoding == Decoding(0.8, 100)
        assert (record.seed, record.max_tokens) == (7, 30)
        assert record.finished == (len(record.token_ids) < 30)
    assert len({record.token_ids for record in records}) == 5
    for line in into.read_text().splitlines():
        assert set(json.loads(line)) == set(Generation.model_fields) - {
            "sampler"
        }  # of drawn texts whose order of steps matters


def test_the_same_seed_writes_the_same_file(tool: Tool, tiny_llama: Path, prompts: Path, tmp_path: Path) -> None:
    options = ("--prompts", prompts, "--max-tokens", 20)
    one, two, other = (tmp_path / name for name in ("one.jsonl", "two.jsonl", "other.jsonl"))
    for into, seed in ((one, 3), (two, 3), (other, 4)):
        drawn(tool, author(tiny_llama), *options, "--seed", seed, into=into)
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()


def test_without_prompts_nothing_is_asked(tool: Tool, tiny_llama: Path, tmp_path: Path) -> None:
    records = drawn(tool, tiny_llama, "-n", 3, "--max-tokens", 5, into=tmp_path / "drawn.jsonl")
    assert [(record.prompt, record.decoding) for record in records] == [("", Decoding())] * 3
    assert len(drawn(tool, tiny_llama, "--max-tokens", 5, into=tmp_path / "one.jsonl")) == 1


def test_prompts_may_come_as_json_lines(tool: Tool, tiny_llama: Path, tmp_path: Path) -> None:
    asked = ["Two\nlines?", "木工?"]
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"prompt": prompt, "level": 1}) + "\n" for prompt in asked))
    records = drawn(tool, author(tiny_llama), "--prompts", path, "--max-tokens", 5, into=tmp_path / "drawn.jsonl")
    assert [record.prompt for record in records] == asked


def test_a_prompt_is_given_through_the_chat_template(tool: Tool, tiny_llama: Path, prompts: Path, tmp_path: Path) -> None:
    model = tmp_path / "chat"
    shutil.copytree(tiny_llama, model)
    (model / "chat_template.jinja").write_text("<s>{{ messages[0].content }}<s>")
    plain = tmp_path / "plain.txt"
    plain.write_text("<s>One?<s>\n")
    chat = drawn(tool, model, "--prompts", prompts, "-n", 1, "--max-tokens", 9, into=tmp_path / "chat.jsonl")
    same = drawn(tool, f"{model}@template=none", "--prompts", plain, "--max-tokens", 9, into=tmp_path / "same.jsonl")
    assert chat[0].token_ids == same[0].token_ids
    assert [(record.prompt, record.template) for record in (*chat, *same)] == [("One?", "chat"), ("<s>One?<s>", "none")]


@pytest.mark.parametrize(
    ("settings", "options", "said"),
    [
        ("temperature=0.7|1", (), "stands for 2 settings; name all numbers of a server, or none"),
        ("heat=1", (), "there is no setting 'heat'"),
        (SETTINGS, ("--prompts", "missing.txt"), "missing.txt cannot be read: No such file"),
        (SETTINGS, ("--prompts", "latin1.txt"), "latin1.txt is not UTF-8"),
        (SETTINGS, ("--prompts", "blank.txt"), "blank.txt holds no prompts"),
        (SETTINGS, ("--prompts", "wrong.jsonl"), "Line 1 of wrong.jsonl has no text in the field 'prompt'"),
        (SETTINGS, ("--prompts", "number.jsonl"), "Line 1 of number.jsonl has no text in the field 'prompt'"),
        ("template=chat", ("--prompts", "good.txt"), "has no chat template"),
        (SETTINGS, ("--max-tokens", 2048), "exceed the 2,048 that the model can see"),
        (
            SETTINGS,
            ("--prompts", "good.txt", "-o", "no/folder/drawn.jsonl"),
            "Cannot write no/folder/drawn.jsonl: No such file",
        ),
        (SETTINGS, ("--prompts", "good.txt", "-o", "there.jsonl"), "Cannot write there.jsonl: it exists already"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    tool: Tool,
    tiny_llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: str,
    options: Sequence[object],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "latin1.txt": b"caf\xe9?\n",
        "blank.txt": b" \n\n",
        "wrong.jsonl": b'{"text": "One?"}\n',
        "number.jsonl": b'{"prompt": 1}\n',
        "good.txt": b"One?\n",
        "there.jsonl": b"kept",
    }.items():
        Path(name).write_bytes(content)
    outcome = tool("generate", author(tiny_llama, settings), "-o", "new.jsonl", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in sentence(outcome)
    assert Path("there.jsonl").read_bytes() == b"kept"
    assert not Path("new.jsonl").exists()


def test_a_model_with_no_token_to_begin_with_must_be_asked(tool: Tool, tiny_llama: Path, prompts: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_llama, model)
    config = json.loads((model / "config.json").read_text()) | {"bos_token_id": None, "eos_token_id": None}
    (model / "config.json").write_text(json.dumps(config))
    refused = tool("generate", model, "-o", tmp_path / "nothing.jsonl")
    assert (refused.code, refused.out) == (2, "")
    assert "no token to begin with; give it a prompt" in sentence(refused)
    options = ("--prompts", prompts, "--max-tokens", 5)
    assert len(drawn(tool, author(model), *options, into=tmp_path / "drawn.jsonl")) == 3


@pytest.mark.parametrize("options", [("-n", 0), ("--max-tokens", 0), ("--seed", -1), ()])
def test_wrong_options(tool: Tool, tiny_llama: Path, tmp_path: Path, options: Sequence[object]) -> None:
    output = ("-o", tmp_path / "drawn.jsonl") if options else ()
    outcome = tool("generate", tiny_llama, *options, *output)
    assert (outcome.code, outcome.out) == (2, "")
    assert "Error: " in outcome.err
    assert list(tmp_path.glob("*.jsonl")) == []


# A population of what was drawn


@pytest.fixture(scope="module")
def generations(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text for each of 30 prompts, and a second one for five of them."""
    from llm_audit.cli import main

    folder = tmp_path_factory.mktemp("generations")
    (folder / "prompts.txt").write_text("\n".join(PROMPTS))
    into = folder / "drawn.jsonl"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setenv("LLM_AUDIT_CACHE", str(folder / "cache"))
        main(["generate", author(tiny_llama), "--prompts", f"{folder / 'prompts.txt'}", "-n", "35", "--max-tokens", "100",
              "-o", str(into)])  # fmt: skip
    assert end.value.code == 0
    return into


def attributed(tool: Tool, *args: object, code: int = 0) -> dict[str, Any]:
    """What `attribute` says of the human essay."""
    outcome = tool("attribute", HUMAN, *args, "--format", "json")
    assert (outcome.code, outcome.err) == (code, "")
    (document,) = json.loads(outcome.out)["subjects"]
    return document


def test_a_text_of_an_unknown_prompt_is_compared_with_what_was_drawn(
    tool: Tool, tiny_llama: Path, tiny_rival: Path, generations: Path
) -> None:
    built = tool("calibrate", generations, "--generations", "--name", "mine")
    assert (built.code, built.err) == (0, "")
    assert built.out.startswith("Population mine: ")
    assert "one per prompt, of 35 generations" in built.out
    shown = tool("calibrate", "show", "mine")
    assert "temperature 0.8, top-k 100" in shown.out

    known, unheard_of = author(tiny_llama), author(tiny_llama, "temperature=0.8,template=none")
    options = ("--candidate", known, "--candidate", unheard_of, "--candidate", tiny_rival)
    document = attributed(tool, "--unknown-prompt", "--alpha", 0.05, *options)
    found, missing, other = document["attributions"]
    assert not found["exact"]
    assert found["verdict"] == ("not_written_by" if found["p_value"] <= 0.05 else "undecided")
    assert re.search(r"the \d\d reference generations", found["reason"])
    assert found["context"] == "an unknown prompt"
    assert {test["rule"] for test in found["tests"]} == {"AUD201", "AUD202", "AUD203"}
    for test in found["tests"]:
        assert test["population"]["name"] == "mine"
        assert 1 / 31 <= test["p_floor"] <= test["p_value"]
        assert test["e_value"] is None
        assert any("nothing here is exact" in assumption for assumption in test["assumptions"])
    for one in (missing, other):
        assert (one["verdict"], one["p_value"], one["tests"]) == ("not_assessable", None, [])
        assert "there are no reference generations of" in one["reason"]

    default = attributed(tool, "--alpha", 0.05, *options)  # neither --prompt nor --unknown-prompt
    assert default == document
    few = attributed(tool, "--candidate", known)["attributions"][0]
    assert few["verdict"] == "undecided"
    assert "no p-value below 0.0" in few["reason"]


def test_a_models_texts_are_no_people_to_detect_against(tool: Tool, tiny_llama: Path, generations: Path) -> None:
    assert tool("calibrate", generations, "--generations", "--name", "mine").code == 0
    for command in (("detect", HUMAN, "--model", tiny_llama), ("attribute", HUMAN, "--candidate", tiny_llama)):
        refused = tool(*command, "--population", "mine")
        assert (refused.code, refused.out) == (2, "")
        *_, error = refused.err.splitlines()
        assert error.startswith("Error: The population mine holds texts by ")
        assert "not by people; it serves `llm-audit attribute`" in error


def test_without_reference_generations_the_way_to_some_is_named(tool: Tool, tiny_llama: Path) -> None:
    options = ("--candidate", author(tiny_llama), "--unknown-prompt")
    document = attributed(tool, *options)
    assert document["verdict"] == "not_assessable"
    (only,) = document["attributions"]
    for said in ("--prompt", "`llm-audit generate`", "`llm-audit calibrate --generations`"):
        assert said in only["reason"]
    assert attributed(tool, *options, "--strict", code=3) == document


def damage(path: Path, into: Path, **changes: object) -> Path:
    """The file with other values in the last record."""
    *lines, last = path.read_text().splitlines()
    into.write_text("\n".join([*lines, json.dumps(json.loads(last) | changes)]) + "\n")
    return into


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"temperature": 0.9}, "mixes models or settings"),
        ({"digest": "0" * 64}, "mixes models or settings"),
        ({"template": "chat"}, "mixes models or settings"),
        ({"token_ids": "none"}, "Line 35 of "),
        ({"comment": "mine"}, "Line 35 of "),
        ({"top_p": 0}, "Line 35 of "),
        ({"temperature": -1}, "Line 35 of "),
    ],
)
def test_records_of_another_kind_are_refused(
    tool: Tool, generations: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    outcome = tool("calibrate", damage(generations, tmp_path / "drawn.jsonl", **changes), "--generations", "--name", "mine")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in sentence(outcome)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no generations"),
        (b"\n", "Line 1 of "),
        (b'{"text": "A human text."}\n', "was not written by `llm-audit generate`"),
        (b"[" * 100_000 + b"\n", "Line 1 of "),
        (b'{"text": "caf\xe9"}\n', "Line 1 of "),
        (None, "No such file"),
    ],
)
def test_files_of_another_kind_are_refused(tool: Tool, tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "drawn.jsonl"
    if content is not None:
        path.write_bytes(content)
    outcome = tool("calibrate", path, "--generations", "--name", "mine")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in sentence(outcome)


def test_a_model_that_has_changed_since_is_refused(tool: Tool, tiny_llama: Path, tiny_rival: Path, tmp_path: Path) -> None:
    model, into = tmp_path / "model", tmp_path / "drawn.jsonl"
    shutil.copytree(tiny_llama, model)
    drawn(tool, author(model), "--max-tokens", 5, into=into)
    shutil.copy(tiny_rival / "model.safetensors", model)
    refused = tool("calibrate", into, "--generations", "--name", "mine")
    assert (refused.code, refused.out) == (2, "")
    assert "was drawn from another " in sentence(refused)


def test_too_short_generations_make_no_population(tool: Tool, tiny_llama: Path, prompts: Path, tmp_path: Path) -> None:
    drawn(tool, author(tiny_llama), "--prompts", prompts, "--max-tokens", 5, into=tmp_path / "drawn.jsonl")
    refused = tool("calibrate", tmp_path / "drawn.jsonl", "--generations", "--name", "mine")
    assert refused.code == 2
    assert "No text has 64 tokens" in sentence(refused)
