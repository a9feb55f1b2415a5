"""Subject of a report: one collection of texts."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from llm_audit.results.base import Model, Probability, empty, unset
from llm_audit.results.core import Fact, Interval, Result, Verdict


class Feature(Model):
    """A feature of the texts by which two collections can be told apart without a model."""

    name: str
    side: Literal["suspect", "held_out"] = Field(description="where there is more of it")
    suspect: float = Field(description="mean over the suspect documents")
    held_out: float = Field(description="mean over the held-out documents")


class Gate(Model):
    """The blind baseline of two collections: whether the texts alone, without the model, tell them apart.

    It is the one outcome of a rule that is no `Result`, so its code stands here, for the rule and for the reports.
    """

    code: ClassVar[str] = "AUD300"

    outcome: Literal["no_difference_found", "shifted", "too_few"]
    rule: str = Field(description="when texts count as shifted, as a sentence")
    reason: str
    auc: Interval | None = Field(description="of the blind classifier, cross-validated by document; None: too few")
    n_suspect: int = Field(ge=0, description="documents")
    n_held_out: int = Field(ge=0)
    chance: tuple[float, float] | None = Field(
        default=None, description="between which the central 95 % of the AUC lie when labels are dealt out anew"
    )
    features: tuple[Feature, ...] = Field(default=(), description="what gave it away, strongest first")


class Rate(Model):
    """A true-positive rate at a false-positive rate, with the exact interval of the former given the threshold."""

    fpr: Probability = Field(description="asked for")
    found: int = Field(ge=0)
    n: int = Field(ge=0)
    lower: Probability
    upper: Probability


class Separation(Model):
    """Separation of suspect from held-out texts by one score. An AUC of 0.5 is chance; it shows nothing about a single text."""

    rule: str = Field(pattern=r"^AUD\d{3}$")
    score: str
    title: str
    auc: Interval | None = Field(description="bootstrap over documents")
    rates: tuple[Rate, ...] = Field(
        default=(), description="at 1 % and 0.1 % FPR; none where held-out texts are too few for it"
    )
    p_value: Probability | None = Field(default=None, description="permutation of documents, this score alone")
    p_adjusted: Probability | None = Field(default=None, description="Holm over the scores of this run")
    control: Interval | None = Field(default=None, description="AUC of one random half of the held-out texts against the other")
    other_model: Interval | None = Field(
        default=None, description="AUC under the control model, which cannot have seen the texts"
    )
    gain: Interval | None = Field(default=None, description="AUC minus the one under the control model, same documents")
    groups: tuple[tuple[str, Interval], ...] = Field(default=(), description="AUC by known group, as repetitions in training")


class Screened(Model):
    """The scores of one text, for ranking. Higher is more member-like; no single one says that the text was seen."""

    name: str
    side: Literal["suspect", "held_out"]
    tokens: int = Field(ge=0, description="scored; the rest of a longer text was cut off")
    truncated: bool
    scores: dict[str, float]
    saturation: float | None = Field(default=None, description="share of DC-PDD's first occurrences at its cap")
    variants: dict[str, float] = Field(default={}, description="other settings of a score, printed and never decided on")
    place: int | None = Field(default=None, description="among all texts, suspects first, as they were given")
    unit: int | None = Field(default=None, description="number of the independent unit, a document, that the text is of")
    group: str = Field(default="", description="known group, as repetitions in training")
    control: dict[str, float] = Field(default={}, description="the scores under the control model")


class Table(Model):
    """Token counts that a score compares with."""

    name: str
    description: str
    documents: int = Field(ge=0)
    total: int = Field(ge=0, description="tokens")
    tokenizer: str = Field(description="digest of the tokenizer that they were counted with")


class StartToken(Model):
    """The token that is put before every text."""

    id: str = Field(description="in the vocabulary of the model")
    kind: Literal["bos", "eos"]


class Copies(Model):
    """Counts of near-copies within and between two sides, and of texts removed for it. Pairs are (suspect, held-out)."""

    left_out: tuple[int, int] = Field(description="texts that have a copy on the other side, or share a document with one")
    equal: int = Field(ge=0, description="held-out texts with exactly the words of a suspect one")
    first: str = Field(description="name of the first held-out text that was left out, or nothing")
    repeated: tuple[int, int] = Field(description="texts that nearly equal another of their side")
    documents: int = Field(ge=0, description="names of documents that both sides have")
    shared: tuple[Probability, Probability] = Field(
        description="share of the distinct runs of 13 words that the other side has as well"
    )


class Conditions(Model):
    """Conditions under which a collection was measured. Together with the results they determine its claim and facts."""

    model: str | None = Field(default=None, exclude_if=unset, description="under audit, by name; None: none was asked")
    precision: str | None = Field(default=None, exclude_if=unset, description="that it computes in")
    start: StartToken | None = Field(default=None, exclude_if=unset, description="None: there is none")
    seed: str | None = Field(default=None, exclude_if=unset, description="None: nothing was drawn")
    seed_file: str | None = Field(default=None, exclude_if=unset, description="that registered the seed; None: it was derived")
    control: tuple[str, str] | None = Field(
        default=None, exclude_if=unset, description="name and digest of a model that cannot have seen the data"
    )
    documents: int | None = Field(default=None, ge=0, exclude_if=unset, description="in which identifiers were looked for")
    formats: tuple[tuple[str, int], ...] = Field(
        default=(), exclude_if=empty, description="of identifiers, and how many of each"
    )
    commitments: tuple[str, ...] = Field(default=(), exclude_if=empty, description="of canaries")
    endpoint: tuple[str, str] | None = Field(
        default=None, exclude_if=unset, description="address of the endpoint under audit, and its model's name there"
    )
    unanswered: int | None = Field(default=None, ge=0, exclude_if=unset, description="requests that got no answer")
    room: int | None = Field(default=None, ge=1, exclude_if=unset, description="tokens of a text that are scored, at most")
    vocabulary: int | None = Field(default=None, ge=1, exclude_if=unset, description="tokens of the model")
    table: Table | None = Field(default=None, exclude_if=unset)
    tokenizer: tuple[str, str] | None = Field(
        default=None, exclude_if=unset, description="name and digest of the one that reads texts as the key sees them"
    )
    marked_contexts: Literal[True] | None = Field(
        default=None, exclude_if=unset, description="only contexts count that stand in the marked texts"
    )
    copies: Copies | None = Field(default=None, exclude_if=unset, description="None: there are not two sides, or not known")
    groups: tuple[tuple[int, int], ...] = Field(
        default=(), exclude_if=empty, description="suspect, then held-out documents, and groups of alike ones"
    )
    repeated: int | None = Field(default=None, ge=0, exclude_if=unset, description="rows that occur earlier already")
    unprompted: tuple[int, int] | None = Field(
        default=None, exclude_if=unset, description="answers that name no prompt, and all answers"
    )


class Membership(Model):
    """One collection of texts and the tests of whether a model was trained on it."""

    in_a_line = ("claim", "verdict", "tests")

    kind: Literal["collection"] = "collection"
    verdict: Verdict
    summary: str
    claim: str = Field(description="the question as a sentence, with its unit")
    unit: Literal["text", "document", "collection"]
    n_suspect: int = Field(ge=0, description="independent units: documents, pairs, rows, strings")
    n_held_out: int = Field(ge=0)
    provenance: str = Field(description="how the non-members were obtained, and their dates; as the user states it")
    gate: Gate | None = None
    tests: tuple[Result, ...] = ()
    separations: tuple[Separation, ...] = ()
    texts: tuple[Screened, ...] = Field(default=(), description="screening, most member-like first")
    facts: tuple[Fact, ...] = Field(default=(), description="settings fixed before scoring, tokenizer, multiplicity")
    seed: str | None = Field(default=None, description="of the intervals and permutations of `separations`")
    notes: tuple[str, ...] = Field(default=(), description="overlaps, lines that were left out, what looks wrong")
    conditions: Conditions | None = Field(
        default=None,
        exclude_if=unset,
        description="what `claim` and `facts` are made from; None: it is `early`",
    )
    early: Literal[True] | None = Field(
        default=None, exclude_if=unset, description="llm-audit 0.1 wrote it, in schema version 1, without `conditions`"
    )
    unstated: Literal[True] | None = Field(
        default=None, exclude_if=unset, description="nobody says how the held-out texts were obtained, and the verdict needs it"
    )
    undecided: Literal[True] | None = Field(
        default=None,
        exclude_if=unset,
        description="`unstated`, so that no p-value of a test decides; early reports called a large one a pass",
    )

    @property
    def deciding(self) -> tuple[Result, ...]:
        """The tests of the model, without those of the texts alone, which guard them at a level of their own."""
        return tuple(test for test in self.tests if not is_blind(test))


def is_blind(test: Result) -> bool:
    """Whether a test looks at the texts alone, without the model."""
    return test.rule == Gate.code
