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
    from llm_audit.detectors.membership import order
    from llm_audit.detectors.membership.collection import read_collection
    from llm_audit.detectors.membership.evidence import LIMITS, conclude

    check_outputs(chosen["outputs"], chosen["format_"])
    data = read_collection(paths, text_field=text_field)
    rows = [item.text for item in data.items]
    order.check(len(rows), draws, shards, chosen["alpha"])
    with asked(chosen) as target:
        seed = seeded(target, chosen, test="order", data=data.digest, draws=draws, settings=f"{shards} shards")
        tests = [
            order.gate(rows, seed),
            order.judge(target, rows, draws=draws, shards=shards, alpha=chosen["alpha"], seed=seed),
        ]
    repeated = order.repeated(rows)
    membership = conclude(
        tests,
        deciding=order.RULE,
        condition="all orders of the rows were equally likely to become the published one",
        claim=f"Was this data set, in this order, in the training data of {target.session.model.name}?",
        units=f"{len(rows):,} rows, whose order is what is tested",
        n_suspect=len(rows),
        n_held_out=0,
        provenance="None are needed: the same rows in other orders take the place of held-out texts.",
        facts=facts(target, seed, chosen["seed_file"]),
        notes=(*data.malformed, *([f"{repeated:,} rows occur earlier already, which costs power."] if repeated else [])),
    )
    return finish(
        membership, target, chosen, rules=("AUD300", order.RULE), limits=LIMITS,
        found=data.found, malformed=len(data.malformed),
    )  # fmt: skip
