"""Realistic reports for tests: documents, candidates, collections, endpoints, and what was not judged. Numbers are made up."""

from __future__ import annotations

import math
import re
from itertools import islice
from typing import Any

import numpy as np

from llm_audit.results import (
    Attribution,
    Authorship,
    BaselineUse,
    Benchmark,
    Conditions,
    Corpus,
    Cost,
    Coverage,
    Discovery,
    Document,
    Draws,
    Effect,
    Fact,
    FailedRequest,
    Failure,
    Feature,
    Gate,
    Gated,
    GateOutcome,
    Histogram,
    Interval,
    Kind,
    Manifest,
    Membership,
    ModelIdentity,
    Point,
    Population,
    Ranked,
    Rate,
    Report,
    Result,
    Screened,
    Separation,
    Served,
    SetAttribution,
    Share,
    Span,
    StartToken,
    Statistic,
    Substitution,
    Suppression,
    Table,
    Tokens,
    Trace,
    Unread,
    Verdict,
)
from llm_audit.results.membership import Copies
from llm_audit.scanning.results import report_of, stated
from llm_audit.training import evaluate

POPULATION = Population(
    name="essays-en",
    description="English student essays and news written before 2020",
    n=1999,
    length_bin="192 tokens",
    digest="4f1c9be2a7d05e3386b1f0c2d49a7718c5e60b3fd2a94e17780c6b5a3f21de90",
)
NEAREST = POPULATION.model_copy(update={"nearest_kind": Kind(name="student essays", n=412, exceeding=3, p_value=4 / 413)})
"""As the combined result names it; single detectors do not."""

NULL = "The text was written by a person, like the 1,999 texts of the population essays-en."
SENTENCES = (
    "The river had been low all summer, and by August the boys could walk to the island without wetting their knees.",
    "In conclusion, it is important to note that renewable energy plays a pivotal role in fostering a sustainable future.",
    "My grandmother kept the seeds in tobacco tins; each lid had a date and a name scratched into it with a nail.",
    "Furthermore, by leveraging innovative technologies, communities can unlock a multitude of meaningful benefits.",
    "We argued about it the whole way home and neither of us was right, though I did not say so at the time.",
    "Ultimately, this nuanced approach underscores the importance of collaboration, resilience and thoughtful planning.",
)
HOT = (0.71, 0.0015, 0.43, 0.0085, None, 0.06)


def prose(passages: int = 6) -> str:
    return "\n\n".join(" ".join([SENTENCES[i % 6], SENTENCES[(i + (2 if i % 2 else 4)) % 6]]) for i in range(passages))


def spans(text: str, p_values: tuple[float | None, ...] = HOT) -> tuple[Span, ...]:
    """One span per paragraph, with Benjamini-Hochberg q-values."""
    found, position = [], 0
    judged = sorted(p for p in p_values if p is not None)
    for paragraph, p in zip(text.split("\n\n"), p_values, strict=True):
        start = text.index(paragraph, position)
        position = start + len(paragraph)
        q = (
            None
            if p is None
            else min(min(1.0, other * len(judged) / (judged.index(other) + 1)) for other in judged if other >= p)
        )
        found.append(
            Span(
                start=start,
                end=position,
                p_value=p,
                p_floor=None if p is None else 1 / 2000,
                q_value=q,
                n=0 if p is None else 1999,
            )
        )
    return tuple(found)


def combined(text: str, p: float, verdict: Verdict = Verdict.FINDING) -> Result:
    return Result(
        rule="AUD100",
        name="Combination",
        subject="document",
        null=NULL,
        verdict=verdict,
        reason=f"The combined p-value is {'below' if verdict is Verdict.FINDING else 'above'} the threshold of 0.01.",
        statistic=Statistic(name="mean z", value=3.412, unit=""),
        p_value=p,
        p_floor=0.0005,
        p_upper=min(1.0, 1.6 * p + 0.001),
        population=NEAREST,
        n=612,
        spans=spans(text),
        assumptions=(
            "The text and the texts of the population are exchangeable: same language, same kind of writing.",
            "The population holds no machine-generated text.",
        ),
        method="Mean of the standardised statistics, ranked against the same mean over the population.",
    )


def histogram(value: float) -> Histogram:
    """Of 1,999 texts, most of them below a value."""
    scores = np.random.default_rng(4).normal(value - 1.4 * abs(value), 0.5 * abs(value), 1999)
    counts, edges = np.histogram(scores, 24)
    return Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))


def detector(rule: str, name: str, statistic: Statistic, p: float, verdict: Verdict) -> Result:
    return Result(
        rule=rule,
        name=name,
        subject="document",
        null=NULL,
        verdict=verdict,
        reason="More predictable to the model than most texts of the population." if p < 0.05 else "Within the usual range.",
        statistic=statistic,
        p_value=p,
        p_floor=0.0005,
        population=POPULATION,
        n=612,
        assumptions=("The scoring model did not learn this text by heart.",),
        histogram=histogram(statistic.value),
        method="Bao et al. 2024, eq. 4, with the scoring model as its own reference.",
    )


