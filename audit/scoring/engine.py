"""The scoring engine: texts in, TokenScores out, one forward pass per (text, model).

Texts become tokens, tokens become windows, windows are packed end to end (no padding) and go through body and head.
Knows nothing about detectors, populations or files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from llm_audit.errors import AuditError
from llm_audit.scoring.head import Head
from llm_audit.scoring.model import LanguageModel
from llm_audit.scoring.request import Request, Window
from llm_audit.scoring.tokens import RENYI_ORDERS, STATE_BLOCK, TokenScores

PACK_TOKENS = 1024
"""Tokens that go through the body together. On a CPU more is not faster, and costs memory."""

GROUP_TEXTS = 256
"""Texts sorted by length together: enough to fill packs well, few enough that results come early."""


class _Piece(NamedTuple):
    text: int  # index of the text
    position: int  # index of the window in it
    window: Window


Progress = Callable[[int, int], None]


class Engine:
    """Scores texts with one model, or with a scoring and a reference model that share a vocabulary."""

    def __init__(self, model: LanguageModel, request: Request, reference: LanguageModel | None = None) -> None:
        longest = min(m.max_length for m in (model, reference) if m) - 1
        if request.windowing.size > longest:
            raise AuditError(f"The model sees {longest + 1} tokens at once; windows of {request.windowing.size} do not fit.")
        if reference is not None and reference.tokenizer.get_vocab() != model.tokenizer.get_vocab():
            raise AuditError(
                f"{model.name} and {reference.name} have different vocabularies; choose two models that share one."
            )
        self.model = model
        self.reference = reference
        self.request = request
        self.head = Head(model.head_weight, request.decoding, model.head_bias)
        self.reference_head = Head(reference.head_weight, request.decoding, reference.head_bias) if reference else None

    def score(self, texts: Sequence[str], progress: Progress = lambda done, total: None) -> Iterator[TokenScores]:
        """Yield the scores of each text, in order.

        Args:
            texts: normalised texts; an empty one yields zero rows.
            progress: called with (tokens done, tokens in all).
        """
        done = 0
        encodings = [self.model.tokenizer.encode_batch(list(texts), add_special_tokens=False)] if texts else []
        total = sum(len(encoding) for batch in encodings for encoding in batch)
        for batch in encodings:
            for start in range(0, len(batch), GROUP_TEXTS):
                group = batch[start : start + GROUP_TEXTS]
                columns: list[dict[int, dict[str, Any]]] = [{} for _ in group]
                for pack in self._packs(group):
                    for piece, result in zip(pack, self._forward(group, pack), strict=True):
                        columns[piece.text][piece.position] = result
                    done += sum(piece.window.stop - piece.window.scored for piece in pack)
                    progress(done, total)
                for encoding, windows in zip(group, columns, strict=True):
                    yield self._assemble(encoding, [windows[i] for i in range(len(windows))])

    def _packs(self, group: Sequence[Any]) -> list[list[_Piece]]:
        """All windows of a group of texts, longest first, in packs of about `PACK_TOKENS`."""
        pieces = [
            _Piece(text, index, window)
            for text, encoding in enumerate(group)
            for index, window in enumerate(self.request.windowing.cut(len(encoding)))
        ]
        pieces.sort(key=lambda piece: piece.window.start - piece.window.stop)  # stable: equal lengths keep their order
        packs: list[list[_Piece]] = []
        room = 0
        for piece in pieces:
            length = piece.window.stop - piece.window.start + 1
            if length > room:
                packs.append([])
                room = PACK_TOKENS
            packs[-1].append(piece)
            room -= length
        return packs

    @torch.inference_mode()
    def _forward(self, group: Sequence[Any], pack: Sequence[_Piece]) -> list[dict[str, Any]]:
        """Body and head on one pack; the columns of each of its windows."""
        prefix = [] if self.model.prefix is None else [self.model.prefix]
        sequences = [prefix + group[piece.text].ids[piece.window.start : piece.window.stop] for piece in pack]
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
        columns = self.head(hidden[rows], ids[rows + 1], reference=reference, top_k=self.request.top_k)

        results, position = [], 0
        for index, (start, length, part) in enumerate(zip(starts, lengths, predicting, strict=False)):
            result: dict[str, Any] = {name: column[position : position + len(part)] for name, column in columns.items()}
            position += len(part)
            if layers:
                # Each scored token's own state, one position after the one that predicts it. The prefix token's state is the
                # same for every text, and a hundred times larger than the others: no text's own state is the prefix's.
                first, blocks = start + length - len(part), len(part) // STATE_BLOCK
                own = slice(first, first + blocks * STATE_BLOCK)
                means = [tap[own].float().reshape(blocks, STATE_BLOCK, tap.shape[-1]).mean(1) for tap in taps]
                result["states"] = torch.stack(means, 1).to(torch.float16).cpu().numpy()
            results.append(result | {"window": pack[index].window, "n": len(part)})
        return results

    def _assemble(self, encoding: Any, windows: Sequence[dict[str, Any]]) -> TokenScores:
        """The windows of one text as one TokenScores."""
        rows = np.concatenate([np.arange(w["window"].stop - w["n"], w["window"].stop) for w in windows] or [np.empty(0, int)])
        offsets = np.asarray(encoding.offsets, dtype=np.int32).reshape(-1, 2)[rows]
        counts = [w["n"] for w in windows]
        shared: dict[str, Any] = {
            "token_id": np.asarray(encoding.ids, dtype=np.int32)[rows],
            "char_start": offsets[:, 0],
            "char_end": offsets[:, 1],
            "window": np.repeat(np.arange(len(windows), dtype=np.int32), counts),
            "context": (rows - np.repeat([w["window"].start for w in windows], counts)).astype(np.int32),
        }
        names = [name for name in (windows[0] if windows else ()) if name not in {"window", "n", "states"}]
        columns = {name: np.concatenate([w[name] for w in windows]) for name in names} if windows else _no_rows()
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
