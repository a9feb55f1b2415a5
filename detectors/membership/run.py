"""From collections and a model to `results.Membership`: the blind baseline first, then the scores or a test.

Knows nothing about the command line or report formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llm_audit.detectors.membership import blind_classifier, overlap, screen
from llm_audit.detectors.membership.base import MembershipScore
from llm_audit.detectors.membership.collection import Collection
from llm_audit.detectors.membership.conclude import conclude
from llm_audit.detectors.membership.screen import Material, Sides
from llm_audit.detectors.membership.target import Target
from llm_audit.detectors.registry import described
from llm_audit.detectors.rule import Terms
from llm_audit.progress import part
from llm_audit.reports.wording import limits as wording
from llm_audit.reports.wording.membership import UNSTATED
from llm_audit.results import (
    Coverage,
    Fact,
    Gate,
    Manifest,
    Membership,
    Report,
    Result,
    Screened,
    Separation,
    Verdict,
)
from llm_audit.seeds import generator


@dataclass(frozen=True)
class Compared:
    """Suspect and held-out texts after what overlaps was taken out, with what the texts alone say."""

    sides: Sides
    gate: Gate
    notes: tuple[str, ...]


def compare(suspects: Collection, held_out: Collection, seed: str) -> Compared:
    """Take out what overlaps, and let a classifier without any model try to tell the rest apart."""
    found = overlap.compare(suspects, held_out)
    gate = blind_classifier.judge(found.suspects, found.held_out, generator(seed, "gate"))
    notes = (*found.notes, *suspects.malformed, *held_out.malformed)
    return Compared(Sides(found.suspects, found.held_out), gate, notes)


def baseline_alone(compared: Compared, provenance: str, seed: str, alpha: float) -> Membership:
    """What the texts alone say: whether anything could be concluded from scores of them."""
    sides = compared.sides
    return _concluded(
        alpha,
        claim="Can the suspect and the held-out texts be told apart without any model?",
        n_suspect=len(sides.suspects.documents),
        n_held_out=len(sides.held_out.documents),
        provenance=provenance_of(provenance, sides.held_out),
        gate=compared.gate,
        facts=(Fact(name="Model", value="none was asked"), Fact(name="Seed", value=seed)),
        notes=compared.notes,
    )


def tested(tests: Sequence[Result], *, alpha: float, units: str, facts: Sequence[Fact], **others: Any) -> Membership:
    """What the tests of a collection come to: one of the model, and what the texts alone gave away.

    Args:
        tests: derived, in any order.
        alpha: level of the decision.
        units: what the independent units are.
        facts: the conditions of the measurement.
        others: fields of `Membership`.
    """
    return _concluded(alpha, tests=tuple(tests), facts=(Fact(name="Independent units", value=units), *facts), **others)


def _concluded(alpha: float, **fields: Any) -> Membership:
    # Before it is concluded it has no verdict: this one follows from nothing.
    return conclude(Membership(verdict=Verdict.ERROR, summary="", unit="collection", **fields), Terms(alpha))


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
    if control is not None and isinstance(compared, Compared):
        target.session.release()
        # The control model has its own tokenizer, and no table of its own: what needs one is not compared.
        plain = [one for one in scores if not one.needs]
        read = screen.passes(control, both.items, plain, Material(), part(target.progress, half, 1))
        found = [{one.name: one.statistic(each) for one in plain} for each in read]
        rows = [row.model_copy(update={"control": each}) for row, each in zip(rows, found, strict=True)]
    gate = compared.gate if isinstance(compared, Compared) else None
    return _concluded(
        alpha,
        claim=f"Were the {len(both.suspects.documents):,} suspect documents in the training data of "
        f"{target.session.model.name}?",
        n_suspect=len(both.suspects.documents),
        n_held_out=len(both.held_out.documents),
        provenance=provenance_of(provenance, both.held_out),
        gate=gate,
        separations=tuple(Separation(rule=one.code, score=one.name, title=one.title, auc=None) for one in scores if gate),
        texts=tuple(rows),
        facts=(*target.facts, *_facts(target, rows, scores, material, both, seed, control)),
        seed=seed if gate else None,
        notes=compared.notes if isinstance(compared, Compared) else compared.malformed,
        unstated=True if gate and not provenance else None,
    )


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
    truncated, n_held_out = sum(row.truncated for row in rows), len(both.held_out.documents)
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


def report(membership: Membership, manifest: Manifest, *, found: int, malformed: int) -> Report:
    """A membership as a report. `found` lines and files, of which `malformed` could not be read."""
    assessable = membership.verdict is not Verdict.NOT_ASSESSABLE
    judged = found - malformed
    made = Report(
        question=wording.MEMBERSHIP,
        manifest=manifest,
        coverage=Coverage(
            found=found,
            scored=judged if assessable else 0,
            not_assessable=0 if assessable else judged,
            unreadable=malformed,
        ),
        subjects=(membership,),
        limits=(),
    )
    return wording.with_limits(made, described)
