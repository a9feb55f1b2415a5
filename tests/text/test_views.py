"""The normalised view: what disappears, what stays, and that every character knows where it came from."""

from __future__ import annotations

import time
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_audit.text import View, normalise
from llm_audit.text.views import _composed, _Draft

# Characters that meet each other's rules: marks, jamo, joiners, look-alikes, spaces, tags, exclusions from composition.
TRICKY = (
    "aeoAK 1.'’\n\t\u00a0\u2003\u3000\u0301\u0323\u0338\u0345\u034f\u05b4\u064b\u093c\u0915\u0958\u094d\u09c7\u09be"
    "\u1100\u1161\u11a8\uac00\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u2066\U000e0041\ufe0f\U000e0100❤🔥\U0001f3f4"
    "аеокТѕαοΑγ\u03ac\u212a\u212b\u2126\u2add\u2adc\uff21\uff4f\U0001d41e\U0001d6c2ᎪꭺՕմ\u0627\u3164\u1d15e\U0001d15e"
)
tricky = st.text(st.one_of(st.sampled_from(TRICKY), st.characters(exclude_categories=["Cs"])), max_size=40)


def only_nfc(text: str) -> str:
    draft = _Draft(text)
    draft.replace(_composed(text))
    return draft.text


@given(tricky)
def test_composition_by_segments_is_nfc(text: str) -> None:
    assert only_nfc(text) == unicodedata.normalize("NFC", text)


@settings(max_examples=50, deadline=None)
@given(st.text(st.sampled_from("a\u0301\u0323\u0338\u0345\u05b4\u0344"), min_size=65, max_size=200))
def test_composition_of_long_segments_is_nfc(text: str) -> None:
    assert only_nfc(text) == unicodedata.normalize("NFC", text)


@given(tricky)
def test_idempotent(text: str) -> None:
    once = normalise(text)
    twice = normalise(once.text)
    assert twice.text == once.text
    assert twice.notes == ()
    assert unicodedata.is_normalized("NFC", once.text)


@given(tricky)
def test_offsets_cover_the_source_in_order(text: str) -> None:
    view = normalise(text)
    assert view.starts.dtype == view.ends.dtype == np.int32
    assert len(view.starts) == len(view.ends) == len(view.text)
    assert (view.starts < view.ends).all()
    assert (np.diff(view.starts) >= 0).all()
    assert (np.diff(view.ends) >= 0).all()
    assert not len(view.ends) or view.ends[-1] <= len(text)
    for index, character in enumerate(view.text):
        if character in "1.❤🔥":  # never touched
            assert character in text[view.starts[index] : view.ends[index]]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["One", "word", "más", "e\u0301t", "слово", "字"]), min_size=1), st.data())
def test_line_breaks_do_not_matter(words: list[str], data: st.DataObject) -> None:
    gaps = st.text(st.sampled_from(" \n\r\t\x0b\x0c\x85\u00a0\u2028\u2029\u3000"), min_size=1, max_size=3)
    spaced = "".join(word + data.draw(gaps) for word in words)
    assert normalise(spaced).text == normalise(" ".join(words)).text


def source_of(view: View, source: str, part: str) -> str:
    start = view.text.index(part)
    begin, end = view.to_source(start, start + len(part))
    return source[begin:end]


def test_the_way_back() -> None:
    source = "  A cafe\u0301\r\n\r\nnear\u200bby, p\u0430ypal.\n"
    view = normalise(source)
    assert view.text == "A café nearby, paypal."
    assert source_of(view, source, "café") == "cafe\u0301"
    assert source_of(view, source, "é ") == "e\u0301\r\n\r\n"
    assert source_of(view, source, "nearby") == "near\u200bby"
    assert source_of(view, source, "paypal") == "p\u0430ypal"
    assert view.to_source(0, 0) == (2, 2)
    assert view.to_source(len(view.text), len(view.text)) == (len(source) - 1, len(source) - 1)
    assert normalise(" ").to_source(0, 0) == (0, 0)
    with pytest.raises(IndexError):
        view.to_source(3, len(view.text) + 1)


