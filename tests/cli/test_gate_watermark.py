"""What a policy asks of watermarks: texts of a folder that must carry the mark of a key, and texts that must not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import llm_audit
from llm_audit.detectors.watermark import keys as key_files
from llm_audit.detectors.watermark.keys import read_key
from llm_audit.reports.formats import NAMES, SUFFIXES
from llm_audit.results import Verdict
from llm_audit.scoring.tokenizer import load_tokenizer
from tests.cli.test_secrets import spellings
from tests.cli.tool import HUMAN, Tool, sentence
from tests.detectors.watermark.texts import generate

POLICY = """\
select = []
[[watermarks]]
paths = ["answers/"]
key-file = "ours.json"
must = "carry"
tokenizer = "{tokenizer}"

[[watermarks]]
paths = ["essays/"]
key-file = "ours.json"
must = "not-carry"
tokenizer = "{tokenizer}"
"""


@pytest.fixture
def tokenizer(tiny_llama: Path) -> str:
    return str(tiny_llama)


@pytest.fixture
def project(tool: Tool, tokenizer: str, tmp_path: Path, embedded_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a key and its policy: an answer and an essay that carry the mark, and one of each that does not."""
    # One cache for all tests, with the embedded model in it: in an empty one it would be fetched and converted anew.
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(embedded_root))
    folder = tmp_path / "project"
    (folder / "answers").mkdir(parents=True)
    (folder / "essays").mkdir()
    monkeypatch.chdir(folder)
    drawn = np.random.default_rng(17)
    monkeypatch.setattr(key_files.secrets, "randbits", lambda bits: int.from_bytes(drawn.bytes(128), "big") >> (1024 - bits))
    assert tool("watermark", "keygen", "--scheme", "vllm-gumbel", "--model", tokenizer, "-o", "ours.json").code == 0
    reads, scheme = load_tokenizer(Path(tokenizer)), read_key(Path("ours.json")).scheme
    allowed = np.full(reads.get_vocab_size(), -np.inf)
    allowed[[reads.token_to_id(letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]] = 0.0
    marked: Any = scheme
    text = reads.decode([int(token) for token in generate(marked, lambda context: allowed, 80, np.random.default_rng(1))])
    for kind in ("answers", "essays"):
        Path(f"{kind}/marked.txt").write_text(text)
        Path(f"{kind}/plain.txt").write_text(" ".join(Path(HUMAN).read_text().split()[:120]))
    Path("llm-audit.toml").write_text(POLICY.format(tokenizer=tokenizer))
    return folder


def failures(report: llm_audit.Report) -> dict[str, list[tuple[str, str]]]:
    return {
        document.name: [(each.rule, each.verdict.value) for each in document.gate.failures]
        for document in report.documents
        if document.gate
    }


def test_a_text_fails_without_the_mark_that_is_asked_for_and_with_the_one_that_is_not_allowed(
    tool: Tool, project: Path
) -> None:
    outcome = tool("gate", ".", "-o", "r.json", "-o", "r.sarif")
    assert (outcome.code, outcome.err) == (1, "")
    report = llm_audit.read_report("r.json")
    assert failures(report) == {
        "answers/marked.txt": [],
        "answers/plain.txt": [("AUD510", "finding")],
        "essays/marked.txt": [("AUD511", "finding")],
        "essays/plain.txt": [],
    }
    assert report.gate is not None and report.gate.failed == 2 and report.manifest.detectors[-2:] == ("AUD510", "AUD511")
    said = " ".join(outcome.out.split())
    assert "The mark that the policy asks for was not found. Key " in said
    assert "The text carries a mark that the policy does not allow. Key " in said
    found = {(each["ruleId"], each["level"]) for each in json.loads(Path("r.sarif").read_text())["runs"][0]["results"]}
    assert {("AUD510", "error"), ("AUD511", "error")} <= found
    shared = [result.evidence.tests for document in report.documents for result in document.wanted]
    assert shared == [2, 2, 2, 2]
    assert tool("gate", "answers/marked.txt", "essays/plain.txt").code == 0


def test_tables_that_ask_a_text_the_same_are_one_test_of_it(tool: Tool, project: Path, tokenizer: str) -> None:
    once = llm_audit.gate(["answers"])
    Path("llm-audit.toml").write_text(
        POLICY.format(tokenizer=tokenizer) + POLICY.format(tokenizer=tokenizer)[len("select = []") :]
    )
    twice = llm_audit.gate(["answers"])
    assert [document.wanted for document in twice.documents] == [document.wanted for document in once.documents]


def test_a_text_that_fails_is_not_said_to_have_neither_passed_nor_failed(tool: Tool, project: Path) -> None:
    shown = " ".join(tool("gate", "answers").out.split())
    assert "No statement is made about who wrote this document; it fails all the same." in shown
    assert "neither passed nor failed" not in shown


def test_a_report_is_verified_and_a_changed_number_of_tests_shows(tool: Tool, project: Path) -> None:
    tool("gate", ".", "-o", "r.json")
    verified = tool("verify", "r.json")
    assert verified.code == 0 and "computed again and agrees" in " ".join(verified.out.split())
    content = json.loads(Path("r.json").read_text())
    for subject in content["subjects"]:
        for result in subject["results"]:
            if result["rule"] == "AUD510":
                result["evidence"]["tests"] = 1
    Path("forged.json").write_text(json.dumps(content))
    assert tool("verify", "forged.json").code == 1
    Path("forged.json").write_text(Path("r.json").read_text().replace('"verdict": "finding"', '"verdict": "pass"'))
    assert tool("verify", "forged.json").code == 1


def test_no_digit_of_the_key_is_in_any_output_nor_in_what_the_policy_shows(tool: Tool, project: Path) -> None:
    secret = str(json.loads(Path("ours.json").read_text())["key"])
    outputs = [part for suffix in SUFFIXES if suffix != ".csv" for part in ("-o", f"r{suffix}")]
    outcome = tool("gate", ".", *outputs)
    assert outcome.code == 1, outcome.err
    said = (outcome.out + outcome.err).encode()
    said += b"".join(Path(f"r{suffix}").read_bytes() for suffix in SUFFIXES if suffix != ".csv")
    for name in NAMES:
        if name not in ("pdf", "csv"):
            said += tool("gate", ".", "--format", name).out.encode()
    shown = tool("config", "show")
    assert shown.code == 0 and "ours.json" in shown.out
    said += shown.out.encode() + tool("config", "show", "--format", "json").out.encode()
    assert not [word for word in spellings(secret) if word in said]
    assert read_key(Path("ours.json")).id.encode() in said


def test_too_short_a_text_decides_nothing_unless_the_policy_lets_that_fail(tool: Tool, project: Path, tokenizer: str) -> None:
    assert tool("watermark", "keygen", "--scheme", "transformers-kgw", "--model", tokenizer, "-o", "lists.json").code == 0
    policy = POLICY.format(tokenizer=tokenizer).replace("ours.json", "lists.json")
    Path("llm-audit.toml").write_text(policy)
    Path("answers/short.txt").write_text("A.")
    report = llm_audit.gate("answers/short.txt")
    (result,) = report.documents[0].wanted
    assert result.verdict is Verdict.INCONCLUSIVE and failures(report) == {"answers/short.txt": []}
    assert "Too little of the text can be scored to show the mark" in report.documents[0].summary
    assert tool("gate", "answers/short.txt").code == 0
    assert tool("gate", "answers/short.txt", "--strict").code == 3
    Path("llm-audit.toml").write_text(f'fail-on = ["finding", "inconclusive"]\n{policy}')
    assert failures(llm_audit.gate("answers/short.txt")) == {"answers/short.txt": [("AUD510", "inconclusive")]}


def test_the_writer_of_a_text_cannot_let_a_mark_pass_and_the_baseline_can(tool: Tool, project: Path) -> None:
    essay = Path("essays/marked.txt")
    essay.write_text(f'<!-- llm-audit: ignore[AUD511] reason="quoted" -->\n{essay.read_text()}')
    assert "is no rule to ignore" in " ".join(tool("gate", "essays/marked.txt").out.split())
    essay.unlink()
    assert tool("gate", ".", "--baseline", "known.json", "--update-baseline").code == 0
    again = tool("gate", ".", "--baseline", "known.json")
    assert again.code == 0, again.out
    assert tool("gate", ".").code == 1


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('must = "carry"', 'must = "have"', "must must be 'carry' or 'not-carry', not 'have'"),
        ('must = "carry"\n', "", "watermarks number 1: 'must' is missing; it is 'carry' or 'not-carry'."),
        ('key-file = "ours.json"\nmust = "carry"', 'key = "12345"\nmust = "carry"', "watermarks have no setting 'key'"),
        ('"ours.json"', '"gone.json"', ":4: Cannot read the key file"),
        ('paths = ["answers/"]\n', "", "'paths' is missing; say which paths it is for."),
        ("select = []", 'select = []\nwatermarks = ["x"]', "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_policy_is_a_sentence(tool: Tool, project: Path, before: str, after: str, said: str) -> None:
    policy = Path("llm-audit.toml").read_text()
    assert before in policy
    Path("llm-audit.toml").write_text(policy.replace(before, after, 1))
    outcome = tool("gate", ".")
    assert outcome.code == 2 and said in sentence(outcome)


def test_a_key_in_the_place_of_its_file_is_refused_and_not_repeated(tool: Tool, project: Path) -> None:
    policy = Path("llm-audit.toml").read_text()
    Path("llm-audit.toml").write_text(policy.replace('"ours.json"', '"98765432109876"'))
    outcome = tool("gate", ".")
    assert (
        outcome.code == 2
        and "line 4: key-file: a key never stands in a policy" in sentence(outcome)
        and "98765432109876" not in outcome.err
    )
