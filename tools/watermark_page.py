"""Write docs/reference/watermark-schemes.md: one section for each scheme, from the scheme objects themselves.

.venv/bin/python -m tools.watermark_page
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llm_audit.detectors.watermark.schemes import SCHEMES, UNSUPPORTED
from llm_audit.detectors.watermark.schemes.base import KeyedScheme

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "watermark-schemes.md"

HEAD = """# Watermark schemes

Written by `python -m tools.watermark_page` from the schemes themselves. The name is that of `--scheme` and of the field
`scheme` in a key file; the parameters are set by `llm-audit watermark keygen --set NAME=VALUE`. Keys are drawn, never set.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, *(section(cls) for cls in SCHEMES.values()), "## Known and not supported\n"]
    parts.append("\n".join(f"- `{name}`: {reason}." for name, reason in sorted(UNSUPPORTED.items())) + "\n")
    return "\n".join(parts)


def section(cls: type[KeyedScheme]) -> str:
    """What one scheme is, where it comes from, and its parameters."""
    what = " ".join((cls.__doc__ or "").split())
    secret = set(cls.draw_keys(lambda bits: 0))
    rows = [f"| `{name}` | {_default(field)} |" for name, field in cls.model_fields.items() if name not in secret]
    table = "\n".join(["| Parameter | Default |", "|---|---|", *rows]) if rows else "It has no parameters."
    return f"## {cls.title}: `{cls.scheme}`\n\n{what}\n\nSource: {cls.source}.\n\n{table}\n"


def _default(field: Any) -> str:
    if field.is_required():
        return "must be given; `keygen` takes it from the model"
    return "not set" if field.default is None else f"`{field.default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
