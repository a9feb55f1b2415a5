"""`llm-audit attribute`: what it says of two essays, what goes through a model how often, and what is wrong with an input."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures.tiny_models import SENTENCES
from llm_audit.cli import main
from llm_audit.scoring.lean import LeanBody
from llm_audit.scoring.pins import DEFAULT_MODEL
from tests.cli.test_bad_input import CONTROL
from tests.cli.tool import ESSAYS, HUMAN, MACHINE, Tool, schema, sentence, spawn

pytestmark = pytest.mark.usefixtures("embedded")

PROMPT = str(ESSAYS / "essay-machine.prompt")
COOL, TRUE, WARM, CUT = (
    f"{DEFAULT_MODEL}@temperature={settings},template=none" for settings in ("0.5", "0.7", "1", "0.7,top_k=2")
)
FOREIGN = SENTENCES[4] * 3
"""A text that is compared with no human writing, so that no large model is needed."""


@pytest.fixture(scope="module")
def scored(embedded_root: Path) -> None:
    """Both essays under all four settings, in one pass each; every test after this finds them in the cache."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setenv("LLM_AUDIT_CACHE", str(embedded_root))
        main(["attribute", MACHINE, HUMAN, "--prompt", PROMPT, *named("--candidate", COOL, TRUE, WARM, CUT), "--no-text"])
    assert end.value.code == 0


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    path = tmp_path / "foreign.txt"
    path.write_text(FOREIGN + "\n")
    return path


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    path = tmp_path / "prompt.txt"
    path.write_text("Write about a carpenter.")
    return path


def plain(model: Path, settings: str = "temperature=1") -> str:
    return f"{model}@{settings},template=none"


def named(option: str, *candidates: object) -> list[str]:
    return [str(word) for candidate in candidates for word in (option, candidate)]


def report(tool: Tool, *args: object, code: int = 0) -> dict[str, Any]:
    outcome = tool("attribute", *args, "--format", "json")
    assert (outcome.code, outcome.err) == (code, "")
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def document(tool: Tool, *args: object, code: int = 0) -> dict[str, Any]:
    (only,) = report(tool, *args, code=code)["subjects"]
    return only


def verdicts(found: dict[str, Any]) -> list[str]:
    return [one["verdict"] for one in found["attributions"]]


def valid(found: dict[str, Any]) -> bool:
    return schema().is_valid(found)


# Two essays: the machine's was drawn at temperature 0.7 for this prompt, and a person wrote the other


@pytest.mark.usefixtures("scored")
def test_of_the_candidates_the_one_that_wrote_it_is_named(tool: Tool) -> None:
    found = report(tool, MACHINE, "--prompt", PROMPT, *named("--candidate", TRUE, WARM, CUT))
    assert valid(found)
    (essay,) = found["subjects"]
    assert verdicts(essay) == ["written_by", "not_written_by", "not_written_by"]
    assert (essay["verdict"], essay["summary"].startswith(f"Of the named candidates only {TRUE} fits.")) == ("pass", True)
    true, warm, cut = essay["attributions"]
    assert true["p_value"] > 0.05
    assert warm["p_value"] < 1e-9
    for one in essay["attributions"]:
        assert one["exact"]
        assert one["context"].startswith("the prompt given, as plain text (118 characters")
        assert [test["rule"] for test in one["tests"]] == ["AUD201", "AUD202", "AUD203", "AUD204"]
        assert len(one["trace"]["pit"]) == one["tests"][0]["n"] == essay["tokens"]
        for test in one["tests"]:
            assert f"{one['candidate']} wrote the text" in test["null"]
            assert test["assumptions"]
    assert cut["settings"] == ["temperature 0.7, top-k 2"]
    assert "A model that nobody named could still have written it" in true["reason"]
    assert essay["combined"]["p_value"] < 0.01  # and it is unlike human writing, which the verdict needs


