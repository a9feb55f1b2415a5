"""The file of a policy: where it is looked for, what may stand in it, and what is said of a mistake."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.common.terminal import one_line
from llm_audit.policy import Loaded, Policy, load
from llm_audit.policy.file import LARGEST
from llm_audit.policy.model import CODES, OUTCOMES, PATTERNS
from tests.policy.test_fuzz import toml
from tests.reports import hostile


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, as the working directory."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str, name: str = "llm-audit.toml") -> Loaded:
    Path(name).write_text(text)
    return load()


def complaint(text: str, name: str = "llm-audit.toml") -> str:
    with pytest.raises(AuditError) as caught:
        loaded(text, name)
    return str(caught.value)


EVERYTHING = """\
alpha = 0.02
population = "own"
model = "models/x"
classifier = "mine"
text-field = "body"
minimum-tokens = 100
detectors = ["lrr", "curvature"]
score-also = ["references"]
select = ["AUD1", "AUD902"]
ignore = ["AUD902"]
fail-on = ["finding", "error", "inconclusive", "not_assessable"]
inline-suppressions = false
include = ["*.md"]
exclude = ["drafts/"]

[[overrides]]
paths = ["docs/"]
select = ["AUD9"]
minimum-tokens = 64

[[overrides]]
paths = ["x"]
ignore = []
fail-on = []

