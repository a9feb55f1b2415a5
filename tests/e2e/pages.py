"""The reports that are looked at in a browser."""

from __future__ import annotations

from collections.abc import Callable

from llm_audit.results import Report
from tests.reports import factory


def many() -> Report:
    """200 documents of every kind."""
    made = (factory.passing, factory.finding, factory.passing, factory.not_assessable, factory.unreadable)
    return factory.report(*(made[number % 5](f"essays/{number:03}.txt") for number in range(200)))


PAGES: dict[str, Callable[[], Report]] = {
    "one essay": lambda: factory.report(factory.finding()),
    "one long essay": lambda: factory.report(factory.many_passages()),
    "nothing judged": lambda: factory.report(factory.not_assessable(), factory.unreadable()),
    "200 documents": many,
    "attribution": factory.attribution_report,
    "membership": factory.membership_report,
    "membership, shifted": factory.shifted_report,
    "substitution": factory.substitution_report,
    "substitution, not measured": factory.not_measured_report,
}
