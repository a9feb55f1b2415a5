"""Options that the substitution commands share."""

from __future__ import annotations

from typing import Any

import click

from llm_audit.cli.options import COUNT, PATH, Command, Decorator, alpha_option, packed_options

ALPHA = alpha_option("Report a finding when the p-value is at most this, over all tests.")

TOKENS = click.option("--tokens", type=COUNT, default=8, help="Tokens of each answer.")

FIELDS = (
    "url", "model", "key_env", "key_file", "headers", "headers_env", "journal", "replay", "timeout", "attempts", "concurrency",
    "per_second", "max_requests", "max_tokens",
)  # fmt: skip
"""Fields of `EndpointSetup` that `endpoint_options` sets."""


def prompts_option(*, required: bool) -> Decorator:
    """The option that names the file of prompts."""
    return click.option("--prompts", type=PATH, required=required, metavar="FILE",
                        help="One a line, or JSON lines with prompt or text; best from real traffic.")  # fmt: skip


def texts_option(tests: str) -> Decorator:
    """The option that says for how many prompts texts are drawn."""
    default = "Default: 20 where the endpoint hides log-probabilities, else none."
    return click.option("--texts", type=click.IntRange(0), default=None, help=f"Prompts for {tests}. {default}")


def surface_option(*surfaces: str, note: str = "") -> Decorator:
    """The option that says what the endpoint is asked for; the first is the default."""
    return click.option("--surface", type=click.Choice(surfaces), default=surfaces[0],
                        help=f"What to ask the endpoint for.{note}")  # fmt: skip


def asking_options(command: Command) -> Command:
    """Add the options of the way to ask an endpoint: every field of `FIELDS` but the address and the model's name."""
    for option in (
        click.option("--max-tokens", type=COUNT, help="Cap: tokens of prompts and answers, as billed."),
        click.option("--max-requests", type=COUNT, help="Cap: requests sent, repeats included."),
        click.option("--per-second", type=click.FloatRange(0, min_open=True), help="Requests a second, at most."),
        click.option("--concurrency", type=click.IntRange(1, 64), default=4, help="Requests at a time."),
        click.option("--attempts", type=click.IntRange(1, 20), default=4, help="Attempts per request."),
        click.option("--timeout", type=click.FloatRange(0, min_open=True), default=120.0,
                     help="Seconds for a whole answer; a third of that for the first one."),
        click.option("--replay", type=PATH, metavar="FILE", help="Take all answers from a journal; no endpoint is asked."),
        click.option("--journal", type=PATH, metavar="FILE",
                     help="Keep every raw answer here; what it holds already is not asked again."),
        click.option("--header-env", "headers_env", multiple=True, metavar="NAME:VARIABLE",
                     help="Likewise, with the value in an environment variable. Repeatable."),
        click.option("--header", "headers", multiple=True, metavar="NAME:VALUE",
                     help="Header of every request, whose value is in no report. Repeatable."),
        click.option("--key-file", type=PATH, metavar="FILE", help="File that holds the API key."),
        click.option("--key-env", metavar="NAME", help="Environment variable that holds the API key."),
    ):  # fmt: skip
        command = option(command)
    return command


def endpoint_options(command: Command) -> Command:
    """Add the options of an endpoint and of the way to ask it; the command gets them as one `EndpointSetup`."""
    packed = asking_options(packed_options(command, "endpoint", FIELDS, endpoint_of))
    packed = click.option("--model", metavar="NAME", help="The model's name at the endpoint.")(packed)
    return click.argument("url", required=False, metavar="URL")(packed)


def endpoint_of(values: dict[str, Any]) -> Any:
    """The `EndpointSetup` of these fields, checked."""
    from llm_audit import EndpointSetup

    endpoint = EndpointSetup(**values)
    endpoint.check()
    return endpoint
