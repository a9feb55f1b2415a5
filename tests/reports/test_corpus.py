"""The page of a corpus: what is said of one text and of many, and that no label leaves its picture."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from llm_audit.reports.charts import figures
from llm_audit.reports.views import corpus
from llm_audit.results import Discovery, Report, Unread, Verdict
from tests.reports import factory


def discovery(low: int, tests: int) -> Discovery:
    counts = {"tests": tests, "found": 0, "at_floor": 0, "possible": tests, "low": low}
    return Discovery(alpha=0.05, floor=0.001, fewest=1, low_by_chance=0.05 * tests, histogram=(tests, *[0] * 19), **counts)


def labels(drawn: figures.Drawn) -> dict[str, tuple[float, float]]:
    """What stands in a picture, and where."""
    found = re.findall(r'<text[^>]* x="(-?[\d.]+)" y="(-?[\d.]+)"[^>]*>([^<]+)', str(drawn.svg))
    assert found
    return {text: (float(x), float(y)) for x, y, text in found}


def test_small_p_values_are_counted_in_words_that_fit_their_number() -> None:
    said = [corpus.taken_alone(discovery(low, 40)).partition(";")[0] for low in (0, 1, 2)]
    assert said == [f"{who} p ≤ 0.05 taken alone" for who in ("No text has", "1 text has", "2 texts have")]


def test_a_reason_comes_with_the_name_of_its_document_once() -> None:
    nameless, named = Unread(name="a.txt", reason="It is binary."), Unread(name="a.txt", reason="a.txt is empty.")
    assert corpus.why_unread(nameless) == "a.txt: It is binary."
    assert corpus.why_unread(named) == "a.txt is empty."


def test_every_label_of_the_p_values_is_in_the_picture() -> None:
    for drawn in corpus.p_values(discovery(2, 4).histogram).drawn:
        placed = labels(drawn)
        assert {"p", "texts", "0.5"} <= placed.keys()
        assert all(0 <= x <= drawn.width and 10 <= y <= drawn.height for x, y in placed.values())


def test_a_smallest_p_at_the_end_of_the_scale_is_labelled_within_it() -> None:
    for floor in (0.01, 0.0101, 0.013):
        for drawn in figures.scale(floor, floor, 0.01).drawn:
            ((x, _),) = (place for text, place in labels(drawn).items() if text.startswith("smallest"))
            assert x <= drawn.width


def of_corpus(counts: dict[Verdict, int]) -> Report:
    counts = dict.fromkeys(Verdict, 0) | counts
    return factory.report_of(factory.corpus(verdicts=counts), factory.about_a_scan())


def of_documents(counts: dict[Verdict, int]) -> Report:
    made = {Verdict.FINDING: factory.finding, Verdict.ERROR: factory.unreadable, Verdict.NOT_ASSESSABLE: factory.not_assessable}
    return factory.report(factory.passing(), *[made[verdict]() for verdict in counts])


@pytest.mark.parametrize("report_of", [of_corpus, of_documents])
def test_one_order_of_exit_codes_holds_for_a_corpus_and_for_documents(report_of: Callable[..., Report]) -> None:
    finding, unread, short = {Verdict.FINDING: 1}, {Verdict.ERROR: 1}, {Verdict.NOT_ASSESSABLE: 1}
    assert report_of(finding | unread | short).exit_code(strict=True) == 2
    assert report_of(finding | short).exit_code(strict=True) == 1
    assert report_of(unread).exit_code() == 2
    assert (report_of(short).exit_code(), report_of(short).exit_code(strict=True)) == (0, 3)
