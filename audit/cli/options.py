"""Options that several commands share, each declared once, and the frozen settings that they are handed over as."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import click

from llm_audit.cli.policy import blaming
from llm_audit.cli.publishing import Output, keep_details, keep_key
from llm_audit.reports.formats import NAMES, SUFFIXES, one_of

Command = TypeVar("Command", bound=Callable[..., Any])


class Decorator(Protocol):
    """A decorator that adds options to a command."""

    def __call__(self, command: Command, /) -> Command:
        """The command with the options."""


FRAMES = ("headings", "quotes", "tables", "captions", "references", "forms")
"""Names of `llm_audit.text.frame.INCLUDABLE`, repeated here so that --help need not import the reading of texts."""

LEVEL = click.FloatRange(0, 1, min_open=True, max_open=True)
COUNT = click.IntRange(min=1)
PATH = click.Path(path_type=Path)

TEXT_FIELD = click.option("--text-field", default="text", metavar="NAME", help="Field of each record that holds the text.")
LABEL_FIELD = click.option("--label-field", default="label", help="Field that holds human, machine or machine-revised.")
STRICT = click.option("--strict", is_flag=True, help="Exit with 3 if something was not assessed, decided or read.")
DETAILS = click.option("-v", "--verbose", is_flag=True, expose_value=False, callback=keep_details,
                       help="On the terminal, show all that is known of each document, however many there are.")  # fmt: skip
FORMAT = click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Format of standard output."
)
"""Standard output of a command that prints no report."""


def _option(*flags: str, **settings: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return flags, settings


_SETUP = {
    "population": _option("--population", metavar="NAME", help="Human texts to compare with (see `llm-audit calibrate show`)."),
    "detectors": _option("--detector", "detectors", multiple=True, metavar="NAME", help="Run only this detector; repeatable."),
    "classifier": _option("--classifier", metavar="NAME|FILE",
                          help="A classifier of yours (`llm-audit train`) instead of the one that ships."),
    "model": _option("--model", metavar="MODEL",
                     help="Folder, or hub id with revision: org/name@commit. Default: the embedded one."),
    "reference": _option("--reference", metavar="MODEL", help="Second model with the same vocabulary (Binoculars' observer)."),
    "device": _option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where to compute."),
    "jobs": _option("-j", "--jobs", type=COUNT, default=1, metavar="N",
                    help="Processes that score, up to the cores; the numbers stay the same."),
    "max_tokens": _option("--max-tokens", type=COUNT, metavar="N", help="Leave longer texts unassessed, and say so of each."),
    "offline": _option("--offline", is_flag=True, help="Never use the network; fail if the model is not here yet."),
    "no_cache": _option("--no-cache", is_flag=True, help="Score anew, and keep no scores."),
    "cache": _option("--cache/--no-cache", default=False,
                     help="Look for and keep the scores of every token, many times the size of the texts."),
}  # fmt: skip
"""Field of `Setup` -> the option that sets it; `no_cache` sets `cache` the other way round."""

COMPUTING = ("device", "offline", "no_cache")
SCORING = ("model", "reference", *COMPUTING)
JUDGING = ("population", "detectors", "classifier", *SCORING)


def setup_options(*names: str, help: Mapping[str, str] | None = None) -> Decorator:
    """Add the options of some fields of `Setup`; the command gets them as one argument `setup`.

    Args:
        names: fields, in the order of `--help`.
        help: of those options that mean something special here.
    """

    def decorate(command: Command) -> Command:
        def setup_of(values: dict[str, Any]) -> Any:
            from llm_audit import Setup

            if "no_cache" in values:
                values["cache"] = not values.pop("no_cache")
            return Setup(**values)

        packed = packed_options(command, "setup", names, setup_of)
        for name in reversed(names):
            flags, settings = _SETUP[name]
            packed = click.option(*flags, **settings | ({"help": help[name]} if help and name in help else {}))(packed)
        return packed

    return decorate


def judging_options(level: str, default: float = 0.01, *, but: tuple[str, ...] = (), cache: str = "no_cache") -> Decorator:
    """Add the options of a judgement: --alpha, --text-field, those of a setup. Errors name the policy file if it is at fault.

    Args:
        level: help of --alpha.
        default: of --alpha.
        but: fields of the setup that have no option here.
        cache: "no_cache": kept unless asked not to; "cache": only if asked to.
    """
    names = tuple(cache if name == "no_cache" else name for name in (*JUDGING, "jobs", "max_tokens") if name not in but)

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def judged(**options: Any) -> Any:
            with blaming():
                return command(**options)

        return cast(Command, alpha_option(level, default)(TEXT_FIELD(setup_options(*names)(judged))))

    return decorate


def alpha_option(level: str, default: float = 0.01) -> Decorator:
    """Add --alpha; `level`: its help, which says what it is the level of."""
    return click.option("--alpha", type=LEVEL, default=default, help=level)


def no_text_option(command: Command) -> Command:
    """Add --no-text, which the command gets as `keep_text`."""
    packed = packed_options(command, "keep_text", ("no_text",), lambda values: not values["no_text"])
    return click.option("--no-text", is_flag=True, help="Leave the text itself out of the reports.")(packed)


def include_option(command: Command) -> Command:
    """Add --include, which the command gets as `include`. The policy sets it as `score-also`: its own `include` is of paths."""
    packed = packed_options(command, "include", ("score_also",), lambda values: values["score_also"])
    return click.option(
        "--include", "score_also", multiple=True, type=click.Choice(FRAMES), metavar="KIND",
        help=f"Score this as well, which stands apart and is not scored: {one_of(FRAMES)}; repeatable.",
    )(packed)  # fmt: skip


def output_options(command: Command) -> Command:
    """Add the options of a report: where it goes and what counts as a failure. The command gets them as one `Output`."""
    packed = packed_options(command, "output", ("outputs", "format_", "strict"), lambda values: Output(**values))
    packed = STRICT(packed)
    for option in (
        click.option("--sign", type=PATH, metavar="KEY", expose_value=False, callback=keep_key,
                     help="Sign each JSON report with this Ed25519 key (PEM): writes FILE.dsse beside it."),
        click.option("--format", "format_", type=click.Choice(NAMES), default="text", help="Format of standard output."),
        click.option("-o", "--output", "outputs", multiple=True, metavar="FILE",
                     help=f"Write the report to FILE, in the format that its suffix names ({one_of(SUFFIXES)}); repeatable."),
    ):  # fmt: skip
        packed = option(packed)
    return packed


def packed_options(command: Command, name: str, fields: tuple[str, ...], make: Callable[[dict[str, Any]], Any]) -> Command:
    """The command, called with one argument `name`, which `make` builds from the options `fields`."""

    @functools.wraps(command)
    def packed(**options: Any) -> Any:
        options[name] = make({field: options.pop(field) for field in fields})
        return command(**options)

    return cast(Command, packed)
