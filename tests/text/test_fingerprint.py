from __future__ import annotations

import numpy as np

from llm_audit.text import beginning, fingerprints


def test_versions_of_a_text_share_a_fingerprint() -> None:
    long = "The very same beginning of a text that goes on for more than sixty letters, and then "
    one = fingerprints([long + "ends."])
    assert np.array_equal(one, fingerprints([long.upper().replace(" ", "\n") + "goes on differently."]))
    assert not np.array_equal(one, fingerprints(["Another " + long]))
    assert len(beginning(long)) == 60


def test_texts_and_names_do_not_collide_and_count_once() -> None:
    both = fingerprints(["a", "a", "b"], ["a", "a"])
    assert both.dtype == np.uint64
    assert len(both) == 3
    assert (np.diff(both.astype(object)) > 0).all()


def test_they_do_not_change_between_versions() -> None:
    """Files hold them."""
    assert fingerprints(["Hello"]).tolist() == fingerprints(["hello!"]).tolist() == [HELLO]


HELLO = int.from_bytes(bytes.fromhex("8bfb1b7110afbf1c"), "big")
