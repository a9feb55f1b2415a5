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
from llm_audit.endpoints.pieces import of_whole_text
from llm_audit.endpoints.records import Ask, Failure, Reply, Source

SHORTEST_ANSWER = 1
"""Tokens that the endpoint has to write for each text, which nobody reads: some servers refuse to write none."""

BEGINNINGS = (
    "The house stood at the end of the road, and",
    "She opened the letter that had come in the morning and",
    "Most of the people in the village were",
    "In the first week of the year the river",
    "He looked at the clock on the wall and",
)
"""Prompts whose answers are read back as part of a prompt, to see whether a token has one log-probability in both."""

TOLERANCE = 0.5
"""Nats by which the two may differ, for servers that compute prompts and answers in different kernels."""

CHECKS = 2 * len(BEGINNINGS)
"""Requests of that comparison."""


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
        """Address and model name, in place of the SHA-256 of weights, which nobody outside an endpoint can compute."""
        return f"{self.address} {self.source.model}"

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions of a measurement that this model determines."""
        return {"endpoint": (self.address, self.source.model)}

    def totals(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(n,) log-probability of each text, nats, but for its first token where the endpoint gives it none.

        Raises:
            NotAvailable: a text got no answer, or one that holds no sound log-probability for each of its tokens.
        """
        scored = self._scored(texts)
        return np.array([scored[text].sum() for text in texts], dtype=np.float64)

    def means(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(n,) mean log-probability of the tokens of each text that have one, nats; 0: none has. Raises as `totals` does."""
        scored = self._scored(texts)
        return np.array([scored[text].mean() if len(scored[text]) else 0.0 for text in texts], dtype=np.float64)

    def _scored(self, texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Text -> log-probabilities of its tokens.

        Texts are asked for in the order of their digests, which are their names: neither place nor name of a request depends
        on which text was published.
        """
        self._check()
        named = sorted((hashlib.sha256(text.encode()).hexdigest(), text) for text in set(texts))
        outcomes = self.source.ask([_echo(f"text {digest[:16]}", text) for digest, text in named], self.progress)
        if failures := [outcome for outcome in outcomes if isinstance(outcome, Failure)]:
            raise NotAvailable(
                f"{len(failures):,} of {len(named):,} texts got no answer, and the test needs one for each: "
                f"{failures[0].reason} With --journal, the next run asks for those alone."
            )
        return {outcome.ask.prompt: logprobs_of(outcome) for outcome in outcomes if isinstance(outcome, Reply)}

    def _check(self) -> None:
        """Refuse an endpoint before it gets any text, if it does not answer, echoes no log-probabilities, or shifted ones.

        llama-cpp-python (0.3.36) gives each token of a prompt its probability *behind itself*: numbers that are of no text.

        Raises:
            NotAvailable: one of these, or a token has another log-probability in a prompt than it had as an answer.
        """
        written = self.source.ask(
            [
                Ask(f"check {at}", prompt, "completions", SHORTEST_ANSWER, 1.0, top_logprobs=1, seed=at)
                for at, prompt in enumerate(BEGINNINGS)
            ]
        )
        answers = [answer for answer in written if isinstance(answer, Reply)]
        read = self.source.ask([_echo(f"{answer.ask.name} in a prompt", answer.ask.prompt + answer.text) for answer in answers])
        echoes = [echo for echo in read if isinstance(echo, Reply)]
        if not echoes:
            raise NotAvailable(next(outcome.reason for outcome in (*read, *written) if isinstance(outcome, Failure)))
        for echo in echoes:
            logprobs_of(echo)
        pairs = [
            (answer.usable[0].logprob, echo.prompt_positions[-1].logprob)
            for answer, echo in zip(answers, read, strict=True)
            if isinstance(echo, Reply) and answer.usable and answer.usable[0].token.text == echo.prompt_positions[-1].token.text
        ]
        known = [(answer, echo) for answer, echo in pairs if answer is not None and echo is not None]
        other = [(answer, echo) for answer, echo in known if abs(answer - echo) > TOLERANCE]
        if 2 * len(other) > len(known):
            raise NotAvailable(
                "The endpoint gives a token another log-probability in a prompt than as an answer to the same words before it "
                f"({other[0][1]:.2f} against {other[0][0]:.2f} nats; {len(other)} of {len(known)} tokens): its numbers for "
                "prompts are not those of the texts, or shifted. Nothing follows from them."
            )


def _echo(name: str, text: str) -> Ask:
    """The request for the log-probabilities of a text."""
    return Ask(name, text, "completions", SHORTEST_ANSWER, 0.0, top_logprobs=1, echo=True)


def logprobs_of(reply: Reply) -> NDArray[np.float64]:
    """(m,) log-probabilities of the tokens of an echoed prompt, nats; the first token may have none.

    Raises:
        NotAvailable: they are missing for a part of the prompt, or not sound.
    """
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
    return np.array([position.logprob for position in scored], dtype=np.float64)


def _whole(reply: Reply) -> bool:
    """Whether the tokens of an echoed prompt are those of the whole prompt, by text or, where they have none, by number."""
    tokens = [position.token for position in reply.prompt_positions]
    billed = reply.usage[0]
    by_text = of_whole_text(tokens, reply.ask.prompt)
    return by_text if by_text is not None else billed is None or abs(billed - len(tokens)) <= 1
