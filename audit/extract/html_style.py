"""Which styles the elements of a web page have, by their attributes and by the page's own style sheets.

A small part of CSS: the properties that decide what is seen, the cascade (importance, specificity, order), nested rules,
custom properties, and media queries as on a screen of a desk. Sheets and pictures elsewhere are not fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

_RELEVANT = frozenset({
    "display", "visibility", "opacity", "font-size", "font", "color", "-webkit-text-fill-color", "background",
    "background-color", "background-image", "position", "left", "top", "right", "inset", "margin-left", "margin-top",
    "margin", "text-indent", "clip", "clip-path", "height", "max-height", "width", "max-width", "overflow", "overflow-x",
    "overflow-y", "content-visibility", "transform", "scale", "filter", "direction", "unicode-bidi", "content",
})  # fmt: skip
_MOST_RULES = 2_000
_DEEPEST_RULE, _DEEPEST_VARIABLE = 8, 8
_SCREEN = 1_200  # pixels: the width of the window that media queries are answered for
_FAR, _FAR_RIGHT = 900, 2_500  # pixels to the left or above, and to the right: off every page
_LENGTH = re.compile(r"(-?\d*\.?\d+)\s*(px|pt|em|rem|%|vw|vh|ex|ch|cm|mm|in)?")
_PIXELS = {"pt": 4 / 3, "em": 16, "rem": 16, "%": 10, "ex": 8, "ch": 8, "cm": 37.8, "mm": 3.78, "in": 96, "vw": 12, "vh": 8}
_LEAST_BLUR = 5  # pixels
_TINIEST = 2  # pixels; a point is 1.33
_SIZE_OF_FONT = re.compile(r"(?:^|\s)(\d*\.?\d+(?:px|pt|em|rem|%|vw|vh|ex|ch|cm|mm|in)?)(?:\s*/\s*\S+)?\s+\S")
_VARIABLE = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,([^()]*(?:\([^()]*\)[^()]*)*))?\)")
_WIDTH = re.compile(r"(min|max)-width\s*:\s*(\d*\.?\d+)(px|em|rem)|width\s*([<>])=?\s*(\d*\.?\d+)(px|em|rem)")
_OTHER_MEDIA = re.compile(r"^not\b|\b(?:print|speech)\b|prefers-color-scheme\s*:\s*dark|forced-colors\s*:\s*active")
_GENERATED = re.compile(r"\"([^\"]*)\"|'([^']*)'")

Style = dict[str, str]
_Rank = tuple[bool, tuple[int, int, int], int]  # whether important, specificity, order


class Styles:
    """The styles of the elements of one page.

    Attributes:
        generated: texts that sheets put before or after elements (`content`), in the order of the rules.
        elsewhere: whether the page has sheets that are not at hand, so that more may be hidden, or shown, than is known.
    """

    def __init__(self, root: Any, linked: Callable[[str], str | None]) -> None:
        """Read the sheets of a page; `linked` gives the text of one by its address, None if it is not at hand."""
        self._of: dict[Any, dict[str, tuple[_Rank, str]]] = {}
        self._order = 0
        self.generated: list[str] = []
        self.elsewhere = False
        for sheet in root.iter("style", "link"):
            if sheet.tag == "link" and "stylesheet" not in (sheet.get("rel") or "").lower().split():
                continue
            text = sheet.text if sheet.tag == "style" else linked(sheet.get("href") or "")
            self.elsewhere |= sheet.tag == "link" and text is None
            if text and _is_for_screens(sheet.get("media") or "all"):
                self._apply(root, text)

    def _apply(self, root: Any, sheet: str) -> None:
        from cssselect import HTMLTranslator, SelectorError, parse  # hardly any Markdown has a style sheet

        for listed, declared in _rules(sheet):
            if self._order >= _MOST_RULES:
                break
            self._order += 1
            try:
                for selector in parse(listed):
                    elements = root.xpath(HTMLTranslator().selector_to_xpath(selector))
                    if selector.pseudo_element in ("before", "after"):
                        content = "".join("".join(pair) for pair in _GENERATED.findall(declared.get("content", ("", ""))[0]))
                        self.generated += [content] * len(elements) if content.strip() else []
                    elif not selector.pseudo_element:
                        for element in elements:
                            self._declare(element, declared, selector.specificity())
            except (SelectorError, ValueError, RecursionError):  # :hover
                continue

    def _declare(self, element: Any, declared: dict[str, tuple[str, bool]], specificity: tuple[int, int, int]) -> None:
        style = self._of.setdefault(element, {})
        for name, (value, important) in declared.items():
            rank = (important, specificity, self._order)
            if name not in style or style[name][0] <= rank:
                style[name] = (rank, value)

    def of(self, element: Any) -> Style:
        """The declarations for an element: of old attributes, then of sheets and of its own style, the important ones last."""
        style: Style = {}
        if element.tag in ("font", "body") and (color := element.get("color") or element.get("text")):
            style["color"] = color.lower()
        if element.get("bgcolor"):
            style["background-color"] = element.get("bgcolor").lower()
        if element.get("hidden") is not None and element.get("hidden") != "until-found":
            style["display"] = "none"
        sheets = self._of.get(element, {})
        attribute = declarations(element.get("style") or "")
        style |= {name: value for name, (_, value) in sheets.items()}
        style |= {
            name: value
            for name, (value, important) in attribute.items()
            if important or not (name in sheets and sheets[name][0][0])
        }
        return style


def _rules(sheet: str) -> Iterator[tuple[str, dict[str, tuple[str, bool]]]]:
    """The rules of a sheet that hold on a screen, in order, those nested in others with the whole selector."""
    import tinycss2

    def inside(rules: Any, above: str, depth: int) -> Iterator[tuple[str, dict[str, tuple[str, bool]]]]:
        for rule in rules if depth < _DEEPEST_RULE else ():
            if rule.type == "qualified-rule":
                selector = _nested(above, tinycss2.serialize(rule.prelude).rpartition(";")[2].strip())
                blocks = any(token.type == "{} block" for token in rule.content)
                outer = tinycss2.serialize([token for token in rule.content if token.type != "{} block"]) if blocks else ""
                if declared := declarations(outer or tinycss2.serialize(rule.content)):
                    yield selector, declared
                if blocks:
                    yield from inside(_parsed(rule.content), selector, depth + 1)
            elif rule.type == "at-rule" and rule.content and _is_applied(rule):
                yield from inside(_parsed(rule.content), above, depth + 1)

    def _parsed(content: Any) -> Any:
        return tinycss2.parse_rule_list(content, skip_comments=True, skip_whitespace=True)

    def _is_applied(rule: Any) -> bool:
        if rule.lower_at_keyword == "media":
            return _is_for_screens(tinycss2.serialize(rule.prelude))
        return rule.lower_at_keyword in ("supports", "layer", "container", "scope")

    yield from inside(tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True), "", 0)


def _nested(above: str, selector: str) -> str:
    """The selector of a rule within another one, as it would be written outside."""
    if not above or "(" in above + selector:
        return selector
    pairs = product(above.split(","), selector.split(","))
    return ",".join(inner.replace("&", outer.strip()) if "&" in inner else f"{outer} {inner}" for outer, inner in pairs)


def _is_for_screens(media: str) -> bool:
    """Whether one of the queries of a list holds on a bright screen of `_SCREEN` pixels."""
    return any(not _OTHER_MEDIA.search(query.strip()) and _has_width(query) for query in media.lower().split(","))


def _has_width(query: str) -> bool:
    for least, number, unit, sign, other, other_unit in _WIDTH.findall(query):
        pixels = float(number or other) * _PIXELS.get(unit or other_unit, 1)
        if (least == "min" or sign == ">") != (pixels <= _SCREEN):
            return False
    return True


def declarations(text: str) -> dict[str, tuple[str, bool]]:
    """The declarations that decide what is seen: property to value, in small letters, and whether it is important."""
    style: dict[str, tuple[str, bool]] = {}
    for declaration in text.split(";"):
        name, _, value = declaration.partition(":")
        name = name.strip().lower()
        shown, important, _ = value.partition("!")
        shown = shown.strip() if name == "content" else shown.strip().lower()
        if shown and (name in _RELEVANT or name.startswith("--")):
            style[name] = (shown, bool(important))
    return style


def resolved(style: Style, variables: Mapping[str, str]) -> Style:
    """A style with the values of custom properties put in; a declaration with one that nobody sets is dropped."""
    if not any("var(" in value for value in style.values()):
        return style
    done: Style = {}
    for name, value in style.items():
        for _ in range(_DEEPEST_VARIABLE):
            if "var(" not in value:
                break
            value = _VARIABLE.sub(lambda match: variables.get(match[1], match[2] or ""), value)[:1000]
        if value.strip() and "var(" not in value:
            done[name] = value.strip()
    return done


def hides(style: Style) -> str:
    """The way in which this style hides an element with all its content; "" if it does not.

    What the content can undo is decided by others: `visibility`, sizes and colours of letters.
    """
    if style.get("display") == "none" or style.get("content-visibility") == "hidden":
        return "display:none"
    if (opacity := length(style.get("opacity"))) is not None and opacity < 0.05:
        return "transparent letters"
    if way := _filtered(style.get("filter", "")):
        return way
    moved = style.get("position") in ("absolute", "fixed")
    if moved and _is_clipped(style):
        return "no room"
    if (moved and _is_far(style)) or (length(style.get("text-indent")) or 0) < -_FAR:
        return "off the page"
    margins = (style.get("margin-left"), style.get("margin-top"), *style.get("margin", "").split())
    if any((length(margin) or 0) < -_FAR for margin in margins):
        return "off the page"
    if way := _transformed(f"{style.get('transform', '')} scale({style.get('scale', '1')})"):
        return way
    if {"hidden", "clip"} & {style.get("overflow", "").split(" ")[0], style.get("overflow-x"), style.get("overflow-y")}:
        for side in ("height", "max-height", "width", "max-width"):
            if (extent := length(style.get(side))) is not None and extent < _TINIEST:
                return "no room"
    return "no room" if _is_clipped({"clip-path": style.get("clip-path", "")}) else ""


def _filtered(filters: str) -> str:
    for function, number in re.findall(r"(opacity|blur)\(\s*(\d*\.?\d+)(?:px)?\s*\)", filters):
        if function == "opacity" and float(number) < 0.05:
            return "transparent letters"
        if function == "blur" and float(number) > _LEAST_BLUR:
            return "blurred"
    return ""


def _is_clipped(style: Style) -> bool:
    """Whether nothing is left of an element: `clip` counts where it stands outside of the flow, `clip-path` everywhere."""
    if match := re.fullmatch(r"rect\(([^()]*)\)", style.get("clip", "")):
        top, right, bottom, left = ([length(side) for side in re.split(r"[\s,]+", match[1].strip())] + [None] * 4)[:4]
        if None not in (top, right, bottom, left):
            return (bottom or 0) - (top or 0) < _TINIEST or (right or 0) - (left or 0) < _TINIEST
    path = style.get("clip-path", "")
    if match := re.match(r"inset\(\s*(\d*\.?\d+)%", path):
        return float(match[1]) >= 50
    return bool(re.match(r"circle\(\s*0(?:px|%)?\s*(?:at\b|\))|polygon\(\s*(0(?:px|%)?[\s,]*)+\)", path))


def _is_far(style: Style) -> bool:
    inset = dict(zip(("top", "right", "bottom", "left"), style.get("inset", "").split(), strict=False))
    top, right, left = (length(style.get(side, inset.get(side))) or 0 for side in ("top", "right", "left"))
    return min(top, right, left) < -_FAR or left > _FAR_RIGHT


def _transformed(transform: str) -> str:
    for function, arguments in re.findall(r"(\w+)\(([^()]*)\)", transform):
        values = [length(value.strip()) for value in re.split(r"[\s,]+", arguments.strip())]
        if function.startswith("scale") and 0.0 in values:
            return "no room"
        if function.startswith("translate") and any((value or 0) < -_FAR or (value or 0) > _FAR_RIGHT for value in values):
            return "off the page"
        if function in ("rotatex", "rotatey") and arguments.strip() in ("90deg", "-90deg", "270deg"):
            return "no room"
    return ""


def size_of(style: Style, above: float) -> float:
    """The height of the letters of an element in pixels; `above`: that of the element around it."""
    value = style.get("font-size")
    if value is None and (match := _SIZE_OF_FONT.search(style.get("font", ""))):
        value = match[1]
    if value in (None, "inherit", "unset"):
        return above
    if match := re.fullmatch(r"(\d*\.?\d+)(em|%)", value or ""):
        return float(match[1]) * above / (1 if match[2] == "em" else 100)
    size = length(value)
    return 16.0 if size is None else size


def is_tiny(size: float) -> bool:
    """Whether letters of so many pixels cannot be read."""
    return size < _TINIEST


def length(value: str | None) -> float | None:
    """A CSS length in pixels; None: it cannot be read."""
    match = _LENGTH.fullmatch(value or "")
    return float(match[1]) * _PIXELS.get(match[2] or "px", 1) if match else None