def finding(name: str = "essays/müller_anna.txt", p: float = 0.0005) -> Document:
    text = prose()
    return Document(
        name=name,
        sha256="9d1f" * 16,
        encoding="utf-8",
        language="en",
        characters=len(text),
        tokens=612,
        verdict=Verdict.FINDING,
        summary="This text resembles machine-generated text more than human texts of its kind and length usually do.",
        combined=combined(text, p),
        results=(
            detector("AUD101", "Fast-DetectGPT", Statistic(name="curvature", value=3.871, unit="nats"), p, Verdict.FINDING),
            detector(
                "AUD102", "Mean surprisal", Statistic(name="−surprisal", value=-2.31, unit="nats/token"), 0.0312, Verdict.PASS
            ),
            detector(
                "AUD110", "Classifier", Statistic(name="log-odds", value=1.07, unit=""), 0.0085, Verdict.FINDING
            ).model_copy(update={"shares": (Share(name="mean log rank", value=0.61), Share(name="curvature", value=-0.12))}),
        ),
        notes=("Language identified as English with confidence 0.98.", "2 zero-width spaces were removed before scoring."),
        text=text,
        trace=Tokens.model_validate(trace(fits=False).model_dump(include={"start", "end", "surprisal", "entropy"})),
    )


def passing(name: str = "essays/okafor_ben.txt") -> Document:
    text = prose()
    result = combined(text, 0.43, Verdict.PASS)
    spans = tuple(span.model_copy(update={"p_value": 0.3, "q_value": 0.6}) for span in result.spans)
    return Document(
        name=name,
        sha256="07aa" * 16,
        encoding="utf-8",
        language="en",
        characters=len(text),
        tokens=598,
        verdict=Verdict.PASS,
        summary="Nothing sets this text apart from human texts of its kind and length.",
        combined=result.model_copy(update={"spans": spans}),
        results=(
            detector("AUD101", "Fast-DetectGPT", Statistic(name="curvature", value=0.612, unit="nats"), 0.43, Verdict.PASS),
        ),
        text=text,
    )


def not_assessable(name: str = "essays/short note.txt") -> Document:
    reason = "The text has 41 tokens; the shortest length with a reference population is 64."
    result = Result(
        rule="AUD100", name="Combination", subject="document", null=NULL, verdict=Verdict.NOT_ASSESSABLE, reason=reason
    )
    return Document(
        name=name,
        sha256="51c0" * 16,
        encoding="utf-8",
        language="en",
        characters=187,
        tokens=41,
        verdict=Verdict.NOT_ASSESSABLE,
        summary="This text is too short to be judged.",
        combined=result,
        results=(result.model_copy(update={"rule": "AUD101", "name": "Fast-DetectGPT"}),),
        text=SENTENCES[0],
    )


def unreadable(name: str = "essays/scan.pdf") -> Document:
    return Document(
        name=name,
        sha256="ee31" * 16,
        encoding=None,
        language=None,
        characters=0,
        tokens=None,
        verdict=Verdict.ERROR,
        summary="This PDF holds pictures of pages and no text.",
        combined=None,
    )


def many_passages(name: str = "thesis.txt", passages: int = 120) -> Document:
    text = prose(passages)
    p_values = tuple(None if i % 17 == 5 else round((((i * 37) % 100 + 1) / 101) ** 2, 6) for i in range(passages))
    document = finding(name, p=0.0035)
    assert document.combined
    result = document.combined.model_copy(update={"spans": spans(text, p_values)})
    return document.model_copy(update={"text": text, "characters": len(text), "combined": result})


def report(*documents: Document) -> Report:
    """A report about these documents, or about one of each kind."""
    documents = documents or (finding(), passing(), not_assessable(), unreadable())
    unjudged = [document.verdict for document in documents]
    lost, unread = unjudged.count(Verdict.NOT_ASSESSABLE), unjudged.count(Verdict.ERROR)
    return Report(
        question="Was this text machine-generated?",
        manifest=Manifest(
            version="0.1.0",
            command=("llm-audit", "detect", *(document.name for document in documents), "-o", "report.html"),
            started="2025-11-21T04:12:07Z",
            alpha=0.01,
            model=ModelIdentity(name="SmolLM2-135M-Instruct", digest="b179c952" * 8, dtype="float32"),
            population="essays-en",
            population_digest=POPULATION.digest,
            detectors=("AUD101", "AUD102", "AUD110"),
            packages={"torch": "2.13.0", "numpy": "2.2.1", "llm-audit": "0.1.0"},
            threads=2,
        ),
        coverage=Coverage(found=len(documents), scored=len(documents) - lost - unread, not_assessable=lost, unreadable=unread),
        subjects=documents,
        limits=(
            "A small p-value is not the probability that a machine wrote the text.",
            "Human text that is formulaic, translated, or written in a second language can look machine-generated.",
            "Machine text that was paraphrased or prompted to look human can pass.",
            "No one should be accused on the strength of this report alone.",
        ),
    )


def many(documents: int) -> Report:
    """A report of a class, a school, a district: one finding in twenty, some that could not be judged."""
    made = []
    for number in range(documents):
        name = f"essays/class {number % 7 + 1}/student {number:04}.txt"
        if number % 20 == 3:
            made.append(finding(name, p=0.0005 + 0.0004 * (number % 23)))
        elif number % 20 == 11:
            made.append(not_assessable(name))
        else:
            made.append(unreadable(name) if number % 97 == 5 else passing(name))
    return report(*made)


