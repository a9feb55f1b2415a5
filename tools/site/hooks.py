"""What mkdocs is told: which pages there are, and their order.

The order needs no list to be kept: the links in `index.md` of a folder, from top to bottom, then all other pages by name.
A new page or folder is in the navigation because it is there.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tools.site.commands import write_manual_pages
from tools.site.pages import every_page

ORDER = (
    ("Tutorial", "tutorial.md"),
    ("How-to", "how-to"),
    ("Rules", "rules"),
    ("Statistics", "statistics"),
    ("Operations", "operations"),
    ("Measurements", "measurements"),
    ("Performance", "performance.md"),
    ("Reference", "reference"),
    ("Project", "project"),
)
"""Title and place of the parts that come first, in this order; others come after them."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the address from the package's own facts."""
    from llm_audit.results.rules import documentation

    config.site_url = documentation()
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put every page in, completed or generated, and set the order."""
    pages = every_page()
    for path, content in pages.items():
        if known := files.get_file_from_path(path):
            files.remove(known)
        files.append(File.generated(config, path, content=content))
    config.nav = navigation(pages)
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """Add the manual pages."""
    from pathlib import Path

    write_manual_pages(Path(config.site_dir) / "man" / "man1")


def navigation(pages: dict[str, str]) -> list[Any]:
    """The navigation of mkdocs: titles with pages or with lists of the same."""
    first = [{title: place if place in pages else _folder(place, pages)} for title, place in ORDER if _there(place, pages)]
    named = {place for _, place in ORDER} | {"index.md"}
    tops = dict.fromkeys(PurePosixPath(path).parts[0] for path in sorted(pages))
    others = [
        place if place in pages else {place.replace("-", " ").capitalize(): _folder(place, pages)}
        for place in tops
        if place not in named
    ]
    return [{"Home": "index.md"}, *first, *others]


def _there(place: str, pages: dict[str, str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for path in pages)


def _folder(folder: str, pages: dict[str, str]) -> list[Any]:
    """The pages of a folder and the folders in it, in the order of the links of its index."""
    inside = [path for path in pages if path.startswith(f"{folder}/")]
    children = dict.fromkeys(f"{folder}/{path.removeprefix(f'{folder}/').split('/')[0]}" for path in sorted(inside))
    index = f"{folder}/index.md"
    links = re.findall(r"\]\(([^)#:]+)\)", pages.get(index, ""))
    linked = dict.fromkeys(f"{folder}/{link.split('/')[0]}" for link in links if not link.startswith("."))
    ordered = [child for child in linked if child in children] + [child for child in children if child not in linked]
    entries: list[Any] = [index] if index in pages else []
    for child in ordered:
        if child == index:
            continue
        name = child.rsplit("/", 1)[1]
        entries.append(child if child in pages else {name.replace("-", " ").capitalize(): _folder(child, pages)})
    return entries
