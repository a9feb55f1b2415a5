"""Whether reading gives what a reader sees: documents of 20 formats with 15 features each.

`python -m tools.reading_formats` makes 300 documents by a seed, extracts them and prints a table of character error rates: the
edits that turn what was read into what is seen, over the characters seen, both as scored but for what stands apart. Exits with
1 if a rate is above `MOST`, or if what no reader sees was read, or left out without a word.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from html import escape
from pathlib import Path

import numpy as np

from llm_audit.text import RawText, Unread, discover, normalise, read_all
from tools import reading_cases as cases
from tools.reading_cases import SECRET, Content

MOST = 0.01
"""The character error rate that is asked for."""


def packed(parts: dict[str, str]) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def docx(content: Content) -> bytes:
    """Word."""
    from docx import Document

    document = Document()
    if content.title:
        document.add_heading(content.title, 1)
    for paragraph in content.paragraphs:
        shown = document.add_paragraph()
        before, bold, after = paragraph.partition(f" {content.bold} ") if content.bold else (paragraph, "", "")
        shown.add_run(before)
        if bold:
            shown.add_run(bold).bold = True
        shown.add_run(after)
    for item in content.items:
        document.add_paragraph(item, style="List Bullet")
    if content.hidden:
        document.add_paragraph().add_run(content.hidden).font.hidden = True
    if content.cells:
        table = document.add_table(0, 2)
        for row in content.cells:
            for cell, words in zip(table.add_row().cells, row, strict=True):
                cell.text = words
    if content.comment:
        document.add_comment(document.paragraphs[0].runs, text=content.comment)
    return _saved(document.save)


def _saved(save: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def odt(content: Content) -> bytes:
    """OpenDocument."""
    spaces = (("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"))
    names = "".join(f' xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"' for short, long in spaces)
    body = [f'<text:h text:outline-level="1">{escape(content.title)}</text:h>'] if content.title else []
    spans = "<text:span>{}</text:span>", "<text:a>{}</text:a>"
    body += [f"<text:p>{paragraph}</text:p>" for paragraph in cases.each(content, escape, *spans)]
    items = "".join(f"<text:list-item><text:p>{escape(item)}</text:p></text:list-item>" for item in content.items)
    body += [f"<text:list>{items}</text:list>"] if items else []
    rows = "".join(
        "<table:table-row>" + "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>" for row in content.cells
    )  # fmt: skip
    body += [f"<table:table>{rows}</table:table>"] if rows else []
    if content.hidden:
        body.append(f'<text:p><text:span text:style-name="H">{content.hidden}</text:span></text:p>')
    if content.comment:
        body.append(f"<text:p><office:annotation><text:p>{content.comment}</text:p></office:annotation></text:p>")
    style = '<style:style style:name="H" style:family="text"><style:text-properties text:display="none"/></style:style>'
    inner = f"<office:automatic-styles>{style}</office:automatic-styles><office:body><office:text>{''.join(body)}"
    return packed({
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": f"<office:document-content{names}>{inner}</office:text></office:body></office:document-content>",
    })  # fmt: skip


def rtf(content: Content) -> bytes:
    """Rich text."""

    def safe(text: str) -> str:
        plain = cases.escaped_by("{}\\")(text).replace("\n", " \n")  # line breaks of the file are none of the text
        return "".join(letter if ord(letter) < 128 else f"\\u{ord(letter)}?" for letter in plain)

    body = [rf"{{\b {safe(content.title)}}}\par"] if content.title else []
    body += [rf"{text}\par" for text in cases.each(content, safe, r"{{\b {}}}", r"{{\ul {}}}")]
    body += [rf"{{\pntext -\tab}}{safe(item)}\par" for item in content.items]
    body += [rf"\trowd {a}\cell {b}\cell\row" for a, b in content.cells]
    body += [rf"{{\v {content.hidden}}}\par"] if content.hidden else []
    body += [rf"{{\*\annotation {content.comment}}}"] if content.comment else []
    return (r"{\rtf1\ansi\deff0{\fonttbl{\f0 Times;}}" + "\n".join(body) + "}").encode("ascii")


def epub(content: Content) -> bytes:
    """An e-book of one chapter."""
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="c" href="c.xhtml" media-type="x"/></manifest>'
        '<spine><itemref idref="c"/></spine></package>'
    )
    return packed({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="content.opf"/></rootfiles></container>',
        "content.opf": opf,
        "c.xhtml": cases.xhtml(content).decode(),
    })  # fmt: skip


def pptx(content: Content) -> bytes:
    """A slide for each paragraph; what is hidden stands on a hidden slide."""
    from pptx import Presentation

    deck = Presentation()
    for number, words in enumerate([*content.paragraphs, *content.items, *(f"{a}\n{b}" for a, b in content.cells)]):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        if content.title and number == 0:
            slide.shapes.title.text = content.title
        slide.placeholders[1].text = words
    if content.hidden:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.placeholders[1].text = content.hidden
        slide._element.set("show", "0")
    return _saved(deck.save)


def pdf(content: Content) -> bytes:
    """A page as a browser prints it; what is hidden is white."""
    from weasyprint import HTML

    body = cases.html(content).replace("display:none", "color:white")
    found: bytes = HTML(string=f'<meta charset="utf-8"><body style="font-family:DejaVu Serif">{body}</body>').write_pdf()
    return found


def ipynb(content: Content) -> bytes:
    """A notebook with a cell of code between those of text."""
    source = cases.markdown(content).decode()
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)},
        {"cell_type": "code", "metadata": {}, "source": ["1 + 1"], "outputs": [], "execution_count": 1},
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def subtitles(content: Content, dot: str = ",", head: str = "", safe: Callable[[str], str] = str) -> bytes:
    """A cue for each part; cues hide nothing."""
    cues = [
        f"{number}\n00:00:{number:02d}{dot}000 --> 00:00:{number:02d}{dot}900\n{safe(part)}"
        for number, part in enumerate(content.seen().split("\n\n"), start=1)
    ]
    return (head + "\n\n".join(cues)).encode()


def eml(content: Content) -> bytes:
    """A mail that answers another one."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", f"Re: the {SECRET}"
    mail.set_content(cases.text(content).decode() + f"\n\nOn Monday, B wrote:\n> the {SECRET} is old\n", cte="8bit")
    return mail.as_bytes()


