"""Stored reports can be verified, explained and rendered without what scores texts: no torch, no tokenizer, no server."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "fixtures" / "golden" / "finding.json"
MODULES = {
    "python-docx": "docx",
    "python-multipart": "python_multipart",
    "scikit-learn": "sklearn",
    "markdown-it-py": "markdown_it",
}
"""Package -> what is imported of it, where that is not its name."""

WITHOUT = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nothing())
sys.argv = ["llm-audit", *{arguments!r}]
from llm_audit.cli import main
main()
"""


def names(lines: list[str]) -> set[str]:
    return {re.split(r"[<>=;\[ ]", line)[0].lower() for line in lines if line and not line.startswith("#")}


def absent() -> set[str]:
    """Every dependency of ours that is not in the list, and what only comes with those."""
    ours = names(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    light = names((ROOT / "tools" / "light.txt").read_text().splitlines())
    assert light < ours
    return {MODULES.get(name, name.replace("-", "_")) for name in ours - light} | {
        "sympy",
        "pandas",
        "pyarrow",
        "ray",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "AUD100"],
        ["verify", str(GOLDEN)],
        ["report", str(GOLDEN), "-o", "report.html", "-o", "report.sarif", "-o", "report.md"],
        ["config", "show"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_it_works_with_what_is_in_the_list_alone(arguments: list[str], tmp_path: Path) -> None:
    found = absent()
    assert {"torch", "transformers", "tokenizers", "starlette"} <= found
    code = WITHOUT.format(absent=found, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
    assert done.stdout
