"""The prompt is known: exact tests of "this candidate wrote the text", and what they come to.

Two nulls, never merged: this one, and "a person wrote it". Refuting the first is not "human"; not refuting it is not "this
candidate wrote it". That takes evidence against every named rival and against human writing besides.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.attribution.candidate import describe
from llm_audit.detectors.attribution.judge import (
    Refutation,
    e_value,
    finite_statistic,
    least,
    least_refuted,
    needed,
    refutation,
)
from llm_audit.detectors.attribution.text import Author, Text, under
from llm_audit.detectors.base import Detector, Evidence, Terms
from llm_audit.errors import AuditError
from llm_audit.results import Attribution, Authorship, ModelIdentity, Result, Statistic, Trace, Verdict
from llm_audit.results.evidence import Against, Deciding, Setting, Settings
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats.alignment import CAP, ESCAPE
from llm_audit.stats.concentration import z_length

FEWEST = 16
"""Tokens below which no test can refute anything but an impossible token."""

KNOWN = "The candidate read exactly this prompt, in its chat template where it has one, before it wrote the text."
SETTINGS = "Its tokens were drawn with exactly these settings."
SOME_SETTINGS = "Its tokens were drawn with one of these settings; each is tested, and the least refuted one counts."
FIXED_LENGTH = (
    "The length does not depend on what was written. Where the model itself ended the text this is not quite so, and the test "
    "is somewhat less strict than it says."
)
RETOKENISED = (
    "The text is read by the candidate's tokenizer in its one canonical way. Where the model had put the same letters together "
    "from other tokens, this is not what it drew."
)
OTHER_TOKENS = (
    f"Not exact: rivals with another tokenizer are compared word by word, each word's ratio capped at {CAP:g}; this allows for "
    f"{ESCAPE:.0%} of the words being put together from other tokens than the canonical ones."
)


def attributions(text: Text, prompt: str, detectors: Sequence[Detector], alpha: float) -> list[Attribution]:
    """All tests of every candidate."""
    judged = [_judge(text, number, detectors, alpha) for number in range(len(text.authors))]
    return [_attribution(text, number, judged, prompt, detectors, alpha) for number in range(len(text.authors))]


def _attribution(
    text: Text, number: int, judged: Sequence[_Judged | str], prompt: str, detectors: Sequence[Detector], alpha: float
) -> Attribution:
    author, own = text.authors[number], judged[number]
    if isinstance(own, str):
        return unassessed(author, prompt, own)
    others = [i for i in range(len(text.authors)) if i != number]
    against = () if own.refuted or not all(map(text.scored, others)) else text.against(others, [number])
    verdict, reason = _verdict(text, number, judged, against, alpha)
    return unassessed(author, prompt, reason).model_copy(
        update={
            "exact": True,
            "verdict": verdict,
            "p_value": own.p_value,
            "tests": tuple(
                _result(text, number, prompt, detector, evidence, alpha)
                for detector, evidence in zip(detectors, own.evidence, strict=True)
            ),
            "trace": _trace(own),
            "evidence": own.stored.model_copy(update={"against": against}),
        }
    )


def unassessed(author: Author, prompt: str | None, reason: str) -> Attribution:
    """A candidate without tests, and why: the base of those that have some."""
    candidate, model = author.candidate, author.session.model
    return Attribution(
        candidate=candidate.name,
        role=author.role,
        model=ModelIdentity(name=model.name, digest=model.digest, dtype=author.session.dtype),
        settings=tuple(describe(decoding) for decoding in candidate.decodings),
        context=_read_before(author, prompt),
        exact=False,
        verdict=Authorship.NOT_ASSESSABLE,
        reason=reason,
    )


def result(detector: Detector, alpha: float, n: int, p: float, value: float, **fields: Any) -> Result:
    """What one detector says about a candidate."""
    return Result(
        rule=detector.rule,
        name=detector.title,
        subject="document",
        verdict=Verdict.FINDING if p <= alpha else Verdict.PASS,
        statistic=Statistic(name=detector.name, value=finite_statistic(value), unit=detector.unit),
        p_value=p,
        n=n,
        method=detector.method,
        **fields,
    )


def _read_before(author: Author, prompt: str | None) -> str:
    if prompt is None:
        return "an unknown prompt"
    if not prompt:
        return "nothing: the text from its first token"
    try:
        read = author.candidate.fill(author.session.model, prompt)
    except AuditError:
        return "the prompt given, but it is unknown how"
    digest = hashlib.sha256(read.encode("utf-8", "backslashreplace")).hexdigest()[:12]
    how = "in its chat template" if author.candidate.template == "chat" else "as plain text"
    return f"the prompt given, {how} ({len(read):,} characters, SHA-256 {digest})"


@dataclass(frozen=True)
class _Judged:
    """What the tests say: of the least refuted setting, with the largest p-value of all.

    `refuted`: under every setting p <= alpha. `robust`: and that stands without the strongest token. `stored`: what both follow
    from, for the report.
    """

    scores: TokenScores
    p_value: float
    refuted: bool
    robust: bool
    evidence: tuple[Evidence, ...]
    stored: Settings


def _judge(text: Text, number: int, detectors: Sequence[Detector], alpha: float) -> _Judged | str:
    """All tests under every setting of a candidate, or why there are none."""
    scores, author = text.scores[number], text.authors[number]
    if isinstance(scores, str):
        return scores
    n = text.length(number)
    if n < FEWEST:
        spread = float(np.mean(text.settings(number)[0].varentropy)) if n else 0.0
        return (
            f"The text has {n} tokens; below {FEWEST} nothing can be decided. At the observed variance of {spread:.2g} nats², "
            f"a gap of 0.2 nats per token takes {z_length(0.2, max(spread, 0.01), alpha):,} tokens at alpha {alpha:g}."
        )
    each = [
        _judge_setting(text, number, under(scores, decoding), detectors, decoding.top_k, alpha)
        for decoding in author.candidate.decodings
    ]
    together, shown = least_refuted([one.refutation for one in each])
    stored = Settings(
        settings=tuple(
            Setting(
                name=describe(decoding),
                tests=tuple(
                    Deciding(rule=rule, evidence=None if place == shown else found.stored)
                    for rule, found in one.deciding.items()
                ),
            )
            for place, (decoding, one) in enumerate(zip(author.candidate.decodings, each, strict=True))
        ),
        shown=shown,
    )
    return _Judged(each[shown].scores, *together, each[shown].evidence, stored)


@dataclass(frozen=True)
class _UnderSetting:
    """All tests under one setting; `deciding`: those that decide, by rule."""

    scores: TokenScores
    evidence: tuple[Evidence, ...]
    deciding: dict[str, Evidence]
    refutation: Refutation


def _judge_setting(
    text: Text, number: int, own: TokenScores, detectors: Sequence[Detector], top_k: int, alpha: float
) -> _UnderSetting:
    """All tests under one setting; the p-value is Bonferroni's over the exact ones."""
    rivals = text.columns(own, text.rivals(number)).astype(np.float32)
    own = replace(own, rivals=rivals)
    decides = [not one.approximate and (rivals.shape[1] > 0 or not one.needs_rivals) for one in detectors]
    vocabulary = int(text.authors[number].session.model.config.get("vocab_size") or 1 << 18)
    terms = Terms(alpha, min(top_k or vocabulary, vocabulary), sum(decides))
    evidence = tuple(detector.exact(own, terms) for detector in detectors if detector.exact)
    deciding = {one.rule: found for one, found, counts in zip(detectors, evidence, decides, strict=True) if counts}
    came_to = refutation([found.p_value for found in deciding.values()], [found.robust for found in deciding.values()], alpha)
    return _UnderSetting(own, evidence, deciding, came_to)


