"""Models whose every law is known, texts drawn from them, and what candidates say of those texts. No neural network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.attribution.candidate import Candidate
from llm_audit.detectors.attribution.run import Settings, find_rules, judge
from llm_audit.detectors.attribution.text import Author, Role, Scores, Text
from llm_audit.results import Attribution, Document, Result, Verdict
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import StoredModel
from llm_audit.scoring.tokens import RENYI_ORDERS, Decoding, TokenScores
from llm_audit.text import RawText

Floats = NDArray[np.float64]

N, VOCABULARY = 80, 30


def laws(rng: np.random.Generator, n: int = N) -> Floats:
    """(n, vocabulary) logits: a model whose next token depends on the place alone, which no test here knows."""
    return rng.standard_normal((n, VOCABULARY)) * rng.uniform(0.5, 3, (n, 1))


def decoded(logits: Floats, decoding: Decoding) -> Floats:
    """(n, vocabulary) log p after the decoding transform (temperature and top-k)."""
    scaled = logits / decoding.temperature
    if decoding.top_k:
        scaled = np.where(scaled >= np.sort(scaled, axis=1)[:, [-decoding.top_k]], scaled, -np.inf)
    whole: Floats = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
    return whole


def draw(logits: Floats, rng: np.random.Generator, decoding: Decoding | None = None) -> NDArray[np.int64]:
    """One token a place."""
    noise = rng.gumbel(size=logits.shape)
    tokens: NDArray[np.int64] = (decoded(logits, decoding or Decoding()) + noise).argmax(axis=1)
    return tokens


def scores(logits: Floats, tokens: NDArray[np.int64], decodings: Sequence[Decoding] = (Decoding(),)) -> Scores:
    """What the engine would say of the tokens: every one a word of three letters and a space."""
    return {decoding: _columns(decoded(logits, decoding), tokens) for decoding in decodings}


def _columns(log_p: Floats, tokens: NDArray[np.int64]) -> TokenScores:
    p, own = np.exp(log_p), np.take_along_axis(log_p, tokens[:, None], axis=1)
    surprisal = np.where(p > 0, -log_p, 0.0)
    entropy = (p * surprisal).sum(axis=1)
    rows = np.arange(len(tokens), dtype=np.int32)
    columns = {
        "logprob": own[:, 0],
        "entropy": entropy,
        "varentropy": (p * (surprisal - entropy[:, None]) ** 2).sum(axis=1),
        "max_logprob": log_p.max(axis=1),
        "mass_above": (p * (log_p > own)).sum(axis=1),
        "tie_mass": (p * (log_p == own)).sum(axis=1),
        "renyi": np.stack([np.logaddexp.reduce(order * log_p, axis=1) for order in RENYI_ORDERS], axis=1),
    }
    return TokenScores(
        token_id=tokens.astype(np.int32),
        char_start=4 * rows,
        char_end=4 * rows + 3,
        window=np.zeros(len(tokens), np.int32),
        context=rows,
        rank=(1 + (log_p > own).sum(axis=1)).astype(np.int32),
        **{name: column.astype(np.float32) for name, column in columns.items()},
    )


def author(name: str, role: Role = "candidate") -> Author:
    """A candidate whose model is never loaded."""
    candidate = Candidate.parse(name)
    config = {"vocab_size": VOCABULARY}
    stored = StoredModel(candidate.model, Path(), "0" * 64, config, {}, "{{ messages[0].content }}", {})
    return Author(candidate, role, Session(stored))


def person(p_value: float | None = 0.001) -> Document:
    """The comparison with human writing; None: there was none."""
    combined = p_value and Result(
        rule="AUD100", name="All detectors", subject="document", null="A person wrote it.", verdict=Verdict.PASS,
        reason="Compared.", p_value=p_value,
    )  # fmt: skip
    return Document(
        name="a.txt", sha256=None, encoding=None, language="en", characters=1, tokens=None, verdict=Verdict.PASS,
        summary="Too short to compare.", combined=combined or None,
    )  # fmt: skip


def text(authors: Sequence[Author], found: Sequence[Scores | str], human: float | None = 0.001) -> Text:
    """A text of `N` words as all candidates see it."""
    return Text(RawText("a.txt", "0" * 64, "utf-8", "abc " * N, 4 * N), person(human), authors, found)


RULES = find_rules()


def judged_document(whole: Text, prompt: str | None, alpha: float) -> Document:
    """What `attribute` says of the text."""
    return judge(whole, Settings(alpha, prompt, RULES))


def attributions(whole: Text, prompt: str | None, alpha: float) -> tuple[Attribution, ...]:
    """What it says of each candidate."""
    return judged_document(whole, prompt, alpha).attributions
