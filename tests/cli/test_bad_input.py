"""Whatever is wrong with an input or the machine: one clear sentence, the right exit code, and all else still judged."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.tiny_models import SENTENCES
from llm_audit.scoring.store import write_manifest
from tests.cli.tool import COMMAND, HUMAN, Outcome, Tool, run_command, sentence, spawn

HUB_MODEL = "org/tiny@" + "0123456789" * 4
CONTROL = set(map(chr, range(32))) - {"\n"} | {"\x7f", "\x9b"}

GERMAN = """
Als meine Großmutter nach dem Krieg in die Stadt zurückkehrte, fand sie von ihrem Haus nur noch den Keller und einen Teil
der Küche. Sie erzählte uns oft, wie sie den ersten Winter dort verbracht hat, mit einem Ofen aus Blech und drei Decken,
die ihr eine Nachbarin geliehen hatte. Im Frühling begann sie, die Ziegel zu putzen, einen nach dem anderen, und wer
vorbeikam, blieb stehen und half eine Weile. So entstand die Mauer, an der noch heute der Wein wächst. Wir Kinder haben
die Steine gezählt und uns gefragt, welche Hand wohl welchen gelegt hat. Sie lachte dann und sagte, das wisse nur der
Mörtel, und der rede nicht. Später haben wir das Haus verkauft, aber die Mauer steht noch, und manchmal gehe ich hin.
"""
RUSSIAN = """
Когда моя бабушка вернулась в город после войны, от её дома остались только подвал и часть кухни. Она часто рассказывала
нам, как провела там первую зиму: у неё была железная печка и три одеяла, которые одолжила соседка. Весной она начала
чистить кирпичи, один за другим, и каждый, кто проходил мимо, останавливался и немного помогал. Так появилась стена, по
которой до сих пор вьётся виноград. Мы, дети, считали камни и спрашивали себя, чья рука положила каждый из них. Она
смеялась и говорила, что это знает только раствор, а он молчит. Потом мы продали дом, но стена стоит до сих пор, и иногда
я прихожу туда посидеть в тени, послушать птиц и вспомнить её голос, её руки и запах яблок, которые она сушила на крыше
каждую осень, пока могла подниматься по лестнице без посторонней помощи.
"""


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good text: what is wrong elsewhere must not cost its judgement."""
    path = tmp_path_factory.mktemp("good") / "witness.txt"
    path.write_text("\n\n".join(Path(HUMAN).read_text().split("\n\n")[:2])[:900])
    return path


def large(path: Path) -> None:
    path.touch()
    os.truncate(path, 50_000_000)


def folder_without_texts(path: Path) -> None:
    path.mkdir()
    (path / "photo.jpg").touch()


UNREADABLE: dict[str, tuple[bytes | Callable[[Path], None], str]] = {
    "missing": (lambda path: None, "No such file"),
    "folder without texts": (folder_without_texts, "holds no text in a format that can be read"),
    "empty": (b"", "is empty"),
    "white space": (" \n\t\r\n\u00a0\u3000\n".encode(), "is empty"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "a PNG image"),
    "PDF": (b"%PDF-1.7\n1 0 obj\n", "a PDF document"),
    "ELF": (lambda path: path.write_bytes(Path(sys.executable).read_bytes()[:100_000]) and None, "a program"),
    "NUL bytes": (b"A text with a hole\0in it. " * 50, "binary data"),
    "random bytes": (bytes((i * i * 7919 >> 5) % 256 for i in range(9000)), ": "),
    "50 MB": (large, "is larger than 20 MB"),
    "lone surrogates in UTF-8": (b"Half an emoji \xed\xa0\xbd and no more. " * 20, "lone surrogate"),
    "lone surrogates in UTF-16": (
        ("\ufeff" + "Half \ud83d a pair. " * 20).encode("utf-16-le", "surrogatepass"),
        "lone surrogate",
    ),
    "cut-off UTF-8": ("Déjà vu, naïveté, façade, œuvre. ".encode() * 20 + b"\xc3", "cut-off character"),
    "link to itself": (lambda path: path.symlink_to(path), "cannot be read"),
    "named pipe": (os.mkfifo, "a pipe or a device"),
}
NOT_ASSESSABLE: dict[str, tuple[bytes, str]] = {
    "German": (GERMAN.encode(), "looks like language 'de'"),
    "Russian": (RUSSIAN.encode(), "looks like language 'ru'"),
    "Russian in UTF-16": (RUSSIAN.encode("utf-16"), "looks like language 'ru'"),
    "two sentences": (b"This is short. It ends here.", "tokens; below 64"),
    "numbers": (b"12 34.5 67 | 89\n" * 200, "are letters"),
    "a line of 1,000,000 letters": (b"abcdefghij" * 100_000, "no spaces"),
    "a line of 1,000,000 digits": (b"0123456789" * 100_000, "are letters"),
    "emoji": ("😀🎉🚀 ".encode() * 100, "are letters"),
}


