"""Texts that are still there are read again: their notes, places and characters cannot be changed unnoticed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_audit.results.canonical import content_digest
from llm_audit.verification import Ledger, verify
from tests.verify.conftest import Made, run

Change = Callable[[dict[str, Any]], object]
ODD = "\u200b".join(
    ["It is told that nobody had ever seen the\u00a0house by the sea.", *["The carpenter measured the plank."] * 40]
)


def verified(made: Made, content: dict[str, Any], folder: Path = Path()) -> Ledger:
    data = json.dumps(content | {"content_digest": content_digest(content)}).encode()
    with made.here():
        return verify(data, folder)[0]


def named(made: Made, name: str, change: Change) -> set[str]:
    content = json.loads(made.text(name))
    change(content["subjects"][0])
    return {mismatch.path for mismatch in verified(made, content).mismatches}


CHANGES: dict[str, Change] = {
    "combined.spans[1].start": lambda text: text["combined"]["spans"][1].update(
        start=text["combined"]["spans"][1]["start"] + 1
    ),
    "combined.spans[2].end": lambda text: text["combined"]["spans"][2].update(end=text["combined"]["spans"][2]["end"] - 1),
    "combined.spans[0].place": lambda text: text["combined"]["spans"][0].update(place="line 9"),
    "combined.spans[0].n": lambda text: text["combined"]["spans"][0].update(n=7),
    "notes": lambda text: text["notes"].append("It was written by a machine."),
    "encoding": lambda text: text.update(encoding="cp1252"),
    "language": lambda text: text.update(language="fr"),
    "characters": lambda text: text.update(characters=text["characters"] + 1),
    "tokens": lambda text: text.update(tokens=text["tokens"] + 1),
    "text": lambda text: text.update(text=text["text"].replace("judgment", "judgement", 1)),
    "trace.start[3]": lambda text: text["trace"]["start"].__setitem__(3, 0),
    "facts": lambda text: text.update(facts=[{"name": "Creator", "value": "A machine"}]),
}


OFTEN = ("combined.spans[1].start", "notes", "language", "text")
"""One change of each kind: to a passage, to what was read, to what follows from it, and to the text itself."""


@pytest.mark.parametrize("field", [*OFTEN, *(pytest.param(one, marks=pytest.mark.slow) for one in CHANGES if one not in OFTEN)])
def test_what_a_text_gives_is_compared(made: Made, field: str) -> None:
    assert f"subjects[0].{field}" in named(made, "detect", CHANGES[field])


def test_results_about_characters_cannot_be_left_out(made: Made) -> None:
    assert "subjects[0].results" in named(made, "detect", lambda text: text["results"].pop())


def test_a_note_on_what_was_cleaned_away_cannot_be_changed(made: Made) -> None:
    path = made.folder / "odd.txt"
    path.write_text(ODD)
    with made.here():
        made["detect"]  # for its population
        assert run("detect", path, "--model", made.tiny, "--population", "own", "-o", made.folder / "odd.json") in (0, 1)
    content = json.loads((made.folder / "odd.json").read_text())
    assert verified(made, content).mismatches == []
    assert len(content["subjects"][0]["notes"]) >= 1
    changed = copy.deepcopy(content)
    changed["subjects"][0]["notes"][0] = "Nothing was odd."
    assert "subjects[0].notes[0]" in {one.path for one in verified(made, changed).mismatches}
    spans = next(result for result in changed["subjects"][0]["results"] if result["rule"] == "AUD902")["spans"]
    spans[0]["start"] -= 1
    assert any(".spans[0].start" in one.path for one in verified(made, changed).mismatches)


def test_a_text_that_is_not_there_is_said_to_be_unchecked(made: Made, tmp_path: Path) -> None:
    content = json.loads(made.text("detect"))
    for text in content["subjects"]:
        text["name"] = Path(text["name"]).name
    ledger = verified(made, content, tmp_path)
    assert ledger.mismatches == [] and any("nothing of them was checked" in note for note in ledger.notes)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda report: report.update(subjects=[]), "subjects"),
        (lambda report: report["manifest"]["seeds"].clear(), "manifest.seeds"),
        (lambda report: report["manifest"]["detectors"].pop(), "manifest.detectors"),
        (lambda report: report["subjects"][0]["tests"][0]["draws"].update(seed="0" * 32), "manifest.seeds"),
    ],
)
def test_what_a_report_is_made_of_cannot_be_left_out(made: Made, change: Change, field: str) -> None:
    content = json.loads(made.text("order"))
    change(content)
    assert any(one.path.startswith(field) for one in verified(made, content).mismatches)
