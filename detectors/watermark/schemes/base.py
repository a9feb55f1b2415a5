"""Base classes of watermark schemes: key and parameters that turn token ids into scores with a known null law, or mark text.

The null of every score: the text was written without knowledge of the key, and the key behaves like a random draw that is
independent of the text. The randomness is over the key, the text is fixed. For a key that is public, that is an assumption.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from llm_audit.common.errors import AuditError
from llm_audit.stats.laws import Law

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Bits = Callable[[int], int]
"""Function: bits(b) returns b random bits."""

Width = Annotated[int, Field(ge=1, le=64)]
Vocabulary = Annotated[int, Field(ge=2, le=2**24)]
"""Size of a vocabulary that is drawn in memory; those of 2026 have up to 262,144 tokens."""

Share = Annotated[float, Field(gt=0, lt=1)]
Bias = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _decimal(largest: int) -> Callable[[SecretStr], SecretStr]:
    def checked(value: SecretStr) -> SecretStr:
        digits = value.get_secret_value()
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 400 and int(digits) <= largest):
            raise ValueError(f"a key of this scheme is a string of decimal digits, at most {largest}")
        return value

    return checked


Key63 = Annotated[SecretStr, AfterValidator(_decimal(2**63 - 1))]
"""A key that enters signed 64-bit arithmetic: a string of decimal digits, hidden wherever the object is shown."""

Key64 = Annotated[SecretStr, AfterValidator(_decimal(2**64 - 1))]
"""A key of 64 bits: a string of decimal digits, hidden wherever the object is shown."""


@dataclass(frozen=True)
class TokenisedText:
    """A text as the token ids of the model that may have written it.

    Attributes:
        ids: (n,) of the text, without the beginning-of-text token.
        prompt: (m,) of the prompt, if it is known; most schemes hash its last tokens for the first tokens of the text.
        from_start: whether the text begins where the generation began. Only then are the contexts of the first tokens known
            for schemes that hash the output alone (vLLM, SynthID).
    """

    ids: Ints
    prompt: Ints | None = None
    from_start: bool = False

    @classmethod
    def of(cls, ids: ArrayLike, prompt: ArrayLike | None = None, from_start: bool = False) -> TokenisedText:
        """The text of these ids; AuditError if they are not whole numbers from 0."""
        return cls(token_ids(ids), None if prompt is None else token_ids(prompt), from_start)


@dataclass(frozen=True)
class Observations:
    """The scores of a text's tokens under one key.

    Attributes:
        positions: (n,) place in the text of each scored token, ascending.
        inputs: (n, w) effective inputs of the pseudo-random function: equal rows have equal randomness and count once.
        scores: (n,) higher is evidence of the mark.
        law: of one score under the null.
        tokens: of the text, scored or not.
        repeated: tokens not among the n because the generator does not mark a context twice.
        keyless: (n,) where the input is the same under every key (id 0 in a hash that multiplies by ids), so that the null has
            no randomness there; such tokens do not count. None: nowhere.
        context: number of leading columns of `inputs` that depend on the context alone.
    """

    positions: Ints
    inputs: Ints
    scores: Floats
    law: Law
    tokens: int
    repeated: int = 0
    keyless: NDArray[np.bool_] | None = None
    context: int = 0

    def __len__(self) -> int:
        return len(self.positions)

    def taken(self, kept: NDArray[np.bool_] | Ints) -> Observations:
        """The observations at the indices or flags `kept`."""
        keyless = None if self.keyless is None else self.keyless[kept]
        return replace(
            self, positions=self.positions[kept], inputs=self.inputs[kept], scores=self.scores[kept], keyless=keyless
        )


@dataclass(frozen=True)
class Step:
    """One step of a generation that is to be marked.

    Attributes:
        logits: (V,) of the distribution from which an unmarked generator would draw: after temperature and truncation.
        output: (t,) ids generated so far.
        prompt: (m,) ids of the prompt.
        start: where in the key sequence this generation began (schemes with a sequence of keys; the others ignore it).
    """

    logits: Floats
    output: Ints
    prompt: Ints
    start: int = 0

    @property
    def context(self) -> Ints:
        """Prompt and output, joined."""
        return np.concatenate([self.prompt, self.output])


@runtime_checkable
class Scheme(Protocol):
    """Interface of all watermark schemes, each with its key."""

    scheme: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """The logits from which the marked generator draws: (V,), -inf where it never does.

        Args:
            step: of the generation.
            generator: of random choices other than the draw itself (schemes that toss a coin).
        """


@runtime_checkable
class TokenScheme(Scheme, Protocol):
    """A scheme that scores tokens one by one."""

    def observe(self, text: TokenisedText) -> Observations:
        """The scores of the text's tokens.

        Raises:
            AuditError: a token id outside the vocabulary.
        """


@runtime_checkable
class ContextScheme(TokenScheme, Protocol):
    """A scheme that scores a token by a separate function for each context, independent between contexts."""

    @property
    def context_length(self) -> int:
        """Tokens of a context; 0: contexts do not have independent functions."""

    def score(self, contexts: Ints, tokens: Ints) -> Observations:
        """The score of each token behind its context, whether or not a generator marks it there.

        Args:
            contexts: (n, context_length) ids.
            tokens: (n,) ids.
        """


class KeyedScheme(BaseModel):
    """Base of the schemes' classes: the validated fields of a key file; secrets are never shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    scheme: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    law: ClassVar[type[Law] | None] = None
    """Law of one score under the null; None: the text is aligned with a sequence of keys."""
    biased: ClassVar[bool] = False
    """Whether the marked distribution, averaged over keys, differs from the model's."""

    @classmethod
    def draw_keys(cls, bits: Bits, like: Self | None = None) -> dict[str, object]:
        """The secret fields of a new key.

        Args:
            bits: bits(b) gives b random bits.
            like: the key whose shape (number of layers, a second key) the new one has.
        """
        return {"key": str(bits(63))}

    def rekeyed(self, bits: Bits) -> Self:
        """The same scheme and parameters with a fresh key."""
        public = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate(public | self.draw_keys(bits, self))


