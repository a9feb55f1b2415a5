"""The rule for traces that a chatbot's page or program leaves in copied text."""

from __future__ import annotations

from collections import Counter

from llm_audit.detectors.integrity.base import Oddities, integrity_rule, quoted
from llm_audit.results.evidence import Way
from llm_audit.text.traces import find_traces


def look(text: str) -> Oddities:
    """The characters of every trace; one is enough, as nobody types them."""
    traces = find_traces(text)
    if not traces:
        return Oddities(())
    kinds = Counter(trace.kind for trace in traces)
    ways = tuple(Way(how=kind, count=count) for kind, count in kinds.most_common())
    places = tuple(place for trace in traces for place in range(trace.start, trace.end))
    return Oddities(places, ways=ways, first=quoted(text[traces[0].start : traces[0].end]))


rule = integrity_rule(
    look,
    code="AUD905",
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
    question="Did a chatbot, its page or its program leave traces in the text?",
    finding_title="Traces that a chatbot left in the text",
)
