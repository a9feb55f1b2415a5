"""`llm-audit plugins check`: the contract, clause by clause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    for title, thing, reason in _loaded(target):
        click.echo(one_line(title))
        for promise, complaint in [(LOADS, reason), *(_clauses(thing) if thing else ())]:
            failed |= bool(complaint)
            click.echo(one_line(f"  FAIL  {promise}: {complaint}" if complaint else f"  pass  {promise}"))
    return EXIT_FINDINGS if failed else 0


def _loaded(target: str) -> Iterator[tuple[str, Any, str]]:
    """What is to be checked, as (title, detector or score, why it cannot be used)."""
    if ":" in target:
        yield _imported(target)
        return
    surveyed = survey_all()
    named = [each for each in surveyed if each.announcement.name == target]
    if not named:
        names = ", ".join(dict.fromkeys(each.announcement.name for each in surveyed))
        raise AuditError(f"There is no detector or membership score {target!r}; choose from {names}.")
    for each in named:
        if each.status == "off":
            raise AuditError(each.reason)
        code = f"{each.thing.code}, " if each.thing else ""
        yield f"{target} ({code}{each.announcement.package})", each.thing, each.reason


def _imported(target: str) -> tuple[str, Any, str]:
    from llm_audit.detectors import Detector
    from llm_audit.detectors.announced import Announcement
    from llm_audit.detectors.membership.base import MembershipScore
    from llm_audit.detectors.plugins import unfit_code

    try:
        thing = Announcement("", "", target, "", "").load()
    except AuditError as error:
        return target, None, str(error)
    if not isinstance(thing, Detector | MembershipScore):
        return target, None, f"It is a {type(thing).__name__}, neither a Detector nor a MembershipScore."
    why = unfit_code(thing.code)
    return f"{thing.name} ({thing.code}, {target})", thing, f"It {why}." if why else ""


def _clauses(thing: Any) -> Iterator[tuple[str, str]]:
    """Every promise, with the complaint if it is broken."""
    from llm_audit.detectors import Detector
    from llm_audit.detectors.announced import in_words
    from llm_audit.testing import DETECTOR_CONTRACT, MEMBERSHIP_CONTRACT

    contract: dict[str, Callable[[Any], None]] = dict(DETECTOR_CONTRACT if isinstance(thing, Detector) else MEMBERSHIP_CONTRACT)
    for promise, check in contract.items():
        try:
            check(thing)
        except KeyboardInterrupt:
            raise
        except AssertionError as error:
            yield promise, str(error) or in_words(error)
        except BaseException as error:  # the plugin's code runs here, and may raise whatever it likes
            yield promise, in_words(error)
        else:
            yield promise, ""
