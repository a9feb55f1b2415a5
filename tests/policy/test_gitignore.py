"""Our patterns against git's own reading of the same patterns."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_audit.policy import Policy

PATHS = (
    "a.md", "b.md", "ab.md", "a", "b/a.md", "b/a", "a/b.md", "a/a/a.md", "b/a/b.md", "a/b/a/b.md", "docs/a.md", "x/docs/b.md",
    "docs/api/a.md", "a b.md", ".a/b.md", "A.md", "a[1].md", "#a.md", "!a.md",
)  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


def ignored_by_git(repository: Path, patterns: list[str]) -> set[str]:
    (repository / ".gitignore").write_text("".join(f"{pattern}\n" for pattern in patterns))
    command = ["git", "-C", str(repository), "check-ignore", "--no-index", "-z", "--stdin"]
    done = subprocess.run(command, input="\0".join(PATHS).encode(), capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return set(filter(None, done.stdout.decode().split("\0")))


def excluded(patterns: list[str]) -> set[str]:
    policy = Policy(exclude=tuple(patterns))
    return {path for path in PATHS if not policy.covers(path)}


@pytest.mark.parametrize(
    ("patterns", "some"),
    [
        (["*.md"], {"a.md", "docs/api/a.md"}),
        (["/a.md"], {"a.md"}),
        (["docs/"], {"docs/a.md", "x/docs/b.md"}),
        (["/docs/"], {"docs/a.md", "docs/api/a.md"}),
        (["docs/*.md"], {"docs/a.md"}),
        (["docs/**/a.md"], {"docs/a.md", "docs/api/a.md"}),
        (["**/docs"], {"x/docs/b.md"}),
        (["a/**"], {"a/a/a.md"}),
        (["*.md", "!a.md"], {"b.md"}),
        (["!a.md", "*.md"], {"a.md"}),
        (["docs/*", "!docs/a.md"], {"docs/api/a.md"}),
        (["?.md"], {"a.md", "b.md"}),
        (["[ab].md"], {"a.md", "b.md"}),
        (["[!a].md"], {"b.md"}),
        (["a\\[1\\].md"], {"a[1].md"}),
        (["\\#a.md"], {"#a.md"}),
        (["\\!a.md"], {"!a.md"}),
        (["a b.md"], {"a b.md"}),
        (["a b.md   "], {"a b.md"}),
        ([".a"], {".a/b.md"}),
        (["*", "!*/", "!*.md"], {"a", "b/a"}),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",  # the order of a set is no name
)
def test_as_git_reads_them(repository: Path, patterns: list[str], some: set[str]) -> None:
    assert some <= excluded(patterns) == ignored_by_git(repository, patterns)


parts = st.sampled_from(["a", "b", "docs", "*", "**", "?", "*.md", "a.md", "[ab]", "a*", "api"])
patterns = st.builds(
    lambda rooted, names, folder: ("/" if rooted else "") + "/".join(names) + folder,
    st.booleans(),
    st.lists(parts, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "/*", "/**"]),
).filter(lambda pattern: not pattern.endswith("**/"))  # see below


@given(st.lists(patterns, min_size=1, max_size=4))
@example(["a/**/**"])
def test_any_patterns_are_read_as_git_reads_them(repository: Path, patterns: list[str]) -> None:
    assert excluded(patterns) == ignored_by_git(repository, patterns)


def test_unlike_for_git_a_file_in_an_excluded_folder_can_be_taken_back(repository: Path) -> None:
    taken_back = ["docs/", "!docs/a.md"]
    assert ignored_by_git(repository, taken_back) - excluded(taken_back) == {"docs/a.md"}


def test_unlike_for_git_folders_below_a_folder_are_all_that_is_below_it(repository: Path) -> None:
    assert excluded(["a/**/"]) - ignored_by_git(repository, ["a/**/"]) == {"a/b.md"}


def test_a_letter_is_one_character_however_many_bytes_it_has() -> None:
    assert not Policy(exclude=("?.md",)).covers("ä.md")
