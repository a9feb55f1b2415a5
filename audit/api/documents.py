"""Texts judged one by one: `detect`, `attribute` and `gate`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from llm_audit.api.arguments import check_fields, checked
from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, check_alpha, finished, one_or_several, opened, plain_setup, prompt_in
from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.progress import Progress, silent
from llm_audit.common.terminal import one_line
from llm_audit.results import Document
from llm_audit.setup import OpenSetup, Setup
from llm_audit.text import Passed, RawText, Source, in_memory, survey
from llm_audit.text.frame import kinds_of

if TYPE_CHECKING:
    from llm_audit.detectors.attribution.candidate import Candidate
    from llm_audit.detectors.attribution.text import Author, Role
    from llm_audit.detectors.populations import Population
    from llm_audit.scoring.session import Session

ROLES: tuple[Role, ...] = ("candidate", "sanctioned", "other")


@dataclass(frozen=True)
class Text:
    """A text in memory, which is judged like the content of a plain text file.

    Attributes:
        text: what is judged.
        name: what reports call it.

    Raises:
        InvalidConfiguration: text or name is no string.

    >>> llm_audit.Text("Call me Ishmael.", name="novel").name
    'novel'
    """

    text: str
    name: str = "text"

    def __post_init__(self) -> None:
        check_fields(self)

    def read(self) -> RawText:
        """The text as if it had been read from a file in UTF-8."""
        return in_memory(self.name, self.text)


@dataclass(frozen=True)
class File:
    """A file on this machine that reports call by another name, such as that of the upload which it holds.

    Attributes:
        path: of the file; its suffix says how it is read.
        name: what reports call it.

    Raises:
        InvalidConfiguration: the path is no path, or the name no string.

    >>> llm_audit.File("/tmp/4f2a.docx", name="anna.docx").name
    'anna.docx'
    """

    path: StrPath
    name: str

    def __post_init__(self) -> None:
        check_fields(self)

    def source(self) -> Source:
        """The file as an input, under its name on one line."""
        return Source(one_line(self.name), Path(self.path))


Given = StrPath | Text | File
Texts = Given | Iterable[Given]
"""A path, `Text` or `File`, or several of them. A path is a file, a folder, a pattern such as "docs/*.md", or "-" (stdin)."""


@checked
def detect(
    texts: Texts,
    *,
    alpha: float = 0.01,
    setup: AnySetup = None,
    text_field: str = "text",
    keep_text: bool = True,
    include: Sequence[str] = (),
    progress: Progress = silent,
    on_document: Callable[[Document], None] = lambda document: None,
) -> Report:
    """Was this text machine-generated? Compare each text with human writing.

    Args:
        texts: one or several: strings are paths of files, folders or patterns; a text in memory is a `Text`. A path that is
            named twice counts once. An input that cannot be read becomes a document with the verdict "error", whose
            `summary` says why, and stops no other.
        alpha: the share of human texts that you accept to flag by mistake.
        setup: model, population, detectors and device; None: the embedded model and the population that comes with it.
        text_field: where records (JSON lines, CSV, Parquet) hold their texts.
        keep_text: whether the report holds the texts.
        include: kinds of text other than running text, which are not scored by default, to be scored all the same:
            "headings", "quotes", "tables", "captions", "references", "forms".
        progress: called with the share of the work that is done, from 0 to 1 or None, and with the name of the stage.
        on_document: called with each document as soon as it is judged, in the order of the report.

    Returns:
        A report with one document a text. `report.documents[0].p_value` is the rank of the text among human texts of its
        length, in (0, 1]; None if the text could not be judged.

    Raises:
        NotAvailable: the model or the population is not here.
        InvalidConfiguration: settings that do not go together.

    >>> report = llm_audit.detect(["essay.txt", llm_audit.Text("Too short.", name="note")])
    >>> [document.verdict.value for document in report.documents]
    ['pass', 'not_assessable']
    >>> report.documents[0].p_value > 0.01
    True
    """
    from llm_audit.detectors import judging
    from llm_audit.setup.manifest import now

    check_alpha(alpha)
    started, texts, passed = now(), texts_of(texts), list[Passed]()
    with opened(setup, progress) as ready:
        settings = ready.settings(alpha, keep_text=keep_text, text_field=text_field, include=kinds_of(include))
        sources = sources_of(texts, passed)
        report = judging.detect(sources, ready.session, settings, ready.manifest(alpha), progress, on_document, passed)
    return finished(report, started, _file_arguments(texts, plain_setup(setup)))


def collected(documents: Sequence[Document], setup: OpenSetup, *, alpha: float, started: str) -> Report:
    """The report that one call of `detect` would give for documents that were judged in several calls.

    Args:
        documents: in the order of the report.
        setup: under which all of them were judged.
        alpha: at which all of them were judged.
        started: when judging the first one began, in UTC, ISO 8601.
    """
    from llm_audit.detectors import judging

    return finished(judging.report_of(documents, setup.manifest(alpha)), started, _file_arguments((), setup.setup))


@checked
def attribute(
    texts: Texts,
    *,
    candidates: Sequence[str] = (),
    sanctioned: Sequence[str] = (),
    others: Sequence[str] = (),
    prompt: str | Path | None = None,
    alpha: float = 0.01,
    setup: AnySetup = None,
    text_field: str = "text",
    keep_text: bool = True,
    progress: Progress = silent,
) -> Report:
    """Who wrote this text: model A, model B, neither? Test each candidate on each text.

    Args:
        texts: as for `detect`; Markdown keeps its signs.
        candidates: who may have written it: "MODEL" or "MODEL@temperature=0.8,top_p=0.95".
        sanctioned: candidates that were allowed to.
        others: candidates that were not allowed to.
        prompt: what the model was asked, as a string, or a `pathlib.Path` to a file that holds it; None: it is not known, and
            texts are compared with reference generations instead of tested exactly.
        alpha: refute a candidate when its p-value is at most this.
        setup: how the texts are compared with human writing as well.
        text_field: as for `detect`.
        keep_text: as for `detect`.
        progress: as for `detect`.

    Raises:
        NotAvailable: a model or population is not here.
        InvalidConfiguration: no candidate, or one that cannot be understood.

    >>> mine = llm_audit.Setup(model="./my-model", population="mine")
    >>> candidates = [f"./my-model@temperature={temperature},template=none" for temperature in (1, 0.5)]
    >>> report = llm_audit.attribute("answer.txt", candidates=candidates, prompt="", setup=mine)
    >>> drawn, other = report.documents[0].attributions
    >>> drawn.p_value > 0.01, other.verdict.value, other.p_value < 0.01
    (True, 'not_written_by', True)
    """
    from llm_audit.detectors import judging
    from llm_audit.detectors.attribution.run import Settings, find_rules
    from llm_audit.detectors.populations import references
    from llm_audit.setup.manifest import collect, now

    check_alpha(alpha)
    started, texts, chosen, passed = now(), texts_of(texts), plain_setup(setup), list[Passed]()
    prompt_text = _prompt(prompt)
    parsed = _parsed((candidates, sanctioned, others), prompted=prompt_text is not None)
    chosen.check()
    with ExitStack() as stack:
        sessions = _sessions([candidate for _, candidate in parsed], chosen, stack, progress)
        authors = _authors(parsed, sessions, references() if prompt_text is None else ())
        human = stack.enter_context(opened(setup, progress))
        against_people = human.settings(alpha, text_field=text_field)
        settings = Settings(alpha, prompt_text, find_rules(), keep_text=keep_text)
        manifest = collect(
            human.session,
            alpha=alpha,
            rules=[detector.code for detector in against_people.detectors],
            population=human.population,
            further=tuple(sessions.values()),
            used=[*against_people.detectors, *settings.rules],
            candidates=[candidate.name for _, candidate in parsed],
        )
        sources = sources_of(texts, passed)
        report = judging.attribute(sources, authors, settings, (human.session, against_people), manifest, progress, passed)
    return finished(report, started, [*_file_arguments(texts, chosen), prompt if isinstance(prompt, Path) else None])


def _parsed(names: Sequence[Sequence[str]], *, prompted: bool) -> list[tuple[Role, Candidate]]:
    """The candidates of each role of `ROLES`. Raises InvalidConfiguration: there is none, or one needs a prompt."""
    from llm_audit.detectors.attribution.candidate import Candidate

    parsed = [(role, Candidate.parse(name)) for role, named in zip(ROLES, names, strict=True) for name in named]
    if not parsed:
        raise InvalidConfiguration("Nobody is named who may have written the texts: give at least one candidate.")
    if not prompted and (weighted := [candidate.name for _, candidate in parsed if candidate.weights != ("",)]):
        raise InvalidConfiguration(
            f"{weighted[0]!r} names weights, which can be tested only where the prompt is known; give the prompt."
        )
    return parsed


def _sessions(
    candidates: Sequence[Candidate], setup: Setup, stack: ExitStack, progress: Progress
) -> dict[tuple[str, str], Session]:
    """Name of a model and precision of its weights -> a session of it, each model loaded once and closed by `stack`."""
    models = {
        model: stack.enter_context(replace(setup, model=model, reference=None).session(progress))
        for model in dict.fromkeys(candidate.model for candidate in candidates)
    }
    return {
        (candidate.model, weights): models[candidate.model].rounded(weights)
        for candidate in candidates
        for weights in candidate.weights
    }


def _authors(
    parsed: Sequence[tuple[Role, Candidate]],
    sessions: Mapping[tuple[str, str], Session],
    generations: tuple[Population, ...],
) -> list[Author]:
    """The candidates with their roles, the scoring sessions of their weights, and the reference generations of all models."""
    from llm_audit.detectors.attribution.text import Author

    authors = []
    for role, candidate in parsed:
        first, *rest = (sessions[candidate.model, weights] for weights in candidate.weights)
        authors.append(Author(candidate, role, first, generations, tuple(rest)))
    return authors


def _prompt(prompt: str | Path | None) -> str | None:
    from llm_audit.detectors.attribution.run import one_line_ending

    return None if prompt is None else one_line_ending(prompt if isinstance(prompt, str) else prompt_in(prompt))


def texts_of(texts: Texts) -> tuple[Given, ...]:
    """The argument `texts` as a tuple, also where it is a single path, `Text` or `File`."""
    return one_or_several(texts, (str, os.PathLike, Text, File), "paths of files, llm_audit.Text(...) or llm_audit.File(...)")


def sources_of(texts: Sequence[Given], passed: list[Passed] | None = None) -> list[Source | RawText]:
    """The files that paths lead to, and the texts in memory, in order; a run of successive paths gives each file once.

    Files in folders that are not read are added to `passed`.
    """
    passed = [] if passed is None else passed
    sources: list[Source | RawText] = []
    for kind, group in groupby(texts, lambda text: type(text) if isinstance(text, (Text, File)) else str):
        members = list(group)
        sources += [text.read() for text in members if isinstance(text, Text)]
        sources += [file.source() for file in members if isinstance(file, File)]
        if kind is str:
            inputs = survey([os.fspath(path) for path in members if not isinstance(path, (Text, File))])
            sources += inputs.sources
            passed += inputs.passed
    return sources


def _file_arguments(texts: Sequence[Given], setup: Setup) -> list[StrPath | None]:
    """The arguments of a judgement that may be names of files."""
    named = (text for text in texts if not isinstance(text, (Text, File)))
    return [*named, setup.model, setup.reference, setup.classifier]
