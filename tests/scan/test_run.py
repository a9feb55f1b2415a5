"""Going on after anything: no document lost, none judged twice but those in flight, the same bytes at the end."""

from __future__ import annotations

import errno
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from llm_audit.api.stored import verify
from llm_audit.common.errors import AuditError
from llm_audit.common.files import Scratch
from llm_audit.results import discovery
from llm_audit.scanning import results
from llm_audit.scanning.corpus import Block, open_corpus
from llm_audit.scanning.folder import Folder, Shard
from llm_audit.scanning.record import Record
from tests.scan.driver import FINAL, engine, final, header_of, judge, run

ROOT = Path(__file__).parents[2]


class Stopped(Exception):
    """Whatever ends a scan."""


class Engine:
    """Judges so many blocks, then fails; remembers what it judged."""

    def __init__(self, blocks: int = 10**9) -> None:
        self.left, self.positions = blocks, list[int]()

    def __call__(self, blocks: Iterable[Block]) -> Iterator[list[Record]]:
        for block in blocks:
            if not self.left:
                raise Stopped
            self.left -= 1
            self.positions += range(block.first, block.first + len(block.items))
            yield judge(block)


def rows(where: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (where / "results.jsonl").read_text().splitlines()]


def test_every_document_is_in_the_results_once_and_in_order(corpus: Path, tmp_path: Path) -> None:
    report = run([str(corpus)], tmp_path / "out")
    found = rows(tmp_path / "out")
    assert [row["position"] for row in found] == list(range(60))
    assert [str(row["name"]).rpartition(":")[2] for row in found] == [str(number) for number in range(1, 61)]
    assert report is not None
    assert sum(report.verdicts.values()) == report.included == report.documents == 60
    assert report.verdicts["error"] == 4
    assert report.verdicts["not_assessable"] == 5
    assert report.copies == 3
    assert report.discovery.tests == 60 - 4 - 5 - 3
    assert not (tmp_path / "out" / "partial").exists()


@pytest.mark.parametrize("order", ["as they come", "backwards"])
def test_the_journal_may_be_in_any_order(corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes], order: str) -> None:
    run([str(corpus)], tmp_path / "out", lambda blocks: engine(list(blocks)[:: -1 if order == "backwards" else 1]))
    assert final(tmp_path / "out") == undisturbed


