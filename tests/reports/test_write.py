from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.registry import described
from llm_audit.reports.formats.html import render as render_html
from llm_audit.reports.write import write, write_report
from tests.reports import factory


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("cannot mount a tmpfs here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def refused(path: Path | str, content: str = "new") -> str:
    with pytest.raises(AuditError) as caught:
        write(path, content)
    message = str(caught.value)
    assert message.startswith(f"Cannot write the report {path}: ") and message.endswith(".") and "\n" not in message
    return message


def test_a_new_file_and_a_replaced_one(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write(path, "old")
    write(path, "new é\r\n")
    assert path.read_bytes() == "new é\r\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_obeys_the_umask_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    old.chmod(0o640)
    mask = os.umask(0o027)
    try:
        write(old, "x")
        write(new, "x")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == 0o640  # 0o666 less the mask
    old.chmod(0o604)
    write(old, "y")
    assert stat.S_IMODE(old.stat().st_mode) == 0o604


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("old", "dangling"):
        link, target = tmp_path / name, tmp_path / "there" / name
        if name == "old":
            target.write_text("old")
        link.symlink_to(target)
        write(link, "new")
        assert link.is_symlink() and target.read_text() == "new"


def test_missing_folder_folder_and_impossible_name(tmp_path: Path) -> None:
    assert "its folder does not exist" in refused(tmp_path / "nowhere" / "r.json")
    assert "it is a folder" in refused(tmp_path)
    (tmp_path / "file").write_text("")
    assert "its folder is a file" in refused(tmp_path / "file" / "r.json")
    assert "not a possible file name" in refused("nul\0.json")
    assert "too long" in refused(tmp_path / ("x" * 300))


def test_full_device() -> None:
    assert "no space is left" in refused("/dev/full")


def test_full_disk_keeps_the_old_report(tiny_disk: Path) -> None:
    path = tiny_disk / "report.html"
    write(path, "old")
    assert "no space is left" in refused(path, "x" * 200_000)
    assert path.read_text() == "old"
    assert list(tiny_disk.iterdir()) == [path]


def test_read_only_file_system(tiny_disk: Path) -> None:
    path = tiny_disk / "report.html"
    write(path, "old")
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    assert "read-only" in refused(path)
    assert path.read_text() == "old"


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()], ids=["eio", "ctrl-c"])
def test_an_interrupted_write_leaves_the_old_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises((AuditError, KeyboardInterrupt)):
            write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:7]))
    write(tmp_path / "r.json", "0123456789" * 10)
    assert (tmp_path / "r.json").read_text() == "0123456789" * 10


def test_standard_output_is_written_in_place_after_what_is_there(tmp_path: Path) -> None:
    code = "import sys; print('first', flush=True); from llm_audit.reports.write import write; write('/dev/stdout', 'second')"
    log = tmp_path / "log"
    with log.open("w") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
        assert log.stat().st_ino == os.fstat(file.fileno()).st_ino
    assert log.read_text() == "first\nsecond"


def test_the_suffix_names_the_format(tmp_path: Path) -> None:
    write_report(factory.report(), tmp_path / "r.html", described)
    assert (tmp_path / "r.html").read_text("utf-8") == render_html(factory.report())
