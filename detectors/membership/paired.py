"""Are published versions more likely than private rephrasings of the same items? AUD312.

If a coin decided which version was published, a model that has not seen it prefers neither. Knows nothing about files
other than the pairs' own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.membership.evidence import GATE_LEVEL, mean_interval, result, signs_of, strongest, unit_means
from llm_audit.detectors.membership.target import Target
from llm_audit.errors import AuditError
from llm_audit.results import Effect, Result
from llm_audit.results.evidence import Versions
from llm_audit.seeds import generator
from llm_audit.stats import permutation
from llm_audit.text.lines import open_lines, parse

RULE = "AUD312"

ASSUMPTIONS = (
    "Of each item's versions, the published one was chosen at random, independently of the other items (those that name "
    "one document were chosen together). Where one key chose for all of them, only that one choice was random, and this "
    "p-value is too small.",
    "The private versions were never published, nor sent to the model's maker.",
)


@dataclass(frozen=True)
class Pair:
    """An item in several versions.

    Attributes:
        public: the version that was published.
        private: the others.
        document: items of one document were published by one choice.
    """

    public: str
    private: tuple[str, ...]
    document: str


@dataclass(frozen=True)
class Pairs:
    """The items of a file, and what was left out. `digest`: SHA-256 over the versions in order."""

    items: tuple[Pair, ...]
    found: int
    malformed: tuple[str, ...]
    digest: str


def read_pairs(path: Path) -> Pairs:
    """JSON lines with `public`, `private` (a text or a list of texts) and, if choices were shared, `document`.

    Raises:
        AuditError: the file cannot be read, holds no pair, or its items have different numbers of versions.
    """
    items, malformed, found, digest = [], [], 0, hashlib.sha256()
    for number, line in enumerate(open_lines(path), start=1):
        if not line.strip():
            continue
        found += 1
        item = _pair(line, f"{path.name}:{number}")
        if isinstance(item, str):
            malformed.append(f"Line {number} of {path} {item}; it was left out.")
            continue
        items.append(item)
        digest.update(repr((item.public, item.private, item.document)).encode())
    if not items:
        raise AuditError(
            f"{path} holds no pairs; each line needs the fields public and private. {' '.join(malformed[:1])}".strip()
        )
    if len(counts := {len(item.private) for item in items}) > 1:
        raise AuditError(
            f"The items of {path} have {min(counts)} to {max(counts)} private versions; give every item the same number."
        )
    return Pairs(tuple(items), found, tuple(malformed), digest.hexdigest())


def _pair(line: bytes, name: str) -> Pair | str:
    row = parse(line)
    if isinstance(row, str):
        return row
    public, private = row.get("public"), row.get("private")
    versions = [private] if isinstance(private, str) else private
    if not isinstance(public, str) or not isinstance(versions, list) or not all(isinstance(each, str) for each in versions):
        return "needs a text in public, and a text or a list of texts in private"
    if not public.strip() or not versions or not all(each.strip() for each in versions):
        return "has an empty version, or no private one"
    if public in versions:
        return "has its public version among the private ones"
    document = row.get("document")
    return Pair(public, tuple(versions), name if document is None else str(document))


def check(pairs: Sequence[Pair], alpha: float) -> None:
    """Refuse fewer independent choices than p <= alpha needs. Raises AuditError with the number needed."""
    choices = len({pair.document for pair in pairs})
    needed = permutation.pairs_needed(alpha, 1 + len(pairs[0].private))
    if choices < needed:
        raise AuditError(
            f"There are {choices} independent choices of a version; a p-value of {alpha:g} needs {needed} or more."
        )


def judge(target: Target, pairs: Sequence[Pair], *, draws: int, alpha: float, seed: str) -> Result:
    """Compare mean log-probabilities per token of public and private versions.

    Null hypothesis: within each item every version is as likely to have been the published one. With one private version
    the sign-flip test; with more, the published one is drawn anew among all. Rastogi et al. 2025 (STAMP, arXiv 2504.13416)
    use a paired t; this is exact for any distribution.
    """
    check(pairs, alpha)
    texts = [text for pair in pairs for text in (pair.public, *pair.private)]
    means = [float(np.mean(scores.logprob, dtype=np.float64)) if len(scores) else 0.0 for scores in target.beginnings(texts)]
    number = {document: i for i, document in enumerate(dict.fromkeys(pair.document for pair in pairs))}
    table = np.array(means).reshape(len(pairs), -1)
    return judge_table(table, [number[pair.document] for pair in pairs], draws=draws, alpha=alpha, seed=seed)


def judge_table(table: NDArray[np.float64], groups: Sequence[int], *, draws: int, alpha: float, seed: str) -> Result:
    """`judge` from the versions' mean log-probabilities (n, 1 + K) and the choice (n,) that published each item."""
    outcome = permutation.versions(table, generator(seed, "paired"), draws, groups)
    difference = table[:, 0] - table[:, 1:].mean(axis=1)
    by_choice = unit_means(difference, list(map(str, groups)))
    low, high = mean_interval(by_choice, generator(seed, "paired interval"))
    return result(
        outcome,
        rule=RULE,
        name="Published against private versions",
        null="The model was not trained on the published versions: to it, each version is as likely as the item's others.",
        statistic=("mean difference", "nats per token"),
        effect=Effect(
            name="public over private, mean over choices",
            value=float(by_choice.mean()),
            unit="nats per token",
            lower=low,
            upper=high,
        ),
        n=len(by_choice),
        alpha=alpha,
        found=(
            f"The public version is the likelier one in {int((difference > 0).sum()):,} of {len(table):,} items, by "
            f"{difference.mean():.3f} nats per token on average; p = {outcome.p_value:.2g}"
        ),
        seed=seed,
        assumptions=ASSUMPTIONS,
        method="STAMP (Rastogi et al. 2025, arXiv 2504.13416), with an exact permutation of versions instead of a paired t",
        evidence=Versions(table=tuple(map(tuple, table.tolist())), groups=tuple(groups)),
    )


