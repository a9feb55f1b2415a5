"""Killed, full, failing: after every way in which writing can end, the report is a whole one, the old or the new."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.registry import described
from llm_audit.reports.formats import FORMATS, renderer_for
from llm_audit.text import discover
from tests.reports import factory

SLOW = pytest.mark.slow
KILLS = 50
MEGABYTES = 12
WRITER = """
import os, signal, sys, time
from llm_audit.reports.write import write
content = "n" * int(sys.argv[2])
for line in sys.stdin:  # one child for each line: a fork costs no new interpreter
    begun = time.perf_counter()
    if (child := os.fork()) == 0:
        write(sys.argv[1], content)
        os._exit(0)
    if (wait := float(line)) >= 0:
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(time.perf_counter() - begun, flush=True)
"""
PUBLISH = """
import sys
from llm_audit.cli import main
stored, *outputs = sys.argv[1:]
main(["report", stored, "--format", "json", *(part for output in outputs for part in ("-o", output))])
"""
"""How every command ends: write the files, print the report, say what failed, return the exit code."""


def test_killed_at_any_moment_the_report_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    old, new = b"o" * 1000, b"n" * (MEGABYTES << 20)
    command = [sys.executable, "-c", WRITER, str(path), str(len(new))]
    landed: Counter[str] = Counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:

        def written(kill_after: float) -> float:
            """Let a child write, and kill it after so many seconds; how long that took."""
            assert writer.stdin and writer.stdout
            path.write_bytes(old)
            print(kill_after, file=writer.stdin, flush=True)
            return float(writer.stdout.readline())

        whole = max(written(-1) for _ in range(3))
        assert path.read_bytes() == new
        rng, longest = np.random.default_rng(7), 1.3 * whole
        while landed.total() < KILLS or (min(landed["during"], landed["after"]) < 5 and landed.total() < 10 * KILLS):
            written(rng.uniform(0, longest))
            content, left = path.read_bytes(), [other for other in tmp_path.iterdir() if other != path]
            assert content in (old, new)
            assert all(re.fullmatch(r"\.llm-audit-[0-9a-f]{16}\.tmp", other.name) for other in left)
            landed["after" if content == new else "during" if left else "before"] += 1
            longest *= 0.95 if content == new else 1.05  # how long writing takes changes with what else the machine does
            for other in left:
                other.unlink()
    assert landed["during"] >= 5 and landed["after"] >= 5, landed
    print(f"{whole:.3f} s for {MEGABYTES} MB; killed {dict(landed)}")


def test_what_a_killed_run_leaves_is_no_report_and_no_input(tmp_path: Path) -> None:
    left = tmp_path / ".llm-audit-0123456789abcdef.tmp"
    left.write_text("half a report")
    with pytest.raises(AuditError, match="must end in"):
        renderer_for(left)
    (tmp_path / "essay.txt").write_text("An essay.")
    assert [source.name for source in discover([str(tmp_path)])] == [str(tmp_path / "essay.txt")]


FILES = [each.suffixes[0] for each in FORMATS.values() if each.suffixes and not each.binary]
"""One of each format; PDF takes seconds to make, and is written like the others."""


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A report to publish, in a folder of its own."""
    path = tmp_path / "stored" / "report.json"
    path.parent.mkdir()
    path.write_text(renderer_for(path)(factory.report(factory.passing()), described))
    return path


def published(stored: Path, *outputs: Path, under: tuple[str, ...] = ()) -> tuple[int, str]:
    done = subprocess.run([*under, sys.executable, "-c", PUBLISH, stored, *outputs], capture_output=True, timeout=100)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, done.stderr.decode()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("cannot mount a tmpfs here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("suffix", FILES)
def test_a_full_disk_is_one_sentence_and_the_old_report_stays(stored: Path, small_disk: Path, suffix: str) -> None:
    path = small_disk / f"report{suffix}"
    path.write_text("old")
    with (small_disk / "filler").open("wb") as filler:
        while True:
            try:
                os.write(filler.fileno(), bytes(4096))
            except OSError:
                break
    code, said = published(stored, path)
    assert (code, said) == (2, f"Error: Cannot write the report {path}: no space is left on the device.\n")
    assert path.read_text() == "old"
    assert {other.name for other in small_disk.iterdir()} == {"filler", path.name}


@pytest.mark.parametrize("suffix", FILES)
def test_a_full_device_is_one_sentence(stored: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"full{suffix}"
    path.symlink_to("/dev/full")
    code, said = published(stored, path)
    assert (code, said) == (2, f"Error: Cannot write the report {path}: no space is left on the device.\n")


CALLS = ("write", "fsync", "fchmod", "rename", "openat", "close")
"""What `write` asks of the system. Of all calls of the process those on the report's folder are counted and spoilt."""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace")
@pytest.mark.parametrize("error", ["ENOSPC", pytest.param("EIO", marks=SLOW), pytest.param("EINTR", marks=SLOW)])
def test_every_system_call_may_fail(tmp_path: Path, error: str) -> None:
    """The k-th call fails, for every call and every k: the report is whole, a failure is said, and nothing is left behind."""
    folder, log = tmp_path / "reports", tmp_path / "log"
    folder.mkdir()
    path = folder / "report.json"
    code = (
        "import os, secrets, sys\n"
        "from llm_audit.reports.write import write\n"
        "secrets.token_hex = lambda n: '0' * 16\n"  # a name that strace can be told
        "from llm_audit.common.errors import AuditError\n"
        "try:\n    write(sys.argv[1], 'new' * 100_000)\n"
        "except AuditError as error:\n    sys.exit(f'Error: {error}')\n"
    )

    def traced(*more: str) -> tuple[int, str, list[str]]:
        path.write_text("old")
        only = [part for name in (".llm-audit-0000000000000000.tmp", "") for part in ("-P", str(folder / name).rstrip("/"))]
        command = ["strace", "-qq", "-f", "--seccomp-bpf", "-o", str(log), *only, *more, sys.executable, "-c", code, str(path)]
        done = subprocess.run(command, capture_output=True, timeout=100)
        lines = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines()]
        return done.returncode, done.stderr.decode(), lines

    calls = f"trace={','.join(CALLS)}"
    ended, said, lines = traced("-e", calls)
    if ended and "ptrace" in said:
        pytest.skip("strace may not trace here")
    assert (ended, said, path.read_text()[:3]) == (0, "", "new")
    counted = Counter(line.partition("(")[0] for line in lines)
    assert counted == {"openat": 2, "write": 1, "fchmod": 1, "fsync": 2, "close": 2, "rename": 1}
    spoilt = 0
    for call, count in counted.items():
        for k in range(1, count + 1):
            ended, said, lines = traced("-e", calls, "-e", f"inject={call}:error={error}:when={k}")
            assert any("INJECTED" in line for line in lines)
            spoilt += 1
            content = path.read_text()
            assert content in ("old", "new" * 100_000)
            assert list(folder.iterdir()) == [path]
            if ended:
                assert content == "old"
                assert re.fullmatch(r"Error: Cannot write the report [^\n]+: [a-z/ ]+\.\n", said), said
            else:
                assert said == "" and content != "old"
    assert spoilt == 9
