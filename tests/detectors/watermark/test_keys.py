"""Key files: what is written is read again, what is wrong is said in a sentence, and no key is ever shown."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.watermark.keys import SCHEMA, Key, exposure, new_key, parse_key, read_key, write_key
from llm_audit.detectors.watermark.schemes import SCHEMES, UNSUPPORTED, scheme_class
from llm_audit.detectors.watermark.schemes.base import Scheme, TokenisedText, TokenScheme
from llm_audit.detectors.watermark.schemes.kuditipudi import KeySequence
from llm_audit.detectors.watermark.schemes.vllm import VllmGumbel

SECRET = "12345678901234567890"


def fields(name: str) -> dict[str, Any]:
    """Public fields that a scheme cannot do without."""
    return {"vocab_size": 1000} if SCHEMES[name].model_fields["vocab_size"].is_required() else {}


def content(**more: Any) -> bytes:
    return json.dumps({"schema": SCHEMA, "scheme": "vllm-gumbel", "key": SECRET} | more).encode()


@pytest.mark.parametrize("name", SCHEMES)
def test_a_new_key_of_every_scheme_is_written_and_read_again(name: str, tmp_path: Path) -> None:
    key, path = new_key(name, tokenizer="sha256:ab", note="a test", **fields(name)), tmp_path / "key.json"
    write_key(path, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and exposure(path) is None
    again = read_key(path)
    assert again.scheme == key.scheme and again.id == key.id and again.tokenizer == "sha256:ab"
    assert isinstance(again.scheme, Scheme)
    assert isinstance(again.scheme, TokenScheme | KeySequence)
    assert new_key(name, **fields(name)).id != key.id


@pytest.mark.parametrize("name", SCHEMES)
def test_no_key_is_shown_by_whatever_prints_it(name: str, tmp_path: Path) -> None:
    key, path = new_key(name, **fields(name)), tmp_path / "key.json"
    write_key(path, key)
    stored = json.loads(path.read_text())
    secrets = [stored["key"]] if "key" in stored else stored["keys"]
    shown = "".join([repr(key), str(key), repr(key.scheme), str(key.scheme), key.scheme.model_dump_json(), f"{key}", key.id])
    assert not any(secret in shown for secret in secrets)
    assert key.id in repr(key) and len(key.id) == 12


def test_the_id_depends_on_everything_that_decides() -> None:
    base = parse_key(content(), "k")
    assert base.id == parse_key(content(note="n", tokenizer="t"), "k").id
    assert len({base.id, parse_key(content(context_width=5), "k").id, parse_key(content(key="1"), "k").id}) == 3
    assert base.id == Key(VllmGumbel(key=SECRET)).id


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"\xff\xfe", "not a JSON object"),
        (b"[1, 2", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (content() + content(key="1"), "one in the file"),
        (content()[:-1] + b', "key": "1"}', "each name once"),
        (
            content(scheme="lm-watermarking", key="1", vocab_size=1000, prf="minskipgram_prf"),
            "context_width must be at least 2",
        ),
        (b"[1]", "no key file"),
        (b'{"key": "5"}', '"schema" is'),
        (content(schema="llm-audit/watermark-key/9"), '"schema" is'),
        (content(scheme=5), "names no scheme"),
        (content(scheme="nonsense"), "take one of vllm-gumbel"),
        (content(scheme="semstamp"), "neural sentence encoder"),
        (content(scheme="unigram"), "vocab_size is missing"),
        (content(key=int(SECRET)), "key must be a string in quotes"),
        (content(key=SECRET + "9"), "string of decimal digits, at most"),
        (content(key="0x" + SECRET), "string of decimal digits"),
        (content(key="-" + SECRET), "string of decimal digits"),
        (content(key=SECRET + "٣"), "string of decimal digits"),
        (content(key="9" * 5000), "string of decimal digits"),
        (content(context_width=0), "context_width"),
        (content(colour="red"), "no field colour"),
        (content(deadbeef12345678=1), "a field that the scheme does not have"),
        (content(scheme="unigram", key="1", vocab_size=2**25), "less than or equal to 16777216"),
        (content(scheme="unigram", key="1", vocab_size=1000, delta=math.inf), "delta"),
        (content(scheme="unigram", key="1", vocab_size=1000, fraction=1e-4), "fraction puts no token on the list"),
        (content(scheme="transformers-kgw", key="1", vocab_size=1000, gamma=1e-4), "gamma puts no token on the list"),
        (content(scheme="vllm-red-green", key="1", gamma=1 - 1e-12), "gamma puts every token on the list"),
        (content(scheme="markllm-dip", key="ab", vocab_size=1000, gamma=1e-4), "gamma puts every token on the list"),
        (content(**{SECRET: 1}), "a field that the scheme does not have"),
        (content(note=5), "must be strings"),
        (b'{"schema": "' + SCHEMA.encode() + b'", "scheme": "vllm-gumbel", "key": "1", "key": "2"}', "not a JSON object"),
        (b" " * (2 << 20), "too large"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence_without_the_key(bad: bytes, says: str) -> None:
    with pytest.raises(AuditError) as caught:
        parse_key(bad, "the key file k.json")
    message = str(caught.value)
    assert message.startswith("the key file k.json") and says in message
    assert SECRET not in message and "\n" not in message
    assert caught.value.__cause__ is None  # a traceback shows no value either


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    write_key(path, new_key("vllm-gumbel"))
    path.chmod(0o640)
    warning = exposure(path)
    assert warning is not None and "0640" in warning and "chmod 600" in warning
    assert read_key(path).scheme.scheme == "vllm-gumbel"  # a warning, not a refusal


def test_a_key_is_never_overwritten_and_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    write_key(path, new_key("vllm-gumbel"))
    before = path.read_bytes()
    with pytest.raises(AuditError, match="not overwritten"):
        write_key(path, new_key("vllm-gumbel"))
    assert path.read_bytes() == before
    with pytest.raises(AuditError, match="cannot read the key file"):
        read_key(tmp_path / "none.json")
    with pytest.raises(AuditError, match="cannot write the key file"):
        write_key(tmp_path / "no folder" / "key.json", new_key("vllm-gumbel"))
    assert exposure(tmp_path / "none.json") is None


def test_a_key_of_another_scheme_is_named(tmp_path: Path) -> None:
    write_key(tmp_path / "key.json", new_key("vllm-gumbel"))
    assert read_key(tmp_path / "key.json", "vllm-gumbel").scheme.scheme == "vllm-gumbel"
    with pytest.raises(AuditError, match="is of the scheme vllm-gumbel, not unigram"):
        read_key(tmp_path / "key.json", "unigram")


def test_the_mode_does_not_depend_on_the_mask(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        write_key(tmp_path / "key.json", new_key("unigram", vocab_size=100))
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600


def test_a_new_key_takes_public_parameters_only() -> None:
    assert new_key("vllm-gumbel", context_width=5).scheme.model_dump()["context_width"] == 5
    with pytest.raises(AuditError, match="leave out key"):
        new_key("vllm-gumbel", key="5")
    with pytest.raises(AuditError, match="no field color"):
        new_key("vllm-gumbel", color="red")


def test_every_unsupported_scheme_says_why() -> None:
    for name, reason in UNSUPPORTED.items():
        with pytest.raises(AuditError) as caught:
            scheme_class(name)
        assert reason in str(caught.value) and name not in SCHEMES


def test_ids_outside_the_vocabulary_or_no_ids_at_all_are_one_sentence() -> None:
    with pytest.raises(AuditError, match="whole numbers"):
        TokenisedText.of([1.5])
    with pytest.raises(AuditError, match="must lie between"):
        TokenisedText.of([-1])
    for name, cls in SCHEMES.items():
        scheme = cls.model_validate({"vocab_size": 1000} | cls.draw_keys(lambda bits: 1))
        if isinstance(scheme, TokenScheme):
            with pytest.raises(AuditError, match="token id 1000 lies outside the key's vocabulary of 1000"):
                scheme.observe(TokenisedText.of(np.arange(1001)))
            for length in (0, 1, 2, 7):
                assert len(scheme.observe(TokenisedText.of(np.zeros(length, np.int64)))) <= length, name
