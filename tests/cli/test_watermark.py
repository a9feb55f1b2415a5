"""`llm-audit watermark`: keys, marked texts, detection in every format, and every way to ask wrongly."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import llm_audit
from llm_audit.detectors.watermark import keys as key_files
from llm_audit.detectors.watermark.keys import read_key
from llm_audit.detectors.watermark.probing import LEAST_BUDGET
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.endpoints.limits import IN_VAIN
from llm_audit.reports.formats import NAMES, SUFFIXES
from llm_audit.results import Verdict
from llm_audit.scoring.tokenizer import load_tokenizer
from tests.cli.test_secrets import spellings
from tests.cli.tool import COMMAND, HUMAN, Tool, sentence
from tests.detectors.watermark.texts import generate
from tests.endpoints.server import Exchange, answer, serving

FEW = ("--max-tokens", 60, "--seed", 3)


@pytest.fixture(autouse=True)
def _nobodys_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    drawn = np.random.default_rng(17)  # the same keys every time: an exact test errs at its level
    monkeypatch.setattr(key_files.secrets, "randbits", lambda bits: int.from_bytes(drawn.bytes(128), "big") >> (1024 - bits))


@pytest.fixture
def model(tiny_llama: Path) -> str:
    return str(tiny_llama)


@pytest.fixture
def keygen(tool: Tool, model: str) -> Any:
    """Write a key of a scheme and return the name of its file."""

    def written(scheme: str, *more: str, name: str = "") -> str:
        file = f"{name or scheme}.json"
        assert tool("watermark", "keygen", "--scheme", scheme, "--model", model, "-o", file, *more).code == 0
        return file

    return written


@pytest.fixture
def marked(tool: Tool, model: str, keygen: Any) -> tuple[str, str]:
    """A key file, and a file of two texts that it marked."""
    file = keygen("vllm-gumbel")
    drawn = tool("watermark", "generate", model, "--key-file", file, "-n", 2, *FEW, "-o", "texts.jsonl")
    assert (drawn.code, drawn.err) == (0, "")
    return file, "texts.jsonl"


@pytest.fixture
def letters(keygen: Any, tiny_llama: Path) -> tuple[str, str]:
    """A key file, and a file of two marked texts of capital letters, which the tokenizer reads as they were drawn."""
    file = keygen("vllm-gumbel")
    tokenizer = load_tokenizer(tiny_llama)
    allowed = np.full(tokenizer.get_vocab_size(), -np.inf)
    allowed[[tokenizer.token_to_id(letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]] = 0.0
    scheme: Any = read_key(Path(file)).scheme
    with Path("letters.jsonl").open("w", encoding="utf-8") as lines:
        for seed in (1, 2):
            drawn = generate(scheme, lambda context: allowed, 80, np.random.default_rng(seed))
            text = tokenizer.decode([int(token) for token in np.roll(drawn, seed)])
            lines.write(json.dumps({"text": text}) + "\n")
    return file, "letters.jsonl"


def secret_of(file: str) -> str:
    return str(json.loads(Path(file).read_text())["key"])


# Keys


def test_a_new_key_is_readable_by_its_owner_alone_and_never_printed(tool: Tool, model: str) -> None:
    outcome = tool(
        "watermark", "keygen", "--scheme", "vllm-gumbel", "--model", model, "-o", "k.json", "--set", "context_width=2"
    )
    content = json.loads(Path("k.json").read_text())
    assert stat.S_IMODE(Path("k.json").stat().st_mode) == 0o600
    assert content["context_width"] == 2 and content["vocab_size"] == 400 and len(content["tokenizer"]) == 64
    assert content["key"] not in outcome.out + outcome.err
    assert outcome.out.startswith("Key ") and outcome.code == 0
    again = tool("watermark", "keygen", "--scheme", "vllm-gumbel", "--model", model, "-o", "k.json")
    assert again.code == 2 and "The file k.json exists and is not overwritten" in sentence(again)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scheme", "vllm-gumble"), "there is no watermark scheme of that name"),
        (("--scheme", "sir"), "not supported: its green lists come from a trained network"),
        (("--scheme", "vllm-gumbel", "--set", "key=5"), "is drawn, not given"),
        (("--scheme", "vllm-gumbel", "--set", "width=5"), "the scheme has no field width"),
        (("--scheme", "unigram", "--set", "gamma=2"), "do not fit the scheme"),
    ],
)
def test_a_key_that_cannot_be_made_says_why(tool: Tool, model: str, arguments: tuple[str, ...], said: str) -> None:
    outcome = tool("watermark", "keygen", *arguments, "--model", model, "-o", "k.json")
    assert outcome.code == 2 and said.lower() in sentence(outcome).lower()
    assert not Path("k.json").exists()


@pytest.mark.parametrize("command", [("detect", "text.txt"), ("generate", "-o", "drawn.jsonl")])
def test_a_key_file_of_another_scheme_than_the_one_asked_for_is_refused(
    tool: Tool, keygen: Any, command: tuple[str, ...]
) -> None:
    Path("text.txt").write_text("A text that nobody marked, and that is not read.")
    file = keygen("vllm-gumbel")
    for scheme, said in (
        ("unigram", f"The key file {file} is of the scheme vllm-gumbel, not unigram: give the other key file."),
        ("unigramm", "There is no watermark scheme of that name"),
    ):
        outcome = tool("watermark", *command, "--key-file", file, "--scheme", scheme)
        assert outcome.code == 2 and said in sentence(outcome)
    assert not Path("drawn.jsonl").exists()


def test_a_key_file_of_the_scheme_asked_for_is_used(tool: Tool, model: str, keygen: Any) -> None:
    Path("text.txt").write_text("A text that nobody marked, but long enough to hold some tokens that can be counted. " * 5)
    command = ("watermark", "detect", "text.txt", "--tokenizer", model, "--key-file", keygen("vllm-gumbel"))
    assert tool(*command, "--scheme", "vllm-gumbel").code == tool(*command).code == 0


def test_token_ids_that_were_marked_under_another_scheme_are_refused(tool: Tool, keygen: Any) -> None:
    ids = list(range(40))
    lines = [{"token_ids": ids, "scheme": scheme} for scheme in ("vllm-gumbel", "unigram")]
    Path("t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    keys = {scheme: keygen(scheme) for scheme in ("vllm-gumbel", "unigram")}
    detect = ("watermark", "detect", "--token-ids", "t.jsonl", "-o", "r.json")
    for scheme, number, other in (("vllm-gumbel", 2, "unigram"), ("unigram", 1, "vllm-gumbel")):
        outcome = tool(*detect, "--key-file", keys[scheme])
        told = f"t.jsonl, line {number} is of the scheme {other}, not {scheme}: give a key file of that scheme."
        assert outcome.code == 2 and told in sentence(outcome) and not Path("r.json").exists()
    assert tool(*detect, *(word for file in keys.values() for word in ("--key-file", file))).code in (0, 1)
    Path("t.jsonl").write_text(json.dumps({"token_ids": ids, "scheme": None}))  # as of a generator that names none
    assert tool(*detect, "--key-file", keys["unigram"]).code in (0, 1)


# Marked texts, and finding them


OFTEN = (
    "vllm-gumbel", "vllm-red-green", "transformers-kgw", "synthid-reference", "kuditipudi-its", "unigram", "textseal",
    "markllm-dip",
)  # fmt: skip
"""One scheme of each kind."""


@pytest.mark.parametrize("scheme", [pytest.param(name, marks=[pytest.mark.slow] * (name not in OFTEN)) for name in SCHEMES])
def test_detect_finds_what_generate_marked_under_every_scheme(tool: Tool, model: str, keygen: Any, scheme: str) -> None:
    """Of a model that knows no language but has a choice at every token."""
    more = ("--set", "length=64") if scheme.startswith("kuditipudi") else ()
    file = keygen(scheme, *more)
    drawn = tool("watermark", "generate", model, "--key-file", file, "-n", 1, "--max-tokens", 90, "--seed", 3, "-o", "t.jsonl")
    assert (drawn.code, drawn.err) == (0, "")
    report = llm_audit.watermark(keys=file, token_ids="t.jsonl", alpha=0.001)
    assert [document.verdict for document in report.documents] == [Verdict.FINDING], report.documents[0].summary
    other = keygen(scheme, *more, name="other")
    assert llm_audit.watermark(keys=other, token_ids="t.jsonl", alpha=0.001).documents[0].verdict is Verdict.PASS


def test_texts_are_found_by_the_models_tokenizer_and_the_report_is_verified(
    tool: Tool, model: str, letters: tuple[str, str]
) -> None:
    key, texts = letters
    outcome = tool("watermark", "detect", texts, "--key-file", key, "--tokenizer", model, "--windows", "-o", "r.json")
    assert outcome.code == 1 and outcome.err == ""
    report = llm_audit.read_report("r.json")
    assert [document.verdict for document in report.documents] == [Verdict.FINDING] * 2
    assert report.question == "Does this text carry a watermark?"
    spans = report.documents[0].results[1].spans
    text = report.documents[0].text
    assert spans and text is not None and all(0 <= span.start < span.end <= len(text) for span in spans)
    verified = tool("verify", "r.json")
    assert verified.code == 0 and "computed again and agrees" in " ".join(verified.out.split())
    content = Path("r.json").read_text()
    before, found, after = content.partition('"total": ')
    assert found
    Path("r.json").write_text(f"{before}{found}1{after}")
    assert tool("verify", "r.json").code == 1


def test_a_persons_text_and_another_key_are_no_finding(tool: Tool, model: str, letters: tuple[str, str], keygen: Any) -> None:
    key, texts = letters
    assert tool("watermark", "detect", HUMAN, "--key-file", key, "--tokenizer", model).code == 0
    assert tool("watermark", "detect", texts, "--key-file", keygen("vllm-gumbel", name="o"), "--tokenizer", model).code == 0
    both = tool("watermark", "detect", texts, "--key-file", key, "--key-file", "o.json", "--tokenizer", model, "--anytime")
    assert both.code == 1 and "the best of 2 tests, times 2" in " ".join(both.out.split())


def test_the_same_texts_are_drawn_from_the_same_seed_and_say_that_they_are_test_material(
    tool: Tool, model: str, marked: tuple[str, str]
) -> None:
    key, texts = marked
    tool("watermark", "generate", model, "--key-file", key, "-n", 2, *FEW, "-o", "again.jsonl")
    assert Path("again.jsonl").read_text() == Path(texts).read_text()
    record = json.loads(Path(texts).read_text().splitlines()[0])
    assert record["watermark"]["scheme"] == "vllm-gumbel" and record["watermark"]["purpose"] == "test material"
    assert secret_of(key) not in Path(texts).read_text()


def test_unmarked_texts_of_the_user_give_a_second_p_value(model: str, letters: tuple[str, str]) -> None:
    key, texts = letters
    Path("own").mkdir()
    words = Path(HUMAN).read_text().split()
    for number in range(9):
        Path(f"own/{number}.txt").write_text(" ".join(words[number * 20 : number * 20 + 60]))
    report = llm_audit.watermark(texts, key, tokenizers=model, calibrate="own")
    (beside,) = [result for result in report.documents[0].results if result.rule == "AUD509"]
    assert beside.p_value == 1 / 10 and beside.draws is not None and beside.draws.count == 9


# No key in anything


@pytest.mark.parametrize("scheme", ["vllm-gumbel", pytest.param("kuditipudi-exp", marks=pytest.mark.slow)])
def test_no_byte_of_a_key_is_in_any_format_nor_in_an_error(tool: Tool, model: str, keygen: Any, scheme: str) -> None:
    key = keygen(scheme)
    secret, said = secret_of(key), b""
    outputs = [part for suffix in SUFFIXES for part in ("-o", f"r{suffix}")]
    outcome = tool("watermark", "detect", HUMAN, "--key-file", key, "--tokenizer", model, *outputs)
    assert outcome.code == 0, outcome.err
    said += (outcome.out + outcome.err).encode() + b"".join(Path(f"r{suffix}").read_bytes() for suffix in SUFFIXES)
    for name in NAMES:
        if name != "pdf" and scheme == "vllm-gumbel":
            said += tool("watermark", "detect", HUMAN, "--key-file", key, "--tokenizer", model, "--format", name).out.encode()
    broken = Path(key).read_text().replace('"vocab_size": 400', '"vocab_size": "many"')
    Path("broken.json").write_text(broken)
    wrong = tool("watermark", "detect", HUMAN, "--key-file", "broken.json", "--tokenizer", model)
    assert wrong.code == 2 and "vocab_size" in sentence(wrong)
    said += wrong.err.encode()
    assert len(said) > 100_000
    assert [word for word in spellings(secret) if len(word) > 6 and word in said] == []


def test_the_list_of_processes_shows_no_key(model: str, marked: tuple[str, str]) -> None:
    key, texts = marked
    command = [*COMMAND, "watermark", "detect", texts, "--key-file", key, "--tokenizer", model, "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        shown = b""
        while running.poll() is None and len(shown) < 1_000_000:
            shown += Path(f"/proc/{running.pid}/cmdline").read_bytes() if sys.platform == "linux" else b"-"
        assert shown and secret_of(key).encode() not in shown


@pytest.mark.parametrize(
    "given",
    [
        ("--key-file", "4242424242"),
        ("--key", "4242424242"),
        ("--key-file", "0xdeadbeef"),
        ("--key-file", "vllm-gumbel:5174292145835377080"),
        ("--key-file", '["5174292145835377080"]'),
    ],
)
def test_a_key_on_the_command_line_is_refused_and_not_repeated(tool: Tool, given: tuple[str, str]) -> None:
    outcome = tool("watermark", "detect", HUMAN, *given)
    assert outcome.code == 2
    assert "never given by itself" in sentence(outcome) and given[1] not in outcome.err


def test_a_key_file_that_others_can_read_is_warned_of(tool: Tool, model: str, letters: tuple[str, str]) -> None:
    key, texts = letters
    Path(key).chmod(0o644)
    outcome = tool("watermark", "detect", texts, "--key-file", key, "--tokenizer", model)
    assert outcome.code == 1 and "has mode 0644" in outcome.err and "chmod 600" in outcome.err


# What is asked wrongly


def test_another_tokenizer_than_the_keys_is_refused(tool: Tool, tiny_gpt2: Path, marked: tuple[str, str]) -> None:
    key, texts = marked
    other = Path("tokenizer.json")
    content = json.loads((tiny_gpt2 / "tokenizer.json").read_text())
    content["model"]["merges"] = content["model"]["merges"][:5]
    other.write_text(json.dumps(content))
    outcome = tool("watermark", "detect", texts, "--key-file", key, "--tokenizer", other)
    assert outcome.code == 2 and "is another one" in sentence(outcome)


def test_texts_of_a_model_with_another_tokenizer_than_the_keys_are_not_drawn(tool: Tool, model: str, keygen: Any) -> None:
    """They could never be tested: detect refuses the key with this tokenizer."""
    file = Path(keygen("vllm-gumbel"))
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tokenizer": "0" * 64}))
    drawn = tool("watermark", "generate", model, "--key-file", file, "-o", "t.jsonl")
    assert drawn.code == 2 and "the model has another one" in sentence(drawn) and not Path("t.jsonl").exists()


def test_a_vocabulary_smaller_than_the_tokenizers_is_refused(tool: Tool, model: str) -> None:
    tool("watermark", "keygen", "--scheme", "unigram", "--any-tokenizer", "--set", "vocab_size=100", "-o", "small.json")
    outcome = tool("watermark", "detect", HUMAN, "--key-file", "small.json", "--tokenizer", model)
    assert outcome.code == 2 and "for a vocabulary of 100 tokens" in sentence(outcome)
    drawn = tool("watermark", "generate", model, "--key-file", "small.json", "-o", "t.jsonl")
    assert drawn.code == 2 and "make a key for this model" in sentence(drawn)
    assert not Path("t.jsonl").exists()  # which would stand in the way of the next attempt


def test_marks_that_a_gpu_drew_are_refused_without_their_table(tool: Tool, model: str, keygen: Any) -> None:
    kgw = keygen("transformers-kgw", "--set", "device=cuda")
    synthid = keygen("synthid-transformers", "--set", "device=cuda")
    for key in (kgw, synthid):
        outcome = tool("watermark", "detect", HUMAN, "--key-file", key, "--tokenizer", model)
        assert outcome.code == 2 and "GPU" in sentence(outcome)
        drawn = tool("watermark", "generate", model, "--key-file", key, "-o", "t.jsonl")
        assert drawn.code == 2 and "GPU" in sentence(drawn) and not Path("t.jsonl").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not a JSON object"),
        ("[1]", "is no key file"),
        ('{"schema": "llm-audit/watermark-key/1", "scheme": "vllm-gumbel", "key": 7}', "key must be a string in quotes"),
        ('{"schema": "llm-audit/watermark-key/1", "scheme": "vllm-gumbel"}', "key is missing"),
        ('{"schema": "llm-audit/watermark-key/1", "scheme": "semstamp", "key": "1"}', "needs a neural sentence encoder"),
    ],
)
def test_a_malformed_key_file_is_refused_in_one_sentence(tool: Tool, model: str, content: str, said: str) -> None:
    Path("k.json").write_text(content)
    Path("k.json").chmod(0o600)
    outcome = tool("watermark", "detect", HUMAN, "--key-file", "k.json", "--tokenizer", model)
    assert outcome.code == 2 and said in sentence(outcome)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1, 2, 999]", "token id 999 lies outside the key's vocabulary of 400"),
        ("[1, -2]", "token ids must lie between 0"),
        ("[1, 2.5]", "token ids must be whole numbers"),
        ('{"text": "no ids"}', "it holds no token ids"),
        ("nothing", "it holds no token ids"),
    ],
)
def test_wrong_token_ids_cost_their_text_and_no_other(
    tool: Tool, model: str, marked: tuple[str, str], content: str, said: str
) -> None:
    key, texts = marked
    Path("ids.json").write_text(content)
    outcome = tool("watermark", "detect", "--token-ids", "ids.json", "--token-ids", texts, "--key-file", key, "-o", "r.json")
    report = llm_audit.read_report("r.json")
    assert outcome.code == 2 and said in report.documents[0].summary
    assert [document.verdict for document in report.documents] == [Verdict.ERROR, Verdict.FINDING, Verdict.FINDING]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", b"[" * 100_000, b"\xff\xfe"])
def test_a_file_without_token_ids_is_an_error_and_no_empty_report(tool: Tool, keygen: Any, content: bytes) -> None:
    Path("ids.json").write_bytes(content)
    outcome = tool("watermark", "detect", "--token-ids", "ids.json", "--key-file", keygen("vllm-gumbel"), "-o", "r.json")
    (document,) = llm_audit.read_report("r.json").documents
    assert outcome.code == 2 and document.verdict is Verdict.ERROR
    assert "it holds no token ids" in document.summary or "it is not UTF-8" in document.summary


def test_token_ids_after_a_byte_order_mark_and_texts_with_other_line_separators_are_read(
    tool: Tool, model: str, marked: tuple[str, str]
) -> None:
    key, texts = marked
    records = [json.loads(line) | {"text": "a\u2028b\x85c"} for line in Path(texts).read_text().splitlines()]
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    Path("windows.jsonl").write_bytes(b"\xef\xbb\xbf" + lines.replace("\n", "\r\n").encode())
    outcome = tool("watermark", "detect", "--token-ids", "windows.jsonl", "--key-file", key, "-o", "r.json")
    assert outcome.code == 1
    assert [document.verdict for document in llm_audit.read_report("r.json").documents] == [Verdict.FINDING] * 2


@pytest.mark.parametrize("as_list", [False, True])
def test_a_report_on_a_file_of_one_text_is_verified_beside_the_file(tool: Tool, marked: tuple[str, str], as_list: bool) -> None:
    """The file's digest is not the text's, and must not be compared with it."""
    key, texts = marked
    record = json.loads(Path(texts).read_text().splitlines()[0])
    Path("one.json").write_text(json.dumps(record["token_ids"] if as_list else record))
    assert tool("watermark", "detect", "--token-ids", "one.json", "--key-file", key, "-o", "r.json").code == 1
    assert tool("verify", "r.json").code == 0
    Path("one.json").write_text("[1, 2, 3]")
    assert tool("verify", "r.json").code == 1


def test_texts_whose_tokens_are_others_when_read_again_say_so(model: str, marked: tuple[str, str]) -> None:
    key, texts = marked
    report = llm_audit.watermark(keys=key, token_ids=texts, tokenizers=model)
    record = json.loads(Path(texts).read_text().splitlines()[0])
    notes = report.documents[0].notes
    assert report.documents[0].text == record["text"]
    assert any("Read again by" in note for note in notes)


def test_tokens_that_the_named_tokenizer_does_not_have_are_said(tmp_path: Path, model: str, marked: tuple[str, str]) -> None:
    """The key names no vocabulary, so that they can be tested; but nothing could be found if they are another model's."""
    llm_audit.new_watermark_key(tmp_path / "any.json", "sglang-gumbel")
    (tmp_path / "ids.json").write_text("[1, 2, 3, 900000, 4, 5, 6, 7]")
    report = llm_audit.watermark(keys=tmp_path / "any.json", token_ids=tmp_path / "ids.json", tokenizers=model)
    assert any("Token 900,000 is none of" in note for note in report.documents[0].notes)


