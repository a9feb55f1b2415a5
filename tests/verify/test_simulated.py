"""Reports of random audits are never refused, through the JSON that is written: 48 of them, and 200 in the slow tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from llm_audit.detectors import find, judging, populations
from llm_audit.detectors.membership import blind_baseline, canary, identifier, order, paired, run
from llm_audit.detectors.membership.canary import Secret
from llm_audit.detectors.membership.collection import Item
from llm_audit.detectors.membership.paired import Pair
from llm_audit.detectors.origin import run as origin
from llm_audit.detectors.populations import Population
from llm_audit.detectors.registry import conclude, described
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.substitution import (
    border_inputs,
    border_tracking,
    exceedance,
    log_odds,
    rank_uniformity,
    teacher_forced,
    two_samples,
)
from llm_audit.detectors.substitution.reference import LOCAL
from llm_audit.endpoints.journal import FACTS, REQUESTS, TOKENS
from llm_audit.reports.formats.json import render as render_json
from llm_audit.reports.wording import limits as wording
from llm_audit.reports.wording.substitution import FIXED, MULTIPLICITY, QUESTIONS, TRUSTED, answers
from llm_audit.results import (
    Conditions,
    Cost,
    Coverage,
    Document,
    Fact,
    Membership,
    ModelIdentity,
    Report,
    Result,
    Served,
    Substitution,
    Verdict,
)
from llm_audit.results.substitution_evidence import BorderInput, BorderInputs, Exceedance, LogOdds, TurningPoint
from llm_audit.scoring.tokens import Decoding
from llm_audit.setup.manifest import collect, seeds_of
from llm_audit.testing import sample_scores
from llm_audit.text import RawText, normalise
from llm_audit.verification import verify
from tests.detectors.attribution.world import author, draw, judged_document, laws, scores
from tests.detectors.attribution.world import text as text_of
from tests.detectors.laws import judge
from tests.detectors.membership.readers import Reader
from tests.detectors.origin.reading import windows
from tests.detectors.populations.test_population import datasheet

DETECTORS = [detector for detector in find(()) if not detector.hidden_layers]
EACH = pytest.mark.parametrize("each", [12, pytest.param(50, marks=pytest.mark.slow)])
"""How many reports of each kind."""


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Population:
    rng = np.random.default_rng(0)
    return populations.build(datasheet(target_n=50), [sample_scores(128, rng, vocabulary=12) for _ in range(99)], DETECTORS)


def refused(report: Report) -> list[object]:
    ledger, _ = verify(render_json(report).encode(), Path("/nonexistent"))
    return [*ledger.mismatches, *ledger.unchecked]


def about(alpha: float, population: Population | None = None, **found: object) -> Report:
    documents = found.pop("documents", ())
    audits = [found.pop(name) for name in ("membership", "substitution") if name in found]
    tested = [test.rule for audit in audits for test in audit.tests]  # type: ignore[attr-defined]  # a subject
    rules = [each.code for each in DETECTORS] if population else sorted(set(tested))
    manifest = collect(None, alpha=alpha, rules=rules, population=population)
    if documents:
        people = {} if population else {"population": "people", "population_digest": "0" * 64}
        manifest = manifest.model_copy(update={"model": ModelIdentity(name="m", digest="0" * 64, dtype="float32"), **people})
    asked = {"collection": wording.MEMBERSHIP, "endpoint": wording.SUBSTITUTION}
    question = asked[audits[0].kind] if audits else wording.ORIGIN  # type: ignore[attr-defined]  # a subject
    made = Report.model_validate(
        {
            "question": question,
            "manifest": manifest,
            "coverage": Coverage.of(documents) if documents else evidence_free(),
            "subjects": (*documents, *audits),  # type: ignore[misc]  # tuples
            "limits": (),
            **found,
        }
    )
    named = [tested.model for text in made.documents for tested in text.attributions if tested.model]
    models = tuple(model for at, model in enumerate(named) if model not in named[:at])
    manifest = manifest.model_copy(update={"seeds": seeds_of(made), "further_models": models})
    made = made.model_copy(update={"manifest": manifest})
    return wording.with_limits(made, described)


def evidence_free() -> dict[str, int]:
    return {"found": 0, "scored": 0, "not_assessable": 0, "unreadable": 0}


@EACH
def test_random_texts(each: int, population: Population, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path))
    populations.save(population)
    rng = np.random.default_rng(1)
    for _ in range(each):
        scored = [sample_scores(int(rng.integers(40, 140)), rng, vocabulary=int(rng.integers(5, 20))) for _ in range(3)]
        raw = RawText("a.txt", "0" * 64, "utf-8", "word " * 2000, 10_000)
        alpha = float(rng.choice([0.001, 0.01, 0.05, 0.2]))
        settings = judging.Settings(alpha=alpha, detectors=DETECTORS, population=population)
        prepared = raw, normalise(raw.text), "en"
        judged = [origin.judge(prepared, windows(scores, settings), settings) for scores in scored]
        found = [inspected(document, raw.text) for document in judged]
        assert refused(about(alpha, population, documents=tuple(found))) == []


def inspected(document: Document, text: str) -> Document:
    """The document with what the integrity rules say of its text."""
    raw = RawText(document.name, document.sha256 or "", "utf-8", text, len(text))
    return judging.inspect(raw, judging.find_rules()).added_to(document)


@EACH
def test_random_candidates(each: int) -> None:
    rng = np.random.default_rng(2)
    for _ in range(each):
        models = [laws(rng) for _ in range(3)]
        tokens = draw(models[0], rng, Decoding(top_k=3))
        decodings = [(Decoding(),), (Decoding(top_k=3), Decoding()), (Decoding(temperature=0.5), Decoding())]
        names = ["a", "b@top_k=3", "c@temperature=0.5|1"]
        found = text_of(
            [author(name, role) for name, role in zip(names, ("sanctioned", "other", "other"), strict=True)],
            [scores(logits, tokens, its) for logits, its in zip(models, decodings, strict=True)],
        )
        alpha = float(rng.choice([0.001, 0.01, 0.2]))
        document = inspected(judged_document(found, "", alpha), "word ")
        mismatches = [one for one in refused(about(alpha, documents=(document,))) if ".combined" not in str(one)]
        assert mismatches == []


@EACH
def test_random_collections(each: int) -> None:
    versions = None  # what the texts of the first ones say, beside all: it takes longer than all the rest
    for seed in range(each):
        rng, alpha = np.random.default_rng(seed), 0.05
        reader = Reader(seed)
        rows = [f"row {number} {rng.integers(10**9)}" for number in range(12)]
        pairs = [Pair(f"public {rng.integers(10**9)}", (f"private {rng.integers(10**9)}",), str(n // 2)) for n in range(24)]
        secrets = [Secret(f"{seed} {n}", 99 + n, 64, "", "2026-01-01") for n in range(2)]
        ids = [Item(f"see {''.join(rng.choice(list('0123456789abcdef'), 40))}", f"{n}", f"{n}") for n in range(12)]
        alone = blind_baseline.derive(blind_baseline.of_order(rows, str(seed)), Terms(alpha))
        versions = versions or blind_baseline.derive(blind_baseline.of_versions(pairs, str(seed)), Terms(alpha))
        tests = [
            [alone, judge(order, reader, rows, draws=39, shards=1, alpha=alpha, seed=str(seed))],
            [alone, judge(order, reader, rows, draws=9, shards=2, alpha=alpha, seed=str(seed))],
            [of_seed(versions, str(seed)), judge(paired, reader, pairs, draws=999, alpha=alpha, seed=str(seed))],
            [judge(canary, reader, secrets[:1], alpha=alpha)],
            [judge(canary, reader, secrets, alpha=alpha)],
            [judge(identifier, reader, identifier.find(ids), draws=9, alpha=alpha, seed=str(seed))],
        ]
        for results in tests:
            assert refused(about(alpha, membership=concluded(results, alpha))) == []


def of_seed(test: Result, seed: str) -> Result:
    """The result as if its draws, of which counts are stored alone, had another seed."""
    assert test.draws is not None
    return test.model_copy(update={"draws": test.draws.model_copy(update={"seed": seed})})


def concluded(tests: Sequence[Result], alpha: float) -> Membership:
    """The collection of these tests, whose conditions hold the seed of their draws and, for identifiers, what was looked in."""
    (*_, decided) = tests
    found = {"formats": (("MD5", 12),), "documents": 3} if decided.rule == identifier.rule.code else {}
    conditions = Conditions(seed=decided.draws.seed if decided.draws else None, **found)  # type: ignore[arg-type]  # its fields
    return run.concluded(alpha, tests=tuple(tests), provenance="", conditions=conditions)


def endpoint_of(tests: Sequence[Result], stated: dict[str, str], **fields: object) -> Substitution:
    """An endpoint with these results and these facts, of which nothing was asked."""
    none = dict.fromkeys(FACTS, "none") | {
        "Endpoint": "http://localhost/v1",
        "Model asked for": "m",
        "Requests": REQUESTS.write(requests=0, attempts=0),
        "Tokens": TOKENS.write(prompts=0, answers=0),
    }
    return Substitution.model_validate(
        {
            "verdict": Verdict.ERROR,
            "served": Served.NOT_MEASURED,
            "summary": "",
            "claim": "?",
            "endpoint": "http://localhost/v1",
            "model": "m",
            "tests": tuple(tests),
            "cost": Cost(requests=0, attempts=0, prompt_tokens=0, completion_tokens=0),
            "facts": tuple(Fact(name=name, value=value) for name, value in (stated | none).items()),
            **fields,
        }
    )


@EACH
def test_random_endpoints(each: int) -> None:
    for seed in range(each):
        rng, terms = np.random.default_rng(seed), Terms(0.01)
        precisions = ("f32", "bf16")
        endpoint = {name: rng.exponential(rng.choice([1.0, 3.0]), 20) for name in precisions}
        null = {name: rng.exponential(1.0, 60) for name in precisions}
        names = tuple(f"question {n}" for n in range(20))
        missing = int(rng.integers(0, 4))
        found = teacher_forced.Distances(LOCAL, "distance", "nats", endpoint, null, names, missing, 24)
        first = teacher_forced.derive(teacher_forced.measure(found, str(seed)), terms)
        tests = (
            first,
            exceedance.derive(Measurement(Exceedance()), Terms(0.01, beside=(first,))),
            rank_uniformity.derive(rank_uniformity.measure(rng.normal(size=15), rng.normal(size=(15, 10)), str(seed)), terms),
            two_samples.derive(two_samples.measure(written(rng), written(rng), str(seed), LOCAL, 199), terms),
            border_inputs.derive(Measurement(borders(rng, precisions)), terms),
            log_odds.derive(Measurement(odds(rng, precisions)), terms),
        )
        stated = {
            FIXED: "alpha: 0.01",
            TRUSTED.write(at=1): "the reference",
            "Questions": QUESTIONS.write(audited=20, honest=60, cut=0, digest="ab12"),
            "Multiplicity": MULTIPLICITY,
            "Seed": str(seed),
        }
        allowed = tuple(f"the reference, {name}" for name in precisions)
        subject = endpoint_of(tests, stated, allowed=allowed, reference="the reference")
        assert refused(about(0.01, substitution=conclude("substitution", subject, terms))) == []


@EACH
def test_random_watches(each: int) -> None:
    for seed in range(each):
        rng = np.random.default_rng(seed)
        before, after = (
            [rng.choice(list("abc"), 12, p=(0.5, 0.5 - rare, rare)).tolist() for _ in range(6)]
            for rare in (0.1, float(rng.choice([0.1, 0.4])))
        )
        test = border_tracking.derive(border_tracking.measure(before, after, str(seed)), Terms(0.01))
        taken = {"since": "1 May 2026", "allowed": ("the endpoint as of 1 May 2026",)}
        subject = endpoint_of((test,), {"Answers": answers(72, 72, 6)}, **taken)
        assert refused(about(0.01, substitution=conclude("substitution", subject, Terms(0.01)))) == []
        wrong = subject.model_copy(update={"facts": (Fact(name="Answers", value=answers(72, 71, 6)), *subject.facts[1:])})
        assert refused(about(0.01, substitution=conclude("substitution", wrong, Terms(0.01)))) != []


def borders(rng: np.random.Generator, variants: tuple[str, ...]) -> BorderInputs:
    pairs = [(0.4 + each, 0.5 - each) for each in rng.uniform(0, 0.1, 8)]
    counts = [rng.multinomial(9, (p, q, 1 - p - q)).tolist() for p, q in pairs]
    inputs = [
        BorderInput(tokens=("a", "b"), told=9, first=first, second=second, expected=(pair,) * len(variants))
        for (first, second, _), pair in zip(counts, pairs, strict=True)
    ]
    return BorderInputs(seed="1", asked=72 + int(rng.integers(9)), variants=variants, inputs=tuple(inputs))


def odds(rng: np.random.Generator, variants: tuple[str, ...]) -> LogOdds:
    reference = rng.uniform(0, 4, (40, 1)) + 0.02 * rng.standard_normal((40, len(variants)))
    served = reference[:10, 0] + rng.choice([0.0, 0.2]) * rng.standard_normal(10)
    found = log_odds.bisect(log_odds.centred(reference[:10, 0]), lambda step, biases: biases >= served)
    points = [
        TurningPoint(lower=lower, upper=upper, expected=tuple(expected))
        for lower, upper, expected in zip(*(column.tolist() for column in (*found, reference[:10])), strict=True)
    ]
    own = tuple(map(tuple, reference[10:].tolist()))
    obeyed = int(rng.choice([4, 5]))
    return LogOdds(seed="1", asked=75, forced=5, obeyed=obeyed, variants=variants, points=tuple(points), honest=own)


def written(rng: np.random.Generator) -> list[tuple[str, str]]:
    return [(f"p{i}", "".join(rng.choice(list("abc"), 12))) for i in range(6) for _ in range(3)]
