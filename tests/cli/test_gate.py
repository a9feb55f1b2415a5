"""`llm-audit gate`: what passes, what fails, and what a baseline, a suppression, a policy and git change about it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_audit.cli import main
from llm_audit.gating.changes import base_revision
from llm_audit.verification import verify
from tests.cli.tool import HUMAN, PREDICTABLE, Outcome, Tool, sentence
from tests.reports.checks import schema

ALPHA = ("--alpha", "0.2")
REASON = 'reason="Licence text, quoted"'


@pytest.fixture(scope="module")
def unusual(tiny_root: Path, tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Texts that the tiny model finds as predictable as it finds any, each as unusual as a p-value can say."""
    folder, rng = tmp_path_factory.mktemp("unusual"), np.random.default_rng(5)
    texts = [" ".join(rng.choice(PREDICTABLE[number % 2], 40)) for number in range(80)]
    (folder / "candidates.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setenv("LLM_AUDIT_CACHE", str(tiny_root / "cache"))
        patch.setenv("LLM_AUDIT_DATA", str(tiny_root / "data"))
        arguments = ["scan", str(folder / "candidates.jsonl"), "--model", str(tiny_llama), "--population", "own"]
        main([*arguments, "-o", str(folder / "out")])
    rows = [json.loads(line) for line in (folder / "out" / "results.jsonl").read_text().splitlines()]
    chosen = [text for text, row in zip(texts, rows, strict=True) if row["p_value"] == 1 / 41]
    assert len(chosen) >= 10
    return chosen[:10]


def usual(n: int, words: int = 40) -> list[str]:
    vocabulary, rng = Path(HUMAN).read_text().split(), np.random.default_rng(n)
    return [" ".join(rng.choice(vocabulary, words)) for _ in range(n)]


class Gate:
    """The command in a folder of its own."""

    def __init__(self, tool: Tool, options: tuple[str, ...], folder: Path) -> None:
        self.tool, self.options, self.folder = tool, options, folder

    def __call__(self, *args: object) -> Outcome:
        return self.tool("gate", *args, *ALPHA, *self.options)

    def report(self, *args: object, code: int = 0) -> dict[str, Any]:
        outcome = self(*args, "--format", "json")
        assert outcome.code == code, (outcome.err, outcome.out[:2000])
        found: dict[str, Any] = json.loads(outcome.out)
        ledger, _ = verify(outcome.out.encode(), self.folder)
        assert ledger.mismatches == [] and ledger.unchecked == []
        return found

    def write(self, name: str, *lines: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*lines, ""]))
        return path


