"""The prompt is unknown: the same statistics, compared with reference generations. Nothing is exact, nothing is attributed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llm_audit.detectors.attribution.candidate import describe
from llm_audit.detectors.attribution.known import result, unassessed
from llm_audit.detectors.attribution.text import Text
from llm_audit.detectors.base import Detector
from llm_audit.detectors.populations import MINIMUM_TOKENS, Population
from llm_audit.detectors.populations.population import alone
from llm_audit.results import Attribution, Authorship, Result, Verdict
from llm_audit.results import Population as NamedPopulation
from llm_audit.results.evidence import Conformal, Generations
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats.conformal import smallest_p_value

REFERENCE_REQUEST = Request(Windowing(512, first_only=True))
"""How reference generations are scored, and texts of an unknown prompt that are compared with them."""

EXCHANGEABLE = (
    "The prompt is unknown, so nothing here is exact: under the null the text is exchangeable with the reference generations, "
    "that is, with texts that the candidate wrote for prompts like theirs. They are cut to its length: most of them go on for "
    "longer, and texts that end by themselves may be of other kinds."
)


def attribution(text: Text, number: int, detectors: Sequence[Detector], alpha: float) -> Attribution:
    """One candidate against the reference generations of each of its settings; the setting that fits best counts."""
    author, scores = text.authors[number], text.scores[number]
    if isinstance(scores, str):
        return unassessed(author, None, scores)
    candidate, compared = author.candidate, []
    for decoding, own in zip(candidate.decodings, text.settings(number), strict=True):
        terms = author.reference_terms(decoding)
        fitting = [one for one in author.references if one.datasheet.scorer == terms]
        reference = max(fitting, key=lambda one: one.n, default=None)
        if reference is None:
            return unassessed(
                author,
                None,
                f"The prompt is unknown, and there are no reference generations of {candidate.model} with "
                f"{describe(decoding)} to compare with. Give the prompt with --prompt; or draw some with `llm-audit generate` "
                "and build a population of them with `llm-audit calibrate --generations`.",
            )
        if len(own) < MINIMUM_TOKENS:
            return unassessed(
                author, None, f"The text has {len(own)} tokens; with an unknown prompt {MINIMUM_TOKENS} are needed."
            )
        known = [detector for detector in detectors if detector.rule in reference.scores]
        part = reference.measure(own, known)
        found = reference.evidence(known, [part])
        compared.append((reference.judge(found, part), reference, known, own, found))
    (p, n, stretch), reference, known, own, found = max(compared, key=lambda entry: entry[0].p_value)
    verdict, reason = verdict_of(p, n, stretch.stop, alpha)
    return unassessed(author, None, reason).model_copy(
        update={
            "verdict": verdict,
            "p_value": p,
            "tests": tuple(
                _result(reference, detector, own, alone(found, place), alpha) for place, detector in enumerate(known)
            ),
            "evidence": Generations(settings=tuple(entry[-1] for entry in compared)),
        }
    )


def verdict_of(p: float, n: int, length: int, alpha: float) -> tuple[Authorship, str]:
    """What a rank among n reference generations, cut to `length` tokens, says, and why."""
    if p <= alpha:
        return Authorship.NOT_WRITTEN_BY, (
            f"Unlike the {n:,} reference generations, cut to {length} tokens like this text (p = {p:.2g}). That does not say "
            "who wrote it instead, and prompts of another kind could make the same model write like this."
        )
    if (floor := smallest_p_value(n)) > alpha:
        return Authorship.UNDECIDED, f"With {n:,} reference generations no p-value below {floor:.2g} is possible."
    return Authorship.UNDECIDED, (
        f"Not unlike the {n:,} reference generations (p = {p:.2g}). With an unknown prompt that is no evidence that it wrote "
        "the text, and nothing can be."
    )


def _result(reference: Population, detector: Detector, own: TokenScores, found: Conformal, alpha: float) -> Result:
    part = found.parts[0]
    fields = result_fields(reference, found, alpha)
    del fields["verdict"]  # of which `result` is in charge
    return result(detector, alpha, fields.pop("n"), fields.pop("p_value"), detector.statistic(own[: part.stop]), **fields)


def result_fields(reference: Population, found: Conformal, alpha: float) -> dict[str, Any]:
    """What follows from the rank of one statistic: the fields of its result."""
    p, n, stretch = reference.judge(found, found.parts[0])
    sheet = reference.datasheet
    return {
        "null": f"The text was written like the reference generations {sheet.name}.",
        "reason": f"Of {n:,} reference generations {round(p * (n + 1)) - 1:,} lie at least as far out.",
        "verdict": Verdict.FINDING if p <= alpha else Verdict.PASS,
        "p_value": p,
        "p_floor": smallest_p_value(n),
        "evidence": found,
        "n": stretch.stop,
        "population": NamedPopulation(
            name=sheet.name,
            description=sheet.description,
            n=n,
            length_bin=f"first {stretch.stop} tokens",
            digest=reference.digest,
        ),
        "assumptions": (EXCHANGEABLE,),
    }
