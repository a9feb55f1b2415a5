"""Markup as its readers see it: dialects of Markdown, reStructuredText, AsciiDoc, Org; notebooks, e-books, subtitles."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import pytest

from tests.extract.ask import answer
from tests.extract.test_formats import epub
from tests.text.prose import PARAGRAPHS


def shown(kind: str, source: str | bytes) -> str:
    return " ".join(str(answer(kind, source)["text"]).split())


@pytest.mark.parametrize(
    ("kind", "source", "text"),
    [
        # Dialects of Markdown: GitHub, Obsidian, pandoc
        ("markdown", "- [ ] One task\n- [x] done", "One task done"),
        ("markdown", "> [!NOTE]\n> A note.", "A note."),
        ("markdown", "See [[A page|this page]] and [[That one]].", "See this page and That one."),
        ("markdown", "It is so [@smith2020; @lee, p. 3], he says.", "It is so , he says."),
        ("markdown", "Set [in small]{.smallcaps} ![x](a.png){width=50%} here.", "Set in small here."),
        ("markdown", "One.\n\n%% a comment\nof two lines %%\n\nTwo.\n\n*[HTML]: Hyper Text\n\n[TOC]", "One. Two."),
        ("markdown", "A ==marked== word^[A note.] where a == b.", "A marked word (A note.) where a == b."),
        ("markdown", "A claim [[1]](https://x.org) and `[[code]]`.", "A claim [1] and [[code]]."),
        # reStructuredText
        ("rst", "One.\n\n.. only:: html\n\n   Two.\n\n.. versionadded:: 2.0\n   Three is new.", "One. Two. Three is new."),
        ("rst", ".. contents:: Contents\n\nHead\n====\n\nOne.\n\nNext\n----\n\nTwo.", "Head One. Next Two."),
        # AsciiDoc
        ("asciidoc", "= Title\nAnn Lee <a@x.org>\nv1.0, 2024-01-01\n:company: Acme\n\nAt {company} in C++, __un__done.",
         "Title At Acme in C++, undone."),
        ("asciidoc", "H~2~O and x^2^, btn:[OK], pass:[a_b], \\*not bold*.", "H2O and x2, OK, a_b, *not bold*."),
        ("asciidoc", "* [x] done\n\nterm::\n  what it means", "done what it means"),
        # Org
        ("org", "* Head [1/2]\n:OWN:\nShown.\n:END:\nA note[fn:: like this], {{{macro}}} src_python{1+1} end\\\\\nof it.",
         "Head Shown. A note ( like this), end of it."),
        ("org", "\\begin{equation}\nx = 1\n\\end{equation}\nAfter it.\n[[file:a.png]]\n%%(diary)", "After it."),
    ],
)  # fmt: skip
def test_marks_are_no_text_and_what_they_mark_is(kind: str, source: str, text: str) -> None:
    assert shown(kind, source) == text


def test_what_stands_elsewhere_or_in_another_language_is_named() -> None:
    assert answer("asciidoc", "Words.\n\ninclude::a.adoc[]\n")["notes"] == ["Left out: included file (1)."]
    found = answer("rst", "Words.\n\n.. include:: a.rst\n\n.. raw:: html\n\n   <p>Some words</p>\n")
    assert found["notes"] == ["Left out: included file (1), raw HTML or LaTeX (1)."]
    assert (found["text"], found["omitted"]) == ("Words.", len("<p>Somewords</p>"))


CONDITIONS = """
:flag: yes

One.

ifdef::flag[]
Two.
endif::flag[]

ifdef::never[Unseen.]

ifndef::never[Three.]

ifdef::never,flag[]
Four.

ifdef::never[]
Unseen.
endif::[]

ifdef::never+flag[]
Unseen.
endif::[]
Five.
endif::[]

ifeval::["{flag}" == "yes"]
Six.
endif::[]

ifeval::[2 > 3]
Unseen.
endif::[]

