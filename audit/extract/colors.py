"""Colours, and whether letters of one can be told from a background of another."""

from __future__ import annotations

import re

Color = tuple[float, float, float]
"""Red, green and blue of sRGB, each from 0 to 1."""

WHITE: Color = (1.0, 1.0, 1.0)
BLACK: Color = (0.0, 0.0, 0.0)

LEAST_CONTRAST = 1.17
"""Least contrast (WCAG 2.2, from 1 to 21) of letters that can be seen: #EEEEEE on white has 1.16; WCAG asks for 4.5."""


def is_unseen(letters: Color, background: Color) -> bool:
    """Whether letters are of so nearly the colour of their background that nobody sees them."""
    darker, lighter = sorted((_luminance(letters), _luminance(background)))
    return (lighter + 0.05) / (darker + 0.05) < LEAST_CONTRAST


def _luminance(color: Color) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def over(color: Color, alpha: float, background: Color) -> Color:
    """The colour that is seen where one of this opacity, from 0 to 1, lies on a background."""
    red, green, blue = (alpha * part + (1 - alpha) * below for part, below in zip(color, background, strict=True))
    return (red, green, blue)


def of_hexadecimal(digits: str) -> Color | None:
    """The colour that six hexadecimal digits stand for; None if they are none."""
    if not re.fullmatch("[0-9A-Fa-f]{6}", digits):
        return None
    red, green, blue = (part / 255 for part in bytes.fromhex(digits))
    return (red, green, blue)
