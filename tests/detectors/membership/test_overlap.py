from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from llm_audit.detectors.membership.collection import Collection, Item, collect
from llm_audit.detectors.membership.overlap import compare, copies, words
from llm_audit.reports.wording.notes import of_copies

VOCABULARY = [
    f"{a}{b}" for a in "bcdfghklmnprst" for b in ("alo", "ember", "ir", "oon", "uck", "yard", "est", "ipp", "an", "orth")
]


def text(seed: int, n: int = 60) -> str:
    return " ".join(np.random.default_rng(seed).choice(VOCABULARY, n))


def collection(side: str, texts: Sequence[str], documents: Sequence[str] | None = None) -> Collection:
    names = [f"{side}:{i}" for i in range(len(texts))]
    return collect(Item(*each) for each in zip(texts, names, documents or names, strict=True))


def test_texts_without_copies_stay() -> None:
    suspects, held_out = collection("s", [text(i) for i in range(20)]), collection("h", [text(i) for i in range(20, 40)])
    found = compare(suspects, held_out)
    assert (found.suspects, found.held_out) == (suspects, held_out)
    assert (found.left_out, found.equal, found.repeated, found.shared, of_copies(found.copies)) == (
        ((), ()),
        0,
        (0, 0),
        (0.0, 0.0),
        [],
    )


def test_a_copy_across_sides_leaves_both() -> None:
    """Layout and case do not make another text, nor does a longer one around it."""
    copied = text(0).upper().replace(" ", "\n") + "!"
    longer = f"{text(90, 100)} {text(1)} {text(91, 100)}"
    found = compare(collection("s", [text(0), text(1), text(2)]), collection("h", [copied, text(3), longer]))
    assert [item.name for item in found.suspects.items] == ["s:2"]
    assert [item.name for item in found.held_out.items] == ["h:1"]
    assert found.left_out == (("s:0", "s:1"), ("h:0", "h:2"))
    assert found.equal == 1
    assert of_copies(found.copies)[0].startswith("2 held-out texts nearly equal a suspect one (1 word for word)")
    assert "their 2 suspect counterparts were left out" in of_copies(found.copies)[0]


def test_with_a_text_goes_its_document() -> None:
    suspects = collection("s", [text(0), text(1), text(2)], ["book", "book", "other"])
    found = compare(suspects, collection("h", [text(1), text(3), text(4)], ["b", "b", "c"]))
    assert [item.name for item in found.suspects.items] == ["s:2"]
    assert [item.name for item in found.held_out.items] == ["h:2"]


def test_copies_within_a_side_are_one_document() -> None:
    half = f"{text(0).rsplit(' ', 20)[0]} {text(50, 20)}"
    found = compare(collection("s", [text(0), text(1), half, text(0)]), collection("h", [text(9)]))
    assert [item.document for item in found.suspects.items] == ["s:0", "s:1", "s:0", "s:0"]
    assert found.repeated == (2, 0)
    assert of_copies(found.copies) == [
        "2 suspect texts nearly repeat another suspect text; together they count as one document."
    ]
    assert [item.text for item in found.suspects.items] == [text(0), text(1), half, text(0)]


def test_leaving_copies_out_treats_both_sides_alike() -> None:
    a = collection("a", [text(0), text(0), text(1), text(2)])
    b = collection("b", [text(2), text(3), text(4), text(4)])
    one, other = compare(a, b), compare(b, a)
    for mine, theirs in ((one.suspects, other.held_out), (one.held_out, other.suspects)):
        assert [item.name for item in mine.items] == [item.name for item in theirs.items]
        assert len(mine.documents) == len(theirs.documents)


@pytest.mark.parametrize(
    ("shared", "linked"),
    [(0.45, False), (0.55, True)],
)
def test_half_of_the_8_grams_make_a_copy(shared: float, linked: bool) -> None:
    n = 200
    kept = round(shared * (n - 7)) + 7
    other = f"{' '.join(text(0, n).split()[:kept])} {text(1, n - kept)}"
    assert bool(copies([words(text(0, n)), words(other)])) is linked


def test_short_texts_must_be_equal() -> None:
    texts = ["To be or not to be.", "to be, or not to BE", "To be or not to bee.", "...", "!"]
    assert copies([words(each) for each in texts[:3]]) == [(1, 0)]
    found = compare(collection("s", texts[:1]), collection("h", texts[1:3]))
    assert found.left_out == (("s:0",), ("h:0",))


def test_languages_without_spaces_have_words() -> None:
    assert words("Das GPT模型很大。ภาษา") == ("das", "gpt", "模", "型", "很", "大", *"ภาษา")
    one, other = "他们在公园里散步并且谈论天气和未来的计划", "他们在公园里散步并且谈论天气和过去的工作"
    assert copies([words(one), words(other)])


def test_shared_runs_of_13_words_are_counted() -> None:
    phrase = text(7, 13)
    suspects = [f"{text(0)} {phrase} {text(1)}", text(2, 25)]
    found = compare(collection("s", suspects), collection("h", [f"{text(3)} {phrase} {text(4)}"]))
    assert found.left_out == ((), ())
    assert found.shared == pytest.approx((1 / (121 + 13), 1 / 121))
    assert "0.75% of the suspects'" in of_copies(found.copies)[0]


def test_document_names_on_both_sides_are_mentioned() -> None:
    found = compare(collection("s", [text(0), text(1)], ["1", "2"]), collection("h", [text(2), text(3)], ["2", "3"]))
    assert of_copies(found.copies) == [
        "1 document names occur on both sides; if they mean the same documents, they are no non-members."
    ]


def test_families_are_those_of_comparing_every_pair() -> None:
    """The oracle: all pairs, 8-grams as sets of tuples."""
    generator = np.random.default_rng(3)
    texts = [words(text(i, int(generator.integers(5, 60)))) for i in range(80)]
    for _ in range(60):
        one, other = generator.integers(len(texts), size=2)
        cut = int(generator.integers(0, len(texts[one]) + 1))
        texts.append(texts[one][:cut] + texts[other][cut:])
    grams = [set(zip(*(each[k:] for k in range(8)), strict=False)) or {each} for each in texts]

    def near(i: int, j: int) -> bool:
        return len(grams[i] & grams[j]) >= 0.5 * min(len(grams[i]), len(grams[j]))

    found = copies(texts)
    pairs = {(i, j) for i in range(len(texts)) for j in range(len(texts)) if i != j and near(i, j)}
    assert {i for i, _ in found} <= {i for i, _ in pairs}
    assert {i for i, _ in pairs} == {i for pair in found for i in pair}


def test_thousands_of_documents_take_seconds() -> None:
    """Boilerplate in all of them, and a template that makes copies of half, included."""
    generator = np.random.default_rng(0)
    many = [" ".join(row) for row in generator.choice(VOCABULARY, (3000, 100))]
    boiler, template = text(100_001, 40), text(100_002, 150)
    texts = [f"{template if i % 2 else boiler} {each}" for i, each in enumerate(many)]
    start = time.process_time()
    found = compare(collection("s", texts[:1500]), collection("h", [f"{boiler} {each}" for each in many[1500:]]))
    assert time.process_time() - start < 20
    assert (len(found.suspects.items), len(found.suspects.documents), len(found.held_out.items)) == (1500, 751, 1500)
