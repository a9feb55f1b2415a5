"""Counting a corpus: what is counted, what is left out, and how an interrupted run goes on."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures.tiny_models import SENTENCES
from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership import counting
from llm_audit.detectors.membership.counting import Counted, count_corpus
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.scoring.tokenizer import load_tokenizer
from llm_audit.scoring.vocabulary import tokenizer_digest

TEXTS = [f"{SENTENCES[i % 5]} {i}" for i in range(1000)]
LINES = [json.dumps({"text": text}) for text in TEXTS]


@pytest.fixture(scope="module")
def tokenizer(tiny_llama: Path) -> Any:
    return load_tokenizer(tiny_llama)


@pytest.fixture
def count(tokenizer: Any, tmp_path: Path) -> Callable[..., Counted]:
    def run(*paths: Path, output: Path = tmp_path / "out.safetensors", field: str = "text", **options: Any) -> Counted:
        return count_corpus(paths, tokenizer, name="mine", description="", text_field=field, output=output, **options)

    return run


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "BATCH", 16)
    monkeypatch.setattr(counting, "CHECKPOINT", 32)


def write(path: Path, lines: Sequence[str]) -> Path:
    content = "".join(f"{line}\n" for line in lines).encode()
    pack = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(content))
    return path


def by_hand(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    counts = np.zeros(tokenizer.get_vocab_size(), int)
    for text in texts:
        for token in tokenizer.encode(text, add_special_tokens=False).ids:
            counts[token] += 1
    return counts.tolist()


def test_a_table_counts_every_token_of_every_text(count: Callable[..., Counted], tokenizer: Any, tmp_path: Path) -> None:
    texts = [*TEXTS[:600], "two\nlines", "<s> is typed, not a control token"]
    counted = count(write(tmp_path / "a.jsonl", [json.dumps({"text": text, "id": 1}) for text in texts]))
    assert counted.frequencies.counts.tolist() == by_hand(tokenizer, texts)
    assert (counted.frequencies.documents, counted.malformed, counted.problems) == (602, 0, ())
    assert counted.frequencies.tokenizer == tokenizer_digest(tokenizer)
    assert counted.frequencies.counts[0] == 0  # <s>
    stored = Frequencies.load(tmp_path / "out.safetensors")
    assert stored.counts.tolist() == counted.frequencies.counts.tolist()
    assert (stored.name, stored.documents) == ("mine", 602)
    assert not (tmp_path / "out.safetensors.partial").exists()


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.TXT", "a.txt.gz", "a.md.xz"])
def test_each_line_of_a_text_file_is_a_text(name: str, count: Callable[..., Counted], tokenizer: Any, tmp_path: Path) -> None:
    counted = count(write(tmp_path / name, [TEXTS[0], "", "  ", TEXTS[1] + "\r", TEXTS[2]]))
    assert counted.frequencies.counts.tolist() == by_hand(tokenizer, TEXTS[:3])
    assert counted.frequencies.documents == 3
    assert counted.malformed == 0


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.xz"])
def test_packed_files_give_the_same_table(name: str, count: Callable[..., Counted], tmp_path: Path) -> None:
    plain = count(write(tmp_path / "a.jsonl", LINES), output=tmp_path / "plain")
    packed = count(write(tmp_path / name, LINES), output=tmp_path / "packed")
    assert packed.frequencies.counts.tolist() == plain.frequencies.counts.tolist()


def test_a_malformed_line_is_reported_and_stops_nothing(count: Callable[..., Counted], tokenizer: Any, tmp_path: Path) -> None:
    corpus = write(tmp_path / "a.jsonl", [*LINES[:499], '{"text": "cut o', *LINES[500:]])
    counted = count(corpus)
    assert counted.frequencies.documents == 999
    assert counted.frequencies.counts.tolist() == by_hand(tokenizer, TEXTS[:499] + TEXTS[500:])
    (problem,) = counted.problems
    assert problem.startswith(f"Line 500 of {corpus} is not a JSON object")
    assert problem.endswith(".")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"[1, 2]", "is not a JSON object"),
        (b'{"body": "x"}', "has no text in a field 'text'"),
        (b'{"text": 3}', "has no text in a field 'text'"),
        (b'{"text": ""}', "has no text in a field 'text'"),
        (b'{"text": "\xff"}', "is not UTF-8"),
        (rb'{"text": "half \ud83d"}', "has half a character"),
        (b"[" * 100_000, "is not a JSON object"),
    ],
)
def test_every_kind_of_malformed_line_is_left_out(line: bytes, why: str, count: Callable[..., Counted], tmp_path: Path) -> None:
    corpus = tmp_path / "a.jsonl"
    corpus.write_bytes(LINES[0].encode() + b"\n" + line + b"\n" + LINES[1].encode())
    counted = count(corpus)
    assert (counted.frequencies.documents, counted.malformed) == (2, 1)
    assert counted.problems[0].startswith(f"Line 2 of {corpus} {why}")


def test_a_line_of_a_text_file_that_is_not_utf_8_is_left_out(count: Callable[..., Counted], tmp_path: Path) -> None:
    corpus = tmp_path / "a.txt"
    corpus.write_bytes(b"one\ncaf\xe9\nthree\n")
    counted = count(corpus)
    assert counted.frequencies.documents == 2
    assert counted.problems == (f"Line 2 of {corpus} is not UTF-8.",)


def test_of_many_malformed_lines_the_first_are_described_and_all_are_counted(
    count: Callable[..., Counted], tmp_path: Path
) -> None:
    counted = count(write(tmp_path / "a.jsonl", [LINES[0], *["{"] * 500]))
    assert counted.malformed == 500
    assert [problem.split(" of ")[0] for problem in counted.problems] == [f"Line {n}" for n in range(2, 12)]


def test_the_field_can_have_another_name(count: Callable[..., Counted], tokenizer: Any, tmp_path: Path) -> None:
    counted = count(write(tmp_path / "a.jsonl", [json.dumps({"body": TEXTS[0], "text": "no"})]), field="body")
    assert counted.frequencies.counts.tolist() == by_hand(tokenizer, TEXTS[:1])


# Interrupts


class Interrupter:
    """A progress callback that interrupts at the n-th call."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self, fraction: float) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def corpus_of(tmp_path: Path) -> list[Path]:
    """Three files of three kinds, with malformed lines, an empty one among them."""
    return [
        write(tmp_path / "a.jsonl.gz", [*LINES[:150], "{", *LINES[150:300]]),
        write(tmp_path / "empty.jsonl", []),
        write(tmp_path / "b.txt", TEXTS[300:650]),
        write(tmp_path / "c.jsonl", [*LINES[650:], "{"]),
    ]


