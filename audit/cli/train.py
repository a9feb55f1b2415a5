"""`llm-audit train`: a classifier of one's own, a head on the scoring model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llm_audit.cli import COMMANDS
from llm_audit.cli.options import fraction_bar, scoring_options, scoring_session, show_warnings_as_sentences
from llm_audit.terminal import terminal_safe

if TYPE_CHECKING:
    from llm_audit.detectors.origin.classifier import Head

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
@click.option("--text-field", default="text", show_default=True, help="Field of each line that holds the text.")
@click.option("--label-field", default="label", show_default=True, help="Field that holds human, machine or machine-revised.")
@scoring_options
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
    model: str | None,
    reference: str | None,
    device: str,
    offline: bool,
    no_cache: bool,
) -> None:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    from llm_audit.detectors.origin.classifier import path_of
    from llm_audit.training.labelled import check_trainable, read_labelled

    target = path_of(name)
    data = read_labelled(paths, text_field, label_field)
    for note in data.notes:
        click.echo(note, err=True)
    texts = [text for text in data.texts if text.label != "machine-revised"]
    check_trainable(texts)
    chosen: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    settings = {key: value for key, value in chosen.items() if value is not None} | {"seed": seed}
    from llm_audit.training.recipe import train_and_save

    with (
        scoring_session(model, reference, device, offline, no_cache) as session,
        fraction_bar("Scoring") as scoring,
        fraction_bar("Training") as training,
    ):
        head = train_and_save(session, data, texts, target, kind, features, loss, settings, scoring, training)
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
