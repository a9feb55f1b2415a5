"""From texts and candidates to documents. Each (text, model, context) goes through the model once, however many tests follow.

Knows nothing about the command line or file formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from llm_audit.common.errors import AuditError
from llm_audit.common.progress import Progress, part, silent
from llm_audit.detectors.attribution import known, unknown
from llm_audit.detectors.attribution.base import CandidateRule
from llm_audit.detectors.attribution.candidate import at
from llm_audit.detectors.attribution.conclude import conclude
from llm_audit.detectors.attribution.sets import could_have_written
from llm_audit.detectors.attribution.text import Author, Role, Scores, Text, under
from llm_audit.detectors.attribution.unknown import REFERENCE_REQUEST
from llm_audit.detectors.populations import among
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.statistic import find
from llm_audit.reports.wording.origin import compared
from llm_audit.results import Authorship, Document, SetAttribution
from llm_audit.results.evidence import Members
from llm_audit.scoring.request import Prompted, Request, Windowing, context_length
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokens import Decoding, TokenScores
from llm_audit.text import RawText, find_marks, without_marks

__all__ = [
    "REFERENCE_REQUEST",
    "Author",
    "Settings",
    "as_put_out",
    "find_rules",
    "judge_texts",
    "one_line_ending",
    "under",
]

LONGEST = 4096
"""Tokens of a text that are tested: exactness needs the whole text before each token, and attention is quadratic."""


@dataclass(frozen=True)
class Settings:
    """What the user chose for one run of `attribute`.

    Attributes:
        prompt: what the model was asked; "" for nothing at all; None: unknown.
        rules: of the tests, see `find_rules`.
    """

    alpha: float
    prompt: str | None
    rules: Sequence[CandidateRule]
    keep_text: bool = True


def find_rules() -> list[CandidateRule]:
    """All rules of exact tests, sorted by code; one that does not load is left out with a warning."""
    return [rule for rule in find((), family="attribution") if isinstance(rule, CandidateRule)]


def judge_texts(
    texts: Sequence[tuple[RawText, Document]],
    authors: Sequence[Author],
    settings: Settings,
    progress: Progress = silent,
) -> Iterator[Document]:
    """Documents with every candidate tested on every text.

    Args:
        texts: (n,) each as the model put it out (see `as_put_out`), with its comparison with human writing.
        authors: the candidates.
        settings: of the run.
        progress: gets the share of the work done.
    """
    scored = _score(authors, [raw.text for raw, _ in texts], settings, progress)
    for (raw, person), scores in zip(texts, scored, strict=True):
        yield judge(Text(raw, person, authors, scores), settings)


def as_put_out(raw: RawText) -> RawText:
    """The text as it stands, every character of it, because the model put it out; but for marks and line endings at its end.

    Marks are added afterwards. Editors add line endings; without them a text is a beginning of what was written, and no less
    drawn from the model.
    """
    return replace(raw, text=one_line_ending(without_marks(raw.text, find_marks(raw.text))).rstrip("\n"))


def one_line_ending(text: str) -> str:
    r"""Without the line ending that editors put at the end of a file, and with "\n", which models write, for "\r\n"."""
    return re.sub(r"\r\n?", "\n", text).removesuffix("\n")


def _score(authors: Sequence[Author], texts: Sequence[str], settings: Settings, progress: Progress) -> list[list[Scores | str]]:
    """Per text and author the scores under each setting, or why there are none. Equal model and context: one pass."""
    table: list[list[Scores | str]] = [["" for _ in authors] for _ in texts]
    groups: dict[tuple[int, str | None], list[tuple[int, str]]] = {}
    sessions = {id(session): session for author in authors for session in (author.session, *author.others)}
    for number, author in enumerate(authors):
        try:
            prompt = author.candidate.fill(author.session.model, settings.prompt) if settings.prompt else None
        except AuditError as error:
            for row in table:
                row[number] = str(error)
            continue
        for weights, session in zip(author.candidate.weights, (author.session, *author.others), strict=True):
            groups.setdefault((id(session), prompt), []).append((number, weights))
    for done, ((place, prompt), members) in enumerate(groups.items()):
        session = sessions[place]
        decodings = tuple(dict.fromkeys(decoding for number, _ in members for decoding in authors[number].decodings))
        within = part(progress, done / len(groups), (done + 1) / len(groups))
        try:
            prompted = [Prompted(text, prompt) for text in texts]
            each = session.score_each(prompted, _request(settings, session), decodings, within)
            found: list[Mapping[Decoding, TokenScores] | str] = [dict(zip(decodings, scores, strict=True)) for scores in each]
        except AuditError as error:  # damaged weights, a prompt that fills the context: the others are still tested
            found = [str(error)] * len(texts)
        for number, weights in members:
            for row, scores in zip(table, found, strict=True):
                row[number] = _joined(row[number], scores, weights)
        session.release()
    return table


def _joined(known: Scores | str, found: Mapping[Decoding, TokenScores] | str, weights: str) -> Scores | str:
    """The scores under each setting, with those of one more precision of the weights; what fails in one fails."""
    if isinstance(found, str) or (isinstance(known, str) and known):
        return known if isinstance(known, str) and known else found  # type: ignore[return-value]  # a sentence, either way
    before = {} if isinstance(known, str) else known
    return {**before, **{at(weights, decoding): scores for decoding, scores in found.items()}}


def _request(settings: Settings, session: Session) -> Request:
    """The whole text in one window where the prompt is known; else like the reference generations: its beginning."""
    if settings.prompt is None:
        return REFERENCE_REQUEST
    return Request(Windowing(min(LONGEST, context_length(session.model.config) - 1), first_only=True))


def judge(text: Text, settings: Settings) -> Document:
    """A document with every candidate, every set, and what they come to."""
    alpha, rules, numbers = settings.alpha, settings.rules, range(len(text.authors))
    references = [reference for author in text.authors for reference in author.references]
    terms = Terms(alpha, population=among(*references))
    if settings.prompt is None:
        measured = [unknown.measured(text, number, rules, alpha) for number in numbers]
    else:
        measured = [known.measured(text, number, settings.prompt, rules, alpha) for number in numbers]
    raw, person = text.raw, text.person
    document = Document(
        name=raw.name,
        sha256=raw.sha256,
        encoding=raw.encoding,
        language=person.language,
        characters=len(raw.text),
        tokens=max((text.length(number) for number in numbers if text.scored(number)), default=None),
        verdict=person.verdict,
        summary="",
        combined=person.combined,
        attributions=tuple(measured),
        notes=tuple(_notes(text)),
        text=raw.text if settings.keep_text else None,
    )
    document = conclude(document, terms)
    roles: tuple[Role, ...] = ("sanctioned", "other")
    sets = [_set(text, role, document, alpha) for role in roles if any(author.role == role for author in text.authors)]
    return conclude(document.model_copy(update={"sets": tuple(sets)}), terms)


def _set(text: Text, role: Role, document: Document, alpha: float) -> SetAttribution:
    """A set with the likelihoods that its e-value rests on; `conclude` says what it comes to."""
    members = [i for i, author in enumerate(text.authors) if author.role == role]
    outside = [i for i, author in enumerate(text.authors) if author.role != role and text.scored(i)]
    tested = all(document.attributions[i].p_value is not None for i in members)
    evidence = None
    if tested and outside and document.attributions[members[0]].exact:
        asked = could_have_written(role, document, alpha)
        evidence = Members(against=text.against(members, outside), outside=text.against(outside, members) if asked else ())
    return SetAttribution.model_validate(
        {"role": role, "members": (), "null": "", "verdict": Authorship.NOT_ASSESSABLE, "reason": "", "evidence": evidence}
    )


def _notes(text: Text) -> list[str]:
    found = text.person.notes[len(text.raw.notes) :]
    notes = [*text.raw.notes, *(f"For the candidates the text was scored as it stands. In it: {note}" for note in found)]
    if text.person.combined is None:
        notes.append(compared(text.person))
    assumed = [author.name for author in text.authors if author.candidate.order_assumed]
    if assumed:
        notes.append(
            f"{' and '.join(assumed)}: tested in the order of transformers, which takes the temperature before it cuts; "
            "llama.cpp takes it last, which is another law. Where that wrote the text, name it: @sampler=llama.cpp,…"
        )
    reached = [
        int(scores[0].char_end[-1])
        for number in range(len(text.authors))
        if text.scored(number) and len((scores := text.settings(number))[0])
    ]
    if reached and min(reached) < len(text.raw.text):
        notes.append(f"Of {len(text.raw.text):,} characters only the first {min(reached):,} were tested by every candidate.")
    return notes
