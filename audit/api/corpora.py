"""Many documents at once: `scan` judges a corpus and survives interruptions; `bench` measures detectors on labelled texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from llm_audit.api.arguments import Count, Range, checked
from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, check_alpha, finished, listed, opened, plain_setup
from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.progress import Progress, silent
from llm_audit.scanning.corpus import Corpus, Input, open_corpus
from llm_audit.scanning.folder import Folder, Shard
from llm_audit.scanning.header import Header, digest_of
from llm_audit.scanning.remote import check_results, is_remote, put
from llm_audit.scanning.results import write_results
from llm_audit.scanning.run import Engine, Tally, local_engine
from llm_audit.scanning.run import scan as judge_all
from llm_audit.scanning.table import can_write
from llm_audit.setup import OpenSetup, Setup
from llm_audit.setup.manifest import now
from llm_audit.text import counts
from llm_audit.text.frame import kinds_of

__all__ = ["Scan", "ScanInterrupted", "Shard", "Tally", "bench", "is_remote", "scan"]

FINAL = ("results.jsonl", "results.parquet", "report.html", "summary.json")
"""Names of the files that hold a scan's results."""


@dataclass(frozen=True)
class Scan:
    """Result of a scan.

    Attributes:
        report: over all documents that were judged; None for a shard, which has no report of its own.
        folder: where the results are; for an incomplete scan, its subfolder "partial".
        damaged: lines of the journal that were left out.
        parquet: whether results.parquet could be written.
    """

    report: Report | None
    folder: Path
    damaged: int
    parquet: bool


class ScanInterrupted(KeyboardInterrupt):
    """Raised when a scan is interrupted: what was judged is kept, and the same call continues the scan.

    Attributes:
        scan: the result so far.
    """

    def __init__(self, scan: Scan) -> None:
        super().__init__("the scan was interrupted; the same call goes on")
        self.scan = scan


@checked
def scan(
    paths: StrPath | Iterable[StrPath],
    folder: StrPath,
    *,
    alpha: float = 0.05,
    setup: AnySetup = None,
    text_field: str = "text",
    limit: Count | None = None,
    shard: tuple[int, int] | None = None,
    engine: Literal["local", "ray"] = "local",
    results: str | None = None,
    include: Sequence[str] = (),
    policy: str | None = None,
    id_field: str | None = None,
    keep: Sequence[str] = (),
    max_bad_rows: Annotated[int, Range(0)] | None = None,
    on_tally: Callable[[Tally], None] = lambda tally: None,
) -> Scan:
    """Judge every document of a corpus. Called again with the same arguments, an interrupted scan continues.

    Args:
        paths: files, folders, patterns, or addresses such as s3://bucket/folder.
        folder: where journal and results are kept.
        alpha: false discovery rate, the expected share of mistakes among the documents found.
        setup: None: the defaults, without a cache of the scores of every token.
        text_field: field of each record that holds the text; a field within another one is named "meta.text".
        limit: only the first so many documents, for a trial.
        shard: judge one part of several, (2, 8) the second of eight; a final call without it on the same folder writes the
            results.
        engine: "ray": on the cluster that RAY_ADDRESS names, or else in a process for each core.
        results: address that the results of the whole corpus are copied to.
        id_field: field of each record that names it in the results.
        keep: fields of each record that go with it into the results.
        max_bad_rows: give up when more documents than these cannot be read.
        include: as for `detect`.
        policy: digest of the policy that these arguments come from.
        on_tally: called from time to time with the counts so far.

    Raises:
        InvalidInput: the corpus cannot be read twice, or changed since the scan began.
        ScanInterrupted: by Ctrl-C; it holds what there is.

    >>> mine = llm_audit.Setup(model="./my-model", population="mine")
    >>> done = llm_audit.scan("human.jsonl", "results", setup=mine)
    >>> done.report.corpus.included, (done.folder / "report.html").exists()
    (40, True)
    """
    check_alpha(alpha)
    setup = setup or Setup(cache=False)
    plain_setup(setup).check()
    part = None if shard is None else _part(*shard)
    kinds_of(include)
    kept_fields = tuple(dict.fromkeys([*([id_field] if id_field else []), *keep]))
    corpus = _corpus(listed(paths), Path(folder), text_field, results, engine, kept_fields)
    interrupted = False
    tally = Tally(0, alpha)
    with Folder(Path(folder), part) as kept, opened(setup, silent) as ready:
        before = kept.known_inputs()
        # Shards share the list of digests that the first of them made.
        listed_before = part is not None and corpus.looks_like(before)
        inputs = before if listed_before else list(corpus.inputs({file.sha256: file for file in before}))
        fields = {
            "id_field": id_field, "keep": tuple(keep), "include": tuple(sorted(set(include))),
            "not_read": counts(corpus.passed),
        }  # fmt: skip
        header = kept.begin(_header(ready, alpha, text_field, inputs, policy).model_copy(update=fields), inputs)
        if before:  # perhaps spelled otherwise
            corpus, inputs = corpus.named(before), before

        def show(now: Tally) -> None:
            nonlocal tally
            tally = now
            on_tally(now)

        def within(share: float | None, stage: str = "") -> None:
            on_tally(replace(tally, share=share or 0.0))

        try:
            with _engine(engine, plain_setup(setup), header, ready, within) as judge:
                tally = judge_all(
                    corpus, inputs, kept, header, judge, limit=limit, shard=part, show=show, most_unreadable=max_bad_rows
                )
        except KeyboardInterrupt:
            interrupted = True
        report, where = None, kept.path
        if part is None:
            stored, where = write_results(kept, header, ready.population.datasheet.description, limit)
            report = Report.of(stored)
    if report is not None:
        _write(report, kept, where, results)
    done = Scan(report, where, tally.damaged, can_write())
    if interrupted:
        raise ScanInterrupted(done)
    return done


