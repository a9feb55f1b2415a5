"""Check that a folder is a model that can be loaded without running foreign code. Reads names, JSON and headers only.

Knows nothing about where the folder came from. Every refusal is one sentence that names the file and the way out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llm_audit.common.errors import InvalidInput

MAX_CONFIG_BYTES = 1 << 20
MAX_TOKENIZER_BYTES = 64 << 20
MAX_INDEX_BYTES = 64 << 20
MAX_TEMPLATE_BYTES = 1 << 20
INDEX = "model.safetensors.index.json"
PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".h5", ".msgpack"}
HARMLESS_PRIVATE_KEYS = {"_name_or_path", "_commit_hash", "_num_labels", "_from_model_config", "_sliding_window_pattern"}
ATTENTION_KEYS = {"attn_implementation", "experts_implementation"}


def check_folder(folder: Path) -> dict[str, Any]:
    """The parsed `config.json` of a folder that is safe to load; AuditError otherwise."""
    if (folder / "adapter_config.json").exists():
        # transformers would load whatever base model the adapter names instead of this folder.
        raise InvalidInput(f"{folder} holds an adapter (adapter_config.json): merge it into its base model first.")
    config = read_config(folder)
    read_json(folder / "tokenizer.json", MAX_TOKENIZER_BYTES)
    for name in model_files(folder):
        check_inside(folder, name)
        if name.endswith(".safetensors"):
            check_weights(folder / name)
    return config


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json`, refused if any key in it could make transformers load code or files from elsewhere."""
    path = folder / "config.json"
    config = read_json(path, MAX_CONFIG_BYTES)
    if not isinstance(config, dict):
        raise InvalidInput(f"{path} is not a JSON object.")
    for key, value in _all_keys(config):
        if key == "auto_map":
            raise InvalidInput(
                f"{path} has `auto_map`, which asks for the model's own code to be run: only built-in models load."
            )
        if key == "transformers_weights":
            raise InvalidInput(f"{path} has `transformers_weights`, which names other weight files: remove that key.")
        private = key.startswith("_") and key not in HARMLESS_PRIVATE_KEYS
        # "eager" and "sdpa" are PyTorch itself; any other value may name a kernel that is fetched from the hub and run.
        if private or (key in ATTENTION_KEYS and value not in (None, "eager", "sdpa")):
            raise InvalidInput(f"{path} has `{key}`, which can make transformers run code from the hub: remove that key.")
    return config


def _all_keys(root: object) -> Iterator[tuple[str, object]]:
    pending = [root]  # a stack of our own: hostile nesting must not exhaust Python's
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield from value.items()
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def model_files(folder: Path) -> list[str]:
    """Names of the files that make up the model's identity, sorted: all weights, their index, config and tokenizer.

    All `*.safetensors` count, even ones no index names: whatever a loader picks up is part of the digest.
    """
    weights = {path.name for path in folder.glob("*.safetensors")}
    if not weights:
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PICKLES)
        if pickles:
            raise InvalidInput(
                f"{folder} has weights only in {pickles[0]}, a format that can run code: convert to safetensors."
            )
        raise InvalidInput(f"{folder} holds no safetensors weights.")
    names = weights | {"config.json", "tokenizer.json"}
    if (folder / INDEX).exists():
        missing = sorted(set(shards(folder)) - weights)
        if missing and "model.safetensors" not in weights:
            raise InvalidInput(f"{folder / INDEX} names {missing[0]}, which is not in the folder.")
        names.add(INDEX)
    elif "model.safetensors" not in weights:
        raise InvalidInput(f"{folder} has neither model.safetensors nor {INDEX}.")
    return sorted(names)


def shards(folder: Path) -> list[str]:
    """The weight files that the index names; AuditError unless each is a plain file name."""
    path = folder / INDEX
    index = read_json(path, MAX_INDEX_BYTES)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise InvalidInput(f"{path} has no `weight_map`.")
    for name in weight_map.values():
        if not isinstance(name, str) or not re.fullmatch(r"[\w.-]+\.safetensors", name, re.ASCII):
            raise InvalidInput(f"{path} names the weight file {name!r}, which is not a plain .safetensors file of the folder.")
    return sorted(set(weight_map.values()))


def check_inside(folder: Path, name: str) -> None:
    """Check that a file is a regular file of the folder or, in a snapshot of a hub cache, of the blobs beside it."""
    path, home = folder / name, folder.resolve()
    if not path.is_file():  # also keeps us from waiting on a named pipe
        raise InvalidInput(f"{path} is missing or not a file.")
    allowed = [home]
    if home.parent.name == "snapshots":
        allowed.append(home.parent.parent / "blobs")
    if path.resolve().parent not in allowed:
        raise InvalidInput(f"{path} is a link to a file outside the model's folder: replace it by the file itself.")


def read_chat(folder: Path) -> tuple[str | None, dict[str, str]]:
    """The folder's chat template, if it has one, and the special tokens by the names that templates use (`bos_token`)."""
    path = folder / "tokenizer_config.json"
    settings = read_json(path, MAX_TOKENIZER_BYTES) if path.exists() else {}
    if not isinstance(settings, dict):
        raise InvalidInput(f"{path} is not a JSON object.")
    tokens = {}
    for name, token in settings.items():
        text = token.get("content") if isinstance(token, dict) else token
        if name.endswith("_token") and isinstance(text, str):
            tokens[name] = text
    template = settings.get("chat_template")
    if isinstance(template, list):  # several, by name
        named = [entry for entry in template if isinstance(entry, dict) and entry.get("name") == "default"]
        template = named[0].get("template") if named else None
    if (folder / "chat_template.jinja").exists():
        template = read_text(folder / "chat_template.jinja", MAX_TEMPLATE_BYTES)
    return template if isinstance(template, str) else None, tokens


def read_json(path: Path, max_bytes: int) -> Any:
    """Parsed JSON of a regular file of bounded size."""
    text = read_text(path, max_bytes)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput(f"{path} is not valid JSON.") from None


def read_text(path: Path, max_bytes: int) -> str:
    """The text of a regular file of bounded size."""
    check_inside(path.parent, path.name)
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise InvalidInput(f"Could not read {path}: {error.strerror or error}.") from None
    if len(content) > max_bytes:
        raise InvalidInput(f"{path} is larger than {max_bytes >> 20} MB.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not text in UTF-8.") from None


def check_weights(path: Path) -> None:
    """Validate the header of one file by the safetensors library; raise its error as one sentence."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise InvalidInput(f"{path} is not a sound safetensors file ({' '.join(str(error).split())}).") from None
