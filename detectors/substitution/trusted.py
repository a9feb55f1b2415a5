"""Recorded answers of trusted endpoints as the reference: no model is needed here.

Every journal, and within one every repeat of the questions, is a variant that would be as promised. An endpoint's answer is
compared with a recorded one for as long as both have written the same tokens, so that both numbers are of one context.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any

import numpy as np

from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.rule import Measurement
from llm_audit.detectors.substitution import two_samples
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.detectors.substitution.distance import granted, of_tables, places, rounded_to
from llm_audit.detectors.substitution.questions import is_question, is_text
from llm_audit.detectors.substitution.reference import TRUSTED, Favoured, Floats
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.endpoints.journal import Replay
from llm_audit.endpoints.records import Position, Reply, Surface, Token, same
from llm_audit.reports.wording import notes
from llm_audit.reports.wording.substitution import TRUSTED as TRUSTED_ENDPOINT
from llm_audit.results import Fact
from llm_audit.results.substitution_evidence import LOG_PROBABILITIES

SHARED = 0.1
"""Least share of questions with a common token at the first position; below, tokens cannot be matched."""


class Trusted:
    """A `Reference`: the journals of trusted endpoints, written by `llm-audit substitution record` or `audit`.

    Args:
        journals: of at least one.
        tokens: number of an answer's tokens that are compared.

    Raises:
        AuditError: they cannot be compared with each other, or would show no difference.
    """

    words = TRUSTED
    no_signal_reason = notes.NO_SIGNAL.write()
    supports_prefixes = False

    def __init__(self, journals: Sequence[Replay], tokens: int) -> None:
        self._journals, self._tokens = tuple(journals), tokens
        answered = [journal.replies() for journal in journals]
        replies = [reply for recorded in answered for reply in recorded]
        answers = [reply for reply in replies if is_question(reply)]
        if len({reply.ask.surface for reply in answers}) != 1:
            raise InvalidInput(
                "The journals of trusted endpoints hold "
                + ("answers of chats and of completions" if answers else "no answers to questions")
                + "; record them with `llm-audit substitution record`, on one surface."
            )
        self.surface: Surface = answers[0].ask.surface
        lengths = sorted({reply.ask.max_tokens for reply in answers})
        if lengths != [tokens]:  # texts cannot be cut to a number of tokens
            listed = " and ".join(map(str, lengths))
            raise InvalidConfiguration(
                f"The trusted answers were asked for {listed} tokens and this audit's for {tokens}; use --tokens {lengths[0]}"
                + (", and journals of one length." if len(lengths) > 1 else ".")
            )
        self.alternatives = min(granted([reply for reply in recorded if is_question(reply)]) for recorded in answered)
        self._rounded = max(reply.rounded for reply in answers)
        self._billed = [{reply.ask.prompt: reply.usage[0] for reply in recorded} for recorded in answered]
        repeats = [_repeats(recorded) for recorded in answered]
        self._variants = {
            f"trusted endpoint {at}" + (f", answer {number}" if len(by_repeat) > 1 else ""): by_prompt
            for at, by_repeat in enumerate(repeats, start=1)
            for number, by_prompt in enumerate(by_repeat, start=1)
        }
        if len(self._variants) < 2:
            raise InvalidInput(
                "One trusted answer to each question gives no honest distance: how far may an honest endpoint be from it? "
                "Record with --repeats 2 or more, or name the journal of a second trusted endpoint."
            )
        everywhere = set.intersection(*(set(by_prompt) for by_prompt in self._variants.values()))
        prompts = tuple(dict.fromkeys(reply.ask.prompt for reply in answers if reply.ask.prompt in everywhere))
        apart = self._farthest(prompts, self.alternatives)
        self.prompts = tuple(prompts[at] for at in np.flatnonzero(np.isfinite(apart).all(axis=0)))
        # Endpoints that honour seeds write the same text for the same seed: as two draws of one law it may count once.
        first = {(reply.ask.prompt, reply.ask.seed): reply.text for reply in reversed(replies) if is_text(reply)}
        self._texts = [(prompt, text) for (prompt, _), text in first.items()]
        if not apart[np.isfinite(apart)].any():
            raise InvalidInput(f"{self.no_signal_reason} Record another trusted endpoint too.")

    @property
    def name(self) -> str:
        """Name of the trusted model."""
        return ", ".join(dict.fromkeys(journal.model for journal in self._journals)) + " as recorded"

    @property
    def allowed(self) -> tuple[str, ...]:
        """Names of the variants that count as promised: one for each repeat of each trusted endpoint."""
        return tuple(self._variants)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The trusted endpoints, and when each was asked."""
        return tuple(
            Fact(name=TRUSTED_ENDPOINT.write(at=at), value=f"{journal.url}, model {journal.model}, asked {date}")
            for at, journal in enumerate(self._journals, start=1)
            for date in [next((fact.value for fact in journal.facts if fact.name == "Asked"), "never")]
        )

    def vocabulary_mismatch(self, replies: Sequence[Reply]) -> str:
        """The reason why the endpoint's tokens cannot be compared with the trusted ones, as a sentence; "" if they can."""
        known = next(iter(self._variants.values()))
        pairs = [
            (reply.usable[0], known[reply.ask.prompt].usable[0])
            for reply in replies
            if reply.usable and known[reply.ask.prompt].usable
        ]
        shared = sum(bool(first.keys() & second.keys()) for first, second in (_tables(*pair) for pair in pairs))
        if not pairs or not self.alternatives or shared > SHARED * len(pairs):
            return ""
        return notes.OTHER_NAMES.write(apart=len(pairs) - shared, answers=len(pairs))

    def comparable(self, replies: Sequence[Reply], k: int) -> list[Reply]:
        """The replies at a finite distance from every trusted answer: with common token identifiers or, with k = 0, a text."""
        readable = [reply for reply in replies if (places(reply, k) if k else reply.text)]
        return [
            reply
            for reply in readable
            if all(np.isfinite(self._apart(by_prompt[reply.ask.prompt], reply, k)) for by_prompt in self._variants.values())
        ]

    def ended_alike(self, replies: Sequence[Reply], k: int) -> int:
        """0, since questions that trusted endpoints leave unanswered are not asked."""
        return 0

    def measures(self, k: int) -> tuple[str, str]:
        """Name and unit of what compares answers: distances of log-probabilities or, where they are hidden, of texts."""
        return (LOG_PROBABILITIES, "nats per alternative") if k else ("share after the first difference", "of the answer")

    def null_distances(
        self, prompts: Sequence[str], k: int, progress: Progress = silent, *, rounded: float = 0.0
    ) -> dict[str, Floats]:
        """Variant -> (N,) distance of the farthest other trusted answer."""
        apart = self._farthest(prompts, k, rounded)
        finite = np.isfinite(apart).all(axis=0)
        return {name: row[finite] for name, row in zip(self._variants, apart, strict=True)}

    def _farthest(self, prompts: Sequence[str], k: int, rounded: float = 0.0) -> Floats:
        """(variants, prompts) how far the farthest other variant is; infinite where nothing can be compared."""
        variants = list(self._variants.values())
        return np.array(
            [
                [
                    max(
                        self._apart(variant[prompt], other[prompt], k, rounded)
                        for other in variants
                        if other is not variant or rounded
                    )
                    for prompt in prompts
                ]
                for variant in variants
            ]
        ).reshape(len(variants), len(prompts))

    def distances(self, replies: Sequence[Reply], k: int, progress: Progress = silent) -> dict[str, Floats]:
        """Variant -> (n,) distances of answers from it, which are rounded if the trusted ones are."""
        return {
            name: np.array([self._apart(by_prompt[reply.ask.prompt], reply, k, self._rounded) for reply in replies])
            for name, by_prompt in self._variants.items()
        }

    def token_counts(self, prompts: Sequence[str]) -> dict[str, int]:
        """Prompt -> tokens as billed by the first trusted endpoint that was asked for them."""
        known = [{prompt: count for prompt in prompts if (count := billed.get(prompt)) is not None} for billed in self._billed]
        return next(filter(None, known), {})

    @property
    def first_texts(self) -> Collection[str]:
        """None: a vocabulary is not recorded."""
        return ()

    def next_texts(
        self, prompts: Sequence[str], progress: Progress = silent, *, variants: int | None = None
    ) -> dict[str, list[dict[str, float]]]:
        """None: where log-probabilities are hidden, they are not recorded either."""
        return {}

    def favoured(self, prompts: Sequence[str], progress: Progress = silent) -> Sequence[Favoured]:
        """None: logits are not recorded."""
        return ()

    def turning_points(self, favoured: Sequence[Favoured], progress: Progress = silent) -> dict[str, Sequence[float]]:
        """None: logits are not recorded."""
        return {}

    def text_prompts(self, prompts: Sequence[str]) -> Sequence[str]:
        """The prompts for which texts were recorded."""
        return tuple(dict.fromkeys(prompt for prompt, _ in self._texts))

    def measure_texts(
        self, texts: Sequence[tuple[str, str]], settings: Settings, progress: Progress = silent
    ) -> list[tuple[SubstitutionRule[Any, Any], Measurement[Any]]]:
        """Measure two samples only, since ranks need the model's own log-probabilities of a text."""
        prompts = {prompt for prompt, _ in texts}
        recorded = [pair for pair in self._texts if pair[0] in prompts]
        return [(two_samples.rule, two_samples.measure(texts, recorded, settings.seed, self.words))]

    def _apart(self, trusted: Reply, other: Reply, k: int, rounded: float = 0.0) -> float:
        return between_replies(trusted, other, k, self._tokens, rounded) if k else between_texts(trusted.text, other.text)


