"""Scores from the likelihood of a text, alone or relative to other explanations of it.

Of all scores these depend most on style: a plain text is likely whether the model has seen it or not.
"""

from __future__ import annotations

import zlib as compression

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.membership.base import MEANING, MembershipScore, present
from llm_audit.scoring.tokens import TokenScores

SURPRISING_SHARE, SURE = 0.4, 2.0
"""Settings of SURP, fixed as published: share of least likely tokens, and bound on the entropy in nats."""

LEAST_LOSS = 1e-6
"""Smallest loss used in ratios, in nats, about the float32 error of a log-probability, for perfectly predicted texts."""


def mean_logprob(scores: TokenScores) -> float:
    """The mean log-probability of the tokens, nats per token (it is -log perplexity); higher = more member-like.

    Source: Yeom, Giacomelli, Fredrikson & Jha, "Privacy Risk in Machine Learning" (CSF 2018, arXiv 1709.01604).
    """
    return float(scores.logprob.astype(np.float64).mean())


def per_compressed_byte(scores: TokenScores, text: str) -> float:
    """LL / bytes of the zlib-compressed UTF-8 text; higher = more member-like.

    A mean over tokens divided by a total over bytes, as published: the longer a text, the nearer to 0. Compare texts of one
    length only.

    Source: Carlini et al., "Extracting Training Data from Large Language Models" (USENIX Security 2021, arXiv 2012.07805).
    Where we differ: not at all; one other tool divides by the bytes per character.
    """
    return mean_logprob(scores) / len(compression.compress(text.encode()))


def mean_of_surprising(scores: TokenScores) -> float:
    """SURP: mean log-probability of the tokens that are "certain but wrong", nats per token; higher = more member-like.

    Those are the tokens among the 40 % least likely (ties at the limit included) where the entropy is below 2 nats. Where
    there is none, no token surprised the model, and the score is 0, the highest.

    Source: Zhang & Wu, "Adaptive Pre-training Data Detection for Large Language Models via Surprising Tokens" (2024, arXiv
    2407.21248). Where we differ: published code gives -100, the lowest score, to a text without a surprise.
    """
    logprob = scores.logprob.astype(np.float64)
    count = max(1, int(len(logprob) * SURPRISING_SHARE))
    surprising = logprob[(logprob <= np.sort(logprob)[count - 1]) & (scores.entropy < SURE)]
    return float(surprising.mean()) if len(surprising) else 0.0


def against_lowercase(scores: TokenScores, lowercase: TokenScores) -> float:
    """LL(text in lower case) / LL(text), a ratio of losses; higher = more member-like: a member loses more by it.

    Source: Carlini et al. 2021 (arXiv 2012.07805). Where we differ: their ratio is of perplexities; ours is of their
    logarithms, as in Shi et al. 2024 and Min-K%++. A text without capitals has 1, whatever the model has seen.
    """
    return _mean_loss(lowercase.logprob) / _mean_loss(scores.logprob)


def against_reference(scores: TokenScores, reference: TokenScores) -> float:
    """-(sum l under the model) / (sum l under the reference model), <= 0; higher = more member-like.

    Of totals, so that the two may have different tokenizers, over the characters that both have scored: one may see less of a
    long text. The reference should know the style and not the texts.

    Source: the idea is of Carlini et al. 2021 (arXiv 2012.07805), who compare perplexities; this ratio is that of Meeus et al.,
    "Copyright Traps for Large Language Models" (ICML 2024, arXiv 2402.09363). Where we differ: totals in the place of means.
    """
    end = min(scores.char_end[-1], reference.char_end.max(initial=0))
    logprob, reference_logprob = (run.logprob[run.char_end <= end] for run in (scores, reference))
    return -_total_loss(logprob) / _total_loss(reference_logprob)


def after_prefix(scores: TokenScores, prefixed: TokenScores) -> float:
    """LL(text | prefix) / LL(text), a ratio of losses over the same tokens; higher = more member-like.

    The prefix is of texts that the model has not seen. It takes more from the likelihood of seen texts than of new ones.

    Args:
        scores: of the text alone.
        prefixed: of its beginning after the prefix, which leaves the model less room. Without a start token it may hold a row
            more in front: the first token of a text alone then has no score.

    Source: Xie, Wang, Huang, Zhang, Ge, Pei, Gong & Dhingra, "ReCaLL: Membership Inference via Relative Conditional
    Log-Likelihoods" (EMNLP 2024, arXiv 2406.15968). Where we differ: not at all; other tools take the loss over prefix and text
    together, or draw the prefix from the very texts that are tested.
    """
    same = prefixed[int(scores.context[0] - prefixed.context[0]) :]
    return _mean_loss(same.logprob) / _mean_loss(scores.logprob[: len(same)])


def _total_loss(logprob: NDArray[np.float32]) -> float:
    return max(-float(logprob.sum(dtype=np.float64)), LEAST_LOSS)


def _mean_loss(logprob: NDArray[np.float32]) -> float:
    return max(-float(logprob.sum(dtype=np.float64)) / max(len(logprob), 1), LEAST_LOSS)


LISTED = ("MembershipLikelihood", "Membership scores (likelihood)", MEANING)

loss = MembershipScore(
    code="AUD303",
    name="loss",
    title="Likelihood",
    unit="nats per token",
    listed=LISTED,
    method="Yeom et al. 2018 (arXiv 1709.01604): mean log-probability",
    statistic=lambda passes: mean_logprob(passes.scores),
)

zlib = MembershipScore(
    code="AUD303",
    name="zlib",
    title="Likelihood per compressed byte",
    unit="nats per token and byte",
    listed=LISTED,
    method="Carlini et al. 2021 (arXiv 2012.07805): mean log-probability / bytes of zlib (UTF-8)",
    statistic=lambda passes: per_compressed_byte(passes.scores, passes.text),
)

surp = MembershipScore(
    code="AUD303",
    name="surp",
    title="Surprising tokens (SURP)",
    unit="nats per token",
    listed=LISTED,
    method="Zhang & Wu 2024 (arXiv 2407.21248), k = 40 %, entropy below 2 nats; 0 where no token surprises",
    statistic=lambda passes: mean_of_surprising(passes.scores),
)

lowercase = MembershipScore(
    code="AUD303",
    name="lowercase",
    title="Loss in lower case",
    unit="ratio",
    listed=LISTED,
    method="Carlini et al. 2021 (arXiv 2012.07805), ratio of log-perplexities",
    statistic=lambda passes: against_lowercase(passes.scores, present(passes.lowercase, "the text in lower case")),
    needs=("lowercase",),
)

reference_ratio = MembershipScore(
    code="AUD303",
    name="reference-ratio",
    title="Loss against a reference model",
    unit="ratio",
    listed=LISTED,
    method="After Carlini et al. 2021 (arXiv 2012.07805) and Meeus et al. 2024 (arXiv 2402.09363), ratio of total losses",
    statistic=lambda passes: against_reference(passes.scores, present(passes.reference, "a reference model")),
    needs=("reference",),
)

recall = MembershipScore(
    code="AUD303",
    name="recall",
    title="Loss after an unseen prefix (ReCaLL)",
    unit="ratio",
    listed=LISTED,
    method="Xie et al. 2024 (arXiv 2406.15968), over the same tokens of the text alone",
    statistic=lambda passes: after_prefix(passes.scores, present(passes.prefixed, "a prefix")),
    needs=("prefixed",),
)
