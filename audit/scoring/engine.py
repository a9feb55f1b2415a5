"""The scoring engine: texts in, TokenScores out, one forward pass per (text, model).

Texts become tokens, tokens become windows, windows are packed end to end (no padding) and go through body and head.
What they compute with, numpy or torch, is the model's choice. Knows nothing about detectors, populations or files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.progress import Progress, silent
from llm_audit.scoring.columns import Columns
from llm_audit.scoring.passes import Computed, Pack, Passes
from llm_audit.scoring.request import Prompted, Request, Window, Windowing
from llm_audit.scoring.tokens import RENYI_ORDERS, STATE_BLOCK, Decoding, TokenScores

if TYPE_CHECKING:
    from llm_audit.scoring.lean import LeanModel
    from llm_audit.scoring.model import LanguageModel
    from llm_audit.scoring.pool import Pool

PACK_TOKENS = 2048
"""Most tokens in one pass through the body. Half as many are 4 % slower with two threads, each of which computes its rows."""

Taken = TypeVar("Taken")

GROUP_TEXTS = 256
"""Texts sorted by length at a time: enough to fill packs well, few enough that results come early."""


class _Piece(NamedTuple):
    text: int  # index of the text
    position: int  # index of the window in it
    window: Window


class _Encoded(NamedTuple):
    """A text as token ids, cut into windows."""

    before: list[int]  # the prefix token, or the prompt
    ids: NDArray[np.int32]
    offsets: NDArray[np.int32]  # (n, 2)
    windows: list[Window]

    def n_scored(self, window: Window) -> int:
        """Rows that a window gets: without a prefix token, its first token has no score."""
        return min(window.stop - window.scored, len(self.before) + window.stop - window.start - 1)


class _Rows:
    """Preallocated columns of one text, filled window by window in any order."""

    def __init__(self, text: _Encoded, n_settings: int) -> None:
        counts = [text.n_scored(window) for window in text.windows]
        self.edges = np.cumsum([0, *counts])  # int64, also of a text without windows
        self.blocks = np.cumsum([0, *(count // STATE_BLOCK for count in counts)])
        self.columns: list[dict[str, NDArray[Any]]] = [{} for _ in range(n_settings)]
        self.states: NDArray[np.float16] | None = None

    def put(self, position: int, by_decoding: Sequence[Columns], rows: slice, states: NDArray[np.float16] | None) -> None:
        """Keep some rows of a pack's columns, of each decoding, as those of the window at `position`, and its states."""
        start, stop = self.edges[position : position + 2]
        for kept, columns in zip(self.columns, by_decoding, strict=True):
            for name, column in columns.items():
                if name not in kept:
                    kept[name] = np.empty((self.edges[-1], *column.shape[1:]), column.dtype)
                kept[name][start:stop] = column[rows]
        if states is not None:
            if self.states is None:
                self.states = np.empty((self.blocks[-1], *states.shape[1:]), states.dtype)
            self.states[self.blocks[position] : self.blocks[position + 1]] = states