@pytest.fixture
def gate(tool: Tool, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.chdir(tmp_path)
    return Gate(tool, tiny, tmp_path)


def by_name(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {Path(document["name"]).name: document for document in report["subjects"]}


def states(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(told["rule"], told["state"]) for told in document["gate"]["suppressions"]]


# Exit codes


@pytest.mark.parametrize(
    ("files", "options", "code"),
    [
        (["usual"], [], 0),
        (["unusual"], [], 1),
        (["usual", "unusual"], [], 1),
        (["short"], [], 0),
        (["short"], ["--strict"], 3),
        (["short", "unusual"], ["--strict"], 1),
        (["missing"], [], 2),
        (["missing", "unusual"], [], 2),
        ([], [], 2),
        (["usual"], ["--update-baseline"], 2),
        (["usual"], ["--baseline", "missing.json"], 2),
    ],
)
@pytest.mark.parametrize("format_", ["text", "sarif"])
def test_exit_codes_whatever_the_format(
    gate: Gate, unusual: list[str], files: list[str], options: list[str], code: int, format_: str
) -> None:
    gate.write("usual.txt", usual(1)[0])
    gate.write("unusual.txt", unusual[0])
    gate.write("short.txt", "Too short.")
    outcome = gate(*(f"{name}.txt" for name in files), *options, "--format", format_)
    assert outcome.code == code, outcome.err
    assert "Traceback" not in outcome.err


def test_one_text_is_judged_as_detect_does(gate: Gate, unusual: list[str]) -> None:
    path = gate.write("a.txt", unusual[0])
    (document,) = gate.report(path, code=1)["subjects"]
    detected = json.loads(gate.tool("detect", path, *ALPHA, *gate.options, "--format", "json").out)["subjects"][0]
    assert document["gate"]["q_value"] == document["combined"]["p_value"] == detected["combined"]["p_value"] == 1 / 41
    assert document["combined"] == detected["combined"]


# The false discovery rate


def test_the_same_text_fails_alone_and_has_no_chance_among_many(gate: Gate, unusual: list[str]) -> None:
    gate.write("odd.txt", unusual[0])
    for number, text in enumerate(usual(20)):
        gate.write(f"{number}.txt", text)
    found = gate.report(".")
    discovery = found["gate"]["discovery"]
    assert discovery["tests"] == 21 and discovery["fewest"] == 3 and discovery["found"] == 0
    document = by_name(found)["odd.txt"]
    assert document["verdict"] == "inconclusive" and "it takes 3 or more findings at a time" in document["summary"]
    assert gate(".", "--strict").code == 3
    for number, text in enumerate(unusual[1:5]):
        gate.write(f"odd{number}.txt", text)
    found = gate.report(".", code=1)
    assert found["gate"]["discovery"]["found"] == found["gate"]["failed"] == 5
    assert by_name(found)["odd.txt"]["gate"]["q_value"] == pytest.approx(25 / 41 / 5)


def test_copies_are_one_test(gate: Gate, unusual: list[str]) -> None:
    gate.write("a.txt", unusual[0])
    gate.write("b.txt", unusual[0].replace(" ", "\n"))
    found = gate.report(".", code=1)
    assert found["gate"]["discovery"]["tests"] == 1 and found["gate"]["failed"] == 2


# Baseline

KNOWN = " 3 texts are known to be without any."


def test_a_baseline_follows_the_content_and_not_the_name(gate: Gate, unusual: list[str]) -> None:
    for number, text in enumerate([*unusual[:2], *usual(3)]):
        gate.write(f"docs/{number}.txt", text)
    outcome = gate("docs", "--baseline", "known.json", "--update-baseline")
    assert (outcome.code, outcome.err) == (0, f"known.json: 2 findings; 2 added, 0 removed.{KNOWN}\n")
    first = Path("known.json").read_text()
    assert [entry["name"] for entry in json.loads(first)["findings"]] == sorted(
        ["docs/0.txt", "docs/1.txt"], key=lambda name: first.index(name)
    )
    outcome = gate("docs", "--baseline", "known.json", "--update-baseline")
    assert outcome.err == f"known.json: 2 findings; 0 added, 0 removed.{KNOWN}\n"
    assert Path("known.json").read_text() == first

    Path("docs/0.txt").rename("docs/renamed.txt")
    found = gate.report("docs", "--baseline", "known.json")
    assert found["gate"]["baselined"] == 2 and found["gate"]["discovery"]["tests"] == 0  # all are known
    document = by_name(found)["renamed.txt"]
    assert (document["verdict"], document["gate"]["q_value"], states(document)) == ("finding", None, [("AUD100", "applied")])

    gate.write("docs/renamed.txt", unusual[2])
    found = gate.report("docs", "--baseline", "known.json", code=1)
    assert states(by_name(found)["renamed.txt"]) == []
    assert (found["gate"]["baselined"], found["gate"]["baseline"]["unseen"]) == (1, 1)
    outcome = gate("docs", "--baseline", "known.json", "--update-baseline")
    assert outcome.err == f"known.json: 2 findings; 1 added, 1 removed.{KNOWN}\n"


def test_an_entry_whose_text_is_no_finding_any_more_is_reported(gate: Gate, unusual: list[str]) -> None:
    gate.write("a.txt", unusual[0])
    gate("a.txt", "--baseline", "known.json", "--update-baseline")
    outcome = gate.tool("gate", "a.txt", "--baseline", "known.json", "--alpha", "0.001", *gate.options)
    assert outcome.code == 0 and "Unused, there is no such finding" in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[" * 100_000,
        '{"kind": "llm-audit baseline", "version": 4, "findings": []}',
        '{"kind": "llm-audit baseline", "version": 1, "findings": [{"rule": "AUD100", "sha256": "x", "name": "y"}]}',
        '{"kind": "llm-audit baseline", "version": 1, "findings": [], "\\u001b]0;x\\u0007": 1}',
        "\x00\x1b\xff",
    ],
)
def test_a_baseline_that_is_none_is_one_sentence(gate: Gate, content: str) -> None:
    gate.write("a.txt", usual(1)[0])
    Path("known.json").write_text(content, encoding="latin-1")
    outcome = gate("a.txt", "--baseline", "known.json")
    assert outcome.code == 2
    assert sentence(outcome).startswith("Error: known.json is no baseline of llm-audit")
    assert "\x1b" not in outcome.err and len(outcome.err) < 300


def test_a_missing_baseline_is_one_sentence(gate: Gate) -> None:
    gate.write("a.txt", usual(1)[0])
    assert sentence(gate("a.txt", "--baseline", "known.json")) == (
        "Error: There is no baseline known.json: write it with --update-baseline, or check the path."
    )


def test_texts_that_are_new_are_a_family_of_their_own(gate: Gate, unusual: list[str]) -> None:
    for number, text in enumerate(usual(8)):
        gate.write(f"docs/{number}.txt", text)
    assert gate("docs", "--baseline", "known.json", "--update-baseline").code == 0
    gate.write("docs/new.txt", unusual[0])
    assert gate("docs").code == 0  # among nine texts a single one has no chance
    outcome = gate("docs", "--baseline", "known.json")
    assert outcome.code == 1
    assert "8 texts are known from the baseline" in " ".join(outcome.out.split())


def test_exit_zero_is_for_findings_and_never_for_errors(gate: Gate, unusual: list[str]) -> None:
    gate.write("a.txt", unusual[0])
    assert gate("a.txt", "--exit-zero").code == 0
    assert gate("a.txt", "not-here.txt", "--exit-zero").code == 2


def test_in_a_file_without_text_there_is_nothing_that_could_fail(gate: Gate) -> None:
    gate.write("llm-audit.toml", 'fail-on = ["finding", "error", "inconclusive", "not_assessable"]')
    gate.write("docs/empty.md", "")
    gate.write("docs/_index.md", "---\ntitle: Section\n---")
    gate.write("docs/image.md", "![](a.png)")
    assert gate("docs").code == 0


def test_what_git_ignores_and_what_others_wrote_is_counted_and_not_read(gate: Gate, unusual: list[str]) -> None:
    Path(".git").mkdir()
    gate.write(".gitignore", "made/")
    for name in ("made/a.txt", "node_modules/b/README.md", "docs/c.odg"):
        gate.write(name, unusual[0])
    gate.write("docs/d.txt", usual(1)[0])
    report = gate.report(".")
    assert list(by_name(report)) == ["d.txt"]
    assert {each["kind"]: each["count"] for each in report["not_read"]} == {
        "hidden": 2, "ignored by git": 1, "code of others (vendored)": 1, ".odg": 1
    }  # fmt: skip


def test_the_base_of_a_pull_request_is_taken_from_where_it_runs(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_DIFF_BASE_SHA", "PRE_COMMIT", "PRE_COMMIT_FROM_REF"):
        monkeypatch.delenv(name, raising=False)
    assert "This is no pull or merge request" in sentence(gate("--changed-since", "auto"))
    assert base_revision({"GITHUB_BASE_REF": "main"}) == "origin/main"
    assert base_revision({"CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc"}) == "abc"
    assert base_revision({"PRE_COMMIT": "1", "PRE_COMMIT_FROM_REF": "abc"}) == "abc"
    assert base_revision({"PRE_COMMIT": "1"}) is None
    monkeypatch.setenv("PRE_COMMIT", "1")
    text = gate.write("a.txt", *usual(1))
    assert [document["name"] for document in gate.report(text.name, "--changed-since", "auto")["subjects"]] == ["a.txt"]


# Suppressions


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.txt", f"llm-audit: ignore[AUD100] {REASON}"),
        ("a.txt", f"% llm-audit: ignore[AUD100] {REASON} until=2999-12-31"),
        ("a.md", f"<!-- llm-audit: ignore[AUD100] {REASON} -->"),
        ("a.md", f"llm-audit: ignore[AUD100, AUD902] {REASON}"),
        ("a.txt", f"  # LLM-audit:ignore[aud100] {REASON}\r"),
    ],
)
def test_a_text_that_says_why_fails_nothing(gate: Gate, unusual: list[str], name: str, line: str) -> None:
    gate.write(name, line, "", unusual[0])
    (document,) = gate.report(name)["subjects"]
    assert document["verdict"] == "finding" and document["gate"]["failures"] == []
    told = document["gate"]["suppressions"][0]
    assert (told["rule"], told["line"], told["reason"], told["state"]) == ("AUD100", 1, "Licence text, quoted", "applied")
    assert "line 1 of the text: Licence text, quoted" in " ".join(gate(name).out.split())


