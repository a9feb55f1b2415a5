"""Reports: results in every format, and on the terminal. Nothing here judges, and nothing here knows a detector.

Names are imported when they are first used: the help of a command needs the names of the formats, but no renderer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_audit.reports.formats import renderer_for
    from llm_audit.reports.formats.html import render as render_html
    from llm_audit.reports.formats.json import render as render_json
    from llm_audit.reports.formats.json import schema as json_schema
    from llm_audit.reports.terminal.report import print_report
    from llm_audit.reports.write import write_report

__all__ = ["json_schema", "print_report", "render_html", "render_json", "renderer_for", "write_report"]

_HOMES = {
    "json_schema": ("formats.json", "schema"),
    "print_report": ("terminal.report", "print_report"),
    "render_html": ("formats.html", "render"),
    "render_json": ("formats.json", "render"),
    "renderer_for": ("formats", "renderer_for"),
    "write_report": ("write", "write_report"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = _HOMES[name]
    return getattr(import_module(f"{__name__}.{module}"), function)
