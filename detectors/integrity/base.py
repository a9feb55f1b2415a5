"""What an integrity rule is, and how its rules are found and applied.

A rule counts characters of a text that stand where honest writing has no use for them. It is deterministic: there is no
chance in it, so no null distribution and no p-value. It says that something is odd, not who did it or why, and nothing
about who wrote the text. It knows nothing of models, scores or populations.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from llm_audit.detectors.plugins import find_announced
from llm_audit.errors import AuditError
from llm_audit.results import Effect, Result, Span, Statistic, Verdict
from llm_audit.text import Hidden

GROUP = "llm_audit.integrity"
"""Entry-point group under which packages, this one included, announce their integrity rules."""

SLIPS = 2
"""Odd characters of a kind that honest texts have as well: a keyboard in the wrong alphabet, a character pasted along."""

NAMED = 4
"""Characters that a sentence names."""

MOST_SPANS = 10_000
"""Places that a result holds: a hostile text of millions of odd characters must not make a report of gigabytes."""


class Oddities(NamedTuple):
    """What a rule found in a text.

    Attributes:
        places: positions of the odd characters, in order.
        tolerated: so many of them are no finding.
        total: how many there are, if they do not stand in the text themselves; else as many as places.
        said: what they are, in plain ASCII; empty: their names in Unicode.
    """

    places: tuple[int, ...]
    tolerated: int = 0
    total: int | None = None
    said: str = ""


@dataclass(frozen=True)
class IntegrityRule:
    """A way to tamper with a text, and what a reader must know about how it is looked for.

    Attributes:
        rule: stable code, AUD9nn.
        name: under which it is announced.
        title: name in reports.
        noun: one odd character, in words.
        null: what counts as normal, as a sentence.
        method: what is looked for, and what is let pass.
        look: pure function of the text. Taking the characters that it names out of a text (a space: putting a plain one in
            its place) leaves nothing to find.
        look_beside: the same of what the document holds beside the text and no reader sees.
    """

    rule: str
    name: str
    title: str
    noun: str
    null: str
    method: str
    look: Callable[[str], Oddities]
    look_beside: Callable[[Sequence[Hidden]], Oddities] | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"AUD9\d{2}", self.rule):
            raise ValueError(f"an integrity rule is AUD9 and two digits, not {self.rule!r}")


def find_rules() -> list[IntegrityRule]:
    """All rules announced, sorted by code. One that does not load is left out with a warning.

    Raises:
        AuditError: two claim the same code.
    """
    rules: dict[str, IntegrityRule] = {}
    for rule in find_announced(GROUP, IntegrityRule, "integrity rule", ()):
        if rules.setdefault(rule.rule, rule) is not rule:
            raise AuditError(f"Two integrity rules claim the code {rule.rule}: {rules[rule.rule].name} and {rule.name}.")
    return [rules[code] for code in sorted(rules)]


def examine(rule: IntegrityRule, text: str, hidden: Sequence[Hidden] = ()) -> Result:
    """Apply a rule to a text as read; the spans are characters of that text, the first `MOST_SPANS`.

    `hidden`: what stands in the document beside the text; a span is then the character that it stands before.
    """
    found = rule.look_beside(hidden) if rule.look_beside and hidden else rule.look(text)
    count = len(found.places) if found.total is None else found.total
    places = tuple(sorted({min(place, max(len(text) - 1, 0)) for place in found.places}))
    share = 1000 * count / max(len(text), 1)
    verdict = Verdict.FINDING if count > found.tolerated else Verdict.PASS
    return Result(
        rule=rule.rule,
        name=rule.title,
        subject="document",
        null=rule.null,
        verdict=verdict,
        reason=_reason(rule, text, found, verdict),
        statistic=Statistic(name=f"{rule.noun}s", value=count, unit=f"of {len(text):,} characters"),
        effect=Effect(name="share", value=share, unit="per 1,000 characters"),
        n=len(text),
        spans=tuple(
            Span(start=start, end=end, p_value=None, p_floor=None, q_value=None, n=0)
            for start, end in _runs(places)[:MOST_SPANS]
        ),
        assumptions=(DETERMINISTIC,),
        method=rule.method,
    )


DETERMINISTIC = (
    "Integrity rules count characters and involve no chance, so they have no p-value. They say what stands in the text, not "
    "who put it there or why; and nothing about who wrote it."
)


def _reason(rule: IntegrityRule, text: str, found: Oddities, verdict: Verdict) -> str:
    count = len(found.places) if found.total is None else found.total
    if not count:
        return f"No {rule.noun} was found."
    many = f"{count:,} {_plural(rule.noun) if count != 1 else rule.noun}"
    named = found.said or named_characters([text[place] for place in found.places])
    if verdict is Verdict.PASS:
        return f"{many}, as few as honest texts have by accident: {named}."
    share = 1000 * count / len(text)
    return f"{many} among {len(text):,} characters ({share:{'.0f' if share >= 99.5 else '.2g'}} per 1,000): {named}."


def _plural(noun: str) -> str:
    head, of, rest = noun.partition(" of ")
    return f"{head}s{of}{rest}"


def named_characters(characters: list[str]) -> str:
    """Characters by code point, name and number, the most frequent first: "U+200B ZERO WIDTH SPACE (12)". Plain ASCII."""
    counts = sorted(Counter(characters).items(), key=lambda item: (-item[1], item[0]))
    told = [f"U+{ord(one):04X} {unicodedata.name(one, 'without a name')} ({n:,})" for one, n in counts[:NAMED]]
    more = len(counts) - len(told)
    return ", ".join(told) + (f" and {more} other kind{'s' * (more != 1)}" if more else "")


def _runs(places: tuple[int, ...]) -> list[tuple[int, int]]:
    """Neighbouring positions as ranges."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs
