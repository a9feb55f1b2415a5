"""English words are read as a reader sees them; other languages, names, phonetics and codes are left as they are."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from llm_audit.detectors.integrity.look_alikes import look
from llm_audit.text import normalise
from llm_audit.text.seen import imitations
from llm_audit.text.words import frequency

ESSAY = Path("fixtures/texts/essay-machine.txt").read_text()
SMALL_CAPITALS = dict(zip("abcdeghijklmnoprtuvwyz", "ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢ", strict=True))


def sometimes(text: str, swaps: dict[str, str], share: float) -> str:
    """A text with this share of some letters, or pairs, written otherwise."""
    rng = np.random.default_rng(0)
    for plain, other in swaps.items():
        pieces = text.split(plain)
        text = pieces[0] + "".join((other if rng.random() < share else plain) + piece for piece in pieces[1:])
    return text


@pytest.mark.parametrize("share", [0.1, 0.3, 1.0])
@pytest.mark.parametrize(
    "swaps",
    [
        {"a": "ɑ"},
        {"g": "ɡ"},
        {"i": "ı"},
        SMALL_CAPITALS,
        {letter: letter + "\u0332" for letter in "aeioust"},
        {letter: letter + "\u0301" for letter in "bdfhqt"},
        {"a": "ⓐ", "e": "ⓔ"},
        {"o": "ⲟ"},
    ],
)
def test_swapped_letters_are_read_as_what_they_look_like(swaps: dict[str, str], share: float) -> None:
    swapped = sometimes(ESSAY, swaps, share)
    view = normalise(swapped)
    assert view.text == normalise(ESSAY).text
    assert "letter" in view.notes[0]


@pytest.mark.parametrize("swaps", [{"l": "I"}, {"m": "rn"}, {"o": "0"}, {"l": "1"}])
def test_plain_look_alikes_within_words_are_read_as_what_they_look_like(swaps: dict[str, str]) -> None:
    words, clean = normalise(sometimes(ESSAY, swaps, 0.3)).text.split(), normalise(ESSAY).text.split()
    assert len(words) == len(clean)
    odd = sum(one != other for one, other in zip(words, clean, strict=True))
    swapped = sum(one != other for one, other in zip(sometimes(ESSAY, swaps, 0.3).split(), clean, strict=True))
    assert odd <= 0.2 * swapped  # rare words are not in the list, and short ones not looked at


def test_rare_words_and_names_are_read_by_the_signs_of_the_others() -> None:
    text = "All of the pupils like the IsIands and the schooI of smaII towns, said Bartholomew, a midfielder of Loxtoliana."
    clean = text.replace("IsIands", "Islands").replace("schooI", "school").replace("smaII", "small")
    swapped = text.replace("All", "AlI").replace("like", "Iike")
    for name in ("Bartholomew", "midfielder", "Loxtoliana"):
        swapped = swapped.replace(name, name.replace("l", "I"))
    assert normalise(swapped).text == clean
    alone = clean.replace("Loxtoliana", "LoxtoIiana")
    assert normalise(alone).text == alone  # nothing else says that an I is an l


@pytest.mark.parametrize(
    ("signs", "odd", "read"),
    [
        ("cornmon tirne sorne", "Harniltonian autornate Jarneson", "Hamiltonian automate Jameson"),
        (
            "w0rld sch0ol pe0ple",
            "T0 t0p n0n aftern0on soci0-political H0cken B12",
            "To top non afternoon socio-political Hocken B12",
        ),
        ("schooI smaII peopIe", "Ied Iap GIycated EIara", "led lap Glycated Elara"),
    ],
)
def test_short_and_rare_words_are_read_where_the_sign_is_certain(signs: str, odd: str, read: str) -> None:
    frame = "The {} of the house and to the {} of it."
    assert normalise(frame.format(signs, odd)).text.endswith(f"to the {read} of it.")
    assert normalise(frame.format("people", odd)).text.endswith(f"to the {odd} of it.")  # nothing else has the sign


@pytest.mark.parametrize(
    ("swapped", "read"),
    [
        ("w0rld sch0ol pe0ple c0rners cl0ck c0rn", "world school people corners clock corn"),  # not "comers", "dock" and "com"
        ("w0rld sch0ol pe0ple 0verfit 0f", "world school people overfit of"),
        ("tirne becorne rnore rnodern rnornentarily", "time become more modern momentarily"),  # not "modem"
        ("tirne becorne rnore I'rn I\u2019rn", "time become more I'm I'm"),
        ("schooI smaII we'II they'lI I\u2019Il", "school small we'll they'll I'll"),
        ("worlcl neeclecl clark I'cl he'cl", "world needed clark I'd he'd"),
    ],
)
def test_the_fewest_changes_that_make_a_word_are_read_and_endings_behind_apostrophes(swapped: str, read: str) -> None:
    frame = "The {} of the house and to the rest of it."
    assert normalise(frame.format(swapped)).text == frame.format(read)


def test_two_letters_for_one_are_read_as_in_a_scan_and_not_held_against_a_text() -> None:
    text = "The farrns of the Stearns are of the best in it, and that is what they say: the corn and the clover."
    assert normalise(text).text == text.replace("farrns", "farms")
    assert [each.kind for each in imitations(text)] == ["slip"]
    assert not look(text).places


def test_capital_letters_within_names_stay_where_others_are_swapped() -> None:
    text = "The schooI and the smaII towns alI use McIntyre and x0y said of the peopIe, and the GIs of it."
    read = normalise(text).text
    assert "school" in read and "small" in read and "all use" in read
    assert all(name in read for name in ("McIntyre", "x0y", "GIs"))


def test_only_what_a_bracket_or_stroke_encloses_is_phonetic() -> None:
    odd = "The cat sat on the mat, as the pronunciation of it is [kɪt] or /bɪt/ in the south."
    assert normalise(odd).text == odd
    text = "The cat sat on the mat [citaᴛion needed] and/oʀ it was of the house."
    assert normalise(text).text == text.replace("ᴛ", "t").replace("ʀ", "r")


def test_accents_on_every_other_word_are_read_as_none() -> None:
    assert normalise(sometimes(ESSAY, dict(zip("aeiouns", "áéíóúńś", strict=True)), 0.2)).text == normalise(ESSAY).text


def test_a_sign_that_imitates_in_a_word_does_so_in_names_and_alone() -> None:
    text = "The harbour of Arteta was a place that all of us knew, and it was not on the maps of the town."
    swapped = text.replace("Arteta", "Artet\u0251").replace("was a", "was \u0251").replace("that", "th\u0251t")
    assert normalise(swapped).text == text
    alone = text.replace("Arteta", "Artet\u0251")
    assert normalise(alone).text == alone  # no word says what it stands for


def test_the_way_back_leads_to_what_was_replaced() -> None:
    text = "The frorn and the rnoney and the sorne of it were there for all to see."
    view = normalise(text)
    start = view.text.index("money")
    assert text[slice(*view.to_source(start, start + 5))] == "rnoney"
    assert [text[each.start : each.end] for each in imitations(text)] == ["rn", "rn", "rn"]


@pytest.mark.parametrize(
    "text",
    [
        "The naïve café façade of the résumé was a cliché, and the rôle of the élite in it was passé, said José.",
        "He is Dvořák, she is Łucja, and they met at the Škoda works in Plzeň, where the Čapeks and the Nováks were.",
        "Le détail est très précis, la qualité du modèle est élevée et le résumé général de la théorie a été présenté.",
        "Kırmızı ışık yandı ve sınıfın kapısı açıldı; çocuklar dışarı çıktılar, ama yağmur yağıyordu ve hava karanlıktı.",
        "The word is said /ˈhɛlən/ or [ˈdɑɡ] and the vowel is the ɑ of it, as in ˈfɑðər; the ɡ is that of the stop.",
        "The modern return to learning was a burning concern of the governors, and the clerk was in the clinic with clowns.",
        "The AIs and the GIs of the B1 team were in the R2D2 and the MP3 of the H2O; the IIs were in it, and it was of A4.",
        "Read the id a1b2c3d4 and the hash 0d3f1cl0 of the file, then the key of it, and the one that is in the log of x86_64.",
        "The 0th of the rns and the cls is 'rn', and of the 'II' and the 'cl' it was the 0day of the rns' corner.",
        "The i18n and a11y of the k8s team was good, and the l10n of it is on the 4th of the 90s, 5am, 7pm and 10km.",
        "A 5 μm film of TNFα was in the μs range and the IFNγ is what we have; not the μg of the Encyclopædia.",
        "Henry Ⅷ and Louis ⅯⅣ of the 🇫🇷 and the 🇬🇧 are in chapter ⅳ of it, and that is what it was.",
        "Le thé à la menthe was what he had, où is that, and it was of the maison de thé that we are in; the thé is not of it.",
        "Of the elements 4n and the input 1n that is given, a str1ng of the 2n and 3m is what we have in it.",
        "The ﬁrst eﬀect of the ﬂood was that the oﬃce and the waﬄes of it were in the \u2122 and the ㎏ of the ﬁrm.",
        "McIntosh and MacIntyre were in the iPhone shop with the LaTeX of the YouTube team, and it was the DevOps of IBM.",
        "Nguyễn Văn Thiệu là tổng thống của Việt Nam Cộng hòa, và ông đã từ chức vào năm 1975 trước khi Sài Gòn sụp đổ.",
        "",
    ],
)
def test_honest_words_are_left_as_they_are(text: str) -> None:
    assert imitations(text) == []


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("7he 5chool wi7h 9ood w0rk, 8ig 6ames", "the school with good work, big games"),
        ("th1s c1ty w1th peop1e", "this city with people"),
        ("wh!ch s!de of th!ngs", "which side of things"),
        ("$chool of @nother $ervice", "school of another service"),
        ("AIways PIease the AIl and AIexNet", "Always Please the All and AlexNet"),
    ],
)
def test_more_signs_that_stand_for_letters(typed: str, read: str) -> None:
    frame = "It is {} that we have of the city, and it was not on that day but on this."
    assert normalise(frame.format(typed)).text == frame.format(read)


@pytest.mark.parametrize(
    "letter", ["\u24a0", "\U0001f134", "\U0001f154", "\U0001f174", "\U0001f1ea", "e\u20dd", "e\u20e3", "\u1d49"]
)
def test_letters_in_brackets_circles_and_squares_are_letters(letter: str) -> None:
    text = "The sentence here is one that we have seen before, and it was then taken for another one."
    swapped = " ".join(word[0] + word[1:].replace("e", letter, 1) for word in text.split())
    assert normalise(swapped).text == text
    assert len({imitation.kind for imitation in imitations(swapped)} - {"letter"}) == 0


def test_three_plain_words_with_accents_are_enough() -> None:
    text = "The house was ŧhere ŵith a garden and a wall that was old, ànd ŧhe résumé of it was in the café then. " * 2
    assert normalise(text).text.startswith("The house was there with a garden and a wall that was old, and the resume of it")


def test_signs_of_several_kinds_in_one_word() -> None:
    text = (
        "The m\u0251gn1ficent pal\u0251c3 of the d\u0251y was the b\u0251nk that is on the world's str\u0251nd and it is not."
    )
    assert normalise(text).text == "The magnificent palace of the day was the bank that is on the world's strand and it is not."


def test_a_capital_of_another_alphabet_stays_one() -> None:
    text = "The JavaScript of the page was with the TownePlace of the town, and it was all that there is."
    assert normalise(text.replace("S", "\u0405").replace("P", "\u0420")).text == text


def test_two_zeros_are_no_abbreviation() -> None:
    text = "The f00d of the w0rld was in the sch0ol, and the b00k of it was g0od; a11y and i18n were of it."
    assert normalise(text).text == text.replace("0", "o")


def test_human_essays_have_none() -> None:
    for path in Path("fixtures/texts").glob("*human*.txt"):
        assert imitations(path.read_text()) == []


def test_long_texts_take_linear_time() -> None:
    began = time.process_time()
    for text in ("rn" * 200_000, "the frorn " * 50_000, "ɑ" * 300_000, "the bɑnk " * 50_000, "I0l1" * 100_000):
        imitations(text)
    assert time.process_time() - began < 20


def test_the_list_of_words_is_the_packages_own() -> None:
    from spellchecker import SpellChecker

    listed = dict(SpellChecker(language="en", distance=1).word_frequency.dictionary)
    assert len(listed) > 100_000
    assert {word: frequency(word) for word in listed} == listed
    assert [frequency(word) for word in ("", "thei", "theirsx", "zzq", "The")] == [0, 0, 0, 0, listed["the"]]
