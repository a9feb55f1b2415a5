"""The base class of membership scores of single texts.

A score turns the passes of a model over one text into one number, oriented so that higher is more member-like. It has no
null distribution of its own: it means something only in comparison with texts that the model has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeVar

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.detectors import announced
from llm_audit.detectors.announced import Announcement, available
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.detectors.plugins import find_announced, guarded
from llm_audit.detectors.rule import Measurement, NotDerivable, Rule, Terms
from llm_audit.results import Result
from llm_audit.scoring.tokens import TokenScores

GROUP = f"{announced.GROUP}.membership"
"""Entry-point group under which packages, this one included, announce their rules."""

SHIPPED = Path(__file__).with_name("english.safetensors")
"""Token frequencies of English, counted with the embedded model's tokenizer by `tools/build_frequencies.py`."""

Pass = TypeVar("Pass")

Need = Literal["frequencies", "lowercase", "reference", "prefixed"]


class Passes(NamedTuple):
    """All data on one text that a score may read.

    Attributes:
        text: as the model read it, truncated to its window.
        scores: by the target model, n >= 1 scored tokens, all in one window.
        lowercase: scores by the target model of the text in lower case.
        reference: scores by another model of the same text; its tokens may differ.
        prefixed: scores by the target model of the same tokens after a prefix of texts that it has not seen.
        frequencies: how often each token of the target's tokenizer occurs in general text.
    """

    text: str
    scores: TokenScores
    lowercase: TokenScores | None = None
    reference: TokenScores | None = None
    prefixed: TokenScores | None = None
    frequencies: Frequencies | None = None


MEANING = (
    "Null hypothesis: the model was not trained on this data. A finding speaks of the collection, and of no single text in it."
)
"""Facts for lists of findings, shared by all rules of this family but the blind baseline."""


def _no_result(measured: Measurement[Any], terms: Terms) -> Result:
    raise NotDerivable("a score ranks texts; what it says of a collection follows from the scores of all texts together")


@dataclass(frozen=True, kw_only=True)
class MembershipScore(Rule[Passes, None]):
    """A membership score of single texts; `conclude` measures how well it separates two collections.

    Attributes:
        unit: as printed.
        method: source, the settings that are fixed, and where we differ.
        statistic: pure function of the passes; finite whenever n >= 1 and the passes that it needs are there.
        needs: passes and tables that it needs beyond the one pass over the text.
        saturation: function that gives the share of averaged values at a cap; None if the score has no cap.
        variants: name -> the same score with other settings; printed beside it, never used for a decision.
    """

    question: str = "How member-like is each text, and are suspect texts more so than held-out ones?"
    null: str = "Suspect and held-out documents are exchangeable: the model was trained on neither, or on both."
    derive: Callable[[Measurement[None], Terms], Result] = _no_result
    unit: str
    statistic: Callable[[Passes], float]
    needs: tuple[Need, ...] = ()
    saturation: Callable[[Passes], float] | None = None
    variants: tuple[tuple[str, Callable[[Passes], float]], ...] = ()

    def adopted(self, plugin: Announcement) -> Self:
        """The score of a plugin, wrapped so that errors name the plugin."""
        return replace(
            self,
            statistic=guarded(self.statistic, plugin),
            saturation=self.saturation and guarded(self.saturation, plugin),
            variants=tuple((name, guarded(variant, plugin)) for name, variant in self.variants),
            plugin=plugin,
        )


def find_scores(names: Sequence[str] = ()) -> list[MembershipScore]:
    """The scores of these names or, without names, all of them; sorted by code and name.

    Raises:
        AuditError: an unknown name, or a score asked for that does not load; see `find_announced`.
    """
    unknown = set(names).difference(announcement.name for announcement in available(GROUP))
    rules = [] if unknown else find_announced("membership", names)
    scores = [rule for rule in rules if isinstance(rule, MembershipScore)]
    if none := sorted(set(names).difference(score.name for score in scores)):
        known = ", ".join(sorted(score.name for score in find_scores()))
        raise InvalidConfiguration(f"There is no membership score {none[0]!r}; choose from {known}.")
    return sorted(scores, key=lambda score: (score.code, score.name))


def present(needed: Pass | None, name: str) -> Pass:
    """The pass itself; ValueError if it is None, since the caller must supply what a score needs."""
    if needed is None:
        raise ValueError(f"this score needs {name}")
    return needed


def default_frequencies(tokenizer: str) -> Frequencies | None:
    """The shipped frequency table if it was counted with this tokenizer (`tokenizer_digest`); else None."""
    shipped = Frequencies.load(SHIPPED)
    return shipped if shipped.tokenizer == tokenizer else None
