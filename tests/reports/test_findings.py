"""The flat list behind SARIF, JUnit, GitLab, GitHub and Markdown: places, paths, fingerprints, what is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.detectors.registry import described
from llm_audit.reports.views.findings import WORST_FIRST, Finding, findings
from llm_audit.reports.views.passages import Passage
from llm_audit.reports.views.places import path_of, places, uri_of
from llm_audit.results import Document, Report, Result, Span, Verdict
from tests.reports import factory


def passage(start: int, end: int) -> Passage:
    return Passage(1, start, end, "", None, 0.001, 0.0005, 0.001, 99, 5, True)


def alone(document: Document) -> Finding:
    (found,) = findings(factory.report(document), described)
    return found


@pytest.mark.parametrize(
    ("text", "stretch", "expected"),
    [
        ("one two", (4, 7), (1, 5, 1, 8)),
        ("one\ntwo\n", (4, 7), (2, 1, 2, 4)),
        ("one\r\ntwo", (5, 8), (2, 1, 2, 4)),
        ("one\ntwo\nthree", (1, 9), (1, 2, 3, 2)),
        ("one\n\n  two  \n", (3, 12), (3, 3, 3, 6)),  # white space around it does not count
        ("a😀b\n😀😀 c", (2, 8), (1, 4, 2, 7)),  # emoji are two units wide
        ("e\u0301clair", (2, 4), (1, 3, 1, 5)),
        ("one\u2028two", (4, 7), (1, 5, 1, 8)),  # no line ending to SARIF
    ],
)
def test_lines_and_columns(text: str, stretch: tuple[int, int], expected: tuple[int, int, int, int]) -> None:
    (place,) = places(text, [passage(*stretch)])
    assert (place.start_line, place.start_column, place.end_line, place.end_column) == expected


def test_white_space_alone_is_no_place() -> None:
    assert places("one \n two", [passage(3, 6)]) == []


@given(st.text(alphabet="ab \n\r😀é\u2028", max_size=40), st.data())
def test_a_place_leads_back_to_the_passage(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    for place in places(text, [passage(start, end)]):
        # The slow way: cut the text in lines, and the lines in UTF-16 units.
        lines = [line.encode("utf-16-le") for line in text.split("\n")]
        cut = lines[place.start_line - 1 : place.end_line]
        cut[-1] = cut[-1][: 2 * (place.end_column - 1)]
        cut[0] = cut[0][2 * (place.start_column - 1) :]
        assert "\n".join(line.decode("utf-16-le") for line in cut) == text[start:end].strip()


def test_places_of_one_long_line_take_no_quadratic_time() -> None:
    text = "words 😀 " * 200_000
    found = places(text, [passage(start, start + 80) for start in range(0, len(text), 80)])
    assert len(found) == 20_000
    assert found[-1].end_column <= 1 + len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("name", "path"),
    [
        *(("a.txt", "a.txt"), ("./b/../a.txt", "a.txt"), ("/project/essays/a b.txt", "essays/a b.txt")),
        *(("/elsewhere/a.txt", "/elsewhere/a.txt"), ("../a.txt", "../a.txt"), ("/projects/a.txt", "/projects/a.txt")),
        *(("//evil.example/a.txt", "/evil.example/a.txt"), ("essays//a.txt", "essays/a.txt")),
    ],
)
def test_paths_are_relative_to_the_project(name: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI_PROJECT_DIR", raising=False)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.setattr(Path, "cwd", lambda: Path("/project"))
    assert path_of(name) == path


@pytest.mark.parametrize("variable", ["CI_PROJECT_DIR", "GITHUB_WORKSPACE"])
def test_the_project_is_what_the_ci_system_says(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI_PROJECT_DIR", raising=False)
    monkeypatch.setenv(variable, "/project/")
    monkeypatch.setattr(Path, "cwd", lambda: Path("/project/texts"))
    assert path_of("a.txt") == "texts/a.txt"
    assert path_of("../a.txt") == "a.txt"
    assert path_of("/project/texts/a.txt") == "texts/a.txt"


@pytest.mark.parametrize(
    "name", ["javascript:alert(1)", "//evil.example/x", "https://evil.example", "a#b?c", "a%20b", "ü 1.txt", "a\\b"]
)
def test_no_name_becomes_an_address_of_another_kind(name: str) -> None:
    uri = uri_of(path_of(name))
    assert not uri.startswith("//") and ":" not in uri and "?" not in uri and "#" not in uri and uri.isascii()


def test_the_worst_comes_first_and_every_subject_comes() -> None:
    documents = [
        factory.passing("a"),
        factory.not_assessable("b"),
        factory.finding("c"),
        factory.unreadable("d"),
        factory.finding("e"),
    ]
    found = findings(factory.report(*documents), described)
    assert [one.name for one in found] == ["c", "e", "d", "b", "a"]
    assert set(WORST_FIRST) == set(Verdict)


def test_next_to_a_verdict_stands_what_it_is_worth() -> None:
    message = alone(factory.finding()).message
    assert "p = 0.0005, the smallest this population can give (α = 0.01)." in message
    assert "Null hypothesis: The text was written by a person" in message
    assert "Population: essays-en (English student essays and news written before 2020), 1,999 documents of 192" in message
    assert "1 of 6 passages stands out" in message
    for document in (factory.not_assessable(), factory.unreadable()):
        assert "It has neither passed nor failed" in alone(document).message


def test_a_finding_is_where_the_text_stands_out_the_strongest_first() -> None:
    report = factory.report(document := factory.many_passages())
    (one,) = findings(report.model_copy(update={"manifest": report.manifest.model_copy(update={"alpha": 0.05})}), described)
    found = one.places
    assert len(found) > 2
    assert [place.passage.p for place in found] == sorted(place.passage.p or 0 for place in found)
    assert document.text is not None
    lines = document.text.split("\n")
    for place in found:
        assert lines[place.start_line - 1][place.start_column - 1 :].startswith(place.passage.excerpt.rstrip("…")[:20])


@pytest.mark.parametrize(
    "document", [factory.passing(), factory.finding().model_copy(update={"text": None}), factory.attributed()]
)
def test_without_a_finding_or_a_text_the_place_is_the_whole_file(document: Document) -> None:
    assert alone(document).places == ()


def test_the_fingerprint_is_of_the_content() -> None:
    document = factory.finding("a.txt")
    moved = document.model_copy(update={"name": "b.txt", "text": None})
    changed = document.model_copy(update={"sha256": "0" * 64})
    first, second, third = findings(factory.report(document, moved, changed), described)
    assert first.fingerprint == second.fingerprint != third.fingerprint
    assert (first.occurrence, second.occurrence, third.occurrence) == (1, 2, 1)
    two = findings(
        factory.report(
            factory.unreadable("x").model_copy(update={"sha256": None}),
            factory.unreadable("y").model_copy(update={"sha256": None}),
        ),
        described,
    )
    assert len({one.fingerprint for one in two}) == 2


@pytest.mark.parametrize(
    ("made", "code", "said"),
    [
        (factory.membership_report, "AUD311", "p = 0.01, the smallest this test can give (α = 0.01)"),
        (factory.untouched_report, "AUD313", "does not stand out"),
        (factory.shifted_report, "AUD301", "AUD300 Shifted: A classifier"),
        (factory.substitution_report, "AUD400", "AUD402 Single requests: e = 3.4 × 10^11"),
        (factory.not_measured_report, "AUD400", "Not measured."),
    ],
)
def test_collections_and_endpoints(made: Callable[[], Report], code: str, said: str) -> None:
    (found,) = findings(made(), described)
    assert found.rule.code == code
    assert said in found.message
    assert found.path in ("collection", "endpoint")


def test_what_was_not_measured_is_not_consistent() -> None:
    (found,) = findings(factory.not_measured_report(), described)
    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert "It has neither passed nor failed" in found.message


def test_candidates_have_a_code_of_their_own() -> None:
    found = {one.name: one for one in findings(factory.attribution_report(), described)}
    assert found["essays/river.txt"].rule.code == found["essays/island.txt"].rule.code == "AUD200"
    assert "The sanctioned model: p = 0.43" in found["essays/river.txt"].message
    assert found["essays/scan.pdf"].rule.code == "AUD000"


def test_tampering_is_an_entry_of_its_own_at_the_first_odd_character() -> None:
    text = "A clean line.\nA l\u043eok-alike."
    result = Result(
        rule="AUD901", name="Look-alike letters", subject="document", null="No word mixes alphabets.", verdict=Verdict.FINDING,
        reason="1 look-alike letter.", spans=(Span(start=17, end=18, p_value=None, p_floor=None, q_value=None, n=0),),
    )  # fmt: skip
    document = factory.passing().model_copy(update={"text": text, "results": (result,)})
    odd, author = findings(factory.report(document), described)
    (place,) = odd.places
    assert (odd.rule.code, odd.verdict, place.start_line, place.start_column) == ("AUD901", Verdict.FINDING, 2, 4)
    assert "nothing about who wrote" in odd.message
    assert author.verdict is Verdict.PASS and author.rule.code == "AUD100" and author.fingerprint != odd.fingerprint
