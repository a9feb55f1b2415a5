"""Tables of token frequencies: smoothing, files, and whose tokenizer counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.scoring.tokenizer import load_tokenizer
from llm_audit.scoring.vocabulary import tokenizer_digest, vocabulary_size

TABLE = Frequencies(np.array([5, 0, 2, 1]), "0123456789abcdef", "mine", "Texts of a.jsonl.", 3)


def test_smoothed_frequencies_add_up_to_one() -> None:
    assert np.exp(TABLE.log_frequency) == pytest.approx([6 / 12, 1 / 12, 3 / 12, 2 / 12])
    assert TABLE.total == 8


@pytest.mark.parametrize("largest", [7, 2**32 - 1, 2**32, 2**40])
def test_a_file_gives_the_same_table(largest: int, tmp_path: Path) -> None:
    written = Frequencies(np.array([largest, 0, 3]), "digest", "名前", "All of it.", 7)
    written.save(tmp_path / "a.safetensors")
    read = Frequencies.load(tmp_path / "a.safetensors")
    assert read.counts.tolist() == [largest, 0, 3]
    assert read.counts.dtype == np.int64
    assert (read.tokenizer, read.name, read.description, read.documents) == ("digest", "名前", "All of it.", 7)
    read.save(tmp_path / "b.safetensors")
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_table_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match=r"Cannot write .*No such file or directory"):
        TABLE.save(tmp_path / "missing" / "a.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(AuditError, match=r"Cannot write .*folder: Is a directory"):
        TABLE.save(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


CARD = json.dumps({"tokenizer": "x", "name": "x", "description": "x", "documents": 1})


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "other tensors", "no card", "matrix", "floats", "negative"])
def test_damaged_and_foreign_files_are_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    TABLE.save(path)
    content = path.read_bytes()
    foreign = {
        "other tensors": ({"weight": np.ones(3, np.int64)}, CARD),
        "no card": ({"counts": np.ones(3, np.int64)}, "{}"),
        "matrix": ({"counts": np.ones((3, 3), np.int64)}, CARD),
        "floats": ({"counts": np.ones(3, np.float32)}, CARD),
        "negative": ({"counts": -np.ones(3, np.int64)}, CARD),
    }
    if damage in foreign:
        tensors, card = foreign[damage]
        save_file(tensors, path, metadata={"card": card})
    else:
        path.write_bytes({"truncated": content[:-5], "empty": b"", "text": b"the 5\nof 3\n" * 20}[damage])
    with pytest.raises(AuditError, match="is no table of token frequencies, or damaged: count one with `llm-audit membership"):
        Frequencies.load(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.safetensors", tmp_path):
        with pytest.raises(AuditError, match="cannot be read"):
            Frequencies.load(path)


def test_the_table_of_another_tokenizer_is_refused_and_both_are_named() -> None:
    TABLE.check(TABLE.tokenizer, "the-model")
    with pytest.raises(AuditError, match="'mine' were counted with another tokenizer") as caught:
        TABLE.check("fedcba9876543210", "the-model")
    for part in ("0123456789ab", "fedcba987654", "llm-audit membership frequencies --model the-model"):
        assert part in str(caught.value)


def rewritten(folder: Path, into: Path, **changes: object) -> Path:
    """A copy of a folder's tokenizer with some of its parts changed, and its JSON laid out anew."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    (into / "tokenizer.json").write_text(json.dumps(tokenizer | changes, indent=1), encoding="utf-8")
    return into


def test_the_digest_is_of_what_a_tokenizer_does_not_of_how_its_file_is_written(tiny_llama: Path, tmp_path: Path) -> None:
    digest = tokenizer_digest(load_tokenizer(tiny_llama))
    padding = {
        "strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "<s>",
    }  # fmt: skip
    same = rewritten(tiny_llama, tmp_path, padding=padding)
    assert (same / "tokenizer.json").read_bytes() != (tiny_llama / "tokenizer.json").read_bytes()
    assert tokenizer_digest(load_tokenizer(same)) == digest


def test_the_digest_tells_tokenizers_with_one_vocabulary_apart(tiny_llama: Path, tmp_path: Path) -> None:
    digests = {tokenizer_digest(load_tokenizer(tiny_llama))}
    model = json.loads((tiny_llama / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    for change in ({"normalizer": {"type": "Lowercase"}}, {"model": model | {"merges": model["merges"][::-1]}}):
        digests.add(tokenizer_digest(load_tokenizer(rewritten(tiny_llama, tmp_path, **change))))
    assert len(digests) == 3


def test_every_token_has_a_place_in_the_table(tiny_llama: Path) -> None:
    tokenizer = load_tokenizer(tiny_llama)
    assert vocabulary_size(tokenizer) == tokenizer.get_vocab_size() > 256
