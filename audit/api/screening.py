"""The material of membership scores beside the texts: token counts, a second model, texts that the model has not seen."""

from __future__ import annotations

from pathlib import Path

from llm_audit.api.running import StrPath
from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.files import sha256_of
from llm_audit.detectors.membership.base import MembershipScore, default_frequencies
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
