"""Capabilities of an endpoint, found by asking it instead of trusting its documentation.

About ten short requests per surface. Knows nothing about tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from llm_audit.endpoints.records import Ask, Failure, Reply, Source, Surface, same
from llm_audit.results import Fact

UNKNOWN_MODEL = "llm-audit-no-such-model"
"""Name of a model that no server has: a server that ignores the requested name answers all the same."""

_PROMPT = "List the months of the year, separated by commas: January,"
_TOKENS = 16  # some servers refuse to answer with fewer
_REPEATS = 3
ALTERNATIVES, REPEATED = "alternatives per token", f"the same answer {_REPEATS} times at temperature 0"
"""Names of facts, after that of the surface."""

_FIRST, _SURFACES = ("Model named in the answers", "A model that does not exist"), ("Chat", "Completions")
_LINES = (
    "log-probabilities", ALTERNATIVES, "token ids", "token bytes", "log-probabilities of the prompt", "answers of one token",
    "token counts", REPEATED,
)  # fmt: skip
_DEFECTS, _SILENT, _UNANSWERED = "defects", "no answers", "No answer to "

_WIDTHS = (20, 5, 1, None)
_TOO_MUCH = (400, 422, 500, 501)  # how servers refuse what they do not know or do not grant
_FATAL = ("key", "model", "tls", "unreachable", "timeout", "stopped", "budget")
"""Failures that are not one surface's own; status 429 is none, either."""


@dataclass(frozen=True)
class SurfaceCapabilities:
    """Capabilities of one surface.

    Attributes:
        surface: chat or completions.
        logprobs: whether generated tokens have log-probabilities, legible or not.
        top_logprobs: the most alternatives that came back for a token, of 20 wanted, defective or not; 0: none.
        token_ids: whether tokens come with their ids, if asked for or by themselves.
        ask_for_ids: whether they have to be asked for (`Ask.token_ids`).
        bytes: whether tokens come with their bytes.
        echo: whether the prompt's own log-probabilities can be had.
        one_token: whether an answer of one token is allowed.
        usage: whether tokens of prompt and answer are counted.
        deterministic: whether three repeats at temperature 0 gave one text; None: not all were answered.
        defects: what was wrong with the evidence, as sentences.
    """

    surface: Surface
    logprobs: bool
    top_logprobs: int
    token_ids: bool
    ask_for_ids: bool
    bytes: bool
    echo: bool
    one_token: bool
    usage: bool
    deterministic: bool | None
    defects: tuple[str, ...]


