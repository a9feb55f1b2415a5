"""The figures that several reports share: a p-value on its scale, tokens, the path of an e-process, a population.

A figure is a chart at two widths, and the same numbers as a table. Knows nothing of pages, and judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_audit.reports import format as fmt
from llm_audit.reports.charts.canvas import LETTER, Anchor, Canvas, Key, decimals, drawing, powers_of_ten, round_ticks
from llm_audit.reports.views.passages import excerpt_of
from llm_audit.results import Result, Tokens

if TYPE_CHECKING:
    from markupsafe import Markup

WIDE, NARROW = 640, 300
"""Pixels of a chart on a screen or on paper, and on a phone. Letters have one size in both."""

SMALLEST_DRAWN = 1e-12
"""End of the scale of p-values, where smaller ones are drawn."""

ROWS = 400
"""Most rows of tokens; longer texts are shown in equal blocks of tokens, so that a page stays small and a chart legible."""


@dataclass(frozen=True)
class Drawn:
    """A chart at one width."""

    kind: str
    width: int
    height: int
    svg: Markup


@dataclass(frozen=True)
class Row:
    """A row of a table; `flag` stands beside its name where it is a special one."""

    cells: tuple[str, ...]
    flag: str = ""


@dataclass(frozen=True)
class Figure:
    """A chart with its words, and its numbers as a table whose rows are named by column `named`."""

    name: str
    title: str
    description: str
    drawn: tuple[Drawn, ...]
    table: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    named: int = 0


def both(paint: Callable[[int], Canvas]) -> tuple[Drawn, ...]:
    """The chart painted for wide and for narrow pages."""
    return (at_width("wide", paint, WIDE), at_width("narrow", paint, NARROW))


def at_width(kind: str, paint: Callable[[int], Canvas], width: int) -> Drawn:
    """A chart at one width."""
    with drawing():
        canvas = paint(width)
        return Drawn(kind, canvas.width, canvas.height, canvas.svg())


def count_ticks(n: int, width: int) -> list[tuple[float, str]]:
    """Ticks at round counts up to `n`, fewer in narrow charts."""
    step = max(1, round(round_ticks(0, n, 3 if width == NARROW else 6)[1]))
    return [(float(place), fmt.count(place)) for place in range(step, n + 1, step)]


def value_ticks(low: float, high: float, most: int = 5) -> list[tuple[float, str]]:
    """Ticks at round values that span [low, high]."""
    ticks = round_ticks(low, high, most)
    return [(tick, fmt.decimal(tick, decimals(ticks))) for tick in ticks]


def side(share: float) -> tuple[Anchor, int]:
    """Anchor and offset in pixels of a label at this share of the width, so that it stays inside the chart."""
    return ("start", 7) if share < 0.5 else ("end", -7)


def scale(p: float, floor: float | None, alpha: float, giver: str = "population") -> Figure:
    """Figure of a p-value on a logarithmic scale from 1 to its floor, with alpha marked. Smaller is to the right."""
    least = max(SMALLEST_DRAWN, min(p, alpha, floor or 1))
    decades = max(2, math.ceil(-math.log10(least) - 1e-9))
    end = 10.0**-decades
    shown_floor = floor if floor is not None and floor >= end else None

    def place(value: float) -> float:
        return max(value, end)

    def share(value: float) -> float:
        return -math.log10(place(value)) / decades

    def paint(width: int) -> Canvas:
        canvas = Canvas(width, 62, (1, end), (0, 1), log_x=True, left=8, right=12, top=20, bottom=42)
        canvas.boxes([(alpha, end, 0, 0.66)], "tint", "beyond")
        step = math.ceil(decades / (5 if width == NARROW else 8))
        powers = [-power for power in range(0, decades + 1, step)]
        ticks = [(10.0**power, label) for power, label in zip(powers, powers_of_ten(powers), strict=True)]
        canvas.along(ticks, "")
        low_floor = shown_floor is not None and share(shown_floor) < 0.55
        canvas.text(end if low_floor else 1, 0, "rarer by chance →", "end" if low_floor else "start", dy=-33)
        canvas.line((1, end), (0, 0), "soft", "axis", 1)
        canvas.line((alpha, alpha), (0, 0.66), "accent", "alpha", dashes=True)
        left = share(alpha) * width > (7 + len(f"α = {alpha}")) * LETTER
        canvas.text(alpha, 0.42, f"α = {alpha}", "end" if left else "start", "accent", "alpha", dx=-7 if left else 7)
        if shown_floor is not None:
            at = share(shown_floor)
            near: Anchor = "end" if at > 0.8 else "start" if at < 0.2 else "middle"
            canvas.line((shown_floor, shown_floor), (0, 0.3), "ink", "floor", 3)
            name = "smallest possible" if width > NARROW else "smallest"
            room = canvas.width - canvas.across(shown_floor)
            dx = {"end": min(20, room), "middle": 0, "start": -8}[near]
            canvas.text(shown_floor, 0, name, near, "soft", "floor", dx=dx, dy=-33)
        anchor, dx = side(share(p))
        canvas.line((place(p), place(p)), (0, 1.14), "ink", "leader", 1)
        canvas.dots([place(p)], [0], "paper", 16, "halo")
        canvas.dots([place(p)], [0], "accent" if p <= alpha else "ink", 11, "p")
        shown = fmt.p_statement(p, None, alpha)
        canvas.text(place(p), 1, shown, anchor, "ink", "strong p", dx=dx)
        return canvas

    return Figure(
        name="scale",
        title="The p-value on a logarithmic scale",
        description=f"From 1, expected by chance, on the left to ever rarer on the right. {fmt.p_statement(p, None, alpha)}; "
        f"the threshold is {alpha}.",
        drawn=both(paint),
        table="The scale as a table",
        columns=("On the scale", "p"),
        rows=[
            Row(("Observed", fmt.p_cell(p, floor, alpha))),
            Row(("Threshold α: a finding from here on", str(alpha))),
            *([Row((f"Smallest that this {giver} can give", fmt.p_value(floor)))] if floor is not None else []),
        ],
    )


@dataclass(frozen=True)
class Block:
    """One token, or a block of tokens: `surprisal` and `entropy` are means, `impossible` counts those without a surprisal."""

    first: int
    last: int
    text: str
    surprisal: float | None
    impossible: int
    entropy: float

    @property
    def numbers(self) -> str:
        """Numbers of its tokens: "57", or "1,000–1,001"."""
        return fmt.count(self.first) + (f"–{fmt.count(self.last)}" if self.last > self.first else "")

    @property
    def words(self) -> str:
        """The surprisal as shown in the table."""
        mean = "" if self.surprisal is None else fmt.decimal(self.surprisal)
        gone = "" if not self.impossible else "impossible" if self.first == self.last else f"{self.impossible} impossible"
        return " ".join(part for part in (mean, gone) if part)


def blocks(tokens: Tokens, text: str | None) -> list[Block]:
    """The tokens, or if there are more than `ROWS` of them, blocks of as many tokens each; the last may be shorter."""
    n = len(tokens.entropy)
    size = max(1, math.ceil(n / ROWS))
    token_blocks = []
    for first in range(0, n, size):
        last = min(first + size, n)
        possible = [value for value in tokens.surprisal[first:last] if value is not None]
        token_blocks.append(
            Block(
                first=first + 1,
                last=last,
                text=excerpt_of(text, tokens.start[first], tokens.end[last - 1], 44) or "white space",
                surprisal=sum(possible) / len(possible) if possible else None,
                impossible=last - first - len(possible),
                entropy=sum(tokens.entropy[first:last]) / (last - first),
            )
        )
    return token_blocks


def surprisal(token_blocks: Sequence[Block]) -> Figure:
    """Surprisal as bars and entropy as a line, token by token; impossible tokens as crosses at the top edge."""
    size, n = token_blocks[0].last, token_blocks[-1].last
    ticks = value_ticks(0, max(1.0, *(max(block.entropy, block.surprisal or 0) for block in token_blocks)))
    top = ticks[-1][0]
    gone = [(block.first - 1 + block.last) / 2 for block in token_blocks if block.impossible]
    of = "" if size == 1 else f", mean of {fmt.count(size)} tokens"

    def paint(width: int) -> Canvas:
        legend: list[Key] = [("box", "bar", f"surprisal{of}"), ("line", "link", f"entropy{of}")]
        if gone:
            legend.append(("cross", "ink", "impossible under these settings"))
        canvas = Canvas(width, 170, (0, n), (0, top), legend=legend, top=30)
        canvas.upright(ticks, "nats")
        canvas.along(count_ticks(n, width), "token")
        bars = [
            (block.first - 0.9, block.last - 0.1, 0, block.surprisal) for block in token_blocks if block.surprisal is not None
        ]
        canvas.boxes(bars, "bar")
        middles = [(block.first - 1 + block.last) / 2 for block in token_blocks]
        canvas.line(middles, [block.entropy for block in token_blocks], "paper", "halo", 4)
        canvas.line(middles, [block.entropy for block in token_blocks], "link")
        for at in gone:
            wide, high = 4 * n / (width - 54), 4 * top / 170
            canvas.line((at - wide, at + wide), (top - high, top + high), "ink", "cross", 2)
            canvas.line((at - wide, at + wide), (top + high, top - high), "ink", "cross", 2)
        return canvas

    return Figure(
        name="surprisal",
        title="Surprisal and entropy, token by token",
        description="From the first token to the last: a bar for the surprisal, a line for the entropy.",
        drawn=both(paint),
        table="The tokens as a table" if size == 1 else f"The tokens, in blocks of {fmt.count(size)}, as a table",
        columns=("Token" if size == 1 else "Tokens", "Text", "surprisal", "entropy"),
        rows=[Row((block.numbers, block.text, block.words, fmt.decimal(block.entropy))) for block in token_blocks],
        named=1,
    )


def path(log_e: Sequence[float], alpha: float, unit: str) -> Figure:
    """The logarithm of an e-process from 0 on, with the threshold 1/alpha and the place where it was first reached."""
    threshold, n = math.log(1 / alpha), len(log_e)
    crossed = crossing(log_e, alpha)
    size = max(1, math.ceil(n / ROWS))
    # The place of the crossing is drawn also if it lies within a block.
    ends = sorted({*range(size, n + 1, size), n} | ({crossed} if crossed else set()))
    xs, ys = [0.0, *map(float, ends)], [0.0, *(log_e[end - 1] for end in ends)]
    ticks = value_ticks(min(0, *ys), max(1.0, 1.15 * threshold, *ys))

    def paint(width: int) -> Canvas:
        canvas = Canvas(width, 170, (0, n), (ticks[0][0], ticks[-1][0]), top=30)
        canvas.upright(ticks, "log e")
        canvas.along(count_ticks(n, width), unit)
        canvas.line((0, n), (threshold, threshold), "accent", "threshold", dashes=True)
        canvas.line(xs, ys, "link")
        label = f"log(1/α) = {fmt.decimal(threshold)}"
        left = crossed is not None and crossed > n / 2
        canvas.text(0 if left else n, threshold, label, "start" if left else "end", "accent", "strong threshold", dx=3, dy=6)
        if crossed:
            at, top = float(crossed), ticks[-1][0]
            anchor, dx = side(crossed / n)
            canvas.line((at, at), (ticks[0][0], top), "ink", "crossing", 1, dashes=True)
            canvas.dots([at], [log_e[crossed - 1]], "ink", 10, "reached")
            canvas.dots([at], [log_e[crossed - 1]], "paper", 6, "hollow")
            canvas.text(at, top, f"reached at {unit} {fmt.count(crossed)}", anchor, "ink", "strong crossing", dx=dx, dy=6)
        return canvas

    reached = f"It is first reached at {unit} {fmt.count(crossed)}." if crossed else "It is never reached."
    return Figure(
        name="path",
        title="The evidence as it grows",
        description=f"The logarithm of the e-value from 0 before the first {unit} to the last, and the threshold "
        f"{fmt.decimal(threshold)} as a dashed line. {reached}",
        drawn=both(paint),
        table="The path as a table",
        columns=(f"After {unit}", "log e"),
        rows=[
            Row((fmt.count(end), fmt.decimal(log_e[end - 1])), "threshold reached" if end == crossed else "") for end in ends
        ],
    )


def crossing(log_e: Sequence[float], alpha: float) -> int | None:
    """Number of the first step after which the e-process reached 1 / alpha; None if it never did."""
    threshold = math.log(1 / alpha)
    return next((number for number, value in enumerate(log_e, start=1) if value >= threshold), None)


def population(result: Result, number: int) -> Figure | None:
    """The statistic over the population's texts, with this text marked; None if the result carries no histogram."""
    if result.histogram is None or result.statistic is None or not result.histogram.counts:
        return None
    edges, counts, value = result.histogram.edges, result.histogram.counts, result.statistic.value
    low, high = min(*edges, value), max(*edges, value)
    room = 0.02 * (high - low) or 1.0
    low, high = low - room, high + room
    ticks, uprights = round_ticks(low, high, 3), value_ticks(0, max(counts), 2)
    digits = decimals(ticks)

    def paint(width: int) -> Canvas:
        labels = max(34, 8 + round(LETTER * max(len(label) for _, label in uprights)))
        canvas = Canvas(width, 84, (low, high), (0, uprights[-1][0]), left=labels, right=6, top=24, bottom=24)
        canvas.upright(uprights, "")
        canvas.along([(tick, fmt.decimal(tick, digits)) for tick in ticks if low <= tick <= high], "")
        canvas.boxes([(a, b, 0, c) for a, b, c in zip(edges, edges[1:], counts, strict=False) if c], "bar")
        canvas.line((value, value), (0, uprights[-1][0]), "accent", "observed", 2)
        anchor, _ = side((value - low) / (high - low))
        canvas.text(
            value, uprights[-1][0], "this text", anchor, "accent", "strong observed", dx=3 if anchor == "end" else -3, dy=7
        )
        return canvas

    last = len(counts) - 1
    shown = [
        (edges[at], edges[at + 1], counts[at], edges[at] <= value < edges[at + 1] or (at == last and value == edges[-1]))
        for at in range(len(counts))
    ]
    return Figure(
        name=f"population-{number}",
        title=f"{result.rule} {result.name}",
        description="How many human texts have which value of the statistic, as bars, and the value of this text as an upright "
        f"line at {fmt.number(value)}.",
        drawn=(at_width("small", paint, NARROW),),
        table="The bars as a table",
        columns=("statistic", "texts"),
        rows=[
            Row((f"{fmt.number(a)} to {fmt.number(b)}", fmt.count(c)), "this text" if marked else "")
            for a, b, c, marked in shown
        ],
    )