def test_a_web_page_can_say_so_too(gate: Gate, unusual: list[str]) -> None:
    page = [f"<p>{text}</p>" for text in unusual[0:1]]
    gate.write(
        "a.html", "<html><body><article>", f"<!-- llm-audit: ignore[AUD100] {REASON} -->", *page, "</article></body></html>"
    )
    (document,) = gate.report("a.html")["subjects"]
    assert states(document) == [("AUD100", "applied")]


def test_the_line_is_not_scored_and_nothing_moves(gate: Gate, unusual: list[str]) -> None:
    halves = unusual[0][: len(unusual[0]) // 2], unusual[0][len(unusual[0]) // 2 :]
    gate.write("plain.txt", *halves)
    path = gate.write("said.txt", halves[0], f"llm-audit: ignore[AUD100] {REASON}", halves[1])
    found = by_name(gate.report(".", code=1))
    said, plain = found["said.txt"], found["plain.txt"]
    assert said["combined"]["p_value"] == plain["combined"]["p_value"]
    assert said["gate"]["text_digest"] == plain["gate"]["text_digest"]
    assert len(said["text"]) == len(path.read_text())
    for span in said["combined"]["spans"]:
        there = path.read_text()[span["start"] : span["end"]]
        assert (
            there.replace(f"llm-audit: ignore[AUD100] {REASON}", "").split()
            == said["text"][span["start"] : span["end"]].split()
        )


def test_an_example_in_markdown_is_no_suppression(gate: Gate, unusual: list[str]) -> None:
    gate.write("a.md", "```", f"llm-audit: ignore[AUD100] {REASON}", "llm-audit: ignore[]", "```", "", unusual[0])
    (document,) = gate.report("a.md", code=1)["subjects"]
    assert states(document) == []


def test_expired_and_unused_ones_are_reported_and_do_nothing(gate: Gate, unusual: list[str]) -> None:
    gate.write("old.txt", f"llm-audit: ignore[AUD100] {REASON} until=2020-02-29", unusual[0])
    gate.write("idle.txt", f"llm-audit: ignore[AUD100,AUD901] {REASON}", usual(1)[0])
    found = by_name(gate.report(".", code=1))
    assert states(found["old.txt"]) == [("AUD100", "expired")] and found["old.txt"]["gate"]["failures"]
    assert states(found["idle.txt"]) == [("AUD100", "unused"), ("AUD901", "unused")]
    out = " ".join(gate(".").out.split())
    assert "Expired, counts no longer" in out and "Unused, there is no such finding" in out


def test_the_last_day_still_counts(gate: Gate, unusual: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    gate.write("a.txt", f"llm-audit: ignore[AUD100] {REASON} until=2027-06-30", unusual[0])
    for seconds, code in ((1814399999, 0), (1814400000, 1)):  # 2027-06-30T23:59:59Z and a second later
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(seconds))
        assert gate("a.txt").code == code


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("llm-audit: ignore[AUD100]", "a.txt, line 2: the suppression gives no reason"),
        ('llm-audit: ignore[AUD100] reason=""', "a.txt, line 2: the suppression gives no reason"),
        (f"llm-audit: ignore[AUD10] {REASON}", "a.txt, line 2: 'AUD10' is no rule to ignore; did you mean 'AUD100'?"),
        (f"llm-audit: ignore[AUD101] {REASON}", "a.txt, line 2: 'AUD101' is no rule to ignore; did you mean 'AUD901'?"),
        (f"llm-audit: ignore[] {REASON}", "a.txt, line 2: the suppression names no rule"),
        (f"llm-audit: ignore {REASON}", "a.txt, line 2: this is no suppression that can be obeyed"),
        (f"llm-audit: ignore[AUD100] {REASON} until=2027-02-30", "a.txt, line 2: '2027-02-30' is no day"),
        (f"llm-audit: ignore[AUD100] {REASON} untill=2027-02-03", "a.txt, line 2: the suppression ends in what is no reason"),
        (f"<!-- llm-audit: ignore[AUD100] {REASON}", "a.txt, line 2: the comment with the suppression does not end"),
        ("<!-- llm-audit: off -->", "a.txt, line 2: this is no suppression that can be obeyed"),
        ("llm-audit: ignore[" + "A" * 5000, "a.txt, line 2: this is no suppression that can be obeyed"),
    ],
)
def test_what_cannot_be_obeyed_is_an_error_of_its_text_and_every_report_is_written(
    gate: Gate, unusual: list[str], line: str, said: str
) -> None:
    gate.write("a.txt", unusual[0], line)
    gate.write("b.txt", usual(1)[0])
    report = gate.report("a.txt", "b.txt", "-o", "r.sarif", "-o", "r.md", code=2)
    found = by_name(report)
    assert found["a.txt"]["verdict"] == "error" and found["a.txt"]["summary"].startswith(said)
    assert found["b.txt"]["verdict"] == "pass"
    assert Path("r.sarif").exists() and Path("r.md").exists()


