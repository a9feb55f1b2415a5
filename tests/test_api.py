"""The library: `import llm_audit` costs nothing, and what it offers judges real texts with real, tiny models."""

from __future__ import annotations

import importlib
import inspect
import io
import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pytest

import llm_audit
from fixtures.membership.world import world
from llm_audit.api.arguments import Count, checked, types_of
from llm_audit.api.frames import COLUMNS
from llm_audit.api.running import StrPath
from llm_audit.cli.train import FEATURES
from llm_audit.common.errors import about
from llm_audit.results import Document, Verdict
from llm_audit.setup import OpenSetup
from tests.cli.conftest import embedded, write_texts
from tests.cli.tool import HUMAN, MACHINE, SHORT, Tool

__all__ = ["embedded"]  # a fixture

ROOT = Path(__file__).parents[1]
FIXTURE = str(ROOT / "fixtures" / "membership" / "model")
TOO_SHORT = llm_audit.Text("Too short.", name="note")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def setup(root: Path, tiny_llama: Path) -> llm_audit.Setup:
    """The tiny model and a population of 40 texts that it scored, made by the library itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_AUDIT_CACHE", str(root / "cache"))
        patch.setenv("LLM_AUDIT_DATA", str(root / "data"))
        made = llm_audit.Setup(model=str(tiny_llama))
        population, path, count = llm_audit.calibrate(write_texts(root / "human.jsonl", 40), "own", setup=made)
        assert (population.n, count) == (40, 40) and path.exists()
    return llm_audit.Setup(model=str(tiny_llama), population="own")


@pytest.fixture(autouse=True)
def here(root: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A cache and populations of our own."""
    if "embedded" not in request.fixturenames:
        monkeypatch.setenv("LLM_AUDIT_CACHE", str(root / "cache"))
        monkeypatch.setenv("LLM_AUDIT_DATA", str(root / "data"))


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


