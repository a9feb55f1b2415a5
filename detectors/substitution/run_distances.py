"""The tests of distances as an audit runs them: questions are asked, and their answers held against those of the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from llm_audit.common.progress import Progress, named
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.substitution import distance, exceedance, log_odds, teacher_forced
from llm_audit.detectors.substitution.prompts import FEWEST, Allotment
from llm_audit.detectors.substitution.questions import questions
from llm_audit.detectors.substitution.reference import TRUSTED, Reference
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.detectors.substitution.subject import Gathered
from llm_audit.detectors.substitution.teacher_forced import Distances
from llm_audit.endpoints.probe import SurfaceCapabilities
from llm_audit.endpoints.records import Ask, Reply, Source, in_bits, in_nats
from llm_audit.reports.wording import notes
from llm_audit.results.substitution_evidence import Exceedance

RULES = teacher_forced.rule.code, exceedance.rule.code

REPEATED = 10
"""Questions that are asked once more where log-probabilities are hidden."""

BATCH = 10
"""Number of requests after which a sequential audit checks whether it may stop."""

Null = Mapping[str, np.ndarray]


@dataclass
class DistanceTests:
    """Asks an endpoint, and adds the results of both tests of distances to `gathered`.

    Attributes:
        source: the endpoint, or the journal of one.
        surface: what it returns on the surface that is asked.
        reference: what its answers are held against.
        allotment: prompts of the endpoint and of the reference.
        settings: of the audit.
        gathered: by the audit so far; outcomes, results and notes are added.
        progress: gets the share of each stage that is done.
        replies: answers so far.
        asked: requests so far.
        k: the likeliest tokens that are compared at each position; 0: the texts alone are.
    """

    source: Source
    surface: SurfaceCapabilities
    reference: Reference
    allotment: Allotment
    settings: Settings
    gathered: Gathered
    progress: Progress
    replies: list[Reply] = field(default_factory=list)
    asked: int = 0
    k: int = 0

    def run(self) -> str:
        """Ask and test; return why the reference does not fit the endpoint, or ""."""
        asks = questions(
            self.allotment.audited, self.surface, self.settings.tokens, max(self._wanted, 1) if self.surface.logprobs else None
        )
        step = BATCH if self.settings.sequential else len(asks)
        null: Null | None = None
        tested = False
        for start in range(0, len(asks), step):
            if mismatch := self._ask(asks[start : start + step]):
                self.gathered.results.clear()
                self.gathered.notes.append(mismatch)
                return mismatch
            compared = self.reference.comparable(self.replies, self.k)
            if len(compared) < FEWEST:
                continue
            if null is None and (null := self._null_distances(compared)) is None:
                return ""
            if self._recorded_to_base_2(compared, null):
                self.gathered.results.clear()
                self.gathered.notes.append(notes.TRUSTED_BASE.write())
                return notes.TRUSTED_BASE.write()
            tested = True
            if self._test(compared, null) and self.settings.sequential:
                self.gathered.notes.append(notes.STOPPED.write(asked=self.asked, planned=len(asks), rule=RULES[0]))
                break
        self._conclude(tested=tested)
        return ""

    @property
    def _wanted(self) -> int:
        """The likeliest tokens to ask for at each position: no more than either side names."""
        most = self.reference.alternatives
        named_by_both = min(self.settings.alternatives, self.surface.top_logprobs)
        return named_by_both if most is None else min(named_by_both, most)

    def _ask(self, asks: Sequence[Ask]) -> str:
        """Ask some questions; return why the reference does not fit the answers, or ""."""
        outcomes = self.source.ask(asks, named(self.progress, "Asking the endpoint"))
        self.gathered.outcomes += outcomes
        self.asked += len(outcomes)
        self.replies += [outcome for outcome in outcomes if isinstance(outcome, Reply)]
        if not self.replies:
            return ""
        if self.surface.logprobs and not self.k:
            self.k = min(max(self._wanted, 1), distance.granted(self.replies))
        return self.reference.vocabulary_mismatch(self.replies)

    def _null_distances(self, compared: Sequence[Reply]) -> Null | None:
        """Distances among the reference's own answers; None, with a note: there are none that anything can be held against."""
        gathered = self.gathered
        if not self.k:  # where texts alone are compared, an ignored temperature is else taken for another model
            gathered.greedy = gathered.greedy and self._is_greedy(compared)
            if not gathered.greedy:
                tests = f"{', '.join(RULES)} and {log_odds.rule.code}"
                gathered.notes.append(notes.NOT_GREEDY.write(why=self._why_no_numbers, tests=tests))
                return None
        gathered.rounded = max(reply.rounded for reply in self.replies) if self.k else 0.0
        null = self.reference.null_distances(self.allotment.honest, self.k, self.progress, rounded=gathered.rounded)
        if gathered.rounded:
            gathered.notes.append(notes.ROUNDED.write(nats=gathered.rounded))
        if min(map(len, null.values())) < FEWEST:
            gathered.notes.append(notes.ENDED.write())
            return None
        if self.reference.no_signal_reason and not any(values.any() for values in null.values()):
            gathered.notes.append(self.reference.no_signal_reason)
            return None
        return null

    def _is_greedy(self, answered: Sequence[Reply]) -> bool:
        """Whether `REPEATED` questions at temperature 0 get the same texts once more."""
        chosen = answered[:REPEATED]
        asks = [replace(reply.ask, name=f"{reply.ask.name}, again") for reply in chosen]
        again = self.source.ask(asks, named(self.progress, "Asking again"))
        pairs = zip(chosen, again, strict=True)
        return all(not isinstance(outcome, Reply) or outcome.text == reply.text for reply, outcome in pairs)

    def _test(self, compared: Sequence[Reply], null: Null) -> bool:
        """Replace the result of the first test by that of all answers so far; return whether it refutes the reference."""
        distances = Distances(
            self.reference.words,
            *self.reference.measures(self.k),
            self._measured(compared, null),
            null,
            tuple(reply.ask.name for reply in compared),
            self.asked - len(compared) - self.reference.ended_alike(self.replies, self.k),
            self.asked,
        )
        result = teacher_forced.derive(
            teacher_forced.measure(distances, self.settings.seed), Terms(self.settings.alpha)
        )  # fmt: skip
        self.gathered.results = [result]
        share = 4 if self.settings.prompts_of_texts(self.surface.top_logprobs) else 1  # Holm's worst, if texts follow
        return result.p_value is not None and result.p_value <= self.settings.alpha / share

    def _recorded_to_base_2(self, compared: Sequence[Reply], null: Null) -> bool:
        """Whether recorded logarithms are to base 2, and those of the endpoint are not."""
        if (
            not self.k
            or self.reference.words is not TRUSTED
            or _beyond(self.reference.distances(compared, self.k), null) <= 0.5
        ):
            return False
        return not _beyond(self.reference.distances(list(map(in_bits, compared)), self.k), null)

    def _measured(self, compared: Sequence[Reply], null: Null) -> Null:
        """The distances of answers from each variant, in nats, also where the endpoint's logarithms are to base 2."""
        measured = self.reference.distances(compared, self.k, self.progress)
        if not self.k or _beyond(measured, null) <= 0.5:
            return measured
        converted = self.reference.distances([in_nats(reply) for reply in compared], self.k, self.progress)
        if _beyond(converted, null):  # numbers of another model are not the reference's times one factor
            return measured
        self.gathered.notes += [notes.OTHER_BASE.write()] * (not self.gathered.binary)
        self.gathered.binary = True
        return converted

    def _conclude(self, *, tested: bool) -> None:
        """Note what the answers lacked, and add the result of the second test, which follows from that of the first."""
        gathered = self.gathered
        if not tested:
            usable = len(self.reference.comparable(self.replies, self.k))
            gathered.notes.append(notes.TOO_FEW.write(usable=usable, first=RULES[0], second=RULES[1], fewest=FEWEST))
            return
        if not self.k:
            gathered.notes.append(notes.NO_LOGPROBS.write(why=self._why_no_numbers))
        elif not self._wanted:
            gathered.notes.append(notes.NO_ALTERNATIVES.write())
        if not self.settings.sequential:
            beside = replace(Terms(self.settings.alpha), beside=tuple(gathered.results))
            gathered.results.append(exceedance.derive(Measurement(Exceedance()), beside))

    @property
    def _why_no_numbers(self) -> str:
        """Word on log-probabilities none of which can be compared."""
        spoilt = any(reply.unreadable or any(position.defects for position in reply.positions) for reply in self.replies)
        return "defective" if spoilt else "hidden"


def _beyond(measured: Null, null: Null) -> float:
    """The share of answers that are farther than every null distance, from the nearest variant."""
    return min(float(np.mean(values > null[name].max())) for name, values in measured.items())
