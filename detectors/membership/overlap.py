"""Copies: texts that nearly equal one another, within the suspect and the held-out texts and between them.

A held-out text that nearly equals a suspect one is no non-member, and a text that occurs twice is one piece of evidence, not
two. Needs no model. Knows nothing about tests.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm_audit.detectors.membership.collection import Collection, collect
from llm_audit.reports.wording.notes import LONG
from llm_audit.results.membership import Copies
from llm_audit.stats.components import components

SHORT, PART = 8, 0.5
"""Definition of a copy: two texts nearly equal each other if the one with fewer distinct word 8-grams shares half of them with
the other; texts of fewer than 8 words, if they have the same words in the same order."""

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")

Words = tuple[str, ...]


@dataclass(frozen=True)
class Overlap:
    """Both collections after the removal of copies, with counts of what was removed. Sides are (suspects, held-out texts).

    Attributes:
        suspects: without documents that have a copy among the held-out ones; documents that are copies are one document.
        held_out: likewise.
        left_out: by side, the names of the texts left out.
        equal: held-out texts with exactly the words of a suspect text; they are among those left out.
        repeated: by side, how many of the remaining texts nearly equal another.
        shared: by side, the share of the remaining distinct word 13-grams that the other side has as well.
    """

    suspects: Collection
    held_out: Collection
    left_out: tuple[tuple[str, ...], tuple[str, ...]]
    equal: int
    repeated: tuple[int, int]
    shared: tuple[float, float]

    @property
    def copies(self) -> Copies:
        """The counts as a report stores them."""
        suspect, held_out = map(len, self.left_out)
        return Copies(
            left_out=(suspect, held_out),
            equal=self.equal,
            first=self.left_out[1][0] if held_out else "",
            repeated=self.repeated,
            documents=len(set(self.suspects.documents) & set(self.held_out.documents)),
            shared=self.shared,
        )


def compare(suspects: Collection, held_out: Collection) -> Overlap:
    """Leave out, on both sides, the documents that have a copy on the other; make documents that are copies one document.

    On both sides, because what is often copied (boilerplate) is also easy for every model: left out of the held-out texts
    alone, it would make the suspects look familiar to a model that saw neither.
    """
    sides = (suspects, held_out)
    texts = [words(item.text) for side in sides for item in side.items]
    documents = [f"{name} {item.document}" for name, side in zip("sh", sides, strict=True) for item in side.items]
    links = copies(texts)
    copied = {i for i, _ in links}
    family = components((documents[i], documents[j]) for i, j in links)
    families = [family(document) for document in documents]
    split = len(suspects.items)
    on_both = set(families[:split]) & set(families[split:])
    kept, left_out, repeated, grams = [], [], [], []
    for side, start in zip(sides, (0, split), strict=True):
        name: dict[str, str] = {}
        stays, goes = [], []
        for i, item in enumerate(side.items, start):
            if families[i] in on_both:
                goes.append(item.name)
            else:
                stays.append((i, replace(item, document=name.setdefault(families[i], item.document))))
        kept.append(collect((item for _, item in stays), side.total, side.malformed))
        left_out.append(tuple(goes))
        repeated.append(sum(i in copied for i, _ in stays))
        grams.append({gram for i, _ in stays for gram in _grams(texts[i], LONG)})
    known, both = set(texts[:split]), len(grams[0] & grams[1])
    return Overlap(
        suspects=kept[0],
        held_out=kept[1],
        left_out=(left_out[0], left_out[1]),
        equal=sum(text in known for text in texts[split:]),
        repeated=(repeated[0], repeated[1]),
        shared=(both / max(1, len(grams[0])), both / max(1, len(grams[1]))),
    )


def words(text: str) -> Words:
    """The words of a text in lower case; in languages without spaces between words, its characters."""
    return tuple(_WORD.findall(text.lower()))


def copies(texts: Sequence[Words]) -> list[tuple[int, int]]:
    """Pairs (text, a longer text that it nearly equals), by index; a text that is no copy is never first in a pair.

    Texts are taken in order of decreasing number of 8-grams, and each is compared with groups: the union of a text and its
    copies. That links slightly more than comparing all pairs, and thousands of copies cost no more than other texts.
    """
    grams = [_grams(text, SHORT) or {hash(text)} for text in texts]
    frequency = Counter(gram for text in grams for gram in text)
    families: dict[int, list[int]] = defaultdict(list)  # gram -> first texts of the families that hold it
    holdings: dict[int, set[int]] = {}
    pairs = []
    for i in sorted(range(len(texts)), key=lambda i: -len(grams[i])):
        shared, n = {gram for gram in grams[i] if frequency[gram] > 1}, len(grams[i])
        originals = []
        if len(shared) >= PART * n:
            # If half of all are shared, one of the rarest half and one more is (the unique ones included): look up only these.
            rarest = sorted(shared, key=frequency.__getitem__)[: len(shared) - (n - 1) // 2]
            candidates = {first for gram in rarest for first in families.get(gram, ())}
            originals = sorted(first for first in candidates if len(shared & holdings[first]) >= PART * n)
        pairs += [(i, first) for first in originals]
        home = originals[0] if originals else i
        new = shared - holdings.setdefault(home, set())
        holdings[home] |= new
        for gram in new:
            families[gram].append(home)
    return pairs


def _grams(words: Words, n: int) -> set[int]:
    return {hash(gram) for gram in zip(*(words[k:] for k in range(n)), strict=False)}
