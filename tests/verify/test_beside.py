"""What has to stand beside a test of a model or of an endpoint: a report that loses it is refused, with the field named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_audit.results.canonical import content_digest
from llm_audit.verification import verify
from llm_audit.verification.ledger import Ledger
from llm_audit.verification.substitution import substitution
from tests.detectors.substitution.test_conclude import ALPHA, audited
from tests.verify.conftest import Made

Change = Callable[[dict[str, Any]], object]


def named(content: dict[str, Any]) -> set[str]:
    """Fields that a verification names, once the digest fits."""
    ledger, _ = verify(json.dumps(content | {"content_digest": content_digest(content)}).encode(), Path())
    assert ledger.unchecked == []
    return {mismatch.path for mismatch in ledger.mismatches}


def collection(content: dict[str, Any]) -> dict[str, Any]:
    (subject,) = content["subjects"]
    found: dict[str, Any] = subject
    return found


def uncontrolled(content: dict[str, Any]) -> None:
    """As if no other model had been asked, wherever a report says so but in the manifest."""
    subject = collection(content)
    del subject["tests"][1]
    del subject["tests"][1]["evidence"]["controlled"]
    del subject["conditions"]["control"]


LOST: dict[str, tuple[Change, str]] = {
    "what the texts alone say": (lambda content: collection(content)["tests"].pop(0), "subjects[0].tests"),
    "what the control model says": (lambda content: collection(content)["tests"].pop(1), "subjects[0].tests"),
    "that there was a control model": (
        lambda content: collection(content)["tests"][2]["evidence"].pop("controlled"),
        "subjects[0].conditions.control",
    ),
    "which control model it was": (
        lambda content: collection(content)["conditions"].pop("control"),
        "subjects[0].conditions.control",
    ),
    "the model in the manifest": (lambda content: content["manifest"].update(further_models=[]), "manifest.further_models"),
    "all of it but the manifest": (uncontrolled, "manifest.further_models"),
}


@pytest.mark.parametrize("name", [pytest.param("paired-controlled", marks=pytest.mark.slow), "order-controlled"])
def test_a_test_with_a_control_model_holds_and_loses_nothing_of_it(made: Made, name: str) -> None:
    with made.here():
        assert named(json.loads(made.text(name))) == set()
        for change, field in LOST.values():
            content = json.loads(made.text(name))
            change(content)
            assert field in named(content)


@pytest.mark.parametrize("name", [pytest.param("paired", marks=pytest.mark.slow), "order"])
def test_no_control_model_is_invented(made: Made, name: str) -> None:
    with made.here():
        content = json.loads(made.text(name))
        other = content["manifest"]["model"]
        collection(content)["conditions"]["control"] = [other["name"], other["digest"]]
        content["manifest"]["further_models"] = [other]
        assert {"subjects[0].conditions.control", "manifest.further_models"} <= named(content)


def test_a_second_test_of_the_model_is_refused(made: Made) -> None:
    with made.here():
        content = json.loads(made.text("paired"))
        tests = collection(content)["tests"]
        tests.append(tests[-1])
        assert "subjects[0].tests" in named(content)


@pytest.mark.parametrize("name", ["paired", "identifier", "canary"])
def test_who_says_that_a_report_is_early_hides_nothing(made: Made, name: str) -> None:
    with made.here():
        content = json.loads(made.text(name))
        subject = collection(content)
        for field, value in (
            ("claim", "Was it?"),
            ("facts", subject["facts"][:1]),
            ("n_suspect", 7),
            ("notes", subject["notes"]),
        ):
            changed = json.loads(made.text(name))
            early = collection(changed)
            del early["conditions"]
            early |= {"early": True, field: value}
            assert "subjects[0].early" in named(changed)
            changed["manifest"]["version"] = "0.1.0"  # now all follows from the facts, as of a report that is early
            early.pop("unstated", None)
            assert any(path.startswith(f"subjects[0].{field}") for path in named(changed)) == (field != "notes"), field


@pytest.mark.parametrize(("dropped", "beside"), [("AUD401", "AUD402"), ("AUD404", "AUD403")])
def test_no_test_of_an_endpoint_stands_without_the_one_that_it_needs(dropped: str, beside: str) -> None:
    subject = audited(9.0)
    manifest: Any = type("Manifest", (), {"alpha": ALPHA, "seeds": (), "model": None})()
    ledger = Ledger()
    substitution("subjects[0]", subject, manifest, ledger)
    assert not any(mismatch.path == "subjects[0].tests" for mismatch in ledger.mismatches)
    assert beside in {test.rule for test in subject.tests}
    left = tuple(test for test in subject.tests if test.rule != dropped)
    substitution("subjects[0]", subject.model_copy(update={"tests": left}), manifest, ledger)
    (found,) = (mismatch for mismatch in ledger.mismatches if mismatch.path == "subjects[0].tests")
    assert found.reason == f"lack {dropped}, without which there is no {beside}"
    ledger = Ledger()
    substitution("subjects[0]", subject.model_copy(update={"tests": (*subject.tests, subject.tests[0])}), manifest, ledger)
    assert ("subjects[0].tests", "hold two of one rule") in {(one.path, one.reason) for one in ledger.mismatches}
