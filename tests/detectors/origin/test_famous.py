"""Famous texts under the embedded model: none is a finding, and those that would be are known by heart."""

from __future__ import annotations

import json
from pathlib import Path

import llm_audit
from llm_audit.results import Verdict

FAMOUS = json.loads((Path(__file__).parents[3] / "fixtures" / "texts" / "famous.json").read_text())
RECITED = {"genesis-1", "constitution", "mit-licence", "declaration", "two-cities", "lords-prayer"}


def test_no_famous_text_is_a_finding() -> None:
    report = llm_audit.detect(
        [llm_audit.Text(text, name=name) for name, text in FAMOUS.items()], setup=llm_audit.Setup(offline=True, cache=False)
    )
    found = {document.name: document for document in report.documents}
    assert {name for name in found if found[name].verdict is Verdict.FINDING} == set()
    assert {name for name in found if found[name].why_unjudged == "known_by_heart"} == RECITED
    assert all("by heart" in found[name].summary for name in RECITED)
