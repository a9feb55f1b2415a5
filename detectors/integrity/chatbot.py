"""AUD905: traces of a chatbot: what its page or its program leaves in a text that is copied from it."""

from __future__ import annotations

from collections import Counter

from llm_audit.detectors.integrity.base import IntegrityRule, Oddities
from llm_audit.text.traces import find_traces

_QUOTED = 60  # characters


def look(text: str) -> Oddities:
    """The characters of every trace; one is enough, as nobody types them."""
    found = find_traces(text)
    if not found:
        return Oddities(())
    kinds = Counter(trace.what for trace in found)
    listed = ", ".join(f"{what} ({count:,})" for what, count in kinds.most_common())
    first = text[found[0].start : found[0].end].strip()[:_QUOTED]
    plain = "".join(letter if letter.isprintable() else " " for letter in first).encode("ascii", "backslashreplace").decode()
    places = tuple(place for trace in found for place in range(trace.start, trace.end))
    return Oddities(places, said=f'{listed}; the first is "{plain}"')


detector = IntegrityRule(
    rule="AUD905",
    name="chatbot",
    title="Traces of a chatbot",
    noun="character of chatbot trace",
    null="Nothing in the text was left there by a chatbot, its page or its program.",
    method=(
        "A list of marks: of citations (turn0search3, oaicite, U+2020 in brackets), utm_source of a chatbot in links, tokens "
        "of models' formats, lines that are buttons or headings of chatbots' pages, and sentences such as “As an AI language "
        "model, I ...”, not in quotation marks. Evidence that this stretch passed through a chatbot, not of who wrote the "
        "rest; a text about chatbots may quote them. None of it is scored."
    ),
    look=look,
)
