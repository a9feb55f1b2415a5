"""`llm-audit gate`: whether texts may pass."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llm_audit.cli import COMMANDS
from llm_audit.cli.options import (
    check_outputs,
    classifier_option,
    fraction_bar,
    input_options,
    publish,
    report_options,
    scoring_options,
    show_warnings_as_sentences,
)
from llm_audit.errors import AuditError
from llm_audit.terminal import one_line

if TYPE_CHECKING:
    from llm_audit.gating import Baseline
    from llm_audit.results import Document, Manifest
    from llm_audit.text import Source

HELP = (
    COMMANDS["gate"]
    + """

    PATHS: files, folders, patterns, or '-' for standard input; of them, those that the policy covers. With --changed-since they
    can be left out: then everything below the policy's folder that changed is judged.

    Exit code: 0 all passed, 1 findings, 2 something could not be read, 3 something else that the policy counts as a failure.
    """
)


class _Gate(click.Command):
    """Takes no file for an option: tools that put names behind the options would let a file choose the baseline."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for each in args[: args.index("--")] if "--" in args else args:
            if len(each) > 1 and each.startswith("-") and os.path.lexists(each):
                raise AuditError(f"{one_line(each)} is an option and the name of a file as well: write -- before the names.")
        return super().parse_args(ctx, args)


@click.command(cls=_Gate, help=HELP, short_help=COMMANDS["gate"])
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01, show_default=True,
              help="False discovery rate: the expected share of mistakes among the findings of a run.")  # fmt: skip
@click.option("--population", default=None, metavar="NAME", help="Human texts to compare with.")
@click.option("--detector", "detectors", multiple=True, metavar="NAME", help="Run only this detector; repeatable.")
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Known findings, which fail nothing.")
@click.option("--update-baseline", is_flag=True, help="Write all findings of this run into the baseline.")
@click.option("--changed-since", metavar="REV", help="Judge only what differs from where HEAD left this revision (git).")
@input_options
@report_options
@classifier_option
@scoring_options
def command(
    paths: tuple[str, ...],
    outputs: tuple[str, ...],
    format_: str,
    alpha: float,
    population: str | None,
    detectors: tuple[str, ...],
    baseline: Path | None,
    update_baseline: bool,
    changed_since: str | None,
    no_text: bool,
    text_field: str,
    strict: bool,
    classifier: str | None,
    model: str | None,
    reference: str | None,
    device: str,
    offline: bool,
    no_cache: bool,
) -> int:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    from llm_audit import gating as gate
    from llm_audit.cli.conditions import Conditions
    from llm_audit.cli.policy import in_force
    from llm_audit.manifest import collect, now
    from llm_audit.results import Coverage, Report

    if not paths and changed_since is None:
        raise click.UsageError("Name files or folders, or give --changed-since REV.")
    if update_baseline and (baseline is None or changed_since is not None):
        raise click.UsageError(
            "--update-baseline goes with --baseline FILE, and not with --changed-since: it writes all of it."
        )
    check_outputs(outputs, format_)
    conditions = Conditions(alpha, population, detectors, classifier, model, reference, device, offline, cache=not no_cache)
    conditions.check()
    policy = in_force()
    known = _known(baseline, update_baseline)
    found = _sources(paths or (str(policy.root),), changed_since)
    asked, left_out = gate.covered(found, policy)
    inputs = gate.read(asked, text_field, strict, obeyed=policy.policy.inline_suppressions)

    def judged() -> tuple[list[Document], Manifest]:
        """What needs a model is done only if there is a text."""
        if not inputs:
            return [], collect(None, alpha=alpha, rules=())
        with conditions.open() as opened, fraction_bar("Scoring") as progress:
            settings = replace(opened.settings, keep_text=not no_text)
            return gate.judge(inputs, opened.session, settings, progress), opened.manifest

    documents, manifest = judged()
    terms = gate.Terms(
        alpha=alpha,
        day=now()[:10],
        inline_suppressions=policy.policy.inline_suppressions,
        changed_since=changed_since,
        left_out=left_out,
    )
    if baseline and update_baseline:
        known = _renewed(baseline, known, gate.settle(documents, terms)[0])
    if baseline:
        terms = replace(terms, baseline=known.use(one_line(str(baseline))))
        documents = known.applied(documents)
    settled, outcome = gate.settle(documents, terms)
    report = Report(
        question=gate.QUESTION,
        manifest=manifest,
        coverage=Coverage.of(settled),
        documents=settled,
        gate=outcome,
        limits=gate.LIMITS,
    )
    return publish(report, outputs, format_, strict)


def _known(path: Path | None, update: bool) -> Baseline:
    """The baseline; an empty one if there is none, or none yet."""
    from llm_audit.gating import Baseline, read_baseline

    return read_baseline(path) if path and not (update and not path.exists()) else Baseline()


def _renewed(path: Path, before: Baseline, documents: Sequence[Document]) -> Baseline:
    """Write the baseline, and say what became of it."""
    from llm_audit.gating import renewed
    from llm_audit.reports.write import write

    after = renewed(documents)
    write(path, after.render())
    added, removed = before.difference(after)
    held = f"{len(after.entries):,} finding{'' if len(after.entries) == 1 else 's'}"
    click.echo(f"{one_line(str(path))}: {held}; {added:,} added, {removed:,} removed.", err=True)
    return after


def _sources(paths: Sequence[str], changed_since: str | None) -> list[Source]:
    """The inputs behind the paths; of those that are there, only what changed."""
    from llm_audit.gating import unchanged_files
    from llm_audit.text import discover

    # Under every name: what the policy says of one name of a file must not hide it under another.
    sources = discover(paths, every_name=True)
    if changed_since is None:
        return sources
    passed_over = unchanged_files(changed_since, Path.cwd())

    def unchanged(path: Path) -> bool:
        link = Path(os.path.realpath(path.parent), path.name)
        return {link, Path(os.path.realpath(path))} <= passed_over  # of a symbolic link, both it and its target

    # What git does not know, because it is elsewhere or not there at all, is judged or reported.
    return [each for each in sources if each.path is None or not unchanged(each.path)]
