"""Signs in the place of letters are read as the letters of the words that fit; what somebody starred out stays."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from llm_audit.detectors.integrity.look_alikes import rule
from llm_audit.text.blanks import LEAST_STARRED, blanked
from llm_audit.text.words import fitting, frequency
from tests.text.test_broken import PLAIN, PROSE, altered, view

VOWEL = re.compile("(?<=[a-z])[aeiou](?=[a-z])")


def starred(share: float, sign: str) -> str:
    """The prose with a sign for one vowel of a share of its longer words."""
    return altered(share, lambda word: VOWEL.sub(sign, word, count=1))


@pytest.mark.parametrize("sign", ["*", "#", "_", ".", "?", "-", "\u2022", "\u25a1", "\ufffd"])
def test_words_with_signs_for_letters_are_read_as_those_that_fit(sign: str) -> None:
    text = starred(0.4, sign)
    assert len(re.findall(rf"[A-Za-z]{re.escape(sign)}[a-z]", text)) > LEAST_STARRED
    seen = view(text)
    same = [a == b for a, b in zip(seen.text.split(" "), PLAIN.split(" "), strict=True)]
    assert np.mean(same) > 0.97
    assert any("signs in the place of letters" in note for note in seen.notes)


def test_many_starred_words_are_a_finding_and_a_few_are_none() -> None:
    stars = {match.start() for match in re.finditer(r"\*", starred(0.4, "*"))}
    places = set(rule.look(starred(0.4, "*")).places)
    assert places <= stars
    assert len(places) > 0.9 * len(stars)  # a few names are in no list
    few = PROSE.replace("the", "th*", 1) + " What a d*mn mess; sh*t, f*ck, b*tch!"
    assert rule.look(few).places == ()


@pytest.mark.parametrize(
    "text",
    [
        "A co-worker sent an e-mail by Wi-Fi about x-rays, a T-shirt, a U-turn, the k-means, an A-level and non-fiction on BN.",
        "In file_name and max_len of a_b and is_a, i.e. e.g. U.S. and a.m. and p.m., at b.example.org/c.html and a*b*c = d*e.",
        "Ph.D. and M.Sc. by St.Peter; what?not and yes#no, on/off, c#sharp, 3*x and x*y of y_1 and z_2 here.",
        "One m*del is a slip, and so is a pr*gram, which nobody minds.",
    ],
)
def test_compounds_names_and_formulas_stay(text: str) -> None:
    assert blanked(text) == []


def test_the_most_frequent_word_fits() -> None:
    for pattern in ("m.del", "pr.gr.m", "w.ich"):
        word, count = fitting(pattern)
        assert re.fullmatch(pattern, word)
        assert count == frequency(word)
        others = [pattern.replace(".", letter) for letter in "abcdefghijklmnopqrstuvwxyz"]
        assert count >= max(map(frequency, others))
    assert fitting("qqq.q") == ("", 0)


@pytest.mark.slow
def test_a_hostile_text_of_strings_with_signs_takes_seconds_at_most() -> None:
    draw = np.random.default_rng(0)
    letters = draw.integers(97, 123, (60_000, 6)).astype(np.uint8)
    letters[:, 1] = draw.choice(np.frombuffer(b"*#_?~+=^|", np.uint8), len(letters))
    hostile = b" ".join(map(bytes, letters)).decode()
    started = time.process_time()
    assert blanked(hostile) == []
    assert time.process_time() - started < 10