WRITER, OTHER, UNFIT = "smollm2-135m-instruct@temperature=0.8", "gpt2@temperature=0.7|1,top_k=50", "./models/quantised"
IMPOSSIBLE = 57


def trace(tokens: int = 120, *, fits: bool, impossible: int | None = None) -> Trace:
    """Every token one word of `prose`; `impossible` is the number of a token that gets no probability."""
    rng = np.random.default_rng(tokens + 2 * fits)
    places = [match.span() for match in islice(re.finditer(r"\s*\S+", prose(max(6, tokens // 12))), tokens)]
    entropy = rng.gamma(2.5, 1.1, tokens)
    surprisal = entropy * rng.gamma(1.4, 1 / 1.4 if fits else 1.35 / 1.4, tokens)
    steps = rng.normal(-0.015 if fits else 0.11, 0.16, tokens)
    pit = rng.random(tokens) if fits else rng.beta(1.5, 0.75, tokens)
    if impossible:
        steps[impossible - 1] = 2.5
    gone = [number == impossible for number in range(1, tokens + 1)]
    return Trace(
        start=tuple(start for start, _ in places),
        end=tuple(end for _, end in places),
        surprisal=tuple(None if lost else float(value) for value, lost in zip(surprisal, gone, strict=True)),
        entropy=tuple(float(value) for value in entropy),
        log_e=tuple(float(value) for value in np.cumsum(steps)),
        pit=tuple(None if lost else float(value) for value, lost in zip(pit, gone, strict=True)),
    )


def author_test(rule: str, name: str, statistic: Statistic, p: float, log_e: float | None, reason: str, **more: Any) -> Result:
    return Result(
        rule=rule,
        name=name,
        subject="document",
        null="The candidate wrote the text: every token drawn from it, after the prompt given, with its settings.",
        verdict=Verdict.FINDING if p <= 0.01 else Verdict.PASS,
        reason=reason,
        statistic=statistic,
        p_value=p,
        e_value=None if log_e is None else math.exp(log_e),
        n=120,
        assumptions=(
            "The candidate read exactly this prompt, and nothing else, before it wrote the text.",
            "Its tokens were drawn with exactly these settings.",
            *more.pop("assumptions", ()),
        ),
        **more,
    )


def author_tests(p: float, log_e: float, ratio: float) -> tuple[Result, ...]:
    return (
        author_test(
            "AUD201", "Surprisal against entropy", Statistic(name="gap", value=0.213, unit="nats per token"),
            min(1, 20 * p), None,
            "Surprisal lies 0.213 nats per token above entropy; its p-value is an approximation, not to be trusted below .01.",
            method="Radvand et al. 2025, standardised as a martingale; approximate, no verdict rests on it.",
        ),
        author_test(
            "AUD202", "Tempering e-process", Statistic(name="e-process", value=log_e, unit="nats (log e-value)"), p, log_e,
            f"The e-value after 120 tokens is e^{log_e:.2f}.", method="Mixture over temperatures; Ville's inequality.",
        ),
        author_test(
            "AUD203", "Probability integral transform", Statistic(name="pit", value=0.081, unit="deviation of the mean from 1"),
            min(1, 2 * p), None, "Kolmogorov-Smirnov 0.14 and Anderson-Darling 0.09, as a check.",
        ),
        author_test(
            "AUD204", "Likelihood ratio against the rivals", Statistic(name="likelihood-ratio", value=ratio, unit="nats"),
            min(1.0, math.exp(-ratio)), ratio, f"The rivals' mean likelihood is e^{ratio:.2f} times this model's.",
            assumptions=("Rivals with another tokenizer are compared at the ends of words.",),
        ),
    )  # fmt: skip


def candidate(name: str, verdict: Authorship, reason: str, **more: Any) -> Attribution:
    base: dict[str, Any] = {
        "role": "candidate",
        "model": ModelIdentity(name=name.partition("@")[0], digest="b179c952" * 8, dtype="float32"),
        "settings": ("temperature 0.8",),
        "context": "the prompt given (48 characters, SHA-256 0f2a11c95d3e), through its chat template",
        "exact": True,
    }
    return Attribution(candidate=name, verdict=verdict, reason=reason, **base | more)


def attributed(name: str = "essays/river.txt", tokens: int = 120) -> Document:
    """One candidate wrote it, one did not, one could not be used."""
    text = prose()
    written = candidate(
        WRITER,
        Authorship.WRITTEN_BY,
        "Of the named candidates only this one fits: every other one is refuted, and the text is unlike human writing.",
        role="sanctioned",
        p_value=0.43,
        tests=author_tests(0.21, -1.83, -78.2),
        trace=trace(tokens, fits=True),
    )
    refuted = candidate(
        OTHER,
        Authorship.NOT_WRITTEN_BY,
        "Refuted: had it written the text, evidence like this would come up at most this often: p = 0.0000023.",
        role="other",
        settings=("temperature 0.7, top-k 50", "temperature 1, top-k 50"),
        p_value=2.3e-6,
        tests=author_tests(4.6e-7, 14.6, 78.2),
        trace=trace(tokens, fits=False, impossible=min(IMPOSSIBLE, tokens)),
    )
    unfit = candidate(
        UNFIT,
        Authorship.NOT_ASSESSABLE,
        "Its weights are damaged: the digest of model.safetensors is not the one on its card.",
        role="other",
        model=None,
        settings=(),
        exact=False,
    )
    return Document(
        name=name,
        sha256="3c5e" * 16,
        encoding="utf-8",
        language="en",
        characters=len(text),
        tokens=120,
        verdict=Verdict.FINDING,
        summary=f"Of the candidates, only {WRITER} fits this text.",
        combined=combined(text, 0.0015),
        attributions=(written, refuted, unfit),
        sets=(
            SetAttribution(
                role="sanctioned",
                members=(WRITER,),
                null="One of the sanctioned models wrote the text.",
                verdict=Authorship.WRITTEN_BY,
                reason=f"{WRITER} is the only candidate that fits.",
                p_value=0.43,
                e_value=1.1e-34,
            ),
            SetAttribution(
                role="other",
                members=(OTHER, UNFIT),
                null="One of the other models wrote the text.",
                verdict=Authorship.NOT_ASSESSABLE,
                reason=f"{UNFIT} could not be tested.",
                e_value=8.6e33,
            ),
        ),
        notes=("Scored as it stands, not normalised.",),
        text=text,
    )


def undecided(name: str = "essays/island.txt", tokens: int = 120) -> Document:
    """No comparison with people, no text kept, no exact guarantee."""
    fits = candidate(
        WRITER,
        Authorship.UNDECIDED,
        "Not unlike the reference generations; with an unknown prompt that is no evidence that it wrote the text.",
        context="an unknown prompt",
        exact=False,
        p_value=0.087,
        tests=tuple(test.model_copy(update={"population": POPULATION}) for test in author_tests(0.087, 2.31, 1.2)),
        trace=trace(tokens, fits=True),
    )
    return Document(
        name=name,
        sha256="77b0" * 16,
        encoding="utf-8",
        language="en",
        characters=1340,
        tokens=120,
        verdict=Verdict.INCONCLUSIVE,
        summary="No candidate is refuted, and none is shown to have written this text.",
        combined=None,
        attributions=(fits,),
    )


def attribution_report(*documents: Document) -> Report:
    """A report on candidates: about these documents, or one decided, one undecided and one unreadable."""
    base = report(*(documents or (attributed(), undecided(), unreadable())))
    command = ("llm-audit", "attribute", "essays/", "--sanctioned", WRITER, "--other", OTHER, "--other", UNFIT)
    return base.model_copy(
        update={
            "question": "Who wrote this text?",
            "manifest": base.manifest.model_copy(
                update={
                    "command": command,
                    "detectors": ("AUD201", "AUD202", "AUD203", "AUD204"),
                    "candidates": (WRITER, OTHER, UNFIT),
                }
            ),
            "limits": (
                "“Not written by” refers to one model, one prompt and one decoding setting. It does not say “human”.",
                "“Written by” says that of the named candidates only this one fits. A model that nobody named could fit too.",
                "No decision about a person should rest on this report alone.",
            ),
        }
    )


RULE = "Texts count as shifted if the lower end of the interval lies above 0.55."
ARCHIVE = "Articles of the same newspaper, published after the model's release: 1 March to 30 June 2025."


def exact_test(**more: Any) -> Result:
    base: dict[str, Any] = {
        "rule": "AUD311",
        "name": "Canonical order",
        "subject": "collection",
        "null": "The rows are exchangeable and the model did not see them in this order: no order is likelier than another.",
        "verdict": Verdict.FINDING,
        "reason": "The published order is likelier than each of 99 random ones.",
        "statistic": Statistic(name="log-likelihood of the order", value=-48213.74, unit="nats"),
        "p_value": 0.01,
        "p_floor": 0.01,
        "n": 1000,
        "effect": Effect(name="gain over random orders", value=0.0127, unit="nats per token", lower=0.0091, upper=0.0163),
        "assumptions": ("The rows were written in no particular order.", "The order was published nowhere but in this file."),
        "method": "Oren et al. 2023, with all rows in one test instead of shards.",
    }
    return Result(**base | more)


def normal(n: int, mean: float, sd: float, seed: int) -> tuple[float, ...]:
    return tuple(float(value) for value in np.random.default_rng(seed).normal(mean, sd, n))


def ordered() -> Membership:
    """A finding: the canonical order, and its shards as a second test; no scores."""
    values = normal(99, -48277.1, 11.3, seed=3)
    shards = exact_test(
        rule="AUD312",
        name="Canonical order, by shard",
        null="As above, shard by shard: the mean gain over the shards is zero.",
        reason="The mean gain over 20 shards is above that of 1,978 of 2,000 sign flips.",
        statistic=Statistic(name="mean gain", value=3.117, unit="standard deviations"),
        p_value=0.0114,
        p_floor=1 / 2001,
        verdict=Verdict.INCONCLUSIVE,
        n=20,
        effect=None,
        draws=Draws(count=2000, exceeding=22, seed="order/20251121/shards", values=normal(999, 0, 1.4, seed=4)),
        assumptions=("The rows were written in no particular order.", "Shards are independent of one another."),
    )
    return Membership(
        early=True,
        verdict=Verdict.FINDING,
        summary="The model prefers the published order of these rows to random orders: it was trained on this file.",
        claim="Was the collection benchmark.jsonl, in its published order, in the training data of ./models/target?",
        unit="collection",
        n_suspect=1000,
        n_held_out=0,
        provenance="Not needed: the same rows in random order take their place.",
        tests=(exact_test(draws=Draws(count=99, exceeding=0, seed="order/20251121", values=values)), shards),
        facts=(
            Fact(name="Statistic", value="log-likelihood of all rows, joined by a line break"),
            Fact(name="Multiplicity", value="Holm over 2 tests"),
        ),
        notes=("1 of 1,001 lines was left out: benchmark.jsonl:500 is not JSON.",),
    )


def untouched() -> Membership:
    """A pass: the published canary lies in the middle of the unpublished ones."""
    values = normal(199, 4.21, 0.37, seed=5)
    value = 4.25
    exceeding = sum(other >= value for other in values)
    canary = exact_test(
        rule="AUD313",
        name="Canary",
        null="The published string was drawn like the 199 unpublished ones, and the model saw none of them.",
        verdict=Verdict.PASS,
        reason="The published string is as surprising to the model as the unpublished ones.",
        statistic=Statistic(name="mean log-likelihood", value=value, unit="nats per token"),
        p_value=(1 + exceeding) / 200,
        p_floor=1 / 200,
        n=200,
        effect=Effect(name="distance from the mean draw", value=0.11, unit="standard deviations"),
        draws=Draws(count=199, exceeding=exceeding, seed=None, values=values),
        assumptions=("The commitment was published before the model was trained.",),
        method="Wei, Wang and Jia 2024, with the exact rank instead of a normal approximation.",
    )
    return Membership(
        early=True,
        verdict=Verdict.PASS,
        summary="The published canary does not stand out among 199 unpublished ones. That does not show that it was not seen.",
        claim="Was the canary of canary.json in the training data of ./models/target?",
        unit="text",
        n_suspect=1,
        n_held_out=199,
        provenance="Drawn together with the published string on 3 May 2024 and kept private since.",
        tests=(canary,),
        facts=(Fact(name="Commitment", value="sha256 5f0c" + "1c9b" * 15 + ", checked"),),
    )


SCORES = (
    ("AUD301", "dc-pdd", "DC-PDD"),
    ("AUD302", "min-k", "Min-K%"),
    ("AUD302", "min-k-plus-plus", "Min-K%++"),
    ("AUD303", "loss", "Loss"),
    ("AUD303", "zlib", "zlib"),
    ("AUD303", "reference-ratio", "Reference ratio"),
)


def separation(number: int, rule: str, score: str, title: str) -> Separation:
    area, p = 0.71 - 0.031 * number, 0.0004 * 3**number
    lone = number == len(SCORES) - 1
    return Separation(
        rule=rule,
        score=score,
        title=title,
        auc=Interval(value=area, lower=area - 0.061, upper=area + 0.058),
        rates=(
            Rate(fpr=0.01, found=7 - number, n=30, lower=0.04, upper=0.31),
            *(() if lone else (Rate(fpr=0.001, found=0, n=30, lower=0.0, upper=0.1157),)),
        ),
        p_value=p,
        p_adjusted=min(1.0, p * (len(SCORES) - number)),
        control=Interval(value=0.487 + 0.006 * number, lower=0.41 + 0.006 * number, upper=0.561 + 0.006 * number),
        other_model=None if lone else Interval(value=0.66 - 0.02 * number, lower=0.59, upper=0.72),
        groups=tuple(
            (group, Interval(value=area + gain, lower=area + gain - 0.09, upper=min(1.0, area + gain + 0.08)))
            for group, gain in (("seen once", -0.12), ("seen 4 times", 0.03), ("seen 16 times", 0.18))
        ),
    )


def screened(n: int) -> tuple[Screened, ...]:
    """Texts in the order of their first score."""
    rng = np.random.default_rng(n)
    found = []
    for number in range(n):
        base = 0.021 - 0.017 * number / n
        found.append(
            Screened(
                name=f"{'articles' if number % 2 else 'archive/2025'}.jsonl:{(37 * number) % n + 1}",
                side="held_out" if rng.random() < 0.35 + 0.3 * number / n else "suspect",
                tokens=2048 if number % 7 == 3 else int(rng.integers(90, 1800)),
                truncated=number % 7 == 3,
                scores={
                    name: float(scale * (base / 0.021 + 0.2 * rng.normal() * (name != "dc-pdd")))
                    for (_, name, _), scale in zip(SCORES, (0.021, -7.1, -0.8, -2.6, -0.0061, 0.31), strict=True)
                },
                saturation=float(rng.uniform(0.4, 0.97)),
                variants={"dc-pdd, cap 0.001": base / 12, "dc-pdd, cap 0.1": base * 3, "min-k, k = 0.1": -9.0 + base},
            )
        )
    return tuple(found)


def shifted(texts: int = 60) -> Membership:
    """Not assessable: the gate tells the texts apart, so the scores are shown for the record only."""
    return Membership(
        verdict=Verdict.NOT_ASSESSABLE,
        summary="The suspect and the held-out articles differ without any model: nothing follows from the scores.",
        claim="Were the articles of articles.jsonl, taken together, in the training data of ./models/target?",
        unit="document",
        n_suspect=30,
        n_held_out=30,
        provenance=ARCHIVE,
        gate=Gate(
            outcome="shifted",
            rule=RULE,
            reason="A classifier that never asked the model tells them apart: the interval lies above 0.55.",
            auc=Interval(value=0.964, lower=0.931, upper=0.987),
            n_suspect=30,
            n_held_out=30,
            features=(
                Feature(name="year 2025", side="held_out", suspect=0.0, held_out=1.733),
                Feature(name="word “tariffs”", side="held_out", suspect=0.033, held_out=0.567),
                Feature(name="characters", side="suspect", suspect=5321.4, held_out=3877.9),
            ),
        ),
        separations=tuple(separation(number, *score) for number, score in enumerate(SCORES)),
        texts=screened(texts),
        conditions=Conditions(
            model="target",
            precision="float32",
            start=StartToken(id="1", kind="bos"),
            seed="7",
            seed_file="seed.json",
            control=("other", "0" * 64),
            endpoint=("https://api.example.org/v1", "named"),
            documents=60,
            formats=(("MD5", 3),),
            commitments=("c" * 64,),
            room=2048,
            vocabulary=49152,
            table=Table(name="own", description="Counts of other texts.", documents=9, total=2_100_000, tokenizer="1" * 64),
            tokenizer=("reader", "2" * 64),
            copies=Copies(left_out=(1, 2), equal=1, first="held.jsonl:9", repeated=(0, 0), documents=0, shared=(0.1, 0.2)),
        ),
        facts=(
            Fact(name="DC-PDD", value="cap 0.01, frequencies of 2.1 million tokens, Laplace smoothing"),
            Fact(name="Tokenizer", value="that of the target; a start token is put before each text"),
            Fact(name="Truncation", value="at 2,048 tokens"),
            Fact(name="Multiplicity", value="Holm over 6 scores"),
            Fact(name="Smallest false-positive rate", value="1/30 = 3.3 %"),
        ),
        notes=("2 held-out articles share more than half of their 13-grams with a suspect one; both were left out.",),
    )


def membership_report(found: Membership | None = None) -> Report:
    """A report on a collection, by default the one that is a finding."""
    found = found or ordered()
    base = report(finding())
    lines = found.n_suspect + found.n_held_out
    return base.model_copy(
        update={
            "question": "Was this data in the training set?",
            "manifest": base.manifest.model_copy(
                update={
                    "command": ("llm-audit", "membership", "benchmark.jsonl", "--model", "./models/target"),
                    "detectors": (),
                    "population": None,
                    "population_digest": None,
                    "model": ModelIdentity(name="target", digest="7c1d05ee" * 8, dtype="float32"),
                }
            ),
            "coverage": Coverage(found=lines + 1, scored=lines, not_assessable=0, unreadable=1),
            "subjects": (found,),
            "limits": (
                "A finding says that the model saw this collection, not which of its texts, nor where it got them.",
                "No finding does not show that the collection was not seen.",
                "Every p-value rests on the assumptions that stand beside it.",
            ),
        }
    )


def untouched_report() -> Report:
    return membership_report(untouched())


def shifted_report() -> Report:
    return membership_report(shifted())


LIMIT = 0.0293
CLAIM = "Does the endpoint serve smollm2-135m-instruct, in one of the allowed precisions?"


def points(n: int, off: tuple[int, ...] = (), seed: int = 6) -> tuple[Point, ...]:
    """Distances below the limit, and far above it at the places `off`; every 17th reply is exactly that of the reference."""
    near, far = np.random.default_rng(seed).lognormal(math.log(0.004), 0.6, (2, n))
    return tuple(
        Point(
            request=f"prompt {number}",
            value=float(90 * far[number - 1]) if number in off else 0.0 if number % 17 == 0 else min(LIMIT, near[number - 1]),
            limit=LIMIT,
        )
        for number in range(1, n + 1)
    )


def endpoint_test(**more: Any) -> Result:
    base: dict[str, Any] = {
        "rule": "AUD401",
        "name": "Teacher-forced comparison",
        "subject": "endpoint",
        "null": "The replies come from one of the allowed variants of the model.",
        "verdict": Verdict.PASS,
        "reason": "The replies lie as near to the variant F16 as its own repeats do.",
        "statistic": Statistic(name="mean distance", value=0.00391, unit="nats"),
        "p_value": 0.31,
        "p_floor": 1 / 2001,
        "n": 60,
        "effect": Effect(name="distance beyond repeats", value=0.00021, unit="nats", lower=-0.0004, upper=0.0008),
        "assumptions": ("The endpoint treats the questions of an audit like any others.",),
        "method": "Composite null: rejected only if every allowed variant is.",
    }
    return Result(**base | more)


def mixture_test(**more: Any) -> Result:
    """With an e-value and no p-value."""
    base: dict[str, Any] = {
        "rule": "AUD402",
        "name": "Single requests",
        "null": "No request was answered by something that is not allowed.",
        "reason": "No reply lies out of range.",
        "statistic": Statistic(name="requests out of range", value=0, unit=""),
        **dict.fromkeys(("p_value", "p_floor", "effect")),
        "e_value": 0.0427,
        "assumptions": ("Requests are routed independently of one another.",),
        "method": "Clopper-Pearson interval; betting e-process.",
    }
    return endpoint_test(**base | more)


CAPABILITIES = (
    Fact(name="Log-probabilities", value="of the 20 likeliest tokens at each position"),
    Fact(name="Token ids", value="returned"),
    Fact(name="Prompt log-probabilities", value="not returned"),
)
FIXED = (
    Fact(name="Prompts", value="60 of prompts.txt, SHA-256 0f2a11c95d3e, in random order"),
    Fact(name="Decoding", value="temperature 0, at most 8 tokens"),
    Fact(name="Multiplicity", value="Holm over the tests with a p-value"),
)


def consistent(**more: Any) -> Substitution:
    """A pass: all replies in range."""
    base: dict[str, Any] = {
        "verdict": Verdict.PASS,
        "served": Served.CONSISTENT,
        "summary": "The replies are what an allowed variant of this model gives, as far as 60 requests can tell.",
        "claim": CLAIM,
        "endpoint": "http://127.0.0.1:8080/v1",
        "model": "smollm2-135m-instruct",
        "allowed": ("F32", "F16", "BF16"),
        "tests": (endpoint_test(), mixture_test()),
        "mixture": Interval(value=0.0, lower=0.0, upper=0.0596),
        "points": points(60),
        "capabilities": CAPABILITIES,
        "facts": FIXED,
        "cost": Cost(requests=60, attempts=60, prompt_tokens=1724, completion_tokens=480),
    }
    return Substitution(**base | more)


def inconsistent(requests: int = 120) -> Substitution:
    """A finding: a tenth of the requests went to another model."""
    off = (4, 9, 23, 31, 45, 58, 72, 77, 90, 101, 104, 118)
    values = normal(999, 0.0039, 0.0004, seed=8)
    return consistent(
        verdict=Verdict.FINDING,
        served=Served.INCONSISTENT,
        summary="About 10 % of the requests were answered by something that is none of the allowed variants.",
        tests=(
            endpoint_test(
                verdict=Verdict.FINDING,
                reason="Every allowed variant is rejected; the nearest is F16.",
                statistic=Statistic(name="mean distance", value=0.0378, unit="nats"),
                p_value=1 / 2001,
                n=120,
                effect=Effect(name="distance beyond repeats", value=0.0339, unit="nats", lower=0.0151, upper=0.0598),
                draws=Draws(count=2000, exceeding=0, seed="substitution/1", values=values),
                log_e=tuple(float(value) for value in np.cumsum(np.random.default_rng(2).normal(0.09, 0.3, 120))),
            ),
            mixture_test(
                verdict=Verdict.FINDING,
                reason="12 of 120 replies lie farther from every allowed variant than any of its own repeats.",
                statistic=Statistic(name="requests out of range", value=12, unit=""),
                e_value=3.4e11,
                n=120,
            ),
            endpoint_test(
                rule="AUD403",
                name="Rank uniformity",
                null="The rank of a reply among five of the reference is uniform, for every allowed variant.",
                reason="Texts alone do not show a difference.",
                statistic=Statistic(name="Cramér-von Mises", value=0.187, unit=""),
                p_value=0.294,
                n=120,
                effect=None,
                assumptions=("Replies to different prompts are independent.",),
            ),
        ),
        mixture=Interval(value=0.1, lower=0.0527, upper=0.168),
        points=points(requests, off),
        cost=Cost(requests=121, attempts=123, prompt_tokens=3448, completion_tokens=952),
        failures=(
            FailedRequest(request="prompt 66, again", kind="server error", reason="The server answered 500.", attempts=3),
        ),
        notes=("The system_fingerprint changed from fp_1 to fp_2 after request 40.",),
    )


def not_measured(failures: int = 7) -> Substitution:
    """Not assessable: no log-probabilities, defective ones, and requests that failed."""
    kinds = (
        ("rate limit", "The server answered 429 and asked to wait for 3,600 seconds, longer than this audit may take."),
        ("timeout", "No answer within 60 seconds."),
    )
    return consistent(
        verdict=Verdict.NOT_ASSESSABLE,
        served=Served.NOT_MEASURED,
        summary="This endpoint returns no usable log-probabilities, and too few of its replies are left for the other tests.",
        allowed=("F32",),
        tests=(
            endpoint_test(
                **dict.fromkeys(("statistic", "p_value", "p_floor", "n", "effect")),
                verdict=Verdict.NOT_ASSESSABLE,
                reason="The test needs log-probabilities; the endpoint returned −9999 in their place.",
            ),
        ),
        mixture=None,
        points=(),
        capabilities=(Fact(name="Log-probabilities", value="asked for 20, returned −9999"),),
        cost=Cost(requests=12, attempts=29, prompt_tokens=140, completion_tokens=40),
        failures=tuple(
            FailedRequest(
                request=f"prompt {number}", kind=kinds[number % 2][0], reason=kinds[number % 2][1], attempts=1 + number % 5
            )
            for number in range(1, failures + 1)
        ),
        notes=("5 replies hold log-probabilities of −9999: defective, and left out.", "The model name changed midway."),
    )


def substitution_report(found: Substitution | None = None) -> Report:
    """A report on an endpoint, by default the inconsistent one."""
    found = found or inconsistent()
    requests, failed = found.cost.requests, len(found.failures)
    base = membership_report()
    return base.model_copy(
        update={
            "question": "Is this the model that was promised?",
            "manifest": base.manifest.model_copy(
                update={"command": ("llm-audit", "substitution", found.endpoint, "--reference", "smollm2-135m-instruct")}
            ),
            "coverage": Coverage(found=requests, scored=requests - failed, not_assessable=0, unreadable=failed),
            "subjects": (found,),
            "limits": (
                "“Consistent” says that no difference was found. It does not prove which model answers.",
                "“Inconsistent” does not say what was served instead, nor that anyone meant to deceive.",
                "Other requests than those of this audit may be served by something else.",
            ),
        }
    )


def consistent_report() -> Report:
    return substitution_report(consistent())


def not_measured_report() -> Report:
    return substitution_report(not_measured())


def suppression(**more: Any) -> Suppression:
    fields = {"kind": "inline", "rule": "AUD100", "reason": "Licence text, quoted", "line": 3, "state": "applied"}
    return Suppression.model_validate(fields | more)


def gated(document: Document, *suppressions: Suppression, fails: bool = False, q: float | None = None) -> Document:
    fail_on = (Verdict.FINDING, Verdict.ERROR)
    code = "AUD000" if document.verdict is Verdict.ERROR else "AUD100"
    return document.model_copy(
        update={
            "gate": Gated(
                text_digest=document.sha256,
                q_value=q,
                counted=("AUD902",),
                fail_on=fail_on,
                suppressions=suppressions,
                failures=(Failure(rule=code, verdict=document.verdict),) if fails else (),
            )
        }
    )


def gate_report() -> Report:
    """Of a gate: one text that fails, one that says why it does not, one in the baseline, and others."""
    known = suppression(kind="baseline", reason="old/essay.txt", line=None)
    odd = passing("essays/odd.txt")
    tampered = detector("AUD902", "Invisible characters", Statistic(name="x", value=9.0, unit=""), 0.5, Verdict.FINDING)
    tampered = tampered.model_copy(update={"p_value": None, "p_floor": None, "population": None, "histogram": None})
    documents = (
        gated(finding("essays/new.txt"), suppression(state="expired", until="2025-01-31"), fails=True, q=0.002),
        gated(finding("essays/quoted.txt"), suppression(until="2027-06-30")),
        gated(finding("essays/moved.txt"), known),
        gated(odd.model_copy(update={"results": (*odd.results, tampered)}), suppression(rule="AUD902"), q=0.6),
        gated(passing(), suppression(state="unused"), q=0.6),
        gated(not_assessable()),
        gated(unreadable(), fails=True),
    )
    made = report(*documents)
    outcome = GateOutcome(
        summary="Failed: 2 of 7 texts.",
        failed=2,
        suppressed=2,
        baselined=1,
        discovery=Discovery(
            alpha=0.01,
            tests=3,
            found=1,
            floor=0.0005,
            at_floor=1,
            possible=3,
            fewest=1,
            low=1,
            low_by_chance=0.03,
            histogram=(1, *19 * (0,)),
        ),
        day="2025-11-21",
        inline_suppressions=True,
        baseline=BaselineUse(name="baseline.json", sha256="0" * 64, entries=4, unseen=3),
        changed_since="main",
        left_out=2,
    )
    return made.model_copy(update={"question": "May these texts pass?", "gate": outcome})


def corpus(**changed: Any) -> Corpus:
    """A corpus of 40 documents with one finding, one copy and one broken file."""
    unlike = [
        Ranked(name=f"posts.jsonl:{n}", tokens=180 + n, verdict=verdict, p_value=p, p_floor=0.0005, q_value=q)
        for n, (verdict, p, q) in enumerate([(Verdict.FINDING, 0.0005, 0.019), (Verdict.PASS, 0.06, 0.7)], start=1)
    ]
    counts = {Verdict.FINDING: 1, Verdict.PASS: 37, Verdict.INCONCLUSIVE: 0, Verdict.NOT_ASSESSABLE: 1, Verdict.ERROR: 1}
    tested = Discovery(
        alpha=0.05, tests=37, found=1, floor=0.0005, at_floor=1, possible=37, fewest=1, low=1, low_by_chance=0.05 * 37,
        histogram=(1, 2, *[2] * 17, 0),
    )  # fmt: skip
    return Corpus(
        **{
            "complete": True, "documents": 40, "included": 40, "limit": None, "verdicts": counts, "copies": 1,
            "discovery": tested, **stated(tested, about_a_scan()), "ranked": tuple(unlike),
            "unread": (Unread(name="scan.pdf", reason="It holds pictures of pages and no text."),), "files": 3,
            "inputs": "5e" * 32, "text_field": "text", "population_description": POPULATION.description, **changed,
        }
    )  # fmt: skip


def about_a_scan() -> Manifest:
    return report(finding()).manifest.model_copy(update={"alpha": 0.05, "device": "cpu"})


def corpus_report() -> Report:
    """A report on a scanned corpus."""
    return report_of(corpus(), about_a_scan())


def benchmark_report(found: Benchmark) -> Report:
    """A report on a benchmark of detectors."""
    return evaluate.report(found, about_a_scan(), total=1600, judged=1545)