FORMATS: dict[str, Callable[[Content], bytes]] = {
    "txt": cases.text,
    "md": cases.markdown,
    "mdx": cases.mdx,
    "html": cases.page,
    "xhtml": cases.xhtml,
    "tex": cases.tex,
    "rst": cases.rst,
    "adoc": cases.asciidoc,
    "org": cases.org,
    "docx": docx,
    "odt": odt,
    "rtf": rtf,
    "epub": epub,
    "pptx": pptx,
    "pdf": pdf,
    "ipynb": ipynb,
    "srt": subtitles,
    "vtt": lambda content: subtitles(content, ".", "WEBVTT\n\n", escape),
    "eml": eml,
    "zip": lambda content: packed({"a/text.txt": cases.text(content).decode()}),
}

HIDING = {"md", "mdx", "html", "xhtml", "docx", "odt", "rtf", "epub", "pptx", "pdf", "ipynb"}
"""Formats with a way to hide text that is no comment: there, that something was hidden must be said."""


def distance(one: str, other: str) -> int:
    """Levenshtein's distance, in O(n m) steps, a row at a time."""
    letters = np.frombuffer(other.encode("utf-32-le"), np.uint32)
    row = np.arange(len(letters) + 1)
    places = np.arange(len(letters) + 1)
    for number, letter in enumerate(one, start=1):
        changed = np.minimum(row[1:] + 1, row[:-1] + (letters != ord(letter)))
        row = np.minimum.accumulate(np.concatenate([[number], changed]) - places) + places
    return int(row[-1])


def judged(path: Path, content: Content) -> tuple[float, str]:
    """The character error rate of a document, and what else is wrong with it; empty if nothing is."""
    (entry,) = read_all(discover([str(path)]))
    if isinstance(entry, Unread):
        return 1.0, entry.reason
    assert isinstance(entry, RawText)
    seen, read = normalise(content.seen()).text, normalise(entry.text).text
    wrong = [f"{SECRET} was read"] if SECRET in read else []
    if content.hidden and path.suffix[1:] in HIDING and not (entry.hidden or entry.notes):
        wrong.append("nothing is said of what is hidden")
    return distance(read, seen) / len(seen), ", ".join(wrong)


def main(arguments: Sequence[str]) -> int:
    """Make them, read them, print the table. Argument: the seed, 1 if there is none."""
    rng = np.random.default_rng(int(arguments[0]) if arguments else 1)
    made = [(name, feature, content) for name in FORMATS for feature, content in cases.contents(rng).items()]
    worst: dict[str, float] = {}
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, feature, content in made:
            path = Path(folder, f"{feature}.{name}")
            path.write_bytes(FORMATS[name](content))
            rate, wrong = judged(path, content)
            worst[name] = max(worst.get(name, 0.0), rate)
            if rate > MOST or wrong:
                failed += 1
                print(f"{name:6} {feature:10} {rate:7.2%}  {wrong}", flush=True)
    print("  ".join(f"{name} {rate:.2%}" for name, rate in worst.items()))
    print(f"{len(made) - failed} of {len(made)} documents: at most {MOST:.0%} of the characters differ, and nothing is silent.")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
