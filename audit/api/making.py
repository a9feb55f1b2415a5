"""What is made for later runs: populations, classifiers, drawn texts, token counts, canaries."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_audit.api.running import AnySetup, StrPath, closed, listed
from llm_audit.errors import InvalidConfiguration, InvalidInput, NotAvailable
from llm_audit.progress import Progress, named, silent
from llm_audit.setup import Setup
from llm_audit.terminal import terminal_safe

if TYPE_CHECKING:
    from llm_audit.detectors import StatisticRule
    from llm_audit.detectors.membership.canary import Secret
    from llm_audit.detectors.membership.counting import Counted
    from llm_audit.detectors.origin.classifier import Head
    from llm_audit.detectors.populations import Population

__all__ = [
    "Head", "calibrate", "calibrate_generations", "check_canary", "count_frequencies", "datasheet", "generate", "new_canary",
    "train",
]  # fmt: skip


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
        progress: called with the share of the work that is done.

    Returns:
        The population, where it was written, and how many distinct texts there were.

    Raises:
        InvalidInput: a line is no human text, or all texts trained the classifier.
    """
    from llm_audit.detectors import find, fitting, populations
    from llm_audit.detectors.origin import run as origin
    from llm_audit.scoring.request import Request, Windowing
    from llm_audit.text import fingerprints

    populations.check_name(name)
    chosen, path = closed(setup), Path(path)
    own = chosen.own_detectors()
    texts = _texts(path, text_field)
    with chosen.session(progress) as session:
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
    return population, populations.save(population), len(texts)


def calibrate_generations(
    path: StrPath, name: str, *, setup: Setup | None = None, progress: Progress = silent
) -> tuple[Population, Path, int]:
    """Build a reference population of what one model wrote under one setting, for `attribute` without a prompt.

    Args:
        path: texts of `generate`; the records say which model.
        name: as for `calibrate`.
        setup: device and cache.
        progress: called with the share of the work that is done.

    Returns:
        The population, where it was written, and how many generations there were.

    Raises:
        NotAvailable: the model is not here, or another one has its name.
    """
    from llm_audit.detectors import populations
    from llm_audit.detectors.attribution import Author, find_rules
    from llm_audit.detectors.attribution.candidate import Candidate
    from llm_audit.detectors.attribution.generations import read_generations, reference_population

    populations.check_name(name)
    records = read_generations(Path(path))
    first = records[0]
    with replace(setup or Setup(), model=first.model, reference=None).session(progress) as session:
        if session.model.digest != first.digest:
            raise NotAvailable(
                f"{path} was drawn from another {first.model} (digest {first.digest[:12]}, here {session.model.digest[:12]})."
            )
        author = Author(Candidate(first.model, first.model, (first.decoding,), first.template), "candidate", session)
        population = reference_population(name, records, author, find_rules(), progress)
    return population, populations.save(population), len(records)


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
        raise InvalidInput("Every one of the texts trained the classifier; calibrate with texts that it has not seen.")
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
            raise InvalidInput(f"{where} {row}; mend or remove it.")
        if row.get("label", "human") != "human":
            raise InvalidInput(f"{where} is labelled {row['label']!r}; a population is made of human texts only.")
        if not isinstance(row.get(field), str):
            raise InvalidInput(f"{where}: the field {field!r} is not a text; mend or remove it.")
        texts[normalise(row[field]).text] = None
    texts.pop("", None)
    if not texts:
        raise InvalidInput(f"{path} holds no texts.")
    return list(texts)


