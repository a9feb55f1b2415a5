"""Run attribution: from texts and candidates to documents. Each (text, model, context) is scored once for all tests.

Knows nothing about the command line or file formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from llm_audit.common.errors import AuditError
from llm_audit.common.progress import Progress, part, silent
from llm_audit.detectors.attribution import known, unknown
from llm_audit.detectors.attribution.base import CandidateRule
from llm_audit.detectors.attribution.candidate import at
from llm_audit.detectors.attribution.conclude import conclude
from llm_audit.detectors.attribution.sets import could_have_written
from llm_audit.detectors.attribution.text import Author, Role, Scores, Text
from llm_audit.detectors.attribution.unknown import REFERENCE_REQUEST
from llm_audit.detectors.populations import among
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.statistic import find
from llm_audit.reports.wording import attribution as wording
from llm_audit.results import Authorship, Document, SetAttribution
from llm_audit.results.evidence import Members
from llm_audit.scoring.reading import as_drawn, beginnings, without_doubtful_end
from llm_audit.scoring.request import Prompted, Request, Windowing, context_length
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokens import Decoding, TokenScores
from llm_audit.text import RawText, find_marks, without_marks

LONGEST = 4096
"""Most tokens of a text that are tested: exact tests need all tokens before each one, and attention is quadratic."""


@dataclass(frozen=True)
class Settings:
    """Settings of one run of `attribute`.

    Attributes:
        prompt: the prompt given to the model; "" for none; None: unknown.
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
    """The text unchanged, as the model output every character, except for provenance marks and white space at its end.

    Marks are added afterwards, and white space by editors. If the model wrote it, the text without it is still a prefix drawn
    from the model.
    """
    return replace(raw, text=one_line_ending(without_marks(raw.text, find_marks(raw.text))).rstrip())


def one_line_ending(text: str) -> str:
    r"""The text without the line ending that editors put at the end of a file, and with "\n", as models write, for "\r\n"."""
    return re.sub(r"\r\n?", "\n", text).removesuffix("\n")


def _score(authors: Sequence[Author], texts: Sequence[str], settings: Settings, progress: Progress) -> list[list[Scores | str]]:
    """For each text and author the scores under each setting, or why there are none. One pass per model and context."""
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
            outcomes: list[Mapping[Decoding, TokenScores] | str] = [*_read(session, prompted, settings, decodings, within)]
        except AuditError as error:  # damaged weights, a prompt that fills the context: the others are still tested
            outcomes = [str(error)] * len(texts)
        for number, weights in members:
            for row, scores in zip(table, outcomes, strict=True):
                row[number] = _joined(row[number], scores, weights)
        session.release()
    return [_whole_words(row, text) for row, text in zip(table, texts, strict=True)] if settings.prompt is not None else table


def _whole_words(row: Sequence[Scores | str], text: str) -> list[Scores | str]:
    """A row of the table, without a last word that was cut."""
    here = [scores for scores in row if not isinstance(scores, str)]
    whole: Iterator[Scores] = iter(without_doubtful_end(here, text))
    return [scores if isinstance(scores, str) else next(whole) for scores in row]


def _read(
    session: Session, texts: Sequence[Prompted], settings: Settings, decodings: Sequence[Decoding], progress: Progress
) -> list[Mapping[Decoding, TokenScores]]:
    """The scores of each text under each setting, where the prompt is known read as the model may have drawn it."""
    request = _request(settings, session)

    def scored(some: Sequence[Prompted]) -> list[Mapping[Decoding, TokenScores]]:
        by_text = session.score_each(some, request, decodings, progress)
        return [dict(zip(decodings, columns, strict=True)) for columns in by_text]

    table = scored(texts)
    if settings.prompt is None:
        return table
    begun = beginnings(session, texts, request, table)
    began = [replace(text, text=beginning.whole(text.text)) for text, beginning in zip(texts, begun, strict=True)]
    _anew(table, began, texts, scored)
    drawn = as_drawn(session, began, request, table)
    _anew(table, drawn, began, scored)
    return [
        {setting: beginning.placed(scores) for setting, scores in by_setting.items()}
        for beginning, by_setting in zip(begun, table, strict=True)
    ]


def _anew(
    table: list[Mapping[Decoding, TokenScores]],
    now: Sequence[Prompted],
    before: Sequence[Prompted],
    scored: Callable[[Sequence[Prompted]], list[Mapping[Decoding, TokenScores]]],
) -> None:
    """Score the texts that are now read otherwise than before."""
    changed = [number for number, (new, old) in enumerate(zip(now, before, strict=True)) if new != old]
    for number, scores in zip(changed, scored([now[number] for number in changed]), strict=True):
        table[number] = scores


def _joined(known: Scores | str, added: Mapping[Decoding, TokenScores] | str, weights: str) -> Scores | str:
    """The scores under each setting, extended by those of one more weight precision; an error in any is an error of all."""
    if isinstance(added, str) or (isinstance(known, str) and known):
        return known if isinstance(known, str) and known else added  # type: ignore[return-value]  # a sentence, either way
    before = {} if isinstance(known, str) else known
    return {**before, **{at(weights, decoding): scores for decoding, scores in added.items()}}


def _request(settings: Settings, session: Session) -> Request:
    """The request for scores: the whole text in one window if the prompt is known, else its beginning, like generations."""
    if settings.prompt is None:
        return REFERENCE_REQUEST
    return Request(Windowing(min(LONGEST, context_length(session.model.config) - 1), first_only=True))


def judge(text: Text, settings: Settings) -> Document:
    """Test every candidate and set on one text, and conclude the document."""
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
        doubt=person.doubt,
        attributions=tuple(measured),
        notes=tuple(_notes(text)),
        text=raw.text if settings.keep_text else None,
    )
    document = conclude(document, terms)
    roles: tuple[Role, ...] = ("sanctioned", "other")
    sets = [_set(text, role, document, alpha) for role in roles if any(author.role == role for author in text.authors)]
    return conclude(document.model_copy(update={"sets": tuple(sets)}), terms)


def _set(text: Text, role: Role, document: Document, alpha: float) -> SetAttribution:
    """A set with the likelihoods behind its e-value; `conclude` adds the verdict."""
    members = [i for i, author in enumerate(text.authors) if author.role == role]
    outside = [i for i, author in enumerate(text.authors) if author.role != role and text.scored(i)]
    tested = all(document.attributions[i].p_value is not None for i in members)
    evidence = None
    if tested and outside and document.attributions[members[0]].exact:
        possible = could_have_written(role, document, alpha)
        evidence = Members(against=text.against(members, outside), outside=text.against(outside, members) if possible else ())
    return SetAttribution.model_validate(
        {"role": role, "members": (), "null": "", "verdict": Authorship.NOT_ASSESSABLE, "reason": "", "evidence": evidence}
    )


def _notes(text: Text) -> list[str]:
    person_notes = text.person.notes[len(text.raw.notes) :]
    notes = [*text.raw.notes, *(wording.AS_IT_STANDS.write(note=note) for note in person_notes)]
    notes += wording.not_compared(text.person)
    assumed = [author.name for author in text.authors if author.candidate.order_assumed]
    if assumed:
        notes.append(wording.ORDER_ASSUMED.write(candidates=" and ".join(assumed)))
    reached = [
        int(scores[0].char_end[-1])
        for number in range(len(text.authors))
        if text.scored(number) and len((scores := text.settings(number))[0])
    ]
    if reached and min(reached) < len(text.raw.text):
        notes.append(wording.BEGINNING_ALONE.write(characters=len(text.raw.text), tested=min(reached)))
    return notes
