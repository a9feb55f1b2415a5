"""`llm-audit substitution audit`: an endpoint's answers against a reference model on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import llm_audit
from llm_audit.cli import command_of
from llm_audit.cli.options import COMPUTING, PATH, output_options, setup_options
from llm_audit.cli.publishing import Output
from llm_audit.cli.substitution import SUBSTITUTION
from llm_audit.cli.substitution.common import ALPHA, TOKENS, endpoint_options, prompts_option, surface_option, texts_option

MORE = """
URL: of an OpenAI-compatible server, such as https://api.example.com/v1.

Exit code 3 if nothing could be measured, which is never called consistent.
"""


@command_of(SUBSTITUTION, "audit", MORE)
@prompts_option(required=False)
@click.option("--reference", metavar="MODEL",
              help="What the endpoint is said to serve: folder, or org/name@commit. Default: the embedded model.")  # fmt: skip
@click.option("--trusted", multiple=True, type=PATH, metavar="JOURNAL",
              help="Instead of a model here: recorded answers (`llm-audit substitution record`) and their prompts; "
              "repeatable.")  # fmt: skip
@surface_option("auto", "chat", "completions", note=" auto: chat if the reference has a chat template.")
@click.option("--requests", type=click.IntRange(10), default=60, help="Requests to the endpoint.")
@click.option("--honest", type=click.IntRange(10), default=200, help="Questions that the reference answers for comparison.")
@TOKENS
@click.option("--allow", "precisions", multiple=True, type=click.Choice(["f32", "f16", "bf16", "bf16-logits"]),
              default=("f32", "f16", "bf16", "bf16-logits"), help="Precisions that are as promised; two or more.")  # fmt: skip
@texts_option("the tests of texts")
@click.option(
    "--sequential", is_flag=True, help="Stop as soon as the teacher-forced comparison suffices; then exceedance is not run."
)
@ALPHA
@endpoint_options
@output_options
@setup_options(*COMPUTING)
def command(
    prompts: Path | None,
    trusted: tuple[Path, ...],
    reference: str | None,
    surface: str,
    setup: llm_audit.Setup,
    output: Output,
    **options: Any,
) -> int:
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    from dataclasses import replace

    if trusted and (prompts or reference or surface != "auto"):
        raise click.UsageError("--trusted brings its own prompts and surface, and needs no model: give no other.")
    setup = replace(setup, model=reference)
    arguments = {"prompts": prompts, "trusted": trusted, "surface": surface, "setup": setup}
    return output.run("audit_endpoint", stage="", **arguments, **options)