@pytest.mark.usefixtures("scored")
def test_a_refuted_text_is_not_called_human(tool: Tool) -> None:
    options = (HUMAN, "--prompt", PROMPT, *named("--candidate", COOL, TRUE, CUT))
    essay = document(tool, *options)
    assert verdicts(essay) == ["not_written_by"] * 3
    assert essay["summary"].endswith("That does not say who or what wrote it.")
    for one in essay["attributions"]:
        assert one["reason"].endswith("That does not say who or what wrote it instead.")
        assert 0 <= one["p_value"] < 1e-9
        for test in one["tests"]:
            assert math.isfinite(test["statistic"]["value"])
    cut = essay["attributions"][2]
    assert None in cut["trace"]["surprisal"]  # tokens that top-k 2 makes impossible
    assert re.search(r"\d+ of \d+ tokens are impossible under these settings", cut["tests"][1]["reason"])
    said = " ".join(tool("attribute", *options).out.split())
    assert "It does not say “human”" in said
    verdict_lines = [essay["summary"], *(one["reason"] for one in essay["attributions"])]
    assert not any(re.search(r"\b(human|person|people|student)", line, re.IGNORECASE) for line in verdict_lines)
    assert not re.search(r"(written|authored) by (a |the )?(human|person|student)", said, re.IGNORECASE)


@pytest.mark.usefixtures("scored")
def test_what_fits_a_person_as_well_is_not_attributed(tool: Tool) -> None:
    """At temperature 1 this model is near to human prose: not refuted, and no evidence for it."""
    essay = document(tool, HUMAN, "--prompt", PROMPT, *named("--candidate", WARM, TRUE))
    assert verdicts(essay) == ["undecided", "not_written_by"]
    assert "which is no evidence for it" in essay["attributions"][0]["reason"]
    assert (essay["verdict"], essay["combined"]["p_value"] > 0.01) == ("inconclusive", True)
    assert tool("attribute", HUMAN, "--prompt", PROMPT, *named("--candidate", WARM, TRUE), "--strict").code == 3


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize(
    ("sanctioned", "others", "code", "of_sets", "said"),
    [
        ([WARM, COOL], [TRUE], 1, ["not_written_by", "written_by"], "No sanctioned model wrote it under"),
        ([TRUE], [WARM, COOL], 0, ["written_by", "not_written_by"], "A sanctioned model wrote it, as far"),
        ([WARM], [], 1, ["not_written_by"], "No sanctioned model wrote it under"),
        ([], [TRUE, WARM], 0, ["undecided"], f"Of the named candidates only {TRUE} fits."),
    ],
)  # fmt: skip
def test_a_text_that_no_sanctioned_model_wrote_is_a_finding(
    tool: Tool, sanctioned: Sequence[str], others: Sequence[str], code: int, of_sets: list[str], said: str
) -> None:
    roles = (*named("--sanctioned", *sanctioned), *named("--other", *others))
    found = report(tool, MACHINE, "--prompt", PROMPT, *roles, code=code)
    assert valid(found)
    (essay,) = found["subjects"]
    assert [one["verdict"] for one in essay["sets"]] == of_sets
    assert essay["summary"].startswith(said)
    assert (essay["verdict"] == "finding") == (code == 1)


@pytest.mark.usefixtures("scored")
def test_candidates_that_are_the_same_cannot_be_told_apart(tool: Tool) -> None:
    again = TRUE.replace("0.7", "0.70")
    essay = document(tool, MACHINE, "--prompt", PROMPT, *named("--candidate", TRUE, again, TRUE, WARM))
    assert verdicts(essay) == ["not_assessable"] * 3 + ["not_written_by"]
    for one in essay["attributions"][:3]:
        assert "no test can tell the two apart" in one["reason"]
    assert essay["verdict"] == "inconclusive"


@pytest.mark.usefixtures("scored")
def test_a_rival_that_reads_other_tokens_is_compared_all_the_same(tool: Tool, tiny_llama: Path) -> None:
    essay = document(tool, MACHINE, "--prompt", PROMPT, *named("--candidate", TRUE, plain(tiny_llama)))
    assert verdicts(essay) == ["written_by", "not_written_by"]
    for one in essay["attributions"]:
        about_rivals = one["tests"][3]
        assert about_rivals["rule"] == "AUD204"
        assert any("another tokenizer" in assumption for assumption in about_rivals["assumptions"])
        assert not any("another tokenizer" in assumption for test in one["tests"][:3] for assumption in test["assumptions"])


