"""Strings that try to act on a page or a terminal, and a report that has one of them in every field that takes text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llm_audit.results import Report
from tests.reports import factory

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><img src=x onerror=alert(1)>",
    "<img src=//evil.example/x.png>",
    "<svg onload=alert(1)>",
    "<svg><script href=data:,alert(1)></svg>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    "</svg></title></desc><script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "` onclick=`alert(1)",
    " onload=alert(1) ",
    "javascript:alert(1)",
    "JaVaScRiPt&colon;alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "https://evil.example/",
    "//evil.example/x.js",
    "<a href='https://evil.example/'>click</a>",
    '<link rel=stylesheet href="//evil.example/x.css">',
    '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
    '<base href="https://evil.example/">',
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<form action=//evil.example/><input name=q></form>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<!-- ",
    "--><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><x/>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "{{ 7 * 7 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{# gone #}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "evil\u202etxt.exe",
    "\u2066\u2069\u200e\u200f\u061c",
    "nul\x00nul",
    "line\u2028separator\u2029end",
    "\x1b[2J\x1b[1;1Howned",
    "\x1b]52;c;ZWNobyBvd25lZA==\x07",
    "\x1b]8;;https://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "\x9b31m\x90q\x9c",
    "\x7f\x08\x08\x08\x0d forged",
    "two\nlines\r\nand more",
    "[bold red]markup[/] [link=https://evil.example]x[/link] :warning:",
    "lone \ud800 surrogates, \udcff as in the name of a file",
    "\ufffe\uffff\ufdd0",
    "\u0301\u0301\u0301 zalgo",
)

CLOSED = {"rule", "subject", "verdict", "role", "schema_version", "side", "outcome", "served"}
"""Fields with a closed set of values: no text gets in, and `test_closed_fields_take_no_text` holds the models to that.

The unit of a claim is one too; but the unit of a statistic is not."""

NAMED = {"packages", "scores", "variants"}
"""Fields whose keys are text."""


def is_closed(field: str, model: dict[str, Any]) -> bool:
    """Whether a field of this model, as a dictionary, has a closed set of values. The rule of a gate is a sentence."""
    if "outcome" in model and field == "rule":
        return False
    return field in CLOSED or (field == "unit" and "claim" in model)


def everywhere(payload: str, made: Callable[[], Report] = factory.report) -> Report:
    """A report of all kinds of documents with the payload in each text field, and in the names of packages."""
    report = made().model_dump()
    result: Report = Report.model_validate(_planted(report, payload))
    return result


def _planted(value: Any, payload: str, key: str = "") -> Any:
    if isinstance(value, dict):
        if key in NAMED:
            return {payload: payload if key == "packages" else 0.5}
        return {name: inner if is_closed(name, value) else _planted(inner, payload, name) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_planted(inner, payload, key) for inner in value]
    if not isinstance(value, str):
        return value
    # The same length as before, so that the passages still lie within the text.
    return payload.ljust(len(value), "x") if key == "text" else payload