[[watermarks]]
paths = ["answers/"]
key-file = "key.json"
must = "not-carry"
tokenizer = "models/x"
"""


def test_every_setting_is_read_and_its_line_known() -> None:
    found = loaded(EVERYTHING)
    policy = found.policy
    assert policy.model_fields_set == Policy.model_fields.keys()
    assert (policy.alpha, policy.population, policy.model, policy.classifier) == (0.02, "own", "models/x", "mine")
    assert (policy.text_field, policy.minimum_tokens, policy.detectors) == ("body", 100, ("lrr", "curvature"))
    assert (policy.select, policy.ignore, policy.inline_suppressions) == (("AUD1", "AUD902"), ("AUD902",), False)
    assert policy.score_also == ("references",)
    assert policy.fail_on == ("finding", "error", "inconclusive", "not_assessable")
    assert (policy.include, policy.exclude) == (("*.md",), ("drafts/",))
    first, second = policy.overrides
    assert (first.paths, first.select, first.minimum_tokens, first.ignore) == (("docs/",), ("AUD9",), 64, None)
    assert (second.ignore, second.fail_on, second.select) == ((), (), None)
    (mark,) = policy.watermarks
    assert (mark.paths, mark.key_file, mark.must, mark.tokenizer) == (("answers/",), "key.json", "not-carry", "models/x")
    lines = {line.split(" =")[0]: number for number, line in enumerate(EVERYTHING.splitlines()[:14], 1)}
    for name in policy.model_fields_set - {"overrides", "watermarks"}:
        assert found.origin(name) == f"llm-audit.toml:{lines[name.replace('_', '-')]}"
    assert [found.origin("paths", i) for i in (0, 1)] == ["llm-audit.toml:17", "llm-audit.toml:22"]
    assert found.origin("minimum_tokens", 0) == "llm-audit.toml:19"


def test_the_table_of_pyproject_says_the_same() -> None:
    own = loaded(EVERYTHING)
    Path("llm-audit.toml").unlink()
    table = EVERYTHING.replace("[[", "[[tool.llm-audit.")
    shared = loaded(f"[project]\nalpha = 0.5\n\n[tool.llm-audit]\n{table}", "pyproject.toml")
    assert shared.policy == own.policy
    assert shared.policy.digest() == own.policy.digest()
    assert shared.origin("alpha") == "pyproject.toml:5"
    assert shared.origin("paths", 1) == "pyproject.toml:26"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("tool.llm-audit.alpha = 0.02", "pyproject.toml [tool.llm-audit]"),
        ("tool = {llm-audit = {alpha = 0.02}}", "pyproject.toml [tool.llm-audit]"),
        ('x = """\nalpha = 1\n"""\n[tool.llm-audit]\nalpha = 0.02', "pyproject.toml:5"),
        ('[tool.llm-audit]\nexclude = ["""\nalpha = 1\n"""]\n"alpha" = 0.02', "pyproject.toml:5"),
        ("[tool.other]\nalpha = 1\n[tool.llm-audit]\n'alpha' = 0.02", "pyproject.toml:4"),
        ('[tool.llm-audit]\n"\\u0061lpha" = 0.02', "pyproject.toml [tool.llm-audit]"),
        ("[tool.llm-audit]\r\n\r\nalpha = 0.02\r\n", "pyproject.toml:3"),
        ("[tool.llm-audit]\nalpha = 0.02\n" + "# long\n" * 20_000, "pyproject.toml [tool.llm-audit]"),
    ],
    ids=range(8),
)
def test_a_line_is_named_if_it_is_certain(text: str, origin: str) -> None:
    Path("pyproject.toml").write_bytes(text.encode())
    found = load()
    assert found.policy.alpha == 0.02
    assert found.origin("alpha") == origin
    assert found.origin("population") == "default"


def test_the_command_line_wins_and_changes_the_digest() -> None:
    found = loaded("alpha = 0.02")
    merged = found.override({"alpha": 0.5, "population": "own"})
    assert (merged.policy.alpha, merged.policy.population) == (0.5, "own")
    assert [merged.origin(name) for name in ("alpha", "population", "model")] == ["command line", "command line", "default"]
    assert merged.policy.digest() == Policy(alpha=0.5, population="own").digest() != found.policy.digest()
    assert found.override({}).policy.digest() == found.policy.digest()
    assert found.override({"alpha": 0.02}).policy.digest() == found.policy.digest()


def test_a_byte_order_mark_is_no_mistake() -> None:
    Path("llm-audit.toml").write_bytes(b"\xef\xbb\xbfalpha = 0.02")
    assert load().origin("alpha") == "llm-audit.toml:1"


# where it is looked for


def test_without_a_file_all_is_default(here: Path) -> None:
    found = load()
    assert (found.policy, found.file, found.root) == (Policy(), None, here)
    assert {found.origin(name) for name in Policy.model_fields} == {"default"}


def test_the_nearest_file_above_counts(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "a" / "b" / "c").mkdir(parents=True)
    (here / "pyproject.toml").write_text("[tool.llm-audit]\nalpha = 0.02")
    (here / "a" / "llm-audit.toml").write_text("alpha = 0.03")
    (here / "a" / "b" / "pyproject.toml").write_text("[project]\nname = 'says nothing of us'")
    monkeypatch.chdir(here / "a" / "b" / "c")
    found = load()
    assert (found.policy.alpha, found.root) == (0.03, here / "a")
    assert found.origin("alpha") == "../../llm-audit.toml:1"
    (here / "a" / "llm-audit.toml").unlink()
    assert (load().policy.alpha, load().root) == (0.02, here)


@pytest.mark.parametrize("worktree", [False, True])
def test_the_root_of_the_repository_is_the_last_folder(here: Path, monkeypatch: pytest.MonkeyPatch, worktree: bool) -> None:
    inner = here / "inner" / "docs"
    inner.mkdir(parents=True)
    (here / "llm-audit.toml").write_text("alpha = 0.02")
    monkeypatch.chdir(inner)
    assert load().policy.alpha == 0.02
    if worktree:
        (here / "inner" / ".git").write_text("gitdir: elsewhere")
    else:
        (here / "inner" / ".git").mkdir()
    assert load().file is None
    (here / "inner" / "llm-audit.toml").write_text("alpha = 0.03")
    assert load().policy.alpha == 0.03


def test_two_files_of_one_folder_are_a_mistake() -> None:
    Path("llm-audit.toml").write_text("alpha = 0.02")
    Path("pyproject.toml").write_text("[project]")
    assert load().policy.alpha == 0.02
    both = complaint("[tool.llm-audit]\n", "pyproject.toml")
    assert both == (
        "llm-audit.toml and pyproject.toml both hold a policy; keep llm-audit.toml, and take [tool.llm-audit] out of the other."
    )


def test_an_empty_file_is_a_policy_of_defaults() -> None:
    found = loaded("")
    assert found.file is not None
    assert found.policy == Policy()


def test_a_file_can_be_named(here: Path) -> None:
    (here / "llm-audit.toml").write_text("alpha = 0.02")
    other = here / "ci" / "strict.toml"
    other.parent.mkdir()
    other.write_text("alpha = 0.03")
    assert (load(other).policy.alpha, load(other).root) == (0.03, other.parent)
    assert load(isolated=True) == Loaded(Policy(), here)


def test_a_file_outside_is_named_in_full(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "strict.toml"
    elsewhere.write_text("alpha = 0.03")
    assert load(elsewhere).origin("alpha") == f"{elsewhere}:1"


# paths


def test_paths_are_taken_from_the_folder_of_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "docs").mkdir()
    loaded('exclude = ["/docs/a.md"]\n[[overrides]]\npaths = ["/docs/"]\nfail-on = []')
    monkeypatch.chdir(here / "docs")
    found = load()
    excluded = [Path("a.md"), Path("../docs/a.md"), Path("x/../a.md"), here / "docs" / "a.md"]
    assert [path for path in excluded if found.covers(path)] == []
    assert found.covers(Path("b.md"))
    assert (found.for_path(Path("b.md")).fail_on, found.for_path(Path("../b.md")).fail_on) == ((), ("finding", "error"))


def test_paths_by_way_of_a_link_are_found(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    loaded('exclude = ["*.md"]')
    link = tmp_path_factory.mktemp("links") / "repository"
    link.symlink_to(here)
    (here / "a.md").touch()
    assert not load().covers(link / "a.md")
    outside = link.parent / "b.md"
    assert load().covers(outside)


# mistakes

SAME = " is the same for all documents, since their false discovery rate is one statement; take it out of the overrides."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aplha = 0.01", "line 1: the policy has no setting 'aplha'; did you mean 'alpha'?"),
        ("text_field = 'x'", "line 1: the policy has no setting 'text_field'; did you mean 'text-field'?"),
        ("fail_on = []", "line 1: the policy has no setting 'fail_on'; did you mean 'fail-on'?"),
        ("zzz = 1", "line 1: the policy has no setting 'zzz'."),
        (
            "[tool.llm-audit]",
            ": in a file of its own the policy has no heading [tool.llm-audit]; write its settings without one.",
        ),
        ("alpha = 'x'\naplha = 1", "line 2: the policy has no setting 'aplha'; did you mean 'alpha'?"),
        ("\nalpha = '0.01'", "line 2: alpha must be a number above 0 and below 1, not '0.01'."),
        ("alpha = true", "line 1: alpha must be a number above 0 and below 1, not true."),
        ("alpha = 0", "line 1: alpha must be a number above 0 and below 1, not 0."),
        ("alpha = 1.0", "line 1: alpha must be a number above 0 and below 1, not 1.0."),
        ("alpha = nan", "line 1: alpha must be a number above 0 and below 1, not NaN."),
        ("alpha = -inf", "line 1: alpha must be a number above 0 and below 1, not -Infinity."),
        ("alpha = 2020-01-01", 'line 1: alpha must be a number above 0 and below 1, not "2020-01-01".'),
        ("alpha = [0.01]", "line 1: alpha must be a number above 0 and below 1, not a list."),
        ("alpha = {}", "line 1: alpha must be a number above 0 and below 1, not a table."),
        ("population = 1", "line 1: population must be the name of a population, not 1."),
        ("population = ''", "line 1: population must be the name of a population, not ''."),
        ("model = ['x']", "line 1: model must be a folder, or a hub id with revision, org/name@commit, not a list."),
        ("classifier = false", "line 1: classifier must be the name or the file of a classifier, not false."),
        ("text-field = 2", "line 1: text-field must be the name of a field, not 2."),
        ("minimum-tokens = 64.0", "line 1: minimum-tokens must be a whole number of tokens, not 64.0."),
        ("minimum-tokens = true", "line 1: minimum-tokens must be a whole number of tokens, not true."),
        ("minimum-tokens = 63", "line 1: minimum-tokens: with fewer than 64 tokens no detector can tell people and machines "
         "apart."),
        ("detectors = 'lrr'", "line 1: detectors must be a list of names, see `llm-audit plugins list`, not 'lrr'."),
        ("detectors = ['curvture']", "line 1: detectors: no detector is called 'curvture'; did you mean 'curvature'?"),
        ("detectors = ['xyz']", "line 1: detectors: no detector is called 'xyz'."),
        ("score-also = ['paths']", "line 1: score-also: nothing that stands apart is called 'paths'."),
        ("select = 'AUD1'", f"line 1: select must be {CODES}, not 'AUD1'."),
        ("ignore = [901]", f"line 1: ignore must be {CODES}; it holds 901."),
        ("select = ['aud901']", "line 1: select: 'aud901' is no rule that decides about a document; did you mean 'AUD901'?"),
        ("ignore = ['AUD907']", "line 1: ignore: 'AUD907' is no rule that decides about a document; did you mean 'AUD905'?"),
        ("ignore = ['AUD101']", "line 1: ignore: 'AUD101' is no rule that decides about a document; did you mean 'AUD901'?"),
        ("ignore = ['E501']", "line 1: ignore: 'E501' is no rule that decides about a document."),
        ("ignore = ['A']", "line 1: ignore: 'A' is no rule that decides about a document."),
        ("ignore = ['']", f"line 1: ignore must be {CODES}; it holds ''."),
        ("fail-on = 'finding'", f"line 1: fail-on must be {OUTCOMES}, not 'finding'."),
        ("fail-on = ['findings']", f"line 1: fail-on must be {OUTCOMES}, not 'findings'; did you mean 'finding'?"),
        ("fail-on = [1]", f"line 1: fail-on must be {OUTCOMES}; it holds 1."),
        ("inline-suppressions = 'no'", "line 1: inline-suppressions must be true or false, not 'no'."),
        ("inline-suppressions = 0", "line 1: inline-suppressions must be true or false, not 0."),
        ("include = '*.md'", f"line 1: include must be {PATTERNS}, not '*.md'."),
        ("include = [['*.md']]", f"line 1: include must be {PATTERNS}; it holds a list."),
        ("exclude = ['!']", "line 1: exclude: '!' is no pattern of gitignore."),
        ("exclude = ['# all']", "line 1: exclude: '# all' matches nothing: it is empty or a comment."),
        ("overrides = 1", "line 1: overrides must be tables, [[overrides]], not 1."),
        ("[overrides]\npaths = ['x']", ": overrides must be tables, [[overrides]], not a table."),
        ("overrides = [1]", ", overrides number 1: it must be a table; write [[overrides]]."),
        ("[[overrides]]\nselect = []", ", overrides number 1: 'paths' is missing; say which paths it is for."),
        ("[[overrides]]\npaths = []", f"line 2: paths must be {PATTERNS}, not an empty list."),
        ("[[overrides]]\npaths = ['a']\nselekt = []", "line 3: overrides have no setting 'selekt'; did you mean 'select'?"),
        ("[[overrides]]\npaths = ['a']\n[[overrides]]\npaths = ['b']\nfail-on = ['x']",
         f"line 5: fail-on must be {OUTCOMES}, not 'x'."),
        ("[[overrides]]\npaths = ['a']\nalpha = 0.5", f"line 3: alpha{SAME}"),
        ("[[overrides]]\npaths = ['a']\npopulation = 'x'", f"line 3: population{SAME}"),
        ("[[overrides]]\npaths = ['a']\nexclude = ['x']",
         "line 3: exclude is the same for all documents; take it out of the overrides."),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_with_its_line(text: str, said: str) -> None:
    separator = "" if said.startswith((":", ",")) else ", "
    assert complaint(text) == f"llm-audit.toml{separator}{said}"


def test_a_mistake_in_pyproject_names_the_table() -> None:
    text = "[tool.llm-audit]\naplha = 1"
    said = "pyproject.toml, line 2: [tool.llm-audit] has no setting 'aplha'; did you mean 'alpha'?"
    assert complaint(text, "pyproject.toml") == said
    assert complaint("[tool]\nllm-audit = 3", "pyproject.toml") == (
        "pyproject.toml: tool.llm-audit must be a table; write [tool.llm-audit], and the settings below."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"alpha = ", "llm-audit.toml is not valid TOML: Invalid value (at end of document)."),
        (b"alpha = 1\nalpha = 2\n", "llm-audit.toml is not valid TOML: Cannot overwrite a value (at line 2, column 10)."),
        (b"alpha = 1" + b"0" * 5000, "llm-audit.toml is not valid TOML: a number is too long."),
        (b"x = " + b"[" * 20_000, "llm-audit.toml is nested too deeply for a policy; write it flat."),
        (
            b"x" + b".x" * 400_000 + b" = 1",
            "llm-audit.toml has a line with more than 1,000 dots; no policy needs that, so break it up.",
        ),
        (b"alpha = '\xff'", "llm-audit.toml is not UTF-8 text; save it as UTF-8."),
        ("alpha = 1".encode("utf-16"), "llm-audit.toml is not UTF-8 text; save it as UTF-8."),
        (b"#" * (LARGEST + 1), "llm-audit.toml is larger than 1,000,000 bytes, too large for a policy."),
    ],
    ids=["cut", "twice", "number", "deep", "dots", "latin-1", "utf-16", "large"],
)
def test_what_cannot_be_read_is_one_sentence(content: bytes, said: str) -> None:
    Path("llm-audit.toml").write_bytes(content)
    with pytest.raises(AuditError) as caught:
        load()
    assert str(caught.value) == said


@pytest.mark.parametrize("name", ["llm-audit.toml", "pyproject.toml"])
def test_what_is_no_file_is_one_sentence(name: str) -> None:
    path = Path(name)
    path.mkdir()
    with pytest.raises(AuditError, match=rf"^The policy {name} is a folder; it must be a TOML file\.$"):
        load()
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(AuditError, match=rf"^The policy {name} is no regular file; it must be a TOML file\.$"):
        load()
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(AuditError, match=rf"^Cannot read the policy {name}: no such file or directory\.$"):
        load()


@pytest.mark.parametrize("name", ["missing.toml", "a\0b.toml"])
def test_a_named_file_must_be_there(name: str) -> None:
    with pytest.raises(AuditError, match=r"^(Cannot read the policy missing\.toml: no such|There is no file)"):
        load(Path(name))


def test_a_named_pyproject_must_have_the_table() -> None:
    Path("pyproject.toml").write_text("[project]")
    with pytest.raises(AuditError, match=r"^pyproject\.toml has no table \[tool\.llm-audit\]; add it, or name another file\.$"):
        load(Path("pyproject.toml"))


PAYLOADS = sorted({payload for payload in hostile.PAYLOADS if not any("\ud800" <= letter <= "\udfff" for letter in payload)})


@pytest.mark.parametrize(
    "line",
    [
        "{} = 1",
        "alpha = {}",
        "select = [{}]",
        "detectors = [{}]",
        "fail-on = [{}]",
        "include = [{}, '!']",
        "[[overrides]]\n{} = 1",
        "overrides = [{}]",
    ],
)
def test_hostile_words_are_said_short_and_plain(line: str) -> None:
    for payload in PAYLOADS[:: 1 if "{} =" in line else 10]:  # looking up plugins takes time
        said = complaint(line.format(toml(payload)))
        assert said.isascii() and said == one_line(said) and len(said) < 600, said


def test_a_look_alike_letter_is_seen() -> None:
    assert complaint('"\u0430lpha" = 0.01') == (
        "llm-audit.toml, line 1: the policy has no setting '\\u0430lpha'; did you mean 'alpha'?"
    )
