"""Words in pieces or in odd capitals, and remains of encodings, are read as a reader sees them; what cannot be is refused."""

from __future__ import annotations

import json
import quopri
import re
from collections.abc import Callable

import numpy as np
import pytest

from llm_audit.text import RawText, View, view_of, why_not_prose
from llm_audit.text.broken import at_odd_spaces, plain_capitals, spaced_out, title_case, whole_words
from llm_audit.text.escapes import backslashes, quoted_printable
from tests.text.prose import PARAGRAPHS

PROSE = " ".join(" ".join(PARAGRAPHS).split())


def view(text: str) -> View:
    return view_of(RawText("a.txt", "0" * 64, "utf-8", text, len(text)))


PLAIN = view(PROSE).text


def kept(text: str) -> float:
    """Share of the words of the prose that stand in the view of a text, in order, at their places."""
    seen = view(text).text.split(" ")
    words = PLAIN.split(" ")
    return sum(a == b for a, b in zip(seen, words, strict=False)) / len(words) if len(seen) == len(words) else 0.0


def altered(share: float, change: Callable[[str], str], seed: int = 0) -> str:
    """The prose with a share of its longer words changed."""
    draw = np.random.default_rng(seed)
    return " ".join(
        change(word) if len(word) > 4 and word.isalpha() and draw.random() < share else word for word in PROSE.split(" ")
    )


def test_plain_prose_is_left_alone() -> None:
    for find in (
        whole_words,
        plain_capitals,
        spaced_out,
        title_case,
        at_odd_spaces,
        lambda text: list(quoted_printable(text)),
        lambda text: list(backslashes(text)),
    ):
        assert find(PROSE) == []


@pytest.mark.parametrize("sign", [" ", "-", "\u00a0", ".", "_", "/"])
def test_words_in_pieces_are_whole(sign: str) -> None:
    pieces = altered(0.3, lambda word: sign.join(re.findall("..?.?", word)))
    assert len(pieces) > len(PROSE) + 20
    seen = view(pieces)
    assert sum(word in PLAIN.split() for word in seen.text.split()) > 0.97 * len(PLAIN.split())
    assert any("in pieces as whole" in note for note in seen.notes)


def test_offsets_of_whole_words_lead_back_to_their_pieces() -> None:
    text = "The wea ther was fi ne, and the bui lding stood em pty in the gar den for a wh ile."
    seen = view(text)
    assert seen.text == "The weather was fine, and the building stood empty in the garden for a while."
    start = seen.text.index("building")
    assert text[slice(*seen.to_source(start, start + len("building")))] == "bui lding"


@pytest.mark.parametrize(
    "text",
    [
        "It may be that any one of us can not find some body in to whom he may pour it all.",
        "A co-worker sent an e-mail about a non-fiction x-ray, re-entered it, and co-operated.",
        "Mr Xu, an artist, met Ms Li in B Street; vitamin C an hour later.",
        "It's not that it's so, or that I'm using what he's on; she'd in the U.S. and the E.U. be sat on.",
        "One sl ip in a text of many words is a sl ip, and nothing is made of it by anybody at all.",
    ],
)
def test_compounds_names_and_single_slips_stay(text: str) -> None:
    assert view(text).text == text


def test_capitals_within_words_are_read_as_small_ones() -> None:
    draw = np.random.default_rng(1)
    odd = "".join(letter.upper() if draw.random() < 0.3 else letter for letter in PROSE)
    seen = view(odd).text
    assert [word for word in seen.split() if word[1:].lower() != word[1:] and word.isalpha()] == []
    few = altered(0.15, lambda word: word[0].lower() + word[1:-1] + word[-1].upper())
    assert sum(a == b for a, b in zip(view(few).text.split(), PLAIN.split(), strict=True)) > 0.97 * len(PLAIN.split())


def test_names_with_capitals_within_stay() -> None:
    text = "On YouTube and in JavaScript the iPhone of McDonald met eBay, LaTeX, a PhD and an mRNA of DeepMind in LinkedIn."
    assert view(text).text == text


def test_letters_that_all_stand_apart_are_words_where_gaps_say_so() -> None:
    assert kept("   ".join(" ".join(word) for word in PROSE.split())) == 1.0
    assert "single letter" in str(why_not_prose(view(" ".join(PROSE.replace(" ", ""))).text))


@pytest.mark.parametrize(
    "text",
    [
        quopri.encodestring(PROSE.encode()).decode(),
        quopri.encodestring(PROSE.replace("'", "\u2019").encode("cp1252", "replace")).decode(),
        PROSE.replace(" ", "=20", 9).replace(", ", ",=\n "),
        re.sub(r"([.!(),-])", r"\\\1", PROSE),
        json.dumps(PROSE.replace(". ", ".\n").replace("a ", '"a" ', 2).replace('"a"', "a"))[1:-1],
        PROSE.replace(" ", "\\u0020", 5),
    ],
)
def test_remains_of_encodings_are_read_as_meant(text: str) -> None:
    assert text != PROSE
    assert kept(text) > 0.99


@pytest.mark.parametrize(
    "text",
    [
        "Let a =20 and b = 30, where c=40 and d == 50.",
        "In \\textbf{bold} the \\nabla of \\rho, and \\%.",
        "One =20 and one \\n are what this text is about.",
        "It ends with '\\n' or '\\r', or \"\\t\" here.",
        r"The path C:\data\own is no escape, and \* is one.",
    ],
)
def test_texts_about_such_signs_keep_them(text: str) -> None:
    assert view(text).text == text


def test_words_that_were_altered_beyond_reading_are_not_judged() -> None:
    doubled = " ".join("".join(letter * 2 for letter in word) if len(word) > 3 else word for word in PROSE.split(" "))
    assert "in no list of English words" in str(why_not_prose(view(doubled).text))
    misspelled = altered(0.3, lambda word: word[:2] + word[3] + word[2] + word[4:])
    assert why_not_prose(view(misspelled).text) is None
    french = (
        "Le chat de la voisine dort sur le mur pendant que les enfants jouent dans la cour avec un ballon rouge et des billes. "
        * 4
    )
    assert why_not_prose(french) is None


def test_a_text_set_like_a_title_is_read_in_small_letters() -> None:
    titled = " ".join(word[:1].upper() + word[1:] for word in PROSE.split(" "))
    seen = view(titled)
    assert any("as in titles" in note for note in seen.notes)
    differ = [a for a, b in zip(PLAIN.split(" "), seen.text.split(" "), strict=True) if a != b]
    assert all(word.lstrip("\"'(")[0].isupper() for word in differ)  # names have lost their capitals
    assert len(differ) < 0.05 * len(PLAIN.split())
    assert (
        title_case("The Man With That Book, by A. B. Cee, is what they have there, with more of this than they were told.")
        == []
    )
    some = " ".join(word.capitalize() if place % 2 else word for place, word in enumerate(PROSE.split(" ")))
    assert [a for a, b in zip(PLAIN.split(" "), view(some).text.split(" "), strict=True) if a != b] == differ


@pytest.mark.parametrize("space", ["\u00a0", "\u2009", "\u200a", "\u202f"])
def test_words_with_odd_spaces_within_are_whole_even_if_their_pieces_are_words(space: str) -> None:
    text = f"The car{space}pet was of no inter{space}est to the gar{space}den, or to any{space}body with a but{space}ton."
    assert view(text).text == "The carpet was of no interest to the garden, or to anybody with a button."
    usual = f"On 5{space}May Mr{space}Lee saw a{space}man of{space}the town in{space}to whom any{space}body would go."
    assert at_odd_spaces(usual) == []
