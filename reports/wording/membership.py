"""Sentences about a collection of texts: whether a model was trained on it, and what stands in the way of saying so."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Literal

from llm_audit.reports.format import p_statement, p_value
from llm_audit.results import Conditions, Fact, Gate, Interval, Membership, Result, Separation, Verdict

UNSTATED = "Not stated: nobody says how the held-out texts were obtained, or that the model cannot have seen them."

NO_HELD_OUT = (
    "Not assessable: there are no held-out texts, so nobody knows how high the scores of unseen texts like these are. "
    "The texts are ranked, and no more; name texts that the model cannot have seen with --held-out."
)


def tested(test: Result, condition: str, data: str) -> str:
    """Sentence on an exact test of training on `data`; `condition`: half a sentence on what a finding rests on besides."""
    opening = {
        Verdict.FINDING: f"Evidence that the model was trained on {data}, if {condition}.",
        Verdict.PASS: f"No evidence that the model was trained on {data}.",
    }.get(test.verdict, "Undecided.")
    return f"{opening} {test.reason}"


def given_away(by: Result | Gate, test: Result) -> str:
    """Sentence that an exact test decides nothing, since the texts alone tell the sides apart."""
    return f"Not assessable: {by.reason} {test.rule} is shown, and decides nothing."


def untestified(test: Result, missing: str) -> str:
    """Sentence that an exact test decides nothing, since its assumption was not stated."""
    return f"Undecided: {missing or UNSTATED} {test.reason}"


def comparable(gate: Gate) -> str:
    """Sentence that the blind baseline sees no difference between the collections."""
    return f"Scores of these texts can be compared: {gate.reason}"


def incomparable(gate: Gate) -> str:
    """Sentence that the blind baseline tells the collections apart, or that they are too small for it."""
    return f"Not assessable: {gate.reason}"


def told_apart_by_another(score: Separation) -> str:
    """Sentence that a model that cannot have seen the texts separates the collections, too."""
    return (
        f"Not assessable: a model that cannot have seen the texts tells them apart as well ({score.title}: AUC "
        f"{_interval(score.other_model)}), so the difference is in the texts."
    )


def separated(verdict: Verdict, best: Separation, scores: int, *, beyond: bool, floor: float | None, alpha: float) -> str:
    """Sentence on the comparison of the collections by scores.

    Args:
        verdict: on the collection; inconclusive and no `floor`: the origin of the held-out texts is not stated.
        best: the score that separates best.
        scores: number of them, over which it is corrected.
        beyond: whether it separates more than under a model that cannot have seen the texts, if there is one.
        floor: the smallest p-value that was possible; None: it was small enough.
        alpha: asked for.
    """
    p = p_statement(best.p_adjusted or 0.0, alpha=alpha)
    over = f"{best.title} separates best, AUC {_interval(best.auc)}, {p} over {scores} scores"
    if not beyond:
        over += ", which is no more than under the model that cannot have seen the texts"
    if verdict is Verdict.FINDING:
        return (
            "Evidence that the model was trained on the suspect collection, if the two collections differ in nothing else: "
            f"{over}. Which of its texts were seen remains open."
        )
    if verdict is Verdict.PASS:
        return f"No evidence that the model was trained on the suspect collection: {over}. That does not show that it was not."
    if floor is None:
        return f"Undecided: {UNSTATED} {over[0].upper()}{over[1:]}."
    possible = f"no p-value below {p_value(floor, alpha)} was possible over {scores} scores, and {alpha:g} was asked for"
    return f"Undecided: {possible}; {over}."


def _interval(interval: Interval | None) -> str:
    return "not measured" if interval is None else f"{interval.value:.3f} [{interval.lower:.3f}, {interval.upper:.3f}]"


ORDER_ALONE, VERSIONS_ALONE, CONTROL_ALONE = (
    "Order of the texts alone",
    "The versions' texts alone",
    "The control model alone",
)
"""Names of the blind tests beside a test of the model: those of the texts alone and of a control model."""

WITHOUT_A_MODEL = "Can the suspect and the held-out texts be told apart without any model?"


ENDPOINT_MODEL = "the endpoint's model"
"""Name of a model behind an endpoint, in claims."""


def claim_of_scores(subject: Membership, model: str) -> str:
    """The question of a screening."""
    return f"Were the {subject.n_suspect:,} suspect documents in the training data of {model}?"


def facts_of_baseline(conditions: Conditions) -> list[Fact]:
    """The conditions of the blind baseline alone."""
    return [Fact(name="Model", value="none was asked"), Fact(name="Seed", value=conditions.seed or "none")]


def facts_of_test(conditions: Conditions, units: str) -> list[Fact]:
    """The conditions of an exact test; `units`: what its independent units are."""
    facts = [Fact(name="Independent units", value=units), *facts_of_model(conditions)]
    if conditions.seed is not None:
        origin = "which follows from data, model and settings"
        if conditions.seed_file is not None:
            origin = f"of the file {conditions.seed_file}; that the file is older than this run, its owner has to show"
        facts += [
            Fact(name="Seed", value=f"{conditions.seed}, {origin}"),
            Fact(name="Multiplicity", value="one test; that its settings were fixed beforehand is the user's statement"),
        ]
    if conditions.control is not None:
        name, digest = conditions.control
        facts.append(Fact(name="Control model, which cannot have seen the data", value=f"{name}, digest {digest[:12]}"))
    if conditions.commitments:
        digest = hashlib.sha256("".join(conditions.commitments).encode()).hexdigest()
        facts += [Fact(name="Commitment", value=commitment) for commitment in conditions.commitments]
        facts.append(Fact(name="Data", value=digest))
    return facts


def facts_of_continuations(conditions: Conditions, units: str, letters: int, temperature: float) -> list[Fact]:
    """The conditions of a test by continuations: who was asked, how, and what was committed to.

    Args:
        conditions: of the measurement.
        units: what its independent units are.
        letters: of a continuation that count.
        temperature: of the requests.
    """
    unanswered = "not known" if conditions.unanswered is None else f"{conditions.unanswered:,}"
    return [
        Fact(name="Independent units", value=units),
        _endpoint(conditions),
        Fact(name="Requests without an answer", value=unanswered),
        Fact(name="What counts", value=f"the first {letters} letters of each continuation at temperature {temperature:g}"),
        Fact(name="Seed of ties", value=conditions.seed or "not known"),
        Fact(name="Multiplicity", value="one test; every other endpoint, or set of canaries, that was tried is a further one"),
        *(Fact(name="Commitment", value=commitment) for commitment in conditions.commitments),
    ]


def facts_of_radioactivity(
    conditions: Conditions, units: str, mode: Literal["reading", "outputs"], key: tuple[str, str]
) -> list[Fact]:
    """The conditions of a test for the mark of a key in a model.

    Args:
        conditions: of the measurement.
        units: what its independent units are.
        mode: what counts: what the model expects while it reads, or what it wrote.
        key: its id, and the title of its scheme.
    """
    limited = "only contexts that stand in the marked texts" if conditions.marked_contexts else "all contexts"
    counted = f"each token of the answers once after each context; {limited}, and none of a prompt"
    if mode == "reading":
        counted = "the likeliest token at each place while the model reads the texts"
    name, digest = conditions.tokenizer or ("not known", "")
    return [
        Fact(name="Independent units", value=units),
        *(facts_of_model(conditions) if mode == "reading" else ()),
        Fact(name="What counts", value=counted),
        Fact(name="Key", value=", ".join(key)),
        Fact(name="Tokenizer", value=f"{name}, digest {digest[:12]}"),
        Fact(name="Multiplicity", value="one test; every other key or model that was tried is a further one"),
    ]


def facts_of_scores(
    subject: Membership,
    conditions: Conditions,
    scores: Sequence[tuple[str, str]],
    rates: Sequence[tuple[float, float, float]],
    *,
    halves: bool,
) -> list[Fact]:
    """The conditions of a screening.

    Args:
        subject: with its texts.
        conditions: of the measurement.
        scores: name and method of each.
        rates: false-positive rates that can be resolved, with the bounds of the true rate at the threshold for each.
        halves: whether the held-out texts are enough to be compared with each other.
    """
    texts, n_held_out = subject.texts, subject.n_held_out
    truncated = sum(text.truncated for text in texts)
    noise = "held-out against held-out, in random halves" if halves else "too few held-out texts"
    other = "no model that cannot have seen the texts was named"
    if conditions.control is not None:
        other = f"and the model {conditions.control[0]}"
    facts = [
        *facts_of_model(conditions),
        Fact(name="Orientation", value="every score: higher is more member-like"),
        Fact(name="Fixed before scoring", value="; ".join(f"{name}: {method}" for name, method in scores)),
        Fact(name="Multiplicity", value=f"Holm over {len(scores)} scores; variants at other settings decide nothing"),
        Fact(
            name="Truncation",
            value=f"{truncated:,} of {len(texts):,} texts were cut to the first {conditions.room:,} tokens"
            if truncated
            else f"none: no text is longer than {conditions.room:,} tokens",
        ),
        Fact(
            name="Smallest false-positive rate that can be resolved",
            value=f"1/{n_held_out:,} = {1 / n_held_out:.2g}" if n_held_out else "none without held-out texts",
        ),
        *(
            Fact(
                name=f"False-positive rate at the threshold for {fpr:g}",
                value=f"between {low:.2g} and {high:.2g} with 95 % confidence: it was set by {n_held_out:,} held-out documents",
            )
            for fpr, low, high in rates
        ),
        Fact(name="Noise level and control", value=f"{noise}; {other}"),
        Fact(name="Seed", value=conditions.seed or "none"),
    ]
    if conditions.vocabulary and "loss" in texts[0].scores:
        surprisal = -_mean([text.scores["loss"] for text in texts])
        facts.append(
            Fact(
                name="Are the log-probabilities real",
                value=f"mean surprisal {surprisal:.2f} nats per token; a model that knows nothing has "
                f"{math.log(conditions.vocabulary):.2f}",
            )
        )
    if table := conditions.table:
        facts.append(
            Fact(
                name="Token frequencies",
                value=f"{table.name}: {table.description} {table.documents:,} documents, {table.total:,} tokens, counted with "
                f"the target's tokenizer (digest {table.tokenizer[:12]}), Laplace-smoothed",
            )
        )
    if saturations := [text.saturation for text in texts if text.saturation is not None]:
        facts.append(
            Fact(name="DC-PDD's cap", value=f"binds at {_mean(saturations):.1%} of first occurrences, mean over texts")
        )
    return facts


def facts_of_model(conditions: Conditions) -> list[Fact]:
    """Facts on how the log-probabilities of the model were obtained."""
    if conditions.endpoint is not None:
        return [_endpoint(conditions), Fact(name="Source of log-probabilities", value=_ECHO)]
    start = "none: the first token of a text has no score"
    if conditions.start is not None:
        start = f"token {conditions.start.id} ({conditions.start.kind}) before every text"
    return [
        Fact(name="Start token", value=start),
        Fact(
            name="Source of log-probabilities",
            value=f"a forward pass on this machine over all logits, in {conditions.precision}; no endpoint, no echo",
        ),
    ]


_ECHO = (
    "the endpoint's own, of each prompt that it echoes; texts were asked for in the order of their digests. Whoever runs the "
    "endpoint has read all of them, the unpublished ones too: test a model that is trained later with others"
)


def _endpoint(conditions: Conditions) -> Fact:
    address, model = conditions.endpoint or ("not known", "not known")
    return Fact(name="Endpoint", value=f"{address}, model {model}, surface completions")


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
