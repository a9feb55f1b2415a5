"""What each format of a report must hold, whatever the report says: one check per format of the registry."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import xmlschema
from markdown_it import MarkdownIt

from llm_audit.common.terminal import terminal_safe
from llm_audit.detectors.registry import described
from llm_audit.reports.formats import FORMATS
from llm_audit.results import Report
from llm_audit.results.read import read_report

OURS = re.compile(
    r"#document-\d+(-candidate-\d+|-after)?|#(membership|substitution)-assumptions|#substitution-test-\d+"
    r"|#(content|index|limits|method)"
)
"""Where the links of a page lead: within it."""

FORBIDDEN = frozenset({"script", "img", "iframe", "link", "base", "form", "object", "embed", "audio", "video", "input"})
LOADING = frozenset({"style", "src", "srcset", "action", "formaction", "data", "poster", "ping", "background", "xlink:href"})

SCHEMAS = Path(__file__).parents[2] / "fixtures" / "schemas"

MARKDOWN = MarkdownIt("gfm-like", {"html": True, "linkify": True})
"""GitHub's dialect with HTML let through and addresses made into links; a bare `a.py` is none on GitHub and GitLab."""
assert MARKDOWN.linkify is not None
MARKDOWN.linkify.set({"fuzzy_link": False})

INERT = frozenset({"html_inline", "html_block", "image", "link_open", "fence", "code_block", "blockquote_open", "hr", "s_open"})
MENTION = re.compile(r"(?<!\w)@\w|(?<![\w&])#\d|:[a-z+_-]+:")


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


def rendered(name: str, report: Report) -> bytes:
    """A report in a format."""
    content = FORMATS[name].renderer()(report, described)
    return content.encode("utf-8") if isinstance(content, str) else content


def unsealed(report: Report) -> Report:
    """A stored report as it was before its digest was taken."""
    return report.model_copy(update={"content_digest": None})


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


def check_class_set(data: bytes, plain: bytes, report: Report) -> None:
    """As of the report, in any order: of rows, some are sorted by words. Besides, there are buttons, which send nothing."""
    page = data.decode("utf-8")
    skeleton = Skeleton(page)
    assert Counter(skeleton.elements) == Counter(Skeleton(plain.decode("utf-8")).elements)
    assert not (FORBIDDEN - {"input"}) & {tag for tag, _ in skeleton.elements}
    for tag, name, value in skeleton.attributes:
        assert not name.startswith("on") and name not in LOADING, (tag, name)
        assert name != "href" or re.fullmatch(r"#(content|index|text-\d+)", value), value
        assert (tag, name) != ("input", "type") or value == "radio"
    assert terminal_safe(page) == page


def check_json(data: bytes, plain: bytes, report: Report) -> None:
    """It reads back as what was written, and is safe to print. Half a character is shown as its escape."""
    text = data.decode("utf-8")
    assert terminal_safe(text) == text
    assert unsealed(Report.model_validate_json(text)) == unsealed(Report.model_validate(_whole(report.model_dump())))


def check_jsonl(data: bytes, plain: bytes, report: Report) -> None:
    """As many lines as the harmless one has, and they read back as what was written."""
    text = data.decode("utf-8")
    assert terminal_safe(text) == text
    assert len(text.splitlines()) == text.count("\n") == plain.count(b"\n")
    assert unsealed(read_report(data, "x")) == unsealed(Report.model_validate(_whole(report.model_dump())))


def check_sarif(data: bytes, plain: bytes, report: Report) -> None:
    """It obeys the OASIS schema, has no link, and every path leads into the project."""
    text = data.decode("utf-8")
    log = json.loads(text)
    schema("sarif-2.1.0.json").validate(log)
    assert terminal_safe(text) == text
    assert not any("](" in message for message in _messages(log))
    for artifact in log["runs"][0]["artifacts"]:
        uri = artifact["location"]["uri"]
        assert ":" not in uri and not uri.startswith("//")


