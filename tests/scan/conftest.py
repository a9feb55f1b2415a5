"""A corpus of many short documents, some of them bad, and the results of scanning it without trouble."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm_audit.scanning import corpus as corpora
from tests.scan.driver import final, run


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "BLOCK_DOCUMENTS", 7)


def line(number: int) -> str:
    if number % 17 == 5:
        return "{no JSON\n"
    if number % 13 == 3:
        return json.dumps({"text": f"Text {number} is unjudged."}) + "\n"
    if number % 11 == 7:
        return json.dumps({"text": "The same text once more."}) + "\n"
    return json.dumps({"text": f"Text number {number}, which nobody has written before."}) + "\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    path = folder / "all.jsonl"
    path.write_text("".join(map(line, range(60))))
    return path


@pytest.fixture
def undisturbed(corpus: Path, tmp_path: Path) -> dict[str, bytes]:
    """The final files of a scan that nothing went wrong with."""
    run([str(corpus)], tmp_path / "undisturbed")
    return final(tmp_path / "undisturbed")
