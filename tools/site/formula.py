"""Formulas: a block of LaTeX becomes MathML when the site is built, which browsers show without any script."""

from __future__ import annotations

from typing import Any

from latex2mathml.converter import convert


def fence(source: str, language: str, class_name: str, options: Any, md: Any, **more: Any) -> str:
    """What a block ```math becomes; the signature is that of a custom fence of pymdownx.superfences."""
    lines = [convert(line, display="block") for line in source.split("\n\n") if line.strip()]
    return f'<div class="formula">{"".join(lines)}</div>'
