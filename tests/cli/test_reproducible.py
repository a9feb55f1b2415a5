"""Same input, same seed: the same bytes in every format, whatever the locale, the time zone and the hash seed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from fixtures.golden.make import CASES, command
from llm_audit.reports.formats import FORMATS
from tests.cli.tool import ESSAYS, HUMAN, MACHINE, SHORT, Tool, sentence

ROOT = Path(__file__).parents[2]
RUNS = """
import json, sys
from llm_audit.cli import main
for arguments in json.load(sys.stdin):
    sys.argv = ["llm-audit", *arguments]
    try:
        main(arguments)
    except SystemExit as end:
        assert end.code in (0, 1), end.code
"""
"""Several commands in one process, as their command lines were."""

SURROUNDINGS = (
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "UTC", "PYTHONHASHSEED": "0"},
    {"LC_ALL": "de_DE.UTF-8", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "1"},
    {"LC_ALL": "C.UTF-8", "TZ": "Pacific/Honolulu", "PYTHONHASHSEED": "4294967295"},
)

TEXTUAL = [each.suffixes[0] for each in FORMATS.values() if each.suffixes and not each.binary]
"""One suffix of each format; PDF takes seconds, and its bytes have a test of their own."""


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the locale de_DE.UTF-8, whose decimal sign is a comma."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/locales/de_DE").exists():
        pytest.skip("no localedef: apt-get install locales")
    subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"], check=True, capture_output=True)
    return folder


def in_surroundings(
    commands: list[list[str]], folder: Path, tried: Iterable[dict[str, str]] = SURROUNDINGS, suffixes: Iterable[str] = TEXTUAL
) -> list[dict[str, bytes]]:
    """Every report of the commands, once for each of the surroundings; the commands run in `folder`."""
    (folder / "fixtures").symlink_to(ROOT / "fixtures")
    outputs = [f"report-@{suffix}" for suffix in suffixes]
    lines = [
        [*line, *(part for output in outputs for part in ("-o", output.replace("@", str(number))))]
        for number, line in enumerate(commands)
    ]
    found = []
    for surroundings in tried:
        done = subprocess.run(
            [sys.executable, "-c", RUNS], input=json.dumps(lines).encode(), cwd=folder, env=environment(surroundings),
            capture_output=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        found.append({path.name: path.read_bytes() for path in folder.glob("report-*")})
        assert len(found[-1]) == len(outputs) * len(commands)
    return found


def alike(found: list[dict[str, bytes]]) -> None:
    first, *others = found
    assert b"2025-01-01T00:00:00+00:00" in first["report-0.json"]
    for name, content in first.items():
        assert all(other[name] == content for other in others), name


@pytest.fixture
def at_new_year(monkeypatch: pytest.MonkeyPatch, german: Path) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1735689600")
    monkeypatch.setenv("LOCPATH", str(german))


@pytest.mark.usefixtures("at_new_year")
@pytest.mark.parametrize("runs", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_runs_elsewhere_give_the_same_bytes(tiny: tuple[str, ...], tmp_path: Path, runs: int) -> None:
    alike(in_surroundings([["detect", "fixtures/texts/essay-human.txt", *tiny, "--no-cache"]], tmp_path, SURROUNDINGS[:runs]))


@pytest.mark.slow
@pytest.mark.usefixtures("at_new_year")
def test_so_do_three_attributions(tiny: tuple[str, ...], tiny_llama: Path, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Write an essay.")
    by = ["--candidate", f"{tiny_llama}@temperature=0.8", "--prompt", "prompt.txt"]
    attributed = ["attribute", "fixtures/texts/essay-too-short.txt", *by, "--no-cache"]
    alike(in_surroundings([attributed], tmp_path))


@pytest.mark.slow
@pytest.mark.usefixtures("at_new_year", "embedded")
def test_so_do_real_models_and_every_golden_report(tmp_path: Path) -> None:
    goldens = [[*command(name), "--no-cache"] for name in CASES]
    alike(in_surroundings([["detect", "fixtures/texts", "--no-cache"], *goldens], tmp_path))


@pytest.mark.slow
@pytest.mark.usefixtures("at_new_year", "embedded")
def test_the_number_of_threads_changes_no_number_on_one_machine(tmp_path: Path) -> None:
    threads = [{"OMP_NUM_THREADS": str(count)} for count in (1, 2, 3)]
    lines = [["detect", "fixtures/texts", "--no-cache"], [*command("finding"), "--no-cache"]]
    found = in_surroundings(lines, tmp_path, threads, [".json"])
    first, *others = [{name: json.loads(content) for name, content in each.items()} for each in found]
    for reports in (first, *others):
        for report in reports.values():
            del report["manifest"]["threads"]
    assert all(other == first for other in others)


def environment(surroundings: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("LC_")} | surroundings


def reading(tool: Tool, *args: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tool("detect", *args, "--format", "json").out)
    return found


def test_the_order_of_arguments_changes_the_order_and_nothing_else(
    tool: Tool, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    paths = (HUMAN, MACHINE, SHORT)
    whole = reading(tool, *paths, *tiny)
    by_name = {document["name"]: document for document in whole["subjects"]}
    for order in permutations(paths):
        found = reading(tool, *order, *tiny)
        assert [document["name"] for document in found["subjects"]] == list(order)
        assert {document["name"]: document for document in found["subjects"]} == by_name
        others = {"subjects": [], "manifest": {}, "content_digest": ""}
        assert {**found, **others} == {**whole, **others}
        assert found["manifest"] == whole["manifest"]  # the command line is that of pytest, both times


def test_a_folder_is_read_in_the_same_order_however_it_is_stored(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    names = [f"{name}.txt" for name in "hbfdaceg"]
    for order in (names, sorted(names), sorted(names, reverse=True)):
        folder = tmp_path / "".join(name[0] for name in order)
        folder.mkdir()
        for name in order:
            shutil.copy(ESSAYS / "essay-too-short.txt", folder / name)
        assert [Path(document["name"]).name for document in reading(tool, folder, *tiny)["subjects"]] == sorted(names)


@pytest.mark.parametrize("value", ["", "now", "-1", "1.5", "٣", "9" * 40])
def test_a_time_that_is_none_is_refused(tool: Tool, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    outcome = tool("detect", SHORT, *tiny)
    assert outcome.code == 2
    assert "set it to seconds since 1970" in sentence(outcome)