def processor_seconds() -> float:
    """Of the processes that this one has started: what else the machine does is not under test."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def best_of(code: str, times: int = 7) -> float:
    found = []
    for _ in range(times):
        before = processor_seconds()
        run(code)
        found.append(processor_seconds() - before)
    return min(found)


def test_import_costs_less_than_50_ms_and_no_more_than_a_bare_interpreter_does() -> None:
    bare, ours = best_of("pass"), best_of("import llm_audit")
    assert ours - bare < 0.05
    assert ours / bare < 2
    assert (
        run("import sys, llm_audit; print(*sorted({'torch', 'numpy', 'pydantic', 'click', 'typing'} & set(sys.modules)))")
        == "\n"
    )


def test_every_public_name_is_there_and_no_submodule_hides_one() -> None:
    for module in ("api.corpora", "api.gate", "api.stored", "api.membership"):
        importlib.import_module(f"llm_audit.{module}")
    for name in llm_audit.__all__:
        assert getattr(llm_audit, name) is not None
    for name in ("detect", "attribute", "gate", "scan", "verify", "read_report", "audit_endpoint"):
        assert callable(getattr(llm_audit, name)), name
    with pytest.raises(AttributeError, match="no attribute 'detekt'"):
        llm_audit.detekt  # noqa: B018  # asked for on purpose


def test_a_text_and_a_file_of_the_same_characters_get_the_same_answer(setup: llm_audit.Setup) -> None:
    text = llm_audit.Text(Path(HUMAN).read_text(), name="mine")
    report = llm_audit.detect([HUMAN, text, TOO_SHORT], alpha=0.2, setup=setup)
    first, second, short = report.documents
    assert first.p_value is not None and 0 < first.p_value <= 1
    assert first.combined is not None and first.p_value == first.combined.p_value
    assert second.model_copy(update={"name": first.name}) == first
    assert (short.p_value, short.verdict) == (None, Verdict.NOT_ASSESSABLE)
    assert report.manifest.alpha == 0.2 and report.manifest.finished is not None


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: llm_audit.detect(b"essay.txt"), "texts is b'essay.txt'; it must be a path, an llm_audit.Text"),
        (lambda: llm_audit.detect({"name": "a text"}), "texts is {'name': 'a text'}"),
        (lambda: llm_audit.detect([HUMAN, 5]), "texts holds 5"),
        (lambda: llm_audit.detect(path for path in [HUMAN, 5]), "type int"),
        (lambda: llm_audit.detect(None), "llm_audit.Text"),
        (lambda: llm_audit.detect(HUMAN, on_document=None), "on_document is None; it must be a function"),
        (lambda: llm_audit.detect(HUMAN, include="tables"), "it must be a list of strings"),
        (lambda: llm_audit.gate(llm_audit.Text("a")), "paths is Text.*it must be a path or a list of them"),
        (lambda: llm_audit.gate(HUMAN, policy="llm-audit.toml"), "llm_audit.load_policy"),
        (lambda: llm_audit.scan(HUMAN, "results", shard=(9, 8)), "no part 9 of 8"),
        (lambda: llm_audit.scan(HUMAN, "results", shard="2/8"), "it must be a pair of whole numbers or None"),
        (lambda: llm_audit.scan(HUMAN, "results", limit=0), "limit is 0; it must be 1 or more, or None"),
        (lambda: llm_audit.plan_audit("q4", rate=0), "rate is 0; it must be a number above 0 and at most 1"),
        (lambda: llm_audit.plan_audit("q4", power=float("nan")), "power is nan"),
        (lambda: llm_audit.EndpointSetup("http://a/v1", "b", attempts=0), "from 1 to 20"),
        (lambda: llm_audit.membership.canary([]), "No canary is named"),
        (lambda: llm_audit.train(HUMAN, "a", schedule={"epoch": 2}), "no 'epoch'"),
        (lambda: llm_audit.verify(None), "source is None; it must be a path or bytes"),
        (lambda: llm_audit.File("a.txt", name=5), "name is 5; it must be a string"),
        (lambda: llm_audit.detect(HUMAN, alpha="0.01"), "alpha is '0.01'"),
        (lambda: llm_audit.detect(HUMAN, setup={"model": "x"}), "an llm_audit.Setup"),
        (lambda: llm_audit.Text(b"bytes"), "text is b'bytes'; it must be a string"),
        (lambda: llm_audit.Setup(detectors="curvature"), r"\('curvature',\)"),
        (lambda: llm_audit.Setup(detectors=("nope",)).check(), "choose from"),
        (lambda: llm_audit.Setup(device="tpu"), "cpu, cuda"),
        (lambda: llm_audit.Setup(jobs=0), "at least 1"),
        (lambda: llm_audit.Setup(max_tokens=-1), "a number of tokens"),
        (lambda: llm_audit.Setup(model=5), "a name, or None"),
        (lambda: llm_audit.Setup(detectors=None), "several names"),
        (lambda: llm_audit.Setup(offline="yes"), "True or False"),
        (lambda: llm_audit.generate(None, "new.jsonl", count=0), "1 or more"),
        (lambda: llm_audit.explain("AUD9999"), "There is no rule"),
    ],
)  # fmt: skip
def test_an_argument_of_another_kind_is_a_sentence(call: Callable[[], object], said: str) -> None:
    with pytest.raises(llm_audit.InvalidConfiguration, match=said):
        call()


PUBLIC = [
    function
    for module in (llm_audit, llm_audit.membership)
    for name in module.__all__
    if inspect.isfunction(function := getattr(module, name)) and inspect.signature(function).parameters
]


@pytest.mark.parametrize("function", PUBLIC, ids=[f"{function.__module__}.{function.__name__}" for function in PUBLIC])
def test_no_public_function_begins_with_an_argument_of_a_type_that_it_does_not_state(function: Callable[..., object]) -> None:
    parameters = inspect.signature(function).parameters
    needed = {name: object() for name, parameter in parameters.items() if parameter.default is parameter.empty}
    for name in parameters:
        only = {**dict.fromkeys(needed), name: object()}
        with pytest.raises(llm_audit.InvalidConfiguration, match=r"^\w+ is (None|<object object.*>); it must be .*\.$"):
            function(**only)


def test_what_a_type_allows_is_let_pass() -> None:
    @checked
    def f(a: StrPath | Iterable[StrPath], b: float = 0.5, c: Literal["x"] | None = None, d: Count = 1, e: bool = True) -> str:
        return "called"

    good: list[tuple[Any, ...]] = [
        ("p",), (Path("p"),), (["p", Path("q")],), ({"p"},), (iter(["p"]),), ("p", 1), ("p", np.float32(0.5)), ("p", 0.5, "x"),
        ("p", 0.5, None, np.int64(3)), ("p", 0.5, None, 1, np.True_),
    ]  # fmt: skip
    bad: list[tuple[Any, ...]] = [
        (b"p",), ({"p": 1},), ([b"p"],), (io.StringIO("p"),), ("p", "0.5"), ("p", True), ("p", 0.5, "y"), ("p", 0.5, ["x"]),
        ("p", 0.5, None, 0), ("p", 0.5, None, 1.0), ("p", 0.5, None, 1, "yes"),
    ]  # fmt: skip
    assert [f(*arguments) for arguments in good] == ["called"] * len(good)
    for arguments in bad:
        with pytest.raises(llm_audit.InvalidConfiguration):
            f(*arguments)
    with pytest.raises(TypeError, match="missing"):
        f(b=1)  # type: ignore[call-arg]  # what is wrong is that "a" is missing


def test_the_choices_of_training_are_those_that_there_are() -> None:
    from llm_audit.training import heads, losses

    stated = types_of(inspect.unwrap(llm_audit.train))
    assert set(get_args(stated["loss"])) == set(losses.LOSSES) and get_args(stated["kind"]) == heads.KINDS
    assert set(get_args(stated["features"])) == set(FEATURES)


def test_a_text_in_the_place_of_a_path_is_told_how_to_be_given(setup: llm_audit.Setup) -> None:
    (document,) = llm_audit.detect(Path(HUMAN).read_text(), setup=setup).documents
    assert document.verdict is Verdict.ERROR and "llm_audit.Text" in document.summary and len(document.summary) < 250


def test_a_report_is_shown_in_a_line(setup: llm_audit.Setup) -> None:
    report = llm_audit.detect([TOO_SHORT, HUMAN], alpha=0.01, setup=setup)
    verdict = report.documents[1].verdict.value
    expected = f"<Report: Was this text machine-generated? 1 document not_assessable, 1 document {verdict}>"
    assert repr(report) == str(report) == expected


def test_its_parts_are_shown_in_a_line_each(setup: llm_audit.Setup) -> None:
    document = llm_audit.detect(HUMAN, alpha=0.01, setup=setup).documents[0]
    shown = f"Document(name={HUMAN!r}, verdict=<Verdict.INCONCLUSIVE: 'inconclusive'>, p_value={document.p_value})"
    assert repr(document) == shown
    assert repr(document.results[0]).startswith("Result(rule='AUD101', name='Probability curvature', verdict=")


def test_a_format_that_there_is_none_of_is_a_sentence(setup: llm_audit.Setup) -> None:
    report = llm_audit.detect(TOO_SHORT, setup=setup)
    with pytest.raises(llm_audit.InvalidConfiguration, match=r"^There is no format 'docx'; choose from html, .*json"):
        report.render("docx")
    with pytest.raises(llm_audit.InvalidConfiguration, match=r"^path is 5; it must be a path\.$"):
        report.save(5)


def test_a_working_folder_that_is_gone_is_a_sentence(
    setup: llm_audit.Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert llm_audit.detect(HUMAN, setup=setup).documents[0].p_value is not None
    with pytest.raises(llm_audit.NotAvailable, match=r"^The folder in which this runs is no longer there: change into one"):
        llm_audit.gate(HUMAN, setup=setup)


def test_one_path_needs_no_list_and_a_path_object_will_do(setup: llm_audit.Setup) -> None:
    by_name, by_path = (llm_audit.detect(given, setup=setup).documents for given in (HUMAN, Path(HUMAN)))
    assert by_name == by_path and len(by_name) == 1


def test_an_empty_text_is_an_error_like_an_empty_file(setup: llm_audit.Setup, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    texts = [llm_audit.Text(" \n", name=str(tmp_path / "empty")), tmp_path / "empty"]
    first, second = llm_audit.detect(texts, setup=setup).documents
    assert first == second and first.verdict is Verdict.ERROR


def test_an_open_setup_loads_its_model_once_and_judges_the_same(setup: llm_audit.Setup) -> None:
    alone = llm_audit.detect([MACHINE], setup=setup).documents
    with setup.open() as ready:
        assert isinstance(ready, OpenSetup)
        again = [llm_audit.detect([MACHINE], setup=ready).documents for _ in range(2)]
    assert again == [alone, alone]


def test_documents_arrive_one_by_one_with_progress(setup: llm_audit.Setup) -> None:
    arrived: list[Document] = []
    shares: list[float | None] = []
    report = llm_audit.detect(
        [HUMAN, SHORT], setup=setup, progress=lambda share, stage="", /: shares.append(share), on_document=arrived.append
    )  # fmt: skip
    assert tuple(arrived) == report.documents
    assert shares[-1] == 1.0


def test_the_command_line_writes_what_the_library_returns(setup: llm_audit.Setup, capfd: pytest.CaptureFixture[str]) -> None:
    tool = Tool(capfd)
    options = ("--model", setup.model, "--population", "own", "--alpha", 0.2)
    printed = json.loads(tool("detect", HUMAN, SHORT, *options, "--format", "json").out)
    returned = llm_audit.detect([HUMAN, SHORT], alpha=0.2, setup=setup).to_dict()
    for report in (printed, returned):
        for name in ("started", "finished", "command"):
            del report["manifest"][name]
        del report["content_digest"]
    assert printed == returned


def test_a_report_is_saved_read_back_and_holds(setup: llm_audit.Setup, tmp_path: Path) -> None:
    report = llm_audit.detect([HUMAN, SHORT], setup=setup)
    for suffix in ("html", "json", "jsonl", "md", "sarif"):
        report.save(tmp_path / f"report.{suffix}")
        assert (tmp_path / f"report.{suffix}").stat().st_size > 100
    for suffix in ("json", "jsonl"):
        again = llm_audit.read_report(tmp_path / f"report.{suffix}")
        assert isinstance(again, llm_audit.Report)
        assert again.to_dict() == report.to_dict()
        ledger = llm_audit.verify(tmp_path / f"report.{suffix}")
        assert (ledger.mismatches, ledger.unchecked) == ([], [])
    changed = (tmp_path / "report.json").read_bytes().replace(b'"alpha": 0.01', b'"alpha": 0.02')
    assert llm_audit.verify(changed).mismatches
    with pytest.raises(llm_audit.AuditError, match="its name must end in"):
        report.save(tmp_path / "report.docx")


def test_the_exit_code_is_that_of_the_verdicts(setup: llm_audit.Setup, tmp_path: Path) -> None:
    assert llm_audit.detect(TOO_SHORT, setup=setup).exit_code() == 0
    assert llm_audit.detect(TOO_SHORT, setup=setup).exit_code(strict=True) == 3
    assert llm_audit.detect([tmp_path / "missing.txt"], setup=setup).exit_code() == 2
    assert llm_audit.detect([SHORT], alpha=0.5, setup=setup).exit_code() == 1


def test_a_frame_has_a_row_for_each_document(setup: llm_audit.Setup) -> None:
    pytest.importorskip("pandas")
    report = llm_audit.detect([HUMAN, TOO_SHORT], setup=setup)
    frame = report.to_frame()
    assert list(frame["name"]) == [HUMAN, "note"]
    assert frame["p_value"][0] == report.documents[0].p_value
    assert frame["p_value"].isna().tolist() == [False, True]
    assert {"verdict", "p_floor", "n", "tokens", "language", "summary", "AUD101"} <= set(frame.columns)
    assert list(llm_audit.detect([], setup=setup).to_frame().columns) == list(COLUMNS)


def test_a_frame_of_another_question_has_rows_of_what_it_is_about(setup: llm_audit.Setup, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    candidates = [f"{setup.model}@temperature={value},template=none" for value in (1, 0.5)]
    frame = llm_audit.attribute([TOO_SHORT, HUMAN], candidates=candidates, prompt="", setup=setup).to_frame()
    assert frame["candidate"].tolist() == [*candidates, *candidates]
    assert {"name", "verdict", "p_value", "exact", "reason"} <= set(frame.columns)
    gated = llm_audit.gate(HUMAN, setup=setup).to_frame()
    assert gated["q_value"][0] == gated["p_value"][0] and gated["failed"].tolist() == [False]
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in world().members[64][:12]))
    ranked = llm_audit.membership.score(rows, scores=["loss"], setup=llm_audit.Setup(model=FIXTURE)).to_frame()
    assert len(ranked) == 12 and ranked["loss"].is_monotonic_decreasing


def test_without_pandas_one_sentence_says_what_to_install(setup: llm_audit.Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(llm_audit.NotAvailable, match=r"^A data frame needs pandas: install it with `pip install pandas`\.$"):
        llm_audit.detect([SHORT], setup=setup).to_frame()


def test_a_notebook_shows_the_page_in_a_frame_without_scripts(setup: llm_audit.Setup) -> None:
    name = '"><script>alert(1)</script>'
    shown = llm_audit.detect(llm_audit.Text("Too short.", name=name), setup=setup)._repr_html_()
    assert shown.startswith("<iframe sandbox srcdoc=") and shown.endswith("</iframe>")
    assert "<script" not in shown
    assert len(re.findall(r"<\w", shown)) == 1


def test_attribution_takes_a_prompt_as_text_or_as_a_file(setup: llm_audit.Setup, tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.jsonl"
    author = f"{setup.model}@temperature=1,template=none"
    assert llm_audit.generate(author, drawn, count=1, max_tokens=120, seed=4) == 1
    text = llm_audit.Text(json.loads(drawn.read_text())["text"])
    (tmp_path / "asked.txt").write_text("")
    by_text = llm_audit.attribute(text, candidates=[author], prompt="", setup=setup)
    by_file = llm_audit.attribute(text, candidates=[author], prompt=tmp_path / "asked.txt", setup=setup)
    assert by_text.documents == by_file.documents
    (found,) = by_text.documents[0].attributions
    assert found.exact and found.p_value is not None
    assert list(by_file.manifest.inputs) == [str(tmp_path / "asked.txt")]
    with pytest.raises(llm_audit.InvalidConfiguration, match="at least one candidate"):
        llm_audit.attribute(text, setup=setup)


def test_the_gate_takes_what_the_policy_names(setup: llm_audit.Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(Path(HUMAN).read_text())
    (tmp_path / "llm-audit.toml").write_text(f'alpha = 0.2\npopulation = "own"\nmodel = {json.dumps(setup.model)}\n')
    report = llm_audit.gate("text.txt")
    assert (report.manifest.alpha, report.manifest.population) == (0.2, "own")
    assert report.gate is not None and len(report.documents) == 1
    sentences: list[str] = []
    llm_audit.gate("text.txt", baseline="known.json", update_baseline=True, on_baseline=sentences.append)
    assert sentences and (tmp_path / "known.json").exists()
    with pytest.raises(llm_audit.InvalidConfiguration, match="Nothing is named to judge"):
        llm_audit.gate()


def test_a_scan_writes_its_results_and_goes_on(setup: llm_audit.Setup, tmp_path: Path) -> None:
    corpus = write_texts(tmp_path / "corpus.jsonl", 30)
    partial = llm_audit.scan(corpus, tmp_path / "out", setup=setup, limit=10)
    assert partial.report and partial.report.corpus and not partial.report.corpus.complete
    whole = llm_audit.scan(corpus, tmp_path / "out", setup=setup)
    assert whole.report and whole.report.corpus and whole.report.corpus.complete and whole.report.corpus.included == 30
    assert llm_audit.read_report(tmp_path / "out").corpus == whole.report.corpus
    with pytest.raises(llm_audit.InvalidConfiguration, match="cannot be kept in it"):
        llm_audit.scan(tmp_path, tmp_path / "inside", setup=setup)


def test_an_interrupted_scan_hands_over_what_there_is(setup: llm_audit.Setup, tmp_path: Path) -> None:
    corpus = write_texts(tmp_path / "corpus.jsonl", 600, 20)

    def interrupt(tally: object) -> None:
        if getattr(tally, "judged", 0):
            raise KeyboardInterrupt

    with pytest.raises(llm_audit.ScanInterrupted) as caught:
        llm_audit.scan(corpus, tmp_path / "out", setup=setup, on_tally=interrupt)
    report = caught.value.scan.report
    assert report and report.corpus and 0 < report.corpus.included < 600
    assert (tmp_path / "out" / "partial" / "summary.json").exists()


def test_membership_is_a_namespace_of_tests(tmp_path: Path) -> None:
    rows = world().orders[64][:20]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    report = llm_audit.membership.order(
        tmp_path / "rows.jsonl", provenance="The rows were shuffled.", setup=llm_audit.Setup(model=FIXTURE)
    )
    assert report.membership is not None and report.membership.verdict is Verdict.FINDING
    assert list(report.manifest.inputs) == [str(tmp_path / "rows.jsonl")]
    assert [test["rule"] for test in report.to_dict()["subjects"][0]["tests"]] == ["AUD300", "AUD310"]
    assert set(llm_audit.membership.__all__) == {
        "blind",
        "canary",
        "continuation",
        "dataset",
        "identifier",
        "order",
        "paired",
        "score",
        "watermark",
    }


def test_a_seed_file_registers_the_question(tmp_path: Path) -> None:
    rows = world().orders[64][:12]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    setup, seed = llm_audit.Setup(model=FIXTURE), tmp_path / "seed.json"
    first, second = (
        llm_audit.membership.order(tmp_path / "rows.jsonl", draws=19, alpha=0.05, setup=setup, seed_file=seed).membership
        for _ in range(2)
    )
    assert first == second
    with pytest.raises(llm_audit.AuditError, match="another draws"):
        llm_audit.membership.order(tmp_path / "rows.jsonl", draws=39, alpha=0.05, setup=setup, seed_file=seed)


def test_errors_have_three_kinds_and_say_which_setting_they_are_about(tmp_path: Path) -> None:
    for kind in (llm_audit.NotAvailable, llm_audit.InvalidInput, llm_audit.InvalidConfiguration):
        assert issubclass(kind, llm_audit.AuditError)
    with pytest.raises(llm_audit.AuditError, match="no population 'none'") as caught:
        llm_audit.detect([SHORT], setup=llm_audit.Setup(population="none"))
    assert caught.value.setting == "population"
    with pytest.raises(llm_audit.NotAvailable) as caught:
        llm_audit.detect([SHORT], setup=llm_audit.Setup(model=f"nobody/nothing@{'0' * 40}", offline=True))
    assert caught.value.setting == "model"
    with pytest.raises(llm_audit.InvalidInput, match="no report of llm-audit"):
        llm_audit.read_report(b"[]")
    with pytest.raises(llm_audit.InvalidInput, match="cannot be read"):
        llm_audit.read_report(tmp_path / "missing.json")
    with pytest.raises(llm_audit.InvalidConfiguration, match="alpha is 1"):
        llm_audit.detect([SHORT], alpha=1)
    with pytest.raises(llm_audit.InvalidConfiguration, match="model's name"):
        llm_audit.EndpointSetup("http://127.0.0.1:1/v1").open()


def test_the_first_setting_that_an_error_is_about_counts() -> None:
    with pytest.raises(llm_audit.AuditError) as caught, about("model"), about("population"):
        raise llm_audit.InvalidInput("It is wrong; mend it.")
    assert caught.value.setting == "population"


@pytest.mark.usefixtures("embedded")
def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (_, (language, code), *_) = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    assert language == "python"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "essay.txt").write_text(Path(MACHINE).read_text())
    names: dict[str, object] = {}
    exec(code, names)
    report = names["report"]
    assert isinstance(report, llm_audit.Report)
    assert report.documents[0].p_value is not None
    assert (tmp_path / "report.html").exists()


def test_python_m_llm_audit_is_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-m", "llm_audit", "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"llm-audit, version {llm_audit.__version__}\n")
