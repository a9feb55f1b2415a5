"""`membership test canary` and `order` on a model behind a real server that echoes prompts: as on the model itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.membership.world import world
from fixtures.servers.completions import serve
from fixtures.servers.echoing import Echoing
from tests.cli.tool import Tool, sentence, verified_subject
from tests.verify.conftest import write_canary

MODEL = Path(__file__).parents[2] / "fixtures" / "membership" / "model"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(Echoing(MODEL, "start token", longest=400).answer) as address:
        yield address


@pytest.fixture
def name(tmp_path: Path) -> Path:
    return write_canary(tmp_path / "trap", replace(world().canaries[64], count=99))


def subject_of(tool: Tool, test: str, arguments: Sequence[object], code: int) -> dict[str, Any]:
    return verified_subject(tool, "membership", "test", test, *arguments, code=code)


def test_a_canary_that_the_served_model_has_read(tool: Tool, url: str, name: Path, tmp_path: Path) -> None:
    journal, page = tmp_path / "journal.jsonl", tmp_path / "report.html"
    served = subject_of(tool, "canary", [name, "--endpoint", url, "--model", "echoing", "--journal", journal, "-o", page], 1)
    local = subject_of(tool, "canary", [name, "--model", MODEL], 1)
    assert (served["tests"][0]["p_value"], served["tests"][0]["draws"]["exceeding"]) == (0.01, 0)
    assert served["tests"][0]["statistic"]["value"] == pytest.approx(local["tests"][0]["statistic"]["value"], abs=1e-3)
    assert served["claim"] == "Was the published text in the training data of the endpoint's model?"
    facts = {fact["name"]: fact["value"] for fact in served["facts"]}
    assert facts["Endpoint"] == f"{url}, model echoing, surface completions"
    assert facts["Source of log-probabilities"].startswith("the endpoint's own, of each prompt that it echoes")
    assert "Whoever runs the endpoint has read all of them" in page.read_text()
    replayed = subject_of(tool, "canary", [name, "--replay", journal], 1)
    assert replayed["tests"] == served["tests"] and replayed["facts"] == served["facts"]


def test_an_order_that_the_served_model_has_read(tool: Tool, url: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": row}) + "\n" for row in world().orders[64][:12]))
    options = [rows, "--draws", 19, "--shards", 2, "--alpha", 0.05, "--provenance", "Shuffled by us."]
    served = subject_of(tool, "order", [*options, "--endpoint", url, "--model", "echoing"], 1)
    local = subject_of(tool, "order", [*options, "--model", MODEL], 1)
    for subject in (served, local):  # two models have two names, and shuffles of their own
        assert subject["verdict"] == "finding"
    assert served["tests"][-1]["p_value"] < 0.05 and served["conditions"]["repeated"] == 0
    unstated = subject_of(tool, "order", [*options[:-2], "--endpoint", url, "--model", "echoing"], 0)
    assert unstated["verdict"] == "inconclusive"


def test_pairs_of_which_the_served_model_has_read_one_side(tool: Tool, url: str, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    rows = [json.dumps({"public": public, "private": private}) for public, private in world().pairs[64][:12]]
    pairs.write_text("\n".join(rows))
    options = [pairs, "--provenance", "A coin chose."]
    served = subject_of(tool, "paired", [*options, "--endpoint", url, "--model", "echoing"], 1)
    local = subject_of(tool, "paired", [*options, "--model", MODEL], 1)
    tables = [[number for row in subject["tests"][-1]["evidence"]["table"] for number in row] for subject in (served, local)]
    assert tables[0] == pytest.approx(tables[1], abs=1e-3)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("canary {name} --endpoint {url}", "the model's name there"),
        ("canary {name} --endpoint {url} --model echoing --max-requests 109", "needs 110 requests, and at most 109"),
        ("canary {name} --endpoint {url} --model echoing --offline", "are for a model that runs here"),
        ("canary {name} --journal j.jsonl", "--journal says how to ask an endpoint; name it with --endpoint"),
        ("canary {name} --endpoint http://127.0.0.1:9 --model echoing --attempts 1", "No connection"),
        ("order {rows} --endpoint {url} --model echoing --max-requests 109", "needs 110 requests, and at most 109"),
        ("order {rows} --endpoint {url} --model echoing --attempts 1", "maximum context length is 400 tokens"),
    ],
)
def test_bad_input_is_one_sentence(tool: Tool, url: str, name: Path, tmp_path: Path, args: str, said: str) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": row}) + "\n" for row in world().orders[4]))
    refused = tool("membership", "test", *args.format(url=url, name=name, rows=rows).split())
    assert refused.code == 2 and said in sentence(refused)
