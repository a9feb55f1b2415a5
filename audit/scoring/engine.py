"""The scoring engine: texts in, TokenScores out, one forward pass per (text, model).

Texts become tokens, tokens become windows, windows are packed end to end (no padding) and go through body and head.
Knows nothing about detectors, populations or files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from llm_audit.errors import InvalidConfiguration, InvalidInput
from llm_audit.progress import Progress, silent
from llm_audit.scoring.head import Head
from llm_audit.scoring.model import LanguageModel
from llm_audit.scoring.request import Prompted, Request, Window, Windowing
from llm_audit.scoring.tokens import RENYI_ORDERS, STATE_BLOCK, Decoding, TokenScores

PACK_TOKENS = 1024
"""Tokens that go through the body together. On a CPU more is not faster, and costs memory."""

GROUP_TEXTS = 256
"""Texts sorted by length together: enough to fill packs well, few enough that results come early."""


class _Piece(NamedTuple):
    text: int  # index of the text
    position: int  # index of the window in it
    window: Window


class _Encoded(NamedTuple):
    """A text as its model reads it."""

    before: list[int]  # the prefix token, or the prompt
    ids: list[int]
    offsets: Sequence[tuple[int, int]]


class Engine:
    """Scores texts with one model, or with a scoring and a reference model that share a vocabulary.

    Args:
        model, reference: loaded.
        request: windows, columns, and the decoding setting.
        decodings: settings in the place of the request's: one pass serves them all.
    """

    def __init__(
        self,
        model: LanguageModel,
        request: Request,
        reference: LanguageModel | None = None,
        *,
        decodings: Sequence[Decoding] | None = None,
    ) -> None:
        longest = min(m.max_length for m in (model, reference) if m) - 1
        if request.windowing.size > longest:
            raise InvalidConfiguration(
                f"The model sees {longest + 1} tokens at once; windows of {request.windowing.size} do not fit."
            )
        if reference is not None and reference.tokenizer.get_vocab() != model.tokenizer.get_vocab():
            raise InvalidConfiguration(
                f"{model.name} and {reference.name} have different vocabularies; choose two models that share one."
            )
        self.model = model
        self.reference = reference
        self.request = request
        self.decodings = tuple(decodings or (request.decoding,))
        self.head = Head(model.head_weight, *self.decodings, bias=model.head_bias, rounded=model.logits)
        self.reference_head = Head(reference.head_weight, bias=reference.head_bias) if reference else None

    def score(self, texts: Sequence[str | Prompted], progress: Progress = silent) -> Iterator[TokenScores]:
        """Yield the scores of each text, in order, under the first decoding setting; see `score_each`."""
        for first, *_ in self.score_each(texts, progress):
            yield first

    def score_each(self, texts: Sequence[str | Prompted], progress: Progress = silent) -> Iterator[tuple[TokenScores, ...]]:
        """Yield, per text and in order, its scores under each decoding setting.

        Args:
            texts: normalised texts; an empty one yields zero rows.
            progress: gets the share of all tokens that are done.

        Raises:
            AuditError: a prompt that leaves the model no room for a text.
        """
        done = 0
        encoded = self._encode([Prompted(text) if isinstance(text, str) else text for text in texts])
        total = sum(len(text.ids) for text in encoded)
        for start in range(0, len(encoded), GROUP_TEXTS):
            group = encoded[start : start + GROUP_TEXTS]
            columns: list[dict[int, list[dict[str, Any]]]] = [{} for _ in group]
            for pack in self._packs(group):
                for piece, result in zip(pack, self._forward(group, pack), strict=True):
                    columns[piece.text][piece.position] = result
                done += sum(piece.window.stop - piece.window.scored for piece in pack)
                progress(done / max(total, 1))
            for text, windows in zip(group, columns, strict=True):
                yield tuple(
                    self._assemble(text, [windows[i][k] for i in range(len(windows))]) for k in range(len(self.decodings))
                )

    def _encode(self, texts: Sequence[Prompted]) -> list[_Encoded]:
        """Token ids, character ranges and what stands before them."""
        model = self.model
        prompts = {prompt: model.encode_prompt(prompt) for prompt in dict.fromkeys(text.prompt for text in texts)}
        read = model.tokenizer.encode_batch([text.text for text in texts], add_special_tokens=False) if texts else []
        return [
            _Encoded(
                prompts[text.prompt],
                encoding.ids if text.token_ids is None else list(text.token_ids),
                encoding.offsets if text.token_ids in (None, tuple(encoding.ids)) else model.offsets(text.token_ids or ()),
            )
            for text, encoding in zip(texts, read, strict=True)
        ]

    def _packs(self, group: Sequence[_Encoded]) -> list[list[_Piece]]:
        """All windows of a group of texts, longest first, in packs of about `PACK_TOKENS`."""
        pieces = [
            _Piece(number, index, window)
            for number, text in enumerate(group)
            for index, window in enumerate(self._windowing(text).cut(len(text.ids)))
        ]
        pieces.sort(key=lambda piece: piece.window.start - piece.window.stop)  # stable: equal lengths keep their order
        packs: list[list[_Piece]] = []
        room = 0
        for piece in pieces:
            length = piece.window.stop - piece.window.start + len(group[piece.text].before)
            if length > room:
                packs.append([])
                room = PACK_TOKENS
            packs[-1].append(piece)
            room -= length
        return packs

    def _windowing(self, text: _Encoded) -> Windowing:
        """The request's, in which the prompt takes its room."""
        windowing = self.request.windowing
        room = min(model.max_length for model in (self.model, self.reference) if model) - len(text.before)
        if room <= windowing.overlap:
            raise InvalidInput(
                f"The prompt has {len(text.before):,} tokens, and {self.model.name} sees {self.model.max_length:,} at once: "
                "no room is left for the text."
            )
        return replace(windowing, size=min(windowing.size, room))

    @torch.inference_mode()
    def _forward(self, group: Sequence[_Encoded], pack: Sequence[_Piece]) -> list[list[dict[str, Any]]]:
        """Body and head on one pack; per window, the columns under each decoding setting."""
        sequences = [
            [*group[piece.text].before, *group[piece.text].ids[piece.window.start : piece.window.stop]] for piece in pack
        ]
        lengths = [len(sequence) for sequence in sequences]
        ids = torch.tensor([token for sequence in sequences for token in sequence], device=self.model.device)
        layers = self.request.hidden_layers
        hidden, taps = self.model.body(ids, lengths, layers)

        # The state at position i predicts the token at i + 1: drop each sequence's last state, keep what is scored here.
        predicting, starts = [], np.cumsum([0, *lengths])
        for piece, start, length in zip(pack, starts, lengths, strict=False):
            n_scored = min(piece.window.stop - piece.window.scored, length - 1)
            predicting.append(torch.arange(start + length - 1 - n_scored, start + length - 1))
        rows = torch.cat(predicting).to(self.model.device)
        reference = None
        if self.reference is not None and self.reference_head is not None:
            reference = self.reference_head, self.reference.body(ids, lengths)[0][rows]
        each = self.head(hidden[rows], ids[rows + 1], reference=reference, top_k=self.request.top_k)

        results, position = [], 0
        for index, (start, length, part) in enumerate(zip(starts, lengths, predicting, strict=False)):
            mine = slice(position, position + len(part))
            position += len(part)
            shared: dict[str, Any] = {"window": pack[index].window, "n": len(part)}
            if layers:
                # Each scored token's own state, one position after the one that predicts it. The prefix token's state is the
                # same for every text, and a hundred times larger than the others: no text's own state is the prefix's.
                first, blocks = start + length - len(part), len(part) // STATE_BLOCK
                own = slice(first, first + blocks * STATE_BLOCK)
                means = [tap[own].float().reshape(blocks, STATE_BLOCK, tap.shape[-1]).mean(1) for tap in taps]
                shared["states"] = torch.stack(means, 1).to(torch.float16).cpu().numpy()
            results.append([{name: column[mine] for name, column in columns.items()} | shared for columns in each])
        return results

    def _assemble(self, text: _Encoded, windows: Sequence[dict[str, Any]]) -> TokenScores:
        """The windows of one text, under one decoding setting, as one TokenScores."""
        rows = np.concatenate([np.arange(w["window"].stop - w["n"], w["window"].stop) for w in windows] or [np.empty(0, int)])
        offsets = np.asarray(text.offsets, dtype=np.int32).reshape(-1, 2)[rows]
        counts = [w["n"] for w in windows]
        shared: dict[str, Any] = {
            "token_id": np.asarray(text.ids, dtype=np.int32)[rows],
            "char_start": offsets[:, 0],
            "char_end": offsets[:, 1],
            "window": np.repeat(np.arange(len(windows), dtype=np.int32), counts),
            "context": (rows - np.repeat([w["window"].start for w in windows], counts)).astype(np.int32),
        }
        filled = [w for w in windows if w["n"]]  # without a prefix token, the first token of a window has no score
        names = [name for name in (filled[0] if filled else ()) if name not in {"window", "n", "states"}]
        columns = {name: np.concatenate([w[name] for w in filled]) for name in names} if filled else _no_rows()
        if self.request.hidden_layers and windows:
            starts = np.cumsum([0, *counts])
            columns["states"] = np.concatenate([w["states"] for w in windows])
            columns["state_start"] = np.concatenate(
                [start + STATE_BLOCK * np.arange(len(w["states"])) for start, w in zip(starts, windows, strict=False)]
            ).astype(np.int32)
        return TokenScores(**shared, **columns)


def _no_rows() -> dict[str, Any]:
    """The numeric columns of a text without tokens."""
    names = ("logprob", "entropy", "varentropy", "max_logprob", "mass_above", "tie_mass")
    empty: dict[str, Any] = {name: np.empty(0, np.float32) for name in names}
    return empty | {"rank": np.empty(0, np.int32), "renyi": np.empty((0, len(RENYI_ORDERS)), np.float32)}
