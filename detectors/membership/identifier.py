"""Natural identifiers: test whether hashes and ids inside documents are likelier than fresh ones of the same format.

They were drawn at random by others, long before this test was thought of: canaries that nobody had to plant.
Knows nothing about files.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from llm_audit.common.errors import InvalidConfiguration, InvalidInput
from llm_audit.common.seeds import generator
from llm_audit.detectors.membership.base import MEANING
from llm_audit.detectors.membership.collection import Item
from llm_audit.detectors.membership.outcomes import mean_interval, rank_sum, result
from llm_audit.detectors.membership.target import Target
from llm_audit.detectors.rule import Measurement, MembershipTest, NotDerivable, Terms, repeatable, requires
from llm_audit.reports.format import p_statement, p_value
from llm_audit.results import Conditions, Draws, Effect, Result
from llm_audit.results.membership_evidence import RankSum
from llm_audit.scoring.request import Prompted
from llm_audit.stats import permutation

CONTEXT = 200
"""Characters of context before an identifier that the model reads, the same for the true one and the fresh ones."""

HEX = "0123456789abcdef"
BASE64URL = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"

_EXAMPLES = (
    "", "a", "abc", "foo", "bar", "test", "hello", "Hello", "hello world", "Hello World", "Hello, World!", "Hello, world!",
    "admin", "password", "secret", "qwerty", "message digest", "The quick brown fox jumps over the lazy dog",
    "The quick brown fox jumps over the lazy dog.", "1234", "12345", "123456", "12345678", "123456789",
    *map(str, range(101)),
)  # fmt: skip
"""Texts whose hashes are printed everywhere."""

KNOWN = frozenset(
    {
        *(hashlib.new(name, text.encode()).hexdigest() for name in ("md5", "sha1", "sha256", "sha512") for text in _EXAMPLES),
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",  # git's empty tree and empty file
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        *("dQw4w9WgXcQ", "jNQXAC9IVRw", "9bZkp7q19f0", "kJQP7kiw5Fk"),  # videos that everybody links to
    }
)
"""Well-known identifiers, which occur in corpora whether or not they hold these documents."""

TELLTALE = 4
"""Length of a part of an identifier that must not occur in its context: a link named by its first digits reveals the rest."""

SHARED = {4: 2, 6: 1}
"""Length of a part -> identifiers that may have one such part at the same place. A time, a sequence or a fixed beginning makes
ranks depend on each other. Of a thousand independent ones chance leaves out some three."""

RUN, REPEATED, UNEVEN = 6, 6, 48.0
"""What nobody draws: so many characters in a row that are equal, or that count up or down; a part of this length twice; and
counts of hexadecimal digits that are so far from even (chi-square of 15 degrees of freedom: by chance 1 in 40,000)."""

SHORTEST_HASH = 32
"""Hexadecimal digits of the shortest hash, and of a UUID; the ids of links are shorter."""

Part = tuple[int, str]
"""A part of an identifier, after its place."""

Draw = Callable[[np.random.Generator, str], str]


@dataclass(frozen=True)
class Format:
    """A format of identifiers: `pattern` finds them (group `id`), `draw` makes a fresh one in place of one found."""

    name: str
    pattern: re.Pattern[str]
    draw: Draw


@dataclass(frozen=True)
class Identifier:
    """An identifier found in a document. `before`: up to `CONTEXT` characters of the document before it."""

    format: Format
    text: str
    before: str
    where: str


def _hex(rng: np.random.Generator, identifier: str) -> str:
    drawn = "".join(HEX[i] for i in rng.integers(16, size=len(identifier)))
    return drawn.upper() if identifier.upper() == identifier else drawn


def _uuid(rng: np.random.Generator, identifier: str) -> str:
    digits = [HEX[i] for i in rng.integers(16, size=32)]
    digits[12], digits[16] = "4", "89ab"[rng.integers(4)]
    text = "".join(digits)
    drawn = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return drawn.upper() if identifier.upper() == identifier else drawn


def _video(rng: np.random.Generator, identifier: str) -> str:
    # 64 bits in 11 characters of 6: the last one holds 4.
    return "".join(BASE64URL[i] for i in rng.integers(64, size=10)) + BASE64URL[4 * rng.integers(16)]


def _link(rng: np.random.Generator, identifier: str) -> str:
    # The first character may tell when a link was made: it stays.
    characters = string.ascii_letters + string.digits
    return identifier[0] + "".join(characters[i] for i in rng.integers(62, size=len(identifier) - 1))


_ALONE = r"(?<![0-9A-Za-z])(?P<id>{})(?![0-9A-Za-z])"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_VIDEO = r"(?:youtu\.be/|youtube\.com/watch\?v=)(?P<id>[\w-]{10}[AEIMQUYcgkosw048])(?![\w-])"
# Links of bit.ly can be words that somebody chose; those of t.co cannot.
_SHORT = r"\bt\.co/(?P<id>[A-Za-z0-9]{10})(?![A-Za-z0-9])"


def _either_case(lower: str) -> re.Pattern[str]:
    """Hexadecimal digits all in lower or all in upper case, and nothing alphanumeric beside them."""
    return re.compile(_ALONE.format(f"{lower}|{lower.replace('a-f', 'A-F').replace('ab]', 'AB]')}"))


FORMATS = (
    Format("UUID version 4", _either_case(_UUID), _uuid),
    *(
        Format(f"{name}, {n} hexadecimal digits", _either_case(f"[0-9a-f]{{{n}}}"), _hex)
        for name, n in (("MD5", 32), ("SHA-1", 40), ("SHA-256", 64), ("SHA-512", 128))
    ),
    Format("YouTube video", re.compile(_VIDEO, re.ASCII), _video),
    Format("link of t.co", re.compile(_SHORT), _link),
)


def find(items: Sequence[Item]) -> list[Identifier]:
    """Every identifier at its first occurrence, whatever its spelling.

    Left out: well-known ones, hand-made ones (see `_random`), those of which `TELLTALE` successive characters occur in their
    context, and those with a part that others have at the same place (`SHARED`).
    """
    identifiers, earlier = dict[str, Identifier](), Counter[Part]()
    for item in items:
        for form in FORMATS:
            for match in form.pattern.finditer(item.text):
                text, start = match["id"], match.start("id")
                before = item.text[max(0, start - CONTEXT) : start]
                if _bare(text) not in identifiers and _bare(text) not in KNOWN and _drawn(text, before, earlier):
                    identifiers[_bare(text)] = Identifier(form, text, before, item.name)
                    earlier.update(_parts(text))
    return list(identifiers.values())


def _drawn(text: str, before: str, earlier: Mapping[Part, int]) -> bool:
    """Whether nothing but chance seems to have chosen an identifier; fresh draws must pass as well.

    Args:
        text: the identifier.
        before: its context.
        earlier: how many of those before it have each part.
    """
    common = any(earlier.get(part, 0) >= SHARED[len(part[1])] for part in _parts(text))
    return _random(text) and not _foretold(text, before) and not common


def _parts(text: str) -> list[Part]:
    """The parts of an identifier of the lengths of `SHARED`, with their places."""
    bare = _bare(text)
    return [(at, bare[at : at + length]) for length in SHARED for at in range(len(bare) - length + 1)]


def _bare(text: str) -> str:
    """The normal form of a hash or UUID, equal for all its spellings; ids of links keep their case, which matters."""
    lower = text.lower().replace("-", "")
    return lower if set(lower) <= set(HEX) else text


def _foretold(text: str, before: str) -> bool:
    """Whether the context contains a part of an identifier, in whatever case, and however its characters are grouped."""
    text, before = ("".join(filter(str.isalnum, piece.lower())) for piece in (text, before))
    return any(text[i : i + TELLTALE] in before for i in range(len(text) - TELLTALE + 1))


def _random(text: str) -> bool:
    """Whether an identifier looks random, unlike "0000...", "12345678-...", a number, or readable text in hexadecimal."""
    bare = _bare(text)
    steps = [ord(after) - ord(character) for character, after in pairwise(bare)]
    runs = [set(steps[at : at + RUN - 1]) for at in range(len(steps) - RUN + 2)]
    parts = [bare[at : at + REPEATED] for at in range(len(bare) - REPEATED + 1)]
    counting = any(len(run) == 1 and run <= {-1, 0, 1} for run in runs)
    if len(set(bare)) < min(6, len(bare) - 1) or counting or len(set(parts)) < len(parts):
        return False
    return len(bare) < SHORTEST_HASH or _even(bare)


def _even(digits: str) -> bool:
    """Whether hexadecimal digits are about as frequent as each other, decimal ones and letters, and no readable text."""
    uneven = sum(count**2 for count in Counter(digits).values()) * len(HEX) / len(digits) - len(digits)
    readable = all(32 <= byte < 127 for byte in bytes.fromhex(digits))
    return uneven <= UNEVEN and not digits.isdecimal() and not digits.isalpha() and not readable


def check(identifiers: Sequence[Identifier], draws: int, alpha: float) -> None:
    """Refuse too few identifiers for p <= alpha. Raises AuditError with the number needed."""
    if not identifiers:
        names = ", ".join(form.name for form in FORMATS)
        raise InvalidInput(
            f"The documents hold no identifiers of a known format ({names}) that look drawn at random; this test needs them."
        )
    n = len(identifiers)
    if permutation.rank_sum([0] * n, [draws] * n).p_value > alpha:
        needed = permutation.pairs_needed(alpha, draws + 1)
        raise InvalidConfiguration(
            f"{n} identifiers with {draws} draws each give no p-value below {p_value((draws + 1) ** -n, alpha)}; alpha "
            f"{alpha:g} needs {needed} identifiers, or --draws {permutation.draws_needed(alpha)}."
        )


def measure(target: Target, identifiers: Sequence[Identifier], *, draws: int, seed: str) -> Measurement[RankSum]:
    """Measure the rank of each identifier among fresh ones of its format in the same context; the sum of ranks decides.

    Null hypothesis: to the model, an identifier is as random as fresh ones. Natural identifiers (2026, arXiv 2606.24408);
    the paper's statistic could not be read here: log-probability of the identifier given what precedes it in the document.
    """
    texts, earlier = [], Counter[Part]()
    for identifier in identifiers:
        # A generator of its own: more draws extend the same ones, and other identifiers refuse some of them, no more.
        rng = generator(seed, f"identifier {_bare(identifier.text)}")
        fresh: list[str] = []
        while len(fresh) < draws:
            drawn = identifier.format.draw(rng, identifier.text)
            if _drawn(drawn, identifier.before, earlier):
                fresh.append(drawn)
        earlier.update(_parts(identifier.text))
        texts += [(identifier.before, text) for text in (identifier.text, *fresh)]
    prompted: list[str | Prompted] = [before + text for before, text in texts]
    totals = np.array(
        [
            scores.logprob[scores.char_end > len(before)].sum(dtype=np.float64)
            for (before, _), scores in zip(texts, target.beginnings(prompted), strict=True)
        ]
    ).reshape(len(identifiers), draws + 1)
    evidence = RankSum(
        exceeding=tuple(permutation.monte_carlo(float(row[0]), row[1:]).exceeding for row in totals),
        draws=(draws,) * len(identifiers),
        gains=tuple((totals[:, 0] - totals[:, 1:].mean(axis=1)).tolist()),
    )
    return Measurement(evidence, draws=Draws(count=draws * len(identifiers), exceeding=0, seed=seed))


def derive(measured: Measurement[RankSum], terms: Terms) -> Result:
    """The result: the exact p-value of the sum of ranks."""
    requires(measured, RankSum)
    evidence, (_, seed) = measured.evidence, repeatable(measured.draws)
    (outcome, gains), n = rank_sum(evidence), len(evidence.draws)
    low, high = mean_interval(gains, generator(seed, "identifier interval"))
    first = sum(exceeding == 0 for exceeding in evidence.exceeding)
    draws = evidence.draws[0]
    fresh = f"all {draws} fresh ones" if draws > 1 else "the fresh one"
    return result(
        rule,
        measured,
        outcome,
        terms.alpha,
        statistic=("mean share of draws beaten", ""),
        effect=Effect(name="gain over fresh identifiers", value=float(gains.mean()), unit="nats each", lower=low, upper=high),
        n=n,
        statement=(
            f"{first:,} of {n:,} identifiers are likelier than {fresh} (by chance about {n / (draws + 1):.2g}); "
            f"{p_statement(outcome.p_value, alpha=terms.alpha)}"
        ),
    )


def _units(result: Result, conditions: Conditions) -> tuple[str, int, int]:
    """Units of a result: the identifiers in words, their number, and the number of fresh ones."""
    evidence = result.evidence
    assert isinstance(evidence, RankSum)
    n, kinds = len(evidence.draws), ", ".join(f"{count:,} of {name}" for name, count in conditions.formats)
    if n != sum(count for _, count in conditions.formats):
        raise NotDerivable("the identifiers of each format are not as many as those that were tested")
    return f"{n:,} different identifiers: {kinds}", n, sum(evidence.draws)


rule = MembershipTest[Sequence[Identifier], RankSum](
    code="AUD313",
    name="identifier",
    title="Natural identifiers",
    question="Are hashes and ids inside the documents more likely than fresh ones?",
    null="The model was not trained on these documents: their identifiers are as likely as fresh ones of the same format.",
    assumptions=(
        "Each identifier was drawn uniformly from its format, independently of the others and of the text before it. Hashes of "
        "unknown content and version-4 UUIDs are, ids of videos are taken to be.",
        "The identifier occurs in these documents alone. One that is quoted elsewhere shows that some copy was seen, not "
        "which.",
    ),
    listed=("MembershipIdentifier", "Published identifiers are preferred", MEANING),
    method="Natural identifiers (2026, arXiv 2606.24408), by exact sum of ranks",
    claim="Were these {documents} documents in the training data of {model}?",
    units=_units,
    condition="the identifiers were drawn at random and stand nowhere else",
    conditions=frozenset({"documents", "formats"}),
    measure=measure,
    derive=derive,
)
