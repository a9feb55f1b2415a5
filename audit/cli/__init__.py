"""The command line: one file per command, imported only when that command runs."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import click

from llm_audit.common.errors import AuditError, not_installed
from llm_audit.common.process import settle
from llm_audit.common.terminal import one_line
from llm_audit.common.version import __version__

COMMANDS = {
    "attribute": "Who wrote this text, model A or model B? Exact tests for known prompts.",
    "bench": "How well do the detectors do on labelled texts? Power, false alarms, fairness.",
    "cache": "Show, check or empty the cache of scores.",
    "calibrate": "Build or show the human population that texts are compared with.",
    "config": "Show the policy in force, and where each setting comes from.",
    "detect": "Was this text machine-generated? A p-value against human writing.",
    "gate": "May these texts pass? Policy, baseline, suppressions, false discovery rate; for CI.",
    "membership": "Was this data in a model's training set? Gate, scores, tests with an exact null.",
    "explain": "What a rule asks: its null hypothesis, its assumptions, its method. Without a code: all rules.",
    "generate": "Draw texts from a model, with prompt, tokens and settings, for calibration and tests.",
    "models": "Fetch, list and verify the models that score text.",
    "plugins": "Rules of other packages: list them, check them, write a first one.",
    "report": "Write a stored report in other formats: HTML, PDF, SARIF, JUnit, Markdown and more.",
    "scan": "Judge every document of a corpus; goes on after any interruption, counts mistakes over all of it.",
    "schema": "Print the JSON Schema of the report.",
    "serve": "A web page and a JSON API on this machine, with the model loaded once.",
    "substitution": "Is an API serving the model it claims? Log-probabilities, ranks, texts; probe, plan, watch.",
    "train": "Train a classifier of your own on labelled texts.",
    "watermark": "Does it carry a watermark? Exact tests under your keys; keys and marked test texts.",
    "verify": "Is a stored report still what was found? Recomputes every p-value, without a model.",
}
"""Name -> one line of help. Kept here so that `--help` imports no command; a test holds it to the commands' own help."""

EXIT_FINDINGS, EXIT_ERROR, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED = 1, 2, 3, 130

EXIT_UNREAD = 141
"""The reader of standard output closed it too early: the exit code that a shell gives to a program ended by SIGPIPE."""

_UNREAD = (BrokenPipeError, SystemExit)
"""Errors raised when standard output is closed: click and rich then exit with 1, which here would mean a finding."""


class LazyGroup(click.Group):
    """A click group of commands, each the `command` of the module `<package>.<name>`, which is imported only when it runs.

    Args:
        lazy: name -> one line of help.
        package: where the modules are.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str], package: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy, self.package = lazy, package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(self.lazy)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command's module, if it was not added; None if there is no such command."""
        if name in self.commands or name not in self.lazy:
            return self.commands.get(name)
        return cast(click.Command, importlib.import_module(f"{self.package}.{name}").command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands, from `lazy` alone."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(self.lazy.items()))


def group_of(package: str, table: Mapping[str, str], lazy: Mapping[str, str]) -> LazyGroup:
    """The group of commands in a package. `table` holds the group's line of help, `lazy` those of its commands."""
    name = package.rpartition(".")[2]
    return LazyGroup(name, lazy=lazy, package=package, help=table[name], short_help=table[name])


def command_of(
    table: Mapping[str, str], name: str, more: str = "", **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function the command of its module. Its help is its line in `table` and, with --help, also `more`."""
    help = f"{table[name]}\n\n{inspect.cleandoc(more)}" if more else table[name]
    return click.command(help=help, short_help=table[name], **settings)


SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}
"""Settings of click that all commands inherit."""


@click.group(cls=LazyGroup, lazy=COMMANDS, package=__name__, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="llm-audit")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
              help="Policy file. Default: the nearest llm-audit.toml, or pyproject.toml with [tool.llm-audit].")  # fmt: skip
@click.option("--isolated", is_flag=True, help="Use no policy file.")
def cli(config: Path | None, isolated: bool) -> None:
    """Audit language models and the provenance of text.

    Every p-value comes with its null hypothesis, its population and what it does not prove.
    """
    from llm_audit.cli.policy import CONFIG, DEFAULTS, ISOLATED
    from llm_audit.cli.progress import show_warnings_as_sentences

    show_warnings_as_sentences()
    if config and isolated:
        raise click.UsageError("Give --config or --isolated, not both.")
    context = click.get_current_context()
    context.meta.update({CONFIG: config, ISOLATED: isolated})
    context.default_map = DEFAULTS  # type: ignore[assignment]  # click asks for a dict, and only looks names up


def main(args: list[str] | None = None) -> Any:
    """Console entry point: run, print one sentence for an expected error, exit with the documented code."""
    settle()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal of few characters shows the others as escapes
    try:
        code = cli.main(args=args, prog_name="llm-audit", standalone_mode=False)
        if sys.stdout is not None:  # None: our caller closed it
            sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        _complain("Interrupted.")
        code = EXIT_INTERRUPTED
    except click.ClickException as error:
        if not isinstance(error, click.exceptions.NoArgsIsHelpError):  # whose message is a page of help
            vars(error)["message"] = one_line(error.message)  # may quote an argument as it was given; declared final
        error.show()
        code = EXIT_ERROR
    except AuditError as error:
        _complain(f"Error: {error}")
        code = EXIT_ERROR
    except _UNREAD:
        _discard_stdout()
        code = EXIT_UNREAD
    except OSError as error:
        # A full disk under standard output is the one I/O error that no command can catch in time.
        _complain(f"Error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        if error.filename is None:  # an error of a file that has a name is not one of standard output
            _discard_stdout()
        code = EXIT_ERROR
    except Exception as error:
        if missing := not_installed(error) if isinstance(error, ModuleNotFoundError) else None:
            _complain(f"Error: {missing}")
        else:  # a defect of ours; Python would exit with 1, which here is a finding
            traceback.print_exc()
        code = EXIT_ERROR
    sys.exit(code if isinstance(code, int) else 0)


@contextlib.contextmanager
def may_be_unread() -> Iterator[None]:
    """Let a block print the outcome; if standard output is closed, drop it: the command's files and exit code still count."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except _UNREAD:
        _discard_stdout()


def _complain(sentence: str) -> None:
    with contextlib.suppress(OSError):  # standard error may be as full or closed as standard output
        click.echo(one_line(sentence), err=True)


def _discard_stdout() -> None:
    """Point standard output at the null device; otherwise the interpreter fails on it again at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or no file at all
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
