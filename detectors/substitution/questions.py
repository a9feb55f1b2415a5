"""The requests of an audit, and how their recorded answers are recognised. Knows nothing about tests."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.endpoints.probe import SurfaceCapabilities
from llm_audit.endpoints.records import Ask, Reply, Surface

_QUESTION, _TEXT = "question ", "text "


def questions(
    prompts: Sequence[str], surface: SurfaceCapabilities, tokens: int, alternatives: int | None, repeats: int = 1
) -> list[Ask]:
    """One request at temperature 0 for each prompt, or several that differ in their names alone."""
    return [
        Ask(
            f"{_QUESTION}{number}" + (f", repeat {repeat}" if repeats > 1 else ""),
            prompt, surface.surface, tokens, 0.0, alternatives, token_ids=surface.ask_for_ids,
        )
        for repeat in range(1, repeats + 1)
        for number, prompt in enumerate(prompts, start=1)
    ]  # fmt: skip


def texts(prompts: Sequence[str], surface: Surface, tokens: int, draws: int, first_seed: int = 0) -> list[Ask]:
    """Several requests at temperature 1 for each prompt. Two endpoints need seeds of their own, or their draws are one."""
    return [
        Ask(f"{_TEXT}{number}, draw {draw}", prompt, surface, tokens, 1.0, seed=first_seed + number * 1000 + draw)
        for number, prompt in enumerate(prompts, start=1)
        for draw in range(1, draws + 1)
    ]


def is_question(reply: Reply) -> bool:
    """Whether a reply answers one of `questions`."""
    return reply.ask.name.startswith(_QUESTION)


def is_text(reply: Reply) -> bool:
    """Whether a reply answers one of `texts`."""
    return reply.ask.name.startswith(_TEXT)
