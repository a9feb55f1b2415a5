"""Installations that leave something out: without the extra `local`, and with no more than stored reports need."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from llm_audit.common.errors import LOCAL_PACKAGES

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "fixtures" / "golden"
ESSAY = ROOT / "fixtures" / "texts" / "essay-machine.txt"
MODULES = {
    "python-docx": "docx",
    "python-multipart": "python_multipart",
    "scikit-learn": "sklearn",
    "markdown-it-py": "markdown_it",
    "pyyaml": "yaml",
    "pyspellchecker": "spellchecker",
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


def project() -> dict[str, object]:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert isinstance(found, dict)
    return found


def modules(packages: set[str]) -> set[str]:
    return {MODULES.get(name, name.replace("-", "_")) for name in packages}


def local() -> set[str]:
    extras = project()["optional-dependencies"]
    assert isinstance(extras, dict)
    return modules(names(extras["local"]))


def light() -> set[str]:
    """Every dependency of ours that is not in the list, and what only comes with those."""
    dependencies = project()["dependencies"]
    assert isinstance(dependencies, list)
    ours, listed = names(dependencies), names((ROOT / "tools" / "light.txt").read_text().splitlines())
    assert listed < ours
    return modules(ours - listed) | local() | {"llvmlite", "sympy", "pandas", "pyarrow", "ray"}


def run(arguments: list[str], absent: set[str], folder: Path) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(absent=absent, arguments=arguments)
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=200)


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "AUD100"],
        ["explain", "AUD501"],
        ["verify", str(GOLDEN / "finding.json")],
        ["verify", str(GOLDEN / "watermark-finding.json")],
        ["report", str(GOLDEN / "finding.json"), "-o", "report.html", "-o", "report.sarif", "-o", "report.md"],
        ["report", str(GOLDEN / "finding.json"), "-o", "class.html", "-o", "class.csv"],
        ["config", "show"],
    ],
    ids=lambda arguments: "-".join(arguments[:2]).replace(str(GOLDEN), "").replace("/", ""),
)
def test_stored_reports_need_no_more_than_the_list_names(arguments: list[str], tmp_path: Path) -> None:
    absent = light()
    assert {"torch", "transformers", "tokenizers", "starlette", "numba", "sklearn"} <= absent
    done = run(arguments, absent, tmp_path)
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
    assert done.stdout


def test_what_needs_more_than_the_list_says_so(tmp_path: Path) -> None:
    done = run(["detect", str(ESSAY), "--offline"], light(), tmp_path)
    said = r"Error: This needs \w+, which is not installed: run `pip install llm-audit`\."
    assert done.returncode == 2 and re.fullmatch(said, " ".join(done.stderr.split())), done.stderr


def test_the_packages_that_an_error_explains_are_those_of_the_extra() -> None:
    assert local() == LOCAL_PACKAGES


def test_without_the_extra_texts_are_judged(tmp_path: Path) -> None:
    done = run(["detect", str(ESSAY), "--offline", "--no-cache", "-o", "report.json"], local(), tmp_path)
    assert done.returncode == 1 and "finding" in done.stdout, done.stderr
    assert '"verdict": "finding"' in (tmp_path / "report.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (["generate", "smollm2-135m-instruct", "--offline", "-n", "1", "-o", "drawn.jsonl"], "torch"),
        (["train", "texts.jsonl", "--name", "mine"], "torch"),
        (["membership", "blind", "texts.jsonl", "--held-out", "others.jsonl"], "sklearn"),
    ],
    ids=["generate", "train", "blind"],
)
def test_what_needs_the_extra_says_how_to_install_it(arguments: list[str], package: str, tmp_path: Path) -> None:
    for name in ("texts", "others"):
        lines = [json.dumps({"text": f"Text {i} of the {name}.", "label": "human"}) for i in range(60)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    done = run(arguments, local(), tmp_path)
    assert done.returncode == 2, done.stderr
    said = f"Error: This needs {package}, which is not installed: run `pip install 'llm-audit[local]'`."
    assert " ".join(done.stderr.split()).endswith(said), done.stderr
