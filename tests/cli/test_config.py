"""The policy on the command line: `config show`, what other commands take from it, and what a mistake in it stops."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from llm_audit.cli import COMMANDS, cli
from llm_audit.cli.policy import DEFAULTS, PolicyDefaults
from llm_audit.policy import Policy
from tests.cli.conftest import write_texts
from tests.cli.tool import COMMAND, HUMAN, Tool, run_command, sentence
from tests.policy.test_fuzz import toml
from tests.reports import hostile


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, as the working directory."""
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def policy(text: str) -> None:
    Path("pyproject.toml").write_text(f"[tool.llm-audit]\n{text}\n")


def shown(tool: Tool, *options: object) -> dict[str, Any]:
    outcome = tool(*options, "config", "show", "--format", "json")
    assert (outcome.code, outcome.err) == (0, "")
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def manifest(tool: Tool, *args: object) -> dict[str, Any]:
    """Of the report that a command prints."""
    outcome = tool(*args, "--format", "json")
    assert outcome.code in (0, 1), outcome.err
    found: dict[str, Any] = json.loads(outcome.out)["manifest"]
    return found


# config show


def test_show_lists_every_setting_with_its_origin(tool: Tool, here: Path) -> None:
    policy('alpha = 0.02\n\n[[tool.llm-audit.overrides]]\npaths = ["docs/"]\nminimum-tokens = 100')
    found = shown(tool)
    assert found["settings"].keys() == {name.replace("_", "-") for name in Policy.model_fields}
    assert found["settings"]["alpha"] == {"value": 0.02, "origin": "pyproject.toml:2"}
    assert found["settings"]["fail-on"] == {"value": ["finding", "error"], "origin": "default"}
    assert found["settings"]["overrides"]["value"] == [{"paths": ["docs/"], "minimum-tokens": 100}]
    assert (found["file"], found["root"]) == ("pyproject.toml", str(here))
    outcome = tool("config", "show")
    rows = [line.split() for line in outcome.out.splitlines()]
    assert rows[:3] == [["pyproject.toml"], ["setting", "value", "origin"], ["alpha", "0.02", "pyproject.toml:2"]]
    assert ["overrides", "1:", "minimum-tokens", "100", "pyproject.toml:6"] in rows
    assert ["population", "not", "set", "default"] in rows
    assert rows[-1] == ["Digest", found["digest"]]


def test_show_needs_no_file(tool: Tool, here: Path) -> None:
    found = shown(tool)
    assert (found["file"], found["root"], found["digest"]) == (None, str(here), Policy().digest())
    assert {each["origin"] for each in found["settings"].values()} == {"default"}
    assert tool("config", "show").out.startswith("No policy file: every command has its own defaults.\n")


def test_a_file_can_be_named_or_none_be_used(tool: Tool, here: Path) -> None:
    policy("alpha = 0.02")
    (here / "strict.toml").write_text("alpha = 0.001")
    assert shown(tool, "--config", "strict.toml")["settings"]["alpha"] == {"value": 0.001, "origin": "strict.toml:1"}
    assert shown(tool, "--isolated")["settings"]["alpha"] == {"value": 0.01, "origin": "default"}
    both = tool("--isolated", "--config", "strict.toml", "config", "show")
    assert both.code == 2
    assert "Give --config or --isolated, not both." in both.err
    assert sentence(tool("--config", "missing.toml", "config", "show")) == (
        "Error: Cannot read the policy missing.toml: no such file or directory."
    )


def test_hostile_words_do_not_act_on_a_terminal(tool: Tool, here: Path) -> None:
    for payload in hostile.TERMINAL:
        policy(f"population = {toml(payload)}")
        for format_ in ("text", "json"):
            outcome = tool("config", "show", "--format", format_)
            assert outcome.code == 0
            assert not any(letter in outcome.out for letter in "\x1b\x07\x08\r\x9b\u202e\u2066"), payload
        policy(f"{toml(payload)} = 1")
        assert sentence(tool("config", "show")).isascii()


# what other commands take


def leaves(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below one."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    with click.Context(command) as context:
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, *path, name)


def defaults(path: tuple[str, ...]) -> PolicyDefaults | None:
    found: Any = DEFAULTS
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, PolicyDefaults) else None


def test_every_level_comes_from_the_policy() -> None:
    commands = dict(leaves(cli))
    assert len(commands) > 30
    for path, command in commands.items():
        has_level = any(parameter.name == "alpha" for parameter in command.params)
        assert has_level == (defaults(path) is not None), path


def test_every_default_is_that_of_an_option() -> None:
    for path, command in leaves(cli):
        if found := defaults(path):
            assert set(found.settings) <= {parameter.name for parameter in command.params}, path
            assert set(found.settings) <= Policy.model_fields.keys()
    assert DEFAULTS.keys() <= COMMANDS.keys()


