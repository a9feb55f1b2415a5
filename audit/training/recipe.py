"""From labelled texts to a saved classifier: split by group, train, measure on held-out texts, write the card.

The shipped classifier is made by this recipe too. Knows nothing about the command line.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import NotAvailable
from llm_audit.common.files import atomic_write
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.origin.classifier import STATISTICS, Card, Head
from llm_audit.scoring.session import Session
from llm_audit.training import features as feature
from llm_audit.training import heads
from llm_audit.training.fit import Schedule
from llm_audit.training.labelled import Labelled, LabelledTexts, check_trainable, marks

VALIDATION_SHARE = 0.15

SCHEDULES = {
    "logistic": Schedule(epochs=10, batch_size=256, learning_rate=2e-3, weight_decay=0.1, patience=3),
    "mlp": Schedule(epochs=15, batch_size=64, learning_rate=5e-4, weight_decay=0.1, patience=5),
    "attention": Schedule(epochs=15, batch_size=64, learning_rate=5e-4, weight_decay=0.1, patience=5),
}
"""Kind of head -> its default schedule, the same for every loss; chosen by judgement, not tuned."""


def held_back(texts: Sequence[Labelled], seed: int, share: float = VALIDATION_SHARE) -> NDArray[np.bool_]:
    """(n,) flags of the texts for validation: whole groups, chosen by a hash of their names.

    Raises:
        NotAvailable: one part would lack a class.
    """
    limit = int(share * 2**32)

    def drawn(group: str) -> bool:
        return int.from_bytes(hashlib.sha256(f"{seed} {group}".encode()).digest()[:4], "big") < limit

    validation = np.array([drawn(text.group) for text in texts])
    machine = np.array([text.is_machine for text in texts])
    for part in (validation, ~validation):
        if not machine[part].any() or machine[part].all():
            raise NotAvailable(
                "The texts form too few groups (`pair`) to hold some back for validation; add independent texts."
            )
    return validation


def train_and_save(
    session: Session,
    data: LabelledTexts,
    texts: Sequence[Labelled],
    target: Path,
    kind: str,
    parts: str,
    loss: str,
    settings: dict[str, Any],
    scoring: Progress = silent,
    training: Progress = silent,
) -> Head:
    """Train a head on the session's model and write it to `target`.

    `data` holds all texts that were read, `texts` those to train on (human and machine); `kind` is one of `heads.KINDS`;
    `parts` are the features, "states" or "states+statistics"; `loss` is one of `losses.LOSSES`; `settings` are the fields of
    `Schedule` that differ from `SCHEDULES`; `scoring` and `training` get the progress, in [0, 1].

    Raises:
        NotAvailable: too few texts are long enough, or the features are not numbers.
    """
    n_layers = int(session.model.config["num_hidden_layers"])
    layers = feature.default_layers(n_layers)
    held_back(texts, settings.get("seed", 0))  # too few groups must not cost a run
    blocks = feature.extract(session, [text.text for text in texts], layers, progress=scoring)
    long = blocks.counts >= feature.MINIMUM_BLOCKS  # shorter texts are not judged, so they do not train
    blocks, kept = blocks[np.flatnonzero(long)], [text for text, enough in zip(texts, long, strict=True) if enough]
    check_trainable(kept)
    statistics = tuple(STATISTICS) if "statistics" in parts else ()
    if not statistics:
        blocks = feature.without_statistics(blocks)
    schedule = Schedule(**asdict(SCHEDULES[kind]) | settings)
    validation = held_back(kept, schedule.seed)

    prepared = heads.prepare(blocks, kept, validation)
    network, fitted = heads.train_head(prepared, kind, loss, schedule, progress=training)
    training(1.0)
    labels = np.array([text.is_machine for text in kept], dtype=np.int64)
    rows = np.flatnonzero(validation)
    predicted = heads.predict(network, prepared.space, blocks[rows])
    pairs = zip(kept, validation, strict=True)
    counts = Counter((text.label, "validating" if is_held else "training") for text, is_held in pairs)
    card = Card(
        name=target.stem,
        kind=kind,
        model=session.model.name,
        model_digest=session.model.digest,
        layers=layers,
        statistics=statistics,
        loss=loss,
        settings={
            **asdict(schedule), "features": parts, "ridge": heads.RIDGE, "limit": heads.CLIP, "window": feature.WINDOW,
            "best_epoch": fitted.best_epoch, "validation_share": VALIDATION_SHARE,
        },
        data=data.digests | {"texts": data.digest},
        texts={f"{label} {part}": count for (label, part), count in sorted(counts.items())},
        metrics=heads.measure(predicted, labels[rows]),
        versions=heads.versions(),
    )  # fmt: skip
    seen = np.unique(np.concatenate([marks(text) for text in kept]))
    head = heads.as_head(network, prepared.space, card, seen)
    write(head.content, target)
    return head


def write(content: bytes, target: Path) -> None:
    """Write a classifier's file atomically. Raises NotAvailable: it cannot be written; the old one is then intact."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(target, content)
    except OSError as error:
        raise NotAvailable(f"The classifier could not be written to {target}: {error.strerror}.") from error
