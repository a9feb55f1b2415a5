"""The rules, by code and by name: what `llm_audit.explain` and `llm_audit.rules` return."""

from __future__ import annotations

import textwrap

from llm_audit.api.arguments import checked
from llm_audit.common.terminal import one_line
from llm_audit.detectors import registry
from llm_audit.detectors.plugins import AnyRule

__all__ = ["AnyRule", "explain", "explanation", "in_words", "rules"]

WIDTH, INDENT = 100, 17
"""Widths, in characters: of a line, and of the column of headings at its left."""

explain = checked(registry.explain)


def rules() -> list[AnyRule]:
    """All rules that are installed, sorted by code: code, name, title, question, null hypothesis, assumptions, method.

    >>> [rule.name for rule in llm_audit.rules() if rule.family == "integrity"]
    ['look-alikes', 'invisible', 'direction', 'hidden', 'chatbot']
    """
    return list(registry.every_rule())


def in_words(rule: AnyRule) -> list[tuple[str, tuple[str, ...]]]:
    """The description of a rule as (heading, sentences), as `explain` and the rule's documentation page show it."""
    parts = (
        ("Name", (rule.name,)),
        ("Family", (rule.family,)),
        ("Question", (rule.question,)),
        ("Null hypothesis", (rule.null,)),
        ("Assumptions", rule.assumptions or ("None beyond the null hypothesis.",)),
        ("Method", (rule.method,)),
        ("Plugin", (rule.plugin.package,) if rule.plugin else ()),
        ("Page", () if rule.plugin else (rule.page or f"rules/{rule.code}.html of the documentation",)),
    )
    return [(name, tuple(map(one_line, sentences))) for name, sentences in parts if sentences]


def explanation(rule: AnyRule) -> str:
    """The description of a rule as wrapped text: its title, then the headings of `in_words`."""
    lines = [f"{rule.code}  {one_line(rule.title)}"]
    for name, sentences in in_words(rule):
        for number, sentence in enumerate(sentences):
            lines += textwrap.wrap(
                sentence,
                WIDTH,
                initial_indent=f"{name if number == 0 else '':<{INDENT}}",
                subsequent_indent=" " * INDENT,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)
