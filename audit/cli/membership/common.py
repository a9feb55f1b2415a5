"""Options and services that the membership commands share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from llm_audit.cli.options import Command, computing_options, fraction_bar, output_options, publish, scoring_session

if TYPE_CHECKING:
    from llm_audit.detectors.membership.base import MembershipScore
    from llm_audit.detectors.membership.target import Target
    from llm_audit.results import Fact, Membership
    from llm_audit.scoring.session import Session

FIELD = click.option(
    "--field", "text_field", default="text", show_default=True, help="Field of JSON lines that holds the text."
)
PROVENANCE = click.option(
    "--provenance", default="", metavar="TEXT", help="How the held-out texts were obtained, and when; printed in the report."
)
DECISION = click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01, show_default=True,
                        help="Report a finding when the p-value is at most this.")  # fmt: skip


class Said(TypedDict):
    """The level of a decision, and how it is reported."""

    alpha: float
    outputs: tuple[str, ...]
    format_: str
    strict: bool


class Audit(Said):
    """The options of `audit_options`, as click gives them."""

    model: str | None
    seed_file: Path | None
    device: str
    offline: bool
    no_cache: bool


def audit_options(command: Command) -> Command:
    """What every command that asks a model shares."""
    for option in (
        click.option(
            "--model", metavar="MODEL", help="The model under audit: folder, or org/name@commit. Default: the embedded one."
        ),
        click.option(
            "--seed-file", type=click.Path(path_type=Path), metavar="FILE",
            help="Seed registered before the test; written if it is not there. Default: the seed follows from the data.",
        ),
        DECISION,
    ):  # fmt: skip
        command = option(command)
    return output_options(computing_options(command))


@contextmanager
def asked(chosen: Audit, description: str = "Scoring") -> Iterator[Target]:
    """The model under audit, with a progress bar."""
    from llm_audit.detectors.membership.target import Target

    session_of = scoring_session(chosen["model"], None, chosen["device"], chosen["offline"], chosen["no_cache"])
    with session_of as session, fraction_bar(description) as progress:
        yield Target(session, progress)


def seeded(target: Target, chosen: Audit, *, test: str, data: str, draws: int, settings: str = "") -> str:
    """The seed of this very question; see `seed.seed_for`."""
    from llm_audit.detectors.membership.seed import Question, seed_for
    from llm_audit.manifest import now

    question = Question(test, data, target.session.model.digest, draws, chosen["alpha"], settings)
    return seed_for(question, chosen["seed_file"], now())


def facts(target: Target, seed: str, seed_file: Path | None) -> tuple[Fact, ...]:
    """The conditions of a test."""
    from llm_audit.results import Fact

    registered = (
        f"{seed}, of the file {seed_file.name}; that the file is older than this run, its owner has to show"
        if seed_file
        else f"{seed}, which follows from data, model and settings"
    )
    return (
        *target.facts,
        Fact(name="Seed", value=registered),
        Fact(name="Multiplicity", value="one test; that its settings were fixed beforehand is the user's statement"),
    )


def finish(
    membership: Membership,
    target: Target | None,
    chosen: Said,
    *,
    rules: Sequence[str],
    limits: Sequence[str],
    found: int,
    malformed: int,
    further: Sequence[Session] = (),
    used: Sequence[MembershipScore] = (),
) -> int:
    """Write and print the report; return the exit code."""
    from llm_audit.detectors.membership.run import report
    from llm_audit.manifest import collect

    manifest = collect(target.session if target else None, alpha=chosen["alpha"], rules=rules, further=further, used=used)
    finished = report(membership, manifest, limits, found=found, malformed=malformed)
    return publish(finished, chosen["outputs"], chosen["format_"], chosen["strict"])
