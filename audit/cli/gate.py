"""`llm-audit gate`: whether texts may pass."""

from __future__ import annotations

import os
from typing import Any

import click

from llm_audit.cli import COMMANDS, EXIT_ERROR, command_of
from llm_audit.cli.options import DETAILS, PATH, include_option, judging_options, no_text_option, output_options
from llm_audit.cli.publishing import Output
from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.terminal import one_line

MORE = """
PATHS: files, folders, patterns, or '-' for standard input; of them, those that the policy covers. With --changed-since they
can be left out: then everything below the policy's folder that changed is judged.

Exit code: 0 all passed, 2 something could not be read, else 1 findings, else 3 something else that the policy counts as a
failure.
"""


class _Gate(click.Command):
    """Command that never takes a file name for an option: a file named like one could otherwise choose the baseline."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for arg in args[: args.index("--")] if "--" in args else args:
            if len(arg) > 1 and arg.startswith("-") and os.path.lexists(arg):
                raise InvalidConfiguration(
                    f"{one_line(arg)} is an option and the name of a file as well: write -- before the names."
                )
        return super().parse_args(ctx, args)


@command_of(COMMANDS, "gate", MORE, cls=_Gate)
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@judging_options("False discovery rate: the expected share of mistakes among the findings of a run.")
@click.option("--baseline", type=PATH, metavar="FILE", help="Known findings, which fail nothing.")
@click.option("--update-baseline", is_flag=True, help="Write all findings of this run into the baseline.")
@click.option(
    "--changed-since",
    metavar="REV",
    help="Judge only what differs from where HEAD left this revision (git); auto: the one that GitHub, GitLab or pre-commit "
    "names.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever was found; only errors still exit with 2.")
@output_options
@DETAILS
@no_text_option
@include_option
def command(paths: tuple[str, ...], exit_zero: bool, output: Output, **options: Any) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    from llm_audit.cli.policy import in_force

    code = output.run(
        "gate", paths, policy=in_force(), strict=output.strict,
        on_baseline=lambda sentence: click.echo(sentence, err=True), **options,
    )  # fmt: skip
    return 0 if exit_zero and code != EXIT_ERROR else code