@pytest.mark.parametrize("calls", [1, 7, 19, 20, 31, 45, 60])
@pytest.mark.usefixtures("small_steps")
def test_an_interrupted_run_goes_on_to_the_same_bytes(calls: int, count: Callable[..., Counted], tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path)
    whole = count(*corpus, output=tmp_path / "whole")
    assert (whole.frequencies.documents, whole.malformed) == (1000, 2)
    with pytest.raises(KeyboardInterrupt):
        count(*corpus, progress=Interrupter(calls))
    assert not (tmp_path / "out.safetensors").exists()
    assert (tmp_path / "out.safetensors.partial").exists()
    resumed = count(*corpus)
    assert (tmp_path / "out.safetensors").read_bytes() == (tmp_path / "whole").read_bytes()
    assert (resumed.malformed, resumed.problems) == (whole.malformed, whole.problems)
    assert not (tmp_path / "out.safetensors.partial").exists()


@pytest.mark.usefixtures("small_steps")
def test_a_run_may_be_interrupted_again_and_again(count: Callable[..., Counted], tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path)
    count(*corpus, output=tmp_path / "whole")
    for calls in (10, 21, 33, 52):
        with pytest.raises(KeyboardInterrupt):
            count(*corpus, progress=Interrupter(calls))
    count(*corpus)
    assert (tmp_path / "out.safetensors").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.usefixtures("small_steps")