def judged_with(tool: Tool, witness: Path, path: Path, tiny: tuple[str, ...]) -> tuple[int, dict[str, object], str]:
    """Exit code, what the report says of `path`, and its summary; the witness must have been judged all the same."""
    outcome = tool("detect", path, witness, *tiny, "--format", "json")
    assert outcome.err == ""
    found = json.loads(outcome.out)
    bad, good = found["subjects"]
    assert good["verdict"] == "inconclusive"
    assert good["combined"]["p_value"] > 0
    assert bad["combined"] is None
    assert "\n" not in bad["summary"]
    assert bad["summary"].endswith(".")
    return outcome.code, found["coverage"], bad["summary"]


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_an_error_and_costs_no_other_file(
    tool: Tool, tiny: tuple[str, ...], witness: Path, tmp_path: Path, name: str
) -> None:
    content, said = UNREADABLE[name]
    path = tmp_path / "input.txt"
    _ = path.write_bytes(content) if isinstance(content, bytes) else content(path)
    code, coverage, summary = judged_with(tool, witness, path, tiny)
    assert code == 2
    not_read = {"not_read": 1} if name == "folder without texts" else {}
    assert coverage == {"found": 2, "scored": 1, "not_assessable": 0, "unreadable": 1, **not_read}
    assert said in summary
    text = tool("detect", path, witness, *tiny)
    assert text.code == 2
    assert "2 inputs: 1 judged, 0 not assessable, 1 unreadable." in text.out


def test_invisible_characters_alone_are_not_assessable_and_a_finding_about_the_text(
    tool: Tool, tiny: tuple[str, ...], witness: Path, tmp_path: Path
) -> None:
    path = tmp_path / "input.txt"
    path.write_bytes("\u200b\u2060\ufeff".encode() * 50)
    code, _, summary = judged_with(tool, witness, path, tiny)
    assert code == 1 and "no running text, once white space" in summary and "AUD902" in summary


def test_a_folder_that_does_not_exist_costs_no_run(tool: Tool, tiny: tuple[str, ...], witness: Path, tmp_path: Path) -> None:
    outcome = tool("detect", witness, *tiny, "-o", tmp_path / "nowhere" / "r.html")
    assert (outcome.code, outcome.out) == (2, "")
    assert sentence(outcome).endswith("r.html: its folder does not exist.")


@pytest.mark.parametrize("name", NOT_ASSESSABLE)
def test_what_cannot_be_judged_is_neither_finding_nor_pass(
    tool: Tool, tiny: tuple[str, ...], witness: Path, tmp_path: Path, name: str
) -> None:
    content, said = NOT_ASSESSABLE[name]
    path = tmp_path / "input.txt"
    path.write_bytes(content)
    code, coverage, summary = judged_with(tool, witness, path, tiny)
    assert code == 0
    assert coverage == {"found": 2, "scored": 1, "not_assessable": 1, "unreadable": 0}
    assert summary.startswith("Not assessable. ")
    assert said in summary
    assert tool("detect", path, *tiny, "--strict").code == 3


