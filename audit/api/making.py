"""Artefacts for later runs: classifiers, drawn texts, token counts, canaries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from llm_audit.api.arguments import Count, Range, checked
from llm_audit.api.keys import marker_of
from llm_audit.api.running import AnySetup, StrPath, listed, plain_setup
from llm_audit.common.errors import InvalidConfiguration, NotAvailable, local_packages
from llm_audit.common.progress import Progress, named, silent
from llm_audit.common.terminal import terminal_safe

if TYPE_CHECKING:
    from llm_audit.detectors.attribution.candidate import Candidate
    from llm_audit.detectors.membership.canary import Secret
    from llm_audit.detectors.membership.counting import Counted
    from llm_audit.detectors.origin.classifier import Head
    from llm_audit.scoring.generate import Sample
    from llm_audit.scoring.store import StoredModel

__all__ = ["Head", "card_of", "check_canary", "count_frequencies", "generate", "new_canary", "train"]


@checked
def generate(
    author: str | None,
    output: StrPath,
    *,
    prompts: StrPath | None = None,
    count: Count | None = None,
    max_tokens: Count = 300,
    seed: Annotated[int, Range(0)] = 0,
    watermark: StrPath | None = None,
    scheme: str | None = None,
    setup: AnySetup = None,
    progress: Progress = silent,
) -> int:
    """Draw texts from a model into a file, with prompt, tokens and settings, for calibration and tests; return how many.

    Args:
        author: "MODEL" or "MODEL@temperature=0.8"; None: the embedded model.
        output: a new file of JSON lines; each text is written as soon as it is drawn.
        prompts: file of prompts, one a line or JSON lines with a field `prompt`; None: nothing is asked.
        count: texts to draw, prompts in turn; None: one for each prompt.
        max_tokens: of each text.
        seed: the same seed draws the same texts.
        watermark: key file, by which every text is marked; each line then says the scheme and the key's id.
        scheme: name of the scheme that this key has to be of; None: the file says it.
        setup: device and cache.
        progress: called with the share of the work that is done, from 0 to 1 or None, and with the name of the stage.

    Raises:
        InvalidConfiguration: the author stands for several settings, the file exists, or the key cannot be used or is of
            another scheme.

    >>> llm_audit.generate("./my-model@temperature=1,template=none", "drawn.jsonl", count=2, max_tokens=50)
    2
    """
    from llm_audit.common.files import Lines
    from llm_audit.detectors.attribution.generations import read_prompts
    from llm_audit.scoring.vocabulary import tokens_of

    candidate, output, setup = _author(author), Path(output), plain_setup(setup)
    if output.exists():
        raise InvalidConfiguration(f"Cannot write {output}: it exists already.")
    prompt_texts = read_prompts(Path(prompts)) if prompts else [""]
    prompt_texts = [prompt_texts[i % len(prompt_texts)] for i in range(count or len(prompt_texts))]
    marker = None if watermark is None else marker_of(watermark, seed, scheme)
    with replace(setup, model=candidate.model, reference=None).session(progress) as session, ExitStack() as stack:
        model = session.model
        read = [candidate.fill(model, prompt) if prompt else None for prompt in prompt_texts]
        with local_packages():
            from llm_audit.scoring.generate import Sampler

        if marker is not None:
            marker.check(*tokens_of(model))
        drawn = Sampler(model, setup.device)(read, candidate.decodings[0], max_tokens, seed, progress, marker)
        try:
            lines = stack.enter_context(Lines(output, new=True))
        except OSError as error:
            raise NotAvailable(f"Cannot write {output}: {error.strerror}.") from error
        settings = _recorded(candidate, model) | {"max_tokens": max_tokens, "seed": seed}
        mark = {"watermark": marker.label} if marker else {}
        for number, (prompt, sample) in enumerate(zip(prompt_texts, drawn, strict=True)):
            # What is drawn is kept, whatever happens next.
            lines.append(_line(settings | {"prompt": prompt, "number": number}, sample, mark))
    return len(prompt_texts)


def _author(author: str | None) -> Candidate:
    """The model and the one setting that texts are drawn with; None: the embedded model. Raises InvalidConfiguration."""
    from llm_audit.detectors.attribution.candidate import Candidate
    from llm_audit.scoring.pins import DEFAULT_MODEL

    candidate = Candidate.parse(author or DEFAULT_MODEL)
    laws = tuple(decoding for decoding in candidate.decodings if not getattr(decoding, "wraps", False))
    candidate = replace(candidate, decodings=laws)
    if len(candidate.decodings) > 1:
        raise InvalidConfiguration(
            f"{author!r} stands for {len(candidate.decodings)} settings; name all numbers of a server, or none."
        )
    if candidate.weights != ("",):
        raise InvalidConfiguration(f"{author!r} names weights; texts are drawn with those that the model has. Leave them out.")
    return candidate


def _recorded(candidate: Candidate, model: StoredModel) -> dict[str, Any]:
    """Fields of a `Generation` that name the model and the setting, which all texts of a file share."""
    from llm_audit.scoring.chain import Chain

    (decoding,) = candidate.decodings
    return {
        "template": candidate.template,
        "model": model.name,
        "digest": model.digest,
        "temperature": decoding.temperature,
        "top_k": decoding.top_k,
        "top_p": decoding.top_p,
        "min_p": decoding.min_p,
        "sampler": decoding if isinstance(decoding, Chain) else None,
    }


def _line(settings: dict[str, Any], sample: Sample, mark: dict[str, Any]) -> bytes:
    """A text that was drawn, as a line of JSON: the fields of a `Generation`, and those of its watermark."""
    from llm_audit.detectors.attribution.generations import Generation

    record = Generation(text=sample.text, token_ids=sample.token_ids, finished=sample.finished, **settings)
    content = record.model_dump(mode="json") | mark
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@checked
def train(
    paths: StrPath | Iterable[StrPath],
    name: str,
    *,
    loss: Literal["bce", "opauc-kl", "opauc-cvar", "tpauc-kl", "aucm"] = "bce",
    kind: Literal["logistic", "mlp", "attention"] = "logistic",
    features: Literal["states", "states+statistics"] = "states+statistics",
    schedule: Mapping[str, float] | None = None,
    text_field: str = "text",
    label_field: str = "label",
    setup: AnySetup = None,
    progress: Progress = silent,
    on_note: Callable[[str], None] = lambda note: None,
) -> tuple[Head, Path]:
    """Train a classifier on labelled texts: a head on the scoring model. It gives no p-value before it is calibrated.

    Args:
        paths: JSON lines; each line has a text and its label, "human", "machine" or "machine-revised".
        name: as for `calibrate`.
        loss: what the training minimises: "bce" (cross-entropy), "opauc-kl", "opauc-cvar", "tpauc-kl" (partial areas under
            the ROC curve) or "aucm" (the whole area).
        kind: form of the head, "logistic", "mlp" or "attention".
        features: what the head reads: the model's hidden states, "states", or these and statistics of the tokens' scores,
            "states+statistics".
        schedule: any of `epochs`, `batch_size`, `learning_rate` and `seed`; the others are as for every head of its kind.
        text_field: field of each line that holds the text.
        label_field: field that holds the label.
        setup: model, device and cache.
        progress: called with the share of each stage that is done, from 0 to 1 or None, and with its name.
        on_note: called with each note on the data, before anything is scored.

    Returns:
        The classifier, and where it was written.

    Raises:
        InvalidInput: too few texts.
        InvalidConfiguration: the schedule has a setting of another name.

    >>> head, path = llm_audit.train("labelled.jsonl", "ours", setup=llm_audit.Setup(model="./my-model"))
    >>> head.card.texts["human training"], path.name
    (59, 'ours.safetensors')
    """
    from llm_audit.detectors.origin.classifier import path_of
    from llm_audit.training.labelled import check_trainable, read_labelled

    with local_packages():
        from llm_audit.training.recipe import train_and_save

    if wrong := set(schedule or ()) - {"epochs", "batch_size", "learning_rate", "seed"}:
        raise InvalidConfiguration(f"A schedule has epochs, batch_size, learning_rate and seed, and no {min(wrong)!r}.")
    target = path_of(name)
    data = read_labelled([Path(path) for path in listed(paths)], text_field, label_field)
    for note in data.notes:
        on_note(note)
    texts = [text for text in data.texts if text.label != "machine-revised"]
    check_trainable(texts)
    with plain_setup(setup).session(progress) as session:
        stages = named(progress, "Scoring"), named(progress, "Training")
        settings = {"seed": 0, **(schedule or {})}
        head = train_and_save(session, data, texts, target, kind, features, loss, settings, *stages)
    return head, target


def card_of(head: Head, target: Path) -> str:
    """The model card of a classifier as text, with how to use it."""
    card = head.card
    lines = [
        f"Classifier {card.name}: {card.kind} head, loss {card.loss}, on layers {', '.join(map(str, card.layers)) or 'none'}"
        f" and {len(card.statistics)} statistics of {card.model}.",
        "Texts: " + ", ".join(f"{count:,} {part}" for part, count in card.texts.items()) + ".",
        "On the texts that chose the epoch, of the same sources (elsewhere it does worse; `llm-audit bench` says how much):",
        *(f"  {name:16} {value:.3f}" for name, value in card.metrics.items()),
        f"Digest {head.digest}",
        f"Written to {target}.",
        "To use it: `llm-audit calibrate HUMAN.jsonl --name P --classifier "
        f"{card.name}`, then `llm-audit detect TEXT --population P --classifier {card.name}`.",
    ]
    return "\n".join(lines)


@checked
def count_frequencies(
    corpus: StrPath | Iterable[StrPath],
    output: StrPath,
    *,
    name: str | None = None,
    text_field: str = "text",
    setup: AnySetup = None,
    progress: Progress = silent,
) -> Counted:
    """Count a corpus with a model's tokenizer, for DC-PDD.

    Args:
        corpus: JSON lines or text files.
        output: a new file, .safetensors.
        name: of the table, in reports; None: that of the file.
        text_field: where the text is in JSON lines.
        setup: whose model's tokenizer counts.
        progress: called with the share of the work that is done, from 0 to 1 or None, and with the name of the stage.

    >>> plain = llm_audit.Setup(model="./my-model")
    >>> table, malformed, problems = llm_audit.count_frequencies("human.jsonl", "counts.safetensors", setup=plain)
    >>> table.name, malformed
    ('counts', 0)
    """
    from llm_audit.detectors.membership.counting import count_corpus
    from llm_audit.scoring.tokenizer import load_tokenizer

    paths, output = [Path(path) for path in listed(corpus)], Path(output)
    with replace(plain_setup(setup), cache=False).session(progress) as session:
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


@checked
def new_canary(
    name: str,
    *,
    count: Annotated[int, Range(1, 100_000)] = 999,
    length: Annotated[int, Range(8, 1000)] = 64,
    before: str = "",
) -> tuple[Secret, Path, Path]:
    """Draw random strings, one of them to be published, and write a commitment to the others.

    Args:
        name: of the files, NAME.secret.json and NAME.public.json.
        count: unpublished strings; the smallest p-value is 1/(count + 1).
        length: letters of each string.
        before: what will stand before the string wherever it is published.

    Returns:
        The strings, the file to keep, and the file to publish.

    >>> secret, kept, published = llm_audit.new_canary("mark", count=199)
    >>> kept.name, published.name
    ('mark.secret.json', 'mark.public.json')
    """
    from llm_audit.detectors.membership import canary
    from llm_audit.setup.manifest import now

    secret, public = canary.new(name, count=count, length=length, before=before, created=now())
    return canary.check(name), secret, public


def check_canary(name: str) -> Secret:
    """The strings of a canary. Raises InvalidInput: the secret does not match what was published."""
    from llm_audit.detectors.membership import canary

    return canary.check(name)