def between_replies(first: Reply, second: Reply, k: int, tokens: int, rounded: float = 0.0) -> float:
    """Mean over the places that both reached by the same tokens of `of_tables`, nats; at most `tokens` places.

    The second one's numbers are rounded to a digit first, if one is given.

    Infinite if there is none, or if no token of some place is named by both.
    """
    distances = []
    for position, other_position in zip(places(first, k)[:tokens], places(second, k)[:tokens], strict=False):
        known, other = _tables(position, other_position, k)
        distances.append(of_tables(known, rounded_to(other, rounded)) if known and other else float("inf"))
        if not same(position.token, other_position.token):
            break
    return float(np.mean(distances)) if distances else float("inf")


def between_texts(first: str, second: str) -> float:
    """Share of the longer of two texts that follows their first difference; 0 if they are equal."""
    longest = max(len(first), len(second))
    alike = next((at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second)))
    return 1 - alike / longest if longest else 0.0


def _repeats(replies: Sequence[Reply]) -> list[dict[str, Reply]]:
    """The answers by repeat: prompt -> first answer, prompt -> second answer, as far as all prompts have one."""
    by_prompt: dict[str, list[Reply]] = {}
    for reply in replies:
        if is_question(reply) and reply.text and not reply.defects:
            by_prompt.setdefault(reply.ask.prompt, []).append(reply)
    counts = [len(answers) for answers in by_prompt.values()]
    repeats = int(np.median(counts)) if counts else 0
    complete = {prompt: answers for prompt, answers in by_prompt.items() if len(answers) >= repeats}
    return [{prompt: answers[number] for prompt, answers in complete.items()} for number in range(repeats)]


