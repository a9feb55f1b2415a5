"""One text with its scores by all candidates, and the likelihood ratios between them.

Knows nothing about verdicts or sentences.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.attribution.candidate import Candidate, Setting
from llm_audit.detectors.attribution.support import finite, null_logprob, rival_logprob
from llm_audit.detectors.populations import Population
from llm_audit.results import Document
from llm_audit.results.evidence import Against, Ratio
from llm_audit.scoring.request import Request
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokens import Decoding, TokenScores
from llm_audit.stats.alignment import align
from llm_audit.text import RawText

Role = Literal["candidate", "sanctioned", "other"]
Scores = Mapping[Setting, TokenScores]
"""The scores of one text by one model, under each setting."""


@dataclass(frozen=True)
class Author:
    """A candidate with the session of its model. Candidates of one model share its session.

    Attributes:
        references: populations of its generations, for an unknown prompt.
        others: sessions of the same model in the candidate's further weight precisions.
    """

    candidate: Candidate
    role: Role
    session: Session
    references: tuple[Population, ...] = ()
    others: tuple[Session, ...] = ()

    @property
    def name(self) -> str:
        """The candidate as written on the command line."""
        return self.candidate.name

    @property
    def decodings(self) -> tuple[Decoding, ...]:
        """Its settings, and those without truncation that the tests of truncated ones need."""
        decodings = self.candidate.decodings
        return tuple(dict.fromkeys((*decodings, *(decoding.free for decoding in decodings if decoding.truncates))))

    def reference_terms(self, decoding: Decoding) -> str:
        """Digest of how texts are generated and scored under a setting, by which a population of its generations is found."""
        terms = f"{self.session.conditions(Request(decoding=decoding))} {self.candidate.template}"
        return hashlib.sha256(terms.encode()).hexdigest()


def under(scores: Scores, decoding: Setting) -> TokenScores:
    """The scores under one setting; those of a truncated setting get the columns of the untruncated one that tests need."""
    token_scores = scores[decoding]
    if not decoding.truncates:
        return token_scores
    full = scores[decoding.free]
    return replace(
        token_scores,
        free_logprob=full.logprob,
        free_renyi=full.renyi,
        # A plain setting always keeps the likeliest token, so its gain by truncation is minus the log of the kept mass.
        kept=np.minimum(full.max_logprob - token_scores.max_logprob, 0) if full.kept is None else full.kept,
    )


@dataclass(frozen=True, eq=False)
class Text:
    """A text with its scores by every candidate.

    Attributes:
        raw: as read.
        person: the document of the same text compared with human writing.
        authors: the candidates.
        scores: per candidate, or the sentence that says why there are none.
    """

    raw: RawText
    person: Document
    authors: Sequence[Author]
    scores: Sequence[Scores | str]

    def scored(self, number: int) -> bool:
        """Whether candidate `number` has scores."""
        return not isinstance(self.scores[number], str)

    def length(self, number: int) -> int:
        """Tokens that candidate `number` has scored."""
        return len(next(iter(self._of(number).values())))

    def settings(self, number: int) -> list[TokenScores]:
        """The scores of candidate `number` under each of its settings."""
        scores = self._of(number)
        return [under(scores, setting) for setting in self.authors[number].candidate.settings]

    def rivals(self, number: int) -> list[int]:
        """The rivals of candidate `number`: for a member of a set the candidates outside, if there are any; else all others."""
        others = [i for i in range(len(self.authors)) if i != number and self.scored(i)]
        role = self.authors[number].role
        outside = [i for i in others if self.authors[i].role != role]
        return outside if role != "candidate" and outside else others

    def columns(self, scores: TokenScores, alternatives: Sequence[int]) -> NDArray[np.float64]:
        """(n, k) log p of the tokens of `scores` under each setting of each alternative; `align` maps other tokenizers."""
        columns = [self._onto(scores, other) for number in alternatives for other in self.settings(number)]
        return np.stack(columns, 1) if columns else np.empty((len(scores), 0))

    def against(self, null: Sequence[int], alternatives: Sequence[int]) -> tuple[Against, ...]:
        """Likelihoods of the whole text: of `alternatives` together against each of `null`, under each of its settings."""
        return tuple(
            Against(candidate=number, settings=tuple(self._totals(scores, alternatives) for scores in self.settings(number)))
            for number in null
        )

    def _totals(self, scores: TokenScores, alternatives: Sequence[int]) -> Ratio:
        above, below = (np.cumsum(steps, axis=0)[-1] for steps in (self.columns(scores, alternatives), null_logprob(scores)))
        return Ratio(rivals=tuple(map(finite, above)), null=finite(below))

    def same(self, number: int, other: int) -> bool:
        """Whether two candidates, whatever their names, give the text the same probabilities."""
        settings, others = self.settings(number), self.settings(other)
        return len(settings) == len(others) and all(
            np.array_equal(a.token_id, b.token_id) and np.array_equal(a.logprob, b.logprob)
            for a, b in zip(settings, others, strict=True)
        )

    def same_tokens(self, number: int, other: int) -> bool:
        """Whether two candidates read the text as the same tokens."""
        return _same_tokens(self.settings(number)[0], self.settings(other)[0])

    def _of(self, number: int) -> Scores:
        scores = self.scores[number]
        assert not isinstance(scores, str), scores
        return scores

    def _onto(self, scores: TokenScores, other: TokenScores) -> NDArray[np.float64]:
        if _same_tokens(scores, other):
            return rival_logprob(other)
        return align(null_logprob(scores), scores.char_end, rival_logprob(other), other.char_end, self._word_ends)

    @cached_property
    def _word_ends(self) -> list[int]:
        return [match.end() for match in re.finditer(r"\S(?=\s)", self.raw.text)]


def _same_tokens(scores: TokenScores, other: TokenScores) -> bool:
    return np.array_equal(scores.token_id, other.token_id) and np.array_equal(scores.char_end, other.char_end)
