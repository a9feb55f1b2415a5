"""The pages: a rule has one, an option has help, a link leads somewhere, and the README stays short."""

from __future__ import annotations

import re
from email.message import Message
from pathlib import Path

import click
import pytest

from llm_audit.api.rules import explanation, in_words
from llm_audit.detectors import registry
from llm_audit.results.rules import documentation, page_of
from tools.site import check, commands, rules
from tools.site.hooks import navigation
from tools.site.pages import ELSEWHERE, ROOT, every_page, moved

PAGES = every_page()
OURS = [rule for rule in registry.every_rule() if rule.plugin is None]


def flat(text: str) -> str:
    return " ".join(text.split())


def test_nothing_is_wrong_with_the_sources() -> None:
    assert check.problems() == []


def test_the_readme_is_short_and_begins_with_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_bytes()
    assert len(readme) <= 10_000
    assert b"make demo" in readme and b"make test" in readme


@pytest.mark.parametrize("rule", OURS, ids=lambda rule: rule.name)
def test_every_rule_has_a_page_that_says_all_that_explain_prints(rule: registry.AnyRule) -> None:
    page = flat(PAGES[f"rules/{rule.code}.md"].replace("`", ""))
    assert rule.title in page
    for heading, sentences in in_words(rule)[:-1]:  # all but where the page is
        assert heading in page and all(flat(sentence) in page for sentence in sentences)
    assert flat(explanation(rule)).endswith(f"Page rules/{rule.code}.html of the documentation")
    assert "## Measured" in page and "## Example" in page


def test_a_rule_without_a_page_and_a_page_without_a_rule_end_the_build() -> None:
    written = {path: text for path, text in PAGES.items() if path.startswith("rules/AUD")}
    rules.completed(written)
    with pytest.raises(ValueError, match=r"docs/rules/AUD310.md is missing"):
        rules.completed({path: text for path, text in written.items() if "AUD310" not in path})
    with pytest.raises(ValueError, match=r"no rule has the page rules/AUD399.md"):
        rules.completed(written | {"rules/AUD399.md": "## Measured"})


def test_without_an_address_of_the_documentation_nothing_links_to_one() -> None:
    assert documentation() is None and page_of("AUD310") is None
    facts = registry.described("AUD310")
    assert facts.page is None
    assert flat(explanation(registry.explain("AUD310"))).endswith("Page rules/AUD310.html of the documentation")


def test_the_address_of_a_page_is_that_of_the_project(published: str) -> None:
    assert page_of("AUD310") == f"{published}rules/AUD310.html"
    assert registry.described("AUD310").page == page_of("AUD310")
    assert flat(explanation(registry.explain("AUD310"))).endswith(f"Page {page_of('AUD310')}")
    assert registry.described("AUD399").page is None


def test_the_address_is_what_the_package_says_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Message()
    said["Project-URL"] = "Source, https://example.org/source"
    monkeypatch.setattr("llm_audit.results.rules.metadata", lambda name: said)
    assert documentation.__wrapped__() is None
    said["Project-URL"] = "Documentation, https://example.org/docs/"
    assert documentation.__wrapped__() == "https://example.org/docs/"


def test_every_option_of_every_command_is_described_and_an_option_without_help_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert commands.helpless() == []
    from llm_audit.cli.detect import command

    monkeypatch.setattr(command, "params", [*command.params, click.Option(["--odd"])])
    assert commands.helpless() == ["llm-audit detect --odd"]
    for context in commands.contexts():
        top = context.command_path.split()
        page = PAGES["reference/commands/index.md" if len(top) == 1 else f"reference/commands/{top[1]}.md"]
        for parameter in context.command.params:
            shown = isinstance(parameter, click.Option) and not parameter.hidden and parameter.name != "odd"
            assert not shown or parameter.opts[-1] in page


def test_a_manual_page_is_made_of_every_command() -> None:
    made = commands.manual_pages()
    assert {"llm-audit.1", "llm-audit-detect.1", "llm-audit-membership-test-order.1"} <= made.keys()
    assert all(text.startswith('.TH "') for text in made.values())
    assert "--changed-since" in made["llm-audit-gate.1"].replace("\\-", "-")


def test_every_page_is_in_the_navigation_once() -> None:
    listed = re.findall(r"'([^']+\.md)'", str(navigation(PAGES)))
    assert sorted(listed) == sorted(PAGES)


def test_a_new_page_and_a_new_folder_are_in_the_navigation_without_a_list() -> None:
    entries = navigation({**PAGES, "how-to/serve.md": "# Serve", "watermarks/index.md": "# Watermarks"})
    assert "how-to/serve.md" in next(each["How-to"] for each in entries if "How-to" in each)
    assert entries[-1] == {"Watermarks": ["watermarks/index.md"]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[x](nowhere.md)", "there is no nowhere.md"),
        ("[x](how-to/gate.md#nowhere)", "there is no heading #nowhere in how-to/gate.md"),
        ("[x](#nowhere)", "there is no heading #nowhere in index.md"),
        ("[x](tutorial.md) `[x](y.md)` [x](https://example.org)\n\n```text\n[x](z.md)\n```\n", None),
    ],
)
def test_a_dead_link_is_seen(text: str, problem: str | None) -> None:
    assert list(check.dead_links("index.md", text, PAGES | {"index.md": text})) == ([problem] if problem else [])


def test_links_between_files_of_the_repository_become_links_between_pages() -> None:
    text = "[a](docs/how-to/gate.md#x) [b](SECURITY.md) [c](https://example.org)"
    assert moved(text, "ARCHITECTURE.md", ELSEWHERE["ARCHITECTURE.md"]) == (
        "[a](../how-to/gate.md#x) [b](security.md) [c](https://example.org)"
    )


def test_a_page_that_fetches_something_from_elsewhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<link rel="canonical" href="https://e.org/"><a href="https://e.org">x</a><script src="a.js">'
    )
    assert check.foreign(tmp_path) == []
    (tmp_path / "b.html").write_text('<script src="https://e.org/x.js"></script><link rel="stylesheet" href="//e.org/y.css">')
    (tmp_path / "c.css").write_text("@import url(https://e.org/z.css);")
    assert len(check.foreign(tmp_path)) == 3


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_site_is_built_strictly_and_fetches_nothing(tmp_path: Path) -> None:
    import subprocess
    import sys

    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert check.foreign(tmp_path / "site") == []
    assert (tmp_path / "site" / "rules" / "AUD310.html").is_file()
    assert (tmp_path / "site" / "man" / "man1" / "llm-audit-gate.1").is_file()
