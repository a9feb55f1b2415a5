"""View of a document's candidates: their tests, and their traces as charts and rows.

Knows nothing of pages or terminals, and judges nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import accumulate

from llm_audit.reports import format as fmt
from llm_audit.reports.charts.canvas import Canvas, Key
from llm_audit.reports.charts.figures import (
    Block,
    Figure,
    Row,
    blocks,
    both,
    count_ticks,
    crossing,
    path,
    surprisal,
    value_ticks,
)
from llm_audit.results import Attribution, Document, Trace

BINS = 10
GAP_FROM = (10, 1 / 20)
"""First token, and first share of the text, from which the mean gap is drawn; before, it fluctuates too much."""

NORMAL_95 = 1.959964
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Transform:
    """Histogram of probability integral transforms in bins of equal width, with the count a bin that a uniform law would give.

    `lower` and `upper` hold 95 % of the counts of a single bin: normal approximation of the binomial distribution.
    """

    counts: tuple[int, ...]
    expected: float
    lower: float
    upper: float
    figure: Figure


@dataclass(frozen=True)
class Gap:
    """Mean of surprisal minus entropy over the tokens so far, impossible ones left out; `whole` is that of the text."""

    first: int
    whole: float
    figure: Figure


@dataclass(frozen=True)
class Pictures:
    """The figures and table of a trace."""

    block: int
    impossible: int
    surprisal: Figure
    gap: Gap | None
    evidence: Figure
    crossed: int | None
    transform: Transform | None


@dataclass(frozen=True)
class Candidate:
    """A candidate with the values that the template needs."""

    anchor: str
    attribution: Attribution
    assumptions: list[str]
    pictures: Pictures | None


def candidates(document: Document, anchor: str, alpha: float, *, charts: bool = True) -> list[Candidate]:
    """The views of a document's candidates, in their order."""
    return [
        Candidate(
            anchor=f"{anchor}-candidate-{number}",
            attribution=attribution,
            assumptions=list(dict.fromkeys(assumption for test in attribution.tests for assumption in test.assumptions)),
            pictures=pictures(attribution.trace, document.text, alpha) if charts and attribution.trace else None,
        )
        for number, attribution in enumerate(document.attributions, start=1)
    ]


def pictures(trace: Trace, text: str | None, alpha: float) -> Pictures | None:
    """Figures of a trace; None if it has no tokens."""
    if not trace.entropy:
        return None
    token_blocks = blocks(trace, text)
    return Pictures(
        block=token_blocks[0].last,
        impossible=trace.surprisal.count(None),
        surprisal=_with_all(surprisal(token_blocks), token_blocks, trace, alpha),
        gap=_gap(trace, token_blocks),
        evidence=path(trace.log_e, alpha, "token"),
        crossed=crossing(trace.log_e, alpha),
        transform=_transform([value for value in trace.pit if value is not None]),
    )


def _with_all(figure: Figure, token_blocks: list[Block], trace: Trace, alpha: float) -> Figure:
    """The figure with a table of the tokens that has all their numbers."""
    single, crossed = token_blocks[0].first == token_blocks[0].last, crossing(trace.log_e, alpha)
    rows = []
    for block, row in zip(token_blocks, figure.rows, strict=True):
        cells = (*row.cells, fmt.decimal(trace.log_e[block.last - 1]))
        if single:
            pit = trace.pit[block.first - 1]
            cells = (*cells, "–" if pit is None else fmt.decimal(pit))
        rows.append(Row(cells, "threshold reached" if crossed and block.first <= crossed <= block.last else ""))
    return replace(figure, columns=(*figure.columns, "log e", *(["PIT"] if single else [])), rows=rows)


def _gap(trace: Trace, token_blocks: list[Block]) -> Gap | None:
    differences = [None if s is None else s - h for s, h in zip(trace.surprisal, trace.entropy, strict=True)]
    sums = accumulate(difference or 0.0 for difference in differences)
    counts = accumulate(difference is not None for difference in differences)
    means = [total / max(count, 1) for total, count in zip(sums, counts, strict=True)]
    tokens, share = GAP_FROM
    shown = [block.last for block in token_blocks if block.last >= max(tokens, share * len(means))]
    if not shown:
        return None
    values = [means[place - 1] for place in shown]
    ticks = value_ticks(min(-0.1, *values), max(0.1, *values), 4)

    def paint(width: int) -> Canvas:
        canvas = Canvas(width, 96, (0, len(means)), (ticks[0][0], ticks[-1][0]), top=30)
        canvas.upright(ticks, "nats")
        canvas.along(count_ticks(len(means), width), "token")
        canvas.line((0, len(means)), (0, 0), "soft", "zero", 1)
        canvas.line(shown, values, "link")
        return canvas

    return Gap(
        first=shown[0],
        whole=means[-1],
        figure=Figure(
            name="gap",
            title="Mean surprisal less mean entropy, so far",
            description=f"One line, from token {fmt.count(shown[0])} to the last. It stays near zero if the candidate wrote "
            f"the text; over the whole text it is {fmt.decimal(means[-1], 3)} nats per token.",
            drawn=both(paint),
            table="The line as a table",
            columns=("After token", "mean gap"),
            rows=[Row((fmt.count(x), fmt.decimal(y, 3))) for x, y in zip(shown, values, strict=True)],
        ),
    )


def _transform(values: list[float]) -> Transform | None:
    n = len(values)
    if n == 0:
        return None
    counts = [0] * BINS
    for value in values:
        counts[min(int(BINS * value), BINS - 1)] += 1
    expected = n / BINS
    margin = NORMAL_95 * math.sqrt(expected * (1 - 1 / BINS))
    lower, upper = max(0.0, expected - margin), expected + margin
    ticks = value_ticks(0, max(upper, *counts))
    band = f"{fmt.decimal(lower, 1)} to {fmt.decimal(upper, 1)}"

    def paint(width: int) -> Canvas:
        legend: list[Key] = [
            ("box", "bar", "tokens in this tenth"),
            ("line", "ink", "expected"),
            ("dashes", "soft", "95 % of single bars"),
        ]
        canvas = Canvas(width, 140, (0, 1), (0, ticks[-1][0]), legend=legend, top=30)
        canvas.upright(ticks, "tokens")
        canvas.along([(tenth / 5, fmt.decimal(tenth / 5, 1)) for tenth in range(6)], "PIT")
        bars = [((tenth + 0.1) / BINS, (tenth + 0.9) / BINS, 0, count) for tenth, count in enumerate(counts)]
        canvas.boxes(bars, "bar")
        for at in (lower, upper):
            canvas.line((0, 1), (at, at), "soft", "edge", 1, dashes=True)
        canvas.line((0, 1), (expected, expected), "ink", "expected")
        return canvas

    figure = Figure(
        name="transform",
        title="Where the tokens lie in the candidate’s predictions",
        description="Ten bars of token counts, with the expected count as a line and the band of a single bar as dashed ones.",
        drawn=both(paint),
        table="The bars as a table",
        columns=("PIT", "tokens", "expected", "95 % band"),
        rows=[
            Row(
                (
                    f"{fmt.decimal(k / BINS, 1)} to {fmt.decimal((k + 1) / BINS, 1)}",
                    fmt.count(c),
                    fmt.decimal(expected, 1),
                    band,
                )
            )
            for k, c in enumerate(counts)
        ],
    )
    return Transform(tuple(counts), expected, lower, upper, figure)