def test_tokenizers_may_come_from_a_generator(model: str, marked: tuple[str, str]) -> None:
    """It was read once to see that there are some, and the embedded model's took their place."""
    key, texts = marked
    report = llm_audit.watermark(keys=(name for name in [key]), token_ids=texts, tokenizers=(name for name in [model]))
    assert report.documents[0] == llm_audit.watermark(keys=key, token_ids=texts, tokenizers=model).documents[0]


def test_nothing_to_test_and_no_key_are_usage(tool: Tool, marked: tuple[str, str]) -> None:
    assert "nothing to test" in sentence(tool("watermark", "detect", "--key-file", marked[0]))
    assert tool("watermark", "detect", HUMAN).code == 2
    both = tool("watermark", "detect", "--token-ids", marked[1], "--key-file", marked[0], "--windows", "--anytime")
    assert both.code == 2 and "choose one" in sentence(both)
    with pytest.raises(llm_audit.InvalidConfiguration, match="No key is given"):
        llm_audit.watermark(HUMAN)


def test_the_table_of_a_device_goes_into_a_copy_of_the_key(tool: Tool, model: str, keygen: Any) -> None:
    key, other = keygen("synthid-transformers"), keygen("unigram")
    assert tool("watermark", "table", "--key-file", key, "--device", "cpu", "-o", "with.json").code == 0
    copy: Any = read_key(Path("with.json")).scheme
    assert stat.S_IMODE(Path("with.json").stat().st_mode) == 0o600 and len(copy.sampling_table) == 2**14
    assert np.array_equal(copy.table, read_key(Path(key)).scheme.table)  # type: ignore[attr-defined]  # of this scheme
    wrong = tool("watermark", "table", "--key-file", other, "--device", "cpu", "-o", "none.json")
    assert wrong.code == 2 and "has no table" in sentence(wrong)


