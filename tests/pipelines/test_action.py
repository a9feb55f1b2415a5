"""Our GitHub Action: valid, without interpolation into scripts, and run step by step as a runner does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipelines.conftest import ROOT, Project

ACTION = ROOT / "action.yml"


def action() -> dict[str, Any]:
    found = yaml.safe_load(ACTION.read_text())
    assert isinstance(found, dict)
    return found


@dataclass
class Job:
    """What a runner gives to the steps of an action, and what they leave for the steps after them.

    https://docs.github.com/actions/reference/workflow-commands: each of the files is named by a variable.
    """

    project: Project
    temporary: Path
    place: Path
    inputs: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)

    def value(self, text: str) -> str:
        """An expression of the contexts that our action reads; another one would be a KeyError."""
        names = {f"inputs.{name}": value for name, value in self.inputs.items()} | {"github.action_path": str(self.place)}
        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: names[found[1]], text)

    def run(self, step: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        """One step, by the shell and the options that a runner uses for `shell: bash`."""
        assert step["shell"] == "bash" and set(step) <= {"name", "id", "shell", "env", "run"}
        files = {name: self.temporary / name for name in ("GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        script = self.temporary / "step.sh"
        script.write_text(step["run"])
        given = {name: self.value(value) for name, value in step["env"].items()}
        path = [*reversed(self.read("GITHUB_PATH").splitlines()), self.project.environment["PATH"]]
        of_the_runner = {name: str(file) for name, file in files.items()} | {
            "PATH": ":".join(path),
            "RUNNER_TEMP": str(self.temporary),
            "GITHUB_WORKSPACE": str(self.project.folder),
        }
        command = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script)
        done = self.project.run(*command, check=False, **of_the_runner, **given)
        self.outputs |= dict(line.split("=", 1) for line in self.read("GITHUB_OUTPUT").splitlines())
        return done

    def read(self, name: str) -> str:
        """One of the files."""
        return (self.temporary / name).read_text() if (self.temporary / name).exists() else ""

    @property
    def report(self) -> dict[str, Any]:
        """The report of the last run."""
        found: dict[str, Any] = json.loads(Path(self.outputs["reports"], "report.json").read_text())
        return found


def job(project: Project, tmp_path: Path, place: Path, **inputs: str) -> Job:
    defaults = {name: str(each["default"]) for name, each in action()["inputs"].items()}
    given = {"python": sys.executable} | {name.replace("_", "-"): value for name, value in inputs.items()}
    temporary = tmp_path / "runner"
    temporary.mkdir(exist_ok=True)
    return Job(project, temporary, place, defaults | given)


def gate(project: Project, tmp_path: Path, **inputs: str) -> tuple[subprocess.CompletedProcess[str], Job]:
    made = job(project, tmp_path, ROOT, **inputs)
    return made.run(action()["runs"]["steps"][-1]), made


def test_the_action_is_valid() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", str(ACTION)]
    assert subprocess.run(check, capture_output=True).returncode == 0


def test_no_input_is_a_piece_of_a_script_and_no_other_action_is_trusted() -> None:
    for step in action()["runs"]["steps"]:
        assert "${{" not in step["run"] and "uses" not in step


@pytest.mark.slow
def test_a_clean_project_passes(project: Project, tmp_path: Path) -> None:
    done, made = gate(project, tmp_path)
    assert (done.returncode, made.outputs["exit-code"]) == (0, "0"), done.stderr
    assert "docs/essay.txt" in made.read("GITHUB_STEP_SUMMARY")
    assert {path.name for path in Path(made.outputs["reports"]).iterdir()} == {
        "report.html", "report.json", "report.sarif", "summary.md",
    }  # fmt: skip


def test_a_finding_fails_with_an_annotation_at_its_place(project: Project, tmp_path: Path) -> None:
    project.add_machine()
    done, made = gate(project, tmp_path)
    assert (done.returncode, made.outputs["exit-code"]) == (1, "1"), done.stderr
    assert re.search(r"^::error .*file=docs/draft\.txt,", done.stdout, re.MULTILINE)
    assert "docs/draft.txt" in made.read("GITHUB_STEP_SUMMARY")


def test_only_what_a_branch_changed_is_judged(project: Project, tmp_path: Path) -> None:
    project.run("git", "switch", "--quiet", "--create", "topic")
    project.add_machine()
    project.commit("A draft")
    done, made = gate(project, tmp_path, changed_since="main")
    assert done.returncode == 1
    assert [document["name"] for document in made.report["subjects"]] == ["docs/draft.txt"]


def test_an_input_stays_a_word(project: Project, tmp_path: Path) -> None:
    paths = "docs/$(touch pwned)\n`touch pwned`\n'; touch pwned; '\n--help\n-o\nx.html\n"
    done, made = gate(project, tmp_path, paths=paths, arguments="--no-text\n--alpha\n.02")
    assert (done.returncode, made.outputs["exit-code"]) == (2, "2"), done.stdout
    assert len(made.report["subjects"]) == 6 and made.report["manifest"]["alpha"] == 0.02
    assert not (project.folder / "pwned").exists() and not (project.folder / "x.html").exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_steps_on_a_machine_where_nothing_is_installed(bare: Project, published: Path, tmp_path: Path) -> None:
    bare.add_machine()
    made = job(bare, tmp_path, published)
    install, last = action()["runs"]["steps"]
    done = made.run(install)
    assert done.returncode == 0, done.stderr
    done = made.run(last)
    assert (done.returncode, made.outputs["exit-code"]) == (1, "1"), done.stderr
