"""The page about watermark schemes says what the schemes are."""

from __future__ import annotations

from llm_audit.detectors.watermark.schemes import SCHEMES, UNSUPPORTED
from tools.watermark_page import PAGE, page


def test_the_page_is_that_of_the_schemes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tools.watermark_page"
    assert all(f"`{name}`" in page() for name in (*SCHEMES, *UNSUPPORTED))