def test_the_file_gives_defaults_and_the_command_line_wins(
    tool: Tool, here: Path, tiny: tuple[str, ...], tiny_llama: Path
) -> None:
    (here / "models").mkdir()
    (here / "models" / "tiny").symlink_to(tiny_llama)
    texts = here / "texts.jsonl"
    texts.write_text(write_texts(here / "plain.jsonl", 2).read_text().replace('"text"', '"body"'))
    settings = 'alpha = 0.02\npopulation = "own"\nmodel = "models/tiny"\ntext-field = "body"\ndetectors = ["lrr"]'
    policy(settings)
    found = manifest(tool, "detect", texts)
    assert (found["alpha"], found["population"], found["model"]["name"]) == (0.02, "own", "models/tiny")
    assert found["detectors"] == ["AUD104"]
    assert found["policy"] == shown(tool)["digest"]

    given = manifest(tool, "detect", texts, "--alpha", 0.3, "--detector", "log-rank")
    assert given["alpha"] == 0.3
    assert given["detectors"] == ["AUD103"]
    merged = Policy(alpha=0.3, population="own", model="models/tiny", text_field="body", detectors=("log-rank",))
    assert given["policy"] == merged.digest() != found["policy"]
    assert manifest(tool, "detect", texts, "--alpha", 0.02)["policy"] == found["policy"]

    isolated = manifest(tool, "--isolated", "detect", texts, "--text-field", "body", *tiny)
    assert (isolated["alpha"], isolated["policy"]) == (0.01, None)
    assert len(isolated["detectors"]) > 1


def test_paths_are_those_of_the_policys_folder(
    tool: Tool, here: Path, tiny: tuple[str, ...], tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "models").mkdir()
    (here / "models" / "tiny").symlink_to(tiny_llama)
    (here / "docs").mkdir()
    policy('population = "own"\nmodel = "models/tiny"')
    monkeypatch.chdir(here / "docs")
    found = manifest(tool, "detect", HUMAN)
    assert found["model"]["name"] == "../models/tiny"
    assert found["policy"] == shown(tool)["digest"]


@pytest.mark.parametrize(
    ("setting", "line"),
    [("population", 'population = "nobody"'), ("model", 'model = "nowhere"'), ("classifier", 'classifier = "no.safetensors"')],
)  # fmt: skip
@pytest.mark.parametrize("command", ["detect", "gate"])
def test_what_the_file_names_and_nobody_has_is_an_error_with_its_line(
    tool: Tool, here: Path, tiny: tuple[str, ...], setting: str, line: str, command: str
) -> None:
    policy(f"alpha = 0.02\n{line}")
    outcome = tool(command, HUMAN)
    assert outcome.code == 2
    said = sentence(outcome)
    assert said.endswith(" It is set at pyproject.toml:3.")
    given = tool(command, HUMAN, f"--{setting}", line.split('"')[1])
    assert sentence(given) == said.removesuffix(" It is set at pyproject.toml:3.")


def test_only_what_the_file_sets_is_taken(tool: Tool, here: Path, tiny: tuple[str, ...]) -> None:
    corpus = write_texts(here / "corpus.jsonl", 3)
    policy("ignore = ['AUD9']")
    for name, alpha in (("unset", None), ("set", 0.2)):
        if alpha:
            policy(f"alpha = {alpha}")
        outcome = tool("scan", corpus, "-o", name, *tiny)
        assert outcome.code in (0, 1), outcome.err
        summary = json.loads((here / name / "summary.json").read_text())
        assert summary["subjects"][0]["discovery"]["alpha"] == summary["manifest"]["alpha"] == (alpha or 0.05)
        # The model and the population are of the command line: part of the digest.
        merged = Policy(**({"alpha": alpha} if alpha else {"ignore": ("AUD9",)}), model=tiny[1], population=tiny[3])
        assert summary["manifest"]["policy"] == merged.digest()
        assert f"Policy {merged.digest()[:12]}" in outcome.out
        assert merged.digest() in (here / name / "report.html").read_text()


def test_a_scan_goes_on_under_a_policy_that_changes_nothing_of_it(tool: Tool, here: Path, tiny: tuple[str, ...]) -> None:
    corpus = write_texts(here / "corpus.jsonl", 3)
    policy("alpha = 0.2")
    assert tool("scan", corpus, "-o", "out", *tiny).code in (0, 1)
    first = json.loads((here / "out" / "summary.json").read_text())
    policy("alpha = 0.2\nignore = ['AUD9']")
    assert tool("scan", corpus, "-o", "out", *tiny).code in (0, 1)
    assert json.loads((here / "out" / "summary.json").read_text()) == first
    policy("alpha = 0.3")
    refused = tool("scan", corpus, "-o", "out", *tiny)
    assert refused.code == 2
    assert "alpha was 0.2, now 0.3" in refused.err