ifndef::backend-html5[]
Unseen.
endif::[]

:flag!:

ifdef::flag[]
Unseen.
endif::[]

Seven
// Unseen.
goes on.

[comment]
Unseen.

[comment]
--
Unseen.

Unseen.
--

Eight.
"""
"""What `asciidoctor` 2.0.18 makes of it shows the numbers one to eight, and nothing else."""


def test_sections_of_asciidoc_are_read_where_their_condition_holds() -> None:
    found = answer("asciidoc", CONDITIONS)
    assert found["text"].split() == ["One.", "Two.", "Three.", "Four.", "Five.", "Six.", "Seven", "goes", "on.", "Eight."]
    assert found["notes"] == ["Left out: section on a condition that does not hold (6)."]
    assert found["omitted"] == 6 * len("Unseen.")
    assert [name for _, name in found["places"]][:2] == ["line 4", "line 7"]


def test_what_asciidoc_hides_or_hands_on_is_read_as_a_page() -> None:
    source = "One.\n\n[.hide]\nUnseen here.\n\n[.big.hide]#Nor here.# Two +++<b>three</b>+++.\n\n"
    source += '++++\n<p>Four.</p><p style="display:none">Nobody ever sees a word of all of this.</p>\n++++\n'
    assert shown("asciidoc", source) == "One. Two three. Four."
    assert [excerpt for *_, excerpt in answer("asciidoc", source)["hidden"]] == [
        "Unseen here. Nor here.",
        "Nobody ever sees a word of all of this.",
    ]


def test_sections_of_org_that_are_not_exported_are_left_out_with_those_below_them() -> None:
    source = (
        "* One\nSeen.\n** COMMENT Two\nUnseen.\n*** Three\nUnseen.\n** Four :noexport:\nUnseen.\n* Five :tag:\nSeen again.\n"
    )
    found = answer("org", source)
    assert found["text"].split() == ["One", "Seen.", "Five", "Seen", "again."]
    assert found["notes"] == ["Left out: section that is not exported (2)."]
    assert found["places"][-1][1] == "line 10"
    assert found["omitted"] > 0


# Notebooks


def test_notebooks_read_raw_prose_and_name_outputs() -> None:
    cells = [
        {"cell_type": "markdown", "source": None},
        {"cell_type": "raw", "source": PARAGRAPHS[0]},
        {"cell_type": "code", "source": "f()", "outputs": [
            {"output_type": "stream", "text": ["no prose"]},
            {"output_type": "display_data", "data": {"text/markdown": ["Set as", " text."]}},
        ]},
    ]  # fmt: skip
    found = answer("ipynb", json.dumps({"cells": cells}))
    assert found["text"].split() == PARAGRAPHS[0].split()
    assert found["notes"] == ["Left out: cell of code (1), output of code (2)."]
    assert found["omitted"] == len("f()Setastext.")


# E-books


def book_with(chapters: list[str], change: Callable[[str, bytes], bytes]) -> bytes:
    """An e-book of these chapters, the last first, with its files changed."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(epub(chapters))) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return changed.getvalue()


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8"])
def test_chapters_are_in_the_encoding_that_they_declare(encoding: str) -> None:
    page = f'<?xml version="1.0" encoding="{encoding}"?><html><body><p>A café.</p></body></html>'
    book = book_with(["<p>x</p>"], lambda name, data: page.encode(encoding) if name.startswith("OEBPS/text") else data)
    assert shown("epub", book) == "A café."


def test_numbers_of_printed_pages_and_tables_of_contents_are_no_text() -> None:
    body = '<p>One <span epub:type="pagebreak" title="5">5</span>sentence<a epub:type="noteref" href="#n">1</a>.</p>'
    assert shown("epub", epub([body])) == "One sentence."
    guide = b'<guide><reference type="toc" href="text%201.xhtml"/></guide></package>'
    pages = ["<p>One.</p>", "<p>Contents</p>"]
    assert shown("epub", book_with(pages, lambda name, data: data.replace(b"</package>", guide))) == "One."


