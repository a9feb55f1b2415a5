"""The container: what its file promises, and its steps run one by one, since there is no engine where tests run.

What only an engine can show is not shown here: that the base image has what the steps need, and that layers are small.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.cli.tool import HUMAN, MACHINE
from tests.pipelines.conftest import ROOT
from tests.serving.conftest import wait_until
from tools import image
from tools.image import stages

TOKEN = "0123456789abcdef0123456789abcdef"


def test_it_runs_as_nobody_and_has_its_model_inside() -> None:
    build, final = stages()
    (user,) = final.all("USER")
    assert all(number.isdecimal() and int(number) > 0 for number in user.split(":"))
    assert [step for step, _ in final.steps].index("USER") > [step for step, _ in final.steps].index("COPY")
    assert final.all("RUN") == [] and final.all("COPY") == ["--from=build /opt/llm-audit /opt/llm-audit"]
    assert "llm-audit models get " in build.all("RUN")[-1]
    assert final.variables["LLM_AUDIT_CACHE"] in build.all("RUN")[-1]
    assert json.loads(final.all("ENTRYPOINT")[0]) == ["llm-audit"]
    assert "--offline" in json.loads(final.all("CMD")[0])
    assert "TOKEN" not in (ROOT / "Dockerfile").read_text().replace("LLM_AUDIT_TOKEN", "")


def test_it_takes_what_the_package_is_made_of_and_nothing_else() -> None:
    (build, _), ignored = stages(), (ROOT / ".dockerignore").read_text().splitlines()
    sources = {source for rest in build.all("COPY") for source in rest.split()[:-1]}
    assert ignored[0] == "*" and {line.removeprefix("!") for line in ignored if line.startswith("!")} == sources
    assert all((ROOT / source).exists() for source in sources)


@pytest.mark.parametrize(("name", "schema"), [("github.yml", "vendor.github-workflows"), ("gitlab.yml", "vendor.gitlab-ci")])
def test_the_jobs_are_valid_and_keep_wheels_model_and_scores(name: str, schema: str) -> None:
    path = ROOT / "tools" / "ci" / name
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert ".cache/pip" in path.read_text() and ".cache/llm-audit" in path.read_text()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_its_steps_make_a_program_that_judges_and_serves_without_a_network_as_nobody(tmp_path: Path) -> None:
    """Read-only but for a new /tmp; without a network there is not even 127.0.0.1, so `serve` gets the one of this machine."""
    if not _namespaces():
        pytest.skip("needs the right to make namespaces: root, or a kernel that lets anybody")
    made = image.build(tmp_path / "image")
    texts = Path(HUMAN).parent
    who = image.run(made, ["sh", "-c", "id -u; ! touch /opt/x 2>&1; tail -n +3 /proc/net/dev"], work=texts)
    user, refused_to_write, *interfaces = who.stdout.splitlines()
    assert user == "65532" and "Read-only" in refused_to_write
    assert [interface.split(":")[0].strip() for interface in interfaces] == ["lo"]
    judged = ["detect", "--offline", "--no-cache", Path(HUMAN).name, Path(MACHINE).name, "--format", "json"]
    done = image.run(made, [*made.entrypoint, *judged], work=texts)
    assert done.returncode == 1, done.stderr
    assert [document["verdict"] for document in json.loads(done.stdout)["subjects"]] == ["pass", "finding"]
    assert not list((tmp_path / "image" / "opt").rglob("torch-*.dist-info"))
    serve = [*made.entrypoint, *made.arguments, "--port", "0"]
    refused = image.run(made, serve, work=texts)
    assert refused.returncode == 2 and "a token is needed" in refused.stderr
    command = image.command(made, serve, work=texts, network=True)
    environment = made.environment | {"LLM_AUDIT_TOKEN": TOKEN}
    child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stderr is not None
        port = int(child.stderr.readline().partition("http://")[2].partition("/")[0].rpartition(":")[2])
        wait_until(lambda: _status(port) == 200)
    finally:
        child.terminate()
        child.communicate(timeout=60)
    assert child.returncode == 0


def _namespaces() -> bool:
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return sys.platform == "linux" and subprocess.run(["unshare", *own, "--mount", "--net", "true"]).returncode == 0


def _status(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
