"""Texts judged one by one: `detect`, `attribute` and `gate`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, check_alpha, closed, finished, opened
from llm_audit.errors import InvalidConfiguration, InvalidInput
from llm_audit.progress import Progress, silent
from llm_audit.results import Document
from llm_audit.setup import Setup
from llm_audit.text import RawText, Source, discover

if TYPE_CHECKING:
    from llm_audit.detectors.attribution.text import Role

ROLES: tuple[Role, ...] = ("candidate", "sanctioned", "other")


@dataclass(frozen=True)
class Text:
    """A text that is in memory, to be judged like the content of a plain text file.

    Attributes:
        text: what is judged.
        name: what reports call it.

    >>> Text("Call me Ishmael.", name="novel").name
    'novel'
    """

    text: str
    name: str = "text"

    def read(self) -> RawText:
        """The text as if it had been read from a file in UTF-8."""
        data = self.text.encode("utf-8", "surrogatepass")
        return RawText(self.name, hashlib.sha256(data).hexdigest(), "utf-8", self.text, len(data))


Texts = StrPath | Text | Iterable[StrPath | Text]
"""A path, a `Text`, or several of both. A path is a file, a folder, a pattern such as "docs/**/*.md", or "-" (stdin)."""


def detect(
    texts: Texts,
    *,
    alpha: float = 0.01,
    setup: AnySetup = None,
    text_field: str = "text",
    keep_text: bool = True,
    progress: Progress = silent,
    on_document: Callable[[Document], None] = lambda document: None,
) -> Report:
    """Was this text machine-generated? Compare each text with human writing.

    Args:
        texts: see `Texts`; strings are paths, a text in memory is a `Text`. An input that cannot be read becomes a document
            with the verdict "error", and stops no other.
        alpha: the share of human texts that you accept to flag by mistake.
        setup: model, population, detectors and device; None: the embedded model and the population that comes with it.
        text_field: where records (JSON lines, CSV, Parquet) hold their texts.
        keep_text: whether the report holds the texts.
        progress: called with the share of the work that is done.
        on_document: called with each document as soon as it is judged, in the order of the report.

    Returns:
        A report with one document a text. `report.documents[0].p_value` is the rank of the text among human texts of its
        length, in (0, 1]; None if the text could not be judged.

    Raises:
        NotAvailable: the model or the population is not here.
        InvalidConfiguration: settings that do not go together.

    >>> report = detect(Text("Too short.", name="note"), setup=Setup(offline=True))
    >>> report.documents[0].p_value is None, report.documents[0].verdict.value
    (True, 'not_assessable')
    """
    from llm_audit import judging
    from llm_audit.manifest import now

    check_alpha(alpha)
    started, texts = now(), _listed(texts)
    with opened(setup, progress) as ready:
        settings = ready.settings(alpha, keep_text=keep_text, text_field=text_field)
        report = judging.detect(_sources(texts), ready.session, settings, ready.manifest(alpha), progress, on_document)
    return finished(report, started, _named(texts, closed(setup)))


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
    """
    from llm_audit import judging
    from llm_audit.detectors.attribution import Author, Settings, find_rules
    from llm_audit.detectors.attribution.candidate import Candidate
    from llm_audit.detectors.populations import references
    from llm_audit.manifest import collect, now

    check_alpha(alpha)
    started, texts, chosen = now(), _listed(texts), closed(setup)
    parsed = [
        (role, Candidate.parse(name))
        for role, names in zip(ROLES, (candidates, sanctioned, others), strict=True)
        for name in names
    ]
    if not parsed:
        raise InvalidConfiguration("Nobody is named who may have written the texts: give at least one candidate.")
    asked = _prompt(prompt)
    chosen.check()
    generations = references() if asked is None else ()
    with ExitStack() as stack:
        sessions = {
            model: stack.enter_context(replace(chosen, model=model, reference=None).session(progress))
            for model in dict.fromkeys(candidate.model for _, candidate in parsed)
        }
        authors = [Author(candidate, role, sessions[candidate.model], generations) for role, candidate in parsed]
        human = stack.enter_context(opened(setup, progress))
        against_people = human.settings(alpha, text_field=text_field)
        settings = Settings(alpha, asked, find_rules(), keep_text=keep_text)
        manifest = collect(
            human.session,
            alpha=alpha,
            rules=[each.code for each in against_people.detectors],
            population=human.population,
            further=tuple(sessions.values()),
            used=[*against_people.detectors, *settings.rules],
        )
        report = judging.attribute(_sources(texts), authors, settings, (human.session, against_people), manifest, progress)
    return finished(report, started, [*_named(texts, chosen), prompt if isinstance(prompt, Path) else None])


def _prompt(prompt: str | Path | None) -> str | None:
    from llm_audit.detectors.attribution import one_line_ending

    if prompt is None or isinstance(prompt, str):
        return None if prompt is None else one_line_ending(prompt)
    try:
        return one_line_ending(prompt.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The prompt {prompt} is not UTF-8; convert it first.") from error
    except OSError as error:
        raise InvalidInput(f"The prompt {prompt} cannot be read: {error.strerror}.") from error


def _listed(texts: Texts) -> tuple[StrPath | Text, ...]:
    return (texts,) if isinstance(texts, (str, os.PathLike, Text)) else tuple(texts)


def _sources(texts: Sequence[StrPath | Text]) -> list[Source | RawText]:
    """The inputs behind paths, and the texts in memory, in order; of paths that follow each other, each file once."""
    found: list[Source | RawText] = []
    for in_memory, group in groupby(texts, lambda text: isinstance(text, Text)):
        given = list(group)
        found += [text.read() for text in given if isinstance(text, Text)]
        found += [] if in_memory else discover([os.fspath(path) for path in given if not isinstance(path, Text)])
    return found


def _named(texts: Sequence[StrPath | Text], setup: Setup) -> list[StrPath | None]:
    """What the caller of a judgement named that may be a file."""
    return [*(text for text in texts if not isinstance(text, Text)), setup.model, setup.reference, setup.classifier]
