"""Canaries: test whether a published random string is likelier than its unpublished siblings; make and check the strings.

N + 1 strings follow from one secret seed. The first is published with the SHA-256 of the secret; the others stay secret
until the test ranks the published one among them. Knows nothing about models.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llm_audit.common.errors import InvalidConfiguration, InvalidInput, NotAvailable
from llm_audit.common.files import create
from llm_audit.detectors.membership.base import MEANING
from llm_audit.detectors.membership.outcomes import draws_of, effect_of, rank_sum, ranked, result
from llm_audit.detectors.membership.target import LanguageModel
from llm_audit.detectors.rule import Measurement, MembershipTest, Terms, requires
from llm_audit.reports.format import p_statement, p_value
from llm_audit.results import Conditions, Effect, Result, Statistic
from llm_audit.results.membership_evidence import Drawn, RankSum
from llm_audit.stats import permutation

LETTERS = "abcdefghijklmnopqrstuvwxyz"

TELLTALE = 8
"""Letters in a row of the published string that must not stand in the text before it: a model copies what it has just read."""

VERSION = 1


@dataclass(frozen=True)
class Secret:
    """The secret from which all strings of a canary are generated.

    Attributes:
        seed: 64 hexadecimal digits.
        count: unpublished strings, N.
        length: letters of each string.
        before: what stands before the published string wherever it is published, or "".
        created: ISO 8601.
    """

    seed: str
    count: int
    length: int
    before: str
    created: str

    def strings(self) -> list[str]:
        """The published string, then its N siblings."""
        return strings(hashlib.sha256(f"{self.seed} ".encode()).digest(), self.count + 1, self.length)

    @property
    def commitment(self) -> str:
        """SHA-256 of the canonical JSON of this secret: 256 unknown bits of seed keep it from being guessed."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def public(self) -> dict[str, Any]:
        """The public part of the secret: everything but the seed."""
        shown = {key: value for key, value in asdict(self).items() if key != "seed"}
        return shown | {"published": self.strings()[0], "commitment": self.commitment}


def strings(seed: bytes, count: int, length: int) -> list[str]:
    """`count` strings of `length` lower-case letters, each letter uniform: SHAKE-256 of seed and index, bytes from 234 skipped.

    Not a generator of numpy, whose streams may change between versions: a commitment must be checkable for years.
    """
    drawn = []
    for index in range(count):
        stream = hashlib.shake_256(seed + b":" + str(index).encode()).digest(4 * length)
        letters = [LETTERS[byte % 26] for byte in stream if byte < 234]
        drawn.append("".join(letters[:length]))
    return drawn


def new(name: str, *, count: int, length: int, before: str, created: str) -> tuple[Path, Path]:
    """Draw a secret and write NAME.secret.json, readable by the owner only, and NAME.public.json.

    Raises:
        AuditError: one of the files exists or cannot be written.
    """
    secret = Secret(secrets.token_hex(32), count, length, before, created)
    paths = _paths(name)
    for path, kind, content, mode in (
        (paths[0], "secret", asdict(secret), 0o600),
        (paths[1], "public", secret.public, 0o644),
    ):
        text = json.dumps({"kind": f"llm-audit canary {kind}", "version": VERSION} | content, indent=2) + "\n"
        try:
            create(path, text.encode(), mode=mode)
        except FileExistsError:
            raise InvalidConfiguration(
                f"Cannot write {path}: it exists already. A canary is drawn once; choose another name."
            ) from None
        except OSError as error:
            raise NotAvailable(f"Cannot write {path}: {error.strerror}.") from error
    return paths


def check_all(names: Sequence[str]) -> list[Secret]:
    """The secrets of several canaries, each as by `check`. Raises AuditError: no canary is named, or one does not hold."""
    if not names:
        raise InvalidConfiguration("No canary is named: give the NAME of NAME.secret.json, or several.")
    return [check(name) for name in names]


def check(name: str) -> Secret:
    """Read NAME.secret.json and NAME.public.json, and verify that the one is what the other committed to.

    Raises:
        AuditError: a file is missing or no canary's, or they do not belong together.
    """
    secret_path, public_path = _paths(name)
    fields, public = _read(secret_path, "secret"), _read(public_path, "public")
    try:
        secret = Secret(**fields)
        if not (secret.count >= 1 and 8 <= secret.length <= 1000 and isinstance(secret.seed, str)):
            raise ValueError
        expected = secret.public
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{secret_path} is damaged: it does not hold what a canary's secret holds.") from error
    if public.get("commitment") != secret.commitment:
        raise InvalidInput(
            f"The secret {secret_path} does not match the commitment in {public_path}: one of them was changed, or belongs to "
            "another canary. No test is possible."
        )
    if _foretold(expected["published"], secret.before):
        raise InvalidInput(
            f"The text before the string in {public_path} holds a part of the string, which any model copies. No test is "
            "possible; draw another canary."
        )
    if different := [key for key in expected if public.get(key) != expected[key]]:
        raise InvalidInput(f"{public_path} does not say what its secret says about {different[0]!r}: it was changed.")
    return secret


def _foretold(published: str, before: str) -> bool:
    """Whether the text before a string holds a part of it, in whatever spelling; by chance in 1 of a million texts."""
    letters = "".join(filter(str.isalpha, before.lower()))
    return any(published[at : at + TELLTALE] in letters for at in range(len(published) - TELLTALE + 1))


