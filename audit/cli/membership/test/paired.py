"""`llm-audit membership test paired`: published versions against private rephrasings."""

from __future__ import annotations

from pathlib import Path

import click
from typing_extensions import Unpack

from llm_audit.cli.membership.common import Audit, asked, audit_options, facts, finish, seeded
from llm_audit.cli.membership.test import TESTS
from llm_audit.cli.options import check_outputs, show_warnings_as_sentences

DRAWS = 9999

HELP = (
    TESTS["paired"]
    + """

    PAIRS: JSON lines with the fields public (the version that was published) and private (a rephrasing, or a list of
    them). A coin must have decided which version was published; a field document names items that one coin decided.
    """
)


@click.command(help=HELP, short_help=TESTS["paired"])
@click.argument("path", type=click.Path(path_type=Path), metavar="PAIRS")
@audit_options
def command(
    path: Path,
    **chosen: Unpack[Audit],
) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    show_warnings_as_sentences()
    from llm_audit.detectors.membership import blind_baseline, paired, run
    from llm_audit.detectors.rule import Terms

    check_outputs(chosen["outputs"], chosen["format_"])
    pairs = paired.read_pairs(path)
    paired.check(pairs.items, chosen["alpha"])
    with asked(chosen) as target:
        seed = seeded(target, chosen, test="paired", data=pairs.digest, draws=DRAWS)
        alone = blind_baseline.of_versions(pairs.items, seed)
        measured = paired.measure(target, pairs.items, draws=DRAWS, seed=seed)
    terms = Terms(chosen["alpha"])
    choices = len({pair.document for pair in pairs.items})
    membership = run.tested(
        [blind_baseline.derive(alone, terms), paired.derive(measured, terms)],
        alpha=chosen["alpha"],
        claim=f"Were the published versions in the training data of {target.session.model.name}?",
        units=f"{choices:,} independent choices of the version to publish, over {len(pairs.items):,} items",
        n_suspect=choices,
        n_held_out=choices * len(pairs.items[0].private),
        provenance="Private versions of the same items, never published, as the owner states.",
        facts=facts(target, seed, chosen["seed_file"]),
        notes=pairs.malformed,
    )
    return finish(
        membership, target, chosen, rules=(blind_baseline.rule.code, paired.rule.code), limits=run.LIMITS,
        found=pairs.found, malformed=len(pairs.malformed),
    )  # fmt: skip
