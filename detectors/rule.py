"""The class `Rule`: one question with one null hypothesis, one code, one file.

`measure` turns a subject into a `Measurement`; it may need a model, an endpoint or random draws. `derive` turns a measurement
into a `Result`; it is pure, so that `llm-audit verify` calls it again on what a report stores. Nothing else may decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, Self, TypedDict, TypeVar

from llm_audit.detectors.announced import Announcement
from llm_audit.reports.wording.results import decided
from llm_audit.results import Conditions, Draws, Effect, Fact, Histogram, Result, Share, Span, Statistic, Verdict, decide
from llm_audit.results.rules import FAMILIES, RuleFacts, page_of

MOST_DRAWS = 1_000_000
"""Most draws of a test that verification repeats or convolves; so many take seconds."""

Subject = TypeVar("Subject")
Evidence = TypeVar("Evidence")


class NotDerivable(Exception):
    """Raised when a result cannot be derived again. The message says what is missing, as half a sentence."""


@dataclass(frozen=True)
class Measurement(Generic[Evidence]):
    """The measurement of a rule on one subject, from which, with the terms, its result follows.

    Attributes:
        evidence: sufficient statistics of the test, of the rule's own class.
        n: independent units, tokens or characters.
        statistic: the observed statistic with its unit.
        effect: the size of the departure, where it does not follow from the evidence.
        draws: the reference distribution, where the evidence does not hold it.
        histogram: the statistic over the population.
        spans, shares, log_e: see `Result`.
        reason: the sentence of a stored result, for reports of a schema whose evidence lacks the facts to make it again.
        null, assumptions: of a stored result, where they name what only its subject knows: a candidate and its settings.
        method: of a stored result, where it names the weights that it was measured with.
    """

    evidence: Evidence
    n: int | None = None
    statistic: Statistic | None = None
    effect: Effect | None = None
    draws: Draws | None = None
    histogram: Histogram | None = None
    spans: tuple[Span, ...] = ()
    shares: tuple[Share, ...] = ()
    log_e: tuple[float, ...] = ()
    reason: str | None = None
    null: str | None = None
    assumptions: tuple[str, ...] = ()
    method: str | None = None

    @classmethod
    def of(cls, result: Result) -> Measurement[Any]:
        """The measurement that a stored result holds, so that `derive(Measurement.of(result), terms) == result`."""
        return Measurement(**{stored.name: getattr(result, stored.name) for stored in fields(Measurement)})


@dataclass(frozen=True)
class Terms:
    """Settings of a run that `derive` needs besides the measurement.

    Attributes:
        alpha: level of the decision.
        tests: number of tests that share alpha (Bonferroni).
        beside: results of the same subject, for a rule whose result follows from another one's evidence.
        population: finds the reference population that a piece of evidence names; raises `NotDerivable` if it is not here.
    """

    alpha: float
    tests: int = 1
    beside: tuple[Result, ...] = ()
    population: Callable[[Any], Any] | None = field(default=None, compare=False)

    @property
    def level(self) -> float:
        """The level of a single test: alpha over the number of tests."""
        return self.alpha / self.tests


def of_all_results(measurement: Measurement[Any], terms: Terms) -> Result:
    """The `derive` of a rule that combines all tests of a subject: it raises `NotDerivable`, as `conclude` makes its result."""
    raise NotDerivable("no single result has this code: it stands for what all tests of a subject come to")


def decision(p: float, floor: float, alpha: float) -> tuple[Verdict, str]:
    """Verdict of one test, and the half sentence that says so; see `decide`."""
    verdict = decide(p, floor, alpha)
    return verdict, decided(verdict, floor, alpha)


def requires(measured: Measurement[Any], *kinds: type[Any]) -> None:
    """Raise `NotDerivable` unless the evidence is of one of these classes: an earlier version stored none, or it is forged."""
    if not isinstance(measured.evidence, kinds):
        raise NotDerivable("the report stores nothing that the p-value follows from")


def repeatable(draws: Draws | None) -> tuple[int, str]:
    """Number and seed of draws, so that they can be repeated.

    Raises:
        NotDerivable: the seed is unknown, or there are more than `MOST_DRAWS` draws, as a forged report may claim.
    """
    if draws is None or draws.seed is None:
        raise NotDerivable("the report stores no seed")
    return affordable(draws.count), draws.seed


def affordable(draws: int) -> int:
    """The argument; `NotDerivable` if it is above `MOST_DRAWS`."""
    if draws > MOST_DRAWS:
        raise NotDerivable(f"{draws:,} draws are more than the {MOST_DRAWS:,} that are repeated")
    return draws


class ResultFields(TypedDict):
    """The fields of a result that are the same for every subject of its rule."""

    rule: str
    name: str
    null: str
    assumptions: tuple[str, ...]
    method: str


@dataclass(frozen=True, kw_only=True)
class Rule(Generic[Subject, Evidence]):
    """A question that llm-audit asks of a subject, and how it is answered.

    Attributes:
        code: AUD and three digits; its hundred is the family, and it never changes its meaning. Plugins have the upper half of
            each hundred.
        name: short name on the command line, in policies and in addresses of the documentation.
        title: name in reports.
        question: what a reader wants to know, one sentence.
        null: the null hypothesis, one sentence; what counts as normal for a rule without chance.
        assumptions: what must hold for the p-value to mean what it says, one sentence each.
        method: source (paper, equation), and where we differ from it.
        measure: from a subject and what the run provides to a measurement; None: the family's `run.py` measures several rules
            in one pass.
        derive: from a measurement to a result; pure.
        listed: facts under which programs list a finding (SARIF, ...); None: as `facts` makes them.
        beside: code of the rule from whose evidence this rule's result follows; "": it needs no other rule.
        plugin: the package that announced it, set when it is loaded; None: llm-audit itself.
    """

    code: str
    name: str
    title: str
    question: str
    null: str
    assumptions: tuple[str, ...] = ()
    method: str
    measure: Callable[..., Measurement[Evidence]] | None = None
    derive: Callable[[Measurement[Evidence], Terms], Result] = of_all_results
    listed: tuple[str, str, str] | None = None
    beside: str = ""
    plugin: Announcement | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"AUD\d{3}", self.code):
            raise ValueError(f"a code is AUD and three digits, not {self.code!r}")

    @property
    def family(self) -> str:
        """The family that asks the question: `origin`, `attribution`, ..."""
        return FAMILIES[self.code[3]]

    @property
    def facts(self) -> RuleFacts:
        """Facts about the rule for lists of findings."""
        name = "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", self.title))
        listed = self.listed or (name, self.title, f"Null hypothesis: {self.null}")
        return RuleFacts(self.code, *listed, page=self.page)

    @property
    def result_fields(self) -> ResultFields:
        """The rule's part of a result: `Result(**rule.result_fields, subject=..., verdict=..., reason=..., ...)`."""
        return ResultFields(rule=self.code, name=self.title, null=self.null, assumptions=self.assumptions, method=self.method)

    @property
    def page(self) -> str | None:
        """The address of its page in the documentation; None: it is a plugin's, or no address is known."""
        return None if self.plugin else page_of(self.code)

    def adopted(self, plugin: Announcement) -> Self:
        """The rule of a plugin, wrapped so that it and its errors name the plugin."""
        return replace(self, plugin=plugin)