def _paths(name: str) -> tuple[Path, Path]:
    return Path(f"{name}.secret.json"), Path(f"{name}.public.json")


def _read(path: Path, kind: str) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}. Both files of a canary are needed.") from error
    except ValueError as error:
        raise InvalidInput(f"{path} is no canary file: it is not JSON.") from error
    if (
        not isinstance(fields, dict)
        or fields.pop("kind", None) != f"llm-audit canary {kind}"
        or fields.pop("version", 0) != VERSION
    ):
        raise InvalidInput(f"{path} is no {kind} file of a canary that this version reads.")
    return fields


def check_decidable(canaries: Sequence[Secret], alpha: float) -> None:
    """Refuse a canary that is named twice, and too few siblings for p <= alpha. Raises AuditError with the number needed."""
    if len({secret.seed for secret in canaries}) < len(canaries):
        raise InvalidConfiguration("One canary is named twice, or two have one seed; they would count as two. Name each once.")
    floor = permutation.rank_sum([0] * len(canaries), [secret.count for secret in canaries]).p_value
    if floor > alpha:
        raise InvalidConfiguration(
            f"With {sum(secret.count for secret in canaries):,} unpublished strings no p-value is below "
            f"{p_value(floor, alpha)}; alpha {alpha:g} needs a canary with --count {permutation.draws_needed(alpha):,} or more."
        )


def measure(target: LanguageModel, canaries: Sequence[Secret]) -> Measurement[Drawn | RankSum]:
    """Measure the rank of each published string's log-probability among its siblings'; of several canaries, the sum of ranks.

    Null hypothesis: the published string is, to the model, as random as its siblings. Wei, Wang and Jia 2024 (arXiv
    2402.10892) with the exact rank instead of a normal approximation.
    """
    texts = [[secret.before + string for string in secret.strings()] for secret in canaries]
    ends = np.cumsum([len(strings) for strings in texts])
    totals = np.split(target.totals([text for strings in texts for text in strings]), ends[:-1])
    single = [permutation.monte_carlo(float(total[0]), total[1:]) for total in totals]
    if len(single) == 1:
        statistic = Statistic(name="log-probability", value=single[0].statistic, unit="nats")
        return Measurement(Drawn(effect="gain"), statistic=statistic, effect=_gain(single[0]), draws=draws_of(single[0], None))
    evidence = RankSum(
        exceeding=tuple(outcome.exceeding for outcome in single),
        draws=tuple(outcome.draws for outcome in single),
        gains=tuple(float(total[0] - total[1:].mean()) for total in totals),
    )
    return Measurement(evidence)


def derive(measured: Measurement[Drawn | RankSum], terms: Terms) -> Result:
    """The test's result: the rank of the canary among strings drawn alike (`Drawn`), or the sum of the ranks of several
    (`RankSum`), as a p-value.
    """
    requires(measured, Drawn, RankSum)
    if isinstance(measured.evidence, RankSum):
        outcome, gains = rank_sum(measured.evidence)
        counts = list(zip(measured.evidence.exceeding, measured.evidence.draws, strict=True))
        statistic = "mean share of siblings beaten", ""
        effect: Effect | None = _effect(float(gains.mean()))
    else:
        outcome = ranked(measured)
        counts = [(outcome.exceeding, outcome.draws)]
        statistic = "log-probability", "nats"
        effect = effect_of(measured, outcome, _gain)
    counted = "; ".join(f"{exceeding:,} of {draws:,}" for exceeding, draws in counts)
    return result(
        rule,
        measured,
        outcome,
        terms.alpha,
        statistic=statistic,
        effect=effect,
        n=len(counts),
        statement=(
            f"Unpublished siblings at least as likely as the published string: {counted}; "
            f"{p_statement(outcome.p_value, alpha=terms.alpha)}"
        ),
    )


def _units(result: Result, conditions: Conditions) -> tuple[str, int, int]:
    """Units of a result: the published strings in words, their number, and the number of their siblings."""
    return f"{result.n or 0:,} published strings", result.n or 0, result.draws.count if result.draws else 0


def _gain(outcome: permutation.Outcome) -> Effect:
    return _effect(outcome.statistic - float(outcome.null.mean()))


def _effect(gain: float) -> Effect:
    return Effect(name="gain over the siblings' mean", value=gain, unit="nats per string")


rule = MembershipTest[Sequence[Secret], Drawn | RankSum](
    code="AUD311",
    name="canary",
    title="Canary rank",
    question="Is a published random string more likely than its unpublished siblings?",
    null="The model was not trained on the published string: it is as likely as any of its unpublished siblings.",
    assumptions=(
        "The published string was drawn at random with its siblings, once. That the commitment fits shows that nothing was "
        "changed since the commitment was published: compare it with the copy of that day. It does not show that the owner "
        "drew one set only; whoever draws many and publishes the one that today's models find likeliest has bent the test.",
        "The siblings are secret: no copy of them was ever published or sent to the model's maker.",
    ),
    listed=("MembershipCanary", "Published canary is preferred", MEANING),
    method="Random canary / data watermark (Wei, Wang, Jia 2024, arXiv 2402.10892); exact rank p = (1 + b)/(1 + N)",
    claim="Was the published text in the training data of {model}?",
    units=_units,
    condition="the strings were drawn once and the others kept secret",
    conditions=frozenset({"commitments", "endpoint"}),
    measure=measure,
    derive=derive,
)
