"""Count which kinds of words follow which in English, for the sign that rows of a data set run on.

`python -m tools.build_running_on` writes `detectors/membership/running_on.safetensors` from the human texts of
`../shared/data` whose licence allows it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from llm_audit.common.files import atomic_write
from llm_audit.detectors.membership.running_on import SCALE, SHIPPED, kind_of_beginning, kind_of_end
from tools.build_frequencies import NAMES
from tools.corpus import humans

COMMON = 150
"""Words that are kinds of their own. 250 and 400 found hardly more in a trial, in a larger table."""

SMOOTHING = 5.0
"""Added to the observed and to the expected count of every pair of kinds."""


def build(texts: Sequence[str], description: str) -> bytes:
    """The file with the table of some texts; the same texts give the same bytes."""
    pieces = [text.split() for text in texts]
    counted = Counter(
        word for text in pieces for piece in text if (word := piece.strip("'\"“”‘’()[].,;:!?…").lower()) and word.isalpha()
    )
    common = sorted(sorted(counted, key=lambda word: (-counted[word], word))[:COMMON])
    known = frozenset(common)
    pairs = Counter[tuple[str, str]]()
    for text in pieces:
        ends, beginnings = ([of(piece, known) for piece in text] for of in (kind_of_end, kind_of_beginning))
        pairs.update(zip(ends, beginnings[1:], strict=False))
    ends, beginnings = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
    found = np.array([[float(pairs[end, beginning]) for beginning in beginnings] for end in ends])
    expected = found.sum(axis=1, keepdims=True) * found.sum(axis=0, keepdims=True) / found.sum()
    ratio = np.log((found + SMOOTHING) / (expected + SMOOTHING))
    table = np.clip(np.rint(ratio * SCALE), -127, 127).astype(np.int8)
    card = {"description": description, "ends": ends, "beginnings": beginnings, "common": common}
    return save({"following": table}, {"card": json.dumps(card)})


def main() -> None:
    """Write the table that ships."""
    # The essays of OUTFOX are for measurement only: nothing that ships is fitted to them.
    chosen = [human for human in humans() if NAMES[human.source] != "OUTFOX"]
    sources = ", ".join(f"{name} ({n:,})" for name, n in Counter(NAMES[human.source] for human in chosen).most_common())
    content = build([human.text for human in chosen], f"English human texts of {sources}.")
    path = Path(__file__).parents[1] / "detectors" / "membership" / SHIPPED.name
    atomic_write(path, content)
    print(f"{path}: {len(chosen):,} texts, {len(content):,} bytes")


if __name__ == "__main__":
    main()
