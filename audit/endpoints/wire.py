"""Requests and answers as servers write them: OpenAI chat, legacy completions and Responses, and their dialects.

Knows nothing about connections. References: OpenAI API, vLLM 0.32, llama.cpp (chat-shaped `content` on both surfaces, `id`
per token), Together 2024 (legacy arrays and `token_ids` in chat), Fireworks (`token_id` per token).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from llm_audit.endpoints.defects import judged, last_digit, repaired
from llm_audit.endpoints.key import REMOVED
from llm_audit.endpoints.records import Ask, Position, Reply, Token

_NO_LOGPROBS = "Log-probabilities were asked for and not returned."
_NO_ALTERNATIVES = "Alternatives were asked for and not returned."
_USED_UP = "The model used up its tokens on reasoning that is not shown."
_NOT_UTF_8 = "The answer is not UTF-8."
_KEY_REMOVED = "The answer repeated the API key, which was removed from it."
NO_SHAPE = "The log-probabilities have a shape that cannot be read."
SENTENCES = (_NO_LOGPROBS, _NO_ALTERNATIVES, _USED_UP, _NOT_UTF_8, _KEY_REMOVED, NO_SHAPE)
"""What is said of an answer as a whole; of its log-probabilities, `llm_audit.endpoints.defects` says more."""

_REPLACEMENT = "\ufffd".encode()
_UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, OverflowError)
_TOKEN_ID = re.compile(r"token_id:(\d{1,18})")  # vLLM, with return_tokens_as_token_ids; its bytes are those of this string
_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"bytes:((?:\\x[0-9a-f]{2})+)")  # legacy OpenAI, for incomplete pieces of UTF-8


class Malformed(ValueError):
    """A body with status 200 that has no answer in it; the message is a sentence."""


def request(ask: Ask, model: str, *, newer: bool = False) -> dict[str, Any]:
    """The body of a request. Only what is asked for is in it: strict servers refuse the rest.

    `newer`: chat asks for `max_completion_tokens`, the name that OpenAI's models after 2024 insist on.
    """
    longest = "max_completion_tokens" if newer and ask.surface == "chat" else "max_tokens"
    body: dict[str, Any] = {"model": model, longest: ask.max_tokens, "temperature": ask.temperature}
    if ask.temperature > 0:
        body["top_p"] = 1.0  # some servers cut the distribution unless told otherwise
    if ask.surface == "chat":
        body["messages"] = [{"role": "user", "content": ask.prompt}]
        if ask.top_logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": ask.top_logprobs}
        if ask.echo:
            body["prompt_logprobs"] = ask.top_logprobs or 0
    else:
        body["prompt"] = ask.prompt
        if ask.top_logprobs is not None:
            body["logprobs"] = ask.top_logprobs
        if ask.echo:
            body["echo"] = True
    if ask.seed is not None:
        body["seed"] = ask.seed
    if ask.token_ids:
        body["return_tokens_as_token_ids"] = True
    if ask.stop:
        body["stop"] = [ask.stop]
    if ask.n > 1:
        body["n"] = ask.n
    return body


def responses_request(ask: Ask, model: str) -> dict[str, Any]:
    """The body of a request to the Responses API, which knows no seed, stop, n and prompt's log-probabilities."""
    body: dict[str, Any] = {
        "model": model,
        "input": ask.prompt,
        "max_output_tokens": ask.max_tokens,
        "temperature": ask.temperature,
        "store": False,
    }
    if ask.temperature > 0:
        body["top_p"] = 1.0
    if ask.top_logprobs is not None:
        body |= {"include": ["message.output_text.logprobs"], "top_logprobs": ask.top_logprobs}
    return body


def error_message(body: str) -> str:
    """Complaint of the server: the message of an OpenAI-like error, else the beginning of the body."""
    try:
        fault = json.loads(body)
    except (ValueError, RecursionError):
        fault = None
    if isinstance(fault, dict):
        fault = fault.get("error", fault)
        fault = fault.get("message", fault.get("detail", fault)) if isinstance(fault, dict) else fault
    said = " ".join((_clean(fault) if isinstance(fault, str) else body).split())
    return said if len(said) <= 200 else f"{said[:200]}..."


