"""C2PA marks in texts: found as the reference implementation writes them, whole or damaged, and left out of what is scored."""

from __future__ import annotations

import time

import pytest
from c2pa_text import (
    build_manifest_block,
    embed_manifest,
    encode_data_uri,
    encode_wrapper_padded,
    worst_case_wrapper_byte_length,
)
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.text import find_marks, normalise, without_marks

TEXT = "A text that somebody signed ❤️."
DESCRIPTION = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x008\x9bq\x03c2pa\x00"
BOX = (4 + len(DESCRIPTION)).to_bytes(4, "big") + DESCRIPTION
MANIFEST = (8 + len(BOX)).to_bytes(4, "big") + b"jumb" + BOX


def test_t14_a_wrapper_is_found_and_is_no_part_of_the_text() -> None:
    marked = embed_manifest(TEXT, MANIFEST) + "\n"
    (mark,) = find_marks(marked)
    assert (mark.kind, mark.manifest, mark.defect) == ("selectors", MANIFEST, "")
    assert without_marks(marked, [mark]) == TEXT + "\n"
    view = normalise(marked, [mark])
    assert (view.text, view.notes) == (normalise(TEXT).text, ())
    assert view.to_source(0, len(view.text)) == (0, len(TEXT))


def test_padding_belongs_to_the_wrapper() -> None:
    padded = encode_wrapper_padded(MANIFEST, worst_case_wrapper_byte_length(len(MANIFEST)))
    (mark,) = find_marks(TEXT + padded)
    assert (mark.manifest, mark.start, mark.end) == (MANIFEST, len(TEXT), len(TEXT + padded))


def test_a_wrapper_at_the_very_beginning_lost_its_prefix_to_decoding() -> None:
    marked = embed_manifest("", MANIFEST).removeprefix("\ufeff") + TEXT
    (mark,) = find_marks(marked)
    assert (mark.start, mark.defect) == (0, "")


def test_a_block_is_found_with_what_it_holds() -> None:
    inline = build_manifest_block(encode_data_uri(MANIFEST), "<!--", "-->")
    (mark,) = find_marks(f"{inline}\n{TEXT}")
    assert (mark.kind, mark.manifest, mark.reference, mark.defect) == ("block", MANIFEST, None, "")
    (mark,) = find_marks(build_manifest_block("https://a.example/m.c2pa", "#") + f"\n{TEXT}")
    assert (mark.manifest, mark.reference, mark.defect) == (None, "https://a.example/m.c2pa", "")


@pytest.mark.parametrize(
    ("marked", "defect"),
    [
        (embed_manifest(TEXT, MANIFEST)[:-5], "is damaged (Length mismatch"),
        (embed_manifest(TEXT, MANIFEST)[: len(TEXT) + 8], "is damaged (Wrapper too short"),
        (embed_manifest(TEXT, MANIFEST).replace("\ufeff", ""), "lacks the U+FEFF"),
        (embed_manifest(TEXT, b"no manifest at all"), "is damaged ("),
        ("-----BEGIN C2PA MANIFEST----- and so on", "has no end"),
        ("-----BEGIN C2PA MANIFEST----- is what it says, and -----END C2PA MANIFEST-----", "holds no manifest"),
        ("-----BEGIN C2PA MANIFEST----- data:application/c2pa;base64,?? -----END C2PA MANIFEST-----", "is no valid Base64"),
    ],
)
def test_t14_a_malformed_mark_is_reported_as_such(marked: str, defect: str) -> None:
    (mark,) = find_marks(marked)
    assert mark.defect.startswith(defect)


def test_t14_of_two_marks_each_says_that_there_are_two() -> None:
    twice = find_marks(embed_manifest(embed_manifest(TEXT, MANIFEST), MANIFEST))
    assert [mark.defect for mark in twice] == ["is one of 2, and a text may have one only"] * 2


def test_other_selectors_are_no_mark() -> None:
    assert find_marks("❤️ 葛\U000e0100 \ufeff\ufe0f" + "a" + "\U000e0100" * 50) == ()


PARTS = ["-----BEGIN C2PA MANIFEST-----", "-----END C2PA MANIFEST-----", "\ufeff", "\ufe0f", "\U000e0133", "x ", " "]
PARTS += [embed_manifest("", MANIFEST), embed_manifest("", MANIFEST)[:15], encode_data_uri(MANIFEST)]


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
def test_marks_are_ranges_in_order_whatever_the_text(text: str) -> None:
    marks = find_marks(text)
    ends = [0, *(place for mark in marks for place in (mark.start, mark.end)), len(text)]
    assert ends == sorted(ends)
    assert len(without_marks(text, marks)) == len(text) - sum(mark.end - mark.start for mark in marks)
    assert len(without_marks(text, marks, "\n")) == len(text)
    normalise(text, marks)


def test_a_million_delimiters_take_linear_time() -> None:
    began = time.perf_counter()
    find_marks("-----BEGIN C2PA MANIFEST-----" * 30_000)
    find_marks(embed_manifest("", b"")[:9] * 30_000)
    assert time.perf_counter() - began < 60