@pytest.mark.usefixtures("scored")
def test_no_text_leaves_the_text_out_of_every_report(tool: Tool, tmp_path: Path) -> None:
    files = [tmp_path / "r.html", tmp_path / "r.json"]
    output = [word for file in files for word in ("-o", file)]
    options = ("--prompt", PROMPT, *named("--candidate", TRUE, WARM))
    assert tool("attribute", MACHINE, *options, *output).code == 0
    phrase, request = "vital component of", "how public libraries help"
    assert phrase in files[0].read_text()
    outcome = tool("attribute", MACHINE, *options, "--no-text", *output)
    assert (outcome.code, outcome.err) == (0, "")
    for content in (outcome.out, *(file.read_text() for file in files)):
        assert phrase not in content
        assert request not in content  # nor is the prompt


# What goes through a model


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Every sequence that goes through a Llama's body."""
    seen: list[list[int]] = []
    body = LeanBody.__call__

    def recorded(self: LeanBody, ids: np.ndarray, lengths: Sequence[int], *rest: object) -> object:
        seen.extend(part.tolist() for part in np.split(ids, np.cumsum(lengths)[:-1]))
        return body(self, ids, lengths, *rest)

    monkeypatch.setattr(LeanBody, "__call__", recorded)
    return seen


def test_a_text_goes_once_through_a_model_however_many_settings(
    tool: Tool, tiny_llama: Path, tiny_rival: Path, foreign: Path, asked: Path, passes: list[list[int]]
) -> None:
    many = named("--candidate", plain(tiny_llama), plain(tiny_llama, "temperature=0.7|0.9|1,top_p=0.9|1"))
    others = (*named("--sanctioned", plain(tiny_rival)), *named("--other", plain(tiny_llama, "temperature=0.5,top_k=9")))
    found = document(tool, foreign, "--prompt", asked, *many, *others, "--no-cache", code=1)
    assert len(passes) == 2  # one per model
    assert passes[0] == passes[1]
    assert len(passes[0]) > found["tokens"] == len(found["attributions"][0]["trace"]["pit"])


def test_another_context_is_another_pass_and_a_warm_run_needs_none(
    tool: Tool, tiny_llama: Path, tmp_path: Path, asked: Path, foreign: Path, passes: list[list[int]]
) -> None:
    chat = tmp_path / "chat"
    shutil.copytree(tiny_llama, chat)
    (chat / "chat_template.jinja").write_text("<s>{{ messages[0].content }}\n")
    foreign.write_text(FOREIGN[9:])  # which no other test has scored
    candidates = named("--candidate", chat, f"{chat}@temperature=0.7|0.8,top_k=9", plain(chat), plain(tiny_llama))
    cold = document(tool, foreign, "--prompt", asked, *candidates)
    n = cold["tokens"]
    chatted, plainly = [sequence for sequence in passes if sequence[0] == 0], [s for s in passes if s[0] != 0]
    assert [len(sequence) > n for sequence in (*chatted, *plainly)] == [True] * 2  # equal weights: one model, two contexts
    assert [one["context"].split(" (")[0] for one in cold["attributions"]] == [
        *["the prompt given, in its chat template"] * 2,
        *["the prompt given, as plain text"] * 2,
    ]
    passes.clear()
    assert document(tool, foreign, "--prompt", asked, *candidates) == cold
    assert passes == []


# What is read


@pytest.mark.parametrize("change", ["byte order mark", "Windows line ends", "one more line end"])
def test_editors_change_neither_prompt_nor_text(tool: Tool, tiny_llama: Path, tmp_path: Path, change: str) -> None:
    text, prompt = FOREIGN.replace(",", ",\n"), "Write\n\nabout wood.\n"
    files = []
    for kind in ("as it is", change):
        for name, content in (("text", text), ("prompt", prompt)):
            match kind:
                case "byte order mark":
                    content = "\ufeff" + content
                case "Windows line ends":
                    content = content.replace("\n", "\r\n")
                case "one more line end":
                    content += "\n" if name == "text" else ""
            files.append(tmp_path / f"{len(files)}.txt")
            files[-1].write_bytes(content.encode())
    one, two = (
        document(tool, text, "--prompt", prompt, "--candidate", plain(tiny_llama)) for text, prompt in (files[:2], files[2:])
    )
    assert one["attributions"] == two["attributions"]


def test_an_empty_prompt_asks_nothing(tool: Tool, tiny_llama: Path, tmp_path: Path, foreign: Path) -> None:
    nothing, begin = tmp_path / "nothing.txt", tmp_path / "begin.txt"
    nothing.write_text("")
    begin.write_text("<s>")
    found = document(tool, foreign, "--prompt", nothing, "--candidate", tiny_llama)["attributions"][0]
    assert found["exact"]
    assert found["context"] == "nothing: the text from its first token"
    (same,) = document(tool, foreign, "--prompt", begin, "--candidate", plain(tiny_llama))["attributions"]
    assert same["trace"] == found["trace"]


