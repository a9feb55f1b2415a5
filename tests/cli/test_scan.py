"""`llm-audit scan`: the numbers of `detect`, exit codes, interruptions, and what the report says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_audit.cli import main
from llm_audit.cli.scan import _interruptible
from llm_audit.scanning import corpus as corpora
from llm_audit.scoring.cache import ScoreCache
from tests.cli.conftest import write_texts
from tests.cli.tool import COMMAND, HUMAN, PREDICTABLE, Tool, sentence
from tests.scan.test_kills import check_kills

ROOT = Path(__file__).parents[2]
FINAL = ("results.jsonl", "results.parquet", "report.html", "summary.json")
TINY = ("--alpha", 0.2)


@pytest.fixture(scope="module")
def unusual(tiny_root: Path, tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Texts that this model finds as predictable as it finds any: two words in any order, chosen by their p-value."""
    folder, rng = tmp_path_factory.mktemp("unusual"), np.random.default_rng(5)
    texts = [" ".join(rng.choice(PREDICTABLE[number % 2], 40)) for number in range(80)]
    (folder / "candidates.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    options = ["--model", str(tiny_llama), "--population", "own", "-o", str(folder / "out")]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setenv("LLM_AUDIT_CACHE", str(tiny_root / "cache"))
        patch.setenv("LLM_AUDIT_DATA", str(tiny_root / "data"))
        main(["scan", str(folder / "candidates.jsonl"), *options])
    chosen = [text for text, row in zip(texts, results(folder / "out"), strict=True) if row["p_value"] == 1 / 41]
    assert len(chosen) >= 10
    return chosen[:10]


@pytest.fixture
def corpus(tmp_path: Path, unusual: list[str]) -> Path:
    """Twenty texts in the words of the population, ten unusual ones, a short one, a bad line."""
    path = write_texts(tmp_path / "corpus.jsonl", 20, 30)
    with path.open("a") as file:
        for text in (*unusual, "Too short."):
            file.write(json.dumps({"text": text}) + "\n")
        file.write("no JSON\n")
    return path


def results(where: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (where / "results.jsonl").read_text().splitlines()]


def summary(where: Path) -> dict[str, Any]:
    (found,) = json.loads((where / "summary.json").read_text())["subjects"]
    return dict(found)


def test_the_numbers_are_those_of_detect(tool: Tool, tiny: tuple[str, ...], corpus: Path, tmp_path: Path) -> None:
    outcome = tool("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny)
    assert outcome.code == 2, outcome.err  # a line is no JSON
    rows = results(tmp_path / "out")
    for row, line in zip(rows, corpus.read_text().splitlines(), strict=True):
        if row["p_value"] is None:
            continue
        (tmp_path / "one.txt").write_text(json.loads(line)["text"])
        (document,) = json.loads(tool("detect", tmp_path / "one.txt", *TINY, *tiny, "--format", "json").out)["subjects"]
        assert row["p_value"] == document["combined"]["p_value"]
        assert row["p_floor"] == document["combined"]["p_floor"]
        assert row["n"] == document["combined"]["population"]["n"]
        assert row["tokens"] == document["tokens"]
        assert row["sha256"] == document["sha256"]
        assert {name.removeprefix("p_"): p for name, p in row.items() if name.startswith("p_AUD") and p is not None} == {
            result["rule"]: result["p_value"] for result in document["results"] if result["p_value"] is not None
        }
        assert {name: row[name] for name in row if name.startswith("AUD9")} == dict.fromkeys(
            ("AUD901", "AUD902", "AUD903", "AUD904", "AUD905"), 0
        )
    assert [row["verdict"] for row in rows[30:]] == ["not_assessable", "error"]
    assert rows[31]["reason"].startswith("is not a JSON object")
    assert [row["reason_code"] for row in rows[30:]] == ["language", "unreadable"]


def test_the_parquet_file_has_the_same_rows(tool: Tool, tiny: tuple[str, ...], corpus: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    tool("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny)
    table = parquet.read_table(tmp_path / "out" / "results.parquet")
    assert table.schema.metadata[b"complete"] == b"true"
    for row, line in zip(table.to_pylist(), results(tmp_path / "out"), strict=True):
        assert list(row.items()) == list(line.items())


def test_the_summary_counts_the_rows_and_the_page_says_the_same(
    tool: Tool, tiny: tuple[str, ...], corpus: Path, tmp_path: Path
) -> None:
    out = tool("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny).out
    found, rows = summary(tmp_path / "out"), results(tmp_path / "out")
    assert found["complete"]
    for verdict, count in found["verdicts"].items():
        assert count == sum(row["verdict"] == verdict for row in rows)
    assert found["verdicts"]["finding"] == found["discovery"]["found"] >= 10
    assert found["discovery"]["tests"] == sum(found["discovery"]["histogram"]) == 30
    assert found["discovery"]["floor"] == 1 / 41
    assert found["discovery"]["fewest"] == 4
    page = (tmp_path / "out" / "report.html").read_text()
    limits = json.loads((tmp_path / "out" / "summary.json").read_text())["limits"]
    for said in (found["summary"], found["null"], *limits, *found["assumptions"]):
        assert said in page.replace("&#39;", "'")
    assert found["summary"] in " ".join(out.split())
    assert "<script" not in page
    assert [document["p_value"] for document in found["ranked"]] == sorted(row["p_value"] for row in rows[:30])


@pytest.mark.parametrize(
    ("texts", "options", "code"),
    [
        (20, [], 0),
        (20, ["--strict"], 3),
        (30, [], 1),
        (32, ["--strict"], 2),
        (20, ["--limit", 0], 2),
        (20, ["--shard", "0/2"], 2),
        (20, ["--shard", "3/2"], 2),
        (20, ["--shard", "half"], 2),
        (20, ["--population", "nobody"], 2),
    ],
)
def test_exit_codes(
    tool: Tool, tiny: tuple[str, ...], corpus: Path, tmp_path: Path, texts: int, options: list[object], code: int
) -> None:
    corpus.write_text("".join(corpus.read_text().splitlines(keepends=True)[:texts]))
    outcome = tool("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny, *options)
    assert outcome.code == code, outcome.err
    assert "Traceback" not in outcome.err


def test_an_unreadable_document_among_human_ones_exits_with_2(
    tool: Tool, tiny: tuple[str, ...], corpus: Path, tmp_path: Path
) -> None:
    outcome = tool("scan", corpus, tmp_path / "missing.txt", "--limit", 33, "-o", tmp_path / "out", "--alpha", 0.01, *tiny)
    assert outcome.code == 2
    assert "No such file" in outcome.out
    assert "nothing could be found" in " ".join(outcome.out.split())


def test_shards_then_the_whole(tool: Tool, tiny: tuple[str, ...], corpus: Path, tmp_path: Path) -> None:
    assert tool("scan", corpus, "-o", tmp_path / "one", *TINY, *tiny).code == 2
    for number in (1, 2):
        outcome = tool("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny, "--shard", f"{number}/2")
        assert (outcome.code, outcome.out) == (0, f"Shard {number} of 2 is done. A scan without --shard gives the results.\n")
    assert tool("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny).code == 2
    for name in FINAL:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


@pytest.fixture
def one_block_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Four files, each of them a block."""
    monkeypatch.setattr("llm_audit.scanning.corpus.BLOCK_CHARACTERS", 100)
    words = Path(HUMAN).read_text().split()
    files = [tmp_path / "corpus" / f"{number}.txt" for number in range(4)]
    files[0].parent.mkdir()
    for number, file in enumerate(files):
        file.write_text(" ".join(words[70 * number : 70 * number + 70]))
    return files


def test_a_second_shard_reads_its_own_files_alone(
    tool: Tool, tiny: tuple[str, ...], one_block_each: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    digest = corpora.sha256_of

    def counted(path: Path) -> str:
        read.append(Path(path).name)
        return digest(path)

    monkeypatch.setattr("llm_audit.scanning.corpus.sha256_of", counted)
    folder = one_block_each[0].parent
    for number, expected in ((1, "0 1 2 3 0 1"), (2, "2 3")):
        assert tool("scan", folder, "-o", tmp_path / "out", *TINY, *tiny, "--shard", f"{number}/2").code == 0
        assert read == [f"{each}.txt" for each in expected.split()]
        read.clear()
    tool("scan", folder, "-o", tmp_path / "one", *TINY, *tiny)
    tool("scan", folder, "-o", tmp_path / "out", *TINY, *tiny)
    for name in FINAL:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_a_file_that_changed_between_shards_is_noticed_by_its_own_shard_and_by_the_scan_that_collects(
    tool: Tool, tiny: tuple[str, ...], one_block_each: list[Path], tmp_path: Path
) -> None:
    first, *_, second = one_block_each
    folder, options = first.parent, [*TINY, *tiny]
    assert tool("scan", folder, "-o", tmp_path / "out", *options, "--shard", "1/2").code == 0
    as_it_was = second.read_text()
    second.write_text(as_it_was.swapcase())  # of the same size
    said = sentence(tool("scan", folder, "-o", tmp_path / "out", *options, "--shard", "2/2"))
    assert "3.txt is not here what it was when the scan began" in said
    second.write_text(as_it_was)
    assert tool("scan", folder, "-o", tmp_path / "out", *options, "--shard", "2/2").code == 0
    first.write_text(first.read_text().swapcase())
    assert f"holds another scan ({first} changed)" in sentence(tool("scan", folder, "-o", tmp_path / "out", *options))


def test_another_setting_is_refused_in_one_sentence(tool: Tool, tiny: tuple[str, ...], corpus: Path, tmp_path: Path) -> None:
    tool("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny, "--limit", 3)
    said = sentence(tool("scan", corpus, "-o", tmp_path / "out", "--alpha", 0.1, *tiny))
    assert said == f"Error: {tmp_path}/out holds another scan (alpha was 0.2, now 0.1): restore that, or name another folder."


def test_results_are_copied_behind_a_url_and_the_journal_stays_here(
    tool: Tool, tiny: tuple[str, ...], corpus: Path, tmp_path: Path
) -> None:
    outcome = tool("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny, "--results", f"file://{tmp_path}/copy")
    assert outcome.out.endswith(f"A copy: file://{tmp_path}/copy\n")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == sorted(FINAL)
    for name in FINAL:
        assert (tmp_path / "copy" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert "with --results" in tool("scan", corpus, "-o", "s3://bucket/scan", *tiny).err
    assert sentence(tool("scan", corpus, "-o", tmp_path / "other", *tiny, "--results", "nosuch://x")).startswith(
        "Error: Cannot write to nosuch://x (Protocol not known: nosuch)"
    )


# Interruptions


@pytest.fixture
def long_corpus(tmp_path: Path) -> Path:
    return write_texts(tmp_path / "long.jsonl", 3000, 30)


def begun(tiny: tuple[str, ...], corpus: Path, out: Path, size: int) -> subprocess.Popen[bytes]:
    """A scan whose journal has grown to a size."""
    command = [*COMMAND, "scan", str(corpus), "-o", str(out), "--alpha", "0.2", *tiny]
    scan = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    journal = out / "journal.jsonl"
    while scan.poll() is None and not (journal.exists() and journal.stat().st_size > size):
        time.sleep(0.05)
    return scan


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_leaves_a_partial_report_that_says_so(
    tiny: tuple[str, ...], long_corpus: Path, tmp_path: Path, number: int
) -> None:
    scan = begun(tiny, long_corpus, tmp_path / "out", 1000)
    scan.send_signal(number)
    out, err = scan.communicate(timeout=120)
    assert scan.returncode == 130, err
    assert err.decode().splitlines()[-1] == "Interrupted; the same command goes on."
    found = summary(tmp_path / "out" / "partial")
    assert not found["complete"]
    assert 0 < found["included"] == len(results(tmp_path / "out" / "partial")) < 3000
    assert "This report is partial." in (tmp_path / "out" / "partial" / "report.html").read_text()
    assert out.decode().startswith(f"Partial: {found['included']:,} of 3,000 documents")
    assert not (tmp_path / "out" / "summary.json").exists()


def test_a_signal_while_an_object_is_freed_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    class Freed:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), _interruptible() as check:
        check()
        Freed()
        assert len(lost) == 1  # nobody above has seen it
        check()


def test_a_second_signal_ends_it_at_once(tiny: tuple[str, ...], long_corpus: Path, tmp_path: Path) -> None:
    scan = begun(tiny, long_corpus, tmp_path / "out", 1000)
    scan.send_signal(signal.SIGINT)
    time.sleep(0.01)
    scan.send_signal(signal.SIGINT)
    before = time.monotonic()
    assert b"Traceback" not in scan.communicate(timeout=60)[1]
    assert scan.returncode == 130
    assert time.monotonic() - before < 10


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_200_kills_of_10000_documents(tiny: tuple[str, ...], tmp_path: Path) -> None:
    corpus = write_texts(tmp_path / "corpus.jsonl", 10_000, 20)
    check_kills(corpus, tmp_path / "scans", 10_000, 200, "--alpha", "0.2", *tiny)


@pytest.mark.slow
def test_eight_scans_share_one_cache(tiny: tuple[str, ...], tmp_path: Path) -> None:
    corpus, cache = write_texts(tmp_path / "corpus.jsonl", 200, 20), tmp_path / "cache"
    environment = {**os.environ, "LLM_AUDIT_CACHE": str(cache)}

    def scan(name: str) -> subprocess.Popen[bytes]:
        command = [*COMMAND, "scan", str(corpus), "-o", str(tmp_path / name), "--cache", *map(str, TINY), *tiny]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)

    scans = [scan(str(number)) for number in range(8)]
    said = [line for process in scans for line in process.communicate()[1].decode().splitlines()]
    assert [line for line in said if " documents; " not in line] == []  # progress, where the machine is slow
    assert {process.returncode for process in scans} <= {0, 1}
    assert len({(tmp_path / str(number) / "results.jsonl").read_bytes() for number in range(8)}) == 1
    with ScoreCache(cache / "scores.sqlite") as shared:
        assert shared.verify() == (200, 0)  # every text once, every row sound


def test_other_commands_read_what_a_scan_wrote(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    tool("scan", write_texts(tmp_path / "corpus.jsonl", 3), "-o", tmp_path / "out", *tiny)
    for command in ("report", "verify"):
        assert "3 different texts" in tool(command, tmp_path / "out").out or command == "verify"
        assert tool(command, tmp_path / "out" / "summary.json").code == 0
        refused = tool(command, tmp_path / "out" / "results.jsonl")
        assert refused.code == 2 and "holds the single documents of a scan: give summary.json" in sentence(refused)
    assert tool("report", tmp_path / "out", "-o", tmp_path / "again.html").code == 0
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "out" / "report.html").read_bytes()
    assert "taken as it stands in results.jsonl" in " ".join(tool("verify", tmp_path / "out").out.split())
    assert "scan, whose single documents are not in it" in sentence(tool("report", tmp_path / "out", "--compliance", "generic"))


def test_one_text_is_spoken_of_as_one(tool: Tool, tiny: tuple[str, ...], unusual: list[str], tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"text": unusual[0]}) + "\n")
    found = tool("scan", tmp_path / "corpus.jsonl", "-o", tmp_path / "found", *TINY, *tiny)
    assert found.code == 1 and "1 text was tested; 1 is unlike human writing" in " ".join(found.out.split())
    assert "1 text has p ≤ 0.2 taken alone" in " ".join(found.out.split())
    page = (tmp_path / "found" / "report.html").read_text()
    assert "1 different text<" in page and "The text least like the population" in page
    none = tool("scan", tmp_path / "corpus.jsonl", "-o", tmp_path / "none", "--alpha", 0.001, *tiny)
    assert "No text has p ≤ 0.001 taken alone" in " ".join(none.out.split())
    (tmp_path / "empty.jsonl").write_text("no JSON\n")
    nothing = tool("scan", tmp_path / "empty.jsonl", "-o", tmp_path / "nothing", *tiny)
    assert "No document could be judged." in nothing.out and "taken alone" not in nothing.out


def test_one_damaged_line_was_left_out(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    args = ("scan", write_texts(tmp_path / "corpus.jsonl", 3), "-o", tmp_path / "out", *tiny)
    assert tool(*args).code == 0
    (journal,) = (tmp_path / "out").glob("journal*")
    first, _, rest = journal.read_bytes().partition(b"\n")
    journal.write_bytes(first.replace(b"text", b"tixt") + b"\n" + rest)
    assert tool(*args).err.startswith("1 damaged line of the journal was left out.")


def test_fields_of_the_records_go_with_them_and_texts_may_lie_within_fields(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    rows = [
        {
            "meta": {"text": f"Number {number}. {Path(HUMAN).read_text()}"},
            "key": f"k{number}",
            "score": number,
            "deep": {"a": [1]},
        }
        for number in range(2)
    ]
    path = tmp_path / "corpus.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows), '{"key": 7}', '{"meta": 3, "key": null}']))
    options = ("--text-field", "meta.text", "--id-field", "key", "--keep", "score", "--keep", "deep")
    tool("scan", path, "-o", tmp_path / "out", *TINY, *tiny, *options)
    found = results(tmp_path / "out")
    assert [row["id"] for row in found] == ["k0", "k1", "7", None]
    assert [row["field_score"] for row in found] == ["0", "1", "null", "null"]
    assert found[0]["field_deep"] == '{"a": [1]}'
    assert found[0]["p_value"] is not None
    assert [row["reason"] for row in found[2:]] == ["has no field 'meta.text'."] * 2


def test_a_scan_goes_on_whichever_way_its_corpus_is_spelled(
    tool: Tool, tiny: tuple[str, ...], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tool("scan", corpus, "-o", tmp_path / "out", *TINY, *tiny, "--limit", "3")
    assert first.code in (0, 1), first.err
    monkeypatch.chdir(corpus.parent)
    outcome = tool("scan", f"./{corpus.name}", "-o", tmp_path / "out", *TINY, *tiny)
    assert outcome.code == 2, outcome.err
    assert {row["name"].rpartition(":")[0] for row in results(tmp_path / "out")} == {str(corpus)}


def test_a_scan_gives_up_after_too_many_bad_rows(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text("\n".join([json.dumps({"text": Path(HUMAN).read_text()}), "no", "no", "no"]))
    outcome = tool("scan", path, "-o", tmp_path / "out", *TINY, *tiny, "--max-bad-rows", "2")
    assert outcome.code == 2
    assert "3 documents cannot be read, more than the 2 of --max-bad-rows" in " ".join(outcome.err.split())
    assert tool("scan", path, "-o", tmp_path / "out", *TINY, *tiny, "--max-bad-rows", "3").err == ""