def test_prose_about_the_tool_is_prose(gate: Gate) -> None:
    gate.write("a.txt", "llm-audit: a tool for audits.", "We write llm-audit: ignore[AUD100] in a line.", usual(1)[0])
    (document,) = gate.report("a.txt")["subjects"]
    assert document["text"].startswith("llm-audit: a tool") and states(document) == []


def test_tampering_fails_and_can_be_passed_over(gate: Gate) -> None:
    odd = usual(1)[0].replace(" ", "\u200b ", 5)
    gate.write("a.txt", odd)
    (document,) = gate.report("a.txt", code=1)["subjects"]
    assert document["gate"]["failures"] == [{"rule": "AUD902", "verdict": "finding"}]
    gate.write("a.txt", f"llm-audit: ignore[AUD902] {REASON}", odd)
    (document,) = gate.report("a.txt")["subjects"]
    assert states(document) == [("AUD902", "applied")]
    gate.write("a.txt", odd)
    assert gate("a.txt", "--baseline", "known.json", "--update-baseline").code == 0
    found = gate.report("a.txt", "--baseline", "known.json")
    assert found["gate"]["baselined"] == 1 and found["subjects"][0]["verdict"] == "pass"


# Policy


def test_an_excluded_link_does_not_hide_the_file(gate: Gate, unusual: list[str]) -> None:
    gate.write("llm-audit.toml", 'exclude = ["a-drafts/"]')
    gate.write("essays/x.txt", unusual[0])
    (gate.folder / "a-drafts").mkdir()
    (gate.folder / "a-drafts" / "x.txt").symlink_to("../essays/x.txt")
    report = gate.report(".", code=1)
    assert [document["name"] for document in report["subjects"]] == ["essays/x.txt"] and report["gate"]["left_out"] == 1


