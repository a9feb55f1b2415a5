"""Audits of honest servers whose answers are spoilt: which verdict and exit code each behaviour gets at which share.

`python -m benchmarks.defects [--requests 60]` prints the table of docs/measurements/auditor.md. The servers are real llama.cpp
on the fixture model in three precisions, all of them allowed. Exits with 1 if one of them is called inconsistent, or consistent
though an answer of the behaviour holds numbers that no honest server gives (`DEFECTIVE`).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fixtures.membership import grammar
from fixtures.servers.chaos import BEHAVIOURS, chaos
from fixtures.servers.evidence import EVIDENCE
from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from llm_audit.common.progress import Progress, silent
from llm_audit.detectors.substitution import run, subject
from llm_audit.detectors.substitution.local import LocalModel
from llm_audit.detectors.substitution.reference import Floats
from llm_audit.detectors.substitution.reference_model import ReferenceModel
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.probe import probe
from llm_audit.results import Served
from llm_audit.setup import Setup
from llm_audit.setup.manifest import collect

MODEL = Path(__file__).parents[1] / "fixtures" / "membership" / "model"
SHARES = (0.01, 0.1, 1.0)
KINDS = ("F32", "F16", "BF16")


UNSPOILT, HONEST = "none", "500"
"""Behaviour of a proxy that spoils nothing, and the one that it never shows then."""

DEFECTIVE = {
    *(
        f"evidence-{name}"
        for name in (
            "zero", "nan", "minus-infinity", "9999", "100", "1e9", "mass", "uniform", "probabilities", "negated", "base-10",
            "chosen-zero", "chosen-9999", "contradicting", "shifted", "shifted-back", "duplicated", "chosen-again",
            "other-text", "uneven-arrays",
        )
    ),
    *(f"logprobs-{name}" for name in ("9999", "zero", "nan", "mass", "duplicated")),
}  # fmt: skip
"""Behaviours whose numbers no honest server gives; the evidence of all others is sound or only poor."""

OTHERS = (
    "model-changed", "fingerprint-changed", "second-choice-first", "byte-order-mark", "temperature-ignored", "500", "html",
    "empty", "truncated-json",
)  # fmt: skip
"""Behaviours that leave the numbers as they are, or give none."""

PROBING = 20
"""Requests before the first question, at most."""


class Some:
    """Numbers of requests that are spoilt: every so many-th, from one of the first questions on."""

    def __init__(self, share: float) -> None:
        self.step = round(1 / share)

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and number % self.step == (PROBING + 5) % self.step


@dataclass(frozen=True)
class Remembering(LocalModel):
    """The reference whose null distances, which are the same for every audit of one plan, are measured once."""

    measured: dict[tuple[int, float], dict[str, Floats]] = field(default_factory=dict)

    def null_distances(
        self, prompts: Sequence[str], k: int, progress: Progress = silent, *, rounded: float = 0.0
    ) -> dict[str, Floats]:
        if (k, rounded) not in self.measured:
            self.measured[k, rounded] = super().null_distances(prompts, k, progress, rounded=rounded)
        return self.measured[k, rounded]


class Outcome(NamedTuple):
    """What an audit of an honest server came to."""

    served: Served
    code: int

    def __str__(self) -> str:
        return f"{self.served.value} ({self.code})"

    def right(self, behaviour: str) -> bool:
        """Whether it may be said of that server behind such a proxy."""
        return self.served is not Served.INCONSISTENT and not (behaviour in DEFECTIVE and self.served is Served.CONSISTENT)


def audits(behaviours: Sequence[str], requests: int) -> Iterator[tuple[str, str, list[Outcome]]]:
    """Precision of the server, behaviour, and what came of it at each share."""
    rng = np.random.default_rng(5)
    prompts = [grammar.document(rng).replace("\n", " ")[:90] for _ in range(2 * requests + 200)]
    settings = Settings(requests=requests, honest=max(60, requests), tokens=4, texts=0)
    with tempfile.TemporaryDirectory() as folder, Setup(model=str(MODEL), offline=True).session() as session:
        local = ReferenceModel(session.model, "completions", "cpu", session.cache)
        reference = Remembering(local, settings.precisions, settings.tokens)
        for kind in KINDS:
            with serve(write(session.model, kind, Path(folder))) as url:
                for behaviour in behaviours:
                    yield kind, behaviour, [audited(url, behaviour, Some(s), reference, prompts, settings) for s in SHARES]


def audited(
    url: str, behaviour: str, spoilt: Some, reference: LocalModel, prompts: Sequence[str], settings: Settings
) -> Outcome:
    """The verdict and the exit code."""
    with chaos(url, *((HONEST, ()) if behaviour == UNSPOILT else (behaviour, spoilt))) as proxy:
        source = Endpoint(proxy.url, "fixture")
        found = run.audit(source, probe(source), reference, prompts, settings)
    return Outcome(found.served, subject.report(found, collect(None, alpha=settings.alpha, rules=[])).exit_code())


def main() -> int:
    """Print the table, as Markdown, and the number of wrong verdicts; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--behaviour", action="append", choices=[UNSPOILT, *sorted(BEHAVIOURS)])
    chosen = parser.parse_args()
    os.environ.setdefault("LLM_AUDIT_CACHE", tempfile.mkdtemp())
    print(f"| served | behaviour | {' | '.join(f'{share:.0%}' for share in SHARES)} |")
    print("|---" * (2 + len(SHARES)) + "|", flush=True)
    made = wrong = 0
    for kind, behaviour, outcomes in audits(chosen.behaviour or (UNSPOILT, *OTHERS, *EVIDENCE), chosen.requests):
        print(f"| {kind} | {behaviour} | {' | '.join(map(str, outcomes))} |", flush=True)
        made += len(outcomes)
        wrong += sum(not outcome.right(behaviour) for outcome in outcomes)
    print(f"\n{made} audits; wrong: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