def test_standard_input(tool: Tool, tiny_llama: Path, foreign: Path, asked: Path) -> None:
    options = ("--prompt", asked, "--candidate", plain(tiny_llama))
    with foreign.open("rb") as text:
        piped = spawn("attribute", "-", *options, "--format", "json", stdin=text)
    assert (piped.code, piped.err) == (0, "")
    (found,) = json.loads(piped.out)["subjects"]
    assert found == document(tool, foreign, *options) | {"name": "-"}


def test_a_long_text_is_tested_from_its_beginning(
    tool: Tool, tiny_llama: Path, tiny_gpt2: Path, tmp_path: Path, asked: Path
) -> None:
    text = tmp_path / "long.txt"
    text.write_text(FOREIGN * 8)
    options = named("--candidate", plain(tiny_llama), plain(tiny_gpt2))
    found = document(tool, text, "--prompt", asked, *options)
    llama, gpt2 = (one["tests"][0]["n"] for one in found["attributions"])
    assert llama > gpt2 > 600  # 700 tokens, less the prompt
    assert any(re.search(r"only the first [\d,]+ were tested by every candidate", note) for note in found["notes"])


# What is wrong with an input


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "Name at least one model with --candidate, --sanctioned or --other."),
        (("--candidate", "m", "--prompt", "p", "--unknown-prompt"), "Give --prompt or --unknown-prompt, not both."),
        (("--candidate", "m", "--alpha", 0), "0.0 is not in the range"),
        (("--candidate",), "requires an argument"),
    ],
)
def test_a_command_that_says_too_little_or_too_much(tool: Tool, foreign: Path, args: Sequence[object], said: str) -> None:
    outcome = tool("attribute", foreign, *args)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--prompt", "missing.txt"), "The prompt missing.txt cannot be read: No such file or directory."),
        (("--prompt", "."), "The prompt . cannot be read: Is a directory."),
        (("--prompt", "latin1.txt"), "The prompt latin1.txt is not UTF-8; convert it first."),
        (("--candidate", "TINY@num_beams=4"), "beam search chooses among whole texts"),
        (("--sanctioned", "TINY@heat=2"), "there is no setting 'heat'"),
        (("--other", "no-such-model"), "no-such-model"),
        (("--other", "org/name@main"), "as a hub model it needs a pinned revision"),
        (("--population", "martian"), "There is no population 'martian'"),
        (("-o", "report.docx"), "report.docx"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    tool: Tool, tiny_llama: Path, foreign: Path, monkeypatch: pytest.MonkeyPatch, args: Sequence[str], said: str
) -> None:
    monkeypatch.chdir(foreign.parent)
    Path("latin1.txt").write_bytes(b"caf\xe9")
    here = [word.replace("TINY", str(tiny_llama)) for word in args]
    outcome = tool("attribute", foreign, "--candidate", plain(tiny_llama), *here, "--offline")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in sentence(outcome)


def assessed_beside(tool: Tool, witness: Path, bad: object, *args: object) -> str:
    """Why `bad` was not assessed; the witness must have been tested all the same."""
    found = report(tool, *args, *named("--candidate", bad, plain(witness)))
    assert valid(found)
    (text,) = found["subjects"]
    failed, tested = text["attributions"]
    assert (failed["verdict"], failed["p_value"], failed["tests"], failed["trace"]) == ("not_assessable", None, [], None)
    assert (tested["exact"], tested["verdict"]) == (True, "not_written_by")
    assert text["verdict"] == "inconclusive"
    reason: str = failed["reason"]
    assert "\n" not in reason
    assert reason.endswith(".")
    # A terminal folds a long path wherever it must.
    printed = tool("attribute", *args, *named("--candidate", bad, plain(witness))).out
    assert "".join(reason.split()) in "".join(printed.split())
    return reason


def test_a_model_without_a_chat_template(tool: Tool, tiny_llama: Path, tiny_rival: Path, foreign: Path, asked: Path) -> None:
    reason = assessed_beside(tool, tiny_llama, tiny_rival, foreign, "--prompt", asked)
    assert reason == (
        f"{tiny_rival} has no chat template, so it is unknown how it was given the prompt; if as plain text, write "
        f"{tiny_rival}@template=none."
    )


