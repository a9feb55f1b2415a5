"""Who imports whom; and what `detect` and `gate` load: nothing of other questions, no torch for the embedded model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tools import rooms

ROOT = Path(__file__).parents[1]
LOADED = """
import json, sys
import llm_audit
from llm_audit.cli import main
essay, sys.argv = sys.argv[1], ["llm-audit", "detect", sys.argv[1], "--offline", "--no-cache"]
try:
    main()
except SystemExit as left:
    assert left.code in (0, 1)
llm_audit.gate(essay, setup=llm_audit.Setup(offline=True, cache=False))
print(json.dumps(sorted(sys.modules)))
"""
HEAVY = {
    "torch",
    "transformers",
    "scipy",
    "sklearn",
    "matplotlib",
    "huggingface_hub",
    "pypdf",
    "ray",
    "requests",
    "pathspec",
    "jinja2",
    "llm_audit.reports.formats.html",
    "llm_audit.reports.terminal.membership",
    "llm_audit.reports.terminal.substitution",
}


def test_one_essay_loads_nothing_of_other_questions(tmp_path: Path) -> None:
    essay = tmp_path / "essay.txt"
    essay.write_text((ROOT / "fixtures" / "texts" / "essay-human.txt").read_text(encoding="utf-8")[:900], encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", LOADED, essay], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert {"llm_audit.scoring.lean", "llm_audit.gating.inputs"} <= modules  # it was scored, twice
    assert modules & HEAVY == set()
    families = {name.split(".")[2] for name in modules if name.startswith("llm_audit.detectors.")}
    assert families & {"attribution", "membership", "substitution", "watermark"} == set()


def test_the_rooms_of_the_package_are_few_and_import_each_other_in_one_direction() -> None:
    top = rooms.top_level(rooms.arrows())
    assert len(top) <= 24
    assert sum(map(len, top.values())) <= 95
    assert rooms.circle(top) == []


def test_a_circle_of_rooms_is_found() -> None:
    assert set(rooms.circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}
