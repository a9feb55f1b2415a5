"""Every format gives back the prose that its reader sees, and says what it leaves out."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.extract.ask import answer, hidden
from tests.text.prose import PARAGRAPHS

WORDS = " ".join(PARAGRAPHS).split()


def packed(parts: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()


# OpenDocument

ODF = "urn:oasis:names:tc:opendocument:xmlns"
NAMES = "".join(
    f' xmlns:{short}="{ODF}:{long}:1.0"'
    for short, long in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"), ("draw", "drawing"),
        ("fo", "xsl-fo-compatible"),
    )
)  # fmt: skip


def odt(body: str, styles: str = "", **parts: str) -> bytes:
    content = (
        f"<office:document-content{NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    return packed({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content, **parts})


def test_odt_gives_paragraphs_tables_boxes_and_notes() -> None:
    body = (
        '<text:h text:outline-level="1">Heading</text:h><text:p>One<text:s text:c="2"/>two<text:line-break/>three'
        "<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>A note.</text:p></text:note-body></text:note>"
        "</text:p><text:list><text:list-item><text:p>Item</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p>"
        "</table:table-cell></table:table-row></table:table>"
        "<text:p><draw:frame><draw:text-box><text:p>Boxed.</text:p></draw:text-box></draw:frame></text:p>"
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>gone</text:p></text:deletion></text:changed-region>"
        "</text:tracked-changes><text:p>End.<office:annotation><text:p>a comment</text:p></office:annotation></text:p>"
    )
    found = answer("odt", odt(body))
    assert found["text"] == "Heading\n\nOne  two\nthree\n\nItem\n\na\tb\nBoxed.\n\nEnd.\n\nA note."
    apart = [(found["text"][start:end], what) for start, end, what in found["apart"]]
    assert apart == [("Heading", "heading"), ("a\tb", "table"), ("A note.", "reference")]
    assert [name for _, name in found["places"]][:3] == ["paragraph 1", "paragraph 2", "paragraph 3"]
    assert found["notes"] == ["Left out: deletion in track changes (1), comment (1)."]


def test_odt_hides_what_its_styles_hide_and_names_what_they_name() -> None:
    def style(name: str, properties: str, parent: str = "") -> str:
        above = f' style:parent-style-name="{parent}"' if parent else ""
        return (
            f'<style:style style:name="{name}" style:family="text"{above}><style:text-properties {properties}/></style:style>'
        )

    styles = style("W", 'fo:color="#ffffff"') + style("W2", "", "W") + style("D", 'fo:background-color="#000000"', "W")
    styles += style("T", 'fo:font-size="1pt"') + style("N", 'text:display="none"') + style("Title", "")
    spans = "".join(f'<text:span text:style-name="{name}">{name}xx</text:span>' for name in ("W", "W2", "D", "T", "N"))
    body = f'<text:p text:style-name="Title">The title</text:p><text:p>Shown {spans}.</text:p>'
    body += '<text:section text:display="none"><text:p>A hidden section.</text:p></text:section>'
    data = odt(body, styles)
    found = answer("odt", data)
    assert found["text"].split() == ["The", "title", "Shown", "Dxx", "."]
    assert hidden("odt", data) == [
        ("white letters", "WxxW2xx"), ("tiny letters", "Txx"), ("hidden by its format", "Nxx"),
        ("hidden section", "A hidden section."),
    ]  # fmt: skip
    assert [found["text"][start:end] for start, end, _ in found["apart"]] == ["The title"]


def test_odt_with_a_password_or_without_text_says_so() -> None:
    locked = odt("<text:p>x</text:p>", **{"META-INF/manifest.xml": "<m><encryption-data/></m>"})
    assert answer("odt", locked) == {"error": "has a password: save a copy without one and try again"}
    assert answer("odt", odt("<text:p><draw:image/></text:p>"))["error"].startswith("holds no text, only pictures")
    assert answer("odt", packed({"mimetype": "x"})) == {"error": "holds no OpenDocument text"}


# E-books and presentations


def epub(chapters: list[str], name: str = "OEBPS/content.opf") -> bytes:
    items = "".join(f'<item id="c{i}" href="text%20{i}.xhtml" media-type="x"/>' for i in range(len(chapters)))
    order = "".join(f'<itemref idref="c{i}"/>' for i in reversed(range(len(chapters))))
    items += '<item id="n" href="nav.xhtml" properties="nav"/>'
    opf = f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest>'
    head = "<?xml version='1.0'?><!DOCTYPE html>"
    return packed({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        f'<rootfile full-path="{name}"/></rootfiles></container>',
        name: f'{opf}<spine><itemref idref="n"/>{order}</spine></package>',
        "OEBPS/nav.xhtml": "<html><body>Contents</body></html>",
        **{f"OEBPS/text {i}.xhtml": f"{head}<html><body>{text}</body></html>" for i, text in enumerate(chapters)},
    })  # fmt: skip


def test_epub_gives_the_chapters_in_the_order_of_reading() -> None:
    found = answer("epub", epub([f"<h1>Two</h1><p>{PARAGRAPHS[1]}</p>", f"<p>{PARAGRAPHS[0]}</p>"]))
    assert found["text"].split("\n\n") == [" ".join(PARAGRAPHS[0].split()), "Two", " ".join(PARAGRAPHS[1].split())]
    assert [name for _, name in found["places"]] == [
        "chapter 1, paragraph 1",
        "chapter 2, paragraph 1",
        "chapter 2, paragraph 2",
    ]
    assert answer("epub", packed({"META-INF/rights.xml": "<r/>"}))["error"].startswith("is protected against copying")
    assert answer("epub", packed({"mimetype": "x"}))["error"].startswith("holds no e-book")


def test_pptx_written_by_a_library_comes_back() -> None:
    pptx = pytest.importorskip("pptx")
    presentation = pptx.Presentation()
    for number, paragraph in enumerate(PARAGRAPHS):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number}"
        slide.placeholders[1].text = paragraph
    cells = slide.shapes.add_table(1, 2, 0, 0, 100, 100).table
    cells.cell(0, 0).text, cells.cell(0, 1).text = "a", "b"
    slide.notes_slide.notes_text_frame.text = "Say this."
    unseen = presentation.slides.add_slide(presentation.slide_layouts[5])
    unseen.shapes.title.text = "Not shown"
    unseen._element.set("show", "0")
    file = io.BytesIO()
    presentation.save(file)
    found = answer("pptx", file.getvalue())
    body = found["text"]
    for start, end, _ in reversed(found["apart"]):
        body = body[:start] + body[end:]
    assert body.split() == WORDS
    assert "a\tb" in found["text"] and "Say this" not in found["text"] and "Not shown" not in found["text"]
    assert found["notes"] == ["Left out: notes for the speaker (1), slide that is not shown (1)."]
    assert found["places"][0][1] == "slide 1"


# Rich text


def rtf(body: str) -> bytes:
    colors = r"{\colortbl;\red255\green255\blue255;\red0\green0\blue0;}"
    return (r"{\rtf1\ansi\deff0{\fonttbl{\f0 Times;}}" + colors + r"{\info{\title no text}}" + body + "}").encode()


def test_rtf_gives_its_paragraphs() -> None:
    found = answer("rtf", rtf(r"\pard A caf\'e9 \u8211? closed.\par {\b Bold} words.\par"))
    assert found["text"] == "A café – closed.\n\nBold words."
    assert found["hidden"] == []


@pytest.mark.parametrize(
    ("source", "how"),
    [(r"{\v gone}", "hidden by its format"), (r"{\cf1 gone}", "white letters"), (r"{\fs2 gone}", "tiny letters")],
)
def test_rtf_hides_what_its_formats_hide(source: str, how: str) -> None:
    data = rtf(rf"Shown. {source} The end.\par")
    assert answer("rtf", data)["text"].split() == ["Shown.", "The", "end."]
    assert hidden("rtf", data) == [(how, "gone")]
    assert hidden("rtf", rtf(r"{\v0 a}{\cf2 b}{\cf1\highlight2 c}{\v x\plain d}")) == [("hidden by its format", "x")]


# Notebooks, subtitles, mail


def test_notebooks_give_their_cells_of_text() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", PARAGRAPHS[0]]},
        {"cell_type": "code", "source": "x = 1", "outputs": [{"text": "no text"}]},
        {"cell_type": "markdown", "source": f"| a | b |\n|---|---|\n| c | d |\n\n{PARAGRAPHS[1]}"},
        {"cell_type": "raw", "source": ""},
    ]
    found = answer("ipynb", json.dumps({"cells": cells, "nbformat": 4}))
    assert found["text"].startswith("Title\n\n") and found["text"].split()[-1] == PARAGRAPHS[1].split()[-1]
    assert {"cell 1, line 3", "cell 3, line 1"} <= {name for _, name in found["places"]}
    assert (found["notes"], found["omitted"]) == (["Left out: cell of code (1)."], 3)
    old = {"worksheets": [{"cells": [{"cell_type": "markdown", "source": "Old words."}]}], "nbformat": 3}
    assert answer("ipynb", json.dumps(old))["text"] == "Old words."
    assert answer("ipynb", '{"cells": [') == {"error": "is no whole notebook: its JSON is damaged"}


def test_subtitles_give_what_is_said_once() -> None:
    srt = "1\n00:00:00,000 --> 00:00:01,500\n<i>The first</i> words\n\n"
    srt += "2\n00:00:01,500 --> 00:00:03,000\nThe first words\nJOHN: and &amp; others.\n"
    assert answer("subtitles", srt)["text"] == "The first words\nand & others."
    vtt = "WEBVTT\n\nNOTE not\nthis\n\nSTYLE\n::cue {}\n\n"
    vtt += "intro\n00:00.000 --> 00:02.000 align:start\n<v Ann>- Hello there,\nall of you.\n"
    found = answer("subtitles", vtt)
    assert found["text"] == "Hello there,\nall of you."
    assert [name for _, name in found["places"]] == ["line 11", "line 12"]


HEAD = "From: a@x.org\nTo: b@x.org\nSubject: An essay\nMessage-ID: <1@x.org>\nMIME-Version: 1.0\n"


@pytest.mark.parametrize(
    "tail",
    [
        "\n-- \nAnn\nHead of something\n",
        "\nOn Mon, 3 Mar 2025 at 10:00, Bob <b@x.org> wrote:\n> Not mine.\n> Nor this.\n",
        "\nOn Mon, 3 Mar 2025 at 10:00,\nBob <b@x.org> wrote:\n\nNot mine.\n",
        "\n-----Original Message-----\nFrom: Bob\nNot mine.\n",
        "\nFrom: Bob <b@x.org>\nSent: Monday\nTo: Ann\nSubject: Re\n\nNot mine.\n",
    ],
)
def test_mail_gives_its_writers_own_words(tail: str) -> None:
    found = answer("mail", f"{HEAD}\n{PARAGRAPHS[0]}\n\n{PARAGRAPHS[1]}\n{tail}")
    assert found["text"].split() == f"{PARAGRAPHS[0]} {PARAGRAPHS[1]}".split()
    assert found["places"][0][1] == "line 1"
    assert found["notes"]


def test_mail_answers_between_quoted_lines_are_kept() -> None:
    body = "On Monday, Bob <b@x.org> wrote:\n> One?\nYes, one.\n> Two?\nNo, two.\n"
    assert answer("mail", f"{HEAD}\n{body}")["text"].split("\n") == ["Yes, one.", "No, two."]


def test_mail_of_many_parts_and_in_html_is_read() -> None:
    encoded = base64.b64encode("Grüße, and a word.".encode()).decode()
    many = (
        f'{HEAD}Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/plain; charset=utf-8\n'
        f"Content-Transfer-Encoding: base64\n\n{encoded}\n"
        "--x\nContent-Type: image/png\nContent-Disposition: attachment\n\nzz\n--x--\n"
    )
    found = answer("mail", many)
    assert (found["text"], found["notes"]) == ("Grüße, and a word.", ["Left out: attachment (1)."])
    page = f'{HEAD}Content-Type: text/html\n\n<p>Mine.</p><div class="gmail_quote"><p>Not mine.</p></div>'
    assert answer("mail", page)["text"] == "Mine."
    assert answer("mail", f"{HEAD}\n> Only quoted.\n")["error"].startswith("has no words of its writer")


# Markup languages


def shown(kind: str, source: str) -> list[str]:
    found = answer(kind, source)
    assert "text" in found, found
    body = found["text"]
    for start, end, _ in reversed(found["apart"]):
        body = body[:start] + body[end:]
    return body.split()


@pytest.mark.parametrize(
    ("kind", "write"),
    [
        ("tex", lambda a, b: rf"""\documentclass{{article}} % no text
