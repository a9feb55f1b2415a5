"""Web pages: the text that a reader sees, without menus, scripts and hidden elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple

from lxml import etree
from lxml import html as lxml_html

from llm_audit.extract.colors import BLACK, WHITE, Color, is_unseen, over
from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.html_colors import LINK, background, letters
from llm_audit.extract.html_hiding import hides, is_tiny, opacity, size_of
from llm_audit.extract.html_style import Style, Styles, resolved
from llm_audit.extract.prose import looks_like_prose

_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*>")  # of an encoding that the page is no longer in
_SKIPPED = frozenset({
    "script", "style", "template", "noscript", "noframes", "svg", "head", "title", "object", "iframe", "canvas", "audio",
    "video", "select", "datalist", "textarea", "button", "input", "progress", "meter", "map", "frameset", "applet", "embed",
    "math", "rt", "rp",
})  # fmt: skip
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
    "hgroup", "hr", "html", "legend", "li", "main", "menu", "nav", "ol", "p", "pre", "search", "section", "summary",
    "table", "tbody", "tfoot", "thead", "tr", "ul",
})  # fmt: skip
_APART = {**dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6", "summary", "legend"), "heading"), "blockquote": "quote",
          "figcaption": "caption", "caption": "caption", "table": "table"}  # fmt: skip
_EDGES = frozenset({"nav", "footer", "aside", "menu", "dialog", "search"})
_EDGE_ROLES = frozenset({
    "navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog", "menu", "menubar",
    "toolbar",
})  # fmt: skip
_EDGE_NAMES = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|menu|sidebar|breadcrumbs?|cookies?|consent|comments?|disqus|newsletter|share|social|related|promo"
    r"|advert\w*|footer|toc|pagination|skip)(?:$|[\s_-])",
    re.I,
)
_MOST_OF_EDGE = 0.5  # of the words of a page: what is called a sidebar and holds more is a frame around the text
_MOST_NAMED = 100  # elements of such names whose words are counted
_FOR_EARS = re.compile(r"sr-only|screen-?reader|visually-?hidden|a11y|skip-link|assistive", re.I)
_NOTES = frozenset({"doc-endnotes", "doc-footnote", "footnotes", "footnote", "endnotes", "endnote", "rearnote", "rearnotes"})
_HEADS = frozenset({"title", "subtitle", "author", "date", "byline"})
_NOTE_MARK = re.compile(r"\s*\[?(?:\d{1,3}|[*†‡§]|[a-z])\]?\s*")
_CELLS = frozenset({"td", "th"})
_NAMED = frozenset({"div", "ul", "ol", "section", "table", "p"})
_NAMED_WHEN_SKIPPED = {
    "math": "formula", "iframe": "embedded page", "object": "embedded object", "embed": "embedded object",
    "textarea": "form field",
}  # fmt: skip
_WHERE_LETTERS = frozenset({"white letters", "letters in the colour of what is behind"})
_TAKING_ROOM = _WHERE_LETTERS | {"transparent letters", "visibility:hidden"}
_LEAST_OPACITY = 0.05
_LEAST_GENERATED = 3  # words of a text from a style sheet; shorter ones are signs and labels
LINE = "data-source-line"
"""Attribute with the line number of an element in the source that the page was made from, such as Markdown."""
_DEEPEST = 2_000
"""Deepest nesting of elements: newer releases of libxml2 cut a page off at 2,048, older ones nowhere."""
_TOO_DEEP = "is nested too deeply to read: save it as plain text and try again"
_LEAST_HIDDEN = 8
"""Fewest words of a hidden block that are reported; shorter ones are labels or notices of the page's program."""


