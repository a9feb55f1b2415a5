"""The pages about watermark schemes say what the schemes are."""

from __future__ import annotations

from llm_audit.detectors.watermark.schemes import SCHEMES, UNSUPPORTED
from tools.watermark_page import FOLDER, pages


def test_the_pages_are_those_of_the_schemes() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == pages(), "run python -m tools.watermark_page, and remove pages of schemes that are no more"
    assert {f"{name}.md" for name in SCHEMES} | {"index.md"} == set(written)
    assert all(f"`{name}`" in written["index.md"] for name in (*SCHEMES, *UNSUPPORTED))
