"""The model that an endpoint claims to serve, run on this machine: its answers, and its scores in each precision.

Knows nothing about endpoints' wire formats or about tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp

from tokenizers import Tokenizer

from llm_audit.common.errors import InvalidConfiguration, local_packages
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.substitution.reference import Favoured
from llm_audit.endpoints.records import Reply, Surface, Token
from llm_audit.reports.wording import notes
from llm_audit.scoring.cache import ScoreCache
from llm_audit.scoring.chat import render
from llm_audit.scoring.request import Prompted, Request, Windowing, context_length
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import StoredModel
from llm_audit.scoring.tokenizer import decode_tokens, load_tokenizer
from llm_audit.scoring.tokens import Decoding, TokenScores

PRECISIONS = {"f32": "float32", "f16": "float32 of float16", "bf16": "bfloat16", "bf16-logits": "bfloat16 to bfloat16"}
"""Precisions in which a model may be served and still count as the promised one; name -> dtype of a `Session`.

bf16 rounds weights and computation, bf16-logits the logits as well, as on servers whose output layer is in half precision; it
changes log-probabilities most. f16 rounds the weights alone: CPUs only emulate half-precision arithmetic, at a seventh of the
speed, and it changes log-probabilities less than bfloat16 does.
"""

GREEDY = Decoding(top_k=1)

LARGEST_BIAS = 8.0
"""Nats by which a favoured token may be behind the likeliest one."""

LIKELIEST = 1000
"""Tokens whose probabilities are read after a prompt: what is left is too little to matter for the likeliest texts."""

AGREEING = 0.9
"""Least share of tokens whose id and text match in the reference; below, the endpoint has a different tokenizer."""


@dataclass(frozen=True)
class Answer:
    """A continuation of a prompt: its tokens in the reference's vocabulary."""

    prompt: str
    token_ids: tuple[int, ...]


@dataclass(frozen=True)
class ReferenceModel:
    """A model of the store, with the surface and device on which it answers.

    Attributes:
        stored: the model.
        surface: whether prompts go through its chat template.
        device: where to compute.
        cache: of scores, or None.
    """

    stored: StoredModel
    surface: Surface
    device: str = "cpu"
    cache: ScoreCache | None = None

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the reference."""
        return load_tokenizer(self.stored.folder)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the reference."""
        return Vocabulary(self.tokenizer)

    @property
    def room(self) -> int:
        """Tokens that the model can see at once."""
        return context_length(self.stored.config)

    def as_read(self, prompt: str) -> str:
        """A prompt as the model reads it. Raises AuditError: a chat without a chat template."""
        if self.surface == "completions":
            return prompt
        if self.stored.chat_template is None:
            raise InvalidConfiguration(
                f"The reference {self.stored.name} has no chat template, so nobody knows how a chat reads to it; ask the "
                "endpoint for --surface completions, or name a folder with its chat_template."
            )
        return render(self.stored.chat_template, prompt, self.stored.special_tokens)

    def count(self, prompt: str) -> int:
        """Tokens of a prompt as the model reads it."""
        return len(self.tokenizer.encode(self.as_read(prompt), add_special_tokens=False).ids)

    def scores(self, answers: Sequence[Answer], precision: str, top_k: int, progress: Progress = silent) -> list[TokenScores]:
        """The reference's teacher-forced scores of each answer, with its `top_k` likeliest tokens at each position."""
        session = Session(self.stored, device=self.device, cache=self.cache, dtype=PRECISIONS[precision])
        texts = [
            Prompted(decode_tokens(self.tokenizer, answer.token_ids), self.as_read(answer.prompt), answer.token_ids)
            for answer in answers
        ]
        request = Request(Windowing(self.room - 1, first_only=True), top_k=top_k)
        return list(session.score(texts, request, progress))

    def next_texts(self, prompts: Sequence[str], precision: str, progress: Progress = silent) -> list[dict[str, float]]:
        """Probability of each text that the one token after a prompt can be, white space at its ends aside.

        Of the `LIKELIEST` tokens. Under "": white space alone, pieces of characters, and what ends the answer.
        """
        probabilities = []
        for likeliest in self._first_tokens(prompts, precision, progress):
            texts: dict[str, float] = {}
            for token, logprob in likeliest.items():
                text = self.vocabulary.written(token)
                texts[text] = texts.get(text, 0.0) + exp(logprob)
            probabilities.append(texts)
        return probabilities

    def favoured(self, prompts: Sequence[str], precision: str, progress: Progress = silent) -> list[Favoured]:
        """The second likeliest first token after each prompt; without prompts where it has no text, or is far behind."""
        chosen = []
        for prompt, likeliest in zip(prompts, self._first_tokens(prompts, precision, progress), strict=True):
            (first, highest), *others = likeliest.items()
            text = self.vocabulary.written(first)
            near = ((token, self.vocabulary.written(token)) for token, value in others if highest - value <= LARGEST_BIAS)
            token, written = next(((token, other) for token, other in near if other not in ("", text)), (0, ""))
            if written:
                chosen.append(Favoured(prompt, token, written, self._turning_point(likeliest, token, written)))
        return chosen

    def turning_points(self, favoured: Sequence[Favoured], precision: str, progress: Progress = silent) -> list[float]:
        """The bias in nats from which on each favoured token comes first, before all tokens of another text."""
        first = self._first_tokens([wanted.prompt for wanted in favoured], precision, progress)
        return [
            self._turning_point(likeliest, wanted.token, wanted.text) for wanted, likeliest in zip(favoured, first, strict=True)
        ]

    def _turning_point(self, likeliest: Mapping[int, float], token: int, text: str) -> float:
        """The largest log-probability of a token of another text, less that of this token."""
        highest = max(value for other, value in likeliest.items() if self.vocabulary.written(other) != text)
        return highest - likeliest.get(token, min(likeliest.values()))

    def _first_tokens(self, prompts: Sequence[str], precision: str, progress: Progress) -> Iterator[dict[int, float]]:
        """For each prompt, the log-probabilities of its `LIKELIEST` first tokens, the likeliest first."""
        any_token = min(self.vocabulary.told_by_text)  # what follows a prompt does not change its probabilities
        for scores in self.scores([Answer(prompt, (any_token,)) for prompt in prompts], precision, LIKELIEST, progress):
            assert scores.top_ids is not None and scores.top_logprobs is not None
            yield dict(zip(scores.top_ids[0].tolist(), scores.top_logprobs[0].tolist(), strict=True))

    def draw(
        self, prompts: Sequence[str], max_tokens: int, decoding: Decoding, seed: int, progress: Progress = silent
    ) -> list[Answer]:
        """One drawn answer to each prompt, in float32; without tokens if the model ends it at once."""
        with local_packages():
            from llm_audit.scoring.generate import Sampler

        sampler = Sampler(self.stored, self.device)
        read = [self.as_read(prompt) for prompt in prompts]
        drawn = sampler(read, decoding, max_tokens, seed, progress)
        return [Answer(prompt, sample.token_ids) for prompt, sample in zip(prompts, drawn, strict=True)]

    def reread(self, prompt: str, text: str) -> Answer:
        """An answer known only by its text, with the tokens that the tokenizer reads in it."""
        return Answer(prompt, tuple(self.tokenizer.encode(text, add_special_tokens=False).ids))


