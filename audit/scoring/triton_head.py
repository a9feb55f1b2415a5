"""The head of a model on a GPU: statistics of the next-token distribution from hidden states, without ever writing logits.

One kernel multiplies hidden states by the output matrix tile by tile and folds each tile of logits into running sums, which
it rescales when a larger logit comes (the online softmax of Milakov & Gimelshein 2018, here for fifteen sums). A second one
merges the parts of the vocabulary. Sums are float32 about the running maximum; a program sees one block of rows and one
part of the vocabulary, in an order that depends on neither the number of rows nor the device's load: no atomics, no locks,
so that a row's bits do not depend on its batch mates.

What is computed: `kernel.row_sums` (peak, sums, ranks), the observed logit, and, of two models with one vocabulary, the mean
and the second moment of the scoring model's logits under the reference's distribution. Correct in Triton's interpreter on
a CPU (tests/scoring/test_triton_head.py); never run on a device: its speed is not measured, so the engine uses `head.py` there.
"""

from __future__ import annotations

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray

from llm_audit.scoring.columns import Columns, columns_of
from llm_audit.scoring.kernel import N_SUMS
from llm_audit.scoring.tokens import RENYI_ORDERS

if RENYI_ORDERS != (5.0, 3.0, 2.0, 1.5, 1.25, 1.125, 0.875, 0.75, 0.625, 0.5):
    raise ImportError("the kernel below is written for exactly these orders")

ROWS, VOCABULARY, DEPTH = 64, 128, 64
"""Sizes of a tile: rows of hidden states, rows of the output matrix, and columns of both multiplied at a time."""

PART = 8192
"""Tokens of the vocabulary per program; fixed, which fixes the order of summation."""


@triton.jit
def _tile(hidden, weight, rows, columns, n, vocabulary, width, ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr):
    """Logits of some rows and columns, float32; -1e30 beyond the vocabulary, since differences of infinities are NaN."""
    logits = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, width, DEPTH):
        depth = start + tl.arange(0, DEPTH)
        a = tl.load(
            hidden + rows[:, None].to(tl.int64) * width + depth[None, :],
            mask=(rows[:, None] < n) & (depth[None, :] < width),
            other=0.0,
        )
        b = tl.load(
            weight + columns[:, None].to(tl.int64) * width + depth[None, :],
            mask=(columns[:, None] < vocabulary) & (depth[None, :] < width),
            other=0.0,
        )
        logits = tl.dot(a, tl.trans(b), logits, input_precision="ieee")
    return tl.where(columns[None, :] < vocabulary, logits, -1.0e30)


