"""From logits to the distribution of the next token under a decoding setting: one small pure function per sampler step.

A step takes (n, vocabulary) logits, in which excluded tokens are -inf, and the tokens before each row, and returns logits.
`decode` is the way in; `transformers` and llama.cpp themselves are the oracles of the tests. Knows no models and no texts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from llm_audit.scoring.chain import EXCLUDING, Chain
from llm_audit.scoring.columns import EXCLUDED
from llm_audit.scoring.tokens import Decoding

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Past:
    """The earlier tokens of each of n tokens to be drawn or scored.

    Attributes:
        tokens: of all texts, end to end, prompts included.
        start, written, end: (n,) a row's past is tokens[start:end], of which the model itself wrote tokens[written:end].
        targets: (n,) the tokens drawn; None: not yet.
        breakers: (vocabulary,) bool, tokens over which DRY sees no repetition.
        surprisal: bound of mirostat, in bits, by setting and text (`start`); changed along the text.
    """

    tokens: Ids
    start: Ids
    written: Ids
    end: Ids
    targets: Ids | None = None
    breakers: NDArray[np.bool_] | None = None
    surprisal: dict[tuple[Chain, int], float] = field(default_factory=dict)

    def __getitem__(self, rows: slice) -> Self:
        """The past of some rows; the state of mirostat is shared."""
        targets = None if self.targets is None else self.targets[rows]
        return replace(self, start=self.start[rows], written=self.written[rows], end=self.end[rows], targets=targets)

    def before(self, row: int, last: int = 0, *, written_only: bool = False) -> Ids:
        """The `last` tokens before a row (0: all), oldest first; with `written_only`, without those of the prompt."""
        start, end = int(self.written[row] if written_only else self.start[row]), int(self.end[row])
        return self.tokens[max(start, end - last) if last else start : end]


def decode(logits: torch.Tensor, decoding: Decoding, past: Past | None = None) -> torch.Tensor:
    """(n, vocabulary) logits after a decoding setting; the argument may be overwritten.

    Excluded tokens end `EXCLUDED` below the maximum rather than at -inf, which would turn 0 * inf into NaN.

    Raises:
        ValueError: the setting looks back, and `past` is missing.
    """
    if isinstance(decoding, Chain):
        return _floored(escape(logits, decoding, past)[0] if decoding.escaped else _run(logits, decoding, past, decoding.order))
    if decoding.temperature != 1.0:
        logits /= decoding.temperature
    if not decoding.truncates:
        return logits
    excluded = torch.zeros_like(logits, dtype=torch.bool)
    if decoding.top_k:
        smallest_kept = logits.topk(min(decoding.top_k, logits.shape[1]), dim=1).values[:, -1:]
        excluded |= logits < smallest_kept
    if decoding.top_p < 1:
        excluded |= _outside_nucleus(logits.masked_fill(excluded, -torch.inf), decoding.top_p)
    if decoding.min_p > 0:
        kept = logits.masked_fill(excluded, -torch.inf).softmax(dim=1)
        excluded |= kept < decoding.min_p * kept.amax(dim=1, keepdim=True)
    floor = (logits.amax(dim=1, keepdim=True) - EXCLUDED).expand_as(logits)
    return torch.where(excluded, floor, logits, out=logits)


def escape(logits: torch.Tensor, chain: Chain, past: Past | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of a token that may escape a chain's exclusions, see `Chain.escaped`, and (n,) log of the kept set's mass."""
    free = _run(logits.clone(), chain, past, tuple(step for step in chain.order if step not in EXCLUDING)).log_softmax(1)
    inside = _run(logits, chain, past, chain.order).log_softmax(1)
    excluded = inside == -torch.inf
    log_kept = free.masked_fill(excluded, -torch.inf).logsumexp(1).clamp(max=0)
    return _floored(torch.where(excluded, free, log_kept[:, None] + inside)), log_kept


def _floored(logits: torch.Tensor) -> torch.Tensor:
    return torch.maximum(logits, logits.amax(1, keepdim=True) - EXCLUDED)


