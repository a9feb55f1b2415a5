"""`llm-audit membership frequencies`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures.tiny_models import SENTENCES
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.scoring.tokenizer import load_tokenizer
from llm_audit.scoring.vocabulary import tokenizer_digest
from tests.cli.tool import Tool, sentence


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in SENTENCES) + "{\n")
    return path


def test_a_corpus_becomes_a_table(tool: Tool, tiny_llama: Path, corpus: Path, tmp_path: Path) -> None:
    output = tmp_path / "tiny.safetensors"
    outcome = tool("membership", "frequencies", corpus, "--model", tiny_llama, "-o", output)
    table = Frequencies.load(output)
    assert (outcome.code, outcome.err) == (0, "")
    assert (table.name, table.description, table.documents) == ("tiny", "Texts of corpus.jsonl.", 5)
    assert table.tokenizer == tokenizer_digest(load_tokenizer(tiny_llama))
    assert outcome.out.splitlines() == [
        "documents  5",
        f"tokens     {table.total:,}",
        f"distinct   {(table.counts > 0).sum():,} of {len(table.counts):,} tokens of the vocabulary",
        "left out   1 malformed line",
        f"  Line 6 of {corpus} is not a JSON object (Expecting property name enclosed in double quotes at character 3).",
        f"The table tiny is in {output}.",
    ]


def test_of_many_malformed_lines_ten_are_printed_and_all_are_counted(
    tool: Tool, tiny_llama: Path, corpus: Path, tmp_path: Path
) -> None:
    corpus.write_text(corpus.read_text() + "\x1b[31m\n" * 24)
    outcome = tool("membership", "frequencies", corpus, "--model", tiny_llama, "-o", tmp_path / "out")
    lines = outcome.out.splitlines()
    assert lines[3] == "left out   25 malformed lines"
    assert [line.split(" of ")[0] for line in lines[4:14]] == [f"  Line {number}" for number in range(6, 16)]
    assert lines[14] == "  and 15 more"
    assert "\x1b" not in outcome.out


def test_field_and_name_are_the_users(tool: Tool, tiny_llama: Path, corpus: Path, tmp_path: Path) -> None:
    corpus.write_text(json.dumps({"body": SENTENCES[0]}))
    options = ("--model", tiny_llama, "--field", "body", "--name", "our mails", "-o", tmp_path / "out")
    assert tool("membership", "frequencies", corpus, *options).code == 0
    assert Frequencies.load(tmp_path / "out").name == "our mails"


def test_without_a_model_the_embedded_one_counts(tool: Tool, embedded: Path, corpus: Path, tmp_path: Path) -> None:
    from llm_audit.detectors.membership.base import default_frequencies

    assert tool("membership", "frequencies", corpus, "--offline", "-o", tmp_path / "out").code == 0
    table = Frequencies.load(tmp_path / "out")
    shipped = default_frequencies(table.tokenizer)
    assert shipped is not None
    assert len(shipped.counts) == len(table.counts)


def test_mistakes_are_one_sentence(tool: Tool, tiny_llama: Path, corpus: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    for path, into, why in (
        (tmp_path / "missing.jsonl", output, "cannot be read"),
        (tmp_path / "book.pdf", output, "is no corpus"),
        (corpus, tmp_path, "exists already"),
        (corpus, tmp_path / "missing" / "out", "Cannot write"),
    ):
        outcome = tool("membership", "frequencies", path, "--model", tiny_llama, "-o", into)
        assert (outcome.code, outcome.out) == (2, "")
        assert why in sentence(outcome)
