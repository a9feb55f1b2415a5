"""`llm-audit attribute`: judge which model wrote a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from llm_audit.cli import COMMANDS
from llm_audit.cli.options import (
    check_outputs,
    computing_options,
    fraction_bar,
    input_options,
    publish,
    report_options,
    scoring_session,
    show_warnings_as_sentences,
)
from llm_audit.errors import AuditError

if TYPE_CHECKING:
    from llm_audit.detectors.attribution.text import Role
    from llm_audit.scoring.session import Session

HELP = (
    COMMANDS["attribute"]
    + """

    A candidate is a model and how its tokens were drawn: MODEL, or MODEL@temperature=0.8,top_p=0.95 (also top_k, min_p and
    template=none, for a prompt given as plain text). Alternatives, MODEL@temperature=0.7|1, mean that one of them was used.

    Exit code 1: no sanctioned model wrote some text.
    """
)


@click.command(help=HELP, short_help=COMMANDS["attribute"])
@click.argument("paths", nargs=-1, required=True, metavar="TEXT...")
@click.option(
    "--candidate", "candidates", multiple=True, metavar="MODEL[@SETTINGS]", help="Who may have written it; repeatable."
)
@click.option("--sanctioned", multiple=True, metavar="MODEL[@SETTINGS]", help="A candidate that was allowed to; repeatable.")
@click.option("--other", "others", multiple=True, metavar="MODEL[@SETTINGS]", help="A candidate that was not; repeatable.")
@click.option("--prompt", metavar="FILE", help="What the model was asked. An empty file: nothing.")
@click.option(
    "--unknown-prompt", is_flag=True, help="Compare with reference generations instead (the default without --prompt)."
)
@click.option("--population", default=None, metavar="NAME", help="Human texts to compare with as well.")
@click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01, show_default=True,
              help="Refute a candidate when its p-value is at most this.")  # fmt: skip
@input_options
@report_options
@computing_options
def command(
    paths: tuple[str, ...],
    candidates: tuple[str, ...],
    sanctioned: tuple[str, ...],
    others: tuple[str, ...],
    prompt: str | None,
    unknown_prompt: bool,
    population: str | None,
    outputs: tuple[str, ...],
    format_: str,
    alpha: float,
    no_text: bool,
    text_field: str,
    strict: bool,
    device: str,
    offline: bool,
    no_cache: bool,
) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    if prompt is not None and unknown_prompt:
        raise click.UsageError("Give --prompt or --unknown-prompt, not both.")
    named: dict[Role, tuple[str, ...]] = {"candidate": candidates, "sanctioned": sanctioned, "other": others}
    if not any(named.values()):
        raise click.UsageError("Name at least one model with --candidate, --sanctioned or --other.")

    from contextlib import ExitStack

    from llm_audit import judging
    from llm_audit.detectors import known_to
    from llm_audit.detectors.attribution import Author, Settings, find_rules
    from llm_audit.detectors.attribution.candidate import Candidate
    from llm_audit.detectors.origin import run as origin
    from llm_audit.detectors.populations import DEFAULT_POPULATION, load, references
    from llm_audit.manifest import collect
    from llm_audit.text import discover

    check_outputs(outputs, format_)
    parsed = [(role, Candidate.parse(name)) for role, names in named.items() for name in names]
    asked = None if prompt is None else _prompt(prompt)
    people, generations = load(population or DEFAULT_POPULATION), references() if asked is None else ()
    with ExitStack() as stack:

        def session(model: str | None) -> Session:
            return stack.enter_context(scoring_session(model, None, device, offline, no_cache))

        sessions = {model: session(model) for model in dict.fromkeys(candidate.model for _, candidate in parsed)}
        authors = [Author(candidate, role, sessions[candidate.model], generations) for role, candidate in parsed]
        human = session(None)
        origin.check_comparable(human, people)
        against_people = judging.Settings(
            alpha=alpha,
            detectors=known_to(people.scores, (), model=human.model.digest, weights=people.datasheet.weights),
            population=people,
            text_field=text_field,
        )
        settings = Settings(alpha, asked, find_rules(), keep_text=not no_text)
        manifest = collect(
            human,
            alpha=alpha,
            rules=[each.code for each in against_people.detectors],
            population=people,
            further=tuple(sessions.values()),
            used=[*against_people.detectors, *settings.rules],
        )
        with fraction_bar("Scoring") as progress:
            report = judging.attribute(discover(paths), authors, settings, (human, against_people), manifest, progress)
    return publish(report, outputs, format_, strict)


def _prompt(path: str) -> str:
    from llm_audit.detectors.attribution import one_line_ending

    try:
        return one_line_ending(Path(path).read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise AuditError(f"The prompt {path} is not UTF-8; convert it first.") from error
    except OSError as error:
        raise AuditError(f"The prompt {path} cannot be read: {error.strerror}.") from error
