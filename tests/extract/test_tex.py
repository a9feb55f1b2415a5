"""LaTeX as it is set: comments, conditions and the author's commands are carried out, and what nobody sees is named."""

from __future__ import annotations

import pytest

from tests.extract.ask import answer, hidden

HIDDEN_PROSE = "Nobody who reads the page sees a word of this."


def shown(source: str) -> str:
    return " ".join(str(answer("tex", source)["text"]).split())


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"One. \iffalse Not \ifx\a\b set \fi this. \fi Two.", "One. Two."),
        (r"One. \iftrue Two. \else Not this. \fi Three.", "One. Two. Three."),
        (r"\newif\ifdraft \draftfalse One. \ifdraft Not this. \else Two. \fi Three.", "One. Two. Three."),
        (r"\newif\iflong \longtrue One. \iflong Two. \else Not this. \fi", "One. Two."),
        (r"If \ifdefined\draft either \else or \fi is not known, and $a \iff b$.", "If either or is not known, and ."),
        (r"\verb|50% of a_b| and 10\% % not this", "50% of a_b and 10%"),
        ("\\begin{verbatim}\n50% off\n\\end{verbatim}\nSee \\url{http://x.org/a%20b} for more.", "See for more."),
        (r"\newcommand{\lab}{the laboratory}In \lab{} here.", "In the laboratory here."),
        (r"\newcommand{\eg}{e.g.\xspace}Rooms, \eg this one, or \eg, so.", "Rooms, e.g. this one, or e.g., so."),
        (r"\newcommand{\two}[2][old]{#1 #2}A \two{house}, a \two[new]{one}.", "A old house, a new one."),
        (r"\def\who#1{Mr #1}\renewcommand{\a}{\who{Smith}}\a{} came.", "Mr Smith came."),
        (r"Set in \LaTeX{} with `care' and ``more''.", "Set in LaTeX with 'care' and “more”."),
        (r"As \textcite{a} and \parencite[see][p.~3]{b} say.", "As and say."),
        (r"\begin{itemize}\item One. \item[Two:] Three.\end{itemize}", "One. Two: Three."),
        (r"\begin{minipage}[t]{.5\textwidth}In a box.\end{minipage} \begin{multicols}{2}In two.\end{multicols}",
         "In a box. In two."),
        (r"One.\newline Two.\par Three.", "One. Two. Three."),
        (r"\begin{frame}{Title}\only<1>{Said.}\note{Not this.}\end{frame}", "Title Said."),
    ],
)  # fmt: skip
def test_what_is_set_is_read(source: str, text: str) -> None:
    assert shown(source) == text


def test_notes_and_headings_may_hold_groups_in_groups() -> None:
    found = answer("tex", r"\section{A \emph{very {\bf bold {one}}}}One\footnote{A {\em note {with {groups}}}.} sentence.")
    assert found["text"].split("\n\n") == ["A very bold one", "One sentence.", "A note with groups."]


@pytest.mark.parametrize(
    ("source", "how"),
    [
        (rf"\textcolor{{white}}{{{HIDDEN_PROSE}}}", "white letters"),
        (rf"\textcolor[HTML]{{FFFFFF}}{{{HIDDEN_PROSE}}}", "white letters"),
        (rf"\textcolor[rgb]{{1,1,1}}{{{HIDDEN_PROSE}}}", "white letters"),
        (rf"\textcolor[gray]{{1}}{{{HIDDEN_PROSE}}}", "white letters"),
        (rf"{{\color{{white}}{HIDDEN_PROSE}}}", "white letters"),
        (rf"\begin{{center}}\color{{white}}{HIDDEN_PROSE}\end{{center}}", "white letters"),
        (rf"{{\fontsize{{0.1pt}}{{1pt}}\selectfont {HIDDEN_PROSE}}}", "tiny letters"),
        (rf"\phantom{{{HIDDEN_PROSE}}}", "letters without a shape"),
    ],
)
def test_letters_that_nobody_sees_are_hidden(source: str, how: str) -> None:
    data = f"\\documentclass{{article}}\\begin{{document}}\nSeen. {source}\nThe end.\n\\end{{document}}"
    assert answer("tex", data)["text"].split() == ["Seen.", "The", "end."]
    assert hidden("tex", data) == [(how, HIDDEN_PROSE)]


@pytest.mark.parametrize(
    "source",
    [
        rf"\textcolor{{red}}{{{HIDDEN_PROSE}}}",
        rf"\colorbox{{black}}{{\textcolor{{white}}{{{HIDDEN_PROSE}}}}}",
        rf"\pagecolor{{black}}{{\color{{white}}{HIDDEN_PROSE}}}",
        rf"{{\tiny {HIDDEN_PROSE}}}",
    ],
)
def test_letters_that_are_seen_are_read(source: str) -> None:
    assert (shown(source), hidden("tex", source)) == (HIDDEN_PROSE, [])


def test_what_a_file_includes_is_named() -> None:
    assert answer("tex", "Words.\n\n\\input{one}\\include{two}\n")["notes"] == ["Left out: included file (2)."]
    assert "only files that it includes" in answer("tex", r"\input{one}")["error"]


def test_commands_that_grow_without_end_are_refused() -> None:
    source = "".join(
        rf"\newcommand{{\{name}}}{{" + rf"\{below}{{}}" * 90 + "}" for name, below in zip("abcdef", "bcdefg", strict=True)
    )
    assert "grow without end" in answer("tex", rf"\newcommand{{\g}}{{words }}{source}\a")["error"]


@pytest.mark.parametrize(
    "source", ["{" * 200_000, r"\footnote{" * 20_000, r"\iffalse " * 20_000, r"\textcolor{white}{" * 20_000]
)
def test_hostile_sources_end(source: str) -> None:
    assert set(answer("tex", f"Words. {source}")) & {"text", "error"}
