"""The colours of letters and backgrounds that the styles of a web page set (CSS Color 4, as far as they are fixed)."""

from __future__ import annotations

import re
from functools import lru_cache

from llm_audit.extract.colors import BLACK, WHITE, Color, over
from llm_audit.extract.html_style import Style

_SYSTEM = {"canvas": WHITE, "canvastext": BLACK, "field": WHITE, "fieldtext": BLACK}
_LIGHTNESS = re.compile(r"(?:ok)?(?:lab|lch)\(\s*(\d*\.?\d+)(%?)\s")
_SEPARATORS = re.compile(r"\s*/\s*|\s*,\s*|(?<=[\w%.])\s+(?=[\d.+-])")
_COLOR = r"((?:[^(),%]|\([^()]*\))+?)"
_MIX = re.compile(
    rf"color-mix\(\s*in [\w-]+(?: [\w-]+ hue)?\s*,\s*{_COLOR}(?:\s+(\d*\.?\d+)%)?\s*,\s*{_COLOR}(?:\s+(\d*\.?\d+)%)?\s*\)"
)
_LIGHT_OR_DARK = re.compile(r"light-dark\(\s*((?:[^(),]|\([^()]*\))+),.*\)")
_GRAY = 0.8  # share of white and black from which a colour of `hwb()` is as good as grey
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

    if mixed := _MIX.fullmatch(value):
        return _mixed(*mixed.groups())
    if pair := _LIGHT_OR_DARK.fullmatch(value):
        return parsed(pair[1].strip())
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
        parts = [part.removesuffix("deg") for part in _SEPARATORS.split(match[2].strip())]
        parts[3:] = [str(float(alpha[:-1]) / 100) if re.fullmatch(r"\d*\.?\d+%", alpha) else alpha for alpha in parts[3:4]]
        value = f"{match[1]}{'a' * (len(parts) > 3)}({','.join(parts)})"
    if plain := _of_numbers(value):
        return plain
    color = parse_color(value)
    return ((color.red, color.green, color.blue), color.alpha) if hasattr(color, "alpha") else None


def _of_numbers(value: str) -> tuple[Color, float] | None:
    """A colour by `color()`, of which every space is taken for sRGB, or by `hwb()`, of which only how light it is."""
    match = re.fullmatch(r"(?:color\(\s*[\w-]+|(hwb)\()\s*([^()]*)\)", value)
    parts = _SEPARATORS.split(match[2].strip()) if match else []
    try:
        numbers = [float(part[:-1]) / 100 if part.endswith("%") else float(part.removesuffix("deg")) for part in parts]
    except ValueError:
        return None
    if not match or len(numbers) not in (3, 4):
        return None
    alpha = numbers[3] if len(numbers) == 4 else 1.0
    if match[1]:
        white, black = numbers[1], numbers[2]
        light = white / (white + black) if white + black >= 1 else (1 + white - black) / 2
        return ((light, light, light), alpha) if white + black > _GRAY else None
    red, green, blue = (min(max(number, 0.0), 1.0) for number in numbers[:3])
    return (red, green, blue), alpha


def _mixed(color: str, share: str | None, other: str, rest: str | None) -> tuple[Color, float] | None:
    """The mixture of two colours, in sRGB."""
    first, second = parsed(color.strip()), parsed(other.strip())
    if not first or not second:
        return None
    left = float(share) / 100 if share else 1 - float(rest) / 100 if rest else 0.5
    return over(first[0], left, second[0]), left * first[1] + (1 - left) * second[1]