def _messages(value: Any) -> Iterator[str]:
    """What viewers of SARIF read links in."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in ("text", "markdown") and isinstance(each, str):
                yield each
            elif key != "properties":
                yield from _messages(each)
    elif isinstance(value, list):
        for each in value:
            yield from _messages(each)


def check_gitlab(data: bytes, plain: bytes, report: Report) -> None:
    """It obeys GitLab's schema, and no issue hides another."""
    issues = json.loads(data)
    schema("gitlab-code-quality.json").validate(issues)
    assert terminal_safe(data.decode("utf-8")) == data.decode("utf-8")
    assert len({issue["fingerprint"] for issue in issues}) == len(issues) == len(json.loads(plain))


def check_junit(data: bytes, plain: bytes, report: Report) -> None:
    """It obeys the schema, and has the elements of the harmless one."""
    text = data.decode("utf-8")
    _junit().validate(text)
    assert terminal_safe(text) == text
    assert [each.tag for each in ET.fromstring(data).iter()] == [each.tag for each in ET.fromstring(plain).iter()]


def check_github(data: bytes, plain: bytes, report: Report) -> None:
    """As many commands as the harmless one has, of the same kinds, and nothing else."""
    hostile, harmless = (each.decode("utf-8").splitlines() for each in (data, plain))
    assert terminal_safe(data.decode("utf-8")) == data.decode("utf-8")
    assert [_command(line) for line in hostile] == [_command(line) for line in harmless]


def check_lines(data: bytes, plain: bytes, report: Report) -> None:
    """As many lines as the harmless one has, and nothing that a terminal obeys."""
    text = data.decode("utf-8")
    assert terminal_safe(text) == text
    assert len(text.splitlines()) == len(plain.decode("utf-8").splitlines())


def check_markdown(data: bytes, plain: bytes, report: Report) -> None:
    """The blocks of the harmless one; no HTML, image, link, mention or reference, in a renderer that makes whatever it can."""
    text = data.decode("utf-8")
    assert terminal_safe(text.replace("\u2060", "")) == text.replace("\u2060", "")  # the joiners are ours
    found = [token for each in MARKDOWN.parse(text) for token in (each, *(each.children or []))]
    assert not INERT & {token.type for token in found}
    assert [token.type for token in found if token.block] == [
        token.type for token in MARKDOWN.parse(plain.decode("utf-8")) if token.block
    ]
    for token in found:
        if token.type == "text":
            assert not MENTION.search(token.content), token.content
            assert not re.search(r"https?://|www\.|\w@\w", token.content), token.content


def check_csv(data: bytes, plain: bytes, report: Report) -> None:
    """As many rows as the harmless one has, as many cells in each; nothing acts on a terminal, and no cell is a formula."""
    text = data.decode("utf-8")
    assert terminal_safe(text.replace("\r\n", "\n")) == text.replace("\r\n", "\n")
    rows, harmless = (list(csv.reader(io.StringIO(each.decode("utf-8"), newline=""))) for each in (data, plain))
    assert [len(row) for row in rows] == [len(row) for row in harmless]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)


def check_pdf(data: bytes, plain: bytes, report: Report) -> None:
    """A document with nothing in it that acts."""
    assert data.startswith(b"%PDF-")
    assert not re.search(rb"/EmbeddedFile|/Launch|/JavaScript|/SubmitForm", data)


CHECKS: dict[str, Callable[[bytes, bytes, Report], None]] = {
    "html": check_html,
    "class_set": check_class_set,
    "pdf": check_pdf,
    "json": check_json,
    "jsonl": check_jsonl,
    "sarif": check_sarif,
    "junit": check_junit,
    "gitlab": check_gitlab,
    "github": check_github,
    "concise": check_lines,
    "markdown": check_markdown,
    "csv": check_csv,
}
"""Format -> check of a hostile report, the harmless one of the same shape, and what was rendered."""


@cache
def schema(name: str) -> jsonschema.Draft4Validator:
    return jsonschema.Draft4Validator(json.loads((SCHEMAS / name).read_text()))


@cache
def _junit() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))


def _command(line: str) -> tuple[str, frozenset[str]]:
    """The kind of a workflow command, and its properties but for the file: whether there is one depends on the name."""
    match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
    assert match, line
    return match[1], frozenset(each.partition("=")[0] for each in match[2].split(",")) - {"file"}


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_whole(each) for each in value]
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", value) if isinstance(value, str) else value
