"""Distance of an answer's log-probabilities from the reference's: one number a request.

Pure functions of what was returned and what the reference found. Knows nothing about tests.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import takewhile
from typing import TypeVar

import numpy as np

from llm_audit.detectors.substitution.reference_model import Answer, Vocabulary
from llm_audit.endpoints.records import Position, Reply
from llm_audit.scoring.tokens import TokenScores

Name = TypeVar("Name", bound=Hashable)

LONGEST_MARGIN = 20.0
"""Cap of a token's margin, in nats, so that one token impossible under the reference does not outweigh all others."""


def places(reply: Reply, k: int) -> tuple[Position, ...]:
    """The positions before the first that is defective or has fewer than `k` alternatives."""
    return tuple(takewhile(lambda position: len(position.table) >= k, reply.usable))


def usable(reply: Reply, vocabulary: Vocabulary, k: int) -> tuple[Position, ...]:
    """The positions before the first with a token that the vocabulary lacks."""
    return tuple(takewhile(lambda position: vocabulary.find(position.token) is not None, places(reply, k)))


def answer_of(reply: Reply, vocabulary: Vocabulary, k: int) -> Answer:
    """The usable tokens of a reply, as ids of the reference."""
    ids = [vocabulary.find(position.token) for position in usable(reply, vocabulary, k)]
    return Answer(reply.ask.prompt, tuple(token for token in ids if token is not None))


def of_tables(first: Mapping[Name, float], second: Mapping[Name, float]) -> float:
    """Mean |log p - log q|, in nats, of two lists of likeliest tokens at the same position of a text.

    Both are cut to the shorter one's length. A token that one table lacks is taken to have that table's smallest value: it has
    at most that (left-censoring, as in `stats.tracking`).
    """
    k = min(len(first), len(second))
    tables = [dict(sorted(table.items(), key=lambda entry: -entry[1])[:k]) for table in (first, second)]
    floors = [min(table.values()) for table in tables]
    union = tables[0].keys() | tables[1].keys()
    return float(np.mean([abs(tables[0].get(token, floors[0]) - tables[1].get(token, floors[1])) for token in union]))


def to_endpoint(reply: Reply, scores: TokenScores, vocabulary: Vocabulary, k: int) -> float:
    """Mean over the usable places of `of_tables`, endpoint against reference, nats.

    Where the server tells no ids, tokens that no text identifies are left out on both sides; and where one of its tokens has
    no name at all, as llama.cpp's control tokens have "" for a text, so are those of the reference that it does not name.
    """
    places = usable(reply, vocabulary, k)
    distances = []
    for place, position in enumerate(places[: len(scores)]):
        returned = {vocabulary.find(token): value for token, value in position.table}
        known = {token: value for token, value in returned.items() if token is not None}
        expected = table(scores, place, k)
        if any(token.id is None for token, _ in position.table):
            nameless = not all(token.identified for token, _ in position.table)
            expected = {
                token: value
                for token, value in expected.items()
                if token in vocabulary.told_by_text and (token in known or not (nameless and token in vocabulary.special))
            }
        if known and expected:
            distances.append(of_tables(known, expected))
    return float(np.mean(distances)) if distances else float("inf")


def between(first: TokenScores, second: TokenScores, k: int, rounded: float = 0.0) -> float:
    """Mean of `of_tables` between two precisions of the reference, over `k` likeliest tokens; the second is `rounded_to`."""
    pairs = [(table(first, place, k), rounded_to(table(second, place, k), rounded)) for place in range(len(first))]
    return float(np.mean([of_tables(*pair) for pair in pairs]))


def rounded_to(numbers: Mapping[Name, float], digit: float) -> dict[Name, float]:
    """The numbers as a server returns them that rounds to multiples of `digit`; 0: unchanged."""
    return {name: round(value / digit) * digit if digit else value for name, value in numbers.items()}


def table(scores: TokenScores, place: int, k: int) -> dict[int, float]:
    """The `k` likeliest tokens at a position, with their log-probabilities."""
    assert scores.top_ids is not None and scores.top_logprobs is not None
    return dict(zip(scores.top_ids[place, :k].tolist(), scores.top_logprobs[place, :k].tolist(), strict=True))


def margin(scores: TokenScores) -> float:
    """Mean over the tokens of log p(likeliest) - log p(token), nats; 0 for what the reference would have written itself.

    Token-DiFR's margin at temperature 0 (arXiv 2511.20621), for endpoints that hide log-probabilities.
    """
    return float(np.mean(np.minimum(scores.max_logprob - scores.logprob, LONGEST_MARGIN)))


def granted(replies: Sequence[Reply]) -> int:
    """Median number of log-probabilities per position in the replies; 1: only that of the token itself."""
    counts = [len(position.table) for reply in replies for position in reply.usable if position.table]
    return int(np.median(counts)) if counts else 0
