"""Office documents beside Word's: what a reader sees is read once and in order, and what he does not see is named."""

from __future__ import annotations

import pytest

from tests.extract.ask import answer, hidden
from tests.extract.test_formats import NAMES, odt

P = "<text:p>{}</text:p>"
HIDDEN_PROSE = "Nobody who reads the document sees a word of this."


def cell(text: str) -> str:
    return f"<table:table-cell><text:p>{text}</text:p></table:table-cell>"


def table(*rows: str) -> str:
    return "<table:table>" + "".join(f"<table:table-row>{row}</table:table-row>" for row in rows) + "</table:table>"


def text_of(body: str, styles: str = "") -> list[str]:
    return str(answer("odt", odt(body, styles))["text"]).split("\n\n")


def test_odt_tables_boxes_and_notes_within_each_other_are_read_once() -> None:
    note = "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>A note.</text:p></text:note-body></text:note>"
    comment = "<office:annotation><text:p>a comment</text:p></office:annotation>"
    box = "<draw:frame><draw:text-box><text:p>Boxed.</text:p></draw:text-box></draw:frame>"
    inner = f"<table:table-cell><text:p>outer</text:p>{table(cell('inner'))}</table:table-cell>"
    body = table(cell(f"one{note}{comment}") + cell(f"two{box}"), inner) + P.format("After.")
    found = answer("odt", odt(body))
    assert found["text"].split() == "one two outer Boxed. inner After. A note.".split()
    assert found["notes"] == ["Left out: comment (1)."]


def test_odt_shapes_have_paragraphs_of_their_own_and_descriptions_of_pictures_are_no_text() -> None:
    shape = "<draw:custom-shape><text:p>In a shape.</text:p></draw:custom-shape>"
    picture = "<draw:frame><draw:image/><title>A title</title><desc>What it shows</desc></draw:frame>"
    assert text_of(P.format(f"{shape}The anchor.") + P.format(f"{picture}Beside it.")) == [
        "The anchor.",
        "In a shape.",
        "Beside it.",
    ]


def test_odt_spaces_of_the_file_are_one_on_the_page_and_references_are_text() -> None:
    shown = P.format("one\n      <text:span>two</text:span>   see <text:bookmark-ref>chapter 3</text:bookmark-ref>.")
    assert text_of(shown) == ["one two see chapter 3."]


@pytest.mark.parametrize(
    ("body", "how"),
    [
        (f"<text:p><text:hidden-paragraph/>{HIDDEN_PROSE}</text:p>", "hidden paragraph"),
        (f'<text:section text:display="condition" text:is-hidden="true">{P.format(HIDDEN_PROSE)}</text:section>', "hidden section"),
        (f'<text:p><text:hidden-text text:string-value="{HIDDEN_PROSE}"/></text:p>', "hidden text field"),
        (table(cell("a")).replace("-row>", f'-row table:visibility="collapse">{cell(HIDDEN_PROSE)}</table:table-row><table:table-row>', 1), "hidden row"),
    ],
)  # fmt: skip
def test_odt_names_what_conditions_and_tables_hide(body: str, how: str) -> None:
    data = odt(f"{P.format('Shown.')}{body}")
    assert answer("odt", data)["text"].split() in (["Shown."], ["Shown.", "a"])
    assert hidden("odt", data) == [(how, HIDDEN_PROSE)]


def test_odt_conditions_that_do_not_hold_hide_nothing() -> None:
    body = '<text:p><text:hidden-paragraph text:is-hidden="false"/>One <text:hidden-text text:is-hidden="false">two</text:hidden-text></text:p>'
    body += f'<text:section text:display="condition" text:is-hidden="false">{P.format("three")}</text:section>'
    data = odt(body)
    assert answer("odt", data)["text"].split() == ["One", "two", "three"]
    assert hidden("odt", data) == []


@pytest.mark.parametrize(
    ("properties", "how"),
    [
        ('fo:color="#336699" fo:background-color="#336699"', "letters in the colour of what is behind"),
        ('fo:font-size="0.3mm"', "tiny letters"),
        ('fo:font-size="5%"', "tiny letters"),
        ('style:text-position="super 3%"', "tiny letters"),
        ('style:text-position="2000% 100%"', "letters without a shape"),
        ('style:text-scale="1%"', "letters without a shape"),
        ('xmlns:l="urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0" l:opacity="0%"', "letters without a shape"),
    ],
)  # fmt: skip
def test_odt_letters_that_cannot_be_seen_are_hidden(properties: str, how: str) -> None:
    style = f'<style:style style:name="X" style:family="text"><style:text-properties {properties}/></style:style>'
    data = odt(P.format(f'Shown.<text:span text:style-name="X">{HIDDEN_PROSE}</text:span>'), style)
    assert answer("odt", data)["text"] == "Shown."
    assert hidden("odt", data) == [(how, HIDDEN_PROSE)]


def test_odt_white_letters_on_a_dark_cell_or_page_are_seen() -> None:
    white = '<style:style style:name="W" style:family="paragraph"><style:text-properties fo:color="#ffffff"/></style:style>'
    dark = '<style:style style:name="D" style:family="table-cell"><style:table-cell-properties fo:background-color="#000080"/></style:style>'
    words = '<text:p text:style-name="W">White.</text:p>'
    in_cell = f'<table:table><table:table-row><table:table-cell table:style-name="D">{words}</table:table-cell></table:table-row></table:table>'
    assert hidden("odt", odt(f"{P.format('Shown.')}{in_cell}", white + dark)) == []
    page = '<style:page-layout><style:page-layout-properties fo:background-color="#101010"/></style:page-layout>'
    assert hidden("odt", odt(f"{P.format('Shown.')}{words}", white + page)) == []
    assert hidden("odt", odt(f"{P.format('Shown.')}{words}", white)) == [("white letters", "White.")]


def test_odt_style_names_of_several_families_are_told_apart() -> None:
    text = '<style:style style:name="S" style:family="text"><style:text-properties fo:color="#ffffff"/></style:style>'
    assert hidden("odt", odt('<text:p text:style-name="S">Seen.</text:p>', text)) == []


def test_a_flat_open_document_is_read() -> None:
    source = f"<office:document{NAMES}><office:body><office:text>{P.format('Flat words.')}</office:text></office:body></office:document>"
    assert answer("odt", source)["text"] == "Flat words."
    assert "declares" in answer("odt", f'<!DOCTYPE x [<!ENTITY a "b">]>{source}')["error"]
