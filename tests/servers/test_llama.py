"""The files are the model, and the server is real: its numbers are the engine's."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader
from safetensors.numpy import load_file

from fixtures.servers.gguf import FILE_TYPES, write
from fixtures.servers.llama import serve
from llm_audit.common.errors import AuditError
from llm_audit.common.progress import silent
from llm_audit.scoring import gguf_import
from llm_audit.scoring.request import Prompted, Request
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.scoring.tokenizer import load_tokenizer
from tests.servers.ask import PROMPTS, TOP, ask, differences, positions, post, tops

TEXTS = (
    "In 1987 it cost 12,345.67 francs - didn't it?",
    "Café owners in Zürich naïvely déjà-vu'd their façade",
    "Плотник измерил доску, 木工は板を測った, 🪚!",
    "two  spaces\n\n\tand a tab \n",
    "<s>control<s>tokens",
)


@pytest.fixture(scope="module")
def session(model: StoredModel) -> Session:
    return Session(model)


def disagreement(url: str, session: Session, prompts: tuple[str, ...]) -> float:
    """The largest difference between a server's log-probabilities and the engine's, of the tokens that both list."""
    worst = 0.0
    for prompt in prompts:
        reply = ask(url, prompt)
        text = Prompted(reply["choices"][0]["text"], prompt, tuple(position["id"] for position in positions(reply)))
        (scores,) = session.score([text], Request(top_k=TOP))
        assert scores.top_ids is not None and scores.top_logprobs is not None
        for theirs, ids, logprobs in zip(tops(reply), scores.top_ids.tolist(), scores.top_logprobs.tolist(), strict=True):
            ours = dict(zip(ids, logprobs, strict=True))
            assert len(ours.keys() & theirs.keys()) >= TOP - 1  # the last two may be as good as equal
            worst = max(worst, *(abs(ours[token] - theirs[token]) for token in ours.keys() & theirs.keys()))
    return worst


def read_like(url: str, model: StoredModel, text: str) -> bool:
    """Whether the server and the model's own tokenizer make the same tokens of a prompt."""
    tokenizer = load_tokenizer(model.folder)
    tokenizer.encode_special_tokens = False
    theirs = post(f"{url}/tokenize", {"content": text, "add_special": True})["tokens"]
    return bool(theirs == tokenizer.encode(text, add_special_tokens=False).ids)


# Files


def test_the_importer_of_pinned_files_reads_back_every_weight(model: StoredModel, ladder: Path, tmp_path: Path) -> None:
    gguf_import.convert(write(model, "F32", ladder), tmp_path, silent)
    written, original = load_file(tmp_path / "model.safetensors"), load_file(model.folder / "model.safetensors")
    assert written.keys() == original.keys()
    assert all(np.array_equal(written[name], original[name].astype(np.float32)) for name in original)


@pytest.mark.parametrize("kind", FILE_TYPES)
def test_matrices_have_the_named_precision_but_where_blocks_do_not_fit(model: StoredModel, ladder: Path, kind: str) -> None:
    for tensor in GGUFReader(write(model, kind, ladder)).tensors:
        stays_f16 = kind.startswith("Q") and "ffn_down" in tensor.name
        expected = "F32" if "norm" in tensor.name else "F16" if stays_f16 else kind
        assert tensor.tensor_type == GGMLQuantizationType[expected], tensor.name


def test_a_file_is_written_once_and_every_variant_has_its_own(model: StoredModel, tmp_path: Path) -> None:
    first = write(model, "F16", tmp_path)
    stamp = first.stat().st_mtime_ns
    others = [
        write(model, "F32", tmp_path),
        write(model, "F16", tmp_path, noised=0.1),
        write(model, "F16", tmp_path, noised=0.2),
    ]
    assert write(model, "F16", tmp_path) == first and first.stat().st_mtime_ns == stamp
    assert sorted(tmp_path.iterdir()) == sorted([first, *others])  # and no scratch is left


def test_further_down_the_ladder_the_numbers_are_further_off(model: StoredModel, ladder: Path, honest: str) -> None:
    reference = [ask(honest, prompt) for prompt in PROMPTS]
    means = []
    for kind, noised in [*((kind, 0.0) for kind in FILE_TYPES), ("F32", 1.0)]:
        with serve(write(model, kind, ladder, noised=noised)) as url:
            replies = [ask(url, prompt) for prompt in PROMPTS]
        means.append(np.mean([d for pair in zip(reference, replies, strict=True) for d in differences(*pair)]))
    assert means[0] == 0
    assert all(worse > 1.5 * better for better, worse in pairwise(means))
    assert means[1] < 0.001 < means[-2] < 0.5 < means[-1]


