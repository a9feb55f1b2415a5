"""Size and power of log-odds by logit bias (AUD410), on real llama.cpp servers.

`python -m benchmarks.log_odds MODEL PROMPTS FOLDER [--effects]`, MODEL: fixture or smollm2. Every served file is asked once
about every prompt, as an audit asks; audits are then drawn from these answers, prompts dealt anew each time. What was
answered is kept in FOLDER. `--effects` also writes what `llm-audit substitution plan` reads of it into
detectors/substitution/effects.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.substitution import FIXTURE, SERVED, prompts_for
from fixtures.servers import gguf, llama
from llm_audit.detectors.substitution import log_odds
from llm_audit.detectors.substitution.log_odds import Bracket
from llm_audit.detectors.substitution.reference import Favoured
from llm_audit.detectors.substitution.reference_model import PRECISIONS, ReferenceModel
from llm_audit.endpoints.client import Endpoint
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.store import Store

TARGET = Path(__file__).parents[1] / "detectors" / "substitution" / "effects.json"
AUDITS, DRAWS, LEVELS, SHARES = 1000, 999, (0.05, 0.01, 0.01 / 6), (1.0, 0.5, 0.25)

Floats = NDArray[np.float64]


def asked(model: ReferenceModel, prompts: int, folder: Path) -> tuple[Floats, dict[str, Bracket]]:
    """(prompts, variants) turning points of the reference, and brackets of each served file at the same prompts."""
    favoured = model.favoured(prompts_for(model.stored, prompts), "f32")
    expected = np.array([model.turning_points(favoured, precision) for precision in PRECISIONS]).T
    brackets = {}
    for name in SERVED:
        stored = folder / f"{model.stored.digest[:8]}-{len(favoured)}-{name}.json"
        if not stored.exists():
            stored.write_text(json.dumps([side.tolist() for side in _bisected(model, name, favoured, expected[:, 0], folder)]))
        brackets[name] = bracket = Bracket(*map(np.array, json.loads(stored.read_text())))
        off = [log_odds.gaps(bracket, column).mean() for column in expected.T]
        print(
            f"{name}: mean gap from {', '.join(f'{p} {gap:.4f}' for p, gap in zip(PRECISIONS, off, strict=True))}", flush=True
        )
    return expected, brackets


def _bisected(model: ReferenceModel, name: str, favoured: Sequence[Favoured], turning: Floats, folder: Path) -> Bracket:
    """Of a real server of one of the files."""
    kind, noise, _ = SERVED[name]
    folder.mkdir(parents=True, exist_ok=True)
    with llama.serve(gguf.write(model.stored, kind, folder, noised=noise)) as url:
        found = log_odds.ask(Endpoint(url, "fixture"), "completions", favoured, log_odds.centred(turning))
    assert found.obeyed == found.forced and len(found.inputs) == len(favoured), name
    return found.bracket


def p_values(honest: Bracket, served: Bracket, share: float, expected: Floats, rng: np.random.Generator) -> Floats:
    """p-values of audits of which a share of the prompts is answered by `served`; prompts dealt anew each time."""
    found = []
    for _ in range(AUDITS):
        order = rng.permutation(len(expected))
        mine, own = order[: log_odds.INPUTS], order[log_odds.INPUTS :]
        other = rng.random(len(mine)) < share
        bracket = Bracket(*(np.where(other, b[mine], a[mine]) for a, b in zip(honest, served, strict=True)))
        tests = [log_odds.compare(bracket, expected[mine], expected[own], at, rng, DRAWS) for at in range(expected.shape[1])]
        found.append(max(test.p_value for test in tests))
    return np.array(found)


def effects(expected: Floats, brackets: Mapping[str, Bracket]) -> None:
    """Write turning points of the reference and of each substitute."""
    stored = json.loads(TARGET.read_text())
    for name in ("q8", "q5", "q4"):
        middle = (brackets[name].lower + brackets[name].upper) / 2
        stored["effects"][name]["turning_points"] = np.round(np.column_stack([expected, middle]), 3).tolist()
    TARGET.write_text(json.dumps(stored) + "\n")


@click.command()
@click.argument("model", type=click.Choice(["fixture", "smollm2"]))
@click.argument("prompts", type=int)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--effects", "write", is_flag=True)
def main(model: str, prompts: int, folder: Path, write: bool) -> None:
    """Measure, and print the tables."""
    stored = Store().resolve(str(FIXTURE) if model == "fixture" else DEFAULT_MODEL, offline=True)
    expected, brackets = asked(ReferenceModel(stored, "completions"), prompts, folder)
    if write:
        effects(expected, brackets)
    print(f"{len(expected)} prompts; shares at {', '.join(f'{level:.4f}' for level in LEVELS)}")
    for name, served in brackets.items():
        for share in SHARES if name not in ("F32", "F16", "BF16") else SHARES[:1]:
            p = p_values(brackets["F32"], served, share, expected, np.random.default_rng(1))
            print(
                f"{name}, {share:.0%} of the prompts: {', '.join(f'{np.mean(p <= level):.3f}' for level in LEVELS)}", flush=True
            )


if __name__ == "__main__":
    main()
