"""Many documents at once: `scan` a corpus, whatever happens on the way; `bench` the detectors on labelled texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from llm_audit.api.running import AnySetup, StrPath, check_alpha, closed, listed, opened
from llm_audit.errors import InvalidConfiguration, InvalidInput
from llm_audit.progress import Progress, silent
from llm_audit.results import CorpusReport
from llm_audit.results.benchmark import Benchmark
from llm_audit.scanning.corpus import Corpus, Input, open_corpus
from llm_audit.scanning.folder import Folder, Shard
from llm_audit.scanning.header import Header, digest_of
from llm_audit.scanning.remote import check_results, is_remote, put
from llm_audit.scanning.results import write_results
from llm_audit.scanning.run import Engine, Tally, local_engine
from llm_audit.scanning.run import scan as judge_all
from llm_audit.scanning.table import can_write
from llm_audit.setup import OpenSetup, Setup

__all__ = ["Scan", "ScanInterrupted", "Shard", "Tally", "bench", "is_remote", "scan"]

FINAL = ("results.jsonl", "results.parquet", "report.html", "summary.json")
"""Files of a scan's results."""


@dataclass(frozen=True)
class Scan:
    """What a scan came to.

    Attributes:
        report: over all documents that are judged; None: a shard, which has no report of its own.
        folder: where the results are; of a scan that is not complete, its folder "partial".
        damaged: lines of the journal that were left out.
        parquet: whether results.parquet could be written.
    """

    report: CorpusReport | None
    folder: Path
    damaged: int
    parquet: bool


class ScanInterrupted(KeyboardInterrupt):
    """A scan was interrupted: what was judged is kept, and the same call goes on.

    Attributes:
        scan: what it came to.
    """

    def __init__(self, scan: Scan) -> None:
        super().__init__("the scan was interrupted; the same call goes on")
        self.scan = scan


def scan(
    paths: StrPath | Iterable[StrPath],
    folder: StrPath,
    *,
    alpha: float = 0.05,
    setup: AnySetup = None,
    text_field: str = "text",
    limit: int | None = None,
    shard: Shard | None = None,
    engine: Literal["local", "ray"] = "local",
    results: str | None = None,
    policy: str | None = None,
    on_tally: Callable[[Tally], None] = lambda tally: None,
) -> Scan:
    """Judge every document of a corpus. A scan that was interrupted goes on when it is called again with the same arguments.

    Args:
        paths: files, folders, patterns, or addresses such as s3://bucket/folder.
        folder: of journal and results.
        alpha: false discovery rate, the expected share of mistakes among the documents found.
        setup: None: the defaults, without a cache of the scores of every token.
        text_field: field of each record that holds the text.
        limit: only the first so many documents, for a trial.
        shard: judge one of several parts; a scan of the folder without it gives the results.
        engine: "ray": on the cluster that RAY_ADDRESS names, or else in a process for each core.
        results: address that the results of the whole corpus are copied to.
        policy: digest of the policy that these arguments come from.
        on_tally: called with how far the scan is, now and then.

    Raises:
        InvalidInput: the corpus cannot be read twice, or changed since the scan began.
        ScanInterrupted: by Ctrl-C; it holds what there is.
    """
    check_alpha(alpha)
    setup = setup or Setup(cache=False)
    closed(setup).check()
    corpus = _corpus(listed(paths), Path(folder), text_field, results, engine)
    interrupted = False
    tally = Tally(0, alpha)
    with Folder(Path(folder), shard) as kept, opened(setup, silent) as ready:
        inputs = list(corpus.inputs({file.sha256: file for file in kept.known_inputs()}))
        header = kept.begin(_header(ready, alpha, text_field, inputs, policy), inputs)
        try:
            with _engine(engine, closed(setup), header, ready) as judge:
                tally = judge_all(corpus, inputs, kept, header, judge, limit=limit, shard=shard, show=on_tally)
        except KeyboardInterrupt:
            interrupted = True
        report, where = None, kept.path
        if shard is None:
            report, where = write_results(kept, header, ready.population.datasheet.description, limit)
    if report is not None:
        _write(report, kept, where, results)
    done = Scan(report, where, tally.damaged, can_write())
    if interrupted:
        raise ScanInterrupted(done)
    return done


def bench(
    paths: StrPath | Iterable[StrPath],
    *,
    columns: Sequence[str] = (),
    text_field: str = "text",
    label_field: str = "label",
    setup: AnySetup = None,
    progress: Progress = silent,
) -> Benchmark:
    """How well do the detectors do on labelled texts? Power, false alarms, and false alarms by group of writers.

    Args:
        paths: JSON lines; each line has a text and its label, "human", "machine" or "machine-revised".
        columns: further fields of the data to group by.
        text_field: field of each line that holds the text.
        label_field: field that holds the label.
        setup: as for `detect`.
        progress: called with the share of the work that is done.

    Raises:
        InvalidInput: no text is left to judge, or a label is wrong.
    """
    from llm_audit.training import evaluate
    from llm_audit.training.labelled import read_labelled

    data = read_labelled([Path(path) for path in listed(paths)], text_field, label_field, columns)
    with opened(setup, progress) as ready:
        data = evaluate.fit_to_judge(data, ready.detectors, ready.population)
        judged = list(evaluate.judge(ready.session, ready.population, ready.detectors, data.texts, progress))
    if not judged:
        raise InvalidInput(" ".join(["No text is left to judge; each needs 64 tokens.", *data.notes]))
    model = ready.population.datasheet.model
    return evaluate.evaluate(data, judged, ready.detectors, ready.population, model, columns)


def _corpus(paths: Sequence[str], folder: Path, text_field: str, results: str | None, engine: str) -> Corpus:
    """The corpus, once it is certain that the results can be written and that the engine is here."""
    corpus = open_corpus(paths, text_field)
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


@contextmanager
def _engine(name: str, setup: Setup, header: Header, ready: OpenSetup) -> Iterator[Engine]:
    """What judges."""
    if name != "ray":
        yield local_engine(ready.session, ready.settings(header.manifest.alpha, keep_text=False), setup.jobs)
        return
    from llm_audit.scanning.ray_engine import WorkerFactory, ray_engine

    with ray_engine(WorkerFactory(replace(setup, jobs=1), header), setup.device) as engine:  # an actor is one process
        yield engine


def _write(report: CorpusReport, folder: Folder, where: Path, results: str | None) -> None:
    """The page and the summary of a report; and a copy of all results elsewhere."""
    from llm_audit.reports import corpus as shown
    from llm_audit.reports.write import write

    write(where / "report.html", shown.render_html(report))
    write(where / "summary.json", shown.render_json(report))  # the last one: where it is complete, all is
    folder.tidy(report.complete)
    if results and report.complete:
        put([path for path in (where / name for name in FINAL) if path.exists()], results)
