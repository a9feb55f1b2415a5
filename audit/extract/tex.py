"""LaTeX: the prose of a document, without formulas, figures, tables and commands. Files that it includes are not read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from pylatexenc.latex2text import LatexNodes2Text

from llm_audit.extract.draft import Draft
from llm_audit.extract.tex_hidden import without_unseen
from llm_audit.extract.tex_source import expanded, group, without_comments, without_switched_off

_BODY = re.compile(r"\\begin\{document\}(.*?)(?:\\end\{document\}|\Z)", re.S)
_LEFT_OUT = (
    (r"comment", ""),
    (r"verbatim\*?|Verbatim|lstlisting|minted|alltt|algorithm\*?|algorithmic", "code block"),
    (r"equation\*?|align\*?|gather\*?|multline\*?|eqnarray\*?|displaymath|math|flalign\*?", "formula"),
    (r"tikzpicture|picture|pgfpicture", "image"),
    (r"filecontents\*?", "included file"),
)
_ENVIRONMENTS = tuple((re.compile(rf"\\begin\{{({names})\}}.*?\\end\{{\1\}}", re.S), kind) for names, kind in _LEFT_OUT)
_FORMULAS = re.compile(r"(?<!\\)\$\$.*?(?<!\\)\$\$|(?<!\\)\$(?:\\.|[^$\\])*\$|\\\(.*?\\\)|\\\[.*?\\\]", re.S)
_REFERENCES = re.compile(
    r"~?\\(?:[A-Za-z]*cite[A-Za-z]*|ref|eqref|label|index|pageref|autoref|[cC]ref|vspace|hspace|includegraphics"
    r"|bibliographystyle|bibliography|usepackage|documentclass|pagestyle|thispagestyle|setlength|addtolength|newcommand"
    r"|renewcommand|setcounter|hypersetup|addcontentsline|markboth|markright|fontsize|selectfont|transparent|color|glsadd|cellcolor|rowcolor|pagecolor"
    r"|definecolor|newtheorem|newenvironment|newif|usetikzlibrary|maketitle|tableofcontents|hypertarget\{[^{}]*\}|toprule|midrule|cmidrule|bottomrule"
    r"|endhead|endfirsthead|endfoot|endlastfoot"
    r"|url)\*?(?![A-Za-z])(?:\[[^\]]*\])*(?:\{[^{}]*\})*"
)
_WRAPPED = re.compile(r"\\(?:href\{[^{}]*\}|text(?:tt|sc|sf|rm|md|up|normal)|mbox|enquote|uline|underline|emph)(?=\{)")
_HEADING = re.compile(
    r"\\(?:part|chapter|(?:sub)*section|(?:sub)?paragraph|title|author|date|frame(?:sub)?title)\*?(?:\[[^\]]*\])?"
    rf"\{{({group()})\}}"
)
_CAPTION = re.compile(rf"\\caption\*?(?:\[[^\]]*\])?\{{({group()})\}}")
_ARGUMENT = rf"\{{{group(2)}\}}"
_TABLE = re.compile(
    r"\\begin\{(?P<table>tabular[xy*]?|longtable|array)\}"
    rf"(?:(?<=[xy*]\}}){_ARGUMENT})?(?:\[[^\]]*\])?{_ARGUMENT}(.*?)\\end\{{(?P=table)\}}",  # width, position, columns, rows
    re.S,
)
_BETWEEN_CELLS = re.compile(r"(?<!\\)&|\\\\(?:\[[^\]]*\])?|\\hline")
_QUOTE = re.compile(r"\\(begin|end)\{(?:quote|quotation|verse|displayquote)\}")
_NOTE = re.compile(rf"\\(?:footnote|footnotetext|thanks|marginpar|todo)(?:\[[^\]]*\])?\{{({group()})\}}")
# Signs that the converter does not know by these names.
_SIGNS = {"less": "<", "greater": ">", "bar": "|", "asciitilde": "\u223c", "asciicircum": "^", "quotedbl": '"'}
_LOGO = re.compile(r"\\((?:La|Xe|XeLa|Lua|LuaLa|Bib)?TeX)(?![A-Za-z])(?:\{\}|\\(?=\s))?")
_INCLUDED = re.compile(r"\\(?:input|include|subfile|(?:sub)?import\*?(?=\{))(?![A-Za-z])\s*(?:\{[^{}]*\}){1,2}")
# What is no text of its own, with its arguments: sizes, numbers of columns, on which slides.
_PLACED = re.compile(
    r"(\\begin\{(?:minipage|multicols|thebibliography|wrapfigure|adjustbox|spacing|tcolorbox|figure\*?|table\*?|columns?|enumerate"
    rf"|itemize)\}})(?:\[[^\]]*\]|{_ARGUMENT})+"
)
_TITLED = re.compile(rf"\\begin\{{(?:frame|block|alertblock|exampleblock)\}}(?:<[^>]*>)?(?:\[[^\]]*\])*(?=({_ARGUMENT})?)")
_SPANNING = re.compile(rf"\\multi(?:column|row){_ARGUMENT}{_ARGUMENT}(?=\{{)")
_OVERLAY = re.compile(r"(\\(?:only|uncover|onslide|visible|item|alert|textbf|pause))<[^<>]*>")
_LISTED = re.compile(r"\\item(?![A-Za-z])\s*(?:\[([^\]]*)\])?")
_BREAK = re.compile(
    r"\\(?:newline|par|newpage|clearpage|linebreak|pagebreak|quad|qquad|hfill|pause|opening|closing|ps)(?![A-Za-z])"
)
_OPENING_QUOTE = re.compile(r"(?<![`?!\\])`(?!`)")
_SIGN = re.compile(rf"\\text({'|'.join(_SIGNS)})(?:\{{\}}|(?![A-Za-z])[ \t]*)")
_ITEM = re.compile(r"\\bibitem(?:\[[^\]]*\])?\{[^}]*\}")
_PARTED = re.compile(r"(\n[ \t]*\n+)|(?=\\begin\{(?:thebibliography|quote|quotation)\})|(?<=\\end\{quote\})")
_SHOWN_APART = ((_HEADING, "heading", 1), (_CAPTION, "caption", 1), (_NOTE, "reference", 1), (_TABLE, "table", 2))


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one file, given in UTF-8, with "line 14" as places: of the first line of each paragraph."""
    draft = Draft()
    source = without_comments(stream.read().decode().replace("\r\n", "\n").replace("\r", "\n"))
    source = expanded(without_switched_off(source, draft))
    start = 0
    if body := _BODY.search(source):
        start, source = source[: body.start(1)].count("\n"), body[1]
    for pattern, kind in (*_ENVIRONMENTS, (_INCLUDED, "included file")):
        source = pattern.sub(partial(_counted, kind, draft), source)
    source = without_unseen(source, draft)
    for pattern, kind in ((_WRAPPED, ""), (_FORMULAS, "formula")):
        source = pattern.sub(partial(_counted, kind, draft), source)
    source = _plain(source)
    converter = LatexNodes2Text(math_mode="text", strict_latex_spaces=False, fill_text=False)
    for number, block, kind in _blocks(source):
        cells = _BETWEEN_CELLS.split(block) if kind == "table" else [block]
        text = "\t".join(filter(None, (" ".join(converter.latex_to_text(cell).split()) for cell in cells)))
        if text:
            draft.add(text, f"line {start + number}", apart=kind)
    included = draft.left_out["included file"]
    yield draft.answer(
        "has no text of its own, only files that it includes: name those" if included else "has no text beside its commands"
    )


