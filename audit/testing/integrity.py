"""Contract of rules that count odd characters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from llm_audit.detectors.integrity.base import IntegrityRule, examine
from llm_audit.detectors.rule import Terms
from llm_audit.results import Verdict
from llm_audit.testing.reproducible import check_reproducible

PROSE = ("", "It is a truth universally acknowledged, that 1 man in 2 must be in want of a wife.")


def clauses(odd: Sequence[str]) -> Mapping[str, Callable[[IntegrityRule], None]]:
    """Clause of the contract -> its check.

    `odd`: texts in which the rule must find something: the same each time, with the characters in order and named visibly,
    and nothing once they are removed.
    """

    def finds_what_is_odd(rule: IntegrityRule) -> None:
        for text in odd:
            _finds(rule, text)

    return {
        "says what one odd character is called": _has_a_noun,
        "finds nothing in an empty text, and nothing in plain prose": _finds_nothing_in_prose,
        **({"finds what is odd, and nothing more once it is taken out": finds_what_is_odd} if odd else {}),
        "has a result that follows from its evidence alone": lambda rule: _follows_from_its_evidence(rule, (*PROSE, *odd)),
    }


def _has_a_noun(rule: IntegrityRule) -> None:
    assert rule.noun.strip(), f"{rule.code} has no noun"


def _finds_nothing_in_prose(rule: IntegrityRule) -> None:
    for plain in PROSE:
        assert not rule.look(plain).places, f"{rule.code} finds something in plain prose"


def _finds(rule: IntegrityRule, odd: str) -> None:
    oddities = rule.look(odd)
    assert rule.look(odd) == oddities, f"{rule.code} finds two things in the same text"
    assert list(oddities.places) == sorted(set(oddities.places)), f"{rule.code} names its characters out of order, or twice"
    assert all(0 <= place < len(odd) for place in oddities.places), f"{rule.code} names places outside of the text"
    result = examine(rule, odd)
    assert result.verdict is Verdict.FINDING, f"{rule.code} finds nothing odd in the text that it was given for that"
    assert result.reason.isprintable(), f"{rule.code} prints the characters that it should name"
    rest = "".join(character for place, character in enumerate(odd) if place not in set(oddities.places))
    assert examine(rule, rest).verdict is Verdict.PASS, f"{rule.code} finds more once what it named is taken out"


def _follows_from_its_evidence(rule: IntegrityRule, texts: Sequence[str]) -> None:
    assert rule.measure is not None, f"{rule.code} measures nothing"
    for text in texts:
        check_reproducible(rule, rule.measure(text), Terms(alpha=1.0))
