"""From questions to distances: the endpoint's and, for comparison, the reference's own.

Knows nothing about tests or verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from llm_audit.endpoints.probe import SurfaceCapabilities
from llm_audit.endpoints.records import Ask, Reply
from llm_audit.scoring.tokens import TokenScores
from llm_audit.substitution import distance
from llm_audit.substitution.reference import GREEDY, Answer, Reference
from llm_audit.substitution.settings import Settings

Floats = NDArray[np.float64]
Progress = Callable[[str, float], None]


def silent(stage: str, share: float) -> None:
    """The progress callback of callers that show none."""


def questions(prompts: Sequence[str], surface: SurfaceCapabilities, tokens: int, alternatives: int | None) -> list[Ask]:
    """One request at temperature 0 for each prompt."""
    return [
        Ask(f"question {number}", prompt, surface.surface, tokens, 0.0, alternatives, token_ids=surface.ask_for_ids)
        for number, prompt in enumerate(prompts, start=1)
    ]


def comparable(replies: Sequence[Reply], reference: Reference, k: int) -> list[tuple[Reply, Answer]]:
    """The answers that have something to compare: places with `k` alternatives or, with k = 0, a text."""
    vocabulary = reference.vocabulary
    found = [
        (reply, distance.answer_of(reply, vocabulary, k) if k else reference.reread(reply.ask.prompt, reply.text))
        for reply in replies
    ]
    return [(reply, answer) for reply, answer in found if answer.token_ids]


def ended_alike(replies: Sequence[Reply], reference: Reference, k: int) -> int:
    """How many replies that have nothing to compare ended at once where the reference does, too: they are as they should be."""
    compared = {id(reply) for reply, _ in comparable(replies, reference, k)}
    empty = [reply for reply in replies if id(reply) not in compared and not reply.text and not reply.defects]
    drawn = reference.draw([reply.ask.prompt for reply in empty], 1, GREEDY, 0) if empty else []
    return sum(not answer.token_ids for answer in drawn)


def honest_distances(
    reference: Reference, prompts: Sequence[str], settings: Settings, k: int, progress: Progress = silent
) -> dict[str, Floats]:
    """Precision -> (N,) how far the farthest other allowed precision is from it, on the reference's own answers."""
    drawn = reference.draw(prompts, settings.tokens, GREEDY, 0, lambda share: progress("Answers of the reference", share))
    answers = [answer for answer in drawn if answer.token_ids]
    if not k:  # as an endpoint's texts are read
        texts = [reference.tokenizer.decode(list(answer.token_ids)) for answer in answers]
        answers = [reference.reread(answer.prompt, text) for answer, text in zip(answers, texts, strict=True)]
        answers = [answer for answer in answers if answer.token_ids]
    scores = _scores(reference, answers, settings, k, "Honest distances", progress)
    if not k:
        margins = {name: np.array([distance.margin(each) for each in column]) for name, column in scores.items()}
        return dict.fromkeys(margins, np.max(list(margins.values()), axis=0))
    return {
        name: np.array(
            [
                max(distance.between(each[name], each[other], k) for other in scores if other != name)
                for each in ({key: column[i] for key, column in scores.items()} for i in range(len(answers)))
            ]
        )
        for name in scores
    }


def endpoint_distances(
    reference: Reference,
    answers: Sequence[tuple[Reply, Answer]],
    settings: Settings,
    k: int,
    progress: Progress = silent,
) -> dict[str, Floats]:
    """Precision -> (n,) how far the endpoint's answers are from it."""
    scores = _scores(reference, [answer for _, answer in answers], settings, k, "Endpoint's answers", progress)
    vocabulary = reference.vocabulary
    return {
        name: np.array(
            [
                distance.to_endpoint(reply, each, vocabulary, k) if k else distance.margin(each)
                for (reply, _), each in zip(answers, column, strict=True)
            ]
        )
        for name, column in scores.items()
    }


def _scores(
    reference: Reference, answers: Sequence[Answer], settings: Settings, k: int, stage: str, progress: Progress
) -> dict[str, list[TokenScores]]:
    """Precision -> scores of each answer."""
    passes = len(settings.precisions)
    return {
        name: reference.scores(
            answers,
            name,
            k,
            lambda share, number=number: progress(stage, (number + share) / passes),  # type: ignore[misc]
        )
        for number, name in enumerate(settings.precisions)
    }
