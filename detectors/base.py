"""What a detector is, and how detectors are found.

A detector turns the scores of one window of text into one number: higher = stronger evidence against its null, of which
there are two and never one instead of the other. Against "a person wrote it" the number needs a population to become a
p-value; against "this very model wrote it" some detectors also bring an exact one. Detectors know nothing about models,
populations or reports.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.announced import DETECTORS, Announcement
from llm_audit.detectors.plugins import find_announced, guarded
from llm_audit.errors import AuditError
from llm_audit.results.evidence import Derivation
from llm_audit.scoring.tokens import TokenScores


class Terms(NamedTuple):
    """What an exact test must know beside the scores.

    Attributes:
        alpha: of the decision.
        vocabulary: how many tokens the model can choose from.
        tests: how many tests share alpha (Bonferroni).
    """

    alpha: float
    vocabulary: int
    tests: int = 1

    @property
    def level(self) -> float:
        """At which p-value one test alone refutes."""
        return self.alpha / self.tests


class Evidence(NamedTuple):
    """What an exact test of "sampled from this model, with this context and these settings" says.

    Attributes:
        statistic: in the detector's unit.
        p_value: in [0, 1].
        log_e: logarithm of the e-value; None for tests that have none.
        reason: one sentence with the numbers that a reader needs beside the p-value.
        robust: false if the test refutes at its level, and would not without its strongest token.
        path: (n,) logarithm of the e-process after each token; None for tests that have none.
        pit: (n,) the transform that should be uniform; None for tests that have none.
        stored: what the p-value follows from, for the report; None: it cannot be verified from there.
    """

    statistic: float
    p_value: float
    log_e: float | None
    reason: str
    robust: bool = True
    path: NDArray[np.float64] | None = None
    pit: NDArray[np.float64] | None = None
    stored: Derivation | None = None


@dataclass(frozen=True)
class Detector:
    """A statistic and what a reader must know about it.

    Attributes:
        rule: stable code, AUDnnn; of plugins AUD150 to AUD199, against a model AUD250 to AUD299.
        name: short name on the command line.
        title: name in reports.
        unit: of the statistic, as printed.
        method: source, and where we differ from it.
        statistic: pure function of the scores of one window; finite for every window of at least two tokens, and the
            same whatever else is scored.
        hidden_layers: whose `states` it reads; with these, the other three matter.
        hidden_size: width of those states.
        model: digest of the one model whose scores it understands; None for any.
        digest: of trained weights, and of a plugin's code; a population's scores are valid for these alone.
        weight: share in the combination of all detectors, relative to the others; a constant, never fitted to the text at hand.
        seen: fingerprints of the texts that it was trained on, and of their pairs.
        explain: what moved the statistic, as (name, contribution), largest first; None if the formula says it all.
        null: what it is evidence against: `human`, the text was written like human texts; or `model`, it was sampled from the
            model that scored it.
        exact: of a detector with the null `model`: its test where prompt and settings are known.
        approximate: the p-value of `exact` is not exact after all, so that no verdict rests on it.
        needs_rivals: it compares with the column `rivals`, and says nothing without.
        plugin: where it came from, set when it is loaded; None: from llm-audit, or from the user's own training.
    """

    rule: str
    name: str
    title: str
    unit: str
    method: str
    statistic: Callable[[TokenScores], float]
    hidden_layers: tuple[int, ...] = ()
    hidden_size: int = 0
    model: str | None = None
    digest: str = ""
    weight: float = 1.0
    seen: NDArray[np.uint64] | None = field(default=None, compare=False, repr=False)
    explain: Callable[[TokenScores], list[tuple[str, float]]] | None = None
    null: Literal["human", "model"] = "human"
    exact: Callable[[TokenScores, Terms], Evidence] | None = None
    approximate: bool = False
    needs_rivals: bool = False
    plugin: Announcement | None = field(default=None, compare=False, repr=False)

    @property
    def code(self) -> str:
        """The rule's code, as registries know it."""
        return self.rule

    def __post_init__(self) -> None:
        if not re.fullmatch(r"AUD\d{3}", self.rule):
            raise ValueError(f"a rule is AUD and three digits, not {self.rule!r}")


