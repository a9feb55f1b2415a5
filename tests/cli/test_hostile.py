"""What a user, or whoever named a file or a server, puts into an argument cannot act on the terminal that shows the error."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from llm_audit.cli import COMMANDS
from llm_audit.common.terminal import terminal_safe
from tests.cli.tool import HUMAN, Outcome, Tool
from tests.reports.hostile import LENGTHS, TERMINAL, UNICODE

FORGED = ("two\nError: forged", "\rError: forged", "--\x1b[31m", "-\x9b", "--x\nError: forged", "[bold red]x[/] :warning:")
HOSTILE = tuple(
    os.fsdecode(text.encode("utf-8", "surrogatepass").replace(b"\0", b""))
    for text in (*TERMINAL, *UNICODE, *FORGED, LENGTHS[0])
)
"""As an argument of a process can be: any bytes but NUL."""

COMPLAINTS = (
    "@",
    "detect",
    "detect @ --alpha @",
    "detect x --format @",
    "detect x -o @",
    "detect x --population @",
    "detect x --detector @",
    "detect x --classifier @",
    "detect x --model @",
    "detect x --@",
    "models verify @",
    "models verify x @ @",
    "detect x --no-cache=@",
    "calibrate show @",
    "bench @",
    "train @",
    "attribute x --candidate @",
    "membership score @ --held-out @ --provenance @",
    "membership test order @",
    "membership canary check @",
    "substitution audit @ --model m --prompts x",
    "substitution audit http://x --model m --prompts @",
    "substitution probe http://127.0.0.1:1/v1 --model m --key-env @",
    "substitution probe http://127.0.0.1:1/v1 --model m --key-file @",
    "substitution probe --replay @",
    "substitution plan --effect @",
)
"""Commands that fail; @ is a hostile string."""


def quiet(outcome: Outcome) -> None:
    for stream in (outcome.out, outcome.err):
        assert terminal_safe(stream) == stream
        assert not re.search(r"^Error: forged", stream, re.M)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "DATA"):
        monkeypatch.setenv(f"LLM_AUDIT_{name}", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", COMPLAINTS)
def test_an_error_shows_what_is_wrong_and_does_nothing(tool: Tool, command: str) -> None:
    for text in HOSTILE:
        outcome = tool(*(word.replace("@", text) for word in command.split(" ")))
        assert outcome.code == 2, ascii(text)
        quiet(outcome)
        if not outcome.err.startswith("Usage: "):
            assert outcome.err.count("\n") == 1, outcome.err


def test_warnings_and_complaints_about_a_report(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache cannot be used, and the report cannot be written: a warning, an error, and the result."""
    cache = tmp_path / "two\nError: forged \x1b[31m \u202e"
    cache.mkdir()
    (cache / "scores.sqlite").write_bytes(b"no database " * 1000)
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(cache))
    (cache / "r.json").mkdir()
    outcome = tool("detect", HUMAN, *tiny, "-o", cache / "r.json")
    assert outcome.code == 2
    warning, error = outcome.err.splitlines()
    assert warning.startswith("Warning: ") and error.startswith("Error: ")
    quiet(outcome)


def test_progress_shows_a_hostile_name_and_does_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from llm_audit.cli.progress import bars

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    ours = r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[1A|\x1b\[2K|\r"
    for text in HOSTILE:
        with bars() as progress:
            progress(0.5, text)
        shown = capfd.readouterr().err
        assert "\x1b[" in shown
        assert terminal_safe(bare := re.sub(ours, "", shown)) == bare


def test_progress_in_a_log_is_a_plain_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from llm_audit.cli import progress as shown

    now = 0.0
    monkeypatch.setattr(shown, "time", SimpleNamespace(monotonic=lambda: now))
    lines = []
    with shown.bars("Scoring") as progress:
        steps = [(30, 0.25, ""), (60, 0.5, ""), (119, 0.6, ""), (125, None, "Hashing \x1b[2J"), (300, 0.5, "Hashing \x1b[2J")]
        for now, share, stage in steps:  # noqa: B007  # the clock reads it
            progress(share, stage)
            lines.append(capfd.readouterr().err)
    assert lines == [
        "",
        "Scoring: 50%, 60 s so far\n",
        "",
        "Hashing \\x1b[2J: 125 s so far\n",
        "Hashing \\x1b[2J: 50%, 300 s so far\n",
    ]


def test_help_holds_nothing_that_acts(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [os.fsdecode(b"\x1b]0;owned\x07"), "--help"])
    for command in ([], *([name] for name in COMMANDS)):
        outcome = tool(*command, "--help")
        assert outcome.code == 0 and "Usage: llm-audit" in outcome.out
        quiet(outcome)
