"""`llm-audit report`, and the formats of every command: stored reports render to the same bytes and the same exit code."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import llm_audit.scoring.session as session_module
from llm_audit.detectors.registry import described
from llm_audit.reports.formats import FORMATS, NAMES, SUFFIXES, jsonl
from llm_audit.reports.formats.json import render as render_json
from llm_audit.results import Report, Served, Verdict
from llm_audit.scoring.engine import Engine
from tests.cli.conftest import write_texts
from tests.cli.test_detect import HEAVY
from tests.cli.tool import COMMAND, HUMAN, MACHINE, SHORT, Tool, run_command, sentence, spawn
from tests.reports import factory

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
CODES = {"finding": 1, "pass": 0, "not-assessable": 0}
MADE: list[tuple[Callable[[], Report], int]] = [
    *((factory.report, 2), (factory.attribution_report, 2), (factory.membership_report, 1), (factory.untouched_report, 0)),
    *((factory.shifted_report, 0), (factory.substitution_report, 1), (factory.consistent_report, 0)),
    (factory.not_measured_report, 3),
]


def stored(folder: Path, report: Report, suffix: str = ".json") -> Path:
    path = folder / f"stored{suffix}"
    path.write_text(FORMATS["jsonl"].renderer()(report, described) if suffix == ".jsonl" else render_json(report))  # type: ignore[arg-type]  # text
    return path


def test_a_run_renders_again_to_the_same_bytes(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    names = [f"report{suffix}" for suffix in SUFFIXES if suffix != ".pdf"]  # slow, and tested by itself
    (tmp_path / "run").mkdir()
    run = [word for name in names for word in ("-o", tmp_path / "run" / name)]
    first = tool("detect", HUMAN, MACHINE, SHORT, "missing.txt", "--alpha", "0.05", *tiny, *run)
    assert first.code == 2
    for source in ("report.json", "report.jsonl"):
        again = tmp_path / source.replace(".", "-")
        again.mkdir()
        outcome = tool("report", tmp_path / "run" / source, *(word for name in names for word in ("-o", again / name)))
        assert outcome == first
        for name in names:
            assert (again / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name


@pytest.mark.parametrize("format_", [name for name in NAMES if name != "pdf"])
@pytest.mark.parametrize("golden", CODES)
def test_the_exit_code_is_that_of_the_verdict_in_every_format(tool: Tool, golden: str, format_: str) -> None:
    outcome = tool("report", GOLDEN / f"{golden}.json", "--format", format_)
    assert outcome.out
    assert (outcome.code, outcome.err) == (CODES[golden], "")
    if format_ in ("text", "html", "json"):
        suffix = {"text": "txt"}.get(format_, format_)
        assert outcome.out == (GOLDEN / f"{golden}.{suffix}").read_text()


@pytest.mark.parametrize(("made", "code"), MADE)
def test_the_exit_code_of_every_kind_of_report(tool: Tool, tmp_path: Path, made: Callable[[], Report], code: int) -> None:
    for suffix in (".json", ".jsonl"):
        outcome = tool("report", stored(tmp_path, made(), suffix), "--format", "gitlab")
        assert (outcome.code, outcome.err) == (code, "")


def test_a_pdf_is_printed_as_it_is(tmp_path: Path) -> None:
    with (tmp_path / "a.pdf").open("wb") as file:
        outcome = spawn("report", GOLDEN / "finding.json", "--format", "pdf", stdout=file)
    assert (outcome.code, outcome.err) == (1, "")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")


def test_strict_asks_for_an_answer(tool: Tool, tmp_path: Path) -> None:
    assert tool("report", GOLDEN / "not-assessable.json", "--strict").code == 3
    assert tool("report", GOLDEN / "pass.json", "--strict").code == 0
    assert tool("report", stored(tmp_path, factory.report(factory.undecided())), "--strict").code == 3


def test_an_endpoint_that_was_not_measured_is_no_success_whatever_the_verdict_says() -> None:
    report = factory.not_measured_report()
    assert report.substitution and report.substitution.served is Served.NOT_MEASURED
    passed = report.substitution.model_copy(update={"verdict": Verdict.PASS})
    assert report.model_copy(update={"subjects": (passed,)}).exit_code() == 3


def test_standard_input(tmp_path: Path) -> None:
    for suffix in (".json", ".jsonl"):
        with stored(tmp_path, factory.membership_report(), suffix).open("rb") as file:
            outcome = spawn("report", "-", "--format", "json", stdin=file)
        assert (outcome.code, outcome.out, outcome.err) == (1, render_json(factory.membership_report()), "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory."),
        (b"", "it is empty"),
        (b"# A report", "it is no JSON"),
        (b'{"runs": []}', "it says no schema_version"),
        (b'{"schema_version": "7"}', "has schema version 7, and this llm-audit reads versions 1 and 2"),
        (render_json(factory.report()).encode()[:5000], "it is cut off, or no JSON"),
        (jsonl.render(factory.report()).encode()[:5000], "is cut off"),
        (jsonl.record(factory.finding()).encode(), "the run that wrote it did not end"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tool: Tool, tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "old.json"
    if content is not None:
        path.write_bytes(content)
    outcome = tool("report", path, "-o", tmp_path / "new.html")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in sentence(outcome)
    assert not (tmp_path / "new.html").exists()


def test_a_folder_and_a_closed_standard_input(tool: Tool, tmp_path: Path) -> None:
    assert "is a folder without summary.json" in sentence(tool("report", tmp_path))
    assert "cannot be read" in sentence(tool("report", "no\0name"))


@pytest.mark.parametrize("args", [["-o", "a.docx"], ["-o", "a.html", "-o", "b"]])
def test_an_unknown_suffix_is_refused_before_anything_is_written(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = tool("report", GOLDEN / "pass.json", *args)
    assert (outcome.code, outcome.out) == (2, "")
    assert "its name must end in" in sentence(outcome)
    assert list(tmp_path.iterdir()) == []


def test_pdf_without_weasyprint_is_refused_before_the_run(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    for args in (["-o", tmp_path / "a.pdf"], ["--format", "pdf"]):
        outcome = tool("detect", "missing.txt", *args)
        assert (outcome.code, outcome.out) == (2, "")
        assert sentence(outcome).endswith("needs weasyprint: install it with `pip install 'llm-audit[pdf]'`.")


def test_a_pdf_is_not_put_on_a_terminal(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    outcome = tool("report", GOLDEN / "pass.json", "--format", "pdf")
    assert (outcome.code, outcome.out) == (2, "")
    assert "nothing for a terminal" in sentence(outcome)


def test_a_report_that_cannot_be_written_costs_no_other(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "a.md").mkdir()
    outcome = tool("report", GOLDEN / "pass.json", "-o", tmp_path / "a.md", "-o", tmp_path / "a.sarif", "--format", "jsonl")
    assert outcome.code == 2
    assert outcome.err.endswith("a.md: it is a folder.\n")
    assert json.loads((tmp_path / "a.sarif").read_text())["version"] == "2.1.0"
    assert [json.loads(line)["type"] for line in outcome.out.splitlines()] == ["collection", "report"]


@pytest.mark.parametrize("words", [["detect"], ["attribute"], ["report"], ["membership", "score"], ["substitution", "watch"]])
def test_the_help_lists_the_formats_and_imports_none(words: list[str]) -> None:
    code = f"import sys, atexit; atexit.register(lambda: print('LOADED', *sorted(sys.modules))); {COMMAND[2]}"
    said, _, loaded = run_command([*COMMAND[:2], code, *words, "--help"], env={"COLUMNS": "400"}).out.partition("LOADED")
    assert "|".join(NAMES) in said
    assert all(suffix in said for suffix in SUFFIXES)
    assert [name for name in (*HEAVY, "weasyprint", "httpx2") if name in loaded.split()] == []


# Records while a run goes on


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened in which order: texts that went through the model, records that were printed."""
    happened: list[str] = []
    monkeypatch.setattr(session_module, "GROUP", 2)
    score, record = Engine.score_each, jsonl.record

    def scored(self: Engine, texts: list[str], *rest: object) -> object:
        happened.append(f"{len(texts)} scored")
        return score(self, texts, *rest)

    def recorded(document: object) -> str:
        happened.append("record")
        return record(document)

    monkeypatch.setattr(Engine, "score_each", scored)
    monkeypatch.setattr(jsonl, "record", recorded)
    return happened


