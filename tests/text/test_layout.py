"""Layout that is typed into plain text: the same words are the same text, however they are set."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.text import scored, view_of
from llm_audit.text.layout import layout_marks, marked_headings
from llm_audit.text.read import from_bytes

PARAGRAPHS = (
    'The committee met on Tuesday to discuss the budget. It said "no" to the first plan, which had been written in haste.',
    "Nobody had expected the outcome, and the chairman didn't hide his well-known surprise. He asked for a second vote.",
    "In the end the members went home late. Their families were waiting, and the evening meal had long been cold by then.",
)
TEXT = "\n\n".join(PARAGRAPHS)
ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii")
SENTENCES = [sentence for paragraph in PARAGRAPHS for sentence in re.split(r"(?<=\.) ", paragraph)]


def bold(text: str) -> str:
    return re.sub(r"\b(committee|chairman didn't|evening\smeal)", r"**\1**", text)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"- {sentence}" for sentence in SENTENCES),
        "\n".join(f"  * {sentence}" for sentence in SENTENCES),
        "\r\n".join(f"\u2022\t{sentence}" for sentence in SENTENCES),
        "\n".join(f"{number}. {sentence}" for number, sentence in enumerate(SENTENCES, 1)),
        "\n".join(f"{number}) {sentence}" for number, sentence in enumerate(SENTENCES, 1)),
        "\n\n".join(f"+ {paragraph}" for paragraph in PARAGRAPHS),
        *("\n".join(f"{sign} {sentence}" for sentence in SENTENCES) for sign in "\u2192\u2705\u2610\u25a0\u27a4\u00bb\uf0b7"),
        "\n".join(f"o\t{sentence}" for sentence in SENTENCES),
        "\n".join(f"[{'x '[number % 2]}] {sentence}" for number, sentence in enumerate(SENTENCES)),
        "\n".join(f"- [ ] {sentence}" for sentence in SENTENCES),
        "\n".join(f"{letter}) {sentence}" for letter, sentence in zip("abcdefghij", SENTENCES, strict=False)),
        "\n".join(f"({number}) {sentence}" for number, sentence in zip(ROMAN, SENTENCES, strict=False)),
        f"{PARAGRAPHS[0]}\n\n- {PARAGRAPHS[1]}\n\n{PARAGRAPHS[2]}",
        "\n\n".join(f"## The Second Vote\n\n{paragraph}" for paragraph in PARAGRAPHS),
        f"# THE TOWN'S BUDGET #\n\n{TEXT}",
        f"**The Town's Budget**\n\n{TEXT}",
        f"**The Town's Budget**:\n\n{TEXT}",
        bold(TEXT),
        "\n".join(f"- **{sentence}**" for sentence in SENTENCES),
        "\n\n".join(textwrap.fill(bold(paragraph), 30) for paragraph in PARAGRAPHS),
        *("\n\n".join(textwrap.fill(paragraph, width) for paragraph in PARAGRAPHS) for width in range(20, 90, 3)),
        re.sub(r'(?<!\S)"', "\u201c", TEXT).replace('"', "\u201d").replace("'", "\u2019"),
    ],
)
def test_the_view_of_a_text_is_that_of_its_words(text: str) -> None:
    assert scored(text) == scored(TEXT) == scored(scored(text))


@pytest.mark.parametrize(
    "text",
    [
        "He was late\n- as always -\nand said so.",  # a dash that a line break brought there
        "We had 3\n* 4 chairs and 2 tables at the\n* back of the hall.",
        "He came in\n12. May of that year and went in\n13. June.",
        "In the year\n1. of the war.",
        "2. A list that begins in the middle.",
        "b) An item that begins in the middle.\nc) And goes on.",
        "He was there.\ni. e. nobody was.",
        "Let a ** b be a power, and 2**3 and 4**5 too.",
        "def f(*args, **kwargs): g(*args, **kwargs)",
        "An * asterisk and *emphasis* and _this_ and __that__.",
        "A footnote** and another one**.",
        "**\n\n**",
        "#hashtag and #1, and C# too",
        "\u2014 Hello, said the man.\n\u2014 Good bye.",
    ],
)
def test_what_is_no_mark_of_layout_stays(text: str) -> None:
    assert layout_marks(text) == [] and list(marked_headings(text)) == []
    assert scored(text) == scored(" ".join(text.split()))


def test_a_compound_at_the_end_of_a_line_is_one_word_and_two_prefixes_are_two() -> None:
    assert scored("a well-\nknown and Mexican-\n  American man") == "a well-known and Mexican-American man"
    assert (
        scored("pre-\nand post-war, first-\nor second-rate, nine-\nto-five")
        == "pre- and post-war, first- or second-rate, nine-to-five"
    )


def test_bold_at_the_end_of_a_paragraph_broken_by_hand_is_no_heading() -> None:
    assert scored("He said that it would\n**matter**") == "He said that it would matter"
    assert not list(marked_headings("He said that it would\n**matter**"))


def test_the_reader_is_told_and_places_lead_back_to_the_source() -> None:
    source = f"- {SENTENCES[0]}\n- {bold(SENTENCES[-1])}\n"
    raw = from_bytes("a.txt", source.encode(), "text")
    view = view_of(raw)
    (note,) = view.notes
    assert note.startswith("Marks of layout are not scored: bullets, numbers of lists and of lines, signs of headings and in")
    start = view.text.index("evening meal")
    begin, end = view.to_source(start, start + len("evening meal"))
    assert source[begin:end] == "evening meal"
    assert view_of(from_bytes("a.txt", TEXT.encode(), "text")).notes == ()


@given(st.text(st.sampled_from("-*+#1234.) \t\n\raB\u2022"), max_size=60))
def test_edits_are_in_order_never_overlap_and_keep_every_letter(text: str) -> None:
    edits = layout_marks(text)
    assert all(start < end for start, end, _ in edits)
    assert all(first[1] <= second[0] for first, second in pairwise(edits))
    removed = "".join(text[start:end] for start, end, _ in edits)
    assert not re.search("[aB]", removed)


@pytest.mark.parametrize("piece", ["**a ", "**a", "- a\n", "# a\n", "1. a\n", "a-\n", "**a**", "\n \n**", "***"])
def test_time_is_linear_in_hostile_text(piece: str) -> None:
    def seconds(of: Callable[[str], object], text: str) -> float:
        begin = time.process_time()
        of(text)
        return time.process_time() - begin

    text = piece * (200_000 // len(piece))
    assert seconds(lambda text: (layout_marks(text), list(marked_headings(text))), text) < 5
