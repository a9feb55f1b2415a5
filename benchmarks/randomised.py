"""Randomised substitution: a share of an endpoint's requests is answered by another model, and audits judge it.

`python -m benchmarks.randomised drawn --cells FOLDER [--model smollm2-135m-instruct]` prints tables of
docs/measurements/auditor.md: the shares of "Are You Getting What You Pay For?" (arXiv 2504.04715). Real llama.cpp servers
answer every prompt once, in float32 and as each substitute; 1,000 audits of a cell are then drawn from these answers, each of
them the substitute's with the chance q.

`python -m benchmarks.randomised live --cells FOLDER` runs whole audits with the command's own settings, each on prompts of
its own, of the fixture model behind a proxy that sends each request to either server at random.

What was measured is kept in files of the folder, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.attribution_real import rate
from benchmarks.samplers import ALPHA, FIXTURE, keep, kept
from benchmarks.substitution import HONEST, REQUESTS, audits, prompts_for
from fixtures.membership import grammar
from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from fixtures.servers.proxy import Exchange, altered, proxy
from llm_audit.detectors.substitution import run
from llm_audit.detectors.substitution.local import LocalModel
from llm_audit.detectors.substitution.questions import questions
from llm_audit.detectors.substitution.reference_model import GREEDY, ReferenceModel
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.probe import probe
from llm_audit.endpoints.records import Reply
from llm_audit.results import Served
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.stats.combination import holm

SUBSTITUTES = {"q8_0": ("Q8_0", 0.0), "q4_0": ("Q4_0", 0.0), "other weights": ("F32", 0.2)}
"""Name -> kind of file, and the share of each matrix's spread that is added to it as noise."""

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Of the requests, answered by the substitute: the paper's q."""

CELLS = [("nothing", 0.0), *itertools.product(SUBSTITUTES, SHARES[1:])]
"""(substitute, share), the honest endpoint once."""

ACCESS: Mapping[str, tuple[str, ...]] = {
    "returned": ("AUD401", "AUD402"),
    "hidden": ("AUD401", "AUD402", "AUD403", "AUD404", "AUD408"),
}
"""What becomes of log-probabilities, and the tests that then have a p-value."""

# Drawn audits

Distances = dict[str, dict[str, NDArray[np.float64]]]
"""Of the answers of one server, or of the reference itself: access -> precision -> (prompts,) distances; NaN: no answer."""


def distances(model: StoredModel, name: str, cells: Path) -> Distances:
    """Distances of a server's answers from the reference, or of the reference's own ("honest"); from a file if it is there."""
    path = cells / f"{model.digest[:8]}-{name.replace(' ', '-')}.json"
    if not path.exists():
        cells.mkdir(parents=True, exist_ok=True)
        found = _measured(model, name)
        path.write_text(json.dumps({access: {key: each.tolist() for key, each in of.items()} for access, of in found.items()}))
    told = json.loads(path.read_text())
    return {access: {key: np.array(each) for key, each in of.items()} for access, of in told.items()}


def _measured(model: StoredModel, name: str) -> Distances:
    settings, reference = Settings(), ReferenceModel(model, "completions")
    local = LocalModel(reference, settings.precisions, settings.tokens)
    prompts = _prompts(model, reference)
    widths = {"returned": settings.alternatives, "hidden": 0}
    if name == "honest":
        return {access: local.null_distances(prompts, k) for access, k in widths.items()}
    kind, noised = SUBSTITUTES.get(name, ("F32", 0.0))
    with tempfile.TemporaryDirectory() as folder, serve(write(model, kind, Path(folder), noised=noised)) as url:
        source = Endpoint(url, "fixture")
        surface = probe(source).completions
        assert surface is not None
        outcomes = source.ask(questions(prompts, surface, settings.tokens, settings.alternatives))
    replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    at, found = {prompt: number for number, prompt in enumerate(prompts)}, {}
    for access, k in widths.items():
        compared = local.comparable(replies, k)
        places = [at[reply.ask.prompt] for reply in compared]
        found[access] = {precision: np.full(len(prompts), np.nan) for precision in settings.precisions}
        for precision, values in local.distances(compared, k).items():
            found[access][precision][places] = values
    return found


def _prompts(model: StoredModel, reference: ReferenceModel) -> list[str]:
    """Prompts for an audit and its honest answers, to which the model answers at all."""
    many = prompts_for(model, HONEST + REQUESTS + 20)
    answered = [answer.prompt for answer in reference.draw(many, 1, GREEDY, 0) if answer.token_ids]
    return answered[: HONEST + REQUESTS]


def drawn(model: StoredModel, cells: Path, substitutes: Sequence[str]) -> Iterator[str]:
    """Rows of Markdown: per access, substitute and share, how often audits with `REQUESTS` requests reject.

    The verdict is by Holm over all tests that have a p-value there, those of texts at 1: at least as many are inconsistent.
    """
    honest, served = distances(model, "honest", cells), distances(model, "F32", cells)
    yield "| served instead | of the requests |" + " AUD401 | AUD402 | inconsistent |" * len(ACCESS)
    yield "|---" * (2 + 3 * len(ACCESS)) + "|"
    for name, share in [("nothing", 0.0), *itertools.product(substitutes, SHARES[1:])]:
        others = distances(model, name, cells) if share else served
        row = []
        for access in ACCESS:
            told = ~np.isnan(np.sum([*served[access].values(), *others[access].values()], axis=0))
            mine, null, theirs = (
                {precision: values[told] for precision, values in each[access].items()} for each in (served, honest, others)
            )
            paths, p_values = audits(mine, null, theirs, share, REQUESTS)
            first, second = np.exp(-np.maximum(paths.max(axis=1), 0.0)), p_values[:, -1]
            beside = [1.0] * (len(ACCESS[access]) - 2)  # tests of texts, which may see nothing
            together = np.array([min(holm([p, q, *beside])) for p, q in zip(first, second, strict=True)])
            row += [f"{np.mean(p <= ALPHA):.3f}" for p in (first, second, together)]
        yield f"| {name} | {share:.0%} | {' | '.join(row)} |"


