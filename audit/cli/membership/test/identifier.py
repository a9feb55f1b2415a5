"""`llm-audit membership test identifier`: hashes and ids inside documents against fresh ones."""

from __future__ import annotations

import click
from typing_extensions import Unpack

from llm_audit.cli.membership.common import FIELD, Audit, asked, audit_options, facts, finish, seeded
from llm_audit.cli.membership.test import TESTS
from llm_audit.cli.options import check_outputs, show_warnings_as_sentences


@click.command(help=TESTS["identifier"], short_help=TESTS["identifier"])
@click.argument("paths", nargs=-1, required=True, metavar="DOCUMENTS...")
@click.option(
    "--draws", type=click.IntRange(1), default=19, show_default=True, help="Fresh identifiers for each that is found."
)
@FIELD
@audit_options
def command(
    paths: tuple[str, ...],
    draws: int,
    text_field: str,
    **chosen: Unpack[Audit],
) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    show_warnings_as_sentences()
    from collections import Counter

    from llm_audit.detectors.membership import identifier, run
    from llm_audit.detectors.membership.collection import read_collection
    from llm_audit.detectors.rule import Terms

    check_outputs(chosen["outputs"], chosen["format_"])
    data = read_collection(paths, text_field=text_field)
    found = identifier.find(data.items)
    identifier.check(found, draws, chosen["alpha"])
    with asked(chosen) as target:
        seed = seeded(target, chosen, test="identifier", data=data.digest, draws=draws)
        measured = identifier.measure(target, found, draws=draws, seed=seed)
    kinds = ", ".join(f"{count:,} of {name}" for name, count in Counter(each.format.name for each in found).items())
    membership = run.tested(
        [identifier.derive(measured, Terms(chosen["alpha"]))],
        alpha=chosen["alpha"],
        claim=f"Were these {len(data.items):,} documents in the training data of {target.session.model.name}?",
        units=f"{len(found):,} different identifiers: {kinds}",
        n_suspect=len(found),
        n_held_out=draws * len(found),
        provenance="Fresh identifiers of the same formats, drawn for this test after the model was made.",
        facts=facts(target, seed, chosen["seed_file"]),
        notes=data.malformed,
    )
    return finish(
        membership, target, chosen, rules=(identifier.rule.code,), limits=run.LIMITS,
        found=data.found, malformed=len(data.malformed),
    )  # fmt: skip
