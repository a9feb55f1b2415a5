"""The gate over trees of documentation shaped like those of Hugo, Docusaurus and Sphinx.

`python -m tools.gate_trees` makes the three trees, with human texts of the reserved sample, and runs the gate on each: the exit
code must be 0. Then a machine article is put in, in one disguise after the other: it must be 1. Prints a line a run, and exits
with 1 if one is not as it must be.
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import llm_audit
from llm_audit.results import Verdict
from llm_audit.setup import OpenSetup, Setup
from tools.score_corpus import sample

HUMANS = 4
"""Texts in each tree."""

LEAST = 900
"""Characters of a text: about 200 tokens."""


def paragraphs(text: str) -> str:
    """A text in paragraphs of three sentences, as an article has them."""
    sentences = text.replace("? ", "?|").replace("! ", "!|").replace(". ", ".|").split("|")
    return "\n\n".join(" ".join(sentences[start : start + 3]) for start in range(0, len(sentences), 3))


def hugo(root: Path, humans: Sequence[str]) -> Path:
    """A site of Hugo; the folder that articles go to."""
    write(root, ".gitignore", "public/\n")
    write(root, "hugo.toml", 'title = "A site"\n')
    write(root, "content/_index.md", "---\ntitle: Start\n---\n")
    write(root, "public/posts/index.html", "<p>A page that was made.</p>")
    write(root, "themes/one/layouts/baseof.html", "<html>{{ block }}</html>")
    for number, text in enumerate(humans):
        front = f'+++\ntitle = "Post {number}"\ndate = 2021-02-03\n+++'
        write(root, f"content/posts/{number}.md", f'{front}\n\n{paragraphs(text)}\n\n{{{{< figure src="a.png" >}}}}\n')
    return root / "content" / "posts"


def docusaurus(root: Path, humans: Sequence[str]) -> Path:
    """A site of Docusaurus; the folder that articles go to."""
    write(root, ".gitignore", "build/\n.docusaurus/\n")
    write(root, "sidebars.js", "module.exports = { docs: ['intro'] };\n")
    write(root, "node_modules/thing/README.md", "# Thing\n\n" + "Words of somebody else. " * 60)
    for number, text in enumerate(humans):
        write(root, f"docs/{number}.mdx", f"---\nid: d{number}\n---\nimport Tabs from '@theme/Tabs';\n\n# Page {number}\n\n"
              f"{paragraphs(text)}\n\n{{/* a remark */}}\n\n```js\nconst a = {number};\n```\n")  # fmt: skip
    return root / "docs"


def sphinx(root: Path, humans: Sequence[str]) -> Path:
    """A site of Sphinx; the folder that articles go to."""
    write(root, ".gitignore", "_build/\n")
    write(root, "conf.py", "project = 'A project'\n")
    write(root, "_build/html/index.html", "<p>A page that was made.</p>")
    write(root, "index.rst", "Start\n=====\n\n.. toctree::\n\n   0\n   1\n")
    for number, text in enumerate(humans):
        safe = text.replace("*", "").replace("`", "").replace("|", "").replace("_", " ")
        write(root, f"{number}.rst", f"Page {number}\n======\n\n.. index:: page\n\n{paragraphs(safe)}\n")
    return root


def write(root: Path, name: str, content: str) -> None:
    """A file of a tree."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def quoted(text: str) -> str:
    """In a block quote."""
    return textwrap.indent(paragraphs(text), "> ", lambda line: True)


DISGUISES: dict[str, tuple[str, Callable[[str], str]]] = {
    "as it is": ("md", paragraphs),
    "in a block of HTML": ("md", lambda text: f"<div>\n{paragraphs(text)}\n</div>\n"),
    "in details": ("md", lambda text: f"<details>\n<summary>More</summary>\n\n{paragraphs(text)}\n\n</details>\n"),
    "after a rule": ("md", lambda text: f"---\n\n{paragraphs(text)}\n\n---\n\nThe end.\n"),
    "in a component of MDX": (
        "mdx", lambda text: f"import Note from './n';\n\n<Note kind=\"a\">\n\n{paragraphs(text)}\n\n</Note>\n"
    ),
    "quoted": ("md", quoted),
    "four spaces in": ("md", lambda text: textwrap.indent(paragraphs(text), "    ")),
    "in a fence": ("md", lambda text: f"```text\n{paragraphs(text)}\n```\n"),
    "in an admonition": ("md", lambda text: f":::note\n\n{paragraphs(text)}\n\n:::\n"),
    "in a table of HTML": ("md", lambda text: f"<table><tr><td>{text}</td></tr></table>\n"),
    "as a list": ("md", lambda text: "\n".join(f"- {part}" for part in paragraphs(text).split("\n\n"))),
    "in a directive of Sphinx": ("rst", lambda text: f".. note::\n\n{textwrap.indent(paragraphs(text), '   ')}\n"),
}  # fmt: skip

TREES = {"hugo": hugo, "docusaurus": docusaurus, "sphinx": sphinx}


def run(root: Path, ready: OpenSetup) -> tuple[int, str]:
    """Exit code and summary of the gate over a tree."""
    report = llm_audit.gate([root], setup=ready)
    found = [Path(document.name).name for document in report.documents if document.verdict is Verdict.FINDING]
    return report.exit_code(), f"{report.gate.summary if report.gate else ''} Found: {', '.join(found) or 'nothing'}."


def alone(text: str, ready: OpenSetup) -> bool:
    """Whether a text is found when it is judged by itself, with room for those around it."""
    report = llm_audit.detect(llm_audit.Text(text), setup=ready, alpha=0.001)
    return report.documents[0].verdict is Verdict.FINDING


def main() -> int:
    """Make the trees, run the gate, print a line a run."""
    texts = [text for text in sample("test").texts if len(text.text) >= LEAST]
    humans = [text.text for text in texts if text.label == "human"][: HUMANS * len(TREES)]
    machines = [text.text for text in texts if text.generator in ("GPT-4o", "gpt-3.5-turbo", "Llama-3-70B")]
    wrong = 0
    with Setup(offline=True).open() as ready, tempfile.TemporaryDirectory() as folder:
        machine = next(text for text in machines if alone(text, ready))
        for number, (name, make) in enumerate(TREES.items()):
            root = Path(folder, name)
            articles = make(root, humans[number * HUMANS : (number + 1) * HUMANS])
            (root / ".git").mkdir()
            code, said = run(root, ready)
            wrong += code != 0
            print(f"{name:12} humans alone: exit {code}. {said}", flush=True)
            for disguise, (suffix, wrap) in list(DISGUISES.items())[number::3]:
                path = articles / f"new.{suffix}"
                path.write_text(wrap(machine), encoding="utf-8")
                code, said = run(root, ready)
                path.unlink()
                wrong += code != 1
                print(f"{name:12} {disguise}: exit {code}. {said}", flush=True)
    print("All as it must be." if not wrong else f"{wrong} runs are not as they must be.")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
