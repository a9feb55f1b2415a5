"""Options that the membership commands share."""

from __future__ import annotations

import click

from llm_audit.cli.options import COMPUTING, PATH, Command, Decorator, alpha_option, output_options, setup_options


def _provenance(help: str) -> Decorator:
    """The option that says where the texts are from."""
    return click.option("--provenance", default="", show_default=False, metavar="TEXT", help=help)


FIELD = click.option("--field", "text_field", default="text", help="Field of JSON lines that holds the text.")
PROVENANCE = _provenance("How the held-out texts were obtained, and when; printed in the report.")
CHANCE = _provenance(
    "How chance decided what was published (a coin, a shuffle), and when; without it or --control nothing is a finding."
)
CONTROL = click.option(
    "--control", metavar="MODEL", help="A model that cannot have seen the data: what it prefers, too, is no trace of training."
)
MODEL = {"model": "The model under audit: folder, or org/name@commit. Default: the embedded one."}


def audit_options(command: Command) -> Command:
    """Add the options of every command that asks a model: `alpha`, `setup`, `seed_file` and `output`."""
    command = setup_options("model", *COMPUTING, help=MODEL)(output_options(command))
    command = click.option(
        "--seed-file", type=PATH, metavar="FILE",
        help="Seed registered before the test; written if it is not there. Default: the seed follows from the data.",
    )(command)  # fmt: skip
    return alpha_option("Report a finding when the p-value is at most this.")(command)
