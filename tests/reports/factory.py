"""Realistic reports for tests: findings, passes, what was not judged, long texts, candidates. Numbers are made up."""

from __future__ import annotations

import math
import re
from itertools import islice
from typing import Any

import numpy as np

from llm_audit.results import (
    Attribution,
    Authorship,
    Coverage,
    Document,
    Manifest,
    ModelIdentity,
    Population,
    Report,
    Result,
    SetAttribution,
    Span,
    Statistic,
    Trace,
    Verdict,
)

POPULATION = Population(
    name="essays-en",
    description="English student essays and news written before 2020",
    n=1999,
    length_bin="192 tokens",
    digest="4f1c9be2a7d05e3386b1f0c2d49a7718c5e60b3fd2a94e17780c6b5a3f21de90",
)
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
        population=POPULATION,
        n=612,
        spans=spans(text),
        assumptions=(
            "The text and the texts of the population are exchangeable: same language, same kind of writing.",
            "The population holds no machine-generated text.",
        ),
        method="Mean of the standardised statistics, ranked against the same mean over the population.",
    )


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
            detector("AUD110", "Classifier", Statistic(name="log-odds", value=1.07, unit=""), 0.0085, Verdict.FINDING),
        ),
        notes=("Language identified as English with confidence 0.98.", "2 zero-width spaces were removed before scoring."),
        text=text,
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
        documents=documents,
        limits=(
            "A small p-value is not the probability that a machine wrote the text.",
            "Human text that is formulaic, translated, or written in a second language can look machine-generated.",
            "Machine text that was paraphrased or prompted to look human can pass.",
            "No one should be accused on the strength of this report alone.",
        ),
    )


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


def attributed(name: str = "essays/river.txt") -> Document:
    """One candidate wrote it, one did not, one could not be used."""
    text = prose()
    written = candidate(
        WRITER,
        Authorship.WRITTEN_BY,
        "Of the named candidates only this one fits: every other one is refuted, and the text is unlike human writing.",
        role="sanctioned",
        p_value=0.43,
        tests=author_tests(0.21, -1.83, -78.2),
        trace=trace(fits=True),
    )
    refuted = candidate(
        OTHER,
        Authorship.NOT_WRITTEN_BY,
        "Refuted: had it written the text, evidence like this would come up with probability 2.3e-06 at most.",
        role="other",
        settings=("temperature 0.7, top-k 50", "temperature 1, top-k 50"),
        p_value=2.3e-6,
        tests=author_tests(4.6e-7, 14.6, 78.2),
        trace=trace(fits=False, impossible=IMPOSSIBLE),
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


def undecided(name: str = "essays/island.txt") -> Document:
    """No comparison with people, no text kept, no exact guarantee."""
    fits = candidate(
        WRITER,
        Authorship.UNDECIDED,
        "Not unlike the reference generations; with an unknown prompt that is no evidence that it wrote the text.",
        context="an unknown prompt",
        exact=False,
        p_value=0.087,
        tests=tuple(test.model_copy(update={"population": POPULATION}) for test in author_tests(0.087, 2.31, 1.2)),
        trace=trace(fits=True),
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
                update={"command": command, "detectors": ("AUD201", "AUD202", "AUD203", "AUD204")}
            ),
            "limits": (
                "“Not written by” refers to one model, one prompt and one decoding setting. It does not say “human”.",
                "“Written by” says that of the named candidates only this one fits. A model that nobody named could fit too.",
                "No decision about a person should rest on this report alone.",
            ),
        }
    )
