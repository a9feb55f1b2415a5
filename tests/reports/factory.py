"""Realistic reports for tests: a finding, a pass, two kinds of "not judged", and a long text. Numbers are made up."""

from __future__ import annotations

from llm_audit.results import (
    Coverage,
    Document,
    Manifest,
    ModelIdentity,
    Population,
    Report,
    Result,
    Span,
    Statistic,
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
