"""`llm-audit watermark probe`: whether an endpoint watermarks its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

import llm_audit
from llm_audit.cli.options import alpha_option, output_options
from llm_audit.cli.progress import bars, show_warnings_as_sentences
from llm_audit.cli.substitution.common import endpoint_options, surface_option
from llm_audit.cli.watermark import WATERMARK

if TYPE_CHECKING:
    from llm_audit.cli.publishing import Output

HELP = (
    WATERMARK["probe"]
    + """

    Choices after contexts that mean nothing (green lists, Gumbel), answers to one question (a short list of random numbers),
    and choices after a context that is new, then known (a memory of contexts). No key is sent or looked for.
    """
)


@click.command(help=HELP, short_help=WATERMARK["probe"])
@endpoint_options
@click.option("--budget", type=click.IntRange(1), default=1500, show_default=True, help="Requests; at least 200.")
@surface_option("completions", "chat", note=" Over chat the model has to repeat a line.")
@alpha_option("Of all tests together.")
@output_options
def command(output: Output, **options: Any) -> int:
    """Run the command; the docstring for users is in `WATERMARK`."""
    show_warnings_as_sentences()
    output.check()
    with bars("Asking") as progress:
        report = llm_audit.probe_watermark(
            **options, progress=progress, on_plan=lambda plan: click.echo(f"To be asked: {plan}", err=True)
        )
    return output.publish(report)