@pytest.mark.parametrize(
    ("source", "text", "note"),
    [
        ("in\u200bvis\u2060ib\ufeffle", "invisible", "Removed 3 zero-width characters, which readers cannot see."),
        ("jo\u200din", "join", "Removed 1 zero-width character, which readers cannot see."),
        ("end\u200d. \u200cstart", "end. start", "Removed 2 zero-width characters, which readers cannot see."),
        ("e\u0301\u200dt", "ét", "Removed 1 zero-width character, which readers cannot see."),
        ("hy\u00adphen", "hyphen", "Removed 1 soft hyphen."),
        ("a \u202dworld\u202c", "a world", "Removed 2 control characters for the writing direction."),
        ("tag\U000e0041\U000e0042", "tag", "Removed 2 invisible tag characters, which can hide a message."),
        ("v\ufe0fs\U000e0100", "vs", "Removed 2 other invisible characters."),
        ("\uff37\uff4f\uff52\uff44 \U0001d41ed", "Word ed", "Replaced 5 full-width or styled characters by plain ones."),
    ],
)
def test_hidden_and_styled_characters(source: str, text: str, note: str) -> None:
    view = normalise(source)
    assert view.text == text
    assert view.notes == (note,)


@pytest.mark.parametrize("source", ["pаypаl", "раураl", "Οffice", "it’ѕ", "Іnternet", "hеllо", "Ꭺpple", "scоре", "рαge"])
def test_look_alikes_in_mixed_words_become_latin(source: str) -> None:
    view = normalise(source)
    assert view.text.isascii()
    assert "homoglyphs" in view.notes[0]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("This is а test", "This is a test"),
        ("І did, and so did І", "I did, and so did I"),
        ("Take the сор with you", "Take the cop with you"),
    ],
)
def test_a_word_of_look_alikes_between_latin_words_becomes_latin(source: str, text: str) -> None:
    assert normalise(source).text == text


@pytest.mark.parametrize(
    "source", ["сор", "Он сказал: а где сор?", "She said «где а это» twice", "where ν is the rate, and ο too"]
)
def test_other_words_of_another_alphabet_stay(source: str) -> None:
    assert normalise(source).notes == ()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("“Quoted” – it’s fine…", '"Quoted" - it\'s fine...'),
        ("the ﬁrst oﬃce, ﬂat", "the first office, flat"),
        ("a\u00a0b\u2009c\u202fd\u2800e\u3000f", "a b c d e f"),
        ("non‑breaking, 1–2, −3", "non-breaking, 1-2, -3"),
    ],
)
def test_what_programs_typeset_is_read_as_it_is_typed(source: str, text: str) -> None:
    view = normalise(source)
    assert (view.text, view.notes) == (text, ())


def test_what_is_shown_from_right_to_left_is_read_as_shown() -> None:
    view = normalise("He \u202edias\u202c so, and \u202e.tfel")
    assert view.text == "He said so, and left."
    assert view.notes[-1] == "Read 2 stretches from right to left, as shown."
    assert normalise("\u202eשלום\u202c").text == "שלום"


def test_entities_are_read_as_characters_unless_they_are_what_the_text_is_about() -> None:
    view = normalise("&quot;Cats&quot; &amp; dogs&#33;")
    assert (view.text, view.notes) == ('"Cats" & dogs!', ("Read 4 HTML entities as the characters meant.",))
    assert view.to_source(0, 6) == (0, 16)
    assert normalise("Write &amp; for an ampersand.").text == "Write &amp; for an ampersand."


def test_a_text_all_in_capitals_is_read_as_it_is_usually_written() -> None:
    usual = 'It was late. "Come," she said, and I came! Was it so? ' * 4
    view = normalise(usual.upper())
    assert view.text == usual.strip()
    assert view.notes[0].startswith("All in capitals: judged as if written in small letters")
    assert view.to_source(3, 6) == (3, 6)
    assert normalise("NATO AND THE UN. " * 2 + usual).notes == ()
    assert normalise("A SHORT HEADING").text == "A SHORT HEADING"


