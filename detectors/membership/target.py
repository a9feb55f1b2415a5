"""The model under audit, and the log-probabilities of texts under it.

Knows nothing about tests or scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import NotAvailable
from llm_audit.common.progress import Progress, silent
from llm_audit.results import StartToken
from llm_audit.scoring.request import Prompted, Request, Windowing, context_length
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokens import TokenScores

LONGEST = 2048
"""Most tokens of a text that are scored in one window, since attention is quadratic."""

OVERLAP = 256
"""Tokens of left context that a further window of a long text repeats."""


class LanguageModel(Protocol):
    """A model under audit, of which a test needs no more than the log-probabilities of texts, summed or averaged."""

    @property
    def digest(self) -> str:
        """Identity of the model, from which seeds are derived."""

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions of a measurement that this model determines; fields of `llm_audit.results.Conditions`."""

    @property
    def session(self) -> Session | None:
        """The scoring session of a model that runs here; None: an endpoint serves it."""

    def totals(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(n,) log-probability of each whole text, nats."""

    def means(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(n,) mean log-probability of a token of each text, as far as it fits into one window, nats; 0: no token has one."""


@dataclass(frozen=True)
class Target:
    """A model under audit that runs here.

    Attributes:
        session: the scoring session of the model.
        progress: called with the share of the work done.
    """

    session: Session
    progress: Progress = silent

    @property
    def digest(self) -> str:
        """Digest of the weights and the tokenizer."""
        return self.session.model.digest

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions of a measurement that this model determines."""
        return {"model": self.session.model.name, "precision": self.session.dtype, "start": self.start}

    @property
    def room(self) -> int:
        """Text tokens that fit into one window beside the start token, at most `LONGEST`."""
        return min(LONGEST, context_length(self.session.model.config) - 1)

    def beginnings(self, texts: Sequence[str | Prompted], progress: Progress | None = None) -> Iterator[TokenScores]:
        """Yield the scores of each text's first `room` tokens, in one window."""
        return self._checked(texts, Windowing(self.room, first_only=True), progress or self.progress)

    def totals(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(n,) log-probability of each whole text, nats.

        A text longer than `room` is scored in windows that repeat `OVERLAP` tokens: an approximation of its log-probability,
        and a fixed function of the text, which is all that a permutation test needs.
        """
        scored = self._checked(texts, self._overlapping, self.progress)
        return np.array([scores.logprob.sum(dtype=np.float64) for scores in scored], dtype=np.float64)

    def means(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(n,) mean log-probability of the first `room` tokens of each text, nats per token; 0: no token has one."""
        scored = self.beginnings(texts)
        return np.array([scores.logprob.mean(dtype=np.float64) if len(scores) else 0.0 for scores in scored], dtype=np.float64)

    def likeliest(self, texts: Sequence[Prompted]) -> Iterator[NDArray[np.int64]]:
        """Yield, for each text, the (m,) likeliest tokens at its places, given all earlier tokens in the window.

        A model without a start token does not predict the first token, so m may be one less than the number of tokens.
        """
        for scores in self._checked(texts, self._overlapping, self.progress, top_k=1):
            none = np.empty(0, np.int64)
            yield none if scores.top_ids is None else scores.top_ids[:, 0].astype(np.int64)

    @property
    def _overlapping(self) -> Windowing:
        return Windowing(self.room, overlap=min(OVERLAP, self.room // 2))

    def _checked(
        self, texts: Sequence[str | Prompted], windowing: Windowing, progress: Progress, top_k: int = 0
    ) -> Iterator[TokenScores]:
        for scores in self.session.score(texts, Request(windowing, top_k=top_k), progress):
            if not np.isfinite(scores.logprob).all():
                raise NotAvailable(
                    f"The model {self.session.model.name} gives probabilities that are no numbers: its weights are damaged, or "
                    "too large for the type it computes in. Fetch or copy it again."
                )
            yield scores

    @property
    def start(self) -> StartToken | None:
        """The token before every text; None: there is none."""
        config = self.session.model.config
        kinds: tuple[Literal["bos", "eos"], ...] = ("bos", "eos")
        known = ((config.get(f"{kind}_token_id"), kind) for kind in kinds)
        return next((StartToken(id=str(token), kind=kind) for token, kind in known if token is not None), None)