def find(names: Sequence[str], own: Sequence[Detector] = (), null: Literal["human", "model"] = "human") -> list[Detector]:
    """Load the detectors against one null, by name or, without names, all of them; sorted by rule.

    Args:
        names: as announced.
        own: detectors that take the place of the announced ones of the same name.
        null: what they are to be evidence against.

    Raises:
        AuditError: an unknown name, or a detector asked for that does not load. One that was not asked for and does not
            load is left out with a warning: a broken plugin must not stop the others.
    """
    loaded = find_announced(DETECTORS, Detector, "detector", names, own, _adopted)
    for detector in loaded if names else ():
        if detector.null != null:
            raise AuditError(_WRONG_NULL[detector.null].format(detector.name))
    return sorted((detector for detector in loaded if detector.null == null), key=lambda detector: detector.rule)


_WRONG_NULL = {
    "human": "The detector {} tells machines from people; it is for `llm-audit detect`.",
    "model": "The detector {} tests whether one named model wrote a text; it is for `llm-audit attribute`.",
}


def _adopted(detector: Detector, plugin: Announcement) -> Detector:
    """A plugin's detector, as we run it.

    Its digest covers the code as well: a population's scores by another version of it are scores of another detector.
    """
    code = plugin.digest or ""
    return replace(
        detector,
        statistic=guarded(detector.statistic, plugin),
        explain=detector.explain and guarded(detector.explain, plugin),
        exact=detector.exact and guarded(detector.exact, plugin),
        digest=hashlib.sha256(f"{code} {detector.digest}".encode()).hexdigest() if detector.digest else code,
        plugin=plugin,
    )


def known_to(
    rules: Collection[str],
    names: Sequence[str],
    *,
    own: Sequence[Detector] = (),
    model: str | None = None,
    weights: Mapping[str, str] | None = None,
) -> list[Detector]:
    """The detectors that a population has scores of or, by name, exactly those asked for.

    Args:
        rules: that the population has scores of.
        names: asked for by the user.
        own: see `find`.
        model: digest of the scoring model; None if it does not matter.
        weights: rule -> digest of the weights or code behind the population's scores.

    Raises:
        AuditError: a detector that was asked for does not fit. One that was not asked for is left out: with a warning, since
            a plugin may be newer than the population, but silently where it was trained for another model.
    """
    chosen = []
    for detector in find(names, own):
        asked = bool(names) or detector in own
        if reason := _misfit(detector, rules, model, weights or {}):
            if asked:
                raise AuditError(reason)
            if _understands(detector, model):
                warnings.warn(f"{reason} It is left out.", stacklevel=2)
        else:
            chosen.append(detector)
    return chosen


def fitting(detectors: Sequence[Detector], model: str, own: Sequence[Detector] = ()) -> list[Detector]:
    """Those that understand the scores of the model with that digest; AuditError if one of the user's `own` does not."""
    for detector in own:
        if reason := _misfit(detector, None, model, {}):
            raise AuditError(reason)
    return [detector for detector in detectors if _understands(detector, model)]


def _understands(detector: Detector, model: str | None) -> bool:
    return model is None or detector.model in (None, model)


def _misfit(detector: Detector, rules: Collection[str] | None, model: str | None, weights: Mapping[str, str]) -> str | None:
    if not _understands(detector, model):
        return (
            f"The detector {detector.name} was trained on scores of the model with digest {str(detector.model)[:12]}, and this "
            f"is {str(model)[:12]}; train one for it with `llm-audit train`."
        )
    if rules is not None and detector.rule not in rules:
        return f"The population has no scores of the detector {detector.name}; `llm-audit calibrate` makes one that has."
    if weights.get(detector.rule, detector.digest) != detector.digest:
        return (
            f"The population has scores of another {detector.name} (digest {weights[detector.rule][:12]}, not "
            f"{detector.digest[:12]}); calibrate it anew."
        )
    return None
