"""The report as one self-contained page: no script, no external address, a policy that forbids both.

Knows nothing of the origin of the numbers. All text is in `templates/`; this module prepares their variables. A report that
is too large for one page is split: the first page has the index and everything about the whole run, the others hold the
documents that it links to.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from llm_audit.common.terminal import terminal_safe
from llm_audit.reports import format as fmt
from llm_audit.reports.views import benchmark, corpus, membership, substitution
from llm_audit.reports.views.documents import DocumentView, tally, view, worst_first
from llm_audit.reports.wording.not_read import not_read
from llm_audit.reports.wording.origin import nearest_kind
from llm_audit.reports.wording.unjudged import no_statement
from llm_audit.results import Document, Population, Report, Result, Verdict

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup

TEMPLATES = Path(__file__).parents[1] / "templates"

LARGEST_PAGE = 15_000_000
"""Most bytes of a page; a single document may need more."""

ALL_PICTURED, MOST_PICTURED = 20, 20
"""With more documents than the first number, only findings get charts, and only as many as the second: each takes a second."""


NO_BREAK = "\u00a0"
_BEFORE_UNIT = re.compile(r"(?<=[\d}]) (?=%(?!\})|(?:nats?|bits?|logits?|[kMG]B|ms|s)\b)")
"""The space between a number, or the brackets of what a template fills in, and a unit: no line breaks there."""


@dataclass(frozen=True)
class Method:
    """Method of all documents together: nulls, populations, tests, assumptions with how many documents share them."""

    nulls: list[str]
    populations: list[Population]
    tests: list[tuple[str, str, str]]
    assumptions: list[tuple[str, int]]


@dataclass(frozen=True)
class Entry:
    """A line of the index: a document and where its section is."""

    view: DocumentView
    address: str


def render(report: Report) -> str:
    """The report as one HTML page. Equal reports give equal bytes."""
    (page,) = pages(report, "report.html", None).values()
    return page


def pages(report: Report, name: str, largest: int | None) -> dict[str, str]:
    """File name -> page; the page with the index is last, so that its presence means that all are written.

    A second page of `report.html` is `report-2.html`; `largest` is the size in bytes that no page may exceed
    that can be split; None: a single page.
    """
    if report.corpus:
        shown: Any = corpus.view(report.corpus)
        return {name: page("corpus.html.j2", report=report, manifest=report.manifest, view=shown)}
    if report.benchmark:
        shown = benchmark.view(report.benchmark)
        return {name: page("bench.html.j2", report=report, manifest=report.manifest, view=shown, percent=benchmark.percent)}
    return _pages_of_audits(report, name, largest)


def _pages_of_audits(report: Report, name: str, largest: int | None) -> dict[str, str]:
    """The pages of documents, or of one collection or endpoint."""
    from markupsafe import Markup

    alpha, documents = report.manifest.alpha, worst_first(report.documents)
    views = [
        view(document, f"document-{number}", alpha, charts=pictured)
        for number, (document, pictured) in enumerate(_pictured(documents), start=1)
    ]
    content: dict[str, Any] = {
        "report": report,
        "manifest": report.manifest,
        "views": views,
        "tally": tally(documents),
        "method": _method(documents),
        "pictured": len(documents) <= ALL_PICTURED,
        "most_pictured": MOST_PICTURED,
        "membership": membership.view(report.membership, alpha) if report.membership else None,
        "substitution": substitution.view(report.substitution, alpha) if report.substitution else None,
    }
    templates = {
        False: environment(TEMPLATES).get_template("document.html.j2"),
        True: environment(TEMPLATES).get_template("attribution.html.j2"),
    }
    sections = [
        Markup(templates[bool(document_view.candidates)].render(view=document_view, **content)) for document_view in views
    ]
    stem, suffix = PurePath(name).stem, PurePath(name).suffix
    parts = [sections]
    if largest and sum(map(_size, sections)) > largest / 2:  # only then is it worth measuring what comes with them
        longest = _address(f"{stem}-{len(views)}{suffix}")
        index = [Entry(document_view, f"{longest}#{document_view.anchor}") for document_view in views]
        around = [
            _size(page(template, **content, index=index, sections=[], number=1, files=[longest] * 2))
            for template in ("page.html.j2", "more.html.j2")
        ]
        parts = list(_split(sections, largest - around[0], largest - around[1]))
    names = [name, *(f"{stem}-{number}{suffix}" for number in range(2, len(parts) + 1))]
    places = [file for file, part in zip(names, parts, strict=True) for _ in part]
    index = [
        Entry(document_view, ("" if file == name else _address(file)) + f"#{document_view.anchor}")
        for document_view, file in zip(views, places, strict=True)
    ]
    first = page("page.html.j2", **content, index=index, sections=parts[0], files=[_address(file) for file in names])
    others = {
        file: page("more.html.j2", **content, sections=part, number=number, files=[_address(file) for file in names])
        for number, (file, part) in enumerate(zip(names[1:], parts[1:], strict=True), start=2)
    }
    return {**others, name: first}


def page(template: str, *, more: Sequence[str] = (), **content: Any) -> str:
    """A rendered template, with the style sheet, further styles `more`, and a policy that allows only these."""
    from markupsafe import Markup

    style = "".join((TEMPLATES / name).read_text("utf-8") for name in ("style.css", "charts.css", "print.css", *more))
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    filled: Template = environment(TEMPLATES).get_template(template)
    return filled.render(style=Markup(style), policy=policy, **content) + "\n"


@cache
def environment(folder: Path) -> Environment:
    """The templates of a folder, with every value escaped and its control and direction characters made visible.

    A number and its unit stay on one line, but for those in a text that is judged: `text | verbatim` changes no space of it.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup, escape

    jinja = Environment(
        loader=FunctionLoader(lambda name: _BEFORE_UNIT.sub(NO_BREAK, (folder / name).read_text("utf-8"))),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters["verbatim"] = lambda text: Markup(escape(terminal_safe(text)))
    jinja.globals.update(fmt=fmt, not_read=not_read, nearest_kind=nearest_kind, no_statement=no_statement)
    return jinja


def _visible(value: Any) -> Any:
    """Control and direction characters of a text made visible; they are illegal in HTML, or reorder what is read.

    Numbers keep their units. Autoescape follows. Markup is ours, and has been through here in its parts.
    """
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return _BEFORE_UNIT.sub(NO_BREAK, terminal_safe(value))


def _pictured(documents: Sequence[Document]) -> Iterator[tuple[Document, bool]]:
    """Yield each document, and whether its page has charts."""
    few = len(documents) <= ALL_PICTURED
    for number, document in enumerate(documents):
        yield document, few or (document.verdict is Verdict.FINDING and number < MOST_PICTURED)


def _method(documents: Sequence[Document]) -> Method:
    tested = [[*([document.combined] if document.combined else []), *document.results] for document in documents]
    results: list[Result] = [result for of_document in tested for result in of_document]
    shared = [
        dict.fromkeys(assumption for result in of_document for assumption in result.assumptions) for of_document in tested
    ]
    compared = [result.population for result in results if result.population]
    populations = {(population.name, population.description, population.digest): population for population in compared}
    return Method(
        nulls=list(dict.fromkeys(result.null for result in results)),
        populations=list(populations.values()),
        tests=list(dict.fromkeys((result.rule, result.name, result.method) for result in results if result.method)),
        assumptions=[
            (assumption, sum(assumption in assumptions for assumptions in shared))
            for assumption in dict.fromkeys(assumption for assumptions in shared for assumption in assumptions)
        ],
    )


def _split(sections: Sequence[Markup], first: int, other: int) -> Iterator[list[Markup]]:
    """Distribute the sections to pages in order; `first` and `other`: room on the first page and on the others."""
    part: list[Markup] = []
    size, room = 0, first
    for section in sections:
        needed = _size(section) + 1  # and the line break after it
        if part and size + needed > room:
            yield part
            part, size, room = [], 0, other
        part.append(section)
        size += needed
    yield part


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def _address(file: str) -> str:
    """A file name as a relative URL, percent-encoded, so that a colon in it names no scheme (RFC 3986, 4.2)."""
    from urllib.parse import quote

    return "./" + quote(os.fsencode(file))
