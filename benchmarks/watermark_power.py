"""Power of the watermark tests on marked texts of the embedded model: python -m benchmarks.watermark_power FOLDER T [SCHEME]...

Of the texts that `benchmarks.watermark_draws` put into a folder: the share found at 50, 100 and 200 tokens; 100 marked tokens
within 400 and within 1,000, the rest of them human news: whole text against windows. The texts begin where the generation
began, and their prompts are known; within human text neither is. A share is of the texts that the model did not end before.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.watermark_draws import FIELDS, Drawn, human, key_of, texts_of
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.watermark import windows
from llm_audit.detectors.watermark.alignment import closed_form
from llm_audit.detectors.watermark.counts import count, whole_text
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.readings import given
from llm_audit.detectors.watermark.schemes.base import TokenisedText, TokenScheme
from llm_audit.detectors.watermark.schemes.kuditipudi import Exp, Its
from tools.score_corpus import default_tokenizer

LENGTHS, MARKED, MIXED = (50, 100, 200), 100, (400, 1000)
LEVELS = (1e-3, 1e-5)


def log10_p(key: Key, text: TokenisedText) -> float | None:
    """Of the whole text; None: the scheme has no closed form for one so long."""
    scheme = key.scheme
    if isinstance(scheme, TokenScheme):
        return whole_text(count(scheme.observe(text))).log_p / np.log(10)
    assert isinstance(scheme, Exp | Its)
    if isinstance(scheme, Its) and len(text.ids) > scheme.length:
        return None
    return closed_form(scheme, text).log_p / np.log(10)


def log10_p_of_windows(key: Key, text: TokenisedText) -> float | None:
    """Of the windows; None: the scheme lines whole texts up."""
    if not isinstance(key.scheme, TokenScheme):
        return None
    measured: Measurement[Any] = windows.measure(key, given(text.ids.tolist()), tests=1, seed="1")
    p = windows.rule.derive(measured, Terms(1e-3)).p_value
    return float(np.log10(p or 1e-300))


def within(marked: Drawn, around: Sequence[int], length: int) -> TokenisedText:
    """The first 100 marked tokens in the middle of a human text."""
    before = (length - MARKED) // 2
    return TokenisedText.of([*around[:before], *marked.ids[:MARKED], *around[before : length - MARKED]])


def cell(values: Sequence[float | None]) -> str:
    """The share at each level, and of how many texts."""
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return ""
    shares = (f"{np.mean(known <= np.log10(level)):.2f}".removeprefix("0") for level in LEVELS)
    return ", ".join(shares) + f" ({len(known)})"


def row(name: str, made: Sequence[Drawn], humans: Sequence[Sequence[int]]) -> list[str]:
    """One line of the table."""
    keys = {text.key: key_of(name, text.key) for text in made}
    cells = []
    for length in LENGTHS:
        long = [text for text in made if len(text.ids) >= length]
        cells.append(
            cell([log10_p(keys[text.key], TokenisedText.of(text.ids[:length], text.prompt, from_start=True)) for text in long])
        )
    long = [text for text in made if len(text.ids) >= MARKED]
    for length in MIXED:
        joined = [(keys[text.key], within(text, humans[i % len(humans)], length)) for i, text in enumerate(long)]
        cells += [cell([log10_p(key, text) for key, text in joined])]
        cells += [cell([log10_p_of_windows(key, text) for key, text in joined])]
    return cells


def main(folder: Path, temperature: float, *names: str) -> None:
    """Print the table."""
    humans = human(default_tokenizer(), 300)
    heads = [f"{length} tokens" for length in LENGTHS]
    for length in MIXED:
        heads += [f"{MARKED} in {length:,}: whole", "windows"]
    print(f"T = {temperature:g}; share with p <= 1e-3, and 1e-5 (texts)\n\n| scheme | {' | '.join(heads)} |")
    print("|---" * (len(heads) + 1) + "|")
    for name in names or FIELDS:
        made = texts_of(folder, name, temperature)
        if made:
            print(f"| {name} | {' | '.join(row(name, made, humans))} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])
