"""The base class of integrity rules, which look at the characters of a text.

A rule counts characters that ordinary writing has no use for. It is deterministic: no chance, hence no null distribution
and no p-value. It shows that something is odd, not who did it or why, and nothing about who wrote the text. It knows nothing
of models, scores or populations.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.detectors import registry
from llm_audit.detectors.announced import Announcement
from llm_audit.detectors.plugins import guarded
from llm_audit.detectors.rule import Measurement, NotDerivable, Rule, Terms
from llm_audit.results import Effect, Result, Span, Statistic, Verdict
from llm_audit.results.evidence import Characters, Odd, Way
from llm_audit.text import Hidden

SLIPS = 2
"""Odd characters that are tolerated, since ordinary texts have some: a keyboard in the wrong alphabet, a stray paste."""

NAMED = 4
"""Most kinds of characters that a sentence names."""

QUOTED = 60
"""Most characters of an odd stretch that a sentence shows."""

MOST_SPANS = 10_000
"""Most places that a result holds: a hostile text of millions of odd characters must not give a report of gigabytes."""

DETERMINISTIC = (
    "Integrity rules count characters and involve no chance, so they have no p-value. They say what stands in the text, not "
    "who put it there or why; and nothing about who wrote it."
)

MEANING = "A count of characters, without chance and without a p-value. It says nothing about who wrote the text."


class Oddities(NamedTuple):
    """The odd characters that a rule found in a text.

    Attributes:
        places: positions of the odd characters, in order.
        tolerated: largest number that is no finding.
        total: their number, if they are in the document but not in its text.
        ways: kind -> number, for rules that look for more than single characters.
        first: for such rules, the beginning of the first odd stretch.
    """

    places: tuple[int, ...]
    tolerated: int = 0
    total: int | None = None
    ways: tuple[Way, ...] = ()
    first: str | None = None


@dataclass(frozen=True, kw_only=True)
class IntegrityRule(Rule[str, Characters]):
    """A rule that looks for one way to tamper with a text.

    Attributes:
        noun: name of one odd character, in words.
        look: pure function from a text to its oddities. If the characters that it names are removed (a space: replaced by a
            plain one), it finds nothing.
        look_beside: function from a document's hidden text to its oddities.
        earlier_method: what earlier versions wrote for `method`, which their stored results keep; "": the same.
    """

    noun: str
    look: Callable[[str], Oddities]
    look_beside: Callable[[Sequence[Hidden]], Oddities] | None = None
    earlier_method: str = ""

    def adopted(self, plugin: Announcement) -> Self:
        """The rule of a plugin, wrapped so that errors name the plugin."""
        return replace(self, look=guarded(self.look, plugin), plugin=plugin)


def integrity_rule(
    look: Callable[[str], Oddities],
    *,
    code: str,
    name: str,
    title: str,
    noun: str,
    null: str,
    method: str,
    finding_title: str | None = None,
    question: str | None = None,
    look_beside: Callable[[Sequence[Hidden]], Oddities] | None = None,
    earlier_method: str = "",
) -> IntegrityRule:
    """Make the rule that counts the characters that `look` finds.

    Args:
        look: see `IntegrityRule`.
        code: of plugins AUD and three digits from 950 to 999.
        name: under which it is announced.
        title: in reports.
        noun: name of one odd character, in words.
        null: what counts as normal, as a sentence.
        method: what is looked for, and what is tolerated.
        finding_title: title of a finding for programs; None: the rule's title.
        question: what a reader wants to know, one sentence.
        look_beside: see `IntegrityRule`.
        earlier_method: see `IntegrityRule`.
    """

    def derive(measured: Measurement[Characters], terms: Terms) -> Result:
        return _result(rule, measured)

    words = "".join(word.capitalize() for word in title.replace("-", " ").split())
    rule = IntegrityRule(
        code=code,
        name=name,
        title=title,
        question=question or f"Does the text have any {noun} that honest writing has no use for?",
        null=null,
        assumptions=(DETERMINISTIC,),
        method=method,
        measure=lambda text: _measured(look(text), text),
        derive=derive,
        listed=(words, finding_title or title, MEANING),
        noun=noun,
        look=look,
        look_beside=look_beside,
        earlier_method=earlier_method,
    )
    return rule


def find_rules() -> list[IntegrityRule]:
    """All rules announced, sorted by code. One that does not load is left out with a warning.

    Raises:
        AuditError: two claim the same code.
    """
    rules: dict[str, IntegrityRule] = {}
    for rule in registry.rules("integrity"):
        if isinstance(rule, IntegrityRule) and rules.setdefault(rule.code, rule) is not rule:
            raise InvalidConfiguration(
                f"Two integrity rules claim the code {rule.code}: {rules[rule.code].name} and {rule.name}."
            )
    return list(rules.values())


def examine(rule: IntegrityRule, text: str, hidden: Sequence[Hidden] = ()) -> Result:
    """Apply a rule to a text as read; the spans are characters of that text, the first `MOST_SPANS`.

    `hidden`: the document's hidden text; a span is then the character that it precedes.
    """
    oddities = rule.look_beside(hidden) if rule.look_beside and hidden else rule.look(text)
    return rule.derive(_measured(oddities, text), Terms(alpha=1.0))  # nothing is left to chance


def _measured(oddities: Oddities, text: str) -> Measurement[Characters]:
    places = tuple(sorted({min(place, max(len(text) - 1, 0)) for place in oddities.places}))
    odd = () if oddities.ways else tuple(text[place] for place in places)
    counts = sorted(Counter(odd).items(), key=lambda item: (-item[1], item[0]))
    return Measurement(
        Characters(
            count=len(places) if oddities.total is None else oddities.total,
            tolerated=oddities.tolerated,
            named=tuple(Odd(code_point=ord(character), count=n) for character, n in counts[:NAMED]),
            others=len(counts[NAMED:]),
            ways=oddities.ways,
            first=oddities.first,
        ),
        n=len(text),
        spans=tuple(
            Span(start=start, end=end, p_value=None, p_floor=None, q_value=None, n=0)
            for start, end in _runs(places)[:MOST_SPANS]
        ),
    )


def _result(rule: IntegrityRule, measured: Measurement[Any]) -> Result:
    evidence, length = measured.evidence, measured.n
    if not isinstance(evidence, Characters) or length is None:
        raise NotDerivable("the report does not store which characters were found")
    verdict = Verdict.FINDING if evidence.count > evidence.tolerated else Verdict.PASS
    share = 1000 * evidence.count / max(length, 1)
    fields = rule.result_fields
    if rule.earlier_method and measured.method == rule.earlier_method:
        fields["method"] = rule.earlier_method
    return Result(
        **fields,
        subject="document",
        verdict=verdict,
        reason=_reason(rule, evidence, verdict, length, share),
        statistic=Statistic(name=_plural(rule.noun), value=evidence.count, unit=f"of {length:,} characters"),
        effect=Effect(name="share", value=share, unit="per 1,000 characters"),
        n=length,
        evidence=evidence,
        spans=measured.spans,
    )


def _reason(rule: IntegrityRule, evidence: Characters, verdict: Verdict, length: int, share: float) -> str:
    if not evidence.count:
        return f"No {rule.noun} was found."
    many = f"{evidence.count:,} {_plural(rule.noun) if evidence.count != 1 else rule.noun}"
    named = _ways(evidence) or named_characters(evidence.named, evidence.others)
    if verdict is Verdict.PASS:
        return f"{many}, as few as honest texts have by accident: {named}."
    return f"{many} among {length:,} characters ({share:{'.0f' if share >= 99.5 else '.2g'}} per 1,000): {named}."


def _plural(noun: str) -> str:
    head, of, rest = noun.partition(" of ")
    return f"{head}s{of}{rest}"


def _ways(evidence: Characters) -> str:
    listed = ", ".join(f"{way.how} ({way.count:,})" for way in evidence.ways)
    return f'{listed}; the first begins "{evidence.first}"' if evidence.first else listed


def quoted(text: str) -> str:
    """The beginning of an odd stretch, as a sentence shows it: one line of plain ASCII."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text.strip()[:QUOTED])
    return plain.encode("ascii", "backslashreplace").decode()


def named_characters(named: Sequence[Odd], others: int) -> str:
    """A list, in words, of characters with code point, name and count: "U+200B ZERO WIDTH SPACE (12)". Plain ASCII."""
    listed = [
        f"U+{odd.code_point:04X} {unicodedata.name(chr(odd.code_point), 'without a name')} ({odd.count:,})" for odd in named
    ]
    return ", ".join(listed) + (f" and {others} other kind{'s' * (others != 1)}" if others else "")


def _runs(places: tuple[int, ...]) -> list[tuple[int, int]]:
    """Ranges [start, stop) of neighbouring positions."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs
