"""The body of an answer, a JSON object or a stream of events, of completions or of the Responses API: choice, usage, error.

Reads no log-probabilities.
"""

from __future__ import annotations

import json
import re
from typing import Any

SURROGATES = re.compile("[\ud800-\udfff]")

LONGEST_NAME = 200
"""Most characters of the name of a model or of a version that are kept."""

MOST_TOKENS = 10**9
"""Most tokens that a server can count; a larger number is no count."""


class Malformed(ValueError):
    """Raised for a body with status 200 that contains no answer; the message is a sentence."""


def error_message(body: str) -> str:
    """Complaint of the server: the message of an OpenAI-like error, else the beginning of the body."""
    try:
        fault = json.loads(body)
    except (ValueError, RecursionError):
        fault = None
    if isinstance(fault, dict):
        fault = fault.get("error", fault)
        fault = fault.get("message", fault.get("detail", fault)) if isinstance(fault, dict) else fault
    message = " ".join((clean(fault) if isinstance(fault, str) else body).split())
    return message if len(message) <= 200 else f"{message[:200]}..."


def choice_of(body: str) -> tuple[dict[str, Any], dict[str, Any], int]:
    """The whole answer, its first choice, and how many it has."""
    body = body.removeprefix("\ufeff")
    try:
        data = _streamed(body) if body.lstrip().startswith(("data:", "event:", ": ")) else json.loads(body)
    except (ValueError, RecursionError):
        kind = "an HTML page" if re.match(r"\s*<(!doctype|html)", body, re.IGNORECASE) else "not JSON, or cut off"
        raise Malformed(f"Status 200, but the answer is {kind}.") from None
    if not isinstance(data, dict):
        raise Malformed("Status 200, but the answer is no JSON object.")
    choices = data.get("choices", _of_responses(data))
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        first = next((choice for choice in choices if isinstance(choice, dict) and choice.get("index") == 0), choices[0])
        return data, first, len(choices)
    if data.get("error"):
        message = error_message(body)
        raise Malformed(f"Status 200, but the answer is an error: {message}{'' if message.endswith(('.', '!', '?')) else '.'}")
    raise Malformed("Status 200, but the answer has no choices in it.")


_LINE_END = re.compile(r"\r\n|\r|\n")
"""What ends a line of a stream of events; other separators, such as U+2028, stand within an answer."""


def _streamed(body: str) -> object:
    """The whole answer of a stream of server-sent events, which some proxies send although nobody asked for one.

    The Responses API ends its stream with the whole answer.
    Pieces of the first choice are joined: text or content, and log-probabilities of either surface; what only one piece tells
    (model, fingerprint, usage, why it ended) is kept. Raises ValueError if an event is cut off.
    """
    events = [line.removeprefix("data:").strip() for line in _LINE_END.split(body) if line.startswith("data:")]
    if not events or events[-1] != "[DONE]":
        last = json.loads(events[-1]) if events else None
        if isinstance(last, dict) and last.get("type") in ("response.completed", "response.incomplete"):
            return last.get("response")
        raise ValueError("the stream ends before its end")
    answer: dict[str, Any] = {}
    choice: dict[str, Any] = {}
    others: set[object] = set()
    for event in events[:-1]:
        piece = json.loads(event)
        if not isinstance(piece, dict):
            raise ValueError("an event is no object")
        answer |= {key: value for key, value in piece.items() if key != "choices" and value is not None}
        choices = piece.get("choices")
        for part in filter(lambda part: isinstance(part, dict), choices if isinstance(choices, list) else ()):
            if part.get("index", 0) == 0:
                _add(choice, part)
            else:
                others.add(str(part["index"]))
    return answer | ({"choices": [choice, *({} for _ in others)]} if choice else {})


def _add(choice: dict[str, Any], piece: dict[str, Any]) -> None:
    """Join one piece of a choice to what came before."""
    delta = piece.get("delta")
    if isinstance(delta, dict):
        message = choice.setdefault("message", {"content": ""})
        message["content"] += content_of(delta)
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
    logprobs = [entry for part in parts for entry in part.get("logprobs") or ()]
    content = {"content": "".join(part["text"] for part in parts)}
    return [{"message": content, "logprobs": {"content": logprobs} if logprobs else None, "finish_reason": data.get("status")}]


def usage_of(data: dict[str, Any]) -> tuple[tuple[int | None, int | None], int]:
    """Tokens of prompt and answer as billed, and how many of the answer's were a reasoning model's hidden ones."""
    usage = data.get("usage")
    if not isinstance(usage, dict):
        return (None, None), 0
    spellings = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    counts = (usage.get(old, usage.get(new)) for old, new in spellings)
    prompt, completion = (count if type(count) is int and 0 <= count <= MOST_TOKENS else None for count in counts)
    details = usage.get("completion_tokens_details", usage.get("output_tokens_details"))
    hidden = details.get("reasoning_tokens") if isinstance(details, dict) else None
    known = completion is not None and isinstance(hidden, int) and 0 < hidden <= completion
    return (prompt, completion), hidden if known and isinstance(hidden, int) else 0


def text_of(data: dict[str, Any], name: str) -> str:
    """The text of a field; "" if it has none."""
    value = data.get(name)
    return clean(value) if isinstance(value, str) else ""


def content_of(message: dict[str, Any]) -> str:
    """The text of a message, whose content some servers give as a list of parts; parts that are thoughts are left out."""
    parts = message.get("content")
    if not isinstance(parts, list):
        return text_of(message, "content")
    return "".join(text_of(part, "text") for part in parts if isinstance(part, dict) and part.get("type", "text") == "text")


def name_of(data: dict[str, Any], name: str) -> str:
    """The name that a field of an answer holds, such as the model's, cut to `LONGEST_NAME`; "" if it is no string."""
    return text_of(data, name)[:LONGEST_NAME]


def clean(text: str) -> str:
    """The text without lone surrogates, which cannot be encoded in UTF-8."""
    return SURROGATES.sub("\ufffd", text)
