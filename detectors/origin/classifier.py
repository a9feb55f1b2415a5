"""The trained classifier: a head on the hidden states and token statistics of the scoring pass.

Inference only, in numpy; `llm_audit.training` makes the heads. A text is cut into blocks of `STATE_BLOCK` tokens, every
block gives a logit, and their (weighted) mean is the score: so each block's and each statistic's share is exact.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as from_safetensors
from safetensors.numpy import save as to_safetensors

from llm_audit.common.errors import InvalidConfiguration, NotAvailable
from llm_audit.common.paths import data_root
from llm_audit.detectors.statistic import StatisticRule, statistic_rule
from llm_audit.scoring.tokens import STATE_BLOCK, TokenScores

Array = NDArray[np.float32]

STATISTICS: dict[str, Callable[[TokenScores], Any]] = {
    "logprob": lambda s: s.logprob,
    "squared logprob": lambda s: np.square(s.logprob),
    "entropy": lambda s: s.entropy,
    "varentropy": lambda s: s.varentropy,
    "logprob + entropy": lambda s: s.logprob + s.entropy,
    "max logprob": lambda s: s.max_logprob,
    "log rank": lambda s: np.log(s.rank),
    "mass above": lambda s: s.mass_above,
    "rank 1": lambda s: s.rank == 1,
    "rank <= 10": lambda s: s.rank <= 10,
    "rank <= 100": lambda s: s.rank <= 100,
    "renyi 2": lambda s: s.renyi[:, 2],
}
"""Name -> per-token statistic whose block means the head reads besides the states."""


class Card(BaseModel):
    """The model card of a head (Mitchell et al. 2019, "Model cards for model reporting").

    Attributes:
        name: on the command line.
        kind: logistic, mlp or attention.
        model, model_digest: whose scores it reads.
        layers: whose states it reads, in order.
        statistics: names in `STATISTICS`, in order.
        loss, settings: how it was trained; `settings` holds schedule, seeds and augmentation.
        data: file name -> SHA-256 of the training data.
        texts: texts per label and part: trained on, validated on.
        metrics: on the validation part, which was not trained on, but chose the epoch.
        versions: of torch and numpy. No date: equal training gives equal bytes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    name: str
    kind: str
    model: str
    model_digest: str
    layers: tuple[int, ...]
    statistics: tuple[str, ...]
    loss: str
    settings: dict[str, Any]
    data: dict[str, str]
    texts: dict[str, int]
    metrics: dict[str, float]
    versions: dict[str, str]


@dataclass(frozen=True, eq=False)
class Head:
    """A head: its weights for d features per block (states layer by layer, then statistics) and h hidden units.

    Attributes:
        card: see there.
        mean: (d,), subtracted from the features.
        limit: (d,), where the features are cut off on either side, so that no single one decides.
        weight, bias: (h, d) and (h,), standardisation and whitening folded in.
        out: (2, h), a block's logit and its attention logit, from gelu units; None for a logistic head, where h is 1.
        out_bias: added to the logit.
        seen: fingerprints of the texts that it was trained or validated on, and of their groups.
    """

    card: Card
    mean: Array
    limit: Array
    weight: Array
    bias: Array
    out: Array | None
    out_bias: float
    seen: NDArray[np.uint64]

    @cached_property
    def content(self) -> bytes:
        """The file's bytes: a pure function of card and weights."""
        arrays: dict[str, NDArray[Any]] = {"mean": self.mean, "limit": self.limit, "weight": self.weight, "bias": self.bias}
        if self.out is not None:
            arrays["out"] = self.out
        arrays |= {"out_bias": np.array([self.out_bias], np.float32), "seen": self.seen}
        return to_safetensors(arrays, metadata={"card": self.card.model_dump_json()})

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.content).hexdigest()

    def features(self, scores: TokenScores) -> Array:
        """(n_blocks, d) features of a text's blocks, see `block_features`."""
        if scores.states is None or scores.states.shape[1] != len(self.card.layers):
            raise ValueError(f"the head {self.card.name} needs the states of layers {self.card.layers}")
        return block_features(scores, self.card.statistics)

    def evidence(self, features: Array) -> tuple[Array, Array]:
        """(n_blocks,) logits of the blocks, and (n_blocks,) weights of the blocks in the mean."""
        centred = np.clip(features - self.mean, -self.limit, self.limit)
        units = centred @ self.weight.T + self.bias
        if self.out is None:
            return units[:, 0], np.full(len(units), 1 / max(len(units), 1), np.float32)
        logits, attention = (_gelu(units) @ self.out.T).T
        weights = np.full(len(units), 1 / max(len(units), 1))
        if self.card.kind == "attention" and len(units):
            weights = np.exp(attention - attention.max())
            weights /= weights.sum()
        return (logits + np.float32(self.out_bias)).astype(np.float32), weights.astype(np.float32)

    def score(self, scores: TokenScores) -> float:
        """The text's logit, higher = more machine-like; zero, no evidence either way, for a text of less than one block."""
        logits, weights = self.evidence(self.features(scores))
        return float(np.dot(logits.astype(np.float64), weights.astype(np.float64)))

    def explain(self, scores: TokenScores) -> list[tuple[str, float]]:
        """Contributions of each layer's states and of each statistic to the score, largest first.

        Exact shares of the score for a logistic head ("constant" is what an average text gets). For the others, the change
        of the score when that group is set to the training average; these need not add up.
        """
        features = self.features(scores)
        if not len(features):
            return [("constant", 0.0)]
        groups = self._groups(features.shape[1])
        if self.out is None:
            shares = (np.clip(features - self.mean, -self.limit, self.limit) * self.weight[0]).mean(0, dtype=np.float64)
            contributions = [(name, float(shares[columns].sum())) for name, columns in groups]
            contributions.append(("constant", float(self.bias[0])))
        else:
            logits, weights = self.evidence(features)
            total, contributions = float(logits @ weights), []
            for name, columns in groups:
                changed = features.copy()
                changed[:, columns] = self.mean[columns]
                logits, weights = self.evidence(changed)
                contributions.append((name, total - float(logits @ weights)))
        return sorted(contributions, key=lambda share: -abs(share[1]))

    def _groups(self, d: int) -> list[tuple[str, slice]]:
        statistics, layers = self.card.statistics, self.card.layers
        size = (d - len(statistics)) // len(layers) if layers else 0
        groups = [(f"states of layer {layer}", slice(i * size, (i + 1) * size)) for i, layer in enumerate(layers)]
        first = len(layers) * size
        return groups + [(name, slice(first + i, first + i + 1)) for i, name in enumerate(statistics)]


