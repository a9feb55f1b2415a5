from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from llm_audit.reports import print_report
from llm_audit.results import Report
from llm_audit.terminal import terminal_safe
from tests.reports import factory
from tests.reports.hostile import PAYLOADS, everywhere


def printed(report: Report, width: int = 80, colour: bool = False) -> str:
    file = io.StringIO()
    print_report(report, Console(file=file, width=width, force_terminal=colour, color_system="truecolor" if colour else None))
    return file.getvalue()


def words(report: Report, width: int = 80) -> str:
    return " ".join(printed(report, width).split())


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
@pytest.mark.parametrize("colour", [False, True])
def test_no_field_can_act_on_the_terminal(payload: str, colour: bool) -> None:
    output = printed(everywhere(payload), colour=colour)
    if colour:  # ours are the only escape sequences: plain colours; without colour there are none at all
        assert "\x1b[" in output
        assert not re.search(r"\x1b(?!\[[0-9;]*m)|\x1b\[2J", output)
        output = re.sub(r"\x1b\[[0-9;]*m", "", output)
    assert terminal_safe(output) == output


def test_a_file_name_cannot_forge_a_line() -> None:
    document = factory.unreadable("a.txt\n○ No finding  b.txt")
    assert "✕ Unreadable  a.txt\\n○ No finding  b.txt" in printed(factory.report(document))


def test_a_p_value_comes_with_all_that_it_needs() -> None:
    text = words(factory.report(factory.finding()))
    assert "p = 0.0005, the smallest this population can give (α = 0.01)" in text
    assert factory.NULL in text
    assert "essays-en (English student essays and news written before 2020): 1,999 documents of 192 tokens" in text
    assert "Smallest possible p: 0.0005. Upper bound of p with 95 % confidence: 0.0018." in text


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
    assert text.endswith("4 inputs: 2 judged, 1 not assessable, 1 unreadable.")
    assert "inputs:" not in words(factory.report(factory.finding()))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits(width: int) -> None:
    for report in (factory.report(), factory.report(factory.many_passages())):
        assert max(cell_len(line) for line in printed(report, width).splitlines()) <= width


def test_ascii_terminals_get_digits() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    print_report(factory.report(factory.finding()), Console(file=file, width=80))
    file.seek(0)
    assert "05154" not in (text := file.read()) and "0515" in text
