"""Which texts a policy covers, what it says of each, and the texts judged one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from llm_audit import judging
from llm_audit.detectors.integrity.base import IntegrityRule, find_rules
from llm_audit.detectors.origin import plot_data as pictures
from llm_audit.detectors.origin import run as origin
from llm_audit.detectors.origin.run import AS_GIVEN_RULE
from llm_audit.errors import InvalidInput
from llm_audit.gating.settle import OPEN
from llm_audit.inspection import inspect, of_tampering
from llm_audit.policy import DOCUMENT_RULES, Loaded, Rules
from llm_audit.policy.model import closest, quoted
from llm_audit.progress import Progress, silent
from llm_audit.results import Document, Gated, Suppression, Verdict
from llm_audit.scoring.session import Session
from llm_audit.text import Directive, RawText, Source, text_digest
from llm_audit.text.documents import read_texts, unjudged

NOT_ASKED = "The policy does not ask who wrote it: AUD100 does not count here."


@dataclass(frozen=True)
class Input:
    """A text as read, or why it was not, with what the policy says of it.

    Attributes:
        fail_on: what makes it fail.
    """

    entry: RawText | Document
    rules: Rules
    fail_on: tuple[Verdict, ...]

    def counts(self, code: str) -> bool:
        """Whether a rule's finding is one here."""
        return self.rules.counts(code)


def covered(sources: Iterable[Source], policy: Loaded) -> tuple[list[tuple[Source, Rules]], int]:
    """The inputs for which the policy has any rule, and how many it has none for.

    Standard input is always covered, and so is what is no file, a mistyped name or a closed folder: it is an error to report.
    """
    asked, left_out, known = [], 0, _known()
    for source in sources:
        rules = policy.for_path(source.path or Path("-"))
        if source.path is None or not _is_there(source.path) or (policy.covers(source.path) and any(map(rules.counts, known))):
            asked.append((source, rules))
        else:
            left_out += 1
    return asked, left_out


def _is_there(path: Path) -> bool:
    try:
        return path.is_file() or path.is_symlink()
    except (OSError, ValueError):
        return False


def read(asked: Sequence[tuple[Source, Rules]], text_field: str, strict: bool, *, obeyed: bool) -> list[Input]:
    """Every text, with what it says of itself; if that is not to be obeyed, it is judged like the rest of the text.

    Raises:
        InvalidInput: that cannot be obeyed: no reason, an unknown rule.
    """
    inputs = []
    for source, rules in asked:
        fail_on = tuple(verdict for verdict in Verdict if verdict.value in rules.fail_on or (strict and verdict in OPEN))
        for entry in read_texts([source], text_field, directives="obeyed" if obeyed else "reported"):
            if isinstance(entry, RawText):
                _check_rules(entry.name, entry.directives)
            inputs.append(Input(entry, rules, fail_on))
    return inputs


def judge(
    inputs: Sequence[Input],
    session: Session,
    settings: judging.Settings,
    progress: Progress = silent,
) -> list[Document]:
    """Every text judged by itself, as `llm-audit detect` does, with `gate` filled but for what follows from the others."""
    many = len(inputs) > pictures.MOST
    settings = replace(settings, many=many, keep_tokens=settings.keep_text and not many)
    to_score = [each.entry for each in inputs if each.counts(origin.COMBINED_RULE)]
    scored = iter(judging.judge_all(to_score, session, settings, progress) if to_score else [])
    return [
        _gated(each, next(scored) if each.counts(origin.COMBINED_RULE) else _not_asked(each.entry, settings.rules))
        for each in inputs
    ]


def _check_rules(name: str, directives: Sequence[Directive]) -> None:
    known = _known() if directives else ()
    for told in directives:
        if told.rule not in known:
            raise InvalidInput(f"{name}, line {told.line}: {quoted(told.rule)} is no rule to ignore{closest(told.rule, known)}")


def _known() -> tuple[str, ...]:
    return tuple(sorted({*DOCUMENT_RULES, *(rule.rule for rule in find_rules())}))


def _not_asked(entry: RawText | Document, rules: Sequence[IntegrityRule]) -> Document:
    """A text of which only the characters were looked at."""
    if isinstance(entry, Document):
        return entry
    return inspect(entry, rules).added_to(unjudged(entry.name, Verdict.NOT_ASSESSABLE, NOT_ASKED, entry))


def _gated(of: Input, document: Document) -> Document:
    """Without what does not count here, and with what it says of itself."""
    fail_on = of.fail_on if of.counts(origin.COMBINED_RULE) else tuple(verdict for verdict in of.fail_on if verdict not in OPEN)
    told = () if isinstance(of.entry, Document) else of.entry.directives
    gated = Gated(
        text_digest=None if isinstance(of.entry, Document) else text_digest(of.entry.text),
        fail_on=fail_on,
        suppressions=tuple(_suppression(each) for each in told),
    )
    least = of.rules.minimum_tokens
    if document.combined and least is not None and document.tokens is not None and document.tokens < least:
        document = _too_short(document, least)
    return _without_uncounted(document, of).model_copy(update={"gate": gated})


def _too_short(document: Document, least: int) -> Document:
    said = f"Not assessable. The text has {document.tokens} tokens, and the policy asks for {least}."
    more = {"verdict": Verdict.NOT_ASSESSABLE, "summary": said, "combined": None, "results": document.integrity, "trace": None}
    shorter = document.model_copy(update=more)
    return shorter.model_copy(update={"summary": _with_tampering(said, shorter)})


def _without_uncounted(document: Document, of: Input) -> Document:
    said = document.summary.removesuffix(f" {of_tampering(document)}") if document.tampering else document.summary
    kept = [result for result in document.results if result not in document.integrity or of.counts(result.rule)]
    left = document.model_copy(update={"results": tuple(kept)})
    if not left.tampering:  # then there is nothing that the text as given differs by
        kept = [result for result in kept if result.rule != AS_GIVEN_RULE]
    return left.model_copy(update={"results": tuple(kept), "summary": _with_tampering(said, left)})


def _with_tampering(said: str, document: Document) -> str:
    return " ".join([said, *([of_tampering(document)] if document.tampering else [])])


def _suppression(told: Directive) -> Suppression:
    until = told.until.isoformat() if told.until else None
    return Suppression(kind="inline", rule=told.rule, reason=told.reason, line=told.line, until=until, state="unused")
