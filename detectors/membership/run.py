"""From collections and a model to `results.Membership`: the gate first, then the scores, then what they may say.

Knows nothing about the command line or report formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llm_audit.detectors.membership import blind, overlap, screen
from llm_audit.detectors.membership.base import MembershipScore
from llm_audit.detectors.membership.collection import Collection
from llm_audit.detectors.membership.screen import Material, Sides
from llm_audit.detectors.membership.target import Target
from llm_audit.progress import part
from llm_audit.results import Fact, Gate, Membership, Screened, Separation, Verdict
from llm_audit.seeds import generator

UNSTATED = "Not stated: nobody says how the held-out texts were obtained, or that the model cannot have seen them."

LIMIT_OF_THE_GATE = (
    "That no difference was found does not make two collections exchangeable: it bounds the differences that this classifier "
    "can see in so many texts."
)

LIMITS_OF_SCORES = (
    "No single text is called a member from a score: on models trained on large corpora every known score is near chance.",
    "The p-values of scores compare two collections. They speak of training only if the collections differ in nothing else.",
)


@dataclass(frozen=True)
class Compared:
    """Suspect and held-out texts after what overlaps was taken out, with what the texts alone say."""

    sides: Sides
    gate: Gate
    notes: tuple[str, ...]


def compare(suspects: Collection, held_out: Collection, seed: str) -> Compared:
    """Take out what overlaps, and let a classifier without any model try to tell the rest apart."""
    found = overlap.compare(suspects, held_out)
    gate = blind.judge(found.suspects, found.held_out, generator(seed, "gate"))
    notes = (*found.notes, *suspects.malformed, *held_out.malformed)
    return Compared(Sides(found.suspects, found.held_out), gate, notes)


def gate_alone(compared: Compared, provenance: str, seed: str) -> Membership:
    """What the texts alone say: whether anything could be concluded from scores of them."""
    gate, labels = compared.gate, compared.sides.labels
    verdict, summary = verdict_of_gate(gate)
    return Membership(
        verdict=verdict,
        summary=summary,
        claim="Can the suspect and the held-out texts be told apart without any model?",
        unit="collection",
        n_suspect=int(labels.sum()),
        n_held_out=int((~labels).sum()),
        provenance=provenance_of(provenance, compared.sides.held_out),
        gate=gate,
        facts=(Fact(name="Model", value="none was asked"), Fact(name="Seed", value=seed)),
        notes=compared.notes,
    )


def verdict_of_gate(gate: Gate) -> tuple[Verdict, str]:
    """What the gate alone says."""
    if gate.outcome == "no_difference_found":
        return Verdict.PASS, f"Scores of these texts can be compared: {gate.reason}"
    return Verdict.NOT_ASSESSABLE, f"Not assessable: {gate.reason}"


def score(
    target: Target,
    compared: Compared | Collection,
    scores: Sequence[MembershipScore],
    material: Material,
    *,
    alpha: float,
    seed: str,
    provenance: str,
    control: Target | None = None,
) -> Membership:
    """Every score of every text and, with held-out texts, what the scores say of the suspects as a collection.

    Args:
        target: the model under audit.
        compared: both sides; or suspects alone, which are ranked and no more.
        scores: fixed before anything is scored.
        material: for those that need more than one pass.
        alpha: of the verdict, over all scores together.
        seed: of intervals and permutations.
        provenance: how the held-out texts were obtained; "" if nobody says.
        control: a model that cannot have seen any of the texts.
    """
    both = compared.sides if isinstance(compared, Compared) else Sides(compared, Collection((), "", 0))
    sides = ["suspect"] * len(both.suspects.items) + ["held_out"] * len(both.held_out.items)
    half = 1.0 if control is None else 0.5
    number = {unit: i for i, unit in enumerate(dict.fromkeys(both.units))}
    first = screen.passes(target, both.items, scores, material, part(target.progress, 0, half))
    rows = [
        screen.screened(item, side, read, scores).model_copy(update={"place": place, "unit": number[unit]})
        for place, (item, side, unit, read) in enumerate(zip(both.items, sides, both.units, first, strict=True))
    ]
    under_control = None
    if control is not None and isinstance(compared, Compared):
        target.session.release()
        # The control model has its own tokenizer, and no table of its own: what needs one is not compared.
        plain = [one for one in scores if not one.needs]
        read = screen.passes(control, both.items, plain, Material(), part(target.progress, half, 1))
        found = [{one.name: one.statistic(each) for one in plain} for each in read]
        under_control = {one.name: [row[one.name] for row in found] for one in plain}
        rows = [row.model_copy(update={"control": each}) for row, each in zip(rows, found, strict=True)]
    separations: tuple[Separation, ...] = ()
    if isinstance(compared, Compared):
        table = {one.name: [row.scores[one.name] for row in rows] for one in scores}
        separations = screen.separations(both, table, scores, seed, under_control)
    gate = compared.gate if isinstance(compared, Compared) else None
    verdict, summary = verdict_of(gate, separations, alpha, provenance)
    labels = both.labels
    return Membership(
        verdict=verdict,
        summary=summary,
        claim=f"Were the {int(labels.sum()):,} suspect documents in the training data of {target.session.model.name}?",
        unit="collection",
        n_suspect=int(labels.sum()),
        n_held_out=int((~labels).sum()),
        provenance=provenance_of(provenance, both.held_out),
        gate=gate,
        separations=separations,
        texts=tuple(sorted(rows, key=lambda row: -row.scores[scores[0].name])),
        facts=(*target.facts, *_facts(target, rows, scores, material, both, seed, control)),
        seed=seed if separations else None,
        notes=compared.notes if isinstance(compared, Compared) else compared.malformed,
    )


def verdict_of(gate: Gate | None, separations: Sequence[Separation], alpha: float, provenance: str) -> tuple[Verdict, str]:
    """What scores may say: nothing about one text, and of a collection only what the gate lets through."""
    if gate is None:
        return Verdict.NOT_ASSESSABLE, (
            "Not assessable: there are no held-out texts, so nobody knows how high the scores of unseen texts like these are. "
            "The texts are ranked, and no more; name texts that the model cannot have seen with --held-out."
        )
    if gate.outcome != "no_difference_found":
        return Verdict.NOT_ASSESSABLE, f"Not assessable: {gate.reason}"
    fooled = [found for found in separations if found.other_model is not None and found.other_model.lower > 0.5]
    if fooled:
        return Verdict.NOT_ASSESSABLE, (
            f"Not assessable: a model that cannot have seen the texts tells them apart as well ({fooled[0].title}: AUC "
            f"{_interval(fooled[0].other_model)}), so the difference is in the texts."
        )
    controlled = any(found.gain is not None for found in separations)
    deciding = [found for found in separations if not controlled or (found.gain is not None and found.gain.lower > 0)]
    best = min(deciding or separations, key=_adjusted)
    over = f"{best.title} separates best, AUC {_interval(best.auc)}, p = {best.p_adjusted:.2g} over {len(separations)} scores"
    if deciding and _adjusted(best) <= alpha and not provenance:
        return Verdict.INCONCLUSIVE, f"Undecided: {UNSTATED} {over[0].upper()}{over[1:]}."
    if deciding and _adjusted(best) <= alpha:
        return Verdict.FINDING, (
            f"Evidence that the model was trained on the suspect collection, if the two collections differ in nothing else: "
            f"{over}. Which of its texts were seen remains open."
        )
    if not deciding:
        over += ", which is no more than under the model that cannot have seen the texts"
    if (floor := len(separations) / (1 + screen.DRAWS)) > alpha:
        return Verdict.INCONCLUSIVE, (
            f"Undecided: no p-value below {floor:.2g} was possible over {len(separations)} scores, and {alpha:g} was asked "
            f"for; {over}."
        )
    return Verdict.PASS, (
        f"No evidence that the model was trained on the suspect collection: {over}. That does not show that it was not."
    )


def _adjusted(found: Separation) -> float:
    return 1.0 if found.p_adjusted is None else found.p_adjusted


def _interval(found: object) -> str:
    return "not measured" if found is None else f"{found.value:.3f} [{found.lower:.3f}, {found.upper:.3f}]"  # type: ignore[attr-defined]


def provenance_of(said: str, held_out: Collection) -> str:
    """How the held-out texts were obtained as the user says, and their dates as the texts say."""
    if not held_out.items:
        return "There are no held-out texts."
    dates = sorted(item.date for item in held_out.items if item.date)
    dated = f" Dated {dates[0]} to {dates[-1]} ({len(dates):,} of {len(held_out.items):,} texts)." if dates else " Undated."
    return f"{said.rstrip('.')}.{dated}" if said else f"{UNSTATED}{dated}"


def _facts(
    target: Target,
    rows: Sequence[Screened],
    scores: Sequence[MembershipScore],
    material: Material,
    both: Sides,
    seed: str,
    control: Target | None,
) -> list[Fact]:
    """The conditions of the measurement."""
    truncated, n_held_out = sum(row.truncated for row in rows), int((~both.labels).sum())
    surprisal = -np.mean([row.scores["loss"] for row in rows]) if any(one.name == "loss" for one in scores) else None
    vocabulary = int(target.session.model.config.get("vocab_size", 0))
    facts = [
        Fact(name="Orientation", value="every score: higher is more member-like"),
        Fact(name="Fixed before scoring", value="; ".join(f"{one.name}: {one.method}" for one in scores)),
        Fact(name="Multiplicity", value=f"Holm over {len(scores)} scores; variants at other settings decide nothing"),
        Fact(
            name="Truncation",
            value=f"{truncated:,} of {len(rows):,} texts were cut to the first {target.room:,} tokens"
            if truncated
            else f"none: no text is longer than {target.room:,} tokens",
        ),
        Fact(
            name="Smallest false-positive rate that can be resolved",
            value=f"1/{n_held_out:,} = {1 / n_held_out:.2g}" if n_held_out else "none without held-out texts",
        ),
        *(
            Fact(
                name=f"False-positive rate at the threshold for {fpr:g}",
                value="between {:.2g} and {:.2g} with 95 % confidence: it was set by {:,} held-out documents".format(
                    *_true_rate(fpr, n_held_out), n_held_out
                ),
            )
            for fpr in screen.RATES
            if n_held_out * fpr >= 1
        ),
        Fact(name="Noise level and control", value=_control(control, n_held_out)),
        Fact(name="Seed", value=seed),
    ]
    if surprisal is not None and vocabulary:
        facts.append(
            Fact(
                name="Are the log-probabilities real",
                value=f"mean surprisal {surprisal:.2f} nats per token; a model that knows nothing has {np.log(vocabulary):.2f}",
            )
        )
    if table := material.frequencies:
        facts.append(
            Fact(
                name="Token frequencies",
                value=f"{table.name}: {table.description} {table.documents:,} documents, {table.total:,} tokens, counted with "
                f"the target's tokenizer (digest {table.tokenizer[:12]}), Laplace-smoothed",
            )
        )
    if saturations := [row.saturation for row in rows if row.saturation is not None]:
        facts.append(
            Fact(name="DC-PDD's cap", value=f"binds at {np.mean(saturations):.1%} of first occurrences, mean over texts")
        )
    return facts


def _true_rate(fpr: float, n: int) -> tuple[float, float]:
    """Between which bounds the true rate lies of a threshold that floor(n fpr) of n held-out documents reach; a beta law."""
    from scipy.stats import beta

    k = max(1, int(n * fpr))
    low, high = beta.ppf([0.025, 0.975], k, n + 1 - k)
    return float(low), float(high)


def _control(control: Target | None, n_held_out: int) -> str:
    halves = "held-out against held-out, in random halves" if n_held_out >= 2 * screen.FEWEST else "too few held-out texts"
    other = f"and the model {control.session.model.name}" if control else "no model that cannot have seen the texts was named"
    return f"{halves}; {other}"
