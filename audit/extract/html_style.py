"""Which elements of a web page are hidden by their styles, in attributes and in the page's own style sheets.

A small part of CSS: properties that hide, the order of rules, no specificity. Sheets and pictures elsewhere are not fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_RELEVANT = frozenset({
    "display", "visibility", "opacity", "font-size", "color", "background", "background-color", "background-image",
    "position", "left", "top", "right", "text-indent", "clip", "clip-path", "height", "max-height", "width",
    "overflow", "content-visibility",
})  # fmt: skip
_MOST_RULES = 2_000
_FAR = 900  # pixels to the left or above: off every page
_WHITE = re.compile(
    r"white|#f{3}f?|#f{6}(?:ff)?|#f[ef]f[ef]f[ef]|snow|ghostwhite|rgba?\(\s*25[0-5][\s,]+25[0-5][\s,]+25[0-5].*\)|hsla?\(.*100%.*\)"
)
_CLEAR = re.compile(r"transparent|#[0-9a-f]{3}0|#[0-9a-f]{6}00|rgba\([^)]*,\s*0(?:\.0*)?\s*\)")
_NO_BACKGROUND = re.compile(r"none|inherit|initial|unset|transparent")
_LENGTH = re.compile(r"(-?\d*\.?\d+)\s*(px|pt|em|rem|%|vw|vh|ex|ch|cm|mm|in)?")
_PIXELS = {"pt": 4 / 3, "em": 16, "rem": 16, "%": 0.16, "ex": 8, "ch": 8, "cm": 37.8, "mm": 3.78, "in": 96, "vw": 10, "vh": 8}
_TINIEST = 2  # pixels; a point is 1.33

Style = dict[str, str]


class Styles:
    """The styles of the elements of one page."""

    def __init__(self, root: Any) -> None:
        self._of: dict[Any, Style] = {}
        for sheet in root.iter("style"):
            if (sheet.get("media") or "all").lower() in ("all", "screen"):
                self._apply(root, sheet.text or "")

    def _apply(self, root: Any, sheet: str) -> None:
        from cssselect import HTMLTranslator, SelectorError  # hardly any Markdown has a style sheet

        for number, (selector, declared) in enumerate(_rules(sheet)):
            if number >= _MOST_RULES:
                break
            try:
                path = HTMLTranslator().css_to_xpath(selector)
                for element in root.xpath(path):
                    self._of.setdefault(element, {}).update(declared)
            except (SelectorError, ValueError, RecursionError):  # ::before, :hover
                continue

    def of(self, element: Any) -> Style:
        """The declarations for an element: of sheets, then of old attributes, then of its own style."""
        style = dict(self._of.get(element, {}))
        if element.tag == "font" and element.get("color"):
            style["color"] = element.get("color").lower()
        if element.get("bgcolor"):
            style["background-color"] = element.get("bgcolor").lower()
        if element.get("style"):
            style |= declarations(element.get("style"))
        if element.get("hidden") is not None and element.get("hidden") != "until-found":
            style.setdefault("display", "none")
        return style


def _rules(sheet: str) -> Iterator[tuple[str, Style]]:
    import tinycss2

    def inside(rules: Any) -> Iterator[tuple[str, Style]]:
        for rule in rules:
            if rule.type == "qualified-rule":
                declared = declarations(tinycss2.serialize(rule.content))
                if declared:
                    yield tinycss2.serialize(rule.prelude).strip(), declared
            elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports", "layer") and rule.content:
                condition = tinycss2.serialize(rule.prelude)
                within = () if "print" in condition or "max-" in condition else rule.content
                yield from inside(tinycss2.parse_rule_list(within, skip_comments=True, skip_whitespace=True))

    yield from inside(tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True))


def declarations(text: str) -> Style:
    """The declarations of a style that can hide: property to value, both in small letters."""
    style: Style = {}
    for declaration in text.split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.replace("!important", "").strip().lower()
        if name in _RELEVANT and value:
            style[name] = value
    return style


def hides(style: Style) -> str:
    """The way in which this style hides an element with all its content; "" if it does not. For colours see `letters`."""
    if style.get("display") == "none":
        return "display:none"
    if style.get("visibility") in ("hidden", "collapse"):
        return "visibility:hidden"
    if (opacity := _length(style.get("opacity"))) is not None and opacity < 0.05:
        return "transparent letters"
    if (size := _length(style.get("font-size"))) is not None and size < _TINIEST:
        return "tiny letters"
    moved = style.get("position") in ("absolute", "fixed")
    if moved and any((_length(style.get(side)) or 0) < -_FAR for side in ("left", "top", "right")):
        return "off the page"
    if (_length(style.get("text-indent")) or 0) < -_FAR:
        return "off the page"
    if style.get("overflow") in ("hidden", "clip"):
        for side in ("height", "max-height", "width"):
            if (extent := _length(style.get(side))) is not None and extent < _TINIEST:
                return "no room"
    return ""


def letters(style: Style) -> bool | None:
    """Whether this style makes letters white or transparent; None: it sets no colour."""
    color = style.get("color")
    return None if color is None or color == "inherit" else bool(_WHITE.fullmatch(color) or _CLEAR.fullmatch(color))


def background(style: Style) -> bool | None:
    """Whether this style has a background other than white; None: it sets none."""
    values = [style[name] for name in ("background", "background-color", "background-image") if name in style]
    if not values:
        return None
    return any(not (_NO_BACKGROUND.fullmatch(value) or _WHITE.fullmatch(value) or _CLEAR.fullmatch(value)) for value in values)


def _length(value: str | None) -> float | None:
    """A CSS length in pixels; None: it cannot be read."""
    match = _LENGTH.fullmatch(value or "")
    return float(match[1]) * _PIXELS.get(match[2] or "px", 1) if match else None