def _verdict(
    text: Text, number: int, judged: Sequence[_Judged | str], against: Sequence[Against], alpha: float
) -> tuple[Authorship, str]:
    name, own = text.authors[number].name, judged[number]
    assert not isinstance(own, str)
    p = own.p_value
    if own.refuted and own.robust:
        return Authorship.NOT_WRITTEN_BY, (
            f"Refuted: had {name} written the text with this prompt and these settings, evidence like this would come up with "
            f"probability {p:.2g} at most. That does not say who or what wrote it instead."
        )
    if own.refuted:
        return Authorship.UNDECIDED, (
            f"The tests would refute it (p = {p:.2g}), but not without a single token: likely another tokeniser, another "
            "precision or an edit at that place."
        )
    fits = f"Not refuted (p = {p:.2g}), which is no evidence for it"
    for other in range(len(text.authors)):
        if other != number and text.scored(other) and text.same(number, other):
            return Authorship.NOT_ASSESSABLE, (
                f"{fits}: {text.authors[other].name} is the same model with the same prompt and settings, and no test can tell "
                "the two apart."
            )
    missing = _missing(text, number, judged, against, alpha)
    if missing is not None:
        return Authorship.UNDECIDED, f"{fits}: {missing}."
    return Authorship.WRITTEN_BY, (
        f"Of the named candidates only this one fits: it is not refuted (p = {p:.2g}), every other one is, and the text is "
        f"unlike human writing (p = {human_p_value(text):.2g}). A model that nobody named could still have written it."
    )


