"""Attribution when the precision of the weights is named: a real llama.cpp serves four, and each is named.

`python -m benchmarks.precisions --cells FOLDER` prints a table of docs/measurements/auditor.md: of texts of 100 tokens at
temperature .8, how often each named precision is refuted, all four together, and the weights as they are at temperature 1.
`--cells` is that of `benchmarks.samplers`.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.attribution_real import rate
from benchmarks.samplers import ALPHA, FEWEST, FIXTURE, ROUNDS, TEXTS, TOKENS, Drawn, draw, keep, kept
from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from llm_audit.detectors.attribution.candidate import Candidate, at
from llm_audit.detectors.attribution.text import Author, Scores, Text
from llm_audit.scoring.request import Prompted, Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.text import RawText
from tests.detectors.attribution.world import attributions, person

SERVED = ("f32", "bf16", "q8_0", "q4_0")
DRAWN = "temperature=0.8"
NAMED = (
    *(f"m@weights={kind},{DRAWN}" for kind in SERVED),
    f"m@weights={'|'.join(SERVED)},{DRAWN}",
    "m@weights=f32,temperature=1",
)
"""The first four are rivals of each other, the last two likewise."""

COLUMNS = (*SERVED, "any of the four", "f32 at temperature 1")


def p_values(session: Session, texts: Sequence[Drawn]) -> NDArray[np.float64]:
    """(texts, named) p of every candidate."""
    candidates = [Candidate.parse(name) for name in NAMED]
    decodings = tuple(dict.fromkeys(decoding for each in candidates for decoding in each.decodings))
    prompted = [Prompted(one.text, one.prompt, one.token_ids) for one in texts]
    sessions = {kind: session.rounded(kind) for kind in SERVED}
    found: list[Scores] = [{} for _ in texts]
    for kind, rounded in sessions.items():
        scored = rounded.score_each(prompted, Request(Windowing(TOKENS, first_only=True)), decodings)
        for i, scores in enumerate(scored):
            found[i] = {**found[i], **{at(kind, decoding): own for decoding, own in zip(decodings, scores, strict=True)}}
        rounded.release()
    authors = []
    for each in candidates:
        first, *others = (sessions[kind] for kind in each.weights)
        authors.append(Author(each, "candidate", first, others=tuple(others)))
    rows = []
    for one, scores in zip(texts, found, strict=True):
        raw = RawText("drawn", "0" * 64, "utf-8", one.text, len(one.text))
        halves = (authors[: len(SERVED)], authors[len(SERVED) :])
        judged = [
            each for half in halves for each in attributions(Text(raw, person(), half, [scores] * len(half)), "known", ALPHA)
        ]
        rows.append([np.nan if each.p_value is None else each.p_value for each in judged])
    return np.array(rows)


def stem_of(model: StoredModel, kind: str) -> str:
    """Name of the files of a served precision without the round."""
    return f"{model.digest[:8]}-served-{kind}"


def measure(model: StoredModel, rounds: int, cells: Path) -> None:
    """All that is missing, a round after the other."""
    session = Session(model)
    for turn, kind in itertools.product(range(rounds), SERVED):

        def make(kind: str = kind, turn: int = turn) -> NDArray[np.float64]:
            with tempfile.TemporaryDirectory() as folder, serve(write(model, kind.upper(), Path(folder))) as url:
                texts = list(draw("llama.cpp", model, DRAWN, turn, url))
            return p_values(session, [one for one in texts if len(one.token_ids) >= FEWEST])

        keep(cells / f"{stem_of(model, kind)}-{turn}.json", make)


def table(model: StoredModel, cells: Path) -> Iterator[str]:
    """Rows of Markdown: per served precision, how often each named one is refuted."""
    hits = total = 0
    yield f"| served | texts | {' | '.join(COLUMNS)} |"
    yield "|---" * (len(COLUMNS) + 2) + "|"
    for i, kind in enumerate(SERVED):
        found = kept(cells, stem_of(model, kind))
        if not len(found):
            continue
        own = found[:, i]
        hits, total = hits + int((own <= ALPHA).sum()), total + int(np.isfinite(own).sum())
        shares = np.nanmean(found <= ALPHA, axis=0)
        row = (f"**{share:.2f}**" if k in (i, len(SERVED)) else f"{share:.2f}" for k, share in enumerate(shares))
        yield f"| {kind} | {len(found)} | {' | '.join(row)} |"
    yield f"\nThe precision that was served, named alone, was refuted in {rate(hits, total)} of {total:,} texts"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=FIXTURE)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {TEXTS} texts; 0: only print")
    parser.add_argument("--cells", type=Path, required=True, help="folder of what was measured already")
    chosen = parser.parse_args()
    model = Store().resolve(chosen.model, offline=True)
    measure(model, chosen.rounds, chosen.cells)
    for line in table(model, chosen.cells):
        print(line)


if __name__ == "__main__":
    main()
