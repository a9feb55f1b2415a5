"""The formats of reports: name, suffixes, and the module that renders each.

The command line, the suffixes of `-o` and the tests are made from this one list. Renderers are imported when they are needed.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from llm_audit.common.errors import InvalidConfiguration, NotAvailable

if TYPE_CHECKING:
    from llm_audit.results import Report
    from llm_audit.results.rules import Describe

    Renderer = Callable[[Report, Describe], str | bytes]

Chosen = TypeVar("Chosen")


@dataclass(frozen=True)
class Format:
    """A format: `render` of the module of this name turns a report into text, or into bytes if `binary`.

    Attributes:
        suffixes: of files in this format; if several formats fit a name, the longest suffix counts. One without a leading
            dot is a whole name.
        lists: whether it lists findings under the codes of their rules, so that `render` also takes facts about rules.
        needs: a package that only this format needs, and our extra that installs it.
    """

    name: str
    suffixes: tuple[str, ...] = ()
    binary: bool = False
    lists: bool = False
    needs: tuple[str, str] | None = None

    def renderer(self) -> Renderer:
        """The function that renders a report, given facts about rules. Equal reports give equal output.

        Raises:
            NotAvailable: a package that it needs is missing.
        """
        if self.needs:
            package, extra = self.needs
            try:
                with warnings.catch_warnings():  # about the package's own future, irrelevant to its users
                    warnings.simplefilter("ignore", DeprecationWarning)
                    importlib.import_module(package)
            except ImportError:
                raise NotAvailable(
                    f"The format {self.name} needs {package}: install it with `pip install 'llm-audit[{extra}]'`."
                ) from None
            except OSError as error:  # a library that pip does not install
                why = " ".join(str(error).split())
                raise NotAvailable(f"The format {self.name} needs {package}, which does not load: {why}.") from None
        render: Any = importlib.import_module(f"{__name__}.{self.name}").render
        return render if self.lists else lambda report, describe: render(report)


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format("html", (".html", ".htm")),
        Format("class_set", (".class.html", "class.html")),
        Format("pdf", (".pdf",), binary=True, needs=("weasyprint", "pdf")),
        Format("json", (".json",)),
        Format("jsonl", (".jsonl",)),
        Format("sarif", (".sarif", ".sarif.json"), lists=True),
        Format("junit", (".xml",), lists=True),
        Format("gitlab", (".gitlab.json",), lists=True),
        Format("github", lists=True),
        Format("concise", lists=True),
        Format("markdown", (".md",), lists=True),
        Format("csv", (".csv",)),
    )
}

NAMES = ("text", *FORMATS)
"""Formats of standard output. "text" is no format of files: it depends on the terminal, see `print_report`."""

SUFFIXES: dict[str, Format] = {suffix: entry for entry in FORMATS.values() for suffix in entry.suffixes}


def renderer_for(path: str | os.PathLike[str]) -> Renderer:
    """The renderer for a path's suffix; AuditError for an unknown one, so call it before a long run."""
    return choose(path, SUFFIXES).renderer()


def choose(path: str | os.PathLike[str], known: Mapping[str, Chosen]) -> Chosen:
    """The entry for the longest suffix of a path; AuditError if it has none of those that are known."""
    name = Path(path).name.lower()
    fitting = (
        suffix for suffix in known if (name.endswith(suffix) and name != suffix if suffix.startswith(".") else name == suffix)
    )
    suffix = max(fitting, key=len, default=None)
    if suffix is None:
        raise InvalidConfiguration(f"Cannot tell the report format of {os.fspath(path)}: its name must end in {one_of(known)}.")
    return known[suffix]


def one_of(names: Iterable[str]) -> str:
    """The names as a list in a sentence: "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}"
