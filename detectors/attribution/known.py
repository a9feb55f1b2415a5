"""Exact tests, with a known prompt, of "this candidate wrote the text" under each of its settings, with their evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import AuditError
from llm_audit.detectors.attribution import e_process, pit
from llm_audit.detectors.attribution.base import CandidateRule
from llm_audit.detectors.attribution.refutation import Refutation, least_refuted, refutation
from llm_audit.detectors.attribution.text import Author, Text, under
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.reports.wording import attribution as wording
from llm_audit.results import Attribution, Authorship, ModelIdentity, Trace
from llm_audit.results.evidence import Deciding, Setting, Settings
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats.concentration import z_length

FEWEST = 16
"""Fewest tokens; in shorter texts, tests can refute a candidate only by an impossible token."""


def measured(text: Text, number: int, prompt: str, rules: Sequence[CandidateRule], alpha: float) -> Attribution:
    """Measure a candidate: its tests with their evidence, or why there are none; `conclude` adds the verdict."""
    scores, author = text.scores[number], text.authors[number]
    if isinstance(scores, str):
        return unassessed(author, prompt, scores)
    n = text.length(number)
    if n < FEWEST:
        spread = float(np.mean(text.settings(number)[0].varentropy)) if n else 0.0
        needed = z_length(0.2, max(spread, 0.01), alpha)
        reason = wording.TOO_SHORT_TO_TEST.write(
            tokens=n, fewest=FEWEST, spread=f"{spread:.2g}", needed=needed, alpha=f"{alpha:g}"
        )
        return unassessed(author, prompt, reason)
    decodings = author.candidate.settings
    by_setting = [_under(text, number, under(scores, decoding), rules, decoding.top_k, alpha) for decoding in decodings]
    together, place = least_refuted([tested.refutation for tested in by_setting])
    shown = by_setting[place]
    others = [i for i in range(len(text.authors)) if i != number]
    compared = not together.refuted and all(map(text.scored, others))
    evidence = Settings(
        settings=tuple(
            Setting(
                name=str(decoding),
                tests=tuple(
                    Deciding(rule=code, evidence=None if tested is shown else measurement.evidence)
                    for code, measurement in tested.deciding.items()
                ),
            )
            for decoding, tested in zip(decodings, by_setting, strict=True)
        ),
        shown=place,
        against=text.against(others, [number]) if compared else (),
        same=tuple(i for i in others if text.scored(i) and text.same(number, i)),
        other_tokens=not all(text.same_tokens(number, rival) for rival in text.rivals(number)),
    )
    return unassessed(author, prompt, "").model_copy(
        update={
            "exact": True,
            "tests": tuple(
                rule.derive(measurement, shown.terms) for rule, measurement in zip(rules, shown.measurements, strict=True)
            ),
            "trace": _trace(shown.scores),
            "evidence": evidence,
        }
    )


def unassessed(author: Author, prompt: str | None, reason: str) -> Attribution:
    """The attribution of a candidate without tests, for `reason`; also the base of attributions with tests."""
    candidate, model = author.candidate, author.session.model
    return Attribution(
        candidate=candidate.name,
        role=author.role,
        model=ModelIdentity(name=model.name, digest=model.digest, dtype=author.session.dtype),
        settings=tuple(map(str, candidate.settings)),
        context=_read_before(author, prompt),
        exact=False,
        verdict=Authorship.NOT_ASSESSABLE,
        reason=reason,
    )


def _read_before(author: Author, prompt: str | None) -> str:
    if prompt is None:
        return wording.UNKNOWN_PROMPT
    if not prompt:
        return wording.NO_PROMPT
    try:
        read = author.candidate.fill(author.session.model, prompt)
    except AuditError:
        return wording.UNKNOWN_FORM
    digest = hashlib.sha256(read.encode("utf-8", "backslashreplace")).hexdigest()[:12]
    form = "in its chat template" if author.candidate.template == "chat" else "as plain text"
    return wording.AS_PROMPT.write(form=form, characters=len(read), digest=digest)


@dataclass(frozen=True)
class _UnderSetting:
    """All tests under one setting; `deciding`: the outcomes on which the verdict rests, by code."""

    scores: TokenScores
    terms: Terms
    measurements: tuple[Measurement[Any], ...]
    deciding: dict[str, Measurement[Any]]
    refutation: Refutation


def _under(
    text: Text, number: int, scores: TokenScores, rules: Sequence[CandidateRule], top_k: int, alpha: float
) -> _UnderSetting:
    rivals = text.columns(scores, text.rivals(number)).astype(np.float32)
    scores = replace(scores, rivals=rivals)
    decides = [not rule.approximate and (rivals.shape[1] > 0 or not rule.needs_rivals) for rule in rules]
    vocabulary = int(text.authors[number].session.model.config.get("vocab_size") or 1 << 18)
    terms = Terms(alpha, tests=max(sum(decides), 1))
    symbols = max(2, min(top_k or vocabulary, vocabulary))  # a law on one symbol is one on two, and bounds need two
    measurements = tuple(rule.measure(scores, terms, symbols) for rule in rules)
    deciding = {
        rule.code: measurement for rule, measurement, counts in zip(rules, measurements, decides, strict=True) if counts
    }
    outcomes = [rule.outcome(deciding[rule.code].evidence, terms.level) for rule in rules if rule.code in deciding]
    return _UnderSetting(scores, terms, measurements, deciding, refutation(outcomes, alpha))


def _trace(scores: TokenScores) -> Trace:
    return Trace(
        start=tuple(scores.char_start.tolist()),
        end=tuple(scores.char_end.tolist()),
        surprisal=_finite(-scores.logprob),
        entropy=tuple(round(value, 4) for value in scores.entropy.tolist()),
        log_e=tuple(round(value, 4) for value in np.clip(e_process.path(scores), -1e4, 1e4).tolist()),
        pit=_finite(pit.transform(scores)),
    )


def _finite(values: NDArray[Any]) -> tuple[float | None, ...]:
    return tuple(round(value, 4) if np.isfinite(value) else None for value in values.tolist())
