"""Thirty ways to manipulate a text, on machine texts: whether it is flagged, and whether the clean text is judged all the same.

Where the judged text is the same, so is its p-value, and no model need be asked. The others are scored, and their p-values
compared with those of the clean texts. Then the same rules on human texts, of which none may be flagged.

Run: .venv/bin/python -m benchmarks.manipulations [MACHINE_TEXTS] [HUMAN_TEXTS]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator

import llm_audit
from llm_audit.detectors.integrity.base import examine, find_rules
from llm_audit.results import Verdict
from llm_audit.setup import OpenSetup, Setup
from llm_audit.text import scored
from tests.detectors.integrity.attacks import hide, swap
from tools.score_corpus import sample

Change = Callable[[str, Generator], str]


def some(share: float, change: Callable[[str], str], letters: str) -> Change:
    """Changes a share of the letters that are among `letters`."""

    def changed(text: str, rng: Generator) -> str:
        return "".join(change(one) if one in letters and rng.random() < share else one for one in text)

    return changed


def after(share: float, mark: str) -> Change:
    """Puts a mark after a share of the small letters."""
    return some(share, lambda letter: letter + mark, "abcdefghijklmnopqrstuvwxyz")


def each(change: Callable[[str], str]) -> Change:
    """Changes the whole text, whatever the generator says."""
    return lambda text, rng: change(text)


SMALL_CAPITALS = str.maketrans("abcdeghijklmnoprtuvwz", "ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡᴢ")
CHANGES: dict[str, Change] = {
    "Cyrillic and Greek look-alikes, 1 %": lambda text, rng: swap(text, 0.01, rng),
    "the same, 5 %": lambda text, rng: swap(text, 0.05, rng),
    "the same, 20 %": lambda text, rng: swap(text, 0.20, rng),
    "U+0251 for a, 10 %": some(0.10, lambda _: "\u0251", "a"),
    "U+0261 for g, 50 %": some(0.50, lambda _: "\u0261", "g"),
    "small capitals, 10 %": some(0.10, lambda letter: letter.translate(SMALL_CAPITALS), "abcdeghijklmnoprtuvwz"),
    "acute on 10 % of vowels": some(0.10, lambda letter: letter + "\u0301", "aeiou"),
    "underline under 10 %": after(0.10, "\u0332"),
    "capital I for l, 30 %": some(0.30, lambda _: "I", "l"),
    "rn for m, 30 %": some(0.30, lambda _: "rn", "m"),
    "0 for o, 30 %": some(0.30, lambda _: "0", "o"),
    "dotless i, 30 %": some(0.30, lambda _: "\u0131", "i"),
    "full-width, 5 %": some(0.05, lambda letter: chr(ord(letter) + 0xFEE0), "abcdefghijklmnopqrstuvwxyz"),
    "mathematical bold, 5 %": some(0.05, lambda letter: chr(0x1D41A + ord(letter) - 97), "abcdefghijklmnopqrstuvwxyz"),
    "U+200B, 1 %": lambda text, rng: hide(text, 0.01, rng),
    "U+200B, 20 %": lambda text, rng: hide(text, 0.20, rng),
    "U+200D, 5 %": after(0.05, "\u200d"),
    "soft hyphens, 5 %": after(0.05, "\u00ad"),
    "variation selectors, 5 %": after(0.05, "\ufe01"),
    "tag characters": each(lambda text: text[:50] + "".join(chr(0xE0000 + ord(one)) for one in "hidden") + text[50:]),
    "blanks of Braille for spaces": each(lambda text: text.replace(" ", "\u2800")),
    "no-break spaces": each(lambda text: text.replace(" ", "\u00a0")),
    "thin spaces": each(lambda text: text.replace(" ", "\u2009")),
    "line breaks anywhere": some(0.3, lambda _: "\n", " "),
    "curly quotes": each(lambda text: re.sub(r'"([^"]*)"', "\u201c\\1\u201d", text).replace("'", "\u2019")),
    "ligatures": each(lambda text: text.replace("ffi", "\ufb03").replace("fi", "\ufb01").replace("fl", "\ufb02")),
    "words reversed under U+202E": each(lambda text: re.sub(r"\b(\w{6})\b", lambda m: f"\u202e{m[1][::-1]}\u202c", text)),
    "all capitals": each(str.upper),
    "HTML entities": each(lambda text: text.replace("'", "&#39;").replace('"', "&quot;").replace(",", "&#44;")),
    "traces of chatbots": each(lambda text: f"{text}\n\nRegenerate response\nChatGPT can make mistakes."),
}


FACTOR = 2.0
"""The most by which the p-value of a manipulated text may differ from that of the clean one."""


class PValues:
    """p-values of texts; of each text once."""

    def __init__(self, ready: OpenSetup) -> None:
        self._ready, self._known = ready, dict[str, float | None]()

    def __call__(self, texts: Sequence[str]) -> list[float | None]:
        """Of each; None: not assessable."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        found = llm_audit.detect([llm_audit.Text(text) for text in new], setup=self._ready, keep_text=False).documents
        for text, document in zip(new, found, strict=True):
            judged = document.combined if document.verdict is not Verdict.NOT_ASSESSABLE else None
            self._known[text] = judged.p_value if judged else None
        return [self._known[text] for text in texts]


