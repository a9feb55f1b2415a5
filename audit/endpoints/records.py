"""Questions to an endpoint and its answers. Knows nothing about HTTP, models or tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from math import log
from typing import Literal, Protocol

from llm_audit.common.progress import Progress
from llm_audit.results import Fact

Surface = Literal["chat", "completions"]
Key = tuple[str, int | bytes | str]

PLACEHOLDER = -9999.0
"""Value that OpenAI and vLLM return in place of a log-probability that they do not have, or of minus infinity."""


@dataclass(frozen=True)
class Token:
    """One token, by what the server told of it.

    Attributes:
        id: in the server's vocabulary; None: not told.
        bytes: what it stands for; None: not told, or only told as the replacement character.
        text: as returned: "\\ufffd" for an incomplete piece of UTF-8, "" if only the id is known.
    """

    id: int | None
    bytes: bytes | None
    text: str

    @property
    def key(self) -> Key:
        """The token's most reliable identifier: its id, else its bytes, else its text."""
        if self.id is not None:
            return "id", self.id
        return ("bytes", self.bytes) if self.bytes is not None else ("text", self.text)

    @property
    def identified(self) -> bool:
        """Whether it can be told from other tokens: many different ones have the text "" or "\\ufffd"."""
        return self.id is not None or self.bytes is not None or bool(self.text and "\ufffd" not in self.text)


def same(a: Token, b: Token) -> bool:
    """Whether two tokens are the same, by the most reliable identifier that both have; False if it identifies neither."""
    if a.id is not None and b.id is not None:
        return a.id == b.id
    if a.bytes is not None and b.bytes is not None:
        return a.bytes == b.bytes
    return a.text == b.text and bool(a.text) and "\ufffd" not in a.text


@dataclass(frozen=True)
class Position:
    """One token position, with the log-probabilities that the server returned for it.

    Attributes:
        token: what stands there.
        logprob: natural logarithm of its probability; None: not told.
        top: the likeliest tokens and their logarithms, in the order returned; a legacy table, which has no order, by size.
        defects: what is wrong with these numbers, as phrases; then none of them is evidence.
        contradictory: whether a defect shows that the numbers cannot be log-probabilities; see `defects.POOR`.
    """

    token: Token
    logprob: float | None
    top: tuple[tuple[Token, float], ...] = ()
    defects: tuple[str, ...] = ()
    contradictory: bool = False

    @property
    def table(self) -> tuple[tuple[Token, float], ...]:
        """The known log-probabilities: of the likeliest tokens or, where the server lists none, of the token itself."""
        return self.top or (() if self.logprob is None else ((self.token, self.logprob),))


@dataclass(frozen=True)
class Ask:
    """One question to an endpoint.

    Attributes:
        name: unique in a plan.
        prompt: the one user message, or the text to be continued.
        max_tokens: of the answer.
        top_logprobs: alternatives wanted per token; None: no log-probabilities at all.
        echo: whether the log-probabilities of the prompt are wanted, too (legacy completions; vLLM's chat).
        token_ids: whether to ask for ids in place of strings (vLLM; other servers refuse or ignore it).
        stop: string before which the answer ends; "": none.
        n: answers wanted to the one question.
        favoured: id of the token whose logit is raised (`logit_bias`); None: none.
        bias: by which it is raised, nats.
    """

    name: str
    prompt: str
    surface: Surface
    max_tokens: int
    temperature: float
    top_logprobs: int | None = None
    seed: int | None = None
    echo: bool = False
    token_ids: bool = False
    stop: str = ""
    n: int = 1
    favoured: int | None = None
    bias: float = 0.0


@dataclass(frozen=True)
class Reply:
    """An answer with status 200.

    Attributes:
        text: of the answer alone, without the prompt.
        positions: one per token of the answer, as far as the server returned them.
        prompt_positions: one per token of the prompt, if the server returns them.
        finish: why it ended, in the server's word, or "".
        model: the name that the server gave, or "".
        fingerprint: `system_fingerprint`, or "".
        usage: tokens of prompt and answer as billed; None: not told.
        defects: what is wrong with the evidence, as sentences.
        seconds: from the request to the last byte, of the attempt that was answered.
        attempts: the last included.
        repairs: what was put right in the evidence without changing a number, as sentences.
        rounded: nats of the last digit to which the server rounds log-probabilities; 0: it does not, or that cannot be told.
        unreadable: log-probabilities came in a shape that cannot be read.
        choices: answers that came; everything above is of the first.
    """

    ask: Ask
    text: str
    positions: tuple[Position, ...]
    prompt_positions: tuple[Position, ...]
    finish: str
    model: str
    fingerprint: str
    usage: tuple[int | None, int | None]
    defects: tuple[str, ...]
    seconds: float
    attempts: int
    repairs: tuple[str, ...] = ()
    rounded: float = 0.0
    unreadable: bool = False
    choices: int = 1

    @property
    def usable(self) -> tuple[Position, ...]:
        """The positions before the first that has a defect."""
        return tuple(takewhile(lambda position: not position.defects, self.positions))


def in_nats(reply: Reply) -> Reply:
    """The reply of a server whose logarithms are to base 2, in nats."""
    return _times(reply, log(2))


def in_bits(reply: Reply) -> Reply:
    """The reply of a server whose logarithms are natural, to base 2."""
    return _times(reply, 1 / log(2))


def _times(reply: Reply, factor: float) -> Reply:
    """The reply with all log-probabilities times a factor."""
    positions = (
        replace(
            position,
            logprob=None if position.logprob is None else position.logprob * factor,
            top=tuple((token, number * factor) for token, number in position.top),
        )
        for position in reply.positions
    )
    return replace(reply, positions=tuple(positions))


FailureKind = Literal[
    "unreachable",  # no connection could be made
    "tls",  # the certificate is not trusted
    "connection",  # it broke off
    "timeout",
    "status",  # of HTTP, other than 200 and those below
    "key",  # 401, 402, 403
    "model",  # 404 that names the model
    "redirect",
    "too large",
    "malformed",  # status 200, but no answer in it
    "budget",  # not sent
    "stopped",  # not sent
    "interrupted",
    "not recorded",  # replay: the journal has nothing about it
]


@dataclass(frozen=True)
class Failure:
    """A question that got no answer.

    Attributes:
        reason: one sentence, never with the key.
        status: of HTTP; None: no answer came.
        attempts: requests sent; 0: none was.
    """

    ask: Ask
    kind: FailureKind
    reason: str
    status: int | None
    attempts: int


@dataclass(frozen=True)
class Cost:
    """Cost of requests so far.

    Attributes:
        requests: questions of which at least one attempt was sent.
        attempts: requests sent, retries included.
        prompt_tokens: as the server counts them, over all answers.
        completion_tokens: likewise.
        uncounted: answers that do not state how many tokens they cost.
    """

    requests: int
    attempts: int
    prompt_tokens: int
    completion_tokens: int
    uncounted: int


class Source(Protocol):
    """An endpoint, or the journal of one."""

    def ask(self, asks: Sequence[Ask], progress: Progress = ...) -> list[Reply | Failure]:
        """The outcomes of all questions, in the order of `asks`; `progress` gets the share that is done."""

    def renamed(self, model: str) -> Source:
        """The same source, asked for another model."""

    @property
    def model(self) -> str:
        """The name of the model that is asked for."""

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Facts for the report: which endpoint was asked what."""

    @property
    def cost(self) -> Cost:
        """Cost so far."""
