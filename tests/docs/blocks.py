"""Code blocks of the documentation, and what it takes to run those that show a session.

A block ```console is a session: lines that begin with "$ " are commands, the others what they print, "..." standing for any
lines. It is run in the folder of `tools.site.playground`. A comment before a block says what it needs beside:

    <!-- slow -->      more than a few seconds
    <!-- served -->    the small model of fixtures/membership, served in 4 bits at http://127.0.0.1:8080
    <!-- in FOLDER --> a folder of the playground, as the last of the words
    <!-- shown -->     what is not here: somebody's endpoint, a cluster, a key; its commands must exist all the same
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from llm_audit.cli import cli
from tools.site.pages import DOCS, ROOT

FENCE = re.compile(
    r"(?:^<!-- (?P<note>[^>]*) -->\n+)?^(?P<mark>```+)(?P<language>\w*)[^\n]*\n(?P<body>.*?)^(?P=mark) *$", re.M | re.S
)
SOURCES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", *sorted(DOCS.rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language, what the comment before it says, and its lines."""

    path: Path
    line: int
    language: str
    note: str
    body: str

    @property
    def name(self) -> str:
        """For the name of a test."""
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    @property
    def folder(self) -> str:
        """Of the playground, where it is run."""
        match = re.search(r"\bin (\S+)", self.note)
        return match[1] if match else "."

    def needs(self, word: str) -> bool:
        """Whether the comment says so."""
        return word in self.note.split()


def blocks(path: Path) -> list[Block]:
    """All of a file, in order."""
    text = path.read_text(encoding="utf-8")
    return [
        Block(path, text.count("\n", 0, match.start("mark")) + 1, match["language"], match["note"] or "", match["body"])
        for match in FENCE.finditer(text)
    ]


ALL = [block for path in SOURCES for block in blocks(path)]


def session(body: str) -> list[tuple[str, str]]:
    """Commands with what each prints; lines that end with a backslash are one."""
    found: list[tuple[str, str]] = []
    for line in body.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            command, printed = found[-1]
            found[-1] = (command, f"{printed}{line}\n")
    return found


def commands(block: Block) -> Iterator[str]:
    """Command lines of a block of any kind that name our command, without comments and pipes."""
    if block.language == "console":
        lines = [command for command, _ in session(block.body)]
    else:
        lines = block.body.replace("\\\n", " ").splitlines()
    if block.language == "text":  # what cannot be run here: a session all the same
        lines = [line for line in lines if line.startswith("$ ")]
    for line in lines:
        if match := re.search(
            r"(?:^|[\s/])(llm-audit (?!gate\b.*\$).*)$", re.sub(r"\s#.*$", "", line.strip().removeprefix("$ "))
        ):
            yield re.split(r"\s(?:\||>|>>|\|\||&&|;|&)(?:\s|$)", match[1])[0]


def parsed(command: str) -> None:
    """Parse a command line as click would, without running it.

    Raises:
        click.UsageError: there is no such command or option, or a value cannot be one.
    """
    words = [word for word in shlex.split(command)[1:] if word != "..."]
    context: click.Context = click.Context(cli, info_name="llm-audit")
    group: click.Command = cli
    while isinstance(group, click.Group) and words:
        if words[0].startswith("-"):  # an option before the command
            words = words[1:] if words[0] in ("--help", "--version", "--isolated", "-h") else words[2:]
            continue
        name, found, words = group.resolve_command(context, list(words))
        assert found is not None
        context, group = click.Context(found, info_name=name, parent=context), found
    if not isinstance(group, click.Group):
        group.make_parser(context).parse_args(list(words))


def matches(printed: str, shown: str) -> bool:
    """Whether a command printed what is shown: "..." stands for any lines; white space at the ends of lines is nothing."""
    pattern = ""
    for line in shown.splitlines():
        pattern += r"(?:[^\n]*\n)*?" if line.strip() == "..." else re.escape(line.rstrip()) + r"\n"
    text = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
    return re.fullmatch(pattern, text) is not None