class _State(NamedTuple):
    """Properties of an element that its descendants inherit."""

    hidden: str = ""  # how, by what no descendant can undo
    invisible: bool = False  # by `visibility`
    inline: bool = False  # what is hidden stands within a paragraph
    apart: str = ""
    edge: bool = False  # a menu or the like
    link: bool = False
    code: bool = False
    size: float = 16.0  # pixels
    color: tuple[Color, float] | None = (BLACK, 1.0)  # of the letters, with its opacity; None: unknown
    back: Color | None = WHITE
    variables: Mapping[str, str] = MappingProxyType({})
    reversed: bool = False  # shown from right to left, letter by letter
    opacity: float = 1.0  # of all elements around, multiplied

    @property
    def way(self) -> str:
        """The way in which text is hidden here; "" if a reader sees it."""
        if self.hidden:
            return self.hidden
        if self.invisible:
            return "visibility:hidden"
        if is_tiny(self.size):
            return "tiny letters"
        if self.color and self.back and is_unseen(over(*self.color, self.back), self.back):
            return "white letters" if self.color[1] < 1 or self.back == WHITE else "letters in the colour of what is behind"
        return ""


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one page, given in UTF-8, with "paragraph 3" as places."""
    draft = Draft()
    add_page(stream.read().decode(), draft)
    yield draft.answer("has no text that a reader sees beside menus: save what is to be judged as plain text")


def add_page(
    page: str,
    draft: Draft,
    prefix: str = "",
    *,
    whole: bool = False,
    linked: Callable[[str], str | None] = lambda address: None,
) -> None:
    """Add what a reader sees of a page, or of a piece of one, block by block.

    Args:
        page: its source.
        draft: to add to.
        prefix: of the places, such as "chapter 3, ".
        whole: there is nothing around its text, such as menus.
        linked: gives the text of a style sheet by its address, None if it is not at hand.

    Raises:
        Refused: it is nested too deeply.
    """
    source = _DECLARATION.sub("", page)
    if not source.strip():
        return
    parser = lxml_html.HTMLParser(huge_tree=True, no_network=True, encoding="utf-8")
    root = lxml_html.document_fromstring(source.encode(), parser=parser)
    if any(error.type_name == "ERR_RESOURCE_LIMIT" for error in parser.error_log):
        raise Refused(_TOO_DEEP)
    _Walk(draft, prefix, Styles(root, linked), whole).run(root)


class _Walk:
    """One pass over a page."""

    def __init__(self, draft: Draft, prefix: str, styles: Styles, whole: bool) -> None:
        self._draft, self._prefix, self._styles, self._whole = draft, prefix, styles, whole
        self._pieces: list[str] = []
        self._lines: list[str] = [""]  # of the source: in which each line of the block began
        self._linked = 0
        self._named = 0
        self._total = 0
        self._number = 0
        self._hidden: list[tuple[str, str, bool]] = []
        for generated in styles.generated:
            if len(generated.split()) >= _LEAST_GENERATED:
                draft.leave_out(generated, "text from a style sheet")

    def run(self, root: Any) -> None:
        """Visit every element in order.

        Raises:
            Refused: it is nested too deeply.
        """
        # Letters whose colour nobody names have one that a sheet elsewhere may set.
        states = [_State(color=None if self._styles.elsewhere else (BLACK, 1.0))]
        self._total = _words(root)
        walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
        for event, element in walk:
            if event in ("comment", "pi"):
                self._draft.left_out["comment"] += event == "comment" and looks_like_prose(element.text or "")
                self._text(element.tail, states[-1])
                continue
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "start":
                skipped = (tag in _SKIPPED and not element.get("shadowrootmode")) or _is_note_mark(element, tag)
                if tag in _BLOCKS or tag in _CELLS:
                    self._flush(states[-1])
                if len(states) > _DEEPEST:
                    raise Refused(_TOO_DEEP)
                states.append(states[-1] if skipped else self._state(element, tag, states[-1]))
                if skipped:
                    self._name(element, tag, states[-1])
                    walk.skip_subtree()
                    continue
                if tag == "br":
                    self._pieces.append("\n")
                    self._lines.append(element.get(LINE) or self._lines[-1])
                elif number := element.get(LINE):
                    self._lines[-1] = number
                if tag == "img":
                    self._draft.leave_out("", "image")
                self._text(element.text, states[-1])
            else:
                state = states.pop()
                if tag in _CELLS:
                    self._flush(state, "\t" if element.getnext() is not None else "\n")
                elif tag in _BLOCKS:
                    self._flush(state)
                self._text(element.tail, states[-1])
        self._flush(states[-1])

    def _name(self, element: Any, tag: str, state: _State) -> None:
        """Note what a reader sees of an element that is not read."""
        if state.way:
            return
        if kind := _NAMED_WHEN_SKIPPED.get(tag):
            self._draft.leave_out(element.text or "" if tag == "textarea" else element.get("srcdoc") or "", kind)
        elif tag == "svg" and (drawn := " ".join(text for node in element.iter("text") for text in node.itertext())).strip():
            self._draft.leave_out(drawn, "text in a drawing")

    def _state(self, element: Any, tag: str, above: _State) -> _State:
        style = self._styles.of(element)
        variables = above.variables
        if custom := {name: value for name, value in style.items() if name.startswith("--")}:
            variables = {**variables, **custom}
        style = resolved(style, variables)
        names = f"{element.get('class') or ''} {element.get('id') or ''}"
        seen = above.opacity * opacity(style)
        hidden = above.hidden or hides(style) or ("transparent letters" if seen < _LEAST_OPACITY else "")
        if hidden and not above.hidden and _FOR_EARS.search(names):
            hidden = "for ears"
        visibility = style.get("visibility")
        color = (LINK, 1.0) if tag == "a" and element.get("href") and above.color else above.color
        state = _State(
            hidden,
            above.invisible if visibility in (None, "inherit") else visibility in ("hidden", "collapse"),
            above.inline,
            "reference" if _is_note(element) else "heading" if _is_head(element, tag) else _APART.get(tag, above.apart),
            above.edge or (not self._whole and (_is_edge(element, tag) or self._is_named_edge(element, tag, names))),
            above.link or tag == "a",
            above.code or tag == "pre",
            size_of(style, above.size),
            letters(style, color),
            background(style, above.back),
            variables,
            _is_reversed(element, tag, style, above),
            seen,
        )
        if state.way == above.way:
            return state
        return state._replace(inline=state.way in _WHERE_LETTERS or (tag not in _BLOCKS and tag not in _CELLS))

    def _is_named_edge(self, element: Any, tag: str, names: str) -> bool:
        """Whether the names of an element are those of a menu or the like, and it does not hold the text of the page."""
        if tag not in _NAMED or not _EDGE_NAMES.search(names):
            return False
        self._named += 1
        return self._named > _MOST_NAMED or _words(element) <= _MOST_OF_EDGE * self._total

    def _text(self, text: str | None, state: _State) -> None:
        if not text:
            return
        if way := state.way:
            self._hidden.append((way, text, state.inline))
            if state.inline:
                self._pieces.append(" " if way in _TAKING_ROOM else "")
            return
        shown = text if state.code else re.sub(r"\s+", " ", text)
        self._pieces.append(f"\u202e{shown}\u202c" if state.reversed and shown.strip() else shown)
        if state.link:
            self._linked += sum(map(len, text.split()))

    def _flush(self, state: _State, end: str = "") -> None:
        """End a block: add it, or count it as left out. `end` separates the cells of a table."""
        text, lines, linked = "".join(self._pieces), self._lines, self._linked
        self._pieces, self._lines, self._linked = [], [lines[-1]], 0
        visible = sum(map(len, text.split()))
        self._hide(state, bool(visible))
        if not visible:
            return
        if state.edge or (not self._whole and linked > 0.8 * visible and visible < 80 and not state.apart):
            self._draft.left_out["menu, list of links or edge of the page"] += 1
            self._draft.omitted += visible - linked
        elif state.code and not looks_like_prose(text):
            self._draft.leave_out(text, "code block")
        else:
            self._number += 1
            self._add(text, lines, state, end or ("\n" if state.apart == "table" else "\n\n"))

    def _add(self, text: str, lines: list[str], state: _State, end: str) -> None:
        """Add the lines of a block, each with its place."""
        if state.code:
            self._draft.add(text.strip("\n"), self._place(lines[0]), end, state.apart)
            return
        shown = [(" ".join(line.split()), number) for line, number in zip_longest(text.split("\n"), lines, fillvalue="")]
        shown = [(line, number) for line, number in shown if line]
        for position, (line, number) in enumerate(shown):
            self._draft.add(line, self._place(number), "\n" if position < len(shown) - 1 else end, state.apart)

    def _place(self, line: str) -> str:
        return f"{self._prefix}line {line}" if line else f"{self._prefix}paragraph {self._number}"

    def _hide(self, state: _State, within_text: bool) -> None:
        for way in dict.fromkeys(way for way, _, _ in self._hidden):
            text = " ".join(text for other, text, _ in self._hidden if other == way)
            inline = any(inline for other, _, inline in self._hidden if other == way)
            honest = way == "for ears" or state.edge or not ((inline and within_text) or len(text.split()) >= _LEAST_HIDDEN)
            if honest:
                self._draft.left_out["hidden label or notice"] += bool(text.strip())
            else:
                self._draft.hide(text, way)
        self._hidden = []


def _is_reversed(element: Any, tag: str, style: Style, above: _State) -> bool:
    """Whether the letters of an element are shown from right to left, whatever they are."""
    override = tag == "bdo" or "override" in style.get("unicode-bidi", "")
    direction = style.get("direction") or (element.get("dir") or "").lower()
    return direction == "rtl" if override else above.reversed


def _is_note(element: Any) -> bool:
    """Whether an element holds footnotes, by the names that e-books and pandoc give them."""
    names = f"{element.get('role') or ''} {element.get('epub:type') or ''}".split()
    return any(name in _NOTES for name in names) or "footnotes" in (element.get("class") or "").split()


def _is_note_mark(element: Any, tag: str) -> bool:
    """Whether an element is the superscript number of a footnote, or that of a page of the printed book."""
    if tag == "a":
        return element.get("epub:type") == "noteref" or "footnote-ref" in (element.get("class") or "").split()
    if element.get("epub:type") == "pagebreak" or element.get("role") == "doc-pagebreak":
        return True
    return tag == "sup" and bool(_NOTE_MARK.fullmatch("".join(element.itertext())))


def _is_head(element: Any, tag: str) -> bool:
    """Whether an element is a byline: the author or date above a text."""
    return tag in ("p", "div") and (element.get("class") or "") in _HEADS


def _is_edge(element: Any, tag: str) -> bool:
    """Whether an element is a menu, a sidebar, comments or something else around the text of a page."""
    if tag in _EDGES or (element.get("role") or "").lower() in _EDGE_ROLES:
        return True
    if tag == "header":
        return not any(ancestor.tag in ("article", "main", "section") for ancestor in element.iterancestors())
    return False


def _words(element: Any) -> int:
    """The number of words in an element, those of scripts and the like aside."""
    pieces = (text for inner in element.iter() if inner.tag not in _SKIPPED for text in (inner.text, inner.tail) if text)
    return sum(len(text.split()) for text in pieces) - len((element.tail or "").split())
