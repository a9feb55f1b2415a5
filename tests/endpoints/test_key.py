"""Where a key may come from, and that it is found in every usual spelling."""

from __future__ import annotations

import base64
import json
import os
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit import EndpointSetup, watch_endpoint
from llm_audit.common.errors import AuditError
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.key import REMOVED, Scrubber, read_key
from tests.endpoints.server import KEY, answer, serving

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=30)


def test_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", " sk-12345678\n")
    (tmp_path / "key").write_text("sk-87654321\n")
    assert read_key(env="SOME_KEY") == "sk-12345678"
    assert read_key(file=tmp_path / "key") == "sk-87654321"
    assert read_key() is None


@pytest.mark.parametrize(
    "content", ["", "short", "two words!", "sk-\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", "sk-1234\r\nHost: evil"]
)
def test_what_cannot_be_a_key_is_refused_without_telling_it(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", content)
    (tmp_path / "key").write_text(content, encoding="utf-8")
    for source in ({"env": "SOME_KEY"}, {"file": tmp_path / "key"}):
        with pytest.raises(AuditError) as caught:
            read_key(**source)
        assert not content or content not in str(caught.value)
    with pytest.raises(AuditError):
        Endpoint("http://127.0.0.1:1/v1", "m", content)


def test_a_pipe_is_read_once_and_its_key_is_kept_out_of_the_report(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key")
    writer = threading.Thread(target=(tmp_path / "key").write_text, args=(KEY,))
    writer.start()
    with serving(lambda exchange: exchange.send(200, answer())) as server:
        endpoint = EndpointSetup(server.url, "m", key_file=tmp_path / "key")
        assert isinstance(watch_endpoint(endpoint, tmp_path / "b.json", rows=5), int)
        report = watch_endpoint(endpoint, tmp_path / "b.json", rows=5)
    writer.join()
    assert {exchange.headers["Authorization"] for exchange in server.seen} == {f"Bearer {KEY}"}
    assert not isinstance(report, int) and KEY not in str(report.render("json"))


def test_a_file_without_end_is_read_to_no_end() -> None:
    with pytest.raises(AuditError, match="does not hold an API key"):
        read_key(file=Path("/dev/zero"))


def test_a_key_that_no_server_takes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 99_999)
    with pytest.raises(AuditError, match="more than 16,384 characters"):
        read_key(file=tmp_path / "key")


def test_a_missing_source_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(AuditError, match="SOME_KEY is not set"):
        read_key(env="SOME_KEY")
    with pytest.raises(AuditError, match="No such file"):
        read_key(file=tmp_path / "none")


@given(KEYS, st.text(max_size=5))
def test_every_spelling_is_removed_and_json_stays_json(key: str, around: str) -> None:
    scrub = Scrubber(key)
    numbered = "".join(f"\\u{ord(c):04X}" for c in key)
    for written in (json.dumps(key), f'"{numbered}"', json.dumps(key).replace("/", "\\/")):
        body = scrub(f"[{json.dumps(around)}, {written}]")
        assert key not in str(json.loads(body))
    said = scrub(f"{around} {key} {quote(key, safe='')} {base64.b64encode(key.encode()).decode()}")
    assert said.count(REMOVED) == 3
    listed = scrub(json.dumps({"bytes": [1, *key.encode(), 2]}))
    assert json.loads(listed)["bytes"] == [1, ord("?"), 2]


def test_other_text_stays_as_it_is() -> None:
    text = json.dumps({"text": "sk-1234567 and [115, 107]"})
    assert Scrubber("sk-12345678")(text) == text
    assert Scrubber()(text) == text
