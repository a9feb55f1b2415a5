"""Was this data in a model's training set? `llm_audit.membership`: one function a test, each with its null hypothesis.

The model under audit is `setup.model`; for `canary`, `order` and `paired` it may stand behind an endpoint, an
`EndpointSetup`. A seed file registers the random numbers before the test; without one they follow from the data, the model
and the settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from llm_audit.api.arguments import Count, checked
from llm_audit.api.asking import Audit, Paths, counts
from llm_audit.api.continuing import continuation, drawn_alike
from llm_audit.api.endpoint_setup import EndpointSetup
from llm_audit.api.radioactivity import watermark
from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, finished, listed
from llm_audit.api.screening import score
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.membership import blind_baseline, clusters, run
from llm_audit.detectors.membership import canary as canaries
from llm_audit.detectors.membership import dataset as datasets
from llm_audit.detectors.membership import identifier as identifiers
from llm_audit.detectors.membership import order as orders
from llm_audit.detectors.membership import paired as pairs_of
from llm_audit.detectors.membership.collection import naming_left_out, read_collection
from llm_audit.detectors.membership.seed import Question
from llm_audit.detectors.rule import Terms
from llm_audit.setup.manifest import collect, now

__all__ = ["blind", "canary", "continuation", "dataset", "identifier", "order", "paired", "score", "watermark"]

DRAWS = 9999
"""Number of permutations, in the tests whose permutations need no further pass of the model."""


@checked
def order(
    paths: Paths,
    *,
    draws: Count = 99,
    shards: Count = 1,
    provenance: str = "",
    control: str | None = None,
    text_field: str = "text",
    alpha: float = 0.01,
    setup: AnySetup | EndpointSetup = None,
    seed_file: StrPath | None = None,
    progress: Progress = silent,
) -> Report:
    """Whether a data set's canonical order is more likely than shuffled ones.

    Args:
        paths: JSON lines with a text, or a folder of texts, in the order in which it was published.
        draws: shuffles, per shard.
        shards: parts, each shuffled within itself.
        provenance: how chance decided the order that was published; without it, and without `control`, nothing is a finding.
        control: a model that cannot have seen the rows: what it prefers, too, is no trace of training.
        text_field: field of JSON lines that holds the text.
        alpha: report a finding when the p-value is at most this.
        setup: whose model is audited; an endpoint must return the log-probabilities of prompts (echo), and gets one request for
            each of the (1 + draws) x shards texts, and ten more.
        seed_file: seed registered before the test; written if it is not there.
        progress: called with the share of the work that is done, from 0 to 1 or None, and with the name of the stage.

    Raises:
        InvalidInput: there is no text, or too few to come to a decision.
        NotAvailable: the endpoint did not answer for a text, or gives no sound log-probabilities of prompts.

    >>> report = llm_audit.membership.order(
    ...     "rows.jsonl", draws=19, alpha=0.05, provenance="We shuffled the rows.", setup=llm_audit.Setup(model="./my-model")
    ... )
    >>> report.membership.verdict.value, report.membership.tests[-1].p_value
    ('finding', 0.05)
    """
    audit, provenance = Audit(alpha, setup, seed_file, progress), run.statement(provenance)
    paths = listed(paths)
    data = read_collection(paths, text_field=text_field)
    rows = [item.text for item in data.items]
    with naming_left_out(data.malformed):
        orders.check(len(rows), draws, shards, alpha)
    with (
        audit.language_model((1 + draws) * shards, "ask for fewer draws or shards") as target,
        audit.further(control) as other,
    ):
        seed = audit.seed(target, "order", data.digest, draws, f"{shards} shards{audit.beyond(other)}")
        blinds, beyond = [blind_baseline.of_order(rows, seed)], None
        if other is not None:
            beyond = orders.totals_of(other, rows, draws=draws, shards=shards, seed=seed)
            blinds.append(blind_baseline.of_control(orders.preference(beyond), len(rows), seed))
            other.session.release()
        measured = orders.measure(target, rows, draws=draws, shards=shards, seed=seed, control=beyond)
    terms, repeated = Terms(alpha), orders.repeated(rows)
    membership = run.concluded(
        alpha,
        tests=(*(blind_baseline.derive(signs, terms) for signs in blinds), orders.derive(measured, terms)),
        **run.unstated(bool(provenance or other)),
        provenance=f"{provenance or 'Nobody says how the order came about'}. The same rows in other orders take "
        "the place of held-out texts.",
        conditions=audit.conditions(target, seed, other, repeated=repeated),
        malformed=data.malformed,
    )
    return audit.finished(
        membership, target, (blind_baseline.rule.code, orders.rule.code), [data],
        further=[other.session] if other else (), named=paths,
    )  # fmt: skip


@checked
def canary(
    names: StrPath | Iterable[StrPath],
    *,
    alpha: float = 0.01,
    setup: AnySetup | EndpointSetup = None,
    progress: Progress = silent,
) -> Report:
    """Whether a published random string is more likely than its unpublished siblings.

    Args:
        names: of canaries that `new_canary` has drawn; the commitment is checked first. Several are one test together.
        alpha: as for `order`.
        setup: as for `order`; an endpoint gets a request for each string and ten more: whoever runs it then knows the secret
            ones.
        progress: as for `order`.

    Raises:
        InvalidInput: a file of a canary is missing, or the secret does not match the commitment.
        NotAvailable: as for `order`.

    >>> secret, kept, published = llm_audit.new_canary("ours", count=199)
    >>> report = llm_audit.membership.canary("ours", setup=llm_audit.Setup(model="./my-model"))
    >>> report.membership.tests[0].p_floor
    0.005
    """
    audit, names = Audit(alpha, setup, None, progress), listed(names)
    secrets = canaries.check_all(names)
    canaries.check_decidable(secrets, alpha)
    strings = sum(secret.count + 1 for secret in secrets)
    with audit.language_model(strings, "use fewer canaries") as target:
        result = canaries.derive(canaries.measure(target, secrets), Terms(alpha))
    membership = run.concluded(
        alpha,
        tests=(result,),
        provenance=drawn_alike(secrets),
        conditions=audit.conditions(target, commitments=tuple(secret.commitment for secret in secrets)),
    )
    return audit.finished(membership, target, (canaries.rule.code,), total=len(secrets), named=names)


@checked
def paired(
    path: StrPath,
    *,
    provenance: str = "",
    control: str | None = None,
    alpha: float = 0.01,
    setup: AnySetup | EndpointSetup = None,
    seed_file: StrPath | None = None,
    progress: Progress = silent,
) -> Report:
    """Whether published versions are more likely than private rephrasings.

    Args:
        path: JSON lines with the fields `public` (the version that was published) and `private` (a rephrasing, or a list of
            them). A coin must have decided which version was published; `document` names items that one coin decided.
        provenance: that a coin decided which version was published, and how; without it, and without `control`, nothing is a
            finding.
        control: as for `order`.
        alpha: as for `order`.
        setup: as for `order`; an endpoint gets a request for each version and ten more.
        seed_file: as for `order`.
        progress: as for `order`.

    Raises:
        InvalidInput: there are too few pairs to come to a decision, or versions that do not go together.
        NotAvailable: as for `order`.

    >>> report = llm_audit.membership.paired(
    ...     "pairs.jsonl", provenance="A coin chose the published version.", setup=llm_audit.Setup(model="./my-model")
    ... )
    >>> report.membership.verdict.value
    'finding'
    """
    audit, provenance = Audit(alpha, setup, seed_file, progress), run.statement(provenance)
    pairs = pairs_of.read_pairs(Path(path))
    with naming_left_out(pairs.malformed):
        pairs_of.check(pairs.items, alpha)
    choices = len({pair.document for pair in pairs.items})
    versions = sum(1 + len(pair.private) for pair in pairs.items)
    with audit.language_model(versions, "test fewer pairs") as target, audit.further(control) as other:
        seed = audit.seed(target, "paired", pairs.digest, DRAWS, audit.beyond(other))
        blinds, beyond = [blind_baseline.of_versions(pairs.items, seed)], None
        if other is not None:
            beyond = pairs_of.table_of(other, pairs.items)
            preference = pairs_of.preference(beyond, pairs.items, draws=DRAWS, seed=seed)
            blinds.append(blind_baseline.of_control(preference, choices, seed))
            other.session.release()
        measured = pairs_of.measure(target, pairs.items, draws=DRAWS, seed=seed, control=beyond)
    terms = Terms(alpha)
    membership = run.concluded(
        alpha,
        tests=(*(blind_baseline.derive(signs, terms) for signs in blinds), pairs_of.derive(measured, terms)),
        **run.unstated(bool(provenance or other)),
        provenance=f"{provenance or 'Nobody says how the published versions were chosen'}. Private versions of the "
        "same items, never published, as the owner states.",
        conditions=audit.conditions(target, seed, other),
        malformed=pairs.malformed,
    )
    return audit.finished(
        membership, target, (blind_baseline.rule.code, pairs_of.rule.code),
        total=pairs.total, malformed=len(pairs.malformed), further=[other.session] if other else (), named=[path],
    )  # fmt: skip


@checked
def identifier(
    paths: Paths,
    *,
    draws: Count = 19,
    text_field: str = "text",
    alpha: float = 0.01,
    setup: AnySetup = None,
    seed_file: StrPath | None = None,
    progress: Progress = silent,
) -> Report:
    """Whether hashes and ids inside the documents are more likely than fresh ones.

    Args:
        paths: JSON lines with a text, text files or folders.
        draws: fresh identifiers for each that is found.
        text_field: as for `order`.
        alpha: as for `order`.
        setup: as for `order`.
        seed_file: as for `order`.
        progress: as for `order`.

    Raises:
        InvalidInput: there are too few identifiers to come to a decision.

    >>> report = llm_audit.membership.identifier("with-ids.jsonl", setup=llm_audit.Setup(model="./my-model"))
    >>> report.membership.verdict.value
    'finding'
    """
    audit, paths = Audit(alpha, setup, seed_file, progress), listed(paths)
    data = read_collection(paths, text_field=text_field)
    occurrences = identifiers.find(data.items)
    with naming_left_out(data.malformed):
        identifiers.check(occurrences, draws, alpha)
    with audit.target() as target:
        seed = audit.seed(target, "identifier", data.digest, draws)
        measured = identifiers.measure(target, occurrences, draws=draws, seed=seed)
    formats = tuple(Counter(occurrence.format.name for occurrence in occurrences).items())
    membership = run.concluded(
        alpha,
        tests=(identifiers.derive(measured, Terms(alpha)),),
        provenance="Fresh identifiers of the same formats, drawn for this test after the model was made.",
        conditions=audit.conditions(target, seed, documents=len(data.items), formats=formats),
        malformed=data.malformed,
    )
    return audit.finished(membership, target, (identifiers.rule.code,), [data], named=paths)


@checked
def dataset(
    paths: Paths,
    held_out: Paths,
    *,
    provenance: str = "",
    control: str | None = None,
    text_field: str = "text",
    alpha: float = 0.01,
    setup: AnySetup = None,
    seed_file: StrPath | None = None,
    progress: Progress = silent,
) -> Report:
    """Whether suspect documents score above held-out ones, on a half kept for the test.

    Args:
        paths: suspect documents.
        held_out: texts of the same kind that the model cannot have seen.
        provenance: how the held-out texts were obtained, and when; without it nothing is a finding.
        control: as for `order`.
        text_field: as for `order`.
        alpha: as for `order`.
        setup: as for `order`.
        seed_file: as for `order`.
        progress: as for `order`.

    >>> mine = llm_audit.Setup(model="./my-model")
    >>> chance = "Drawn at random from the same texts, and never published."
    >>> report = llm_audit.membership.dataset("suspects.jsonl", "held-out.jsonl", provenance=chance, setup=mine)
    >>> report.membership.verdict.value
    'finding'
    """
    audit, provenance = Audit(alpha, setup, seed_file, progress), run.statement(provenance)
    paths, held_out = listed(paths), listed(held_out)
    suspects, others = (read_collection(files, text_field=text_field) for files in (paths, held_out))
    with naming_left_out((*suspects.malformed, *others.malformed)):
        datasets.check(suspects, others)
    with audit.target() as target, audit.further(control) as other:
        seed = audit.seed(target, "dataset", f"{suspects.digest} {others.digest}", DRAWS, audit.beyond(other))
        compared = run.compare(suspects, others, seed)
        before = (compared.sides.suspects, compared.sides.held_out)
        sides = clusters.joined(*before)
        datasets.check(*sides)
        blinds, beyond = [], None
        if other is not None:
            beyond = datasets.values_of(other, *sides)
            preference = datasets.preference(beyond, len(sides[0].documents), draws=DRAWS, seed=seed)
            blinds.append(blind_baseline.of_control(preference, len(beyond), seed))
            other.session.release()
        measured = datasets.measure(target, *sides, draws=DRAWS, seed=seed, control=beyond)
    terms = Terms(alpha)
    sizes = tuple((len(side.documents), len(grouped.documents)) for side, grouped in zip(before, sides, strict=True))
    membership = run.concluded(
        alpha,
        tests=(*(blind_baseline.derive(signs, terms) for signs in blinds), datasets.derive(measured, terms)),
        **run.unstated(bool(provenance)),
        gate=compared.gate,
        provenance=run.provenance_of(provenance, sides[1]),
        conditions=audit.conditions(target, seed, other, copies=compared.copies, groups=sizes),
        malformed=compared.malformed,
    )
    named = (*paths, *held_out)
    return audit.finished(
        membership, target, (blind_baseline.rule.code, datasets.rule.code), [suspects, others],
        further=[other.session] if other else (), named=named,
    )  # fmt: skip


@checked
def blind(paths: Paths, held_out: Paths, *, provenance: str = "", text_field: str = "text") -> Report:
    """Can suspect and held-out texts be told apart without any model? Then no score of them means anything.

    Args:
        paths: suspect documents.
        held_out: texts that the model cannot have seen.
        provenance: as for `dataset`.
        text_field: as for `dataset`.

    >>> report = llm_audit.membership.blind("suspects.jsonl", "held-out.jsonl")
    >>> report.membership.gate.outcome
    'no_difference_found'
    """
    started, paths, held_out = now(), listed(paths), listed(held_out)
    suspects, others = (read_collection(files, text_field=text_field) for files in (paths, held_out))
    seed = Question("blind", f"{suspects.digest} {others.digest}", "", 0, blind_baseline.LEVEL).own_seed
    compared = run.compare(suspects, others, seed)
    total, malformed = counts([suspects, others])
    manifest = collect(None, alpha=blind_baseline.LEVEL, rules=(blind_baseline.rule.code,))
    membership = run.baseline_alone(compared, run.statement(provenance), seed, blind_baseline.LEVEL)
    report = run.report(membership, manifest, total=total, malformed=malformed)
    return finished(report, started, (*paths, *held_out))