def gate(pairs: Sequence[Pair], seed: str) -> Result:
    """AUD300 for versions: whether the texts alone tell the public from the private ones.

    The same permutation of versions on what needs no model: length, digits, punctuation, capitals and, learned on one half
    of the items and tested on the other, words. Bonferroni over them.
    """
    rng, groups = generator(seed, "paired gate"), [pair.document for pair in pairs]
    signs = {
        name: np.array([[measure(text) for text in (pair.public, *pair.private)] for pair in pairs])
        for name, measure in _MEASURES.items()
    }
    outcomes = {}
    for name, table in signs.items():
        for side, label in ((1.0, f"more {name} in public versions"), (-1.0, f"less {name} in public versions")):
            outcomes[label] = permutation.versions(side * table, rng, groups=groups)
    order = rng.permutation(list(dict.fromkeys(groups)))
    half = set(order[: len(order) // 2].tolist())
    learned = [pair for pair in pairs if pair.document in half]
    tested = [pair for pair in pairs if pair.document not in half]
    if learned and tested:
        weights = _words_of(learned)
        table = np.array(
            [[sum(weights.get(word, 0.0) for word in _words(text)) for text in (p.public, *p.private)] for p in tested]
        )
        outcomes["words of public versions"] = permutation.versions(table, rng, groups=[pair.document for pair in tested])
    name, outcome = strongest(outcomes)
    return result(
        outcome,
        rule="AUD300",
        name="The versions' texts alone",
        null="Public and private versions do not differ in what can be seen without a model.",
        statistic=(name, "mean difference"),
        effect=Effect(name=name, value=permutation.standardised(outcome), unit="standard deviations"),
        n=len(set(groups)),
        alpha=GATE_LEVEL,
        found=f"Without any model, {name} is the strongest difference, p = {outcome.p_value:.2g} over {len(outcomes)} signs",
        seed=seed,
        assumptions=(),
        method=f"Permutation of versions; signs: {', '.join(outcomes)}; Bonferroni",
        evidence=signs_of(outcomes),
    )


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _words_of(pairs: Sequence[Pair]) -> dict[str, float]:
    """How much more often a word stands in public versions: z of a sign test, words of fewer than 4 items left out."""
    more: dict[str, list[int]] = {}
    for pair in pairs:
        public, private = _words(pair.public), [_words(text) for text in pair.private]
        for word in public ^ set().union(*private):
            more.setdefault(word, []).append(1 if word in public else -1)
    return {word: sum(signs) / len(signs) ** 0.5 for word, signs in more.items() if len(signs) >= 4}


_MEASURES: dict[str, Callable[[str], float]] = {
    "length": lambda text: float(len(text)),
    "digits": lambda text: sum(character.isdigit() for character in text) / len(text),
    "punctuation": lambda text: len(re.findall(r"[^\w\s]", text)) / len(text),
    "capitals": lambda text: sum(character.isupper() for character in text) / len(text),
    "long words": lambda text: len(re.findall(r"\w", text)) / max(len(re.findall(r"\w+", text)), 1),
}