def test_a_language_that_is_only_guessed_is_not_assessed(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    filler = tmp_path / "filler.txt"
    filler.write_text("Lorem ipsum dolor sit amet consectetur! " * 20)
    (document,) = json.loads(tool("detect", filler, *tiny, "--format", "json").out)["subjects"]
    assert (document["verdict"], document["language"]) == ("not_assessable", "en")
    assert "below the 0.5 that is asked for" in document["summary"]


@pytest.mark.slow
def test_a_line_of_a_million_characters_is_judged(tool: Tool, tiny: tuple[str, ...], witness: Path, tmp_path: Path) -> None:
    line = " ".join((SENTENCES[0], SENTENCES[1], SENTENCES[3])) + " "
    path = tmp_path / "line.txt"
    path.write_text((line * 5000)[:1_000_000])
    outcome = tool("detect", path, witness, *tiny, "--format", "json", "-o", tmp_path / "report.html")
    assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert found["coverage"]["scored"] == 2
    assert found["subjects"][0]["tokens"] > 100_000
    assert found["subjects"][0]["combined"]["p_value"] <= 1


# Names


@pytest.mark.parametrize("name", [b"two\nlines.txt", b"red \x1b[31m.txt", b"caf\xe9.txt", b"bell\x07\x9b.txt", b"[bold]x.txt"])
def test_names_of_files_cannot_act_on_anything(
    tool: Tool, tiny: tuple[str, ...], witness: Path, tmp_path: Path, name: bytes
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    shutil.copy(witness, os.fsencode(folder) + b"/" + name)
    (folder / "broken.txt").write_bytes(b"\0")
    reports = [tmp_path / "r.html", tmp_path / "r.json"]
    outcome = tool("detect", folder, *tiny, "-o", reports[0], "-o", reports[1])
    assert (outcome.code, outcome.err) == (2, "")
    shown = outcome.out, *(report.read_text() for report in reports)
    assert not any(CONTROL & set(content) for content in shown)
    found = json.loads(reports[1].read_text())
    assert found["coverage"] == {"found": 2, "scored": 1, "not_assessable": 0, "unreadable": 1}
    escaped = name.decode("utf-8", "backslashreplace").encode("unicode_escape").decode().replace("\\\\", "\\")
    assert {Path(document["name"]).name for document in found["subjects"]} == {"broken.txt", escaped}
    missing = tool("detect", os.fsdecode(os.fsencode(tmp_path) + b"/no " + name), *tiny)
    assert (missing.code, missing.err) == (2, "")
    assert not CONTROL & set(missing.out)


def test_a_model_and_a_population_file_of_any_name(
    tool: Tool, tiny: tuple[str, ...], tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path / "data"))
    model, texts = tmp_path / "modèle\x1b\n", tmp_path / os.fsdecode(b"caf\xe9\n.jsonl")
    shutil.copytree(tiny[1], model)
    shutil.copy(tiny_root / "human.jsonl", texts)
    built = tool("calibrate", texts, "--name", "odd", "--model", model, "--description", os.fsdecode(b"\xff\x1b"))
    assert (built.code, built.err) == (0, "")
    shown = tool("calibrate", "show", "odd")
    assert (shown.code, shown.err) == (0, "")
    judged = tool("detect", HUMAN, "--model", model, "--population", "odd")
    assert (judged.code, judged.err) == (0, "")
    assert not CONTROL & set(built.out + shown.out + judged.out)


# Models


@pytest.mark.parametrize("model", ["no-such-model", "org/name", "org/name@main", "", "/dev/null", "../../.."])
def test_an_unknown_model_is_one_sentence(tool: Tool, tiny: tuple[str, ...], model: str) -> None:
    outcome = tool("detect", HUMAN, "--model", model, "--offline")
    assert (outcome.code, outcome.out) == (2, "")
    sentence(outcome)


def test_a_model_that_is_not_here_names_the_way_to_get_it(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path))
    outcome = tool("detect", HUMAN, "--offline")
    assert (outcome.code, outcome.out) == (2, "")
    assert "llm-audit models get smollm2-135m-instruct" in sentence(outcome)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["truncated", "overwritten", "removed"])
