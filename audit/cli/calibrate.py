"""`llm-audit calibrate`: build a human population from one's own texts, or show one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llm_audit.cli import COMMANDS
from llm_audit.cli.options import (
    classifier_option,
    fraction_bar,
    own_detectors,
    scoring_options,
    scoring_session,
    show_warnings_as_sentences,
)
from llm_audit.errors import AuditError
from llm_audit.terminal import one_line, terminal_safe

if TYPE_CHECKING:
    from llm_audit.detectors import StatisticRule
    from llm_audit.detectors.populations import Population


class _Calibrate(click.Group):
    """`calibrate FILE --name N` beside `calibrate show`: whatever is no subcommand is a file to build from."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["build", *args]
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Calibrate,
    help=COMMANDS["calibrate"] + "\n\n`llm-audit calibrate HUMAN.jsonl --name NAME` is short for `calibrate build`.",
)
def command() -> None:
    """Group; its help for users is in `COMMANDS`."""
    show_warnings_as_sentences()


@command.command()
@click.argument("path", metavar="HUMAN.jsonl", type=click.Path(path_type=Path))
@click.option("--generations", is_flag=True, help="FILE holds a model's texts, from `llm-audit generate`; for `attribute`.")
@click.option("--name", required=True, help="Lower-case letters, digits, '.', '_' and '-'.")
@click.option("--text-field", default="text", show_default=True, help="Field of each line that holds the text.")
@click.option("--description", default="Texts supplied by the user.", help="One line, printed next to every p-value.")
@click.option("--language", default="en", show_default=True, help="ISO 639-1 code of the texts.")
@classifier_option
@scoring_options
def build(
    path: Path,
    generations: bool,
    name: str,
    text_field: str,
    description: str,
    language: str,
    classifier: str | None,
    model: str | None,
    reference: str | None,
    device: str,
    offline: bool,
    no_cache: bool,
) -> None:
    """Build a population from human texts, one JSON object a line.

    Texts that repeat count once. A p-value cannot fall below 1/(n+1): for --alpha 0.01 take at least 99 texts, better 1,000.
    """
    from llm_audit.detectors import find, fitting, populations
    from llm_audit.detectors.origin import run as origin
    from llm_audit.scoring.request import Request, Windowing
    from llm_audit.text import fingerprints

    populations.check_name(name)
    if generations:
        _build_of_generations(path, name, device, offline, no_cache)
        return
    own = own_detectors(classifier)
    texts = _texts(path, text_field)
    with scoring_session(model, reference, device, offline, no_cache) as session, fraction_bar("Scoring") as progress:
        detectors = fitting(find((), own), session.model.digest, own)
        texts = _unseen(texts, detectors)
        request = Request(Windowing(512, first_only=True), hidden_layers=origin.hidden_layers(detectors))
        sheet = populations.Datasheet(
            name=name,
            description=terminal_safe(description),
            sources={terminal_safe(path.name): len(texts)},
            collected="not stated",
            language=language,
            not_covered=("anything unlike the supplied texts",),
            created=datetime.now(UTC).date().isoformat(),
            target_n=min(1000, max(1, len(texts) // 2)),
            scorer=session.conditions(request),
            model=session.model.name,
            reference=session.reference.name if session.reference else None,
        )
        population = populations.build(sheet, session.score(texts, request, progress), detectors, fingerprints(texts))
    saved = populations.save(population)
    click.echo(
        f"Population {name}: {population.n:,} of {len(texts):,} texts are long enough. Written to {one_line(str(saved))}."
    )


def _build_of_generations(path: Path, name: str, device: str, offline: bool, no_cache: bool) -> None:
    """A reference population of what one model wrote under one setting; the records say which."""
    from llm_audit.detectors import populations
    from llm_audit.detectors.attribution import Author, find_rules
    from llm_audit.detectors.attribution.candidate import Candidate
    from llm_audit.detectors.attribution.generations import read_generations, reference_population

    records = read_generations(path)
    first = records[0]
    with scoring_session(first.model, None, device, offline, no_cache) as session, fraction_bar("Scoring") as progress:
        if session.model.digest != first.digest:
            raise AuditError(
                f"{path} was drawn from another {first.model} (digest {first.digest[:12]}, here {session.model.digest[:12]})."
            )
        author = Author(Candidate(first.model, first.model, (first.decoding,), first.template), "candidate", session)
        population = reference_population(name, records, author, find_rules(), progress)
    saved = populations.save(population)
    click.echo(
        f"Population {name}: {population.n:,} texts that are long enough, one per prompt, of {len(records):,} generations. "
        f"Written to {one_line(str(saved))}."
    )


def _unseen(texts: list[str], detectors: Sequence[StatisticRule]) -> list[str]:
    """Without the texts that trained a detector: it knows them to be human, so they would make others look like machines."""
    import numpy as np

    from llm_audit.text import fingerprints

    known = [detector.seen for detector in detectors if detector.seen is not None]
    if not known:
        return texts
    seen = set(np.concatenate(known).tolist())
    kept = [text for text in texts if int(fingerprints([text])[0]) not in seen]
    if not kept:
        raise AuditError("Every one of the texts trained the classifier; calibrate with texts that it has not seen.")
    if len(kept) < len(texts):
        warnings.warn(f"{len(texts) - len(kept):,} texts trained the classifier and were left out.", stacklevel=2)
    return kept


def _texts(path: Path, field: str) -> list[str]:
    """The distinct normalised texts of a JSON-lines file, in order."""
    from llm_audit.text import normalise
    from llm_audit.text.lines import open_lines, parse

    texts: dict[str, None] = {}
    for number, line in enumerate(open_lines(path), start=1):
        if not line.strip():
            continue
        row, where = parse(line), f"Line {number} of {path}"
        if isinstance(row, str):
            raise AuditError(f"{where} {row}; mend or remove it.")
        if row.get("label", "human") != "human":
            raise AuditError(f"{where} is labelled {row['label']!r}; a population is made of human texts only.")
        if not isinstance(row.get(field), str):
            raise AuditError(f"{where}: the field {field!r} is not a text; mend or remove it.")
        texts[normalise(row[field]).text] = None
    texts.pop("", None)
    if not texts:
        raise AuditError(f"{path} holds no texts.")
    return list(texts)


@command.command()
@click.argument("name", required=False)
def show(name: str | None) -> None:
    """Print the datasheet of a population, by default the one that comes with llm-audit."""
    from llm_audit.detectors import populations

    population = populations.load(name or populations.DEFAULT_POPULATION)
    click.echo(terminal_safe(_datasheet(population)))
    others = [other for other in populations.names() if other != population.datasheet.name]
    if others:
        click.echo(f"\nOther populations: {one_line(', '.join(others))}")


def _datasheet(population: Population) -> str:
    from llm_audit.detectors.populations.population import LENGTHS, Stretch
    from llm_audit.stats.conformal import realised_false_positive_rate, smallest_p_value

    sheet = population.datasheet
    lines = [
        f"Population      {sheet.name}: {sheet.description}",
        f"Documents       {population.n:,}",
        f"Language        {sheet.language}",
        f"Written         {sheet.collected}",
        f"Calibrated      {sheet.created}, model {sheet.model}" + (f", reference {sheet.reference}" if sheet.reference else ""),
        f"Digest          {population.digest}",
        f"Judged windows  at most {population.longest_window} tokens: the longest that {sheet.target_n:,} documents reach",
        "Sources",
        *(f"  {count:>7,}  {source}" for source, count in sheet.sources.items()),
        "Not covered",
        *(f"  - {gap}" for gap in sheet.not_covered),
        "",
        "Tokens   documents   smallest p   false-positive rate realised at alpha .05 and .01 (95 % interval)",
    ]
    for length in LENGTHS:
        n = population.size(Stretch(0, length))
        if length > population.longest_window or (length % 64 and length != population.longest_window):
            continue
        rates = [realised_false_positive_rate(alpha, n) for alpha in (0.05, 0.01)]
        intervals = "   ".join(f"{rate.lower:.4f}-{rate.upper:.4f}" for rate in rates)
        lines.append(f"{length:>6}   {n:>9,}   {smallest_p_value(n):>10.5f}   {intervals}")
    return "\n".join(lines)