# Endpoints


def test_the_budget_is_announced_and_a_dead_endpoint_is_not_assessed(tool: Tool) -> None:
    probe = ("watermark", "probe", "http://127.0.0.1:9/v1", "--model", "m", "--attempts", 1, "--budget", 300)
    outcome = tool(*probe)
    assert outcome.code == 3 and outcome.err.startswith("To be asked: 300 requests, answers of at most ")
    read = " ".join(outcome.out.split())
    assert "Not assessable. No connection to the server" in read and "this endpoint. It has neither passed nor failed" in read
    assert "None of the first 180 questions got an answer; the other 120 were not asked." in read
    assert "who wrote" not in read and "document" not in read
    page = tool(*probe, "--format", "html").out
    assert "this endpoint. It has neither passed nor failed" in page and "this document. It has" not in page
    small = tool("watermark", "probe", "http://127.0.0.1:9/v1", "--model", "m", "--budget", 50)
    assert small.code == 2 and f"at least {LEAST_BUDGET}" in small.err


def test_an_endpoint_that_dies_in_the_midst_is_not_assessed_and_its_report_holds(tool: Tool, tmp_path: Path) -> None:
    def dies(exchange: Exchange) -> None:
        exchange.send(200, answer(f" apple {exchange.number}")) if exchange.number < 60 else exchange.reset()

    with serving(dies) as server:
        outcome = tool(
            *("watermark", "probe", server.url, "--model", "m", "--attempts", 1, "--budget", 200, "--concurrency", 1),
            *("-o", tmp_path / "r.json", "-o", tmp_path / "r.html", "--journal", tmp_path / "j.jsonl"),
        )
        assert len(server.seen) <= 60 + IN_VAIN + 2  # and two more for the stories
    read = " ".join(outcome.out.split())
    assert outcome.code == 3 and "Not assessable. 139 of 199 questions got no answer" in read and "broke off" in read
    assert (tmp_path / "r.html").exists() and tool("verify", tmp_path / "r.json").code == 0
    assert tool("report", tmp_path / "r.json").code == 3
    again = tool("watermark", "probe", "--replay", tmp_path / "j.jsonl", "--budget", 200)
    assert again.code == 3 and "139 of 199 questions" in " ".join(again.out.split())


