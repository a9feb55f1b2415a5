"""What holds of every integrity rule on any text, and the texts to try it on."""

from __future__ import annotations

from hypothesis import strategies as st

from llm_audit.detectors.integrity.base import IntegrityRule, examine
from llm_audit.results import Verdict
from tests.detectors.integrity.attacks import without

# Characters that meet the rules' conditions: hidden, directing, styled, look-alike; emoji, flags, joining scripts, marks.
TRICKY = (
    "aeoABx10 .#\n\r\t\u2028\u0301\u093c\u0915\u094d\u0e01\u6f22\u3042\u0627\u05d0\u1820αΑоеасѕІдщн𝐞ｗ𝑥"
    "\u00ad\u034f\u200b\u200c\u200d\u2060\ufeff\u3164\ufe0e\ufe0f\ufe00\U000e0100\U000e0101\U000e0041\U000e007f\u180b"
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2009\u3000\u00a0❤👩🔥\U0001f3f4\U0001f3fd\u20e3"
)
texts = st.text(st.one_of(st.sampled_from(TRICKY), st.characters()), max_size=60)


def check_laws(rule: IntegrityRule, text: str) -> None:
    """Never raises, names places of the text in visible words, and finds nothing once they are taken out."""
    result, places = examine(rule, text), rule.look(text).places
    assert sorted(set(places)) == list(places)
    assert [place for span in result.spans for place in range(span.start, span.end)] == list(places)
    assert all(place < len(text) for place in places)
    assert result.reason.isascii() and result.reason.isprintable()
    assert result.statistic is not None and result.statistic.value == len(places)
    assert result.p_value is None and all(span.p_value is None for span in result.spans)
    assert examine(rule, without(text, places)).verdict is Verdict.PASS
