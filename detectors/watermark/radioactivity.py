"""The rule that asks whether a model was trained on marked text, since then its own predictions carry the mark, too.

A mark makes some tokens likelier after each context, and a model that learns from marked text learns that. Sander et al. 2024
call such text radioactive. Knows nothing about models: their predictions or answers are given as token ids.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.detectors.rule import Measurement, MembershipTest, NotDerivable, Terms, decision, requires
from llm_audit.detectors.watermark.base import check_laws, e_value, keyed_fields, law, needed, numbers, summed, title_of
from llm_audit.detectors.watermark.counts import described
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.schemes.base import (
    ContextScheme,
    Ints,
    Observations,
    TokenisedText,
    check_vocabulary,
    first_rows,
    windows,
)
from llm_audit.reports.format import p_statement
from llm_audit.reports.wording import membership as wording
from llm_audit.results import Conditions, Fact, Result
from llm_audit.results.watermark_evidence import KeyedTraining, Summed


@dataclass(frozen=True)
class Read:
    """A text that the model read, with the token that it predicted as likeliest at each place.

    Attributes:
        ids: (n,) of the text.
        expected: (n,) the likeliest token given all before; -1 where there is no prediction.
    """

    ids: Ints
    expected: Ints


@dataclass(frozen=True)
class Written:
    """An answer of the model: (m,) ids of the prompt, (n,) ids of the answer."""

    prompt: Ints
    ids: Ints


def check(key: Key, *texts: Ints) -> ContextScheme:
    """The scheme of a key, if its contexts have independent randomness.

    Raises:
        InvalidConfiguration: they have not: one list for all contexts, a list that depends on the token itself, a shared
            table, or a sequence of keys.
        AuditError: a text has a token outside the key's vocabulary.
    """
    scheme = key.scheme
    if not isinstance(scheme, ContextScheme) or not scheme.context_length:
        raise InvalidConfiguration(
            f"Key {key.id} is of {scheme.title} in a form whose scores do not belong to one context each: a model that reads "
            "marked text could copy the mark from it without any training. Use a key whose scheme hashes the tokens before."
        )
    if (size := _size(key)) is not None:
        for ids in texts:
            check_vocabulary(TokenisedText(ids), size)
    return scheme


def of_reading(key: Key, texts: Sequence[Read]) -> KeyedTraining:
    """The evidence from a model's predictions while it reads texts, marked or not.

    Each context counts at its first occurrence. Nothing that the model has read until then depends on the pseudo-random
    function at this context, so its prediction is independent of it unless the model was trained on the mark.
    """
    scheme = check(key, *(text.ids for text in texts))
    before = scheme.context_length
    contexts = np.concatenate([windows(text.ids, before)[: max(len(text.ids) - before, 0)] for text in texts])
    tokens = np.concatenate([text.expected[before:] for text in texts])
    known = (tokens >= 0) & (tokens < (_size(key) or np.inf))
    first = first_rows(contexts)
    observations = scheme.score(contexts[first], np.where(known, tokens, 0)[first])
    fresh = first_rows(observations.inputs[:, : observations.context])
    kept = fresh[known[first][fresh]]
    total = sum(len(text.ids) for text in texts)
    return _evidence(key, "reading", len(texts), total, int(known.sum()), observations.taken(kept))


def of_writing(key: Key, texts: Sequence[Written], marked: Sequence[Ints] = ()) -> KeyedTraining:
    """The evidence from a model's own answers.

    Each pair of context and token counts once, and none whose context occurs in a prompt: prompts may carry the mark, and a
    model copies from them.

    Args:
        key: of the mark.
        texts: the answers of the model.
        marked: ids of the marked texts; if given, only their contexts count, where alone the mark can have been learnt.
    """
    scheme = check(key, *marked, *(ids for text in texts for ids in (text.prompt, text.ids)))
    before = scheme.context_length
    runs = np.concatenate([_behind(text, before) for text in texts])
    observations = scheme.score(runs[:, :-1], runs[:, -1])
    seen = _contexts(scheme, [text.prompt for text in texts])
    kept = first_rows(observations.inputs)
    rows = [row.tobytes() for row in np.ascontiguousarray(observations.inputs[kept, : observations.context])]
    wanted = _contexts(scheme, marked) if marked else set(rows)
    chosen = kept[np.array([row in wanted and row not in seen for row in rows], dtype=np.bool_)]
    total = sum(len(text.ids) for text in texts)
    return _evidence(key, "outputs", len(texts), total, len(observations), observations.taken(chosen))


def _behind(text: Written, before: int) -> Ints:
    """Each token of an answer with the tokens before it, (n, before + 1)."""
    tail = text.prompt[max(len(text.prompt) - before, 0) :]
    return windows(np.concatenate([tail, text.ids]), before + 1)


def _contexts(scheme: ContextScheme, texts: Sequence[Ints]) -> set[bytes]:
    """The distinct contexts of texts, as inputs of the pseudo-random function."""
    contexts = np.concatenate(
        [np.empty((0, scheme.context_length), np.int64), *(windows(ids, scheme.context_length) for ids in texts)]
    )
    contexts = contexts[first_rows(contexts)]
    observations = scheme.score(contexts, np.zeros(len(contexts), np.int64))
    return {row.tobytes() for row in np.ascontiguousarray(observations.inputs[:, : observations.context])}


def _size(key: Key) -> int | None:
    """Size of the vocabulary that the key can score, if it is limited: models have unused tokens beyond it."""
    size: int | None = getattr(key.scheme, "vocab_size", None)
    return size


def _evidence(key: Key, mode: str, texts: int, tokens: int, scored: int, observations: Observations) -> KeyedTraining:
    counted = observations if observations.keyless is None else observations.taken(~observations.keyless)
    total = Summed(
        reading="token ids",
        tokens=tokens,
        scored=scored,
        distinct=len(counted),
        total=float(counted.scores.sum()),
        law=described(counted.law),
    )
    return KeyedTraining.model_validate(
        {"key": key.id, "scheme": key.scheme.scheme, "mode": mode, "texts": texts, "counted": total}
    )


def derive(measured: Measurement[KeyedTraining], terms: Terms) -> Result:
    """The result: the exact tail of the sum of scores."""
    requires(measured, KeyedTraining)
    evidence, counted = measured.evidence, measured.evidence.counted
    check_laws(evidence.scheme, counted.law)
    log_p, log_floor = numbers(counted)
    p, floor = math.exp(log_p), math.exp(log_floor)
    verdict, clause = decision(p, floor, terms.alpha)
    statistic, effect, log_e = summed(counted)
    source = "what the model expects while it reads" if evidence.mode == "reading" else "what the model wrote"
    scores = f"scores {effect.value:.4g} each, {law(counted.law).mean:.4g} by chance" if effect else "has no score"
    return Result(
        **keyed_fields(rule, evidence.key),
        subject="collection",
        verdict=verdict,
        reason=(
            f"Key {evidence.key} ({title_of(evidence.scheme)}): {source}, after {counted.distinct:,} contexts in "
            f"{counted.tokens:,} tokens, {scores}; {p_statement(p, alpha=terms.alpha)}: {clause}.{needed(counted, terms.alpha)}"
        ),
        statistic=statistic,
        p_value=p,
        e_value=None if log_e is None else e_value(log_e),
        p_floor=floor,
        n=counted.distinct,
        effect=effect,
        evidence=evidence,
    )


def _units(result: Result, conditions: Conditions) -> tuple[str, int, int]:
    """Units of a result: the contexts in words and their number; other keys take the place of held-out texts."""
    evidence = _stored(result)
    n = evidence.counted.distinct
    return f"{n:,} contexts, each counted once, in {evidence.texts:,} texts", n, 0


def _stated_facts(result: Result, conditions: Conditions, units: str) -> list[Fact]:
    evidence = _stored(result)
    return wording.facts_of_radioactivity(conditions, units, evidence.mode, (evidence.key, title_of(evidence.scheme)))


def _stored(result: Result) -> KeyedTraining:
    if not isinstance(result.evidence, KeyedTraining):
        raise NotDerivable("the report stores nothing that the p-value follows from")
    return result.evidence


rule = MembershipTest[tuple[Read | Written, ...], KeyedTraining](
    code="AUD504",
    name="radioactivity",
    title="Radioactivity",
    question="Was the model trained on text that carries the mark of the key?",
    null=(
        "The model came about without knowledge of the key: nothing that it was trained on carries the mark, and the key "
        "behaves like a random draw that is independent of the model."
    ),
    assumptions=(
        "The chance is in the key: for one that is public or guessable the null hypothesis is an assumption that nobody can "
        "check.",
        "The answers were not marked when they were drawn: an endpoint that serves with this key carries the mark without any "
        "training.",
        "A model learns a mark from any text that carries it, answers of other models that were trained on it among them: a "
        "finding does not say which marked text was read, nor who put it into the training data.",
        "Texts that the model reads, and prompts, are whole, from where their generation began: what was cut off before can "
        "have left its mark on what comes after.",
        "The p-value takes the number of contexts as fixed beforehand; the e-value holds even if it depends on the key.",
    ),
    method=(
        "Sander, Fernandez, Durmus, Douze and Furon 2024 (arXiv 2402.14904): scores of the model's likeliest next tokens, or "
        "of its answers. They count each pair of window and token; here a context counts where the texts hold it for the first "
        "time (reading), or if no prompt holds it (answers), so that the law of the sum is exact whatever the texts carry."
    ),
    conditions=frozenset({"tokenizer", "marked_contexts", "unprompted"}),
    derive=derive,
    listed=(
        "WatermarkRadioactivity",
        "The model was trained on marked text",
        "Null hypothesis: the model came about without knowledge of the key. A finding does not say which marked text it read.",
    ),
    claim="Was {model} trained on text that carries the mark of key {key}?",
    unnamed="the model whose answers these are",
    units=_units,
    stated=_stated_facts,
    condition="its answers were not marked when they were drawn, and the key was secret",
    data="text that carries the mark of the key",
)
