"""Who may do what in the package: files are written by one module, which knows how to leave a whole one; a code by its rule."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

from llm_audit.detectors import registry
from llm_audit.results.rules import FAMILIES

ROOT = Path(__file__).parents[1]
SHELF = ROOT / "audit" / "common" / "files.py"
MODULES = sorted(path for folder in ("audit", "detectors", "reports") for path in (ROOT / folder).rglob("*.py"))

WRITERS = {"write_text", "write_bytes", "fsync", "fdatasync", "sync_file_range", "copyfile", "copy2", "copytree"}
"""Methods and functions that write a file, or bring it to the disk, in one call."""

NAMED_FILES = {"NamedTemporaryFile", "TemporaryFile", "mkstemp"}


def breaches(source: str) -> list[int]:
    """Lines of a module that write a file by themselves.

    Writing to a descriptor (`os.write`) and opening for writing in any way (`open`, `Path.open`, `os.fdopen`, `gzip.open`) are
    among them. Not among them: what only names a file (`os.open` for a lock), `os.devnull`, and an `open` with an address as
    its first argument and the mode as its second that is no file of this machine (`fsspec`).
    """
    return sorted(node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and _writes(node))


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if name in WRITERS | NAMED_FILES or (owner, name) == ("os", "write"):
        return True
    if name not in ("open", "fdopen") or "os.devnull" in ast.unparse(call) or owner == "system":
        return False
    return any(set(mode) & set("wax+") for mode in _modes(call))


def _modes(call: ast.Call) -> Iterator[str]:
    """The mode in a call of `open`: the first argument of a path's method, the second of a function, or by name."""
    candidates = [*call.args[:2], *(word.value for word in call.keywords if word.arg == "mode")]
    for argument in candidates:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and set(argument.value) <= set("rwaxbt+"):
            yield argument.value


@pytest.mark.parametrize("path", [path for path in MODULES if path != SHELF], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_but_one_writes_files(path: Path) -> None:
    lines = breaches(path.read_text(encoding="utf-8"))
    assert lines == [], f"{path.relative_to(ROOT)} writes a file in lines {lines}: use llm_audit.common.files"


def test_that_one_is_seen_to_write() -> None:
    assert len(MODULES) > 250
    assert len(breaches(SHELF.read_text(encoding="utf-8"))) >= 6


@pytest.mark.parametrize(
    "line",
    [
        'path.write_text("x")',
        'path.write_bytes(b"")',
        'path.open("w", encoding="utf-8")',
        'path.open(mode="ab")',
        'open(path, "x")',
        'open(path, "r+b")',
        'os.fdopen(descriptor, "wb")',
        "os.fsync(3)",
        'os.write(3, b"")',
        'gzip.open(path, "wb")',
        "tempfile.NamedTemporaryFile()",
    ],
)
def test_a_line_that_writes_is_found(line: str) -> None:
    assert breaches(f"import os\n{line}\n") == [2]


@pytest.mark.parametrize(
    "line",
    [
        'path.open("rb")',
        "path.open()",
        "open(path)",
        'os.fdopen(os.open(path, os.O_RDONLY), "rb")',
        'Path(os.devnull).open("w")',
        "os.open(path, os.O_CREAT)",
        'sys.stdout.write("x")',
        "webbrowser.open(address)",
    ],
)
def test_a_line_that_does_not_is_not(line: str) -> None:
    assert breaches(line) == []


SOURCES = sorted(
    path
    for folder in ("audit", "detectors", "reports")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".j2", ".toml", ".css")
)


def codes_of(sources: dict[str, str]) -> dict[str, set[str]]:
    """Code of a rule -> the files that write it, in strings, comments and docstrings alike."""
    written: dict[str, set[str]] = defaultdict(set)
    for name, text in sources.items():
        for code in re.findall(r"AUD\d{3}", text):
            written[code].add(name)
    return dict(written)


def test_every_code_is_written_in_one_module_and_every_one_is_that_of_a_rule() -> None:
    written = codes_of({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in SOURCES})
    assert {code: files for code, files in written.items() if len(files) > 1} == {}
    assert set(written) == {rule.code for rule in registry.every_rule()}


def test_a_code_in_a_comment_or_a_sentence_counts() -> None:
    sources = {"rule.py": 'code="AUD101"', "other.py": "# as AUD101 says", "third.py": '"""Of AUD102s."""'}
    assert codes_of(sources) == {"AUD101": {"rule.py", "other.py"}, "AUD102": {"third.py"}}