# Radioactivity: whether a model was trained on marked text


def test_a_model_that_never_learnt_a_mark_reads_marked_texts_without_a_finding(
    tool: Tool, model: str, marked: tuple[str, str]
) -> None:
    key, texts = marked
    outcome = tool("membership", "test", "watermark", texts, "--key-file", key, "--model", model, "-o", "r.json")
    assert (outcome.code, outcome.err) == (0, "")
    found = llm_audit.read_report("r.json").membership
    assert found is not None and found.verdict is Verdict.PASS
    (test,) = found.tests
    evidence: Any = test.evidence
    assert test.rule == "AUD504" and evidence.mode == "reading" and evidence.texts == 2 and test.n == found.n_suspect > 50
    assert secret_of(key) not in outcome.out + Path("r.json").read_text()
    verified = tool("verify", "r.json")
    assert verified.code == 0 and "computed again and agrees" in " ".join(verified.out.split())


def test_answers_that_carry_the_mark_are_a_finding_which_is_verified_and_gives_no_key_away(
    tool: Tool, model: str, marked: tuple[str, str]
) -> None:
    key, texts = marked
    outputs = [part for suffix in SUFFIXES for part in ("-o", f"r{suffix}")]
    outcome = tool("membership", "test", "watermark", "--answers", texts, "--key-file", key, "--model", model, *outputs)
    assert outcome.code == 1, outcome.err
    plain = " ".join(outcome.out.split())
    assert (
        "Evidence that the model was trained on text that carries the mark of the key, if its answers were not marked" in plain
    )
    said = (outcome.out + outcome.err).encode() + b"".join(Path(f"r{suffix}").read_bytes() for suffix in SUFFIXES)
    assert not [word for word in spellings(secret_of(key)) if word in said]
    assert json.loads(Path("r.sarif").read_text())["runs"][0]["results"][0]["ruleId"] == "AUD504"
    assert tool("verify", "r.json").code == 0
    content = Path("r.json").read_text()
    before, found, after = content.partition('"total": ')
    Path("r.json").write_text(f"{before}{found}1{after}")
    assert found and tool("verify", "r.json").code == 1
    Path("plain.jsonl").write_text(json.dumps({"text": Path(HUMAN).read_text()}) + "\n")
    report = llm_audit.membership.watermark(texts, key=key, answers="plain.jsonl", setup=llm_audit.Setup(model=model))
    found_ = report.membership
    assert found_ is not None and found_.verdict is not Verdict.FINDING
    assert any("1 of 1 answers name no prompt" in note for note in found_.notes)