def parse(ask: Ask, body: str, *, seconds: float, attempts: int) -> Reply:
    """Read any body that came with status 200; what is wrong with its evidence goes to `Reply.defects`.

    Args:
        ask: the question.
        body: bytes that are not UTF-8 as lone surrogates (`surrogateescape`).
        seconds: that the answer took.
        attempts: that it took.

    Raises:
        Malformed: it is not JSON, or has no choice in it.
    """
    data, choice, choices = _choice(body)
    message = choice.get("message")
    text = _text(message, "content") if isinstance(message, dict) else _text(choice, "text")
    usage, hidden = _usage(data)
    raw, notes = _positions(choice.get("logprobs"))
    if usage[1] is not None and len(raw) < usage[1] - hidden / 2:  # else the positions are those of its thoughts, too
        usage = usage[0], usage[1] - hidden
    unreadable = bool(notes)
    prompt = _prompt(data, choice)
    if ask.echo and ask.surface == "completions" and text.startswith(ask.prompt):
        text = text[len(ask.prompt) :]
        split = _prompt_length(choice["logprobs"], len(raw), usage[1], len(ask.prompt)) if raw else 0
        prompt, raw = raw[:split] or prompt, raw[split:]
    mended, repairs = repaired(raw)
    positions, flaws = judged(mended, rounded := last_digit(mended))
    if ask.top_logprobs is not None and not positions and (text or usage[1]):
        notes.append(_NO_LOGPROBS)
    if ask.top_logprobs and positions and not any(position.top for position in positions):
        notes.append(_NO_ALTERNATIVES)
    if hidden and not text:
        notes.append(_USED_UP)
    if _SURROGATES.search(body):
        notes.append(_NOT_UTF_8)
    if REMOVED in body:
        notes.append(_KEY_REMOVED)
    first = 1 if prompt and prompt[0].logprob is None else 0  # nothing stands before it, so that it has no probability
    return Reply(
        ask=ask,
        text=text,
        positions=positions,
        prompt_positions=(*prompt[:first], *judged(prompt[first:], rounded)[0]),
        finish=_text(choice, "finish_reason"),
        model=_text(data, "model"),
        fingerprint=_text(data, "system_fingerprint"),
        usage=usage,
        defects=(*notes, *flaws),
        seconds=seconds,
        attempts=attempts,
        repairs=repairs,
        rounded=rounded,
        unreadable=unreadable,
        choices=choices,
    )


def summary(body: str) -> tuple[str, str, tuple[int | None, int | None]]:
    """Model, fingerprint and usage (as billed) of an answer; empty of what cannot be read."""
    try:
        data, _, _ = _choice(body)
    except Malformed:
        return "", "", (None, None)
    return _text(data, "model"), _text(data, "system_fingerprint"), _usage(data)[0]


def _choice(body: str) -> tuple[dict[str, Any], dict[str, Any], int]:
    """The whole answer, its first choice, and how many it has."""
    try:
        data = _streamed(body) if body.lstrip().startswith(("data:", "event:", ": ")) else json.loads(body)
    except (ValueError, RecursionError):
        kind = "an HTML page" if re.match(r"\s*<(!doctype|html)", body, re.IGNORECASE) else "not JSON, or cut off"
        raise Malformed(f"Status 200, but the answer is {kind}.") from None
    if not isinstance(data, dict):
        raise Malformed("Status 200, but the answer is no JSON object.")
    choices = data.get("choices", _of_responses(data))
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return data, choices[0], len(choices)
    if data.get("error"):
        raise Malformed(f"Status 200, but the answer is an error: {error_message(body)}")
    raise Malformed("Status 200, but the answer has no choices in it.")


def _streamed(body: str) -> object:
    """The whole answer of a stream of server-sent events, which some proxies send although nobody asked for one.

    The Responses API ends its stream with the whole answer.
    Pieces of the first choice are joined: text or content, and log-probabilities of either surface; what only one piece tells
    (model, fingerprint, usage, why it ended) is kept. Raises ValueError if an event is cut off.
    """
    events = [line.removeprefix("data:").strip() for line in body.splitlines() if line.startswith("data:")]
    if not events or events[-1] != "[DONE]":
        last = json.loads(events[-1]) if events else None
        if isinstance(last, dict) and last.get("type") in ("response.completed", "response.incomplete"):
            return last.get("response")
        raise ValueError("the stream ends before its end")
    whole: dict[str, Any] = {}
    choice: dict[str, Any] = {}
    others: set[object] = set()
    for event in events[:-1]:
        piece = json.loads(event)
        if not isinstance(piece, dict):
            raise ValueError("an event is no object")
        whole |= {key: value for key, value in piece.items() if key != "choices" and value is not None}
        told = piece.get("choices")
        for part in filter(lambda part: isinstance(part, dict), told if isinstance(told, list) else ()):
            if part.get("index", 0) == 0:
                _add(choice, part)
            else:
                others.add(str(part["index"]))
    return whole | ({"choices": [choice, *({} for _ in others)]} if choice else {})


def _add(choice: dict[str, Any], piece: dict[str, Any]) -> None:
    """Join one piece of a choice to what came before."""
    delta = piece.get("delta")
    if isinstance(delta, dict):
        message = choice.setdefault("message", {"content": ""})
        message["content"] += delta["content"] if isinstance(delta.get("content"), str) else ""
    elif isinstance(piece.get("text"), str):
        choice["text"] = choice.get("text", "") + piece["text"]
    if isinstance(piece.get("logprobs"), dict):
        known = choice.setdefault("logprobs", {})
        for key, values in piece["logprobs"].items():
            if isinstance(values, list):
                known[key] = [*known.get(key, []), *values]
    if piece.get("finish_reason"):
        choice["finish_reason"] = piece["finish_reason"]