def test_every_rule_has_a_file_of_its_family() -> None:
    """All rules of a file have one code."""
    points = [point for point in distribution("llm-audit").entry_points if point.group.startswith(registry.GROUP)]
    codes = defaultdict(set)
    for point in points:
        family = point.group.removeprefix(f"{registry.GROUP}.")
        assert point.module.startswith(f"llm_audit.detectors.{family}."), point
        rule = point.load()
        assert rule.family == family and rule.name == point.name
        codes[point.module].add(rule.code)
    assert all(len(each) == 1 for each in codes.values()) and len(points) > 30


FAMILY_MODULES = tuple(f"llm_audit.detectors.{name}" for name in (*FAMILIES.values(), "provenance"))


def test_verification_imports_no_family() -> None:
    for path in (ROOT / "audit" / "verification").glob("*.py"):
        imported = [
            node.module or "" for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)
        ]
        assert not [name for name in imported if name.startswith(FAMILY_MODULES)], path


COMMANDS = sorted((ROOT / "audit" / "cli").rglob("*.py"))


def code_lines(function: ast.FunctionDef, lines: list[str]) -> int:
    """Lines of a function from its `def` on that are neither empty, nor comments, nor its docstring."""
    has_docstring = ast.get_docstring(function) is not None
    docstring = function.body[0].end_lineno or 0
    skipped = range(function.body[0].lineno, docstring + 1) if has_docstring else range(0)
    numbered = enumerate(lines[function.lineno - 1 : function.end_lineno], start=function.lineno)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and number not in skipped for number, line in numbered)


def test_the_command_line_is_thin() -> None:
    """What a command does is a function of the library; here are its options, and what is printed."""
    sources = {path: path.read_text(encoding="utf-8") for path in COMMANDS}
    assert 1000 < sum(len(source.splitlines()) for source in sources.values()) < 2600
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                assert code_lines(node, source.splitlines()) <= 35, f"{path.name}: {node.name}"


@pytest.mark.parametrize("flag", ["--alpha", "--population", "--detector", "--text-field", "--label-field", "--classifier"])
def test_a_shared_option_is_declared_once(flag: str) -> None:
    assert sum(path.read_text(encoding="utf-8").count(f'"{flag}"') for path in COMMANDS) == 1


def test_one_module_renders_a_page_by_that_name() -> None:
    defined = [path.relative_to(ROOT) for path in MODULES if "def render_html(" in path.read_text(encoding="utf-8")]
    assert defined == [Path("reports/compliance/render.py")]


@pytest.mark.parametrize("folder", ["audit/gating", "audit/results", "audit/verification", "reports"])
def test_no_docstring_begins_with_a_question(folder: str) -> None:
    """It begins with what the object is or returns: "Cost of the answers", not "What the answers cost"."""
    for path in (ROOT / folder).rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        asking = [number for number, line in enumerate(lines, start=1) if line.lstrip().startswith('"""What ')]
        assert asking == [], f"{path.relative_to(ROOT)}, lines {asking}"


SENTENCES = {"summary", "reason"}

KEPT = {
    "audit/api/frames.py": {"document.summary"},  # a column of the table of a report
    "audit/testing/integrity.py": {"result.reason"},  # the contract of rules: it names characters, and does not print them
    "audit/testing/reproducible.py": {"result.reason"},  # the same: there is one
    # What earlier versions stored as a sentence alone stays as it is.
    "detectors/attribution/base.py": {"measured.reason"},
    "detectors/attribution/conclude.py": {"stored.reason"},
    "detectors/membership/outcomes.py": {"measured.reason"},
    "detectors/substitution/conclude.py": {"subject.summary"},
    "detectors/substitution/two_samples.py": {"measured.reason"},
}
"""Sentences of a report that are read outside of reports/: to be handed on, and never to be looked into."""

OF_OTHERS = {
    "audit/text/decode.py": {"error.reason"},
    "audit/text/records.py": {"content.reason"},
    "audit/text/documents.py": {"entry.reason"},
    "audit/text/survey.py": {"entry.reason"},
    "audit/api/plugins.py": {"entry.reason"},
    "audit/cli/substitution/probe.py": {"test.reason"},
    "audit/gating/inputs.py": {"directive.reason"},
    "audit/endpoints/client.py": {"entry.reason", "run.reason", "result.reason", "wire.summary"},
    "audit/endpoints/probe.py": {"failure.reason"},
    "audit/endpoints/journal.py": {"wire.summary", "entry.reason"},
    "detectors/membership/continuation.py": {"failures[0].reason"},
    "detectors/membership/echo.py": {"failures[0].reason", "outcome.reason"},
    "detectors/plugins.py": {"entry.reason"},
    "detectors/substitution/base.py": {"capabilities.failures[0].reason"},
    "detectors/substitution/record.py": {"capabilities.failures[0].reason", "outcome.reason"},
    "detectors/substitution/subject.py": {"failure.reason", "failures[0].reason", "capabilities.failures[0].reason"},
    "detectors/substitution/watch.py": {"failures[0].reason"},
    "detectors/substitution/border_watch.py": {"failures[0].reason"},
    "detectors/watermark/probing.py": {"failures[0].reason"},
    "detectors/provenance/c2pa.py": {"checked.reason"},
}
"""The same of what is no report: inputs that cannot be read, plug-ins that do not load, answers that failed, directives."""