def test_what_radioactivity_cannot_be_tested_with_says_why(tool: Tool, model: str, keygen: Any) -> None:
    def fails(*arguments: object) -> str:
        outcome = tool("membership", "test", "watermark", *arguments, "--model", model)
        assert outcome.code == 2
        return sentence(outcome)

    good, fixed = keygen("vllm-gumbel"), keygen("unigram")
    assert "name marked texts, or answers of the model with --answers" in fails("--key-file", good)
    assert "could copy the mark from it without any training" in fails(HUMAN, "--key-file", fixed)
    assert "A key is never given by itself" in fails(HUMAN, "--key-file", "123456789")
    Path("bad.jsonl").write_text('{"text": "x", "token_ids": ["7"]}\n')
    assert "token_ids that are no list of whole numbers" in fails("bad.jsonl", "--key-file", good)
    Path("far.jsonl").write_text('{"text": "x", "token_ids": [70000, 1, 2, 3, 4, 5, 6, 7]}\n')
    assert "outside the key's vocabulary" in fails("--answers", "far.jsonl", "--key-file", good)
    content = json.loads(Path(good).read_text()) | {"tokenizer": "0" * 64}
    Path("other.json").write_text(json.dumps(content))
    Path("other.json").chmod(0o600)
    assert "is another one" in fails(HUMAN, "--key-file", "other.json")
