"""Which styles the elements of a web page have, by their attributes and by the page's own style sheets.

A small part of CSS: the properties that decide what is seen, the cascade (importance, specificity, order), nested rules,
custom properties, and media queries as on a screen of a desk. Sheets and pictures elsewhere are not fetched.
"""

from __future__ import annotations

import posixpath
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any
from urllib.parse import unquote_to_bytes

_RELEVANT = frozenset({
    "display", "visibility", "opacity", "font-size", "font", "color", "-webkit-text-fill-color", "background",
    "background-color", "background-image", "position", "left", "top", "right", "inset", "margin-left", "margin-top",
    "margin", "text-indent", "clip", "clip-path", "height", "max-height", "width", "max-width", "overflow", "overflow-x",
    "overflow-y", "content-visibility", "transform", "scale", "translate", "rotate", "zoom", "backface-visibility", "filter",
    "mask", "mask-image", "-webkit-mask", "-webkit-mask-image", "block-size", "inline-size", "max-block-size",
    "max-inline-size",
    "bottom", "animation", "animation-name", "animation-fill-mode", "direction", "unicode-bidi", "content",
})  # fmt: skip
_MOST_RULES = 2_000
_DEEPEST_RULE, _DEEPEST_VARIABLE = 8, 8
_SCREEN = 1_200  # pixels: the width of the window that media queries are answered for
_PIXELS = {"em": 16, "rem": 16}
_VARIABLE = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,([^()]*(?:\([^()]*\)[^()]*)*))?\)")
_WIDTH = re.compile(r"(min|max)-width\s*:\s*(\d*\.?\d+)(px|em|rem)|width\s*([<>])=?\s*(\d*\.?\d+)(px|em|rem)")
_OTHER_MEDIA = re.compile(
    r"^not (?!(?:print|speech)$)|^(?:only )?(?:print|speech)\b|prefers-color-scheme\s*:\s*dark|forced-colors\s*:\s*active"
)
_KEYFRAMES = re.compile(r"(?:-webkit-)?keyframes")
_LASTING = re.compile(r"\b(?:forwards|both|infinite)\b")
_STYLE_DATA = re.compile(r"data:text/css(?:;charset=[\w-]+)?(?P<coded>;base64)?,(?P<sheet>.*)", re.S | re.I)
_WITH_PREFIX = re.compile(r"@([A-Za-z]\w*:[A-Za-z][\w-]*)")
_GENERATED = re.compile(r"\"([^\"]*)\"|'([^']*)'")

Style = dict[str, str]
_Rule = tuple[str, dict[str, tuple[str, bool]]]  # selector, declarations
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
        self._last_frames: dict[str, dict[str, tuple[str, bool]]] = {}
        self.generated: list[str] = []
        self.elsewhere = False
        for sheet in root.iter("style", "link"):
            if sheet.tag == "link" and "stylesheet" not in (sheet.get("rel") or "").lower().split():
                continue
            text = sheet.text if sheet.tag == "style" else _of_data(sheet.get("href") or "") or linked(sheet.get("href") or "")
            self.elsewhere |= sheet.tag == "link" and text is None
            if text and _is_for_screens(sheet.get("media") or "all"):
                self._apply(root, _rules(text, _Imports(linked, sheet.get("href") or "")))

    def _apply(self, root: Any, rules: Iterator[_Rule]) -> None:
        from cssselect import HTMLTranslator, SelectorError, parse  # hardly any Markdown has a style sheet
        from lxml.etree import XPathError

        for listed, declared in rules:
            if listed.startswith("@"):
                self._last_frames[listed[1:]] = declared
                continue
            if self._order >= _MOST_RULES:
                break
            self._order += 1
            try:
                for selector in parse(listed):
                    elements = root.xpath(_WITH_PREFIX.sub(_by_name, HTMLTranslator().selector_to_xpath(selector)))
                    if selector.pseudo_element in ("before", "after"):
                        content = "".join("".join(pair) for pair in _GENERATED.findall(declared.get("content", ("", ""))[0]))
                        self.generated += [content] * len(elements) if content.strip() else []
                    elif not selector.pseudo_element:
                        for element in elements:
                            self._declare(element, declared, selector.specificity())
            except (SelectorError, XPathError, ValueError, RecursionError):  # :hover
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
        hidden = element.get("hidden") is not None and element.get("hidden") != "until-found"
        if hidden or element.get("popover") is not None:
            style["display"] = "none"
        sheets = self._of.get(element, {})
        attribute = declarations(element.get("style") or "")
        style |= {name: value for name, (_, value) in sheets.items()}
        style |= {
            name: value
            for name, (value, important) in attribute.items()
            if important or not (name in sheets and sheets[name][0][0])
        }
        if self._last_frames:
            style |= self._at_the_end(f"{style.get('animation', '')} {style.get('animation-name', '')}", style)
        return style

    def _at_the_end(self, animation: str, style: Style) -> Style:
        """What a lasting animation of an element has made of its style in the end."""
        if not _LASTING.search(f"{animation} {style.get('animation-fill-mode', '')}"):
            return {}
        frames = next((self._last_frames[name] for name in animation.split() if name in self._last_frames), {})
        return {name: value for name, (value, _) in frames.items()}


