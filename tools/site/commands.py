"""The commands, from click: pages of the reference and manual pages are made of the same facts."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
from click_man.man import ManPage

from llm_audit.cli import cli
from llm_audit.common.version import __version__

NAME = "llm-audit"
LONG = 40
"""Characters of an option as it is written, above which it is broken over lines."""


def contexts() -> Iterator[click.Context]:
    """A context for every command, groups before what is in them, each group sorted."""
    yield from _below(click.Context(cli, info_name=NAME, max_content_width=100, **cli.context_settings))


def _below(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            yield from _below(click.Context(command, info_name=name, parent=context))


def options(context: click.Context) -> list[tuple[str, str]]:
    """What stands in the help of a command: how an option is written, and what it does."""
    records = (parameter.get_help_record(context) for parameter in context.command.get_params(context))
    return [record for record in records if record and record[1]]  # of arguments the text speaks


def helpless() -> list[str]:
    """Options without help, and commands without a sentence that says what they are for."""
    found = []
    for context in contexts():
        if not context.command.help and not context.command.short_help:
            found.append(context.command_path)
        for parameter in context.command.get_params(context):
            if isinstance(parameter, click.Option) and not parameter.hidden and not (parameter.help or "").strip():
                found.append(f"{context.command_path} {parameter.opts[0]}")
    return found


def usage(context: click.Context) -> str:
    """How a command is called: `llm-audit detect [OPTIONS] PATH...`."""
    return " ".join([context.command_path, *context.command.collect_usage_pieces(context)])


def pages() -> dict[str, str]:
    """A page for each command of the first level, with what is below it; and the list of them."""
    grouped: dict[str, list[click.Context]] = {}
    top, *others = contexts()
    for context in others:
        grouped.setdefault(context.command_path.split()[1], []).append(context)
    listed = [f"| [`{name}`]({name}.md) | {_summary(found[0])} |" for name, found in grouped.items()]
    index = [
        "# Commands",
        "What `--help` says, for all commands. [Exit codes](../exit-codes.md) do not depend on the format; "
        "[completion](../../operations/completion.md) for bash, zsh and fish is built in.",
        "\n".join(["| command | |", "|---|---|", *listed]),
        "## Options before the command",
        _table(options(top)),
    ]
    made = {f"reference/commands/{name}.md": _page(name, found) for name, found in grouped.items()}
    return made | {"reference/commands/index.md": "\n\n".join(index) + "\n"}


def _page(name: str, found: list[click.Context]) -> str:
    parts = [f"# {NAME} {name}"]
    for context in found:
        parts += [f"## {context.command_path}"] if len(found) > 1 else []
        parts += [f"```text\n{usage(context)}\n```", _text(context)]
        if isinstance(context.command, click.Group):
            continue
        parts.append(_table(options(context)))
    return "\n\n".join(parts) + "\n"


def _summary(context: click.Context) -> str:
    return _escaped(context.command.get_short_help_str(200))


def _text(context: click.Context) -> str:
    """The help without its options; what click keeps as it is (after a backspace) is a block of its own."""
    text = inspect.cleandoc(context.command.help or context.command.short_help or "").split("\f")[0]
    parts = []
    for paragraph in re.split(r"\n\s*\n", text):
        verbatim = paragraph.startswith("\b")
        body = paragraph.removeprefix("\b").strip("\n")
        parts.append(f"```text\n{inspect.cleandoc(body)}\n```" if verbatim else _escaped(" ".join(body.split())))
    return "\n\n".join(parts)


def _table(records: list[tuple[str, str]]) -> str:
    # A long list of choices has blanks at which it can be broken.
    shown = [(written.replace("|", " | ") if len(written) > LONG else written, does) for written, does in records]
    rows = [f"| {_cell(f'`{written}`')} | {_cell(_escaped(does))} |" for written, does in shown]
    return "\n".join(["| option | what it does |", "|---|---|", *rows])


def _cell(text: str) -> str:
    """One line; a bar outside of code would end the cell."""
    pieces = " ".join(text.split()).split("`")
    return "`".join(piece if place % 2 else piece.replace("|", "&#124;") for place, piece in enumerate(pieces))


def _escaped(text: str) -> str:
    """Words of a help text, in which nothing is Markdown but what stands between backticks."""
    pieces = text.split("`")
    plain = [re.sub(r"([*_\[\]])", r"\\\1", piece.replace("<", "&lt;")) for piece in pieces]
    return "`".join(piece if place % 2 else plain[place] for place, piece in enumerate(pieces))


def manual_pages() -> dict[str, str]:
    """Name of the file -> manual page of section 1, for every command."""
    return {f"{context.command_path.replace(' ', '-')}.1": _manual(context) for context in contexts()}


def _manual(context: click.Context) -> str:
    page = ManPage(context.command_path)
    page.version, page.date = __version__, ""
    page.short_help = context.command.get_short_help_str(200)
    page.description = inspect.cleandoc(context.command.help or page.short_help).replace("\b", "").split("\f")[0]
    page.synopsis = " ".join(context.command.collect_usage_pieces(context))
    page.options = options(context)
    if isinstance(context.command, click.Group):
        names = context.command.list_commands(context)
        commands = [context.command.get_command(context, name) for name in names]
        page.commands = [
            (name, command.get_short_help_str(200)) for name, command in zip(names, commands, strict=True) if command
        ]
    return str(page) + "\n"


def write_manual_pages(folder: Path) -> None:
    """All of them, into a folder for `man -M`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in manual_pages().items():
        (folder / name).write_text(text, encoding="utf-8")
