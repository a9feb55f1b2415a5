"""`llm-audit membership test dataset`: suspect documents against held-out ones."""

from __future__ import annotations

import click
from typing_extensions import Unpack

from llm_audit.cli.membership.common import FIELD, PROVENANCE, Audit, asked, audit_options, facts, finish, seeded
from llm_audit.cli.membership.test import TESTS
from llm_audit.cli.options import check_outputs, show_warnings_as_sentences

DRAWS = 9999


@click.command(help=TESTS["dataset"], short_help=TESTS["dataset"])
@click.argument("paths", nargs=-1, required=True, metavar="SUSPECT...")
@click.option(
    "--held-out", multiple=True, required=True, metavar="FILE", help="Texts of the same kind that the model cannot have seen."
)
@PROVENANCE
@FIELD
@audit_options
def command(
    paths: tuple[str, ...],
    held_out: tuple[str, ...],
    provenance: str,
    text_field: str,
    **chosen: Unpack[Audit],
) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    show_warnings_as_sentences()
    from llm_audit.detectors.membership import blind_baseline, dataset, run
    from llm_audit.detectors.membership.collection import read_collection
    from llm_audit.detectors.rule import Terms

    check_outputs(chosen["outputs"], chosen["format_"])
    suspects, others = (read_collection(each, text_field=text_field) for each in (paths, held_out))
    dataset.check(suspects, others)
    with asked(chosen) as target:
        data = f"{suspects.digest} {others.digest}"
        seed = seeded(target, chosen, test="dataset", data=data, draws=DRAWS)
        compared = run.compare(suspects, others, seed)
        sides = compared.sides
        dataset.check(sides.suspects, sides.held_out)
        measured = dataset.measure(target, sides.suspects, sides.held_out, draws=DRAWS, seed=seed)
    membership = run.tested(
        [dataset.derive(measured, Terms(chosen["alpha"]))],
        alpha=chosen["alpha"],
        unstated=None if provenance else True,
        gate=compared.gate,
        claim=f"Was the suspect collection in the training data of {target.session.model.name}?",
        units="documents, half of which trained the classifier",
        n_suspect=len(sides.suspects.documents),
        n_held_out=len(sides.held_out.documents),
        provenance=run.provenance_of(provenance, sides.held_out),
        facts=facts(target, seed, chosen["seed_file"]),
        notes=compared.notes,
    )
    return finish(
        membership, target, chosen, rules=(blind_baseline.rule.code, dataset.rule.code), limits=run.LIMITS,
        found=suspects.found + others.found, malformed=len(suspects.malformed) + len(others.malformed),
    )  # fmt: skip
