"""The container: what its file promises, and its steps run one by one, since there is no engine where tests run.

What only an engine can show is not shown here: that the base image has what the steps need, and that layers are small.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.tool import HUMAN, MACHINE
from tests.pipelines.conftest import ROOT
from tests.serving.conftest import wait_until

TOKEN = "0123456789abcdef0123456789abcdef"


@dataclass
class Stage:
    """The steps of a stage, in order."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        return [rest for step, rest in self.steps if step == word]


def stages() -> list[Stage]:
    """The stages of the Dockerfile; only the instructions that it uses are known here."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    found: list[Stage] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        assert word in {"ARG", "FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
        if word == "FROM":
            found.append(Stage(rest.partition(" AS ")[2]))
        elif found:
            found[-1].steps.append((word, rest))
    return found


def variables(stage: Stage) -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in stage.all("ENV") for pair in shlex.split(rest))


def test_it_runs_as_nobody_and_has_its_model_inside() -> None:
    build, final = stages()
    (user,) = final.all("USER")
    assert all(number.isdecimal() and int(number) > 0 for number in user.split(":"))
    assert [step for step, _ in final.steps].index("USER") > [step for step, _ in final.steps].index("COPY")
    assert final.all("RUN") == [] and final.all("COPY") == ["--from=build /opt/llm-audit /opt/llm-audit"]
    assert build.all("RUN")[-1].endswith("llm-audit models get")
    assert variables(final)["LLM_AUDIT_CACHE"] in build.all("RUN")[-1]
    assert json.loads(final.all("ENTRYPOINT")[0]) == ["llm-audit"]
    assert "--offline" in json.loads(final.all("CMD")[0])
    assert "TOKEN" not in (ROOT / "Dockerfile").read_text().replace("LLM_AUDIT_TOKEN", "")


def test_it_takes_what_the_package_is_made_of_and_nothing_else() -> None:
    (build, _), ignored = stages(), (ROOT / ".dockerignore").read_text().splitlines()
    sources = {source for rest in build.all("COPY") for source in rest.split()[:-1]}
    assert ignored[0] == "*" and {line.removeprefix("!") for line in ignored if line.startswith("!")} == sources
    assert all((ROOT / source).exists() for source in sources)
    assert f"torch=={_torch()}" in " ".join(build.all("RUN"))


def _torch() -> str:
    found = re.search(r"^torch==([\d.]+)\+cpu", (ROOT / "tools" / "lock" / "torch.txt").read_text(), re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize(("name", "schema"), [("github.yml", "vendor.github-workflows"), ("gitlab.yml", "vendor.gitlab-ci")])
def test_the_jobs_are_valid_and_keep_wheels_model_and_scores(name: str, schema: str) -> None:
    path = ROOT / "tools" / "ci" / name
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert ".cache/pip" in path.read_text() and ".cache/llm-audit" in path.read_text()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_its_steps_make_a_program_that_judges_and_serves_without_a_network(tmp_path: Path) -> None:
    """As nobody, where the machine lets us be; from a read-only tree; with no way out."""
    build, final = stages()
    root = tmp_path / "image"
    environment = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "TORCH_INDEX": "", **variables(build)}
    place = root
    for word, rest in build.steps:
        rest = rest.replace("/opt/llm-audit", str(root / "opt/llm-audit"))
        if word == "WORKDIR":
            place = root / rest.strip("/")
            place.mkdir(parents=True)
        elif word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                to = place / target if (ROOT / source).is_dir() else place / target / source
                shutil.copytree(ROOT / source, to) if (ROOT / source).is_dir() else shutil.copy(ROOT / source, to)
        elif word == "RUN":
            command = rest.replace("python -m venv", f"{sys.executable} -m venv", 1)
            done = subprocess.run(["/bin/sh", "-c", command], cwd=place, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-2000:]
    shutil.rmtree(root / "src")
    subprocess.run(["chmod", "-R", "a-w,a+rX", str(root)], check=True)
    scratch = tmp_path / "tmp"
    scratch.mkdir(mode=0o777)
    inside = {
        name: value.replace("/opt/llm-audit", str(root / "opt/llm-audit"))
        .replace("/tmp", str(scratch))
        .replace("${PATH}", "/usr/bin:/bin")
        for name, value in variables(final).items()
    } | {"TMPDIR": str(scratch)}
    alone = ["unshare", "--net", "--map-root-user"] if _can_unshare() else []
    (entry,) = json.loads(final.all("ENTRYPOINT")[0])
    program = str(root / "opt/llm-audit/venv/bin" / entry)
    command = [*alone, program, "detect", "--offline", "--no-cache", HUMAN, MACHINE, "--format", "json"]
    done = subprocess.run(command, env=inside, capture_output=True, text=True, cwd=scratch)
    assert done.returncode == 1, done.stderr
    assert [document["verdict"] for document in json.loads(done.stdout)["subjects"]] == ["pass", "finding"]
    served = [program, *json.loads(final.all("CMD")[0]), "--port", "0"]
    refused = subprocess.run(served, env=inside, capture_output=True, text=True)
    assert refused.returncode == 2 and "a token is needed" in refused.stderr
    child = subprocess.Popen(served, env=inside | {"LLM_AUDIT_TOKEN": TOKEN}, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stderr is not None
        port = int(child.stderr.readline().partition("http://")[2].partition("/")[0].rpartition(":")[2])
        wait_until(lambda: _status(port) == 200)
    finally:
        child.terminate()
        child.communicate(timeout=60)
    assert child.returncode == 0
    assert not list(scratch.glob("llm-audit-serve-*"))


def _can_unshare() -> bool:
    return subprocess.run(["unshare", "--net", "--map-root-user", "true"], capture_output=True).returncode == 0


def _status(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