UNSEEN = "Nobody who reads the book ever sees a word of all of this."


@pytest.mark.parametrize(
    ("head", "sheets"),
    [
        ("<style><![CDATA[.x { display: none }]]></style>", {}),
        ('<style>[epub|type~="bad"], .x { display: none }</style>', {}),
        ('<style>[epub|type~="y"] { display: none }</style>', {}),
        ('<link rel="stylesheet" href="css/a.css"/>', {"css/a.css": '@import "b.css";', "css/b.css": ".x{display:none}"}),
        ("<style>@import url(a.css);</style>", {"a.css": '@import "a.css"; .x{display:none}'}),
    ],
)
def test_sheets_of_books_hide_as_their_readers_show(head: str, sheets: dict[str, str]) -> None:
    page = f'<html><head>{head}</head><body><p>Seen.</p><p class="x" epub:type="y">{UNSEEN}</p></body></html>'
    found = answer("epub", book_of(page, sheets))
    assert found["text"] == "Seen."
    assert found["hidden"] == [(len("Seen."), "display:none", len(UNSEEN.replace(" ", "")), UNSEEN)]


def test_a_sheet_that_stands_before_a_page_hides_and_marked_sections_are_text() -> None:
    page = '<?xml version="1.0"?><?xml-stylesheet href="a.css" type="text/css"?><html><head><title/></head>'
    page += f'<body><p><![CDATA[Seen < here.]]></p><p class="x">{UNSEEN}</p></body></html>'
    found = answer("epub", book_of(page, {"a.css": ".x{display:none}"}))
    assert (found["text"], [excerpt for *_, excerpt in found["hidden"]]) == ("Seen < here.", [UNSEEN])


def book_of(page: str, sheets: dict[str, str]) -> bytes:
    """An e-book of one page, with style sheets beside it."""
    file = io.BytesIO(book_with(["<p>x</p>"], lambda name, data: page.encode() if name.startswith("OEBPS/text") else data))
    with zipfile.ZipFile(file, "a") as archive:
        for name, sheet in sheets.items():
            archive.writestr(f"OEBPS/{name}", sheet)
    return file.getvalue()


def test_text_that_is_called_a_table_of_contents_is_read() -> None:
    guide = b'<guide><reference type="toc" href="text%200.xhtml"/></guide></package>'
    links = '<p><a href="a.xhtml">The first chapter</a></p>' * 30
    prose = PARAGRAPHS[0]
    for page, text in ((links, "x"), (links + prose, prose), (f'<a href="a">{prose}</a>', prose)):
        book = book_with([page, "<p>x</p>"], lambda name, data: data.replace(b"</package>", guide))
        assert shown("epub", book).endswith(" ".join(text.split()))


def test_what_a_book_shows_instead_of_what_is_no_page_is_read() -> None:
    def change(name: str, data: bytes) -> bytes:
        other = b'id="c1" href="a.bin" fallback="c2"'
        return data.replace(b'id="c1" href="text%201.xhtml"', other) if name.endswith("opf") else data

    book = book_with(["<p>One.</p>", "<p>Two.</p>", "<p>Three.</p>"], change)
    assert shown("epub", book) == "Three. Three. One."


# Subtitles


def test_a_cue_goes_on_below_an_empty_line_and_sounds_are_named() -> None:
    srt = "1\n00:00:01,000 --> 00:00:02,000\nOne\n\nand more.\n\n2\n00:00:03,000 --> 00:00:04,000\n[MUSIC]\n\n"
    srt += "3\n00:00:05,000 --> 00:00:06,000\n42\n\n4\n00:00:07,000 --> 00:00:08,000\n{b}Two{/b} (so he said).\n"
    found = answer("subtitles", srt)
    assert found["text"].split("\n") == ["One", "and more.", "42", "Two (so he said)."]
    assert found["notes"] == ["Left out: sound or song (1)."]
