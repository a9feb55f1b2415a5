"""llm-audit: audit language models and the provenance of text."""

from __future__ import annotations

__version__ = "0.1.0"
