"""`llm-audit watermark probe`: whether an endpoint watermarks its answers."""

from __future__ import annotations

from typing import Any

import click

from llm_audit.cli import command_of
from llm_audit.cli.options import COUNT, alpha_option, output_options
from llm_audit.cli.publishing import Output
from llm_audit.cli.substitution.common import endpoint_options, surface_option
from llm_audit.cli.watermark import WATERMARK

MORE = """
Choices after contexts that mean nothing (green lists, Gumbel), answers to one question (a short list of random numbers),
and choices after a context that is new, then known (a memory of contexts). No key is sent or looked for.
"""


@command_of(WATERMARK, "probe", MORE)
@endpoint_options
@click.option("--budget", type=COUNT, default=1500, help="Requests; at least 200.")
@surface_option("completions", "chat", note=" Over chat the model has to repeat a line.")
@alpha_option("Level of all tests together.")
@output_options
def command(output: Output, **options: Any) -> int:
    """Run the command; the docstring for users is in `WATERMARK`."""
    options["on_plan"] = lambda plan: click.echo(f"To be asked: {plan}", err=True)
    return output.run("probe_watermark", stage="Asking", **options)
