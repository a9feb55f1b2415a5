"""Audits of honest servers whose answers are spoilt: which verdict and exit code each behaviour gets at which share.

`python -m benchmarks.defects [--requests 60]` prints the table of docs/measurements/auditor.md. The servers are real llama.cpp
on the fixture model in three precisions, all of them allowed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fixtures.membership import grammar
from fixtures.servers.chaos import BEHAVIOURS, chaos
from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from llm_audit.api.endpoints import EndpointSetup, audit_endpoint
from llm_audit.scoring.store import Store
from llm_audit.setup import Setup

MODEL = Path(__file__).parents[1] / "fixtures" / "membership" / "model"
SHARES = (0.01, 0.1, 1.0)
KINDS = ("F32", "F16", "BF16")


UNSPOILT, HONEST = "none", "500"
"""Behaviour of a proxy that spoils nothing, and the one that it never shows then."""

PROBING = 20
"""Requests before the first question, at most."""


class Some:
    """Numbers of requests that are spoilt: every so many-th, from one of the first questions on."""

    def __init__(self, share: float) -> None:
        self.step = round(1 / share)

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and number % self.step == (PROBING + 5) % self.step


def rows(behaviours: list[str], requests: int) -> Iterator[str]:
    """Rows of Markdown."""
    yield f"| served | behaviour | {' | '.join(f'{share:.0%}' for share in SHARES)} |"
    yield "|---" * (2 + len(SHARES)) + "|"
    stored = Store().resolve(str(MODEL), offline=True)
    with tempfile.TemporaryDirectory() as folder:
        prompts, rng = Path(folder) / "prompts.txt", np.random.default_rng(5)
        prompts.write_text("".join(grammar.document(rng).replace("\n", " ")[:90] + "\n" for _ in range(2 * requests + 200)))
        for kind in KINDS:
            with serve(write(stored, kind, Path(folder))) as url:
                for behaviour in behaviours:
                    cells = [audited(url, behaviour, Some(share), prompts, requests) for share in SHARES]
                    yield f"| {kind} | {behaviour} | {' | '.join(cells)} |"


def audited(url: str, behaviour: str, spoilt: Some, prompts: Path, requests: int) -> str:
    """The verdict and the exit code."""
    with chaos(url, *((HONEST, ()) if behaviour == UNSPOILT else (behaviour, spoilt))) as proxy:
        report = audit_endpoint(
            EndpointSetup(proxy.url, "fixture"), prompts, requests=requests, honest=max(60, requests), tokens=4, texts=0,
            setup=Setup(model=str(MODEL), offline=True),
        )  # fmt: skip
    assert report.substitution is not None
    return f"{report.substitution.served.value} ({report.exit_code()})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--behaviour", action="append", choices=[UNSPOILT, *sorted(BEHAVIOURS)])
    chosen = parser.parse_args()
    os.environ.setdefault("LLM_AUDIT_CACHE", tempfile.mkdtemp())
    for row in rows(
        chosen.behaviour or [name for name in BEHAVIOURS if name.startswith(("evidence", "logprobs"))], chosen.requests
    ):
        print(row, flush=True)


if __name__ == "__main__":
    main()
