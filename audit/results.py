"""The one vocabulary between detectors and reports: Result, Document, Report.

Detectors fill these models, reports render them, `llm-audit schema` publishes them as JSON Schema. Nothing here computes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = "1"

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Verdict(StrEnum):
    """What a test of one subject came to. A closed set: an unreadable input is an `error`, never a `pass`."""

    FINDING = "finding"
    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    NOT_ASSESSABLE = "not_assessable"
    ERROR = "error"


class Model(BaseModel):
    """Base of all report models: immutable, and a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Statistic(Model):
    """A test statistic, oriented so that higher is stronger evidence against the null."""

    name: str
    value: float
    unit: str


class Population(Model):
    """The reference population of a conformal null, as the reader must see it next to every p-value."""

    name: str
    description: str
    n: int = Field(ge=1, description="documents of the length bin that the subject was compared with")
    length_bin: str = Field(description="tokens of the subject and of every reference document, e.g. '192 tokens'")
    digest: str = Field(description="SHA-256 of the population file")


class FalsePositiveRate(Model):
    """How often the rule "p <= alpha" really flags texts of the population: calibration sets of its size differ."""

    alpha: Probability
    lower: Probability
    upper: Probability
    confidence: Probability = 0.95


class Span(Model):
    """A stretch of the source text, in characters of the text as read, with the evidence it contributes."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)
    p_value: Probability | None = Field(description="of this passage alone, before multiplicity; None: too short to judge")
    p_floor: Probability | None = Field(description="the smallest p-value that could have come out for this passage")
    q_value: Probability | None = Field(description="Benjamini-Hochberg adjusted over the passages of the document")
    n: int = Field(ge=0, description="reference documents that this passage was compared with")


class Interval(Model):
    """A value and its 95 % interval: bootstrap over independent units for areas and effects, Clopper-Pearson for rates."""

    value: float
    lower: float
    upper: float


class Effect(Model):
    """How large the departure from the null is, on a scale that does not grow with the number of texts."""

    name: str
    value: float
    unit: str
    lower: float | None = Field(default=None, description="of the 95 % interval; None: no interval is known")
    upper: float | None = None


class Draws(Model):
    """The reference distribution of a permutation or rank test: what the statistic was under the null."""

    count: int = Field(ge=0, description="draws, or all rearrangements if they were enumerated")
    exceeding: int = Field(ge=0, description="draws at least as extreme as what was observed")
    seed: str | None = Field(description="of the generator, so that the draws can be repeated; None: enumerated")
    values: tuple[float, ...] = Field(
        default=(), description="the statistic of each draw, or of the first 999, for the picture"
    )


class Share(Model):
    """How much one part of the evidence moved a statistic, in the statistic's unit; positive is machine-like."""

    name: str
    value: float


class Result(Model):
    """What one detector, or the combination of all, says about one subject."""

    rule: str = Field(pattern=r"^AUD\d{3}$")
    name: str
    subject: Literal["document", "passage", "collection", "endpoint"]
    null: str = Field(description="the null hypothesis, as a sentence")
    verdict: Verdict
    reason: str = Field(description="one sentence: why this verdict")
    statistic: Statistic | None = None
    p_value: Probability | None = None
    e_value: float | None = None
    p_floor: Probability | None = Field(default=None, description="the smallest p-value that could have come out")
    p_upper: Probability | None = Field(
        default=None,
        description="95 % upper confidence bound on the chance that a text of the population scores at least as high",
    )
    population: Population | None = None
    false_positive_rate: FalsePositiveRate | None = None
    n: int | None = Field(default=None, description="tokens judged; of a collection: independent units")
    effect: Effect | None = None
    draws: Draws | None = Field(default=None, description="of permutation and rank tests")
    spans: tuple[Span, ...] = ()
    shares: tuple[Share, ...] = Field(default=(), description="what moved a trained statistic, largest first")
    assumptions: tuple[str, ...] = ()
    method: str = Field(default="", description="reference, and where we differ from it")


class Authorship(StrEnum):
    """What the tests of one candidate, or of one set of candidates, came to."""

    WRITTEN_BY = "written_by"
    NOT_WRITTEN_BY = "not_written_by"
    UNDECIDED = "undecided"
    NOT_ASSESSABLE = "not_assessable"


class ModelIdentity(Model):
    """Which model scored the text, by content rather than by name."""

    name: str
    digest: str = Field(description="SHA-256 over the weight, configuration and tokenizer files")
    dtype: str


class Trace(Model):
    """A text token by token under one candidate, for the pictures. All of one length; natural logarithms."""

    start: tuple[int, ...] = Field(description="first character of each token in the text as read")
    end: tuple[int, ...]
    surprisal: tuple[float | None, ...] = Field(description="-log p of the token; None: impossible under these settings")
    entropy: tuple[float, ...] = Field(description="what the surprisal would average to, had the candidate written the text")
    log_e: tuple[float, ...] = Field(description="logarithm of the e-process after each token")
    pit: tuple[float | None, ...] = Field(
        description="randomised probability integral transform: uniform under the null, near 1 if surprising"
    )


class Attribution(Model):
    """One candidate against one text: model, settings and assumptions beside the numbers that rest on them."""

    candidate: str = Field(description="as the user wrote it")
    role: Literal["candidate", "sanctioned", "other"]
    model: ModelIdentity | None = Field(description="None if it could not be used")
    settings: tuple[str, ...] = Field(description="the decoding settings of the null; several: one of them, unknown which")
    context: str = Field(description="what the candidate is taken to have read before the text, as a sentence")
    exact: bool = Field(description="whether the error guarantee is exact: prompt and settings are taken as known")
    verdict: Authorship
    reason: str = Field(description="one sentence: why this verdict")
    p_value: Probability | None = Field(
        default=None, description="against 'this candidate wrote it', all deciding tests together"
    )
    tests: tuple[Result, ...] = ()
    trace: Trace | None = None


