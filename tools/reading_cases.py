"""Documents with 15 features, made by a seed, in formats of markup; those of other formats are in `reading_formats`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape

from numpy.random import Generator

WORDS = (
    "harbour", "lantern", "winter", "kitchen", "morning", "letter", "garden", "engine", "window", "village", "teacher", "river",
    "bridge", "market", "candle", "forest", "orchard", "station", "neighbour", "basket", "cellar", "meadow", "museum",
)  # fmt: skip
SECRET = "zanzibar"
"""A word that no reader sees, where there is a way to hide one."""


@dataclass
class Content:
    """What a document holds.

    Attributes:
        title: seen above the text; empty: none.
        paragraphs: seen, in order.
        items: of a list, seen after them.
        cells: of a table of two columns, seen at the end.
        bold, link: a word of each paragraph is set in bold, or is a link.
        hidden: in a way that the format has, and not seen.
        comment: of the author, not seen.
        wrapped: lines are broken at 60 characters where that changes nothing.
    """

    paragraphs: list[str]
    title: str = ""
    items: list[str] = field(default_factory=list)
    cells: list[tuple[str, str]] = field(default_factory=list)
    bold: str = ""
    link: str = ""
    hidden: str = ""
    comment: str = ""
    wrapped: bool = False

    def seen(self) -> str:
        """All that a reader sees."""
        table = [cell for row in self.cells for cell in row]
        return "\n\n".join([*([self.title] if self.title else []), *self.paragraphs, *self.items, *table])


def sentence(rng: Generator) -> str:
    """One of made-up prose."""
    one, two, three, four = rng.permutation(WORDS)[:4]
    return str(rng.choice((
        f"The {one} stood beside the {two} for years before anybody asked about the {three}.",
        f"She carried the {one} to the {two}, and nobody at the {three} said a word.",
        f"When the {one} was sold, the {two} went with it, and so did the old {three}.",
        f"He wrote about the {one} and the {two} because the {three} reminded him of the {four}.",
    )))  # fmt: skip


def contents(rng: Generator) -> dict[str, Content]:
    """One of each feature."""

    def prose(n: int = 3) -> list[str]:
        return [" ".join(sentence(rng) for _ in range(4)) for _ in range(n)]

    def changed(change: Callable[[str], str]) -> Content:
        return Content([change(text) for text in prose()])

    return {
        "plain": Content(prose()),
        "title": Content(prose(), title="About the harbour"),
        "list": Content(prose(2), items=[sentence(rng) for _ in range(3)]),
        "table": Content(prose(2), cells=[("harbour", "seven"), ("lantern", "nine")]),
        "bold": Content(prose(), bold="the"),
        "link": Content(prose(), link="the"),
        "quotes": changed(lambda text: f"\u201cYes,\u201d he said \u2013 \u2018no\u2019. {text}\u2026"),
        "ligatures": changed(lambda text: f"The \ufb01rst o\ufb03ce \ufb02oor. {text}"),
        "spaces": changed(lambda text: text.replace(" the ", "\u00a0the\u2009")),
        "letters": changed(lambda text: f"Ann\u00e9 \u0160koda met J\u00f6rg in Malm\u00f6. {text}"),
        "signs": changed(lambda text: f"Smith & Sons < 5 % of $3 # 7 > a_b. {text}"),
        "hidden": Content(prose(), hidden=f"The {SECRET} is not seen by any reader of this."),
        "comment": Content(prose(), comment=f"the {SECRET} is a remark"),
        "soft": changed(lambda text: text.replace("neighbour", "neigh\u00adbour").replace("morning", "mor\u200bning")),
        "wrapped": Content(prose(), wrapped=True),
    }  # fmt: skip


def lines(text: str, wrapped: bool) -> str:
    """The text, broken at 60 characters if asked for."""
    if not wrapped:
        return text
    out, length = "", 0
    for word in text.split(" "):
        gap = "\n" if length + len(word) > 60 else " " if out else ""
        length = len(word) if gap == "\n" else length + len(word) + 1
        out += gap + word
    return out


def each(content: Content, escaped: Callable[[str], str], bold: str, link: str) -> list[str]:
    """The paragraphs in some markup; `bold` and `link` have {} for the word."""
    shown = []
    for paragraph in content.paragraphs:
        text = escaped(lines(paragraph, content.wrapped))
        if content.bold:
            text = text.replace(f" {content.bold} ", f" {bold.format(content.bold)} ", 1)
        if content.link:
            text = text.replace(f" {content.link} ", f" {link.format(content.link)} ", 1)
        shown.append(text)
    return shown


URL = "https://example.org/somewhere"


def html(content: Content) -> str:
    """The body of a page."""
    body = [f"<h1>{escape(content.title)}</h1>"] if content.title else []
    body += [f"<p>{text}</p>" for text in each(content, escape, "<b>{}</b>", f'<a href="{URL}">{{}}</a>')]
    if content.items:
        body.append("<ul>" + "".join(f"<li>{escape(item)}</li>" for item in content.items) + "</ul>")
    if content.cells:
        rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in content.cells)
        body.append(f"<table>{rows}</table>")
    if content.hidden:
        body.append(f'<p style="display:none">{content.hidden}</p>')
    if content.comment:
        body.append(f"<!-- {content.comment} -->")
    return "\n".join(body)


def page(content: Content) -> bytes:
    """A web page."""
    return f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{html(content)}</body></html>'.encode()


def xhtml(content: Content) -> bytes:
    """The same in XML."""
    head = '<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head>'
    return f"{head}<body>{html(content)}</body></html>".encode()


def escaped_by(signs: str, mark: str = "\\") -> Callable[[str], str]:
    """Puts a mark before signs."""
    return lambda text: "".join(mark + letter if letter in signs else letter for letter in text)


def markdown(content: Content, comment: str = "<!-- {} -->", hidden: str = '<p style="display:none">{}</p>') -> bytes:
    """Markdown; MDX has other comments."""

    def safe(text: str) -> str:
        return escaped_by("_#$<>")(text).replace("&", "&amp;")

    body = [f"# {content.title}"] if content.title else []
    body += each(content, safe, "**{}**", f"[{{}}]({URL})")
    if content.items:
        body.append("\n".join(f"- {safe(item)}" for item in content.items))
    if content.cells:
        rows = [f"| {a} | {b} |" for a, b in content.cells]
        body.append("\n".join([rows[0], "|---|---|", *rows[1:]]))
    if content.hidden:
        body.append(hidden.format(content.hidden))
    if content.comment:
        body.append(comment.format(content.comment))
    return "\n\n".join(body).encode()


def mdx(content: Content) -> bytes:
    """MDX."""
    return markdown(content, "{{/* {} */}}", "<p style={{{{display: 'none'}}}}>{}</p>")


def text(content: Content) -> bytes:
    """Plain text, which hides nothing."""
    return "\n\n".join(lines(part, content.wrapped) for part in content.seen().split("\n\n")).encode()


def marked(content: Content, safe: Callable[[str], str], bold: str, link: str, **forms: str) -> bytes:
    """A light markup whose `title`, `item`, `comment` and `table` are forms with {} for the content."""
    body = [forms["title"].format(safe(content.title), "=" * len(content.title))] if content.title else []
    body += each(content, safe, bold, link)
    if content.items:
        body.append(forms.get("around", "{}").format("\n".join(forms["item"].format(safe(item)) for item in content.items)))
    if content.cells:
        between, end = forms["between"], forms["end"]
        rows = "\n".join(forms["begin"] + between.join(row) + end for row in content.cells)
        body.append(forms["table"].format(rows))
    if content.hidden or content.comment:
        body.append(forms["comment"].format(content.hidden or content.comment))
    return (forms.get("before", "") + "\n\n".join(body) + forms.get("after", "")).encode()


def tex(content: Content) -> bytes:
    """LaTeX; what is hidden is a comment."""

    def safe(text: str) -> str:
        return (
            escaped_by("&%$#_")(text)
            .replace("<", r"\textless{}")
            .replace(">", r"\textgreater{}")
            .replace("\u00ad", r"\-")
            .replace("\u200b", "")
        )

    return marked(
        content, safe, r"\textbf{{{}}}", rf"\href{{{{{URL}}}}}{{{{{{}}}}}}", title=r"\section{{{}}}", item=r"\item {}",
        around="\\begin{{itemize}}\n{}\n\\end{{itemize}}", begin="", between=" & ", end=r" \\",
        table="\\begin{{tabular}}{{ll}}\n{}\n\\end{{tabular}}", comment="% {}",
        before="\\documentclass{article}\n\\begin{document}\n\n", after="\n\n\\end{document}\n",
    )  # fmt: skip


def rst(content: Content) -> bytes:
    """reStructuredText; what is hidden is a comment."""
    return marked(
        content, escaped_by("_*`|"), "**{}**", f"`{{}} <{URL}>`__", title="{}\n{}", item="- {}", begin="   * - ",
        between="\n     - ", end="", table=".. list-table::\n\n{}", comment=".. {}",
    )  # fmt: skip


def asciidoc(content: Content) -> bytes:
    """AsciiDoc; what is hidden is a comment."""
    return marked(
        content, lambda text: text, "*{}*", f"{URL}[{{}}]", title="== {}", item="* {}", begin="| ", between=" | ", end="",
        table="|===\n{}\n|===", comment="// {}",
    )  # fmt: skip


def org(content: Content) -> bytes:
    """Org; what is hidden is a comment."""
    return marked(
        content, lambda text: text, "*{}*", f"[[{URL}][{{}}]]", title="* {}", item="- {}", begin="| ", between=" | ", end=" |",
        table="{}", comment="# {}",
    )  # fmt: skip
