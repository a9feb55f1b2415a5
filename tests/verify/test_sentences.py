"""Sentences of a stored report that were changed are noticed, also with a new digest, and nothing is filed then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_audit.api.compliance import file_compliance
from llm_audit.api.stored import read_report, verify
from llm_audit.common.errors import InvalidInput
from llm_audit.reports.wording import limits as wording
from llm_audit.results.canonical import content_digest
from tests.verify.conftest import Made

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
CLAIM = "This proves fraud beyond doubt."


def changed(change: Callable[[dict[str, Any]], object], name: str = "finding") -> bytes:
    """A golden report after a change, its digest computed anew."""
    content = json.loads((GOLDEN / f"{name}.json").read_text())
    change(content)
    return json.dumps(content | {"content_digest": content_digest(content)}).encode()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda report: report["limits"].clear(), "limits"),
        (lambda report: report["limits"].pop(), "limits"),
        (lambda report: report["limits"].append(CLAIM), "limits"),
        (lambda report: report["limits"].reverse(), "limits[0]"),
        (lambda report: report.update(limits=[CLAIM]), "limits"),
        (lambda report: report.update(question="Is this fraud?"), "question"),
        (
            lambda report: report["subjects"][0].update(summary=f"{report['subjects'][0]['summary']} {CLAIM}"),
            "subjects[0].summary",
        ),
        (lambda report: report["subjects"][0]["tests"][1].update(reason=CLAIM), "subjects[0].tests[1].reason"),
        (lambda report: report["subjects"][0]["tests"][1].update(p_value=0.5), "subjects[0].tests[1].p_value"),
    ],
)
def test_a_changed_sentence_is_named_and_nothing_is_filed(change: Callable[[dict[str, Any]], object], named: str) -> None:
    data = changed(change)
    assert named in {mismatch.path for mismatch in verify(data).mismatches}
    with pytest.raises(InvalidInput, match="does not hold, so it is not filed"):
        file_compliance(data, "generic")


def test_a_report_that_holds_is_filed() -> None:
    filed = file_compliance(GOLDEN / "finding.json", "generic")
    assert filed.limits == read_report(GOLDEN / "finding.json").limits != ()


def test_a_sentence_of_an_earlier_version_counts_as_the_one_that_replaced_it(made: Made) -> None:
    before = {now: earlier for earlier, now in wording.EARLIER.items()}
    for path in (GOLDEN / "finding.json", made["detect"]):
        content = json.loads(path.read_text())
        stated = [before.get(limit, limit) for limit in content["limits"]]
        assert stated != content["limits"]
        content["limits"] = stated
        found = verify(json.dumps(content | {"content_digest": content_digest(content)}).encode())
        assert not {mismatch.path for mismatch in found.mismatches if mismatch.path.startswith("limits")}


def test_every_question_of_ours_has_limits() -> None:
    questions = {value for value in vars(wording).values() if isinstance(value, str) and value.endswith("?")}
    assert questions == wording.LIMITS.keys() and wording.ORIGIN in questions
