"""Requests that show whether an endpoint honours stop, seed and n, and counts of what their answers show.

Knows nothing about verdicts: `conformance` draws the conclusion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from llm_audit.endpoints.records import Ask, Failure, Reply
from llm_audit.results.substitution_evidence import Parameter

STOPS = 4
"""Number of requests with a stop string."""

PAIRS = 8
"""Number of pairs of requests with one seed."""

TOKENS = 24
"""Tokens of answers with a seed: long enough that two draws of one text are rare."""

ANSWERS = 2
"""Answers requested in one request (n)."""

NAMES = ("stop", "seed", "n")
"""The parameters, in the order of reports."""

_STOP, _SEED, _N = "stop ", "seed ", "number of answers"
_WORD = re.compile(r"\w+")
_GOES_ON = re.compile(r"\s\w")


def trials(replies: Sequence[Reply]) -> list[Ask]:
    """Requests about prompts that were answered at temperature 0; none without such an answer that has a text.

    A stop string is a word of the answer that the endpoint gave without one, so that an endpoint that gives the same answer
    again has to stop there. Of each seed there are two requests, which differ in their names alone.
    """
    known = [reply for reply in replies if reply.ask.temperature == 0 and reply.text.strip()]
    if not known:
        return []
    plain = [replace(reply.ask, top_logprobs=None, echo=False, token_ids=False) for reply in known]
    words = ((ask, _word(reply.text)) for ask, reply in zip(plain, known, strict=True))
    stopped = [(ask, word) for ask, word in words if word][:STOPS]
    drawn = [plain[number % len(plain)] for number in range(PAIRS)]
    return [
        *(replace(ask, name=f"{_STOP}{number}", stop=word) for number, (ask, word) in enumerate(stopped, start=1)),
        *(
            replace(ask, name=f"{_SEED}{seed}, draw {draw}", temperature=1.0, max_tokens=TOKENS, seed=seed)
            for seed, ask in enumerate(drawn, start=1)
            for draw in (1, 2)
        ),
        replace(plain[0], name=_N, temperature=1.0, n=ANSWERS),
    ]


def _word(text: str) -> str:
    """The first word, neither first nor last in the text, that does not occur earlier in it; "" if there is none."""
    text = _answer(text)
    words = list(_WORD.finditer(text))
    return next((word[0] for word in words[1:-1] if text.find(word[0]) == word.start() and goes_on(text, word[0])), "")


def goes_on(text: str, stop: str) -> bool:
    """Whether a text has another word after the stop string; some servers leave the token that holds the string in the text."""
    return bool(_GOES_ON.search(_answer(text).partition(stop)[2]))


def _answer(text: str) -> str:
    """A text without the thoughts before it, which some servers leave in it and search for no stop string."""
    return text.rpartition("</think>")[2]


def counted(outcomes: Sequence[Reply | Failure]) -> tuple[Parameter, ...]:
    """Counts of ignored parameters in the answers to `trials`. A parameter refused with an error is not counted as ignored."""
    replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    observed: dict[Literal["stop", "seed", "n"], list[bool]] = {
        "stop": [goes_on(reply.text, reply.ask.stop) for reply in replies if reply.ask.stop],
        "seed": [first.text != second.text for first, second in _pairs(replies) if first.text or second.text],
        "n": [reply.choices != reply.ask.n for reply in replies if reply.ask.n > 1],
    }
    return tuple(Parameter(name=name, tried=len(shown), ignored=sum(shown)) for name, shown in observed.items() if shown)


def _pairs(replies: Sequence[Reply]) -> Iterator[tuple[Reply, Reply]]:
    """The two answers with each seed, where both came."""
    first: dict[int, Reply] = {}
    for reply in replies:
        if reply.ask.seed is not None:
            if reply.ask.seed in first:
                yield first[reply.ask.seed], reply
            else:
                first[reply.ask.seed] = reply
