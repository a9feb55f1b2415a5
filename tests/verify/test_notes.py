"""Notes on collections and endpoints: one that was added, changed or taken out is refused, with the field named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import llm_audit
from llm_audit.common.templates import Template, known
from llm_audit.endpoints import defects, probe, wire
from llm_audit.reports.wording import notes as wording
from llm_audit.reports.wording.substitution import FIXED, QUESTIONS
from llm_audit.results import Asking, Fact, Membership, Substitution
from llm_audit.results.canonical import content_digest
from llm_audit.results.membership import Copies
from llm_audit.results.substitution_evidence import Conformance, Flaw, OnlineRanks
from llm_audit.verification import verify
from llm_audit.verification.ledger import Ledger
from llm_audit.verification.notes import NO_FACTS, UNKNOWN, of_endpoint
from tests.detectors.substitution.test_conclude import audited
from tests.verify.conftest import lines

WORDS = [
    f"{a}{b}" for a in ("bar", "den", "fil", "gor", "han", "jut", "kel", "lom") for b in ("a", "et", "in", "ot", "us", "y")
]


def text(seed: int) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, 40))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A report of two sides that share texts, repeat texts and hold lines that are none."""
    folder = tmp_path_factory.mktemp("notes")
    suspects = lines(folder / "suspects.jsonl", [{"text": text(n % 18), "document": str(n)} for n in range(20)])
    held_out = lines(folder / "held out.jsonl", [{"text": text(n), "document": str(n)} for n in range(17, 40)])
    with suspects.open("a") as more:
        more.write('[1]\n{"text": 5}\n{"text"\n{"text": " "}\n')
    with held_out.open("ab") as other:
        other.write(b"\xff\n")
    llm_audit.membership.blind(suspects, held_out).save(folder / "report.json")
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return content


def named(content: dict[str, Any]) -> tuple[set[str], list[str]]:
    """Fields that a verification names, once the digest fits, and its notes."""
    ledger, _ = verify(json.dumps(content | {"content_digest": content_digest(content)}).encode(), Path())
    return {mismatch.path for mismatch in ledger.mismatches}, ledger.notes


def test_the_notes_on_a_collection_hold_and_say_what_was_seen(compared: dict[str, Any]) -> None:
    notes = compared["subjects"][0]["notes"]
    fields, remarks = named(compared)
    assert fields == set() and NO_FACTS not in remarks
    assert [note.split()[0] for note in notes[:3]] == ["1", "2", "Line"] and len(notes) == 7
    assert sum(note.startswith("Line ") for note in notes) == compared["coverage"]["unreadable"] == 5
    assert notes[-1].startswith("Line 24 of '") and notes[-1].endswith("held out.jsonl' is not UTF-8.")