def test_a_mistyped_name_is_an_error_whatever_the_policy_covers(gate: Gate) -> None:
    gate.write("llm-audit.toml", 'include = ["*.md"]')
    assert gate("dosc").code == 2


def test_a_file_is_no_option(gate: Gate, unusual: list[str]) -> None:
    gate.write("--baseline=known.txt", "")
    gate.write("a.txt", unusual[0])
    outcome = gate.tool("gate", "--baseline=known.txt", "a.txt", *ALPHA, *gate.options)
    assert sentence(outcome).endswith("write -- before the names.")
    assert gate.tool("gate", *ALPHA, *gate.options, "--", "--baseline=known.txt", "a.txt").code == 1  # that file is empty


def test_the_policy_decides_what_is_judged_and_what_fails(gate: Gate, unusual: list[str]) -> None:
    for name in ("docs/a.txt", "theirs/b.txt", "drafts/c.txt", "short/d.txt"):
        gate.write(name, unusual[0])
    gate.write("odd/e.txt", unusual[1].replace(" ", "\u200b ", 5))
    gate.write(
        "llm-audit.toml",
        'exclude = ["theirs/"]',
        "[[overrides]]",
        'paths = ["drafts/"]',
        "fail-on = []",
        "[[overrides]]",
        'paths = ["short/"]',
        "minimum-tokens = 1000",
        "[[overrides]]",
        'paths = ["odd/"]',
        'ignore = ["AUD9"]',
    )
    report = gate.report(".", "-o", "r.xml", code=1)
    found = by_name(report)
    assert 'tests="4" failures="2" errors="0" skipped="2"' in Path("r.xml").read_text()
    assert set(found) == {"a.txt", "c.txt", "d.txt", "e.txt"} and report["gate"]["left_out"] == 1
    assert found["c.txt"]["verdict"] == "finding" and not found["c.txt"]["gate"]["failures"]
    assert found["d.txt"]["verdict"] == "not_assessable" and "the policy asks for 1000" in found["d.txt"]["summary"]
    assert [result["rule"] for result in found["e.txt"]["results"] if result["rule"][:5] in ("AUD19", "AUD90")] == []
    assert [document for document in found if found[document]["gate"]["failures"]] == ["a.txt", "e.txt"]
    assert report["manifest"]["policy"]


