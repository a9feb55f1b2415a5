"""`llm-audit plugins`, and what plugins do to the other commands: in this process, with their folders on its path.

What a command imports, and the package that `new` makes, are tried in processes of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from llm_audit.detectors import registry
from llm_audit.detectors.announced import files_digest
from llm_audit.detectors.plugins import PLUGIN_CODE
from tests.cli.conftest import write_texts
from tests.cli.tool import COMMAND, HUMAN, Outcome, Tool, run_command, sentence, spawn
from tests.detectors.installing import SAMPLE, installed, pip_install

SURPRISE = {"name": "surprise", "rule": "AUD199", "distribution": "llm-audit-sample-plugin", "version": "1.0"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed sample plugin: a detector, a membership score, and a detector that does not load."""
    return pip_install(SAMPLE, tmp_path_factory.mktemp("plugin") / "site")


def beside(*sites: Path, **settings: str) -> dict[str, str]:
    """The environment in which these folders of packages are installed."""
    return {"PYTHONPATH": os.pathsep.join(map(str, sites)), **settings}


class Beside:
    """The command line in this process, with folders of packages installed that it forgets afterwards."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool

    def __call__(self, *args: object, sites: tuple[Path, ...] = (), **settings: str) -> Outcome:
        """Run a command; `settings` are variables of its environment."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            for site in reversed(sites):
                patch.syspath_prepend(str(site))
            _forget(sites)
            try:
                return self.tool(*args)
            finally:
                _forget(sites)

    def listed(self, *sites: Path, code: int, **settings: str) -> dict[str, dict[str, Any]]:
        """What `plugins list` says of everything that is not ours, by name."""
        outcome = self("plugins", "list", "--format", "json", sites=sites, **settings)
        assert outcome.code == code, outcome.err
        return {each["name"]: each for each in json.loads(outcome.out)["plugins"] if not each["shipped"]}


def _forget(sites: tuple[Path, ...]) -> None:
    """Nothing of these folders is loaded, and no rule is known, as in a new process."""
    for name, module in list(sys.modules.items()):
        if any(Path(getattr(module, "__file__", None) or "/").is_relative_to(site) for site in sites):
            del sys.modules[name]
    registry._loaded.cache_clear()
    files_digest.cache_clear()


@pytest.fixture
def run(tool: Tool) -> Beside:
    return Beside(tool)


# list


def test_the_list_names_ours(tool: Tool) -> None:
    outcome = tool("plugins", "list")
    assert (outcome.code, outcome.err) == (0, "")
    head, *rows = outcome.out.splitlines()
    assert head.split() == ["name", "code", "family", "package", "digest", "from", "status"]
    assert [row.split()[1] for row in rows if " origin " in row] == [
        "AUD190",
        "AUD110",
        "AUD101",
        "AUD100",
        "AUD103",
        "AUD104",
        "AUD102",
    ]
    assert len(rows) == len(list(registry.every_rule()))
    assert all(row.endswith("llm-audit  ok") for row in rows)


def test_the_list_names_plugins_and_what_is_broken(site: Path, run: Beside) -> None:
    found = run.listed(site, code=1)
    digest = found["surprise"]["digest"]
    assert found["surprise"] == {
        **SURPRISE,
        "group": "llm_audit.rules.origin",
        "target": "sample_plugin:rule",
        "digest": digest,
        "shipped": False,
        "status": "ok",
        "reason": "",
    }
    assert len(digest) == 64
    assert (found["mean-logprob"]["rule"], found["mean-logprob"]["group"]) == ("AUD399", "llm_audit.rules.membership")
    assert (found["broken"]["rule"], found["broken"]["status"]) == (None, "broken")
    shown = run("plugins", "list", sites=(site,))
    assert shown.code == 1
    assert f"llm-audit-sample-plugin 1.0  {digest[:12]}  plugin     ok" in shown.out
    assert shown.out.endswith(
        "\n\nThe rule 'broken' (sample_plugin_broken:rule, llm-audit-sample-plugin 1.0) does not load: "
        "ImportError: this plugin needs a library that is not there.\n"
    )


