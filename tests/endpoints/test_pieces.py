"""Tokens that cannot be those of a text, and all the ways in which an honest server's can look as if they were not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from llm_audit.endpoints import wire
from llm_audit.endpoints.defects import OTHER_TEXT
from llm_audit.endpoints.pieces import as_written, of_another_text
from llm_audit.endpoints.records import Ask, Token

TEXT = "Der Käse ist alt.\nEr kostet 3 €, sagt Zoë."
PIECES = ["Der", " Kä", "se", " ist", " alt", ".", "\n", "Er", " kostet", " 3", " €,", " sagt", " Zo", "ë", "."]
ASK = Ask("a", "Hi", "chat", 20, 0.0, 2)


def by_text(pieces: Sequence[str]) -> list[Token]:
    return [Token(None, None, piece) for piece in pieces]


def by_bytes(pieces: Sequence[bytes]) -> list[Token]:
    return [Token(at, piece, piece.decode(errors="replace")) for at, piece in enumerate(pieces)]


def byte_level(text: str) -> str:
    """As GPT-2's vocabulary writes it: the inverse of what `as_written` reads."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return "".join(chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in text.encode())


HONEST: dict[str, tuple[Sequence[Token], str]] = {
    "as they are": (by_text(PIECES), TEXT),
    "with bytes": (by_bytes([piece.encode() for piece in PIECES]), TEXT),
    "byte by byte": (by_bytes([bytes([byte]) for byte in TEXT.encode()]), TEXT),
    "pieces of characters without bytes": (by_text(["Zo", "\ufffd", "\ufffd", "."]), "Zoë."),
    "the first space is stripped": (by_text([" Der", *PIECES[1:]]), TEXT),
    "white space is stripped and cleaned up": (by_text(["\n\n", "Gut", " ,", " so", ".", "\n"]), "Gut, so."),
    "cut by a stop string": (by_text([*PIECES, "\n", "User", ":"]), TEXT),
    "cut within a token by a stop string": (by_text([*PIECES, "stop"]), TEXT + "st"),
    "with the token of the end": (by_text([*PIECES, "<|im_end|>"]), TEXT),
    "with a nameless token of the end": ([*by_text(PIECES), Token(2, None, "")], TEXT),
    "with control tokens within": (by_text(["<|channel|>", "final", "<|message|>", *PIECES]), TEXT),
    "control tokens that the text leaves out": (by_text([*PIECES[:3], "<pad>", *PIECES[3:], "</s>"]), TEXT),
    "control tokens that the text shows": (by_text(["<think>", "Hm", "</think>", "Ja"]), "<think>Hm</think>Ja"),
    "thoughts are listed, and not in the text": (by_text(["Hm", ",", " aha", ".", *PIECES]), TEXT),
    "a beginning that no token was written for": (by_text(["Hm", "</think>", " Ja"]), "<think>Hm</think> Ja"),
    "positions are left out": (by_text(PIECES[::2]), TEXT),
    "byte-level entries": (by_text([byte_level(piece) for piece in PIECES]), TEXT),
    "byte-level entries as bytes": (by_bytes([byte_level(piece).encode() for piece in PIECES]), TEXT),
    "byte-level entries and the end": (by_text([*map(byte_level, PIECES), "<｜end▁of▁sentence｜>"]), TEXT),
    "sentence pieces": (by_text([piece.replace(" ", "\u2581") for piece in ["\u2581Der", *PIECES[1:]]]), TEXT),
    "sentence pieces of bytes": (by_text(["\u2581Zo", "<0xC3>", "<0xAB>", ".", "<0x0A>"]), "Zoë."),
    "cut within a character": (by_bytes([b"Zo", "ë".encode()[:1]]), "Zo"),
    "cut within a character, and shown so": (by_bytes([b"Zo", "ë".encode()[:1]]), "Zo\ufffd"),
    "a character that is none": (by_bytes([b"Zo", b"\xff", b"."]), "Zo\ufffd."),
    "accents in two ways": (by_text(["Zo", "e\u0308"]), "Zo\u00eb"),
    "by ids alone": ([Token(at, None, "") for at in range(9)], TEXT),
    "one by its id alone": ([*by_text(PIECES[:4]), Token(9, None, ""), *by_text(PIECES[5:])], TEXT),
    "no text": (by_text(PIECES), ""),
    "white space": (by_text(["\n", "\n"]), "\n\n"),
    "no tokens": ([], TEXT),
}