def _tables(position: Position, other: Position, k: int | None = None) -> tuple[dict[Hashable, float], dict[Hashable, float]]:
    """The `k` likeliest tokens of two positions with log-probabilities, by the identifier by which they have most in common.

    Of equal ones the most reliable: id, bytes, text, text without the white space at its ends, which some gateways take off.
    Tokens without it, or that share it with another token of their position, are left out.
    """
    best: tuple[dict[Hashable, float], dict[Hashable, float]] = ({}, {})
    for name in NAMES:
        tables = (_named(position, name, k), _named(other, name, k))
        if len(tables[0].keys() & tables[1].keys()) > len(best[0].keys() & best[1].keys()) or not best[0]:
            best = tables
    return best


def _named(position: Position, name: Callable[[Token], Hashable | None], k: int | None) -> dict[Hashable, float]:
    """The `k` likeliest tokens of a position by one identifier, as far as they have it for themselves."""
    names = [(name(token), value) for token, value in position.table[:k]]
    counts = Counter(known for known, _ in names)
    return {known: value for known, value in names if known is not None and counts[known] == 1}


def _text(token: Token) -> str | None:
    """The text of a token; None: it identifies none."""
    return token.text if token.text and "\ufffd" not in token.text else None


NAMES: tuple[Callable[[Token], Hashable | None], ...] = (
    lambda token: token.id,
    lambda token: token.bytes or None,
    _text,
    lambda token: (_text(token) or "").strip() or None,
)
"""Identifiers of tokens, the most reliable first; each gives None for a token that lacks it."""
