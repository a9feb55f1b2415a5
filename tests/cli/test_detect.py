"""`llm-audit detect` and `calibrate`: exit codes, reports and what stands next to every p-value."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from llm_audit.cli import COMMANDS
from llm_audit.cli import cli as group
from tests.cli.conftest import write_texts
from tests.cli.tool import COMMAND, HUMAN, MACHINE, SHORT, Tool, run_command, sentence, spawn

pytestmark = pytest.mark.usefixtures("embedded")
HEAVY = ("torch", "transformers", "numpy", "scipy", "pydantic", "rich", "numba", "tokenizers", "jinja2")


def report(tool: Tool, *args: object, code: int = 0) -> dict[str, Any]:
    outcome = tool("detect", *args, "--format", "json")
    assert (outcome.code, outcome.err) == (code, "")
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def detectors(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The results but for those on what the text was tampered with: the integrity rules, and the text as given (AUD190)."""
    return [result for result in document["results"] if not result["rule"].startswith("AUD9") and result["rule"] != "AUD190"]


def verdicts(found: dict[str, Any]) -> list[str]:
    return [document["verdict"] for document in found["subjects"]]


def p_values(document: dict[str, Any]) -> dict[str, float]:
    results = [document["combined"], *detectors(document)]
    spans = {f"passage {i}": span["p_value"] for i, span in enumerate(document["combined"]["spans"]) if span["n"]}
    return {result["rule"]: result["p_value"] for result in results} | spans


# Exit codes


@pytest.mark.parametrize(
    ("paths", "options", "code"),
    [
        ([HUMAN], [], 0),
        ([HUMAN], ["--strict"], 0),
        ([MACHINE], [], 1),
        ([HUMAN, MACHINE, SHORT], ["--strict"], 1),
        ([SHORT], [], 0),
        ([SHORT], ["--strict"], 3),
        ([HUMAN, SHORT], ["--strict"], 3),
        ([HUMAN], ["--alpha", "1e-6"], 0),
        ([HUMAN], ["--alpha", "1e-6", "--strict"], 3),
        (["missing.txt"], [], 2),
        (["missing.txt", MACHINE], ["--strict"], 2),
        ([], [], 2),
        ([HUMAN], ["--alpha", "0"], 2),
        ([HUMAN], ["--alpha", "one"], 2),
    ],
)
def test_exit_codes(tool: Tool, paths: list[str], options: list[str], code: int) -> None:
    outcome = tool("detect", *paths, *options)
    assert outcome.code == code
    assert "Traceback" not in outcome.err


def test_the_process_exits_with_the_code_of_main() -> None:
    assert spawn("detect", SHORT, "--strict").code == 3
    assert spawn("detect", MACHINE).code == 1


# What a report says


def test_json_obeys_the_published_schema(tool: Tool) -> None:
    schema = json.loads(tool("schema").out)
    Draft202012Validator.check_schema(schema)
    found = report(tool, HUMAN, MACHINE, SHORT, "missing.txt", code=2)
    Draft202012Validator(schema).validate(found)
    assert verdicts(found) == ["pass", "finding", "not_assessable", "error"]
    assert found["coverage"] == {"found": 4, "scored": 2, "not_assessable": 1, "unreadable": 1}


def test_next_to_every_p_value_stands_what_it_is_worth(tool: Tool) -> None:
    for document in report(tool, HUMAN, MACHINE, code=1)["subjects"]:
        for result in (document["combined"], *detectors(document)):
            assert 0 < result["p_floor"] <= result["p_value"] <= 1
            assert result["p_upper"] is None  # claimed for single detectors on a single part only; these texts have several
            assert result["null"].endswith("english-mixed.")
            assert document["tokens"] - 16 * 4 < result["n"] <= document["tokens"]  # each part loses at most 15 to the grid
            assert result["population"]["name"] == "english-mixed"
            assert result["population"]["n"] > 900
            assert result["reason"]
            assert result["assumptions"]
            assert result["method"]


def test_a_text_that_cannot_be_judged_has_no_p_value(tool: Tool) -> None:
    (document,) = report(tool, SHORT)["subjects"]
    assert document["combined"] is None
    assert detectors(document) == []
    assert document["tokens"] == 45
    assert document["summary"].startswith("Not assessable. The text has 45 tokens")


def test_the_text_report_says_the_same(tool: Tool) -> None:
    out = " ".join(tool("detect", HUMAN, MACHINE, SHORT).out.split())
    for said in (
        "No finding",
        "Finding",
        "Not assessable",
        "Null hypothesis: The text was written like the human texts of the population english-mixed.",
        "Smallest possible p",
        "at least as machine-like as the most machine-like of its 2 parts",
        "What this does not prove",
        "3 inputs: 2 judged, 1 not assessable, 0 unreadable.",
    ):
        assert said in out


