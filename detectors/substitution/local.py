"""A model on this machine as the reference, in each of the precisions that are allowed.

Knows nothing about verdicts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llm_audit.common.progress import Progress, named, part, silent
from llm_audit.detectors.rule import Measurement
from llm_audit.detectors.substitution import distance, rank_uniformity, two_samples
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.detectors.substitution.reference import LOCAL, Favoured, Floats, Words
from llm_audit.detectors.substitution.reference_model import GREEDY, Answer, ReferenceModel, mismatch
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.endpoints.records import Reply, Surface
from llm_audit.reports.wording.substitution import REFERENCE, reference
from llm_audit.results import Fact
from llm_audit.results.substitution_evidence import LOG_PROBABILITIES
from llm_audit.scoring.tokens import Decoding, TokenScores

REFERENCE_DRAWS = 10
"""Answers of the reference to each prompt of the text tests."""


@dataclass(frozen=True)
class LocalModel:
    """A `Reference` that is run here.

    Attributes:
        model: the model, and how it is asked.
        precisions: that count as the model promised.
        tokens: of each answer.
    """

    model: ReferenceModel
    precisions: tuple[str, ...]
    tokens: int
    words: Words = LOCAL
    supports_prefixes: bool = True
    no_signal_reason: str = ""
    alternatives: int | None = None

    @property
    def surface(self) -> Surface:
        """The surface on which endpoints are asked: chat or completions."""
        return self.model.surface

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.stored.name

    @property
    def allowed(self) -> tuple[str, ...]:
        """Names of the variants that the endpoint may be: the model in each allowed precision, as "MODEL, PRECISION"."""
        return tuple(f"{self.name}, {precision}" for precision in self.precisions)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Facts about the model for the report."""
        return (Fact(name=REFERENCE, value=reference(self.name, self.model.stored.digest, self.surface)),)

    def vocabulary_mismatch(self, replies: Sequence[Reply]) -> str:
        """The reason why the replies' tokens cannot be the model's, as a sentence; "" if they can."""
        return mismatch(replies, self.model.vocabulary)

    def comparable(self, replies: Sequence[Reply], k: int) -> list[Reply]:
        """The answers that can be compared: those whose tokens are known, with `k` alternatives each or, with k = 0, a text."""
        return [reply for reply in replies if self._answer(reply, k).token_ids]

    def ended_alike(self, replies: Sequence[Reply], k: int) -> int:
        """Number of empty replies to prompts on which the reference ends at once, too."""
        empty = [reply for reply in replies if not self._answer(reply, k).token_ids and not reply.text and not reply.defects]
        drawn = self.model.draw([reply.ask.prompt for reply in empty], 1, GREEDY, 0) if empty else []
        return sum(not answer.token_ids for answer in drawn)

    def measures(self, k: int) -> tuple[str, str]:
        """Name and unit of what compares answers: distances of log-probabilities or, where they are hidden, margins."""
        return (LOG_PROBABILITIES, "nats per alternative") if k else ("margin", "nats per token")

    def null_distances(
        self, prompts: Sequence[str], k: int, progress: Progress = silent, *, rounded: float = 0.0
    ) -> dict[str, Floats]:
        """Precision -> (N,) distance of the farthest other allowed precision, on the reference's own answers."""
        drawn = self.model.draw(prompts, self.tokens, GREEDY, 0, named(progress, "Answers of the reference"))
        answers = [answer for answer in drawn if answer.token_ids]
        if not k:  # as an endpoint's texts are read
            answers = [self.model.reread(answer.prompt, self._text(answer)) for answer in answers]
            answers = [answer for answer in answers if answer.token_ids]
        scores = self._scores(answers, k, "Null distances", progress)
        if not k:
            margins = {name: np.array(list(map(distance.margin, column))) for name, column in scores.items()}
            return dict.fromkeys(margins, np.max(list(margins.values()), axis=0))
        return {
            name: np.array(
                [
                    max(
                        distance.between(by_precision[name], by_precision[other], k, rounded)
                        for other in scores
                        if other != name or rounded
                    )
                    for by_precision in ({key: column[i] for key, column in scores.items()} for i in range(len(answers)))
                ]
            )
            for name in scores
        }

    def distances(self, replies: Sequence[Reply], k: int, progress: Progress = silent) -> dict[str, Floats]:
        """Precision -> (n,) distances of answers from it."""
        scores = self._scores([self._answer(reply, k) for reply in replies], k, "Endpoint's answers", progress)
        vocabulary = self.model.vocabulary
        return {
            name: np.array(
                [
                    distance.to_endpoint(reply, token_scores, vocabulary, k) if k else distance.margin(token_scores)
                    for reply, token_scores in zip(replies, column, strict=True)
                ]
            )
            for name, column in scores.items()
        }

    def token_counts(self, prompts: Sequence[str]) -> dict[str, int]:
        """Prompt -> tokens by the model's own tokenizer."""
        return {prompt: self.model.count(prompt) for prompt in prompts}

    @property
    def first_texts(self) -> Collection[str]:
        """The texts of all tokens of the vocabulary."""
        return self.model.vocabulary.all_written

    def next_texts(
        self, prompts: Sequence[str], progress: Progress = silent, *, variants: int | None = None
    ) -> dict[str, list[dict[str, float]]]:
        """Precision -> for each prompt, the probability of each text of a token to come first."""
        chosen = self.precisions[:variants]
        return {
            name: self.model.next_texts(prompts, name, part(progress, number / len(chosen), (number + 1) / len(chosen)))
            for number, name in enumerate(chosen)
        }

    def favoured(self, prompts: Sequence[str], progress: Progress = silent) -> list[Favoured]:
        """The prompts whose second likeliest first token is at most `LARGEST_BIAS` nats behind, by the first precision."""
        return self.model.favoured(prompts, self.precisions[0], progress)

    def turning_points(self, favoured: Sequence[Favoured], progress: Progress = silent) -> dict[str, list[float]]:
        """Precision -> for each prompt, the bias in nats from which on the favoured token comes first."""
        first, *others = self.precisions
        return {first: [wanted.turning_point for wanted in favoured]} | {
            name: self.model.turning_points(favoured, name, part(progress, number / len(others), (number + 1) / len(others)))
            for number, name in enumerate(others)
        }

    def text_prompts(self, prompts: Sequence[str]) -> Sequence[str]:
        """All prompts, since the model can answer any."""
        return prompts

    def measure_texts(
        self, texts: Sequence[tuple[str, str]], settings: Settings, progress: Progress = silent
    ) -> list[tuple[SubstitutionRule[Any, Any], Measurement[Any]]]:
        """Measure rank uniformity and two samples, against the model's own answers at temperature 1."""
        first = dict(reversed(texts))
        drawn = self.model.draw(
            [prompt for prompt in first for _ in range(REFERENCE_DRAWS)],
            settings.text_tokens,
            Decoding(),
            int(settings.generator("reference texts").integers(2**31)),
            named(progress, "Texts of the reference"),
        )
        reference_texts = [(answer.prompt, self._text(answer)) for answer in drawn]
        scores = self.log_ranks([*first.items(), *reference_texts], progress)
        fewer = [item for at, item in enumerate(reference_texts) if at % REFERENCE_DRAWS < settings.draws]
        ranked = rank_uniformity.measure(
            [scores[item] for item in first.items()],
            [[scores[item] for item in reference_texts if item[0] == prompt] for prompt in first],
            settings.seed,
            (two_samples.repeated(texts), two_samples.repeated(fewer)),
        )
        return [
            (rank_uniformity.rule, ranked),
            (two_samples.rule, two_samples.measure(texts, fewer, settings.seed, self.words)),
        ]

    def log_ranks(self, texts: Sequence[tuple[str, str]], progress: Progress = silent) -> dict[tuple[str, str], float]:
        """(prompt, text) -> mean log-rank of the text's tokens as the tokenizer reads it; 0 if empty."""
        different = list(dict.fromkeys(texts))
        answers = [self.model.reread(prompt, text) for prompt, text in different]
        full = [answer for answer in answers if answer.token_ids]
        scored = iter(self.model.scores(full, "f32", 0, named(progress, "Ranks of texts")))
        return {
            text: float(np.mean(np.log(next(scored).rank))) if answer.token_ids else 0.0
            for text, answer in zip(different, answers, strict=True)
        }

    def _text(self, answer: Answer) -> str:
        return self.model.tokenizer.decode(list(answer.token_ids))

    def _answer(self, reply: Reply, k: int) -> Answer:
        """The comparable part of a reply, in the model's tokens."""
        if k:
            return distance.answer_of(reply, self.model.vocabulary, k)
        return self.model.reread(reply.ask.prompt, reply.text)

    def _scores(self, answers: Sequence[Answer], k: int, stage: str, progress: Progress) -> dict[str, list[TokenScores]]:
        """Precision -> scores of each answer."""
        passes = len(self.precisions)
        return {
            name: self.model.scores(
                answers,
                name,
                k,
                named(part(progress, number / passes, (number + 1) / passes), stage),
            )
            for number, name in enumerate(self.precisions)
        }
