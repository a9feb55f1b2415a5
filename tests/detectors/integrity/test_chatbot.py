"""AUD905: what chatbots leave behind is found and never scored; texts about chatbots are let pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from llm_audit.detectors.integrity.base import examine
from llm_audit.detectors.integrity.chatbot import rule
from llm_audit.results import Verdict
from llm_audit.text import normalise
from tests.detectors.integrity.laws import check_laws, texts

ESSAY = Path("fixtures/texts/essay-human.txt").read_text()


@given(texts)
def test_laws(text: str) -> None:
    check_laws(rule, text)


@pytest.mark.parametrize(
    "trace",
    [
        " citeturn0search3turn0search5",
        " \ue200cite\ue202turn0search3\ue202turn1view0\ue201",
        " :contentReference[oaicite:3]{index=3}",
        " 【4:0†source】",
        "\n\nChatGPT said:\n",
        "\n\nRegenerate response\n",
        "\n\nCopy code\n",
        "\n\nChatGPT can make mistakes. Check important info.\n",
        "\n\nAs an AI language model, I cannot have a view of this.",
        "\n\nI'm sorry, but I cannot assist with that request.",
        "\n\nAs of my last knowledge update in 2023, this was so.",
        "\n\n<|im_start|>",
    ],
)
def test_a_trace_is_found_and_no_part_of_what_is_scored(trace: str) -> None:
    traced = ESSAY.rstrip() + trace
    result = examine(rule, traced)
    assert result.verdict is Verdict.FINDING and result.p_value is None
    assert min(span.start for span in result.spans) >= len(ESSAY.rstrip())
    view = normalise(traced)
    assert view.text == normalise(ESSAY).text
    assert any("chatbot" in note for note in view.notes)


def test_links_from_a_chatbot_are_named() -> None:
    result = examine(rule, "See https://example.org/a?utm_source=chatgpt.com for more.")
    assert result.reason == (
        "23 characters of chatbot trace among 58 characters (397 per 1,000): link from a chatbot (1); the first begins "
        '"?utm_source=chatgpt.com".'
    )


@pytest.mark.parametrize(
    "text",
    [
        "The bot began with “As an AI language model, I cannot” and went on like that.",
        'It says "As an AI language model, I have no views" far too often.',
        "As an artist, I said: no. As a large man, I cannot run. I'm sorry, but I can't come.",
        "She said:\nRegenerate the tissue, and the response will follow. You said: never.",
        "It is his turn 0 times out of 3; search for it. utm_source=newsletter is a tag.",
        "He could think, and the model of language is old. I was an AI researcher.",
    ],
)
def test_what_is_said_about_chatbots_is_let_pass(text: str) -> None:
    assert examine(rule, text).verdict is Verdict.PASS, examine(rule, text).reason