def test_no_text_leaves_the_text_out_of_every_report(tool: Tool, tmp_path: Path) -> None:
    files = [tmp_path / "r.html", tmp_path / "r.json"]
    outcome = tool("detect", MACHINE, "--no-text", "-o", files[0], "-o", files[1])
    assert outcome.code == 1
    phrase = "vital component of"
    assert phrase in Path(MACHINE).read_text()
    for content in (outcome.out, *(file.read_text() for file in files)):
        assert phrase not in content
    (document,) = json.loads(files[1].read_text())["subjects"]
    assert document["text"] is None
    assert document["combined"]["p_value"] is not None


def test_one_detector_alone(tool: Tool) -> None:
    all_of_them = report(tool, MACHINE, code=1)["subjects"][0]
    (document,) = report(tool, MACHINE, "--detector", "log-rank", code=1)["subjects"]
    (result,) = detectors(document)
    assert result == next(other for other in all_of_them["results"] if other["rule"] == result["rule"])
    assert document["combined"]["p_value"] == pytest.approx(result["p_value"])
    two = report(tool, MACHINE, "--detector", "lrr", "--detector", "log-rank", code=1)
    assert len(detectors(two["subjects"][0])) == 2
    assert len(two["manifest"]["detectors"]) == 2


# Where reports go


def test_several_reports_of_one_run(tool: Tool, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("a.html", "b.json", "c.HTM")]
    outcome = tool("detect", SHORT, *(word for output in outputs for word in ("-o", output)))
    assert outcome.code == 0
    assert "Not assessable" in outcome.out
    assert outputs[0].read_text() == outputs[2].read_text()
    assert outputs[0].read_text().startswith("<!DOCTYPE html>")
    assert json.loads(outputs[1].read_text())["coverage"]["found"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.json", "c.HTM"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "report.docx"], "report.docx"),
        (["-o", "good.html", "-o", "report"], "report"),
        (["--detector", "magic"], "There is no detector 'magic'; choose from classifier, curvature"),
        (["--population", "martian"], "There is no population 'martian'; choose from english-mixed"),
        (["--population", "../../etc/passwd"], "There is no population"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_any_work(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path / "cache"))  # no model here: a run would fail for that reason
    outcome = tool("detect", HUMAN, "--offline", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in sentence(outcome)
    assert list(tmp_path.iterdir()) == []


# Inputs


def test_standard_input(tool: Tool) -> None:
    with Path(MACHINE).open("rb") as essay:
        piped = spawn("detect", "-", "--format", "json", stdin=essay)
    assert (piped.code, piped.err) == (1, "")
    (document,) = json.loads(piped.out)["subjects"]
    (named,) = report(tool, MACHINE, code=1)["subjects"]
    assert document == named | {"name": "-"}


def test_a_folder_and_files_are_judged_each_once_in_order(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for essay in (HUMAN, MACHINE):
        shutil.copy(essay, tmp_path)
    shutil.copy(SHORT, tmp_path / "sub")
    folder = report(tool, tmp_path, code=1)["subjects"]
    assert [Path(document["name"]).name for document in folder] == [Path(essay).name for essay in (HUMAN, MACHINE, SHORT)]
    short, machine = tmp_path / "sub" / Path(SHORT).name, tmp_path / Path(MACHINE).name
    files = report(tool, short, machine, tmp_path, short, code=1)["subjects"]
    assert files == [folder[2], folder[1], folder[0]]


LAYOUTS = {
    "Windows line ends": lambda text: text.replace("\n", "\r\n"),
    "old Mac line ends": lambda text: text.replace("\n", "\r"),
    "all on one line": lambda text: " ".join(text.split()),
    "a word a line": lambda text: "\n".join(text.split()),
    "two spaces": lambda text: text.replace(" ", "  "),
    "tabs": lambda text: text.replace(" ", "\t"),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "indented": lambda text: "".join(f"    {line}  \n" for line in text.splitlines()),
    "blank around": lambda text: f"\n\n \t{text}\n\n\n ",
    "byte order mark": lambda text: "\ufeff" + text,
    "zero-width spaces": lambda text: text.replace("e", "e\u200b"),
}


@pytest.mark.parametrize(
    "layouts",
    [("old Mac line ends", "no-break spaces", "zero-width spaces"), pytest.param((*LAYOUTS,), marks=pytest.mark.slow)],
    ids=len,
)
def test_white_space_moves_no_p_value(tool: Tool, tmp_path: Path, layouts: tuple[str, ...]) -> None:
    for layout in layouts:
        laid_out = LAYOUTS[layout]
        (tmp_path / layout).mkdir()
        for essay in (HUMAN, MACHINE):
            original = Path(essay).read_text()
            variant = tmp_path / layout / Path(essay).name
            variant.write_bytes(laid_out(original).encode())
            assert variant.read_bytes() != original.encode()
    before = report(tool, HUMAN, MACHINE, code=1)["subjects"]
    after = report(tool, tmp_path, code=1)["subjects"]
    for layout in layouts:
        variants = [document for document in after if Path(document["name"]).parent.name == layout]
        for old, new in zip(before, variants, strict=True):
            assert p_values(new) == pytest.approx(p_values(old), abs=0.01), layout
            assert new["verdict"] == old["verdict"], layout


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_the_encoding_of_the_file_moves_no_p_value(tool: Tool, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "essay.txt").write_text(Path(MACHINE).read_text(), encoding=encoding)
    (old,), (new,) = (report(tool, path, code=1)["subjects"] for path in (MACHINE, tmp_path))
    assert p_values(new) == p_values(old)


# Populations of one's own


def test_a_text_is_judged_by_a_population_of_ones_own(tool: Tool, tiny: tuple[str, ...]) -> None:
    (document,) = report(tool, HUMAN, *tiny)["subjects"]
    assert document["verdict"] == "inconclusive"  # 40 texts cannot give a p-value of .01
    assert document["combined"]["population"]["name"] == "own"
    assert document["combined"]["population"]["n"] <= 40
    assert document["combined"]["p_floor"] >= 1 / 41
    assert report(tool, HUMAN, *tiny, "--strict", code=3)["manifest"]["population"] == "own"


def test_calibrate_counts_distinct_texts_and_shows_its_datasheet(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path / "data"))
    texts = write_texts(tmp_path / "few.jsonl", 5)
    texts.write_text(texts.read_text() * 2 + "\n" + json.dumps({"text": "Too short."}) + "\n")
    built = tool("calibrate", texts, "--name", "few", "--description", "Five texts.", *tiny[:2])
    assert (built.code, built.err) == (0, "")
    assert built.out.startswith("Population few: 5 of 6 texts are long enough.")
    shown = tool("calibrate", "show", "few")
    assert shown.code == 0
    assert "few: Five texts." in shown.out
    assert "english-mixed" in shown.out
    assert tool("detect", HUMAN, "--model", tiny[1], "--population", "few").code == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "one"}\n{"txt": "two"}\n', "Line 2 of "),
        ("[]\n", "Line 1 of "),
        ('{"text": 3}\n', "is not a text"),
        ('{"text": "half \\ud83d"}\n', "half a character"),
        ("[" * 100_000 + "\n", "Line 1 of "),
        ("\n\n", "holds no texts"),
        ('{"text": "Too short to calibrate on."}\n', "No text has 64 tokens"),
        (b'{"text": "caf\xe9"}\n', "is not UTF-8"),
        (None, "No such file"),
    ],
)
def test_what_calibrate_cannot_use_is_one_sentence(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, content: str | bytes | None, said: str
) -> None:
    path = tmp_path / "texts.jsonl"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    outcome = tool("calibrate", path, "--name", "bad", *tiny[:2])
    assert (outcome.code, outcome.out) == (2, "")
    assert said in sentence(outcome)


