"""`llm-audit schema`: print the JSON Schema of the report. Knows nothing of its content."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of the report."""
    from llm_audit.reports.formats.json import schema as json_schema

    click.echo(json_schema(), nl=False)
