"""Rules based on a statistic: a function from the scores of one window of text to one number.

Higher is stronger evidence against the null. There are two nulls, and each rule tests one of them. For "a person wrote it"
(family origin) a population turns the number into a p-value; for "this very model wrote it" (family attribution) a rule also
has an exact test. Statistics know nothing about models, populations or reports.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.detectors import rank, registry
from llm_audit.detectors.announced import GROUP, Announcement, available, switched_off
from llm_audit.detectors.plugins import find_announced, guarded
from llm_audit.detectors.rule import Measurement, Rule, Terms
from llm_audit.results import Result
from llm_audit.scoring.tokens import TokenScores


@dataclass(frozen=True, kw_only=True)
class StatisticRule(Rule[TokenScores, Any]):
    """A rule based on a statistic of a window's scores.

    Attributes:
        unit: of the statistic, as printed.
        statistic: pure function of the scores of one window; finite for every window of at least two tokens, and the
            same whatever else is scored.
        hidden_layers: layers whose `states` it reads; none: it reads no states.
        hidden_size: width of those states.
        model: digest of the one model whose scores it understands; None for any.
        digest: of trained weights, and of a plugin's code; a population's scores are valid for these alone.
        weight: share in the combination of all detectors, relative to the others; a constant, never fitted to the text at hand.
        seen: fingerprints of the texts that it was trained on, and of their pairs.
        explain: function that gives the contributions to the statistic, as (name, contribution), largest first; None: none.
    """

    unit: str
    statistic: Callable[[TokenScores], float]
    hidden_layers: tuple[int, ...] = ()
    hidden_size: int = 0
    model: str | None = None
    digest: str = ""
    weight: float = 1.0
    seen: NDArray[np.uint64] | None = field(default=None, compare=False, repr=False)
    explain: Callable[[TokenScores], list[tuple[str, float]]] | None = None

    def adopted(self, plugin: Announcement) -> Self:
        """The rule of a plugin, wrapped so that errors name the plugin.

        Its digest covers the code as well: a population's scores by another version of it are scores of another detector.
        """
        code = plugin.digest or ""
        return replace(
            self,
            statistic=guarded(self.statistic, plugin),
            explain=self.explain and guarded(self.explain, plugin),
            digest=hashlib.sha256(f"{code} {self.digest}".encode()).hexdigest() if self.digest else code,
            plugin=plugin,
        )


QUESTION = "Was this text machine-generated?"
NULL = "The text was written like the human texts of the population."


def statistic_rule(
    statistic: Callable[[TokenScores], float],
    *,
    code: str,
    name: str,
    title: str,
    unit: str,
    method: str,
    assumptions: tuple[str, ...] = rank.ASSUMPTIONS,
    **others: Any,
) -> StatisticRule:
    """The rule that ranks a statistic among those of the human texts of a population.

    Args:
        statistic: see `StatisticRule`.
        code: of plugins AUD and three digits from 150 to 199.
        name: on the command line.
        title: in reports.
        unit: of the statistic, as printed.
        method: source, and where it differs.
        assumptions: see `Rule`.
        others: fields of `StatisticRule`.
    """

    def derive(measured: Measurement[Any], terms: Terms) -> Result:
        # A trained rule's method is in its measurement, since a user's classifier may replace the shipped one.
        trained_method = measured.method if others.get("model") else None
        return rank.among_people(rule, measured, terms, unit=unit, method=trained_method)

    rule = StatisticRule(
        code=code, name=name, title=title, question=QUESTION, null=NULL, assumptions=assumptions, method=method,
        derive=derive, unit=unit, statistic=statistic, **others,
    )  # fmt: skip
    return rule


def find(names: Sequence[str], replacements: Sequence[StatisticRule] = (), family: str = "origin") -> list[StatisticRule]:
    """Load the statistic rules of one family, by name or, without names, all of them; sorted by code.

    Args:
        names: as announced.
        replacements: rules that replace announced ones of the same name.
        family: `origin`, against "a person wrote it", or `attribution`, against "this model wrote it".

    Raises:
        AuditError: an unknown name, or a rule asked for that does not load. One that was not asked for and does not load is
            left out with a warning: a broken plugin must not stop the others.
    """
    missing = set(names).difference(announcement.name for announcement in available(f"{GROUP}.{family}"))
    rules = [] if missing else find_announced(family, names, replacements)
    chosen = [rule for rule in rules if isinstance(rule, StatisticRule)]
    for name in sorted(set(names).difference(rule.name for rule in chosen)):
        for other, purpose in _PURPOSES.items():
            if other != family and name in {announcement.name for announcement in available(f"{GROUP}.{other}")}:
                raise InvalidConfiguration(purpose.format(name))
        raise InvalidConfiguration(
            f"There is no detector {name!r}; choose from {', '.join(sorted(rule.name for rule in find((), replacements)))}."
        )
    if not names:
        for sentence in registry.outdated():
            warnings.warn(sentence, stacklevel=1)
    return sorted(chosen, key=lambda rule: rule.code)


_PURPOSES = {
    "origin": "The detector {} tells machines from people; it is for `llm-audit detect`.",
    "attribution": "The detector {} tests whether one named model wrote a text; it is for `llm-audit attribute`.",
}


def known_to(
    codes: Collection[str],
    names: Sequence[str],
    *,
    replacements: Sequence[StatisticRule] = (),
    model: str | None = None,
    weights: Mapping[str, str] | None = None,
) -> list[StatisticRule]:
    """The detectors that a population has scores of or, by name, exactly those asked for.

    Args:
        codes: of what the population has scores of.
        names: asked for by the user.
        replacements: see `find`.
        model: digest of the scoring model; None if it does not matter.
        weights: code -> digest of the weights or code behind the population's scores.

    Raises:
        AuditError: a detector that was asked for does not fit. One that was not asked for is left out: with a warning, since
            a plugin may be newer than the population, but silently where it was trained for another model. A population may
            also have scores of a plugin that is not here any more: a warning says so.
    """
    chosen, installed = [], find(names, replacements)
    for detector in installed:
        wanted = bool(names) or detector in replacements
        if reason := _misfit(detector, codes, model, weights or {}):
            if wanted:
                raise InvalidConfiguration(reason)
            if _understands(detector, model):
                warnings.warn(f"{reason} It is left out.", stacklevel=2)
        else:
            chosen.append(detector)
    gone = sorted(set(codes) - {detector.code for detector in installed})
    if gone and not names and not switched_off():
        warnings.warn(f"The population has scores of {', '.join(gone)}, a rule that is not here. It is left out.", stacklevel=2)
    return chosen


def fitting(detectors: Sequence[StatisticRule], model: str, replacements: Sequence[StatisticRule] = ()) -> list[StatisticRule]:
    """The detectors that can read scores of the model with that digest; AuditError if one of `replacements` cannot."""
    for detector in replacements:
        if reason := _misfit(detector, None, model, {}):
            raise InvalidConfiguration(reason)
    return [detector for detector in detectors if _understands(detector, model)]


def _understands(detector: StatisticRule, model: str | None) -> bool:
    return model is None or detector.model in (None, model)


def _misfit(
    detector: StatisticRule, codes: Collection[str] | None, model: str | None, weights: Mapping[str, str]
) -> str | None:
    if not _understands(detector, model):
        return (
            f"The detector {detector.name} was trained on scores of the model with digest {str(detector.model)[:12]}, and this "
            f"is {str(model)[:12]}; train one for it with `llm-audit train`."
        )
    if codes is not None and detector.code not in codes:
        return f"The population has no scores of the detector {detector.name}; `llm-audit calibrate` makes one that has."
    if weights.get(detector.code, detector.digest) != detector.digest:
        return (
            f"The population has scores of another {detector.name} (digest {weights[detector.code][:12]}, not "
            f"{detector.digest[:12]}); calibrate it anew."
        )
    return None
