"""Options and services that the substitution commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from llm_audit.cli.options import Command
from llm_audit.errors import AuditError

if TYPE_CHECKING:
    from llm_audit.endpoints.client import Endpoint
    from llm_audit.endpoints.journal import Replay

ALPHA = click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01, show_default=True,
                     help="Report a finding when the p-value is at most this, over all tests.")  # fmt: skip

TOKENS = click.option("--tokens", type=click.IntRange(1), default=8, show_default=True, help="Of each answer.")


def prompts_option(*, required: bool) -> Callable[[Command], Command]:
    """The option that names the file of prompts."""
    return click.option("--prompts", type=click.Path(path_type=Path), required=required, metavar="FILE",
                        help="One a line, or JSON lines with prompt or text; best from real traffic.")  # fmt: skip


class Asked(TypedDict):
    """The options of `endpoint_options`, as click gives them."""

    url: str | None
    model: str | None
    key_env: str | None
    key_file: Path | None
    journal: Path | None
    replay: Path | None
    timeout: float
    attempts: int
    concurrency: int
    per_second: float | None
    max_requests: int | None
    max_tokens: int | None


def endpoint_options(command: Command) -> Command:
    """Which endpoint, and how it may be asked."""
    for option in (
        click.option("--max-tokens", type=click.IntRange(1), help="Cap: tokens of prompts and answers, as billed."),
        click.option("--max-requests", type=click.IntRange(1), help="Cap: requests sent, repeats included."),
        click.option("--per-second", type=click.FloatRange(0, min_open=True), help="Requests a second, at most."),
        click.option("--concurrency", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at a time."),
        click.option("--attempts", type=click.IntRange(1, 20), default=4, show_default=True, help="Per request."),
        click.option("--timeout", type=click.FloatRange(0, min_open=True), default=120.0, show_default=True,
                     help="Seconds for a whole answer."),
        click.option("--replay", type=click.Path(path_type=Path), metavar="FILE",
                     help="Take all answers from a journal; no endpoint is asked."),
        click.option("--journal", type=click.Path(path_type=Path), metavar="FILE",
                     help="Keep every raw answer here; what it holds already is not asked again."),
        click.option("--key-file", type=click.Path(path_type=Path), metavar="FILE", help="File that holds the API key."),
        click.option("--key-env", metavar="NAME", help="Environment variable that holds the API key."),
        click.option("--model", metavar="NAME", help="The model's name at the endpoint."),
        click.argument("url", required=False, metavar="URL"),
    ):  # fmt: skip
        command = option(command)
    return command


def source_of(asked: Asked) -> Endpoint | Replay:
    """The endpoint or journal that the options name. Raises AuditError."""
    from llm_audit.endpoints.client import Endpoint
    from llm_audit.endpoints.journal import Journal, Replay
    from llm_audit.endpoints.key import read_key
    from llm_audit.endpoints.limits import Limits

    if asked["replay"] is not None:
        if asked["url"] or asked["journal"]:
            raise click.UsageError("--replay asks no endpoint: give no URL and no --journal with it.")
        return Replay(asked["replay"])
    if not asked["url"] or not asked["model"]:
        raise click.UsageError("Give the URL of an endpoint and --model, the model's name there; or --replay.")
    if asked["key_env"] and asked["key_file"]:
        raise click.UsageError("Give --key-env or --key-file, not both.")
    limits = Limits(
        timeout=asked["timeout"],
        attempts=asked["attempts"],
        concurrency=asked["concurrency"],
        per_second=asked["per_second"],
        most_requests=asked["max_requests"],
        most_tokens=asked["max_tokens"],
    )
    key = read_key(env=asked["key_env"], file=asked["key_file"])
    return Endpoint(asked["url"], asked["model"], key, limits, Journal(asked["journal"]))


def choose_surface(surface: str, template: str | None) -> str:
    """Chat where the reference has a template for it, if nothing else was asked for. Raises AuditError."""
    if surface == "chat" and template is None:
        raise AuditError(
            "The reference has no chat template, so nobody knows how a chat reads to it; ask --surface completions."
        )
    return surface if surface != "auto" else "chat" if template is not None else "completions"