def _missing(text: Text, number: int, judged: Sequence[_Judged | str], against: Sequence[Against], alpha: float) -> str | None:
    """What is missing for "written by", as half a sentence; None if nothing is.

    Every rival must be refuted by itself, and by the likelihood of this candidate against its own, at alpha over the number
    of rivals: whichever of them wrote the text, all the others together take it from it with probability alpha at most.
    """
    others = [i for i in range(len(text.authors)) if i != number]
    if not others:
        return "to say that it wrote the text, name its rivals with --candidate or --other"
    for other in others:
        if isinstance(judged[other], str):
            return f"its rival {text.authors[other].name} could not be tested"
    enough, n = needed(len(others), alpha), text.length(number)
    ratios = {one.candidate: least([one]) for one in against}
    weakest = min(ratios, key=lambda other: ratios[other])
    if ratios[weakest] < enough:
        pace = ratios[weakest] / n
        longer = f"; at this pace {math.ceil(enough / pace):,} tokens would do" if pace > 1e-4 else ""
        return (
            f"against {text.authors[weakest].name} its e-value is e^{ratios[weakest]:.2f} after {n:,} tokens, and "
            f"e^{enough:.2f} is needed{longer}"
        )
    for other in others:
        rival = judged[other]
        assert not isinstance(rival, str)
        if not (rival.refuted and rival.robust):
            return f"{text.authors[other].name}, though less likely, is not refuted either"
    human = human_p_value(text)
    if human is None:
        return "every rival is refuted, but the text could not be compared with human writing"
    if human > alpha:
        return f"every rival is refuted, but the text is not unlike human writing of the population (p = {human:.2g})"
    return None


def human_p_value(text: Text) -> float | None:
    """Against "a person wrote it"; None if the text could not be compared."""
    return text.person.combined.p_value if text.person.combined else None


def _result(text: Text, number: int, prompt: str, detector: Detector, evidence: Evidence, alpha: float) -> Result:
    author = text.authors[number]
    settings = [describe(decoding) for decoding in author.candidate.decodings]
    other_tokens = detector.needs_rivals and not all(text.same_tokens(number, rival) for rival in text.rivals(number))
    return result(
        detector,
        alpha,
        text.length(number),
        evidence.p_value,
        evidence.statistic,
        null=f"{author.name} wrote the text: every token drawn from it after {_read_before(author, prompt)}, with "
        f"{' or '.join(settings)}.",
        reason=evidence.reason,
        e_value=None if evidence.log_e is None else e_value(evidence.log_e),
        evidence=evidence.stored,
        assumptions=(
            KNOWN,
            SETTINGS if len(settings) == 1 else SOME_SETTINGS,
            RETOKENISED,
            *((FIXED_LENGTH,) if evidence.pit is not None else ()),
            *((OTHER_TOKENS,) if other_tokens else ()),
        ),
    )


def _trace(judged: _Judged) -> Trace:
    scores = judged.scores
    path = next((found.path for found in judged.evidence if found.path is not None), np.zeros(len(scores)))
    pit = next((found.pit for found in judged.evidence if found.pit is not None), np.full(len(scores), np.nan))
    return Trace(
        start=tuple(scores.char_start.tolist()),
        end=tuple(scores.char_end.tolist()),
        surprisal=_finite(-scores.logprob),
        entropy=tuple(round(value, 4) for value in scores.entropy.tolist()),
        log_e=tuple(round(value, 4) for value in np.clip(path, -1e4, 1e4).tolist()),
        pit=_finite(pit),
    )


def _finite(values: NDArray[Any]) -> tuple[float | None, ...]:
    return tuple(round(value, 4) if math.isfinite(value) else None for value in values.tolist())
