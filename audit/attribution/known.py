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

from llm_audit.attribution.text import Author, Text, under
from llm_audit.detectors.base import Detector, Evidence, Terms
from llm_audit.results import Attribution, Authorship, ModelIdentity, Result, Statistic, Trace, Verdict
from llm_audit.scoring.candidate import Candidate, describe
from llm_audit.scoring.tokens import Decoding, TokenScores
from llm_audit.stats.combination import bonferroni
from llm_audit.stats.concentration import z_length

FEWEST = 16
"""Tokens below which no test can refute anything but an impossible token."""

KNOWN = "The candidate read exactly this prompt, and nothing else, before it wrote the text."
SETTINGS = "Its tokens were drawn with exactly these settings."
SOME_SETTINGS = "Its tokens were drawn with one of these settings; each is tested, and the least refuted one counts."
RETOKENISED = (
    "The text is read by the candidate's tokenizer in its one canonical way. Where the model had put the same letters together "
    "from other tokens, this is not what it drew."
)
GUARDED = (
    "Rivals with another tokenizer are compared where both tokenizers end a token at the end of a word, with 0.5 % of the "
    "candidate's log-likelihood in its favour for the tokenisations that are left out."
)


def attribution(text: Text, number: int, prompt: str, detectors: Sequence[Detector], alpha: float) -> Attribution:
    """All tests of one candidate."""
    author = text.authors[number]
    scores = text.scores[number]
    if isinstance(scores, str):
        return unassessed(author, prompt, scores)
    n = text.length(number)
    if n < FEWEST:
        spread = float(np.mean(text.settings(number)[0].varentropy)) if n else 0.0
        return unassessed(
            author,
            prompt,
            f"The text has {n} tokens; below {FEWEST} nothing can be decided. At the observed variance of {spread:.2g} nats², "
            f"a gap of 0.2 nats per token takes {z_length(0.2, max(spread, 0.01), alpha):,} tokens at alpha {alpha:g}.",
        )
    each = [_judge(text, number, decoding, detectors, alpha) for decoding in author.candidate.decodings]
    judged = max(each, key=lambda one: (one.p_value > alpha or not one.robust, one.p_value))  # the least refuted counts
    verdict, reason = _verdict(text, number, judged, alpha)
    return unassessed(author, prompt, reason).model_copy(
        update={
            "exact": True,
            "verdict": verdict,
            "p_value": judged.p_value,
            "tests": tuple(
                _result(text, number, prompt, detector, evidence, alpha)
                for detector, evidence in zip(detectors, judged.evidence, strict=True)
            ),
            "trace": _trace(judged),
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
        context=_read_before(candidate, prompt),
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
        statistic=Statistic(name=detector.name, value=float(np.clip(value, -1e300, 1e300)), unit=detector.unit),
        p_value=p,
        n=n,
        method=detector.method,
        **fields,
    )


def _read_before(candidate: Candidate, prompt: str | None) -> str:
    if prompt is None:
        return "an unknown prompt"
    if not prompt:
        return "nothing: the text from its first token"
    digest = hashlib.sha256(prompt.encode("utf-8", "backslashreplace")).hexdigest()[:12]
    how = "through its chat template" if candidate.template == "chat" else "as plain text"
    return f"the prompt given ({len(prompt):,} characters, SHA-256 {digest}), {how}"


@dataclass(frozen=True)
class _Judged:
    """What the tests say under one setting. `robust`: the refutation stands without the strongest token."""

    scores: TokenScores
    p_value: float
    robust: bool
    evidence: tuple[Evidence, ...]


def _judge(text: Text, number: int, decoding: Decoding, detectors: Sequence[Detector], alpha: float) -> _Judged:
    """All tests under one setting; the p-value is Bonferroni's over the exact ones."""
    config = text.authors[number].session.model.config
    vocabulary = int(config.get("vocab_size") or 1 << 18)
    scores = text.scores[number]
    assert not isinstance(scores, str)
    own = under(scores, decoding)
    rivals = text.columns(own, text.rivals(number)).astype(np.float32)
    own = replace(own, rivals=rivals)
    terms = Terms(alpha, min(decoding.top_k or vocabulary, vocabulary))
    evidence = tuple(detector.exact(own, terms) for detector in detectors if detector.exact)
    deciding = [
        found
        for detector, found in zip(detectors, evidence, strict=True)
        if not detector.approximate and (rivals.shape[1] or not detector.needs_rivals)
    ]
    refuting = [found for found in deciding if len(deciding) * found.p_value <= alpha]
    robust = not refuting or any(found.robust for found in refuting)
    return _Judged(own, bonferroni([found.p_value for found in deciding]), robust, evidence)


def _verdict(text: Text, number: int, judged: _Judged, alpha: float) -> tuple[Authorship, str]:
    name, p = text.authors[number].name, judged.p_value
    if p <= alpha and judged.robust:
        return Authorship.NOT_WRITTEN_BY, (
            f"Refuted: had {name} written the text with this prompt and these settings, evidence like this would come up with "
            f"probability {p:.2g} at most. That does not say who or what wrote it instead."
        )
    if p <= alpha:
        return Authorship.UNDECIDED, (
            f"The tests would refute it (p = {p:.2g}), but a single token carries the evidence: likely another tokeniser, "
            "another precision or an edit at that place."
        )
    fits = f"Not refuted (p = {p:.2g}), which is no evidence for it"
    for other in range(len(text.authors)):
        if other != number and text.scored(other) and text.same(number, other):
            return Authorship.NOT_ASSESSABLE, (
                f"{fits}: {text.authors[other].name} is the same model with the same prompt and settings, and no test can tell "
                "the two apart."
            )
    missing = _missing(text, number, alpha)
    if missing is not None:
        return Authorship.UNDECIDED, f"{fits}: {missing}."
    return Authorship.WRITTEN_BY, (
        f"Of the named candidates only this one fits: it is not refuted (p = {p:.2g}), every other one is, and the text is "
        f"unlike human writing (p = {human_p_value(text):.2g}). A model that nobody named could still have written it."
    )


def _missing(text: Text, number: int, alpha: float) -> str | None:
    """What is missing for "written by", as half a sentence; None if nothing is."""
    others, needed = [i for i in range(len(text.authors)) if i != number], math.log(1 / alpha)
    if not others:
        return "to say that it wrote the text, name its rivals with --candidate or --other"
    for other in others:
        if not text.scored(other):
            return f"its rival {text.authors[other].name} could not be tested"
    ratios = {other: text.against([other], [number]) for other in others}
    weakest = min(ratios, key=lambda other: ratios[other])
    if ratios[weakest] < needed:
        n = text.length(number)
        pace = ratios[weakest] / n
        longer = f"; at this pace {math.ceil(needed / pace):,} tokens would do" if pace > 1e-4 else ""
        return (
            f"against {text.authors[weakest].name} its e-value is e^{ratios[weakest]:.2f} after {n:,} tokens, and alpha "
            f"{alpha:g} takes e^{needed:.2f}{longer}"
        )
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
    guarded = detector.rule == "AUD204" and not all(text.same_tokens(number, rival) for rival in text.rivals(number))
    return result(
        detector,
        alpha,
        text.length(number),
        evidence.p_value,
        evidence.statistic,
        null=f"{author.name} wrote the text: every token drawn from it after {_read_before(author.candidate, prompt)}, with "
        f"{' or '.join(settings)}.",
        reason=evidence.reason,
        e_value=None if evidence.log_e is None else math.exp(min(evidence.log_e, 690.0)),
        assumptions=(
            KNOWN,
            SETTINGS if len(settings) == 1 else SOME_SETTINGS,
            RETOKENISED,
            *((GUARDED,) if guarded else ()),
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
