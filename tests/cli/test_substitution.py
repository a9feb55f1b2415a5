"""`llm-audit substitution` on real llama.cpp servers: honest ones, cheap ones, and what cannot be measured."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures.membership import grammar
from fixtures.servers.chaos import BEHAVIOURS, chaos
from fixtures.servers.gateways import caching, counting
from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from fixtures.servers.proxy import Exchange, altered, mixing, proxy
from llm_audit.detectors.substitution import border_watch
from llm_audit.endpoints import defects, probe
from llm_audit.reports.wording import notes as wording
from llm_audit.results.canonical import content_digest
from llm_audit.scoring.store import StoredModel
from llm_audit.verification import verify
from tests.cli.tool import Outcome, Tool, schema, sentence
from tests.servers.conftest import MODEL, cheap, honest, ladder, model

__all__ = ["cheap", "honest", "ladder", "model"]

SMALL = ("--requests", 15, "--honest", 45, "--tokens", 4, "--texts", 0)
ON = ("--reference", MODEL, "--model", "fixture")
KEY = "sk-secret-0123456789"


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, path = np.random.default_rng(5), tmp_path_factory.mktemp("prompts") / "prompts.txt"
    path.write_text("".join(grammar.document(rng).replace("\n", " ")[:90] + "\n" for _ in range(60)))
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for all tests of this file, so that the reference's numbers are computed once."""
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path_factory.getbasetemp() / "substitution-cache"))


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AUDIT_KEY", KEY)
    yield
    assert os.environ["AUDIT_KEY"] == KEY


def audit(tool: Tool, *args: object, code: int) -> dict[str, Any]:
    found = tool("substitution", "audit", *args, "--format", "json")
    assert found.code == code, (found.err, found.out[-2000:])
    report = json.loads(found.out)
    schema().validate(report)
    told: dict[str, Any] = report["subjects"][0]
    _verified(report, told)
    return told


def _verified(report: dict[str, Any], subject: dict[str, Any]) -> None:
    """The report holds, and lacks none of the notes that follow from what is stored without being refused."""
    assert refused(report) == set()
    notes = subject["notes"]
    same_repeats = {fact["value"] for fact in subject["capabilities"] if fact["name"].endswith(f": {probe.REPEATED}")}
    # What is rounded is not stored, nor is which surface was asked: where repeats differ on one only, nothing tells.
    untold = (wording.ROUNDED, *([wording.DIFFERENT] if len(same_repeats) > 1 else []))
    for number, note in enumerate(notes):
        on = wording.ON_ANSWER.read(note)
        if (on is None and all(each.read(note) is None for each in untold)) or (on and defects.FLAW.read(on["defect"])):
            subject["notes"] = notes[:number] + notes[number + 1 :]
            assert refused(report) == {"subjects[0].notes"}, note
    subject["notes"] = notes


def refused(report: dict[str, Any]) -> set[str]:
    """Fields that a verification names, once the digest fits."""
    data = json.dumps(report | {"content_digest": content_digest(report)}).encode()
    return {mismatch.path for mismatch in verify(data, Path())[0].mismatches}


def by_rule(found: dict[str, Any]) -> dict[str, Any]:
    return {test["rule"]: test for test in found["tests"]}


def test_an_honest_endpoint_is_consistent(tool: Tool, honest: str, prompts: Path) -> None:
    found = audit(tool, honest, *ON, "--prompts", prompts, *SMALL, code=0)
    assert (found["served"], found["verdict"]) == ("consistent", "pass")
    assert set(by_rule(found)) == {"AUD401", "AUD402", "AUD406", "AUD407"}
    assert by_rule(found)["AUD407"]["verdict"] == "pass"
    assert len(found["points"]) == 15 and all(point["value"] < point["limit"] for point in found["points"])
    assert found["mixture"]["lower"] == 0 < found["mixture"]["upper"] < 0.3
    assert found["cost"]["requests"] >= 15 and found["cost"]["completion_tokens"] > 0
    assert "Chat" in {fact["name"] for fact in found["capabilities"]}
    assert "which does not prove it" in found["summary"]


