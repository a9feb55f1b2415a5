"""The rule that asks whether an endpoint chooses the same word after the same context, whatever the sentence (Gumbel marks)."""

from __future__ import annotations

from llm_audit.detectors.watermark import choices

rule = choices.rule_of(
    "agreement",
    code="AUD508",
    name="watermark-gumbel",
    title="Watermark of an endpoint, Gumbel",
    question="Does an endpoint choose the same word after the same context, whatever the sentence?",
    null=(
        "Draws after the same few tokens are independent of each other: after contexts that mean nothing, sentences"
        " do not agree in the word more than otherwise."
    ),
    method=(
        "One noise vector for each context makes the choice after it the same wherever the odds allow. Agreement of"
        " sentences after each context, permuted within sentences, (1 + b)/(1 + B). A fixed seed of the server and "
        "stored answers agree after all contexts alike, and are no finding."
    ),
)
