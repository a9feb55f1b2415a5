"""Membership scores, and their material beside the texts: token counts, a second model, texts that the model has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llm_audit.api.arguments import checked
from llm_audit.api.asking import Audit, Paths
from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, listed
from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.files import sha256_of
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.membership import blind_baseline, run
from llm_audit.detectors.membership.base import MembershipScore, default_frequencies, find_scores
from llm_audit.detectors.membership.collection import Collection, read_collection, split_by_label
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.detectors.membership.screen import Material
from llm_audit.detectors.membership.target import Target
from llm_audit.scoring.vocabulary import tokenizer_digest

MISSING = {
    "frequencies": "token counts of this model's tokenizer: build them with `llm-audit membership frequencies` and name them "
    "with --frequencies",
    "reference": "a second model: name one with --reference",
    "prefixed": "texts that the model has not seen: name them with --prefix",
}
"""Material that a score may need -> how to give it."""


@checked
def score(
    paths: Paths,
    *,
    held_out: Paths = (),
    member_field: str | None = None,
    provenance: str = "",
    scores: Sequence[str] = (),
    frequencies: StrPath | None = None,
    reference: str | None = None,
    prefix: StrPath | None = None,
    control: str | None = None,
    text_field: str = "text",
    alpha: float = 0.01,
    setup: AnySetup = None,
    seed_file: StrPath | None = None,
    progress: Progress = silent,
) -> Report:
    """Rank texts, and compare suspect with held-out ones. No single text is called a member from a score.

    Args:
        paths: suspect texts.
        held_out: texts of the same kind that the model cannot have seen; none: the texts are ranked, and nothing is concluded.
        member_field: instead of `held_out`: the field of each line that says true or false, for benchmarks.
        provenance: how the held-out texts were obtained, and when.
        scores: names of the only scores; none: all that need no further pass over the texts.
        frequencies: token counts for DC-PDD, from `count_frequencies`.
        reference: another model, for the reference ratio.
        prefix: file of texts that the model has not seen, for ReCaLL.
        control: a model that cannot have seen any of the texts: it must not tell them apart.
        text_field: as for `order`.
        alpha: as for `order`.
        setup: as for `order`.
        seed_file: as for `order`.
        progress: as for `order`.

    Raises:
        InvalidConfiguration: a score lacks what it needs, or arguments that do not go together.

    >>> report = llm_audit.membership.score("suspects.jsonl", scores=["min-k"], setup=llm_audit.Setup(model="./my-model"))
    >>> len(report.membership.texts), report.membership.texts[0].scores["min-k"] > report.membership.texts[-1].scores["min-k"]
    (80, True)
    """
    paths, held_out = listed(paths), listed(held_out)
    if held_out and member_field:
        raise InvalidConfiguration(
            "Held-out texts are named by files or by a field of each line: give held_out or member_field."
        )
    audit = Audit(alpha, setup, seed_file, progress)
    available = find_scores(scores)
    others: Collection | None = None
    if member_field:
        suspects, others = split_by_label(paths, text_field=text_field, label_field=member_field)
    else:
        suspects = read_collection(paths, text_field=text_field)
        others = read_collection(held_out, text_field=text_field) if held_out else None
    both = [suspects, *([others] if others else [])]
    with audit.target() as target, audit.further(reference) as second, audit.further(control) as third:
        material = material_of(target, frequencies, second, prefix)
        chosen = chosen_scores(available, material, asked_for=bool(scores))
        others_named = {"frequencies": frequencies, "prefix": prefix, "reference": reference, "control": control}
        settings = ", ".join(
            [score.name for score in chosen]
            + [f"{name} {digest_of(name, argument)}" for name, argument in others_named.items() if argument]
        )
        seed = audit.seed(target, "score", f"{suspects.digest} {others.digest if others else ''}", 0, settings)
        membership = run.score(
            target, run.compare(suspects, others, seed) if others else suspects, chosen, material,
            alpha=alpha, seed=seed, provenance=run.statement(provenance), control=third,
        )  # fmt: skip
    return audit.finished(
        membership, target, [blind_baseline.rule.code] * bool(others) + sorted({score.code for score in chosen}), both,
        further=[extra.session for extra in (second, third) if extra], used=chosen,
        named=[*paths, *held_out, frequencies, prefix],
    )  # fmt: skip


def digest_of(name: str, argument: StrPath) -> str:
    """The string that stands for an argument in a seed: 16 digits of a file's digest, or the name of a model."""
    return str(argument) if name in ("reference", "control") else sha256_of(Path(argument))[:16]


def material_of(target: Target, frequencies: StrPath | None, reference: Target | None, prefix: StrPath | None) -> Material:
    """The material of the scores, read and checked against the model's tokenizer. Raises AuditError."""
    from llm_audit.scoring.tokenizer import load_tokenizer, prefix_token

    model = target.session.model
    tokenizer = load_tokenizer(model.folder)
    digest = tokenizer_digest(tokenizer)
    table = Frequencies.load(Path(frequencies)) if frequencies else default_frequencies(digest)
    if table is not None:
        table.check(digest, model.name)
    shots: str | None = None
    if prefix is not None:
        try:
            text = Path(prefix).read_text("utf-8-sig").strip() + "\n\n"
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"The prefix {prefix} cannot be read as UTF-8: check the path.") from error
        start = prefix_token(model.config)
        shots = ("" if start is None else str(tokenizer.id_to_token(start))) + text
    return Material(table, reference, shots)


def chosen_scores(available: list[MembershipScore], material: Material, *, asked_for: bool) -> list[MembershipScore]:
    """The membership scores to compute: all `available` ones if they were asked for, else those that `material` is enough for.

    The score of the lower-cased text, which costs a further pass, is computed only if it was asked for.

    Raises:
        InvalidConfiguration: one that was asked for lacks what it needs.
    """
    if not asked_for:
        return [score for score in available if material.serves(score) and "lowercase" not in score.needs]
    for score in available:
        if not material.serves(score):
            need = next(need for need in score.needs if need in MISSING)
            raise InvalidConfiguration(f"The score {score.name} needs {MISSING[need]}.")
    return available
