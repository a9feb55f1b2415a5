"""Our hook, run by pre-commit in a repository of its own: it stops a text of a machine and lets a person's pass."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipelines.conftest import ROOT, Project

PRE_COMMIT = (sys.executable, "-m", "pre_commit")


def hook() -> dict[str, Any]:
    (found,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert isinstance(found, dict)
    return found


def configure(project: Project, repository: dict[str, Any]) -> None:
    project.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [repository]}))


@pytest.fixture
def installed(project: Project, tmp_path: Path) -> Project:
    """With the hook as it is written, but in the environment that is here instead of one of its own."""
    project.environment["PRE_COMMIT_HOME"] = str(tmp_path / "pre-commit")
    configure(project, {"repo": "local", "hooks": [hook() | {"language": "system", "additional_dependencies": []}]})
    project.commit("Hooks")
    return project


def test_the_manifest_is_one_for_pre_commit(project: Project) -> None:
    project.run(*PRE_COMMIT, "validate-manifest", ROOT / ".pre-commit-hooks.yaml")


def test_the_text_of_a_machine_is_stopped_and_that_of_a_person_passes(installed: Project) -> None:
    installed.run(*PRE_COMMIT, "install")
    installed.write("docs/notes.md", "A few words.\n")
    installed.run("git", "commit", "-m", "A note")  # too short to judge: no finding
    installed.add_machine()
    stopped = installed.run("git", "commit", "-m", "A draft", check=False)
    assert stopped.returncode == 1
    said = stopped.stdout + stopped.stderr
    assert "docs/draft.txt" in said and "Failed" in said and "exit code: 1" in said
    assert installed.run("git", "log", "-1", "--format=%s").stdout.strip() == "A note"
    passed = installed.run(*PRE_COMMIT, "run", "--files", "docs/essay.txt")
    assert "Passed" in passed.stdout


def test_of_a_push_only_what_it_changes_is_judged(installed: Project) -> None:
    installed.add_machine()
    installed.commit("Before there was a hook")
    before = installed.run("git", "rev-parse", "HEAD").stdout.strip()
    installed.write("docs/notes.md", "A few words.\n")
    installed.commit("A note")
    passed = installed.run(*PRE_COMMIT, "run", "--verbose", "--from-ref", before, "--to-ref", "HEAD")
    assert "docs/notes.md" in passed.stdout and "docs/draft.txt" not in passed.stdout
    everything = installed.run(*PRE_COMMIT, "run", "--all-files", check=False)
    assert everything.returncode == 1 and "docs/draft.txt" in everything.stdout


def test_files_that_are_no_texts_are_not_asked_about(installed: Project) -> None:
    installed.write("code.py", "print(1)\n")
    assert "no files to check" in installed.run(*PRE_COMMIT, "run").stdout


def test_a_mistake_in_the_policy_stops_everything_and_says_what_it_is(installed: Project) -> None:
    installed.write("llm-audit.toml", "aplha = 0.01\n")
    installed.write("docs/notes.md", "A few words.\n")
    stopped = installed.run(*PRE_COMMIT, "run", check=False)
    assert stopped.returncode == 1  # pre-commit's own; the gate's stands below
    assert "exit code: 2" in stopped.stdout and "did you mean 'alpha'?" in stopped.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_in_an_environment_that_pre_commit_makes(bare: Project, published: Path, tmp_path: Path) -> None:
    bare.environment["PRE_COMMIT_HOME"] = str(tmp_path / "pre-commit")
    revision = bare.run("git", "-C", published, "rev-parse", "HEAD").stdout.strip()
    configure(bare, {"repo": str(published), "rev": revision, "hooks": [{"id": "llm-audit"}]})
    bare.commit("Hooks")
    assert "Passed" in bare.run(*PRE_COMMIT, "run", "--all-files").stdout
    bare.add_machine()
    stopped = bare.run(*PRE_COMMIT, "run", check=False)
    assert stopped.returncode == 1 and "docs/draft.txt" in stopped.stdout and "exit code: 1" in stopped.stdout
