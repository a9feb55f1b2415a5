"""`llm-audit scan --engine ray` on the cores of this machine: the bytes of the local engine, whatever becomes of a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import write_texts
from tests.cli.test_scan import FINAL, TINY, begun, results, summary
from tests.cli.tool import COMMAND, HUMAN, Tool, sentence, spawn

pytest.importorskip("ray")


def same(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in FINAL)


def descendants(pid: int) -> dict[int, str]:
    """The processes below a process, with what they call themselves."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended
            continue
    below, new = set[int](), {pid}
    while new:
        below |= new
        new = {each for each, parent in parents.items() if parent in below} - below
    return {each: names[each] for each in below - {pid}}


def judges(pid: int) -> list[int]:
    """The processes that judge for a scan."""
    return [each for each, name in descendants(pid).items() if name.startswith("ray::MapWorker")]


@pytest.mark.slow  # half a minute; tests/scan/test_ray.py has the engine itself
def test_ray_goes_on_where_the_local_engine_stopped_and_ends_with_its_bytes(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write_texts(corpus / "many.jsonl", 300, 30)
    for number in range(3):
        (corpus / f"{number}.txt").write_text(Path(HUMAN).read_text()[number * 500 : number * 500 + 400])
    assert tool("scan", corpus, "-o", tmp_path / "one", *TINY, *tiny).code in (0, 1)
    assert tool("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny, "--limit", 90).code in (0, 1)
    outcome = spawn("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny, "--engine", "ray")
    assert (outcome.code in (0, 1), outcome.err) == (True, "")
    assert outcome.out.startswith("303 documents\n")
    assert same(tmp_path / "out", tmp_path / "one")
    again = spawn("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny, "--engine", "ray")  # nothing to do: no cluster
    assert again == outcome


def test_without_ray_one_sentence_says_what_to_install(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_audit.scanning.ray_engine.find_spec", lambda name: None)
    said = sentence(tool("scan", HUMAN, "-o", tmp_path / "out", "--engine", "ray", *tiny))
    assert said == "Error: The engine ray is not installed: `pip install 'llm-audit[ray]'`."
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_sigint_leaves_a_partial_report_and_no_process(tiny: tuple[str, ...], tmp_path: Path) -> None:
    corpus = write_texts(tmp_path / "long.jsonl", 6000, 30)
    scan = begun((*tiny, "--engine", "ray"), corpus, tmp_path / "out", 1000)
    started = descendants(scan.pid)
    assert len(started) > 3
    scan.send_signal(signal.SIGINT)
    _, err = scan.communicate(timeout=120)
    assert (scan.returncode, err.decode()) == (130, "Interrupted; the same command goes on.\n")
    found = summary(tmp_path / "out" / "partial")
    assert 0 < found["included"] == len(results(tmp_path / "out" / "partial")) < 6000
    time.sleep(5)
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_10000_documents_and_two_workers_killed_on_the_way(tiny: tuple[str, ...], tmp_path: Path) -> None:
    corpus = write_texts(tmp_path / "corpus.jsonl", 10_000, 20)
    options = ["scan", str(corpus), "--alpha", "0.2", *tiny]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*COMMAND, *options, "-o", tmp_path / "one"], env=environment, capture_output=True, timeout=900)
    command = [*COMMAND, *options, "-o", str(tmp_path / "out"), "--engine", "ray"]
    scan = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    whole, killed = (tmp_path / "one" / "journal.jsonl").stat().st_size, list[int]()
    journal = tmp_path / "out" / "journal.jsonl"
    for share in (0.1, 0.5):
        while scan.poll() is None and (not journal.exists() or journal.stat().st_size < share * whole):
            time.sleep(0.05)
        killed += judges(scan.pid)[:1]
        os.kill(killed[-1], signal.SIGKILL)
    _, err = scan.communicate(timeout=900)
    assert scan.returncode in (0, 1), err
    assert len(set(killed)) == 2
    assert same(tmp_path / "out", tmp_path / "one")
    assert len((tmp_path / "out" / "journal.jsonl").read_bytes().splitlines()) == 10_000
