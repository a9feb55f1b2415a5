"""Settings of an audit, fixed before its first request. Knows nothing about endpoints or models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llm_audit.common import seeds


@dataclass(frozen=True)
class Settings:
    """Settings of an audit, fixed before its first request.

    Attributes:
        requests: to the endpoint, for the tests of distances.
        honest: questions that the reference answers, for the null distances.
        tokens: of each answer.
        alternatives: log-probabilities wanted per token.
        precisions: that count as the model promised.
        texts: prompts for the tests of texts; None: only where the endpoint hides log-probabilities.
        draws: answers of the endpoint to each of them, at temperature 1.
        text_tokens: of each.
        alpha: of the verdict.
        sequential: stop as soon as the teacher-forced comparison suffices; exceedance then cannot be run.
        seed: of prompts, ties and draws.
    """

    requests: int = 60
    honest: int = 200
    tokens: int = 8
    alternatives: int = 20
    precisions: tuple[str, ...] = ("f32", "f16", "bf16", "bf16-logits")
    texts: int | None = None
    draws: int = 5
    text_tokens: int = 30
    alpha: float = 0.01
    sequential: bool = False
    seed: str = "0"

    def prompts_of_texts(self, top_logprobs: int) -> int:
        """Number of prompts for the tests of texts on an endpoint that returns `top_logprobs` alternatives."""
        return self.texts if self.texts is not None else 0 if top_logprobs else 20

    def generator(self, purpose: str) -> np.random.Generator:
        """A random generator determined by the seed and a purpose."""
        return seeds.generator(self.seed, purpose)
