"""`llm-audit verify` and `--sign`: exit codes, what is said, signatures that are wrong, and what a manifest may hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llm_audit.setup.manifest import REMOVED, safe_command
from tests.cli.conftest import write_texts
from tests.cli.tool import HUMAN, SHORT, Tool, sentence, spawn


@pytest.fixture
def report(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> Path:
    assert tool("detect", HUMAN, *tiny, "-o", tmp_path / "report.json").code == 0
    return tmp_path / "report.json"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """As the documentation says to make them."""
    private, public = tmp_path / "key.pem", tmp_path / "public.pem"
    for command in (
        ("genpkey", "-algorithm", "ed25519", "-out", private),
        ("pkey", "-in", private, "-pubout", "-out", public),
    ):
        subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)
    private.chmod(0o600)
    return private, public


def changed(report: Path, old: str, new: str) -> None:
    text = report.read_text(encoding="utf-8")
    assert old in text
    report.write_text(text.replace(old, new, 1), encoding="utf-8")


# What it comes to


def test_a_report_holds(tool: Tool, report: Path) -> None:
    found = tool("verify", report)
    assert (found.code, found.err) == (0, "")
    said = " ".join(found.out.split())
    assert "what follows from its numbers was computed again and agrees" in said
    assert "p-values" in said and "No signature was checked (--key)." in said
    as_json = json.loads(tool("verify", report, "--format", "json").out)
    assert as_json["mismatches"] == [] and as_json["recomputed"]["p-values"] >= 5


def test_json_lines_and_standard_input_hold_as_well(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    lines = tmp_path / "report.jsonl"
    tool("detect", HUMAN, SHORT, *tiny, "-o", lines, "-o", tmp_path / "report.json")
    as_json = json.loads(tool("verify", tmp_path / "report.json", "--format", "json").out)
    assert as_json["recomputed"]["p-values"] >= 5
    found = tool("verify", lines, "--format", "json")
    assert (found.code, json.loads(found.out)) == (0, as_json)
    with lines.open("rb") as file:
        piped = spawn("verify", "-", stdin=file)
    assert (piped.code, piped.err) == (0, "")
    assert piped.out.startswith("Standard input holds: ")


def test_a_changed_line_is_named_and_a_lost_one_is_no_report(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    lines = tmp_path / "report.jsonl"
    tool("detect", HUMAN, *tiny, "-o", lines)
    p = json.loads(lines.read_text().splitlines()[0])["combined"]["p_value"]
    changed(lines, f'"p_value": {p}', '"p_value": 0.001230')
    found = json.loads(tool("verify", lines, "--format", "json").out)
    assert {each["path"] for each in found["mismatches"]} >= {"content_digest", "subjects[0].combined.p_value"}
    assert "is not written as llm-audit writes numbers" in json.dumps(found)
    rendered = tool("report", lines, "--compliance", "generic")
    assert rendered.code == 2 and "subjects[0].combined.p_value is not what follows" in sentence(rendered)
    lines.write_text(lines.read_text().splitlines()[0] + "\n")
    cut = tool("verify", lines)
    assert cut.code == 2 and "is cut off" in sentence(cut)


def test_a_changed_p_value_is_named_with_both_numbers(tool: Tool, report: Path) -> None:
    p = json.loads(report.read_text())["subjects"][0]["combined"]["p_value"]
    changed(report, f'"p_value": {p}', '"p_value": 0.00123')
    found = tool("verify", report, "--format", "json")
    assert found.code == 1
    by_path = {each["path"]: each for each in json.loads(found.out)["mismatches"]}
    one = by_path["subjects[0].combined.p_value"]
    assert (one["stored"], one["recomputed"]) == (0.00123, p)
    assert "content_digest" in by_path
    said = " ".join(tool("verify", report).out.split())
    assert f"Mismatch: subjects[0].combined.p_value: stored 0.00123, recomputed {p}." in said


def test_a_value_that_no_field_can_have_is_a_mismatch(tool: Tool, report: Path) -> None:
    changed(report, '"alpha": 0.01', '"alpha": 9.01')
    found = tool("verify", report)
    assert found.code == 1 and "manifest.alpha" in found.out


def test_without_the_population_nothing_is_passed_silently(
    tool: Tool, report: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path / "elsewhere"))
    found = tool("verify", report)
    said = " ".join(found.out.split())
    assert found.code == 3
    assert "Could not be checked: subjects[0].combined: the population own is not here." in said
    assert "p-value" not in said


def test_another_population_of_the_same_name_verifies_nothing(
    tool: Tool, report: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_llama: Path
) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path / "elsewhere"))
    other = write_texts(tmp_path / "other.jsonl", 30)
    assert tool("calibrate", other, "--name", "own", "--model", tiny_llama).code == 0
    found = tool("verify", report)
    assert found.code == 3 and "here is another one" in " ".join(found.out.split())


def test_an_input_that_has_changed_is_named(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    essay, report = tmp_path / "essay.txt", tmp_path / "report.json"
    essay.write_bytes(Path(HUMAN).read_bytes())
    tool("detect", essay, *tiny, "-o", report)
    assert tool("verify", report).code == 0
    essay.write_text("Another text.")
    found = tool("verify", report)
    assert found.code == 1 and "subjects[0].sha256" in found.out
    essay.unlink()
    gone = tool("verify", report)
    assert gone.code == 0 and "Inputs that are not here" in " ".join(gone.out.split())


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"no JSON", b"\xff\xfe", b'{"question": 1}', b"[" * 100_000])
def test_what_is_no_report_is_one_sentence(tool: Tool, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(content)
    found = tool("verify", path)
    assert found.code == 2 and str(path) in sentence(found)


def test_a_missing_report_is_one_sentence(tool: Tool, tmp_path: Path) -> None:
    found = tool("verify", tmp_path / "report.json")
    assert found.code == 2 and "cannot be read" in sentence(found)


# Signatures


@pytest.fixture
def signed(tool: Tool, tiny: tuple[str, ...], tmp_path: Path, keys: tuple[Path, Path]) -> Path:
    report = tmp_path / "report.json"
    found = tool("detect", SHORT, HUMAN, *tiny, "-o", report, "--sign", keys[0])
    assert (found.code, found.err) == (0, "")
    return report


def test_a_signature_is_beside_a_file(tool: Tool, signed: Path, keys: tuple[Path, Path]) -> None:
    found = tool("verify", "-", "--key", keys[1])
    assert found.code == 2 and "give the report as a file" in sentence(found)


def test_a_signed_report_holds_with_the_key_and_says_what_was_found(tool: Tool, signed: Path, keys: tuple[Path, Path]) -> None:
    import base64
    import hashlib

    found = tool("verify", signed, "--key", keys[1])
    assert found.code == 0 and "The signature is of this report and of the key." in found.out
    envelope = json.loads(Path(f"{signed}.dsse").read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    subjects = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    assert subjects["report.json"] == hashlib.sha256(signed.read_bytes()).hexdigest()
    assert subjects[HUMAN] == hashlib.sha256(Path(HUMAN).read_bytes()).hexdigest()
    assert statement["predicate"]["result"] == "WARNED"
    warned = [test.split(":")[0] for test in statement["predicate"]["warnedTests"]]
    assert warned == sorted([HUMAN, SHORT]), "40 texts decide nothing at alpha 0.01"


def test_openssl_agrees_with_the_signature(signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    import base64

    envelope = json.loads(Path(f"{signed}.dsse").read_text())
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    (tmp_path / "said").write_bytes(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload))
    (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", keys[1], "-rawin", "-in", tmp_path / "said"]
    subprocess.run([*map(str, command), "-sigfile", str(tmp_path / "signature")], check=True, capture_output=True)


def test_wrong_and_missing_signatures_fail_and_are_named(
    tool: Tool, signed: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    envelope = Path(f"{signed}.dsse")
    whole, text = envelope.read_text(), signed.read_text(encoding="utf-8")

    def said() -> str:
        found = tool("verify", signed, "--key", keys[1])
        assert found.code == 1
        return " ".join(found.out.split())

    content = json.loads(whole)
    for part in ("payload", "payloadType"):
        flipped = ("A" if content[part][0] != "A" else "B") + content[part][1:]
        envelope.write_text(json.dumps(content | {part: flipped}))
        assert "not signed with this key, or was changed" in said()
    signature = content["signatures"][0]
    for name, value in (("sig", "A" * 86 + "=="), ("keyid", "0" * 64)):
        envelope.write_text(json.dumps(content | {"signatures": [signature | {name: value}]}))
        assert "not signed with this key" in said()
    for damaged in ("{}", "", whole[:-40], json.dumps(content | {"more": 1})):
        envelope.write_text(damaged)
        assert "is damaged" in said()
    envelope.unlink()
    assert "There is no signature to check" in said()
    envelope.write_text(whole)
    signed.write_text(text + "\n")
    assert "is about another report" in said()
    signed.write_text(text)
    assert tool("verify", signed, "--key", keys[1]).code == 0


def test_another_key_fails(tool: Tool, signed: Path, tmp_path: Path) -> None:
    for command in ("genpkey -algorithm ed25519 -out other.pem", "pkey -in other.pem -pubout -out other.pub"):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True, cwd=tmp_path)
    found = tool("verify", signed, "--key", tmp_path / "other.pub")
    assert found.code == 1 and "was not signed with this key" in " ".join(found.out.split())


def test_keys_that_cannot_sign_cost_no_run(tool: Tool, tiny: tuple[str, ...], tmp_path: Path, keys: tuple[Path, Path]) -> None:
    subprocess.run(["openssl", "genrsa", "-out", str(tmp_path / "rsa.pem"), "2048"], check=True, capture_output=True)
    (tmp_path / "no.pem").write_text("secret words")
    rsa, no, gone = (tmp_path / f"{name}.pem" for name in ("rsa", "no", "gone"))
    cases = {keys[1]: "no private key", rsa: "no Ed25519 key", no: "no private key", gone: "cannot be read"}
    for key, said in cases.items():
        found = tool("detect", HUMAN, *tiny, "-o", tmp_path / "r.json", "--sign", key)
        assert found.code == 2 and said in sentence(found)
        assert "secret words" not in found.err and not (tmp_path / "r.json").exists()


def test_a_key_that_others_can_read_is_warned_of_and_is_in_no_output(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    keys[0].chmod(0o644)
    found = tool("detect", HUMAN, *tiny, "-o", tmp_path / "r.json", "-o", tmp_path / "r.html", "--sign", keys[0])
    assert found.code == 0 and "others can read the key" in found.err
    secret = keys[0].read_text().splitlines()[1]
    for path in (tmp_path / "r.json", tmp_path / "r.json.dsse", tmp_path / "r.html"):
        assert secret not in path.read_text()
    assert not (tmp_path / "r.html.dsse").exists()


def test_without_the_extra_packages_a_sentence_says_which(
    tool: Tool, tiny: tuple[str, ...], keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "securesystemslib.signer", None)
    found = tool("detect", HUMAN, *tiny, "--sign", keys[0])
    assert found.code == 2 and "llm-audit[sign]" in sentence(found)


# The manifest


def test_the_manifest_says_what_was_run_on_what(report: Path, tiny_llama: Path) -> None:
    import hashlib

    manifest = json.loads(report.read_text())["manifest"]
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert manifest["model"]["files"][name] == hashlib.sha256((tiny_llama / name).read_bytes()).hexdigest()
    assert manifest["started"] <= manifest["finished"] and manifest["finished"].endswith("+00:00")
    assert manifest["device"] == "cpu" and manifest["threads"] >= 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("audit https://me:pass@host/v1 --model m", f"audit https://{REMOVED}@host/v1 --model m"),
        ("audit https://host/v1?api_key=abc&n=1", f"audit https://host/v1?api_key={REMOVED}&n=1"),
        ("x --api-key abc --tokens 8", f"x --api-key {REMOVED} --tokens 8"),
        ("x --api-key=abc --max-tokens=8", f"x --api-key={REMOVED} --max-tokens=8"),
        ("x --password abc --key-env NAME --key-file F", f"x --password {REMOVED} --key-env NAME --key-file F"),
        ("x https://host/sk-12345678/v1", f"x https://host/{REMOVED}/v1"),
        ("x --prompt \udcff", "x --prompt \\udcff"),
    ],
)
def test_no_secret_stays_in_a_command_line(given: str, kept: str) -> None:
    assert " ".join(safe_command(given.split(" "), ("sk-12345678",))) == kept
