"""A set of texts: the index that can be sorted, the page a text, and the table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

import llm_audit
from llm_audit.reports.formats import class_set
from llm_audit.reports.formats import csv as table
from llm_audit.reports.views.passages import passages
from llm_audit.results import Report, Stretch, Verdict
from tests.reports import factory
from tests.reports.plots import parsed
from tests.reports.test_lead import tampered


@pytest.fixture(scope="module")
def report() -> Report:
    return factory.report(
        factory.passing("anna.txt").model_copy(update={"stretches": ()}),
        factory.unreadable("ben.docx"),
        factory.finding("cem.txt").model_copy(update={"stretches": (Stretch(start=40, end=300), Stretch(start=420, end=500))}),
        factory.not_assessable("dora.txt").model_copy(update={"summary": "Not assessable. The text is too short."}),
        factory.many_passages("emil.txt").model_copy(update={"stretches": ()}),
    )


def names(page: str, by: str) -> list[str]:
    return [link.get_text() for link in parsed(page).select(f"table.by-{by} a")]


def test_the_index_is_there_in_every_order_and_begins_with_what_needs_looking_at(report: Report) -> None:
    page = class_set.render(report)
    orders = {by: names(page, by) for by in class_set.SORTS}
    everybody = sorted(document.name for document in report.documents)
    assert all(sorted(order) == everybody for order in orders.values())
    verdicts = {document.name: document.verdict for document in report.documents}
    assert verdicts[orders["verdict"][0]] is Verdict.FINDING and verdicts[orders["verdict"][-1]] is Verdict.PASS
    rows = {row.document.name: row for row in class_set.rows(report)}
    assert orders["name"] == ["anna.txt", "ben.docx", "cem.txt", "dora.txt", "emil.txt"]
    for by in ("share", "words"):
        numbers = [getattr(rows[name], by) for name in orders[by]]
        known = [number for number in numbers if number is not None]
        assert known == sorted(known, reverse=True) and numbers == known + [None] * (len(numbers) - len(known))


def test_share_is_the_part_of_the_characters_in_stretches(report: Report) -> None:
    """Against a slow count, character by character."""
    for row in class_set.rows(report):
        document = row.document
        if row.share is None:
            assert document.verdict in (Verdict.ERROR, Verdict.NOT_ASSESSABLE)
            continue
        assert document.stretches is not None
        inside = sum(any(each.start <= place < each.end for each in document.stretches) for place in range(document.characters))
        assert row.share == pytest.approx(inside / document.characters, abs=1e-12)
    shares = {row.document.name: row.share for row in class_set.rows(report)}
    assert shares["cem.txt"] and shares["anna.txt"] == 0


def test_every_name_leads_to_a_page_with_what_to_say_and_what_to_ask(report: Report) -> None:
    page = parsed(class_set.render(report))
    for link in page.select("table.by-verdict a"):
        (article,) = page.select(str(link["href"]))
        heading = article.select_one("h2")
        assert heading and heading.get_text() == link.get_text()
        said = [heading.get_text() for heading in article.select("h3")]
        if link.get_text() in ("ben.docx", "dora.txt"):  # not judged
            assert said == ["Questions to ask"]
            continue
        if link.get_text() == "anna.txt":  # judged, and nothing stands out
            assert said == [] and "of the writer it proves nothing" in article.get_text()
            continue
        assert article.select("ol.questions li")
        assert said[:3] == ["What stands out", "What this does not prove", "Questions to ask"]
        assert [item.get_text() for item in article.select("section.anyhow li")] == list(report.limits)


def test_a_text_with_odd_characters_is_asked_about_whatever_its_verdict_is() -> None:
    odd = tampered(factory.passing("odd.txt"))
    (talk,) = class_set.talks(factory.report(odd), class_set.rows(factory.report(odd)))
    assert odd.verdict is Verdict.PASS and not talk.brief and any("pasted" in question for question in talk.questions)


def test_what_p_says_stands_above_the_list(report: Report) -> None:
    (before,) = [each.get_text() for each in parsed(class_set.render(report)).select("p") if each.get_text().startswith("p:")]
    assert "human texts look at least this much like machine writing" in before
    assert "null hypothesis" in class_set.about_p(factory.membership_report())


def test_a_verdict_is_said_once_on_a_page(report: Report) -> None:
    page = parsed(class_set.render(report))
    for label in ("Finding", "Not assessable", "Unreadable"):
        for heading in page.select("article header"):
            assert heading.get_text().count(label) <= 1
    (dora,) = [each for each in page.select("article") if each.select("h2")[0].get_text() == "dora.txt"]
    assert dora.get_text().count("Not assessable") == 1


def test_why_a_text_was_not_judged_stands_beside_its_verdict() -> None:
    short, german = (
        factory.passing(name).model_copy(
            update={"verdict": Verdict.NOT_ASSESSABLE, "combined": None, "results": (), "why_unjudged": why}
        )
        for name, why in (("short.txt", "too_short"), ("german.txt", "language"))
    )
    page = parsed(class_set.render(factory.report(short, german, factory.passing("judged.txt"))))
    cells = {row.select("th")[0].get_text(): row.select("td")[0].get_text() for row in page.select("table.by-name tbody tr")}
    assert cells["short.txt"].endswith("too short") and cells["german.txt"].endswith("another language")
    assert cells["judged.txt"].strip().endswith("No finding")
    (asked,) = [each.select("ol.questions")[0].get_text() for each in page.select("article") if "german" in each.get_text()]
    assert "language" in asked and "send" not in asked


def test_the_text_is_whole_with_what_stands_out_marked_and_numbered_as_in_the_list(report: Report) -> None:
    page, judged = parsed(class_set.render(report)), {document.name: document for document in report.documents}
    shown = 0
    for article in page.select("article"):
        document = judged[article.select("h2")[0].get_text()]
        listed = [number.get_text() for number in article.select("ul.numbered li > b")]
        assert [mark.get_text() for mark in article.select(".text mark sup")] == listed
        for text in article.select(".text"):
            marks = {mark.select("sup")[0].extract().get_text(): mark.get_text() for mark in text.select("mark")}
            assert text.get_text() == document.text
            found = {str(each.number): each for each in passages(document, report.manifest.alpha) if each.stands_out}
            assert document.text and marks == {number: document.text[each.start : each.end] for number, each in found.items()}
            shown += 1
        assert bool(listed) == bool(article.select(".text"))
    assert shown >= 1


def test_names_are_sorted_as_people_sort_them() -> None:
    given = ["Text 10.txt", "text 2.txt", "Anna.txt", "ann.txt", "2.txt", "élan.txt"]
    found = class_set.rows(factory.report(*[factory.passing(name) for name in given]))
    ordered = [row.document.name for row in class_set.ordered(found, "name")]
    assert ordered == ["2.txt", "ann.txt", "Anna.txt", "text 2.txt", "Text 10.txt", "élan.txt"]


def test_numbers_of_the_table_have_four_digits_that_count(report: Report) -> None:
    document = report.documents[0]
    assert document.combined
    odd = document.model_copy(update={"combined": document.combined.model_copy(update={"p_value": 0.0012345678901234})})
    rows = list(csv.DictReader(io.StringIO(table.render(report.model_copy(update={"subjects": (odd,)})))))
    assert rows[0]["p_value"] == "0.001235" and rows[0]["words"] == str(len((odd.text or "").split()))


def test_questions_are_about_what_stands_out_and_no_accusation(report: Report) -> None:
    rows = class_set.rows(report)
    talks = {talk.row.document.name: talk for talk in class_set.talks(report, rows)}
    asked = " ".join(talks["cem.txt"].questions)
    first = talks["cem.txt"].standing_out[0]
    assert f"passage {first.number}, " in asked and f"“{first.excerpt[:25]}" in asked
    assert len(talks["emil.txt"].questions) <= 5 + class_set.MOST_ASKED_ABOUT
    assert talks["ben.docx"].questions == ["Could you send the text again, as a Word document or as plain text?"]
    assert talks["anna.txt"].standing_out == [] and talks["anna.txt"].questions == []
    for talk in talks.values():
        for question in talk.questions:
            assert question.endswith(("?", "”")) and not {"cheat", "AI", "ChatGPT", "plagiar"} & set(question.split())


def test_a_text_that_is_left_out_has_no_words_and_is_cited_by_its_place(report: Report) -> None:
    without = report.model_copy(
        update={"subjects": tuple(document.model_copy(update={"text": None}) for document in report.documents)}
    )
    assert all(row.words is None for row in class_set.rows(without))
    (talk,) = [talk for talk in class_set.talks(without, class_set.rows(without)) if talk.row.document.name == "cem.txt"]
    assert talk.standing_out[0].excerpt.startswith("characters ")


def test_a_report_saves_itself_as_a_class_set(report: Report, tmp_path: Path) -> None:
    llm_audit.Report.of(report).save(tmp_path / "class.html")
    assert (tmp_path / "class.html").read_text() == class_set.render(report)
    llm_audit.Report.of(report).save(tmp_path / "subclass.html")
    assert "Sorted by" not in (tmp_path / "subclass.html").read_text()


def test_a_report_without_texts_is_an_empty_set() -> None:
    page = class_set.render(factory.membership_report())
    assert names(page, "verdict") == [] and "0 texts" in page
