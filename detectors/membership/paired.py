"""Paired versions: test whether published versions are likelier than private rephrasings of the same items.

If a coin decided which version was published, a model that has not seen it prefers neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidInput
from llm_audit.common.seeds import generator
from llm_audit.detectors.membership.base import MEANING
from llm_audit.detectors.membership.outcomes import BEYOND, mean_interval, result, unit_means
from llm_audit.detectors.membership.target import LanguageModel
from llm_audit.detectors.rule import Measurement, MembershipTest, Terms, repeatable, requires
from llm_audit.reports.format import p_statement
from llm_audit.reports.wording import notes
from llm_audit.reports.wording.membership import VERSIONS_ALONE
from llm_audit.results import Conditions, Draws, Effect, Result
from llm_audit.results.membership_evidence import Versions
from llm_audit.stats import permutation
from llm_audit.text.lines import open_lines, parse


@dataclass(frozen=True)
class Pair:
    """An item in several versions.

    Attributes:
        public: the version that was published.
        private: the others.
        document: one choice decided for all items of one document.
    """

    public: str
    private: tuple[str, ...]
    document: str


@dataclass(frozen=True)
class Pairs:
    """The items of a file, and what was left out. `digest`: SHA-256 over the versions in order."""

    items: tuple[Pair, ...]
    total: int
    malformed: tuple[str, ...]
    digest: str


def read_pairs(path: Path) -> Pairs:
    """JSON lines with `public`, `private` (a text or a list of texts) and, if choices were shared, `document`.

    Raises:
        AuditError: the file cannot be read, holds no pair, or its items have different numbers of versions.
    """
    items, malformed, lines, digest = [], [], 0, hashlib.sha256()
    known: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(open_lines(path), start=1):
        if not line.strip():
            continue
        lines += 1
        item = _pair(line, f"{path.name}:{number}")
        if isinstance(item, str):
            malformed.append(notes.PAIR.write(line=number, path=str(path), fault=item))
            continue
        if (first := known.setdefault((item.public, *sorted(item.private)), number)) != number:
            malformed.append(notes.PAIR.write(line=number, path=str(path), fault=notes.COPY.write(line=first)))
            continue
        items.append(item)
        digest.update(repr((item.public, item.private, item.document)).encode())
    if not items:
        raise InvalidInput(
            f"{path} holds no pairs; each line needs the fields public and private. {' '.join(malformed[:1])}".strip()
        )
    if len(counts := {len(item.private) for item in items}) > 1:
        raise InvalidInput(
            f"The items of {path} have {min(counts)} to {max(counts)} private versions; give every item the same number."
        )
    _check_private(items, path)
    return Pairs(tuple(_joined(items)), lines, tuple(malformed), digest.hexdigest())


def _pair(line: bytes, name: str) -> Pair | str:
    row = parse(line)
    if isinstance(row, str):
        return row
    public, private = row.get("public"), row.get("private")
    versions = [private] if isinstance(private, str) else private
    if not (isinstance(public, str) and isinstance(versions, list) and all(isinstance(version, str) for version in versions)):
        return notes.NO_VERSIONS.write()
    if not public.strip() or not versions or not all(version.strip() for version in versions):
        return notes.EMPTY_VERSION.write()
    if public in versions:
        return notes.PUBLIC_TWICE.write()
    document = row.get("document")
    return Pair(public, tuple(versions), name if document is None else str(document))


def _joined(items: Sequence[Pair]) -> list[Pair]:
    """The items, those with one public version in one document: its text was chosen once."""
    first: dict[str, str] = {}
    same: dict[str, str] = {}
    for item in items:
        document = same.get(item.document, item.document)
        same[item.document] = first.setdefault(item.public, document)
    return [replace(item, document=same[item.document]) for item in items]


def _check_private(items: Sequence[Pair], path: Path) -> None:
    """Refuse private versions that are public ones of other items. Raises AuditError with the first."""
    public = {item.public for item in items}
    published = [version for item in items for version in item.private if version in public]
    if published:
        raise InvalidInput(
            f"{len(published):,} private versions in {path} are the public version of another item: they were published; the "
            f"first begins {published[0][:40]!r}."
        )


def check(pairs: Sequence[Pair], alpha: float) -> None:
    """Refuse fewer independent choices than p <= alpha needs. Raises AuditError with the number needed."""
    choices = len({pair.document for pair in pairs})
    needed = permutation.pairs_needed(alpha, 1 + len(pairs[0].private))
    if choices < needed:
        raise InvalidInput(
            f"There are {choices} independent choices of a version; a p-value of {alpha:g} needs {needed} or more."
        )


def table_of(target: LanguageModel, pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """(items, versions) mean log-probability per token of each version, the public one first."""
    texts = [text for pair in pairs for text in (pair.public, *pair.private)]
    return target.means(texts).reshape(len(pairs), -1)


def groups_of(pairs: Sequence[Pair]) -> tuple[int, ...]:
    """For each item the index of the choice that decided it."""
    number = {document: i for i, document in enumerate(dict.fromkeys(pair.document for pair in pairs))}
    return tuple(number[pair.document] for pair in pairs)


def preference(table: NDArray[np.float64], pairs: Sequence[Pair], *, draws: int, seed: str) -> permutation.Outcome:
    """The outcome of the test for the log-probabilities of one model."""
    return permutation.versions(table, generator(seed, "paired control"), draws, groups_of(pairs))


def measure(
    target: LanguageModel, pairs: Sequence[Pair], *, draws: int, seed: str, control: NDArray[np.float64] | None = None
) -> Measurement[Versions]:
    """Measure mean log-probabilities per token of public and private versions, less those of a control model if there is one.

    Null hypothesis: within each item every version is as likely to have been the published one. With one private version
    the sign-flip test; with more, the published one is drawn anew among all. Rastogi et al. 2025 (STAMP, arXiv 2504.13416)
    use a paired t; this is exact for any distribution.
    """
    table = table_of(target, pairs)
    evidence = Versions(
        table=tuple(map(tuple, (table if control is None else table - control).tolist())),
        groups=groups_of(pairs),
        controlled=None if control is None else True,
    )
    return Measurement(evidence, draws=Draws(count=draws, exceeding=0, seed=seed))


def derive(measured: Measurement[Versions], terms: Terms) -> Result:
    """The result of the permutation of versions, drawn from its seed."""
    requires(measured, Versions)
    draws, seed = repeatable(measured.draws)
    table, groups = np.array(measured.evidence.table), measured.evidence.groups
    outcome = permutation.versions(table, generator(seed, "paired"), draws, groups)
    difference = table[:, 0] - table[:, 1:].mean(axis=1)
    by_choice = unit_means(difference, list(map(str, groups)))
    low, high = mean_interval(by_choice, generator(seed, "paired interval"))
    return result(
        rule,
        measured,
        outcome,
        terms.alpha,
        statistic=("mean difference", "nats per token"),
        effect=Effect(
            name="public over private, mean over choices",
            value=float(by_choice.mean()),
            unit="nats per token",
            lower=low,
            upper=high,
        ),
        n=len(by_choice),
        statement=BEYOND * bool(measured.evidence.controlled)
        + (
            f"The public version is the likelier one in {int((difference > 0).sum()):,} of {len(table):,} items, by "
            f"{difference.mean():.3f} nats per token on average; {p_statement(outcome.p_value, alpha=terms.alpha)}"
        ),
    )


def _units(result: Result, conditions: Conditions) -> tuple[str, int, int]:
    """Units of a result: the choices of a version in words, their number, and the number of unpublished versions."""
    evidence = result.evidence
    assert isinstance(evidence, Versions)
    choices = len(set(evidence.groups))
    words = f"{choices:,} independent choices of the version to publish, over {len(evidence.table):,} items"
    return words, choices, choices * (len(evidence.table[0]) - 1)


rule = MembershipTest[Sequence[Pair], Versions](
    code="AUD312",
    name="paired",
    title="Published against private versions",
    question="Are published versions more likely than private rephrasings?",
    null="The model was not trained on the published versions: to it, each version is as likely as the item's others.",
    assumptions=(
        "Of each item's versions, the published one was chosen at random, independently of the other items (those that name "
        "one document were chosen together). Where one key chose for all of them, only that one choice was random, and this "
        "p-value is too small.",
        "The private versions were never published, nor sent to the model's maker.",
    ),
    listed=("MembershipPaired", "Published versions are preferred", MEANING),
    method="STAMP (Rastogi et al. 2025, arXiv 2504.13416), with an exact permutation of versions instead of a paired t",
    claim="Were the published versions in the training data of {model}?",
    units=_units,
    alone=VERSIONS_ALONE,
    condition="a coin chose the published versions",
    unstated="Not stated: nobody says that a coin chose the published versions (--provenance), nor shows by a model that "
    "cannot have seen them (--control) that they are not likelier anyway.",
    conditions=frozenset({"endpoint"}),
    measure=measure,
    derive=derive,
)
