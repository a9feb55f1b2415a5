"""Headings, references, tables and forms stand apart, by what they are and not by what they are called."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from pathlib import Path

import pytest

from llm_audit.text import Apart, RawText, identify, normalise, view_of, why_not_prose
from llm_audit.text.frame import KINDS, described, set_apart
from tests.text.prose import PARAGRAPHS

ESSAY = "\n\n".join(PARAGRAPHS)
REFERENCES = (
    "Adams, B. C. (2014). A study of windows. Journal of Invented Studies, 12(3), 45-57.\n"
    "Baker, D. (2009). Screens at school: a survey. Invented Press. https://doi.org/10.1000/1\n"
    "Dunn, F. (1998). Chairs. Journal of Invented Studies, 3(2), 88-100.\n"
)
NUMBERED = (
    '[1] A. Smith and B. Jones, "On chairs", in Proc. Conf. on Chairs, vol. 3, 2014, pp. 12-19.\n'
    '[2] C. Doe, "On tables", Furniture Review, vol. 1, no. 2, 2009.\n[3] E. Roe, Desks. Invented Press, 1998, pp. 1-9.\n'
)


def raw_text(text: str, apart: tuple[Apart, ...] = (), omitted: int = 0) -> RawText:
    return RawText("a", "0" * 64, "utf-8", text, len(text.encode()), apart=apart, omitted=omitted)


def kept(text: str, *apart: Apart) -> str:
    return view_of(raw_text(text, apart)).text


def labelled(text: str, part: str, what: str) -> Apart:
    start = text.index(part)
    return Apart(start, start + len(part), what)


@pytest.mark.parametrize("references", [REFERENCES, NUMBERED, REFERENCES.replace("\n", "\n\n")])
@pytest.mark.parametrize("heading", ["References\n\n", "7. Bibliography\n", "## Works Cited\n\n", ""])
def test_lists_of_references_stand_apart(references: str, heading: str) -> None:
    assert kept(f"{ESSAY}\n\n{heading}{references}") == normalise(ESSAY).text
    view = view_of(raw_text(f"{ESSAY}\n\n{heading}{references}"))
    assert view.notes == (f"Set apart and not scored: {'1 heading, ' if heading else ''}3 references.",)


def test_a_text_of_references_alone_has_nothing_to_score() -> None:
    assert kept(f"References\n\n{REFERENCES}") == ""


def test_prose_with_years_and_names_is_no_list_of_references() -> None:
    text = (
        "In 2014 the school closed its doors (see the report of 2013), and J. R. Smith, who had led it since 1998, went home.\n"
        "He wrote to A. B. Jones in 2015 that the years 1998-2013 had been the best of his life, and he missed it.\n"
        "Nobody answered until 2016, when the Journal of the town printed a letter on pp. 3-4 that said it all.\n"
    ) * 3
    assert set_apart(text) == ()


def test_an_essay_called_references_is_an_essay() -> None:
    assert kept(f"References\n\n{ESSAY}") == normalise(ESSAY).text


@pytest.mark.parametrize(
    "above",
    [
        "On windows\n\n",
        "On windows\n",  # above a paragraph that stands on one line
        "2.1 On windows\n\n",
        "Chapter 3: Who looks out\n\nThe seats by the window\n\n",
        "Ann Example\nProfessor Sample\nEnglish 101\n12 March 2023\nWhat Windows Are For\n\n",
        "WINDOWS \n \n",
        "\u201cWindows\u201d: a report\r\n\r\n",
    ],
)
@pytest.mark.parametrize("within", [False, True])
def test_headings_that_nothing_labels_stand_apart(above: str, within: bool) -> None:
    text = f"{PARAGRAPHS[0]}\n\n{above}{PARAGRAPHS[1]}" if within and above.count("\n") < 5 else f"{above}{ESSAY}"
    seen = "\n\n".join(PARAGRAPHS[:2]) if text.startswith(PARAGRAPHS[0]) else ESSAY
    assert kept(text) == normalise(seen).text


@pytest.mark.parametrize(
    "line",
    [
        "He opened the window.\n\n",
        "\u201cWho is there?\u201d\n\n",
        '"Who is there?" she asked. "Nobody"\n\n',
        "Dear Mr Example,\n\n",
        "The students who sat by the\n\n",  # cut in mid-sentence
        "and that was all of it\n\n",
        "What the teachers said to those who asked about it was not what they thought\n\n",
        "***\n\n",
    ],
)
def test_sentences_salutations_and_lines_that_go_on_are_no_headings(line: str) -> None:
    assert "heading" not in [each.kind for each in set_apart(f"{PARAGRAPHS[0]}\n\n{line}{PARAGRAPHS[1]}")]


def test_questions_are_headings_in_a_text_that_has_headings() -> None:
    asked = "Why do towns keep libraries?"
    for text in (
        f"A place to read\n\n{PARAGRAPHS[0]}\n\n{asked}\n\n{PARAGRAPHS[0]}\n\n{PARAGRAPHS[0]}\n\n{PARAGRAPHS[1]}",
        f"{asked}\n\n{PARAGRAPHS[0]}\n\n{PARAGRAPHS[1]}",
    ):
        assert asked in [text[each.start : each.end] for each in set_apart(text) if each.kind == "heading"]
    said = f"{PARAGRAPHS[0]}\n\n{asked}\n\n{PARAGRAPHS[1]}"
    assert not set_apart(said)


def test_a_paragraph_broken_by_hand_and_verse_have_no_headings() -> None:
    for width in (40, 60, 72):
        broken = "\n\n".join(textwrap.fill(paragraph, width, break_on_hyphens=False) for paragraph in PARAGRAPHS)
        assert kept(broken) == normalise(ESSAY).text
    verse = "\n".join(" ".join(ESSAY.split()[i : i + 5]).strip(".,").capitalize() for i in range(0, 100, 5))
    assert set_apart(verse) == ()


def test_short_headings_stand_apart_and_essays_in_headings_do_not() -> None:
    text = f"The title\n\n{ESSAY}"
    assert kept(text, labelled(text, "The title", "heading")) == normalise(ESSAY).text
    assert kept(ESSAY, *(labelled(ESSAY, paragraph, "heading") for paragraph in PARAGRAPHS)) == normalise(ESSAY).text
    lines = ESSAY.replace(", ", "\n")
    parts = [labelled(lines, line, "heading") for line in lines.split("\n") if line]
    assert kept(lines, *parts) == normalise(lines).text  # so many that the text consists of them


def test_short_quotations_stand_apart_and_quoted_articles_do_not() -> None:
    text = f"{ESSAY}\n\nAll is well.\n"
    assert kept(text, labelled(text, "All is well.", "quote")) == normalise(ESSAY).text
    assert kept(ESSAY, labelled(ESSAY, PARAGRAPHS[0], "quote")) == normalise(ESSAY).text


def test_tables_stand_apart_and_essays_in_tables_do_not() -> None:
    text = f"2010\t120\t12 %\n{ESSAY}"
    assert kept(text, labelled(text, "2010\t120\t12 %", "table")) == normalise(ESSAY).text
    assert kept(ESSAY, *(labelled(ESSAY, paragraph, "table") for paragraph in PARAGRAPHS)) == normalise(ESSAY).text


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_included_is_scored(kind: str) -> None:
    text = f"Title\n=====\n\n{ESSAY}\n\nReferences\n\n{REFERENCES}"
    parts = set_apart(text)
    assert set_apart(text, include=[kind]) == tuple(each for each in parts if each.kind != kind)
    assert set_apart(text, include=KINDS) == ()


def test_transcripts_and_forms_are_prose_once_their_frame_is_set_apart() -> None:
    words = ESSAY.split()
    lines = [" ".join(words[i : i + 6]) for i in range(0, len(words), 6)]
    chat = "\n".join(f"[00:{i:02}] <{'ann' if i % 2 else 'bob'}> {line}" for i, line in enumerate(lines))
    assert kept(chat) == normalise(ESSAY).text
    form = f"Name: ______________________   Date: ____________\n\n{ESSAY}\n\n{'=' * 60}\n"
    assert kept(form) == normalise(ESSAY).text
    ruled = f"Introduction\n{'=' * 60}\n\n{PARAGRAPHS[0]}\n\nProblem\n{'-' * 30}\n\n" + "\n\n".join(PARAGRAPHS[1:])
    assert kept(ruled) == normalise(ESSAY).text
    for text in (chat, form, ruled):
        assert why_not_prose(kept(text)) is None and identify(kept(text)).code == "en"


def test_a_line_under_a_paragraph_makes_no_heading_of_it() -> None:
    text = f"{PARAGRAPHS[0]}\n---\n{PARAGRAPHS[1]}"
    assert kept(text) == normalise(f"{PARAGRAPHS[0]} {PARAGRAPHS[1]}").text


def test_one_time_of_day_is_no_transcript() -> None:
    assert set_apart("10:30 The train left.\nIt was late.") == ()


def test_places_lead_back_over_what_was_set_apart() -> None:
    text = f"The title\n\n{ESSAY}"
    view = view_of(raw_text(text, (labelled(text, "The title", "heading"),)))
    start, end = view.to_source(0, len(view.text))
    assert text[start:end].split() == ESSAY.split()


def test_stretches_are_in_order_and_overlap_nowhere() -> None:
    text = "Title\n====\n\n" + REFERENCES
    apart = set_apart(text, [Apart(0, len(text), "heading"), Apart(3, 9, "table"), labelled(text, "Chairs", "caption")])
    assert all(one.end <= two.start for one, two in pairwise(apart))


def test_a_document_with_much_left_out_says_so() -> None:
    visible = len("".join(ESSAY.split()))
    assert view_of(raw_text(ESSAY, omitted=visible // 10)).notes == ()
    (note,) = view_of(raw_text(ESSAY, omitted=visible)).notes
    assert note == "50% of what a reader sees was left out: nothing is said of the document as a whole."


def test_what_was_set_apart_is_said_in_a_sentence() -> None:
    parts = [Apart(0, 1, "table"), Apart(2, 3, "heading"), Apart(4, 5, "heading")]
    assert described(parts) == "Set apart and not scored: 2 headings, 1 piece of tables."
    assert described([]) == ""


def test_essays_of_people_have_no_frame() -> None:
    assert set_apart(Path("fixtures/texts/essay-human.txt").read_text()) == ()
