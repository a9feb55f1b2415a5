"""Hashes, ids and short links that stand in documents already."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership import identifier
from llm_audit.detectors.membership.collection import Item
from llm_audit.results import Verdict
from llm_audit.scoring.request import Prompted
from llm_audit.scoring.tokens import TokenScores
from tests.detectors.laws import judge
from tests.detectors.membership.readers import Reader, holds


def documents(rng: np.random.Generator, n: int = 6) -> list[Item]:
    return [Item(f"Release {i} has the digest {hashlib.sha1(rng.bytes(8)).hexdigest()}.", f"d:{i}", f"d:{i}") for i in range(n)]


def item(text: str) -> list[Item]:
    return [Item(text, "d", "d")]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (hashlib.md5(b"x").hexdigest(), "MD5, 32 hexadecimal digits"),
        (hashlib.sha1(b"x").hexdigest().upper(), "SHA-1, 40 hexadecimal digits"),
        (hashlib.sha256(b"x").hexdigest(), "SHA-256, 64 hexadecimal digits"),
        (hashlib.sha512(b"x").hexdigest(), "SHA-512, 128 hexadecimal digits"),
        (str(uuid.UUID(bytes=hashlib.md5(b"y").digest(), version=4)), "UUID version 4"),
        ("https://youtu.be/dRw5w9XgYcQ", "YouTube video"),
        ("http://t.co/2hT7xQzbW9", "link of t.co"),
    ],
)
def test_each_format_is_found_and_drawn_again(text: str, name: str) -> None:
    (found,) = identifier.find(item(f"See {text}, please."))
    assert found.format.name == name
    rng = np.random.default_rng(0)
    fresh = {found.format.draw(rng, found.text) for _ in range(50)}
    assert len(fresh) == 50
    again = [identifier.find(item(f"See {text.replace(found.text, drawn)}, please.")) for drawn in fresh]
    assert {(one.text, one.format) for each in again for one in each} <= {(drawn, found.format) for drawn in fresh}
    assert sum(map(len, again)) >= 25  # of the short ones some repeat a letter, as ids drawn by hand do


@pytest.mark.parametrize(
    "text",
    [
        "d41d8cd98f00b204e9800998ecf8427e",  # MD5 of nothing
        "0" * 32,
        "deadbeef" * 4,
        str(uuid.UUID("6fa459ea-ee8a-11d2-90d4-00c04fd430c8")),  # version 1: a time and an address
        "a" * 33,
        "0123456789abcdef" * 2 + "z",
        "0123456789abcdefABCDEF0123456789",  # of both cases
        hashlib.sha512(b"").hexdigest(),
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",  # git's empty file
        "http://bit.ly/GreenGrid7",  # a name that somebody chose
        hashlib.sha1(b"hello world").hexdigest(),
        "https://youtu.be/dQw4w9WgXcQ",
        "12345678-1234-4234-8234-234003456789",
        "31415926535897932384626433832795",  # a number
        "0000000000000000000b4d0b2e0f2a9c8e8d5f31a7c49d6b2f5e8a3c1d7b9046",  # a block of bitcoin
        "4c6574746572732068656c6420617420",  # readable: "Letters held at "
        "9f86d0818f9f86d0818f9f86d0818fa1",  # a piece three times
    ],
)
def test_what_everybody_knows_or_nobody_drew_is_no_identifier(text: str) -> None:
    assert identifier.find(item(f"See {text}.")) == []


def test_an_identifier_counts_once_at_its_first_place() -> None:
    digest = hashlib.md5(b"x").hexdigest()
    (found,) = identifier.find(item("a " * 300 + digest) + item(f"again {digest}"))
    assert found.before == ("a " * 300)[-identifier.CONTEXT :]


@pytest.mark.parametrize("spelling", [str.upper, lambda text: text.replace("-", "")])
def test_another_spelling_is_the_same_identifier(spelling: Callable[[str], str]) -> None:
    text = str(uuid.UUID(bytes=hashlib.md5(b"y").digest(), version=4))
    assert len(identifier.find(item(f"See {text}. ") + item(f"And {spelling(text)}."))) == 1


@pytest.mark.parametrize(
    "before", ["[1a2b3c4](", "[1A2B-3C4](", "img.example/9f8e7d6c/x.jpg and ", "1A:2B:3C:4D is ", "1a 2b 3c: "]
)
def test_an_identifier_that_the_text_before_it_gives_away_is_left_out(before: str) -> None:
    digest = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2f9f8e"
    assert identifier.find(item(f"{before}https://example.org/commit/{digest})")) == []
    assert len(identifier.find(item(f"[commit](https://example.org/commit/{digest})"))) == 1


@pytest.mark.parametrize(("beginning", "count"), [("6553", 2), ("9c1f5e07a3b2", 1), ("a70", 12)])
def test_identifiers_with_a_common_beginning_are_left_out_but_for_the_first(beginning: str, count: int) -> None:
    """A time or a sequence in front makes their ranks depend on each other."""
    rng = np.random.default_rng(9)
    digests = [f"{beginning}{rng.bytes(20).hex()}"[:40] for _ in range(12)]
    found = identifier.find([Item(f"Stored as {digest}.", str(at), str(at)) for at, digest in enumerate(digests)])
    assert [one.text for one in found] == digests[:count]


def test_no_fresh_identifier_has_a_part_of_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    identifiers, reader = identifier.find(documents(np.random.default_rng(9), 3)), Listing()
    monkeypatch.setattr(identifier, "SHARED", {3: 1})  # by chance 1 in a hundred has one of this length
    identifier.measure(reader, identifiers, draws=400, seed="x")
    earlier: set[identifier.Part] = set()
    for at, one in enumerate(identifiers):
        given = [
            text.removeprefix(one.before)[: len(one.text)] for text in vars(reader)["given"][401 * at + 1 : 401 * (at + 1)]
        ]
        assert all(earlier.isdisjoint(identifier._parts(text)) for text in given)
        earlier.update(identifier._parts(one.text))


def test_one_identifier_and_many_draws_can_decide() -> None:
    found = identifier.find(documents(np.random.default_rng(3), 1))
    judged = judge(identifier, Reader(seen=[found[0].text], gain=5.0), found, draws=99, alpha=0.01, seed="x")
    assert judged.p_value == 0.01 and judged.effect and judged.effect.lower is None


@pytest.mark.parametrize("runs", [400, pytest.param(2000, marks=pytest.mark.slow)])
def test_size(runs: int) -> None:
    rng, reader = np.random.default_rng(1), Reader()
    p_values = [
        judge(identifier, reader, identifier.find(documents(rng, 3)), draws=9, alpha=0.01, seed=str(number)).p_value
        for number in range(runs)
    ]
    assert holds(p_values)  # type: ignore[arg-type]  # p-values are there
    assert abs(np.mean(p_values) - 0.5) < 0.06


def test_seen_identifiers_are_found_and_the_text_around_them_does_not_count() -> None:
    found = identifier.find(documents(np.random.default_rng(2)))
    seen = judge(identifier, Reader(seen=[each.text for each in found], gain=3.0), found, draws=19, alpha=0.01, seed="x")
    assert seen.verdict is Verdict.FINDING
    around = judge(identifier, Reader(seen=["has the digest"], gain=3.0), found, draws=19, alpha=0.01, seed="x")
    assert around.verdict is Verdict.PASS


def test_too_few_identifiers_are_refused_with_the_number_needed() -> None:
    with pytest.raises(AuditError, match="no identifiers of a known format"):
        identifier.check([], 19, 0.01)
    one = identifier.find(documents(np.random.default_rng(3), 1))
    with pytest.raises(AuditError, match=r"needs 2 identifiers, or --draws 99"):
        identifier.check(one, 19, 0.01)


class Listing(Reader):
    """A reader that keeps what it was given."""

    def beginnings(self, texts: Sequence[str | Prompted], progress: object = None) -> Iterator[TokenScores]:
        object.__setattr__(self, "given", list(map(str, texts)))
        return super().beginnings(texts, progress)


def test_more_draws_extend_those_of_every_identifier() -> None:
    """Whoever asks for more sees the same ones first, and what other identifiers stand beside it changes nothing."""
    identifiers = identifier.find(documents(np.random.default_rng(8)))

    def drawn(chosen: Sequence[identifier.Identifier], draws: int) -> list[list[str]]:
        reader = Listing()
        identifier.measure(reader, chosen, draws=draws, seed="x")
        texts: list[str] = vars(reader)["given"]
        return [texts[at : at + draws + 1] for at in range(0, len(texts), draws + 1)]

    few, many = drawn(identifiers, 5), drawn(identifiers, 12)
    assert few == [texts[:6] for texts in many] and len({text for texts in many for text in texts}) == 6 * 13
    assert drawn(identifiers[3:4], 5) == few[3:4]
