"""Verification of documents against their files, where these are still here and unchanged; without a model.

Compared are text, encoding, notes, metadata, marks, odd characters, and the places of passages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, combinations, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from llm_audit.common.errors import AuditError
from llm_audit.common.templates import known
from llm_audit.detectors import judging
from llm_audit.detectors.populations import Population
from llm_audit.detectors.rule import NotDerivable
from llm_audit.gating.inputs import suppression
from llm_audit.reports.wording import limits as wording
from llm_audit.reports.wording.attribution import AS_IT_STANDS, OF_RUN
from llm_audit.reports.wording.integrity import of_marks
from llm_audit.results import Document, Gated, Manifest, Report, Suppression, Verdict
from llm_audit.results.evidence import Conformal
from llm_audit.scoring.request import context_length
from llm_audit.scoring.store import Store
from llm_audit.text import MOST_OMITTED, RawText, Source, View, identify, text_digest, view_of
from llm_audit.text import DirectiveUse as Use
from llm_audit.text.documents import read_texts
from llm_audit.text.frame import KINDS
from llm_audit.verification.ledger import Ledger

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Find = Callable[[Conformal], Population]
"""Function from conformal evidence to its population; raises `NotDerivable` if that is not here."""


def read_again(place: str, stored: Document, report: Report, path: Path, ledger: Ledger, find: Find) -> None:
    """Compare a document with what reading its file again gives; the file's digest is the one that the report states."""
    raw = _raw(stored, report, path)
    if raw is None:  # a record of it, or an input that could not be read
        return
    put_out = judging.as_put_out(raw) if report.question == wording.ATTRIBUTION else raw
    for name, again in (
        ("encoding", raw.encoding),
        ("characters", len(put_out.text)),
        ("marks", judging.marks_of(raw)),
        ("text", put_out.text if stored.text is not None else None),
        ("facts", [{"name": name, "value": value} for name, value in raw.facts] if stored.facts else ()),
    ):
        ledger.same(f"{place}.{name}", getattr(stored, name), again)
    if stored.gate is not None and stored.verdict is not Verdict.ERROR:
        _compare_suppressions(f"{place}.gate", stored.gate, raw, ledger)
    codes = {result.rule for result in stored.integrity}
    rules = [rule for rule in judging.find_rules() if rule.code in codes]
    inspected = {result.rule: result for result in judging.inspect(put_out, rules).results}
    for number, result in enumerate(stored.results):
        if result.rule in inspected:
            # The sentence on the method may be an earlier version's: `derived` compares it.
            ledger.fields(f"{place}.results[{number}]", result, inspected[result.rule], without=("method",))
    view = _compare_notes(place, stored, report.question, put_out, ledger)
    if view is not None and stored.stretches is not None:  # earlier versions had other bounds
        ledger.same(f"{place}.doubt", stored.doubt, judging.doubt_of(view, stored))
        ledger.same(f"{place}.omitted", stored.omitted, raw.omitted_share if raw.omitted_share > MOST_OMITTED else None)
    if view is not None and stored.combined is not None and isinstance(evidence := stored.combined.evidence, Conformal):
        _compare_passages(place, stored, (put_out, view), report.manifest, ledger, lambda: find(evidence))


def _compare_suppressions(path: str, stored: Gated, raw: RawText, ledger: Ledger) -> None:
    """Compare the suppressions that a text asks for by itself, and the digest that a baseline knows it by."""

    def asked(given: Suppression) -> dict[str, object]:
        """All of it but its state, which the gate settles, except where none is obeyed: the text decides that."""
        return given.model_dump(include={"rule", "reason", "line", "until"}) | {"obeyed": given.state != "not_obeyed"}

    inline = [asked(known) for known in stored.suppressions if known.kind == "inline"]
    ledger.same(f"{path}.suppressions", inline, [asked(suppression(directive)) for directive in raw.directives])
    ledger.same(f"{path}.text_digest", stored.text_digest, text_digest(raw.text))