class Engine:
    """Scores texts with one model, or with a scoring and a reference model that share a vocabulary.

    Args:
        model, reference: loaded.
        request: windows, columns, and the decoding setting.
        decodings: settings that replace the request's: one pass serves them all.
        pool: processes with the same models, which compute instead of this one.
    """

    def __init__(
        self,
        model: LanguageModel | LeanModel,
        request: Request,
        reference: LanguageModel | LeanModel | None = None,
        *,
        decodings: Sequence[Decoding] | None = None,
        pool: Pool | None = None,
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
        self.passes = Passes(model, reference, request, self.decodings)
        self._pool = pool

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
            kept = [_Rows(text, len(self.decodings)) for text in group]
            for pack, (by_decoding, states) in self._compute(group, self._packs(group)):
                for number, (piece, span) in enumerate(_rows_of(group, pack)):
                    kept[piece.text].put(piece.position, by_decoding, span, states[number] if states else None)
                done += sum(piece.window.stop - piece.window.scored for piece in pack)
                progress(done / max(total, 1))
            for text, rows in zip(group, kept, strict=True):
                yield tuple(self._assemble(text, rows, columns) for columns in rows.columns)

    def take(
        self,
        text: str,
        take: Callable[[TokenScores], Taken],
        progress: Progress = silent,
        *,
        known: Callable[[int], TokenScores | None] = lambda position: None,
        keep: Callable[[Sequence[tuple[int, TokenScores]]], None] = lambda scored: None,
    ) -> list[Taken]:
        """The results of `take` for each window of one text, in order. Only one pack's scores exist at once, of any text.

        Args:
            text: normalised.
            take: gets the scores of a window, as `TokenScores.windows` gives them.
            progress: gets the share of its tokens that are done.
            known: gives the scores of the window at a position if they were computed before. A pack that lacks one is computed
                as a whole, so that the numbers are those of an uninterrupted run.
            keep: gets the positions and the scores of the windows that were computed, pack by pack.
        """
        (encoded,) = self._encode([Prompted(text)])
        done, total = 0, max(len(encoded.ids), 1)
        taken: dict[int, Taken] = {}
        missing = []
        for pack in self._packs([encoded]):
            stored = [known(piece.position) for piece in pack]
            if any(scores is None for scores in stored):
                missing.append(pack)
                continue
            taken |= {piece.position: take(scores) for piece, scores in zip(pack, stored, strict=True) if scores is not None}
            done += sum(piece.window.stop - piece.window.scored for piece in pack)
        for pack, (by_decoding, states) in self._compute([encoded], missing):
            scored = []
            for number, (piece, rows) in enumerate(_rows_of([encoded], pack)):
                if rows.start < rows.stop:
                    scores = self._window(encoded, piece, by_decoding[0], rows, states[number] if states else None)
                    scored.append((piece.position, scores))
            keep(scored)
            taken |= {position: take(scores) for position, scores in scored}
            done += sum(piece.window.stop - piece.window.scored for piece in pack)
            progress(done / total)
        self.passes.release()  # what comes next is judging, which has use for the memory
        return [taken[position] for position in sorted(taken)]

    def _window(
        self, text: _Encoded, piece: _Piece, columns: Columns, rows: slice, states: NDArray[np.float16] | None
    ) -> TokenScores:
        """The scores of one window of a text, from the columns of its pack."""
        alone = text._replace(windows=[piece.window])
        kept = _Rows(alone, 1)
        kept.put(0, [columns], rows, states)
        scores = self._assemble(alone, kept, kept.columns[0])
        return replace(scores, window=np.full(len(scores), piece.position, np.int32))

    def _encode(self, texts: Sequence[Prompted]) -> list[_Encoded]:
        """Token ids, character ranges, windows, and the prefix token or prompt, of each text."""
        model = self.model
        prompts = {prompt: model.encode_prompt(prompt) for prompt in dict.fromkeys(text.prompt for text in texts)}
        encoded = []
        for text, (ids, offsets) in zip(texts, model.read([text.text for text in texts]), strict=True):
            before = prompts[text.prompt]
            if text.token_ids is not None and text.token_ids != tuple(ids.tolist()):
                ids = np.array(text.token_ids, np.int32)
                offsets = np.array(model.offsets(text.token_ids), np.int32).reshape(-1, 2)
            encoded.append(_Encoded(before, ids, offsets, self._windowing(before).cut(len(ids))))
        return encoded

    def _packs(self, group: Sequence[_Encoded]) -> list[list[_Piece]]:
        """All windows of a group of texts, longest first, in packs of about `PACK_TOKENS`."""
        pieces = [
            _Piece(number, index, window) for number, text in enumerate(group) for index, window in enumerate(text.windows)
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

    def _windowing(self, before: Sequence[int]) -> Windowing:
        """The request's windowing, with windows shortened where the prompt leaves the model too little room."""
        windowing = self.request.windowing
        room = min(model.max_length for model in (self.model, self.reference) if model) - len(before)
        if room <= windowing.overlap:
            raise InvalidInput(
                f"The prompt has {len(before):,} tokens, and {self.model.name} sees {self.model.max_length:,} at once: "
                "no room is left for the text."
            )
        return replace(windowing, size=min(windowing.size, room))

    def _compute(self, group: Sequence[_Encoded], packs: Sequence[list[_Piece]]) -> Iterator[tuple[list[_Piece], Computed]]:
        """Every pack of a group with its computed columns; packs do not depend on which process computes them."""
        if self._pool is None:
            yield from ((pack, self.passes(_pack_of(group, pack))) for pack in packs)
            return
        waiting: deque[tuple[list[_Piece], Callable[[], Computed]]] = deque()
        for pack in packs:
            waiting.append((pack, self._pool.submit(self.request, self.decodings, _pack_of(group, pack))))
            if len(waiting) > 2 * self._pool.jobs:
                first, result = waiting.popleft()
                yield first, result()
        yield from ((pack, result()) for pack, result in waiting)

    def _assemble(self, text: _Encoded, kept: _Rows, columns: dict[str, NDArray[Any]]) -> TokenScores:
        """The rows of one text, under one decoding setting, as one TokenScores."""
        counts = np.diff(kept.edges)
        starts = np.array([window.start for window in text.windows], np.int64)
        stops = np.array([window.stop for window in text.windows], np.int64)
        rows = (np.arange(kept.edges[-1]) + np.repeat(stops - kept.edges[1:], counts)).astype(np.int32)
        offsets = text.offsets[rows]
        blocks = np.repeat(kept.edges[:-1], np.diff(kept.blocks))  # the row where the window of each block begins
        within = np.arange(kept.blocks[-1]) - np.repeat(kept.blocks[:-1], np.diff(kept.blocks))
        more = {"states": kept.states, "state_start": (blocks + STATE_BLOCK * within).astype(np.int32)}
        return TokenScores(
            token_id=text.ids[rows],
            char_start=np.ascontiguousarray(offsets[:, 0]),
            char_end=np.ascontiguousarray(offsets[:, 1]),
            window=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            context=rows - np.repeat(starts, counts).astype(np.int32),
            **(columns or _no_rows()),
            **(more if kept.states is not None else {}),
        )


def _rows_of(group: Sequence[_Encoded], pack: Sequence[_Piece]) -> Iterator[tuple[_Piece, slice]]:
    """The windows of a pack, each with its rows in the pack's columns."""
    start = 0
    for piece in pack:
        stop = start + group[piece.text].n_scored(piece.window)
        yield piece, slice(start, stop)
        start = stop


def _pack_of(group: Sequence[_Encoded], pack: Sequence[_Piece]) -> Pack:
    """The tokens of some windows end to end, each preceded by its text's prefix token or prompt."""
    lengths: list[int] = []
    parts: list[NDArray[np.int64]] = []
    for piece in pack:
        text, window = group[piece.text], piece.window
        lengths.append(len(text.before) + window.stop - window.start)
        parts += np.array(text.before, np.int64), text.ids[window.start : window.stop].astype(np.int64)
    counts = [group[piece.text].n_scored(piece.window) for piece in pack]
    return Pack(np.concatenate(parts), lengths, counts, [len(group[piece.text].before) for piece in pack])


def _no_rows() -> dict[str, Any]:
    """The numeric columns of a text without tokens."""
    names = ("logprob", "entropy", "varentropy", "max_logprob", "mass_above", "tie_mass")
    empty: dict[str, Any] = {name: np.empty(0, np.float32) for name in names}
    return empty | {"rank": np.empty(0, np.int32), "renyi": np.empty((0, len(RENYI_ORDERS)), np.float32)}
