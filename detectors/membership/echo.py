"""A model behind an endpoint that returns the log-probabilities of a prompt (`echo` on the surface completions).

Knows nothing about tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import NotAvailable
from llm_audit.common.progress import Progress, silent
from llm_audit.endpoints.defects import NO_NAME
from llm_audit.endpoints.records import Ask, Failure, Reply, Source

SHORTEST_ANSWER = 1
"""Tokens that the endpoint has to write for each text, which nobody reads: some servers refuse to write none."""

LONGEST_TOKEN = 32
"""Letters that a first token may have whose text the endpoint does not return."""


@dataclass(frozen=True)
class EchoingEndpoint:
    """A model under audit that an endpoint serves, and the log-probabilities of texts under it.

    Attributes:
        source: the endpoint, or a journal of one.
        address: of the endpoint, for the report.
        progress: called with the share of the work done.
    """

    source: Source
    address: str
    progress: Progress = silent
    session: None = None

    @property
    def digest(self) -> str:
        """Address and model name: nobody outside can tell the weights behind an endpoint by a digest."""
        return f"{self.address} {self.source.model}"

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions of a measurement that this model determines."""
        return {"endpoint": (self.address, self.source.model)}

    def totals(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(n,) log-probability of each text, nats, but for its first token where the endpoint gives it none.

        Texts are asked for in the order of their digests, which are their names: neither place nor name of a request depends
        on which text was published.

        Raises:
            NotAvailable: a text got no answer, or one that holds no sound log-probability for each of its tokens.
        """
        named = sorted((hashlib.sha256(text.encode()).hexdigest(), text) for text in set(texts))
        asks = [
            Ask(f"text {digest[:16]}", text, "completions", SHORTEST_ANSWER, 0.0, top_logprobs=1, echo=True)
            for digest, text in named
        ]
        outcomes = self.source.ask(asks, self.progress)
        if failures := [outcome for outcome in outcomes if isinstance(outcome, Failure)]:
            raise NotAvailable(
                f"{len(failures):,} of {len(asks):,} texts got no answer, and the test needs one for each: "
                f"{failures[0].reason} With --journal, the next run asks for those alone."
            )
        total = {outcome.ask.prompt: total_of(outcome) for outcome in outcomes if isinstance(outcome, Reply)}
        return np.array([total[text] for text in texts], dtype=np.float64)


def total_of(reply: Reply) -> float:
    """The log-probability of an echoed prompt, nats. Raises NotAvailable: it is missing for a part of it, or not sound."""
    positions = reply.prompt_positions
    if not positions or (len(positions) > 1 and all(position.logprob is None for position in positions)):
        raise NotAvailable(
            "The endpoint does not return the log-probabilities of a prompt (echo). For canaries, `membership test "
            "continuation` needs nothing but text."
        )
    scored = [position for at, position in enumerate(positions) if at or position.logprob is not None]
    if flaw := next((flaw for position in scored for flaw in position.defects if flaw != NO_NAME), None):
        raise NotAvailable(f"The endpoint's log-probabilities of a prompt are defective: {flaw}. Nothing follows from them.")
    if not _whole(reply):
        raise NotAvailable(
            "The endpoint returned log-probabilities of another text than the prompt, or of a part of it: the prompt may be "
            "too long for the model."
        )
    return float(sum(position.logprob or 0.0 for position in scored))


def _whole(reply: Reply) -> bool:
    """Whether the tokens of an echoed prompt are those of the whole prompt, as far as they are known by text.

    Compared are ASCII letters and digits alone: start tokens, white space and pieces of UTF-8 are written in many ways.
    """
    texts = [position.token.text for position in reply.prompt_positions]
    if not any(texts):
        return reply.usage[0] is None or abs(reply.usage[0] - len(texts)) <= 1  # known by ids alone
    echoed, asked = _plain("".join(texts)), _plain(reply.ask.prompt)
    if not texts[0]:  # vLLM's tables do not say what the first token is
        return asked.endswith(echoed) and len(asked) - len(echoed) <= LONGEST_TOKEN
    return echoed.endswith(asked)


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter.isalnum())
