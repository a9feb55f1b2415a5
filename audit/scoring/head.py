"""From hidden states to token statistics, a block of rows at a time, so that logits exist for one block only.

Knows nothing about texts, tokenizers or windows: hidden states and observed token ids in, columns out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.scoring.chain import Chain
from llm_audit.scoring.columns import Columns, Sums, columns_of, joined, sums_of_rows
from llm_audit.scoring.samplers import Past, decode, escape
from llm_audit.scoring.tokens import RENYI_ORDERS, Decoding

LOGIT_BYTES = 50_000_000
"""Bytes of the float32 block of logits: 256 rows of a 49,152-token vocabulary. Twice as many would be 5 % faster."""


class Head:
    """The output projection of one model, or of two with one vocabulary, and the statistics of what it predicts.

    Args:
        weight: (vocabulary, hidden), float32 on a CPU, bfloat16 or float32 on a GPU. Logits are always float32.
        decodings: each applied to the logits before its statistics are taken.
        bias: (vocabulary,) or None.
        rounded: type to which logits are rounded, as on servers that compute them in half precision; None: none.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        *decodings: Decoding,
        bias: torch.Tensor | None = None,
        rounded: torch.dtype | None = None,
    ) -> None:
        self.weight = weight
        self.rounded = rounded
        self.bias = bias
        self.decodings = decodings or (Decoding(),)
        self.n_rows = max(1, LOGIT_BYTES // (4 * weight.shape[0]))
        self._block = torch.empty(0)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """(n_rows, vocabulary) float32, before the decoding transform. The memory is reused by the next call."""
        n_rows, n_columns = hidden.shape[0], self.weight.shape[0]
        if self.weight.dtype == torch.float32:
            if self._block.numel() < n_rows * n_columns:
                self._block = torch.empty(n_rows * n_columns, device=hidden.device)
            logits = self._block[: n_rows * n_columns].view(n_rows, n_columns)
            torch.mm(hidden, self.weight.T, out=logits)
        elif hidden.is_cuda:
            logits = torch.mm(hidden, self.weight.T, out_dtype=torch.float32)
        else:  # bfloat16 without a GPU: only the tests come here
            logits = hidden.float() @ self.weight.float().T
        if self.bias is not None:
            logits += self.bias
        return logits if self.rounded is None else logits.to(self.rounded).float()

    def release(self) -> None:
        """Free the block of logits."""
        self._block = torch.empty(0)

    def columns(
        self,
        hidden: torch.Tensor,
        targets: NDArray[np.int64],
        *,
        reference: tuple[Head, torch.Tensor] | None = None,
        top_k: int = 0,
        past: Past | None = None,
    ) -> list[Columns]:
        """The columns of `__call__`, with the observed tokens given as an array."""
        return self(hidden, torch.from_numpy(targets).to(hidden.device), reference=reference, top_k=top_k, past=past)

    def __call__(
        self,
        hidden: torch.Tensor,
        targets: torch.Tensor,
        *,
        reference: tuple[Head, torch.Tensor] | None = None,
        top_k: int = 0,
        past: Past | None = None,
    ) -> list[Columns]:
        """Statistics of the predicted distributions at the observed tokens.

        Args:
            hidden: (n, hidden) normalised last hidden states.
            targets: (n,) int64, the token observed after each of them.
            reference: head and hidden states of the model r in the cross columns; same vocabulary.
            top_k: number of most likely tokens to return.
            past: the tokens before each of the n tokens, for settings that look back.

        Returns:
            Per decoding setting, the numeric columns of `TokenScores`, each with n rows. The product of states and weight
            is the same for all of them, and taken once.
        """
        blocks: list[list[Columns]] = [[] for _ in self.decodings]
        for start in range(0, len(targets), self.n_rows):
            rows = slice(start, start + self.n_rows)
            raw, others = self.logits(hidden[rows]), reference and reference[0].logits(reference[1][rows])
            by_decoding = columns_each(raw, targets[rows], self.decodings, others, top_k, past and past[rows])
            for block, columns in zip(blocks, by_decoding, strict=True):
                block.append(columns)
        return [joined(block) for block in blocks]


def columns_each(
    raw: torch.Tensor,
    targets: torch.Tensor,
    decodings: Sequence[Decoding],
    others: torch.Tensor | None = None,
    top_k: int = 0,
    past: Past | None = None,
) -> Iterator[Columns]:
    """Yield the columns of `TokenScores` for a block of rows, once for each decoding setting.

    Args:
        raw: (n, vocabulary) logits, which the last setting overwrites.
        targets: (n,) the observed tokens.
        decodings: the settings.
        others: (n, vocabulary) logits of the model r in the cross columns; overwritten likewise.
        top_k: number of most likely tokens to return.
        past: the tokens before each row's, for settings that look back.
    """
    for number, decoding in enumerate(decodings, start=1):
        last = number == len(decodings)
        logits, log_kept = raw if last else raw.clone(), None
        if isinstance(decoding, Chain) and decoding.escaped:
            logits, log_kept = escape(logits, decoding, past)
        else:
            logits = decode(logits, decoding, past)
        columns, log_sum = _statistics(logits, targets, truncated=decoding.truncates)
        if log_kept is not None:
            columns["kept"] = log_kept.cpu().numpy().astype(np.float32)
        if top_k:
            values, ids = logits.topk(min(top_k, logits.shape[1]), dim=1)
            columns["top_ids"] = ids.cpu().numpy().astype(np.int32)
            columns["top_logprobs"] = (values.cpu().numpy() - log_sum[:, None]).astype(np.float32)
        if others is not None:
            columns |= cross_statistics(decode(others if last else others.clone(), decoding), logits, log_sum)
        yield columns


def _statistics(logits: torch.Tensor, targets: torch.Tensor, *, truncated: bool) -> tuple[Columns, NDArray[np.float64]]:
    """Token statistics, as columns of `TokenScores`, of (n, vocabulary) logits; and log sum_v exp(logit), (n,) float64."""
    sums, ranks, peaks = power_sums(logits, targets)
    observed = logits.gather(1, targets[:, None])[:, 0].double().cpu().numpy()
    return columns_of(sums, ranks, peaks, observed, truncated=truncated)


def power_sums(logits: torch.Tensor, targets: torch.Tensor) -> Sums:
    """The sums, ranks and peaks of `kernel.row_sums`: by the kernel on a CPU, by array operations on a GPU."""
    return (
        sums_of_rows(logits.numpy(), targets.numpy()) if logits.device.type == "cpu" else power_sums_by_arrays(logits, targets)
    )


def power_sums_by_arrays(logits: torch.Tensor, targets: torch.Tensor) -> Sums:
    """`kernel.row_sums` as array operations, for devices on which the kernel does not run."""
    peaks = logits.amax(1)
    observed = logits.gather(1, targets[:, None])
    shifted = logits - peaks[:, None]
    e = shifted.clamp(min=-83.0).exp()  # 2^-120, as in the kernel: an observed token's mass never rounds to zero
    likelier = logits > observed
    terms = [
        e,
        shifted * e,
        shifted**2 * e,
        e * likelier,
        e * (logits == observed),
        *((order * shifted).exp() for order in RENYI_ORDERS),
    ]
    sums = torch.stack([term.sum(1, dtype=torch.float64) for term in terms], dim=1)
    return sums.cpu().numpy(), (1 + likelier.sum(1)).cpu().numpy().astype(np.int32), peaks.cpu().numpy()


def cross_statistics(reference: torch.Tensor, logits: torch.Tensor, log_sum: NDArray[np.float64]) -> Columns:
    """The columns `cross_entropy` and `cross_varentropy` of `TokenScores`: mean and variance of -log p(v), v drawn from r.

    Args:
        reference: (n, vocabulary) logits of the model r.
        logits: (n, vocabulary) logits of the model p.
        log_sum: (n,), log sum_v exp(logit) of p.

    Raises:
        InvalidConfiguration: the models have different vocabularies.
    """
    if reference.shape != logits.shape:
        raise InvalidConfiguration(
            "The two models do not share a vocabulary, so their predictions cannot be compared token by token."
        )
    r = reference.softmax(dim=1)
    surprisal = torch.from_numpy(log_sum).to(logits.device, torch.float32)[:, None] - logits
    mean = (r * surprisal).sum(1, dtype=torch.float64)
    variance = (r * (surprisal - mean.float()[:, None]) ** 2).sum(1, dtype=torch.float64)
    return {
        "cross_entropy": mean.cpu().numpy().astype(np.float32),
        "cross_varentropy": variance.cpu().numpy().astype(np.float32),
    }
