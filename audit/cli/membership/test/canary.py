"""`llm-audit membership test canary`: a published random string among its unpublished siblings."""

from __future__ import annotations

import hashlib

import click
from typing_extensions import Unpack

from llm_audit.cli.membership.common import Audit, asked, audit_options, finish
from llm_audit.cli.membership.test import TESTS
from llm_audit.cli.options import check_outputs, show_warnings_as_sentences
from llm_audit.errors import AuditError

HELP = (
    TESTS["canary"]
    + """

    NAME: of a canary that `llm-audit membership canary new NAME` has drawn; both its files are read, and the commitment is
    checked first. Several canaries are one test together.
    """
)


@click.command(help=HELP, short_help=TESTS["canary"])
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@audit_options
def command(
    names: tuple[str, ...],
    **chosen: Unpack[Audit],
) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    show_warnings_as_sentences()
    from llm_audit.detectors.membership import canary, run
    from llm_audit.detectors.rule import Terms
    from llm_audit.results import Fact

    check_outputs(chosen["outputs"], chosen["format_"])
    if chosen["seed_file"]:
        raise AuditError("A canary's randomness was drawn when it was made; its commitment takes the place of --seed-file.")
    secrets = [canary.check(name) for name in names]
    canary.check_decidable(secrets, chosen["alpha"])
    with asked(chosen) as target:
        result = canary.derive(canary.measure(target, secrets), Terms(chosen["alpha"]))
    digest = hashlib.sha256("".join(secret.commitment for secret in secrets).encode()).hexdigest()
    membership = run.tested(
        [result],
        alpha=chosen["alpha"],
        claim=f"Was the published text in the training data of {target.session.model.name}?",
        units=f"{len(secrets):,} published strings",
        n_suspect=len(secrets),
        n_held_out=sum(secret.count for secret in secrets),
        provenance="Unpublished strings of the same draw, which fit the commitment. By the owner's clock it was made "
        f"{', '.join(secret.created for secret in secrets)}; compare it with the copy that was published then.",
        facts=(
            *target.facts,
            *(Fact(name="Commitment", value=secret.commitment) for secret in secrets),
            Fact(name="Data", value=digest),
        ),
    )
    return finish(
        membership, target, chosen, rules=(canary.rule.code,), limits=run.LIMITS,
        found=len(secrets), malformed=0,
    )  # fmt: skip
