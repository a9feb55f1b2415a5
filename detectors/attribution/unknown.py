"""Attribution with an unknown prompt: statistics ranked among reference generations; not exact, and never an attribution."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.detectors.attribution.base import CandidateRule
from llm_audit.detectors.attribution.known import unassessed
from llm_audit.detectors.attribution.text import Text
from llm_audit.detectors.populations import MINIMUM_TOKENS, among
from llm_audit.detectors.populations.population import alone
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.reports.wording import attribution as wording
from llm_audit.results import Attribution, Statistic
from llm_audit.results.evidence import Generations
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.tokens import Decoding

REFERENCE_REQUEST = Request(Windowing(512, first_only=True))
"""Windowing of reference generations, and of the texts with an unknown prompt that are compared with them."""


def measured(text: Text, number: int, rules: Sequence[CandidateRule], alpha: float) -> Attribution:
    """Rank the text among the reference generations of each of a candidate's settings; `conclude` adds the verdict."""
    author, scores = text.authors[number], text.scores[number]
    if isinstance(scores, str):
        return unassessed(author, None, scores)
    candidate, compared = author.candidate, []
    for setting, token_scores in zip(candidate.settings, text.settings(number), strict=True):
        # Generations are drawn with a model's own weights: of rounded ones there are none.
        terms = author.reference_terms(setting) if isinstance(setting, Decoding) else None
        fitting = [population for population in author.references if population.datasheet.scorer == terms]
        reference = max(fitting, key=lambda population: population.n, default=None)
        if reference is None:
            return unassessed(
                author,
                None,
                wording.NO_GENERATIONS.write(model=candidate.model, setting=str(setting)),
            )
        if len(token_scores) < MINIMUM_TOKENS:
            return unassessed(author, None, wording.TOO_SHORT_TO_RANK.write(tokens=len(token_scores), fewest=MINIMUM_TOKENS))
        known = [rule for rule in rules if rule.code in reference.scores]
        part = reference.measure(token_scores, known)
        evidence = reference.evidence(known, [part])
        compared.append((reference.judge(evidence, part).p_value, known, token_scores[: part.stop], evidence))
    _, known, token_scores, evidence = max(compared, key=lambda entry: entry[0])
    terms_of_run = Terms(alpha, population=among(*author.references))
    tests = [
        rule.derive(
            Measurement(
                alone(evidence, place),
                statistic=Statistic(name=rule.name, value=rule.statistic(token_scores), unit=rule.unit),
            ),
            terms_of_run,
        )
        for place, rule in enumerate(known)
    ]
    return unassessed(author, None, "").model_copy(
        update={"tests": tuple(tests), "evidence": Generations(settings=tuple(entry[-1] for entry in compared))}
    )