def _of_responses(data: dict[str, Any]) -> object:
    """The answer of OpenAI's Responses API as one choice: the texts of its messages, reasoning left out; None: it is none."""
    output = data.get("output")
    if not isinstance(output, list):
        return None
    parts = [
        part
        for item in output
        if isinstance(item, dict) and item.get("type") == "message" and isinstance(item.get("content"), list)
        for part in item["content"]
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
    if not parts and not output:
        return None
    told = [entry for part in parts for entry in part.get("logprobs") or ()]
    content = {"content": "".join(part["text"] for part in parts)}
    return [{"message": content, "logprobs": {"content": told} if told else None, "finish_reason": data.get("status")}]


def _positions(logprobs: object) -> tuple[list[Position], list[str]]:
    """The positions of any dialect, and a sentence if there is something that cannot be read."""
    if not isinstance(logprobs, dict):
        return [], []
    try:
        if isinstance(logprobs.get("content"), list):
            return [_chat_position(entry) for entry in logprobs["content"]], []
        if isinstance(logprobs.get("tokens"), list):
            return list(_legacy_positions(logprobs)), []
    except _UNREADABLE:
        return [], [NO_SHAPE]
    return [], []


def _chat_position(entry: dict[str, Any]) -> Position:
    top = tuple((_token(other), float(other["logprob"])) for other in entry.get("top_logprobs") or ())
    return Position(_token(entry), _number(entry.get("logprob")), top)


def _token(entry: dict[str, Any]) -> Token:
    named = _named(entry["token"])
    given = entry.get("id", entry.get("token_id"))
    told = entry.get("bytes")
    if named.id is not None or named.bytes is not None:
        return named
    known = bytes(told) if isinstance(told, list) and told else None  # never bytes(number), which allocates that many
    return Token(given if isinstance(given, int) else None, None if known == _REPLACEMENT else known, named.text)


def _named(text: str) -> Token:
    """A token of which only the string is told."""
    if match := _TOKEN_ID.fullmatch(text):
        return Token(int(match[1]), None, "")
    if match := _ESCAPED.fullmatch(text):
        return Token(None, bytes.fromhex(match[1].replace("\\x", "")), "\ufffd")
    return Token(None, None, _clean(text))


def _legacy_positions(logprobs: dict[str, Any]) -> Iterator[Position]:
    """Parallel arrays; alternatives, where there are any, in dictionaries by string."""
    names, values = logprobs["tokens"], logprobs["token_logprobs"]
    ids = logprobs.get("token_ids") or [None] * len(names)
    tables: Iterable[Any] = logprobs.get("top_logprobs") or [None] * len(names)
    for name, value, number, table in zip(names, values, ids, tables, strict=True):
        token = _named(name)
        top = sorted(((_named(other), float(lp)) for other, lp in (table or {}).items()), key=lambda pair: -pair[1])
        yield Position(token if number is None else Token(int(number), token.bytes, token.text), _number(value), tuple(top))


def _prompt(data: dict[str, Any], choice: dict[str, Any]) -> list[Position]:
    """The log-probabilities of the prompt where they stand apart: vLLM's `prompt_logprobs`, Together's `prompt`."""
    apart = choice.get("prompt_logprobs") or data.get("prompt_logprobs")
    if isinstance(apart, list):
        try:
            return [_prompt_position(table) for table in apart]
        except _UNREADABLE:
            return []
    said = data.get("prompt")
    return _positions(said[0].get("logprobs"))[0] if isinstance(said, list) and said and isinstance(said[0], dict) else []


def _prompt_position(table: dict[str, Any] | None) -> Position:
    """A dictionary by id, the token of the prompt first; None for the first token."""
    if not table:
        return Position(Token(None, None, ""), None)
    entries = [
        (Token(int(number), None, _clean(entry.get("decoded_token") or "")), float(entry["logprob"]))
        for number, entry in table.items()
    ]
    return Position(*entries[0], tuple(sorted(entries, key=lambda pair: -pair[1])))


def _prompt_length(logprobs: dict[str, Any], total: int, completion: int | None, characters: int) -> int:
    """How many of the positions belong to an echoed prompt: all but those billed as answer, else by their offsets."""
    if completion is not None:
        return max(0, total - completion)
    offsets = logprobs.get("text_offset")
    if not isinstance(offsets, list):
        return 0
    return sum(1 for offset in offsets if isinstance(offset, int) and offset < characters)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _usage(data: dict[str, Any]) -> tuple[tuple[int | None, int | None], int]:
    """Tokens of prompt and answer as billed, and how many of the latter a reasoning model thought and need not show."""
    told = data.get("usage")
    if not isinstance(told, dict):
        return (None, None), 0
    counts = (
        told.get(old, told.get(new)) for old, new in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    )
    prompt, completion = (count if isinstance(count, int) and count >= 0 else None for count in counts)
    details = told.get("completion_tokens_details", told.get("output_tokens_details"))
    hidden = details.get("reasoning_tokens") if isinstance(details, dict) else None
    known = completion is not None and isinstance(hidden, int) and 0 < hidden <= completion
    return (prompt, completion), hidden if known and isinstance(hidden, int) else 0


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return _clean(value) if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """Without lone surrogates, which no file and no terminal takes."""
    return _SURROGATES.sub("\ufffd", text)