def _plain(source: str) -> str:
    """A source without what is no text, on the lines that it had."""
    source = _TITLED.sub(lambda match: r"\frametitle" if match[1] else "", source)
    source = _SPANNING.sub("", _PLACED.sub(r"\1", _OVERLAY.sub(r"\1", source)))
    source = _REFERENCES.sub("{}", source)  # alone on its line it would leave an empty one, which ends a paragraph or a table
    source = _LISTED.sub(lambda match: f" {match[1] or ''} ", _BREAK.sub(" ", source))
    source = _OPENING_QUOTE.sub("'", _LOGO.sub(r"\1", source))
    return _SIGN.sub(lambda match: _SIGNS[match[1]], source)


def _counted(kind: str, draft: Draft, match: re.Match[str]) -> str:
    if kind:
        draft.left_out[kind] += 1
    return "\n" * match[0].count("\n") if "\n" in match[0] else " " if kind == "formula" else ""


def _blocks(source: str) -> Iterator[tuple[int, str, str]]:
    """Paragraphs, headings and captions as (line number, source, kind); the kind is "" for running text."""
    number, quoted, listed = 1, False, False
    for paragraph in filter(None, _PARTED.split(source)):
        line = number
        number += paragraph.count("\n")
        for match in _QUOTE.finditer(paragraph):
            quoted = match[1] == "begin"
        listed = (listed or r"\begin{thebibliography}" in paragraph) and r"\end{thebibliography}" not in paragraph
        pieces = _ITEM.split(paragraph) if _ITEM.search(paragraph) else [paragraph]
        for piece in pieces:
            apart = "reference" if listed or len(pieces) > 1 else "quote" if quoted or _QUOTE.search(piece) else ""
            rest = piece
            for pattern, *_ in _SHOWN_APART:
                rest = pattern.sub("", rest)
            body = (line + (len(rest) - len(rest.lstrip("\n"))), rest, apart)
            others = [
                (line + piece[: match.start()].count("\n"), match[group], kind)
                for pattern, kind, group in _SHOWN_APART
                for match in pattern.finditer(piece)
            ]
            yield from (other for other in others if other[2] == "heading")
            if rest.strip():
                yield body
            yield from (other for other in others if other[2] != "heading")