CHANGES = {
    "a note more": lambda notes: notes.append("A person has confirmed the verdict."),
    "a note of ours more": lambda notes: notes.append(wording.OF_ROWS[0].write(count=7)),
    "a sentence more": lambda notes: notes.__setitem__(0, f"{notes[0]} This proves fraud."),
    "another number": lambda notes: notes.__setitem__(1, notes[1].replace("2", "3", 1)),
    "none on copies": lambda notes: notes.pop(0),
    "a line left out less": lambda notes: notes.pop(),
    "another file": lambda notes: notes.__setitem__(-1, "Line 24 of other.jsonl is not UTF-8."),
    "another fault": lambda notes: notes.__setitem__(-1, notes[-1].replace("is not UTF-8", "proves fraud")),
    "another order": lambda notes: notes.reverse(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_note_on_a_collection_can_be_changed(compared: dict[str, Any], change: str) -> None:
    content = copy.deepcopy(compared)
    CHANGES[change](content["subjects"][0]["notes"])
    fields, _ = named(content)
    assert any(field.startswith("subjects[0].notes") for field in fields), fields


def test_of_a_report_that_stores_no_facts_the_notes_are_known_by_their_form(compared: dict[str, Any]) -> None:
    early = copy.deepcopy(compared)
    del early["subjects"][0]["conditions"]["copies"]
    fields, remarks = named(early)
    assert fields == set() and NO_FACTS in remarks
    for change in ("a note more", "a note of ours more", "a sentence more", "another fault"):
        changed = copy.deepcopy(early)
        CHANGES[change](changed["subjects"][0]["notes"])
        assert any(field.startswith("subjects[0].notes") for field in named(changed)[0]), change


def test_what_repeats_are_noted_follows_from_what_is_stored() -> None:
    copies = Copies(left_out=(0, 0), equal=0, first="", repeated=(0, 3), documents=0, shared=(0.0, 0.0))
    assert wording.of_copies(copies) == [
        "3 held-out texts nearly repeat another held-out text; together they count as one document."
    ]
    assert Membership.model_fields["notes"].default == ()


def noted(*notes: str, subject: Substitution | None = None) -> set[tuple[str, str]]:
    """What a verification of an audited endpoint with these notes comes to: fields and reasons."""
    ledger = Ledger()
    of_endpoint("notes", (subject or audited(9.0)).model_copy(update={"notes": notes}), ledger)
    return {(mismatch.path, mismatch.reason) for mismatch in ledger.mismatches}


ON_AN_ENDPOINT = (
    wording.DIFFERENT.write(),
    wording.ROUNDED.write(nats=0.01),
    wording.STOPPED.write(asked=20, planned=40, rule="AUD499"),
    wording.ON_ANSWER.write(request="text 3, draw 2", defect=wire.SENTENCES[0]),
)
INSTEAD_OF_DISTANCES = (
    wording.OTHER_VOCABULARY.write(told=12_000, others=0.31),
    wording.UNKNOWN_TOKENS.write(unknown=3, tokens=4_000),
    wording.OTHER_NAMES.write(apart=3, answers=4),
    wording.TOO_FEW.write(usable=3, first="AUD499", second="AUD498", fewest=8),
    wording.ENDED.write(),
    wording.NO_SIGNAL.write(),
)


def test_the_notes_on_an_endpoint_hold() -> None:
    assert noted(*ON_AN_ENDPOINT) == set()
    every = (*ON_AN_ENDPOINT[1:], *INSTEAD_OF_DISTANCES)
    assert all(known(note, (*wording.OF_ENDPOINT, wording.ON_ANSWER)) for note in every[:2] + every[3:7])


@pytest.mark.parametrize(
    "note",
    [
        "A person has confirmed the verdict.",
        f"{wording.DIFFERENT.write()} This proves fraud.",
        wording.ON_ANSWER.write(request="question 3", defect="A person has confirmed it."),
        wording.ON_ANSWER.write(request="question 3", defect="At 1 of 4 positions, first at 2: it is a fraud."),
    ],
)
def test_a_note_on_an_endpoint_that_nobody_writes_is_refused(note: str) -> None:
    assert ("notes[0]", UNKNOWN) in noted(note)
    assert ("notes[2]", UNKNOWN) in noted(*ON_AN_ENDPOINT[:2], note)


def test_a_note_on_an_endpoint_agrees_with_its_tests() -> None:
    stopped = wording.STOPPED.write(asked=10, planned=40, rule="AUD499")
    assert noted(stopped) == {("notes", "state another number of requests than the test")}
    (on_list, on_places) = (template.sentence for template in defects.SENTENCES)
    assert "{flaw}" in on_list and "{repair}" in on_places
    flaw = defects.SENTENCES[0].write(places=1, positions=4, first=2, flaw=defects.POSITIVE)
    note = wording.ON_ANSWER.write(request="question 3", defect=flaw)
    assert noted(note) == {("notes", "name 1 answers with defective numbers, not 0")}


def lacking(what: str) -> set[tuple[str, str]]:
    return {("notes", f"lack the note that {what}")}


def without_distances(**more: object) -> Substitution:
    found = audited(1.0)
    return found.model_copy(update={"tests": found.tests[2:]} | more)


def test_where_no_distances_were_measured_a_note_says_why() -> None:
    subject = without_distances()
    assert noted(subject=subject) == lacking("says why no distances were measured")
    for note in INSTEAD_OF_DISTANCES:
        assert noted(note, subject=subject) == set()
        assert noted(note) == {("notes", "hold the note that says why no distances were measured")}


def test_the_note_that_an_obstacle_repeats_is_there() -> None:
    obstacle, other = INSTEAD_OF_DISTANCES[-1], INSTEAD_OF_DISTANCES[3]
    subject = without_distances(obstacle=obstacle)
    assert noted(obstacle, subject=subject) == set()
    assert noted(other, subject=subject) == {("notes", "lack the one that the obstacle repeats")}


def test_answers_compared_by_their_texts_are_noted() -> None:
    found = audited(1.0)
    (first, *others) = found.tests
    assert isinstance(first.evidence, OnlineRanks)
    of_texts = first.model_copy(update={"evidence": first.evidence.model_copy(update={"measure": "margin"})})
    note, what = wording.NO_LOGPROBS.write(why="hidden"), "answers are compared by their texts alone"
    assert noted(note) == {("notes", f"hold the note that {what}")}
    subject = found.model_copy(update={"tests": (of_texts, *others)})
    assert noted(subject=subject) == lacking(what) and noted(note, subject=subject) == set()


@pytest.mark.parametrize(
    ("fact", "value", "note", "what"),
    [
        (probe.REPEATED, "no", wording.DIFFERENT.write(), "repeats gave different texts"),
        (probe.ALTERNATIVES, "0", wording.NO_ALTERNATIVES.write(), "the endpoint gives no alternatives"),
    ],
)
def test_what_the_probe_found_is_noted(fact: str, value: str, note: str, what: str) -> None:
    both = tuple(Fact(name=f"{surface}: {fact}", value=value) for surface in ("Chat", "Completions"))
    subject = audited(1.0).model_copy(update={"capabilities": both})
    assert noted(note, subject=subject) == set() and noted(subject=subject) == lacking(what)
    only_one = subject.model_copy(update={"capabilities": (both[0], Fact(name=both[1].name, value="20"))})
    assert noted(subject=only_one) == noted(note, subject=only_one) == set()


ASKED = Asking(surface="completions", rounded=0.01, remarks=3)
ON_ANSWERS = tuple(
    wording.ON_ANSWER.write(request=request, defect=wire.SENTENCES[place])
    for request, place in (("question 2", 0), ("question 10", 0), ("text 1, draw 2", 3))
)


def test_notes_that_only_the_answers_knew_are_counted() -> None:
    subject = audited(1.0).model_copy(update={"asking": ASKED})
    rounded = wording.ROUNDED.write(nats=0.01)
    assert noted(rounded, *ON_ANSWERS, subject=subject) == set()
    missing = "do not say to what the endpoint rounds its log-probabilities"
    assert noted(*ON_ANSWERS, subject=subject) == {("notes", missing)}
    assert ("notes", missing) in noted(wording.ROUNDED.write(nats=0.001), *ON_ANSWERS, subject=subject)
    assert noted(rounded, *ON_ANSWERS[:2], subject=subject) == {("notes", "name 2 defects of answers, not 3")}
    exact = subject.model_copy(update={"asking": ASKED.model_copy(update={"rounded": 0.0})})
    assert noted(rounded, *ON_ANSWERS, subject=exact) == {("notes", missing)} and noted(*ON_ANSWERS, subject=exact) == set()


def test_the_notes_on_an_endpoint_have_one_order() -> None:
    first, second, *_ = (each for each in wording.OF_ENDPOINT if each in (wording.DIFFERENT, wording.ROUNDED))
    both = (first.write(), second.write(nats=0.01))
    order = {("notes", "on what was measured are not in their order, each once")}
    assert noted(*both) == set() and noted(*both[::-1]) == noted(both[1], *both[1:]) == order
    of_requests = {("notes", "on single answers are not in the order of the requests")}
    assert noted(*ON_ANSWERS) == set() and noted(*ON_ANSWERS[::-1]) == noted(*ON_ANSWERS[1::-1]) == of_requests
    on_one = [wording.ON_ANSWER.write(request="text 4, draw 1", defect=wire.SENTENCES[place]) for place in (0, 3)]
    subject = audited(1.0).model_copy(update={"asking": Asking(surface="chat", rounded=0.0, remarks=2)})
    assert noted(*on_one, subject=subject) == set()
    assert noted(*on_one[::-1], subject=subject) == {("notes", "on one answer are not in alphabetical order")}


def test_what_the_probe_found_on_the_surface_that_was_asked_is_noted() -> None:
    values = {"Chat": "yes", "Completions": "no"}
    facts = tuple(Fact(name=f"{surface}: {probe.REPEATED}", value=value) for surface, value in values.items())
    for surface, note in (("completions", (wording.DIFFERENT.write(),)), ("chat", ())):
        asking = Asking(surface=surface, rounded=0.0, remarks=0)
        subject = audited(1.0).model_copy(update={"capabilities": facts, "asking": asking})
        other = () if note else (wording.DIFFERENT.write(),)
        assert noted(*note, subject=subject) == set()
        assert {reason.partition(" ")[2] for _, reason in noted(*other, subject=subject)} == {
            "the note that repeats gave different texts"
        }


def test_an_audit_that_stopped_early_says_so() -> None:
    value = QUESTIONS.write(audited=40, honest=60, cut=0, digest="0123456789ab")
    subject = audited(1.0).model_copy(update={"facts": (Fact(name="Questions", value=value),)})
    assert noted(subject=subject) == lacking("the audit stopped after 20 requests")
    assert noted(wording.STOPPED.write(asked=20, planned=40, rule="AUD499"), subject=subject) == set()
    wrong = wording.STOPPED.write(asked=20, planned=50, rule="AUD499")
    assert noted(wrong, subject=subject) == {("notes", "state another number of requests than the test")}


def test_texts_that_were_asked_for_and_not_tested_are_noted() -> None:
    fixed = Fact(name=FIXED, value="requests: 60, texts: 9, draws: 5")
    found = audited(1.0, texts=False).model_copy(update={"facts": (fixed,)})
    note = wording.TOO_FEW_TEXTS.write(complete=3, first="AUD499", second="AUD498", fewest=8)
    reason = "too few prompts have all their texts, or none says anything"
    assert noted(subject=found) == lacking(reason)
    for each in (note, wording.NO_TEXTS.write(texts=45, first="AUD499", second="AUD498")):
        assert noted(each, subject=found) == set()
        assert noted(each) == {("notes", f"hold the note that {reason}")}


def test_each_kind_of_defect_is_noted_as_often_as_it_is_counted() -> None:
    flaws = tuple(Flaw(name=name, answers=1) for name in (defects.POSITIVE, defects.TWICE))
    found = audited(1.0)
    counted = found.tests[-1].evidence
    assert isinstance(counted, Conformance)
    evidence = counted.model_copy(update={"answers": 9, "defective": 1, "contradictory": 1, "flaws": flaws, "untold": 0})
    subject = found.model_copy(update={"tests": (*found.tests[:-1], found.tests[-1].model_copy(update={"evidence": evidence}))})
    both = [
        wording.ON_ANSWER.write(request="question 3", defect=defects.FLAW.write(places=1, positions=4, first=2, flaw=flaw.name))
        for flaw in flaws
    ]
    assert noted(*both, subject=subject) == set()
    assert noted(both[0], subject=subject) == {("notes", f"name 0 answers of which {defects.TWICE}, not 1")}


def test_a_template_that_is_not_listed_would_be_missed() -> None:
    """Every template of the module is among those that verify knows."""
    templates = {name for name, value in vars(wording).items() if isinstance(value, Template)}
    listed = (
        *wording.OF_SIDES,
        *wording.OF_ROWS,
        *wording.OF_ANSWERS,
        *wording.MALFORMED,
        *wording.FAULTS,
        *wording.OF_ENDPOINT,
    )
    assert templates == {name for name, value in vars(wording).items() if value in (*listed, wording.ON_ANSWER)}
