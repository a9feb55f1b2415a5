"""`llm-audit membership score`: rank texts, and compare suspect with held-out ones."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from typing_extensions import Unpack

from llm_audit.cli.membership import MEMBERSHIP
from llm_audit.cli.membership.common import FIELD, PROVENANCE, Audit, asked, audit_options, finish, seeded
from llm_audit.cli.options import check_outputs, scoring_session, show_warnings_as_sentences
from llm_audit.errors import AuditError
from llm_audit.files import sha256_of

if TYPE_CHECKING:
    from llm_audit.detectors.membership.base import MembershipScore
    from llm_audit.detectors.membership.screen import Material
    from llm_audit.detectors.membership.target import Target

HELP = (
    MEMBERSHIP["score"]
    + """

    SUSPECT: JSON lines with a text (also .gz, .xz), text files or folders. Without --held-out the texts are ranked, and
    nothing is concluded. No single text is ever called a member from a score.
    """
)


@click.command(help=HELP, short_help=MEMBERSHIP["score"])
@click.argument("paths", nargs=-1, required=True, metavar="SUSPECT...")
@click.option(
    "--held-out", multiple=True, metavar="FILE", help="Texts of the same kind that the model cannot have seen; repeatable."
)
@click.option("--member-field", metavar="FIELD", help="Instead: field of each line that says true or false, for benchmarks.")
@PROVENANCE
@click.option(
    "--score", "names", multiple=True, metavar="NAME", help="Only this score; repeatable. Default: all but lowercase."
)
@click.option(
    "--frequencies",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Token counts for DC-PDD, of `membership frequencies`.",
)
@click.option("--reference", metavar="MODEL", help="Another model, for the reference ratio.")
@click.option(
    "--prefix", metavar="FILE", type=click.Path(path_type=Path), help="Texts that the model has not seen, for ReCaLL."
)
@click.option("--control", metavar="MODEL", help="A model that cannot have seen any of the texts: it must not tell them apart.")
@FIELD
@audit_options
def command(
    paths: tuple[str, ...],
    held_out: tuple[str, ...],
    member_field: str | None,
    provenance: str,
    names: tuple[str, ...],
    frequencies: Path | None,
    reference: str | None,
    prefix: Path | None,
    control: str | None,
    text_field: str,
    **chosen: Unpack[Audit],
) -> int:
    """Run the command; the docstring for users is in `MEMBERSHIP`."""
    show_warnings_as_sentences()
    from llm_audit.detectors.membership import blind_baseline, run
    from llm_audit.detectors.membership.base import find_scores
    from llm_audit.detectors.membership.collection import Collection, read_collection, split_by_label
    from llm_audit.detectors.membership.target import Target

    check_outputs(chosen["outputs"], chosen["format_"])
    if held_out and member_field:
        raise click.UsageError("Give --held-out or --member-field, not both.")
    available = find_scores(names)
    others: Collection | None = None
    if member_field:
        suspects, others = split_by_label(paths, text_field=text_field, label_field=member_field)
    else:
        suspects = read_collection(paths, text_field=text_field)
        others = read_collection(held_out, text_field=text_field) if held_out else None
    with ExitStack() as stack:
        target = stack.enter_context(asked(chosen))

        def further(name: str | None) -> Target | None:
            return (
                Target(
                    stack.enter_context(scoring_session(name, None, chosen["device"], chosen["offline"], chosen["no_cache"]))
                )
                if name
                else None
            )

        others_asked = {"reference": further(reference), "control": further(control)}
        material = _material(target, frequencies, others_asked["reference"], prefix)
        scores = _chosen(available, material, asked_for=bool(names))
        digest = f"{suspects.digest} {others.digest if others else ''}"
        others_named = {"frequencies": frequencies, "prefix": prefix, "reference": reference, "control": control}
        settings = ", ".join(
            [score.name for score in scores] + [f"{name} {_digest(named)}" for name, named in others_named.items() if named]
        )
        seed = seeded(target, chosen, test="score", data=digest, draws=0, settings=settings)
        compared = run.compare(suspects, others, seed) if others else suspects
        membership = run.score(
            target, compared, scores, material,
            alpha=chosen["alpha"], seed=seed, provenance=provenance, control=others_asked["control"],
        )  # fmt: skip
    collections = [suspects, *([others] if others else [])]
    return finish(
        membership, target, chosen, rules=[blind_baseline.rule.code] * bool(others) + sorted({score.code for score in scores}),
        limits=(*run.LIMITS_OF_SCORES, *run.LIMITS),
        found=sum(each.found for each in collections), malformed=sum(len(each.malformed) for each in collections),
        further=[each.session for each in others_asked.values() if each],
        used=scores,
    )  # fmt: skip


def _digest(named: Path | str) -> str:
    """Of a file's content; of a model the name itself."""
    return str(named) if isinstance(named, str) else sha256_of(named)[:16]


def _material(target: Target, frequencies: Path | None, reference: Target | None, prefix: Path | None) -> Material:
    from llm_audit.detectors.membership.base import default_frequencies
    from llm_audit.detectors.membership.frequencies import Frequencies, tokenizer_digest
    from llm_audit.detectors.membership.screen import Material
    from llm_audit.scoring.model import load_tokenizer, prefix_token

    model = target.session.model
    tokenizer = load_tokenizer(model.folder)
    digest = tokenizer_digest(tokenizer)
    table = Frequencies.load(frequencies) if frequencies else default_frequencies(digest)
    if table is not None:
        table.check(digest, model.name)
    shots: str | None = None
    if prefix is not None:
        try:
            text = prefix.read_text("utf-8-sig").strip() + "\n\n"
        except (OSError, UnicodeDecodeError) as error:
            raise AuditError(f"The prefix {prefix} cannot be read as UTF-8: check the path.") from error
        start = prefix_token(model.config)
        shots = ("" if start is None else str(tokenizer.id_to_token(start))) + text
    return Material(table, reference, shots)


def _chosen(available: list[MembershipScore], material: Material, *, asked_for: bool) -> list[MembershipScore]:
    """The scores to compute: those asked for or, by default, those that need no further pass over the texts but by choice."""
    if not asked_for:
        return [score for score in available if material.serves(score) and "lowercase" not in score.needs]
    missing = {
        "frequencies": "token counts of this model's tokenizer: build them with `llm-audit membership frequencies` and name "
        "them with --frequencies",
        "reference": "a second model: name one with --reference",
        "prefixed": "texts that the model has not seen: name them with --prefix",
    }
    for score in available:
        if not material.serves(score):
            need = next(need for need in score.needs if need in missing)
            raise AuditError(f"The score {score.name} needs {missing[need]}.")
    return available