@pytest.mark.parametrize("how", HONEST)
def test_what_an_honest_server_does_to_text_or_tokens_is_no_contradiction(how: str) -> None:
    tokens, text = HONEST[how]
    assert not of_another_text(tokens, text)


OTHER: dict[str, tuple[Sequence[Token], str]] = {
    "of another text": (by_text(PIECES), "Das Brot ist neu, und es kostet nichts."),
    "one token of another": (by_text([*PIECES[:4], " neu", *PIECES[5:]]), TEXT),
    "in another order": (by_text(PIECES[::-1]), TEXT),
    "one answer later": (by_text(["Ja", "."]), "Nein."),
    "one token, another": (by_text([" the"]), " a"),
    "the text in capitals": (by_text(PIECES), TEXT.upper()),
    "UTF-8 read as Latin-1": (by_bytes([piece.encode() for piece in PIECES]), TEXT.encode().decode("latin-1")),
    "byte-level entries of another": (by_text([byte_level(piece) for piece in PIECES]), "Das Brot ist neu."),
    "sentence pieces of another": (by_text(["\u2581Zo", "<0xC3>", "<0xAB>"]), "Zoe"),
    "the end of another": (by_text(["Ja", "<|im_end|>"]), "Nein"),
}


@pytest.mark.parametrize("how", OTHER)
def test_tokens_of_another_text_are_seen(how: str) -> None:
    tokens, text = OTHER[how]
    assert of_another_text(tokens, text)


def test_texts_cut_into_pieces_anyhow_and_trimmed_anyhow_are_their_own() -> None:
    """Against chance: any cutting into octets, any part of the text left of it, and none of it taken for another's."""
    rng = np.random.default_rng(1)
    letters = list("ab é€\n😀.")
    for _ in range(2000):
        text = "".join(rng.choice(letters, int(rng.integers(1, 30))))
        octets = text.encode()
        cuts = sorted({0, len(octets), *rng.integers(0, len(octets) + 1, int(rng.integers(0, 12))).tolist()})
        tokens = by_bytes([octets[a:b] for a, b in pairwise(cuts)])
        first, last = sorted(rng.integers(0, len(text) + 1, 2).tolist())
        assert not of_another_text(tokens, text[first:last])


def test_the_raw_entries_of_a_vocabulary_are_read() -> None:
    assert [as_written(byte_level(piece)) for piece in (" Käse", "\n")] == [" Käse", "\n"]
    assert as_written("Zoë") == "Zoë" and as_written("\u2581town") == " town"


def answer(text: str, pieces: Sequence[str]) -> str:
    content = [
        {"token": piece, "logprob": -0.5, "bytes": list(piece.encode()), "top_logprobs": [{"token": piece, "logprob": -0.5}]}
        for piece in pieces
    ]
    return json.dumps({"choices": [{"message": {"content": text}, "logprobs": {"content": content}}]})


def test_no_position_of_such_an_answer_is_evidence() -> None:
    sound = wire.parse(ASK, answer(TEXT, PIECES), seconds=0.1, attempts=1)
    assert len(sound.usable) == len(PIECES) and not sound.defects
    other = wire.parse(ASK, answer("Nein.", PIECES), seconds=0.1, attempts=1)
    assert not other.usable and all(position.contradictory for position in other.positions)
    assert other.defects == (f"At 15 of 15 positions, first at 1: {OTHER_TEXT}.",)
