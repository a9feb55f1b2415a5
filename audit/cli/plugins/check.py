"""`llm-audit plugins check`: the contract, clause by clause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from llm_audit.cli import EXIT_FINDINGS
from llm_audit.cli.plugins import PLUGINS, survey_all
from llm_audit.errors import AuditError
from llm_audit.terminal import one_line

LOADS = "loads, under a name and a code of its own"


@click.command(
    help=PLUGINS["check"]
    + "\n\nNAME is that of something installed; MODULE:ATTRIBUTE need not be announced. Exits with 1 if a "
    "clause is broken.",
    short_help=PLUGINS["check"],
)
@click.argument("target", metavar="NAME|MODULE:ATTRIBUTE")
def command(target: str) -> int:
    """Run the command; the docstring for users is in `PLUGINS`."""
    failed = False
    for title, rule, reason in _loaded(target):
        click.echo(one_line(title))
        for promise, complaint in [(LOADS, reason), *(_clauses(rule) if rule else ())]:
            failed |= bool(complaint)
            click.echo(one_line(f"  FAIL  {promise}: {complaint}" if complaint else f"  pass  {promise}"))
    return EXIT_FINDINGS if failed else 0


def _loaded(target: str) -> Iterator[tuple[str, Any, str]]:
    """What is to be checked, as (title, rule, why it cannot be used)."""
    if ":" in target:
        yield _imported(target)
        return
    surveyed = survey_all()
    named = [each for each in surveyed if each.announcement.name == target]
    if not named:
        names = ", ".join(dict.fromkeys(each.announcement.name for each in surveyed))
        raise AuditError(f"There is no rule {target!r}; choose from {names}.")
    for each in named:
        if each.status == "off":
            raise AuditError(each.reason)
        code = f"{each.rule.code}, " if each.rule else ""
        yield f"{target} ({code}{each.announcement.package})", each.rule, each.reason


def _imported(target: str) -> tuple[str, Any, str]:
    from llm_audit.detectors.announced import Announcement
    from llm_audit.detectors.plugins import unfit_code
    from llm_audit.detectors.rule import Rule

    try:
        rule = Announcement("", "", target, "", "").load()
    except AuditError as error:
        return target, None, str(error)
    if not isinstance(rule, Rule):
        return target, None, f"It is a {type(rule).__name__}, not a Rule."
    why = unfit_code(rule.code)
    return f"{rule.name} ({rule.code}, {target})", rule, f"It {why}." if why else ""


def _clauses(rule: Any) -> Iterator[tuple[str, str]]:
    """Every promise, with the complaint if it is broken."""
    from llm_audit.detectors.announced import in_words
    from llm_audit.testing import clauses

    for promise, check in clauses(rule).items():
        try:
            check(rule)
        except KeyboardInterrupt:
            raise
        except AssertionError as error:
            yield promise, str(error) or in_words(error)
        except BaseException as error:  # the plugin's code runs here, and may raise whatever it likes
            yield promise, in_words(error)
        else:
            yield promise, ""
