"""`llm-audit train`: a classifier of one's own, a head on the scoring model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import llm_audit
from llm_audit.cli import COMMANDS, command_of
from llm_audit.cli.options import COUNT, LABEL_FIELD, PATH, SCORING, TEXT_FIELD, setup_options
from llm_audit.cli.progress import bars
from llm_audit.common.terminal import terminal_safe

LOSSES = ("bce", "opauc-kl", "opauc-cvar", "tpauc-kl", "aucm")
KINDS = ("logistic", "mlp", "attention")
FEATURES = ("states+statistics", "states")


@command_of(COMMANDS, "train")
@click.argument("paths", nargs=-1, required=True, metavar="DATA...", type=PATH)
@click.option("--name", required=True, help="Name of the classifier: lower-case letters, digits, '.', '_' and '-'.")
@click.option("--loss", type=click.Choice(LOSSES), default="bce", help="What the training minimises.")
@click.option("--head", "kind", type=click.Choice(KINDS), default="logistic", help="Form of the head.")
@click.option("--features", type=click.Choice(FEATURES), default=FEATURES[0], help="What the head reads.")
@click.option("--epochs", type=COUNT, default=None, help="Most epochs; early stopping may end sooner.")
@click.option("--batch-size", type=click.IntRange(8), default=None, help="Texts per step, half of them machine text.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=None, help="Largest learning rate of AdamW.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of everything random.")
@TEXT_FIELD
@LABEL_FIELD
@setup_options(*SCORING)
def command(
    paths: tuple[Path, ...],
    name: str,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    seed: int,
    **options: Any,
) -> None:
    """Run the command; the docstring for users is in `COMMANDS`."""
    from llm_audit.api.making import card_of

    settings = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    schedule = {key: value for key, value in settings.items() if value is not None}
    with bars() as progress:
        head, target = llm_audit.train(
            paths, name, schedule=schedule, progress=progress, on_note=lambda note: click.echo(note, err=True), **options
        )  # fmt: skip
    click.echo(terminal_safe(card_of(head, target)))
