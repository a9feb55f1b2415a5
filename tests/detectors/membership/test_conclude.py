"""From results to the verdict about a collection: sentences, and nothing that can be forged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from llm_audit.detectors.membership import (
    blind_baseline,
    blind_classifier,
    canary,
    dataset,
    identifier,
    order,
    paired,
    run,
    screen,
)
from llm_audit.detectors.membership.collection import collect
from llm_audit.detectors.registry import conclude
from llm_audit.detectors.rule import NotDerivable, Terms
from llm_audit.results import Gate, Interval, Membership, Screened, Separation, Verdict
from tests.detectors.laws import judge, unnoticed, verified
from tests.detectors.membership.readers import Reader
from tests.detectors.membership.test_dataset import items
from tests.detectors.membership.test_identifier import documents
from tests.detectors.membership.test_order import rows
from tests.detectors.membership.test_paired import pairs

ALPHA = 0.01
TERMS = Terms(ALPHA)
NO_DIFFERENCE = blind_classifier.derived(
    Gate(
        outcome="shifted", rule="", reason="", auc=Interval(value=0.51, lower=0, upper=1), n_suspect=60, n_held_out=60,
        chance=(0.4, 0.6),
    )
)  # fmt: skip
SHIFTED = blind_classifier.derived(NO_DIFFERENCE.model_copy(update={"auc": Interval(value=0.9, lower=0, upper=1)}))
TOO_FEW = blind_classifier.derived(NO_DIFFERENCE.model_copy(update={"auc": None, "n_suspect": 7}))


def concluded(*tests: object, **more: object) -> Membership:
    return run.concluded(ALPHA, tests=tests, provenance="", **more)


def of_order(shards: int, *, sorted_: bool = False) -> Membership:
    texts = rows(np.random.default_rng(4), 40)
    texts = sorted(texts) if sorted_ else texts
    alone = blind_baseline.derive(blind_baseline.of_order(texts, "x"), TERMS)
    draws = 99 if shards == 1 else 19
    return concluded(alone, judge(order, Reader(), texts, draws=draws, shards=shards, alpha=ALPHA, seed="x"))


def of_versions(gain: float) -> Membership:
    items_ = pairs(np.random.default_rng(1))
    reader = Reader(seen=[item.public for item in items_], gain=gain)
    alone = blind_baseline.derive(blind_baseline.of_versions(items_, "x"), TERMS)
    return concluded(alone, judge(paired, reader, items_, draws=999, alpha=ALPHA, seed="x"))


def test_where_nothing_is_stated_no_p_value_decides_and_earlier_reports_keep_their_verdict() -> None:
    tests = of_order(1).tests
    early = concluded(*tests, unstated=True)
    assert early.verdict is Verdict.PASS
    now = concluded(*tests, unstated=True, undecided=True)
    assert now.verdict is Verdict.INCONCLUSIVE
    assert now.summary.startswith("Undecided: Not stated: nobody says that chance decided the order (--provenance)")
    assert concluded(*tests).verdict is Verdict.PASS


def of_canaries(count: int, siblings: int = 99) -> Membership:
    secrets = [canary.Secret(f"{number}", siblings, 16, "", "") for number in range(count)]
    return concluded(judge(canary, Reader(), secrets, alpha=ALPHA))


def of_dataset(gate: Gate, *, stated: bool) -> Membership:
    rng = np.random.default_rng(2)
    suspects, held_out = collect(items(rng, 60, "s")), collect(items(rng, 60, "h"))
    seen = Reader(seen=[item.text for item in suspects.items], gain=0.7)
    result = judge(dataset, seen, suspects, held_out, draws=999, alpha=ALPHA, seed="x")
    return concluded(result, gate=gate, unstated=None if stated else True)


def of_scores(
    difference: float, *, gate: Gate | None = NO_DIFFERENCE, stated: bool = True, control: bool = False
) -> Membership:
    """Two scores of 120 texts, 2 a document; the first score of suspects is so much higher."""
    rng, texts = np.random.default_rng(5), []
    for place in range(120 if gate else 60):
        suspect = place < 60
        scores = {"loss": rng.normal() + difference * suspect, "zlib": rng.normal()}
        texts.append(
            Screened(
                name=f"{place}", side="suspect" if suspect else "held_out", tokens=9, truncated=False, scores=scores,
                place=place, unit=place // 2, control=scores if control else {},
            )
        )  # fmt: skip
    named = (("AUD303", "loss", "Likelihood"), ("AUD303", "zlib", "Likelihood per byte"))
    separations = tuple(Separation(rule=rule, score=name, title=title, auc=None) for rule, name, title in named)
    subject = Membership(
        verdict=Verdict.ERROR, summary="", claim="?", unit="collection", n_suspect=0, n_held_out=0, provenance="", gate=gate,
        separations=separations if gate else (), texts=tuple(texts), seed="x" if gate else None,
        **run.unstated(stated),
    )  # fmt: skip
    found: Membership = conclude("membership", subject, TERMS)
    return found


def test_scores_alike_of_unknown_origin_stay_a_pass_in_earlier_reports() -> None:
    early = of_scores(0.0, stated=False).model_copy(update={"undecided": None})
    assert conclude("membership", early, TERMS).verdict is Verdict.PASS


def of_baseline(gate: Gate) -> Membership:
    subject = Membership(
        verdict=Verdict.ERROR, summary="", claim="?", unit="collection", n_suspect=60, n_held_out=60, provenance="", gate=gate
    )
    found: Membership = conclude("membership", subject, TERMS)
    return found


CASES = {
    "order": (lambda: of_order(1), "No evidence that the model was trained on this data. "),
    "shards": (lambda: of_order(4), "No evidence that the model was trained on this data. In 4 shards, "),
    "sorted": (lambda: of_order(1, sorted_=True), "Not assessable: Without any model, the strongest sign of an order is place"),
    "versions": (lambda: of_versions(0.8), "Evidence that the model was trained on this data, if a coin chose the published"),
    "canary": (lambda: of_canaries(1), "No evidence that the model was trained on this data. Unpublished siblings at least"),
    "canaries": (lambda: of_canaries(3), "No evidence that the model was trained on this data. Unpublished siblings at least"),
    "canary that cannot decide": (lambda: of_canaries(1, 19), "Undecided. Unpublished siblings at least as likely as"),
    "identifier": (
        lambda: concluded(
            judge(identifier, Reader(), identifier.find(documents(np.random.default_rng(2))), draws=19, alpha=ALPHA, seed="x")
        ),
        "No evidence that the model was trained on this data. ",
    ),
    "dataset": (
        lambda: of_dataset(NO_DIFFERENCE, stated=True),
        "Evidence that the model was trained on this data, if the two collections differ in nothing else. On 60 documents",
    ),
    "dataset of unknown origin": (
        lambda: of_dataset(NO_DIFFERENCE, stated=False),
        "Undecided: Not stated: nobody says how",
    ),
    "dataset that is shifted": (lambda: of_dataset(SHIFTED, stated=True), "Not assessable: The texts alone, without the model"),
    "scores": (lambda: of_scores(3.0), "Evidence that the model was trained on the suspect collection, if the two"),
    "scores of unknown origin": (lambda: of_scores(3.0, stated=False), "Undecided: Not stated: nobody says how"),
    "scores alike of unknown origin": (lambda: of_scores(0.0, stated=False), "Undecided: Not stated: nobody says how"),
    "scores of a control": (lambda: of_scores(3.0, control=True), "Not assessable: a model that cannot have seen the texts"),
    "scores alike": (lambda: of_scores(0.0), "No evidence that the model was trained on the suspect collection: "),
    "scores alone": (lambda: of_scores(0.0, gate=None), "Not assessable: there are no held-out texts"),
    "baseline": (lambda: of_baseline(NO_DIFFERENCE), "Scores of these texts can be compared: This classifier does not"),
    "too few": (lambda: of_baseline(TOO_FEW), "Not assessable: There are 7 suspect and 60 held-out documents"),
}


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    """Fewer draws: here it matters what follows from them, not how exact they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(screen, "DRAWS", 999)
        patch.setattr(screen, "RESAMPLES", 50)
        yield