\usepackage[utf8]{{inputenc}}
\title{{A title}}
\begin{{document}}
\maketitle
\section{{One \emph{{heading}}}}\label{{sec:one}}
{a}~\cite{{smith2014}} % a comment
\begin{{equation}}
  x = \frac{{a}}{{b}}
\end{{equation}}
\begin{{figure}}\includegraphics{{a.png}}\caption{{A caption.}}\end{{figure}}
\begin{{tabular}}{{ll}} a & b \\ c & d \end{{tabular}}

{b}
\begin{{thebibliography}}{{9}}
\bibitem{{smith}} J. Smith. Windows. Press, 2014.
\end{{thebibliography}}
\end{{document}}
after"""),
        ("rst", lambda a, b: f"""Title
=====

.. note:: {a}

.. toctree::
   :maxdepth: 2

   one
   two

.. code-block:: python

   import os

.. figure:: a.png

   A caption.

.. a comment

.. |x| replace:: y

.. custom-thing:: Its title
   :option: 1

   {b}

===  ===
a    b
===  ===
c    d
===  ===
"""),
        ("asciidoc", lambda a, b: f"""= Title
:toc:
// a comment

[NOTE]
====
{a}
====

[source,python]
----
import os
----

.A caption
image::a.png[]

{b}

|===
|a |b
|===

