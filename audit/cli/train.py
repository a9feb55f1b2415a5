"""`llm-audit train`: a classifier of one's own, a head on the scoring model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import llm_audit
from llm_audit.cli import COMMANDS
from llm_audit.cli.options import SCORING, label_field_option, setup_options, text_field_option
from llm_audit.cli.progress import bars, show_warnings_as_sentences
from llm_audit.common.terminal import terminal_safe

if TYPE_CHECKING:
    from llm_audit.api.making import Head

LOSSES = ("bce", "opauc-kl", "opauc-cvar", "tpauc-kl", "aucm")
KINDS = ("logistic", "mlp", "attention")
FEATURES = ("states+statistics", "states")


@click.command(help=COMMANDS["train"], short_help=COMMANDS["train"])
@click.argument("paths", nargs=-1, required=True, metavar="DATA...", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Lower-case letters, digits, '.', '_' and '-'.")
@click.option("--loss", type=click.Choice(LOSSES), default="bce", show_default=True, help="What the training minimises.")
@click.option("--head", "kind", type=click.Choice(KINDS), default="logistic", show_default=True, help="Form of the head.")
@click.option("--features", type=click.Choice(FEATURES), default=FEATURES[0], show_default=True, help="What the head reads.")
@click.option("--epochs", type=click.IntRange(1), default=None, help="At most; early stopping may end sooner.")
@click.option("--batch-size", type=click.IntRange(8), default=None, help="Texts per step, half of them machine text.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=None, help="Peak, of AdamW.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything random.")
@text_field_option
@label_field_option
@setup_options(*SCORING)
def command(
    paths: tuple[Path, ...],
    name: str,
    loss: str,
    kind: str,
    features: str,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    seed: int,
    text_field: str,
    label_field: str,
    setup: llm_audit.Setup,
) -> None:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    schedule = {key: value for key, value in given.items() if value is not None}
    with bars() as progress:
        head, target = llm_audit.train(
            paths, name, loss=loss, kind=kind, features=features, schedule=schedule, text_field=text_field,
            label_field=label_field, setup=setup, progress=progress, on_note=lambda note: click.echo(note, err=True),
        )  # fmt: skip
    click.echo(terminal_safe(summary(head, target)))


def summary(head: Head, target: Path) -> str:
    """The card, for a reader."""
    card = head.card
    lines = [
        f"Classifier {card.name}: {card.kind} head, loss {card.loss}, on layers {', '.join(map(str, card.layers)) or 'none'}"
        f" and {len(card.statistics)} statistics of {card.model}.",
        "Texts: " + ", ".join(f"{count:,} {part}" for part, count in card.texts.items()) + ".",
        "On the texts that chose the epoch, of the same sources (elsewhere it does worse; `llm-audit bench` says how much):",
        *(f"  {name:16} {value:.3f}" for name, value in card.metrics.items()),
        f"Digest {head.digest}",
        f"Written to {target}.",
        "To use it: `llm-audit calibrate HUMAN.jsonl --name P --classifier "
        f"{card.name}`, then `llm-audit detect TEXT --population P --classifier {card.name}`.",
    ]
    return "\n".join(lines)