def datasheet(name: str | None = None) -> str:
    """What a population is made of and how precise its p-values are, in lines for a reader. Raises AuditError.

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
    others = [other for other in populations.names() if other != sheet.name]
    return "\n".join([*lines, *([f"\nOther populations: {', '.join(others)}"] if others else [])])


def generate(
    author: str,
    output: StrPath,
    *,
    prompts: StrPath | None = None,
    count: int | None = None,
    max_tokens: int = 300,
    seed: int = 0,
    setup: Setup | None = None,
    progress: Progress = silent,
) -> int:
    """Draw texts from a model, with prompt, tokens and settings, for calibration and tests. Returns how many.

    Args:
        author: "MODEL" or "MODEL@temperature=0.8".
        output: a new file of JSON lines; each text is written as soon as it is drawn.
        prompts: file of prompts, one a line or JSON lines with a field `prompt`; None: nothing is asked.
        count: texts to draw, prompts in turn; None: one for each prompt.
        max_tokens: of each text.
        seed: the same seed draws the same texts.
        setup: device and cache.
        progress: called with the share of the work that is done.

    Raises:
        InvalidConfiguration: the author stands for several settings, or the file exists.
    """
    from llm_audit.detectors.attribution.candidate import Candidate
    from llm_audit.detectors.attribution.generations import Generation, read_prompts
    from llm_audit.files import Lines

    candidate, output, setup = Candidate.parse(author), Path(output), setup or Setup()
    if len(candidate.decodings) > 1:
        raise InvalidConfiguration(f"{author!r} stands for {len(candidate.decodings)} settings; texts are drawn under one.")
    (decoding,) = candidate.decodings
    if output.exists():
        raise InvalidConfiguration(f"Cannot write {output}: it exists already.")
    asked = read_prompts(Path(prompts)) if prompts else [""]
    asked = [asked[i % len(asked)] for i in range(count or len(asked))]
    with replace(setup, model=candidate.model, reference=None).session(progress) as session, ExitStack() as stack:
        model = session.model
        read = [candidate.fill(model, prompt) if prompt else None for prompt in asked]
        from llm_audit.scoring.generate import Sampler

        drawn = Sampler(model, setup.device)(read, decoding, max_tokens, seed, progress)
        try:
            lines = stack.enter_context(Lines(output, new=True))
        except OSError as error:
            raise NotAvailable(f"Cannot write {output}: {error.strerror}.") from error
        for number, (prompt, sample) in enumerate(zip(asked, drawn, strict=True)):
            record = Generation(
                text=sample.text,
                prompt=prompt,
                template=candidate.template,
                token_ids=sample.token_ids,
                finished=sample.finished,
                model=model.name,
                digest=model.digest,
                temperature=decoding.temperature,
                top_k=decoding.top_k,
                top_p=decoding.top_p,
                min_p=decoding.min_p,
                max_tokens=max_tokens,
                seed=seed,
                number=number,
            )
            lines.append(record.model_dump_json().encode() + b"\n")  # what is drawn is kept, whatever happens next
    return len(asked)


def train(
    paths: StrPath | Sequence[StrPath],
    name: str,
    *,
    loss: str = "bce",
    kind: str = "logistic",
    features: str = "states+statistics",
    schedule: dict[str, Any] | None = None,
    text_field: str = "text",
    label_field: str = "label",
    setup: Setup | None = None,
    progress: Progress = silent,
    on_note: Callable[[str], None] = lambda note: None,
) -> tuple[Head, Path]:
    """Train a classifier on labelled texts: a head on the scoring model. It gives no p-value before it is calibrated.

    Args:
        paths: JSON lines; each line has a text and its label, "human", "machine" or "machine-revised".
        name: as for `calibrate`.
        loss: what the training minimises, one of `training.losses.LOSSES`.
        kind: form of the head, one of `training.heads.KINDS`.
        features: what the head reads, "states" or "states+statistics".
        schedule: any of `epochs`, `batch_size`, `learning_rate` and `seed`; the others are as for every head of its kind.
        text_field: field of each line that holds the text.
        label_field: field that holds the label.
        setup: model, device and cache.
        progress: called with the share of each stage that is done.
        on_note: called with each note on the data, before anything is scored.

    Returns:
        The classifier, and where it was written.

    Raises:
        InvalidInput: too few texts.
    """
    from llm_audit.detectors.origin.classifier import path_of
    from llm_audit.training.labelled import check_trainable, read_labelled

    target = path_of(name)
    data = read_labelled([Path(path) for path in listed(paths)], text_field, label_field)
    for note in data.notes:
        on_note(note)
    texts = [text for text in data.texts if text.label != "machine-revised"]
    check_trainable(texts)
    from llm_audit.training.recipe import train_and_save

    with (setup or Setup()).session(progress) as session:
        stages = named(progress, "Scoring"), named(progress, "Training")
        settings = {"seed": 0} | (schedule or {})
        head = train_and_save(session, data, texts, target, kind, features, loss, settings, *stages)
    return head, target


def count_frequencies(
    corpus: StrPath | Sequence[StrPath],
    output: StrPath,
    *,
    name: str | None = None,
    text_field: str = "text",
    setup: Setup | None = None,
    progress: Progress = silent,
) -> Counted:
    """Count a corpus with a model's tokenizer, for DC-PDD.

    Args:
        corpus: JSON lines or text files.
        output: a new file, .safetensors.
        name: of the table, in reports; None: that of the file.
        text_field: where the text is in JSON lines.
        setup: whose model's tokenizer counts.
        progress: called with the share of the work that is done.
    """
    from llm_audit.detectors.membership.counting import count_corpus
    from llm_audit.scoring.model import load_tokenizer

    paths, output = [Path(path) for path in listed(corpus)], Path(output)
    with replace(setup or Setup(), cache=False).session(progress) as session:
        tokenizer = load_tokenizer(session.model.folder)
    return count_corpus(
        paths,
        tokenizer,
        name=terminal_safe(name or output.stem),
        description=terminal_safe(f"Texts of {', '.join(path.name for path in paths)}."),
        text_field=text_field,
        output=output,
        progress=progress,
    )


def new_canary(name: str, *, count: int = 999, length: int = 64, before: str = "") -> tuple[Secret, Path, Path]:
    """Draw random strings, one of which is to be published, with a commitment to the others.

    Args:
        name: of the files, NAME.secret.json and NAME.public.json.
        count: unpublished strings; the smallest p-value is 1/(count + 1).
        length: letters of each string.
        before: what will stand before the string wherever it is published.

    Returns:
        The strings, the file to keep, and the file to publish.
    """
    from llm_audit.detectors.membership import canary
    from llm_audit.manifest import now

    secret, public = canary.new(name, count=count, length=length, before=before, created=now())
    return canary.check(name), secret, public


def check_canary(name: str) -> Secret:
    """The strings of a canary. Raises InvalidInput: the secret does not match what was published."""
    from llm_audit.detectors.membership import canary

    return canary.check(name)