class SetAttribution(Model):
    """A set of candidates against one text. Null: one of the members wrote it."""

    role: Literal["sanctioned", "other"]
    members: tuple[str, ...]
    null: str
    verdict: Authorship
    reason: str
    p_value: Probability | None = None
    e_value: float | None = None


class Document(Model):
    """One input and all that was found about it."""

    name: str = Field(description="path as given, or '-' for standard input")
    sha256: str | None = Field(description="of the raw bytes; None if they could not be read")
    encoding: str | None
    language: str | None = Field(description="ISO 639-1 code, with the identifier's own confidence in `notes`")
    characters: int = Field(ge=0)
    tokens: int | None
    verdict: Verdict
    summary: str = Field(description="the verdict as one sentence that a teacher understands")
    combined: Result | None = Field(description="all detectors in one p-value")
    results: tuple[Result, ...] = ()
    attributions: tuple[Attribution, ...] = Field(default=(), description="of `attribute`: one per candidate, as given")
    sets: tuple[SetAttribution, ...] = Field(default=(), description="of `attribute`: the sanctioned and the other models")
    notes: tuple[str, ...] = Field(default=(), description="what was normalised away, truncated, or looks tampered with")
    text: str | None = Field(default=None, description="the text as read, for the heat strip; left out with --no-text")


class Feature(Model):
    """Something in the texts themselves by which two collections can be told apart without any model."""

    name: str
    side: Literal["suspect", "held_out"] = Field(description="where there is more of it")
    suspect: float = Field(description="mean over the suspect documents")
    held_out: float = Field(description="mean over the held-out documents")


class Gate(Model):
    """AUD300: whether the texts alone, without the model, tell suspect and held-out documents apart."""

    outcome: Literal["no_difference_found", "shifted", "too_few"]
    rule: str = Field(description="when texts count as shifted, as a sentence")
    reason: str
    auc: Interval | None = Field(description="of the blind classifier, cross-validated by document; None: too few")
    n_suspect: int = Field(ge=0, description="documents")
    n_held_out: int = Field(ge=0)
    features: tuple[Feature, ...] = Field(default=(), description="what gave it away, strongest first")


class Rate(Model):
    """A true-positive rate at a false-positive rate, with the exact interval of the former given the threshold."""

    fpr: Probability = Field(description="asked for")
    found: int = Field(ge=0)
    n: int = Field(ge=0)
    lower: Probability
    upper: Probability


class Separation(Model):
    """How well one score tells suspect from held-out texts. 0.5 is chance; it says nothing about a single text."""

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


class Fact(Model):
    """One line of the conditions under which everything was measured."""

    name: str
    value: str


class Membership(Model):
    """What `llm-audit membership` says of one collection."""

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
    notes: tuple[str, ...] = Field(default=(), description="overlaps, lines that were left out, what looks wrong")


class Served(StrEnum):
    """What the tests of an endpoint came to. What could not be measured is never called consistent."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    NOT_MEASURED = "not_measured"


class Cost(Model):
    """What the questions to an endpoint cost: requests, attempts (repeats included), and tokens as the endpoint counts them."""

    requests: int = Field(ge=0)
    attempts: int = Field(ge=0)
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class FailedRequest(Model):
    """A request that got no usable answer."""

    request: str
    kind: str
    reason: str
    attempts: int


class Point(Model):
    """One request of an audit, as the per-request tests saw it."""

    request: str
    value: float = Field(description="distance from the nearest allowed variant")
    limit: float = Field(description="the largest honest distance")


class Substitution(Model):
    """What `llm-audit substitution` says of one endpoint."""

    verdict: Verdict
    served: Served
    summary: str
    claim: str = Field(description="the question as a sentence")
    endpoint: str = Field(description="address, without credentials")
    model: str = Field(description="that the endpoint is said to serve")
    allowed: tuple[str, ...] = Field(description="variants of the reference that would all be as promised")
    tests: tuple[Result, ...] = ()
    mixture: Interval | None = Field(default=None, description="share of requests moved out of the honest range")
    points: tuple[Point, ...] = ()
    capabilities: tuple[Fact, ...] = Field(default=(), description="what the endpoint really returned")
    facts: tuple[Fact, ...] = Field(default=(), description="settings fixed before the first request")
    cost: Cost
    failures: tuple[FailedRequest, ...] = ()
    notes: tuple[str, ...] = Field(default=(), description="defective evidence, changed names, what looks wrong")


class Coverage(Model):
    """How many inputs ended where. `found` is the sum of the others."""

    found: int
    scored: int
    not_assessable: int
    unreadable: int


class Manifest(Model):
    """What was run: enough to repeat it."""

    tool: str = "llm-audit"
    version: str
    command: tuple[str, ...]
    started: str = Field(description="ISO 8601, UTC")
    alpha: Probability
    model: ModelIdentity | None
    reference_model: ModelIdentity | None = None
    population: str | None
    population_digest: str | None
    detectors: tuple[str, ...]
    packages: dict[str, str]
    threads: int | None


class Report(Model):
    """Everything one run found: what every report format is rendered from."""

    schema_version: Literal["1"] = "1"
    question: str
    manifest: Manifest
    coverage: Coverage
    documents: tuple[Document, ...]
    membership: Membership | None = None
    substitution: Substitution | None = None
    limits: tuple[str, ...] = Field(description="what the numbers do not prove, as sentences")

    @property
    def verdicts(self) -> frozenset[Verdict]:
        """Every verdict in it: what the exit code is made from."""
        told = {document.verdict for document in self.documents}
        return frozenset(told | {one.verdict for one in (self.membership, self.substitution) if one})
