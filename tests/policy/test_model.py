"""What a policy says of one document: rules that count, overrides, and the digest of it all."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from pydantic import ValidationError

from llm_audit.detectors.integrity.base import find_rules
from llm_audit.policy import Override, Policy, Rules, Watermark
from llm_audit.policy.model import document_rules

DOCUMENT_RULES = document_rules()


def counting(policy: Policy, path: str = "a.md") -> list[str]:
    return [code for code in DOCUMENT_RULES if policy.for_path(path).counts(code)]


def test_the_rules_are_those_that_decide_about_documents() -> None:
    assert DOCUMENT_RULES == ("AUD100", *(rule.code for rule in find_rules())) == (
        "AUD100", "AUD901", "AUD902", "AUD903", "AUD904", "AUD905",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("select", "ignore", "count"),
    [
        (DOCUMENT_RULES, (), ["AUD100", "AUD901", "AUD902", "AUD903", "AUD904", "AUD905"]),
        (("AUD",), (), ["AUD100", "AUD901", "AUD902", "AUD903", "AUD904", "AUD905"]),
        (("AUD9",), (), ["AUD901", "AUD902", "AUD903", "AUD904", "AUD905"]),
        (("AUD1",), (), ["AUD100"]),
        (("AUD902", "AUD1"), (), ["AUD100", "AUD902"]),
        (DOCUMENT_RULES, ("AUD9",), ["AUD100"]),
        (("AUD9",), ("AUD902",), ["AUD901", "AUD903", "AUD904", "AUD905"]),
        (("AUD902",), ("AUD9",), []),
        ((), (), []),
    ],
)
def test_what_is_selected_and_not_ignored_counts(select: tuple[str, ...], ignore: tuple[str, ...], count: list[str]) -> None:
    assert counting(Policy(select=select, ignore=ignore)) == count


def test_a_rule_of_a_plugin_counts_by_its_beginning() -> None:
    rules = Policy(select=("AUD9",)).for_path("a.md")
    assert rules.counts("AUD950")
    assert not Policy().for_path("a.md").counts("AUD950")


def test_the_last_override_that_fits_decides_setting_by_setting() -> None:
    policy = Policy(
        ignore=("AUD903",),
        overrides=(
            Override(paths=("docs/",), select=("AUD9",), minimum_tokens=100),
            Override(paths=("*.md",), minimum_tokens=200, fail_on=()),
            Override(paths=("docs/old/",), minimum_tokens=300, ignore=()),
        ),
    )
    assert policy.for_path("src/a.txt") == Rules(DOCUMENT_RULES, ("AUD903",), None, ("finding", "error"))
    assert policy.for_path("docs/a.txt") == Rules(("AUD9",), ("AUD903",), 100, ("finding", "error"))
    assert policy.for_path("docs/a.md") == Rules(("AUD9",), ("AUD903",), 200, ())
    assert policy.for_path("docs/old/a.md") == Rules(("AUD9",), (), 300, ())
    assert policy.for_path("a.md") == Rules(DOCUMENT_RULES, ("AUD903",), 200, ())
    assert policy.for_path(None) == policy.for_path("src/a.txt")


def test_an_override_can_empty_a_setting() -> None:
    policy = Policy(overrides=(Override(paths=("quotes/",), select=()),))
    assert counting(policy, "quotes/a.md") == []
    assert counting(policy) == list(DOCUMENT_RULES)


def test_a_path_is_covered_if_included_and_not_excluded() -> None:
    policy = Policy(include=("*.md", "!CHANGELOG.md"), exclude=("/vendor/", "draft-*"))
    covered = ["a.md", "docs/b.md", "docs/vendor/b.md"]
    left_out = ["a.txt", "CHANGELOG.md", "docs/CHANGELOG.md", "vendor/a.md", "vendor/deep/a.md", "draft-1.md", "draft-2/a.md"]
    assert [path for path in covered + left_out if policy.covers(path)] == covered


def test_outside_of_the_folder_no_pattern_fits() -> None:
    assert Policy(exclude=("*",)).covers(None)
    assert not Policy(include=("*",)).covers(None)


def test_nothing_can_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError):
        Policy().alpha = 0.5  # type: ignore[misc]  # under test


def test_the_digest_follows_from_the_settings_alone() -> None:
    assert Policy().digest() == Policy(alpha=0.01, detectors=()).digest()
    content = json.dumps(json.loads(Policy().model_dump_json(by_alias=True)), sort_keys=True, separators=(",", ":"))
    assert Policy().digest() == hashlib.sha256(content.encode()).hexdigest()


def test_every_setting_changes_the_digest() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"alpha": 0.02},
        {"population": "own"},
        {"model": "m"},
        {"classifier": "c"},
        {"text_field": "body"},
        {"minimum_tokens": 64},
        {"detectors": ("lrr",)},
        {"score_also": ("references",)},
        {"select": ()},
        {"ignore": ("AUD9",)},
        {"fail_on": ()},
        {"inline_suppressions": False},
        {"include": ("a",)},
        {"exclude": ("a",)},
        {"overrides": (Override(paths=("a",)),)},
        {"overrides": (Override(paths=("a",), select=()),)},
        {"overrides": (Override(paths=("a",), ignore=()),)},
        {"overrides": (Override(paths=("a",), fail_on=()),)},
        {"overrides": (Override(paths=("a",), minimum_tokens=64),)},
        {"overrides": (Override(paths=("a",)), Override(paths=("b",)))},
        {"overrides": (Override(paths=("b",)), Override(paths=("a",)))},
        {"watermarks": (Watermark(paths=("a",), key_file="k.json", must="carry"),)},
        {"watermarks": (Watermark(paths=("a",), key_file="k.json", must="not-carry"),)},
        {"watermarks": (Watermark(paths=("a",), key_file="l.json", must="carry"),)},
        {"watermarks": (Watermark(paths=("a",), key_file="k.json", must="carry", tokenizer="t"),)},
    ]
    assert {name for change in changes for name in change} == Policy.model_fields.keys()
    assert len({Policy(**change).digest() for change in changes}) == len(changes)
