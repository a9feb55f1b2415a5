"""What membership scores and tests find on the fixture model, whose training data is known, and their size on the unseen.

`python -m benchmarks.membership_ground_truth` prints the tables of README.md, in about a quarter of an hour on two cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fixtures.membership import grammar
from fixtures.membership.world import REPETITIONS, WITH_NONE, World, world
from llm_audit.common.progress import silent
from llm_audit.detectors.membership import canary, dataset, identifier, order, paired, screen
from llm_audit.detectors.membership.base import Passes, find_scores
from llm_audit.detectors.membership.collection import Item, collect
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.detectors.membership.paired import Pair
from llm_audit.detectors.membership.screen import Material
from llm_audit.detectors.membership.target import Target
from llm_audit.results import Result
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokenizer import load_tokenizer
from llm_audit.scoring.vocabulary import tokenizer_digest
from llm_audit.stats import permutation
from llm_audit.stats.classification import auroc, tpr_at_fpr
from tests.detectors.laws import judge
from tests.detectors.membership.readers import infer

MODEL = Path(__file__).parents[1] / "fixtures" / "membership" / "model"
ALPHAS = (0.05, 0.01, 0.001)
RUN = "ground truth"


def target() -> Target:
    """The fixture model, without a cache."""
    return Target(Session(Store().resolve(str(MODEL), offline=True)))


def frequencies(texts: Sequence[str]) -> Frequencies:
    """Token counts of texts that nobody trained on and nobody is suspected of."""
    tokenizer = load_tokenizer(MODEL)
    ids = [token for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False) for token in encoding.ids]
    counts = np.bincount(ids, minlength=tokenizer.get_vocab_size())
    return Frequencies(counts.astype(np.int64), tokenizer_digest(tokenizer), "grammar", "Other texts.", len(texts))


def items(texts: Sequence[str], name: str, group: str = "") -> list[Item]:
    """Texts as independent documents."""
    return [Item(text, f"{name}:{i}", f"{name}:{i}", group=group) for i, text in enumerate(texts)]


def scores_table(model: Target, truth: World) -> dict[str, np.ndarray]:
    """AUC and TPR at 1 % FPR of every score that needs one model, by repetitions. Returns the scores of the unseen."""
    rng = np.random.default_rng(1)
    shots = "\n\n".join(grammar.document(rng) for _ in range(6)) + "\n\n"
    material = Material(frequencies([grammar.document(rng) for _ in range(2000)]), model, shots)
    chosen = [score for score in find_scores() if "reference" not in score.needs]
    suspects = [item for count in REPETITIONS for item in items(truth.members[count], f"m{count}", str(count))]
    everything = [*suspects, *items(truth.non_members, "n")]
    read = screen.passes(model, everything, chosen, material, silent)
    table = _values(list(read), {score.name: score.statistic for score in chosen})
    groups = np.array([item.group for item in everything])
    print("\n| score | " + " | ".join(f"{count}: AUC | TPR at 1 %" for count in REPETITIONS) + " |")
    print("|---|" + "---|---|" * len(REPETITIONS))
    for name, values in table.items():
        cells = []
        for count in REPETITIONS:
            chosen_rows = (groups == "") | (groups == str(count))
            labels = groups[chosen_rows] != ""
            cells.append(f"{auroc(values[chosen_rows], labels):.3f} | {tpr_at_fpr(values[chosen_rows], labels, 0.01):.3f}")
        print(f"| {name} | " + " | ".join(cells) + " |")
    return {name: values[groups == ""] for name, values in table.items()}


def _values(read: Sequence[Passes], statistics: dict[str, Callable[[Passes], float]]) -> dict[str, np.ndarray]:
    return {name: np.array([statistic(one) for one in read]) for name, statistic in statistics.items()}


def tests_table(model: Target, truth: World) -> None:
    """P of every test with an exact null, by repetitions."""
    print("\n| test | " + " | ".join(f"seen {count} times" for count in WITH_NONE) + " |")
    print("|---|" + "---|" * len(WITH_NONE))
    rows: dict[str, Callable[[int], str]] = {
        "order, 40 rows, 199 shuffles": lambda n: said(
            judge(order, model, truth.orders[n], draws=199, shards=1, alpha=0.01, seed=RUN)
        ),
        "order, 4 shards of 10 rows, 19 shuffles each": lambda n: said(
            judge(order, model, truth.orders[n], draws=19, shards=4, alpha=0.01, seed=RUN)
        ),
        "canary, one string of 64 letters, 999 siblings": lambda n: said(judge(canary, model, [truth.canaries[n]], alpha=0.01)),
        "paired, 60 pairs": lambda n: said(judge(paired, model, pairs(truth.pairs[n]), draws=9999, alpha=0.01, seed=RUN)),
        "identifier, 30 identifiers, 19 draws each": lambda n: said(
            judge(identifier, model, identifier.find(items(truth.identifiers[n], "d")), draws=19, alpha=0.01, seed=RUN)
        ),
        "dataset, 200 against 600 documents": lambda n: said(
            judge(dataset,
                model, collect(items(truth.members[n] if n else truth.non_members[600:800], "s")),
                collect(items(truth.non_members[:600], "h")), draws=9999, alpha=0.01, seed=RUN,
            )
        ),
    }  # fmt: skip
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(row(count) for count in WITH_NONE) + " |", flush=True)


def said(result: Result) -> str:
    """The p-value, as a cell."""
    p, floor = result.p_value or 0.0, result.p_floor or 0.0
    return f"{p:.2g}{' (smallest)' if p <= floor * (1 + 1e-9) else ''}"


def p_of(result: Result) -> float:
    """The p-value of a test that has one."""
    assert result.p_value is not None
    return result.p_value


def pairs(found: Sequence[tuple[str, str]]) -> list[Pair]:
    """Pairs of the world as the test reads them."""
    return [Pair(public, (private,), str(number)) for number, (public, private) in enumerate(found)]


def sizes(model: Target, never: dict[str, np.ndarray]) -> None:
    """Each test on what the model never saw, and `never`, its scores: how often p is at most alpha."""
    rng = np.random.default_rng(2)
    report_size("scores of random halves, 100 a side, permutation of labels", [
        permutation.two_sample(values[rng.permutation(len(values))[:200]], np.arange(200) < 100, rng, 999).p_value
        for values in never.values()
        for _ in range(10_000 // len(never))
    ])  # fmt: skip
    totals = model.totals([text for i in range(200) for text in canary.strings(f"{i}".encode(), 100, 64)])
    report_size("canary, 99 siblings", [
        permutation.monte_carlo(float(drawn[0]), drawn[1:]).p_value
        for drawn in (rng.permutation(totals)[:100] for _ in range(10_000))
    ])  # fmt: skip
    texts = [grammar.rephrased(rng) for _ in range(2000)]
    means = np.array([[scores.logprob.mean() for scores in model.beginnings(list(each))] for each in zip(*texts, strict=True)])
    report_size("paired, 20 pairs", [
        permutation.versions(rng.permuted(means[:, rng.permutation(2000)[:20]].T, axis=1), rng, 999).p_value
        for _ in range(10_000)
    ])  # fmt: skip
    unseen = [grammar.document(rng) for _ in range(2000)]
    table = np.array([dataset.features(text, scores) for text, scores in zip(unseen, model.beginnings(unseen), strict=True)])
    report_size("dataset, 50 against 50 documents", [
        infer(table[rng.permutation(2000)[:100]], np.arange(100) < 50, rng, 999)[0].p_value for _ in range(2000)
    ])  # fmt: skip
    found = [identifier.find(items([grammar.identified(rng) for _ in range(2)], f"d{i}")) for i in range(1000)]
    report_size("identifier, 2 identifiers, 19 draws each", [
        p_of(judge(identifier, model, found[i], draws=19, alpha=0.05, seed=str(i))) for i in range(1000)
    ])  # fmt: skip
    report_size("order, 8 short rows, 19 shuffles", [
        p_of(judge(order, model, short(8, rng), draws=19, shards=1, alpha=0.05, seed=str(i)))
        for i in range(1000)
    ])  # fmt: skip
    report_size("order, 2 shards of 5 short rows, 9 shuffles each", [
        p_of(judge(order, model, short(10, rng), draws=9, shards=2, alpha=0.05, seed=str(i)))
        for i in range(1000)
    ])  # fmt: skip


def short(n: int, rng: np.random.Generator) -> list[str]:
    """The first eight words of n questions: rows that are scored in an instant."""
    return [" ".join(grammar.question(rng).split()[:8]) for _ in range(n)]


def report_size(name: str, p_values: Sequence[float]) -> None:
    """A row: the share of p-values at most each alpha, with the standard deviation of the simulation at alpha."""
    n, p = len(p_values), np.array(p_values)
    cells = [f"{np.mean(p <= alpha):.4f} (sd {(alpha * (1 - alpha) / n) ** 0.5:.4f})" for alpha in ALPHAS]
    print(f"| {name} | {n:,} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Print everything."""
    model, truth = target(), world()
    tests_table(model, truth)
    unseen = scores_table(model, truth)
    print("\n| size of | repetitions | " + " | ".join(f"at {alpha:g}" for alpha in ALPHAS) + " |")
    print("|---|---|" + "---|" * len(ALPHAS))
    sizes(model, unseen)


if __name__ == "__main__":
    main()
