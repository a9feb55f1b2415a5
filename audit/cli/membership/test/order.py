"""`llm-audit membership test order`: the canonical order of a data set against its shuffles."""

from __future__ import annotations

import click
from typing_extensions import Unpack

from llm_audit.cli.membership.common import FIELD, Audit, asked, audit_options, facts, finish, seeded
from llm_audit.cli.membership.test import TESTS
from llm_audit.cli.options import check_outputs, show_warnings_as_sentences

HELP = (
    TESTS["order"]
    + """

    DATA: JSON lines with a text, or a folder of texts, in the order in which it was published.
    """
)


@click.command(help=HELP, short_help=TESTS["order"])
@click.argument("paths", nargs=-1, required=True, metavar="DATA...")
@click.option("--draws", type=click.IntRange(1), default=99, show_default=True, help="Shuffles, per shard.")
@click.option("--shards", type=click.IntRange(1), default=1, show_default=True, help="Parts, each shuffled within itself.")
@FIELD
@audit_options
def command(
    paths: tuple[str, ...],
    draws: int,
    shards: int,
    text_field: str,
    **chosen: Unpack[Audit],
) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    show_warnings_as_sentences()
    from llm_audit.detectors.membership import blind_baseline, order, run
    from llm_audit.detectors.membership.collection import read_collection
    from llm_audit.detectors.rule import Terms

    check_outputs(chosen["outputs"], chosen["format_"])
    data = read_collection(paths, text_field=text_field)
    rows = [item.text for item in data.items]
    order.check(len(rows), draws, shards, chosen["alpha"])
    with asked(chosen) as target:
        seed = seeded(target, chosen, test="order", data=data.digest, draws=draws, settings=f"{shards} shards")
        alone = blind_baseline.of_order(rows, seed)
        measured = order.measure(target, rows, draws=draws, shards=shards, seed=seed)
    terms = Terms(chosen["alpha"])
    repeated = order.repeated(rows)
    membership = run.tested(
        [blind_baseline.derive(alone, terms), order.derive(measured, terms)],
        alpha=chosen["alpha"],
        claim=f"Was this data set, in this order, in the training data of {target.session.model.name}?",
        units=f"{len(rows):,} rows, whose order is what is tested",
        n_suspect=len(rows),
        n_held_out=0,
        provenance="None are needed: the same rows in other orders take the place of held-out texts.",
        facts=facts(target, seed, chosen["seed_file"]),
        notes=(*data.malformed, *([f"{repeated:,} rows occur earlier already, which costs power."] if repeated else [])),
    )
    return finish(
        membership, target, chosen, rules=(blind_baseline.rule.code, order.rule.code), limits=run.LIMITS,
        found=data.found, malformed=len(data.malformed),
    )  # fmt: skip