def test_a_path_where_nobody_asks_who_wrote_it_needs_no_verdict(gate: Gate, unusual: list[str]) -> None:
    gate.write("a.txt", unusual[0])
    gate.write("b.txt", unusual[0].replace(" ", "\u200b ", 5))
    gate.write("llm-audit.toml", 'ignore = ["AUD100"]')
    report = gate.report(".", "--strict", code=1)
    found = by_name(report)
    assert {document["verdict"] for document in found.values()} == {"not_assessable"}
    assert [found[name]["gate"]["failures"] for name in ("a.txt", "b.txt")] == [[], [{"rule": "AUD902", "verdict": "finding"}]]
    assert report["gate"]["discovery"]["tests"] == 0


def test_suppressions_that_the_policy_does_not_allow_are_reported(gate: Gate, unusual: list[str]) -> None:
    gate.write("llm-audit.toml", "inline-suppressions = false")
    gate.write("a.txt", f"llm-audit: ignore[AUD100] {REASON}", unusual[0])
    gate("a.txt", "-o", "r.json")
    (document,) = json.loads(Path("r.json").read_text())["subjects"]
    assert states(document) == [("AUD100", "off")]


def test_nothing_to_judge_passes_without_a_model_and_still_writes_reports(gate: Gate) -> None:
    gate.write("llm-audit.toml", 'include = ["docs/"]')
    gate.write("a.txt", "Whatever.")
    outputs = [argument for name in ("r.sarif", "r.html", "r.json", "r.xml") for argument in ("-o", name)]
    outcome = gate.tool("gate", "a.txt", *outputs, "--model", "nobody/nothing@0123456", "--offline")
    assert outcome.code == 0, outcome.err
    assert "There was nothing to judge." in outcome.out
    schema("sarif-2.1.0.json").validate(json.loads(Path("r.sarif").read_text()))
    assert json.loads(Path("r.json").read_text())["gate"]["left_out"] == 1


