"""The inputs of the gate: which texts the policy covers, under which rules, each read and judged by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from llm_audit.common.progress import Progress, silent
from llm_audit.detectors import judging
from llm_audit.detectors.integrity.base import IntegrityRule
from llm_audit.detectors.integrity.conclude import conclude
from llm_audit.detectors.judging import inspect
from llm_audit.detectors.origin import generated, plot_data
from llm_audit.detectors.rule import Terms
from llm_audit.gating.settle import OPEN
from llm_audit.policy import Loaded, Rules, Watermark
from llm_audit.policy.model import closest, known_codes, quoted
from llm_audit.reports.wording import unjudged as wording
from llm_audit.results import Document, Gated, Suppression, Verdict
from llm_audit.scoring.session import Session
from llm_audit.text import Directive, Passed, RawText, Source, text_digest, view_of
from llm_audit.text import DirectiveUse as Use
from llm_audit.text.documents import read_texts, unjudged

SHORT = 5_000
"""Most characters of a text that is checked for being nothing but headings, which takes a second reading."""

NOT_ASKED = wording.NOT_ASKED.write(rule=generated.rule.code)


class Covered(NamedTuple):
    """A source that the policy covers, with the rules and watermark checks that apply to it."""

    source: Source
    rules: Rules
    watermarks: tuple[Watermark, ...]


@dataclass(frozen=True)
class Input:
    """A text as read, or why it could not be read, with the settings of the policy that apply to it.

    Attributes:
        fail_on: verdicts that make it fail.
        watermarks: the watermark checks of the policy that apply to it.
        as_written: the text with its markup, which a model wrote, too; only where a watermark check applies.
    """

    entry: RawText | Document
    rules: Rules
    fail_on: tuple[Verdict, ...]
    watermarks: tuple[Watermark, ...] = ()
    as_written: RawText | None = None

    def counts(self, code: str) -> bool:
        """Whether a finding of this rule counts for this text."""
        return self.rules.counts(code)


def covered(sources: Iterable[Source], policy: Loaded) -> tuple[list[Covered], int]:
    """The sources that the policy covers, and the number of those that it does not.

    Standard input is always covered. So is what is no file (a mistyped name, a closed folder): it is an error to report.
    """
    kept, left_out, known = [], 0, known_codes()
    for source in sources:
        path = source.path or Path("-")
        rules, watermarks = policy.for_path(path), policy.watermarks_at(path)
        ruled = bool(watermarks) or any(map(rules.counts, known))
        if source.path is None or not _is_there(source.path) or (policy.covers(source.path) and ruled):
            kept.append(Covered(source, rules, watermarks))
        else:
            left_out += 1
    return kept, left_out


def _is_there(path: Path) -> bool:
    try:
        return path.is_file() or path.is_symlink()
    except (OSError, ValueError):
        return False


def read(
    sources: Sequence[Covered],
    text_field: str,
    strict: bool,
    *,
    obeyed: bool,
    passed: list[Passed] | None = None,
    include: Collection[str] = (),
) -> list[Input]:
    """Read every text, with its inline suppressions; unless `obeyed`, these are judged like the rest of the text.

    Files in archives that are not read are added to `passed`; `include`: kinds in `text.frame.KINDS` to score although they
    are no running text.

    A suppression without a reason or for an unknown rule makes its text an error.
    """
    inputs = []
    for source, rules, watermarks in sources:
        fail_on = tuple(verdict for verdict in Verdict if verdict.value in rules.fail_on or (strict and verdict in OPEN))
        use: Use = "obeyed" if obeyed else "reported"
        written = _as_written(source, text_field, use) if watermarks else {}
        for entry in read_texts([source], text_field, directives=use, passed=passed, nothing=Verdict.NOT_ASSESSABLE):
            if isinstance(entry, RawText) and (wrong := _unknown_rule(entry.name, entry.directives)):
                entry = unjudged(entry.name, Verdict.ERROR, wrong, entry)
            # In an empty file there is nothing that could fail.
            failing = tuple(verdict for verdict in fail_on if verdict not in OPEN) if _is_empty(entry, include) else fail_on
            inputs.append(Input(entry, rules, failing, watermarks, written.get(entry.name)))
    return inputs


def _as_written(source: Source, text_field: str, use: Use) -> dict[str, RawText]:
    """The texts of an input by name, each with its markup."""
    read = read_texts([source], text_field, strip_markdown=False, directives=use)
    return {entry.name: entry for entry in read if isinstance(entry, RawText)}


def _is_empty(entry: RawText | Document, include: Collection[str]) -> bool:
    """Whether an intact file holds no text to judge."""
    if isinstance(entry, Document):
        return entry.verdict is Verdict.NOT_ASSESSABLE
    return len(entry.text) < SHORT and not view_of(entry, include).text


def judge(
    inputs: Sequence[Input],
    session: Session,
    settings: judging.Settings,
    progress: Progress = silent,
) -> list[Document]:
    """Judge every text by itself, as `llm-audit detect` does; `gate` is filled in except what depends on other texts."""
    many = len(inputs) > plot_data.MOST
    settings = replace(settings, many=many, keep_tokens=settings.keep_text and not many)
    rules = {id(item): [rule for rule in settings.rules if item.counts(rule.code)] for item in inputs}
    to_score = [item for item in inputs if item.counts(generated.rule.code)]
    documents = (
        judging.judge_all(
            [item.entry for item in to_score], session, settings, progress, rules=[rules[id(item)] for item in to_score]
        )
        if to_score
        else []
    )
    scored, codes = iter(documents), known_codes()
    judged = (next(scored) if item.counts(generated.rule.code) else _not_asked(item.entry, rules[id(item)]) for item in inputs)
    return [_gated(item, document, codes) for item, document in zip(inputs, judged, strict=True)]


def _unknown_rule(name: str, directives: Sequence[Directive]) -> str | None:
    known = known_codes() if directives else ()
    for directive in directives:
        if directive.rule not in known and directive.obeyed:
            place = f"{name}, line {directive.line}"
            return f"{place}: {quoted(directive.rule)} is no rule to ignore{closest(directive.rule, known)}"
    return None


def _not_asked(entry: RawText | Document, rules: Sequence[IntegrityRule]) -> Document:
    """The document of a text whose authorship the policy does not test: only integrity rules look at its characters."""
    if isinstance(entry, Document):
        return entry
    return inspect(entry, rules).added_to(unjudged(entry.name, Verdict.NOT_ASSESSABLE, NOT_ASKED, entry, why="not_asked"))


def _gated(item: Input, document: Document, codes: Sequence[str]) -> Document:
    """The document with the gate's settings and suppressions; not assessable if it is shorter than the policy demands.

    `codes`: of all rules that can count.
    """
    # Without a test of authorship, an undecided verdict fails nothing, unless a watermark check can be undecided.
    tested = item.counts(generated.rule.code) or item.watermarks
    fail_on = item.fail_on if tested else tuple(verdict for verdict in item.fail_on if verdict not in OPEN)
    directives = () if isinstance(item.entry, Document) else item.entry.directives
    gated = Gated(
        text_digest=None if isinstance(item.entry, Document) else text_digest(item.entry.text),
        fail_on=fail_on,
        counted=tuple(filter(item.counts, codes)),
        suppressions=tuple(map(suppression, directives)),
    )
    least = item.rules.minimum_tokens
    if document.combined and least is not None and document.tokens is not None and document.tokens < least:
        document = _too_short(document, least)
    return document.model_copy(update={"gate": gated})


def _too_short(document: Document, least: int) -> Document:
    summary = wording.OPENING + wording.SHORTER_THAN_ASKED.write(tokens=document.tokens or 0, least=least)
    more = {
        "verdict": Verdict.NOT_ASSESSABLE,
        "summary": summary,
        "combined": None,
        "results": document.integrity,
        "trace": None,
    }
    return conclude(document.model_copy(update=more), Terms(alpha=1.0))


def suppression(directive: Directive) -> Suppression:
    """The suppression that a text asks for by itself; its state is not settled yet."""
    until = directive.until.isoformat() if directive.until else None
    return Suppression(
        kind="inline",
        rule=directive.rule,
        reason=directive.reason,
        line=directive.line,
        until=until,
        state="unused" if directive.obeyed else "not_obeyed",
    )
