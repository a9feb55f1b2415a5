"""Defects of returned log-probabilities. Defective numbers are reported and never used as evidence.

What is harmless is put right first (`repaired`): no number is changed by it, and it is reported, too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise

from llm_audit.common.templates import Template
from llm_audit.endpoints.records import PLACEHOLDER, Failure, Position, Reply, Token, same

LOWEST = -1000.0
"""Nats; any number below is taken for a placeholder: no two logits of a language model are that far apart."""

REPEATED = -100.0
"""Nats; a whole number at or below, shared by several tokens, is taken for a placeholder: no softmax gives it twice."""

LIKELIEST = -14.0
"""Nats; the likeliest token of every vocabulary of less than a million tokens is above."""

ROUNDING = 1e-3
"""Tolerance for rounding: excess over 1 of a sum of probabilities, and difference of two numbers for one token, in nats."""

NO_LOGPROB = "the token has no log-probability"
NO_NAME = "the token cannot be told from others: neither id nor bytes, and no text of its own"
HIDDEN = "a log-probability is the placeholder -9999"
PLACED = "a log-probability is a placeholder, such as -100 or -1e9"
INFINITE = "a log-probability is not a finite number"
POSITIVE = "a log-probability is positive"
ALL_ZERO = "all log-probabilities are zero"
ANSWER_ZERO = "all log-probabilities of the answer are zero"
ALL_ALIKE = "all log-probabilities of the answer are the same"
UNLIKELY = "the likeliest token has a probability of less than one in a million"
TWICE = "a token is listed twice"
DISORDER = "the list is not in falling order"
OVER_ONE = "the probabilities add up to more than 1"
CONTRADICTED = "the token has another log-probability in the list"
NOT_LISTED = "the token is likelier than the end of the list, and not in it"
OTHER_TEXT = "the tokens are not those of the text"
PLACEHOLDERS = frozenset({HIDDEN, PLACED})
"""Defects in which a number is a placeholder for one that the server does not have or does not give."""

POOR = frozenset({NO_LOGPROB, NO_NAME, *PLACEHOLDERS})
"""Defects of servers that merely withhold information. Any other defect means that the numbers cannot be log-probabilities."""

FLAWS = (
    *sorted(POOR), INFINITE, POSITIVE, ALL_ZERO, ANSWER_ZERO, ALL_ALIKE, UNLIKELY, TWICE, DISORDER, OVER_ONE, CONTRADICTED,
    NOT_LISTED, OTHER_TEXT,
)  # fmt: skip
_SORTED = "the list was not in falling order, and was sorted"
_LEFT_OUT = "alternatives whose probability is hidden were left out"
_WHERE = "At {places:number} of {positions:number} positions, first at {first:number}"
FLAW = Template(f"{_WHERE}: {{flaw}}.", {"flaw": FLAWS})
REPAIR = Template(f"{_WHERE}, {{repair}}.", {"repair": (_SORTED, _LEFT_OUT)})
SENTENCES = (FLAW, REPAIR)
"""Templates of the notes on the log-probabilities of an answer."""

DIGITS = (0, 1, 2, 3)
"""Numbers of decimals for which rounding by the server is recognised."""

FINE = 0.01
"""Nats; where a server rounds to more, tokens of many places share their lowest number by chance."""

FEWEST_NUMBERS = 12
"""Fewest numbers of an answer from which rounding is inferred: one number in 5,000 looks rounded to 3 decimals by chance."""


def placeholders(positions: Sequence[Position]) -> frozenset[float]:
    """The numbers in an answer that are placeholders, not log-probabilities.

    Anything from `LOWEST` down, minus infinity too; whole numbers from `REPEATED` down that two tokens or more have; and the
    number below which the server gives none (`_cut_off`).
    """
    numbers = Counter(number for position in positions for number in _numbers(position))
    missing = {
        value
        for value, tokens in numbers.items()
        if value <= LOWEST or (value <= REPEATED and value.is_integer() and tokens > 1)
    }
    return frozenset(missing | _cut_off([_numbers(position) for position in positions], missing))


def _cut_off(lists: Sequence[Sequence[float]], missing: set[float]) -> set[float]:
    """The lowest number, if it stands for everything below it: tokens of one place share it, and those of other places.

    No two places give the same number by chance, except where the server rounds: then half of the places must, or all tokens.
    """
    known = [[number for number in numbers if math.isfinite(number) and number not in missing] for numbers in lists]
    lowest = min((number for numbers in known for number in numbers), default=0.0)
    tokens = [numbers.count(lowest) for numbers in known]
    places = sum(count > 0 for count in tokens)
    if lowest >= 0 or places < 2 or max(tokens) < 2:
        return set()
    others = [number for numbers in known for number in numbers if number != lowest]
    unit = unit_of(others)
    if not others or (unit == 0 and len(others) >= FEWEST_NUMBERS):
        return {lowest}
    shared = sum(count > 1 for count in tokens)
    return {lowest} if 0 < unit <= FINE and 2 * shared >= len(known) else set()


def _numbers(position: Position) -> list[float]:
    """The log-probabilities of a position, that of the chosen token counted once even if the list contains it."""
    listed = [logprob for _, logprob in position.top]
    chosen = (
        [] if position.logprob is None or any(same(token, position.token) for token, _ in position.top) else [position.logprob]
    )
    return listed + chosen


def repaired(positions: Sequence[Position]) -> tuple[tuple[Position, ...], tuple[str, ...]]:
    """The positions with harmless defects repaired, and a note on each repair.

    A list out of order is sorted (the chosen token may stand first, whatever its rank). Alternatives that the server hides
    behind a placeholder or minus infinity are left out: their probability is not known, only that it is small.
    """
    sorted_, hidden = [], []
    mended, missing = [], placeholders(positions)
    for place, position in enumerate(positions, start=1):
        top = position.top
        if len(stated := tuple(entry for entry in top if entry[1] not in missing)) < len(top) and stated:
            hidden.append(place)
            top = stated
        rest = top[1:] if top and same(top[0][0], position.token) else top
        if any(b[1] > a[1] + 1e-6 for a, b in pairwise(rest)):
            sorted_.append(place)
            top = tuple(sorted(top, key=lambda entry: -entry[1]))
        mended.append(replace(position, top=top))
    sentences = tuple(
        REPAIR.write(places=len(places), positions=len(positions), first=places[0], repair=repair)
        for repair, places in ((_SORTED, sorted_), (_LEFT_OUT, hidden))
        if places
    )
    return tuple(mended), sentences


def last_digit(positions: Sequence[Position]) -> float:
    """The unit, in nats, to which the server rounds: 1, 0.1, 0.01 or 0.001; 0: finer, or too few numbers to tell."""
    numbers = [logprob for position in positions for logprob in (position.logprob, *(lp for _, lp in position.top))]
    usable = [number for number in numbers if number is not None and math.isfinite(number) and number != 0]
    return unit_of(usable) if placeholders(positions).isdisjoint(usable) else 0.0


def unit_of(numbers: Sequence[float]) -> float:
    """The coarsest unit, in nats, of which all numbers are multiples; 0: they are not, or are too few to tell."""
    if len(numbers) < FEWEST_NUMBERS:
        return 0.0
    for digits in DIGITS:
        if all(abs(number - round(number, digits)) < 1e-7 for number in numbers):
            return float(10.0**-digits)
    return 0.0


def judged(
    positions: Sequence[Position],
    rounded: float = 0.0,
    missing: frozenset[float] | None = None,
    *,
    other_text: bool = False,
    greedy: bool = False,
) -> tuple[tuple[Position, ...], tuple[str, ...]]:
    """The positions with their defects filled in, and notes that sum the defects up.

    Args:
        positions: of one answer.
        rounded: nats of the last digit that the server gives; 0: all digits.
        missing: `placeholders` of the answer before it was repaired, which has more to tell them by; None: of these positions.
        other_text: whether the tokens are not those of the answer's text: then no position is evidence.
        greedy: whether the likeliest token was asked for at each place.
    """
    missing = placeholders(positions) if missing is None else missing
    numbers = {number for position in positions for number in _numbers(position)}
    zero = len(positions) > 1 and all(p.logprob == 0 for p in positions) and numbers == {0}
    of_all = (*(OTHER_TEXT,) * other_text, *(ALL_ALIKE,) * (not zero and _all_alike(positions, numbers)))
    defects = [of_all + ((ANSWER_ZERO,) if zero else _flaws(p, rounded, missing, greedy=greedy)) for p in positions]
    where: dict[str, list[int]] = {}
    for place, flaws in enumerate(defects, start=1):
        for flaw in flaws:
            where.setdefault(flaw, []).append(place)
    sentences = (
        FLAW.write(places=len(places), positions=len(positions), first=places[0], flaw=flaw) for flaw, places in where.items()
    )
    marked = (
        replace(p, defects=flaws, contradictory=not POOR.issuperset(flaws)) for p, flaws in zip(positions, defects, strict=True)
    )
    return tuple(marked), tuple(sentences)


def _all_alike(positions: Sequence[Position], numbers: Collection[float]) -> bool:
    """Whether lists of several places, of `FEWEST_NUMBERS` tokens or more in all, give each token the same probability."""
    listed = [len(position.top) for position in positions if len(position.top) > 1]
    return len(listed) > 1 and sum(listed) >= FEWEST_NUMBERS and len(numbers) == 1 and all(map(math.isfinite, numbers))


def _flaws(position: Position, rounded: float, missing: frozenset[float], *, greedy: bool) -> tuple[str, ...]:
    """Defects of one position. Rounding moves every number by half of the last digit."""
    chosen, top = position.logprob, position.top
    numbers = [logprob for _, logprob in top] + ([] if chosen is None else [chosen])
    if not all(map(math.isfinite, numbers)):  # nothing can be computed from these
        return (INFINITE,)
    entry = next((logprob for token, logprob in top if same(token, position.token)), None)
    total = sum(math.exp(min(logprob, 0.0)) for _, logprob in top)
    if entry is None and chosen is not None and position.token.identified:  # else it may be one of those listed
        total += math.exp(min(chosen, 0.0))
    # vLLM puts the chosen token first, whatever its probability.
    ordered = [logprob for _, logprob in (top[1:] if top and same(top[0][0], position.token) else top)]
    slack = ROUNDING + rounded
    checks = {
        NO_LOGPROB: chosen is None,
        NO_NAME: not position.token.identified,
        HIDDEN: PLACEHOLDER in numbers,
        PLACED: any(number in missing and number != PLACEHOLDER for number in numbers),
        POSITIVE: any(number > 1e-5 for number in numbers),
        ALL_ZERO: len(top) > 1 and not any(numbers),
        UNLIKELY: bool(numbers) and max(numbers) < LIKELIEST and (len(top) > 1 or greedy),
        TWICE: _repeated([token for token, _ in top]),
        DISORDER: any(b > a + 1e-6 for a, b in pairwise(ordered)),
        OVER_ONE: total > (1 + ROUNDING) * math.exp(rounded / 2),
        CONTRADICTED: (chosen is not None and entry is not None and abs(chosen - entry) > slack),
        NOT_LISTED: (
            chosen is not None
            and entry is None
            and bool(top)
            and chosen > min(lp for _, lp in top) + slack
            and position.token.identified
            and all(token.identified for token, _ in top)
        ),
    }
    return tuple(flaw for flaw, present in checks.items() if present)


def _repeated(tokens: Sequence[Token]) -> bool:
    keys = [token.key for token in tokens if token.identified]
    return len(set(keys)) < len(keys)


def changes(replies: Sequence[Reply | Failure]) -> tuple[str, ...]:
    """Whether the server named another model, or another version of itself, in the midst of the replies, as sentences.

    The replies come in the order of asking, which with several requests at once is roughly that of answering.
    """
    sentences = []
    for name, field in (("model", "model"), ("system_fingerprint", "fingerprint")):
        seen = [(reply.ask.name, getattr(reply, field)) for reply in replies if isinstance(reply, Reply)]
        values = list(dict.fromkeys(value for _, value in seen))
        if len(values) > 1:
            where = next(ask for ask, value in seen if value != values[0])
            listed = ", ".join(repr(value) if value else "none" for value in values)
            sentences.append(f"The {name} changed in the midst, first at {where!r}: {listed}.")
    return tuple(sentences)
