"""Size and power of `watch --border-inputs`: first tokens of real llama.cpp servers, drawn anew for every simulated watch.

`python -m benchmarks.border_watch --laws FOLDER [--model smollm2-135m-instruct --surface chat]` prints the tables of
docs/rules/AUD409.md. Every served file tells the probabilities of the first token after each candidate; a source that draws
from them then stands for the endpoint, and the command's own functions find border inputs, take baselines and compare.
`--effects` also writes what `llm-audit substitution plan` reads of it into detectors/substitution/effects.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.samplers import FIXTURE
from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.substitution import border_watch
from llm_audit.detectors.substitution.baseline import ANSWERS, Baseline
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.records import Ask, Cost, Failure, Reply, Surface
from llm_audit.results import Fact, Served
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.stats import homogeneity

SERVED = ("F32", "BF16", "Q8_0", "Q5_0", "Q4_0")
TARGET = Path(__file__).parents[1] / "detectors" / "substitution" / "effects.json"
SHARES = (1.0, 0.5, 0.25)
LEVELS = (0.05, 0.01, 0.001)

Law = tuple[list[str], NDArray[np.float64]]
"""Texts that a first token can be, white space aside, and their probabilities; what was not told is ""."""


FREE = Cost(0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Drawing:
    """A source that draws first tokens from known laws: of each answer, the substitute's with the chance `share`."""

    laws: Mapping[str, Law]
    others: Mapping[str, Law]
    share: float
    rng: np.random.Generator
    model: str = "fixture"
    facts: tuple[Fact, ...] = ()
    cost: Cost = FREE

    def ask(self, asks: Sequence[Ask], progress: Progress = silent) -> list[Reply | Failure]:
        """A drawn answer to each."""
        return [self._reply(ask) for ask in asks]

    def renamed(self, model: str) -> Drawing:
        """The same."""
        return self

    def _reply(self, ask: Ask) -> Reply:
        texts, chances = (self.others if self.rng.random() < self.share else self.laws)[ask.prompt]
        text = texts[int(np.searchsorted(np.cumsum(chances), self.rng.random() * chances.sum(), side="right"))]
        return Reply(ask, text, (), (), "length", "m", "", (5, 1), (), 0.1, 1)


def laws_of(model: StoredModel, kind: str, surface: Surface, folder: Path) -> dict[str, Law]:
    """The law of the first token after each candidate, as a real server tells it."""
    path = folder / f"{model.digest[:8]}-{kind}-{surface}.json"
    if not path.exists():
        with tempfile.TemporaryDirectory() as files, serve(write(model, kind, Path(files))) as url:
            asks = [Ask(f"law {at}", each, surface, 1, 0.0, 1000) for at, each in enumerate(border_watch.CANDIDATES)]
            replies = [reply for reply in Endpoint(url, "fixture").ask(asks) if isinstance(reply, Reply)]
        found = {reply.ask.prompt: _texts(reply) for reply in replies}
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found))
    told: dict[str, dict[str, float]] = json.loads(path.read_text())
    return {prompt: (list(chances), np.array(list(chances.values()))) for prompt, chances in told.items()}


def _texts(reply: Reply) -> dict[str, float]:
    assert reply.positions, "no probabilities: the token is a piece of a character"
    texts = {"": 0.0}
    for token, logprob in reply.positions[0].top:
        texts[token.text.strip()] = texts.get(token.text.strip(), 0.0) + exp(logprob)
    texts[""] += max(0.0, 1 - sum(texts.values()))
    return texts


def watched(laws: Mapping[str, Law], others: Mapping[str, Law], share: float, seed: int) -> tuple[Served, float]:
    """Verdict and p of a whole watch: baseline by the one, comparison by the other in a share of answers."""
    rng = np.random.default_rng([9, seed])
    answers = border_watch.take(Drawing(laws, laws, 0.0, rng), "completions")
    found = Baseline(Path("b"), ANSWERS, "", {"answers": answers})
    now = border_watch.compare(Drawing(laws, others, share, rng), found, "completions", 0.01, str(seed))
    p = now.tests[0].p_value
    return now.served, 1.0 if p is None else p