@pytest.mark.slow
def test_the_level_of_a_plan_comes_from_the_policy(tool: Tool, here: Path) -> None:
    def plan(*options: object) -> str:
        outcome = tool(*options, "substitution", "plan", "--effect", "q8")
        assert outcome.code == 0, outcome.err
        return outcome.out

    standard = plan()
    policy("alpha = 0.001\nmodel = 'not-what-is-audited'")
    assert "alpha 0.001" in plan()
    assert plan("--isolated") == standard


def test_a_model_of_the_policy_is_not_the_one_under_audit(tool: Tool, here: Path, tiny: tuple[str, ...]) -> None:
    data = write_texts(here / "data.jsonl", 10, 5)
    policy("alpha = 0.2\nmodel = 'nothing-of-that-name'\npopulation = 'nor-of-that'")
    found = manifest(tool, "membership", "test", "order", data, "--model", tiny[1], "--draws", 19)
    assert found["alpha"] == 0.2
    assert found["policy"] == shown(tool)["digest"]


# every report shows it


def test_reports_show_the_digest(tool: Tool, here: Path, tiny: tuple[str, ...]) -> None:
    policy("alpha = 0.02")
    outcome = tool("detect", HUMAN, *tiny, "-o", "r.json", "-o", "r.html", "-o", "r.md", "-o", "r.xml")
    digest = json.loads((here / "r.json").read_text())["manifest"]["policy"]
    assert len(digest) == 64
    assert f"\nPolicy {digest[:12]}\n" in outcome.out
    for name in ("r.html", "r.md", "r.xml"):
        assert digest in (here / name).read_text(), name
    policy("nonsense = 1")
    again = tool("report", "r.json")
    assert f"Policy {digest[:12]}" in again.out
    assert tool("verify", "r.json").code == 0


# mistakes

TYPO = "Error: pyproject.toml, line 2: [tool.llm-audit] has no setting 'aplha'; did you mean 'alpha'?"


@pytest.mark.parametrize(
    "command",
    [
        ["detect", HUMAN],
        ["scan", HUMAN, "-o", "out"],
        ["attribute", HUMAN, "--candidate", "x"],
        ["membership", "test", "order", HUMAN],
        ["substitution", "plan", "--effect", "q8"],
        ["config", "show"],
    ],
    ids=lambda command: command[0],
)
def test_a_typo_stops_the_commands_that_audit(tool: Tool, here: Path, command: list[str]) -> None:
    policy("aplha = 0.02")
    outcome = tool(*command)
    assert (outcome.code, outcome.out) == (2, "")
    assert sentence(outcome) == TYPO


def test_a_typo_stops_even_where_every_setting_is_given(tool: Tool, here: Path) -> None:
    policy("aplha = 0.02")
    outcome = tool(
        "detect", HUMAN, "--alpha", 0.1, "--population", "x", "--model", "x", "--classifier", "x", "--text-field", "x",
        "--detector", "lrr",
    )  # fmt: skip
    assert (outcome.code, sentence(outcome)) == (2, TYPO)


@pytest.mark.parametrize(
    "command",
    [["--help"], ["--version"], ["detect", "--help"], ["membership", "test", "order", "--help"], ["config", "show", "--help"],
     ["plugins", "list"], ["models", "list"], ["schema"]],
    ids=" ".join,
)  # fmt: skip
def test_a_typo_stops_nothing_else(tool: Tool, here: Path, command: list[str]) -> None:
    policy("aplha = 0.02")
    outcome = tool(*command)
    assert (outcome.code, outcome.err) == (0, "")


def test_a_typo_does_not_matter_where_no_file_is_used(tool: Tool, here: Path) -> None:
    policy("aplha = 0.02")
    assert tool("--isolated", "substitution", "plan", "--effect", "q8").code == 0


@pytest.mark.parametrize("command", [["detect", "--help"], ["config", "show", "--help"]], ids=" ".join)
def test_help_loads_no_policy(here: Path, command: list[str]) -> None:
    policy("alpha = 0.02")
    code = f"import sys, atexit; atexit.register(lambda: print('LOADED', *sorted(sys.modules))); {COMMAND[2]}"
    outcome = run_command([*COMMAND[:2], code, *command])
    loaded = outcome.out.split("LOADED")[1].split()
    assert outcome.code == 0
    assert {"llm_audit.policy", "pydantic", "pathspec", "tomllib", "numpy"}.isdisjoint(loaded)


def test_show_imports_nothing_heavy(here: Path) -> None:
    policy("alpha = 0.02")
    code = f"import sys, atexit; atexit.register(lambda: print('LOADED', *sorted(sys.modules))); {COMMAND[2]}"
    loaded = run_command([*COMMAND[:2], code, "config", "show"]).out.split("LOADED")[1].split()
    assert "llm_audit.policy" in loaded
    assert {"numpy", "scipy", "torch", "matplotlib", "jinja2"}.isdisjoint(loaded)