def test_what_was_counted_is_not_tokenised_again(
    count: Callable[..., Counted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    add = counting._Batch.add
    monkeypatch.setattr(counting._Batch, "add", lambda batch, text: (seen.append(text), add(batch, text)))
    corpus = write(tmp_path / "a.txt", TEXTS)
    with pytest.raises(KeyboardInterrupt):
        count(corpus, progress=Interrupter(40))  # 640 lines
    first = len(seen)
    count(corpus)
    assert 0 < first + 1000 - len(seen) <= first
    assert len(seen) - 1000 <= 32 + 16


def interrupted(count: Callable[..., Counted], corpus: Sequence[Path]) -> None:
    with pytest.raises(KeyboardInterrupt):
        count(*corpus, progress=Interrupter(45))  # in c.jsonl


CHANGES = [
    pytest.param("a.jsonl.gz", lambda lines: ["{}", *lines[1:]], id="a line of a finished file"),
    pytest.param("a.jsonl.gz", lambda lines: lines[:-1], id="a finished file cut"),
    pytest.param("a.jsonl.gz", lambda lines: [*lines, "{}"], id="a finished file longer"),
    pytest.param("empty.jsonl", lambda lines: ["{}"], id="an empty file filled"),
    pytest.param("c.jsonl", lambda lines: ["{}", *lines[1:]], id="a line of the file begun"),
    pytest.param("c.jsonl", lambda lines: lines[:5], id="the file begun cut"),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
@pytest.mark.usefixtures("small_steps")
def test_a_file_that_has_changed_below_the_position_is_refused(
    name: str, change: Callable[[list[str]], list[str]], count: Callable[..., Counted], tmp_path: Path
) -> None:
    corpus = corpus_of(tmp_path)
    interrupted(count, corpus)
    path = tmp_path / name
    unpack = gzip.decompress if name.endswith(".gz") else bytes
    write(path, change(unpack(path.read_bytes()).decode().splitlines()))
    with pytest.raises(AuditError, match=f"{name} has changed since the run that is to be continued"):
        count(*corpus)


@pytest.mark.usefixtures("small_steps")
def test_lines_added_above_the_position_are_counted(count: Callable[..., Counted], tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path)
    interrupted(count, corpus)
    with corpus[-1].open("a") as file:
        file.write(LINES[0] + "\n")
    assert count(*corpus).frequencies.documents == 1001


@pytest.mark.usefixtures("small_steps")
def test_another_command_does_not_take_over_what_was_begun(
    count: Callable[..., Counted], tmp_path: Path, tiny_gpt2: Path
) -> None:
    corpus = corpus_of(tmp_path)
    interrupted(count, corpus)
    for paths, field in ((corpus[:3], "text"), (corpus, "body")):
        with pytest.raises(AuditError, match="is of another command"):
            count(*paths, field=field)
    (tmp_path / "out.safetensors.partial").write_bytes(b"no")
    with pytest.raises(AuditError, match="is damaged: delete it to begin anew"):
        count(*corpus)


def test_an_unfinished_table_is_no_table(count: Callable[..., Counted], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        count(write(tmp_path / "a.txt", TEXTS), progress=Interrupter(1))
    with pytest.raises(AuditError, match="is no table of token frequencies"):
        Frequencies.load(tmp_path / "out.safetensors.partial")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.xz"])
@pytest.mark.usefixtures("small_steps")
def test_progress_rises_to_the_end(name: str, count: Callable[..., Counted], tmp_path: Path) -> None:
    seen: list[float] = []
    count(write(tmp_path / name, LINES), write(tmp_path / "b.jsonl", LINES), progress=seen.append)
    assert seen == sorted(seen)
    assert 0 < seen[0] < 0.1
    assert seen[-1] == 1.0


# What cannot be counted


def test_inputs_that_cannot_be_counted_are_one_sentence_and_leave_nothing(
    count: Callable[..., Counted], tmp_path: Path
) -> None:
    good = write(tmp_path / "good.txt", TEXTS[:3])
    damaged = write(tmp_path / "damaged.jsonl.gz", LINES)
    damaged.write_bytes(damaged.read_bytes()[:-40])
    for path, why in (
        (tmp_path / "a.pdf", "is no corpus: name .jsonl, .txt or .md files"),
        (tmp_path / "a.gz", "is no corpus"),
        (tmp_path / "missing.jsonl", "missing.jsonl cannot be read: No such file"),
        (damaged, "is damaged"),
    ):
        with pytest.raises(AuditError, match=why):
            count(good, path)
        assert not (tmp_path / "out.safetensors").exists()


def test_a_corpus_without_text_makes_no_table(count: Callable[..., Counted], tmp_path: Path) -> None:
    with pytest.raises(AuditError, match=r"has no text that can be counted \(2 malformed lines\)"):
        count(write(tmp_path / "a.jsonl", ["{", "", "{}"]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_nothing_is_written_over(count: Callable[..., Counted], tmp_path: Path) -> None:
    corpus, output = write(tmp_path / "a.txt", TEXTS[:3]), tmp_path / "out.safetensors"
    output.write_text("mine")
    with pytest.raises(AuditError, match="it exists already"):
        count(corpus)
    with pytest.raises(AuditError, match=r"Cannot write .*No such file or directory"):
        count(corpus, output=tmp_path / "missing" / "out")
    assert output.read_text() == "mine"