def block_features(scores: TokenScores, statistics: tuple[str, ...]) -> Array:
    """(n_blocks, n_layers * hidden_size + n_statistics): the states of each block, and its mean token statistics.

    The blocks are those of `TokenScores.states`.
    """
    if scores.states is None or scores.state_start is None:
        raise ValueError("the scores come without states")
    rows = scores.state_start[:, None] + np.arange(STATE_BLOCK)
    columns = [np.asarray(STATISTICS[name](scores), np.float32)[rows].mean(1) for name in statistics]
    states = scores.states.astype(np.float32).reshape(len(scores.states), int(np.prod(scores.states.shape[1:])))
    return np.column_stack([states, *columns]).astype(np.float32)


def _gelu(x: Array) -> Array:
    # math.erf, as importing scipy.special takes longer than thousands of texts' heads
    erf = np.fromiter(map(math.erf, (x / np.sqrt(2)).ravel().tolist()), np.float64, x.size).reshape(x.shape)
    return np.asarray(x * 0.5 * (1 + erf), dtype=np.float32)


def load_head(path: Path) -> Head:
    """Read a head.

    Raises:
        AuditError: no such file, or it is no head.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotAvailable(f"The classifier {path} cannot be read: {error.strerror}.") from error
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        card = Card.model_validate_json(header["__metadata__"]["card"])
        arrays = from_safetensors(content)
        head = Head(
            card=card, mean=arrays["mean"], limit=arrays["limit"], weight=arrays["weight"], bias=arrays["bias"],
            out=arrays.get("out"), out_bias=float(arrays["out_bias"][0]), seen=arrays["seen"],
        )  # fmt: skip
        unknown = set(card.statistics) - set(STATISTICS)
        finite = all(np.isfinite(array).all() for array in arrays.values())
        if (
            unknown
            or not finite
            or head.weight.shape != (len(head.bias), len(head.mean))
            or head.mean.shape != head.limit.shape
        ):
            raise ValueError("inconsistent")
    except (SafetensorError, ValidationError, KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise NotAvailable(f"{path} is not a classifier of this version of llm-audit; train it anew.") from error
    return head


def resolve(spec: str) -> Head:
    """Load a head by file or by the name under which `llm-audit train` saved it.

    Raises:
        AuditError: there is none, or it is damaged.
    """
    path = Path(spec)
    if path.suffix != ".safetensors":
        path = path_of(spec)
    if not path.exists():
        saved = sorted(file.stem for file in (data_root() / "classifiers").glob("*.safetensors"))
        known = f"yours are {', '.join(saved)}" if saved else "you have none yet"
        raise NotAvailable(f"There is no classifier {spec!r}: {known}; `llm-audit train` makes one.")
    return load_head(path)


def path_of(name: str) -> Path:
    """The path of the user's classifier with this name.

    Raises:
        AuditError: it cannot be a name.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", name):
        raise InvalidConfiguration(f"{name!r} is not a classifier name: use lower-case letters, digits, '.', '_' and '-'.")
    return data_root() / "classifiers" / f"{name}.safetensors"


CODE = "AUD110"
"""Code and name of the shipped classifier, and of a user's one that replaces it."""


def rule_of(head: Head) -> StatisticRule:
    """The rule whose statistic is the score of a head."""
    card = head.card
    return statistic_rule(
        head.score,
        code=CODE,
        name="classifier",
        title="Trained classifier",
        unit="logit",
        method=(
            f"{card.kind} head {card.name} on states of layers {', '.join(map(str, card.layers))} and token statistics, "
            f"trained with {card.loss}; digest {head.digest[:12]}"
        ),
        hidden_layers=card.layers,
        hidden_size=(len(head.mean) - len(card.statistics)) // len(card.layers),
        model=card.model_digest,
        digest=head.digest,
        weight=WEIGHT,
        seen=head.seen,
        explain=head.explain,
    )


WEIGHT = 16.0
"""Weight in the combination, where each of the four zero-shot detectors has 1: 4/5 of the total (docs/decisions/weight.md)."""

SHIPPED = Path(__file__).with_name("english.safetensors")


def __getattr__(name: str) -> StatisticRule:
    # Read only when somebody asks for it: training a first head must not need one.
    if name == "rule":
        return rule_of(load_head(SHIPPED))
    raise AttributeError(name)
