"""The end of a run: its manifest is completed and, with --sign, its reports are signed. Options come from click's context."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llm_audit.cli import STARTED
from llm_audit.terminal import terminal_safe

if TYPE_CHECKING:
    from llm_audit.results import Report

KEY = "llm_audit.signing_key"
NO_INPUTS = frozenset({"outputs", "key_env", "key_file"})
"""Options that name what is written, or a secret."""


def keep_key(context: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    """Load the key for signing at once: a key that cannot sign must not cost a run."""
    if value is not None:
        from llm_audit.signing import load_key

        context.meta[KEY] = load_key(value)
        if value.stat().st_mode & 0o077:
            click.echo(f"Warning: others can read the key {terminal_safe(str(value))}; run chmod 600 on it.", err=True)


def finished(report: Report) -> Report:
    """The report with a complete manifest."""
    from llm_audit.cli.policy import digest_in_force
    from llm_audit.endpoints.key import read_key
    from llm_audit.manifest import complete, now

    context = click.get_current_context()
    named = context.params
    key = read_key(env=named.get("key_env"), file=named.get("key_file"))
    inputs = {path for name, value in named.items() if name not in NO_INPUTS for path in _files(value)}
    judged = {document.name for document in report.documents}
    return complete(
        report,
        started=now() if "SOURCE_DATE_EPOCH" in os.environ else context.meta[STARTED],
        inputs=[path for path in inputs if str(path) not in judged],
        keys=(key,) if key else (),
        policy=digest_in_force(),
    )


def check_signing(outputs: Sequence[str]) -> None:
    """A key with nothing to sign was a mistake. Raises a usage error."""
    if KEY in click.get_current_context().meta and not any(output.lower().endswith(".json") for output in outputs):
        raise click.UsageError("--sign signs JSON reports, and none is written: add -o FILE.json.")


def sign_report(report: Report, output: str) -> None:
    """Write OUTPUT.dsse if a key was given and the output is JSON. Raises AuditError."""
    key = click.get_current_context().meta.get(KEY)
    if key is None or Path(output).suffix.lower() != ".json":
        return
    from llm_audit.reports.write import write
    from llm_audit.signing import envelope

    write(f"{output}.dsse", envelope(key, report, Path(output).name, Path(output).read_bytes()))


def _files(value: Any) -> Iterator[Path]:
    """The files that the value of an option names."""
    if isinstance(value, tuple):
        for each in value:
            yield from _files(each)
    elif isinstance(value, (str, os.PathLike)) and os.fspath(value):
        path = Path(value)
        try:
            if path.is_file():
                yield path
        except (OSError, ValueError):  # no possible name of a file
            return
