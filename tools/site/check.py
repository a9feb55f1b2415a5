"""What must hold of the documentation: `python -m tools.site.check sources` before the site is built, `... site` after.

Each check gives sentences; none means that all is well. The tests call the same functions.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools.site.commands import helpless
from tools.site.pages import DOCS, ELSEWHERE, ROOT, every_page

LARGEST_README = 10_000
"""Bytes."""

FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)")
REQUESTS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "object": "data"}
"""Elements of a page that make a browser fetch something, and the attribute that says what; `link` is another matter."""

FETCHED = {"stylesheet", "preload", "prefetch", "preconnect", "dns-prefetch", "icon", "modulepreload", "manifest"}
"""What a `link` is, where a browser fetches it."""


def problems() -> list[str]:
    """Everything that is wrong with the sources."""
    found = [f"{command} has no help" for command in helpless()]
    size = len((ROOT / "README.md").read_bytes())
    if size > LARGEST_README:
        found.append(f"README.md has {size:,} bytes, more than {LARGEST_README:,}")
    pages = every_page()
    for path, text in pages.items():
        found += [f"docs/{path}: {problem}" for problem in dead_links(path, text, pages)]
    for name in ELSEWHERE:
        found += [f"{name}: {problem}" for problem in dead_files(name, (ROOT / name).read_text(encoding="utf-8"), pages)]
    return found


def dead_links(path: str, text: str, pages: dict[str, str]) -> Iterator[str]:
    """Links of a page to pages and anchors that are not there."""
    for link in links(text):
        target, _, anchor = link.partition("#")
        where = posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) if target else path
        if where not in pages:
            if not (DOCS / where).is_file():
                yield f"there is no {link}"
        elif anchor and anchor not in anchors(pages[where]):
            yield f"there is no heading #{anchor} in {where}"


def dead_files(name: str, text: str, pages: dict[str, str]) -> Iterator[str]:
    """Links of a file of the repository to files that are not there, as somebody sees them who reads it without the site."""
    for link in links(text):
        target = unquote(link.partition("#")[0])
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if target and not (ROOT / path).exists() and path.removeprefix("docs/") not in pages:
            yield f"there is no {link}"


def links(text: str) -> list[str]:
    """Addresses in a Markdown text that are not of other sites; what stands in code is none."""
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    return [link for link in LINK.findall(prose) if not urlsplit(link).scheme]


def anchors(text: str) -> set[str]:
    """Of the headings of a page, as the extension `toc` makes them."""
    from markdown.extensions.toc import slugify

    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", text), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug, number = slugify(words, "-"), 1
        while slug in found:
            slug, number = f"{slugify(words, '-')}_{number}", number + 1
        found.add(slug)
    return found


class _Page(HTMLParser):
    """What a browser would fetch for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "link" and FETCHED & set((attributes.get("rel") or "").split()):
            self.fetched.append(attributes.get("href") or "")
        elif tag in REQUESTS:
            self.fetched.append(attributes.get(REQUESTS[tag]) or "")


def foreign(site: Path) -> list[str]:
    """Files of other servers that a built page, or a style sheet of it, makes a browser fetch."""
    found = []
    for path in sorted(site.rglob("*.html")):
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(site)} fetches {each}" for each in page.fetched if urlsplit(each).netloc]
    for path in sorted(site.rglob("*.css")):
        text = path.read_text(encoding="utf-8")
        found += [
            f"{path.relative_to(site)} fetches {each}" for each in re.findall(r"url\(['\"]?((?:https?:)?//[^)'\"]+)", text)
        ]
    return found


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    found = problems() if sys.argv[1] == "sources" else foreign(ROOT / "site")
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
