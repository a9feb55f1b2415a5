"""Tables of token frequencies in general text: counted once, kept in a file, keyed by the tokenizer.

Knows nothing about models, how corpora are read, or the use of the counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from llm_audit.common.errors import InvalidConfiguration, InvalidInput, NotAvailable
from llm_audit.common.files import atomic_write

Card = TypeVar("Card", bound=BaseModel)


class _TableCard(BaseModel):
    """The metadata in a table's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["llm-audit token frequencies 1"] = "llm-audit token frequencies 1"
    tokenizer: str
    name: str
    description: str
    documents: int


@dataclass(frozen=True, eq=False)
class Frequencies:
    """Token counts of a corpus.

    Attributes:
        counts: (vocabulary,) int64.
        tokenizer: `tokenizer_digest` of the tokenizer that counted.
        name: of the table, as reports print it.
        description: of the corpus, as a sentence.
        documents: how many were counted.
    """

    counts: NDArray[np.int64]
    tokenizer: str
    name: str
    description: str
    documents: int

    @property
    def total(self) -> int:
        """N', the tokens counted."""
        return int(self.counts.sum())

    @cached_property
    def log_frequency(self) -> NDArray[np.float64]:
        """(vocabulary,) natural log of the Laplace-smoothed relative frequency (count + 1) / (N' + |V|), always < 0."""
        frequency: NDArray[np.float64] = (self.counts + 1.0) / (self.total + len(self.counts))
        return np.log(frequency)

    def save(self, path: Path) -> None:
        """Write the table; the same table gives the same bytes. AuditError if it cannot be written."""
        card = _TableCard(tokenizer=self.tokenizer, name=self.name, description=self.description, documents=self.documents)
        write_counts(path, self.counts, card)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a table.

        Raises:
            AuditError: the file is missing, damaged, or something else.
        """
        try:
            counts, card = read_counts(path, _TableCard)
        except ValueError as error:
            raise InvalidInput(
                f"{path} is no table of token frequencies, or damaged: count one with `llm-audit membership frequencies`."
            ) from error
        return cls(counts, card.tokenizer, card.name, card.description, card.documents)

    def check(self, tokenizer: str, model_name: str) -> None:
        """Raise AuditError if another tokenizer than the model's, with that `tokenizer_digest`, counted this table."""
        if self.tokenizer != tokenizer:
            raise InvalidConfiguration(
                f"The token frequencies {self.name!r} were counted with another tokenizer ({self.tokenizer[:12]}) than that of "
                f"{model_name} ({tokenizer[:12]}): count a corpus with `llm-audit membership frequencies --model {model_name}`."
            )


def write_counts(path: Path, counts: NDArray[np.int64], card: BaseModel) -> None:
    """Write counts and their card as one safetensors file, atomically; AuditError if that fails."""
    small = counts.astype(np.uint32) if counts.max(initial=0) < 2**32 else counts
    content = to_safetensors({"counts": small}, metadata={"card": card.model_dump_json()})
    try:
        atomic_write(path, content)
    except OSError as error:
        raise NotAvailable(f"Cannot write {path}: {error.strerror}.") from error


def read_counts(path: Path, kind: type[Card]) -> tuple[NDArray[np.int64], Card]:
    """Read the counts and the card that `write_counts` wrote.

    Raises:
        AuditError: the file cannot be read.
        ValueError: it holds something else.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            card = kind.model_validate_json((file.metadata() or {}).get("card", ""))
            counts = file.get_tensor("counts")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}.") from error
    except (SafetensorError, ValidationError) as error:
        raise ValueError("not a file of counts") from error
    if counts.ndim != 1 or counts.dtype not in (np.uint32, np.int64) or len(counts) == 0 or counts.min() < 0:
        raise ValueError("not a file of counts")
    return counts.astype(np.int64), card