def ratio(one: float, other: float) -> float:
    """How many times the larger of two p-values is the smaller."""
    return max(one, other) / min(one, other)


def different(one: str, other: str) -> float:
    """Share of the places at which two texts have different words, of as many as the longer one has."""
    words, others = one.split(), other.split()
    longer = max(len(words), len(others), 1)
    return 1 - sum(a == b for a, b in zip(words, others, strict=False)) / longer


def row(name: str, change: Change, texts: list[str], p_of: PValues, rng: Generator) -> str:
    """What became of the texts under a manipulation."""
    rules = find_rules()
    changed = [(text, new) for text in texts if (new := change(text, rng)) != text]
    flagged = sum(any(examine(rule, new).verdict is Verdict.FINDING for rule in rules) for _, new in changed)
    off = [different(scored(new), scored(text)) for text, new in changed]
    others = [pair for pair, share in zip(changed, off, strict=True) if share]
    p_values = list(zip(p_of([text for text, _ in others]), p_of([new for _, new in others]), strict=True))
    ratios = [ratio(clean, new) for clean, new in p_values if clean is not None and new is not None]
    silent = sum(new is None for _, new in p_values)
    n, same = len(changed), len(changed) - len(others)
    within = sum(each <= FACTOR for each in ratios)
    cells = (
        name, n, f"{flagged}/{n}", f"{same}/{n}", f"{max(off, default=0):.1%}", f"{same + within}/{n}", silent,
        f"{max(ratios, default=1):.1f}",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main(machine: int, human: int) -> None:
    """Print both tables."""
    rng, rules = np.random.default_rng(0), find_rules()
    texts = sample("test").texts
    chosen = [text.text for text in texts if text.is_machine][:machine]
    print(
        "| manipulation | changed texts | flagged | judged as the clean text | words that differ in the others, at most "
        "| p within a factor of 2 | not assessable | largest factor |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with Setup(offline=True).open() as ready:
        p_of = PValues(ready)
        for name, change in CHANGES.items():
            print(row(name, change, chosen, p_of, rng), flush=True)
    people = [text.text for text in (*texts, *sample("calibration").texts) if not text.is_machine][:human]
    false = [text for text in people if any(examine(rule, text).verdict is Verdict.FINDING for rule in rules)]
    print(f"\n{len(people) - len(false)} of {len(people)} human texts are silent.")


if __name__ == "__main__":
    main(*(int(given) for given in (sys.argv[1:] or ("40", "500"))))
