"""A project of somebody else: a git repository with an essay of a person in it, and a pipeline that runs our gate."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llm_audit.common.paths import cache_root
from tests.cli.tool import HUMAN, MACHINE

ROOT = Path(__file__).parents[2]
WHO = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "a"), ("EMAIL", "a@b.c"))}


class Project:
    """The repository, and commands run in it as its owner would."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        folder.mkdir()
        self.run("git", "init", "--quiet", "--initial-branch", "main")
        self.add(HUMAN, "docs/essay.txt")
        self.commit("An essay")

    def add(self, source: str, name: str) -> None:
        """A copy of a file, staged."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, self.folder / name)
        self.run("git", "add", name)

    def add_machine(self) -> None:
        """An essay that a model wrote."""
        self.add(MACHINE, "docs/draft.txt")

    def write(self, name: str, content: str) -> None:
        """A file, staged."""
        (self.folder / name).write_text(content)
        self.run("git", "add", name)

    def commit(self, subject: str) -> None:
        """What is staged, no hook asked."""
        self.run("git", "commit", "--quiet", "--no-verify", "-m", subject)

    def run(self, *command: str | Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Any command."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment | environment, capture_output=True, text=True, timeout=1500
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done


def outside(**more: str) -> dict[str, str]:
    """The environment of a shell in which nothing of this test run is set: our command is not on the path."""
    ours = str(Path(sys.executable).parent)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "VIRTUAL_ENV", "GIT_", "GITHUB_", "CI_", "PRE_COMMIT"))
    }
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != ours)
    return kept | WHO | {"PATH": path, "LLM_AUDIT_CACHE": str(cache_root())} | more


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Where llm-audit is installed already."""
    ours = str(Path(sys.executable).parent)
    return Project(tmp_path / "project", outside(PATH=f"{ours}{os.pathsep}{os.environ['PATH']}"))


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """Where it is not, and the pipeline must install it."""
    return Project(tmp_path / "project", outside())


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working tree as the repository that pipelines name: one commit with all that git does not ignore."""
    folder = tmp_path_factory.mktemp("published") / "llm-audit"
    listed: Any = {"cwd": ROOT, "check": True, "capture_output": True, "text": True}
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], **listed).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for command in (["git", "init", "--quiet"], ["git", "add", "-A"], ["git", "commit", "--quiet", "-m", "Release"]):
        subprocess.run(command, cwd=folder, env=os.environ | WHO, check=True)
    yield folder
    shutil.rmtree(folder)