def test_the_list_says_what_was_written_for_an_earlier_version(tmp_path: Path, run: Beside) -> None:
    site = installed(tmp_path, "old", "raise SystemExit", {"one": "x"}, module="old_module", group="llm_audit.detectors")
    shown = run("plugins", "list", sites=(site,))
    assert shown.code == 1
    assert shown.out.endswith(
        "\n\nThe plugin 'one' of old 1.0 announces itself under 'llm_audit.detectors', as for llm-audit 0.1; it is left out "
        "until it announces a Rule under 'llm_audit.rules.FAMILY' (see `llm-audit plugins new`).\n"
    )
    (said,) = json.loads(run("plugins", "list", "--format", "json", sites=(site,)).out)["outdated"]
    assert said in shown.out


def test_off_is_said_and_nothing_is_imported(site: Path, tmp_path: Path, run: Beside) -> None:
    canary = tmp_path / "imported"
    installed(tmp_path / "site", "spy", f"open({str(canary)!r}, 'w').close()", {"spy": "spy"}, module="spy_module")
    found = run.listed(site, tmp_path / "site", code=0, LLM_AUDIT_PLUGINS="off")
    assert {name: (each["status"], each["rule"]) for name, each in found.items()} == dict.fromkeys(
        ("broken", "mean-logprob", "spy", "surprise"), ("off", None)
    )
    shown = run("plugins", "list", sites=(site,), LLM_AUDIT_PLUGINS="off")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.endswith("\nPlugins are switched off: LLM_AUDIT_PLUGINS=off.\n")
    refused = run("plugins", "check", "surprise", sites=(site,), LLM_AUDIT_PLUGINS="off")
    assert refused.code == 2
    assert "LLM_AUDIT_PLUGINS=off" in sentence(refused)
    assert not canary.exists()
    run.listed(tmp_path / "site", code=1)
    assert canary.exists()


@pytest.mark.parametrize("args", [["--help"], ["plugins", "--help"], ["plugins", "check", "--help"], ["detect", "--help"]])
def test_help_imports_no_plugin(args: list[str], tmp_path: Path) -> None:
    canary = tmp_path / "imported"
    site = installed(tmp_path / "site", "spy", f"open({str(canary)!r}, 'w').close()", {"spy": "spy"}, module="spy_module")
    assert spawn(*args, env=beside(site)).code == 0
    assert not canary.exists()


def test_the_list_needs_no_torch(site: Path) -> None:
    code = f"import sys, atexit; atexit.register(lambda: print('LOADED', *sorted(sys.modules))); {COMMAND[2]}"
    loaded = run_command([*COMMAND[:2], code, "plugins", "list"], env=beside(site)).out.split("LOADED")[1].split()
    assert "llm_audit.detectors.origin.lrr" in loaded
    assert not {"torch", "transformers", "matplotlib"}.intersection(loaded)


HOSTILE = "\x1b]0;title\x07\x9b31m\u202e"


def test_nothing_in_a_plugin_acts_on_the_terminal(tmp_path: Path, run: Beside) -> None:
    site = installed(
        tmp_path, "", f"raise ValueError({HOSTILE!r} + chr(10) + 'forged line')", {f"evil{HOSTILE}": "x"}, module="evil_module",
        metadata=f"Metadata-Version: 2.1\nName: pack{HOSTILE}\n  forged name\nVersion: 1.0{HOSTILE}\n",
    )  # fmt: skip
    for args in (["list"], ["list", "--format", "json"], ["check", f"evil{HOSTILE}"], ["check", f"none{HOSTILE}"]):
        outcome = run("plugins", *args, sites=(site,))
        assert outcome.code in (1, 2), outcome
        shown = outcome.out + outcome.err
        assert "evil" in shown
        assert not any(character in shown for character in "\x1b\x07\x9b\u202e")
        assert not any(line.startswith("forged") for line in shown.splitlines())


# check


def clauses(outcome: Outcome) -> dict[str, str]:
    """What became of each clause."""
    lines = [line.strip().partition("  ") for line in outcome.out.splitlines()[1:]]
    return {what: passed for passed, _, what in lines}


@pytest.mark.parametrize("name", ["surprise", "mean-logprob", "sample_plugin:rule"])
def test_the_sample_plugin_passes_every_clause(name: str, site: Path, run: Beside) -> None:
    outcome = run("plugins", "check", name, sites=(site,))
    assert (outcome.code, outcome.err) == (0, "")
    found = clauses(outcome)
    assert set(found.values()) == {"pass"}
    assert len(found) == (6 if name == "mean-logprob" else 9)


