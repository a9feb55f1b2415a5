"""Lines in which a text speaks of itself: they go, nothing else moves, and whatever they hold is obeyed or refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.text.directives import Directive, Malformed, take_out

LINE = 'llm-audit: ignore[AUD100] reason="x"'
PIECES = st.sampled_from([LINE, "prose", "", "```", "~~~", "    ", "# " + LINE, f"<!-- {LINE} -->", "\r", "é😀\u2028", "````x"])


@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=12), st.sampled_from(["text", "markdown", "html"]))
def test_only_such_lines_go_and_every_character_keeps_its_place(lines: list[str], kind: str) -> None:
    text = "\n".join(lines)
    left, found = take_out("x", text, kind)
    before, after = text.split("\n"), left.split("\n")
    assert len(left) == len(text) and len(before) == len(after)
    changed = {number for number, (one, other) in enumerate(zip(before, after, strict=True), start=1) if one != other}
    assert changed == {each.line for each in found}
    for number in changed:
        assert "ignore[AUD100]" in before[number - 1] and after[number - 1].strip() == ""
    assert take_out("x", left, kind) == (left, ())


@given(st.text(alphabet='ignore[]AUD10,= "<>-\t#%/;untilreaso2027\r', max_size=60))
def test_whatever_follows_is_obeyed_or_refused(rest: str) -> None:
    try:
        text, found = take_out("x", f"<!-- llm-audit: {rest} -->", "html")
    except Malformed as error:
        assert str(error).startswith("x, line 1: ") and "\n" not in str(error)
    else:
        assert found and not text.strip() and all(each.reason.strip() for each in found)


def test_fields_in_any_order_and_several_rules() -> None:
    line = 'llm-audit: ignore[AUD901, AUD902] until=2027-06-30 reason="open'
    with pytest.raises(Malformed):
        take_out("x", line, "text")
    _, found = take_out("x", 'llm-audit: ignore[AUD901, AUD902] until=2027-06-30 reason="Names"', "text")
    assert [(each.rule, each.reason, str(each.until)) for each in found] == [
        ("AUD901", "Names", "2027-06-30"),
        ("AUD902", "Names", "2027-06-30"),
    ]
    assert take_out("x", "// llm-audit: ignore[AUD100] reason=short", "text")[1] == (Directive(1, "AUD100", "short"),)


@pytest.mark.parametrize(
    "text",
    [
        f'llm-audit: ignore[AUD100] reason="{"prose " * 40}"',
        'llm-audit: ignore[AUD100] reason="A reason"\n' * 11,
        '<!-- llm-audit: ignore[AUD100] reason="a --> prose for readers <!-- b" -->',
    ],
)
def test_nobody_writes_past_the_detectors(text: str) -> None:
    with pytest.raises(Malformed):
        take_out("x", text, "html")


@pytest.mark.parametrize("fill", ["#", " ", "<!--", "llm-audit:", '"', "ignore[", "\t", "a="])
def test_long_lines_take_no_time(fill: str) -> None:
    for text in (f"llm-audit: {fill * 300_000}x", f"{fill * 300_000}llm-audit: ignore[AUD100]{fill * 300_000}"):
        before = time.process_time()
        try:
            take_out("x", text, "markdown")
        except Malformed as error:
            assert len(str(error)) < 300
        assert time.process_time() - before < 5


@pytest.mark.parametrize(
    "line",
    [
        '{/* llm-audit: ignore[AUD100] reason="a comment of MDX" */}',
        '[//]: # (llm-audit: ignore[AUD100] reason="a definition")',
        '> <!-- llm-audit: ignore[AUD100] reason="quoted" -->',
        '/* llm-audit: ignore[aud100] reason="of another language" */',
    ],
)
def test_what_looks_right_and_does_nothing_is_said(line: str) -> None:
    text, said = take_out("a.mdx", f"Words.\n\n{line}\n\nMore words.", "markdown")
    assert [(told.line, told.rule, told.obeyed) for told in said] == [(3, "AUD100", False)]
    assert line in text  # it is no comment of ours, so it stays what it is


def test_what_is_written_about_suppressions_is_none() -> None:
    text = 'Write `llm-audit: ignore[AUD100] reason="..."` on a line.\n\n```\n{/* llm-audit: ignore[AUD100] */}\n```\n'
    assert take_out("a.md", text, "markdown") == (text, ())