# The server


def test_the_f32_file_gives_the_numbers_of_the_engine(session: Session, honest: str) -> None:
    assert disagreement(honest, session, PROMPTS) < 1e-4


def test_attention_in_float16_is_seen_even_with_an_f32_file(model: StoredModel, session: Session, ladder: Path) -> None:
    with serve(write(model, "F32", ladder), exact=False) as url:
        assert 1e-4 < disagreement(url, session, PROMPTS) < 0.02


@pytest.mark.parametrize("text", TEXTS)
def test_the_server_reads_a_text_as_the_tokenizer_does(model: StoredModel, honest: str, text: str) -> None:
    assert read_like(honest, model, text)


def test_a_prompt_gets_no_first_token_unless_it_spells_it_out(honest: str) -> None:
    ids = post(f"{honest}/tokenize", {"content": PROMPTS[0]})["tokens"]
    assert ids[0] == 0
    spelled, as_ids, without = ask(honest, PROMPTS[0]), ask(honest, ids), ask(honest, PROMPTS[0].removeprefix("<s>"))
    assert spelled["usage"]["prompt_tokens"] == as_ids["usage"]["prompt_tokens"] == len(ids)
    assert without["usage"]["prompt_tokens"] == len(ids) - 1
    assert positions(spelled) == positions(as_ids)
    assert tops(spelled)[0] != tops(without)[0]


def test_chat_is_the_template_and_nothing_more(honest: str) -> None:
    messages = [{"role": "user", "content": "Lot 17"}]
    prompt = post(f"{honest}/apply-template", {"messages": messages})["prompt"]
    chat = ask(honest, "", path="/v1/chat/completions", messages=messages, logprobs=True, top_logprobs=TOP)
    assert positions(chat) == positions(ask(honest, prompt))


def test_the_server_names_the_model_that_it_is_told_to(cheap: str) -> None:
    assert ask(cheap, PROMPTS[0], model="whatever-was-ordered")["model"] == "fixture"


def test_the_same_request_gets_the_same_numbers_also_in_company(honest: str) -> None:
    alone = [ask(honest, prompt) for prompt in PROMPTS]
    assert [positions(ask(honest, prompt)) for prompt in reversed(PROMPTS)] == [positions(reply) for reply in reversed(alone)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda prompt: ask(honest, prompt), PROMPTS * 4))
    assert max(d for pair in zip(alone * 4, together, strict=True) for d in differences(*pair)) < 1e-4


def test_sampling_is_plain_unless_asked_otherwise(honest: str) -> None:
    """llama.cpp's own defaults would draw none of the tokens that are less likely than a twentieth of the first."""
    ranks = []
    for seed in range(60):
        (position,) = positions(ask(honest, PROMPTS[3], max_tokens=1, temperature=1, seed=seed))
        ranks.append(position["logprob"] - position["top_logprobs"][0]["logprob"])
    assert min(ranks) < np.log(0.05)


def test_a_file_that_is_no_model_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"broken")
    with pytest.raises(AuditError, match=r"did not start on .*broken\.gguf"), serve(tmp_path / "broken.gguf"):
        pass


def test_no_server_outlives_its_context(model: StoredModel, ladder: Path) -> None:
    with pytest.raises(ZeroDivisionError), serve(write(model, "F32", ladder)) as url:
        assert _answers(url)
        _ = 1 / 0
    assert not _answers(url)


def test_no_server_outlives_a_process_that_is_killed(model: StoredModel, ladder: Path) -> None:
    program = f"""
import pathlib, time
from fixtures.servers.llama import serve
with serve(pathlib.Path({str(write(model, "F32", ladder))!r})) as url:
    print(url, flush=True)
    time.sleep(60)
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert _answers(url)
        process.kill()
    deadline = time.monotonic() + 5
    while _answers(url) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _answers(url)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


@pytest.mark.slow
def test_a_real_model_gives_the_numbers_of_the_engine_and_its_chat_template(tmp_path: Path) -> None:
    model = Store().resolve("smollm2-135m-instruct", offline=True)
    prompts = ("The ferry left before dawn, and nobody on the quay could say", "In 1987 the committee agreed that")
    with serve(write(model, "F32", tmp_path)) as url:
        assert disagreement(url, Session(model), prompts) < 1e-3
        assert all(read_like(url, model, text) for text in TEXTS)
        rendered = post(f"{url}/apply-template", {"messages": [{"role": "user", "content": "Hello"}]})["prompt"]
    assert rendered.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    assert rendered.endswith("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n")