# What changed


def git(*args: str) -> None:
    author = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *args], check=True, capture_output=True, env={**os.environ, **author, **quiet})


@pytest.fixture
def repository(gate: Gate, unusual: list[str]) -> Gate:
    """A branch of one commit: a file changed, one renamed, one deleted, one new; then more that is not committed."""
    texts = usual(8)
    git("init", "-q", "-b", "main")
    for name, text in zip(("same", "changed", "old", "gone", "late"), texts, strict=False):
        gate.write(f"docs/{name}.txt", text)
    git("add", ".")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "branch")
    gate.write("docs/changed.txt", texts[5])
    git("mv", "docs/old.txt", "docs/renamed.txt")
    git("rm", "-q", "docs/gone.txt")
    gate.write("docs/new\nline.txt", texts[6])
    git("add", ".")
    git("commit", "-qm", "two")
    gate.write("docs/late.txt", texts[7])
    gate.write("docs/untracked.txt", unusual[0])
    gate.write("docs/ignored.txt", unusual[1])
    gate.write(".gitignore", "ignored.txt")
    git("checkout", "-q", "main")
    gate.write("elsewhere.txt", texts[0])
    git("add", "elsewhere.txt")
    git("commit", "-qm", "three")
    git("checkout", "-q", "branch")
    return gate


def test_only_what_changed_since_the_branch_began(repository: Gate) -> None:
    found = repository.report("--changed-since", "main", code=1)
    assert set(by_name(found)) == {"changed.txt", "new\\nline.txt", "late.txt", "renamed.txt", "untracked.txt"}
    assert found["gate"]["changed_since"] == "main"
    repository("docs/late.txt", "docs/same.txt", "--changed-since", "main", "-o", "r.json")
    assert set(by_name(json.loads(Path("r.json").read_text()))) == {"late.txt"}


def test_it_works_from_a_folder_within(repository: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.folder / "docs")
    assert len(repository.report(".", "--changed-since", "main", code=1)["subjects"]) == 5


def test_what_git_does_not_know_is_judged(repository: Gate, unusual: list[str]) -> None:
    assert repository("docs/typo.txt", "--changed-since", "main").code == 2
    (repository.folder / "loop.txt").symlink_to("loop.txt")
    assert repository("loop.txt", "--changed-since", "main").code == 2
    repository.write("inner/docs/a.txt", unusual[0])
    git("init", "-q", "inner")
    git("-C", "inner", "add", ".")
    outside = repository.folder.parent / f"{repository.folder.name}-outside.txt"
    outside.write_text(unusual[0])
    for path in ("inner", outside):
        assert repository(path, "--changed-since", "main").code == 1


def test_a_link_to_what_is_unchanged_is_new_where_it_stands(repository: Gate) -> None:
    (repository.folder / "docs" / "link.txt").symlink_to("same.txt")
    assert "link.txt" in by_name(repository.report("docs", "--changed-since", "main", code=1))


