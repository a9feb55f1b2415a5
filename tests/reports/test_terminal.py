from __future__ import annotations

import io
import math
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from llm_audit.reports.terminal.report import print_report
from llm_audit.results import Report
from tests.reports import factory


def printed(report: Report, width: int = 80, colour: bool = False) -> str:
    file = io.StringIO()
    print_report(report, Console(file=file, width=width, force_terminal=colour, color_system="truecolor" if colour else None))
    return file.getvalue()


def words(report: Report, width: int = 80) -> str:
    return " ".join(printed(report, width).split())


def test_a_file_name_cannot_forge_a_line() -> None:
    document = factory.unreadable("a.txt\n○ No finding  b.txt")
    assert "✕ Unreadable  a.txt\\n○ No finding  b.txt" in printed(factory.report(document))


def test_a_p_value_comes_with_all_that_it_needs() -> None:
    text = words(factory.report(factory.finding()))
    assert "p = 0.0005, the smallest this population can give (α = 0.01)" in text
    assert factory.NULL in text
    assert "essays-en (English student essays and news written before 2020): 1,999 documents of 192 tokens" in text
    assert "Smallest possible p: 0.0005. Upper bound of p with 95 % confidence: 0.0018." in text


def test_passages_that_stand_out_say_where_they_stand() -> None:
    document = factory.finding()
    assert document.combined
    spans = [span.model_copy(update={"place": f"page 7, line {n}"}) for n, span in enumerate(document.combined.spans, start=1)]
    placed = document.model_copy(update={"combined": document.combined.model_copy(update={"spans": tuple(spans)})})
    text = words(factory.report(placed), width=120)
    assert "(page 7, line 2)" in text
    assert "(page 7, line 1)" not in text  # it does not stand out


def test_heat_is_legible_without_colour() -> None:
    text = printed(factory.report(factory.finding()))
    assert "▁█▂█·▅" in text
    assert "▁ p > 0.5   ▂ p ≤ 0.5   ▃ p ≤ 0.2" in text
    assert re.search(r"2 +0\.0015 +0\.0075 +1,999 +In conclusion", text)


def test_what_was_not_judged_does_not_look_like_a_pass() -> None:
    text = words(factory.report(factory.not_assessable()))
    assert "Not assessable" in text and "41 tokens" in text
    assert "neither passed nor failed" in text and "No finding" not in text


def test_limits_come_once_and_coverage_with_several_inputs() -> None:
    text = words(factory.report())
    assert text.count("What this does not prove") == 1
    assert "4 inputs: 2 judged, 1 not assessable, 1 unreadable. 1 finding in 4 documents: " in text
    assert "inputs:" not in words(factory.report(factory.finding()))


@pytest.mark.parametrize("count", [2, 12])
def test_limits_come_after_the_results_of_all_documents(count: int) -> None:
    text = words(factory.report(*[factory.passing(f"{number}.txt") for number in range(count)]), width=200)
    assert text.index("What this does not prove") > max(text.index(f" {number}.txt") for number in range(count))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits(width: int) -> None:
    for report in (factory.report(), factory.report(factory.many_passages()), factory.attribution_report()):
        assert max(cell_len(line) for line in printed(report, width).splitlines()) <= width


def in_ascii(report: Report) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    print_report(report, Console(file=file, width=80))
    file.seek(0)
    return file.read()


def test_ascii_terminals_get_digits() -> None:
    assert "05154" not in (text := in_ascii(factory.report(factory.finding()))) and "0515" in text


def test_ascii_terminals_get_plain_signs_for_candidates() -> None:
    text = in_ascii(factory.attribution_report(factory.attributed()))
    assert "= Written by" in text and "!= Not written by" in text and "- Not assessable" in text
    assert re.search(r"^    0[0-5]{40,}5$", text, re.M)


