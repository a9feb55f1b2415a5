"""Sets of candidates, and the sentence about the whole text."""

from __future__ import annotations

import numpy as np
import pytest

from llm_audit.detectors.attribution.sets import of_text
from llm_audit.reports.wording.attribution import summary
from llm_audit.results import Attribution, Authorship, SetAttribution, Verdict
from tests.detectors.attribution.world import author, draw, judged_document, laws, scores, text

AUTHORS = [author("ours-1", "sanctioned"), author("ours-2", "sanctioned"), author("theirs", "other")]


def judged(
    writer: int, *, close: bool = False, human: float = 0.001, broken: int | None = None
) -> tuple[list[Attribution], list[SetAttribution]]:
    """A text by one of three models, the two sanctioned ones almost the same if `close`; by none of them for writer 3."""
    rng = np.random.default_rng(writer)
    models = [laws(rng) for _ in range(4)]
    if close:
        models[1] = models[0] + 0.05 * rng.standard_normal(models[0].shape)
    tokens = draw(models[writer], rng)
    found = ["It does not load." if i == broken else scores(models[i], tokens) for i in range(3)]
    document = judged_document(text(AUTHORS, found, human), "", 0.01)
    return list(document.attributions), list(document.sets)


def test_a_text_of_a_sanctioned_model() -> None:
    each, (ours, theirs) = judged(1)
    assert [one.verdict for one in each] == ["not_written_by", "written_by", "not_written_by"]
    assert (ours.verdict, theirs.verdict) == ("written_by", "not_written_by")
    assert ours.members == ("ours-1", "ours-2") and ours.null == "One of the sanctioned models wrote the text."
    assert of_text(each, [ours, theirs]) is Verdict.PASS
    assert summary(each, [ours, theirs]).startswith(
        "A sanctioned model wrote it, as far as the named candidates go. Of the named candidates only ours-2"
    )


def test_a_text_of_one_of_two_sanctioned_models_that_are_alike() -> None:
    each, (ours, _) = judged(0, close=True)
    assert {one.verdict for one in each[:2]} == {Authorship.UNDECIDED}
    assert ours.verdict is Authorship.WRITTEN_BY
    assert "every candidate outside the set is" in ours.reason
    assert judged(0, close=True, human=0.3)[1][0].verdict is Authorship.UNDECIDED


@pytest.mark.parametrize("writer", [2, 3])
def test_a_text_of_no_sanctioned_model_is_a_finding(writer: int) -> None:
    each, sets = judged(writer)
    assert sets[0].verdict is Authorship.NOT_WRITTEN_BY
    assert sets[0].p_value == max(one.p_value or 0 for one in each[:2])
    assert of_text(each, sets) is Verdict.FINDING
    sentence = summary(each, sets)
    assert sentence.startswith("No sanctioned model wrote it under the stated conditions.")
    assert "human" not in sentence


def test_the_e_value_of_a_set_is_below_that_of_each_member() -> None:
    each, (ours, _) = judged(2)
    members = [test.e_value for one in each[:2] for test in one.tests if test.rule == "AUD204"]
    assert ours.e_value is not None
    assert ours.e_value == pytest.approx(min(e for e in members if e is not None), rel=1e-3)


def test_a_set_with_an_untested_member_is_not_refuted() -> None:
    each, (ours, _) = judged(2, broken=0)
    assert ours.verdict is Authorship.NOT_ASSESSABLE
    assert "ours-1 could not be tested. It does not load." in ours.reason
    assert of_text(each, [ours]) is Verdict.NOT_ASSESSABLE


def test_a_set_is_not_attributed_while_someone_outside_is_untested() -> None:
    _, (ours, theirs) = judged(0, broken=2)
    assert ours.verdict is Authorship.UNDECIDED
    assert theirs.verdict is Authorship.NOT_ASSESSABLE


def test_sentences_without_sets() -> None:
    each, _ = judged(1)
    assert summary(each[:1], []).startswith("Not written by any of the candidates")
    undecided = each[1].model_copy(update={"verdict": Authorship.UNDECIDED})
    candidates = [undecided, each[0], each[2]]
    assert of_text(candidates, []) is Verdict.INCONCLUSIVE
    assert summary(candidates, []) == (
        "Undecided: ours-2 cannot be ruled out. Not written by ours-1 and theirs under the stated conditions."
    )
    lost = each[1].model_copy(update={"verdict": Authorship.NOT_ASSESSABLE, "reason": "Why."})
    assert of_text([lost], []) is Verdict.NOT_ASSESSABLE
    assert summary([lost], []) == "Not assessable. Why."