@pytest.fixture
def essays(tmp_path: Path) -> list[Path]:
    texts = [json.loads(line)["text"] for line in write_texts(tmp_path / "texts.jsonl", 5).read_text().splitlines()]
    paths = [tmp_path / f"{number}.txt" for number in range(5)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def test_records_appear_while_the_run_goes_on(
    tool: Tool, tiny: tuple[str, ...], essays: list[Path], events: list[str], tmp_path: Path
) -> None:
    outcome = tool("detect", *essays, SHORT, "missing.txt", *tiny, "--no-cache", "--format", "jsonl")
    assert events == ["2 scored", "record", "record", "2 scored", "record", "record", "2 scored", *["record"] * 3]
    lines = outcome.out.splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["document"] * 7 + ["report"]
    (tmp_path / "stream.jsonl").write_text(outcome.out)
    again = tool("report", tmp_path / "stream.jsonl", "--format", "jsonl")
    assert again == outcome


def test_a_stream_ends_in_the_same_report_as_any_format(
    tool: Tool, tiny: tuple[str, ...], essays: list[Path], tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    outcome = tool("detect", *essays, *tiny, "--format", "jsonl", "-o", file)
    (tmp_path / "a.jsonl").write_text(outcome.out)
    again = tool("report", tmp_path / "a.jsonl", "--format", "json")
    assert again.out == file.read_text()


def test_a_stream_that_nobody_reads_ends_the_run_unless_there_are_files_to_write(
    tiny: tuple[str, ...], essays: list[Path], tmp_path: Path
) -> None:
    words = ["detect", *map(str, essays), *tiny, "--format", "jsonl"]
    shell = ["bash", "-o", "pipefail", "-c", '"$@" | head -c 10 > /dev/null', "bash", *COMMAND, *words]
    outcome = run_command(shell)
    assert (outcome.code, outcome.err) == (141, "")
    outcome = run_command([*shell, "-o", str(tmp_path / "a.json"), "-o", str(tmp_path / "a.jsonl")])
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads((tmp_path / "a.json").read_text())["coverage"]["found"] == len(essays)
    assert (tmp_path / "a.jsonl").read_text().count("\n") == len(essays) + 1


def test_a_compliance_report_of_a_stored_one(tool: Tool, tmp_path: Path) -> None:
    stored = GOLDEN / "finding.json"
    files = [tmp_path / f"filed{suffix}" for suffix in (".html", ".md", ".json", ".pdf")]
    outputs = [item for file in files for item in ("-o", file)]
    done = tool("report", stored, "--compliance", "generic", "--claim", "human-review=A. Editor", *outputs)
    said = "".join(f"The compliance report: {file}\n" for file in files)
    assert (done.code, done.out, done.err) == (1, said, "")
    page, text, filed, paper = files
    assert "A. Editor" in page.read_text() and "Stated by the user, unverified" in text.read_text()
    assert json.loads(filed.read_text())["report_digest"] == hashlib.sha256(stored.read_bytes()).hexdigest()
    assert paper.read_bytes().startswith(b"%PDF")
    assert tool("report", stored, "--compliance", "eu-ai-act-50").out.startswith("# ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--claim", "human-review=x"), "--claim goes with --compliance"),
        (("--compliance", "generic", "--claim", "x"), "has no ="),
        (("--compliance", "generic", "--format", "sarif"), "no --format sarif"),
        (("--compliance", "generic", "-o", "x.sarif"), "x.sarif"),
        (("--compliance", "eu-ai-act"), "eu-ai-act-50"),
        (("--compliance", "generic", "--claim", "no-such=x"), "no-such"),
    ],
)
def test_a_wrong_wish_for_compliance_is_one_sentence(tool: Tool, options: tuple[str, ...], said: str) -> None:
    done = tool("report", GOLDEN / "pass.json", *options)
    assert done.code == 2 and said in sentence(done)
