"""The files of the frameworks: what they must hold, and how a mistake in one is told."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.reports.compliance.framework import FOLDER, FRAMEWORKS, load, parse
from llm_audit.reports.compliance.model import Selector

OURS = (FOLDER / "generic.toml").read_text("utf-8")


def complaint(old: str, new: str, count: int = 1) -> str:
    """The message about a file with one mistake."""
    assert old in OURS
    with pytest.raises(AuditError) as caught:
        parse(OURS.replace(old, new, count), "mine.toml")
    return str(caught.value)


def line_of(text: str, nth: int = 1) -> int:
    return [number for number, line in enumerate(OURS.splitlines(), start=1) if text in line][nth - 1]


def test_three_frameworks_come_along_and_each_says_what_it_is() -> None:
    assert FRAMEWORKS == ("eu-ai-act-50", "generic", "nist-ai-600-1")
    for name in FRAMEWORKS:
        framework, digest = load(name)
        assert framework.name == name and re.fullmatch("[0-9a-f]{64}", digest)
        assert "not proof" in framework.statement and "No legal advice" in framework.notice


def test_every_kind_of_evidence_is_asked_for_somewhere() -> None:
    asked = {selector for name in FRAMEWORKS for requirement in load(name)[0].requirements for selector in requirement.evidence}
    assert asked == set(Selector)


def test_no_text_of_law_is_said_to_be_read_in_its_primary_form() -> None:
    for name in ("eu-ai-act-50", "nist-ai-600-1"):
        framework, _ = load(name)
        entries = (*framework.sources, *framework.dates, *framework.requirements)
        assert {entry.checked for entry in entries} == {"copy", "secondary"}
    code = [requirement for requirement in load("eu-ai-act-50")[0].requirements if requirement.source == "code"]
    assert code and all(requirement.checked == "secondary" for requirement in code)


def test_a_requirement_is_not_better_checked_than_its_source() -> None:
    order = ("primary", "copy", "secondary")
    for name in FRAMEWORKS:
        framework, _ = load(name)
        sources = {source.id: order.index(source.checked) for source in framework.sources}
        for entry in (*framework.dates, *framework.requirements):
            assert order.index(entry.checked) >= sources[entry.source], entry


def test_a_misspelt_key_is_refused_with_its_line_and_the_right_word() -> None:
    message = complaint("limits = [", "limtis = [", 1)
    assert message.startswith(f"mine.toml, line {line_of('limits = [')}: unknown key “limtis” (did you mean “limits”?)")
    assert f"line {line_of('about =')}: unknown key “abuot” (did you mean “about”?)" in complaint("about =", "abuot =")


def test_a_key_of_a_later_requirement_is_found_in_that_requirement() -> None:
    third = OURS.index('id = "tampering"')
    text = OURS[:third] + OURS[third:].replace("needs =", "nedes =", 1)
    with pytest.raises(AuditError, match=f"line {line_of('needs =', 3)}: unknown key “nedes”"):
        parse(text, "mine.toml")


def test_unknown_evidence_is_refused_with_its_line_and_the_right_word() -> None:
    message = complaint('"watermark_test"', '"watermark_tset"')
    assert f"line {line_of('watermark_test')}: unknown evidence “watermark_tset” (did you mean “watermark_test”?)" in message


def test_evidence_on_a_line_of_its_own_is_found_there() -> None:
    message = complaint(
        'evidence = ["signed_provenance", "watermark_test"]', 'evidence = [\n"signed_provenance",\n"watermrak_test",\n]'
    )
    assert f"line {line_of('signed_provenance') + 2}: unknown evidence “watermrak_test”" in message


def test_a_missing_key_is_told_with_the_line_of_its_table() -> None:
    message = complaint('asks = "Signed provenance data, or a watermark with its scheme and key."\n', "")
    assert message == f"mine.toml, line {line_of('[[requirements]]', 2)}: the key “asks” is missing."


def test_a_misspelt_table_and_a_missing_one_are_told() -> None:
    message = complaint("[[requirements]]", "[[requirments]]", 9)
    assert message.startswith(f"mine.toml, line {line_of('[[requirements]]')}: unknown key “requirments” (did you mean")
    assert complaint("statement = ", "# statement = ").startswith("mine.toml, line 1: the key “statement” is missing")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('needs = "any"', 'needs = "some"', "“some” is no value of “needs”; the values are all, any"),
        ('binds = "provider"', 'binds = "providers"', "“providers” is no value of “binds” (did you mean “provider”?)"),
        ('checked = "primary"', 'checked = "copied"', "“copied” is no value of “checked” (did you mean “copy”?)"),
        ('source = "own"', 'source = "onw"', "there is no source “onw” (did you mean “own”?)"),
        ('id = "tampering"', 'id = "marked"', "the id “marked” is taken"),
        ("edition = 2026-11-21", 'edition = "soon"', "“edition”"),
        ('title = "What any', 'title = ""  # "What any', "“title”: this text is empty"),
        ("limits = [", "limits = []\nx = [", "unknown key “x”"),
        ('evidence = ["membership_test"]', "evidence = []", "“evidence”"),
        ("[[sources]]", "[[sources]", "is not valid TOML"),
    ],
)
def test_every_other_mistake_is_told_too(old: str, new: str, told: str) -> None:
    message = complaint(old, new)
    assert message.startswith("mine.toml") and told in message and re.search(r"line \d+", message)


@pytest.mark.parametrize(
    "word", ["Compliant.", "The text complies.", "In conformity with the Act.", "Non-compliance found.", "Konform."]
)
@pytest.mark.parametrize("key", ["found", "not_found", "not_testable"])
def test_a_result_that_is_a_verdict_on_the_law_is_refused(key: str, word: str) -> None:
    (old,) = re.findall(rf'^{key} = ".*"', OURS, re.M)[:1]
    message = complaint(old, f'{key} = "{word}"')
    assert f"line {line_of(old)}: “{key}”: a result may not say" in message


def test_a_framework_of_ones_own_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OURS.replace("Is there evidence that the text was generated?", "Wurde der Text erzeugt?"), "utf-8")
    framework, digest = load(str(path))
    assert framework.requirements[0].title == "Wurde der Text erzeugt?"
    assert digest != load("generic")[1]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("eu-ai-act-51", "There is no framework “eu-ai-act-51” (did you mean “eu-ai-act-50”?)"),
        ("nowhere/mine.toml", "Cannot read the framework nowhere/mine.toml: no such file or directory."),
        ("", "There is no framework “”"),
    ],
)
def test_a_framework_that_is_not_there_is_told(name: str, told: str) -> None:
    with pytest.raises(AuditError) as caught:
        load(name)
    assert told in str(caught.value)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes('title = "Prüfung"'.encode("latin-1"))
    with pytest.raises(AuditError, match="is not UTF-8 text"):
        load(str(path))


def test_the_files_are_readable_by_people() -> None:
    for name in FRAMEWORKS:
        text = (FOLDER / f"{name}.toml").read_text("utf-8")
        assert text.startswith("# ") and tomllib.loads(text)
