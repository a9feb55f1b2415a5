"""Watch an endpoint that hides log-probabilities: border inputs found by its own answers, and asked again later.

Knows nothing about the command line.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from llm_audit.common.errors import InvalidConfiguration, NotAvailable
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution import baseline, border_tracking
from llm_audit.detectors.substitution.baseline import Baseline
from llm_audit.detectors.substitution.watch import compared
from llm_audit.endpoints.journal import Replay
from llm_audit.endpoints.records import Ask, Failure, Reply, Source, Surface
from llm_audit.reports.wording.substitution import answers as stated_answers
from llm_audit.results import Fact, Result, Substitution

WORDS = (
    "and", "but", "so", "why", "then", "blue", "north", "seven", "river", "maybe", "again", "almost", "never", "paper", "stone",
    "light", "music", "winter", "door", "apple", "question", "somewhere", "fast", "quiet", "yes", "no", "who", "left", "open",
    "ok", "hm", "list", "name", "story", "number", "colour", "city", "animal",
)  # fmt: skip
CHOICES = (
    "red or blue", "heads or tails", "cat or dog", "left or right", "tea or coffee", "day or night", "sun or moon",
    "summer or winter", "salt or pepper", "gold or silver", "river or sea", "bread or rice", "odd or even", "north or south",
    "black or white", "yes or no", "up or down", "fire or water", "king or queen", "rain or snow", "apple or pear",
    "train or boat", "war or peace", "one or two",
)  # fmt: skip
CANDIDATES = (*string.ascii_lowercase, *string.digits, *WORDS, *(f"Choose one word: {pair}?" for pair in CHOICES))
"""Prompts as short as can be, since the shorter, the more the answer depends on everything; and choices between two answers."""

TRIALS = 4
"""Requests by which a candidate shows whether it is a border input. The answers of a baseline are others, asked for anew."""

INPUTS, KEPT, DRAWS = 8, 100, 50
"""Border inputs; answers to each that a baseline keeps, and that a comparison asks for."""

FEWEST = 5
"""Border inputs without which nothing is kept."""

_ROUND = 10**7
_FINDING, _KEEPING, _COMPARING = 3 * _ROUND, 4 * _ROUND, 5 * _ROUND
"""First seeds of the three rounds of questions, each of which has `_ROUND` seeds."""

LONGEST_PAUSE = timedelta(days=1)
"""Longest time since its first question after which an interrupted comparison goes on: it is about one occasion."""

Answers = Mapping[str, Sequence[str]]
"""Prompt -> its answers in the order in which they were asked for, white space at their ends aside."""


def questions(prompts: Sequence[str], surface: Surface, draws: int, first_seed: int) -> list[Ask]:
    """`draws` requests of one token for each prompt at temperature 1, prompts in turn."""
    return [
        Ask(f"border input {at}, draw {draw}", prompt, surface, 1, 1.0, seed=first_seed + at * 1000 + draw)
        for draw in range(1, draws + 1)
        for at, prompt in enumerate(prompts, start=1)
    ]


def ask(source: Source, prompts: Sequence[str], surface: Surface, draws: int, first_seed: int) -> tuple[Answers, list[Failure]]:
    """The answers to `questions` by prompt, white space at their ends aside; and what got none."""
    answers: dict[str, list[str]] = {prompt: [] for prompt in prompts}
    failures = []
    for outcome in source.ask(questions(prompts, surface, draws, first_seed)):
        if isinstance(outcome, Reply):
            answers[outcome.ask.prompt].append(outcome.text.strip())
        else:
            failures.append(outcome)
    return answers, failures


def information(answers: Sequence[str]) -> float:
    """Fisher information p q / (p + q) of an answer on the difference of the two commonest answers' logits, by their shares.

    0 where all answers are one.
    """
    counts = [count for _, count in Counter(answers).most_common(2)]
    return counts[0] * counts[1] / sum(counts) / len(answers) if len(counts) == 2 else 0.0


def find(source: Source, surface: Surface) -> list[str]:
    """The `INPUTS` candidates whose answers tell most, the best first.

    Raises:
        AuditError: too few have different answers at all.
    """
    answers, failures = ask(source, CANDIDATES, surface, TRIALS, _FINDING)
    worth = {prompt: information(texts) for prompt, texts in answers.items()}
    borders = sorted((prompt for prompt in CANDIDATES if worth[prompt] > 0), key=lambda prompt: -worth[prompt])
    if len(borders) < FEWEST:
        why = failures[0].reason if failures else "It may ignore temperature 1, or answer from a cache."
        raise NotAvailable(
            f"The endpoint gave different answers of one token to {len(borders)} of {len(CANDIDATES)} prompts in {TRIALS} "
            f"requests each; {FEWEST} are needed. {why}"
        )
    return borders[:INPUTS]


def check_goes_on(journal: Replay, stored: Baseline | None, surface: Surface, today: datetime) -> None:
    """Refuse a journal from which this run cannot go on: its answers would be taken for this run's.

    A baseline goes on from whatever was asked for one. A comparison goes on within `LONGEST_PAUSE`, and if anything is left to
    ask: a complete one is an earlier run.

    Args:
        journal: of an earlier run.
        stored: the baseline to compare with; None: one is being taken.
        surface: of the questions.
        today: the time, with its zone.

    Raises:
        InvalidConfiguration: why it cannot.
    """
    rounds = (_FINDING, _KEEPING) if stored is None else (_COMPARING,)
    if any(asked.seed is None or asked.seed // _ROUND * _ROUND not in rounds for asked in journal.asked):
        raise InvalidConfiguration("This journal is of another kind of run, and cannot be gone on with; name a new file.")
    if stored is None:
        return
    wanted = questions(list(answers_in(stored)), surface, DRAWS, _COMPARING)
    if not set(journal.asked) <= set(wanted):
        raise InvalidConfiguration("This journal is of a comparison with another baseline; name a new file.")
    if all(isinstance(outcome, Reply) for outcome in journal.ask(wanted)):
        raise InvalidConfiguration(
            "This journal holds all answers of an earlier comparison, which would be taken for today's; name a new file."
        )
    if journal.times and today - datetime.fromisoformat(journal.times[0]) > LONGEST_PAUSE:
        raise InvalidConfiguration(
            "This journal is of a comparison that began more than a day ago, on another occasion; name a new file."
        )


def take(source: Source, surface: Surface) -> Answers:
    """What a baseline keeps: the answers to border inputs.

    Raises:
        AuditError: there are too few border inputs, too many requests got no answer, or the answers are not independent.
    """
    answers, failures = ask(source, find(source, surface), surface, KEPT, _KEEPING)
    if 2 * min(map(len, answers.values())) < KEPT:
        raise NotAvailable(f"More than half of the requests for some prompt got no answer. {failures[0].reason}")
    counts = [list(Counter(texts).values()) for texts in answers.values()]
    if border_tracking.dependent(counts, border_tracking.repeats(list(answers.values())), "baseline"):
        raise NotAvailable(
            "The endpoint repeats its last answer to a prompt too often for independent draws, as from a cache; no baseline of "
            "it can be compared."
        )
    return answers


def write_baseline(path: Path, answers: Answers, model: str, surface: Surface, created: str) -> None:
    """Write a baseline file. Raises AuditError: it exists or cannot be written."""
    baseline.write(path, baseline.ANSWERS, model, surface, created, {"answers": answers})


def answers_in(stored: Baseline) -> Answers:
    """The answers of a baseline. Raises AuditError: they are damaged, or to too few prompts or too many."""
    kept = stored.content.get("answers")
    if not isinstance(kept, dict) or not FEWEST <= len(kept) <= INPUTS:
        raise stored.unreadable()
    for texts in kept.values():
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts) or not 0 < len(texts) <= KEPT:
            raise stored.unreadable()
    return kept


def compare(source: Source, stored: Baseline, surface: Surface, alpha: float, seed: str) -> Substitution:
    """Compare the endpoint now with the answers of the baseline."""
    before, terms, obstacle = answers_in(stored), Terms(alpha), None
    after, failures = ask(source, list(before), surface, DRAWS, _COMPARING)
    tests: tuple[Result, ...] = ()
    if 2 * min(map(len, after.values())) < DRAWS:
        obstacle = f"more than half of the requests for some prompt got no answer. {failures[0].reason}"
    else:
        measured = border_tracking.measure(list(before.values()), list(after.values()), seed)
        tests = (border_tracking.derive(measured, terms),)
    earlier, later = (sum(map(len, answers.values())) for answers in (before, after))
    fact = Fact(name="Answers", value=stated_answers(earlier, later, len(before)))
    return compared(source, stored.created, tests, fact, later + len(failures), failures, obstacle, terms)