def test_each_broken_clause_is_named_with_the_reason(tmp_path: Path, run: Beside) -> None:
    code = """
def statistic(scores):
    if len(scores) == 3:
        raise KeyError("three")
    return -float(scores.logprob.mean())
one = detector("one", "AUD150", statistic)
two = 2
"""
    site = installed(tmp_path, "faulty", code, {"one": "one", "two": "two"}, module="faulty_module")
    outcome = run("plugins", "check", "one", sites=(site,))
    assert (outcome.code, outcome.err) == (1, "")
    found = clauses(outcome)
    assert found["loads, under a name and a code of its own"] == "pass"
    assert found["says what it is: name, title, question, null hypothesis, method"] == "pass"
    assert found["leaves the scores that it is given as they are: KeyError: 'three'"] == "FAIL"
    (wrong,) = (name for name, outcome in found.items() if name.startswith("is higher for text that the model finds likelier"))
    assert found[wrong] == "FAIL" and "AUD150 is not higher" in wrong and "in 0 of 50 pairs" in wrong
    for name, said in (
        ("two", "'two' (faulty_module:two, faulty 1.0) is not a Rule."),
        ("faulty_module:two", "It is a int, not a Rule."),
        ("faulty_module:three", "AttributeError: module 'faulty_module' has no attribute 'three'"),
        ("llm_audit.detectors.origin.lrr:rule", "It claims the code AUD104"),
    ):
        outcome = run("plugins", "check", name, sites=(site,))
        assert outcome.code == 1
        assert said in outcome.out
    unknown = run("plugins", "check", "three", sites=(site,))
    assert unknown.code == 2
    assert "There is no rule 'three'; choose from unreadable, as-given, classifier," in sentence(unknown)


# detect


