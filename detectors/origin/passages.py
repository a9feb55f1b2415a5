"""The passages of a text: 64 tokens each, shown from sentence to sentence, so that every sentence stands in one.

What is left over at the end of a part is no passage of its own: the last one ends where the part ends, and overlaps with the
one before it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from llm_audit.detectors.populations.population import PASSAGE, STRETCHES, Population, Stretch
from llm_audit.detectors.statistic import StatisticRule
from llm_audit.results.evidence import Part
from llm_audit.scoring.tokens import STATE_BLOCK, TokenScores
from llm_audit.text import View

_SENTENCE = re.compile(r"[.!?]['\")\]]*\s+(?=['\"(\[]*[^\W_a-z])")


CLOSE = 150
"""Characters, half a passage: where sentences are longer, a passage is shown as the words that it consists of."""


class Passage(NamedTuple):
    """A passage of a text.

    Attributes:
        rows: its tokens, `PASSAGE` of them.
        compared: the passages of human texts that it is compared with: those that begin where it does or, of the last one of a
            part, up to half a passage earlier or later.
        shown: characters of the scored text, [start, end): the sentences of which most stands in it.
    """

    rows: TokenScores
    compared: Stretch
    shown: tuple[int, int]

    def measured(self, population: Population, detectors: Sequence[StatisticRule]) -> Part:
        """What the detectors say of it."""
        part = population.measure(self.rows, detectors, Stretch(0, PASSAGE))
        return part.model_copy(update=self.compared._asdict())


def cut(windows: Sequence[TokenScores], population: Population, view: View) -> Iterator[Passage]:
    """The passages of a text, in order.

    Args:
        windows: the parts of the text that are judged.
        population: has something to compare with at some places of a part only.
        view: the scored text.
    """
    ends = [0, *(match.end() for match in _SENTENCE.finditer(view.text)), len(view.text)]
    known = [stretch for stretch in STRETCHES if stretch.stop - stretch.start == PASSAGE and population.size(stretch) > 0]
    shown_to = 0
    for number, window in enumerate(windows):
        starts = [stretch.start for stretch in population.passages(window)]
        # Aligned to the blocks whose states the classifier reads.
        last = (len(window) - PASSAGE) // STATE_BLOCK * STATE_BLOCK
        if last > starts[-1]:
            starts.append(last)
        for start in starts:
            rows = window[start : start + PASSAGE]
            stop = len(window) if start == starts[-1] else start + PASSAGE
            whole = number == len(windows) - 1 and start == starts[-1]
            begin = 0 if number == start == 0 else _nearest(ends, int(rows.char_start[0]))
            end = len(view.text) if whole else _nearest(ends, int(window.char_end[stop - 1]))
            begin = min(begin, shown_to)  # nothing stands between two passages
            if end <= begin:  # a sentence longer than a passage
                begin, end = min(int(rows.char_start[0]), shown_to), int(window.char_end[stop - 1])
            shown_to = max(shown_to, end)
            yield Passage(rows, min(known, key=lambda stretch: abs(stretch.start - start)), (begin, end))


def _nearest(ends: Sequence[int], place: int) -> int:
    """The end of a sentence that is nearest to a place; the place itself, if there is none close by."""
    after = bisect_left(ends, place)
    nearest = min(ends[max(after - 1, 0) : after + 1], key=lambda end: abs(end - place))
    return nearest if abs(nearest - place) <= CLOSE else place
