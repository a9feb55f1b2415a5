"""Tokens and their log-probabilities, as each dialect writes them. Knows nothing about what is wrong with them (`defects`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from llm_audit.endpoints.envelope import clean
from llm_audit.endpoints.records import PLACEHOLDER, Ask, Position, Token

_REPLACEMENT = "\ufffd".encode()
_UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, OverflowError)
_ID = re.compile(r"\d{1,18}", re.ASCII)
_TOKEN_ID = re.compile(r"token_id:(\d{1,18})")  # vLLM, with return_tokens_as_token_ids; its bytes are those of this string
_ESCAPED = re.compile(r"bytes:((?:\\x[0-9a-f]{2})+)")  # legacy OpenAI, for incomplete pieces of UTF-8

TAIL = 16
"""Characters at the end of a text by which it is told from another."""

NO_SHAPE = "The log-probabilities have a shape that cannot be read."
UNREADABLE = "log-probabilities of a shape that cannot be read"
"""The kind of defect for log-probabilities that cannot be read."""


def positions_of(logprobs: Any) -> tuple[list[Position], list[str]]:
    """Parse log-probabilities of any dialect: the positions, and a note for anything that cannot be read."""
    if not logprobs:
        return [], []
    try:
        kind = next((kind for kind in ("content", "tokens") if isinstance(logprobs.get(kind), list)), None)
        if kind is None:
            null = any(key in logprobs and logprobs[key] is None for key in ("content", "tokens"))
            return [], [] if null or not any(logprobs.values()) else [NO_SHAPE]
        if kind == "content":
            return [_chat_position(entry) for entry in logprobs["content"]], []
        return list(_legacy_positions(logprobs)), []
    except _UNREADABLE:
        return [], [NO_SHAPE]


def _chat_position(entry: dict[str, Any]) -> Position:
    top = _alternatives((_token(other), other["logprob"]) for other in entry.get("top_logprobs") or ())
    return Position(_token(entry), _number(entry.get("logprob")), tuple(top))


def _token(entry: dict[str, Any]) -> Token:
    named = _from_string(entry.get("token") or "")
    token_id = _id(entry.get("id", entry.get("token_id")))
    octets = entry.get("bytes")
    if named.id is not None or named.bytes is not None:
        return named
    known = bytes(octets) if isinstance(octets, list) and octets else None  # never bytes(number), which allocates that many
    return Token(token_id, None if known == _REPLACEMENT else known, named.text)


def _id(value: object) -> int | None:
    """A token's id, which some servers write as a string; None: it is not told."""
    if isinstance(value, str) and _ID.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _from_string(text: str) -> Token:
    """A token of which only the string is known."""
    if match := _TOKEN_ID.fullmatch(text):
        return Token(int(match[1]), None, "")
    if match := _ESCAPED.fullmatch(text):
        return Token(None, bytes.fromhex(match[1].replace("\\x", "")), "\ufffd")
    return Token(None, None, clean(text))


def _legacy_positions(logprobs: dict[str, Any]) -> Iterator[Position]:
    """Parallel arrays; alternatives, where there are any, in dictionaries by string."""
    names, values = logprobs["tokens"], logprobs["token_logprobs"]
    ids = logprobs.get("token_ids") or [None] * len(names)
    tables: Iterable[Any] = logprobs.get("top_logprobs") or [None] * len(names)
    for name, value, number, table in zip(names, values, ids, tables, strict=True):
        token = _from_string(name)
        top = _alternatives((_from_string(other), number) for other, number in (table or {}).items())
        top.sort(key=lambda pair: -pair[1])
        yield Position(token if number is None else Token(int(number), token.bytes, token.text), _number(value), tuple(top))


def prompt_of(data: dict[str, Any], choice: dict[str, Any]) -> list[Position]:
    """The log-probabilities of the prompt where they stand apart: vLLM's `prompt_logprobs`, Together's `prompt`."""
    apart = choice.get("prompt_logprobs") or data.get("prompt_logprobs")
    if isinstance(apart, list):
        try:
            return [_prompt_position(table) for table in apart]
        except _UNREADABLE:
            return []
    prompt = data.get("prompt")
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], dict):
        return positions_of(prompt[0].get("logprobs"))[0]
    return []


def _prompt_position(table: dict[str, Any] | None) -> Position:
    """A dictionary by id, the token of the prompt first; None for the first token."""
    if not table:
        return Position(Token(None, None, ""), None)
    tokens = [Token(int(number), None, clean(entry.get("decoded_token") or "")) for number, entry in table.items()]
    numbers = [entry["logprob"] for entry in table.values()]
    top = sorted(_alternatives(zip(tokens, numbers, strict=True)), key=lambda pair: -pair[1])
    return Position(tokens[0], _number(numbers[0]), tuple(top))


def prompt_length(logprobs: dict[str, Any], positions: Sequence[Position], completion: int | None, ask: Ask, text: str) -> int:
    """Number of positions that belong to an echoed prompt, by the text of the last ones, which may be the answer's, or none of
    it (llama-cpp-python); where that does not tell, by the tokens billed as answer, else by offsets, else by the most tokens
    that the answer may have.

    Args:
        logprobs: as the server wrote them.
        positions: of prompt and answer.
        completion: tokens billed as answer; None: not known.
        ask: the question.
        text: prompt and answer.
    """
    names = [position.token.text for position in positions]
    whole = "".join(names)
    answer = text.removeprefix(ask.prompt)
    if names[-1] and whole.endswith(ask.prompt[-TAIL:]) and not (answer and whole.endswith(text[-TAIL:])):
        return len(positions)
    if names[-1] and whole.endswith(text[-TAIL:]) and 0 < len(answer) < len(text):
        lengths = list(accumulate(map(len, reversed(names))))
        return len(names) - 1 - sum(length < len(answer) for length in lengths)
    if completion is not None:
        return max(0, len(positions) - completion)
    offsets = logprobs.get("text_offset")
    if isinstance(offsets, list) and offsets:
        return sum(1 for offset in offsets if isinstance(offset, int) and offset < len(ask.prompt))
    return max(0, len(positions) - ask.max_tokens)


def _number(value: object) -> float | None:
    """A log-probability, which some servers write as a string; None: the server has null there.

    Raises TypeError or ValueError: it is no number.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _alternatives(listed: Iterable[tuple[Token, object]]) -> list[tuple[Token, float]]:
    """Alternatives with their log-probabilities: null hides one as the usual placeholder does; none where all are null."""
    known = [(token, _number(value)) for token, value in listed]
    if all(value is None for _, value in known):
        return []
    return [(token, PLACEHOLDER if value is None else value) for token, value in known]
