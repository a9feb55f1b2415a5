"""Run a membership audit: from collections and a model to `results.Membership`, the blind baseline first.

Knows nothing about the command line or report formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llm_audit.common.progress import part
from llm_audit.common.seeds import generator
from llm_audit.detectors.membership import blind_classifier, overlap, screen
from llm_audit.detectors.membership.base import MembershipScore
from llm_audit.detectors.membership.collection import Collection
from llm_audit.detectors.membership.conclude import conclude
from llm_audit.detectors.membership.screen import Material, Sides
from llm_audit.detectors.membership.target import LanguageModel, Target
from llm_audit.detectors.registry import described
from llm_audit.detectors.rule import Terms
from llm_audit.reports.wording import limits as wording
from llm_audit.reports.wording.membership import UNSTATED
from llm_audit.reports.wording.notes import of_collection
from llm_audit.results import (
    Conditions,
    Coverage,
    Gate,
    Manifest,
    Membership,
    Report,
    Separation,
    Table,
    Verdict,
)
from llm_audit.results.membership import Copies


@dataclass(frozen=True)
class Compared:
    """Suspect and held-out texts without copies, with their blind baseline.

    Attributes:
        sides: the collections to compare.
        gate: the blind baseline.
        copies: counts of the copies that were found.
        malformed: a sentence for each line or file that was left out.
    """

    sides: Sides
    gate: Gate
    copies: Copies
    malformed: tuple[str, ...]


def compare(suspects: Collection, held_out: Collection, seed: str) -> Compared:
    """Remove copies from both collections, and compute the blind baseline of the rest."""
    distinct = overlap.compare(suspects, held_out)
    gate = blind_classifier.judge(distinct.suspects, distinct.held_out, generator(seed, "gate"))
    malformed = (*suspects.malformed, *held_out.malformed)
    return Compared(Sides(distinct.suspects, distinct.held_out), gate, distinct.copies, malformed)


def baseline_alone(compared: Compared, provenance: str, seed: str, alpha: float) -> Membership:
    """The conclusion from the blind baseline alone: whether scores could show anything."""
    return concluded(
        alpha,
        provenance=provenance_of(provenance, compared.sides.held_out),
        gate=compared.gate,
        conditions=Conditions(seed=seed, copies=compared.copies),
        malformed=compared.malformed,
    )


def concluded(
    alpha: float, *, conditions: Conditions | None = None, malformed: Sequence[str] = (), **fields: Any
) -> Membership:
    """The concluded collection, from its tests and scores.

    Args:
        alpha: of the verdict.
        conditions: of the measurement; None: not known.
        malformed: a sentence for each line or file that was left out.
        fields: other fields of `Membership` that `conclude` does not derive.
    """
    fields |= {"conditions": conditions, "notes": of_collection(conditions or Conditions(), malformed)}
    # Placeholders for verdict, claim and size, which `conclude` fills in.
    empty: dict[str, Any] = {"verdict": Verdict.ERROR, "summary": "", "claim": "", "n_suspect": 0, "n_held_out": 0}
    return conclude(Membership(**(empty | {"unit": "collection"} | fields)), Terms(alpha))


def statement(provenance: str) -> str:
    """What is stated on how the data came about, without its full stop; "": nothing."""
    return provenance.strip().rstrip(". ")


def unstated(stated: bool) -> dict[str, bool]:
    """The fields of a collection on whose assumption nothing is stated: then no p-value decides, large or small."""
    return {} if stated else {"unstated": True, "undecided": True}


def conditions_of(target: LanguageModel, seed: str | None = None, control: Target | None = None, **others: Any) -> Conditions:
    """The conditions of a measurement; `others`: further fields of them."""
    model = control.session.model if control else None
    return Conditions(
        **target.conditions,
        seed=seed,
        control=(model.name, model.digest) if model else None,
        **others,
    )


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
    """Compute every score of every text and, with held-out texts, conclude on the suspects as a collection.

    Args:
        target: the model under audit.
        compared: both sides; or suspects alone, which are only ranked.
        scores: the scores to compute.
        material: for scores that need more than one pass.
        alpha: of the verdict, over all scores together.
        seed: of intervals and permutations.
        provenance: how the held-out texts were obtained; "" if not stated.
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
        plain = [score for score in scores if not score.needs]
        read = screen.passes(control, both.items, plain, Material(), part(target.progress, half, 1))
        controls = [{score.name: score.statistic(passes) for score in plain} for passes in read]
        rows = [row.model_copy(update={"control": values}) for row, values in zip(rows, controls, strict=True)]
    gate = compared.gate if isinstance(compared, Compared) else None
    table = material.frequencies
    conditions = conditions_of(
        target,
        seed,
        control,
        room=target.room,
        copies=compared.copies if isinstance(compared, Compared) else None,
        vocabulary=int(target.session.model.config.get("vocab_size", 0)) or None,
        table=table
        and Table(
            name=table.name,
            description=table.description,
            documents=table.documents,
            total=table.total,
            tokenizer=table.tokenizer,
        ),
    )
    return concluded(
        alpha,
        provenance=provenance_of(provenance, both.held_out),
        gate=gate,
        separations=tuple(
            Separation(rule=score.code, score=score.name, title=score.title, auc=None) for score in scores if gate
        ),
        texts=tuple(rows),
        conditions=conditions,
        seed=seed if gate else None,
        malformed=compared.malformed,
        **(unstated(bool(provenance)) if gate else {}),
    )


def provenance_of(stated: str, held_out: Collection) -> str:
    """Sentences on how the held-out texts were obtained, in the user's words, with the range of their dates."""
    if not held_out.items:
        return "There are no held-out texts."
    dates = sorted(item.date for item in held_out.items if item.date)
    dated = f" Dated {dates[0]} to {dates[-1]} ({len(dates):,} of {len(held_out.items):,} texts)." if dates else " Undated."
    return f"{stated}.{dated}" if stated else f"{UNSTATED}{dated}"


def report(membership: Membership, manifest: Manifest, *, total: int, malformed: int) -> Report:
    """The report on a collection. `total`: lines and files, of which `malformed` could not be read."""
    assessable = membership.verdict is not Verdict.NOT_ASSESSABLE
    judged = total - malformed
    draft = Report(
        question=wording.MEMBERSHIP,
        manifest=manifest,
        coverage=Coverage(
            found=total,
            scored=judged if assessable else 0,
            not_assessable=0 if assessable else judged,
            unreadable=malformed,
        ),
        subjects=(membership,),
        limits=(),
    )
    return wording.with_limits(draft, described)
