"""`llm-audit explain`: every rule, by code and by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llm_audit.detectors import registry
from tests.cli.test_plugins import beside
from tests.cli.tool import COMMAND, Tool, run_command, sentence, spawn
from tests.detectors.installing import installed


def flat(text: str) -> str:
    return " ".join(text.split())


def test_alone_it_lists_every_rule_once_by_code(tool: Tool) -> None:
    outcome = tool("explain")
    assert (outcome.code, outcome.err) == (0, "")
    head, *rows = outcome.out.splitlines()
    assert head.split() == ["code", "name", "family", "question"]
    assert [tuple(row.split()[:3]) for row in rows] == [(rule.code, rule.name, rule.family) for rule in registry.every_rule()]
    assert [row.split()[0] for row in rows] == sorted(row.split()[0] for row in rows)
    assert not any(row != row.rstrip() for row in rows)


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.name) for rule in registry.every_rule()])
def test_a_rule_is_explained_under_its_name_with_all_that_it_says_of_itself(tool: Tool, rule: registry.AnyRule) -> None:
    outcome = tool("explain", rule.name)
    assert (outcome.code, outcome.err) == (0, "")
    said = flat(outcome.out)
    assert said.startswith(
        f"{rule.code} {rule.title} Name {rule.name} Family {rule.family} Question {flat(rule.question)} Null "
    )
    for each in (rule.null, *rule.assumptions, rule.method):
        assert flat(each) in said
    assert max(map(len, outcome.out.splitlines())) <= 100


def test_a_code_means_the_same_in_small_letters(tool: Tool) -> None:
    assert tool("explain", "aud310").out == tool("explain", "AUD310").out == tool("explain", "order").out


def test_a_code_of_several_scores_explains_each(tool: Tool) -> None:
    said = tool("explain", "AUD303").out
    assert re.findall(r"^Name +(\S+)$", said, re.M) == ["loss", "lowercase", "recall", "reference-ratio", "surp", "zlib"]
    assert tool("explain", "zlib").out.count("Name ") == 1


@pytest.mark.parametrize(
    ("word", "near"), [("AUD311x", "Did you mean AUD311?"), ("curvatur", "Did you mean curvature?"), ("\x1b[2J", "")]
)
def test_what_is_no_rule_gets_one_sentence(tool: Tool, word: str, near: str) -> None:
    outcome = tool("explain", word)
    assert (outcome.code, outcome.out) == (2, "")
    assert near in sentence(outcome) and "`llm-audit explain` lists all." in sentence(outcome)
    assert "\x1b" not in outcome.err


def test_the_rule_of_a_plugin_says_whose_it_is(tmp_path: Path) -> None:
    site = installed(tmp_path, "fine", "one = detector('one', 'AUD150')", {"one": "one"}, module="explained_module")
    outcome = spawn("explain", "one", env=beside(site))
    assert (outcome.code, outcome.err) == (0, "")
    assert flat(outcome.out).endswith("Plugin fine 1.0")


def test_it_needs_no_torch() -> None:
    code = f"import sys, atexit; atexit.register(lambda: print('LOADED', *sorted(sys.modules))); {COMMAND[2]}"
    loaded = run_command([*COMMAND[:2], code, "explain"]).out.split("LOADED")[1].split()
    assert "llm_audit.detectors.membership.order" in loaded
    assert not {"torch", "transformers", "matplotlib"}.intersection(loaded)
