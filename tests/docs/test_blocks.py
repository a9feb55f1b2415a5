"""Every code block: sessions print what is shown, commands and options exist, settings are valid, Python runs."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from llm_audit.policy.load import load
from tests.cli.tool import Tool
from tests.docs.blocks import ALL, Block, blocks, commands, matches, parsed, session
from tools.site.pages import ROOT

LANGUAGES = {"sh", "console", "python", "pycon", "toml", "yaml", "json", "text", "diff", "math", "html"}
SHELL = set("|>&;*")


def of(*languages: str) -> list[object]:
    return [pytest.param(block, id=block.name) for block in ALL if block.language in languages]


def test_every_block_says_what_it_is() -> None:
    assert {block.name: block.language for block in ALL if block.language not in LANGUAGES} == {}
    assert len(ALL) > 80


@pytest.mark.parametrize("block", of("sh", "console", "text"))
def test_every_command_and_every_option_that_is_shown_exists(block: Block) -> None:
    for command in commands(block):
        parsed(command)


def test_a_command_or_an_option_that_does_not_exist_is_seen() -> None:
    for wrong in ("llm-audit detekt essay.txt", "llm-audit detect essay.txt --alfa 0.05", "llm-audit membership test oder x"):
        with pytest.raises(click.UsageError):
            parsed(wrong)
    parsed("llm-audit detect essay.txt --alpha 0.05")


PRINTED: dict[tuple[str, str], str] = {}
"""What a command printed that several pages show, and that writes nothing: each is run once."""


def run(block: Block, tool: Tool, replace: tuple[str, str] = ("", "")) -> None:
    """Each command of a session, in this process if no shell is needed, and what it prints."""
    for command, shown in session(block.body):
        actual = command.replace(*replace) if replace[0] else command
        words = shlex.split(actual)
        kept = (actual, block.folder) if {*words[1:2]} & {"attribute", "detect", "membership"} and "-o" not in words else None
        if kept in PRINTED:
            printed = PRINTED[kept]
        elif words[0] == "llm-audit" and not SHELL & set(actual):
            outcome = tool(*words[1:])
            printed = outcome.out + outcome.err
        else:
            shell = actual.replace("llm-audit", f"{shlex.quote(str(Path(sys.executable).parent / 'llm-audit'))}")
            done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=250, check=False)
            printed = done.stdout + done.stderr
        if kept:
            PRINTED[kept] = printed
        assert matches(printed, shown.replace(*replace) if replace[0] else shown), f"{block.name}: {command}\n{printed}"


SESSIONS = [block for block in ALL if block.language == "console" and not block.needs("shown")]
BY_PAGE = {path: [block for block in SESSIONS if block.path == path] for path in dict.fromkeys(b.path for b in SESSIONS)}


def is_slow(block: Block) -> bool:
    return block.needs("slow") or block.needs("served")


def pages(*, slow: bool) -> list[object]:
    """The sessions of each page: those that are fast, or, of the pages that have slow ones, all of them in order."""
    found = []
    for path, its in BY_PAGE.items():
        chosen = its if slow and any(map(is_slow, its)) else [] if slow else [block for block in its if not is_slow(block)]
        if chosen:
            found.append(pytest.param(chosen, id=str(path.relative_to(ROOT))))
    return found


def run_page(its: list[Block], tool: Tool, play: Path, monkeypatch: pytest.MonkeyPatch, served: str = "") -> None:
    for block in its:
        monkeypatch.chdir(play / block.folder)
        run(block, tool, ("http://127.0.0.1:8080", served) if served else ("", ""))


@pytest.fixture
def tool(capfd: pytest.CaptureFixture[str]) -> Tool:
    return Tool(capfd)


@pytest.mark.parametrize("its", pages(slow=False))
def test_sessions_print_what_is_shown(its: list[Block], play: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    run_page(its, tool, play, monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("its", pages(slow=True))
def test_slow_sessions_print_what_is_shown(
    its: list[Block], play: Path, served: str, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_page(its, tool, play, monkeypatch, served)


def test_what_a_session_prints_is_compared_line_by_line() -> None:
    assert matches("a\nb  \nc\n", "a\n...\nc\n") and matches("a\nc\n", "a\n...\nc\n") and matches("a\n", "...\n")
    assert not matches("a\nb\n", "a\n") and not matches("a\nx\n", "a\nb\n") and not matches("xa\n", "a\n")


# That of the README has a test of its own, in tests/test_api.py.
WITH_PYTHON = sorted({block.path for block in ALL if block.language == "python"} - {ROOT / "README.md"})


@pytest.mark.parametrize("path", WITH_PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_runs(path: Path, play: Path) -> None:
    names: dict[str, object] = {"__name__": "documentation"}
    for block in blocks(path):
        if block.language == "python" and not block.needs("shown"):
            exec(compile(block.body, block.name, "exec"), names)


@pytest.mark.parametrize("block", of("toml"))
def test_policies_are_valid(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tomllib.loads(block.body)
    if "tool.llm-audit" in block.body:
        (tmp_path / "pyproject.toml").write_text(block.body)
        monkeypatch.chdir(tmp_path)
        assert load().policy.digest()


@pytest.mark.parametrize("block", of("yaml", "json"))
def test_settings_of_other_programs_can_be_read(block: Block) -> None:
    assert yaml.safe_load(block.body) if block.language == "yaml" else json.loads(block.body)