def sentences_read(source: str) -> set[str]:
    """Expressions of a module that read a sentence of some object; not its own, and not a function of that name."""
    return {
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and node.attr in SENTENCES
        and isinstance(node.ctx, ast.Load)
        and ast.unparse(node.value) not in ("self", "wording")
    }


def test_sentences_of_reports_are_read_in_reports_alone() -> None:
    read = {}
    for path in MODULES:
        name = str(path.relative_to(ROOT))
        if not name.startswith("reports/") and (found := sentences_read(path.read_text(encoding="utf-8"))):
            read[name] = found
    assert read == KEPT | OF_OTHERS
    assert not KEPT.keys() & OF_OTHERS.keys()


def test_a_sentence_that_is_read_is_seen() -> None:
    assert sentences_read("if test.reason.startswith('x'): y = self.reason\nz.summary = 1") == {"test.reason"}


VAGUE = {"one", "each", "told", "found", "own", "said", "what", "theirs", "mine"}
"""Words that a name must not be: they do not say what kind of object it stands for."""

PUBLISHED = {
    "audit/results/corpus.py": {"found"},
    "audit/results/membership.py": {"found"},
    "audit/results/report.py": {"found"},
    "audit/results/substitution_evidence.py": {"told"},
    "reports/compliance/model.py": {"found", "what"},
}
"""Fields of stored reports and of frameworks, whose names are published."""


def vague_names(source: str) -> set[str]:
    """The words of `VAGUE` to which a module binds anything: variables, fields, arguments, functions, classes, imports."""
    bound = set[str]()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.alias(asname=str(name)):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                bound.add(name)
            case ast.MatchMapping(rest=str(name)):
                bound.add(name)
    return {name for name in bound if name.strip("_") in VAGUE}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_name_says_what_it_stands_for(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    assert vague_names(path.read_text(encoding="utf-8")) == PUBLISHED.get(name, set())


@pytest.mark.parametrize(
    "line",
    [
        "found = 1",
        "found: int = 1",
        "rows = [found for found in rows]",
        "if found := rows: ...",
        "for _, found in rows: ...",
        "with rows as found: ...",
        "key = lambda found: found",
        "def rows(*found): ...",
        "def rows(*, found=1): ...",
        "def _found(): ...",
        "async def found(): ...",
        "class found: ...",
        "import rows as found",
        "try: ...\nexcept ValueError as found: ...",
        "match rows:\n    case [found, *_]: ...",
        "match rows:\n    case [*found]: ...",
        "match rows:\n    case {**found}: ...",
    ],
)
def test_a_vague_name_is_seen(line: str) -> None:
    assert {name.strip("_") for name in vague_names(line)} == {"found"}


@pytest.mark.parametrize("line", ["rows(found=1)", "print(found)", "rows.found = 1", "found_rows = 1", '"found"  # found'])
def test_a_name_that_is_not_bound_is_not(line: str) -> None:
    assert vague_names(line) == set()


FOLDERS = ("audit", "benchmarks", "detectors", "fixtures", "reports", "tests", "tools")
UNEXPLAINED = re.compile(r"# *(?:type: *ignore|noqa)\b[^#\n]*$", re.MULTILINE)


def test_whatever_a_checker_passes_over_has_a_reason_beside_it() -> None:
    sources = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    bare = {str(path.relative_to(ROOT)): UNEXPLAINED.findall(path.read_text(encoding="utf-8")) for path in sources}
    assert {name: lines for name, lines in bare.items() if lines} == {}


@pytest.mark.parametrize("bare", ["type: ignore", "type: ignore[arg-type]", "noqa", "noqa: E501"])
def test_a_reason_is_what_follows_the_second_sign(bare: str) -> None:
    assert UNEXPLAINED.search(f"f(x)  # {bare}\n")
    assert not UNEXPLAINED.search(f"f(x)  # {bare}  # f takes any number\n")
