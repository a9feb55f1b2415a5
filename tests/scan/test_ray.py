"""On Ray: the same bytes as in one process, whatever becomes of the workers; and one sentence for what cannot be judged."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.memory import STATUS
from tests.scan import driver
from tests.scan.conftest import line
from tests.scan.driver import final
from tests.scan.test_memory import write_corpus

pytest.importorskip("ray")
ROOT = Path(__file__).parents[2]


Cluster = dict[str, str]  # the environment of who uses it


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster of three workers, which lives as long as the command that starts it."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # a short one: there are sockets in it
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=3", "--port=0"]
    command += ["--include-dashboard=false", "--disable-usage-stats", "--object-store-memory=100000000", "--temp-dir", folder]
    started = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **token},
        start_new_session=True,
    )
    assert started.stdout is not None
    said = []
    for text in started.stdout:
        said.append(text)
        if "--address='" in text:
            break
    else:
        pytest.fail("".join(said))
    yield {"RAY_ADDRESS": said[-1].partition("--address='")[2].partition("'")[0], **token}
    os.killpg(started.pid, signal.SIGKILL)
    started.communicate(timeout=60)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def many_files(tmp_path: Path) -> Path:
    """Two files of records, of several blocks each, and documents that are files."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.jsonl").write_text("".join(map(line, range(600))))
    for number in range(9):
        (folder / f"aa{number}.txt").write_text(f"A document of its own, the {number}th.")
    return folder


def on_ray(corpus: Path, out: Path, disturbance: str, cluster: Cluster) -> tuple[list[str], int]:
    """What the engine said, and the bytes that its process held at most."""
    command = [sys.executable, "-m", "tests.scan.on_ray", str(corpus), str(out), disturbance]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, env={**os.environ, **cluster})
    assert (done.returncode, done.stderr) == (0, "")
    *said, held = done.stdout.splitlines()
    return said, int(held)


@pytest.mark.slow
def test_a_worker_killed_and_a_block_that_failed_once_change_no_byte(
    cluster: Cluster, many_files: Path, tmp_path: Path
) -> None:
    driver.run([str(many_files)], tmp_path / "here")
    assert on_ray(many_files, tmp_path / "there", "rough", cluster)[0] == []
    assert (tmp_path / "there" / "failed").exists()
    assert (tmp_path / "there" / "killed").exists()
    assert final(tmp_path / "there") == final(tmp_path / "here")
    lines = (tmp_path / "there" / "journal.jsonl").read_text().splitlines()
    assert sorted(json.loads(line[17:])["position"] for line in lines) == list(range(1209))


@pytest.mark.slow
def test_what_always_fails_is_said_and_all_else_is_kept(cluster: Cluster, many_files: Path, tmp_path: Path) -> None:
    driver.run([str(many_files)], tmp_path / "here")
    (said,), _ = on_ray(many_files, tmp_path / "there", "failing", cluster)
    lost = 1209 - len((tmp_path / "there" / "journal.jsonl").read_text().splitlines())
    assert 0 < lost < 300
    assert said == (
        f"{lost} documents could not be judged in 3 tries (ValueError: it is the first); what was judged is kept, and the same "
        "command tries the rest again."
    )
    driver.run([str(many_files)], tmp_path / "there")
    assert final(tmp_path / "there") == final(tmp_path / "here")


@pytest.mark.slow
def test_a_machine_that_has_something_else_judges_nothing(cluster: Cluster, many_files: Path, tmp_path: Path) -> None:
    (said,), _ = on_ray(many_files, tmp_path / "there", "other", cluster)
    assert said == "On this machine not all is the same."
    assert (tmp_path / "there" / "journal.jsonl").read_bytes() == b""


@pytest.mark.slow
def test_a_block_that_kills_whoever_judges_it_ends_in_a_sentence(cluster: Cluster, many_files: Path, tmp_path: Path) -> None:
    (said,), _ = on_ray(many_files, tmp_path / "there", "deadly", cluster)
    assert "documents could not be judged in 3 tries (the processes that judged them died); what" in said
    assert len((tmp_path / "there" / "journal.jsonl").read_text().splitlines()) > 900


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="Linux says what a process held at most")
def test_ten_times_the_corpus_takes_hardly_more_memory(cluster: Cluster, tmp_path: Path) -> None:
    peaks = []
    for megabytes in (5, 50):
        write_corpus(tmp_path / f"{megabytes}.jsonl", megabytes)
        said, held = on_ray(tmp_path / f"{megabytes}.jsonl", tmp_path / f"out-{megabytes}", "", cluster)
        assert said == []
        peaks.append(held)
    assert peaks[1] - peaks[0] < 60e6


def test_no_cluster_there_is_said_in_one_sentence(many_files: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    (said,), _ = on_ray(many_files, tmp_path / "there", "", {"RAY_ADDRESS": "127.0.0.1:1"})
    assert said.startswith("The Ray cluster failed (")
    assert time.monotonic() - began < 60
