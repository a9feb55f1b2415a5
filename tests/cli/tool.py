"""Run llm-audit as a user would: in this process where that shows the same, else as a command of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from llm_audit.cli import main
from llm_audit.reports.formats.json import schema as json_schema
from llm_audit.verification import verify

COMMAND = [sys.executable, "-c", "from llm_audit.cli import main; main()"]
ESSAYS = Path(__file__).parents[2] / "fixtures" / "texts"
HUMAN, MACHINE, SHORT = (str(ESSAYS / f"essay-{name}.txt") for name in ("human", "machine", "too-short"))


class Outcome(NamedTuple):
    """What the caller of a command sees."""

    code: int
    out: str
    err: str


class Tool:
    """The command line, with what it prints on its standard streams captured."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self.capture = capture

    def __call__(self, *args: object) -> Outcome:
        """Run in this process; our own warnings are printed as outside of pytest, others remain errors."""
        self.capture.readouterr()
        with warnings.catch_warnings(), pytest.raises(SystemExit) as caught:
            warnings.filterwarnings("always", category=UserWarning, module="llm_audit")
            main([str(arg) for arg in args])
        assert isinstance(caught.value.code, int)
        return Outcome(caught.value.code, *self.capture.readouterr())


def spawn(*args: object, env: Mapping[str, str] | None = None, **options: Any) -> Outcome:
    """Run as a process of its own; `options` go to `subprocess.run`."""
    return run_command([*COMMAND, *map(str, args)], env=env, **options)


def run_command(command: Sequence[str], env: Mapping[str, str] | None = None, **options: Any) -> Outcome:
    """Run any command."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
    done = subprocess.run(command, env={**os.environ, **(env or {})}, timeout=250, **streams)
    return Outcome(
        done.returncode, *((stream or b"").decode(errors="backslashreplace") for stream in (done.stdout, done.stderr))
    )


@cache
def schema() -> Draft202012Validator:
    """Of reports: that which `llm-audit schema` prints, made once."""
    return Draft202012Validator(json.loads(json_schema()))


def verified_subject(tool: Tool, *args: object, code: int) -> dict[str, Any]:
    """The subject of the one report that a command prints, which ends with this code: it fits the schema and verifies."""
    ran = tool(*args, "--format", "json")
    assert ran.code == code, (ran.err, ran.out[-2000:])
    report = json.loads(ran.out)
    schema().validate(report)
    checked = verify(ran.out.encode(), Path())[0]
    assert not checked.mismatches, checked.mismatches
    subject: dict[str, Any] = report["subjects"][0]
    return subject


def sentence(outcome: Outcome) -> str:
    """The one line on standard error of a failed run."""
    assert "Traceback" not in outcome.err
    (line,) = outcome.err.splitlines()
    assert line.endswith((".", "?")), line
    return line


PREDICTABLE = (("and", "workman's"), ("assured", "it"))
"""Words of `HUMAN` of which the tiny model finds texts predictable, in whatever order they stand: as many are far from human
ones, and do not repeat themselves."""
