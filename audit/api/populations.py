"""Populations that texts are compared with: build one from human texts or from a model's generations; show its datasheet."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llm_audit.api.arguments import checked
from llm_audit.api.running import AnySetup, StrPath, plain_setup
from llm_audit.common.errors import InvalidInput, NotAvailable
from llm_audit.common.progress import Progress, silent
from llm_audit.common.terminal import terminal_safe

if TYPE_CHECKING:
    from llm_audit.detectors import StatisticRule
    from llm_audit.detectors.populations import Population

__all__ = ["calibrate", "calibrate_generations", "datasheet"]


@checked
def calibrate(
    path: StrPath,
    name: str,
    *,
    text_field: str = "text",
    description: str = "Texts supplied by the user.",
    language: str = "en",
    setup: AnySetup = None,
    progress: Progress = silent,
) -> tuple[Population, Path, int]:
    """Build a population from human texts, one JSON object a line. Texts that repeat count once.

    A p-value cannot fall below 1/(n+1): for alpha 0.01 take at least 99 texts, better 1,000.

    Args:
        path: JSON lines.
        name: lower-case letters, digits, '.', '_' and '-'.
        text_field: field of each line that holds the text.
        description: one line, printed beside every p-value.
        language: ISO 639-1 code of the texts.
        setup: whose model and detectors score the texts.
        progress: called with the share of the work that is done, from 0 to 1 or None, and with the name of the stage.

    Returns:
        The population, where it was written, and how many distinct texts there were.

    Raises:
        InvalidInput: a line is no human text, or all texts trained the classifier.

    >>> population, path, texts = llm_audit.calibrate("human.jsonl", "ours", setup=llm_audit.Setup(model="./my-model"))
    >>> texts, path.name
    (40, 'ours.safetensors')
    """
    from llm_audit.detectors import find, fitting, populations
    from llm_audit.detectors.origin import run as origin
    from llm_audit.scoring.request import Request, Windowing
    from llm_audit.text import fingerprints

    populations.check_name(name)
    chosen, path = plain_setup(setup), Path(path)
    classifiers = chosen.own_detectors()
    texts = _texts(path, text_field)
    with chosen.session(progress) as session:
        detectors = fitting(find((), classifiers), session.model.digest, classifiers)
        texts = _without_training_texts(texts, detectors)
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
    return population, populations.save(population), len(texts)


def calibrate_generations(
    path: StrPath, name: str, *, setup: AnySetup = None, progress: Progress = silent
) -> tuple[Population, Path, int]:
    """Build a reference population of what one model wrote under one setting, for `attribute` without a prompt.

    Args:
        path: texts of `generate`; the records say which model.
        name: as for `calibrate`.
        setup: device and cache.
        progress: called with the share of the work that is done, from 0 to 1 or None, and with the name of the stage.

    Returns:
        The population, where it was written, and how many generations there were.

    Raises:
        NotAvailable: the model is not here, or another one has its name.
    """
    from llm_audit.detectors import populations
    from llm_audit.detectors.attribution.candidate import Candidate
    from llm_audit.detectors.attribution.generations import read_generations, reference_population
    from llm_audit.detectors.attribution.run import find_rules
    from llm_audit.detectors.attribution.text import Author

    populations.check_name(name)
    records = read_generations(Path(path))
    first = records[0]
    with replace(plain_setup(setup), model=first.model, reference=None).session(progress) as session:
        if session.model.digest != first.digest:
            raise NotAvailable(
                f"{path} was drawn from another {first.model} (digest {first.digest[:12]}, here {session.model.digest[:12]})."
            )
        author = Author(Candidate(first.model, first.model, (first.decoding,), first.template), "candidate", session)
        population = reference_population(name, records, author, find_rules(), progress)
    return population, populations.save(population), len(records)


def _without_training_texts(texts: list[str], detectors: Sequence[StatisticRule]) -> list[str]:
    """The texts without those that trained a detector: their scores are too human-like to compare other texts with."""
    import numpy as np

    from llm_audit.text import fingerprints

    known = [detector.seen for detector in detectors if detector.seen is not None]
    if not known:
        return texts
    seen = set(np.concatenate(known).tolist())
    kept = [text for text in texts if int(fingerprints([text])[0]) not in seen]
    if not kept:
        raise InvalidInput("Every one of the texts trained the classifier; calibrate with texts that it has not seen.")
    if len(kept) < len(texts):
        warnings.warn(f"{len(texts) - len(kept):,} texts trained the classifier and were left out.", stacklevel=2)
    return kept


def _texts(path: Path, field: str) -> list[str]:
    """The distinct normalised texts of a JSON-lines file, in order."""
    from llm_audit.text import scored
    from llm_audit.text.lines import open_lines, parse

    texts: dict[str, None] = {}
    for number, line in enumerate(open_lines(path), start=1):
        if not line.strip():
            continue
        row, where = parse(line), f"Line {number} of {path}"
        if isinstance(row, str):
            raise InvalidInput(f"{where} {row}; mend or remove it.")
        if row.get("label", "human") != "human":
            raise InvalidInput(f"{where} is labelled {row['label']!r}; a population is made of human texts only.")
        if not isinstance(row.get(field), str):
            raise InvalidInput(f"{where}: the field {field!r} is not a text; mend or remove it.")
        texts[scored(row[field])] = None
    texts.pop("", None)
    if not texts:
        raise InvalidInput(f"{path} holds no texts.")
    return list(texts)


def datasheet(name: str | None = None) -> str:
    """The datasheet of a population as text: what it is made of, and how precise its p-values are. Raises AuditError.

    >>> print(datasheet("english-mixed")[:32])
    Population      english-mixed: E
    """
    from llm_audit.detectors import populations
    from llm_audit.detectors.populations.population import LENGTHS, Stretch
    from llm_audit.stats.conformal import realised_false_positive_rate, smallest_p_value

    population = populations.load(name or populations.DEFAULT_POPULATION)
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
        *_count_lines(sheet.sources),
        *(["Kinds of text", *_count_lines(population.kinds)] if population.kinds else []),
        *(["Writers", *_count_lines(sheet.writers)] if sheet.writers else []),
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
    others = [other for other in populations.names() if other != sheet.name]
    return "\n".join([*lines, *([f"\nOther populations: {', '.join(others)}"] if others else [])])


def _count_lines(names: dict[str, int]) -> list[str]:
    return [f"  {count:>7,}  {name}" for name, count in names.items()]