@pytest.mark.parametrize("population", [(), ("--population", "own")])
def test_a_population_of_another_model_is_refused(
    tool: Tool, tiny: tuple[str, ...], tiny_rival: Path, population: tuple[str, ...]
) -> None:
    outcome = tool("detect", HUMAN, "--model", tiny_rival, *population)
    assert (outcome.code, outcome.out) == (2, "")
    assert sentence(outcome).startswith(f"Error: The population {'own' if population else 'english-mixed'} was scored by ")
    assert "build one for this model with `llm-audit calibrate`" in outcome.err


# The command line itself


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(tool: Tool, command: str) -> None:
    found = group.commands.get(command) or group.get_command(None, command)
    assert found is not None
    for words in ([command], *([command, name] for name in getattr(found, "commands", {}))):
        outcome = tool(*words, "--help")
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.startswith(f"Usage: llm-audit {' '.join(words)}")
        assert len(outcome.out.splitlines()) > 4
    short = found.get_short_help_str(200)
    assert short.split(".")[0].split("?")[0] in COMMANDS[command]


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["no-such-command"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = f"import sys, atexit; atexit.register(lambda: print('LOADED', *sorted(sys.modules))); {COMMAND[2]}"
    outcome = run_command([*COMMAND[:2], code, *args])
    loaded = outcome.out.split("LOADED")[1].split()
    assert "llm_audit.cli" in loaded
    assert [name for name in HEAVY if name in loaded] == []
    ours = [name for name in loaded if name.startswith("llm_audit.") and not name.startswith("llm_audit.common")]
    assert [name for name in ours if name.count(".") > 1] == []


def test_a_warm_run_needs_no_torch(tool: Tool) -> None:
    tool("detect", MACHINE)
    code = f"import sys, atexit; atexit.register(lambda: print('LOADED', *sorted(sys.modules))); {COMMAND[2]}"
    loaded = run_command([*COMMAND[:2], code, "detect", MACHINE]).out.split("LOADED")[1].split()
    assert "torch" not in loaded
    assert "transformers" not in loaded


def test_limits_of_p_values_are_told_only_where_there_is_one(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("Too short.")
    nothing = json.loads(tool("detect", tmp_path / "short.txt", "missing.txt", *tiny, "--format", "json").out)
    assert nothing["limits"] == ["No decision about a person should rest on this report alone."]
    something = json.loads(tool("detect", "missing.txt", HUMAN, *tiny, "--format", "json").out)
    assert len(something["limits"]) == 6