def _run(logits: torch.Tensor, chain: Chain, past: Past | None, order: tuple[str, ...]) -> torch.Tensor:
    if chain.looks_back and past is None:
        raise ValueError(f"{chain!r} looks back, and nothing is said of what was written before")
    for number, step in enumerate(order):
        if step == "xtc":  # a coin decides whether it acts: the law is the mixture
            rest = order[number + 1 :]
            acts = _run(without_top_choices(logits, chain.xtc_threshold), chain, past, rest).log_softmax(1)
            if chain.xtc_probability == 1:
                return acts
            idle = _run(logits, chain, past, rest).log_softmax(1)
            return torch.logaddexp(acts + math.log(chain.xtc_probability), idle + math.log1p(-chain.xtc_probability))
        logits = _STEPS[step](logits, chain, past)
    return logits


def temperature(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Logits divided by the temperature or, with a range, by one that rises with the entropy, as in llama.cpp."""
    if not chain.dynatemp_range:
        return logits / chain.temperature
    coldest, hottest = max(0.0, chain.temperature - chain.dynatemp_range), chain.temperature + chain.dynatemp_range
    left = (logits > -torch.inf).sum(1, keepdim=True)
    share = _entropy(logits.log_softmax(1)) / left.clamp(min=2).log()
    temperatures = coldest + (hottest - coldest) * share**chain.dynatemp_exponent
    return torch.where(left > 1, logits / temperatures.clamp(min=1e-6), logits)


def _entropy(log_p: torch.Tensor) -> torch.Tensor:
    """(n, 1) entropies in nats of distributions that may exclude tokens."""
    return -(log_p.exp() * log_p.masked_fill(log_p == -torch.inf, 0)).sum(1, keepdim=True)


def top_n_sigma(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Keep the tokens whose logit is at most n standard deviations below the largest (Tang et al. 2024)."""
    there = logits > -torch.inf
    count = there.sum(1, keepdim=True)
    mean = logits.masked_fill(~there, 0).sum(1, keepdim=True) / count
    spread = (((logits - mean) ** 2).masked_fill(~there, 0).sum(1, keepdim=True) / count).sqrt()
    return logits.masked_fill(logits < logits.amax(1, keepdim=True) - chain.top_n_sigma * spread, -torch.inf)


def top_k(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Keep the k likeliest tokens, and all that tie with the k-th."""
    smallest_kept = logits.topk(min(chain.top_k, logits.shape[1]), dim=1).values[:, -1:]
    return logits.masked_fill(logits < smallest_kept, -torch.inf)


def top_p(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Keep the likeliest tokens until their probability reaches p, the one that reaches it included (Holtzman et al. 2020)."""
    return logits.masked_fill(_outside_nucleus(logits, chain.top_p), -torch.inf)


def min_p(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Keep the tokens at least p times as likely as the likeliest one."""
    return logits.masked_fill(logits < logits.amax(1, keepdim=True) + math.log(chain.min_p), -torch.inf)


def typical_p(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Keep the tokens whose surprisal is nearest to the entropy, until their probability reaches p (Meister et al. 2023)."""
    log_p = logits.log_softmax(1)
    p, entropy = log_p.exp(), _entropy(log_p)
    distance, order = (-log_p - entropy).abs().sort(dim=1, stable=True)
    below = (p.gather(1, order).cumsum(1) < chain.typical_p).sum(1, keepdim=True).clamp(max=logits.shape[1] - 1)
    return logits.masked_fill((-log_p - entropy).abs() > distance.gather(1, below), -torch.inf)


def epsilon_cutoff(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Keep the tokens that are at least that likely, and the likeliest."""
    log_p = logits.log_softmax(1)
    return logits.masked_fill((log_p < math.log(chain.epsilon_cutoff)) & (log_p < log_p.amax(1, keepdim=True)), -torch.inf)


def eta_cutoff(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Keep the tokens above a bound that falls with the entropy, and the likeliest (Hewitt et al. 2022, eta sampling)."""
    log_p = logits.log_softmax(1)
    bound = (0.5 * math.log(chain.eta_cutoff) - _entropy(log_p)).clamp(max=math.log(chain.eta_cutoff))
    return logits.masked_fill((log_p < bound) & (log_p < log_p.amax(1, keepdim=True)), -torch.inf)


def greedy(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Keep the likeliest token, and those that tie with it."""
    return logits.masked_fill(logits < logits.amax(1, keepdim=True), -torch.inf)


def without_top_choices(logits: torch.Tensor, threshold: float) -> torch.Tensor:
    """The logits after XTC acts: of the tokens at or above the threshold only the least likely one is left.

    llama.cpp's form: nothing happens above a threshold of .5, where two tokens cannot be.
    """
    above = logits.softmax(1) >= threshold
    several = above.sum(1, keepdim=True) > 1
    least = logits.masked_fill(~above, torch.inf).amin(1, keepdim=True)
    return logits.masked_fill(several & (logits > least), -torch.inf)


def penalties(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Logits after the penalties for tokens of prompt or answer so far: repetition's first, then presence's and frequency's."""
    assert past is not None
    logits = logits.clone()
    for row in range(len(logits)):
        if chain.repetition_penalty != 1:
            seen = torch.from_numpy(np.unique(past.before(row, chain.penalty_last_n)))
            values = logits[row, seen]
            factor = chain.repetition_penalty
            logits[row, seen] = torch.where(values > 0, values / factor, values * factor)
        if chain.presence_penalty or chain.frequency_penalty:
            counted = past.before(row, chain.penalty_last_n, written_only=not chain.penalise_prompt)
            tokens, counts = np.unique(counted, return_counts=True)
            taken = chain.presence_penalty + chain.frequency_penalty * counts
            logits[row, torch.from_numpy(tokens)] -= torch.from_numpy(taken).to(logits)
    return logits


def no_repeat_ngram(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Logits without the tokens that would end an n-gram which occurred."""
    assert past is not None
    n, logits = chain.no_repeat_ngram, logits.clone()
    for row in range(len(logits)):
        tokens = past.before(row).tolist()
        start = tokens[len(tokens) - n + 1 :]
        banned = {tokens[i + n - 1] for i in range(len(tokens) - n + 1) if tokens[i : i + n - 1] == start}
        logits[row, list(banned)] = -torch.inf
    return logits


def dry(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Logits less DRY's penalty for tokens that would extend a repetition, as llama.cpp computes it.

    If the l tokens before the row also stand just before an earlier token v, then v loses
    multiplier * base^(l - allowed length). The count l stops at the last token that contains a breaker.
    """
    assert past is not None
    logits, most = logits.clone(), int(np.log(3e38) / math.log(chain.dry_base)) if chain.dry_base > 1 else 0
    for row in range(len(logits)):
        tokens = past.before(row, chain.dry_last_n)
        end, limit = len(tokens), len(tokens)
        if past.breakers is not None and past.breakers[tokens].any():
            limit = int(past.breakers[tokens][::-1].argmax())
        longest: dict[int, int] = {}
        for place in np.flatnonzero(tokens[:-1] == tokens[-1]) if limit >= chain.dry_allowed_length else ():
            length = 1
            while length <= place and length < limit and tokens[place - length] == tokens[end - 1 - length]:
                length += 1
            follower = int(tokens[place + 1])
            longest[follower] = max(longest.get(follower, 0), length)
        for token, length in longest.items():
            if length >= chain.dry_allowed_length:
                exponent = length - chain.dry_allowed_length
                logits[row, token] -= chain.dry_multiplier * chain.dry_base ** (min(exponent, most) if most else exponent)
    return logits


def mirostat(logits: torch.Tensor, chain: Chain, past: Past | None) -> torch.Tensor:
    """Keep the tokens within a bound on surprisal, which follows the drawn tokens; see `observe`.

    Version 2 keeps surprisals up to the bound mu. Version 1 keeps the k likeliest, k from mu and from the exponent s of a
    Zipf law fitted to the 100 likeliest (Basu et al. 2021, algorithms 1 and 2, as llama.cpp computes them).
    """
    assert past is not None
    logits = logits.log_softmax(1)
    for row in range(len(logits)):
        bound = past.surprisal.get((chain, int(past.start[row])), 2 * chain.mirostat_tau)
        if chain.mirostat == 1:
            kept = _zipf_count(logits[row], bound, wraps=chain.wraps)
            smallest_kept = logits[row].topk(kept).values[-1]
        else:
            smallest_kept = logits[row].amax().clamp(max=-bound * math.log(2))
        logits[row] = logits[row].masked_fill(logits[row] < smallest_kept, -torch.inf).log_softmax(0)
        if past.targets is not None:
            observe(past, chain, row, float(logits[row, int(past.targets[row])]))
    return logits


def observe(past: Past, chain: Chain, row: int, log_p: float) -> None:
    """Update mirostat's bound after a draw: mu -= eta (surprisal - tau), in bits, under the distribution drawn from.

    A token outside that distribution, which other arithmetic may have kept, counts as the least likely one inside.
    """
    key = (chain, int(past.start[row]))
    bound = past.surprisal.get(key, 2 * chain.mirostat_tau)
    surprisal = -log_p / math.log(2) if math.isfinite(log_p) else bound
    past.surprisal[key] = bound - chain.mirostat_eta * (surprisal - chain.mirostat_tau)


def _zipf_count(log_p: torch.Tensor, bound: float, *, wraps: bool) -> int:
    """The number of tokens that mirostat 1 keeps, at least one; `wraps`: see `Chain`."""
    ranked = log_p.topk(min(100, len(log_p))).values.double().tolist()
    steps = [math.log((i + 2) / (i + 1)) for i in range(len(ranked) - 1)]
    falls = [a - b for a, b in pairwise(ranked)]
    s = sum(t * b for t, b in zip(steps, falls, strict=True)) / sum(t * t for t in steps)
    excess = s - 1
    try:
        k = (excess * 2**bound / (1 - len(log_p) ** -excess)) ** (1 / s)
    except OverflowError:
        k = math.inf
    except ZeroDivisionError:  # not a number, which becomes no token, hence one
        return 1
    if isinstance(k, complex) or not k < 2**31:
        return 1 if wraps else len(log_p)
    return max(1, min(int(k), len(log_p)))


_Step = Callable[[torch.Tensor, Chain, Past | None], torch.Tensor]
_STEPS: Mapping[str, _Step] = {
    step.__name__: step
    for step in (
        *(penalties, no_repeat_ngram, dry, top_n_sigma, temperature, top_k, top_p, min_p, typical_p, epsilon_cutoff),
        *(eta_cutoff, mirostat, greedy),
    )
}

NUCLEUS = 2048
"""Likeliest tokens among which the nucleus is sought first: it is rarely larger, and sorting a row takes 20 times as long."""


def _outside_nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """(n, vocabulary) bool: tokens before which, most likely first, the probability has already reached `top_p`."""
    outside, enough = _outside_among(logits, top_p, min(NUCLEUS, logits.shape[1]))
    rest = torch.nonzero(~enough)[:, 0]
    if len(rest) and logits.shape[1] > NUCLEUS:
        outside[rest] = _outside_among(logits[rest], top_p, logits.shape[1])[0]
    return outside


def _outside_among(logits: torch.Tensor, top_p: float, most: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`_outside_nucleus` computed from the `most` likeliest tokens, and (n,) bool: whether these reach `top_p`."""
    ranked, order = logits.topk(most, dim=1)
    p = (ranked - logits.logsumexp(1, keepdim=True)).exp()
    before = p.cumsum(dim=1) - p
    outside = torch.ones_like(logits, dtype=torch.bool).scatter_(1, order, before >= top_p)
    return outside, before[:, -1] + p[:, -1] >= top_p