def test_a_damaged_model_is_one_sentence(
    tool: Tool, tiny_llama: Path, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, damage: str
) -> None:
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path))
    folder = tmp_path / "models" / "hub" / HUB_MODEL
    shutil.copytree(tiny_llama, folder)
    write_manifest(folder, {"hub": "org/tiny"}, lambda *_: None)
    content = (folder / file).read_bytes()
    match damage:
        case "truncated":
            (folder / file).write_bytes(content[: len(content) // 2])
        case "overwritten":
            (folder / file).write_bytes(b"\xff" * 100 + content[100:])
        case "removed":
            (folder / file).unlink()
    outcome = tool("detect", HUMAN, "--model", HUB_MODEL, "--population", "own", "--offline")
    assert (outcome.code, outcome.out) == (2, "")
    sentence(outcome)


# The disk


def in_own_mounts(mount: str, *args: object, **options: object) -> Outcome:
    """Run llm-audit where `mount`, a shell command, has changed what this process alone sees of the disk."""
    wrapped = ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    if subprocess.run([*wrapped, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets no process mount a file system of its own")
    return run_command([*wrapped, *COMMAND, *map(str, args)], **options)


def test_a_read_only_cache_is_read_and_new_scores_are_not_kept(
    tool: Tool, tiny: tuple[str, ...], tiny_root: Path, witness: Path, tmp_path: Path
) -> None:
    assert tool("detect", witness, *tiny).code == 0
    cache = tmp_path / "cache"
    shutil.copytree(tiny_root / "cache", cache)
    env = {"LLM_AUDIT_CACHE": str(cache)}
    read_only = f'mount --bind "{cache}" "{cache}" && mount -o remount,ro,bind "{cache}"'
    known = in_own_mounts(read_only, "detect", witness, *tiny, env=env)
    assert (known.code, known.err) == (0, "")
    new = tmp_path / "new.txt"
    new.write_text("This is new: " + witness.read_text())
    outcome = in_own_mounts(read_only, "detect", new, *tiny, env=env)
    assert outcome.code == 0
    assert sentence(outcome).startswith("Warning: Scores were not cached in ")


def test_without_any_place_for_a_cache_the_text_is_judged(
    tool: Tool, tiny: tuple[str, ...], witness: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tool("detect", witness, *tiny)
    monkeypatch.setenv("LLM_AUDIT_CACHE", "/dev/null/x")
    outcome = tool("detect", witness, *tiny)
    assert outcome[:2] == usual[:2]
    assert sentence(outcome) == "Warning: No score cache: /dev/null/x/scores.sqlite cannot be written (Not a directory)."
    for command, code in (("info", 0), ("verify", 0), ("clear", 2)):
        outcome = tool("cache", command)
        assert outcome.code == code
        assert "Not a directory" in outcome.err
        assert "Traceback" not in outcome.err


def test_a_damaged_score_cache_costs_only_time(
    tool: Tool, tiny: tuple[str, ...], witness: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tool("detect", witness, *tiny)
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path))
    (tmp_path / "scores.sqlite").write_bytes(b"no database " * 1000)
    outcome = tool("detect", witness, *tiny)
    assert outcome[:2] == usual[:2]
    assert "`llm-audit cache clear` removes it" in sentence(outcome)
    assert tool("cache", "verify").code == 1
    assert tool("cache", "clear").code == 0
    assert tool("cache", "verify") == (0, "0 rows, 0 damaged.\n", "")


def test_a_full_disk_under_the_cache_costs_only_time(tiny: tuple[str, ...], witness: Path, tmp_path: Path) -> None:
    small = f'mount -t tmpfs -o size=40k tmpfs "{tmp_path}"'
    outcome = in_own_mounts(small, "detect", witness, *tiny, env={"LLM_AUDIT_CACHE": str(tmp_path)})
    assert outcome.code == 0
    assert "Inconclusive" in outcome.out
    assert sentence(outcome).startswith("Warning: ")


def test_a_full_disk_under_one_report_costs_no_other(tool: Tool, tiny: tuple[str, ...], witness: Path, tmp_path: Path) -> None:
    (tmp_path / "full.json").symlink_to("/dev/full")
    good, nowhere = tmp_path / "good.json", tmp_path / "r.html"
    nowhere.mkdir()
    outcome = tool("detect", witness, *tiny, "-o", tmp_path / "full.json", "-o", nowhere, "-o", good)
    assert outcome.code == 2
    assert "Inconclusive" in outcome.out
    first, second = outcome.err.splitlines()
    assert first.endswith("full.json: no space is left on the device.")
    assert second.endswith("r.html: it is a folder.")
    assert json.loads(good.read_text())["coverage"]["scored"] == 1


def test_a_full_disk_leaves_the_old_report_and_nothing_else(tiny: tuple[str, ...], witness: Path, tmp_path: Path) -> None:
    small = f'mount -t tmpfs -o size=16k tmpfs "{tmp_path}" && echo old > "{tmp_path}/r.html"'
    look = f'"$@"; code=$?; ls -A "{tmp_path}" >&2; cat "{tmp_path}/r.html" >&2; exit $code'
    outcome = in_own_mounts(f"{small} && set -- sh -c '{look}' sh \"$@\"", "detect", witness, *tiny, "-o", tmp_path / "r.html")
    assert outcome.code == 2
    error, *rest = outcome.err.splitlines()
    assert error.endswith("r.html: no space is left on the device.")
    assert rest == ["r.html", "old"]


@pytest.mark.parametrize(
    "args",
    [("detect", "--format", "json"), ("detect",), ("schema",), ("calibrate", "show"), ("cache", "info"), ("--help",)],
    ids=" ".join,
)
def test_a_full_disk_under_standard_output_exits_with_2(tiny: tuple[str, ...], witness: Path, args: tuple[str, ...]) -> None:
    inputs = (witness, *tiny) if args[0] == "detect" else ()
    with Path("/dev/full").open("w") as full:
        outcome = spawn(*args, *inputs, stdout=full)
    assert outcome.code == 2
    assert sentence(outcome) == "Error: No space left on device."


# The other end of the line


@pytest.fixture
def unread() -> Iterator[int]:
    """The writing end of a pipe whose reader has left."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    yield write_end
    os.close(write_end)


@pytest.mark.parametrize("args", [("schema",), ("calibrate", "show"), ("--help",)], ids=" ".join)
def test_a_reader_that_leaves_early_is_no_error(tiny: tuple[str, ...], unread: int, args: tuple[str, ...]) -> None:
    outcome = spawn(*args, stdout=unread)
    assert (outcome.code, outcome.err) == (141, "")


@pytest.mark.parametrize("format_", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("text", "json")), "jsonl"])
def test_a_verdict_that_nobody_reads_still_counts(
    tiny: tuple[str, ...], witness: Path, tmp_path: Path, unread: int, format_: str
) -> None:
    file = tmp_path / "r.json"
    outcome = spawn("detect", witness, "missing.txt", *tiny, "--format", format_, "-o", file, stdout=unread)
    assert (outcome.code, outcome.err) == (2, "")  # of the missing text
    assert json.loads(file.read_text())["coverage"]["scored"] == 1
    again = spawn("detect", witness, *tiny, "--format", format_, "-o", file, stdout=unread)
    assert (again.code, again.err) == (0, "")
    assert json.loads(file.read_text())["coverage"]["found"] == 1
    assert spawn("verify", file, stdout=unread) == (0, "", "")


def test_the_first_line_alone_can_be_read(tiny: tuple[str, ...], witness: Path) -> None:
    first = run_command(["sh", "-c", '"$@" 2>&1 | head -1', "sh", *COMMAND, "detect", *[str(witness)] * 3, *tiny])
    assert first.code == 0
    assert first.out.startswith("◇ Inconclusive")
    assert len(first.out.splitlines()) == 1


@pytest.mark.parametrize(
    "closed", [*(pytest.param(one, marks=pytest.mark.slow) for one in ("<&-", "2>&-")), ">&-", "<&- >&- 2>&-"]
)
def test_closed_standard_streams_are_no_traceback(tiny: tuple[str, ...], witness: Path, tmp_path: Path, closed: str) -> None:
    report = tmp_path / "r.json"
    outcome = run_command(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, "detect", str(witness), "-", *tiny, "-o", str(report)]
    )
    assert outcome.code == 2  # standard input is closed, or empty
    assert outcome.err == ""
    assert json.loads(report.read_text())["coverage"] == {"found": 2, "scored": 1, "not_assessable": 0, "unreadable": 1}


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("cp1252", marks=pytest.mark.slow)])
def test_a_terminal_of_few_characters_shows_plainer_signs(tiny: tuple[str, ...], witness: Path, encoding: str) -> None:
    env = {"PYTHONIOENCODING": encoding}
    for args in (("detect", witness, *tiny), ("calibrate", "show")):
        outcome = spawn(*args, env=env)
        assert (outcome.code, outcome.err) == (0, "")
        assert ("? Inconclusive" in outcome.out) == (args[0] == "detect")


def test_json_is_utf_8_on_every_terminal(tool: Tool, tiny: tuple[str, ...], witness: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("A naïve façade — “quoted” — 木工. " + witness.read_text())
    expected = json.loads(tool("detect", text, *tiny, "--format", "json").out)["subjects"]
    assert expected[0]["text"].startswith("A naïve façade — “quoted” — 木工. ")
    for encoding in ("ascii", "latin-1"):
        outcome = spawn("detect", text, *tiny, "--format", "json", env={"PYTHONIOENCODING": encoding})
        assert json.loads(outcome.out)["subjects"] == expected


# Ctrl-C


def interrupted(args: list[str], ready: Callable[[subprocess.Popen[bytes]], bool]) -> Outcome:
    """Press Ctrl-C as soon as the process is `ready`."""
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, *args], **streams) as process:
        deadline = time.monotonic() + 60
        while not ready(process) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        while process.poll() is None:  # not `communicate`, which would close its standard input
            time.sleep(0.05)
        return Outcome(process.returncode, process.stdout.read().decode(), process.stderr.read().decode())


def reads_standard_input(process: subprocess.Popen[bytes]) -> bool:
    return Path(f"/proc/{process.pid}/syscall").read_text().startswith("0 0x0 ")  # read(0, ...


def has_weights(process: subprocess.Popen[bytes]) -> bool:
    return "/model.safetensors" in Path(f"/proc/{process.pid}/maps").read_text()


def test_ctrl_c_while_waiting_for_input(tiny: tuple[str, ...]) -> None:
    outcome = interrupted(["detect", "-", *tiny], reads_standard_input)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.strip() == "Interrupted."


def test_ctrl_c_while_scoring_leaves_nothing_behind(tiny: tuple[str, ...], tmp_path: Path) -> None:
    text, report = tmp_path / "long.txt", tmp_path / "r.json"
    text.write_text(" ".join((SENTENCES[0], SENTENCES[1], SENTENCES[3])) * 3000)
    outcome = interrupted(["detect", str(text), *tiny, "--no-cache", "-o", str(report)], has_weights)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.strip() == "Interrupted."
    assert [path.name for path in tmp_path.iterdir()] == ["long.txt"]


def test_a_defect_of_ours_is_no_finding(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would exit with 1, which says that something was found."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("llm_audit.api.rules.explanation", broken)
    outcome = tool("explain", "AUD100")
    assert outcome.code == 2 and outcome.err.splitlines()[-1] == "ZeroDivisionError: a defect"