class Vocabulary:
    """A map from a server's tokens to ids of the reference.

    Args:
        tokenizer: of the reference.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._texts: Mapping[int, str] = {
            token: decode_tokens(tokenizer, [token]) for token in range(tokenizer.get_vocab_size(with_added_tokens=True))
        }
        self.special = frozenset(token for token, added in tokenizer.get_added_tokens_decoder().items() if added.special)
        """Control tokens, which some servers give another text than their name, or none."""
        by_text: dict[str, int | None] = {}
        for token, text in self._texts.items():
            by_text[text] = None if text in by_text or not text or "\ufffd" in text else token
        self._by_text = {text: token for text, token in by_text.items() if token is not None}
        self.told_by_text = frozenset(self._by_text.values())
        """Tokens that their text alone identifies."""

    def find(self, token: Token) -> int | None:
        """The id of a server's token: its own if given, else that of the only token with its bytes or text, else None."""
        if token.id is not None:
            return token.id if token.id in self._texts else None
        if token.bytes is not None:
            try:
                return self._by_text.get(token.bytes.decode())
            except UnicodeDecodeError:
                return None
        return self._by_text.get(token.text)

    @cached_property
    def all_written(self) -> frozenset[str]:
        """Every text that `written` knows, but for ""."""
        return frozenset(map(self.written, self._texts)) - {""}

    def written(self, token: int) -> str:
        """The text of a token, white space at its ends aside; "" if it is a piece of a character, special, or unknown."""
        text = self._texts.get(token, "")
        return "" if "\ufffd" in text or token in self.special else text.strip()

    def agrees(self, token: Token) -> bool | None:
        """Whether id and text of a server's token match here; None: it does not have both."""
        if token.id is None or not token.text or "\ufffd" in token.text or "\ufffd" in self._texts.get(token.id, ""):
            return None
        return self._texts.get(token.id) == token.text


def mismatch(replies: Sequence[Reply], vocabulary: Vocabulary) -> str:
    """The reason why the endpoint's tokens cannot be the reference's, as a sentence; "" if they can."""
    tokens = [
        token
        for reply in replies
        for position in reply.usable
        for token in (position.token, *(alternative for alternative, _ in position.top))
    ]
    agree = [agrees for token in tokens if (agrees := vocabulary.agrees(token)) is not None]
    if agree and sum(agree) < AGREEING * len(agree):
        return notes.OTHER_VOCABULARY.write(told=len(agree), others=1 - sum(agree) / len(agree))
    unknown = sum(vocabulary.find(token) is None for token in tokens if token.identified)
    if tokens and unknown > (1 - AGREEING) * len(tokens):
        return notes.UNKNOWN_TOKENS.write(unknown=unknown, tokens=len(tokens))
    return ""
