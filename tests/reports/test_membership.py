"""A collection in every report: what is said of it, and its pictures read off as a reader would, from their axes."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from llm_audit.reports.formats.html import render as render_html
from llm_audit.reports.formats.json import render as render_json
from llm_audit.reports.formats.json import schema as json_schema
from llm_audit.reports.views.membership import FIRST, MOST
from llm_audit.reports.views.tested import draws, histogram
from llm_audit.results import Draws, Membership, Statistic, Verdict
from tests.reports import factory
from tests.reports.plots import Plot, number, parsed
from tests.reports.test_html import Skeleton, words
from tests.reports.test_terminal import in_ascii, printed
from tests.reports.test_terminal import words as terminal_words


def page_of(found: Membership) -> str:
    return render_html(factory.membership_report(found))


def text_of(found: Membership) -> str:
    text = words(page_of(found))
    return text[text.index("llm-audit report") :]


def passing_gate(found: Membership) -> Membership:
    assert found.gate
    gate = found.gate.model_copy(update={"outcome": "no_difference_found", "features": ()})
    return found.model_copy(update={"gate": gate, "verdict": Verdict.INCONCLUSIVE})


def in_order(text: str, *parts: str) -> None:
    places = []
    for part in parts:
        places.append(text.find(part, places[-1] if places else 0))
        assert places[-1] >= 0, part


def test_the_parts_come_in_order() -> None:
    found = factory.shifted().model_copy(update={"tests": factory.ordered().tests})
    in_order(
        text_of(found),
        *("Was this data in the training set?", found.claim, "– Not assessable", found.summary),
        *("It has neither passed nor failed.", "No single text is called a member from a score.", "What this does not prove"),
        *("Unit of the claim document", "Independent units 30 suspect, 30 held-out", f"Non-members {factory.ARCHIVE}"),
        *("AUD300", "Tests with an exact null", "AUD311", "AUD312", "Scores, for the record: no verdict rests on them"),
        *("How well each score", "AUC by known group", "Screening", "Conditions, fixed before scoring"),
        *("Notes on this collection", "Method and limits", "What the tests assume", "Coverage", "How to repeat this"),
    )


def test_a_finding_is_about_the_collection() -> None:
    text = text_of(factory.ordered())
    assert "▲ Finding The model prefers the published order of these rows" in text
    assert "No single text is called a member from a score." in text
    assert "Unit of the claim collection Independent units 1,000 suspect, no held-out Non-members Not needed" in text
    assert "neither passed nor failed" not in text


def test_the_scale_beside_the_verdict_is_of_the_test_that_decides_and_not_of_the_gate() -> None:
    found = factory.ordered()
    gate = found.tests[0].model_copy(update={"rule": "AUD300", "name": "Order of the texts alone", "p_value": 0.5})
    page = render_html(factory.membership_report(found.model_copy(update={"tests": (gate, *found.tests)})))
    caption = Plot(page, "scale").caption
    assert caption.startswith(f"{found.tests[0].rule} ") and caption.endswith(f"one of {len(found.tests) + 1} tests")


def test_a_test_comes_with_all_that_it_needs() -> None:
    text = text_of(factory.ordered())
    in_order(
        text,
        *("AUD311 Canonical order ▲ Finding p = 0.01, the smallest this test can give", "The published order is likelier"),
        *("Null hypothesis: The rows are exchangeable", "at most about 1 time in 100", "Smallest possible p 0.01"),
        "Effect gain over random orders 0.0127 nats per token, 95 % interval 0.0091 to 0.0163",
        "Independent units 1,000 Draws 0 of 99 draws at least as extreme, seed order/20251121",
        "Statistic log-likelihood of the order −48,214 nats Rests on assumptions 1, 2 Method Oren et al. 2023",
        *("AUD312", "◇ Inconclusive p = 0.011", "22 of 2,000 draws at least as extreme, seed order/20251121/shards"),
        *("Rests on assumptions 1, 3", "What the tests assume The rows were written", "Shards are independent"),
    )
    assert "α = 0.01 counts as a finding" in text and "not the probability that it holds" in text


def test_enumerated_draws_and_an_effect_without_interval_say_so() -> None:
    text = text_of(factory.untouched())
    assert re.search(r"○ No finding p = 0\.\d+ The published string", text)
    assert re.search(r"Draws \d+ of all 199 possible outcomes at least as extreme, enumerated", text)
    assert "Effect distance from the mean draw 0.11 standard deviations Independent units 200" in text


def test_a_test_that_could_not_be_made_has_no_number() -> None:
    found = factory.untouched()
    reason = "9 unpublished strings cannot give a p-value below 0.1; draw at least 99."
    bare = factory.exact_test(
        **dict.fromkeys(("statistic", "p_value", "p_floor", "n", "effect"), None),
        verdict=Verdict.NOT_ASSESSABLE,
        reason=reason,
    )
    text = text_of(found.model_copy(update={"tests": (bare,), "verdict": Verdict.NOT_ASSESSABLE}))
    assert f"– Not assessable {reason} Null hypothesis:" in text
    assert "p =" not in text and "If that holds" not in text and "Smallest possible" not in text


@pytest.mark.parametrize("found", [factory.ordered().tests[1], factory.untouched().tests[0]], ids=["far", "middle"])
@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_the_draws_and_what_was_observed_are_drawn_where_they_are(found: Any, kind: str) -> None:
    plot = Plot(page_of(factory.ordered().model_copy(update={"tests": (found,)})), "draws", kind)
    values, observed = np.array(found.draws.values), found.statistic.value
    (x, _), (same, _) = plot.line("observed")
    scale = abs(plot.along(plot.width) - plot.along(0)) / plot.width  # of a pixel
    assert x == same and plot.along(x) == pytest.approx(observed, abs=0.1 * scale)
    assert any(label.startswith(f"observed {observed:.2f}") for label in plot.labels)
    drawn = {part: plot.shapes(part) for part in ("bars", "extreme")}
    for bar in (*drawn["bars"], *drawn["extreme"]):
        count, low, high = plot.upright(bar[1][1]), plot.along(bar[0][0]), plot.along(bar[2][0])
        # Edges are read off with an error of a part of a pixel, so a draw next to one may count on either side.
        assert count == pytest.approx(round(count), abs=0.3) and plot.upright(bar[0][1]) == 0
        assert sum((values >= low + 0.1 * scale) & (values < high - 0.1 * scale)) <= round(count)
        assert round(count) <= sum((values >= low - 0.1 * scale) & (values < high + 0.1 * scale))
    assert sum(round(plot.upright(bar[1][1])) for bar in drawn["extreme"]) == sum(values >= observed)
    rows = plot.rows()
    assert sum(int(row[1]) for row in rows) == len(values)
    assert sum("at least as extreme" in row[0] for row in rows) == len(drawn["extreme"])
    assert [int(row[1]) for row in rows] == [
        round(plot.upright(bar[1][1])) for bar in sorted((*drawn["bars"], *drawn["extreme"]))
    ]


def test_more_draws_than_are_shown_are_counted() -> None:
    assert "Shown are the first 999 of 2,000." in text_of(factory.ordered())
    assert "Shown are the first" not in text_of(factory.untouched())


@given(
    st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=60),
    st.floats(-1e5, 1e5),
)
@example([10.0, -5e-324], 0.0)
def test_no_draw_is_lost_and_nothing_leaves_the_picture(values: list[float], observed: float) -> None:
    test = factory.exact_test(
        statistic=Statistic(name="x", value=observed, unit=""),
        draws=Draws(count=len(values), exceeding=0, seed="1", values=tuple(values)),
    )
    drawn = histogram(test)
    assert drawn
    assert sum(bar.count for bar in drawn.bars) == len(values)
    assert sum(bar.count for bar in drawn.bars if bar.extreme) == sum(value >= observed for value in values)
    assert 1 <= len(drawn.bars) <= 130
    assert drawn.low <= drawn.bars[0].low and drawn.bars[-1].high <= drawn.high and drawn.low < observed < drawn.high
    for bar in drawn.bars:
        assert (bar.high - bar.low) / (drawn.high - drawn.low) > 0.005


@pytest.mark.parametrize("values", [(0.0,) * 9, (5.0,), (-48213.74,) * 99, (1e6, 1e6)])
def test_draws_that_are_all_alike_are_drawn(values: tuple[float, ...]) -> None:
    found = Draws(count=len(values), exceeding=0, seed="1", values=values)
    same = factory.exact_test(draws=found, statistic=Statistic(name="x", value=values[0], unit="nats"))
    drawn = histogram(same)
    assert drawn and [bar.count for bar in drawn.bars] == [len(values)]
    figure = draws(same)
    assert figure and len(re.findall(r'class="along', figure.drawn[0].svg)) >= 2


def test_without_draws_or_statistic_there_is_no_picture() -> None:
    nothing = Draws(count=10**6, exceeding=3, seed="7")
    assert histogram(factory.exact_test()) is None
    assert histogram(factory.exact_test(draws=nothing)) is None
    assert histogram(factory.exact_test(draws=nothing.model_copy(update={"values": (1.0,)}), statistic=None)) is None
    text = text_of(factory.ordered().model_copy(update={"tests": (factory.exact_test(draws=nothing),)}))
    assert "3 of 1,000,000 draws at least as extreme, seed 7" in text and "The draws as a table" not in text


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_areas_are_drawn_where_they_are_and_chance_is_marked(kind: str) -> None:
    found = factory.shifted()
    page = page_of(found)
    assert found.gate and found.gate.auc
    scores = [(one.auc, one.control, one.other_model) for one in found.separations]
    for name, expected in (("gate", [(found.gate.auc, None, None)]), ("areas", scores)):
        plot = Plot(page, name, kind)
        assert plot.along(plot.line("chance")[0][0]) == pytest.approx(0.5, abs=1e-3)
        for sign, areas in zip(("score", "control", "other"), zip(*expected, strict=True), strict=True):
            there = [area for area in areas if area]
            reach, value = plot.shapes(f"reach.{sign}"), plot.shapes(f"value.{sign}")
            assert len(reach) == len(value) == len(there)
            for area, ((low, y), (high, same)), mark in zip(there, reach, value, strict=True):
                ats, heights = np.array(mark).T
                assert y == same == pytest.approx((min(heights) + max(heights)) / 2, abs=0.1)
                places = (low, (min(ats) + max(ats)) / 2, high)
                assert list(map(plot.along, places)) == pytest.approx([area.lower, area.value, area.upper], abs=1e-3)
    plot = Plot(page, "areas", kind)
    assert plot.rows()[0] == ["DC-PDD", "0.710 [0.649, 0.768]", "0.487 [0.410, 0.561]", "0.660 [0.590, 0.720]"]
    assert [label for label in plot.labels if label in {one.title for one in found.separations}] == [
        one.title for one in found.separations
    ]


def test_every_number_of_a_score_is_in_its_row() -> None:
    text = text_of(factory.shifted())
    assert "TPR at 1 % FPR TPR at 0.1 % FPR control AUC other model AUC" in text
    assert (
        "DC-PDD AUD301 dc-pdd 0.710 0.649 to 0.768 0.0004 0.0024 7/30 4.0 % to 31.0 % 0/30 0.0 % to 11.6 % "
        "0.487 0.410 to 0.561 0.660 0.590 to 0.720" in text
    )
    assert (
        "Reference ratio AUD303 reference-ratio 0.555 0.494 to 0.613 0.097 0.097 2/30 4.0 % to 31.0 % – "
        "0.517 0.440 to 0.591 –" in text
    )
    assert "Score seen once seen 4 times seen 16 times DC-PDD 0.590 0.500 to 0.670 0.740 0.650 to 0.820 0.890" in text


def test_what_was_not_computed_has_no_column() -> None:
    bare = tuple(
        one.model_copy(update={"auc": None, "rates": (), "control": None, "other_model": None, "groups": (), "p_value": None})
        for one in factory.shifted().separations
    )
    page = page_of(factory.shifted().model_copy(update={"separations": bare}))
    assert 'class="chart gate wide"' in page and 'class="chart areas' not in page
    text = words(page)
    assert "TPR at" not in text and "control AUC" not in text and "known group" not in text
    assert "DC-PDD AUD301 dc-pdd – – 0.0024" in text


def test_the_gate_says_what_gave_it_away() -> None:
    text = text_of(factory.shifted())
    assert "AUD300 Can the texts be told apart without the model? ≠ Shifted AUC 0.964 [0.931, 0.987]" in text
    assert f"Rule {factory.RULE} Documents 30 suspect, 30 held-out" in text
    assert "year 2025 held-out 0 1.733" in text and "characters suspect 5321 3878" in text


@pytest.mark.parametrize(
    ("outcome", "said", "folded"),
    [("shifted", "≠ Shifted", True), ("too_few", "– Too few texts to tell", True), ("no_difference_found", "○ No diff", False)],
)
def test_scores_are_folded_unless_the_gate_lets_them_pass(outcome: str, said: str, folded: bool) -> None:
    found = factory.shifted()
    assert found.gate
    gate = found.gate.model_copy(update={"outcome": outcome, "auc": None, "features": ()})
    found = found.model_copy(update={"gate": gate})
    page = page_of(found)
    assert said in words(page) and said in terminal_words(factory.membership_report(found))
    assert len(Plot(page, "areas").rows()) == len(found.separations)
    assert ('<details class="aside">' in page) == folded
    for text in (words(page), terminal_words(factory.membership_report(found))):
        assert ("Scores, for the record: no verdict rests on them" in text) == folded
    if folded:
        inside = page[page.index('<details class="aside">') : page.rindex("</details>")]
        assert 'id="membership-scores"' in inside and 'id="membership-screening"' in inside


def ranked(page: str) -> list[list[str]]:
    rows = re.findall(r'<tr><td class="number">[\d,]+</td><th scope="row"><bdi>.*?</tr>', page)
    return [[re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows]


def test_the_texts_come_in_order_with_all_their_numbers() -> None:
    found = factory.shifted()
    page = page_of(found)
    rows = ranked(page)
    assert len(rows) == 60 + FIRST
    for place, (row, text) in enumerate(zip(rows[:60], found.texts, strict=True), start=1):
        tokens = f"{text.tokens:,}{'+' if text.truncated else ''}"
        assert row[:4] == [str(place), text.name, text.side.replace("_", "-"), tokens]
        assert [number(cell) for cell in row[4:10]] == pytest.approx(list(text.scores.values()), rel=0.02, abs=6e-4)
        assert row[10] == f"{100 * text.saturation:.0f}\N{NO-BREAK SPACE}%"
    for row, text in zip(rows[60:], found.texts, strict=False):
        assert row[1] == text.name
        assert [number(cell) for cell in row[3:]] == pytest.approx(list(text.variants.values()), rel=0.01, abs=1e-4)
    assert "The next 10 texts" in page and page.count('<details class="rest">') == 2
    assert '<th scope="col" class="number">DC-PDD</th>' in page and "dc-pdd, cap 0.001" in page


def test_a_score_that_a_text_lacks_is_a_dash() -> None:
    found = factory.shifted()
    bare = found.texts[0].model_copy(update={"scores": {"loss": -2.0, "mine": 0.0}, "saturation": None, "variants": {}})
    row = ranked(page_of(found.model_copy(update={"texts": (*found.texts[1:], bare)})))[59]
    assert row[4:] == [*("–", "–", "–", "−2.000", "–", "–"), "0", "–"]


def test_a_long_ranking_is_cut_and_says_so() -> None:
    page = page_of(factory.shifted().model_copy(update={"texts": factory.screened(MOST + 234)}))
    assert len(ranked(page)) == MOST + FIRST
    assert "234 more texts: the JSON report has all of them." in words(page)
    assert "the JSON report has" not in text_of(factory.shifted())
    assert "The next" not in text_of(factory.shifted(texts=FIRST))


def test_nothing_is_said_of_what_was_not_run() -> None:
    page = page_of(factory.untouched())
    text = words(page)
    assert Skeleton(page).elements.count(("article", ("id", "class", "aria-labelledby"))) == 1
    for word in ("Detectors", "Population", "AUD300", "Screening", "Notes on", "0 documents", "Overview", "None"):
        assert word not in text
    assert "<title>Was this data in the training set? – llm-audit</title>" in page
    assert "Non-members not stated" in text_of(factory.untouched().model_copy(update={"provenance": ""}))


def test_ids_are_unique_and_pictures_are_named() -> None:
    found = factory.shifted().model_copy(update={"tests": factory.ordered().tests})
    page = page_of(found)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    named = re.findall(r'<svg class="[^"]*" role="img" aria-labelledby="([^"]+)" aria-describedby="([^"]+)"', page)
    assert len(named) == len(parsed(page).find_all("svg")) == 2 * 6
    assert {name for names in named for name in names} <= set(ids)
    labelled = re.findall(r'aria-labelledby="([^" ]+)"', page)
    assert set(labelled) <= set(ids)


def test_it_loads_nothing() -> None:
    page = page_of(factory.shifted())
    assert not re.search(r"https?:|//\w|url\(|@import|<script", page)


def test_other_reports_carry_nothing_of_this() -> None:
    assert "member" not in render_html(factory.report()) + render_html(factory.attribution_report())


@pytest.mark.parametrize("made", [factory.ordered, factory.untouched, factory.shifted])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_terminal(made: Any, width: int) -> None:
    assert max(cell_len(line) for line in printed(factory.membership_report(made()), width).splitlines()) <= width


def test_the_terminal_has_the_verdict_the_gate_and_the_scores_at_60_columns() -> None:
    text = printed(factory.membership_report(factory.shifted()), 60)
    assert "\x1b" not in text
    in_order(
        " ".join(text.split()),
        *("– Not assessable Were the articles", "nothing follows from the scores.", "neither passed nor failed"),
        *("No single text is called a member", "30 suspect, 30 held-out.", factory.ARCHIVE),
        "AUD300 Texts without the model: ≠ Shifted AUC 0.964 [0.931, 0.987]",
        *("What gave it away: year 2025, word “tariffs”, characters", "Scores, for the record: no verdict rests on them"),
        "Texts, most member-like first, 10 of 60:",
        *("Note: 2 held-out articles", "What this does not prove", "61 inputs: 60 judged"),
    )
    assert re.search(r"^  DC-PDD +0\.71 \[0\.65, 0\.77\]  0\.0004  0\.0024 +7/30$", text, re.M)
    assert len(re.findall(r"^ +\d+  (?:suspect |held-out) ", text, re.M)) == 10
    assert re.search(r"^ +4  suspect +2,048\+  0\.02015  articles\.jsonl:52", text, re.M)


def test_the_terminal_has_each_test_with_its_floor_and_its_effect() -> None:
    text = terminal_words(factory.membership_report(), width=60)
    in_order(
        text,
        *("▲ Finding Was the collection", "AUD311 Canonical order: ▲ Finding"),
        *("p = 0.01, the smallest this test can give (α = 0.01)", "Effect: gain over random orders 0.0127 nats per token"),
        *("Null hypothesis: The rows", "1,000 independent units; 0 of 99 draws at least as extreme, seed order/20251121"),
        *("AUD312", "◇ Inconclusive", "p = 0.011 (α = 0.01) Smallest possible p: 0.0005", "Note: 1 of 1,001 lines"),
    )
    assert "^ Finding" in in_ascii(factory.membership_report()) and "o No finding" in in_ascii(factory.untouched_report())


def test_scores_pass_where_the_gate_finds_no_difference() -> None:
    found = passing_gate(factory.shifted())
    assert "◇ Inconclusive" in text_of(found) and "○ No difference found" in text_of(found)
    assert "\n  Scores\n" in re.sub(" +\n", "\n", printed(factory.membership_report(found), 60))


@pytest.mark.parametrize(
    "where",
    [
        *((), ("gate",), ("gate", "auc"), ("gate", "features", 0), ("separations", 0), ("separations", 0, "rates", 0)),
        *(("separations", 0, "groups", 0, 1), ("texts", 0), ("facts", 0), ("tests", 0, "effect"), ("tests", 0, "draws")),
    ],
)
def test_the_schema_is_closed_and_complete(where: tuple[Any, ...]) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(json_schema()))
    found = factory.shifted().model_copy(update={"tests": factory.ordered().tests})
    data = json.loads(render_json(factory.membership_report(found)))
    place = data["subjects"][0]
    for key in where:
        place = place[key]
    place["surprise"] = 1
    assert not validator.is_valid(data)
    del place["surprise"]
    assert validator.is_valid(data)
    place.pop(next(iter(place)))
    assert not validator.is_valid(data)


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("separations", 0, "groups", 0), ["seen once"]),
        (("separations", 0, "groups", 0), [1, {"value": 0.5, "lower": 0.4, "upper": 0.6}]),
        (("texts", 0, "scores", "loss"), "high"),
        (("texts", 0, "side"), "member"),
        (("gate", "outcome"), "fine"),
        (("unit",), "sentence"),
    ],
)
def test_the_schema_knows_pairs_and_scores(where: tuple[Any, ...], wrong: Any) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(json_schema()))
    data = json.loads(render_json(factory.shifted_report()))
    *path, last = where
    place = data["subjects"][0]
    for key in path:
        place = place[key]
    place[last], right = wrong, place[last]
    assert not validator.is_valid(data)
    place[last] = right
    assert validator.is_valid(data)
