"""What is shipped: every folder is a package, every module imports, the wheel works away from the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

import llm_audit

ROOT = Path(__file__).parents[1]
FOLDERS = {"llm_audit": "audit", "llm_audit.detectors": "detectors", "llm_audit.reports": "reports"}


def modules() -> list[str]:
    """Every module by its import name, from the folders."""
    found = []
    for package, folder in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found.append(".".join((package, *parts)).removesuffix(".__init__"))
    return found


def test_the_list_of_packages_is_the_folders() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    from_folders = {name for name in modules() if (name_to_path(name) / "__init__.py").exists()}
    assert {name for name in listed if not name.endswith(".templates")} == from_folders


def test_every_folder_that_is_shipped_is_in_that_list() -> None:
    """Else setuptools warns of each that it takes in as data."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    inside = {name.removeprefix("llm_audit.") for name in listed["packages"]}
    for package, patterns in listed["package-data"].items():
        assert not any("/" in pattern for pattern in patterns), package
        assert package == "llm_audit" or package.removeprefix("llm_audit.") in inside


def test_the_version_is_the_same_wherever_it_stands() -> None:
    import yaml

    assert version("llm-audit") == llm_audit.__version__
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == llm_audit.__version__
    first = re.search(r"^## \[(\d[^]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert first and first[1] == llm_audit.__version__


def name_to_path(name: str) -> Path:
    package = max((p for p in FOLDERS if name == p or name.startswith(p + ".")), key=len)
    return ROOT / FOLDERS[package] / name.removeprefix(package).strip(".").replace(".", "/")


def test_modules_are_short_enough_to_read_in_one_sitting() -> None:
    for folder in FOLDERS.values():
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 400, path


@pytest.fixture(scope="session")
def installed_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a new environment that holds the wheel; its dependencies are borrowed from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    # From a copy: setuptools leaves its build folder beside the sources.
    copy = folder / "source"
    subprocess.run(["git", "clone", "--quiet", "--no-local", str(ROOT), str(copy)], check=True)
    for name in (*FOLDERS.values(), "pyproject.toml"):  # as in the working tree, not as last committed
        subprocess.run(["cp", "-r", str(ROOT / name), str(copy)], check=True)
    subprocess.run([*build, str(copy)], check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (wheel,) = folder.glob("*.whl")
    python = folder / "venv" / "bin" / "python"
    target = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"], check=True, capture_output=True, text=True
    ).stdout.strip()
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
        check=True,
        capture_output=True,
    )
    borrowed = next(path for path in sys.path if path.endswith("site-packages"))
    # `.pth` files of the borrowed folder, the editable install among them, are not read from here.
    (Path(target) / "borrowed.pth").write_text(borrowed + "\n")
    return folder / "venv" / "bin"


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_module_imports_from_the_wheel(installed_wheel: Path, tmp_path: Path) -> None:
    needed = [name for name in modules() if name != "llm_audit.scoring.triton_head" or find_spec("triton")]
    code = f"import importlib; [importlib.import_module(m) for m in {needed!r}]; import llm_audit; print(llm_audit.__file__)"
    done = run([str(installed_wheel / "python"), "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(installed_wheel.parent) in done.stdout


def test_the_wheel_judges_an_essay(installed_wheel: Path, tmp_path: Path) -> None:
    program = str(installed_wheel / "llm-audit")
    assert run([program, "--version"], tmp_path).stdout.startswith("llm-audit, version ")
    done = run([program, "detect", "--offline", str(ROOT / "fixtures/texts/essay-machine.txt"), "-o", "report.html"], tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Finding" in done.stdout
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_every_module_can_be_the_first_to_be_imported() -> None:
    """Imports in a circle work for who happens to begin at the right place, and fail for the others."""
    code = """
import importlib, pkgutil, sys
import matplotlib, numba, scipy.stats, sklearn, torch, transformers  # once: they take long
import llm_audit
names = [each.name for each in pkgutil.walk_packages(llm_audit.__path__, "llm_audit.") if not each.name.endswith("__main__")]
assert len(names) > 200, names
for name in names:
    for known in [known for known in sys.modules if known.startswith("llm_audit")]:
        del sys.modules[known]
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