# Whole audits, live

PROMPTS = 300
"""Of an audit: for 60 requests, 200 honest answers and what is left."""

ROUND, ROUNDS = 2, 10
"""Audits of a round, and rounds."""

_SERVED = {Served.INCONSISTENT: 1.0, Served.CONSISTENT: 0.0, Served.NOT_MEASURED: np.nan}


@contextmanager
def dishonest(honest: str, other: str, share: float, access: str, seed: int) -> Iterator[str]:
    """An endpoint that answers a share of its requests by another server, and hides log-probabilities or not."""
    rng = np.random.default_rng([5, seed])

    def route(exchange: Exchange) -> None:
        if exchange.number >= 0 and rng.random() < share:
            exchange.upstream = other

    def hide(content: dict[str, Any]) -> None:
        for choice in content.get("choices", ()):
            choice["logprobs"] = None

    def answer(exchange: Exchange) -> None:
        hidden = access == "hidden" and exchange.number >= 0
        exchange.send(altered(exchange.genuine(), hide) if hidden else exchange.genuine())

    with proxy(honest, answer, route) as running:
        yield running.url


def audited(url: str, reference: ReferenceModel, access: str, audit: int) -> list[float]:
    """1 if the verdict is inconsistent, 0 if it is consistent, NaN if nothing was measured; p of each test of `ACCESS`."""
    rng, settings = np.random.default_rng([11, audit]), Settings(seed=f"randomised {audit}")
    prompts = [grammar.document(rng)[: 100 + int(rng.integers(100))] for _ in range(PROMPTS)]
    local = LocalModel(reference, settings.precisions, settings.tokens)
    source = Endpoint(url, "fixture")
    found = run.audit(source, probe(source), local, prompts, settings)
    p_values = {test.rule: test.p_value for test in found.tests if test.p_value is not None}
    return [_SERVED[found.served], *(p_values.get(code, np.nan) for code in ACCESS[access])]


def stem_of(name: str, share: float, access: str) -> str:
    """Name of the files of a cell without the round."""
    return f"{name.replace(' ', '-')}-{share:g}-{access}"


def measure(model: StoredModel, rounds: int, shares: Sequence[float], cells: Path) -> None:
    """All whole audits that are missing, a round of every cell after the other."""
    reference = ReferenceModel(model, "completions")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:

        def served(kind: str, noised: float) -> str:
            return stack.enter_context(serve(write(model, kind, Path(folder), noised=noised)))

        honest = served("F32", 0.0)
        urls = {"nothing": honest} | {name: served(*given) for name, given in SUBSTITUTES.items()}
        for turn, (name, share), access in itertools.product(range(rounds), CELLS, ACCESS):
            if share and share not in shares:
                continue

            def make(turn: int = turn, name: str = name, share: float = share, access: str = access) -> NDArray[np.float64]:
                rows = []
                for audit in range(turn * ROUND, (turn + 1) * ROUND):
                    with dishonest(honest, urls[name], share, access, audit) as url:
                        rows.append(audited(url, reference, access, audit))
                return np.array(rows)

            keep(cells / f"{stem_of(name, share, access)}-{turn}.json", make)


def table(cells: Path) -> Iterator[str]:
    """Rows of Markdown: per access, substitute and share, how often whole audits reject."""
    for access, codes in ACCESS.items():
        yield f"\nlog-probabilities {access}: inconsistent, and p <= {ALPHA:g}, each as a share of the audits\n"
        yield f"| served instead | of the requests | audits | inconsistent [95 %] | not measured | {' | '.join(codes)} |"
        yield "|---" * (len(codes) + 5) + "|"
        for name, share in CELLS:
            found = kept(cells, stem_of(name, share, access))
            if not len(found):
                continue
            verdicts = found[:, 0]
            shares = (f"{np.mean(column <= ALPHA):.2f}" for column in found[:, 1:].T)
            row = (rate(int(np.nansum(verdicts)), len(found)), f"{np.isnan(verdicts).sum()}", *shares)
            yield f"| {name} | {share:.0%} | {len(found)} | {' | '.join(row)} |"


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=["drawn", "live"])
    parser.add_argument("--model", default=FIXTURE, help="of drawn audits")
    parser.add_argument("--substitute", action="append", choices=list(SUBSTITUTES), help="of drawn audits; repeatable")
    parser.add_argument("--share", action="append", type=float, choices=SHARES[1:], help="of whole audits; repeatable")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {ROUND} whole audits; 0: only print")
    parser.add_argument("--cells", type=Path, required=True, help="folder of what was measured already")
    chosen = parser.parse_args()
    model = Store().resolve(chosen.model, offline=True)
    if chosen.which == "live" and chosen.rounds:
        measure(model, chosen.rounds, chosen.share or SHARES[1:], chosen.cells)
    for line in (
        table(chosen.cells) if chosen.which == "live" else drawn(model, chosen.cells, chosen.substitute or list(SUBSTITUTES))
    ):
        print(line, flush=True)


if __name__ == "__main__":
    main()
