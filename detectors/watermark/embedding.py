"""Marking of generations: a function between a model's logits and the draw, with a state for each text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.seeds import generator
from llm_audit.detectors.watermark.keys import Key, check_computable
from llm_audit.detectors.watermark.schemes.base import Scheme, Step
from llm_audit.detectors.watermark.schemes.kuditipudi import KeySequence


class Marker:
    """Function that marks texts with a key; `scoring.generate.Sampler` calls it before each draw.

    Args:
        key: with its scheme.
        seed: of the choices of the scheme other than the draw itself: coins, and where in a sequence of keys a text begins.
    """

    def __init__(self, key: Key, seed: int) -> None:
        self._key, self._seed = key, seed
        self._generators: dict[int, np.random.Generator] = {}
        self._starts: dict[int, int] = {}

    def check(self, tokenizer: str, size: int) -> None:
        """Refuse a model whose texts the key cannot mark, before anything is drawn.

        Args:
            tokenizer: digest of the model's.
            size: of its vocabulary.

        Raises:
            InvalidConfiguration: the key marks tokens of another tokenizer or of a smaller vocabulary, or its scheme cannot be
                computed here.
        """
        if self._key.tokenizer not in (None, tokenizer):
            raise InvalidConfiguration(
                f"Key {self._key.id} marks tokens of the tokenizer {(self._key.tokenizer or '')[:12]}, and the model has "
                f"another one ({tokenizer[:12]}): make a key for this model."
            )
        self._check_size(size)
        check_computable(self._key)

    def _check_size(self, size: int) -> None:
        most = getattr(self._key.scheme, "vocab_size", None)
        if most is not None and most < size:
            raise InvalidConfiguration(
                f"Key {self._key.id} is for a vocabulary of {most:,} tokens, and the model has {size:,}: make a key for this "
                "model."
            )

    @property
    def label(self) -> dict[str, str]:
        """Fields of a record about the mark: scheme and id of the key, and that the text is test material."""
        return {"scheme": self._key.scheme.scheme, "key": self._key.id, "purpose": "test material"}

    def __call__(
        self, number: int, logits: NDArray[np.float64], written: Sequence[int], prompt: Sequence[int]
    ) -> NDArray[np.float64]:
        """The logits from which text `number` draws its next token, (V,).

        Raises:
            InvalidConfiguration: the key is for a smaller vocabulary than the model's.
        """
        scheme = self._key.scheme
        self._check_size(len(logits))
        if number not in self._generators:
            self._generators[number] = generator(f"{self._seed} {number}", "watermark")
            length = scheme.length if isinstance(scheme, KeySequence) else 1
            self._starts[number] = int(self._generators[number].integers(length))
        assert isinstance(scheme, Scheme)
        output, before = (np.array(ids, dtype=np.int64) for ids in (written, prompt))
        step = Step(logits, output, before, self._starts[number])
        return scheme.embed(step, self._generators[number])
