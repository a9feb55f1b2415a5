"""`llm-audit attribute`: judge which model wrote a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from llm_audit.cli import COMMANDS, command_of
from llm_audit.cli.options import DETAILS, judging_options, no_text_option, output_options
from llm_audit.cli.publishing import Output

MORE = """
A candidate is a model and how its tokens were drawn: MODEL, or MODEL@temperature=0.8,top_p=0.95. Alternatives,
MODEL@temperature=0.7|1, mean that one of them was used. template=none: the prompt was given as plain text.

Samplers cut and heat in different orders. MODEL@sampler=llama.cpp (or transformers, vllm, openai) names a server's order
and its defaults: llama.cpp's are temperature .8, top-k 40, top-p .95, min-p .05, and transformers' `generate` keeps the 50
likeliest tokens (top_k=50) unless told otherwise. Beside a number that you name, those that you do not are tried both as
the default and off. MODEL@sampler=top_k;top_p;temperature,... names an order, as llama.cpp takes one. Without sampler:
that of transformers, nothing by default.

Numbers: temperature (0: greedy), dynatemp_range, dynatemp_exponent, top_k, top_p, min_p, typical_p, top_n_sigma,
epsilon_cutoff, eta_cutoff, repetition_penalty, presence_penalty, frequency_penalty, penalty_last_n, no_repeat_ngram,
xtc_probability, xtc_threshold, dry_multiplier, dry_base, dry_allowed_length, dry_last_n, mirostat, mirostat_tau,
mirostat_eta. What no test is exact for (logit_bias, ignore_eos, grammars, beams, ...) is refused with the reason.

MODEL@weights=q4_0|q8_0 (also f32, f16, bf16, q5_0, int8) says in which precision a server may have stored the weights: made
here from the model, and refuted only if each is. Without it: the weights as they are.

Exit code 1: no sanctioned model wrote some text.
"""


@command_of(COMMANDS, "attribute", MORE)
@click.argument("paths", nargs=-1, required=True, metavar="TEXT...")
@click.option(
    "--candidate", "candidates", multiple=True, metavar="MODEL[@SETTINGS]", help="Who may have written it; repeatable."
)
@click.option("--sanctioned", multiple=True, metavar="MODEL[@SETTINGS]", help="A candidate that was allowed to; repeatable.")
@click.option("--other", "others", multiple=True, metavar="MODEL[@SETTINGS]", help="A candidate that was not; repeatable.")
@click.option("--prompt", metavar="FILE", help="What the model was asked. An empty file: nothing.")
@click.option(
    "--unknown-prompt", is_flag=True, help="Compare with reference generations instead (the default without --prompt)."
)
@judging_options("Refute a candidate when its p-value is at most this.", but=("detectors", "classifier", "model", "reference"))
@output_options
@DETAILS
@no_text_option
def command(paths: tuple[str, ...], prompt: str | None, unknown_prompt: bool, output: Output, **options: Any) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    if prompt is not None and unknown_prompt:
        raise click.UsageError("Give --prompt or --unknown-prompt, not both.")
    if not (options["candidates"] or options["sanctioned"] or options["others"]):
        raise click.UsageError("Name at least one model with --candidate, --sanctioned or --other.")
    return output.run("attribute", paths, prompt=None if prompt is None else Path(prompt), **options)
