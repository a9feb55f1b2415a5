"""What a membership score is, and how the scores are found.

A score turns the passes of a model over one text into one number, oriented so that higher is more member-like. It has no
null distribution of its own: what a number means is known only beside texts that the model has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from llm_audit.detectors.announced import Announcement
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.detectors.plugins import find_announced, guarded
from llm_audit.scoring.tokens import TokenScores

GROUP = "llm_audit.membership"
"""Entry-point group under which packages, this one included, announce their scores."""

SHIPPED = Path(__file__).with_name("english.safetensors")
"""Token frequencies of English, counted with the embedded model's tokenizer by `tools/build_frequencies.py`."""

Pass = TypeVar("Pass")

Need = Literal["frequencies", "lowercase", "reference", "prefixed"]


class Passes(NamedTuple):
    """Everything a score may read about one text.

    Attributes:
        text: as the model read it, without what was cut off at the end.
        scores: of the target model, n >= 1 scored tokens, all in one window.
        lowercase: of the target model for the text in lower case.
        reference: of another model for the same text; its tokens may be others.
        prefixed: of the target model for the same tokens after a prefix of texts it has not seen.
        frequencies: how often each token of the target's tokenizer occurs in general text.
    """

    text: str
    scores: TokenScores
    lowercase: TokenScores | None = None
    reference: TokenScores | None = None
    prefixed: TokenScores | None = None
    frequencies: Frequencies | None = None


@dataclass(frozen=True)
class MembershipScore:
    """A score and what a reader must know about it.

    Attributes:
        rule: code of its family, AUD301 to AUD303; of plugins AUD350 to AUD399.
        name: short name on the command line.
        title: name in reports.
        unit: as printed.
        method: source, the settings that are fixed, and where we differ.
        statistic: pure function of the passes; finite whenever n >= 1 and the passes it needs are there.
        needs: beyond the one pass over the text.
        saturation: share of what it averages that sits at a cap; None if it has no cap.
        variants: the same score at other settings, by name; printed beside it and never decided on.
        plugin: where it came from, set when it is loaded; None: from llm-audit.
    """

    rule: str
    name: str
    title: str
    unit: str
    method: str
    statistic: Callable[[Passes], float]
    needs: tuple[Need, ...] = ()
    saturation: Callable[[Passes], float] | None = None
    variants: tuple[tuple[str, Callable[[Passes], float]], ...] = ()
    plugin: Announcement | None = field(default=None, compare=False, repr=False)

    @property
    def code(self) -> str:
        """The rule's code, as registries know it."""
        return self.rule


def find_scores(names: Sequence[str] = ()) -> list[MembershipScore]:
    """The scores of these names or, without names, all of them; sorted by rule and name.

    Raises:
        AuditError: an unknown name, or a score asked for that does not load; see `find_announced`.
    """
    found = find_announced(GROUP, MembershipScore, "membership score", names, adopt=_adopted)
    return sorted(found, key=lambda score: (score.rule, score.name))


def _adopted(score: MembershipScore, plugin: Announcement) -> MembershipScore:
    """A plugin's score, as we run it."""
    return replace(
        score,
        statistic=guarded(score.statistic, plugin),
        saturation=score.saturation and guarded(score.saturation, plugin),
        variants=tuple((name, guarded(variant, plugin)) for name, variant in score.variants),
        plugin=plugin,
    )


def present(needed: Pass | None, what: str) -> Pass:
    """A pass that a score needs; ValueError, a mistake of the caller, if it is not there."""
    if needed is None:
        raise ValueError(f"this score needs {what}")
    return needed


def default_frequencies(tokenizer: str) -> Frequencies | None:
    """The table that ships, if it was counted with the tokenizer of that `tokenizer_digest`; else None."""
    shipped = Frequencies.load(SHIPPED)
    return shipped if shipped.tokenizer == tokenizer else None