def test_what_was_judged_is_not_judged_again(corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    judged = list[int]()
    for _ in range(100):
        judging = Engine(1)
        try:
            run([str(corpus)], tmp_path / "out", judging)
            break
        except Stopped:
            judged += judging.positions
    judged += judging.positions
    assert sorted(judged) == list(range(60))
    assert final(tmp_path / "out") == undisturbed
    again = Engine()
    run([str(corpus)], tmp_path / "out", again)
    assert again.positions == []
    assert final(tmp_path / "out") == undisturbed


def test_a_journal_cut_anywhere_costs_the_blocks_that_were_cut(
    corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    whole = (tmp_path / "undisturbed" / "journal.jsonl").read_bytes()
    for cut in np.random.default_rng(0).integers(0, len(whole), 25):
        out = tmp_path / f"cut-{cut}"
        shutil.copytree(tmp_path / "undisturbed", out)
        (out / "journal.jsonl").write_bytes(whole[:cut])
        judging = Engine()
        run([str(corpus)], out, judging)
        assert len(judging.positions) <= 60 - whole[:cut].count(b"\n") + 6  # the block that the cut is in begins before it
        assert final(out) == undisturbed


def test_500_flipped_bits_never_change_a_result(corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    whole = (tmp_path / "undisturbed" / "journal.jsonl").read_bytes()
    rng, out = np.random.default_rng(1), tmp_path / "undisturbed"
    for _ in range(50):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 10):
            damaged[place] ^= 1 << int(rng.integers(8))
        (out / "journal.jsonl").write_bytes(damaged)
        judging = Engine()
        run([str(corpus)], out, judging)
        assert 0 < len(judging.positions) <= 60
        assert final(out) == undisturbed


def test_lines_of_another_scan_count_for_nothing(corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    run([str(corpus)], tmp_path / "other", alpha=0.2)
    (tmp_path / "out").mkdir()
    shutil.copy(tmp_path / "other" / "journal.jsonl", tmp_path / "out")
    judging = Engine()
    run([str(corpus)], tmp_path / "out", judging)
    assert judging.positions == list(range(60))
    assert final(tmp_path / "out") == undisturbed


def test_shards_share_the_corpus_and_one_scan_ends_them(corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    parts = [Engine() for _ in range(3)]
    for number, judging in enumerate(parts, start=1):
        run([str(corpus)], tmp_path / "out", judging, shard=Shard(number, 3))
    assert sorted(position for part in parts for position in part.positions) == list(range(60))
    assert all(len(part.positions) > 10 for part in parts)
    assert not (tmp_path / "out" / "summary.json").exists()
    last = Engine()
    run([str(corpus)], tmp_path / "out", last)
    assert last.positions == []
    assert final(tmp_path / "out") == undisturbed


@pytest.mark.parametrize("limit", [None, 14, 1])
@pytest.mark.parametrize("parts", [1, 2, 3, 50])
def test_shards_of_any_number_take_every_document_once(corpus: Path, tmp_path: Path, parts: int, limit: int | None) -> None:
    every = [Engine() for _ in range(parts)]
    for number, judging in enumerate(every, start=1):
        run([str(corpus)], tmp_path / "out", judging, shard=Shard(number, parts), limit=limit)
    taken = [position for judging in every for position in judging.positions]
    assert [position for position in taken if position < (limit or 60)] == list(range(limit or 60))
    blocks = open_corpus([str(corpus)], "text")
    with Folder(tmp_path / "out") as folder:
        inputs = folder.known_inputs()
        sizes = folder.block_sizes(header_of(blocks, inputs, 0.1).key())
        assert sizes is not None and sizes.tolist() == [len(block.items) for block in blocks.blocks(inputs, 60)]


def test_a_shard_counts_blocks_again_that_are_damaged_or_of_another_scan(corpus: Path, tmp_path: Path) -> None:
    run([str(corpus)], tmp_path / "out", shard=Shard(1, 2))
    counted = tmp_path / "out" / "blocks.bin"
    whole = counted.read_bytes()
    for damage in (whole[:-1], b"", bytes([whole[0] ^ 1]) + whole[1:], None):
        counted.write_bytes(damage) if damage is not None else counted.unlink()
        run([str(corpus)], tmp_path / "out", shard=Shard(2, 2))
        assert counted.read_bytes() == whole
    with Folder(tmp_path / "out") as folder:
        assert folder.block_sizes(b"another scan") is None


def test_journals_of_shards_on_other_machines_are_copied_together(
    corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    for number in (1, 2):
        run([str(corpus)], tmp_path / f"machine {number}", shard=Shard(number, 2))
    shutil.copy(tmp_path / "machine 2" / "journal-2-of-2.jsonl", tmp_path / "machine 1")
    last = Engine()
    run([str(corpus)], tmp_path / "machine 1", last)
    assert last.positions == []
    assert final(tmp_path / "machine 1") == undisturbed


def test_a_trial_is_marked_partial_and_the_whole_goes_on_from_it(
    corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    report = run([str(corpus)], tmp_path / "out", limit=14)
    assert report is not None
    assert (report.complete, report.included, report.documents) == (False, 14, 60)
    assert len(rows(tmp_path / "out" / "partial")) == 14
    assert not (tmp_path / "out" / "summary.json").exists()
    rest = Engine()
    run([str(corpus)], tmp_path / "out", rest)
    assert rest.positions == list(range(14, 60))
    assert final(tmp_path / "out") == undisturbed
    assert not (tmp_path / "out" / "partial").exists()


@pytest.mark.parametrize("held", [1, 5])
def test_what_memory_does_not_hold_is_ranked_on_the_disk_to_the_same_bytes(
    corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(results, "judge", partial(discovery.judge, held=held))
    with pytest.raises(Stopped):
        run([str(corpus)], tmp_path / "out", Engine(3))
    run([str(corpus)], tmp_path / "out")
    assert final(tmp_path / "out") == undisturbed
    assert verify(tmp_path / "out").mismatches == []


def test_a_disk_that_is_full_at_the_end_is_named_and_the_scan_goes_on(
    corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(results, "judge", partial(discovery.judge, held=5))
        patch.setattr(Scratch, "append", full)
        with pytest.raises(
            AuditError, match=r"^Cannot write .*/out: no space left on device; what was judged so far is kept\.$"
        ):
            run([str(corpus)], out)
    assert {path.name for path in out.iterdir()} == {"scan.json", "inputs.jsonl", "journal.jsonl", ".lock"}
    run([str(corpus)], out)
    assert final(out) == undisturbed


def test_the_packed_corpus_has_the_same_p_values(corpus: Path, tmp_path: Path) -> None:
    run([str(corpus)], tmp_path / "plain")
    packed = corpus.with_name("all.jsonl.gz")
    packed.write_bytes(gzip.compress(corpus.read_bytes()))
    run([str(packed)], tmp_path / "packed")
    assert [row["q_value"] for row in rows(tmp_path / "packed")] == [row["q_value"] for row in rows(tmp_path / "plain")]


def test_files_that_were_judged_are_not_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02}.txt").write_text(f"A text of its own, number {number}.")
    first = Engine(2)
    with pytest.raises(Stopped):
        run([str(folder)], tmp_path / "out", first)
    assert len(first.positions) == 14
    rest = Engine()
    run([str(folder)], tmp_path / "out", rest)
    assert rest.positions == list(range(14, 20))
    assert [Path(str(row["name"])).name for row in rows(tmp_path / "out")] == [f"{number:02}.txt" for number in range(20)]


# What is refused


def test_a_changed_corpus_is_refused_with_what_changed(tmp_path: Path) -> None:
    folder, out = tmp_path / "texts", tmp_path / "out"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"The text {name}.")
    run([str(folder)], out)
    before = final(out)
    (folder / "a.txt").write_text("The text A.")
    (folder / "b.txt").unlink()
    for name in "defg":
        (folder / f"{name}.txt").write_text(f"The text {name}.")
    with pytest.raises(AuditError) as refused:
        run([str(folder)], out)
    assert str(refused.value) == (
        f"{out} holds another scan ({folder}/d.txt, {folder}/e.txt, {folder}/f.txt and 1 more added; {folder}/b.txt removed; "
        f"{folder}/a.txt changed): restore that, or name another folder."
    )
    assert final(out) == before


def test_a_changed_setting_is_refused_with_both_values(corpus: Path, tmp_path: Path) -> None:
    run([str(corpus)], tmp_path / "out")
    with pytest.raises(AuditError, match=r"\(alpha was 0\.1, now 0\.2\): restore"):
        run([str(corpus)], tmp_path / "out", alpha=0.2)


def test_a_corpus_that_changes_on_the_way_gives_no_results(corpus: Path, tmp_path: Path) -> None:
    def changing(blocks: Iterable[Block]) -> Iterator[list[Record]]:
        for number, records in enumerate(engine(blocks)):
            if number == 3:
                with corpus.open("a") as file:
                    file.write('{"text": "One more."}\n')
            yield records

    with pytest.raises(AuditError, match="The corpus changed while it was scanned"):
        run([str(corpus)], tmp_path / "out", changing)
    assert not (tmp_path / "out" / "summary.json").exists()


def test_a_damaged_header_is_refused(corpus: Path, tmp_path: Path) -> None:
    run([str(corpus)], tmp_path / "out")
    (tmp_path / "out" / "scan.json").write_text("{}")
    with pytest.raises(AuditError, match=r"scan\.json is damaged or of another version"):
        run([str(corpus)], tmp_path / "out")


def test_damaged_inputs_are_read_anew(corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    out = tmp_path / "undisturbed"
    (out / "inputs.jsonl").write_bytes((out / "inputs.jsonl").read_bytes().replace(b'"documents": 60', b'"documents": 61'))
    run([str(corpus)], out)
    assert final(out) == undisturbed


def test_standard_input_is_no_corpus() -> None:
    with pytest.raises(AuditError, match="name files or folders, not '-'"):
        open_corpus(["-"], "text")


def test_a_pipe_is_unreadable_and_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    report = run([str(tmp_path / "pipe.txt")], tmp_path / "out")
    assert report is not None
    assert report.verdicts["error"] == 1
    assert "a pipe or a device" in report.unread[0].reason


def test_one_scan_at_a_time_or_several_different_shards(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Folder(out), pytest.raises(AuditError, match="Another scan is at work in"):
        Folder(out)
    with Folder(out), pytest.raises(AuditError, match="Another scan is at work in"):
        Folder(out, Shard(1, 2))
    with Folder(out, Shard(1, 2)), Folder(out, Shard(2, 2)):
        with pytest.raises(AuditError, match="Another scan is at work in"):
            Folder(out, Shard(2, 2))
        with pytest.raises(AuditError, match="Another scan is at work in"):
            Folder(out)
    with Folder(out):
        pass


# Disks


def test_where_no_folder_can_be_one_sentence_says_so(corpus: Path) -> None:
    with pytest.raises(AuditError, match=r"^Cannot write /dev/null/x: not a directory; what was judged so far is kept\.$"):
        run([str(corpus)], Path("/dev/null/x"))


@pytest.mark.parametrize("kilobytes", [40, 400, *(pytest.param(size, marks=pytest.mark.slow) for size in (16, 80))])
def test_a_disk_that_fills_up_ends_the_scan_in_one_sentence_and_space_lets_it_go_on(
    corpus: Path, tmp_path: Path, undisturbed: dict[str, bytes], kilobytes: int
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    grown = (
        f'mount -t tmpfs -o size={kilobytes}k tmpfs "{disk}" && (cd "{ROOT}"; "$@"; echo $?) && '
        f'mount -o remount,size=8m "{disk}" && (cd "{ROOT}"; "$@"; echo $?) && cp -r "{disk}/out" "{tmp_path}/saved"'
    )
    if subprocess.run(["unshare", "-rm", "sh", "-c", f'mount -t tmpfs tmpfs "{disk}"'], capture_output=True).returncode:
        pytest.skip("this machine lets no process mount a small disk")
    command = [sys.executable, "-m", "tests.scan.driver", str(corpus), str(disk / "out")]
    done = subprocess.run(["unshare", "-rm", "sh", "-c", grown, "sh", *command], capture_output=True, text=True)
    first, second = done.stdout.split()
    assert second == "0", done.stderr
    assert final(tmp_path / "saved") == undisturbed
    if first != "0":
        (said,) = done.stderr.splitlines()
        assert "no space" in said.lower()
    assert (first == "2") == (kilobytes < 400)


def test_the_final_files_are_all_there_is_besides_the_journal(corpus: Path, tmp_path: Path) -> None:
    run([str(corpus)], tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {*FINAL, "scan.json", "inputs.jsonl", "journal.jsonl", ".lock"}


def test_the_header_has_what_its_key_depends_on(corpus: Path, tmp_path: Path) -> None:
    opened = open_corpus([str(corpus)], "text")
    header = header_of(opened, list(opened.inputs({})))
    later = header.model_copy(update={"manifest": header.manifest.model_copy(update={"started": "2027", "threads": 64})})
    assert later.key() == header.key()
    for change in ({"device": "cuda"}, {"weights": {"AUD101": "w"}}, {"text_field": "body"}, {"inputs": "i"}):
        assert header.model_copy(update=change).key() != header.key()
