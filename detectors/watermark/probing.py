"""Probe whether an endpoint watermarks its answers, without a key, within a budget fixed before the first question.

Asked are choices among a few words after meaningless contexts (green lists, Gumbel), answers to one question (a short list
of random numbers), and choices after a context that is first new, then known (a memory of contexts). No key is sent or sought.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.progress import Progress, part, silent
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.watermark import cache_augmented, choices, fixed_sampling, gumbel, marked, red_green
from llm_audit.detectors.watermark.conclude import conclude
from llm_audit.endpoints.records import Ask, Failure, Source, Surface
from llm_audit.reports.wording import probing as wording
from llm_audit.results import Document, Result, Verdict
from llm_audit.results.watermark_evidence import ProbedChoices, ProbedPhases, ProbedTogether

WORDS = ("apple", "pear", "plum", "cherry")
SENTENCES = (
    "For lunch we took",
    "In the basket there was",
    "She painted a picture of",
    "The recipe begins with",
    "On the tree hung",
    "He bought one kilo of",
)
CONTEXTS = tuple(" ".join([str(digit)] * 5) for digit in range(10))
"""Contexts: a digit five times each, which fills the context of schemes with up to five tokens."""

STORY = "Write one sentence about the sea."
CHOICE_TOKENS, STORY_TOKENS = {"completions": 6, "chat": 60}, 30

LEAST_BUDGET = 200

LOST = 3
"""Questions one after the other without an answer, after which an endpoint is not asked for the rest of the phases."""

NOT_SENT = "Not sent, as the questions before it got no answer."


@dataclass(frozen=True)
class Plan:
    """Numbers of questions of each kind.

    Attributes:
        samples: of each context in each sentence.
        stories: answers to one question.
        phases: choices in each of the two phases; the first has another question before each.
    """

    samples: int
    stories: int
    phases: int

    @classmethod
    def of(cls, budget: int) -> Plan:
        """The largest plan for a number of requests: 60 % for choices, 20 % each for stories and phases.

        Raises:
            InvalidConfiguration: it is too small for any decision.
        """
        if budget < LEAST_BUDGET:
            raise InvalidConfiguration(f"A budget of {budget} requests decides nothing: give at least {LEAST_BUDGET}.")
        return cls(max(1, int(0.6 * budget) // (len(SENTENCES) * len(CONTEXTS))), budget // 5, budget // 5 // 3)

    @property
    def requests(self) -> int:
        """All questions together; failed attempts that are repeated come on top."""
        return self.samples * len(SENTENCES) * len(CONTEXTS) + self.stories + 3 * self.phases

    def tokens(self, surface: Surface) -> int:
        """The most tokens of all answers together."""
        return CHOICE_TOKENS[surface] * (self.requests - self.stories) + STORY_TOKENS * self.stories


def probe(
    source: Source, name: str, plan: Plan, surface: Surface, alpha: float, seed: str, progress: Progress = silent
) -> Document:
    """Ask all questions, and conclude.

    Args:
        source: the endpoint, or a journal of one.
        name: address of the endpoint, without credentials.
        plan: how many questions.
        surface: what is asked for.
        alpha: of all tests together.
        seed: of the permutations.
        progress: called with the share of the questions that are answered.
    """
    table, unread, failures = _choices(source, plan, surface, part(progress, 0, 0.6))
    answered = sum(sum(words) for contexts in table for words in contexts)
    if not answered + unread:  # nobody is there, or the key is refused: each of the rest would be tried anew
        note = wording.NOBODY_ANSWERED.write(failed=len(failures), rest=plan.requests - len(failures))
        return _document(name, [], [note], Terms(alpha), plan, failures)
    stories, spoilt = _stories(source, plan, surface, failures, part(progress, 0.6, 0.8))
    phases = _phases(source, plan, surface, failures, part(progress, 0.8, 1))
    chosen = ProbedChoices(statistic="log_odds", words=WORDS, counts=table, unread=unread, draws=choices.DRAWS, seed=seed)
    terms, tests, notes = Terms(alpha), list[Result](), list[str]()
    if answered > unread:
        tests.append(choices.tested(red_green.rule, chosen, terms))
    else:
        notes.append(wording.NO_CHOICES.write(unread=unread))
    if stories:
        tests.append(fixed_sampling.rule.derive(fixed_sampling.measure(stories), terms))
    elif spoilt:
        notes.append(wording.NO_REPEATS.write(why=spoilt))
    if sum(phases.fresh) and sum(phases.again):
        tests.append(cache_augmented.rule.derive(cache_augmented.measure(phases), terms))
    if answered > unread:
        tests.append(choices.tested(gumbel.rule, chosen, terms))
    if failures:
        notes.append(wording.UNANSWERED.write(failed=len(failures), requests=plan.requests, reason=failures[0].reason))
    return _document(name, tests, notes, terms, plan, failures)


def _document(
    name: str, tests: Sequence[Result], notes: Sequence[str], terms: Terms, plan: Plan, failures: Sequence[Failure]
) -> Document:
    fields = {"name": name, "sha256": None, "encoding": None, "language": None, "characters": 0, "tokens": None}
    if not tests:
        why = failures[0].reason if failures else "No answer could be weighed."
        return Document.model_validate(
            fields
            | {"verdict": Verdict.NOT_ASSESSABLE, "summary": f"Not assessable. {why}", "combined": None, "notes": tuple(notes)}
        )
    evidence = [test.evidence for test in tests]
    together = ProbedTogether.model_validate({"tests": evidence, "asked": plan.requests, "unanswered": len(failures)})
    combined = marked.rule.derive(Measurement(together), terms)
    document = Document.model_validate(
        fields
        | {
            "verdict": combined.verdict,
            "summary": "",  # `conclude` says it
            "combined": combined,
            "results": tuple(tests),
            "notes": tuple(notes),
        }
    )
    return conclude(document, terms)


def _choices(
    source: Source, plan: Plan, surface: Surface, progress: Progress
) -> tuple[tuple[tuple[tuple[int, ...], ...], ...], int, list[Failure]]:
    """Counts of each sentence, context and word; answers without a word; and failures."""
    asks = [
        _ask(f"choice {sample} {s} {c}", _question(sentence, context, surface), surface)
        for sample in range(plan.samples)
        for s, sentence in enumerate(SENTENCES)
        for c, context in enumerate(CONTEXTS)
    ]
    counts = [[[0] * len(WORDS) for _ in CONTEXTS] for _ in SENTENCES]
    unread, failures = 0, []
    cells = [(s, c) for _ in range(plan.samples) for s in range(len(SENTENCES)) for c in range(len(CONTEXTS))]
    for (s, c), outcome in zip(cells, source.ask(asks, progress), strict=True):
        if isinstance(outcome, Failure):
            failures.append(outcome)
        elif (word := chosen_word(outcome.text)) is None:
            unread += 1
        else:
            counts[s][c][word] += 1
    return tuple(tuple(tuple(words) for words in contexts) for contexts in counts), unread, failures


def _stories(
    source: Source, plan: Plan, surface: Surface, failures: list[Failure], progress: Progress
) -> tuple[list[tuple[str, float]], str]:
    """Answers to one question with their log-probabilities; and what is wrong with the first of those left out.

    What got no answer is added to `failures`.
    """
    asks = [Ask(f"story {number}", STORY, surface, STORY_TOKENS, 1.0, top_logprobs=1) for number in range(plan.stories)]
    stories, spoilt = [], ""
    # The first alone: until a cache knows the question, it would store several answers and repeat them as a mark does.
    for outcome in (*source.ask(asks[:1]), *source.ask(asks[1:], progress)):
        if isinstance(outcome, Failure):
            failures.append(outcome)
            continue
        logprobs = [position.logprob for position in outcome.usable if position.logprob is not None]
        if outcome.text.strip() and outcome.positions and len(logprobs) == len(outcome.positions):
            stories.append((outcome.text, float(sum(logprobs))))
        elif not spoilt:
            missing = "log-probabilities" if outcome.text.strip() else "text"
            spoilt = next(iter(outcome.defects), f"The answers hold no {missing}.")
    return stories, spoilt


def _phases(source: Source, plan: Plan, surface: Surface, failures: list[Failure], progress: Progress) -> ProbedPhases:
    """Choices after one context: first with another question before each, then without.

    What got no answer is added to `failures`, and so is, without being asked, all that would follow on a silent endpoint.
    """
    context, sentence = "0 1 2 3 4 5 6 7", SENTENCES[0]
    asks: list[tuple[int | None, Ask]] = []
    for number in range(plan.phases):
        between = _question(SENTENCES[1], f"{number} {number}", surface)
        asks.append((None, _ask(f"between {number}", between, surface)))
        asks.append((0, _ask(f"phase 0 {number}", _question(sentence, context, surface), surface)))
    asks += [(1, _ask(f"phase 1 {n}", _question(sentence, context, surface), surface)) for n in range(plan.phases)]
    counts, unread = [[0] * len(WORDS), [0] * len(WORDS)], 0
    silent = LOST if any(failure.kind == "stopped" for failure in failures) else 0
    for done, (phase, ask) in enumerate(asks, start=1):
        (outcome,) = source.ask([ask]) if silent < LOST else [Failure(ask, "stopped", NOT_SENT, None, 0)]
        silent = silent + 1 if isinstance(outcome, Failure) else 0
        if isinstance(outcome, Failure):
            failures.append(outcome)
        elif phase is not None:
            word = chosen_word(outcome.text)
            unread += word is None
            if word is not None:
                counts[phase][word] += 1
        progress(done / len(asks))
    return ProbedPhases(words=WORDS, fresh=tuple(counts[0]), again=tuple(counts[1]), unread=unread)


def _ask(name: str, prompt: str, surface: Surface) -> Ask:
    return Ask(f"watermark {name}", prompt, surface, CHOICE_TOKENS[surface], 1.0)


def _question(sentence: str, context: str, surface: Surface) -> str:
    """The prompt for a random choice of a word after a context; over chat, the answer has to repeat the context first."""
    listed = ", ".join(WORDS)
    if surface == "chat":
        return (
            f"Choose one word at random from this list: {listed}. Reply with this line, completed by the word, and nothing "
            f"else:\n{sentence} {context}"
        )
    return f"Choose one word at random from this list: {listed}.\n{sentence} {context}"


def chosen_word(text: str) -> int | None:
    """Index, in the list of words, of the first such word in an answer; None: there is none."""
    match = re.search(rf"\b({'|'.join(WORDS)})\b", text.lower())
    return WORDS.index(match[1]) if match else None
