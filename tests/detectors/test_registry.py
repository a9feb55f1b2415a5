"""One file and one entry point make a rule known everywhere: `explain`, lists of findings, policies, `verify`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import llm_audit
from llm_audit.common.errors import AuditError
from llm_audit.detectors import registry
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.policy.model import document_rules, known_codes
from llm_audit.results import Verdict
from tests.cli.tool import Tool
from tests.detectors.installing import installed

RULE = """
from llm_audit.detectors.rule import MembershipTest
from llm_audit.results import Result, decide

def derive(measured, terms):
    return Result(
        rule=rule.code, name=rule.title, subject="collection", null=rule.null, verdict=decide(0.01, 0.01, terms.alpha),
        reason="It is so.", p_value=0.01, p_floor=0.01, n=measured.n, method=rule.method,
    )

rule = MembershipTest(
    code="AUD365", name="dummy", title="A dummy", question="Is this a dummy?", null="It is none.", method="None.",
    condition="it is one", derive=derive,
)
"""


@pytest.fixture
def tool(capfd: pytest.CaptureFixture[str]) -> Tool:
    return Tool(capfd)


@pytest.fixture
def dummy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    installed(tmp_path, "dummy", RULE, {"dummy": "rule"}, module="dummy_rule", group="llm_audit.rules.membership")
    monkeypatch.syspath_prepend(tmp_path)
    registry._loaded.cache_clear()
    yield
    registry._loaded.cache_clear()


@pytest.mark.usefixtures("dummy")
def test_one_file_and_one_entry_point_make_a_rule_known_everywhere(tool: Tool) -> None:
    assert "AUD365  dummy" in tool("explain").out
    assert "Is this a dummy?" in tool("explain", "AUD365").out
    assert registry.described("AUD365").title == "A dummy"  # what SARIF, JUnit and others list
    rule = registry.find_rule("AUD365")
    assert rule is not None
    result = rule.derive(Measurement(None, n=3), Terms(0.05))  # what `verify` calls
    assert result.verdict is Verdict.FINDING
    assert rule.derive(Measurement.of(result), Terms(0.05)) == result


def test_without_it_nothing_knows_the_rule(tool: Tool) -> None:
    assert registry.find_rule("AUD365") is None
    outcome = tool("explain", "AUD31O")
    assert outcome.code == 2
    assert "There is no rule 'AUD31O'. Did you mean AUD31" in outcome.err


def test_every_rule_says_what_a_reader_must_know() -> None:
    for rule in llm_audit.rules():
        for words in (rule.title, rule.question, rule.null, rule.method):
            assert words.strip(), rule.code
        assert rule.question.endswith("?")
        facts = registry.described(rule.code)
        assert facts.code == rule.code and facts.meaning


def test_a_policy_may_name_every_rule_that_decides_about_a_document() -> None:
    codes = {rule.code for rule in llm_audit.rules()}
    assert set(document_rules()) <= set(known_codes()) <= codes


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(AuditError, match="Did you mean order"):
        llm_audit.explain("oder")
