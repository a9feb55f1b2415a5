"""Errors for users: every one that our own code raises has one of three kinds."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from llm_audit.common.errors import AuditError, InvalidConfiguration, InvalidInput, NotAvailable
from llm_audit.text import Malformed, Unreadable

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for folder in ("audit", "reports") for path in (ROOT / folder).rglob("*.py"))


def test_there_are_three_kinds_and_texts_are_inputs() -> None:
    assert set(AuditError.__subclasses__()) == {InvalidConfiguration, InvalidInput, NotAvailable}
    assert issubclass(Unreadable, InvalidInput) and issubclass(Malformed, InvalidInput)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_raises_an_error_of_no_kind(path: Path) -> None:
    raised = [node.exc for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Raise)]
    plain = [call.lineno for call in raised if isinstance(call, ast.Call) and ast.unparse(call.func) == "AuditError"]
    assert plain == [], f"{path.relative_to(ROOT)} raises AuditError itself in lines {plain}: choose one of its children"
