"""Text to tokens and back: token ids, their character ranges, the prefix token. Knows no torch.

A long text is read in pieces, because the tokenizer's internal data take several hundred bytes per token.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

PIECE = 1 << 16
"""Fewest characters that the tokenizer reads at a time, in texts that may be cut."""

Read = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Token ids (n,), and the half-open range of characters of each (n, 2)."""


@dataclass(frozen=True, eq=False)
class Reader:
    """A model's identity and its tokenizer.

    Attributes:
        name, digest: identity, from the store.
        tokenizer: reads special-token strings in a text as plain text.
        prefix: the token put before every window (begin of sequence, else end of text), or None if the model has neither.
        max_length: tokens the model can see at once.
    """

    name: str
    digest: str
    tokenizer: Tokenizer
    prefix: int | None
    max_length: int

    def offsets(self, token_ids: Sequence[int]) -> list[tuple[int, int]]:
        """The character range of each token in the decoded text; tokens that make up one character share its range."""
        ends = [0]
        for count in range(1, len(token_ids) + 1):
            # The bytes of half a character decode to replacement characters.
            ends.append(len(self.decode(token_ids[:count]).rstrip("\ufffd")))
        ranges: list[tuple[int, int]] = []
        for start, end in reversed(list(pairwise(ends))):
            ranges.append(ranges[-1] if start == end and ranges else (start, end))
        return ranges[::-1]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of some tokens, control tokens as their names."""
        return decode_tokens(self.tokenizer, token_ids)

    def encode_prompt(self, prompt: str | None) -> list[int]:
        """Tokens before a text; see `encode_prompt`."""
        return encode_prompt(self.tokenizer, self.prefix, prompt)

    def read(self, texts: Sequence[str]) -> list[Read]:
        """The tokens of each text, the same as if the tokenizer read it as a whole."""
        in_pieces = [len(text) > 2 * PIECE and self._in_pieces for text in texts]
        short = [text for text, is_long in zip(texts, in_pieces, strict=True) if not is_long]
        together = iter(self.tokenizer.encode_batch(short, add_special_tokens=False) if short else [])
        return [
            self._long(text) if is_long else _arrays(next(together)) for text, is_long in zip(texts, in_pieces, strict=True)
        ]

    def _long(self, text: str) -> Read:
        ids, ranges = [], []
        for start, stop in pairwise(cuts(text)):
            piece_ids, within = _arrays(self.tokenizer.encode(text[start:stop], add_special_tokens=False))
            ids.append(piece_ids)
            ranges.append(within + np.int32(start))
        return np.concatenate(ids), np.concatenate(ranges)

    @cached_property
    def _in_pieces(self) -> bool:
        return reads_words_alone(steps_of(self.tokenizer))


def _arrays(encoding: Any) -> Read:
    return np.asarray(encoding.ids, np.int32), np.asarray(encoding.offsets, np.int32).reshape(-1, 2)


def cuts(text: str) -> list[int]:
    """Positions where a text may be cut without changing any token, `PIECE` or more characters apart, with 0 and its length.

    Cuts are before a space between two non-spaces: there a byte-level tokenizer's word begins, whatever precedes it.
    """
    places = [0]
    while len(text) - places[-1] > 2 * PIECE:
        place = next(_word_starts(text, places[-1] + PIECE), len(text))
        if place >= len(text):
            break
        places.append(place)
    return [*places, len(text)]


def _word_starts(text: str, start: int) -> Iterator[int]:
    while (place := text.find(" ", start)) != -1 and place + 1 < len(text):
        # Only between letters, whose words never span a space; most digits and signs would be safe, too.
        if text[place - 1].isalpha() and text[place + 1].isalpha():
            yield place
        start = place + 1


def steps_of(tokenizer: Tokenizer) -> dict[str, Any]:
    """The steps in a tokenizer's JSON, without its vocabulary, which is most of it."""
    names = ("normalizer", "pre_tokenizer", "post_processor")
    steps = {name: step and json.loads(step.__getstate__()) for name in names for step in (getattr(tokenizer, name),)}
    return steps | {"added_tokens": [{"special": token.special} for token in tokenizer.get_added_tokens_decoder().values()]}


def reads_words_alone(content: dict[str, Any]) -> bool:
    """Whether a tokenizer, given as its JSON, is known to read each word with its leading space by itself, as GPT-2's does.

    Not so, for example, those that read a whole text as one word, or that put a character before its beginning.
    """
    split = content.get("pre_tokenizer") or {}
    steps = split.get("pretokenizers", [split])
    byte_level = [step for step in steps if step.get("type") == "ByteLevel"]
    return (
        content.get("normalizer") is None
        and {step.get("type") for step in steps} <= {"ByteLevel", "Digits"}
        and len(byte_level) == 1
        and bool(byte_level[0].get("use_regex", True))
        and not byte_level[0].get("add_prefix_space", True)
        and all(token.get("special") for token in content.get("added_tokens") or ())
        and _keeps_ranges(content.get("post_processor"))
    )


def _keeps_ranges(step: dict[str, Any] | None) -> bool:
    """Whether a post-processing step leaves the character range of a text's first token as it is."""
    return step is None or (step.get("type") == "ByteLevel" and not step.get("add_prefix_space", True))


def load_tokenizer(folder: Path) -> Tokenizer:
    """A folder's tokenizer, which reads special-token strings in a text as plain text, and neither pads nor cuts."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True  # "<|im_end|>" typed in an essay is eight characters, not a control token
    return tokenizer


def encode_prompt(tokenizer: Tokenizer, prefix: int | None, prompt: str | None) -> list[int]:
    """Tokens before a text: the prompt, its control tokens read as such; without one the prefix token, if any."""
    if prompt is None:
        return [] if prefix is None else [prefix]
    tokenizer.encode_special_tokens = False
    try:
        ids: list[int] = tokenizer.encode(prompt, add_special_tokens=False).ids
    finally:
        tokenizer.encode_special_tokens = True
    return ids


def decode_tokens(tokenizer: Tokenizer, token_ids: Sequence[int]) -> str:
    """The text of some tokens, control tokens as their names."""
    text: str = tokenizer.decode(list(token_ids), skip_special_tokens=False)
    return text


def breakers(tokenizer: Tokenizer, vocabulary: int) -> NDArray[np.bool_]:
    """(vocabulary,) which tokens contain a character over which DRY sees no repetition, by llama.cpp's default."""
    texts = tokenizer.decode_batch([[token] for token in range(vocabulary)], skip_special_tokens=False)
    return np.array([any(sign in text for sign in '\n:"*') for text in texts])


def prefix_token(config: dict[str, Any]) -> int | None:
    """The token that stands before a text: begin of sequence, else end of text, as the model's configuration names them."""
    for key in ("bos_token_id", "eos_token_id"):
        token = config.get(key)
        if token is not None:
            return int(token[0] if isinstance(token, list) else token)
    return None