def check_split(green: float, of: float, parameter: str) -> None:
    """ValueError if a list, which a parameter makes `green` of `of` long, holds no token or all of them: it marks nothing."""
    if not 0 < green < of:
        raise ValueError(
            f"{parameter} puts {'no token' if green <= 0 else 'every token'} on the list, which then marks nothing"
        )


def number(key: SecretStr) -> int:
    """The key as the number that the arithmetic uses."""
    return int(key.get_secret_value())


def token_ids(ids: ArrayLike) -> Ints:
    """Checked token ids, (n,) int64."""
    values = np.asarray(ids)
    if values.ndim != 1 or (values.size and not np.issubdtype(values.dtype, np.integer)):
        raise AuditError("token ids must be a list of whole numbers: give the ids of one text")
    if values.size and (int(values.min()) < 0 or int(values.max()) >= 2**31):
        raise AuditError(f"token ids must lie between 0 and {2**31 - 1}: these are of no tokenizer")
    return values.astype(np.int64)


def check_vocabulary(text: TokenisedText, size: int | None) -> None:
    """AuditError if an id lies outside the vocabulary of the key; None: the key does not limit it."""
    if size is None:
        return
    for ids in (text.ids, text.prompt if text.prompt is not None else text.ids[:0]):
        if len(ids) and int(ids.max()) >= size:
            raise AuditError(
                f"token id {int(ids.max())} lies outside the key's vocabulary of {size}: use the tokenizer of the marked model"
            )


def windows(ids: Ints, width: int) -> Ints:
    """(n - width + 1, width) runs of ids; none if there are fewer than `width`."""
    if len(ids) < width:
        return np.empty((0, width), np.int64)
    return np.lib.stride_tricks.sliding_window_view(ids, width)


def with_prompt(text: TokenisedText, width: int) -> tuple[Ints, int]:
    """The text preceded by the last `width` ids of its prompt, and the number of these ids."""
    if text.prompt is None:
        return text.ids, 0
    tail = text.prompt[len(text.prompt) - min(width, len(text.prompt)) :]
    return np.concatenate([tail, text.ids]), len(tail)


def behind_contexts(scheme: ContextScheme, text: TokenisedText, width: int) -> Observations:
    """The scores of the tokens whose `width` tokens before them are known, from the text itself or from its prompt."""
    ids, known = with_prompt(text, width)
    runs = windows(ids, width + 1)
    positions = np.arange(len(runs)) + width - known
    return replace(scheme.score(runs[:, :-1], runs[:, -1]), positions=positions, tokens=len(text.ids))


def first_rows(rows: Ints) -> Ints:
    """Indices of the first occurrences of distinct rows, ascending."""
    if len(rows) == 0:
        return np.empty(0, np.int64)
    packed = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1] * 8))).ravel()
    return np.sort(np.unique(packed, return_index=True)[1])


def chosen(token: int, size: int) -> Floats:
    """Logits that leave only one token."""
    logits = np.full(size, -np.inf)
    logits[token] = 0.0
    return logits


def gumbel_choice(logits: Floats, uniforms: ArrayLike) -> int:
    """Argmax of log(u_v) / p_v over the tokens of positive probability (Aaronson 2022), without forming p_v.

    Args:
        logits: (V,) of p.
        uniforms: (V,) in (0, 1); a 0 loses.
    """
    u = np.asarray(uniforms, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return int(np.argmax(logits - np.log(-np.log(u))))


def exponential_scores(uniforms: ArrayLike) -> Floats:
    """-log(1 - u), standard exponential where u is uniform."""
    scores: Floats = -np.log1p(-np.asarray(uniforms, dtype=np.float64))
    return scores
