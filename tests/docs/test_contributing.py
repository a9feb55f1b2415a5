"""The worked diffs of CONTRIBUTING.md: each applies to the tree as it is, and with all of them their own tests pass."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from llm_audit.common.version import __version__
from tests.docs.blocks import ALL, Block
from tools.site.pages import ROOT

DIFFS = [block for block in ALL if block.language == "diff" and block.path.name == "CONTRIBUTING.md"]
FOLDERS = ("audit", "detectors", "reports", "tests", "tools", "fixtures", "docs", "benchmarks")


def apply(diff: Block, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # Above a copy there may be the repository itself, whose paths `git apply` would then take.
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    return subprocess.run(
        ["git", "apply", *options, "-"],
        input=diff.body,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_is_one_for_a_rule_one_for_a_format_and_one_for_a_population() -> None:
    texts = " ".join(diff.body for diff in DIFFS)
    assert len(DIFFS) == 3
    assert all(each in texts for each in ("statistic_rule(", "def render(", "llm_audit.calibrate("))


@pytest.mark.parametrize("diff", DIFFS, ids=lambda diff: diff.name)
def test_it_applies_to_the_tree_as_it_is(diff: Block) -> None:
    done = apply(diff, ROOT, "--check")
    assert done.returncode == 0, done.stderr


def installed(tree: Path, site: Path) -> dict[str, str]:
    """An environment in which Python finds a tree as the installed package, by links and by its entry points."""
    package = site / "llm_audit"
    package.mkdir(parents=True)
    for path in (tree / "audit").iterdir():
        (package / path.name).symlink_to(path)
    for name in ("detectors", "reports"):
        (package / name).symlink_to(tree / name)
    project = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    facts = site / f"llm_audit-{__version__}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.4\nName: llm-audit\nVersion: {__version__}\n")
    groups: dict[str, dict[str, str]] = project["entry-points"] | {"console_scripts": project["scripts"]}
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in each.items()) for group, each in groups.items()
    ]
    (facts / "entry_points.txt").write_text("\n".join(lines))
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(tree)])}


def python(tree: Path, environment: dict[str, str], arguments: Sequence[str]) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_with_all_of_them_their_own_tests_pass(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"):
        shutil.copy(ROOT / name, tree / name)
    for diff in DIFFS:
        done = apply(diff, tree)
        assert done.returncode == 0, done.stderr
    environment = installed(tree, tmp_path / "site")
    new = [path for diff in DIFFS for path in re.findall(r"^\+\+\+ b/(tests/\S*test_\S+)$", diff.body, re.M)]
    assert len(new) == 3
    python(tree, environment, ["-m", "pytest", "-q", "-p", "no:cacheprovider", *new])
    said = python(tree, environment, ["-m", "llm_audit", "explain", "top-share"])
    assert said.startswith("AUD105  Share of likeliest tokens")
    page = python(tree, environment, ["-c", "from tools.site.pages import every_page; print(every_page()['rules/AUD105.md'])"])
    assert page.startswith("# AUD105 Share of likeliest tokens") and "Nothing yet." in page
    listed = python(tree, environment, ["-m", "llm_audit", "detect", "--help"])
    assert "tsv" in listed