def _raw(stored: Document, report: Report, path: Path) -> RawText | None:
    """The text of a file, read as the report's command did; None if the result differs from the stored text."""
    use: Use = "no"
    if report.gate is not None:
        use = "obeyed" if report.gate.inline_suppressions else "reported"
    # Texts that a model may have written are read with their Markdown.
    strip = report.question not in (wording.ATTRIBUTION, wording.WATERMARK)
    entries = list(read_texts([Source(stored.name, path)], strip_markdown=strip, directives=use))
    raw = entries[0] if len(entries) == 1 else None
    return raw if isinstance(raw, RawText) and raw.sha256 == stored.sha256 else None


def _compare_notes(place: str, stored: Document, question: str, raw: RawText, ledger: Ledger) -> View | None:
    """Compare a document's notes with those that its file gives now; return the scored view, None if it was not scored."""
    if question not in (wording.ORIGIN, wording.GATE) or stored.why_unjudged == "not_asked":
        # Other questions add notes of their own, between those of the reader and those on marks.
        ledger.same(f"{place}.notes", stored.notes[: len(raw.notes)], raw.notes)
        if question != wording.ATTRIBUTION:
            return None
    notes, views = _of_reading(stored, question), (view_of(raw, kinds) for kinds in _includable())
    first = next(views)
    for view in chain((first,), views):  # each takes a while, and the first is nearly always it
        if notes == _of_view(question, raw, view):
            break
    else:
        view = first
    ledger.same(f"{place}.notes", notes, _of_view(question, raw, view))
    return view


def _of_reading(stored: Document, question: str) -> tuple[str, ...]:
    """The notes of a document that its text alone tells; beside candidates, others and those on marks follow."""
    if question != wording.ATTRIBUTION:
        return stored.notes
    before_marks = stored.notes[: len(stored.notes) - len(stored.marks)]
    return tuple(takewhile(lambda note: known(note, OF_RUN) is None, before_marks))


def _of_view(question: str, raw: RawText, view: View) -> tuple[str, ...]:
    """The notes on a text that follow from it and from its scored view."""
    if question == wording.ATTRIBUTION:
        return (*raw.notes, *(AS_IT_STANDS.write(note=note) for note in view.notes))
    return (*raw.notes, *view.notes, *of_marks(judging.marks_of(raw)))


@lru_cache(maxsize=1)
def _tokenizer(folder: Path, digest: str) -> Tokenizer:
    """The tokenizer of a model, cached because loading it is slow; `digest`, of the model's files, is part of the cache key."""
    from llm_audit.scoring.tokenizer import load_tokenizer

    return load_tokenizer(folder)


def _includable() -> Iterator[Sequence[str]]:
    """Every possible value of `include`, which reports do not state; the usual one first."""
    return (kinds for count in range(len(KINDS) + 1) for kinds in combinations(KINDS, count))


def _compare_passages(
    place: str, stored: Document, text: tuple[RawText, View], manifest: Manifest, ledger: Ledger, find: Callable[[], Population]
) -> None:
    """Compare the places of the passages; needs the scoring model's tokenizer."""
    assert stored.combined is not None
    path = f"{place}.combined.spans"
    try:
        # Where only reports are read, what scores texts need not be installed.
        from llm_audit.scoring.tokenizer import prefix_token

        population, identities = find(), (manifest.model, manifest.reference_model)
        models = [Store().resolve(identity.name, offline=True) for identity in identities if identity is not None]
    except (AuditError, NotDerivable, ModuleNotFoundError):
        ledger.cannot(path, "the model or the population is not here, without which a text is not cut into passages")
        return
    raw, view = text
    read = _tokenizer(models[0].folder, models[0].digest).encode(view.text, add_special_tokens=False)
    room = min(context_length(scorer.config) - (prefix_token(scorer.config) is not None) for scorer in models)
    spans = judging.passages_of(raw, view, read.offsets, population, room)
    if not stored.attributions:  # else they are those of the candidates
        ledger.same(f"{place}.tokens", stored.tokens, len(read.offsets))
    ledger.same(f"{place}.language", stored.language, identify(view.text).code)
    if stored.trace is not None:
        places = [view.to_source(start, end) for start, end in read.offsets]
        ledger.same(f"{place}.trace.start", stored.trace.start, [start for start, _ in places])
        ledger.same(f"{place}.trace.end", stored.trace.end, [end for _, end in places])
    kept = {"start", "end", "n", "place"}
    reported, again = ([span.model_dump(include=kept) for span in passages] for passages in (stored.combined.spans, spans))
    ledger.same(path, reported, again)
