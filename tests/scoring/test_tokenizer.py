"""A long text read in pieces gives the tokens, and the characters, that it gives at one go."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from fixtures.tiny_models import SENTENCES
from llm_audit.scoring import tokenizer as tokenizer_module
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokenizer import Reader, cuts, load_tokenizer, reads_words_alone, steps_of

ALPHABET = [
    "a",
    "B",
    "é",
    "木",
    "ⅷ",
    "7",
    " ",
    "  ",
    "\n",
    "\t",
    "\u00a0",
    "\u3000",
    "'",
    "'s",
    ".",
    "-",
    "🪚",
    "\u0301",
    "ß ",
    " z",
]


@pytest.fixture(scope="module")
def reader() -> Reader:
    """With the embedded model's tokenizer."""
    folder = Store().resolve(DEFAULT_MODEL, offline=True).folder
    return Reader("embedded", "digest", load_tokenizer(folder), 1, 8192)


def at_one_go(reader: Reader, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    encoding = reader.tokenizer.encode(text, add_special_tokens=False)
    return encoding.ids, encoding.offsets


def in_pieces(reader: Reader, text: str, size: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Compare; how many pieces there were."""
    monkeypatch.setattr(tokenizer_module, "PIECE", size)
    ((ids, ranges),) = reader.read([text])
    expected_ids, expected = at_one_go(reader, text)
    assert ids.dtype == ranges.dtype == np.int32
    assert ids.tolist() == expected_ids
    assert list(map(tuple, ranges.tolist())) == expected
    return len(cuts(text)) - 1


@given(text=st.lists(st.sampled_from(ALPHABET), max_size=300).map("".join), size=st.integers(1, 30))
def test_any_text_in_pieces(reader: Reader, text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        in_pieces(reader, text, size, patch)


def test_a_long_text_is_cut(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_pieces(reader, " ".join(SENTENCES) * 20, 100, monkeypatch) > 40


def test_a_text_without_a_place_to_cut_is_read_whole(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_pieces(reader, "x1 " * 3000, 100, monkeypatch) == 1
    assert in_pieces(reader, "x" * 3000, 100, monkeypatch) == 1


def test_short_and_long_texts_keep_their_order(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_module, "PIECE", 50)
    texts = [SENTENCES[0], " ".join(SENTENCES), "", SENTENCES[1] * 9, "a"]
    assert [ids.tolist() for ids, _ in reader.read(texts)] == [at_one_go(reader, text)[0] for text in texts]


def test_which_tokenizers_read_word_by_word(tiny_llama: Path, reader: Reader) -> None:
    content = json.loads((tiny_llama / "tokenizer.json").read_text())
    assert reads_words_alone(content)
    whole = json.loads(reader.tokenizer.to_str())
    assert reads_words_alone(whole)
    added = [{"special": token["special"]} for token in whole["added_tokens"]]
    names = ("normalizer", "pre_tokenizer", "post_processor")
    assert steps_of(reader.tokenizer) == {name: whole[name] for name in names} | {"added_tokens": added}
    byte_level = content["pre_tokenizer"]
    for change in (
        {"normalizer": {"type": "NFC"}},
        {"pre_tokenizer": None},
        {"pre_tokenizer": byte_level | {"use_regex": False}},
        {"pre_tokenizer": byte_level | {"add_prefix_space": True}},
        {"pre_tokenizer": {"type": "Metaspace"}},
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [byte_level, {"type": "Split"}]}},
        {"post_processor": {"type": "ByteLevel", "add_prefix_space": True}},
        {"added_tokens": [{"content": "of the", "special": False}]},
    ):
        assert not reads_words_alone(content | change), change


def test_another_tokenizer_gets_the_whole_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are the letters b, a and the space, merged whatever stands between."""
    made = Tokenizer(models.BPE({"▁": 0, "a": 1, "a▁": 2, "a▁a": 3}, [("a", "▁"), ("a▁", "a")]))
    made.normalizer = normalizers.Replace(" ", "▁")
    monkeypatch.setattr(tokenizer_module, "PIECE", 2)
    text = "a a a a a a a a"
    ((ids, _),) = Reader("m", "d", made, None, 99).read([text])
    assert ids.tolist() == made.encode(text).ids
    made.normalizer, made.pre_tokenizer = None, pre_tokenizers.Metaspace()
    assert not reads_words_alone(steps_of(made))