@cache
def made(name: str) -> Membership:
    return CASES[name][0]()


@pytest.mark.parametrize("name", CASES)
def test_what_the_results_come_to(name: str) -> None:
    opening = CASES[name][1]
    assert made(name).summary[: len(opening)] == opening
    verdict = made(name).verdict
    assert (verdict is Verdict.FINDING) == opening.startswith("Evidence")
    assert (verdict is Verdict.NOT_ASSESSABLE) == opening.startswith("Not assessable")
    assert (verdict is Verdict.INCONCLUSIVE) == opening.startswith("Undecided")


@pytest.mark.parametrize("name", CASES)
def test_a_collection_is_found_again_from_what_is_stored_of_it(name: str) -> None:
    subject = Membership.model_validate_json(made(name).model_dump_json())
    assert verified(subject, ALPHA) == subject == made(name)


FREE = (".claim", ".provenance", ".facts", ".notes", ".unit", ".unstated", ".undecided")
"""What no result says: what was asked, and of which texts."""

COUNTS = (".n_suspect", ".n_held_out")
"""Of a test: how many units there were, which the command counts."""

MEASURED = (
    ".evidence", ".draws.values", ".draws.seed", "].n", "].name", "].tokens", "].group", "].unit", ".saturation", ".scores",
    ".control", ".title", ".features", ".gate.chance", ".gate.n_suspect", ".gate.n_held_out", ".seed",
)  # fmt: skip
"""What was measured: it follows from nothing else in the report."""

PARTLY = {
    "versions": (".tests[0].statistic.value", ".tests[0].effect.value"),
    "scores alone": (".gate", ".texts[::-1]"),
}
"""What cannot be computed again in single cases: of more than 999 draws a report holds the first ones."""


SLOW = ("shards", "canaries", "canary that cannot decide", "dataset of unknown origin", "dataset that is shifted")
"""Cases that differ from another one in numbers alone."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW))
        for name in CASES
        if not name.startswith("scores") or name in ("scores", "scores alone")
    ],
)
def test_another_number_verdict_or_order_is_noticed(name: str) -> None:
    free = (*FREE, *(COUNTS if not made(name).texts else ()), *PARTLY.get(name, ()))
    found = unnoticed(made(name), ALPHA, lambda place: place.startswith(free) or any(part in place for part in MEASURED))
    assert found == []


def test_an_early_report_says_only_in_its_verdict_that_nobody_knows_where_the_texts_are_from() -> None:
    early = made("dataset of unknown origin").model_copy(update={"unstated": None})
    assert conclude("membership", early, TERMS) == early


def test_what_an_early_report_does_not_store_is_named() -> None:
    unplaced = made("scores").model_copy(
        update={"texts": tuple(text.model_copy(update={"place": None}) for text in made("scores").texts)}
    )
    with pytest.raises(NotDerivable, match="of which document each text is"):
        conclude("membership", unplaced, TERMS)
    with pytest.raises(NotDerivable, match="between which AUCs chance lies"):
        conclude(
            "membership", of_baseline(SHIFTED).model_copy(update={"gate": SHIFTED.model_copy(update={"chance": None})}), TERMS
        )
