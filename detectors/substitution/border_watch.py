"""First tokens at border inputs, now against a stored baseline: what is asked, and the file that keeps the counts.

Knows nothing about the command line.
"""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from llm_audit.common.errors import AuditError
from llm_audit.common.files import create
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution import border_tracking
from llm_audit.detectors.substitution.border_inputs import DRAWS, FEWEST, INPUTS
from llm_audit.detectors.substitution.watch import compared
from llm_audit.endpoints.records import Ask, Failure, Reply, Source, Surface
from llm_audit.results import Fact, Result, Substitution

KIND = "llm-audit border baseline"

TRIALS = 4
"""Requests by which a candidate shows whether it is a border input. The counts of the baseline are of others, asked anew."""

WORDS = (
    "and", "but", "so", "why", "then", "blue", "north", "seven", "river", "maybe", "again", "almost", "never", "paper", "stone",
    "light", "music", "winter", "door", "apple", "question", "somewhere", "fast", "quiet", "yes", "no", "who", "left", "open", "ok",
    "hm", "list", "name", "story", "number", "colour", "city", "animal",
)  # fmt: skip
CANDIDATES = (*string.ascii_lowercase, *string.digits, *WORDS, *"?!.,:;-+=/()[]#*@&%$~^_|")
"""Prompts as short as can be: the shorter, the more the answer depends on everything."""

Counts = Mapping[str, Mapping[str, int]]
"""Prompt -> answer, white space aside -> how often it came."""


def find(source: Source, surface: Surface) -> list[str]:
    """The candidates whose answers were most evenly divided between two; `INPUTS` at most.

    Raises:
        AuditError: too few were divided at all.
    """
    counts, outcomes = ask(source, CANDIDATES, surface, TRIALS, 3 * 10**7)
    divided = {prompt: [count for _, count in Counter(found).most_common(2)] for prompt, found in counts.items()}
    borders = sorted((prompt for prompt, best in divided.items() if len(best) == 2), key=lambda each: -divided[each][1])
    if len(borders) < FEWEST:
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        why = failures[0].reason if failures else "It may ignore temperature 1, or answer from a cache."
        raise AuditError(
            f"The endpoint answered {len(borders)} of {len(CANDIDATES)} prompts with two different first tokens in {TRIALS} "
            f"requests; {FEWEST} are needed. {why}"
        )
    return borders[:INPUTS]


def ask(
    source: Source, prompts: Sequence[str], surface: Surface, draws: int, first_seed: int
) -> tuple[Counts, list[Reply | Failure]]:
    """`draws` answers of one token to each prompt at temperature 1, counted, and as they came."""
    asks = [
        Ask(f"first token {at}, draw {draw}", prompt, surface, 1, 1.0, seed=first_seed + at * 1000 + draw)
        for draw in range(1, draws + 1)
        for at, prompt in enumerate(prompts, start=1)
    ]
    outcomes = list(source.ask(asks))
    counts: dict[str, Counter[str]] = {prompt: Counter() for prompt in prompts}
    for outcome in outcomes:
        if isinstance(outcome, Reply):
            counts[outcome.ask.prompt][outcome.text.strip()] += 1
    return counts, outcomes


def take(source: Source, surface: Surface) -> Counts:
    """What a baseline keeps: border inputs, and counts of their answers, asked anew. Raises AuditError: see `find`."""
    counts, _ = ask(source, find(source, surface), surface, DRAWS, 4 * 10**7)
    return counts


def write_baseline(path: Path, counts: Counts, model: str, created: str) -> None:
    """Raises AuditError: the file exists or cannot be written, or prompts were not answered."""
    if any(2 * sum(found.values()) < DRAWS for found in counts.values()):
        raise AuditError("The endpoint left more than half of the requests for some prompt unanswered; nothing was written.")
    content = {"kind": KIND, "version": 1, "model": model, "created": created, "counts": counts}
    try:
        create(path, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        raise AuditError(f"Cannot write the baseline {path}: {error.strerror}.") from error


def read_baseline(path: Path, model: str) -> tuple[Counts, str] | None:
    """Counts, and when they were taken; None if the file is no baseline of this kind.

    Raises:
        AuditError: it is damaged, or of another model.
    """
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict) or found.get("kind") != KIND:
            return None
        counts = {
            str(prompt): {str(text): int(count) for text, count in texts.items()} for prompt, texts in found["counts"].items()
        }
        named, created, version = found["model"], str(found["created"]), found["version"]
    except OSError as error:
        raise AuditError(f"The baseline {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if version != 1 or len(counts) < FEWEST or any(min(texts.values(), default=0) < 1 for texts in counts.values()):
        raise AuditError(f"{path} is no baseline that this version reads.")
    if named != model:
        raise AuditError(f"The baseline {path} is of the model {named!r}, not {model!r}.")
    return counts, created


def compare(source: Source, before: Counts, taken: str, surface: Surface, alpha: float, seed: str) -> Substitution:
    """The endpoint now against the counts of before."""
    prompts = list(before)
    after, outcomes = ask(source, prompts, surface, DRAWS, 5 * 10**7)
    answered = [sum(after[prompt].values()) for prompt in prompts]
    terms, obstacle = Terms(alpha), None
    tests: tuple[Result, ...] = ()
    if 2 * min(answered) < DRAWS:
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        obstacle = f"more than half of the requests for some prompt got no answer. {failures[0].reason}"
    elif all(len(after[prompt]) == 1 for prompt in prompts):
        obstacle = (
            "each prompt got one and the same token every time: the endpoint ignores temperature 1, or its answers come from a "
            "cache."
        )
    else:
        measured = border_tracking.measure([before[each] for each in prompts], [after[each] for each in prompts], seed)
        tests = (border_tracking.derive(measured, terms),)
    told = sum(sum(found.values()) for found in before.values())
    fact = Fact(name="Answers", value=f"{told} before, {sum(answered)} now, to {len(prompts)} prompts")
    return compared(source, taken, tests, fact, outcomes, obstacle, terms)
