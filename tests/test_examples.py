"""The examples of the library run: every public function has one, and each does what it shows with real models and servers."""

from __future__ import annotations

import doctest
import json
import shutil
from collections.abc import Iterable, Iterator
from inspect import isfunction
from pathlib import Path

import numpy as np
import pytest

import llm_audit
from fixtures.membership import grammar
from fixtures.membership.world import world
from llm_audit import testing
from tests.cli.conftest import write_texts
from tests.cli.test_train import labelled
from tests.cli.tool import HUMAN
from tests.servers.conftest import MODEL, honest, ladder, model

__all__ = ["honest", "ladder", "model"]  # fixtures

ADDRESS = "http://localhost:8080"
"""Of the server in the examples, in whose place stands a real one that listens elsewhere."""

PUBLIC = {
    **{f"llm_audit.{name}": getattr(llm_audit, name) for name in llm_audit.__all__},
    **{f"llm_audit.membership.{name}": getattr(llm_audit.membership, name) for name in llm_audit.membership.__all__},
    **{f"llm_audit.testing.{name}": getattr(testing, name) for name in testing.__all__},
}
FUNCTIONS = [name for name, thing in PUBLIC.items() if isfunction(thing)]
EXAMPLES = {
    example.name.removeprefix("examples."): example
    for name, thing in PUBLIC.items()
    if callable(thing)
    for example in doctest.DocTestFinder(recurse=False).find(thing, f"examples.{name}", globs={})
    if example.examples
}


def write_lines(path: Path, rows: Iterable[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def folder(embedded_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the files that the examples name, and the population "mine" of 40 texts."""
    folder, texts, rng = tmp_path_factory.mktemp("examples"), world(), np.random.default_rng(5)
    (folder / "my-model").symlink_to(MODEL)
    shutil.copy(HUMAN, folder / "essay.txt")
    (folder / "prompts.txt").write_text("".join(grammar.document(rng).replace("\n", " ")[:90] + "\n" for _ in range(60)))
    write_texts(folder / "human.jsonl", 40)
    labelled(folder / "labelled.jsonl")
    for name, rows in {
        "rows": texts.orders[64],
        "suspects": texts.members[64][:80],
        "held-out": texts.non_members[:80],
        "with-ids": texts.identifiers[64],
    }.items():
        write_lines(folder / f"{name}.jsonl", ({"text": row} for row in rows))
    write_lines(folder / "pairs.jsonl", ({"public": public, "private": private} for public, private in texts.pairs[64]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_AUDIT_CACHE", str(embedded_root))
        patch.setenv("LLM_AUDIT_DATA", str(folder / "data"))
        patch.chdir(folder)
        plain = llm_audit.Setup(model="./my-model")
        llm_audit.calibrate("human.jsonl", "mine", setup=plain)
        llm_audit.generate("./my-model@temperature=1,template=none", "answer.jsonl", count=1, max_tokens=100, seed=4)
        (folder / "answer.txt").write_text(json.loads(Path("answer.jsonl").read_text())["text"])
        llm_audit.detect("essay.txt").save("report.json")
        yield folder


def test_every_public_function_has_an_example() -> None:
    assert [name for name in FUNCTIONS if name not in EXAMPLES] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_does_what_it_shows(name: str, folder: Path, request: pytest.FixtureRequest) -> None:
    example = EXAMPLES[name]
    if any(ADDRESS in step.source for step in example.examples):
        url = request.getfixturevalue("honest")
        for step in example.examples:
            step.source = step.source.replace(ADDRESS, url)
    example.globs = {"llm_audit": llm_audit}
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    assert not said, "".join(said)
