"""Options that the membership commands share."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click

from llm_audit.cli.options import (
    COMPUTING,
    PATH,
    Command,
    Decorator,
    alpha_option,
    output_options,
    packed_options,
    setup_options,
)
from llm_audit.cli.substitution.common import FIELDS, asking_options, endpoint_of
from llm_audit.common.errors import InvalidConfiguration


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
ASKING = tuple(name for name in FIELDS if name not in ("url", "model"))
MODEL = {"model": "The model under audit: folder, or org/name@commit. Default: the embedded one."}


def echo_options(command: Command) -> Command:
    """Add --endpoint and the way to ask it; an `EndpointSetup` then takes the place of the command's `setup`."""
    packed = asking_options(packed_options(command, "setup", ("setup", "endpoint", *ASKING), _audited))
    return click.option(
        "--endpoint", metavar="URL",
        help="Audit the model behind this OpenAI-compatible endpoint, which must return the log-probabilities of a prompt "
        "(echo) on the surface completions; --model is then its name there.",
    )(packed)  # fmt: skip


def _audited(values: dict[str, Any]) -> Any:
    """The setup of what is audited: a model that runs here or, with an address or a journal, an endpoint."""
    from llm_audit import EndpointSetup, Setup

    setup, url = values.pop("setup"), values.pop("endpoint")
    if url is None and values["replay"] is None:
        unused = [field.name for field in fields(EndpointSetup) if field.name in values and values[field.name] != field.default]
        if unused:
            raise InvalidConfiguration(f"--{unused[0].replace('_', '-')} says how to ask an endpoint; name it with --endpoint.")
        return setup
    if setup != Setup(model=setup.model):
        raise InvalidConfiguration(
            "--device, --offline and --no-cache are for a model that runs here; leave them out where an endpoint is audited."
        )
    return endpoint_of({"url": url, "model": setup.model, **values})


def audit_options(command: Command) -> Command:
    """Add the options of every command that asks a model: `alpha`, `setup`, `seed_file` and `output`."""
    command = setup_options("model", *COMPUTING, help=MODEL)(output_options(command))
    command = click.option(
        "--seed-file", type=PATH, metavar="FILE",
        help="Seed registered before the test; written if it is not there. Default: the seed follows from the data.",
    )(command)  # fmt: skip
    return alpha_option("Report a finding when the p-value is at most this.")(command)
