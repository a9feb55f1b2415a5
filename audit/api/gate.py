"""Whether texts may pass: `gate`, for pipelines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llm_audit import results
from llm_audit.api.arguments import checked
from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, check_alpha, finished, listed, opened, plain_setup
from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.paths import working_folder
from llm_audit.common.progress import Progress, part, silent
from llm_audit.common.terminal import one_line
from llm_audit.detectors.registry import described
from llm_audit.gating.baseline import Baseline, read_baseline, renewed
from llm_audit.gating.changes import AUTO, base_revision
from llm_audit.gating.changes import unchanged_files as unchanged_since
from llm_audit.gating.inputs import Input, covered, judge, read
from llm_audit.gating.settle import Terms, settle
from llm_audit.policy import Loaded, Watermark, load
from llm_audit.reports.wording import gate as sentences
from llm_audit.reports.wording import limits as wording
from llm_audit.results import Coverage, Document, Manifest
from llm_audit.setup import Setup
from llm_audit.setup.manifest import collect, now
from llm_audit.text import Passed, Source, counts, survey
from llm_audit.text.frame import kinds_of

if TYPE_CHECKING:  # slow to import, and needed only where a policy checks watermarks
    from llm_audit.gating.watermarks import Check


@checked
def gate(
    paths: StrPath | Iterable[StrPath] = (),
    *,
    policy: Loaded | None = None,
    setup: AnySetup = None,
    alpha: float | None = None,
    text_field: str | None = None,
    include: Sequence[str] | None = None,
    baseline: StrPath | None = None,
    update_baseline: bool = False,
    changed_since: str | None = None,
    keep_text: bool = True,
    strict: bool = False,
    progress: Progress = silent,
    on_baseline: Callable[[str], None] = lambda sentence: None,
) -> Report:
    """May these texts pass? The policy says which texts count and what fails; mistakes are counted over all of them.

    Args:
        paths: files, folders or patterns; none, with `changed_since`: everything below the policy's folder.
        policy: from `load_policy`; None: that of the working directory.
        setup: None: what the policy names, else the defaults.
        alpha: false discovery rate, the expected share of mistakes among the findings; None: the policy's.
        text_field: where records hold their texts; None: the policy's.
        include: as for `detect`; None: the policy's `score_also`.
        baseline: file of known findings, which fail nothing.
        update_baseline: write all findings of this run into it.
        changed_since: a git revision: judge only what differs from where HEAD left it; "auto": that which GitHub, GitLab
            or pre-commit names as the base of this pull request, merge request or push.
        keep_text: as for `detect`.
        progress: as for `detect`.
        strict: what could not be assessed or decided fails as well.
        on_baseline: called with a sentence on what was written into the baseline.

    Raises:
        InvalidConfiguration: a policy or a baseline that is wrong, a key file of the policy that cannot be used, or arguments
            that do not go together.

    Returns:
        A report whose `gate` says what passed, and whose documents say why.

    >>> mine = llm_audit.Setup(model="./my-model", population="mine")
    >>> report = llm_audit.gate("essay.txt", setup=mine)
    >>> report.gate.failed, report.exit_code()
    (0, 0)
    """
    paths = listed(paths)
    _check(paths, baseline, changed_since, update_baseline=update_baseline)
    started, policy = now(), policy or load()
    changed_since = base_revision(os.environ) if changed_since == AUTO else changed_since
    setup = setup or _setup(policy)
    alpha = policy.policy.alpha if alpha is None else alpha
    check_alpha(alpha)
    plain_setup(setup).check()
    file = None if baseline is None else Path(baseline)
    known = read_baseline(file) if file and not (update_baseline and not file.exists()) else Baseline()
    passed: list[Passed] = []
    sources, left_out = covered(_sources(paths or (str(policy.root),), changed_since, passed), policy)
    obeyed = policy.policy.inline_suppressions
    scored_too = kinds_of(policy.policy.score_also if include is None else include)
    inputs = read(sources, text_field or policy.policy.text_field, strict, obeyed=obeyed, passed=passed, include=scored_too)
    documents, manifest = _judge(inputs, policy, setup, progress, alpha=alpha, keep_text=keep_text, include=scored_too)
    terms = Terms(
        alpha=alpha, day=now()[:10], inline_suppressions=obeyed, changed_since=changed_since, left_out=left_out
    )  # fmt: skip
    if file and update_baseline:
        known = _write_baseline(file, known, settle(documents, terms)[0], on_baseline)
    if file:
        terms = replace(terms, baseline=known.use(one_line(str(file))))
        documents = known.applied(documents)
    report = _report(documents, terms, manifest, passed)
    chosen = plain_setup(setup)
    return finished(report, started, [*paths, file, chosen.model, chosen.reference, chosen.classifier])


def _check(paths: Sequence[str], baseline: StrPath | None, changed_since: str | None, *, update_baseline: bool) -> None:
    """Refuse arguments that do not go together. Raises InvalidConfiguration."""
    if not paths and changed_since is None:
        raise InvalidConfiguration("Nothing is named to judge: give files or folders, or the revision from which they differ.")
    if update_baseline and (baseline is None or changed_since is not None):
        raise InvalidConfiguration(
            "Updating a baseline needs its file, and all texts: name it, and no revision from which they differ."
        )


def _report(documents: Sequence[Document], terms: Terms, manifest: Manifest, passed: Sequence[Passed]) -> results.Report:
    """The report of a gate: the documents as they pass or fail together, and the files that were not read."""
    settled, outcome = settle(documents, terms)
    not_read = counts(passed)
    report = results.Report(
        question=wording.GATE,
        manifest=manifest,
        coverage=Coverage.of(settled, not_read),
        subjects=settled,
        gate=outcome,
        not_read=not_read,
        limits=(),
    )
    return wording.with_limits(report, described)


def _setup(policy: Loaded) -> Setup:
    """Model, population, detectors and classifier that the policy names."""
    rules = policy.policy
    return Setup(
        model=policy.anchored(rules.model),
        population=rules.population,
        detectors=rules.detectors,
        classifier=policy.anchored(rules.classifier),
    )


def _read_marks(inputs: Sequence[Input], policy: Loaded, setup: Setup, progress: Progress) -> dict[Watermark, Check]:
    """The policy's watermark checks that apply to some input, each with key and tokenizer; verified before texts are judged."""
    tables = dict.fromkeys(table for item in inputs for table in item.watermarks)
    if not tables:
        return {}
    from llm_audit.api.keys import read_keys
    from llm_audit.api.watermark import readers_of
    from llm_audit.gating.watermarks import Check

    marks = {}
    for table in tables:
        try:
            (key,) = read_keys([str(policy.anchored(table.key_file))])
        except InvalidConfiguration as error:
            place = policy.origin("key_file", policy.policy.watermarks.index(table), "watermarks")
            raise InvalidConfiguration(f"{place}: {error}") from error
        name = policy.anchored(table.tokenizer)
        (reader,) = readers_of([name] if name else [], setup, None, progress)
        marks[table] = Check(table.must, key, reader)
        marks[table].settings.check()
    return marks


