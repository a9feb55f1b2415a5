"""Every page of the documentation by its path: those written by hand, completed, and those that are generated."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path

from tools.site import api, commands, rules, settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

ELSEWHERE = {
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "measurements/tables.md",
    "README.md": "index.md",
}
"""Files of the repository that are pages of the site as well -> where; the README is not, but links to it lead home."""

TITLES = {"measurements/tables.md": "All tables"}
"""Pages whose heading is another one than that of the file."""

LINK = re.compile(r"(?<=\]\()([^)\s#]*)(#[^)\s]*)?(?=\))")


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
    made = {}
    for source, target in ELSEWHERE.items():
        if source != "README.md":
            text = moved((ROOT / source).read_text(encoding="utf-8"), source, target)
            title = TITLES.get(target)
            made[target] = re.sub(r"\A# .*", f"# {title}", text) if title else text
    return made


def moved(text: str, source: str, target: str) -> str:
    """A file of the repository as a page: its links to other files are made to links between pages."""

    def renamed(match: re.Match[str]) -> str:
        link, anchor = match[1], match[2] or ""
        if not link or re.match(r"[a-z]+:", link):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        page = ELSEWHERE.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
        return (posixpath.relpath(page, posixpath.dirname(target)) if page else link) + anchor

    return LINK.sub(renamed, text)