@pytest.fixture(scope="module")
def own(site: Path, tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where a population lies that has scores of the sample plugin, by the tiny model; made in a process of its own."""
    root = tmp_path_factory.mktemp("calibrated")
    folders = {"LLM_AUDIT_CACHE": str(root / "cache"), "LLM_AUDIT_DATA": str(root / "data")}
    texts = write_texts(root / "human.jsonl", 40)
    made = spawn("calibrate", texts, "--name", "own", "--model", tiny_llama, env={**beside(site), **folders})
    assert made.code == 0, made.err
    return folders


@pytest.fixture
def detect(own: dict[str, str], tiny_llama: Path, run: Beside) -> Callable[..., Outcome]:
    """Runs `detect` on an essay against that population."""

    def detect(*args: object, sites: tuple[Path, ...], **settings: str) -> Outcome:
        return run("detect", HUMAN, "--population", "own", "--model", tiny_llama, *args, sites=sites, **own, **settings)

    return detect


def test_a_plugin_takes_part_with_a_p_value_and_is_named_in_the_report(
    site: Path, detect: Callable[..., Outcome], run: Beside, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    outcome = detect("--format", "json", "-o", page, sites=(site,))
    assert outcome.code in (0, 1), outcome.err
    assert outcome.err == (
        "Warning: The rule 'broken' (sample_plugin_broken:rule, llm-audit-sample-plugin 1.0) does not load: "
        "ImportError: this plugin needs a library that is not there. It is left out.\n"
    )
    report = json.loads(outcome.out)
    Draft202012Validator(json.loads(run("schema").out)).validate(report)
    digest = run.listed(site, code=1)["surprise"]["digest"]
    assert report["manifest"]["plugins"] == [{**SURPRISE, "digest": digest}]
    (document,) = report["subjects"]
    assert "AUD199" in report["manifest"]["detectors"]
    (result,) = (result for result in document["results"] if result["rule"] == "AUD199")
    assert 1 / 41 <= result["p_value"] <= 1
    assert "AUD199" in document["combined"]["method"]
    assert f'AUD199 surprise, of llm-audit-sample-plugin 1.0<br><code class="digest">{digest}</code>' in page.read_text()


def test_off_leaves_a_plugin_out_of_a_run(site: Path, detect: Callable[..., Outcome], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    outcome = detect("--format", "json", "-o", page, sites=(site,), LLM_AUDIT_PLUGINS="off")
    assert outcome.err == ""
    report = json.loads(outcome.out)
    assert report["manifest"]["plugins"] is None
    assert "AUD199" not in report["manifest"]["detectors"]
    assert "<dt>Plugins</dt><dd>switched off</dd>" in page.read_text()


def test_a_changed_plugin_is_left_out_until_calibrated_anew(detect: Callable[..., Outcome], site: Path, tmp_path: Path) -> None:
    changed = tmp_path / "site"
    subprocess.run(["cp", "-r", str(site), str(changed)], check=True)
    with (changed / "sample_plugin.py").open("a") as file:
        file.write("# a change\n")
    outcome = detect("--format", "json", sites=(changed,))
    assert "Warning: The population has scores of another surprise" in outcome.err
    assert "calibrate it anew. It is left out." in outcome.err
    assert json.loads(outcome.out)["manifest"]["plugins"] == []


def test_a_report_outlives_the_plugin_that_took_part(
    detect: Callable[..., Outcome], site: Path, run: Beside, tmp_path: Path, own: dict[str, str]
) -> None:
    report, changed = tmp_path / "report.json", tmp_path / "site"
    detect("-o", report, sites=(site,))
    assert run("verify", report, sites=(site,), **own).code == 0
    subprocess.run(["cp", "-r", str(site), str(changed)], check=True)
    with (changed / "sample_plugin.py").open("a") as file:
        file.write("# a change\n")
    later = run("verify", report, sites=(changed,), **own)
    assert later.code == 3
    assert "the rule AUD199 is here of llm-audit-sample-plugin 1.0 with other files" in " ".join(later.out.split())
    gone = run("verify", report, **own)
    assert gone.code == 3 and "no rule here has the code AUD199" in " ".join(gone.out.split())
    assert (
        run("report", report, "-o", tmp_path / "again.sarif").code == 0 and "AUD199" in (tmp_path / "again.sarif").read_text()
    )
    assert "Warning: The population has scores of AUD199, a rule that is not here. It is left out." in detect(sites=()).err


# new


def test_a_new_package_installs_and_passes_out_of_the_box(tmp_path: Path, run: Beside) -> None:
    folder = tmp_path / "top-ten"
    made = run("plugins", "new", "top-ten", folder)
    assert (made.code, made.err) == (0, "")
    assert {path.name for path in folder.iterdir()} == {"pyproject.toml", "top_ten.py", "test_top_ten.py", "README.md"}
    assert tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"] == "top-ten"
    assert not [line for path in folder.iterdir() for line in path.read_text().splitlines() if "$" in line]
    site = pip_install(folder, tmp_path / "site")
    outcome = run("plugins", "check", "top-ten", sites=(site,))
    assert outcome.code == 0, outcome
    assert set(clauses(outcome).values()) == {"pass"}
    rule = run.listed(site, code=0)["top-ten"]["rule"]
    assert PLUGIN_CODE.fullmatch(rule) and rule.startswith("AUD1")
    pytest_command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", str(folder)]
    assert run_command(pytest_command, env=beside(site), cwd=tmp_path).code == 0


def test_the_next_new_package_has_another_code(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def code_of(folder: str) -> str:
        assert tool("plugins", "new", "my-own", tmp_path / folder).code == 0
        (line,) = (line for line in (tmp_path / folder / "my_own.py").read_text().splitlines() if line.startswith("    code="))
        return line.split('"')[1]

    first = code_of("first")
    assert code_of("second") == first
    monkeypatch.syspath_prepend(
        str(installed(tmp_path / "site", "x", f"x = detector('x', {first!r})", {"x": "x"}, module="module_of_x"))
    )
    assert code_of("third") != first
    files_digest.cache_clear()
    sys.modules.pop("module_of_x")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My_Plugin", "is no name for a package here"),
        ("-x", "is no name"),
        ("a b", "is no name"),
        ("a/../b", "is no name"),
        ("x" + HOSTILE, "is no name"),
        ("numpy", "is a module of Python or of an installed package"),
        ("json", "is a module of Python"),
        ("class", "is a module of Python"),
        ("lrr", "There is a rule 'lrr' already"),
        ("zlib", "is a module of Python"),
        ("min-k", "There is a rule 'min-k' already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tool: Tool, name: str, said: str, tmp_path: Path) -> None:
    outcome = tool("plugins", "new", "--", name, tmp_path / "new")
    assert outcome.code == 2
    assert said in sentence(outcome)
    assert not {"\x1b", "\x9b"}.intersection(outcome.err)
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    for name in ("file", "folder"):
        outcome = tool("plugins", "new", "my-own", tmp_path / name)
        assert outcome.code == 2
        assert "exists already; name a new folder" in sentence(outcome)
    assert (tmp_path / "file").read_text() == "mine"
    assert not list((tmp_path / "folder").iterdir())
    outcome = tool("plugins", "new", "my-own", tmp_path / "file" / "below")
    assert (outcome.code, "Not a directory" in sentence(outcome)) == (2, True)