@checked
def bench(
    paths: StrPath | Iterable[StrPath],
    *,
    columns: Sequence[str] = (),
    text_field: str = "text",
    label_field: str = "label",
    setup: AnySetup = None,
    progress: Progress = silent,
) -> Report:
    """Measure the detectors on labelled texts: power, false alarms, and false alarms by group of writers.

    Args:
        paths: JSON lines; each line has a text and its label, "human", "machine" or "machine-revised".
        columns: further fields of the data to group by.
        text_field: field of each line that holds the text.
        label_field: field that holds the label.
        setup: as for `detect`.
        progress: called with the share of the work that is done, from 0 to 1 or None, and with the name of the stage.

    Raises:
        InvalidInput: no text is left to judge, or a label is wrong.

    Returns:
        A report whose `benchmark` holds the rates, each with its interval.

    >>> mine = llm_audit.Setup(model="./my-model", population="mine")
    >>> report = llm_audit.bench("labelled.jsonl", setup=mine)
    >>> alarms = report.benchmark.false_alarms[0]
    >>> alarms.n, alarms.at_1_percent.value
    (70, 0.0)
    """
    from llm_audit.training import evaluate
    from llm_audit.training.labelled import read_labelled

    started, named = now(), listed(paths)
    labelled = read_labelled([Path(path) for path in named], text_field, label_field, columns)
    with opened(setup, progress) as ready:
        data = evaluate.fit_to_judge(labelled, ready.detectors, ready.population)
        judged = list(evaluate.judge(ready.session, ready.population, ready.detectors, data.texts, progress))
    if not judged:
        raise InvalidInput(" ".join(["No text is left to judge; each needs 64 tokens.", *data.notes]))
    benchmark = evaluate.evaluate(data, judged, ready.detectors, ready.population, columns)
    report = evaluate.report(benchmark, ready.manifest(evaluate.ALPHAS[0]), total=len(labelled.texts), judged=len(judged))
    return finished(report, started, named)


def _corpus(
    paths: Sequence[str], folder: Path, text_field: str, results: str | None, engine: str, keep: tuple[str, ...]
) -> Corpus:
    """Open the corpus, after checking that the results can be written and that the engine is installed."""
    corpus = open_corpus(paths, text_field, keep)
    if results:
        check_results(results)
    if engine == "ray":
        from llm_audit.scanning.ray_engine import check_installed

        check_installed()
    for path in map(Path, paths):
        if path.is_dir() and folder.resolve().is_relative_to(path.resolve()):
            raise InvalidConfiguration(
                f"The results of a scan of {path} cannot be kept in it, where they would be taken for texts."
            )
    return corpus


def _header(ready: OpenSetup, alpha: float, text_field: str, inputs: Sequence[Input], policy: str | None) -> Header:
    return Header(
        manifest=ready.manifest(alpha).model_copy(update={"policy": policy}),
        device=ready.setup.device,
        text_field=text_field,
        weights=ready.weights,
        files=len(inputs),
        documents=sum(file.documents for file in inputs),
        inputs=digest_of(inputs),
        max_tokens=ready.setup.max_tokens,
    )


def _part(number: int, parts: int) -> Shard:
    """The shard of these numbers. Raises InvalidConfiguration: there is no such part."""
    if not 1 <= number <= parts:
        raise InvalidConfiguration(f"There is no part {number} of {parts}; give (2, 8) for the second of eight.")
    return Shard(number, parts)


@contextmanager
def _engine(name: str, setup: Setup, header: Header, ready: OpenSetup, within: Progress) -> Iterator[Engine]:
    """Open the engine that judges blocks of documents: local, or on Ray."""
    if name != "ray":
        yield local_engine(ready.session, header.settings(ready), setup.jobs, within)
        return
    from llm_audit.scanning.ray_engine import WorkerFactory, ray_engine

    with ray_engine(WorkerFactory(replace(setup, jobs=1), header), setup.device) as engine:  # an actor is one process
        yield engine


def _write(report: Report, folder: Folder, where: Path, results: str | None) -> None:
    """Write a report as HTML page and JSON summary, and copy all results to the address `results`."""
    report.save(where / "report.html")
    report.save(where / "summary.json")  # the last one: where it is complete, all is
    complete = report.corpus is not None and report.corpus.complete
    folder.tidy(complete)
    if results and complete:
        put([path for path in (where / name for name in FINAL) if path.exists()], results)