class _Imports:
    """The sheets that a sheet imports, each once."""

    def __init__(self, linked: Callable[[str], str | None], base: str) -> None:
        """`linked`: see `Styles`; `base`: the address of the sheet, to which those of the others are relative."""
        self._linked, self._base, self._seen = linked, base, set[str]()

    def sheet(self, address: str) -> str:
        """The text of an imported sheet; "" if it is not at hand, or was imported before."""
        if data := _of_data(address):
            return data
        address = posixpath.join(posixpath.dirname(self._base), address)
        if not address or address in self._seen:
            return ""
        self._seen.add(address)
        return self._linked(address) or ""


def _by_name(prefixed: re.Match[str]) -> str:
    """XPath's test of an attribute such as `epub:type` by its whole name, since a page read as HTML has no name spaces."""
    return f"@*[name() = '{prefixed[1]}']"


def _rules(sheet: str, imports: _Imports) -> Iterator[_Rule]:
    """The rules of a sheet that hold on a screen, in order, those nested in others with the whole selector.

    Of an animation the last frame, with "@" and its name for a selector.
    """
    import tinycss2

    def inside(rules: Any, above: str, depth: int) -> Iterator[_Rule]:
        for rule in rules if depth < _DEEPEST_RULE else ():
            if rule.type == "qualified-rule":
                selector = _nested(above, tinycss2.serialize(rule.prelude).rpartition(";")[2].strip())
                blocks = any(token.type == "{} block" for token in rule.content)
                outer = tinycss2.serialize([token for token in rule.content if token.type != "{} block"]) if blocks else ""
                if declared := declarations(outer or tinycss2.serialize(rule.content)):
                    yield selector, declared
                if blocks:
                    yield from inside(_parsed(rule.content), selector, depth + 1)
            elif rule.type == "at-rule" and rule.content and _KEYFRAMES.fullmatch(rule.lower_at_keyword):
                yield from _last_frame(rule, list(inside(_parsed(rule.content), "", _DEEPEST_RULE - 1)))
            elif rule.type == "at-rule" and rule.content and _is_applied(rule):
                yield from inside(_parsed(rule.content), above, depth + 1)
            elif rule.type == "at-rule" and rule.lower_at_keyword == "import":
                tokens = [part for token in rule.prelude for part in (token.arguments if token.type == "function" else [token])]
                imported = imports.sheet(next((token.value for token in tokens if token.type in ("url", "string")), ""))
                yield from inside(tinycss2.parse_stylesheet(imported, True, True), "", depth + 1)

    def _parsed(content: Any) -> Any:
        return tinycss2.parse_rule_list(content, skip_comments=True, skip_whitespace=True)

    def _is_applied(rule: Any) -> bool:
        condition = tinycss2.serialize(rule.prelude)
        if rule.lower_at_keyword == "media":
            return _is_for_screens(condition)
        if rule.lower_at_keyword == "supports":
            return not condition.strip().lower().startswith("not")
        return rule.lower_at_keyword in ("layer", "container", "scope")

    def _last_frame(rule: Any, frames: list[tuple[str, dict[str, tuple[str, bool]]]]) -> Iterator[_Rule]:
        ends = [declared for selector, declared in frames if {"to", "100%"} & set(re.split(r"[\s,]+", selector))]
        yield from ((f"@{tinycss2.serialize(rule.prelude).strip().lower()}", declared) for declared in ends)

    yield from inside(tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True), "", 0)


def _of_data(address: str) -> str:
    """The style sheet that an address holds itself; "" if it leads elsewhere."""
    if not (data := _STYLE_DATA.fullmatch(address.strip())):
        return ""
    sheet = unquote_to_bytes(data["sheet"])
    try:
        return (b64decode(sheet) if data["coded"] else sheet).decode("utf-8", "replace")
    except ValueError:
        return ""


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
