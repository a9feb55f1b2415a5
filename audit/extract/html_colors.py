"""The colours of letters and backgrounds that the styles of a web page set (CSS Color 4, as far as they are fixed)."""

from __future__ import annotations

import re
from functools import lru_cache

from llm_audit.extract.colors import BLACK, WHITE, Color, over
from llm_audit.extract.html_style import Style

_SYSTEM = {"canvas": WHITE, "canvastext": BLACK, "field": WHITE, "fieldtext": BLACK}
_LIGHTNESS = re.compile(r"(?:ok)?(?:lab|lch)\(\s*(\d*\.?\d+)(%?)\s")
_SEPARATORS = re.compile(r"\s*/\s*|\s*,\s*|(?<=[\w%.])\s+(?=[\d.+-])")
_UNKNOWN = re.compile(r"url\(|gradient\(|image\(|image-set\(")

LINK: Color = (0.0, 0.0, 238 / 255)
"""The colour of the letters of a link that no style sets."""


def letters(style: Style, above: tuple[Color, float] | None) -> tuple[Color, float] | None:
    """Colour and opacity of the letters of an element; None: unknown. `above`: those of the element around it."""
    value = style.get("-webkit-text-fill-color") or style.get("color")
    if value in (None, "inherit", "currentcolor", "unset"):
        return above
    return (BLACK, 1.0) if value in ("initial", "revert") else parsed(value or "")


def background(style: Style, above: Color | None) -> Color | None:
    """The colour behind the letters of an element; None: unknown, such as a picture. `above`: as for `letters`."""
    color = above
    for name in ("background", "background-color", "background-image"):
        value = style.get(name, "none")
        if value in ("none", "inherit", "initial", "unset", "transparent", "revert"):
            continue
        if _UNKNOWN.search(value):
            return None
        fill = parsed(value) or next(filter(None, map(parsed, re.split(r"\s+(?![^()]*\))", value))), None)
        if fill is None:
            color = None if name == "background-color" else color
        elif fill[1] == 1:
            color = fill[0]
        elif color is not None:
            color = over(*fill, color)
    return color


@lru_cache(maxsize=1000)
def parsed(value: str) -> tuple[Color, float] | None:
    """Colour and opacity of a value of CSS; None: it is none, or none that is fixed."""
    from tinycss2.color3 import parse_color

    if value in _SYSTEM:
        return _SYSTEM[value], 1.0
    if match := re.fullmatch(r"#([0-9a-f]{3})([0-9a-f])|#([0-9a-f]{6})([0-9a-f]{2})", value):
        solid = parsed(f"#{match[1] or match[3]}")
        alpha = match[2] * 2 if match[2] else match[4]
        return solid and (solid[0], int(alpha, 16) / 255)
    if match := _LIGHTNESS.match(value):  # of these only how light they are
        light = float(match[1]) / (100 if match[2] or not value.startswith("ok") else 1)
        return (light, light, light), 1.0
    if match := re.fullmatch(r"(rgb|hsl)a?\((.*)\)", value):
        parts = _SEPARATORS.split(match[2].strip())
        parts[3:] = [str(float(alpha[:-1]) / 100) if re.fullmatch(r"\d*\.?\d+%", alpha) else alpha for alpha in parts[3:4]]
        value = f"{match[1]}{'a' * (len(parts) > 3)}({','.join(parts)})"
    color = parse_color(value)
    return ((color.red, color.green, color.blue), color.alpha) if hasattr(color, "alpha") else None
