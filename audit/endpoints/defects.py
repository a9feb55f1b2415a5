"""Defects of returned log-probabilities. Defective numbers are reported and never used as evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from llm_audit.endpoints.records import Failure, Position, Reply, Token, same

PLACEHOLDER = -9999.0
"""Value that OpenAI and vLLM return in place of a log-probability that they do not have, or of minus infinity."""

ROUNDING = 1e-3
"""By how much probabilities may add up to more than 1, and two numbers for one token may differ: servers round."""


def judged(positions: Sequence[Position]) -> tuple[tuple[Position, ...], tuple[str, ...]]:
    """The positions with their defects, and the same defects as sentences about all of them."""
    zero = len(positions) > 1 and all(p.logprob == 0 and not any(lp for _, lp in p.top) for p in positions)
    found = [("all log-probabilities of the answer are zero",) if zero else _flaws(p) for p in positions]
    where: dict[str, list[int]] = {}
    for place, flaws in enumerate(found, start=1):
        for flaw in flaws:
            where.setdefault(flaw, []).append(place)
    sentences = (
        f"At {len(places)} of {len(positions)} positions, first at {places[0]}: {flaw}." for flaw, places in where.items()
    )
    return tuple(replace(p, defects=flaws) for p, flaws in zip(positions, found, strict=True)), tuple(sentences)


def _flaws(position: Position) -> tuple[str, ...]:
    """Defect of one position."""
    chosen, top = position.logprob, position.top
    numbers = [logprob for _, logprob in top] + ([] if chosen is None else [chosen])
    if not all(map(math.isfinite, numbers)):  # nothing can be computed from these
        return ("a log-probability is not a finite number",)
    entry = next((logprob for token, logprob in top if same(token, position.token)), None)
    total = sum(math.exp(min(logprob, 0.0)) for _, logprob in top)
    if entry is None and chosen is not None:
        total += math.exp(min(chosen, 0.0))
    # vLLM puts the chosen token first, whatever its probability.
    ordered = [logprob for _, logprob in (top[1:] if top and same(top[0][0], position.token) else top)]
    checks = {
        "the token has no log-probability": chosen is None,
        "the token cannot be told from others: neither id nor bytes, and no text of its own": not position.token.identified,
        "a log-probability is the placeholder -9999": any(number <= PLACEHOLDER for number in numbers),
        "a log-probability is positive": any(number > 1e-5 for number in numbers),
        "all log-probabilities are zero": len(top) > 1 and not any(numbers),
        "a token is listed twice": _repeated([token for token, _ in top]),
        "the list is not in falling order": any(b > a + 1e-6 for a, b in pairwise(ordered)),
        "the probabilities add up to more than 1": total > 1 + ROUNDING,
        "the token has another log-probability in the list": (
            chosen is not None and entry is not None and abs(chosen - entry) > ROUNDING
        ),
    }
    return tuple(flaw for flaw, present in checks.items() if present)


def _repeated(tokens: Sequence[Token]) -> bool:
    keys = [token.key for token in tokens if token.identified]
    return len(set(keys)) < len(keys)


def changes(replies: Sequence[Reply | Failure]) -> tuple[str, ...]:
    """Whether the server named another model, or another version of itself, in the midst of the replies, as sentences.

    The replies come in the order of asking, which with several requests at once is roughly that of answering.
    """
    sentences = []
    for name, field in (("model", "model"), ("system_fingerprint", "fingerprint")):
        seen = [(reply.ask.name, getattr(reply, field)) for reply in replies if isinstance(reply, Reply)]
        values = list(dict.fromkeys(value for _, value in seen))
        if len(values) > 1:
            where = next(ask for ask, value in seen if value != values[0])
            told = ", ".join(repr(value) if value else "none" for value in values)
            sentences.append(f"The {name} changed in the midst, first at {where!r}: {told}.")
    return tuple(sentences)
