"""Whether prompts are billed as the reference's tokenizer counts them. No p-value: it screens, and it never decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import gcd

import numpy as np

from llm_audit.detectors.rule import Measurement, Terms, requires
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.endpoints.probe import SurfaceCapabilities
from llm_audit.endpoints.records import Ask, Failure, Reply
from llm_audit.results import Result, Verdict
from llm_audit.results.substitution_evidence import MOST, PromptCount, PromptCounts

KINDS: Mapping[str, str] = {
    "words": "I don't think they'd've said it's the dogs' bowl",
    "rare words": "floccinaucinihilipilification antidisestablishmentarianism syzygy",
    "a long number": "3141592653589793238462643383279502884197",
    "dates and sums": "1,234,567.89 2026-11-29T06:18:07Z 0x1F4A9 v10.0.19045",
    "spaces": f"a{' ' * 17}b{' ' * 6}c\t\t\td",
    "line feeds": "one\n\n\ntwo\n\nthree\n    four",
    "code": "def f(x):\n        if x != 0:\n                return {k: v for k, v in x.items()}",
    "markup": r"</div></td></tr>{{\frac{\partial f}{\partial x}}}",
    "Chinese": "人工智能模型的分词器如何切分这句话",
    "Japanese": "トークナイザーの違いを調べる",
    "Russian": "Достопримечательности превысокомногорассмотрительствующий",
    "Arabic": "كيف يقسم النموذج هذه الجملة",
    "Hindi": "यह वाक्य कितने टोकन में बँटता है",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466\U0001f3f3\ufe0f\u200d\U0001f308\U0001f916\U0001f9be",
    "capitals": "THEQUICKBROWNFOXjumpsOverTheLAZYdog parseHTTPResponse",
    "hexadecimal digits": "d41d8cd98f00b204e9800998ecf8427e",
}
"""Kinds of text that tokenizers split differently."""

PROMPTS: Mapping[str, str] = {kind: f"Repeat {text} exactly" for kind, text in KINDS.items()}
"""Kind -> prompts. All begin and end with the same word, so that no token crosses the border to the text around a prompt."""

FEWEST = 8
"""Fewest counts for a conclusion."""

_NAME = "prompt tokens: "


def questions(surface: SurfaceCapabilities, tokens: int) -> list[Ask]:
    """One request a prompt; what is answered does not matter. None where the endpoint counts no tokens."""
    if not surface.usage:
        return []
    return [Ask(f"{_NAME}{kind}", prompt, surface.surface, tokens, 0.0) for kind, prompt in PROMPTS.items()]


def measure(outcomes: Sequence[Reply | Failure], reference: Mapping[str, int]) -> Measurement[PromptCounts]:
    """Measure the billed prompt tokens of the answers to `questions` against the reference's counts (prompt -> tokens)."""
    usage = {outcome.ask.prompt: outcome.usage[0] for outcome in outcomes if isinstance(outcome, Reply)}
    counts = tuple(
        PromptCount(name=kind, characters=len(prompt), reference=reference[prompt], billed=billed)
        for kind, prompt in PROMPTS.items()
        if prompt in reference and (billed := usage.get(prompt)) is not None and billed <= MOST
    )
    return Measurement(PromptCounts(asked=len(outcomes), prompts=counts), n=len(counts))


def derive(measured: Measurement[PromptCounts], terms: Terms) -> Result:
    """Whether one constant overhead explains every count, in words.

    Raises:
        ValueError: prompts that nobody asks.
    """
    requires(measured, PromptCounts)
    counted = [(count.name, count.characters) for count in measured.evidence.prompts]
    if counted != [(kind, len(prompt)) for kind, prompt in PROMPTS.items() if kind in dict(counted)]:
        raise ValueError("the prompts are not those that are asked, in their order, each once")
    verdict, reason = _verdict(measured.evidence)
    return Result(
        **rule.result_fields,
        subject="endpoint",
        verdict=verdict,
        reason=f"{reason} No p-value; it does not decide.",
        n=len(counted),
        evidence=measured.evidence,
    )


def _verdict(evidence: PromptCounts) -> tuple[Verdict, str]:
    """Verdict and sentence from the counts. Rounded or estimated numbers are no evidence about a tokenizer."""
    counts, n = evidence.prompts, len(evidence.prompts)
    if n < FEWEST:
        return Verdict.NOT_ASSESSABLE, f"{n} answers tell how many tokens their prompts have; {FEWEST} are needed."
    overheads = [count.billed - count.reference for count in counts]
    if len(set(overheads)) == 1:
        return Verdict.PASS, f"All {n} prompts are billed as the reference's tokenizer counts them{_overhead(overheads[0])}."
    if no_count := _no_count(counts, max(overheads) - min(overheads)):
        return Verdict.NOT_ASSESSABLE, no_count
    usual = Counter(overheads).most_common(1)[0][0]
    others = [count.name for count, overhead in zip(counts, overheads, strict=True) if overhead != usual]
    named = ", ".join(others[:4]) + (", ..." if len(others) > 4 else "")
    return Verdict.INCONCLUSIVE, (
        f"{len(others)} of {n} prompts ({named}) are billed for other numbers of tokens than the reference's tokenizer and one "
        f"overhead for all explain: they would need {min(overheads)} to {max(overheads)} tokens more. The endpoint has another "
        "tokenizer, or its gateway counts by another one, estimates, or changes prompts."
    )


def _overhead(tokens: int) -> str:
    """Sentence on a constant difference, due to the text around a prompt; "" if there is none."""
    sentence = f", each with {abs(tokens)} token{'s' * (abs(tokens) != 1)} {'fewer' if tokens < 0 else 'more'}"
    return sentence if tokens else ""


def _no_count(counts: Sequence[PromptCount], spread: int) -> str:
    """The reason why these numbers are no counts, as a sentence; "" if they may be.

    Rounded ones are multiples of a step, and no farther apart than a step from the reference's. Estimated ones lie on a line
    over the characters, up to a token; no tokenizer does that for all of `KINDS`.
    """
    billed = [count.billed for count in counts]
    if len(set(billed)) == 1:
        return f"Every prompt is billed for {billed[0]:,} tokens, whatever it is: nothing was counted."
    step = gcd(*billed)
    if step > 1 and spread <= step:
        return f"Prompts are billed in steps of {step} tokens, too coarse to tell another tokenizer from the reference's."
    length = np.array([count.characters for count in counts], dtype=np.float64)
    apart, above = length - length.mean(), np.array(billed) - np.mean(billed)
    line = apart * (apart @ above) / max(float(apart @ apart), 1.0)  # of least squares
    if np.abs(above - line).max() <= 1:
        return "The tokens billed follow the number of characters: they are estimated, and tell nothing of a tokenizer."
    return ""


rule = SubstitutionRule[Sequence[Reply | Failure], PromptCounts](
    code="AUD407",
    name="prompt-tokens",
    title="Counts of prompt tokens",
    question="Does the endpoint bill prompts as the reference's tokenizer counts them?",
    null="The endpoint counts the tokens of a prompt as the reference's tokenizer does, plus the same overhead for each.",
    assumptions=(
        "The endpoint counts the tokens that its model reads. A gateway may round, estimate, or count by another tokenizer, so "
        "a departure alone says nothing of the model; nor does agreement, since models of one family share a tokenizer.",
        "What is put around a prompt (template, system prompt, special tokens) is the same for all, and is cut apart from it: "
        "prompts begin and end with the same word.",
    ),
    method="Differences of counts over prompts that tokenizers cut differently; under the null hypothesis they are all equal",
    counts=True,
    measure=measure,
    derive=derive,
)
