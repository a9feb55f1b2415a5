"""Tampered and marked texts on the command line: found, shown, scored as given and normalised, and never printed raw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c2pa_text import embed_manifest
from jsonschema import Draft202012Validator

from tests.cli.tool import HUMAN, Tool
from tests.detectors.integrity.attacks import hide, swap
from tests.detectors.integrity.test_look_alikes import RUSSIAN
from tests.text.test_marks import MANIFEST

ESSAY = Path(HUMAN).read_text()
CONTROLS = "\u200b\u202e\u2066\u2069\ufeff\U000e0041"
UNSEEN = CONTROLS + "\ufe0f\U000e0133"
TAMPERED = {
    "AUD901": lambda text: swap(text, 0.05, np.random.default_rng(0)),
    "AUD902": lambda text: hide(text, 0.05, np.random.default_rng(0)),
    "AUD903": lambda text: text.replace("the", "\u202eeht\u202c", 1),
}


def document(tool: Tool, path: Path, *options: str, code: int) -> dict[str, Any]:
    outcome = tool("detect", path, *options, "--format", "json", "--alpha", "0.02")
    assert outcome.code == code, outcome.err
    assert not set(UNSEEN) & set(outcome.out)
    (found,) = json.loads(outcome.out)["subjects"]
    return dict(found)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def by_rule(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {result["rule"]: result for result in found["results"]}


@pytest.mark.parametrize("rule", ["AUD901", "AUD902"])
def test_t13_a_tampered_text_is_found_and_scored_as_given_and_normalised(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, rule: str
) -> None:
    clean = document(tool, written(tmp_path / "clean.txt", ESSAY), *tiny, code=0)
    found = document(tool, written(tmp_path / "a.txt", TAMPERED[rule](ESSAY)), *tiny, code=1)
    assert found["combined"]["p_value"] == clean["combined"]["p_value"]
    assert found["verdict"] == clean["verdict"]
    results = by_rule(found)
    assert results[rule]["verdict"] == "finding"
    assert f"({rule})" in found["summary"] and "nothing about who wrote it" in found["summary"]
    assert results["AUD190"]["p_value"] is not None
    assert "no verdict rests on it" in results["AUD190"]["reason"]
    assert results["AUD190"]["n"] > found["combined"]["n"]
    assert "AUD190" not in by_rule(clean)
    assert {code: result["verdict"] for code, result in by_rule(clean).items() if code > "AUD9"} == {
        "AUD901": "pass", "AUD902": "pass", "AUD903": "pass", "AUD904": "pass", "AUD905": "pass"
    }  # fmt: skip


def test_each_thing_is_said_once_of_a_tampered_text(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", "\u200b".join(ESSAY[:600]) + ESSAY[600:])
    found = document(tool, path, *tiny, code=1)
    assert found["summary"].startswith(found["combined"]["reason"])
    page = tmp_path / "report.html"
    out = " ".join(tool("detect", path, *tiny, "--alpha", "0.02", "-o", page).out.split())
    for sentence in (found["combined"]["reason"], "Characters of this text are not what they seem"):
        assert out.count(sentence[:60]) == 1
        assert page.read_text().count(f"<p>{sentence[:60]}") + page.read_text().count(f'summary">{sentence[:60]}') <= 1
    share = 1000 * 599 / (len(ESSAY) + 599)
    assert f"({share:.0f} per 1,000)" in by_rule(found)["AUD902"]["reason"]


def test_t11_t12_controls_are_shown_and_never_printed(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    text = TAMPERED["AUD902"](TAMPERED["AUD903"](ESSAY)) + "\U000e0041\ufe0f \u2066x\u2069\n"
    page = tmp_path / "report.html"
    outcome = tool("detect", written(tmp_path / "a.txt", text), *tiny, "-o", page)
    assert outcome.code == 1
    assert not set(CONTROLS) & set(outcome.out)
    said = " ".join(outcome.out.split())
    for told in ("AUD902 Invisible", "U+200B ZERO WIDTH SPACE", "AUD903 Direction", "U+202E RIGHT-TO-LEFT OVERRIDE"):
        assert told in said
    assert not set(CONTROLS) & set(page.read_text())
    assert "AUD902" in page.read_text()


def test_the_selection_of_detectors_leaves_integrity_on(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    found = document(tool, written(tmp_path / "a.txt", TAMPERED["AUD903"](ESSAY)), *tiny, "--detector", "lrr", code=1)
    assert list(by_rule(found)) == ["AUD104", "AUD190", "AUD901", "AUD902", "AUD903", "AUD904", "AUD905"]


def test_a_text_that_is_not_judged_can_still_be_tampered_with(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    found = document(tool, written(tmp_path / "a.txt", f"{RUSSIAN * 5}\u202eтекст\u202c"), *tiny, code=1)
    assert found["verdict"] == "not_assessable"
    assert found["summary"].startswith("Not assessable.") and "(AUD903)" in found["summary"]


def test_t14_a_mark_is_kept_reported_and_not_scored(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    clean = document(tool, written(tmp_path / "clean.txt", ESSAY), *tiny, code=0)
    found = document(tool, written(tmp_path / "a.txt", embed_manifest(ESSAY, MANIFEST)), *tiny, code=0)
    (mark,) = found["marks"]
    assert (mark["kind"], mark["start"], mark["manifest_bytes"]) == ("c2pa_selectors", len(ESSAY), len(MANIFEST))
    assert mark["signature"] == "invalid" and "anybody can write one" in mark["reason"]
    assert mark["reason"] in found["notes"]
    assert found["combined"] == clean["combined"]
    assert "AUD190" not in by_rule(found)
    assert found["sha256"] != clean["sha256"]


def test_the_report_obeys_the_schema(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    schema = json.loads(tool("schema").out)
    path = written(tmp_path / "a.txt", embed_manifest(TAMPERED["AUD901"](ESSAY), MANIFEST))
    Draft202012Validator(schema).validate(json.loads(tool("detect", path, *tiny, "--format", "json").out))


def test_attribute_tells_of_odd_characters_and_of_marks(
    tool: Tool, tiny: tuple[str, ...], tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_audit.scoring.pins.DEFAULT_MODEL", str(tiny_llama))
    (tmp_path / "none").write_text("")
    path = written(tmp_path / "a.txt", embed_manifest(TAMPERED["AUD901"](ESSAY), MANIFEST))
    asked = ("--candidate", tiny_llama, "--prompt", tmp_path / "none", "--population", "own")
    outcome = tool("attribute", path, *asked, "--format", "json")
    assert outcome.code == 1, outcome.err
    (found,) = json.loads(outcome.out)["subjects"]
    assert list(by_rule(found)) == ["AUD190", "AUD901", "AUD902", "AUD903", "AUD904", "AUD905"]
    assert "(AUD901)" in found["summary"]
    assert [mark["kind"] for mark in found["marks"]] == ["c2pa_selectors"]
    assert found["text"] == TAMPERED["AUD901"](ESSAY).rstrip("\n")
    said = " ".join(tool("attribute", path, *asked).out.split())
    assert "AUD190 Text as given" in said and "AUD901 Look-alike letters" in said and "C2PA provenance mark" in said
