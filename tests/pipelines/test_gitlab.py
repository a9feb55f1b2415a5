"""The job for GitLab that the documentation shows: valid, and run in a repository of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from junitparser import JUnitXml

from tests.pipelines.conftest import ROOT, Project

LOCAL = "gitlab-ci-local@4.60.0"
RULES = """\
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
"""
"""Of merge requests, which only GitLab itself makes."""


def snippet() -> str:
    found = re.search(
        r"<!-- gitlab job -->\n```yaml\n(.*?)```", (ROOT / "docs" / "operations" / "gitlab.md").read_text(), re.DOTALL
    )
    assert found
    return found[1]


def test_the_job_is_valid(tmp_path: Path) -> None:
    (tmp_path / ".gitlab-ci.yml").write_text(snippet())
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(tmp_path / ".gitlab-ci.yml")]
    assert subprocess.run(check, capture_output=True).returncode == 0


def test_its_script_leaves_the_reports_that_it_promises(project: Project) -> None:
    project.add_machine()
    job = yaml.safe_load(snippet())["llm-audit"]
    script = "\n".join(line for line in job["script"] if "pip install" not in line)
    variables = {name: str(value) for name, value in job["variables"].items()} | {"CI_PROJECT_DIR": str(project.folder)}
    variables["LLM_AUDIT_CACHE"] = project.environment["LLM_AUDIT_CACHE"]
    variables["CI_MERGE_REQUEST_DIFF_BASE_SHA"] = project.run("git", "rev-parse", "HEAD").stdout.strip()
    done = project.run("bash", "-e", "-o", "pipefail", "-c", script, check=False, **variables)
    assert done.returncode == 1, done.stderr
    check_reports(project, job["artifacts"])


def check_reports(project: Project, artifacts: dict[str, object]) -> None:
    reports = artifacts["reports"]
    assert isinstance(reports, dict)
    quality = json.loads((project.folder / reports["codequality"]).read_text())
    assert [entry["location"]["path"] for entry in quality if entry["check_name"] == "AUD100"] != []
    assert {entry["location"]["path"] for entry in quality} == {"docs/draft.txt"}
    assert JUnitXml.fromfile(str(project.folder / reports["junit"])).failures == 1
    assert isinstance(artifacts["paths"], list)
    assert all((project.folder / path).is_file() for path in artifacts["paths"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_by_a_runner_where_nothing_is_installed(bare: Project, published: Path, tmp_path: Path) -> None:
    if not (shutil.which("npx") and shutil.which("rsync")):
        pytest.skip("gitlab-ci-local needs npx, which fetches it, and rsync")
    job = snippet()
    assert "git+https://<this repository>" in job and RULES in job
    bare.write(".gitlab-ci.yml", job.replace("git+https://<this repository>", str(published)).replace(RULES, ""))
    base = bare.run("git", "rev-parse", "HEAD").stdout.strip()
    bare.add_machine()
    bare.commit("A pipeline")
    bare.run(sys.executable, "-m", "venv", tmp_path / "runner")
    path = f"{tmp_path / 'runner' / 'bin'}:{bare.environment['PATH']}"
    command = ("npx", "--yes", LOCAL, "--force-shell-executor", "--no-shell-isolation", "llm-audit")
    given = (f"LLM_AUDIT_CACHE={bare.environment['LLM_AUDIT_CACHE']}", f"CI_MERGE_REQUEST_DIFF_BASE_SHA={base}")
    variable = [word for each in given for word in ("--variable", each)]
    bare.run("git", "remote", "add", "origin", "git@gitlab.example:a/b.git")
    done = bare.run(*command, *variable, check=False, PATH=path)
    assert done.returncode == 1, done.stdout + done.stderr
    check_reports(bare, yaml.safe_load(job)["llm-audit"]["artifacts"])