def test_a_chat_template_that_refuses_the_prompt(
    tool: Tool, tiny_llama: Path, foreign: Path, asked: Path, tmp_path: Path
) -> None:
    chat = tmp_path / "chat"
    shutil.copytree(tiny_llama, chat)
    (chat / "chat_template.jinja").write_text("{{ raise_exception('Not in\\nthis house') }}")
    reason = assessed_beside(tool, tiny_llama, chat, foreign, "--prompt", asked)
    assert reason == "The model's chat template fails on this prompt: Not in this house."
    (chat / "chat_template.jinja").write_text("{{ raise_exception('\\x1b[31mred\\x9b') }}")
    files = [tmp_path / "r.html", tmp_path / "r.json"]
    shown = tool("attribute", foreign, "--prompt", asked, "--candidate", chat, "-o", files[0], "-o", files[1])
    assert (shown.code, shown.err) == (0, "")
    assert not any(CONTROL & set(content) for content in (shown.out, *(file.read_text() for file in files)))


def test_a_prompt_that_is_too_long_for_one_model(
    tool: Tool, tiny_llama: Path, tiny_gpt2: Path, foreign: Path, tmp_path: Path
) -> None:
    prompt = tmp_path / "long.txt"
    prompt.write_text("7" * 750)
    reason = assessed_beside(tool, tiny_llama, plain(tiny_gpt2), foreign, "--prompt", prompt)
    assert re.fullmatch(rf"The prompt has 750 tokens, and {tiny_gpt2} sees 700 at once: no room is left for the text\.", reason)


@pytest.mark.parametrize("tensor", ["model.layers.1.mlp.down_proj.weight", "model.embed_tokens.weight"])
def test_weights_that_are_not_numbers(
    tool: Tool, tiny_llama: Path, foreign: Path, asked: Path, tmp_path: Path, tensor: str
) -> None:
    from safetensors.numpy import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny_llama, broken)
    weights = load_file(broken / "model.safetensors")
    weights[tensor][5, 5] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    reason = assessed_beside(tool, tiny_llama, plain(broken), foreign, "--prompt", asked)
    assert reason.startswith("The model produced numbers that are not finite; its weights are damaged")


def test_a_model_that_does_not_load(tool: Tool, tiny_llama: Path, foreign: Path, asked: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny_llama, broken)
    weights = load_file(broken / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    reason = assessed_beside(tool, tiny_llama, plain(broken), foreign, "--prompt", asked)
    assert f"The model {broken} does not load" in reason


@pytest.mark.parametrize("words", ["Hi, you!", "a"])
def test_a_text_of_a_few_tokens(
    tool: Tool, tiny_llama: Path, tiny_rival: Path, tmp_path: Path, asked: Path, words: str
) -> None:
    text = tmp_path / "few.txt"
    text.write_text(words)
    options = ("--prompt", asked, *named("--sanctioned", plain(tiny_llama)), *named("--other", plain(tiny_rival)))
    found = document(tool, text, *options)
    assert found["verdict"] == "not_assessable"
    for one in (*found["attributions"], *found["sets"]):
        assert one["verdict"] == "not_assessable"
        assert re.search(r"The text has \d tokens; below 16 nothing can be decided\. .* takes [\d,]+ tokens", one["reason"])
    assert document(tool, text, *options, "--strict", code=3) == found


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\r\n", "is empty"),
        (bytes(range(256)) * 9, ": "),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (None, "No such file"),
    ],
)
def test_a_text_that_cannot_be_read_costs_no_other(
    tool: Tool, tiny_llama: Path, foreign: Path, asked: Path, content: bytes | None, said: str
) -> None:
    bad = foreign.with_name("bad.txt")
    if content is not None:
        bad.write_bytes(content)
    found = report(tool, bad, foreign, "--prompt", asked, "--candidate", plain(tiny_llama), code=2)
    assert valid(found)
    assert found["coverage"] == {"found": 2, "scored": 1, "not_assessable": 0, "unreadable": 1}
    error, good = found["subjects"]
    assert (error["verdict"], error["attributions"], good["verdict"]) == ("error", [], "pass")
    assert said in error["summary"]
