"""Writing of files: whole or not at all, under every error that a system call can end with.

`tests/reports/test_write.py` and `test_killed.py` hold `atomic_write` to this with real kills, full disks and spoilt calls.
"""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from llm_audit.common import files
from llm_audit.common.files import Lines, Scratch, atomic_write, create, move, replacing, sha256_of

ERRORS = [OSError(28, "No space left on device"), KeyboardInterrupt()]


def replace_by_stream(path: Path, data: bytes) -> None:
    with replacing(path) as file:
        file.write(data)


def cached(path: Path, data: bytes) -> None:
    atomic_write(path, data, durable=False)


WRITERS = [atomic_write, cached, replace_by_stream, create]


@pytest.mark.parametrize("write", WRITERS)
def test_a_new_file_is_what_was_written_and_alone(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    data = np.random.default_rng(0).bytes(300_001)
    mask = os.umask(0o027)
    try:
        write(tmp_path / "new", data)
    finally:
        os.umask(mask)
    assert (tmp_path / "new").read_bytes() == data
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]


@pytest.mark.parametrize("error", ERRORS, ids=["enospc", "ctrl-c"])
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("write", [atomic_write, replace_by_stream])
def test_a_write_that_fails_leaves_the_old_file_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path, bytes], None],
    call: str,
    error: BaseException,
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(type(error)):
            write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_body_that_raises_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_bytes(b"x" * 1000)
    replace_by_stream(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize(("durable", "calls"), [(True, 2), (False, 0)])
def test_durable_means_file_and_folder_are_synced_and_otherwise_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool, calls: int
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    atomic_write(tmp_path / "file", b"x", durable=durable)
    assert len(synced) == calls


def test_nothing_that_is_there_is_created_anew(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        create(path, b"new")
    with pytest.raises(FileExistsError):
        Lines(path, new=True)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("error", ERRORS, ids=["enospc", "ctrl-c"])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_creation_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> None:
    def fail(*_: object) -> NoReturn:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(type(error)):
            create(tmp_path / "file", b"new", mode=0o600)
    assert list(tmp_path.iterdir()) == []


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    create(tmp_path / "secret", b"x", mode=0o600)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_lines_are_appended_whole_and_a_torn_end_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:3]))
    path = tmp_path / "journal"
    with Lines(path) as lines:
        assert not lines.torn
        lines.append(b"first line\nsecond line\n", durable=True)
        assert not lines.torn
        lines.append(b"thi")
        assert lines.torn
    with Lines(path) as lines:
        assert lines.torn
        lines.truncate(len(b"first line\nsecond line\n"))
        assert not lines.torn
        lines.append(b"third line\n")
    assert path.read_bytes() == b"first line\nsecond line\nthird line\n"


def test_a_folder_takes_the_place_that_is_free(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "file").write_bytes(b"x")
    move(tmp_path / "made", tmp_path / "stored")
    assert (tmp_path / "stored" / "file").read_bytes() == b"x"
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 5000])
def test_the_digest_is_that_of_all_bytes_and_the_progress_ends_at_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(files, "CHUNK", 1000)
    data = np.random.default_rng(size).bytes(size)
    (tmp_path / "file").write_bytes(data)
    shares: list[float | None] = []
    found = sha256_of(tmp_path / "file", lambda share, _="", /: shares.append(share))
    assert found == hashlib.sha256(data).hexdigest()
    assert shares == sorted(shares) and len(shares) == -(-size // 1000)
    assert not shares or shares[-1] == 1


def test_a_scratch_file_holds_its_bytes_and_has_no_name(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    scratch.append(memoryview(b"one, "))
    scratch.append(memoryview(b"two"))
    assert list(tmp_path.iterdir()) == []
    memory = bytearray(6)
    scratch.read_into(memoryview(memory), 2)
    assert memory == b"e, two"
    with pytest.raises(OSError, match="shorter than what was written"):
        scratch.read_into(memoryview(memory), 3)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_scratch_file_is_closed_with_its_object_without_a_warning(tmp_path: Path) -> None:
    before = open_files()
    scratch = Scratch(tmp_path)
    assert open_files() == before + 1
    del scratch
    assert open_files() == before


def test_a_scratch_file_leaves_nothing_where_its_process_is_killed(tmp_path: Path) -> None:
    killed = (
        "import os, signal, sys; from pathlib import Path; from llm_audit.common.files import Scratch;"
        "scratch = Scratch(Path(sys.argv[1])); scratch.append(memoryview(b'x' * 1000)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", killed, str(tmp_path)])
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
