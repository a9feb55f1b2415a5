"""What stands apart is scored if it is asked for: by one option of detect, gate and scan, or by the policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_gate import usual
from tests.cli.tool import Tool, sentence

REFERENCES = """References

Abbott, R. (2011). The harbour and its people. Journal of Ports, 12(3), 45-67.
Brand, S. (2014). Lanterns of the north. Maritime Press.
Coleman, T. (2016). A winter by the water. Review of Coasts, 9(1), 11-29.
"""


@pytest.fixture
def essay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "essay.txt"
    path.write_text(f"{usual(1, 80)[0]}\n\n{REFERENCES}")
    return path


def tokens_scored(tool: Tool, command: str, path: Path, *options: object) -> int:
    """By the report of a command on one text."""
    if command != "scan":
        outcome = tool(command, path, *options, "--format", "json")
        assert outcome.code in (0, 1, 3), outcome.err
        (found,) = json.loads(outcome.out)["subjects"]
    else:
        folder = path.parent / f"scan-{len(list(path.parent.iterdir()))}"
        assert tool("scan", path, "-o", folder, *options).code in (0, 1)
        found = json.loads((folder / "results.jsonl").read_text())
    assert isinstance(found["tokens"], int)
    return found["tokens"]


@pytest.mark.parametrize("command", ["detect", "gate", "scan"])
def test_the_option_and_the_policy_score_references_as_well(
    tool: Tool, tiny: tuple[str, ...], essay: Path, command: str
) -> None:
    without = tokens_scored(tool, command, essay, *tiny)
    everything = tokens_scored(tool, command, essay, *tiny, "--include", "references", "--include", "headings")
    assert everything > without + 40
    Path("llm-audit.toml").write_text('score-also = ["references", "headings"]\n')
    assert tokens_scored(tool, command, essay, *tiny) == everything
    assert without < tokens_scored(tool, command, essay, *tiny, "--include", "headings") < everything  # options win


def test_a_text_of_references_alone_is_nothing_to_the_gate_until_they_are_asked_for(
    tool: Tool, tiny: tuple[str, ...], essay: Path
) -> None:
    essay.write_text(REFERENCES)
    Path("llm-audit.toml").write_text('fail-on = ["not_assessable", "inconclusive"]\n')
    assert tool("gate", essay, *tiny).code == 0
    assert tool("gate", essay, *tiny, "--include", "references").code == 3  # one text is too few to be found or passed


def test_a_scan_goes_on_only_with_what_it_began_with(tool: Tool, tiny: tuple[str, ...], essay: Path) -> None:
    assert tool("scan", essay, "-o", "out", *tiny, "--include", "references").code in (0, 1)
    again = tool("scan", essay, "-o", "out", *tiny, "--include", "references", "--include", "references")
    assert again.code in (0, 1), again.err
    assert "include was ('references',), now not there" in sentence(tool("scan", essay, "-o", "out", *tiny))


@pytest.mark.parametrize("command", ["detect", "gate"])
def test_a_kind_that_does_not_exist_is_an_error_with_those_that_do(tool: Tool, essay: Path, command: str) -> None:
    outcome = tool(command, essay, "--include", "footnotes")
    assert outcome.code == 2 and "'references'" in outcome.err
    Path("llm-audit.toml").write_text('score-also = ["reference"]\n')
    said = sentence(tool(command, essay))
    assert said.endswith("score-also: nothing that stands apart is called 'reference'; did you mean 'references'?")
