"""The server as a process: where it listens, how it ends, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.serving.settings import TOKEN, Service
from llm_audit.serving.uploads import PREFIX, private_folder
from tests.cli.conftest import tiny
from tests.cli.tool import COMMAND, Tool, sentence
from tests.serving.conftest import ESSAY, Running, Start, start, tiny_root, wait_until

__all__ = ["start", "tiny", "tiny_root"]  # fixtures


@pytest.fixture
def tool(capfd: pytest.CaptureFixture[str]) -> Tool:
    return Tool(capfd)


@contextmanager
def process(*options: str, temporary: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], Running]]:
    """`llm-audit serve` as users start it."""
    child = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary), **environment},
    )
    assert child.stderr is not None
    try:
        line = child.stderr.readline()
        port = int(line.partition("http://")[2].partition("/")[0].rpartition(":")[2])
        running = Running(port)
        wait_until(lambda: running.get("/healthz").status == 200)
        yield child, running
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_it_cleanly(tiny: tuple[str, ...], tmp_path: Path, number: signal.Signals) -> None:
    with process(*tiny, temporary=tmp_path) as (child, running):
        assert running.detect(ESSAY).status == 200
        (folder,) = tmp_path.glob(PREFIX + "*")
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
        assert (child.returncode, out, err) == (0, "", "")
        assert not folder.exists()


@pytest.mark.slow
def test_a_killed_one_leaves_texts_for_the_next_to_remove(tiny: tuple[str, ...], tmp_path: Path) -> None:
    with process(*tiny, temporary=tmp_path) as (child, running):
        files = [(f"{number}.txt", f"{number} {ESSAY}".encode()) for number in range(50)]
        running.post_form("/v1/detect", files, Prefer="respond-async")
        (folder,) = tmp_path.glob(PREFIX + "*")
        assert len(list(folder.glob("*.txt"))) > 1
        child.kill()
        child.wait()
        assert folder.exists()
        with process(*tiny, temporary=tmp_path):
            assert not folder.exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    young = tmp_path / f"{PREFIX}young"
    old = tmp_path / f"{PREFIX}old"
    for each in (young, old):
        each.mkdir()
    os.utime(old, (time.time() - 3600,) * 2)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    with private_folder() as first:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with private_folder() as second:
            assert first.path.exists() and second.path.exists() and first.path != second.path
        assert first.path.exists()
    assert young.exists() and not old.exists() and elsewhere.exists() and not first.path.exists()


def test_others_can_reach_it_only_with_a_token(tool: Tool, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    for host in ("0.0.0.0", "::", "192.0.2.1", "somewhere.example"):
        outcome = tool("serve", "--host", host, *tiny)
        assert outcome.code == 2 and "a token is needed: set LLM_AUDIT_TOKEN" in sentence(outcome)
    monkeypatch.setenv(TOKEN, "short")
    outcome = tool("serve", *tiny)
    assert outcome.code == 2 and "can be guessed" in sentence(outcome) and "short" not in outcome.err


def test_what_cannot_be_served_is_one_sentence(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = tool("serve", "--port", taken.getsockname()[1], *tiny)
        assert outcome.code == 2 and "take another --port" in sentence(outcome)
    outcome = tool("serve", "--port", 0, "--model", tmp_path / "nothing")
    assert outcome.code == 2 and sentence(outcome)
    outcome = tool("serve", "--host", "256.0.0.1", *tiny)
    assert outcome.code == 2 and sentence(outcome)


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8417", True),
        ("[::1]", True),
        ("[::1]:8417", True),
        ("localhost.", True),
        ("audit.school.example", True),
        ("AUDIT.school.example:443", True),
        ("school.example", False),
        ("audit.school.example.evil", False),
        ("localhost:evil", False),
        ("127.0.0.1@evil.example", False),
        ("", False),
        (":80", False),
    ],
)
def test_names_of_the_server(given: str, ours: bool) -> None:
    assert Service(names=("audit.school.example",)).is_ours(given) is ours


@pytest.mark.parametrize("token", ["a" * 19, "a" * 30 + " ", "ä" * 30])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(InvalidConfiguration, match="can be guessed"):
        Service(token=token).check()
    assert token not in repr(Service(token=token))


def test_a_token_lets_others_in(start: Start, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    token = "a-token-of-our-own-for-tests"
    with start(host="0.0.0.0", token=token) as running:
        assert Running(running.port).detect(ESSAY).status == 401
        answer = running.detect(ESSAY)
        assert answer.status == 200 and token not in answer.text
    assert token not in caplog.text + "".join(capfd.readouterr())
