"""Markdown: what a renderer makes of it. No HTML, image, link or mention comes from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from llm_audit.detectors.registry import described
from llm_audit.reports.formats import markdown
from llm_audit.results import Report
from tests.reports import factory
from tests.reports.hostile import PAYLOADS

# The renderer of GitHub's dialect that does the most: HTML let through, addresses made into links.
RENDERER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
MENTION = re.compile(r"(?<!\w)@\w|(?<![\w&])#\d|:[a-z+_-]+:")
MORE = (
    "@octocat and @org/team", "see #12, GH-3 and owner/repo#4", ":octocat:", "www.evil.example/x", "mail me@evil.example now",
    "![x](https://evil.example/x.png)", "[x](https://evil.example)", "[x]: https://evil.example", "<https://evil.example>",
    "| a | b |", "`code` ``more`` |", "```\nfence\n```", "# heading", "- item", "1. item", "1) item", "    code", "> quote",
    "---", "***", "~~gone~~", "$x$ and $$y$$", "[^1]", "a\\|b", "\\", "`", "ftp://evil.example", "https\\://evil.example",
    "&lt;b&gt; &#64;octocat", "- [x] done",
)  # fmt: skip


def tokens(report: Report) -> list[Token]:
    found = []
    for token in RENDERER.parse(markdown.render(report, described)):
        found += [token, *(token.children or [])]
    return found


def shape(found: Iterable[Token]) -> list[str]:
    """Blocks, without what stands in them."""
    return [token.type for token in found if token.block]


@pytest.mark.parametrize("payload", [*PAYLOADS, *MORE], ids=ascii)
def test_sentences_and_names_read_as_they_were(payload: str) -> None:
    said = markdown.plain(payload).strip()
    (inline,) = [token for token in RENDERER.parse("x " + markdown.prose(payload)) if token.type == "inline"]
    assert "".join(child.content for child in inline.children or [])[2:].replace("\u2060", "").strip() == said
    (inline,) = [token for token in RENDERER.parse("x " + markdown.code(payload)) if token.type == "inline"]
    if said:
        assert [child.content.strip() for child in inline.children or []][-1] == said.replace("|", "\\x7c")


def test_every_subject_has_a_row_the_worst_first() -> None:
    text = markdown.render(factory.report(), described)
    rows = [line for line in text.splitlines() if line.startswith(("| ▲", "| ○", "| –", "| ✕", "| ◇"))]
    assert [row.split(" | ")[:3] for row in rows] == [
        ["| ▲ Finding", "`essays/müller_anna.txt` line 3", "≤ 0.0005"],
        ["| ✕ Unreadable", "`essays/scan.pdf`", "–"],
        ["| – Not assessable", "`essays/short note.txt`", "–"],
        ["| ○ No finding", "`essays/okafor_ben.txt`", "0.43"],
    ]
    assert "**▲ Finding: 1, ○ No finding: 1, – Not assessable: 1, ✕ Unreadable: 1**" in text
    assert "4 inputs: 2 judged, 1 not assessable, 1 unreadable." in text


def test_limits_and_manifest_are_in_it() -> None:
    text = markdown.render(factory.report(), described)
    for limit in factory.report().limits:
        assert f"- {limit}" in text
    for said in ("`llm-audit 0.1.0`", "`2025-11-21T04:12:07Z`", factory.POPULATION.digest, "b179c952" * 8, "torch 2.13.0"):
        assert said in text


def test_a_summary_stays_below_what_github_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "LONGEST", 5_000)
    documents = [factory.finding(f"{number}.txt") for number in range(20)] + [
        factory.passing(f"p{number}.txt") for number in range(30)
    ]
    text = markdown.render(factory.report(*documents), described)
    assert len(text.encode()) < 8_000
    left = re.search(r"\*(\d+) rows left out for want of room \(Finding: (\d+), No finding: 30\)\*", text)
    assert left and int(left[1]) == int(left[2]) + 30
    assert "Finding: 20" in text