@dataclass(frozen=True)
class Capabilities:
    """Capabilities of an endpoint.

    Attributes:
        model: the name asked for.
        served: the names that the answers gave, each once.
        chat: None: that surface gives no answers.
        completions: likewise.
        refuses_unknown_model: None: not known.
        failures: what got no answer and should have.
    """

    model: str
    served: tuple[str, ...]
    chat: SurfaceCapabilities | None
    completions: SurfaceCapabilities | None
    refuses_unknown_model: bool | None
    failures: tuple[Failure, ...]

    @property
    def best(self) -> SurfaceCapabilities | None:
        """The surface with the most alternatives per token; chat, if they are equal."""
        known = [surface for surface in (self.chat, self.completions) if surface is not None]
        return max(known, key=lambda surface: (surface.top_logprobs, surface.logprobs), default=None)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All of it, for the report."""
        refused = {True: "refused", False: "answered all the same", None: "not known"}[self.refuses_unknown_model]
        lines = list(zip(_FIRST, (", ".join(self.served) or "none", refused), strict=True))
        for name, surface in zip(_SURFACES, (self.chat, self.completions), strict=True):
            lines += [(name, _SILENT)] if surface is None else _lines_of(name, surface)
        lines += [(f"{_UNANSWERED}{failure.ask.name}", failure.reason) for failure in self.failures]
        return tuple(Fact(name=name, value=value) for name, value in lines)


def probe(endpoint: Source) -> Capabilities:
    """Ask both surfaces what they return. Failures are part of the answer; nothing that a server does raises."""
    surfaces: dict[Surface, SurfaceCapabilities | None] = {"chat": None, "completions": None}
    replies: list[Reply] = []
    failures: list[Failure] = []
    for surface in surfaces:
        first = _widest_answer(endpoint, surface)
        if isinstance(first, Reply):
            surfaces[surface] = _explore(endpoint, first, replies)
            continue
        failures.append(first)
        if first.kind in _FATAL or first.status == 429:
            break
    refused = _refuses(endpoint, replies[0].ask) if replies else None
    return Capabilities(
        model=endpoint.model,
        served=tuple(dict.fromkeys(reply.model for reply in replies if reply.model)),
        chat=surfaces["chat"],
        completions=surfaces["completions"],
        refuses_unknown_model=refused,
        failures=tuple(failures),
    )


def _widest_answer(endpoint: Source, surface: Surface) -> Reply | Failure:
    """The answer with as many alternatives per token as the endpoint grants."""
    for width in _WIDTHS:
        name = f"probe {surface} {'without' if width is None else width}"
        answer = _ask_alone(endpoint, Ask(name, _PROMPT, surface, _TOKENS, 0.0, width))
        if isinstance(answer, Reply) or answer.status not in _TOO_MUCH:
            return answer
    return answer


def _explore(endpoint: Source, first: Reply, replies: list[Reply]) -> SurfaceCapabilities:
    """The capabilities of one surface; its answers are added to `replies`."""
    ask, surface = first.ask, first.ask.surface
    repeats = [_ask_alone(endpoint, _variant(ask, f"repeat {n}")) for n in range(2, _REPEATS + 1)]
    ids = _ask_alone(endpoint, _variant(ask, "token ids", token_ids=True))
    echo = _ask_alone(endpoint, _variant(ask, "echo", echo=True))
    short = _ask_alone(endpoint, _variant(ask, "one token", max_tokens=1))
    answers = [first, *(answer for answer in (*repeats, ids, echo, short) if isinstance(answer, Reply))]
    replies += answers
    tokens = [position.token for position in first.positions]
    own_ids = bool(tokens) and all(token.id is not None for token in tokens)
    asked_ids = isinstance(ids, Reply) and bool(ids.positions) and all(p.token.id is not None for p in ids.positions)
    return SurfaceCapabilities(
        surface=surface,
        logprobs=first.unreadable or any(position.logprob is not None for position in first.positions),
        top_logprobs=max((len(position.top) for position in first.positions), default=0),
        token_ids=own_ids or asked_ids,
        ask_for_ids=asked_ids and not own_ids,
        bytes=any(token.bytes is not None for token in tokens),
        echo=isinstance(echo, Reply) and any(position.logprob is not None for position in echo.prompt_positions),
        one_token=isinstance(short, Reply) and short.usage[1] in (None, 1) and len(short.positions) <= 1,
        usage=None not in first.usage,
        deterministic=_equal([first, *repeats]),
        defects=tuple(dict.fromkeys(defect for reply in answers for defect in reply.defects)),
    )


def _refuses(endpoint: Source, ask: Ask) -> bool | None:
    """Whether a model that does not exist is refused; None: there was another fault."""
    answer = _ask_alone(endpoint.renamed(UNKNOWN_MODEL), _variant(ask, "unknown model"))
    if isinstance(answer, Reply):
        return False
    return True if answer.status is not None and 400 <= answer.status < 500 and answer.status != 429 else None


def _ask_alone(endpoint: Source, ask: Ask) -> Reply | Failure:
    """Ask one question in a run of its own, so that its failure does not stop the next one."""
    return endpoint.ask([ask])[0]


def _variant(ask: Ask, purpose: str, **changes: Any) -> Ask:
    return replace(ask, name=f"probe {ask.surface} {purpose}", **changes)


def _equal(answers: Sequence[Reply | Failure]) -> bool | None:
    """Whether all answers are the same, token by token where tokens are given; None: not all were answered."""
    replies = [answer for answer in answers if isinstance(answer, Reply)]
    if len(replies) < len(answers):
        return None
    first = replies[0]
    return all(
        reply.text == first.text
        and len(reply.positions) == len(first.positions)
        and all(same(a.token, b.token) or a.token == b.token for a, b in zip(reply.positions, first.positions, strict=True))
        for reply in replies
    )


def _lines_of(name: str, surface: SurfaceCapabilities) -> list[tuple[str, str]]:
    def yes_or_no(present: bool | None) -> str:
        return {True: "yes", False: "no", None: "not known"}[present]

    values = (
        yes_or_no(surface.logprobs),
        str(surface.top_logprobs),
        "if asked for" if surface.ask_for_ids else yes_or_no(surface.token_ids),
        yes_or_no(surface.bytes),
        yes_or_no(surface.echo),
        yes_or_no(surface.one_token),
        yes_or_no(surface.usage),
        yes_or_no(surface.deterministic),
    )
    lines = [(name, "answers"), *((f"{name}: {line}", value) for line, value in zip(_LINES, values, strict=True))]
    return lines + [(f"{name}: {_DEFECTS}", " ".join(surface.defects))] * bool(surface.defects)


def names_of(facts: Sequence[Fact]) -> list[str]:
    """The names that facts of a probe must have, in order, by which surfaces answered and which requests did not."""
    values = {fact.name: fact.value for fact in facts}
    names = [*_FIRST]
    for surface in _SURFACES:
        lines = (*_LINES, *([_DEFECTS] if f"{surface}: {_DEFECTS}" in values else ()))
        names += [surface, *(f"{surface}: {line}" for line in lines if values.get(surface) != _SILENT)]
    return names + [fact.name for fact in facts if fact.name.startswith(_UNANSWERED)]
