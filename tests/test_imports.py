"""What a command loads beside what it needs: nothing of other questions, no torch for the embedded model, no scipy.stats."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOADED = """
import json, sys
import llm_audit
llm_audit.{call}
print(json.dumps(sorted(sys.modules)))
"""
HEAVY = {"torch", "transformers", "scipy.stats", "scipy.optimize", "sklearn", "matplotlib", "huggingface_hub", "pypdf", "ray"}


def loaded(call: str) -> set[str]:
    """Modules that a process has loaded after one call of the library."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(call=call)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "call",
    [
        "detect('fixtures/texts/essay-human.txt', setup=llm_audit.Setup(offline=True, cache=False))",
        "gate('fixtures/texts/essay-human.txt', setup=llm_audit.Setup(offline=True, cache=False))",
    ],
)
def test_one_essay_loads_nothing_of_other_questions(call: str) -> None:
    modules = loaded(call)
    assert "llm_audit.scoring.lean" in modules  # it was scored
    assert modules & HEAVY == set()
    families = {name.split(".")[2] for name in modules if name.startswith("llm_audit.detectors.")}
    assert families & {"attribution", "membership", "substitution", "watermark"} == set()
