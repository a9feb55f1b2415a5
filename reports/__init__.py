"""Reports: results as a page, as JSON and on the terminal. Nothing here judges, and nothing here knows a detector."""

from llm_audit.reports.html import render as render_html
from llm_audit.reports.json import render as render_json
from llm_audit.reports.json import schema as json_schema
from llm_audit.reports.terminal import print_report
from llm_audit.reports.write import renderer_for, write_report

__all__ = ["json_schema", "print_report", "render_html", "render_json", "renderer_for", "write_report"]