def test_a_cheaper_model_is_found(tool: Tool, cheap: str, prompts: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    found = audit(tool, cheap, *ON, "--prompts", prompts, *SMALL, "-o", page, code=1)
    assert (found["served"], found["verdict"]) == ("inconsistent", "finding")
    assert by_rule(found)["AUD401"]["e_value"] > 1000
    assert found["mixture"]["lower"] > 0.3
    assert "Not consistent" in page.read_text() or "nconsistent" in page.read_text()


def test_a_sequential_audit_stops_when_it_knows(tool: Tool, cheap: str, prompts: Path) -> None:
    wanted = ("--requests", 30, "--honest", 45, "--tokens", 4, "--texts", 0, "--sequential")
    found = audit(tool, cheap, *ON, "--prompts", prompts, *wanted, code=1)
    assert by_rule(found).keys() == {"AUD401", "AUD406"}
    assert any(note.startswith("The audit stopped after 10 of 30 requests") for note in found["notes"])


def test_a_share_of_cheap_answers_is_found_and_its_interval_holds_it(
    tool: Tool, honest: str, cheap: str, prompts: Path
) -> None:
    with mixing(honest, cheap, 0.4, 7) as proxy:
        found = audit(tool, proxy.url, *ON, "--prompts", prompts, *SMALL, "--concurrency", 1, code=1)
    assert 0 < found["mixture"]["lower"] < 0.4 < found["mixture"]["upper"]


def test_live_and_replayed_are_the_same_and_a_journal_is_not_asked_again(
    tool: Tool, honest: str, prompts: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.jsonl"
    rest = ("--prompts", prompts, *SMALL)
    live = audit(tool, honest, *ON, *rest, "--journal", journal, code=0)
    size = journal.stat().st_size
    replayed = audit(tool, *ON[:2], *rest, "--replay", journal, code=0)
    assert replayed == live
    again = audit(tool, honest, *ON, *rest, "--journal", journal, code=0)
    assert again == live and journal.stat().st_size == size


def test_endpoints_that_hide_log_probabilities_are_compared_by_margins(
    tool: Tool, honest: str, cheap: str, prompts: Path
) -> None:
    found = {}
    for name, url in (("honest", honest), ("cheap", cheap)):
        with chaos(url, "logprobs-dropped", range(10**6)) as proxy:
            outcome = tool("substitution", "audit", proxy.url, *ON, "--prompts", prompts, *SMALL, "--format", "json")
        found[name] = json.loads(outcome.out)["subjects"][0]
    assert found["honest"]["served"] == "consistent", found["honest"]["summary"]
    assert by_rule(found["cheap"])["AUD401"]["effect"]["value"] > by_rule(found["honest"])["AUD401"]["effect"]["value"]
    assert "margin" in by_rule(found["cheap"])["AUD401"]["effect"]["name"]


@pytest.mark.parametrize("hidden", [False, True], ids=["numbers", "texts"])
def test_prompts_that_are_billed_otherwise_are_said_and_decide_nothing(
    tool: Tool, honest: str, prompts: Path, hidden: bool
) -> None:
    with (
        counting(honest, lambda prompt, _: len(prompt.split())) as gateway,
        chaos(gateway.url, "logprobs-dropped", range(10**6) if hidden else ()) as endpoint,
    ):
        found = audit(tool, endpoint.url, *ON, "--prompts", prompts, *SMALL, code=0)
    assert (found["served"], by_rule(found)["AUD407"]["verdict"]) == ("consistent", "inconclusive")
    assert found["summary"].endswith("than the reference's tokenizer counts, which alone decides nothing.")


def test_texts_alone(tool: Tool, honest: str, prompts: Path) -> None:
    wanted = ("--requests", 15, "--honest", 45, "--tokens", 4, "--texts", 12)
    found = audit(tool, honest, *ON, "--prompts", prompts, *wanted, code=0)
    tests = by_rule(found)
    assert set(tests) == {"AUD401", "AUD402", "AUD403", "AUD404", "AUD406", "AUD407", "AUD408", "AUD410"}
    assert tests["AUD408"]["p_value"] > 0.01 and tests["AUD408"]["evidence"]["asked"] == 400
    assert tests["AUD403"]["n"] == 12 and tests["AUD404"]["draws"]["count"] == 9999


def silent_about_the_key(outcome: Outcome, *folders: Path) -> bool:
    written = [path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()]
    return KEY not in outcome.out + outcome.err and not any(KEY.encode() in each for each in written)


@pytest.mark.parametrize("behaviour", ["401", "404", "hang", "html", "truncated-json", "reset", "redirect"])
def test_what_cannot_be_measured_is_never_called_consistent(
    tool: Tool, honest: str, prompts: Path, tmp_path: Path, key: None, behaviour: str
) -> None:
    with chaos(honest, behaviour, range(10**6)) as proxy:
        outcome = tool(
            *("substitution", "audit", proxy.url, *ON, "--prompts", prompts, *SMALL, "--key-env", "AUDIT_KEY", "--attempts", 1),
            *("--timeout", 0.5, "--concurrency", 8, "--journal", tmp_path / "j.jsonl", "-o", tmp_path / "r.json"),
        )
    assert outcome.code == 3
    report = json.loads((tmp_path / "r.json").read_text())["subjects"][0]
    assert report["served"] == "not_measured"
    assert report["summary"].startswith("Not measured: ")
    assert silent_about_the_key(outcome, tmp_path)


def test_some_failures_are_reported_each_and_the_rest_is_judged(tool: Tool, honest: str, prompts: Path) -> None:
    with chaos(honest, "500", range(20, 21)) as proxy:
        found = audit(tool, proxy.url, *ON, "--prompts", prompts, *SMALL, "--attempts", 1, "--concurrency", 1, code=0)
    assert len(found["failures"]) == 1 and {failure["kind"] for failure in found["failures"]} == {"status"}
    assert by_rule(found)["AUD401"]["n"] == 14


def test_what_is_left_out_is_not_called_consistent(tool: Tool, honest: str, prompts: Path) -> None:
    """A server that fails just where it would give itself away."""
    with chaos(honest, "500", range(20, 24)) as proxy:
        found = audit(tool, proxy.url, *ON, "--prompts", prompts, *SMALL, "--attempts", 1, "--concurrency", 1, code=3)
    assert found["served"] == "not_measured" and "27% of the questions" in found["summary"]
    assert found["mixture"]["upper"] > 0.5


def test_texts_do_not_stand_for_questions_that_were_never_answered(tool: Tool, honest: str, prompts: Path) -> None:
    def answer(exchange: Exchange) -> None:
        if json.loads(exchange.body)["max_tokens"] == 5:  # the questions, not the probe's nor the texts
            BEHAVIOURS["500"](exchange)
        else:
            exchange.send(exchange.genuine())

    wanted = ("--requests", 12, "--honest", 45, "--tokens", 5, "--texts", 12, "--attempts", 1)
    with proxy(honest, answer) as spoilt:
        found = audit(tool, spoilt.url, *ON, "--prompts", prompts, *wanted, code=3)
    assert found["served"] == "not_measured" and "100% of the questions" in found["summary"]
    assert by_rule(found)["AUD404"]["verdict"] == "pass" and len(found["failures"]) == 12


def test_an_endpoint_that_leaves_out_its_texts_is_no_other_model(tool: Tool, honest: str, prompts: Path) -> None:
    def silent(content: dict[str, Any]) -> None:
        for choice in content["choices"]:
            choice |= {"text": "", "message": {"content": None}, "logprobs": None}

    wanted = ("--requests", 12, "--honest", 45, "--tokens", 4, "--texts", 12)
    with proxy(honest, lambda exchange: exchange.send(altered(exchange.genuine(), silent))) as spoilt:
        found = audit(tool, spoilt.url, *ON, "--prompts", prompts, *wanted, code=3)
    assert found["served"] == "not_measured"
    assert wording.NO_TEXTS.write(texts=60, first="AUD403", second="AUD404") in found["notes"]


def test_placeholders_are_missing_numbers_counted_and_said(tool: Tool, honest: str, prompts: Path) -> None:
    with chaos(honest, "evidence-chosen-hidden", range(20, 21)) as proxy:
        found = audit(tool, proxy.url, *ON, "--prompts", prompts, *SMALL, "--concurrency", 1, code=0)
    assert any("the placeholder -9999" in note for note in found["notes"])
    assert found["served"] == "consistent"
    assert "In 1 of 15 answers a placeholder (such as -9999) stands for a log-probability" in found["summary"]
    evidence = by_rule(found)["AUD406"]["evidence"]
    assert (evidence["placeholders"], evidence["contradictory"]) == (1, 0)


@pytest.mark.parametrize(
    "behaviour",
    [
        "evidence-shifted",
        "evidence-100",
        "evidence-other-text",
        *(
            pytest.param(f"evidence-{kind}", marks=pytest.mark.slow)
            for kind in ("zero", "nan", "minus-infinity", "9999", "1e9", "mass", "duplicated", "contradicting")
        ),
    ],
)
def test_defective_evidence_is_never_called_consistent(tool: Tool, honest: str, prompts: Path, behaviour: str) -> None:
    with chaos(honest, behaviour, range(10**6)) as proxy:
        found = audit(tool, proxy.url, *ON, "--prompts", prompts, *SMALL, code=3)
    assert found["served"] == "not_measured"
    assert re.match(r"Not measured: defective evidence\. 1[45] of 15 answers hold log-prob", found["summary"]), found["summary"]
    evidence = by_rule(found)["AUD406"]
    assert evidence["verdict"] == "finding"
    assert evidence["evidence"]["defective"] >= 14  # one answer may have one token only, which nothing can be shifted in


@pytest.mark.parametrize(
    "behaviour",
    [
        "evidence-contradicting",
        "evidence-uniform",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("evidence-other-text", "evidence-100", "logprobs-9999")),
    ],
)
def test_one_answer_that_contradicts_itself_is_enough(tool: Tool, honest: str, prompts: Path, behaviour: str) -> None:
    with chaos(honest, behaviour, range(22, 23)) as proxy:
        found = audit(tool, proxy.url, *ON, "--prompts", prompts, *SMALL, "--concurrency", 1, code=3)
    assert "1 of 15 answers hold log-probabilities that contradict themselves" in found["summary"]


def both_behind(behaviour: str, tool: Tool, honest: str, cheap: str, prompts: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The audit of the honest server behind such a proxy, found consistent, and of the cheap one, found inconsistent."""
    with chaos(honest, behaviour, range(10**6)) as proxy:
        sound = audit(tool, proxy.url, *ON, "--prompts", prompts, *SMALL, code=0)
    with chaos(cheap, behaviour, range(10**6)) as proxy:
        other = audit(tool, proxy.url, *ON, "--prompts", prompts, *SMALL, code=1)
    assert (sound["served"], other["served"]) == ("consistent", "inconsistent")
    return sound, other


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("evidence-two-decimals", "The endpoint rounds its log-probabilities to 0.01: so were those that it is held against."),
        ("evidence-chosen-only", "The endpoint gives no alternatives: the log-probability of each token that it wrote"),
        pytest.param("evidence-unsorted", "the list was not in falling order, and was sorted", marks=pytest.mark.slow),
    ],
)
def test_poor_evidence_is_used_for_what_it_is(
    tool: Tool, honest: str, cheap: str, prompts: Path, behaviour: str, said: str
) -> None:
    sound, other = both_behind(behaviour, tool, honest, cheap, prompts)
    assert any(said in note for note in sound["notes"])
    assert by_rule(other)["AUD401"]["effect"]["name"].startswith("distance")


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("evidence-base-2", "The endpoint's log-probabilities are to base 2; they were converted to nats."),
        ("evidence-whole-nats", "The endpoint rounds its log-probabilities to 1: so were those that it is held against."),
        pytest.param("evidence-strings", "", marks=pytest.mark.slow),
        *(pytest.param(f"evidence-{names}-alone", "", marks=pytest.mark.slow) for names in ("ids", "bytes", "texts")),
        pytest.param("evidence-arrays", "", marks=pytest.mark.slow),
        pytest.param("second-choice-first", "", marks=pytest.mark.slow),
        pytest.param("byte-order-mark", "", marks=pytest.mark.slow),
    ],
)
def test_what_is_written_otherwise_is_no_other_model(
    tool: Tool, honest: str, cheap: str, prompts: Path, behaviour: str, said: str
) -> None:
    sound, _ = both_behind(behaviour, tool, honest, cheap, prompts)
    assert not said or any(said in note for note in sound["notes"])


def test_numbers_that_stand_for_all_below_them_are_no_other_model(tool: Tool, honest: str, prompts: Path) -> None:
    with chaos(honest, "evidence-floor", range(10**6)) as proxy:
        found = audit(tool, proxy.url, *ON, "--prompts", prompts, *SMALL, code=3)
    assert found["served"] == "not_measured"
    assert {test["verdict"] for test in found["tests"] if test["rule"] != "AUD406"} <= {"pass"}


def test_a_cache_is_no_other_model(tool: Tool, honest: str, prompts: Path) -> None:
    wanted = ("--requests", 12, "--honest", 45, "--tokens", 4, "--texts", 12)
    with caching(honest) as gateway:
        found = audit(tool, gateway.url, *ON, "--prompts", prompts, *wanted, "--concurrency", 1, code=0)
    two_samples = by_rule(found)["AUD404"]
    assert (two_samples["verdict"], two_samples["p_value"]) == ("not_assessable", None)
    assert "come from a cache" in two_samples["reason"]


def test_the_control_token_that_ends_an_answer_may_have_no_name(tool: Tool, honest: str, prompts: Path) -> None:
    with chaos(honest, "evidence-texts-alone", range(10**6)) as proxy:
        found = audit(tool, proxy.url, *ON, "--prompts", prompts, *SMALL, code=0)
    assert found["served"] == "consistent" and by_rule(found)["AUD406"]["evidence"]["defective"] == 0


def test_an_ignored_temperature_is_no_other_model_where_numbers_are_hidden(tool: Tool, honest: str, prompts: Path) -> None:
    wanted = ("--requests", 12, "--honest", 45, "--tokens", 4, "--texts", 12)
    with (
        chaos(honest, "temperature-ignored", range(10**6)) as gateway,
        chaos(gateway.url, "logprobs-dropped", range(10**6)) as endpoint,
    ):
        found = audit(tool, endpoint.url, *ON, "--prompts", prompts, *wanted, code=3)
    assert found["served"] == "not_measured" and not by_rule(found).keys() & {"AUD401", "AUD402", "AUD410"}
    note = wording.NOT_GREEDY.write(why="hidden", tests="AUD401, AUD402 and AUD410")
    assert note in found["notes"]


def test_another_tokenizer_is_no_reference(tool: Tool, honest: str, prompts: Path, tiny_llama: Path) -> None:
    found = audit(tool, honest, "--reference", tiny_llama, "--model", "fixture", "--prompts", prompts, *SMALL, code=3)
    assert found["served"] == "not_measured"
    assert "tokenizer" in found["summary"]


def test_a_budget_too_small_is_not_measured_and_keeps_what_it_has(
    tool: Tool, honest: str, prompts: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "j.jsonl"
    options = (*ON, "--prompts", prompts, *SMALL, "--journal", journal)
    found = audit(tool, honest, *options, "--max-requests", 20, code=3)
    assert found["served"] == "not_measured" and found["failures"]
    assert {failure["kind"] for failure in found["failures"]} == {"budget"}
    assert audit(tool, honest, *options, code=0)["served"] == "consistent"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("audit {url} --prompts {prompts}", "--model"),
        ("audit --prompts {prompts} --model fixture", "URL"),
        ("audit {url} --model fixture", "--prompts"),
        ("audit {url} --model fixture --prompts {one}", "an audit needs 20 or more"),
        ("audit {url} --model fixture --prompts {empty}", "holds no prompts"),
        ("audit {url} --model fixture --prompts {missing}", "missing.txt"),
        ("audit {url} --model fixture --prompts {prompts} --allow f32", "One allowed precision"),
        ("audit {url} --model fixture --prompts {prompts} --replay {one}", "A replay asks no endpoint"),
        ("audit {url} --model fixture --prompts {prompts} --surface chat", "no chat template"),
        ("audit {url} --model fixture --prompts {prompts} --key-env NO_SUCH_KEY", "NO_SUCH_KEY"),
        ("audit http://user:pw@host --model fixture --prompts {prompts}", "password"),
        ("audit nonsense --model fixture --prompts {prompts}", "no web address"),
        ("audit {url} --model fixture --prompts {prompts} -o r.docx", "r.docx"),
        ("audit {url} --model fixture --prompts {prompts} --trusted {one}", "--trusted brings its own prompts"),
        ("audit {url} --model fixture --trusted {one}", "--trusted brings"),
        ("record {url} --model fixture --prompts {prompts}", "Name a journal"),
        ("plan --effect nonsense", "no measured effect"),
        ("watch {url} --model fixture --baseline {one}", "no baseline"),
    ],
)
def test_bad_input_is_one_sentence(tool: Tool, honest: str, prompts: Path, tmp_path: Path, args: str, said: str) -> None:
    (tmp_path / "one.txt").write_text("One prompt.\n")
    (tmp_path / "empty.txt").write_text("\n")
    files = {name: tmp_path / f"{name}.txt" for name in ("one", "empty", "missing")}
    reference = ("--reference", MODEL) if args.startswith("audit") else ()
    outcome = tool("substitution", *args.format(url=honest, prompts=prompts, **files).split(), *reference)
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_watching_the_same_endpoint_and_another(tool: Tool, honest: str, cheap: str, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    options = ("--model", "fixture", "--baseline", baseline, "--surface", "completions")
    first = tool("substitution", "watch", honest, *options)
    assert first.code == 0 and "10 rows are the baseline now" in first.out
    same = json.loads(tool("substitution", "watch", honest, *options, "--format", "json").out)["subjects"][0]
    assert same["served"] == "consistent"
    changed = tool("substitution", "watch", cheap, *options, "--format", "json")
    assert changed.code == 1
    (test,) = json.loads(changed.out)["subjects"][0]["tests"]
    assert test["rule"] == "AUD405" and test["p_value"] <= 0.01
    with chaos(honest, "logprobs-dropped", range(10**6)) as proxy:
        hidden = tool("substitution", "watch", proxy.url, *options)
    assert hidden.code == 3 and "Not measured" in hidden.out


def test_watching_border_inputs_where_log_probabilities_are_hidden(
    tool: Tool, model: StoredModel, ladder: Path, honest: str, tmp_path: Path
) -> None:
    path = tmp_path / "baseline.json"
    options = ("--model", "fixture", "--baseline", path, "--surface", "completions", "--concurrency", 8)
    with chaos(honest, "logprobs-dropped", range(10**6)) as proxy:
        rows = tool("substitution", "watch", proxy.url, *options)
        assert rows.code == 2 and "--border-inputs" in sentence(rows) and not path.exists()
        first = tool("substitution", "watch", proxy.url, *options, "--border-inputs")
        assert first.code == 0 and "800 answers are the baseline now" in first.out, first.err
        same = json.loads(tool("substitution", "watch", proxy.url, *options, "--format", "json").out)
    assert same["subjects"][0]["served"] == "consistent" and refused(same) == set()
    with serve(write(model, "F32", ladder, noised=0.5)) as url:
        changed = tool("substitution", "watch", url, *options, "--format", "json")
    assert changed.code == 1
    report = json.loads(changed.out)
    schema().validate(report)
    (test,) = report["subjects"][0]["tests"]
    assert test["rule"] == "AUD409" and test["p_value"] <= 0.01 and refused(report) == set()


def test_watching_border_inputs_goes_on_where_it_was_interrupted(tool: Tool, honest: str, tmp_path: Path) -> None:
    journal, up = tmp_path / "j.jsonl", 10**6
    seen: list[int] = []

    def answer(exchange: Exchange) -> None:
        seen.append(exchange.number)
        BEHAVIOURS["closed" if len(seen) > up else "logprobs-dropped"](exchange)

    watch = ("substitution", "watch", "--model", "fixture", "--surface", "completions", "--concurrency", 8, "--attempts", 1)
    with proxy(honest, answer) as one:
        command = (*watch, one.url, "--baseline", tmp_path / "baseline.json")
        up = 700
        broken = tool(*command, "--border-inputs", "--journal", journal)
        assert broken.code == 2 and not (tmp_path / "baseline.json").exists()
        answered, up = _answered(journal), 10**6
        assert 600 < answered <= 700
        seen.clear()
        whole = tool(*command, "--border-inputs", "--journal", journal)
        assert whole.code == 0 and "800 answers are the baseline now" in whole.out, whole.err
        assert len(seen) == 4 * len(border_watch.CANDIDATES) + 800 - answered
        stored = json.loads((tmp_path / "baseline.json").read_text())
        assert {len(texts) for texts in stored["answers"].values()} == {100}
        assert stored["created"] == max(line["started"] for line in _lines(journal))
        mixed = tool(*command, "--journal", journal)
        assert mixed.code == 2 and "This journal is of another kind of run" in sentence(mixed)

        journal = tmp_path / "k.jsonl"
        seen.clear()
        up = 100
        assert tool(*command, "--journal", journal).code == 3
        answered, up = _answered(journal), 10**6
        seen.clear()
        compared = tool(*command, "--journal", journal, "--format", "json")
        assert json.loads(compared.out)["subjects"][0]["served"] == "consistent"
        assert len(seen) == 400 - answered
        again = tool(*command, "--journal", journal)
        assert again.code == 2 and "would be taken for today's" in sentence(again) and len(seen) == 400 - answered

        lines = _lines(journal)
        for line in lines:
            line["started"] = line["started"].replace("20", "19", 1)
        head = journal.read_text().splitlines()[0]
        journal.write_text("".join(f"{line}\n" for line in (head, *map(json.dumps, lines[:-9]))))
        old = tool(*command, "--journal", journal)
        assert old.code == 2 and "began more than a day ago" in sentence(old) and len(seen) == 400 - answered


def _lines(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text().splitlines()[1:]]


def _answered(journal: Path) -> int:
    return sum(line["kind"] is None for line in _lines(journal))


def test_rows_are_of_one_run(tool: Tool, honest: str, tmp_path: Path) -> None:
    options = ("--model", "fixture", "--baseline", tmp_path / "b.json", "--surface", "completions")
    kept = ("--journal", tmp_path / "j.jsonl")
    assert tool("substitution", "watch", honest, *options, *kept).code == 0
    found = tool("substitution", "watch", honest, *options, *kept)
    assert found.code == 2 and "would be taken for today's" in sentence(found)


def test_a_server_that_is_silent_from_the_first_question_is_given_up_at_once(
    tool: Tool, honest: str, prompts: Path, tmp_path: Path
) -> None:
    with chaos(honest, "hang", range(10**6)) as proxy:
        begun = time.monotonic()
        found = tool("substitution", "audit", proxy.url, *ON, "--prompts", prompts, *SMALL, "--timeout", 3)
        assert time.monotonic() - begun < 30  # one second, and the reading of the reference
        assert len(proxy.seen) == 1
    assert found.code == 3
    said = " ".join(found.out.split())
    assert "There was no whole answer within 1 seconds. The server has not answered anything yet" in said, found.out
    assert "give it longer (--timeout)" in said


def test_a_baseline_of_one_kind_is_not_taken_for_the_other(tool: Tool, honest: str, tmp_path: Path) -> None:
    options = ("--model", "fixture", "--baseline", tmp_path / "b.json", "--surface", "completions")
    assert tool("substitution", "watch", honest, *options).code == 0
    found = tool("substitution", "watch", honest, *options, "--border-inputs")
    assert found.code == 2 and "is a baseline of log-probabilities; leave --border-inputs out" in sentence(found)


def test_an_endpoint_that_ignores_temperature_has_no_border_inputs(tool: Tool, honest: str, tmp_path: Path) -> None:
    def greedy(exchange: Exchange) -> None:
        exchange.body = json.dumps(json.loads(exchange.body) | {"temperature": 0.0}).encode()
        exchange.send(exchange.genuine())

    with proxy(honest, greedy) as stubborn:
        found = tool(
            *("substitution", "watch", stubborn.url, "--model", "fixture", "--baseline", tmp_path / "b.json"),
            *("--surface", "completions", "--border-inputs", "--concurrency", 8),
        )
    assert found.code == 2 and "It may ignore temperature 1" in sentence(found) and not (tmp_path / "b.json").exists()


def test_a_probe_says_what_can_be_run(tool: Tool, honest: str) -> None:
    found = tool("substitution", "probe", honest, "--model", "fixture")
    assert found.code == 0
    assert "AUD405" in found.out and "answered all the same" in found.out


def test_an_unreachable_host_is_said_in_a_sentence(tool: Tool) -> None:
    found = tool("substitution", "probe", "http://127.0.0.1:9", "--model", "fixture", "--attempts", 1)
    assert found.code == 3
    assert "no answers" in found.out


@pytest.fixture(scope="module")
def half(model: StoredModel, ladder: Path) -> Iterator[str]:
    """The same model in half precision: another honest machine."""
    with serve(write(model, "BF16", ladder)) as url:
        yield url


def record(tool: Tool, url: str, prompts: Path, journal: Path, *more: object) -> Outcome:
    options = ("--model", "fixture", "--surface", "completions", "--questions", 60, "--tokens", 4, "--journal", journal)
    return tool("substitution", "record", url, "--prompts", prompts, *options, *more)


def test_trusted_endpoints_are_a_yardstick_without_a_model(
    tool: Tool, model: StoredModel, ladder: Path, honest: str, half: str, cheap: str, prompts: Path, tmp_path: Path
) -> None:
    journals = [tmp_path / "f32.jsonl", tmp_path / "bf16.jsonl"]
    for url, journal in zip((honest, half), journals, strict=True):
        kept = record(tool, url, prompts, journal, "--repeats", 1, "--texts", 12)
        assert kept.code == 0 and f"136 answers are in {journal}" in kept.out.replace("\n", "")
    options = ("--model", "fixture", "--requests", 15, "--honest", 45, "--tokens", 4, "--texts", 12)
    trusted = [item for journal in journals for item in ("--trusted", journal)]
    with serve(write(model, "F16", ladder)) as third:
        same = audit(tool, third, *trusted, *options, code=0)
    assert same["served"] == "consistent" and set(by_rule(same)) == {"AUD401", "AUD402", "AUD404", "AUD406", "AUD407"}
    assert sum(fact["name"].startswith("Trusted endpoint") for fact in same["facts"]) == 2 and len(same["allowed"]) == 2
    assert by_rule(same)["AUD401"]["null"] == "The endpoint answers as the trusted endpoints do."
    page = tmp_path / "report.html"
    other = audit(tool, cheap, *trusted, *options, "--journal", tmp_path / "cheap.jsonl", "-o", page, code=1)
    assert other["served"] == "inconsistent" and other["mixture"]["lower"] > 0.3 and "trusted answer" in page.read_text()
    assert audit(tool, *trusted, *options[2:], "--replay", tmp_path / "cheap.jsonl", code=1) == other
    # Texts alone: the two above write the same ones but for one or two, which chance may deal away; of Q4's every sixth does.
    with serve(write(model, "Q4_0", ladder)) as url:
        assert record(tool, url, prompts, tmp_path / "q4.jsonl", "--repeats", 1, "--texts", 12).code == 0
    told = ("--trusted", journals[0], "--trusted", tmp_path / "q4.jsonl")
    with chaos(honest, "logprobs-dropped", range(10**6)) as proxy:
        hidden = audit(tool, proxy.url, *told, *options, code=0)
    assert by_rule(hidden)["AUD401"]["effect"]["unit"] == "of the answer"


@pytest.mark.slow
def test_trusted_answers_of_another_base_are_not_held_against_an_endpoint(
    tool: Tool, honest: str, half: str, prompts: Path, tmp_path: Path
) -> None:
    journals = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for url, journal in zip((honest, half), journals, strict=True):
        with chaos(url, "evidence-base-2", range(10**6)) as odd:
            assert record(tool, odd.url, prompts, journal, "--repeats", 1).code == 0
    trusted = [item for journal in journals for item in ("--trusted", journal)]
    options = ("--model", "fixture", "--requests", 15, "--honest", 45, "--tokens", 4)
    found = audit(tool, honest, *trusted, *options, code=3)
    assert found["served"] == "not_measured" and wording.TRUSTED_BASE.write() in found["notes"]


def test_one_trusted_endpoint_that_never_varies_is_no_yardstick(tool: Tool, honest: str, prompts: Path, tmp_path: Path) -> None:
    journal = tmp_path / "one.jsonl"
    assert record(tool, honest, prompts, journal, "--concurrency", 1).code == 0
    outcome = tool("substitution", "audit", honest, "--model", "fixture", "--trusted", journal, "--tokens", 4)
    assert outcome.code == 2 and "Record another trusted endpoint" in sentence(outcome)


def test_a_recording_with_gaps_says_so_and_is_completed_by_the_same_command(
    tool: Tool, honest: str, prompts: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "gaps.jsonl"
    gaps = record(tool, honest, prompts, journal, "--max-requests", 40)
    assert gaps.code == 3 and "questions got no answer" in gaps.err
    whole = record(tool, honest, prompts, journal)
    assert whole.code == 0 and "136 answers" in whole.out


@pytest.mark.slow
def test_a_plan_needs_more_requests_for_a_smaller_share(tool: Tool) -> None:
    def requests(rate: float) -> str:
        found = tool("substitution", "plan", "--effect", "q4", "--rate", rate)
        assert found.code == 0
        return next(line for line in found.out.splitlines() if "AUD401" in line)

    whole, tenth = requests(1.0), requests(0.1)
    assert whole != tenth
    assert int(whole.split()[1]) < 60


def test_a_refusal_is_one_sentence(tool: Tool, prompts: Path) -> None:
    outcome = tool("substitution", "audit", "nonsense", *ON, "--prompts", prompts)
    assert sentence(outcome).startswith("Error: ")
