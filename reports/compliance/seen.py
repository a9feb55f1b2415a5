"""The outcome of looking for evidence in a report, and a test's numbers in words. Knows no requirement and no framework."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from llm_audit.reports import format as fmt
from llm_audit.reports.compliance.model import Outcome, Pointer
from llm_audit.results import Result

MOST = 3
"""Most results that are written out; of the others, number and places are given."""


class Seen(NamedTuple):
    """An outcome with its reasons, and where in the report they stand."""

    outcome: Outcome
    sentences: tuple[str, ...]
    pointers: tuple[Pointer, ...] = ()


def not_testable(*sentences: str, pointers: Iterable[Pointer] = ()) -> Seen:
    """The outcome "not testable": the report holds nothing for or against it."""
    return Seen(Outcome.NOT_TESTABLE, sentences, tuple(pointers))


def numbers(test: Result, alpha: float) -> str:
    """Numbers of a test with what it was compared with, as words: never a p-value alone.

    `alpha` sets how many digits are shown. It is not printed: some tests of an audit have a threshold of their own.
    """
    parts = [fmt.LABELS[test.verdict][1].lower()]
    if test.p_value is not None:
        giver = "population" if test.population else "test"
        parts.append(fmt.p_statement(test.p_value, test.p_floor, alpha, giver))
    if test.e_value is not None:
        parts.append(f"e-value {fmt.e_value(test.e_value)}")
    if test.n is not None:
        parts.append(f"n = {fmt.count(test.n)} {'tokens' if test.subject in ('document', 'passage') else 'units'}")
    if test.population:
        population = test.population
        parts.append(
            f"compared with {fmt.plural(population.n, 'document')} of {population.length_bin} of the population "
            f"{population.name} ({population.description})"
        )
    if test.draws:
        parts.append(fmt.draws(test.draws, test.evidence))
    if test.effect:
        parts.append(f"effect: {fmt.effect(test.effect)}")
    return f"{test.rule} {test.name}: {'; '.join(parts)}."


def some(sentences: Sequence[str], noun: str) -> tuple[str, ...]:
    """The first few different sentences, and how many more there are of `noun`."""
    different = list(dict.fromkeys(sentences))
    left = len(different) - MOST
    return (*different[:MOST], *([f"{fmt.count(left)} more {noun}; the report has them."] if left > 0 else ()))