def test_every_candidate_has_its_verdict_its_number_and_what_it_rests_on() -> None:
    text = words(factory.attribution_report(factory.attributed()), width=200)
    assert re.search(r"smollm2\S+ temperature 0\.8 = Written by 0\.43 ", text)
    assert re.search(r"gpt2\S+ temperature 0\.7, top-k 50 or temperature 1, top-k 50 ≠ Not written by 0\.0000023 ", text)
    assert "./models/quantised not stated – Not assessable –" in text
    assert "p = 0.43, exact (α = 0.01) Taken to have read: the prompt given" in text
    assert re.search(r"AUD204 Likelihood ratio against the rivals likelihood-ratio −78\.2 nats 1 1 × 10\^−34", text)
    assert "The sanctioned model: = Written by p = 0.43 e = 1.1 × 10^−34" in text
    assert "Compared with human writing" in text and "p = 0.0015 (α = 0.01)" in text
    assert "p = 0.087, calibrated" in words(factory.attribution_report(factory.undecided()))


def test_many_settings_are_counted() -> None:
    found = factory.undecided().attributions[0]
    many = found.model_copy(update={"settings": tuple(f"temperature {number}" for number in range(1, 10))})
    text = words(factory.attribution_report(factory.undecided().model_copy(update={"attributions": (many,)})), width=120)
    assert "temperature 1 or temperature 2 or 7 others" in text


def test_the_path_of_the_evidence_is_full_from_the_threshold_on() -> None:
    trace = factory.trace(fits=True).model_copy(
        update={"log_e": tuple(number * math.log(100) / 60 for number in range(1, 121))}
    )
    found = factory.undecided().attributions[0].model_copy(update={"trace": trace})
    text = printed(factory.attribution_report(factory.undecided().model_copy(update={"attributions": (found,)})))
    (line,) = re.findall(r"^ +([▁▂▃▅▆█]{56})$", text, re.M)
    assert list(line) == sorted(line) and set(line) == set("▂▃▅▆█")
    assert line.count("█") == sum((column + 1) * 120 // 56 >= 60 for column in range(56))
    assert "reached at token 60 of 120 tokens" in " ".join(text.split())


def test_a_document_without_an_assessable_candidate_gets_no_statement() -> None:
    document = factory.attributed()
    nothing = document.model_copy(update={"attributions": document.attributions[2:], "sets": (), "combined": None})
    assert "No statement is made about who wrote this document." in words(factory.attribution_report(nothing))
    assert "No statement" not in words(factory.attribution_report(document))


def test_many_documents_are_one_table_the_worst_first_unless_details_are_asked_for() -> None:
    made = [factory.passing(f"human-{number}.txt") for number in range(40)]
    report = factory.report(*made, factory.not_assessable("short.txt"), factory.finding("machine.txt"))
    text = printed(report)
    assert len(text.splitlines()) < 80
    assert re.findall(r"^[▲–○] [A-Za-z ]+?  +(\S+)", text, re.M)[:3] == ["machine.txt", "short.txt", "human-0.txt"]
    assert re.search(r"^▲ Finding +machine\.txt +≤ 0\.0005 *$", text, re.M)
    assert "Null hypothesis" not in text and "-v shows what is known of each" in text
    assert text.count("What this does not prove") == 1
    file = io.StringIO()
    print_report(report, Console(file=file, width=80), details=True)
    assert file.getvalue().count("Null hypothesis") == 41 and "-v shows" not in file.getvalue()


def test_few_documents_are_shown_in_detail() -> None:
    few = [factory.passing(f"{number}.txt") for number in range(5)]
    assert printed(factory.report(*few)).count("Null hypothesis") == 5
    assert "Null hypothesis" not in printed(factory.report(*few, factory.passing("6.txt")))


def test_the_candidates_of_many_documents_are_a_line_each() -> None:
    many = factory.attribution_report(*[factory.attributed() for _ in range(6)])
    text = printed(many, 200)
    assert text.count("= Written by") == 6 and text.count("≠ Not written by") >= 6


@pytest.mark.parametrize("width", [60, 80])
def test_the_table_fits_and_a_name_can_forge_no_line_of_it(width: int) -> None:
    names = ["a.txt\n▲ Finding  b.txt", "x" * 200, *"cdefg"]
    text = printed(factory.report(*map(factory.passing, names)), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert not re.search(r"^▲", text, re.M)
