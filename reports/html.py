"""The report as one self-contained page: no script, no external address, a policy that forbids both.

Knows nothing of how the numbers came about. Everything that is said is in `templates/`; this prepares what they need.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_audit.reports import format as fmt
from llm_audit.reports import membership, substitution
from llm_audit.reports.attribution import Candidate, candidates
from llm_audit.reports.passages import Passage, judged_by, passages, segments
from llm_audit.results import Document, Report, Result
from llm_audit.terminal import terminal_safe

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
STRIP_WIDTH, STRIP_HEIGHT = 1000, 60


@dataclass(frozen=True)
class Bar:
    """One passage in the heat strip, in the strip's own units. Height repeats what the colour says."""

    passage: Passage
    x: float
    width: float
    height: float


@dataclass(frozen=True)
class DocumentView:
    """A document with all that the template shows of it and cannot look up itself."""

    anchor: str
    document: Document
    judged: bool
    reasons: list[str]
    passages: list[Passage]
    judge: Result | None
    bars: list[Bar]
    segments: list[tuple[str, Passage | None]]
    assumptions: list[str]
    candidates: list[Candidate]


def render(report: Report) -> str:
    """The whole page. Equal reports give equal bytes."""
    views = [_view(document, number, report.manifest.alpha) for number, document in enumerate(report.documents, start=1)]
    attribution = any(view.candidates for view in views)
    styles = ["style.css"]
    if attribution or report.membership or report.substitution:
        styles.append("evidence.css")
    if attribution:
        styles.append("attribution.css")
    if report.membership or report.substitution:
        styles.append("tests.css")
    if report.membership:
        styles.append("membership.css")
    if report.substitution:
        styles.append("substitution.css")
    return page(
        "page.html.j2",
        styles,
        report=report,
        manifest=report.manifest,
        views=views,
        attribution=attribution,
        membership=membership.view(report.membership) if report.membership else None,
        substitution=substitution.view(report.substitution) if report.substitution else None,
    )


def page(template: str, styles: Sequence[str] = ("style.css",), **content: Any) -> str:
    """A template filled, with its style sheets as one and the policy that allows it alone."""
    from markupsafe import Markup

    style = "".join((TEMPLATES / name).read_text("utf-8") for name in styles)
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return _environment().get_template(template).render(style=Markup(style), policy=policy, **content) + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(fmt=fmt, strip_width=STRIP_WIDTH, strip_height=STRIP_HEIGHT)
    return environment


def _visible(value: Any) -> Any:
    """Control and direction characters of a text made visible; they are illegal in HTML, or reorder what is read.

    Autoescape follows. Markup is ours, and has been through here in its parts.
    """
    return terminal_safe(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _view(document: Document, number: int, alpha: float) -> DocumentView:
    anchor = f"document-{number}"
    found = [] if document.attributions else passages(document, alpha)
    results = [*([document.combined] if document.combined else []), *document.results]
    judged = fmt.judged(document)
    reasons = [result.reason for result in results if judged or result.verdict in fmt.NOT_JUDGED]
    return DocumentView(
        anchor=anchor,
        document=document,
        judged=judged,
        reasons=[reason for reason in dict.fromkeys(reasons) if reason != document.summary],
        passages=found,
        judge=judged_by(document),
        bars=_bars(found, document.characters),
        # A line ending is no tampering: without this, every line of a Windows file would end in a visible "\r".
        segments=[(text.replace("\r\n", "\n"), passage) for text, passage in segments(document.text or "", found)],
        # Those of candidates stand next to their numbers.
        assumptions=list(dict.fromkeys(assumption for result in results for assumption in result.assumptions)),
        candidates=candidates(document, anchor, alpha),
    )


def _bars(found: list[Passage], characters: int) -> list[Bar]:
    """Bars side by side in proportion to the text, with a hairline between them."""
    length = max([characters, *(passage.end for passage in found)], default=0) or 1
    scale = STRIP_WIDTH / length
    return [
        Bar(
            passage=passage,
            x=round(passage.start * scale, 2),
            width=round(max((passage.end - passage.start) * scale - 2, 0.5), 2),
            height=6 if passage.level is None else 10 + 9 * passage.level,
        )
        for passage in found
    ]
