"""How often the probe accuses endpoints that mark nothing: python -m benchmarks.watermark_probe [ENDPOINTS] [BUDGET].

Simulated endpoints without a mark, each with odds of its own for each sentence and each context, and some 40 answers to the
one question, with the log-probabilities that it draws with. One kind draws each answer afresh, one stores answers by their
question, one draws each with the same random number. A line for each: the share with p <= .05 and .01, of all tests together
and of each alone.
"""

from __future__ import annotations

import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.watermark import choices
from llm_audit.detectors.watermark.probing import SENTENCES, WORDS, Plan, probe
from llm_audit.endpoints.records import Ask, Position, Reply, Token

HABITS = ("draws afresh", "stores answers", "fixed seed")
STORIES = 40
LEVELS = (0.05, 0.01)


class Simulated:
    """An endpoint that marks nothing.

    Args:
        number: what its odds are drawn from.
        habit: one of `HABITS`.
    """

    def __init__(self, number: int, habit: str) -> None:
        self._number, self._habit, self._rng = number, habit, np.random.default_rng((number, 1))
        self._fixed, self._stored = float(self._rng.random()), dict[str, int]()

    def ask(self, asks: Sequence[Ask], progress: Progress = silent) -> Iterator[Reply]:
        """An answer to each question."""
        for ask in asks:
            shares = self._shares(ask.prompt)
            u = self._fixed if self._habit == "fixed seed" else float(self._rng.random())
            drawn = int(np.searchsorted(shares.cumsum(), u * shares.sum()))
            if self._habit == "stores answers":
                drawn = self._stored.setdefault(ask.prompt, drawn)
            text = WORDS[drawn] if len(shares) == len(WORDS) else f"story {drawn}"
            told = (Position(Token(None, None, text), float(np.log(shares[drawn]))),)
            yield Reply(ask, text, told, (), "stop", "", "", (None, None), (), 0.0, 1)
        progress(1.0)

    def _shares(self, prompt: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Of what can be answered: odds of the sentence, and odds of the whole question."""
        if "list:" not in prompt:
            return np.random.default_rng((self._number, 2)).dirichlet(np.full(STORIES, 0.5))
        sentence = next(i for i, each in enumerate(SENTENCES) if each in prompt)
        odds = 1.5 * np.random.default_rng((self._number, 3, sentence)).standard_normal(len(WORDS))
        odds += np.random.default_rng((self._number, 4, zlib.crc32(prompt.encode()))).standard_normal(len(WORDS))
        return np.exp(odds) / np.exp(odds).sum()


def main(endpoints: int = 1000, budget: int = 400) -> None:
    """Print the table."""
    choices.DRAWS = 999  # a rank among fewer tables is as exact, and there are thousands of tests
    plan = Plan.of(budget)
    print(f"{endpoints:,} endpoints of each kind, {plan.requests} questions each; share with p <= .05 and .01\n")
    print("| endpoint | all tests | AUD505 | AUD506 | AUD507 | AUD508 |\n|---|---|---|---|---|---|")
    for habit in HABITS:
        found = defaultdict[str, list[float]](list)
        for number in range(endpoints):
            document = probe(Simulated(number, habit), "simulated", plan, "completions", 0.05, str(number))
            for result in document.results:
                found[result.rule].append(1.0 if result.p_value is None else result.p_value)
            assert document.combined is not None and document.combined.p_value is not None
            found["all"].append(document.combined.p_value)
        rows = [np.array(found[rule]) for rule in ("all", "AUD505", "AUD506", "AUD507", "AUD508")]
        cells = (" / ".join(f"{np.mean(p <= level):.3f}".removeprefix("0") for level in LEVELS) for p in rows)
        print(f"| {habit} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