def _units(result: Result, conditions: Conditions) -> tuple[str, int, int]:
    """Default `units` of a rule: the number of independent units, without a noun and without units to compare with."""
    return f"{result.n or 0:,}", result.n or 0, 0


@dataclass(frozen=True, kw_only=True)
class MembershipTest(Rule[Subject, Evidence]):
    """A rule with an exact null, on which a verdict about the training of a model can rest.

    Attributes:
        claim: the question as a sentence; {model} and {documents} are filled in from the conditions, {key} from the evidence.
        unnamed: what the claim calls a model that the conditions do not name.
        units: function that gives a result's independent units in words, their number among the suspects, and the number of
            those that they are compared with.
        stated: the facts of the conditions, given the units in words; None: those of any exact test.
        condition: the assumption on which a finding rests, as half a sentence.
        held_out: whether it compares with held-out texts, so that there is no finding unless their origin is stated.
        alone: name of the blind test, without the model, that accompanies each result of the rule; "": there is none.
        unstated: sentence for a test whose random choice is neither stated nor supported by a control model.
        data: the training data that a finding shows, in words.
        conditions: names of the conditions that its measurements have beside those of every test.
    """

    claim: str = "Was this data in the training data of {model}?"
    unnamed: str = "the model"
    units: Callable[[Result, Conditions], tuple[str, int, int]] = _units
    stated: Callable[[Result, Conditions, str], list[Fact]] | None = None
    condition: str
    held_out: bool = False
    alone: str = ""
    unstated: str = ""
    data: str = "this data"
    conditions: frozenset[str] = frozenset()
