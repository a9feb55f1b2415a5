"""No key that this machine or this command line holds is in anything that an audit of an endpoint writes, in any format."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from fixtures.servers.chaos import chaos
from fixtures.servers.gateways import insisting
from llm_audit.reports.formats import SUFFIXES
from tests.cli.test_substitution import ON, SMALL, prompts
from tests.cli.tool import Outcome, Tool, sentence, spawn
from tests.servers.conftest import honest, ladder, model

__all__ = ["honest", "ladder", "model", "prompts"]

OTHER = "a value of ours"
KEY = "sk-canary/0123456789+secret"
OTHERS = ("OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "ANTHROPIC_API_KEY")
"""Variables that are none of our business."""


def spellings(key: str) -> list[bytes]:
    raw = key.encode()
    plain = [key, quote(key, safe=""), json.dumps(key).replace("/", "\\/"), raw.hex()]
    encoded = [base64.b64encode(raw[start:])[4:-4] for start in range(3)]
    return [*(each.strip('"').encode() for each in plain), *encoded]


def silent(outcome: Outcome, folder: Path) -> list[str]:
    """Where a canary is found: in what was printed, or in a file of the folder, its name included."""
    places = {"output": (outcome.out + outcome.err).encode()}
    places |= {str(path): bytes(path) + path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(places) > 2
    return [
        place for place, content in places.items() for key in (KEY, *canaries()) for word in spellings(key) if word in content
    ]


def canaries() -> list[str]:
    return [f"{name.lower()}-canary-{number}{number}{number}" for number, name in enumerate(OTHERS)]


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """Keys in the environment, and all that is written in one folder: reports, journal, cache, temporary files."""
    written = tmp_path / "written"
    (written / "tmp").mkdir(parents=True)
    folders = {"LLM_AUDIT_CACHE": "cache", "LLM_AUDIT_DATA": "data", "TMPDIR": "tmp", "HOME": "home"}
    return {name: str(written / folder) for name, folder in folders.items()} | dict(zip(OTHERS, canaries(), strict=True))


SLOW = pytest.mark.slow


@pytest.mark.parametrize("source", ["--key-env", pytest.param("--key-file", marks=SLOW)])
@pytest.mark.parametrize("behaviour", ["401", *(pytest.param(name, marks=SLOW) for name in ("none", "redirect", "html"))])
def test_no_key_is_in_any_byte_written(
    honest: str, prompts: Path, tmp_path: Path, surroundings: dict[str, str], source: str, behaviour: str
) -> None:
    (tmp_path / "key").write_text(KEY)
    written = tmp_path / "written"
    outputs = [part for suffix in SUFFIXES for part in ("-o", written / f"report{suffix}")]
    answering = range(10**6) if behaviour != "none" else ()
    with chaos(honest, behaviour, answering) as proxy:
        outcome = spawn(
            *("substitution", "audit", proxy.url, *ON, "--prompts", prompts, *SMALL, "--attempts", 1, "--timeout", 20),
            *(source, "AUDIT_KEY" if source == "--key-env" else tmp_path / "key", "--journal", written / "journal", *outputs),
            env=surroundings | ({"AUDIT_KEY": KEY} if source == "--key-env" else {}),
        )
    assert outcome.code == (0 if behaviour == "none" else 3), outcome.err
    assert all((written / f"report{suffix}").exists() for suffix in SUFFIXES)
    assert silent(outcome, written) == []


@pytest.mark.parametrize("behaviour", ["401", pytest.param("none", marks=SLOW)])
def test_no_value_of_a_header_is_in_any_byte_written(
    honest: str, prompts: Path, tmp_path: Path, surroundings: dict[str, str], behaviour: str
) -> None:
    written = tmp_path / "written"
    printed = [suffix for suffix in SUFFIXES if suffix != ".pdf"]  # which takes longest, and is made of the page
    outputs = [part for suffix in printed for part in ("-o", written / f"report{suffix}")]
    answering = range(10**6) if behaviour != "none" else ()
    with insisting(honest, "X-Gateway", KEY) as gateway, chaos(gateway.url, "401", answering) as proxy:
        outcome = spawn(
            *("substitution", "audit", proxy.url, *ON, "--prompts", prompts, *SMALL, "--attempts", 1, "--timeout", 20),
            *("--header", f"X-Other: {OTHER}", f"--header=X-Third: {OTHER}-3", "--header-env", "X-Gateway: GATEWAY"),
            *("--journal", written / "journal", *outputs),
            env=surroundings | {"GATEWAY": KEY},
        )
        assert {exchange.headers["x-other"] for exchange in proxy.seen} == {OTHER}
    assert outcome.code == (0 if behaviour == "none" else 3), outcome.err
    assert silent(outcome, written) == []
    assert not [path for path in written.rglob("*") if path.is_file() and OTHER.encode() in path.read_bytes()]
    assert OTHER not in outcome.out + outcome.err
    command = json.loads((written / "report.json").read_text())["manifest"]["command"]
    assert "--header-env" in command and "X-Gateway: GATEWAY" in command


@pytest.mark.parametrize("address", [f"http://user:{KEY}@127.0.0.1:9/v1", f"http://127.0.0.1:9/v1?key={KEY}"])
def test_an_address_with_a_key_is_refused_before_anything_is_written(
    tool: Tool, prompts: Path, tmp_path: Path, address: str
) -> None:
    outcome = tool("substitution", "audit", address, *ON, "--prompts", prompts, *SMALL, "-o", tmp_path / "r.json")
    assert outcome.code == 2
    assert KEY not in sentence(outcome) and not list(tmp_path.glob("r.json"))


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    for number, word in enumerate(spellings(KEY)):
        (tmp_path / str(number)).write_bytes(b"..." + word + b"...")
    (tmp_path / "encoded").write_bytes(base64.b64encode(b"Bearer " + KEY.encode()))
    found = {os.path.basename(place) for place in silent(Outcome(0, canaries()[0], ""), tmp_path)}  # noqa: PTH119  # a string
    assert found == {"output", "encoded", *map(str, range(len(spellings(KEY))))}
