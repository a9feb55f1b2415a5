"""`llm-audit serve`: a web page and a JSON API on this machine."""

from __future__ import annotations

import os
from typing import Any

import click

import llm_audit
from llm_audit.cli import COMMANDS, command_of
from llm_audit.cli.options import COUNT, JUDGING, alpha_option, setup_options
from llm_audit.cli.progress import bars


@command_of(COMMANDS, "serve")
@click.option("--host", default="127.0.0.1", metavar="ADDRESS",
              help="Where to listen. Anything but this machine needs a token in LLM_AUDIT_TOKEN.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8417, help="Port; 0: any that is free.")
@click.option("--allow-host", "names", multiple=True, metavar="NAME",
              help="A further name of the server, such as that of a proxy in front of it; repeatable.")  # fmt: skip
@click.option("--max-mb", type=COUNT, default=50, help="Largest request, in megabytes.")
@click.option("--max-texts", type=COUNT, default=100, help="Most texts of a request.")
@click.option("--max-seconds", type=click.FloatRange(min=0, min_open=True), default=300.0,
              help="Longest time to judge one text.")  # fmt: skip
@click.option("--queue", type=COUNT, default=64, help="Requests that may wait; more are told when to come back.")
@alpha_option("Flag a text when its p-value is at most this, where a request does not say.")
@setup_options(*(name for name in JUDGING if name != "no_cache"))
def command(max_mb: int, max_texts: int, max_seconds: float, queue: int, setup: llm_audit.Setup, **options: Any) -> None:
    """Run the command; the docstring for users is in `COMMANDS`."""
    from llm_audit.serving.server import serve
    from llm_audit.serving.settings import TOKEN, Limits, Service

    limits = Limits(size=max_mb * 1_000_000, texts=max_texts, seconds=max_seconds, waiting=queue)
    service = Service(token=os.environ.get(TOKEN) or None, limits=limits, **options)
    with bars() as progress:
        serve(service, setup, progress, lambda url: click.echo(f"Open {url} in a browser. Ctrl-C stops the server.", err=True))