@triton.jit
def _observed(
    hidden, weight, targets, out, n, vocabulary, width, ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr
):
    """The observed token's logit, by the same product as in its tile of the vocabulary, so that ties are exact."""
    row = tl.program_id(0)
    target = tl.load(targets + row)
    first = (row // ROWS) * ROWS
    rows = first + tl.arange(0, ROWS)
    columns = (target // COLUMNS) * COLUMNS + tl.arange(0, COLUMNS)
    z = _tile(hidden, weight, rows, columns, n, vocabulary, width, ROWS, COLUMNS, DEPTH)
    masked = tl.where((rows[:, None] == row) & (columns[None, :] == target), z, 0.0)
    tl.store(out + row, tl.sum(tl.sum(masked, 1), 0))


@triton.jit
def _part(
    hidden, weight, targets, observed, other_hidden, other_weight, peaks, sums, counts, other_peaks, cross,
    n, vocabulary, width, other_width, n_parts,
    TWO: tl.constexpr, PART: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, N_SUMS: tl.constexpr,
):  # fmt: skip
    """Peak, sums and count of one block of rows over one part of the vocabulary."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    part = tl.program_id(1)
    real = rows < n
    observed_logit = tl.load(observed + rows, mask=real, other=0.0)
    m = tl.full((ROWS,), -1.0e30, tl.float32)
    s0 = tl.zeros((ROWS,), tl.float32)
    s1 = tl.zeros((ROWS,), tl.float32)
    s2 = tl.zeros((ROWS,), tl.float32)
    above = tl.zeros((ROWS,), tl.float32)
    tied = tl.zeros((ROWS,), tl.float32)
    r50 = tl.zeros((ROWS,), tl.float32)
    r30 = tl.zeros((ROWS,), tl.float32)
    r20 = tl.zeros((ROWS,), tl.float32)
    r15 = tl.zeros((ROWS,), tl.float32)
    r125 = tl.zeros((ROWS,), tl.float32)
    r1125 = tl.zeros((ROWS,), tl.float32)
    r0875 = tl.zeros((ROWS,), tl.float32)
    r075 = tl.zeros((ROWS,), tl.float32)
    r0625 = tl.zeros((ROWS,), tl.float32)
    r05 = tl.zeros((ROWS,), tl.float32)
    count = tl.zeros((ROWS,), tl.int32)
    wrong = tl.zeros((ROWS,), tl.int32)  # logits that are not finite, which a maximum would pass over
    om = tl.full((ROWS,), -1.0e30, tl.float32)
    o0 = tl.zeros((ROWS,), tl.float32)
    mean = tl.zeros((ROWS,), tl.float32)
    spread = tl.zeros((ROWS,), tl.float32)
    for start in range(part * PART, min((part + 1) * PART, vocabulary), COLUMNS):
        columns = start + tl.arange(0, COLUMNS)
        inside = columns[None, :] < vocabulary
        z = _tile(hidden, weight, rows, columns, n, vocabulary, width, ROWS, COLUMNS, DEPTH)
        wrong += tl.sum((inside & ((z != z) | (tl.abs(z) > 1.0e29))).to(tl.int32), 1)
        before = m
        m = tl.maximum(before, tl.max(z, 1))
        d = tl.maximum(before - m, -83.0)  # 2^-120: what is left then adds nothing
        c = tl.exp2(d * 1.4426950408889634)
        q = tl.exp2(d * 0.18033688011112042)  # c^(1/8)
        q2 = q * q
        q4 = q2 * q2
        u = z - m[:, None]
        y = tl.maximum(u, -83.0) * 1.4426950408889634
        e = tl.where(inside, tl.exp2(y), 0.0)
        h = tl.where(inside, tl.exp2(y * 0.125), 0.0)
        u = tl.where(inside, u, 0.0)
        h2 = h * h
        h4 = h2 * h2
        e2 = e * e
        e3 = e2 * e
        # Moments about the new maximum, from those about the old one; of nothing they stay nothing.
        shift = tl.where(s0 > 0.0, before - m, 0.0)
        s2 = c * (s2 + 2.0 * shift * s1 + shift * shift * s0) + tl.sum(u * u * e, 1)
        s1 = c * (s1 + shift * s0) + tl.sum(u * e, 1)
        s0 = c * s0 + tl.sum(e, 1)
        likelier = inside & (z > observed_logit[:, None])
        above = c * above + tl.sum(tl.where(likelier, e, 0.0), 1)
        tied = c * tied + tl.sum(tl.where(inside & (z == observed_logit[:, None]), e, 0.0), 1)
        count += tl.sum(likelier.to(tl.int32), 1)
        c2 = c * c
        r50 = c2 * c2 * c * r50 + tl.sum(e3 * e2, 1)
        r30 = c2 * c * r30 + tl.sum(e3, 1)
        r20 = c2 * r20 + tl.sum(e2, 1)
        r15 = c * q4 * r15 + tl.sum(e * h4, 1)
        r125 = c * q2 * r125 + tl.sum(e * h2, 1)
        r1125 = c * q * r1125 + tl.sum(e * h, 1)
        r0875 = q4 * q2 * q * r0875 + tl.sum(h4 * h2 * h, 1)
        r075 = q4 * q2 * r075 + tl.sum(h4 * h2, 1)
        r0625 = q4 * q * r0625 + tl.sum(h4 * h, 1)
        r05 = q4 * r05 + tl.sum(h4, 1)
        if TWO:
            w = _tile(other_hidden, other_weight, rows, columns, n, vocabulary, other_width, ROWS, COLUMNS, DEPTH)
            obefore = om
            om = tl.maximum(obefore, tl.max(w, 1))
            oc = tl.exp2(tl.maximum(obefore - om, -83.0) * 1.4426950408889634)
            p = tl.where(inside, tl.exp2(tl.maximum(w - om[:, None], -83.0) * 1.4426950408889634), 0.0)
            # Mean and squared deviations, as Chan, Golub & LeVeque (1983) merge them: moments about the scoring model's peak
            # cancel where the reference puts its mass elsewhere.
            t0 = tl.sum(p, 1)
            tile_mean = tl.sum(tl.where(inside, p * z, 0.0), 1) / t0
            deviation = tl.where(inside, z - tile_mean[:, None], 0.0)
            o0 = oc * o0
            step = tile_mean - mean
            share = t0 / (o0 + t0)
            spread = oc * spread + tl.sum(p * deviation * deviation, 1) + step * step * o0 * share
            mean += step * share
            o0 += t0
    at = rows.to(tl.int64) * n_parts + part
    tl.store(peaks + at, tl.where(wrong > 0, float("nan"), m), mask=real)
    tl.store(counts + at, count, mask=real)
    to = sums + at * N_SUMS
    tl.store(to + 0, s0, mask=real)
    tl.store(to + 1, s1, mask=real)
    tl.store(to + 2, s2, mask=real)
    tl.store(to + 3, above, mask=real)
    tl.store(to + 4, tied, mask=real)
    tl.store(to + 5, r50, mask=real)
    tl.store(to + 6, r30, mask=real)
    tl.store(to + 7, r20, mask=real)
    tl.store(to + 8, r15, mask=real)
    tl.store(to + 9, r125, mask=real)
    tl.store(to + 10, r1125, mask=real)
    tl.store(to + 11, r0875, mask=real)
    tl.store(to + 12, r075, mask=real)
    tl.store(to + 13, r0625, mask=real)
    tl.store(to + 14, r05, mask=real)
    if TWO:
        tl.store(other_peaks + at, om, mask=real)
        tl.store(cross + at * 3 + 0, o0, mask=real)
        tl.store(cross + at * 3 + 1, mean, mask=real)
        tl.store(cross + at * 3 + 2, spread, mask=real)


Row = NDArray[np.float64]


def statistics(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    targets: torch.Tensor,
    reference: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> Columns:
    """The columns of `head.Head` without a decoding transform, a bias or the most likely tokens.

    Args:
        hidden: (n, hidden) normalised last hidden states, contiguous.
        weight: (vocabulary, hidden) of the same type, contiguous.
        targets: (n,) int64, the token observed after each.
        reference: output matrix and hidden states of the model r in the cross columns; same vocabulary.

    Raises:
        NotAvailable: a logit is not finite.
    """
    n, vocabulary, device = len(targets), len(weight), hidden.device
    parts = triton.cdiv(vocabulary, PART)
    blocks = triton.cdiv(n, ROWS)

    def empty(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=device)

    observed, peaks, sums = empty(n), empty(n, parts), empty(n, parts, N_SUMS)
    counts, other_peaks, cross = empty(n, parts, dtype=torch.int32), empty(n, parts), empty(n, parts, 3)
    sizes = {"ROWS": ROWS, "COLUMNS": VOCABULARY, "DEPTH": DEPTH}
    other_weight, other_hidden = reference or (weight, hidden)
    _observed[(n,)](hidden, weight, targets, observed, n, vocabulary, hidden.shape[1], **sizes)
    _part[(blocks, parts)](
        hidden, weight, targets, observed, other_hidden, other_weight, peaks, sums, counts, other_peaks, cross,
        n, vocabulary, hidden.shape[1], other_hidden.shape[1], parts,
        TWO=reference is not None, PART=PART, N_SUMS=N_SUMS, **sizes,
    )  # fmt: skip
    peak, total = _merged(peaks, sums)
    ranks = (1 + counts.sum(1)).cpu().numpy().astype(np.int32)
    columns, log_sum = columns_of(total, ranks, peak, observed.double().cpu().numpy())
    return columns | (_crossed(other_peaks, cross, log_sum) if reference is not None else {})


def _merged(peaks: torch.Tensor, sums: torch.Tensor) -> tuple[Row, Row]:
    """Peaks (n,) and sums (n, N_SUMS) over the whole vocabulary, merged from those over its parts."""
    wide = sums.double()
    peak = peaks.double().amax(1)
    shift = peaks.double() - peak[:, None]
    c = shift.exp()
    orders = torch.tensor([0.0] * 5 + list(RENYI_ORDERS), dtype=torch.float64, device=sums.device)
    scaled = wide * torch.where(orders > 0, (orders * shift[..., None]).exp(), c[..., None])
    s0, s1, s2 = wide[..., 0], wide[..., 1], wide[..., 2]
    scaled[..., 1] = c * (s1 + shift * s0)
    scaled[..., 2] = c * (s2 + 2 * shift * s1 + shift**2 * s0)
    total = scaled.sum(1)
    total[:, 4].clamp_(min=2.0**-120)  # an observed token's mass never rounds to zero, as in the kernel for CPUs
    return peak.cpu().numpy(), total.cpu().numpy()


def _crossed(other_peaks: torch.Tensor, cross: torch.Tensor, log_sum: Row) -> Columns:
    """Mean and variance of -log p under the reference; `log_sum`: of the scoring model, log sum_v exp(logit)."""
    share = (other_peaks.double() - other_peaks.double().amax(1, keepdim=True)).exp()
    o0, means, spread = cross.double().unbind(2)
    weights = share * o0 / (share * o0).sum(1, keepdim=True)
    mean = (weights * means).sum(1, keepdim=True)
    variance = (weights * (spread / o0 + (means - mean) ** 2)).sum(1)
    return {
        "cross_entropy": (log_sum - mean[:, 0].cpu().numpy()).astype(np.float32),
        "cross_varentropy": variance.cpu().numpy().astype(np.float32),
    }
