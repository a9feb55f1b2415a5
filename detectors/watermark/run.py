"""Run watermark detection: from texts as tokens and keys to documents with a p-value for each key and for all combined.

Each text is scored under each key once. Knows nothing about files, tokenizers' names, integrity rules or reports.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llm_audit.common.errors import AuditError, InvalidConfiguration
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.watermark import anytime, calibrated, marked, whole_text, windows
from llm_audit.detectors.watermark.conclude import conclude
from llm_audit.detectors.watermark.counts import distinct
from llm_audit.detectors.watermark.keys import Key, check_computable
from llm_audit.detectors.watermark.readings import Reader, Reading, given
from llm_audit.detectors.watermark.schemes.base import TokenScheme
from llm_audit.results import Document, Result, Verdict
from llm_audit.results.watermark_evidence import Compared, KeyedText, KeyedTogether
from llm_audit.text import RawText
from llm_audit.text.documents import unjudged


@dataclass(frozen=True)
class Settings:
    """Settings of a run.

    Attributes:
        alpha: of each text.
        keys: at least one; no two alike.
        readers: tokenizers; none where all texts are given as ids.
        windows: look at parts of texts, too.
        anytime: texts may grow, and the e-process decides.
        calibration: of `references`, for texts ("best") and for token ids ("first"); empty: no calibration.
        keep_text: whether documents hold their texts.
    """

    alpha: float
    keys: tuple[Key, ...]
    readers: tuple[Reader, ...] = ()
    windows: bool = False
    anytime: bool = False
    calibration: Mapping[Compared, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    keep_text: bool = True

    def check(self) -> None:
        """Refuse settings that cannot be tested, before any text is read.

        Raises:
            InvalidConfiguration: a key whose scheme cannot be computed here, that names another tokenizer, or whose
                vocabulary is smaller than the tokenizer's; settings that do not go together.
        """
        if self.windows and self.anytime:
            raise InvalidConfiguration("Windows are of a finished text, and the anytime test is of one that grows: choose one.")
        if len({key.id for key in self.keys}) < len(self.keys):
            raise InvalidConfiguration("A key is given twice; each one counts as a test, so give it once.")
        for key in self.keys:
            if self.anytime and not isinstance(key.scheme, TokenScheme):
                raise InvalidConfiguration(f"Key {key.id} is of {key.scheme.title}, which has no anytime test: leave it out.")
            check_computable(key)
            if self.readers:
                self._check_readers(key)

    def _check_readers(self, key: Key) -> None:
        fitting = [reader for reader in self.readers if key.tokenizer in (None, reader.digest)]
        names = " and ".join(reader.name for reader in self.readers)
        if not fitting:
            raise InvalidConfiguration(
                f"Key {key.id} marks tokens of the tokenizer {(key.tokenizer or '')[:12]}, and {names} is another one "
                f"({self.readers[0].digest[:12]}): name that of the marked model."
            )
        size = getattr(key.scheme, "vocab_size", None)
        for reader in fitting:
            if size is not None and reader.size > size:
                raise InvalidConfiguration(
                    f"Key {key.id} is for a vocabulary of {size:,} tokens, and {reader.name} has {reader.size:,}: name the "
                    "tokenizer of the marked model."
                )

    def fitting(self, key: Key, readings: Sequence[Reading]) -> tuple[Reading, ...]:
        """The readings that the key can be tested on."""
        return tuple(reading for reading in readings if reading.tokenizer is None or key.tokenizer in (None, reading.tokenizer))


@dataclass(frozen=True)
class Subject:
    """A text with its readings as tokens.

    Attributes:
        raw: as read; of ids without their text, with the text that they decode to, or none.
        readings: at least one.
        notes: on how it became tokens.
    """

    raw: RawText
    readings: tuple[Reading, ...]
    notes: tuple[str, ...] = ()


def read(raw: RawText, settings: Settings) -> Subject:
    """The subject of a text, with a reading by each tokenizer."""
    readings: list[Reading] = []
    notes: list[str] = []
    for reader in settings.readers:
        by_reader, noted = reader.readings(raw.text, len(settings.readers) > 1)
        readings += by_reader
        notes += noted
    return Subject(raw, tuple(readings), tuple(notes))


def read_ids(
    name: str, ids: Sequence[int], settings: Settings, text: str | None = None, prompt: Sequence[int] | None = None
) -> Subject:
    """The subject of a text whose token ids are known from its generation.

    Args:
        name: in reports.
        ids: of the text alone.
        settings: a tokenizer there shows the text, and reads it again to say whether that gives the same tokens.
        text: as it was put out, if that is known.
        prompt: ids of what stood before it.
    """
    reader = settings.readers[0] if settings.readers else None
    if prompt is None and reader is not None and reader.prompt is not None:
        prompt = reader.prompt.tolist()
    reading, notes = given(ids, prompt), []
    if reader is not None and reading.text.ids.size and int(reading.text.ids.max()) < reader.size:
        shown = reader.tokenizer.decode(list(ids), skip_special_tokens=False)
        text = shown if text is None else text
        again = reader.tokenizer.encode(text, add_special_tokens=False).ids
        if list(again) != list(ids):
            notes.append(
                f"Read again by {reader.name}, the text has other tokens than those that were given "
                f"({len(again):,} against {len(ids):,}): test the ids, as here, and not the text alone."
            )
    elif reader is not None and reading.text.ids.size:
        largest = int(reading.text.ids.max())
        notes.append(
            f"Token {largest:,} is none of {reader.name}, which has {reader.size:,}: name the tokenizer that made these tokens."
        )
    content = text or ""
    data = content.encode("utf-8", "surrogatepass") if content else reading.text.ids.tobytes()
    raw = RawText(name, hashlib.sha256(data).hexdigest(), "utf-8" if content else "token ids", content, len(data))
    return Subject(raw, (reading,), tuple(notes))


def judge(subject: Subject, settings: Settings) -> Document:
    """All tests of one text."""
    raw, terms = subject.raw, Terms(settings.alpha)
    try:
        deciding, beside = _tested(subject, settings, terms)
    except AuditError as error:
        return unjudged(raw.name, Verdict.ERROR, f"{raw.name}: {error}.", raw)
    together = KeyedTogether.model_validate({"tests": [result.evidence for result in deciding]})
    tokens = len(subject.readings[0].text.ids)
    combined = marked.rule.derive(Measurement(together), terms)
    document = Document(
        name=raw.name,
        sha256=raw.sha256,
        encoding=raw.encoding,
        language=None,
        characters=len(raw.text),
        tokens=tokens,
        verdict=combined.verdict,
        summary="",  # `conclude` says it
        combined=combined,
        results=(*deciding, *beside),
        notes=(*raw.notes, *subject.notes, *_without_windows(settings)),
        text=raw.text if settings.keep_text and raw.text else None,
    )
    return conclude(document, terms)


def references(subjects: Sequence[Subject], settings: Settings, compared: Compared) -> tuple[tuple[float, ...], ...]:
    """(keys, texts) log p-values of unmarked texts under each key, for `Settings.calibration`.

    Raises:
        InvalidConfiguration: there is no text.
    """
    if not subjects:
        raise InvalidConfiguration("There is no unmarked text to calibrate with: name a folder that holds some.")
    return tuple(tuple(_comparable(subject, key, settings, compared) for subject in subjects) for key in settings.keys)


def _comparable(subject: Subject, key: Key, settings: Settings, compared: Compared) -> float:
    """The log p-value by which a text, tested or unmarked, is ranked among others under a key."""
    level = settings.alpha / len(settings.keys)
    return calibrated.comparable(key, settings.fitting(key, subject.readings), compared, level, seed_of(subject, key))


def _tested(subject: Subject, settings: Settings, terms: Terms) -> tuple[list[Result], list[Result]]:
    """Results that the verdict rests on, and the others."""
    scanned = [key for key in settings.keys if settings.windows and _can_be_scanned(subject, key, settings)]
    tests = len(settings.keys) + len(scanned)
    deciding: list[Result] = []
    beside: list[Result] = []
    for number, key in enumerate(settings.keys):
        whole = _whole(subject, key, settings, tests)
        first = settings.fitting(key, subject.readings)[0]
        results: list[Result] = [whole_text.rule.derive(whole, terms)]
        if settings.anytime:
            beside += results
            results = [anytime.rule.derive(anytime.measure(key, first, tests=tests), terms)]
        if key in scanned:
            results.append(windows.rule.derive(windows.measure(key, first, tests=tests, seed=seed_of(subject, key)), terms))
        deciding += results
        if settings.calibration:
            compared: Compared = "first" if first.tokenizer is None else "best"
            log_p, unmarked = _comparable(subject, key, settings, compared), settings.calibration[compared][number]
            beside.append(calibrated.rule.derive(calibrated.measure(whole.evidence, log_p, unmarked, compared), terms))
    return deciding, beside


def _whole(subject: Subject, key: Key, settings: Settings, tests: int) -> Measurement[KeyedText]:
    readings = settings.fitting(key, subject.readings)
    return whole_text.measure(key, readings, tests=tests, level=settings.alpha / tests, seed=seed_of(subject, key))


def _can_be_scanned(subject: Subject, key: Key, settings: Settings) -> bool:
    if not isinstance(key.scheme, TokenScheme):
        return False
    return len(distinct(key.scheme.observe(settings.fitting(key, subject.readings)[0].text))) > 0


def _without_windows(settings: Settings) -> tuple[str, ...]:
    without = [key for key in settings.keys if settings.windows and not isinstance(key.scheme, TokenScheme)]
    return tuple(f"Key {key.id} is of {key.scheme.title}, which has no test of windows." for key in without)


def seed_of(subject: Subject, key: Key) -> str:
    """The seed of all draws for one text and key: derived from both, and revealing neither."""
    return hashlib.sha256(f"{subject.raw.sha256} {key.id}".encode()).hexdigest()[:32]