def _judge(
    inputs: Sequence[Input],
    policy: Loaded,
    setup: AnySetup,
    progress: Progress,
    *,
    alpha: float,
    keep_text: bool,
    include: frozenset[str],
) -> tuple[list[Document], Manifest]:
    """Judge the texts one by one, and look for the watermarks that the policy names."""
    marks = _read_marks(inputs, policy, plain_setup(setup), progress)
    within = part(progress, 0, 0.9) if marks else progress
    documents, manifest = _judge_origin(inputs, setup, within, alpha=alpha, keep_text=keep_text, include=include)
    if marks:
        from llm_audit.gating.watermarks import checked

        documents = checked(inputs, documents, marks, alpha, part(progress, 0.9, 1))
        rules = {result.rule for document in documents for result in document.wanted}
        manifest = manifest.model_copy(update={"detectors": (*manifest.detectors, *sorted(rules))})
    return documents, manifest


def _judge_origin(
    inputs: Sequence[Input], setup: AnySetup, progress: Progress, *, alpha: float, keep_text: bool, include: frozenset[str]
) -> tuple[list[Document], Manifest]:
    """Judge the texts one by one by their origin; the model is opened only if there is a text."""
    if not inputs:
        return [], collect(None, alpha=alpha, rules=())
    with opened(setup, progress) as ready:
        settings = ready.settings(alpha, keep_text=keep_text, include=include)
        return judge(inputs, ready.session, settings, progress), ready.manifest(alpha)


def _write_baseline(path: Path, before: Baseline, documents: Sequence[Document], written: Callable[[str], None]) -> Baseline:
    """Write all findings as the new baseline, call `written` with a sentence on what changed, and return it."""
    from llm_audit.reports.write import write

    after = renewed(documents)
    write(path, after.render())
    added, removed = before.difference(after)
    findings = len(after.entries), added, removed
    written(sentences.written(one_line(str(path)), findings, len(after.texts), len(after.undecided)))
    return after


def _sources(paths: Sequence[str], changed_since: str | None, passed: list[Passed]) -> Sequence[Source]:
    """The files that the paths lead to; with `changed_since`, without those that did not change. Files not read go to `passed`.

    Files that git ignores, and vendored code, are not read: the author who is checked did not write them.
    """
    # Under every name: what the policy says of one name of a file must not hide it under another.
    inputs = survey(paths, every_name=True, leave_out_ignored=True)
    if changed_since is None:
        passed += inputs.passed
        return inputs.sources
    passed_over = unchanged_since(changed_since, working_folder())

    def unchanged(path: Path) -> bool:
        link = Path(os.path.realpath(path.parent), path.name)
        return {link, Path(os.path.realpath(path))} <= passed_over  # of a symbolic link, both it and its target

    # What git does not know, because it is elsewhere or not there at all, is judged or reported.
    passed += [entry for entry in inputs.passed if not unchanged(Path(entry.name))]
    return [source for source in inputs.sources if source.path is None or not unchanged(source.path)]
