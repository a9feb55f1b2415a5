"""The test `llm_audit.membership.watermark`: whether a model was trained on text that carries the watermark of a key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from llm_audit.api.arguments import checked
from llm_audit.api.asking import Audit, counts
from llm_audit.api.keys import as_configuration_errors, read_keys
from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, finished, listed, plain_setup
from llm_audit.api.watermark import readers_of
from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.membership import run
from llm_audit.detectors.membership.collection import Collection, read_collection
from llm_audit.detectors.membership.target import Target
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.watermark import radioactivity
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.radioactivity import Read, Written
from llm_audit.detectors.watermark.readings import Reader
from llm_audit.detectors.watermark.run import Settings
from llm_audit.results import Conditions, Membership
from llm_audit.results.watermark_evidence import KeyedTraining
from llm_audit.scoring.request import Prompted
from llm_audit.setup.manifest import collect

Ints = NDArray[np.int64]


@checked
def watermark(
    marked: StrPath | Iterable[StrPath] = (),
    *,
    key: StrPath,
    answers: StrPath | Iterable[StrPath] = (),
    text_field: str = "text",
    alpha: float = 0.01,
    setup: AnySetup = None,
    progress: Progress = silent,
) -> Report:
    """Whether a model was trained on text that carries the mark of a key, with an exact p-value.

    Args:
        marked: texts that carry the mark and may have been trained on: JSON lines with a text, text files or folders; a line
            may have `token_ids`, which are more reliable. The model of `setup` predicts them; its likeliest tokens are tested.
        key: key file of the mark.
        answers: texts that the model wrote, for a model whose weights are not here: as `marked`; a line may have the `prompt`.
            No model is loaded; only contexts that occur in `marked` then count, where the mark can have been learnt.
        text_field: field of JSON lines that holds the text.
        alpha: report a finding when the p-value is at most this.
        setup: whose model is audited; with `answers`, whose tokenizer reads them.
        progress: called with the share of the work that is done, from 0 to 1 or None, and with the name of the stage.

    Raises:
        InvalidInput: there is no text.
        InvalidConfiguration: a key file that cannot be used, of a scheme that does not tell contexts apart, or of another
            tokenizer.

    >>> named = llm_audit.Setup(model="./my-model")
    >>> key_id = llm_audit.new_watermark_key("their-key.json", "transformers-kgw", setup=named)
    >>> report = llm_audit.membership.watermark("suspects.jsonl", key="their-key.json", setup=named)
    >>> report.membership.claim
    'Was ./my-model trained on text that carries the mark of key ...?'
    """
    audit = Audit(alpha, setup, None, progress)
    marks, answer_files = listed(marked), listed(answers)
    if not marks and not answer_files:
        raise InvalidConfiguration("There is nothing to read: name marked texts, or answers of the model with --answers.")
    (chosen,) = read_keys([str(key)])
    radioactivity.check(chosen)
    data = [read_collection(files, text_field=text_field) for files in (marks, answer_files) if files]
    rules = (radioactivity.rule.code,)
    if answer_files:
        (reader,) = readers_of((), plain_setup(setup), None, progress)
        membership = _test_answers(chosen, reader, data, alpha)
        total, malformed = counts(data)
        report = run.report(membership, collect(None, alpha=alpha, rules=rules), total=total, malformed=malformed)
        return finished(report, audit.started, [*marks, *answer_files])
    with audit.target() as target:
        membership = _test_reading(chosen, target, data[0], alpha)
    return audit.finished(membership, target, rules, data, named=marks)


def _test_reading(key: Key, target: Target, data: Collection, alpha: float) -> Membership:
    from llm_audit.scoring.tokenizer import load_tokenizer

    model = target.session.model
    reader = Reader.of(model.name, load_tokenizer(model.folder))
    texts = _ids(key, reader, data, alpha)
    shown = [Prompted(item.text, token_ids=tuple(ids.tolist())) for item, ids in zip(data.items, texts, strict=True)]
    read = [
        Read(ids, np.concatenate([np.full(len(ids) - len(likeliest), -1), likeliest]))
        for ids, likeliest in zip(texts, target.likeliest(shown), strict=True)
    ]
    with as_configuration_errors():
        evidence = radioactivity.of_reading(key, read)
    return _conclude(evidence, alpha, data.malformed, run.conditions_of(target, tokenizer=(reader.name, reader.digest)))


def _test_answers(key: Key, reader: Reader, data: Sequence[Collection], alpha: float) -> Membership:
    answers = data[-1]
    written = [
        Written(_encoded(reader, item.prompt or ""), ids)
        for item, ids in zip(answers.items, _ids(key, reader, answers, alpha), strict=True)
    ]
    marked = _ids(key, reader, data[0], alpha) if len(data) > 1 else []
    with as_configuration_errors():
        evidence = radioactivity.of_writing(key, written, marked)
    conditions = Conditions(
        tokenizer=(reader.name, reader.digest),
        marked_contexts=True if marked else None,
        unprompted=(sum(item.prompt is None for item in answers.items), len(answers.items)),
    )
    return _conclude(evidence, alpha, [note for collection in data for note in collection.malformed], conditions)


def _ids(key: Key, reader: Reader, data: Collection, alpha: float) -> list[Ints]:
    """Token ids of each text, as given or as the tokenizer reads it. Raises InvalidConfiguration: it is not the key's."""
    Settings(alpha, (key,), (reader,)).check()
    return [
        _encoded(reader, item.text) if item.token_ids is None else np.array(item.token_ids, dtype=np.int64)
        for item in data.items
    ]


def _encoded(reader: Reader, text: str) -> Ints:
    return np.array(reader.tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.int64)


def _conclude(evidence: KeyedTraining, alpha: float, malformed: Sequence[str], conditions: Conditions) -> Membership:
    return run.concluded(
        alpha,
        tests=(radioactivity.rule.derive(Measurement(evidence), Terms(alpha)),),
        provenance="None are needed: the chance is in the key, and any other key could have been drawn.",
        conditions=conditions,
        malformed=malformed,
    )
