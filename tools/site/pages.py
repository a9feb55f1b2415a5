"""Every page of the documentation by its path: those written by hand, completed, and those that are generated."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tools.site import api, commands, rules, settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

MEASURED = "benchmarks/README.md"
"""Where the tables of measurements are kept, beside the scripts that print them."""


@cache
def every_page() -> dict[str, str]:
    """Path below docs/ -> Markdown, as the site and the tests see it."""
    pages = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}
    pages |= rules.completed(pages)
    for made in (commands.pages(), settings.pages(), api.pages(), _kept_elsewhere()):
        if twice := pages.keys() & made.keys():
            raise ValueError(f"generated, and written by hand as well: {', '.join(sorted(twice))}")
        pages |= made
    return pages


def _kept_elsewhere() -> dict[str, str]:
    """Pages whose text stands at another place of the repository."""
    tables = (ROOT / MEASURED).read_text(encoding="utf-8")
    return {
        "measurements/tables.md": re.sub(r"^# .*", "# All tables", tables, count=1),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    }