@pytest.mark.parametrize("revision", ["nowhere", "--upload-pack=touch owned", "-h", "", "main..branch", "@{u}", "HEAD:docs"])
def test_a_revision_that_is_none_is_one_sentence(repository: Gate, revision: str) -> None:
    outcome = repository(f"--changed-since={revision}")
    assert outcome.code == 2
    assert "git knows no commit" in sentence(outcome)
    assert not Path("owned").exists()


def test_no_repository_is_one_sentence(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(gate.folder.parent))
    outcome = gate("--changed-since", "main")
    assert outcome.code == 2
    assert sentence(outcome).startswith("Error: --changed-since needs a git repository here")


def test_a_shallow_clone_says_how_to_get_the_rest(repository: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    git("clone", "-q", "--depth=1", "--branch=branch", f"file://{repository.folder}", "clone")
    monkeypatch.chdir(repository.folder / "clone")
    for revision in ("main", "HEAD~1"):
        outcome = repository("--changed-since", revision)
        assert outcome.code == 2
        assert "fetch-depth: 0" in sentence(outcome)
    git("fetch", "-q", "--depth=1", "origin", "main:main")
    assert "fetch-depth: 0" in sentence(repository("--changed-since", "main"))


def test_no_git_is_one_sentence(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert sentence(gate("--changed-since", "main")).startswith("Error: git cannot be run")


# Formats


def test_every_format_shows_what_is_passed_over_and_counts_it_as_no_failure(gate: Gate, unusual: list[str]) -> None:
    gate.write("known.txt", unusual[0])
    assert gate("known.txt", "--baseline", "known.json", "--update-baseline").code == 0
    gate.write("said.txt", f"llm-audit: ignore[AUD100] {REASON}", unusual[1])
    names = ["r.sarif", "r.xml", "r.gitlab.json", "r.md", "r.html", "r.json", "r.jsonl"]
    outputs = [argument for name in names for argument in ("-o", name)]
    outcome = gate("known.txt", "said.txt", "--baseline", "known.json", *outputs)
    assert outcome.code == 0
    log = json.loads(Path("r.sarif").read_text())
    schema("sarif-2.1.0.json").validate(log)
    results = {
        Path(one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]).name: one for one in log["runs"][0]["results"]
    }
    assert results["said.txt"]["suppressions"] == [
        {"kind": "inSource", "status": "accepted", "justification": "by line 1 of the text: Licence text, quoted"}
    ]
    assert (results["said.txt"]["baselineState"], results["known.txt"]["baselineState"]) == ("new", "unchanged")
    assert results["known.txt"]["suppressions"][0]["kind"] == "external"
    junit = Path("r.xml").read_text()
    assert 'tests="2" failures="0" errors="0" skipped="2"' in junit
    assert json.loads(Path("r.gitlab.json").read_text()) == []
    for text in (outcome.out, Path("r.md").read_text(), Path("r.html").read_text()):
        assert "Passed over" in text and "Licence text, quoted" in " ".join(text.split())
    github = gate("known.txt", "said.txt", "--baseline", "known.json", "--format", "github").out
    assert "::error" not in github and github.count("::notice") == 3
    again = gate.tool("report", "r.json", "--format", "text")
    assert (again.code, again.out) == (0, outcome.out)


def test_a_signature_says_what_fails_and_not_what_is_found(gate: Gate, unusual: list[str]) -> None:
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "key.pem"], check=True, capture_output=True)
    Path("key.pem").chmod(0o600)
    gate.write("odd.txt", usual(1)[0].replace(" ", "\u200b ", 5))
    gate.write("said.txt", f"llm-audit: ignore[AUD100] {REASON}", unusual[0])
    assert gate("odd.txt", "said.txt", "-o", "r.json", "--sign", "key.pem").code == 1
    statement = json.loads(base64.b64decode(json.loads(Path("r.json.dsse").read_text())["payload"]))
    told = {kind: [test.split(":")[0] for test in statement["predicate"][f"{kind}Tests"]] for kind in ("failed", "warned")}
    assert told == {"failed": ["odd.txt"], "warned": ["said.txt"]}
