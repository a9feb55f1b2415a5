"""`llm-audit membership`: whether data was in a model's training set."""

from __future__ import annotations

import click

from llm_audit.cli import COMMANDS, LazyGroup

MEMBERSHIP = {
    "blind": "Can suspect and held-out texts be told apart without any model?",
    "canary": "Draw random strings to publish one of, with a commitment; check that commitment.",
    "frequencies": "Count a corpus with a model's tokenizer, for the score DC-PDD.",
    "score": "Rank texts by membership scores, beside held-out texts. Screening, behind the blind baseline.",
    "test": "Tests whose null hypothesis is exact: order, canary, paired, identifier, dataset, watermark.",
}
"""Name -> one line of help."""


@click.group(name="membership", cls=LazyGroup, lazy=MEMBERSHIP, package=__name__,
             help=COMMANDS["membership"], short_help=COMMANDS["membership"])  # fmt: skip
def command() -> None:
    """Run a command of the group; the docstring for users is in `COMMANDS`."""
