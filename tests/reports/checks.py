"""What each format of a report must hold, whatever the report says: one check per suffix of the registry."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from llm_audit.reports.write import RENDERERS
from llm_audit.results import Report
from llm_audit.terminal import terminal_safe

OURS = re.compile(r"#document-\d+(-candidate-\d+)?|#(membership|substitution)-assumptions|#substitution-test-\d+|#limits")
"""Where the links of a page lead."""

FORBIDDEN = frozenset({"script", "img", "iframe", "link", "base", "form", "object", "embed", "audio", "video", "input"})
LOADING = frozenset({"style", "src", "srcset", "action", "formaction", "data", "poster", "ping", "background", "xlink:href"})


class Skeleton(HTMLParser):
    """The page as a parser sees it: its elements with their attribute names, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def rendered(suffix: str, report: Report) -> bytes:
    """A report in the format of a suffix."""
    content = RENDERERS[suffix](report)
    return content.encode("utf-8") if isinstance(content, str) else content


def check_html(data: bytes, plain: bytes, report: Report) -> None:
    """The elements are those of the harmless page; nothing runs, loads, or leads away."""
    page = data.decode("utf-8")
    skeleton = Skeleton(page)
    assert skeleton.elements == Skeleton(plain.decode("utf-8")).elements
    assert not FORBIDDEN & {tag for tag, _ in skeleton.elements}
    for tag, name, value in skeleton.attributes:
        assert not name.startswith("on") and name not in LOADING, (tag, name)
        assert name != "href" or OURS.fullmatch(value), value
    assert terminal_safe(page) == page, "a control character of the input reached the page"


def check_json(data: bytes, plain: bytes, report: Report) -> None:
    """It reads back as what was written, and is safe to print. Half a character is shown as its escape."""
    text = data.decode("utf-8")
    assert terminal_safe(text) == text
    assert Report.model_validate_json(text) == Report.model_validate(_whole(report.model_dump()))


CHECKS: dict[str, Callable[[bytes, bytes, Report], None]] = {".html": check_html, ".htm": check_html, ".json": check_json}
"""Suffix -> check of a hostile report, the harmless one of the same shape, and what was rendered."""


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_whole(each) for each in value]
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", value) if isinstance(value, str) else value
