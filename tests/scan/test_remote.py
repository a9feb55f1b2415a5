"""A corpus behind URLs is the corpus on the disk, under other names; results are copied behind a URL whole."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.scanning.corpus import open_corpus
from llm_audit.scanning.remote import Remote, listed, local_copy, put
from tests.scan import driver
from tests.scan.driver import FINAL, final


@pytest.fixture
def bucket() -> Iterator[fsspec.AbstractFileSystem]:
    """Files in the memory of this process, which fsspec knows as memory://."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def without_names(where: Path) -> list[dict[str, object]]:
    rows = [json.loads(line) for line in (where / "results.jsonl").read_text().splitlines()]
    return [row | {"name": row["name"].rpartition("/")[2], "reason": None} for row in rows]


def test_a_corpus_in_a_bucket_has_the_results_of_the_one_on_the_disk(
    corpus: Path, tmp_path: Path, bucket: fsspec.AbstractFileSystem
) -> None:
    (corpus.parent / "two.txt").write_text("A document of its own.")
    driver.run([str(corpus.parent)], tmp_path / "here")
    bucket.put(str(corpus.parent), "/texts/2026", recursive=True)
    bucket.pipe("/texts/2026/notes.bin", b"no text")
    driver.run(["memory://texts"], tmp_path / "there")
    assert without_names(tmp_path / "there") == without_names(tmp_path / "here")
    first = json.loads((tmp_path / "there" / "results.jsonl").read_text().splitlines()[0])
    assert first["name"] == "memory:///texts/2026/all.jsonl:1"


def test_file_urls_patterns_and_packed_files(corpus: Path, tmp_path: Path) -> None:
    corpus.with_name("packed.jsonl.gz").write_bytes(gzip.compress(corpus.read_bytes()))
    assert [each.kind for each in listed(f"file://{corpus.parent}/*.gz")] == ["jsonl"]
    driver.run([f"file://{corpus.parent}/*.jsonl*"], tmp_path / "there")
    driver.run([str(corpus.parent)], tmp_path / "here")
    assert without_names(tmp_path / "there") == without_names(tmp_path / "here")


def test_what_changes_in_the_bucket_is_refused(corpus: Path, tmp_path: Path, bucket: fsspec.AbstractFileSystem) -> None:
    bucket.put(str(corpus), "/texts/all.jsonl")
    opened = open_corpus(["memory://texts"], "text")
    inputs = list(opened.inputs({}))
    bucket.pipe("/texts/all.jsonl", corpus.read_bytes() + b'{"text": "One more."}\n')
    with pytest.raises(AuditError, match=r"^memory:///texts/all\.jsonl is not here what it was when the scan began"):
        list(opened.blocks(inputs, 60))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("memory://nowhere", "holds no texts? in a format"),
        ("nosuch://bucket/a.jsonl", "Protocol not known: nosuch"),
        ("memory://gone.jsonl", "Cannot read memory://gone.jsonl"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_sentence(url: str, why: str) -> None:
    with pytest.raises(AuditError, match=why):
        list(open_corpus([url], "text").inputs({}))


def test_names_keep_no_secrets() -> None:
    secret = "https://me:word@host:8000/a/b.jsonl?X-Amz-Signature=abc#frag"
    assert Remote(secret).name == "https://host:8000/a/b.jsonl"
    assert Remote(secret).kind == "jsonl"
    assert Remote("s3://bucket/a\x1b[1m/b.parquet").name == "s3://bucket/a\\x1b[1m/b.parquet"


def test_the_copy_is_gone_afterwards(bucket: fsspec.AbstractFileSystem) -> None:
    bucket.pipe("/a.csv", b"text\nhello\n")
    with local_copy(Remote("memory://a.csv")) as source:
        assert source.path is not None
        assert source.path.read_bytes() == b"text\nhello\n"
    assert not source.path.exists()


def test_results_are_put_behind_a_url(corpus: Path, tmp_path: Path, bucket: fsspec.AbstractFileSystem) -> None:
    driver.run([str(corpus)], tmp_path / "out")
    for url in ("memory://results/2026/", f"file://{tmp_path}/copy"):
        put([tmp_path / "out" / name for name in FINAL], url)
    assert final(tmp_path / "copy") == final(tmp_path / "out")
    assert {name: bucket.cat(f"/results/2026/{name}") for name in FINAL} == final(tmp_path / "out")
    with pytest.raises(AuditError, match=r"^Cannot write to zip://x "):
        put([tmp_path / "out" / "summary.json"], "zip://x")
