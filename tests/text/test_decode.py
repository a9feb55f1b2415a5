"""Bytes to text: every promised encoding on short texts, and one sentence for everything else."""

from __future__ import annotations

import codecs

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_audit.text.decode import Unreadable, decode

ENGLISH = (
    "My grandmother kept a small café by the harbour, and every summer we helped her there. “You’re late again,” she would "
    "say, though we never were. The fishermen came before sunrise for coffee and left their boots at the door. At noon the "
    "tourists arrived – loud, sunburnt and hungry – and my sister carried plates until her arms ached. I washed the glasses, "
    "counted the coins and listened to the stories of the old men. When the season ended, she closed the shutters, gave us "
    "each an envelope and told us that the sea doesn’t pay anyone who sleeps. I still think of it when I’m tired."
)
PLAIN = ENGLISH.translate({ord("“"): '"', ord("”"): '"', ord("’"): "'", ord("–"): "-"})
GERMAN = "Gestern regnete es den ganzen Tag, also blieb ich zu Hause und las ein Buch über Flüsse. Später kaufte ich Brötchen."
JAPANESE = (
    "昨日は朝から雨が降っていたので、私は家で本を読みながら過ごしました。午後になると空が明るくなり、近くの公園まで散歩に"
    "出かけました。池のそばでは子どもたちが傘をたたんで遊び、犬を連れた老人がベンチに座っていました。"
)
CHINESE = (
    "昨天下了一整天的雨，我待在家里看一本关于河流的旧书。傍晚天空放晴，我去附近的公园散步，看见孩子们在池塘边玩耍。"
    "回家的路上我在一家小店买了两个面包，到家时夕阳正照在窗外的树上，十分美丽。"
)
MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("text", [ENGLISH, JAPANESE, "🏳️‍🌈 one"])
@pytest.mark.parametrize("encoding", MARKED)
def test_marked_unicode(encoding: str, text: str) -> None:
    decoded = decode(MARKED[encoding] + text.encode(encoding))
    assert (decoded.text, decoded.encoding) == (text, encoding)


@pytest.mark.parametrize("encoding", MARKED)
def test_unmarked_unicode(encoding: str) -> None:
    decoded = decode(ENGLISH.encode(encoding))
    assert (decoded.text, decoded.encoding) == (ENGLISH, encoding)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_utf8_comes_back(text: str) -> None:
    if not text.startswith(("\ufeff", "%PDF-", "GIF8", "{\\rtf")):
        assert decode(text.encode()).text == text


@settings(deadline=None)
@given(st.text(st.sampled_from("abcdefghij ,.\n"), min_size=2))
def test_any_plain_utf16_and_utf32_comes_back_without_a_mark(text: str) -> None:
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        decoded = decode(text.encode(encoding))
        assert (decoded.text, decoded.encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ENGLISH, "cp1252"),
        ("It’s late. " + PLAIN.replace("é", "e"), "cp1252"),
        (PLAIN, "latin-1"),
        (GERMAN, "latin-1"),
        (JAPANESE, "shift_jis"),
        (JAPANESE[:40], "shift_jis"),
        (CHINESE, "gb18030"),
        (CHINESE[:40], "gb18030"),
        ("It\u2019s late, and we don\u2019t know why. " + PLAIN, "mac_roman"),
        ("He said, \u201cIt is late.\u201d " + PLAIN, "mac_roman"),
    ],
)
def test_legacy_encodings(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding))
    assert (decoded.text, decoded.encoding) == (text, encoding)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00",
        b"\x7fELF\x02\x01\x01\x00\x00\x00",
        b"plain words with a NUL \x00 among them",
        b"\x00" * 64,
        b"\x01\x02\x03 control characters \x04\x05" * 9,
        np.random.default_rng(0).bytes(4096),
        np.random.default_rng(1).bytes(4096).replace(b"\x00", b"\x01"),
        np.arange(2000, dtype="<i2").tobytes(),
        np.linspace(0, 1, 500, dtype="<f4").tobytes(),
    ],
)
def test_binary_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="UTF-8"):
        decode(data)


@pytest.mark.parametrize(("data", "what"), [(b"%PDF-1.7\n", "PDF"), (b"PK\x03\x04..", "Word"), (rb"{\rtf1 Hi}", "RTF")])
def test_documents_are_named(data: bytes, what: str) -> None:
    with pytest.raises(Unreadable, match=what):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        ENGLISH.encode() + b"\xed\xa0\x80",
        b"\xff\xfe" + "ab".encode("utf-16-le") + b"\x00\xd8" + "cd".encode("utf-16-le"),
        ENGLISH.encode("utf-16-le") + b"\x00\xd8.\x00",
        b"\xff\xfe\x00\x00\x00\xd8\x00\x00",
    ],
)
def test_lone_surrogates_are_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="lone surrogate"):
        decode(data)


@pytest.mark.parametrize("data", [JAPANESE.encode()[:-1], b"\xff\xfea", ENGLISH.encode("utf-16-le")[:-1]])
def test_cut_off_text_is_refused_as_damaged(data: bytes) -> None:
    with pytest.raises(Unreadable, match="invalid or cut-off"):
        decode(data)


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r"])
def test_other_alphabets_in_unknown_encodings_are_not_guessed(encoding: str) -> None:
    russian = "Вчера весь день шёл дождь, поэтому я остался дома и читал старую книгу о реках. Вечером мы пошли гулять."
    with pytest.raises(Unreadable, match="not recognised"):
        decode(russian.encode(encoding))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_never_anything_but_text_or_unreadable(data: bytes) -> None:
    try:
        decoded = decode(data)
    except Unreadable:
        return
    decoded.text.encode("utf-8")  # no lone surrogates
    assert "\0" not in decoded.text