def test_capital_i_does_not_become_small_l() -> None:
    assert normalise("Іnternet").text == "Internet"


@pytest.mark.parametrize(
    "source",
    [
        "Съешь ещё этих мягких булок",
        "Ο Αρης και η Ρενα",
        "м'ята",
        "TNFα and IFNγ, NFκB, 5 μm, 3 kΩ, α = 0.05",  # scientists
        "Пришла SMSка, написал PRщик",  # Russian words with Latin in them
        "Имa мнoгo дyми",  # and Cyrillic ones with Latin vowels
        "naïve façade, Straße, İstanbul, ŋ",
        "می‌خواهم",
        "क्‍ष और क्‌ष",
        "👩‍❤️‍👨 ❤️‍🔥 🏳️‍🌈 1️⃣ ©️ 👍🏽",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "AI工具，2024年。",
    ],
)
def test_honest_writing_stays(source: str) -> None:
    view = normalise(source)
    assert view.text == unicodedata.normalize("NFC", source)
    assert view.notes == ()


@pytest.mark.parametrize(
    "source",
    [
        "The quick brown fox jumps over the lazy dog and runs.\n" * 19_000,
        "“Don’t,” said Zoë – “it’s naïve.”\r\n" * 27_000,
        "a" * 1_000_000,
        "a" * 999_999 + "е",
        "a" + "\u0301\u0323" * 5_000,
        "a" + "\u0301\u0323" * 200_000,
        ("a" + "\u200d" * 1_000) * 1_000,
        ("क" + "\u200d" * 1_000) * 1_000,
        " " * 1_000_000 + "a" + " \n" * 500_000,
    ],
    ids=["english", "quotes", "line", "mixed line", "marks", "many marks", "joiners", "kept joiners", "spaces"],
)
def test_no_text_takes_long(source: str) -> None:
    start = time.process_time()
    normalise(source)
    assert time.process_time() - start < 5  # about 1 s at most where nothing else runs; quadratic would take minutes


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("It was so\u3002And\uff0cthen it rained\uff1f \uff08No\uff0e\uff09", "It was so. And, then it rained? (No.)"),
        ("one\u2024 Two\u060c three\u037e four\ua789 five", "one. Two, three; four: five"),
        ("a word\u201a and don`t, it\u00b4s", "a word, and don't, it's"),
        ("caf\u00c3\u00a9 and don\u00e2\u20ac\u2122t \u00e2\u20ac\u0153so\u00e2\u20ac\u009d", 'caf\u00e9 and don\'t "so"'),
        ("don\u00c3\u00a2\u00e2\u201a\u00ac\u00e2\u201e\u00a2t", "don't"),
        ("don\u00e2\u0080\u0099t", "don't"),
        ("don\u0092t \u0093so\u0094", 'don\'t "so"'),
        ("inter\ufff9linear exam\x02ple si\U0001d159gn", "interlinear example sign"),
        ("\u0026amp;rsquo;a \u0026amp;rsquo;b \u0026amp;rsquo;c", "'a 'b 'c"),
    ],
)
def test_stops_of_other_scripts_and_texts_in_a_wrong_encoding_are_read_as_meant(typed: str, read: str) -> None:
    assert normalise(typed).text == read
    assert normalise(read).text == read


@pytest.mark.parametrize(
    "text",
    ["\u4ed6\u8bf4OK\u3002\u7136\u540e\u8d70\u4e86\uff0c\u597d\u5417\uff1f", "\u00c0 la carte, \u00c7a va, S\u00e3o, \u00c2ge"],
)
def test_stops_and_accents_that_are_meant_stay(text: str) -> None:
    assert normalise(text).text == text


def test_colours_and_links_of_a_terminal_are_not_scored() -> None:
    colored = "\x1b[1mThe \x1b[38;5;160mharbour\x1b[0m was \x1b]8;;http://example.org\x1b\\quiet\x1b]8;;\x1b\\ that day."
    assert normalise(colored).text == "The harbour was quiet that day."