def size(laws: Mapping[str, Law], runs: int) -> dict[float, float]:
    """Share of p-values at or below each of `LEVELS` where nothing has changed, at border inputs found anew each time."""
    rng, p_values = np.random.default_rng(3), []
    for run in range(runs):
        if run % 100 == 0:
            inputs = border_watch.find(Drawing(laws, laws, 0.0, rng), "completions")
        counts = [
            rng.multinomial([border_watch.KEPT, border_watch.DRAWS], laws[each][1] / laws[each][1].sum()) for each in inputs
        ]
        seen = [table[:, table.any(axis=0)] for table in counts]
        p_values.append(homogeneity.changed([t[0] for t in seen], [t[1] for t in seen], rng, 999).p_value)
    return {level: float(np.mean(np.array(p_values) <= level)) for level in LEVELS}


def effects(laws: Mapping[str, Mapping[str, Law]]) -> None:
    """Write the probabilities of the commonest answers to border inputs, the float32 server's and each substitute's."""
    rng = np.random.default_rng(1)
    inputs = border_watch.find(Drawing(laws["F32"], laws["F32"], 0.0, rng), "completions")
    stored = json.loads(TARGET.read_text())
    for name, kind in {"q8": "Q8_0", "q5": "Q5_0", "q4": "Q4_0"}.items():
        stored["effects"][name]["watched"] = [_commonest(laws["F32"][each], laws[kind][each]) for each in inputs]
    TARGET.write_text(json.dumps(stored) + "\n")


def _commonest(ours: Law, theirs: Law) -> list[list[float]]:
    """(2, texts) probabilities of the texts that either law gives 1 % or more, and of all others together."""
    both = [dict(zip(*law, strict=True)) for law in (ours, theirs)]
    texts = [text for text in {**both[0], **both[1]} if text and max(law.get(text, 0.0) for law in both) >= 0.01]
    found = [[round(law.get(text, 0.0), 4) for text in texts] for law in both]
    return [[*each, round(max(0.0, 1 - sum(each)), 4)] for each in found]


def shift(laws: Mapping[str, Law], others: Mapping[str, Law]) -> float:
    """Root mean square over candidates of the shift of the log-odds of the two likeliest texts, nats."""
    shifts = []
    for prompt, (texts, chances) in laws.items():
        first, second = np.argsort(-chances)[:2]
        theirs = dict(zip(*others[prompt], strict=True))
        now = np.log(theirs.get(texts[first], 1e-9) / theirs.get(texts[second], 1e-9))
        shifts.append(now - np.log(chances[first] / chances[second]))
    return float(np.sqrt(np.mean(np.square(shifts))))


def table(laws: Mapping[str, Mapping[str, Law]], runs: int) -> Iterator[str]:
    """Rows of Markdown."""
    honest = laws["F32"]
    yield "| served now | shift of log-odds, nats | " + " | ".join(f"in {share:.0%}" for share in SHARES) + " |"
    yield "|---" * (2 + len(SHARES)) + "|"
    for name, others in laws.items():
        cells = []
        for share in SHARES if name.startswith("Q") else SHARES[:1]:
            found = [watched(honest, others, share, seed) for seed in range(runs)]
            cells.append(f"{np.mean([verdict is Served.INCONSISTENT for verdict, _ in found]):.2f}")
        cells += [""] * (len(SHARES) - len(cells))
        yield f"| {name} | {shift(honest, others):.3f} | {' | '.join(cells)} |"


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=FIXTURE)
    parser.add_argument("--surface", default="completions", choices=["completions", "chat"])
    parser.add_argument("--runs", type=int, default=200, help="whole watches of a cell")
    parser.add_argument("--nulls", type=int, default=10_000, help="simulated nulls")
    parser.add_argument("--effects", action="store_true", help="write the table that `llm-audit substitution plan` reads")
    parser.add_argument("--laws", type=Path, required=True, help="folder of the probabilities that were told already")
    chosen = parser.parse_args()
    model = Store().resolve(chosen.model, offline=True)
    laws = {kind: laws_of(model, kind, chosen.surface, chosen.laws) for kind in SERVED}
    if chosen.nulls:
        print(f"size over {chosen.nulls:,} nulls: {size(laws['F32'], chosen.nulls)}", flush=True)
    for line in table(laws, chosen.runs) if chosen.runs else ():
        print(line, flush=True)
    if chosen.effects:
        effects(laws)


if __name__ == "__main__":
    main()