////
no text
////
"""),
        ("org", lambda a, b: f"""#+TITLE: no text
* TODO A heading :tag:
:PROPERTIES:
:ID: 1
:END:
{a}

#+BEGIN_SRC python
import os
#+END_SRC

# a comment
| a | b |
|---+---|

{b}
"""),
    ],
)  # fmt: skip
def test_markup_languages_give_their_prose(kind: str, write: Callable[[str, str], str]) -> None:
    one, two = (" ".join(paragraph.split()) for paragraph in PARAGRAPHS[:2])
    assert [word.replace("–", "--") for word in shown(kind, write(one, two))] == f"{one} {two}".split()


MARKED = {
    "tex": r"An \emph{old} \textbf{word} and \texttt{code}, \href{http://x.org}{a link}, 5\% of caf\'e; $x^2$ too.",
    "rst": "An *old* **word** and ``code``, `a link <http://x.org>`_, :ref:`this page <that>` :sup:`2`.",
    "asciidoc": "An _old_ *word* and `code`, https://x.org[a link], <<that,this page>> &amp; more.",
    "org": "An /old/ *word* and ~code~, [[http://x.org][a link]], 1/2 a+b and [[that]].",
}
PLAIN = {"tex": "5% of café; too.", "rst": "this page 2.", "asciidoc": "this page & more.", "org": "1/2 a+b and that."}


@pytest.mark.parametrize("kind", MARKED)
def test_marks_within_lines_are_no_text(kind: str) -> None:
    assert answer(kind, MARKED[kind])["text"] == f"An old word and code, a link, {PLAIN[kind]}"


@pytest.mark.parametrize(("kind", "place"), [("tex", "line 3"), ("rst", "line 3"), ("asciidoc", "line 3"), ("org", "line 3")])
def test_paragraphs_are_at_their_lines(kind: str, place: str) -> None:
    found = answer(kind, "One word.\n\nTwo words\nand more.\n")
    assert [name for _, name in found["places"]][1] == place


def test_an_essay_in_a_block_of_code_is_an_essay() -> None:
    essay = "\n".join(f"    {line}" for line in PARAGRAPHS[0].split("\n"))
    assert shown("rst", f"Words::\n\n{essay}\n") == ["Words:", *PARAGRAPHS[0].split()]
    assert shown("asciidoc", f"----\n{PARAGRAPHS[0]}\n----\n") == PARAGRAPHS[0].split()


def test_files_elsewhere_are_not_read(tmp_path: object) -> None:
    for kind, source in (
        ("rst", ".. include:: /etc/passwd\n\n.. raw:: html\n   :file: /etc/passwd\n\nWords."),
        ("rst", ".. csv-table:: x\n   :file: /etc/passwd\n\nWords."),
        ("tex", r"\input{/etc/passwd} Words."),
        ("asciidoc", "include::/etc/passwd[]\n\nWords."),
        ("org", '#+INCLUDE: "/etc/passwd"\nWords.'),
    ):
        assert "root" not in answer(kind, source)["text"]


# Old Word


def test_old_word_is_read_by_a_converter_if_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = answer("doc", b"\xd0\xcf\x11\xe0")
    assert said == {"error": "is an old Word document: save it as .docx, or install antiword, and try again"}
    converter = tmp_path / "antiword"
    converter.write_text('#!/bin/sh\n/bin/printf "\\nOne.\\n[pic]\\n|a |b |\\nTwo.\\n"\n[ -s "$5" ]\n')
    converter.chmod(0o755)
    found = answer("doc", b"\xd0\xcf\x11\xe0")
    assert found["text"] == "One.\n\na\tb\nTwo."
    assert found["notes"] == ["Read by antiword: white letters and text boxes of old Word documents are not told apart."]


def test_a_cell_of_latex_is_shown_apart_and_signs_by_name_are_signs() -> None:
    found = answer("tex", "So a \\textless{} b \\textgreater c.\n\n\\begin{tabular}{ll}\none & two \\\\\n\\end{tabular}\n")
    assert found["text"] == "So a < b >c.\n\none\ttwo"
    assert [each[2] for each in found["apart"]] == ["table"]


def test_signs_between_spaces_are_no_tags_of_subtitles() -> None:
    assert (
        answer("subtitles", "1\n00:00:01,000 --> 00:00:02,000\nIf <i>a</i> < 5 and 7 > b.\n")["text"] == "If a < 5 and 7 > b."
    )


@pytest.mark.parametrize(
    "begin",
    [
        "\\begin{longtable}[]{@{}lll@{}}",
        "\\begin{tabular}[t]{>{\\bfseries}l|rr}",
        "\\begin{tabularx}{\\textwidth}{@{}lXX@{}}",
        "\\begin{tabular*}{0.9\\textwidth}[t]{lll}",
    ],
)
def test_a_table_of_latex_is_one_whatever_its_columns_and_rules(begin: str) -> None:
    name = begin[7:].split("}")[0]
    head = "\\toprule\nYear & Pupils & Share \\\\\n\\midrule\n\\endhead\n"
    rows = "2010 & 120 & 12 \\% \\\\\n\\cmidrule{1-2}\n2015 & 340 & 21 \\% \\\\\n"
    found = answer("tex", f"{PARAGRAPHS[0]}\n\n{begin}\n{head}{rows}\\bottomrule\n\\end{{{name}}}\n\n{PARAGRAPHS[1]}\n")
    ((start, end, what),) = found["apart"]
    assert what == "table"
    assert found["text"][start:end] == "Year\tPupils\tShare\t2010\t120\t12 %\t2015\t340\t21 %"


def test_a_command_of_latex_alone_on_its_line_ends_no_paragraph() -> None:
    found = answer("tex", "The window was\n\\label{window}\nopen all day.\n")
    assert " ".join(found["text"].split()) == "The window was open all day." and "\n\n" not in found["text"].strip()
