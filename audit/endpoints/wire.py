"""Requests and answers as servers write them: OpenAI chat, legacy completions and Responses, and their dialects.

Knows nothing about connections. References: OpenAI API, vLLM 0.32, llama.cpp (chat-shaped `content` on both surfaces, `id`
per token), Together 2024 (legacy arrays and `token_ids` in chat), Fireworks (`token_id` per token).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llm_audit.endpoints.defects import judged, last_digit, placeholders, repaired
from llm_audit.endpoints.envelope import SURROGATES, Malformed, choice_of, content_of, name_of, text_of, usage_of
from llm_audit.endpoints.key import REMOVED
from llm_audit.endpoints.pieces import of_another_text
from llm_audit.endpoints.positions import NO_SHAPE, positions_of, prompt_length, prompt_of
from llm_audit.endpoints.records import Ask, Position, Reply, Token

NO_LOGPROBS = "Log-probabilities were asked for and not returned."
_NO_ALTERNATIVES = "Alternatives were asked for and not returned."
_USED_UP = "The model used up its tokens on reasoning that is not shown."
_NOT_UTF_8 = "The answer is not UTF-8."
_KEY_REMOVED = "The answer repeated the API key, which was removed from it."
SENTENCES = (NO_LOGPROBS, _NO_ALTERNATIVES, _USED_UP, _NOT_UTF_8, _KEY_REMOVED, NO_SHAPE)
"""Templates of notes on an answer as a whole; those on its log-probabilities are in `llm_audit.endpoints.defects`."""


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
    if ask.favoured is not None:
        body["logit_bias"] = {str(ask.favoured): ask.bias}
    return body


def responses_request(ask: Ask, model: str) -> dict[str, Any]:
    """The body of a request to the Responses API, which has no seed, stop, n, bias or log-probabilities of the prompt."""
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


def parse(ask: Ask, body: str, *, seconds: float, attempts: int) -> Reply:
    """Parse a body that came with status 200; defects of its log-probabilities go to `Reply.defects`.

    Args:
        ask: the question.
        body: bytes that are not UTF-8 as lone surrogates (`surrogateescape`).
        seconds: that the answer took.
        attempts: that it took.

    Raises:
        Malformed: it is not JSON, or has no choice in it.
    """
    data, choice, choices = choice_of(body)
    message = choice.get("message")
    text = content_of(message) if isinstance(message, dict) else text_of(choice, "text")
    usage, hidden = usage_of(data)
    raw, notes = positions_of(choice.get("logprobs"))
    if usage[1] is not None and len(raw) < usage[1] - hidden / 2:  # else the positions are those of its thoughts, too
        usage = usage[0], usage[1] - hidden
    unreadable = bool(notes)
    prompt = prompt_of(data, choice)
    # Servers that echo a prompt may write it with another white space or a start token, but never more tokens than asked for.
    if ask.echo and ask.surface == "completions" and (text.startswith(ask.prompt) or len(raw) > ask.max_tokens):
        split = prompt_length(choice["logprobs"], raw, usage[1], ask, text) if raw else 0
        text = text.removeprefix(ask.prompt)
        prompt, raw = raw[:split] or prompt, raw[split:]
    listed = bool(raw)
    if name_of(choice, "finish_reason") == "stop" and _ends_with_control_token(raw, text):
        raw = raw[:-1]  # its number cannot be held against another model's, and the answer has ended
    mended, repairs = repaired(raw)
    # Where an echoed prompt ends is known by counts alone, which some servers get wrong by one.
    other = not ask.echo and of_another_text([position.token for position in raw], text)
    positions, flaws = judged(
        mended, rounded := last_digit(mended), placeholders(raw), other_text=other, greedy=ask.temperature == 0
    )
    if ask.top_logprobs is not None and not listed and (text or usage[1]):
        notes.append(NO_LOGPROBS)
    if ask.top_logprobs and positions and not any(position.top for position in positions):
        notes.append(_NO_ALTERNATIVES)
    if hidden and not text:
        notes.append(_USED_UP)
    if SURROGATES.search(body):
        notes.append(_NOT_UTF_8)
    if REMOVED in body:
        notes.append(_KEY_REMOVED)
    first = 1 if prompt and prompt[0].logprob is None else 0  # nothing stands before it, so that it has no probability
    return Reply(
        ask=ask,
        text=text,
        positions=positions,
        prompt_positions=(*prompt[:first], *judged(prompt[first:], max(rounded, last_digit(prompt[first:])))[0]),
        finish=name_of(choice, "finish_reason"),
        model=name_of(data, "model"),
        fingerprint=name_of(data, "system_fingerprint"),
        usage=usage,
        defects=(*notes, *flaws),
        seconds=seconds,
        attempts=attempts,
        repairs=repairs,
        rounded=rounded,
        unreadable=unreadable,
        choices=choices,
    )


def _ends_with_control_token(positions: Sequence[Position], text: str) -> bool:
    """Whether the last token has no name at all, and is not that of the text: servers write control tokens as nothing."""
    return bool(positions) and positions[-1].token == Token(None, None, "") and (len(positions) > 1 or not text)


def summary(body: str) -> tuple[str, str, tuple[int | None, int | None]]:
    """Model, fingerprint and usage (as billed) of an answer; empty of what cannot be read."""
    try:
        data, _, _ = choice_of(body)
    except Malformed:
        return "", "", (None, None)
    return name_of(data, "model"), name_of(data, "system_fingerprint"), usage_of(data)[0]
