"""A template knows again what it writes, and nothing else."""

from __future__ import annotations

import pytest

from llm_audit.common.templates import Template, known, quoted

SENTENCE = Template("{count:count} {side} texts of {path:name}: {share:share} of the {side} ones.", {"side": ("old", "new")})


def test_what_it_writes_it_reads() -> None:
    written = SENTENCE.write(count=12_345, side="new", path="my texts/a. b.txt", share=0.5)
    assert written == "12,345 new texts of 'my texts/a. b.txt': 50.00% of the new ones."
    assert SENTENCE.read(written) == {"count": "12,345", "side": "new", "path": "'my texts/a. b.txt'", "share": "50.00%"}


@pytest.mark.parametrize(
    "sentence",
    [
        "12345 new texts of a: 50.00% of the new ones.",
        "12,345 new texts of a: 50.00% of the old ones.",
        "12,345 odd texts of a: 50.00% of the odd ones.",
        "12,345 new texts of a b: 50.00% of the new ones.",
        "12,345 new texts of a: 50% of the new ones.",
        "12,345 new texts of a: 50.00% of the new ones. So be it.",
        "So be it. 12,345 new texts of a: 50.00% of the new ones.",
        "12,345 new texts of a: 50.00% of the new ones",
    ],
)
def test_it_does_not_read_what_it_does_not_write(sentence: str) -> None:
    assert SENTENCE.read(sentence) is None and known(sentence, [SENTENCE]) is None


def test_a_name_that_holds_a_space_cannot_be_taken_for_a_sentence() -> None:
    assert (quoted("a/b.txt"), quoted("It is all true. a.txt")) == ("a/b.txt", "'It is all true. a.txt'")
