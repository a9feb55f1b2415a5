"""`llm-audit membership test continuation` on a real llama.cpp server, which knows no canary, and on one that has learnt it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.membership.world import world
from fixtures.servers.proxy import Exchange, altered, proxy
from tests.cli.tool import Tool, sentence, verified_subject
from tests.servers.conftest import honest, ladder, model
from tests.verify.conftest import write_canary

__all__ = ["honest", "ladder", "model"]


@pytest.fixture
def name(tmp_path: Path) -> Path:
    """A canary with a text before it, the same in every run: one in a hundred is a finding on any model."""
    return write_canary(tmp_path / "trap", replace(world().canaries[0], count=99, before="The code is "))


def asked(tool: Tool, *args: object, code: int) -> dict[str, Any]:
    return verified_subject(tool, "membership", "test", "continuation", *args, code=code)


def test_a_server_that_never_read_the_canary_and_one_that_did(tool: Tool, honest: str, name: Path, tmp_path: Path) -> None:
    options = ("--canary", name, "--model", "fixture", "--continuations", 2)
    journal = tmp_path / "journal.jsonl"
    page = tmp_path / "report.html"
    never = asked(tool, honest, *options, "--journal", journal, "-o", page, code=0)
    assert (
        "Canaries continued" in page.read_text() and "of 792 draws at least as extreme, rank by rank, seed" in page.read_text()
    )
    assert never["verdict"] == "pass" and "16 continuations of 8 beginnings" in never["summary"]
    assert {"name": "Endpoint", "value": f"{honest}/v1, model fixture, surface completions"} in never["facts"]
    replayed = asked(tool, *options, "--replay", journal, code=0)
    assert replayed["tests"] == never["tests"]
    published = json.loads(Path(f"{name}.public.json").read_text())["published"]

    def learnt(exchange: Exchange) -> None:
        def recite(content: dict[str, Any]) -> None:
            shown = len(json.loads(exchange.body)["prompt"]) - len("The code is ")
            content["choices"][0]["text"] = published[shown : shown + 12]
            content["choices"][0].pop("message", None)

        exchange.send(altered(exchange.genuine(), recite) if exchange.number % 3 == 0 else exchange.genuine())

    with proxy(honest, learnt) as endpoint:
        seen = asked(tool, endpoint.url, *options, code=1)
    assert seen["verdict"] == "finding" and seen["claim"].endswith("in the training data of the endpoint's model?")
    assert seen["summary"].startswith("Evidence that the model was trained on this data, if the strings were drawn once")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("{url} --canary {name} --model fixture --max-requests 63", "The test needs 64 requests, and at most 63 are allowed"),
        ("{url} --canary {name}", "the model's name there"),
        ("{url} --canary {name} --canary {name} --model fixture", "named twice"),
        ("http://127.0.0.1:9 --canary {name} --model fixture --attempts 1", "No connection"),
    ],
)
def test_bad_input_is_one_sentence(tool: Tool, honest: str, name: Path, args: str, said: str) -> None:
    refused = tool("membership", "test", "continuation", *args.format(url=honest, name=name).split())
    assert refused.code == 2 and said in sentence(refused)
