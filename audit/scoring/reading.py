"""The tokens that a model may have drawn for a text, where they are not those that its tokenizer reads.

A model draws tokens, not words: it may write "353" as "3" and "53", where its tokenizer reads "35" and "3". Read so, a text of
its own holds tokens that it would hardly ever draw. Knows nothing about tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from tokenizers import Tokenizer

from llm_audit.scoring.request import Prompted, Request
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokenizer import decode_tokens, load_tokenizer
from llm_audit.scoring.tokens import Decoding, TokenScores

UNLIKELY = float(np.log(1e-5))
"""Log-probability below which a token is looked at: at most one in 2,000 tokens of a model that chooses among 49,000 is there,
if its probabilities fall off as in texts of the embedded model."""

MOST = 0.1
"""Largest share of such tokens: a text with more was not written so, or so hot that one token more says nothing."""

AHEAD = 64
"""Likeliest tokens of each place that are tried."""

ROUNDS = 4
"""Most passes in which other readings are tried."""

LONGEST_WORD = 40
"""Characters after which a word counts as ended: some scripts put no space between words."""


IMPOSSIBLE = 3 * UNLIKELY
"""Log-probability that an impossible token counts with where readings are compared."""

Setting = TypeVar("Setting")

Several = Sequence[TokenScores]
"""The scores of one text in one reading, under each setting that finds some token of it all but impossible."""


def hardly_drawn(scores: TokenScores, start: int = 0) -> list[int]:
    """Places of tokens that are all but impossible; none where there are so many that only another setting explains them.

    Args:
        scores: of a text.
        start: how many characters at its beginning do not count towards so many.
    """
    places = np.flatnonzero(scores.logprob < UNLIKELY)
    return list(map(int, places)) if (scores.char_start[places] >= start).sum() <= max(3, MOST * len(scores)) else []


def as_drawn(
    session: Session, texts: Sequence[Prompted], request: Request, scored: Sequence[Mapping[Decoding, TokenScores]]
) -> list[Prompted]:
    """The texts, with `token_ids` where a setting finds another reading of some word likelier than the tokenizer's.

    Only words with a token of `hardly_drawn` under some setting are read anew. Of the readings that begin with one of the
    `AHEAD` likeliest tokens and go on as the tokenizer does, the likeliest is taken: over all settings that have such tokens,
    since what wrote the text is unknown.

    Args:
        session: of the model.
        texts: as they were scored.
        request: under which they were scored.
        scored: their scores, under each setting in question.

    Returns:
        As many texts, in order.
    """
    drawn = list(texts)
    doubting = [tuple(setting for setting, scores in by_setting.items() if hardly_drawn(scores)) for by_setting in scored]
    settings = tuple(dict.fromkeys(itertools.chain.from_iterable(doubting)))
    states = {number: _State(texts[number].text) for number, doubts in enumerate(doubting) if doubts}
    if not states:
        return drawn
    tokenizer = load_tokenizer(session.model.folder)
    for _ in range(ROUNDS + 1):
        asked = [number for number, state in states.items() if not state.settled]
        if not asked:
            break
        again = session.score_each([drawn[number] for number in asked], replace(request, top_k=AHEAD), settings)
        for number, columns in zip(asked, again, strict=True):
            by_setting = dict(zip(settings, columns, strict=True))
            states[number].update([by_setting[setting] for setting in doubting[number]], tokenizer)
            drawn[number] = replace(texts[number], token_ids=states[number].ids or None)
    for number, state in states.items():
        same = state.best and texts[number].text.startswith(decode_tokens(tokenizer, state.best))
        drawn[number] = replace(texts[number], token_ids=state.best) if same else texts[number]
    return drawn


LED = (" ", "\n", "\n\n")
"""White space with which a model begins where a prompt does not end in any; interfaces and people take it off."""

HEAD = 24
"""Characters after the first word that are read to see how a text began: they may be as unlikely after it."""


@dataclass(frozen=True)
class Beginning:
    """How a text began before white space at its beginning was changed: `led` stands for its first `cut` characters."""

    led: str = ""
    cut: int = 0

    def whole(self, text: str) -> str:
        """The text as it began."""
        return self.led + text[self.cut :]

    def placed(self, scores: TokenScores) -> TokenScores:
        """Scores of the whole text, with the characters of the text as it is here."""
        shift, least = np.int32(self.cut - len(self.led)), np.int32(0)
        start, end = scores.char_start + shift, scores.char_end + shift
        return replace(scores, char_start=np.maximum(start, least), char_end=np.maximum(end, least))


def beginnings(
    session: Session, texts: Sequence[Prompted], request: Request, scored: Sequence[Mapping[Decoding, TokenScores]]
) -> list[Beginning]:
    """For each text how it may have begun: otherwise than here where that makes its first word possible, which is not so here.

    Args: see `as_drawn`.
    """
    begun = [Beginning() for _ in texts]
    for number, (prompted, by_setting) in enumerate(zip(texts, scored, strict=True)):
        text = prompted.text
        cut = len(text) - len(text.lstrip())
        first = next((place for place in range(cut, len(text)) if text[place].isspace()), len(text))
        doubting = tuple(
            setting
            for setting, scores in by_setting.items()
            if any(scores.char_start[place] < first for place in hardly_drawn(scores, first + HEAD))
        )
        if not doubting:
            continue
        options = [Beginning(led, cut) for led in ("", *LED) if led != text[:cut]]
        options.insert(0, Beginning(text[:cut], cut))
        heads = [replace(prompted, text=option.whole(text[: first + HEAD])) for option in options]
        by_head = session.score_each(heads, request, doubting)
        totals = [_total(scores, 0, first - cut + len(option.led)) for option, scores in zip(options, by_head, strict=True)]
        best = int(np.argmax(totals))
        if totals[best] > totals[0] - UNLIKELY:
            begun[number] = options[best]
    return begun


def without_doubtful_end(row: Sequence[Mapping[Setting, TokenScores]], text: str) -> list[Mapping[Setting, TokenScores]]:
    """The scores of a text by several models, without its last word if one of them finds that all but impossible.

    A stop string or a limit of characters cuts a token that the model drew; what is left of it was not drawn.
    """
    edge = max((place for place, character in enumerate(text) if character.isspace()), default=0)
    doubted = any(
        scores.char_end[place] > edge for by_setting in row for scores in by_setting.values() for place in hardly_drawn(scores)
    )
    if not doubted or edge < len(text) - LONGEST_WORD:
        return list(row)
    return [
        {setting: scores[: int((scores.char_end <= edge).sum())] for setting, scores in by_setting.items()}
        for by_setting in row
    ]


@dataclass(frozen=True)
class _Word:
    """A stretch of a text, [start, end), to be read as `ids`; `before`: the log-likelihood of its reading so far."""

    start: int
    end: int
    ids: tuple[int, ...]
    before: float


class _State:
    """One text on its way to its likeliest reading.

    Attributes:
        ids: the reading to be scored next.
        best: the likeliest so far; (): as the tokenizer reads it.
        settled: whether there is nothing left to try.
    """

    def __init__(self, text: str) -> None:
        self.text, self.settled = text, False
        self.ids: tuple[int, ...] = ()
        self.best: tuple[int, ...] = ()
        self._kept: Several = ()
        self._tried: set[tuple[int, tuple[int, ...]]] = set()
        self._trial: list[_Word] = []

    def update(self, scores: Several, tokenizer: Tokenizer) -> None:
        """Take the scores of `ids`: keep the words that became likelier, and choose what to try next."""
        better = [word for word in self._trial if _total(scores, word.start, word.end) > word.before]
        if not self._kept:
            ids, end = scores[0].token_id.tolist(), int(scores[0].char_end[-1])
            if decode_tokens(tokenizer, ids) != self.text[:end]:
                self.settled = True  # a tokenizer that does not give every character back
                return
            self._kept = scores
        elif len(better) == len(self._trial):
            self._kept, self.best = scores, self.ids
        elif better:  # scored together with worse ones: once more without them
            self._trial = better
            self.ids = _put(self._kept[0], better)
            return
        self._trial = list(self._proposals(tokenizer))
        self._tried |= {(word.start, word.ids) for word in self._trial}
        self.ids = _put(self._kept[0], self._trial)
        self.settled = not self._trial

    def _proposals(self, tokenizer: Tokenizer) -> Iterator[_Word]:
        """For each doubtful word the reading that may gain most of those that were not tried."""
        doubtful = {place for scores in self._kept for place in hardly_drawn(scores)}
        ends = 0
        for place in sorted(doubtful):
            start, end = int(self._kept[0].char_start[place]), int(self._kept[0].char_end[place])
            if start < ends:
                continue
            options = [
                (gain, word)
                for scores in self._kept
                for gain, word in _readings(self.text, scores, self._kept, start, end, tokenizer)
                if (word.start, word.ids) not in self._tried
            ]
            if options:
                _, word = max(options, key=lambda option: option[0])
                ends = word.end
                yield word


def _readings(
    text: str, scores: TokenScores, every: Several, start: int, end: int, tokenizer: Tokenizer
) -> Iterator[tuple[float, _Word]]:
    """Other readings of the word around text[start:end], and by how much each may be likelier at most under one setting."""
    assert scores.top_ids is not None and scores.top_logprobs is not None
    special = {token for token, added in tokenizer.get_added_tokens_decoder().items() if added.special}
    first, last = _word_start(text, scores, start), int(scores.char_end[-1])
    for place in np.flatnonzero((scores.char_start >= first) & (scores.char_start < end)).tolist():
        begin = int(scores.char_start[place])
        if place and int(scores.char_end[place - 1]) > begin:
            continue  # in the midst of a character
        for token, log_p in zip(scores.top_ids[place].tolist(), scores.top_logprobs[place].tolist(), strict=True):
            piece = "" if token in special or token == scores.token_id[place] else decode_tokens(tokenizer, [token])
            if not piece or not text.startswith(piece, begin):
                continue  # half a character decodes to U+FFFD, which the text has where it was never made whole
            stop = _word_end(text, scores, max(end, begin + len(piece)))
            before = _total([scores], begin, stop)
            if stop > last or log_p <= before:
                continue
            rest = tokenizer.encode(text[begin + len(piece) : stop], add_special_tokens=False).ids
            ids = (token, *rest)
            if decode_tokens(tokenizer, ids) == text[begin:stop] and ids != _ids(scores, begin, stop):
                yield log_p - before, _Word(begin, stop, ids, _total(every, begin, stop))


def _word_start(text: str, scores: TokenScores, start: int) -> int:
    """The character at which the word begins that holds the token at character `start`."""
    starts: list[int] = scores.char_start[(scores.char_start <= start) & (scores.char_start >= start - LONGEST_WORD)].tolist()
    return next((place for place in reversed(starts) if _parts(text, place)), starts[0])


def _word_end(text: str, scores: TokenScores, end: int) -> int:
    """The character behind the word that reaches `end` at least, on an edge of tokens."""
    ends: list[int] = scores.char_end[(scores.char_end >= end)].tolist()
    return next((place for place in ends if _parts(text, place) or place - end > LONGEST_WORD), len(text) + 1)


def _parts(text: str, place: int) -> bool:
    """Whether a word ends and another one begins there."""
    return place == 0 or place >= len(text) or text[place].isspace() or _kind(text[place - 1]) != _kind(text[place])


def _kind(character: str) -> int:
    return 0 if character.isspace() else 1 if character.isalpha() else 2 if character.isdigit() else 3


def _within(scores: TokenScores, start: int, end: int) -> slice:
    """The rows of the tokens of text[start:end], on whose edges tokens begin and end."""
    rows = np.flatnonzero((scores.char_start >= start) & (scores.char_end <= end))
    return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0, 0)


def _total(scores: Several, start: int, end: int) -> float:
    """The log-likelihood of a word, summed over settings."""
    rows = _within(scores[0], start, end)
    return sum(float(np.maximum(under.logprob[rows], IMPOSSIBLE).sum(dtype=np.float64)) for under in scores)


def _ids(scores: TokenScores, start: int, end: int) -> tuple[int, ...]:
    return tuple(scores.token_id[_within(scores, start, end)].tolist())


def _put(scores: TokenScores, words: Sequence[_Word]) -> tuple[int, ...]:
    """The reading of `scores` with some words read anew."""
    ids, done = list[int](), 0
    for word in sorted(words, key=lambda word: word.start):
        rows = _within(scores, word.start, word.end)
        ids += [*scores.token_id[done : rows.start].tolist(), *word.ids]
        done = rows.stop
    return (*ids, *scores.token_id[done:].tolist())
