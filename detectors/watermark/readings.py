"""Readings of a text as token ids, one or several, to which a key's scheme is applied; each is one more test of the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.watermark.schemes.base import TokenisedText
from llm_audit.scoring.vocabulary import tokenizer_digest, vocabulary_size
from llm_audit.text import find_marks

AS_GIVEN = "token ids as given"


@dataclass(frozen=True)
class Reading:
    """A text as tokens.

    Attributes:
        name: how the tokens were obtained, in words.
        text: the ids, with those of the prompt if it is known.
        places: (n, 2) characters of each token in the text as read; None: not known.
        tokenizer: digest of the tokenizer; None: ids were given.
    """

    name: str
    text: TokenisedText
    places: NDArray[np.int64] | None = None
    tokenizer: str | None = None

    def shortened(self, most: int) -> Reading:
        """The reading of the first `most` tokens, with a name that says so if there are more."""
        if len(self.text.ids) <= most:
            return self
        return replace(
            self,
            name=f"{self.name}, first {most} tokens",
            text=replace(self.text, ids=self.text.ids[:most]),
            places=None if self.places is None else self.places[:most],
        )

    def characters(self, start: int, stop: int) -> tuple[int, int] | None:
        """The character range of tokens [start, stop); None: not known."""
        return None if self.places is None else (int(self.places[start, 0]), int(self.places[stop - 1, 1]))


@dataclass(frozen=True, eq=False)
class Reader:
    """A tokenizer that reads texts.

    Attributes:
        name: as the user named it.
        tokenizer: from `scoring.model.load_tokenizer`.
        digest: of it.
        size: one more than its largest id.
        prompt: ids of what stood before every text; None: not known.
    """

    name: str
    tokenizer: Any
    digest: str
    size: int
    prompt: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, name: str, tokenizer: Any, prompt: str | None = None) -> Reader:
        """A reader, with the prompt as ids."""
        ids = None if prompt is None else np.array(tokenizer.encode(prompt, add_special_tokens=False).ids, dtype=np.int64)
        return cls(name, tokenizer, tokenizer_digest(tokenizer), vocabulary_size(tokenizer), ids)

    def readings(self, text: str, several: bool) -> tuple[list[Reading], list[str]]:
        """Readings of the text as it is and, if that gives different ids, after a space; with notes.

        C2PA marks and surrounding white space are left out, since no model wrote them.

        Args:
            text: as read.
            several: whether there are several tokenizers, so that readings name theirs.
        """
        kept = np.ones(len(text), np.bool_)
        for mark in find_marks(text):
            kept[mark.start : mark.end] = False
        places = np.flatnonzero(kept)
        shown = "".join(text[place] for place in places) if not kept.all() else text
        before = len(shown) - len(shown.lstrip())
        shown, places = shown.strip(), places[before:]
        by = f", by {self.name}" if several else ""
        readings: list[Reading] = []
        notes: list[str] = []
        for name, put in (("as it stands", ""), ("behind a space", " ")):
            encoded = self.tokenizer.encode(put + shown, add_special_tokens=False)
            if not put and self.tokenizer.decode(encoded.ids, skip_special_tokens=False) != shown:
                notes.append(
                    f"The tokens of {self.name} do not decode to the text exactly: those that were generated may have been "
                    "others; token ids from the generation are surer."
                )
            if readings and list(encoded.ids) == readings[0].text.ids.tolist():
                continue
            readings.append(
                Reading(
                    name + by,
                    TokenisedText.of(np.array(encoded.ids, dtype=np.int64), self.prompt, from_start=True),
                    _places(encoded.offsets, len(put), places),
                    self.digest,
                )
            )
        return readings, notes


def given(ids: Sequence[int], prompt: Sequence[int] | None = None) -> Reading:
    """The reading of ids from the generation itself. Raises AuditError: they are no ids."""
    return Reading(AS_GIVEN, TokenisedText.of(ids, prompt, from_start=True))


def _places(offsets: Sequence[tuple[int, int]], put: int, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n, 2) range of characters, in the text as read, of each token; `offsets` count `put` characters before the text."""
    last = max(len(places) - 1, 0)
    spans = np.zeros((len(offsets), 2), np.int64)
    for number, (start, stop) in enumerate(offsets):
        first = min(max(start - put, 0), last)
        end = min(max(stop - put - 1, first), last)
        spans[number] = (places[first], places[end] + 1) if len(places) else (0, 0)
    return spans
